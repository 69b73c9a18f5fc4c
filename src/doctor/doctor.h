/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: looks at the host and says what hull will find there: one verdict per question, and the
 * exact fix. Changes nothing. Hides where each fact stands; a question is one row of a table
 * (room.h).
 */
#ifndef HULL_DOCTOR_DOCTOR_H
#define HULL_DOCTOR_DOCTOR_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/* In the order of their weight: the worst one is the exit status of `hull doctor`. */
enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_NOTE,	/* good to know; nothing that works today would fail for it */
	DOCTOR_WARNING, /* some containers or some options will fail */
	DOCTOR_FAILURE, /* no container of this caller will run, or no engine will start hull */
	DOCTOR_VERDICTS,
};

/* One answer. All texts live in the arena or for ever. */
struct doctor_finding {
	const char *id;	  /* of the question, stable: "limit.keys" */
	const char *what; /* the question: "room in the caller's key quota" */
	/* Of questions about several things: the controller, the directory, the file. Else "". */
	const char *subject;
	enum doctor_verdict verdict;
	const char *found; /* one line */
	const char *fix;   /* commands as they are typed; "" when nothing is to be done */
};

struct doctor_options {
	const char *host_root;	 /* every file is looked up beneath this directory; NULL: "/" */
	const char *state_root;	 /* hull's own directory (--root), absolute */
	size_t stale;		 /* entries in it that `hull gc` would remove */
	const char *path;	 /* PATH of the caller, NULL: a usual one */
	const char *home;	 /* HOME, NULL */
	const char *runtime_dir; /* XDG_RUNTIME_DIR, NULL */
	uid_t uid;		 /* effective */
};

/*
 * Ask everything. Each question of the table gives at least one finding, in the order of the table.
 * What cannot be read is a finding, not an error: 0, or -errno when @host_root cannot be opened
 * (ERR_CLI_FILE).
 */
_must_use_ int doctor_examine(const struct doctor_options *o, struct arena *a,
			      struct doctor_finding **ret, size_t *ret_n, struct err *e);
const char *doctor_verdict_name(enum doctor_verdict v); /* "ok", "note", "warning", "failure" */

#endif
