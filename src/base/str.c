/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str: strict numbers, the bounded builder, UTF-8, lexical path checks.
 */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool str_starts(const char *s, const char *prefix)
{
	return str_skip(s, prefix) != NULL;
}

const char *str_skip(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && streq(s + n - m, suffix);
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s || (s[0] == '0' && s[1]))
		return -EINVAL;
	for (const char *p = s; *p; p++)
		if (*p < '0' || *p > '9')
			return -EINVAL;
	for (; *s; s++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int str_to_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = str_to_u64(s, UINT32_MAX, &v);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	uint64_t v;
	int64_t n;
	int r;

	if (*s == '-') {
		r = str_to_u64(s + 1, (uint64_t)INT64_MAX + 1, &v);
		if (r < 0)
			return r;
		if (v == 0)
			return -EINVAL;
		n = (int64_t)(0 - v);
	} else {
		r = str_to_u64(s, INT64_MAX, &v);
		if (r < 0)
			return r;
		n = (int64_t)v;
	}
	if (n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

void sb_addn(struct strbuf *b, const char *s, size_t n)
{
	if (n >= b->size - b->len) {
		n = b->size - b->len - 1;
		b->cut = true;
	}
	memcpy(b->buf + b->len, s, n);
	b->len += n;
	b->buf[b->len] = '\0';
}

void sb_add(struct strbuf *b, const char *s)
{
	sb_addn(b, s, strlen(s));
}

void sb_char(struct strbuf *b, char c)
{
	sb_addn(b, &c, 1);
}

void sb_printf(struct strbuf *b, const char *fmt, ...)
{
	size_t room = b->size - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b->buf + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		b->cut = true;
		b->len = b->size - 1;
	} else {
		b->len += (size_t)n;
	}
}

static size_t utf8_char_len(const unsigned char *s, size_t n)
{
	size_t len;
	uint32_t c;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2, c = s[0] & 0x1fu;
	else if ((s[0] & 0xf0) == 0xe0)
		len = 3, c = s[0] & 0x0fu;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4, c = s[0] & 0x07u;
	else
		return 0;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if ((len == 3 && c < 0x800) || (len == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

size_t utf8_valid_len(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = utf8_char_len((const unsigned char *)s + i, n - i);

		if (!len)
			break;
		i += len;
	}
	return i;
}

void sb_escape(struct strbuf *b, const char *s)
{
	size_t n = strlen(s);

	while (n) {
		unsigned char c = (unsigned char)*s;
		size_t len = utf8_char_len((const unsigned char *)s, n);

		if (len == 0 || c < 0x20 || c == 0x7f) {
			sb_printf(b, "\\x%02x", c);
			len = 1;
		} else if (b->size - b->len > len) {
			sb_addn(b, s, len);
		} else {
			b->cut = true;
			return;
		}
		s += len;
		n -= len;
	}
}

static unsigned days_in_year(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

void sb_time(struct strbuf *b, int64_t seconds, long nanoseconds, unsigned digits)
{
	static const unsigned char months[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t t = seconds < 0 ? 0 : (uint64_t)seconds;
	uint64_t days = t / 86400, of_day = t % 86400;
	unsigned year = 1970, month = 0;
	char fraction[16];

	for (; days >= days_in_year(year); year++)
		days -= days_in_year(year);
	for (;; month++) {
		unsigned n = months[month] + (month == 1 && days_in_year(year) == 366);

		if (days < n)
			break;
		days -= n;
	}
	sb_printf(b, "%04u-%02u-%02uT%02u:%02u:%02u", year, month + 1, (unsigned)days + 1,
		  (unsigned)(of_day / 3600), (unsigned)(of_day / 60 % 60), (unsigned)(of_day % 60));
	if (digits) {
		snprintf(fraction, sizeof(fraction), ".%09ld", nanoseconds);
		sb_addn(b, fraction, 1 + MIN(digits, 9u));
	}
	sb_char(b, 'Z');
}

int str_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

unsigned str_distance(const char *a, const char *b)
{
	enum { LIMIT = 63 };
	size_t n = strlen(a), m = strlen(b);
	unsigned row[LIMIT + 1];

	if (n > LIMIT || m > LIMIT)
		return LIMIT;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned diag = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned old = row[j];
			unsigned best = diag + (a[i - 1] != b[j - 1]);

			best = MIN(best, old + 1);
			row[j] = MIN(best, row[j - 1] + 1);
			diag = old;
		}
	}
	return row[m];
}

bool path_has_dotdot(const char *p)
{
	while (*p) {
		size_t n = path_part(p);

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
		p += path_slashes(p);
	}
	return false;
}

const char *path_base(const char *p)
{
	const char *slash = strrchr(p, '/');

	return slash && slash[1] ? slash + 1 : p;
}
