/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1: hosts with one hierarchy for each controller, alone or beside a v2 hierarchy (hybrid).
 * Hides that a group is a dozen directories. This folder is a leaf: it can be deleted with v1
 * itself.
 */
#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"

/* The filter goes to the devices controller; where it is not mounted, to the v2 group. */
static int set_devices(struct cgroup *g, const struct plan_cgroup *p, bool fresh, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	char name[CGROUP_NAME_SIZE];
	int i = cgroup_dir_find(g, "devices");
	bool v1 = i >= 0;

	if (!p->n_devices)
		return 0;
	if (!v1)
		i = cgroup_dir_v2(g);
	if (i < 0) {
		if (p->devices_optional)
			return 0;
		err_set(e, ERR_CGR_DEVICES, ENOTSUP,
			"this host has neither the v1 devices controller nor cgroup v2");
		return err_at(e, -ENOTSUP, "/linux/resources/devices");
	}
	dir = cgroup_dir_open(g, (unsigned)i);
	if (dir < 0)
		return err_sys(e, ERR_CGR_DEVICES, dir, "open cgroup %s",
			       cgroup_dir_name(g, (unsigned)i, name));
	return v1 ? cgroup_v1_devices(g, (unsigned)i, dir, fresh, p, e)
		  : cgroup_v2_devices(g, dir, fresh, p, e);
}

static int devices_fresh(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	return set_devices(g, p, true, e);
}

int cgroup_v1_devices_live(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	return set_devices(g, p, false, e);
}

static int v1_apply(struct cgroup *g, const struct plan_cgroup *p, uint64_t deadline,
		    struct arena *a, struct cgroup_change **ret_changes, size_t *ret_n,
		    struct err *e)
{
	struct cgroup_write_options o = { .arena = a,
					  .live = true,
					  .deadline = deadline,
					  .devices = cgroup_v1_devices_live,
					  .changes = ret_changes,
					  .n_changes = ret_n };

	return cgroup_write_list(g, p, &o, e);
}

/*
 * Make the directory of one hierarchy and check one that existed. 1: it was left out
 * (ignore_missing).
 */
static int make_dir(struct cgroup *g, unsigned i, const struct plan_cgroup *p, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct err own = { 0 };
	char name[CGROUP_NAME_SIZE];
	bool frozen = false;
	int r;

	dir = cgroup_dir_make(g, i, &own);
	if (dir < 0 && cgroup_may_skip(p, dir)) {
		cgroup_skipped(p, &own);
		(void)cgroup_dir_remove(g, i, 0, &own);
		cgroup_dir_drop(g, i);
		return 1;
	}
	if (dir < 0) {
		*e = err_is(e) ? *e : own;
		return dir;
	}
	if (!g->dir[i].created && !g->unit[0]) {
		r = cgroup_check_fit(g, i, dir, e);
		if (r >= 0 && cgroup_dir_has(g, i, "freezer"))
			r = cgroup_v1_frozen(g, i, &frozen, e);
		if (r < 0)
			return r;
		if (frozen)
			return err_set(e, ERR_CGR_CREATE, EBUSY,
				       "container's cgroup unexpectedly frozen: %s",
				       cgroup_dir_name(g, i, name));
	}
	if (g->dir[i].v2)
		g->v2_fd = fd_take(&dir);
	return cgroup_dir_has(g, i, "cpuset") ? cgroup_v1_cpuset_inherit(g, i, e) : 0;
}

static int v1_create(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	struct cgroup_write_options o = { .devices = devices_fresh };
	struct plan_cgroup told = *p;
	struct arena a;
	int r = 0;

	/* none of them is made yet, whatever the plan foresaw */
	for (unsigned i = 0; i < g->n; i++)
		g->dir[i].created = 0;
	for (unsigned i = 0; r >= 0 && i < g->n; i += r == 0) {
		r = make_dir(g, i, &told, e);
		told.named &= r == 0; /* once for all hierarchies */
	}
	for (unsigned i = 0; i < g->n; i++)
		o.live |= !g->dir[i].created;
	if (o.live)
		o.devices = cgroup_v1_devices_live;
	arena_init(&a);
	o.arena = &a;
	if (r >= 0)
		r = cgroup_write_list(g, p, &o, e);
	arena_free(&a);
	if (r < 0) {
		cgroup_undo(g);
		return r;
	}
	if (!g->n)
		g->ops = &cgroup_ops_none;
	return 0;
}

static int v1_join(struct cgroup *g, int pid, struct err *e)
{
	for (unsigned i = 0; i < g->n; i++) {
		int r = g->dir[i].v2 && g->v2_placed ? 0 : cgroup_dir_join(g, i, pid, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * v2 where there is one (it has events and its frozen processes can be killed), else the v1
 * freezer.
 */
static int v1_freeze(struct cgroup *g, bool on, uint64_t deadline, struct err *e)
{
	int v2 = cgroup_dir_v2(g), i = cgroup_dir_find(g, "freezer"), r;
	bool frozen = false;

	if (v2 < 0 && i < 0)
		return err_set(e, ERR_CGR_FREEZE, ENOTSUP,
			       "this host has neither the v1 freezer controller nor cgroup v2");
	/* thawing: also what somebody else froze by v1 */
	if (!on && i >= 0) {
		r = cgroup_v1_frozen(g, (unsigned)i, &frozen, e);
		if (r >= 0 && (frozen || v2 < 0))
			r = cgroup_v1_freeze(g, (unsigned)i, false, deadline, e);
		if (r < 0)
			return r;
	}
	if (v2 >= 0)
		return cgroup_v2_freeze(g, (unsigned)v2, on, deadline, e);
	return on ? cgroup_v1_freeze(g, (unsigned)i, true, deadline, e) : 0;
}

static int v1_frozen(struct cgroup *g, bool *ret, struct err *e)
{
	int v2 = cgroup_dir_v2(g), i = cgroup_dir_find(g, "freezer"), r = 0;
	bool frozen = false;

	if (v2 >= 0)
		r = cgroup_v2_frozen(g, (unsigned)v2, &frozen, e);
	if (r >= 0 && !frozen && i >= 0)
		r = cgroup_v1_frozen(g, (unsigned)i, &frozen, e);
	if (r < 0)
		return r;
	*ret = frozen;
	return 0;
}

/* Thaw a v1 freezer that holds killed processes back; only then can they end. */
static int v1_kill(struct cgroup *g, int sig, uint64_t deadline, struct err *e)
{
	int i = cgroup_sweep_dir(g), r = cgroup_need_own(g, "kill", e),
	    freezer = cgroup_dir_find(g, "freezer");
	struct err drop = { 0 };
	bool frozen = false;

	if (r < 0)
		return r;
	if (!g->dir[i].v2)
		return cgroup_v1_kill(g, sig, deadline, e);
	if (sig == SIGKILL && freezer >= 0) {
		r = cgroup_v2_kill(g, (unsigned)i, sig, 0, e);
		if (r >= 0 && cgroup_v1_frozen(g, (unsigned)freezer, &frozen, &drop) >= 0 && frozen)
			(void)cgroup_v1_freeze(g, (unsigned)freezer, false, 0, &drop);
		err_drop(&drop, "a group that stays frozen shows as one that does not end");
		if (r < 0 || !deadline)
			return r;
	}
	return cgroup_v2_kill(g, (unsigned)i, sig, deadline, e);
}

const struct cgroup_ops cgroup_ops_v1 = {
	.name = "v1",
	.plan = cgroup_common_plan,
	.create = v1_create,
	.join = v1_join,
	.apply = v1_apply,
	.freeze = v1_freeze,
	.frozen = v1_frozen,
	.kill = v1_kill,
	.pids = cgroup_common_pids,
	.stats = cgroup_v1_stats,
	.destroy = cgroup_common_destroy,
};

/* The same, where dir[] also has a v2 hierarchy: the operations look for it themselves. */
const struct cgroup_ops cgroup_ops_hybrid = {
	.name = "hybrid",
	.plan = cgroup_common_plan,
	.create = v1_create,
	.join = v1_join,
	.apply = v1_apply,
	.freeze = v1_freeze,
	.frozen = v1_frozen,
	.kill = v1_kill,
	.pids = cgroup_common_pids,
	.stats = cgroup_v1_stats,
	.destroy = cgroup_common_destroy,
};
