/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/common: operations that are the same in every layout that has directories: plan, pids,
 * destroy, ownership; and the layout without any.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"
#include "sys/proc.h"

int cgroup_common_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h,
		       struct arena *a, struct err *e)
{
	int r = cgroup_path_check(p->path, e);

	(void)a;
	if (r < 0)
		return err_at(e, r, "/linux/cgroupsPath");
	g->n = 0;
	for (unsigned i = 0; i < h->n; i++) {
		r = cgroup_dir_plan(g, p, &h->h[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

bool cgroup_is_own(const struct cgroup *g)
{
	return cgroup_sweep_dir(g) >= 0;
}

int cgroup_common_pids(struct cgroup *g, struct arena *a, int **ret, size_t *ret_n, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	char name[CGROUP_NAME_SIZE];
	int i = cgroup_sweep_dir(g), r;

	if (i < 0)
		i = cgroup_dir_v2(g);
	if (i < 0)
		i = 0;
	dir = cgroup_dir_open(g, (unsigned)i);
	r = dir < 0 ? dir : cgroup_tree_pids(dir, a, ret, ret_n);
	if (r == -ENOENT || r == -ENODEV) {
		*ret = NULL;
		*ret_n = 0;
		return 0;
	}
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "list the processes of %s",
			       cgroup_dir_name(g, (unsigned)i, name));
	return 0;
}

int cgroup_common_destroy(struct cgroup *g, uint64_t deadline, struct err *e)
{
	int ret = 0;

	fd_close(&g->v2_fd);
	if (g->realtime)
		cgroup_v1_realtime_settle(g);
	for (unsigned i = g->n; i-- > 0;) {
		int r = cgroup_dir_remove(g, i, deadline, e);

		if (r < 0 && ret >= 0)
			ret = r; /* the others go all the same: what stays is what is busy */
	}
	return ret;
}

void cgroup_undo(struct cgroup *g)
{
	struct err e = { 0 };

	/* Nothing but our own mkdirs stands there, so that nothing has to be waited for. */
	(void)cgroup_common_destroy(g, io_now() + 1000000000ull, &e);
	err_drop(&e, "create fails for another reason, which is reported");
	for (unsigned i = 0; i < g->n; i++)
		g->dir[i].created = 0;
}

bool cgroup_may_skip(const struct plan_cgroup *p, int r)
{
	return p->ignore_missing && !p->n_writes && (!p->n_devices || p->devices_optional) &&
	       (r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOENT || r == -ENOTSUP);
}

void cgroup_skipped(const struct plan_cgroup *p, struct err *own)
{
	if (p->named)
		log_warn_err(own, "/linux/cgroupsPath: the process stays in the caller's cgroup");
	err_drop(own, "no limit was asked for");
}

void cgroup_close(struct cgroup *g)
{
	fd_close(&g->v2_fd);
}

int cgroup_open(struct cgroup *g, struct err *e)
{
	char name[CGROUP_NAME_SIZE];
	int i = cgroup_dir_v2(g), fd;

	if (i < 0 || g->v2_fd >= 0)
		return 0;
	fd = cgroup_dir_open(g, (unsigned)i);
	if (fd < 0)
		return err_sys(e, ERR_CGR_JOIN, fd, "open cgroup %s",
			       cgroup_dir_name(g, (unsigned)i, name));
	g->v2_fd = fd;
	return 0;
}

/* The v2 path of a process, from the line "0::/path". */
static int path_of(int pid, char *ret, size_t size)
{
	struct procfs proc;
	char path[32], *text, *line;
	_cleanup_fd_ int fd = -1;
	struct arena a;
	size_t n;
	int r = proc_open_ambient(&proc);

	if (r < 0)
		return r;
	str_format(path, sizeof(path), "%d/cgroup", pid);
	fd = proc_openat(&proc, path, O_RDONLY);
	proc_close(&proc);
	if (fd < 0)
		return fd;
	arena_init(&a);
	r = io_read_all(fd, 1 << 20, &a, &text, &n);
	if (r == 0) {
		line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
		r = -ENOENT;
		if (line) {
			line += *line == '\n' ? 4 : 3;
			*strchrnul(line, '\n') = '\0';
			r = str_format(ret, size, "%s", line);
		}
	}
	arena_free(&a);
	return r;
}

int cgroup_open_beside(struct cgroup *g, int pid, char *ret_path, size_t size, struct err *e)
{
	_cleanup_fd_ int own = -1, fd = -1;
	char name[CGROUP_NAME_SIZE], path[CGROUP_PATH_SIZE * 2];
	const char *below;
	int i = cgroup_dir_v2(g), r;

	if (i < 0)
		return err_set(e, ERR_CGR_JOIN, ENOTSUP, "the container has no group in cgroup v2");
	r = path_of(pid, path, sizeof(path));
	if (r < 0)
		return err_sys(e, ERR_CGR_JOIN, r, "find the cgroup of process %d", pid);
	below = str_skip(path, g->dir[i].path);
	if (!below || (*below && *below != '/'))
		return err_set(e, ERR_CGR_JOIN, EXDEV,
			       "process %d is in the cgroup %s, not below %s", pid, path,
			       cgroup_dir_name(g, (unsigned)i, name));
	own = cgroup_dir_open(g, (unsigned)i);
	fd = own < 0 ? own
		     : cgroup_beneath_open(own, *below ? below + 1 : "", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_sys(e, ERR_CGR_JOIN, fd, "open the cgroup %s%s", g->dir[i].mount, path);
	r = str_format(ret_path, size, "%s", path);
	if (r < 0)
		return err_sys(e, ERR_CGR_JOIN, r, "the cgroup path of process %d", pid);
	fd_close(&g->v2_fd);
	g->v2_fd = fd_take(&fd);
	return 0;
}

/* config-linux.md#cgroup-ownership: the directory and the files the kernel lists, no other. */
int cgroup_delegate(struct cgroup *g, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	char name[CGROUP_NAME_SIZE];
	int i = cgroup_dir_v2(g);

	if (i < 0 || g->layout != HOST_CGROUP_V2)
		return 0;
	dir = cgroup_dir_open(g, (unsigned)i);
	if (dir < 0)
		return err_sys(e, ERR_CGR_SET, dir, "open cgroup %s",
			       cgroup_dir_name(g, (unsigned)i, name));
	return cgroup_give(dir, cgroup_dir_name(g, (unsigned)i, name), uid, gid, e);
}

/* ---- no cgroups ---- */

static int none_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h,
		     struct arena *a, struct err *e)
{
	(void)a;
	const char *why = g->manager == CGROUP_DISABLED
				  ? "cgroups are disabled (--cgroup-manager disabled)"
				  : "this host has no cgroup hierarchy mounted";

	(void)h;
	g->n = 0;
	if (p->n_writes) {
		err_set(e, ERR_CGR_LAYOUT, ENOTSUP, "%s: cannot be applied", why);
		return err_at(e, -ENOTSUP, "%s", p->writes[0].pointer);
	}
	if (g->manager == CGROUP_DISABLED || p->ignore_missing)
		return 0;
	return err_set(e, ERR_CGR_LAYOUT, ENOTSUP, "%s", why);
}

static int none_create(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	(void)g, (void)p, (void)e;
	return 0;
}

static int none_join(struct cgroup *g, int pid, struct err *e)
{
	(void)g, (void)pid, (void)e;
	return 0;
}

static int none_apply(struct cgroup *g, const struct plan_cgroup *p, uint64_t deadline,
		      struct arena *a, struct cgroup_change **ret_changes, size_t *ret_n,
		      struct err *e)
{
	(void)g, (void)deadline, (void)a;
	if (!p->n_writes && !p->n_devices) {
		if (ret_changes) {
			*ret_changes = NULL;
			*ret_n = 0;
		}
		return 0;
	}
	err_set(e, ERR_CGR_LAYOUT, ENOTSUP, "the container has no cgroup: cannot be applied");
	return err_at(e, -ENOTSUP, "%s",
		      p->n_writes ? p->writes[0].pointer : "/linux/resources/devices");
}

static int none_freeze(struct cgroup *g, bool on, uint64_t deadline, struct err *e)
{
	(void)g, (void)deadline;
	return err_set(e, ERR_CGR_LAYOUT, ENOTSUP, "the container has no cgroup: it cannot be %s",
		       on ? "paused" : "resumed");
}

static int none_frozen(struct cgroup *g, bool *ret, struct err *e)
{
	(void)g, (void)e;
	*ret = false;
	return 0;
}

static int none_kill(struct cgroup *g, int sig, uint64_t deadline, struct err *e)
{
	(void)g, (void)sig, (void)deadline;
	return err_set(e, ERR_CGR_KILL, EPERM,
		       "the container has no cgroup of its own: its processes are not known");
}

static int none_pids(struct cgroup *g, struct arena *a, int **ret, size_t *ret_n, struct err *e)
{
	(void)g, (void)a;
	(void)ret, (void)ret_n;
	return err_set(e, ERR_CGR_LAYOUT, ENOTSUP,
		       "the container has no cgroup: its processes are not known");
}

static int none_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	(void)g, (void)a, (void)ret;
	return err_set(e, ERR_CGR_LAYOUT, ENOTSUP,
		       "the container has no cgroup: nothing is counted");
}

static int none_destroy(struct cgroup *g, uint64_t deadline, struct err *e)
{
	(void)g, (void)deadline, (void)e;
	return 0;
}

const struct cgroup_ops cgroup_ops_none = {
	.name = "none",
	.plan = none_plan,
	.create = none_create,
	.join = none_join,
	.apply = none_apply,
	.freeze = none_freeze,
	.frozen = none_frozen,
	.kill = none_kill,
	.pids = none_pids,
	.stats = none_stats,
	.destroy = none_destroy,
};
