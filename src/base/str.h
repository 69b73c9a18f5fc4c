/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str: strings without surprises. One strict integer parser (rule C1), a bounded builder, and
 * the few path helpers that never touch a file system.
 */
#ifndef HULL_BASE_STR_H
#define HULL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"

static inline bool streq(const char *a, const char *b)
{
	return *a == *b && strcmp(a, b) == 0; /* mostly the first byte tells */
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* The rest of @s behind @prefix, or NULL. */
const char *str_skip(const char *s, const char *prefix);

/*
 * Whole string, decimal digits only, no sign, no blanks, no leading zeros beyond "0" itself.
 * Returns 0, -EINVAL (not a number) or -ERANGE (above @max). SECURITY: rule C1.
 */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret);
int str_to_u32(const char *s, uint32_t *ret);
/* The same with an optional leading '-'. */
int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret);

/* Bounded builder: never overruns, remembers that it had to cut. Always NUL terminated. */
struct strbuf {
	char *buf;
	size_t size, len;
	bool cut;
};
#define STRBUF(array)                                                                              \
	(struct strbuf)                                                                            \
	{                                                                                          \
		.buf = ((array)[0] = '\0', (array)), .size = sizeof(array)                         \
	}
void sb_add(struct strbuf *b, const char *s);
void sb_addn(struct strbuf *b, const char *s, size_t n);
void sb_char(struct strbuf *b, char c);
void sb_printf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
/* Add @s with control bytes, DEL and invalid UTF-8 written as \xNN. */
void sb_escape(struct strbuf *b, const char *s);
/*
 * Add a time since the epoch as RFC 3339 in UTC, with @digits (0 to 9) digits of a second. Own
 * arithmetic: libc's gmtime_r brings its time zone files, sscanf and floating point along, 100 KB
 * of a static program.
 */
void sb_time(struct strbuf *b, int64_t seconds, long nanoseconds, unsigned digits);

/* snprintf that reports truncation: 0 or -ENAMETOOLONG. */
int str_format(char *buf, size_t size, const char *fmt, ...) _printf_(3, 4);

/* Length of the valid UTF-8 prefix; equals strlen(s) when all of it is valid. */
size_t utf8_valid_len(const char *s, size_t n);

/* Levenshtein distance, bounded; for "did you mean". */
unsigned str_distance(const char *a, const char *b);

/* Lexical only. True when a path component of @p is "..". */
bool path_has_dotdot(const char *p);
/* Bytes up to the next slash, or to the end; and of the slashes there. */
static inline size_t path_part(const char *p)
{
	size_t n = 0;

	while (p[n] && p[n] != '/')
		n++;
	return n;
}
static inline size_t path_slashes(const char *p)
{
	size_t n = 0;

	while (p[n] == '/')
		n++;
	return n;
}
/*
 * Last component (no trailing slash handling beyond skipping them); never empty for a non-empty
 * path.
 */
const char *path_base(const char *p);

#endif
