/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: what a running container really has, as the kernel shows it, beside what its stored config
 * asks for. Changes nothing. The container is hostile: it is looked at by fds that were proved to
 * belong to its process, nothing of it is executed, and no text of it is believed.
 */
#ifndef HULL_AUDIT_AUDIT_H
#define HULL_AUDIT_AUDIT_H

#include "base/arena.h"
#include "base/err.h"
#include "container/container.h"

/* In the order of the report. */
enum audit_verdict {
	AUDIT_DIFFERS, /* more rights, more reach or less protection than the config asks for */
	AUDIT_EXPOSED, /* as the config asks, and a way to the host */
	AUDIT_NOTE, /* less than the config asks, as a process may do itself; or not to be seen */
	AUDIT_SAME,
	AUDIT_VERDICTS,
};
const char *audit_verdict_name(enum audit_verdict v); /* "differs", "exposed", "note", "same" */

/* One comparison. Texts live in the arena; they may hold what the container wrote: escape them. */
struct audit_row {
	enum audit_verdict verdict;
	const char *area;    /* "capabilities", "masks" ... */
	const char *what;    /* of the area: "bounding", "/proc/kcore" */
	const char *pointer; /* into the config; "" where it has no word on it */
	const char *has;
	const char *wants; /* "" when it is the same or nothing was asked for */
};

/* What the filter decides about one system call when its arguments are all zero. */
struct audit_call {
	const char *arch, *name; /* as the spec writes them */
	uint32_t number;
	const char *has, *wants; /* SCMP_ACT_* with the errno; NULL: could not be read back */
	bool differs;		 /* ... or with other arguments */
};

struct audit_options {
	bool leave_alone; /* do not stop the process to read its filter back */
};

struct audit_report {
	const char *status; /* of the container */
	pid_t pid;
	struct audit_row *rows; /* sorted by verdict, then in the order of the areas */
	size_t n_rows;
	struct audit_call *calls; /* n 0: no filter */
	size_t n_calls;
};

/*
 * Look at the container @id and compare. Everything of *ret is in @c->a. 0 also when there are
 * differences. ERR_STA_* when there is no living process, ERR_AUD_READ when its /proc entry cannot
 * be read.
 */
int audit_container(struct ctx *c, const char *id, const struct audit_options *o,
		    struct audit_report *ret, struct err *e);

#endif
