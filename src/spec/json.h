/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/json: one strict pass over a JSON text (RFC 8259) and cursors over the result. Hides the
 * tape of nodes. Every cursor can name its JSON pointer (RFC 6901), line and column. Faults J1, J2,
 * J4 to J7.
 */
#ifndef HULL_SPEC_JSON_H
#define HULL_SPEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { JV_MAX_BYTES = 256 * 1024 * 1024, JV_MAX_DEPTH = 64 };

enum jv_type { JV_NULL, JV_FALSE, JV_TRUE, JV_NUMBER, JV_STRING, JV_ARRAY, JV_OBJECT };

struct jv_node;

/* A whole text. `raw` are the bytes as given (for positions and messages), `text` the decoded copy.
 */
struct jv_doc {
	const char *raw;
	char *text;
	size_t len;
	const struct jv_node *nodes;
	uint32_t n;
};

/* A value in a text; passed by value, valid as long as the text. */
struct jv {
	const struct jv_doc *doc;
	uint32_t node;
};

/*
 * Check the whole of @raw (@len bytes; must stay alive) and fill *ret, whose memory is in @a. Time
 * and memory are linear in @len, there is no recursion. Strings are valid UTF-8 without NUL, names
 * are unique in their object, numbers have JSON's form. Errors: ERR_CFG_SYNTAX with line, column
 * and byte offset in the message; the place is the pointer of the value being read.
 */
int jv_parse(const char *raw, size_t len, struct arena *a, struct jv_doc *ret, struct err *e);

struct jv jv_root(const struct jv_doc *doc);
enum jv_type jv_type(struct jv v);

/* Members of an object or elements of an array, in the order of the text. Other types have none. */
struct jv_iter {
	const struct jv_doc *doc;
	uint32_t next, end;
	bool object;
	size_t index;	 /* of `value`, from 0 */
	const char *key; /* of `value` when it is a member, else NULL */
	struct jv value;
};
struct jv_iter jv_each(struct jv v);
bool jv_next(struct jv_iter *it);
size_t jv_count(struct jv v);

/* Member of an object. jv_find says whether it is there; jv_need fails with ERR_CFG_MISSING. */
bool jv_find(struct jv object, const char *key, struct jv *ret);
int jv_need(struct jv object, const char *key, struct jv *ret, struct err *e);

/* Values. A wrong JSON type is ERR_CFG_TYPE, a number outside the range ERR_CFG_RANGE, both naming
 * value and range. Numbers are exact: 1.0 and 1e3 are no integers. Strings live in the text. */
int jv_object(struct jv v, struct err *e);
int jv_array(struct jv v, struct err *e);
int jv_string(struct jv v, const char **ret, struct err *e);
int jv_bool(struct jv v, bool *ret, struct err *e);
int jv_u64(struct jv v, uint64_t min, uint64_t max, uint64_t *ret, struct err *e);
int jv_i64(struct jv v, int64_t min, int64_t max, int64_t *ret, struct err *e);

/* The same for a required member. */
int jv_need_string(struct jv object, const char *key, const char **ret, struct err *e);
int jv_need_bool(struct jv object, const char *key, bool *ret, struct err *e);
int jv_need_u64(struct jv object, const char *key, uint64_t max, uint64_t *ret, struct err *e);
int jv_need_i64(struct jv object, const char *key, int64_t *ret, struct err *e);

/* Append the JSON pointer of @v ("" for the root). Cost is linear in the text before it: for
 * messages. */
void jv_pointer(struct jv v, struct strbuf *b);
void jv_pointer_key(struct strbuf *b, const char *key); /* "/" and the escaped key */
/* The value as written, shortened, for messages: `"root"`, `1.5`, `an object`. */
void jv_show(struct jv v, struct strbuf *b);
/* Line and column (characters), from 1. */
void jv_position(struct jv v, size_t *ret_line, size_t *ret_column);

/* Fail at a value: the place is its pointer (for _member and _missing: that of the member, which
 * may be absent), the message ends with line and column. Returns -EINVAL. */
int jv_fail(struct jv v, struct err *e, enum err_id id, const char *fmt, ...) _printf_(4, 5);
int jv_fail_member(struct jv object, const char *key, struct err *e, enum err_id id,
		   const char *fmt, ...) _printf_(5, 6);
int jv_fail_missing(struct jv object, const char *key, struct err *e);
/* "must be @want, not VALUE" with ERR_CFG_TYPE. */
int jv_fail_type(struct jv v, const char *want, struct err *e);

/* The raw text of a value, as given (for copying it verbatim). */
const char *jv_raw(struct jv v, size_t *ret_len);

#endif
