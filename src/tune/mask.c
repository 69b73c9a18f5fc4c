/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/mask: the list grammar of CPUs and memory nodes, as masks without a built-in size (faults
 * L4).
 */
#include <string.h>

#include "base/str.h"
#include "tune/internal.h"

struct tune_mask tune_mask_new(size_t bits, struct arena *a)
{
	size_t n = (bits + TUNE_WORD_BITS - 1) / TUNE_WORD_BITS;

	return (struct tune_mask){ .words = arena_new_array(a, n ? n : 1, unsigned long),
				   .n_words = n };
}

static bool has(const struct tune_mask *m, size_t bit)
{
	size_t w = bit / TUNE_WORD_BITS;

	return w < m->n_words && m->words[w] >> bit % TUNE_WORD_BITS & 1;
}

static void add(struct tune_mask *m, size_t bit)
{
	if (has(m, bit))
		return;
	m->words[bit / TUNE_WORD_BITS] |= 1UL << bit % TUNE_WORD_BITS;
	m->count++;
}

/* "3" or "3-7". */
static int parse_range(char *part, uint64_t *ret_first, uint64_t *ret_last)
{
	char *dash = strchr(part, '-');
	int r;

	if (dash)
		*dash = '\0';
	r = str_to_u64(part, TUNE_MASK_MAX - 1, ret_first);
	if (r >= 0)
		r = str_to_u64(dash ? dash + 1 : part, TUNE_MASK_MAX - 1, ret_last);
	if (r >= 0 && *ret_last < *ret_first)
		r = -EINVAL;
	return r;
}

int tune_parse_list(const char *list, struct arena *a, struct tune_mask *ret)
{
	struct tune_mask all = tune_mask_new(TUNE_MASK_MAX, a);
	uint64_t top = 0;
	char *text = arena_strdup(a, list), *part;

	while (list[0] && (part = strsep(&text, ",")) != NULL) {
		uint64_t first = 0, last = 0;
		int r = parse_range(part, &first, &last);

		if (r < 0)
			return r;
		for (uint64_t bit = first; bit <= last; bit++)
			add(&all, bit);
		top = MAX(top, last + 1);
	}
	all.n_words = (top + TUNE_WORD_BITS - 1) / TUNE_WORD_BITS;
	*ret = all;
	return 0;
}

long tune_mask_missing(const struct tune_mask *a, const struct tune_mask *b)
{
	for (size_t bit = 0; bit < a->n_words * TUNE_WORD_BITS; bit++)
		if (has(a, bit) && !has(b, bit))
			return (long)bit;
	return -1;
}
