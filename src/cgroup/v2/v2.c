/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2: the unified hierarchy by hand. The group is one directory fd, into which clone3 puts
 * the process after limits and device filter are in place.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/ebpf/devices.h"
#include "cgroup/internal.h"

int cgroup_v2_devices(struct cgroup *g, int dir, bool fresh, const struct plan_cgroup *p,
		      struct err *e)
{
	struct rules rules;
	struct err own = { 0 };
	struct arena a;
	int r;

	if (!p->n_devices)
		return 0;
	arena_init(&a);
	r = rules_normalize(p->devices, p->n_devices, &a, &rules, &own);
	if (r >= 0)
		r = ebpf_attach_devices(dir, fresh, &rules, &a, &own);
	arena_free(&a);
	if (r >= 0) {
		g->devices_enforced = true;
		return 0;
	}
	/*
	 * KERNEL: loading takes CAP_BPF (CAP_SYS_ADMIN) in the initial user namespace, so it fails
	 * with EPERM in any other; EINVAL is a kernel without CONFIG_CGROUP_BPF. bpf(2).
	 */
	if (p->devices_optional && (r == -EPERM || r == -EACCES || r == -ENOSYS || r == -EINVAL)) {
		err_drop(&own, "the plan lets the kernel refuse; devices_enforced says so");
		g->devices_enforced = false;
		return 0;
	}
	*e = err_is(e) ? *e : own;
	return err_at(e, r, "/linux/resources/devices");
}

static int devices_fresh(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	return cgroup_v2_devices(g, g->v2_fd, true, p, e);
}

static int devices_live(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	return cgroup_v2_devices(g, g->v2_fd, false, p, e);
}

static int devices_not_yet(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	(void)p;
	(void)e;
	g->devices_left = true;
	return 0;
}

int cgroup_devices(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	if (!g->devices_left)
		return 0;
	g->devices_left = false;
	return devices_fresh(g, p, e);
}

/*
 * The group in v2_fd: limits before any process is in, and the filter, which may come as late as
 * the first program of the container (rule G4).
 */
static int set_up(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	bool fresh = g->dir[0].created > 0;
	struct cgroup_write_options o = { .live = !fresh,
					  .devices = !fresh		? devices_live
						     : g->devices_later ? devices_not_yet
									: devices_fresh };
	struct arena a;
	/* the group of a unit was made by systemd a moment ago */
	int r = fresh || g->unit[0] ? 0 : cgroup_check_fit(g, 0, g->v2_fd, e);

	if (r >= 0)
		r = cgroup_v2_enable(g, 0, g->v2_fd, p, e);
	if (r < 0)
		return r;
	arena_init(&a);
	o.arena = &a;
	r = cgroup_write_list(g, p, &o, e);
	arena_free(&a);
	return r;
}

static int v2_create(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	struct err own = { 0 };
	int r;

	r = cgroup_dir_make(g, 0, &own);
	if (r < 0 && cgroup_may_skip(p, r)) {
		cgroup_skipped(p, &own);
		cgroup_undo(g);
		g->n = 0;
		g->ops = &cgroup_ops_none;
		return 0;
	}
	if (r >= 0) {
		g->v2_fd = r;
		r = set_up(g, p, &own);
	}
	if (r < 0) {
		cgroup_undo(g);
		*e = err_is(e) ? *e : own;
		return r;
	}
	return 0;
}

static int v2_join(struct cgroup *g, int pid, struct err *e)
{
	return g->v2_placed ? 0 : cgroup_dir_join(g, 0, pid, e);
}

static int v2_apply(struct cgroup *g, const struct plan_cgroup *p, uint64_t deadline,
		    struct arena *a, struct cgroup_change **ret_changes, size_t *ret_n,
		    struct err *e)
{
	struct cgroup_write_options o = { .arena = a,
					  .live = true,
					  .deadline = deadline,
					  .devices = devices_live,
					  .changes = ret_changes,
					  .n_changes = ret_n };
	int r = cgroup_open(g, e);

	if (r >= 0)
		r = cgroup_v2_enable(g, 0, g->v2_fd, p, e);
	return r < 0 ? r : cgroup_write_list(g, p, &o, e);
}

static int v2_freeze(struct cgroup *g, bool on, uint64_t deadline, struct err *e)
{
	return cgroup_v2_freeze(g, 0, on, deadline, e);
}

static int v2_frozen(struct cgroup *g, bool *ret, struct err *e)
{
	return cgroup_v2_frozen(g, 0, ret, e);
}

static int v2_kill(struct cgroup *g, int sig, uint64_t deadline, struct err *e)
{
	int r = cgroup_need_own(g, "kill", e);

	return r < 0 ? r : cgroup_v2_kill(g, 0, sig, deadline, e);
}

const struct cgroup_ops cgroup_ops_v2 = {
	.name = "v2",
	.plan = cgroup_common_plan,
	.create = v2_create,
	.join = v2_join,
	.apply = v2_apply,
	.freeze = v2_freeze,
	.frozen = v2_frozen,
	.kill = v2_kill,
	.pids = cgroup_common_pids,
	.stats = cgroup_v2_stats,
	.destroy = cgroup_common_destroy,
};
