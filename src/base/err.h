/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err: one error value for the whole program. It is owned by the caller, needs no memory while
 * failing, and crosses a socket as it is. Hides the id table and how an error becomes one line.
 */
#ifndef HULL_BASE_ERR_H
#define HULL_BASE_ERR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/*
 * Stable ids. The tables are src/base/errors/AREA.def, one row per id: ERR(id, text, cause, cure).
 */
enum err_id {
	ERR_NONE = 0,
#define ERR(id, text, cause, cure) id,
#include "base/errors/all.def"
#undef ERR
	ERR_ID_COUNT
};

/* The message holds the last 4 KiB of a hook's output (faults E2). */
enum { ERR_AT_MAX = 256, ERR_MSG_MAX = 4608 };

/*
 * id    what went wrong, for programs (`HULL-MNT-003`), for `hull explain` and doc/errors.md
 * code  errno value (positive) or 0 when no system call failed
 * step  the step of the choreography it happened in, or "" (static length, see trace.h names)
 * at    the place: JSON pointer ("/mounts/3"), option ("--pid-file") or path; "" when there is none
 * msg   text, without the place and without strerror(code)
 */
struct err {
	enum err_id id;
	int code;
	char step[32];
	char at[ERR_AT_MAX];
	char msg[ERR_MSG_MAX];
};

struct err_info {
	const char *name; /* the enumerator, "ERR_CFG_TYPE" */
	const char *text; /* "HULL-CFG-003" */
	const char *cause;
	const char *cure;
};

/*
 * Fill @e and return -code (-EINVAL when @code is 0). The first error wins: when @e already holds
 * one it stays, so that cleaning up after a failure cannot hide its reason.
 */
int err_set(struct err *e, enum err_id id, int code, const char *fmt, ...) _printf_(4, 5);

/* As err_set, for a failed system call: @r is its negative errno and is returned. */
int err_sys(struct err *e, enum err_id id, int r, const char *fmt, ...) _printf_(4, 5);

/* Say where it happened, unless a deeper frame has said so already. Returns @r. */
int err_at(struct err *e, int r, const char *fmt, ...) _printf_(3, 4);

/* Name the step, unless named already. Returns @r. */
int err_step(struct err *e, int r, const char *step);

static inline bool err_is(const struct err *e)
{
	return e->id != ERR_NONE;
}

void err_clear(struct err *e);

/* Drop an error on purpose; @why is for the reader and for grep. */
void err_drop(struct err *e, const char *why);

/*
 * The one line (without a trailing newline) for people: "mask-paths: /linux/maskedPaths/3: text:
 * reason". Control bytes are escaped. Returns the length; truncates at @size - 1.
 */
size_t err_format(const struct err *e, char *buf, size_t size);

/* The row of an id below ERR_ID_COUNT. */
struct err_info err_info(enum err_id id);
/* The id of "HULL-MNT-003" or "ERR_MNT_..." in any case; ERR_NONE when there is none. */
enum err_id err_find(const char *text);

#endif
