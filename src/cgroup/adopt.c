/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/adopt: a group that nobody's record names any more, as if this caller had made it: for
 * its removal alone. Hides which hierarchies have it, and what must never be taken for one.
 */
#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n]);
}

/* SECURITY: the caller and process 1 are never in the group of a container that was lost. */
static int check(const struct cgroup_host *h, const char *path, struct err *e)
{
	int r = cgroup_path_check(path, e);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < h->n; i++)
		if (is_below(h->own[i], path))
			return err_set(e, ERR_CGR_PATH, 0,
				       "this command runs in %s itself: no container's group",
				       h->own[i]);
	if (is_below("/init.scope", path))
		return err_set(e, ERR_CGR_PATH, 0, "%s is the group of process 1", path);
	return 0;
}

int cgroup_adopt(const char *path, const struct cgroup_host *h, struct cgroup *ret, struct err *e)
{
	struct plan_cgroup p = { .path = path };
	struct cgroup g;
	int r = check(h, path, e);

	if (r == 0)
		r = cgroup_select(CGROUP_CGROUPFS, h, &g, e);
	for (unsigned i = 0; r >= 0 && i < h->n; i++) {
		unsigned k = g.n;
		int dir;

		r = cgroup_dir_plan(&g, &p, &h->h[i], e);
		if (r < 0)
			break;
		dir = cgroup_dir_open(&g, k);
		if (dir < 0)
			cgroup_dir_drop(&g, k);
		else
			g.dir[k].created = 1;
		fd_close(&dir);
	}
	if (r < 0)
		return r;
	*ret = g;
	return 0;
}
