/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/kill: end every process of a v1 group. There is no cgroup.kill and no event: hides how
 * forks are stopped and how long one goes on.
 */
#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/pidfd.h"

enum { ROUND_MS = 50, FREEZE_MS = 200 };

/*
 * Close the pids controller to new forks; *ret_old is what to set afterwards. -1 when there is none
 * of our own.
 */
static int clamp_forks(const struct cgroup *g, char *ret_old, size_t size)
{
	int i = cgroup_dir_find(g, "pids"), dir;

	if (i < 0 || !g->dir[i].created)
		return -1;
	dir = cgroup_dir_open(g, (unsigned)i);
	if (dir < 0)
		return -1;
	if (cgroup_file_read(dir, "pids.max", ret_old, size) < 0 ||
	    cgroup_file_write(dir, "pids.max", "0") < 0)
		fd_close(&dir);
	return dir;
}

static int thaw(const struct cgroup *g)
{
	struct err e = { 0 };
	bool frozen = false;
	int i = cgroup_dir_find(g, "freezer"), r;

	if (i < 0)
		return 0;
	r = cgroup_v1_frozen(g, (unsigned)i, &frozen, &e);
	/* KERNEL: a process frozen by v1 dies of SIGKILL only when it is thawed. */
	if (r >= 0 && frozen)
		r = cgroup_v1_freeze(g, (unsigned)i, false, 0, &e);
	err_drop(&e, "a group that stays frozen shows as one that does not end");
	return r == -ENOENT ? 0 : r;
}

/* One round: signal all, with the freezer as the means against forks when @freeze_first. */
static int round_once(const struct cgroup *g, int dir, int sig, bool freeze_first, size_t *ret_n,
		      int *ret_pidfd)
{
	struct err e = { 0 };
	int i = cgroup_dir_find(g, "freezer"), r;

	if (freeze_first && i >= 0 && g->dir[i].created) {
		(void)cgroup_v1_freeze(g, (unsigned)i, true, io_now() + FREEZE_MS * 1000000ull, &e);
		err_drop(&e,
			 "unfrozen ones are signalled too; the next round catches what was forked");
	}
	r = cgroup_tree_signal(dir, sig, ret_n, ret_pidfd);
	if (sig == SIGKILL)
		(void)thaw(g);
	return r;
}

int cgroup_v1_kill(const struct cgroup *g, int sig, uint64_t deadline, struct err *e)
{
	int i = cgroup_sweep_dir(g), r = 0;
	_cleanup_fd_ int dir = -1, pids = -1;
	char name[CGROUP_NAME_SIZE], who[128], old[32];
	size_t n = 0;

	dir = cgroup_dir_open(g, (unsigned)i);
	if (dir == -ENOENT)
		return 0;
	cgroup_dir_name(g, (unsigned)i, name);
	if (dir < 0)
		return err_sys(e, ERR_CGR_KILL, dir, "open cgroup %s", name);
	/*
	 * Faults K7: pids.max 0 stops a fork bomb as well as the freezer does, and when hull dies
	 * here, nothing stays frozen.
	 */
	if (sig == SIGKILL)
		pids = clamp_forks(g, old, sizeof(old));
	do {
		_cleanup_fd_ int pidfd = -1;

		r = round_once(g, dir, sig, sig == SIGKILL && pids < 0, &n, &pidfd);
		if (r < 0 || sig != SIGKILL || !n)
			break;
		if (!deadline && pids >= 0)
			break; /* nobody can fork any more: one round reached all */
		(void)pidfd_wait_exit(
			pidfd, MIN(io_now() + ROUND_MS * 1000000ull, MAX(deadline, io_now() + 1)));
	} while (io_now() < deadline);
	if (pids >= 0 && (!n || !deadline))
		(void)cgroup_file_write(pids, "pids.max", old);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return err_sys(e, ERR_CGR_KILL, r, "send signal %d to the processes of %s", sig,
			       name);
	if (sig == SIGKILL && n && deadline)
		return err_set(e, ERR_CGR_KILL, ETIMEDOUT,
			       "processes of %s were killed and did not end: %s", name,
			       cgroup_tree_who(dir, who, sizeof(who)));
	return 0;
}
