/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/json: cursors over a scanned text: iteration, typed values, pointers and positions for
 * messages.
 */
#include "spec/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>

#include "spec/json_tape.h"

static const struct jv_node *node(struct jv v)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a cursor has a document */
	return &v.doc->nodes[v.node];
}

struct jv jv_root(const struct jv_doc *doc)
{
	return (struct jv){ doc, 0 };
}

enum jv_type jv_type(struct jv v)
{
	return jv_node_type(node(v));
}

struct jv_iter jv_each(struct jv v)
{
	enum jv_type t = jv_type(v);

	return (struct jv_iter){
		.doc = v.doc,
		.next = v.node + 1,
		.end = t >= JV_ARRAY ? v.node + node(v)->span : v.node + 1,
		.object = t == JV_OBJECT,
		.index = (size_t)-1,
	};
}

bool jv_next(struct jv_iter *it)
{
	if (it->next >= it->end)
		return false;
	it->index++;
	if (it->object)
		it->key = jv_node_string(it->doc->text, &it->doc->nodes[it->next++]);
	it->value = (struct jv){ it->doc, it->next };
	it->next = jv_node_skip(it->doc->nodes, it->next);
	return true;
}

size_t jv_count(struct jv v)
{
	size_t n = 0;

	for (struct jv_iter it = jv_each(v); jv_next(&it);)
		n++;
	return n;
}

bool jv_find(struct jv object, const char *key, struct jv *ret)
{
	for (struct jv_iter it = jv_each(object); jv_next(&it);)
		if (it.key && streq(it.key, key)) {
			*ret = it.value;
			return true;
		}
	return false;
}

int jv_need(struct jv object, const char *key, struct jv *ret, struct err *e)
{
	int r = jv_object(object, e);

	if (r < 0)
		return r;
	return jv_find(object, key, ret) ? 0 : jv_fail_missing(object, key, e);
}

/* ---- places ---- */

void jv_pointer_key(struct strbuf *b, const char *key)
{
	sb_char(b, '/');
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): members of an object have keys */
	for (; *key; key++)
		if (*key == '~')
			sb_add(b, "~0");
		else if (*key == '/')
			sb_add(b, "~1");
		else
			sb_char(b, *key);
}

/* Descend from the root: the child whose nodes include the wanted one is the next step. */
void jv_pointer(struct jv v, struct strbuf *b)
{
	struct jv at = jv_root(v.doc);

	while (at.node != v.node) {
		struct jv_iter it = jv_each(at);

		do
			if (!jv_next(&it))
				return; /* not a value of this text */
		while (it.next <= v.node);
		if (it.object)
			jv_pointer_key(b, it.key);
		else
			sb_printf(b, "/%zu", it.index);
		at = it.value;
	}
}

void jv_locate(const char *raw, size_t offset, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset; i++)
		if (raw[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)raw[i] & 0xc0) != 0x80) {
			column++;
		}
	*ret_line = line;
	*ret_column = column;
}

void jv_position(struct jv v, size_t *ret_line, size_t *ret_column)
{
	jv_locate(v.doc->raw, jv_node_offset(node(v)), ret_line, ret_column);
}

/* Number of bytes of a number token. */
static size_t number_len(struct jv v)
{
	const char *from = v.doc->text + jv_node_offset(node(v)), *p = from;

	while ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' ||
	       (*p | 0x20) == 'e')
		p++;
	return (size_t)(p - from);
}

void jv_show(struct jv v, struct strbuf *b)
{
	enum { SHOWN = 40 };
	const char *s = v.doc->text + jv_node_offset(node(v));
	char copy[SHOWN + 1];
	size_t n;

	switch (jv_type(v)) {
	case JV_NULL:
		sb_add(b, "null");
		return;
	case JV_FALSE:
		sb_add(b, "false");
		return;
	case JV_TRUE:
		sb_add(b, "true");
		return;
	case JV_NUMBER:
		n = number_len(v);
		sb_addn(b, s, MIN(n, (size_t)SHOWN));
		sb_add(b, n > SHOWN ? "..." : "");
		return;
	case JV_STRING:
		n = node(v)->span;
		memcpy(copy, s + 1, MIN(n, (size_t)SHOWN));
		copy[utf8_valid_len(copy, MIN(n, (size_t)SHOWN))] = '\0';
		sb_char(b, '"');
		sb_escape(b, copy);
		sb_add(b, n > SHOWN ? "..." : "\"");
		return;
	case JV_ARRAY:
		sb_add(b, node(v)->span > 1 ? "an array" : "an empty array");
		return;
	case JV_OBJECT:
		sb_add(b, node(v)->span > 1 ? "an object" : "an empty object");
		return;
	}
}

const char *jv_raw(struct jv v, size_t *ret_len)
{
	const char *raw = v.doc->raw + jv_node_offset(node(v));
	const char *end = v.doc->raw + v.doc->len, *p = raw;
	unsigned depth = 0;

	if (jv_type(v) < JV_STRING) {
		while (p < end &&
		       (isalnum((unsigned char)*p) || *p == '.' || *p == '-' || *p == '+'))
			p++;
	} else {
		do { /* the text is known to be well-formed: only strings and brackets matter */
			if (*p == '"')
				for (p++; *p != '"'; p++)
					p += *p == '\\';
			depth += *p == '[' || *p == '{';
			depth -= *p == ']' || *p == '}';
			p++;
		} while (depth);
	}
	*ret_len = (size_t)(p - raw);
	return raw;
}

/* ---- failing ---- */

static int fail_at(struct jv v, const char *member, struct err *e, enum err_id id, const char *text)
{
	char at[ERR_AT_MAX];
	struct strbuf b = STRBUF(at);
	size_t line, column;
	int r;

	jv_pointer(v, &b);
	if (member)
		jv_pointer_key(&b, member);
	jv_position(v, &line, &column);
	r = err_set(e, id, 0, "%s (line %zu, column %zu)", text, line, column);
	return err_at(e, r, "%s", at);
}

int jv_fail(struct jv v, struct err *e, enum err_id id, const char *fmt, ...)
{
	char text[ERR_MSG_MAX - 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(v, NULL, e, id, text);
}

int jv_fail_member(struct jv object, const char *key, struct err *e, enum err_id id,
		   const char *fmt, ...)
{
	char text[ERR_MSG_MAX - 64];
	struct jv v;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return jv_find(object, key, &v) ? fail_at(v, NULL, e, id, text)
					: fail_at(object, key, e, id, text);
}

int jv_fail_missing(struct jv object, const char *key, struct err *e)
{
	return fail_at(object, key, e, ERR_CFG_MISSING, "is required, but missing in the object");
}

int jv_fail_type(struct jv v, const char *want, struct err *e)
{
	char shown[128];
	struct strbuf b = STRBUF(shown);

	jv_show(v, &b);
	return jv_fail(v, e, ERR_CFG_TYPE, "must be %s, not %s", want, shown);
}

static int fail_range(struct jv v, struct err *e, const char *want)
{
	char shown[128];
	struct strbuf b = STRBUF(shown);

	jv_show(v, &b);
	return jv_fail(v, e, ERR_CFG_RANGE, "must be %s, not %s", want, shown);
}

/* ---- values ---- */

int jv_object(struct jv v, struct err *e)
{
	return jv_type(v) == JV_OBJECT ? 0 : jv_fail_type(v, "an object", e);
}

int jv_array(struct jv v, struct err *e)
{
	return jv_type(v) == JV_ARRAY ? 0 : jv_fail_type(v, "an array", e);
}

int jv_string(struct jv v, const char **ret, struct err *e)
{
	if (jv_type(v) != JV_STRING)
		return jv_fail_type(v, "a string", e);
	*ret = jv_node_string(v.doc->text, node(v));
	return 0;
}

int jv_bool(struct jv v, bool *ret, struct err *e)
{
	enum jv_type t = jv_type(v);

	if (t != JV_TRUE && t != JV_FALSE)
		return jv_fail_type(v, "true or false", e);
	*ret = t == JV_TRUE;
	return 0;
}

/* Magnitude and sign of an integer token; -EINVAL when it is no integer, -ERANGE above UINT64_MAX.
 */
static int magnitude(struct jv v, bool *ret_negative, uint64_t *ret)
{
	const char *p = v.doc->text + jv_node_offset(node(v)), *end = p + number_len(v);
	bool negative = *p == '-', over = false;
	uint64_t n = 0;

	for (p += negative; p < end; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		over = over || __builtin_mul_overflow(n, 10u, &n) ||
		       __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n);
	}
	*ret_negative = negative && n; /* -0 is 0 */
	*ret = n;
	return over ? -ERANGE : 0;
}

int jv_u64(struct jv v, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
	char want[80];
	bool negative = false;
	uint64_t n = 0;
	int r = jv_type(v) == JV_NUMBER ? magnitude(v, &negative, &n) : -EINVAL;

	if (r == 0 && !negative && n >= min && n <= max) {
		*ret = n;
		return 0;
	}
	snprintf(want, sizeof(want), "a whole number from %" PRIu64 " to %" PRIu64, min, max);
	return r == -EINVAL ? jv_fail_type(v, want, e) : fail_range(v, e, want);
}

int jv_i64(struct jv v, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	char want[80];
	bool negative = false, fits;
	uint64_t n = 0;
	int64_t i;
	int r = jv_type(v) == JV_NUMBER ? magnitude(v, &negative, &n) : -EINVAL;

	fits = r == 0 && n <= (uint64_t)INT64_MAX + negative;
	i = (int64_t)(negative ? 0 - n : n);
	if (fits && i >= min && i <= max) {
		*ret = i;
		return 0;
	}
	snprintf(want, sizeof(want), "a whole number from %" PRId64 " to %" PRId64, min, max);
	return r == -EINVAL ? jv_fail_type(v, want, e) : fail_range(v, e, want);
}

int jv_need_string(struct jv object, const char *key, const char **ret, struct err *e)
{
	struct jv v;
	int r = jv_need(object, key, &v, e);

	return r < 0 ? r : jv_string(v, ret, e);
}

int jv_need_bool(struct jv object, const char *key, bool *ret, struct err *e)
{
	struct jv v;
	int r = jv_need(object, key, &v, e);

	return r < 0 ? r : jv_bool(v, ret, e);
}

int jv_need_u64(struct jv object, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
	struct jv v;
	int r = jv_need(object, key, &v, e);

	return r < 0 ? r : jv_u64(v, 0, max, ret, e);
}

int jv_need_i64(struct jv object, const char *key, int64_t *ret, struct err *e)
{
	struct jv v;
	int r = jv_need(object, key, &v, e);

	return r < 0 ? r : jv_i64(v, INT64_MIN, INT64_MAX, ret, e);
}
