/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/realtime: a group may have realtime run time only when those above it have. Hides the
 * walk.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

/*
 * KERNEL: the shares of the children must fit into the parent's, and a new group has none. With
 * RT_GROUP_SCHED. Documentation/scheduler/sched-rt-group.rst. Only groups that have none so far are
 * touched: what an administrator set stays. Best effort: the write that needs it is tried again and
 * tells.
 */
void cgroup_v1_realtime_parents(const struct cgroup *g, unsigned i, const char *runtime,
				const char *period)
{
	_cleanup_fd_ int dir = cgroup_root_open(g->dir[i].mount, false);

	for (const char *p = g->dir[i].path + 1; dir >= 0 && *p;) {
		const char *end = strchrnul(p, '/');
		char part[256], now[32];
		int next;

		if (!*end)
			return; /* the group itself */
		str_format(part, sizeof(part), "%.*s", (int)(end - p), p);
		next = cgroup_beneath_open(dir, part, O_RDONLY | O_DIRECTORY);
		fd_close(&dir);
		dir = next;
		if (dir >= 0 && cgroup_file_read(dir, "cpu.rt_runtime_us", now, sizeof(now)) > 0 &&
		    streq(now, "0")) {
			if (period)
				(void)cgroup_file_write(dir, "cpu.rt_period_us", period);
			if (runtime)
				(void)cgroup_file_write(dir, "cpu.rt_runtime_us", runtime);
		}
		p = end + 1;
	}
}
