/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/credentials: ids, capabilities, no_new_privs and the security label of the container's
 * process. Hides what execve makes of the five sets.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "spec/spec.h"
#include "sys/call.h"

const char *audit_caps(struct arena *a, uint64_t caps, unsigned last)
{
	uint64_t all = last >= 63 ? UINT64_MAX : (UINT64_C(2) << last) - 1;
	const char *out = "";

	if (!caps)
		return "none";
	if (caps == all)
		return arena_printf(a, "all %u", last + 1);
	for (unsigned i = 0; i < 64; i++) {
		const char *name = table_name(&spec_capabilities, i);

		if (caps >> i & 1)
			out = arena_printf(a, "%s%s%s", out, *out ? " " : "",
					   name ? name : arena_printf(a, "%u", i));
	}
	return out;
}

/*
 * What the set is right after execve(2) of a program without capabilities of its own:
 * capabilities(7).
 */
static uint64_t after_exec(const struct plan_process *p, enum spec_capset set)
{
	const uint64_t *c = p->caps;

	if (set == CAPSET_PERMITTED || set == CAPSET_EFFECTIVE)
		return p->uid == 0 ? c[CAPSET_INHERITABLE] | c[CAPSET_BOUNDING] : c[CAPSET_AMBIENT];
	return c[set];
}

/* Nothing the process may do by itself leads beyond. */
static uint64_t reachable(const struct plan_process *p, enum spec_capset set)
{
	return set == CAPSET_BOUNDING ? p->caps[CAPSET_BOUNDING]
				      : p->caps[CAPSET_BOUNDING] | p->caps[CAPSET_INHERITABLE] |
						after_exec(p, set);
}

static void capability_set(struct audit *u, enum spec_capset set, const char *field)
{
	const struct plan_process *p = &u->plan.process;
	uint64_t has, wants = after_exec(p, set), more;
	const char *name = table_name(&spec_capsets, set);
	const char *pointer = arena_printf(u->arena, "/process/capabilities/%s", name);
	unsigned last = u->c->host.last_cap;

	if (!audit_hex(audit_field(u, u->status, field), &has)) {
		audit_unread(u, "capabilities", name, -ENODATA);
		return;
	}
	more = has & ~reachable(p, set);
	if (more)
		audit_add(u, AUDIT_DIFFERS, "capabilities", name, pointer,
			  audit_caps(u->arena, wants, last), "%s; too many: %s",
			  audit_caps(u->arena, has, last), audit_caps(u->arena, more, last));
	else
		audit_add(u, has == wants ? AUDIT_SAME : AUDIT_NOTE, "capabilities", name, pointer,
			  audit_caps(u->arena, wants, last), "%s", audit_caps(u->arena, has, last));
}

static void no_new_privs(struct audit *u)
{
	const char *has = audit_field(u, u->status, "NoNewPrivs");
	bool wants = u->spec.process.no_new_privileges;

	if (!has)
		audit_unread(u, "noNewPrivileges", "", -ENODATA);
	else
		audit_add(u,
			  streq(has, wants ? "1" : "0") ? AUDIT_SAME
			  : wants			? AUDIT_DIFFERS
							: AUDIT_NOTE,
			  "noNewPrivileges", "", "/process/noNewPrivileges", wants ? "on" : "off",
			  "%s", streq(has, "1") ? "on" : "off");
}

/* The id outside of @id inside, by the maps of the plan. */
static uint32_t outside(const struct plan_ids *ids, const struct spec_idmaps *maps, uint32_t id)
{
	if (ids->joined || !maps->n)
		return id;
	for (size_t i = 0; i < maps->n; i++)
		if (id - maps->v[i].container_id < maps->v[i].size && id >= maps->v[i].container_id)
			return maps->v[i].host_id + (id - maps->v[i].container_id);
	return UINT32_MAX;
}

/*
 * The effective id. A process with CAP_SETUID, or a setuid program, has others than it began with:
 * that is no difference, unless nothing of it is permitted.
 */
static void one_id(struct audit *u, const char *field, const char *what, uint32_t inside,
		   const struct spec_idmaps *maps, unsigned cap)
{
	const struct plan_process *p = &u->plan.process;
	uint32_t wants = outside(&u->plan.ids, maps, inside), has[3] = { 0 };
	const char *text = audit_field(u, u->status, field);
	bool may = p->caps[CAPSET_BOUNDING] >> cap & 1 && !u->spec.process.no_new_privileges;
	const char *pointer = arena_printf(u->arena, "/process/user/%s", what);

	if (u->plan.ids.joined)
		return; /* its maps are those of another */
	if (!text || !audit_number(&text, &has[0]) || !audit_number(&text, &has[1]) ||
	    !audit_number(&text, &has[2])) {
		audit_unread(u, "user", what, -ENODATA);
		return;
	}
	audit_add(u,
		  has[1] == wants				? AUDIT_SAME
		  : may || p->caps[CAPSET_PERMITTED] >> cap & 1 ? AUDIT_NOTE
								: AUDIT_DIFFERS,
		  "user", what, pointer, arena_printf(u->arena, "%u outside", wants),
		  "%u outside (real %u, saved %u)", has[1], has[0], has[2]);
}

int audit_credentials(struct audit *u, struct err *e)
{
	const struct plan_process *p = &u->plan.process;

	(void)e;
	if (!p->set)
		return 0;
	capability_set(u, CAPSET_BOUNDING, "CapBnd");
	capability_set(u, CAPSET_EFFECTIVE, "CapEff");
	capability_set(u, CAPSET_PERMITTED, "CapPrm");
	capability_set(u, CAPSET_INHERITABLE, "CapInh");
	capability_set(u, CAPSET_AMBIENT, "CapAmb");
	no_new_privs(u);
	one_id(u, "Uid", "uid", p->uid, &u->plan.ids.uid, 7 /* CAP_SETUID */);
	one_id(u, "Gid", "gid", p->gid, &u->plan.ids.gid, 6 /* CAP_SETGID */);
	return 0;
}

/* ---- label ---- */

static void one_label(struct audit *u, const char *module, const char *pointer, const char *wants)
{
	char path[64], *has = NULL;
	int r;

	str_format(path, sizeof(path), "attr/%s/current", module);
	r = audit_read(u, u->dir, path, &has);
	if (r == -ENOENT && wants && *wants)
		r = audit_read(u, u->dir, "attr/current", &has);
	/* KERNEL: no file for a module that is not built, EINVAL for one that is not active. */
	if (r == -ENOENT || r == -EINVAL) {
		if (wants && *wants && !streq(wants, "unconfined"))
			audit_add(u, AUDIT_DIFFERS, "label", module, pointer, wants,
				  "the module is not active");
		return;
	}
	if (r < 0) {
		audit_unread(u, "label", module, r);
		return;
	}
	if (!wants || !*wants)
		audit_add(u, streq(has, "unconfined") ? AUDIT_EXPOSED : AUDIT_NOTE, "label", module,
			  pointer, "", "%s; the config names none", has);
	else
		audit_add(u,
			  str_starts(has, wants) &&
					  (has[strlen(wants)] == '\0' || has[strlen(wants)] == ' ')
				  ? AUDIT_SAME
				  : AUDIT_DIFFERS,
			  "label", module, pointer, wants, "%s", has);
}

static void landlock(struct audit *u)
{
	const struct plan_landlock *l = &u->plan.landlock;

	if (l->set)
		audit_add(u, AUDIT_NOTE, "label", "landlock", "/annotations/" PLAN_LANDLOCK, "",
			  "%zu paths; the kernel does not show what domain a process is in", l->n);
}

int audit_label(struct audit *u, struct err *e)
{
	const struct spec_process *p = &u->spec.process;

	(void)e;
	one_label(u, "apparmor", "/process/apparmorProfile", p->apparmor_profile);
	one_label(u, "selinux", "/process/selinuxLabel", p->selinux_label);
	landlock(u);
	return 0;
}
