/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/table: names and their values. A name exists once; parser, validator, features and man pages
 * read the same row.
 */
#ifndef HULL_BASE_TABLE_H
#define HULL_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct name_value {
	char name[40]; /* no pointer: that would be relocated at every start */
	uint64_t value;
};

struct name_table {
	const char *what; /* "capability", for messages */
	const struct name_value *rows;
	size_t n;
};

/* Row with that name or NULL. */
const struct name_value *table_find(const struct name_table *t, const char *name);
/* First name of a value, or NULL. */
const char *table_name(const struct name_table *t, uint64_t value);
/* The nearest name for "did you mean", or NULL when none is near. */
const char *table_near(const struct name_table *t, const char *name);

#endif
