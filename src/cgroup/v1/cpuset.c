/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/cpuset: a new v1 cpuset group is born with no CPUs and no memory nodes, and takes no
 * process until it has some. Hides that: each component on the way inherits what its parent has.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

/* KERNEL: attach to a group with empty cpuset.cpus or cpuset.mems fails with ENOSPC. cpuset(7). */
static int inherit(int parent, int dir, const char *file)
{
	char have[4096], from[4096];
	ssize_t n = cgroup_file_read(dir, file, have, sizeof(have));

	if (n < 0)
		return (int)n;
	if (have[0])
		return 0;
	n = cgroup_file_read(parent, file, from, sizeof(from));
	if (n < 0)
		return (int)n;
	return cgroup_file_write(dir, file, from);
}

int cgroup_v1_cpuset_inherit(const struct cgroup *g, unsigned i, struct err *e)
{
	_cleanup_fd_ int parent = cgroup_root_open(g->dir[i].mount, false);
	char name[CGROUP_NAME_SIZE];
	int r = parent;

	for (const char *p = g->dir[i].path + 1; r >= 0 && *p;) {
		const char *end = strchrnul(p, '/');
		char part[256];
		int dir;

		str_format(part, sizeof(part), "%.*s", (int)(end - p), p);
		dir = cgroup_beneath_open(parent, part, O_RDONLY | O_DIRECTORY);
		r = dir < 0 ? dir : inherit(parent, dir, "cpuset.cpus");
		if (r >= 0)
			r = inherit(parent, dir, "cpuset.mems");
		fd_close(&parent);
		parent = dir;
		p = *end ? end + 1 : end;
	}
	if (r < 0)
		return err_sys(e, ERR_CGR_CREATE, r,
			       "inherit cpuset.cpus and cpuset.mems down to %s",
			       cgroup_dir_name(g, i, name));
	return 0;
}
