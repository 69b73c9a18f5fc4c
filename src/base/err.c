/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err: fill, place and print the one error value; the table of ids.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/*
 * Four strings of each row, with a NUL behind each one. Four hundred pointers to them would be
 * relocated, and their pages copied, at every start of a program that seldom fails.
 */
static const char rows[] = "ERR_NONE\0HULL-GEN-000\0No error.\0Nothing to do.\0"
#define ERR(id, text, cause, cure) #id "\0" text "\0" cause "\0" cure "\0"
#include "base/errors/all.def"
#undef ERR
	;

static _printf_(4, 0) int verr(struct err *e, enum err_id id, int code, const char *fmt, va_list ap)
{
	if (!err_is(e)) {
		e->id = id;
		e->code = code;
		e->step[0] = e->at[0] = '\0';
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	}
	return code > 0 ? -code : -EINVAL;
}

int err_set(struct err *e, enum err_id id, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = verr(e, id, code, fmt, ap);
	va_end(ap);
	return r;
}

int err_sys(struct err *e, enum err_id id, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verr(e, id, -r, fmt, ap);
	va_end(ap);
	return r;
}

int err_at(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (r >= 0 || e->at[0])
		return r;
	va_start(ap, fmt);
	vsnprintf(e->at, sizeof(e->at), fmt, ap);
	va_end(ap);
	return r;
}

int err_step(struct err *e, int r, const char *step)
{
	if (r < 0 && !e->step[0])
		snprintf(e->step, sizeof(e->step), "%s", step);
	return r;
}

void err_clear(struct err *e)
{
	e->id = ERR_NONE;
	e->code = 0;
	e->step[0] = e->at[0] = e->msg[0] = '\0';
}

void err_drop(struct err *e, const char *why)
{
	(void)why;
	err_clear(e);
}

/*
 * The text of @code as the C library has it, but beginning in lower case: Docker and CRI-O look for
 * "permission denied", "no such file or directory" and "no such process" in just that spelling. A
 * word such as "RPC" or "I/O" stays.
 */
static void add_errno(struct strbuf *b, int code)
{
	const char *text = strerror(code);
	bool word = *text >= 'A' && *text <= 'Z' && text[1] >= 'a' && text[1] <= 'z';
	const char first[] = { word ? (char)(*text | 0x20) : *text, '\0' };

	sb_add(b, first);
	sb_add(b, *text ? text + 1 : text);
}

size_t err_format(const struct err *e, char *buf, size_t size)
{
	struct strbuf b = { .buf = buf, .size = size };

	buf[0] = '\0';
	if (e->step[0]) {
		sb_add(&b, e->step);
		sb_add(&b, ": ");
	}
	if (e->at[0]) {
		sb_escape(&b, e->at);
		sb_add(&b, ": ");
	}
	sb_escape(&b, e->msg);
	if (e->code > 0) {
		sb_add(&b, ": ");
		add_errno(&b, e->code);
	}
	return b.len;
}

static const char *next(const char *string)
{
	return string + strlen(string) + 1;
}

struct err_info err_info(enum err_id id)
{
	struct err_info i = { .name = rows };

	for (unsigned skip = id < ERR_ID_COUNT ? 4 * id : 0; skip; skip--)
		i.name = next(i.name);
	i.text = next(i.name);
	i.cause = next(i.text);
	i.cure = next(i.cause);
	return i;
}

enum err_id err_find(const char *text)
{
	for (enum err_id id = 1; id < ERR_ID_COUNT; id++) {
		struct err_info i = err_info(id);

		if (!strcasecmp(i.text, text) || !strcasecmp(i.name, text))
			return id;
	}
	return ERR_NONE;
}
