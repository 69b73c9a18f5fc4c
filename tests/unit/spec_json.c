/* SPDX-License-Identifier: Apache-2.0 */
/* The strict JSON reader: what it refuses and where (faults J1, J2, J4 to J7), exact numbers,
 * pointers. */
#include "unit.h"

#include <stdint.h>
#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

#include "base/arena.h"
#include "spec/json.h"

static struct arena arena;
static struct err err;

static int parse_n(const char *text, size_t n, struct jv_doc *ret)
{
	err_clear(&err);
	return jv_parse(arena_memdup(&arena, text, n), n, &arena, ret, &err);
}

static int parse(const char *text, struct jv_doc *ret)
{
	return parse_n(text, strlen(text), ret);
}

struct bad {
	const char *text, *at, *msg; /* `msg`: a part of it */
};

static const struct bad faulty[] = {
	{ "", "", "line 1, column 1 (byte offset 0)" },
	{ "  ", "", "byte offset 2" },
	{ "{", "", "the text ends" },
	{ "{]", "", "\"]\" stands where a name in quotes" },
	{ "[1,]", "/1", "\"]\" stands where a value" },
	{ "{\"a\":1,}", "", "name in quotes" },
	{ "{\"a\" 1}", "/a", "where \":\" is needed" },
	{ "{\"a\":}", "/a", "where a value" },
	{ "[1 2]", "/0", "where \",\" or \"]\"" },
	{ "{} {}", "", "more text follows the value at line 1, column 4 (byte offset 3)" },
	{ "1 x", "", "more text" },
	{ "[1]]", "", "more text" },
	{ "{\"a\":1}\n// c", "", "more text follows" },
	{ "{ // c\n}", "", "no comments" },
	{ "{\"a\":[1,2,# c\n]}", "/a/2", "no comments" },
	{ "'a'", "", "where a value" },
	{ "nul", "", "where a value" },
	{ "nullx", "", "more text" },
	{ "True", "", "where a value" },
	{ "NaN", "", "where a value" },
	{ "-Infinity", "", "digit" },
	{ "01", "", "leading zero" },
	{ "-01", "", "leading zero" },
	{ "+1", "", "where a value" },
	{ ".5", "", "where a value" },
	{ "1.", "", "digit behind" },
	{ "1e", "", "exponent" },
	{ "1e+", "", "exponent" },
	{ "0x10", "", "more text" },
	{ "-", "", "digit" },
	{ "[\"a", "/0", "ends inside a string" },
	{ "[\"a\\", "/0", "unknown escape" },
	{ "[\"\\x\"]", "/0", "unknown escape" },
	{ "[\"\\u12\"]", "/0", "four hexadecimal" },
	{ "[\"\\u12g4\"]", "/0", "four hexadecimal" },
	{ "{\"a\":{\"b\":\"x\\u0000y\"}}", "/a/b", "\\u0000 (NUL)" },
	{ "{\"a\\u0000\":1}", "", "\\u0000 (NUL)" },
	{ "[\"\\ud800\"]", "/0", "lone surrogate" },
	{ "[\"\\ud800x\"]", "/0", "lone surrogate" },
	{ "[\"\\ud800\\n\"]", "/0", "lone surrogate" },
	{ "[\"\\ud800\\ud800\"]", "/0", "lone surrogate" },
	{ "[\"\\udc00\"]", "/0", "lone surrogate" },
	{ "[\"a\nb\"]", "/0", "control byte 0x0a" },
	{ "[\"\x1f\"]", "/0", "control byte 0x1f" },
	{ "{\"hostname\":\"a\xff"
	  "b\"}",
	  "/hostname", "invalid UTF-8 (byte 0xff) at line 1, column 15 (byte offset 14)" },
	{ "[\"\xc0\xaf\"]", "/0", "invalid UTF-8" },
	{ "[\"\xe0\x80\xaf\"]", "/0", "invalid UTF-8" },
	{ "[\"\xf0\x80\x80\xaf\"]", "/0", "invalid UTF-8" },
	{ "[\"\xed\xa0\x80\"]", "/0", "invalid UTF-8" },
	{ "[\"\xf4\x90\x80\x80\"]", "/0", "invalid UTF-8" },
	{ "[\"\xc3\"]", "/0", "invalid UTF-8" },
	{ "[\"\xe2\x82\"]", "/0", "invalid UTF-8" },
	{ "[\"\x80\"]", "/0", "invalid UTF-8" },
	{ "\xef\xbb\xbf{}", "", "byte order mark" },
	{ "\xff\xfe{", "", "0xff" },
	{ "{\"a\":1,\"a\":2}", "/a", "duplicate key \"a\" (first at line 1) at line 1, column 8" },
	{ "{\"x\":{\n\"b\":{},\n\"b\":[]}}", "/x/b",
	  "duplicate key \"b\" (first at line 2) at line 3" },
	{ "{\"a\":1,\"\\u0061\":2}", "/a", "duplicate key \"a\"" },
	{ "{\"\":1,\"\":2}", "/", "duplicate key" },
	{ "[{},{\"a/b~\":1,\"c\":2,\"a/b~\":3}]", "/1/a~1b~0", "duplicate key \"a/b~\"" },
	{ "{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"5\":1}", "/5",
	  "duplicate key \"5\"" },
};

TEST(faulty_texts_are_refused_with_their_place)
{
	struct jv_doc doc;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_LEN(faulty); i++) {
		int r = parse(faulty[i].text, &doc);

		if (r != -EINVAL || err.id != ERR_CFG_SYNTAX || strcmp(err.at, faulty[i].at) ||
		    !strstr(err.msg, faulty[i].msg))
			FAIL_("%s: %d, at \"%s\": %s", faulty[i].text, r, err.at, err.msg);
	}
	arena_free(&arena);
}

TEST(nul_bytes_are_refused)
{
	struct jv_doc doc;

	arena_init(&arena);
	CHECK_INT(parse_n("{\"a\":\"x\0y\"}", 11, &doc), -EINVAL);
	CHECK_STR(err.at, "/a");
	CHECK(strstr(err.msg, "NUL byte at line 1, column 8"));
	CHECK_INT(parse_n("{}\0", 3, &doc), -EINVAL);
	CHECK_INT(parse_n("\0", 1, &doc), -EINVAL);
	CHECK_INT(parse_n("[\0]", 3, &doc), -EINVAL);
	arena_free(&arena);
}

static char *brackets(size_t depth)
{
	char *s = arena_alloc(&arena, depth * 2 + 1);

	memset(s, '[', depth);
	memset(s + depth, ']', depth);
	return s;
}

TEST(depth_ends_at_64)
{
	struct jv_doc doc;

	arena_init(&arena);
	CHECK_INT(parse(brackets(64), &doc), 0);
	CHECK_INT(parse(brackets(65), &doc), -EINVAL);
	CHECK(strstr(err.msg, "nested too deep at line 1"));
	CHECK_INT(parse(brackets(1000000), &doc), -EINVAL);
	arena_free(&arena);
}

TEST(strings_are_decoded)
{
	struct jv_doc doc;
	const char *s;

	arena_init(&arena);
	CHECK_INT(parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xe2\x82\xac\\u20ac z\"",
			&doc),
		  0);
	CHECK_INT(jv_string(jv_root(&doc), &s, &err), 0);
	CHECK_STR(s, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac\xe2\x82\xac z");
	arena_free(&arena);
}

/* Strings are looked at sixteen bytes at a time: every byte at every place of one. */
TEST(every_byte_is_seen_wherever_it_stands)
{
	enum { LONGEST = 40 };
	char text[LONGEST + 4], back[LONGEST + 1];
	struct jv_doc doc;
	const char *s;

	for (size_t n = 1; n <= LONGEST; n++)
		for (unsigned byte = 0; byte < 256; byte++) {
			for (size_t at = 0; at < n; at++) {
				bool good =
					byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
				int r;

				arena_init(&arena);
				memset(text, 'x', sizeof(text));
				text[0] = text[n + 1] = '"';
				text[1 + at] = (char)byte;
				memcpy(back, text + 1, n);
				back[n] = '\0';
				r = parse_n(text, n + 2, &doc);
				if (good != (r == 0))
					printf("# byte %u at %zu of %zu\n", byte, at, n);
				CHECK_INT(r, good ? 0 : -EINVAL);
				if (good && jv_string(jv_root(&doc), &s, &err) == 0)
					CHECK_STR(s, back);
				arena_free(&arena);
			}
		}
}

struct number {
	const char *text;
	enum err_id u64, i64; /* ERR_NONE: accepted */
	uint64_t value;
};

TEST(integers_are_exact)
{
	static const struct number t[] = {
		{ "0", 0, 0, 0 },
		{ "-0", 0, 0, 0 },
		{ "-1", ERR_CFG_RANGE, 0, (uint64_t)-1 },
		{ "2147483648", 0, 0, 2147483648u },
		{ "4294967296", 0, 0, 4294967296u },
		{ "9007199254740993", 0, 0, 9007199254740993u },
		{ "9223372036854775807", 0, 0, INT64_MAX },
		{ "-9223372036854775808", ERR_CFG_RANGE, 0, (uint64_t)INT64_MIN },
		{ "-9223372036854775809", ERR_CFG_RANGE, ERR_CFG_RANGE, 0 },
		{ "9223372036854775808", 0, ERR_CFG_RANGE, 9223372036854775808u },
		{ "18446744073709551615", 0, ERR_CFG_RANGE, UINT64_MAX },
		{ "18446744073709551616", ERR_CFG_RANGE, ERR_CFG_RANGE, 0 },
		{ "1.0", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "1.5", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "1e3", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "1e400", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "1E-2", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "\"1\"", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "true", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "null", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
		{ "[1]", ERR_CFG_TYPE, ERR_CFG_TYPE, 0 },
	};
	struct jv_doc doc;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t u = 7;
		int64_t n = 7;

		CHECK_INT(parse(t[i].text, &doc), 0);
		CHECK_INT(jv_u64(jv_root(&doc), 0, UINT64_MAX, &u, &err), t[i].u64 ? -EINVAL : 0);
		CHECK_INT(err.id, t[i].u64);
		CHECK(u == (t[i].u64 ? 7 : t[i].value));
		err_clear(&err);
		CHECK_INT(jv_i64(jv_root(&doc), INT64_MIN, INT64_MAX, &n, &err),
			  t[i].i64 ? -EINVAL : 0);
		CHECK_INT(err.id, t[i].i64);
		CHECK(n == (t[i].i64 ? 7 : (int64_t)t[i].value));
	}
	arena_free(&arena);
}

TEST(ten_thousand_digits_are_out_of_range)
{
	char digits[10001];
	struct jv_doc doc;
	uint64_t u;

	arena_init(&arena);
	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	CHECK_INT(parse(digits, &doc), 0);
	CHECK_INT(jv_u64(jv_root(&doc), 0, 10, &u, &err), -EINVAL);
	CHECK_INT(err.id, ERR_CFG_RANGE);
	CHECK(strstr(err.msg, "a whole number from 0 to 10, not 9999"));
	arena_free(&arena);
}

TEST(cursors_know_their_place)
{
	struct jv_doc doc;
	struct jv v, w;
	char at[64];
	struct strbuf b = STRBUF(at);
	size_t line, column;
	const char *s;

	arena_init(&arena);
	CHECK_INT(parse("{\"a\": [],\n \"b/~\": [10, {\"\xc3\xa9\": 1, \"c\": \"x\"}], \"z\": {}}",
			&doc),
		  0);
	CHECK_INT(jv_count(jv_root(&doc)), 3);
	CHECK(jv_find(jv_root(&doc), "b/~", &v));
	struct jv_iter it = jv_each(v);
	CHECK(jv_next(&it) && jv_next(&it));
	CHECK_INT(it.index, 1);
	CHECK(jv_find(it.value, "c", &w));
	jv_pointer(w, &b);
	CHECK_STR(at, "/b~1~0/1/c");
	jv_position(w, &line, &column);
	CHECK_INT(line, 2);
	CHECK_INT(column, 28);
	CHECK(!jv_next(&it));
	CHECK(!jv_find(jv_root(&doc), "c", &w));
	CHECK_INT(jv_need_string(it.value, "d", &s, &err), -EINVAL);
	CHECK_STR(err.at, "/b~1~0/1/d");
	CHECK_INT(err.id, ERR_CFG_MISSING);
	err_clear(&err);
	CHECK_INT(jv_need_string(it.value, "\xc3\xa9", &s, &err), -EINVAL);
	CHECK_STR(err.at, "/b~1~0/1/\xc3\xa9");
	CHECK_STR(err.msg, "must be a string, not 1 (line 2, column 20)");
	arena_free(&arena);
}

TEST(raw_text_of_a_value)
{
	static const char text[] =
		"{\"a\": [1, \"]\\\"\", {\"x\":2}] ,\"b\":-1.5e+3,\"c\":\"q\\\\\",\"d\":true}";
	static const char *const want[] = { "[1, \"]\\\"\", {\"x\":2}]", "-1.5e+3", "\"q\\\\\"",
					    "true" };
	struct jv_doc doc;
	size_t n;

	arena_init(&arena);
	CHECK_INT(parse(text, &doc), 0);
	for (struct jv_iter it = jv_each(jv_root(&doc)); jv_next(&it);) {
		const char *raw = jv_raw(it.value, &n);

		CHECK_INT(n, strlen(want[it.index]));
		CHECK(memcmp(raw, want[it.index], n) == 0);
	}
	arena_free(&arena);
}

TEST(long_objects_stay_linear)
{
	enum { MANY = 200000 };
	struct jv_doc doc;
	char *text;
	size_t n = 0;

	arena_init(&arena);
	text = arena_alloc(&arena, MANY * 24);
	n += (size_t)snprintf(text, 24, "{");
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(text + n, 24, "\"k%d\":%d,", i, i);
	snprintf(text + n, 24, "\"last\":0}");
	CHECK_INT(parse(text, &doc), 0);
	CHECK_INT(jv_count(jv_root(&doc)), MANY + 1);
	snprintf(text + n, 24, "\"k77777\":0}");
	CHECK_INT(parse(text, &doc), -EINVAL);
	CHECK_STR(err.at, "/k77777");
	arena_free(&arena);
}

/* ---- the oracle: jansson must agree on every text it can judge ---- */

#ifdef HAVE_JANSSON

static bool same(struct jv v, json_t *j);

static bool same_members(struct jv v, json_t *j)
{
	if (jv_count(v) != json_object_size(j))
		return false;
	for (struct jv_iter it = jv_each(v); jv_next(&it);) {
		json_t *member = json_object_get(j, it.key);

		if (!member || !same(it.value, member))
			return false;
	}
	return true;
}

static bool same(struct jv v, json_t *j)
{
	struct err e = { 0 };
	const char *s;
	int64_t n;

	switch (jv_type(v)) {
	case JV_NULL:
		return json_is_null(j);
	case JV_FALSE:
		return json_is_false(j);
	case JV_TRUE:
		return json_is_true(j);
	case JV_NUMBER:
		if (json_is_real(j))
			return true;
		return jv_i64(v, INT64_MIN, INT64_MAX, &n, &e) == 0 && n == json_integer_value(j);
	case JV_STRING:
		return jv_string(v, &s, &e) == 0 && json_is_string(j) &&
		       !strcmp(s, json_string_value(j));
	case JV_ARRAY:
		if (!json_is_array(j) || jv_count(v) != json_array_size(j))
			return false;
		for (struct jv_iter it = jv_each(v); jv_next(&it);)
			if (!same(it.value, json_array_get(j, it.index)))
				return false;
		return true;
	case JV_OBJECT:
		return json_is_object(j) && same_members(v, j);
	}
	return false;
}

/* Texts from pieces that fit together often; a fixed seed, so that a failure repeats. */
static size_t random_text(char *buf, size_t size, uint32_t *state)
{
	static const char *const piece[] = { "{",
					     "}",
					     "[",
					     "]",
					     ",",
					     ":",
					     "\"a\"",
					     "\"b\"",
					     "\"a\":",
					     "\"c\":",
					     "1",
					     "-2",
					     "0.5",
					     "1e5",
					     "true",
					     "false",
					     "null",
					     " ",
					     "\n",
					     "\"\\u00e9\"",
					     "\"\\ud83d\\ude00\"",
					     "\"\xc3\xa9\"",
					     "\"\\n\"",
					     "\"",
					     "\\",
					     "\x80",
					     "0" };
	size_t n = 0;
	unsigned count;

	*state = *state * 1664525u + 1013904223u;
	count = (*state >> 24) % 12 + 1;
	while (count--) {
		*state = *state * 1664525u + 1013904223u;
		n += (size_t)snprintf(buf + n, size - n, "%s",
				      piece[(*state >> 16) % ARRAY_LEN(piece)]);
	}
	return n;
}

TEST(agrees_with_jansson)
{
	uint32_t state = 20250117;
	unsigned accepted = 0;

	arena_init(&arena);
	for (int i = 0; i < 300000; i++) {
		char text[256];
		size_t n = random_text(text, sizeof(text), &state);
		json_error_t error;
		json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
		struct jv_doc doc;
		int r = parse_n(text, n, &doc);

		if (!j && (strstr(error.text, "overflow") || strstr(error.text, "too big")))
			continue; /* a number that jansson cannot hold */
		if ((r == 0) != (j != NULL))
			FAIL_("%s: hull %d (%s), jansson %s", text, r, err.msg,
			      j ? "accepts" : error.text);
		if (j && !same(jv_root(&doc), j))
			FAIL_("%s: other values", text);
		accepted += j != NULL;
		json_decref(j);
		if (i % 10000 == 0) {
			arena_free(&arena);
			arena_init(&arena);
		}
	}
	CHECK(accepted > 1000);
	arena_free(&arena);
}

#else
TEST(agrees_with_jansson)
{
	SKIP("jansson is not installed");
}
#endif

UNIT_MAIN
