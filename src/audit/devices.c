/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/devices: the device rules as the kernel holds them, and nodes that are a way to the host.
 */
#include <errno.h>

#include "audit/room.h"
#include "base/str.h"

static const char at[] = "/linux/resources/devices";

static void rules(struct audit *u, struct cgroup *g)
{
	struct err why = { 0 };
	const char *text = "";
	enum cgroup_devices has;
	int r = g->ops ? 0 : cgroup_restore(g, &why);

	if (r == 0)
		r = cgroup_devices_read(g, &u->plan.cgroup, u->arena, &has, &text, &why);
	if (r < 0) {
		audit_add(u, AUDIT_NOTE, "devices", "rules", at, "", "cannot be read back: %s",
			  err_is(&why) ? arena_strdup(u->arena, why.msg) : strerror(-r));
		err_drop(&why, "became a row");
		return;
	}
	audit_add(u,
		  has == CGROUP_DEVICES_AS_PLANNED ? AUDIT_SAME
		  : has == CGROUP_DEVICES_UNKNOWN  ? AUDIT_NOTE
						   : AUDIT_DIFFERS,
		  "devices", "rules", at, "those of the config", "%s", text);
}

/* Broad rules are a way to the host by themselves. */
static void judge_rules(struct audit *u)
{
	const struct spec_resources *res = &u->spec.os.resources;

	for (size_t i = 0; i < res->n_devices; i++) {
		const struct spec_device_rule *r = &res->devices[i];
		bool any = !r->major.set || r->major.v < 0 || !r->minor.set || r->minor.v < 0;

		if (r->allow && any && r->access & (DEVICE_READ | DEVICE_WRITE) && r->type != 'c')
			audit_add(u, AUDIT_EXPOSED, "devices",
				  arena_printf(u->arena, "rule %zu", i),
				  arena_printf(u->arena, "%s/%zu", at, i), "",
				  "disks of the host may be opened where there is a node for them");
	}
}

int audit_devices(struct audit *u, struct err *e)
{
	struct cgroup *g = &u->s.rec.cgroup;

	(void)e;
	if (u->plan.cgroup.n_devices && !g->devices_enforced)
		audit_add(u, AUDIT_EXPOSED, "devices", "rules", at, "",
			  "not enforced: the kernel gave hull no right to");
	else if (u->plan.cgroup.n_devices)
		rules(u, g);
	judge_rules(u);
	return 0;
}
