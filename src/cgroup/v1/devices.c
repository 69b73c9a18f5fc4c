/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/devices: the normal form of device rules as writes to devices.deny and devices.allow.
 */
#include <errno.h>

#include "cgroup/internal.h"
#include "cgroup/rules.h"

static int write_all(const struct cgroup *g, unsigned i, int dir, const struct rules_v1 *v, struct err *e)
{
	const char *first = v->default_allow ? "devices.allow" : "devices.deny";
	const char *then = v->default_allow ? "devices.deny" : "devices.allow";
	/* KERNEL: "a" sets the default and clears the exceptions; refused while the group has children.
	 * Documentation/admin-guide/cgroup-v1/devices.rst */
	int r = cgroup_dir_write(g, i, dir, first, "a", NULL, e);

	for (size_t k = 0; r >= 0 && k < v->n; k++)
		r = cgroup_dir_write(g, i, dir, then, v->lines[k], NULL, e);
	return r;
}

int cgroup_v1_devices(struct cgroup *g, unsigned i, int dir, const struct plan_cgroup *p, struct err *e)
{
	struct rules rules;
	struct rules_v1 v1;
	struct err own = { 0 };
	struct arena a;
	int r;

	if (!p->n_devices)
		return 0;
	arena_init(&a);
	r = rules_normalize(p->devices, p->n_devices, &a, &rules, &own);
	if (r >= 0)
		r = rules_to_v1(&rules, &a, &v1, &own);
	if (r >= 0)
		r = write_all(g, i, dir, &v1, &own);
	arena_free(&a);
	if (r >= 0) {
		g->devices_enforced = true;
		return 0;
	}
	/* KERNEL: writing takes CAP_SYS_ADMIN in the initial user namespace; a group cannot allow what its parent denies (EPERM). */
	if (p->devices_optional && (r == -EPERM || r == -EACCES)) {
		err_drop(&own, "the plan lets the kernel refuse; devices_enforced says so");
		g->devices_enforced = false;
		return 0;
	}
	*e = err_is(e) ? *e : own;
	return err_at(e, r, "/linux/resources/devices");
}
