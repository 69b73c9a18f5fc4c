/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2/freeze: the freezer of cgroup v2 and its killer, both with an event to wait for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"

int cgroup_v2_freeze(const struct cgroup *g, unsigned i, bool on, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, i);
	char name[CGROUP_NAME_SIZE];
	int r = dir;

	cgroup_dir_name(g, i, name);
	if (r >= 0)
		r = cgroup_file_write(dir, "cgroup.freeze", on ? "1" : "0");
	if (r < 0)
		return err_sys(e, ERR_CGR_FREEZE, r == -ENODEV ? -ENOENT : r,
			       "write %d to %s/cgroup.freeze", on, name);
	/*
	 * KERNEL: a group is frozen once all its processes stopped; the event tells. An empty group
	 * freezes at once, one below a frozen group never thaws.
	 * Documentation/admin-guide/cgroup-v2.rst, since 5.2.
	 */
	r = cgroup_events_wait(dir, "frozen", on, MAX(deadline, 1u));
	if (r >= 0)
		return 0;
	if (on) /* faults P5: what hull froze and cannot finish is thawed */
		(void)cgroup_file_write(dir, "cgroup.freeze", "0");
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_CGR_FREEZE, ETIMEDOUT, "%s did not become %s in time", name,
			       on ? "frozen" : "thawed: is a group above it frozen?");
	return err_sys(e, ERR_CGR_FREEZE, r, "wait for cgroup.events of %s", name);
}

/* Look at the group above @path, unless it was the last one. -errno: it cannot be looked at. */
static int look_above(struct cgroup_above *above, int root, const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	uint64_t frozen = 0;
	char text[256];
	int r;

	if (n && !strncmp(above->path, path, n) && !above->path[n])
		return 0;
	cgroup_forget_above(above);
	if (!n) /* the root cannot be frozen */
		return -ENOENT;
	memcpy(above->path, path, n);
	above->path[n] = '\0';
	r = above->dir = cgroup_beneath_open(root, above->path + 1, O_RDONLY | O_DIRECTORY);
	if (r >= 0)
		r = (int)cgroup_file_read(above->dir, "cgroup.events", text, sizeof(text));
	if (r >= 0)
		r = cgroup_text_key(text, "frozen", &frozen);
	above->frozen = frozen;
	if (r < 0)
		cgroup_forget_above(above);
	return r < 0 ? r : 0;
}

/* Of groups that mostly have one parent: one file each. -errno */
static int frozen_below(const struct cgroup *g, unsigned i, int root, bool *ret)
{
	const char *path = g->dir[i].path;
	int r = look_above(g->above, root, path);
	char text[256];

	if (r == 0)
		r = (int)cgroup_beneath_read(g->above->dir, strrchr(path, '/'), "cgroup.freeze",
					     text, sizeof(text));
	if (r >= 0)
		*ret = g->above->frozen || streq(text, "1");
	return r;
}

int cgroup_v2_frozen(const struct cgroup *g, unsigned i, bool *ret, struct err *e)
{
	_cleanup_fd_ int own = -1;
	int root = cgroup_root_of(g, i, &own);
	char name[CGROUP_NAME_SIZE], text[256] = "";
	uint64_t frozen = 0;
	ssize_t r = root;

	if (r >= 0 && g->above && frozen_below(g, i, root, ret) >= 0)
		return 0;
	/*
	 * cgroup.events also knows of a frozen group above; cgroup.freeze also of a freeze under
	 * way
	 */
	if (r >= 0)
		r = cgroup_beneath_read(root, g->dir[i].path, "cgroup.events", text, sizeof(text));
	if (r >= 0)
		r = cgroup_text_key(text, "frozen", &frozen);
	if (r >= 0 && !frozen)
		r = cgroup_beneath_read(root, g->dir[i].path, "cgroup.freeze", text, sizeof(text));
	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return err_sys(e, ERR_CGR_FREEZE, (int)r, "read cgroup.events of %s",
			       cgroup_dir_name(g, i, name));
	*ret = frozen || (r >= 0 && streq(text, "1"));
	return 0;
}

int cgroup_v2_kill(const struct cgroup *g, unsigned i, int sig, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int own = -1, dir = -1, pidfd = -1;
	int root = cgroup_root_of(g, i, &own), r = root;
	char name[CGROUP_NAME_SIZE], who[128], text[256];
	uint64_t populated;
	size_t n;

	/*
	 * an empty group stays empty: nobody is left in it who could fork, and hull lets nobody in
	 * that it ends
	 */
	if (r >= 0 && sig == SIGKILL &&
	    cgroup_beneath_read(root, g->dir[i].path, "cgroup.events", text, sizeof(text)) >= 0 &&
	    cgroup_text_key(text, "populated", &populated) >= 0 && !populated)
		return 0;
	cgroup_dir_name(g, i, name);
	if (r >= 0)
		r = dir = cgroup_beneath_open(root, g->dir[i].path + 1, O_RDONLY | O_DIRECTORY);
	if (r >= 0 && sig == SIGKILL)
		/*
		 * KERNEL: the whole subtree at once, forks in flight and frozen processes included.
		 * Since 5.14.
		 */
		r = cgroup_file_write(dir, "cgroup.kill", "1");
	else if (r >= 0)
		r = cgroup_tree_signal(dir, sig, &n, &pidfd);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return err_sys(e, ERR_CGR_KILL, r, "send signal %d to the processes of %s", sig,
			       name);
	if (sig != SIGKILL || !deadline)
		return 0;
	r = cgroup_events_wait(dir, "populated", 0, deadline);
	if (r >= 0 || r == -ENOENT)
		return 0;
	if (r != -ETIMEDOUT)
		return err_sys(e, ERR_CGR_KILL, r, "wait for cgroup.events of %s", name);
	return err_set(e, ERR_CGR_KILL, ETIMEDOUT,
		       "processes of %s were killed and did not end: %s", name,
		       cgroup_tree_who(dir, who, sizeof(who)));
}
