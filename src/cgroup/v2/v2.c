/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2: the unified hierarchy by hand. The group is one directory fd, into which clone3 puts the
 * process after limits and device filter are in place.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/ebpf/devices.h"
#include "cgroup/internal.h"

int cgroup_v2_write_all(const struct cgroup *g, unsigned i, int dir, const struct plan_cgroup *p, struct err *e)
{
	for (size_t k = 0; k < p->n_writes; k++) {
		const struct plan_cgroup_write *w = &p->writes[k];
		int r = cgroup_dir_write(g, i, dir, w->file, w->value, w->pointer, e);

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_v2_devices(struct cgroup *g, int dir, bool fresh, const struct plan_cgroup *p, struct err *e)
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
	/* KERNEL: loading takes CAP_BPF (CAP_SYS_ADMIN) in the initial user namespace, so it fails with EPERM in any other;
	 * EINVAL is a kernel without CONFIG_CGROUP_BPF. bpf(2). */
	if (p->devices_optional && (r == -EPERM || r == -EACCES || r == -ENOSYS || r == -EINVAL)) {
		err_drop(&own, "the plan lets the kernel refuse; devices_enforced says so");
		g->devices_enforced = false;
		return 0;
	}
	*e = err_is(e) ? *e : own;
	return err_at(e, r, "/linux/resources/devices");
}

static int set_up(struct cgroup *g, int dir, bool fresh, const struct plan_cgroup *p, struct err *e)
{
	int r = fresh ? 0 : cgroup_check_fit(g, 0, dir, e);

	if (r >= 0)
		r = cgroup_v2_enable(g, 0, dir, p, e);
	if (r >= 0)
		r = cgroup_v2_write_all(g, 0, dir, p, e);
	/* rule G4: before any process is in */
	if (r >= 0)
		r = cgroup_v2_devices(g, dir, fresh, p, e);
	return r;
}

static int v2_create(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct err own = { 0 };
	int r;

	dir = cgroup_dir_make(g, 0, &own);
	if (dir < 0 && cgroup_may_skip(p, dir)) {
		err_drop(&own, "no limit was asked for: the process stays in the caller's group");
		cgroup_undo(g);
		g->n = 0;
		g->ops = &cgroup_ops_none;
		return 0;
	}
	r = dir < 0 ? dir : set_up(g, dir, g->dir[0].created > 0, p, &own);
	if (r < 0) {
		cgroup_undo(g);
		*e = err_is(e) ? *e : own;
		return r;
	}
	g->v2_fd = fd_take(&dir);
	return 0;
}

static int v2_join(struct cgroup *g, int pid, struct err *e)
{
	return g->v2_placed ? 0 : cgroup_dir_join(g, 0, pid, e);
}

static int v2_apply(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, 0);
	char name[CGROUP_NAME_SIZE];
	int r;

	if (dir < 0)
		return err_sys(e, ERR_CGR_SET, dir, "open cgroup %s", cgroup_dir_name(g, 0, name));
	r = cgroup_v2_enable(g, 0, dir, p, e);
	if (r >= 0)
		r = cgroup_v2_write_all(g, 0, dir, p, e);
	return r < 0 ? r : cgroup_v2_devices(g, dir, false, p, e);
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
	.destroy = cgroup_common_destroy,
};
