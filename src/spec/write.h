/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/write: JSON out: a buffer in an arena that grows, and calls that place commas, quotes and
 * indentation. What it writes is always valid JSON: bytes that are no UTF-8 become U+FFFD.
 */
#ifndef HULL_SPEC_WRITE_H
#define HULL_SPEC_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

enum { JW_DEPTH = 32 };

struct jw {
	struct arena *arena;
	char *buf; /* NUL terminated */
	size_t len, cap;
	unsigned indent; /* blanks per level, 0: everything on one line */
	unsigned depth;
	bool filled[JW_DEPTH + 1]; /* the container of this level has content */
	char close[JW_DEPTH + 1];  /* the bracket that ends it */
};

void jw_init(struct jw *w, struct arena *a, unsigned indent);

/* @key: name of the member, NULL for elements of an array and for the outermost value. */
void jw_object(struct jw *w, const char *key); /* until jw_end */
void jw_array(struct jw *w, const char *key);
void jw_end(struct jw *w);
void jw_string(struct jw *w, const char *key, const char *value);
void jw_bool(struct jw *w, const char *key, bool value);
void jw_i64(struct jw *w, const char *key, int64_t value);
void jw_u64(struct jw *w, const char *key, uint64_t value);
/* @value is JSON text already. */
void jw_raw(struct jw *w, const char *key, const char *value, size_t len);
void jw_strings(struct jw *w, const char *key, const char *const *v, size_t n);
/* The newline behind the outermost value. */
void jw_newline(struct jw *w);
/* Everything to @out. 0 or -errno. */
int jw_flush(const struct jw *w, FILE *out);

#endif
