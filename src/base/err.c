/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err: fill, place and print the one error value.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

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
