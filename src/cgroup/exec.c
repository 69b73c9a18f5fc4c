/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/exec: the group below the container's own that a caller of exec names. Hides the forms of
 * the name; never one above (rule G1).
 */
#include <errno.h>

#include "base/str.h"
#include "cgroup/internal.h"

/* One name of the list "cpu,cpuacct" at a time; false at its end. */
static bool next_name(const char **list, const char *end, char ret[64])
{
	const char *comma = memchr(*list, ',', (size_t)(end - *list));
	size_t n = (size_t)((comma ? comma : end) - *list);

	if (*list == end)
		return false;
	n = MIN(n, (size_t)63); /* one that is longer names nothing */
	memcpy(ret, *list, n);
	ret[n] = '\0';
	*list = comma ? comma + 1 : end;
	return true;
}

/*
 * Hierarchies of cgroup v1 with one of the names. What some kernels have in one hierarchy others
 * have in two, and callers write "cpu,cpuacct" for both. 0 where a name has none.
 */
static unsigned named(const struct cgroup *g, const char *list, const char *end)
{
	unsigned found = 0;
	char name[64];

	while (next_name(&list, end, name)) {
		unsigned of_it = 0;

		for (unsigned i = 0; i < g->n; i++)
			if (!g->dir[i].v2 && cgroup_dir_has(g, i, name))
				of_it |= 1u << i;
		if (!of_it)
			return 0;
		found |= of_it;
	}
	return found;
}

int cgroup_descend(struct cgroup *g, const char *text, struct arena *a, struct err *e)
{
	const char *colon = strchr(text, ':'), *sub = colon ? colon + 1 : text;
	unsigned which = colon ? named(g, text, colon) : ~0u;
	bool found = false;

	while (*sub == '/')
		sub++;
	for (unsigned i = 0; i < g->n; i++) {
		int r;

		if (!(which >> i & 1))
			continue;
		found = true;
		if (!*sub)
			continue;
		g->dir[i].path = arena_printf(a, "%s/%s", g->dir[i].path, sub);
		r = cgroup_path_check(g->dir[i].path, e);
		if (r < 0)
			return r;
	}
	if (!found)
		return err_set(e, ERR_CGR_PATH, ENOENT, "the container has no cgroup for \"%s\"",
			       text);
	return 0;
}
