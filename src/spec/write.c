/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/write: the growing buffer, separators and the string escaper.
 */
#include "spec/write.h"

#include <assert.h>
#include <errno.h>

#include "base/str.h"

enum { FIRST_SIZE = 1024 };

void jw_init(struct jw *w, struct arena *a, unsigned indent)
{
	*w = (struct jw){ .arena = a, .indent = indent, .cap = FIRST_SIZE };
	w->buf = arena_alloc(a, w->cap);
}

static void put(struct jw *w, const char *s, size_t n)
{
	if (n >= w->cap - w->len) {
		size_t cap = w->cap;
		char *more;

		while (n >= cap - w->len)
			cap *= 2;
		more = arena_alloc(w->arena, cap);
		memcpy(more, w->buf, w->len);
		w->buf = more;
		w->cap = cap;
	}
	memcpy(w->buf + w->len, s, n);
	w->len += n;
	w->buf[w->len] = '\0';
}

static void put_char(struct jw *w, char c)
{
	put(w, &c, 1);
}

static void put_text(struct jw *w, const char *s)
{
	put(w, s, strlen(s));
}

static void put_break(struct jw *w)
{
	static const char blanks[] = "                                ";

	if (!w->indent)
		return;
	put_char(w, '\n');
	for (size_t n = (size_t)w->indent * w->depth; n; n -= MIN(n, sizeof(blanks) - 1))
		put(w, blanks, MIN(n, sizeof(blanks) - 1));
}

/* 1: a byte that a string shows as it is; from 0x80 on where it is UTF-8. */
static const unsigned char plain[256] = {
	[0x20 ... 0x21] = 1,
	[0x23 ... 0x5b] = 1,
	[0x5d ... 0x7e] = 1,
	[0x80 ... 0xff] = 1,
};

static void put_string(struct jw *w, const char *s)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	put_char(w, '"');
	for (;;) {
		unsigned char c, high = 0;
		const char *letter;
		size_t ok = 0;
		char code[8];

		while (plain[c = (unsigned char)s[ok]]) {
			high |= c;
			ok++;
		}
		if (high & 0x80)
			ok = utf8_valid_len(s, ok);
		put(w, s, ok);
		s += ok;
		if (!*s)
			break;
		c = (unsigned char)*s;
		letter = memchr(escaped, c, sizeof(escaped) - 1);
		if (letter) {
			put(w, (char[]){ '\\', letters[letter - escaped] }, 2);
		} else {
			snprintf(code, sizeof(code), "\\u%04x", c < 0x80 ? c : 0xfffdu);
			put_text(w, code);
		}
		s++;
	}
	put_char(w, '"');
}

static void begin(struct jw *w, const char *key)
{
	if (w->filled[w->depth])
		put_char(w, ',');
	w->filled[w->depth] = true;
	if (w->depth)
		put_break(w);
	if (key) {
		put_string(w, key);
		put(w, (char[]){ ':', ' ' }, w->indent ? 2 : 1);
	}
}

/* At most JW_DEPTH levels: callers nest by code, never by data. */
static void open_level(struct jw *w, const char *key, char bracket)
{
	begin(w, key);
	put_char(w, bracket);
	assert(w->depth < JW_DEPTH);
	w->depth++;
	w->filled[w->depth] = false;
	w->close[w->depth] = bracket == '{' ? '}' : ']';
}

void jw_object(struct jw *w, const char *key)
{
	open_level(w, key, '{');
}

void jw_array(struct jw *w, const char *key)
{
	open_level(w, key, '[');
}

void jw_end(struct jw *w)
{
	char close = w->close[w->depth];
	bool filled = w->filled[w->depth];

	w->depth--;
	if (filled)
		put_break(w);
	put_char(w, close);
}

void jw_string(struct jw *w, const char *key, const char *value)
{
	begin(w, key);
	put_string(w, value);
}

void jw_bool(struct jw *w, const char *key, bool value)
{
	begin(w, key);
	put_text(w, value ? "true" : "false");
}

/* The times of a hundred steps are numbers: snprintf takes ten times as long. */
static void put_digits(struct jw *w, uint64_t v)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(w, p, (size_t)(text + sizeof(text) - p));
}

void jw_i64(struct jw *w, const char *key, int64_t value)
{
	begin(w, key);
	if (value < 0)
		put_char(w, '-');
	put_digits(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jw_u64(struct jw *w, const char *key, uint64_t value)
{
	begin(w, key);
	put_digits(w, value);
}

void jw_raw(struct jw *w, const char *key, const char *value, size_t len)
{
	begin(w, key);
	put(w, value, len);
}

void jw_strings(struct jw *w, const char *key, const char *const *v, size_t n)
{
	jw_array(w, key);
	for (size_t i = 0; i < n; i++)
		jw_string(w, NULL, v[i]);
	jw_end(w);
}

void jw_newline(struct jw *w)
{
	put_char(w, '\n');
}

int jw_flush(const struct jw *w, FILE *out)
{
	errno = 0;
	if (fwrite(w->buf, 1, w->len, out) == w->len && fflush(out) == 0)
		return 0;
	return errno ? -errno : -EIO;
}
