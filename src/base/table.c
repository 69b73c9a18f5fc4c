/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/table: look-ups in name tables.
 */
#include "base/table.h"

#include "base/str.h"

const struct name_value *table_find(const struct name_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (streq(t->rows[i].name, name))
			return &t->rows[i];
	return NULL;
}

const char *table_name(const struct name_table *t, uint64_t value)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].value == value)
			return t->rows[i].name;
	return NULL;
}

const char *table_near(const struct name_table *t, const char *name)
{
	const char *best = NULL;
	/* Further away is no typing error: four changes, or half of a short name. */
	unsigned least = (unsigned)MIN(strlen(name) / 2 + 1, (size_t)4);

	for (size_t i = 0; i < t->n; i++) {
		unsigned d = str_distance(t->rows[i].name, name);

		if (d < least) {
			least = d;
			best = t->rows[i].name;
		}
	}
	return best;
}
