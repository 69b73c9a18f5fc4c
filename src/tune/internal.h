/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/internal: number lists as masks of any size, and resctrl with its root open to replacement
 * by a test.
 */
#ifndef HULL_TUNE_INTERNAL_H
#define HULL_TUNE_INTERNAL_H

#include "base/arena.h"
#include "tune/tune.h"

/* A set of CPUs or memory nodes, in the kernel's layout. */
struct tune_mask {
	unsigned long *words;
	size_t n_words;
	size_t count; /* members */
};
enum { TUNE_MASK_MAX = 1 << 16, TUNE_WORD_BITS = 8 * sizeof(unsigned long) };

/*
 * "0-3,7": numbers and rising ranges joined by commas, nothing else; "" is the empty set. -EINVAL,
 * or -ERANGE from TUNE_MASK_MAX on.
 */
int tune_parse_list(const char *list, struct arena *a, struct tune_mask *ret);
/* A mask of at least @bits, empty. */
struct tune_mask tune_mask_new(size_t bits, struct arena *a);
/* The lowest member of @a that @b lacks, or -1. */
long tune_mask_missing(const struct tune_mask *a, const struct tune_mask *b);

struct tune_rdt_env {
	const char *root; /* "/sys/fs/resctrl" */
	long magic;	  /* its file system, 0: do not check */
	/* plays the kernel, which fills a new group; NULL: it does */
	void (*made)(const char *name);
};
extern const struct tune_rdt_env tune_rdt_host;
int tune_rdt_open_root(const struct tune_rdt_env *env, struct err *e); /* fd or -errno */
/* The list behind "NAME:" of the line of that resource in a schemata file, or NULL. */
const char *tune_rdt_find_resource(const char *content, const char *name, size_t n);
/* Write one line to the open schemata file @fd; the error has the kernel's reason. */
int tune_rdt_write_line(int root, int fd, const char *line, struct err *e);
int tune_rdt_update_at(const struct tune_rdt_env *env, const struct tune_rdt *t,
		       const struct tune_rdt_lines *want, struct arena *a,
		       struct tune_rdt_lines *ret_old, struct tune_rdt_lines *ret_new,
		       struct err *e);
int tune_rdt_stats_at(const struct tune_rdt_env *env, const struct tune_rdt *t, struct arena *a,
		      struct tune_rdt_stats *ret);
int tune_rdt_prepare_at(const struct tune_rdt_env *env, const struct spec_rdt *r, const char *id,
			struct tune_rdt *ret, struct err *e);
/* Does the content of a schemata file have all that the line @want asks for? */
bool tune_rdt_matches(const char *content, const char *want);

#endif
