/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/exec: the group below the container's own that a caller of exec names. Hides the forms of
 * the name; never one above (rule G1).
 */
#include <errno.h>

#include "base/str.h"
#include "cgroup/internal.h"

static bool has_all(const struct cgroup *g, unsigned i, const char *list, size_t n)
{
	char name[64];

	while (n) {
		const char *comma = memchr(list, ',', n);
		size_t k = comma ? (size_t)(comma - list) : n;

		if (k >= sizeof(name))
			return false;
		memcpy(name, list, k);
		name[k] = '\0';
		if (!cgroup_dir_has(g, i, name))
			return false;
		list += k + (comma != NULL);
		n -= k + (comma != NULL);
	}
	return true;
}

int cgroup_descend(struct cgroup *g, const char *text, struct arena *a, struct err *e)
{
	const char *colon = strchr(text, ':'), *sub = colon ? colon + 1 : text;
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool found = false;

	while (*sub == '/')
		sub++;
	for (unsigned i = 0; i < g->n; i++) {
		int r;

		if (colon && (g->dir[i].v2 || !has_all(g, i, text, n)))
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
