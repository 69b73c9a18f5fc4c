/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/cgroup: where the container's control group lies, who manages it, who owns it. Hides the
 * rules for cgroupsPath and the names of systemd units.
 */
#include <errno.h>
#include <linux/capability.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"
#include "sys/abi.h"

enum { PATH_LIMIT = 480, UNIT_LIMIT = 240 };

static bool is_rootless(const struct host *h)
{
	return h->euid != 0 || !h->initial_userns;
}

static int check_path(const char *path, struct err *e)
{
	if (path_has_dotdot(path))
		return err_set(e, ERR_CGR_PATH, 0, "\"%s\" holds a part \"..\"", path);
	if (strlen(path) > PATH_LIMIT)
		return err_set(e, ERR_CGR_PATH, ENAMETOOLONG, "the path is longer than %d bytes",
			       PATH_LIMIT);
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, ERR_CGR_PATH, 0, "\"%s\" holds a control character",
				       path);
	return 0;
}

static const char *parent_path(struct arena *a, const char *path)
{
	const char *end = strrchr(path, '/');

	return end ? arena_printf(a, "%.*s", (int)(end - path), path) : path;
}

/*
 * LNX-CGPATH: an absolute path counts from the mount point of the hierarchy; a relative one lies
 * below /hull; without a path it is named after the id. For a caller without root that is beside
 * his own group where he may, else below it.
 *
 * KERNEL: a group that holds processes, as the caller's does, can give no controllers, and so no
 * limits, to its children. cgroups(7), no internal processes
 */
static int make_path(struct maker *m, struct err *e)
{
	const char *want = m->spec->os.cgroups_path;
	const char *base = "";
	const char *path;
	int r;

	if (want && (r = check_path(want, e)) < 0)
		return r;
	if (is_rootless(m->host) && m->host->own_cgroup && *m->host->own_cgroup)
		base = m->host->own_cgroup;
	if (*base && m->host->beside_cgroup)
		base = parent_path(m->arena, base);
	if (want && want[0] == '/')
		path = plan_path_clean(m->arena, want);
	else
		path = plan_path_clean(m->arena, arena_printf(m->arena, "%s/hull/%s", base,
							      want && *want ? want : m->opt->id));
	if (streq(path, "/"))
		return err_set(e, ERR_CGR_PATH, 0,
			       "the root of the hierarchy is no place for a container");
	m->plan->cgroup.path = path;
	return 0;
}

static bool valid_unit(const char *s)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";

	return s[strspn(s, set)] == '\0' && strlen(s) <= UNIT_LIMIT;
}

/* "a-b-c.slice" lies in /a.slice/a-b.slice/a-b-c.slice; "-.slice" is the root. systemd.slice(5). */
static char *slice_path(struct arena *a, const char *slice)
{
	size_t n = strlen(slice) - strlen(".slice");
	char *path = arena_strdup(a, "");

	if (n == 1 && slice[0] == '-')
		return path;
	for (size_t i = 0; i <= n; i++)
		if (i == n || slice[i] == '-')
			path = arena_printf(a, "%s/%.*s.slice", path, (int)i, slice);
	return path;
}

/* "-" separates the levels of a slice, so that none of them is empty. */
static bool valid_slice(const char *s)
{
	size_t n = strlen(s);

	if (streq(s, "-.slice"))
		return true;
	return str_ends(s, ".slice") && valid_unit(s) && s[0] != '.' && s[0] != '-' &&
	       !strstr(s, "--") && s[n - strlen(".slice") - 1] != '-';
}

/*
 * On v2 the container's group is one level below its scope, where systemd writes nothing. An
 * annotation names it.
 */
static int make_subgroup(struct maker *m, struct err *e)
{
	const char *key = "run.oci.systemd.subgroup", *name = "container";
	struct plan_cgroup *c = &m->plan->cgroup;
	const struct spec_kvs *kvs = &m->spec->annotations;
	int r;

	if (m->host->cgroups != HOST_CGROUP_V2 || str_ends(c->unit, ".slice"))
		return 0;
	for (size_t i = 0; i < kvs->n; i++)
		if (streq(kvs->v[i].key, key))
			name = kvs->v[i].value;
	if (!*name)
		return 0;
	if (!valid_unit(name) || name[0] == '.') {
		r = err_set(e, ERR_CGR_PATH, 0, "\"%s\" is no name of a cgroup", name);
		return err_at(e, r, "/annotations/%s", key);
	}
	c->subgroup = name;
	return 0;
}

/*
 * LNX-CGPATH-09: slice:prefix:name. The unit is prefix-name.scope, or name when that is a slice
 * itself.
 */
static int make_unit(struct maker *m, struct err *e)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	const char *want = m->spec->os.cgroups_path;
	const char *slice = "", *prefix = "hull", *name = m->opt->id;
	int r;

	if (want && *want) {
		const char *one = strchr(want, ':');
		const char *two = one ? strchr(one + 1, ':') : NULL;

		r = check_path(want, e);
		if (r < 0)
			return r;
		if (!two || strchr(two + 1, ':') || strchr(want, '/') || !two[1])
			return err_set(e, ERR_CGR_PATH, 0,
				       "with the systemd manager the path has the form "
				       "slice:prefix:name, not \"%s\"",
				       want);
		slice = arena_memdup(m->arena, want, (size_t)(one - want));
		prefix = arena_memdup(m->arena, one + 1, (size_t)(two - one - 1));
		name = two + 1;
	}
	if (!*slice)
		slice = is_rootless(m->host) ? "user.slice" : "system.slice";
	if (!valid_slice(slice))
		return err_set(e, ERR_CGR_PATH, 0, "\"%s\" is no name of a slice", slice);
	c->slice = slice;
	c->unit = str_ends(name, ".slice") ? name
		  : *prefix		   ? arena_printf(m->arena, "%s-%s.scope", prefix, name)
					   : arena_printf(m->arena, "%s.scope", name);
	if (!valid_unit(c->unit))
		return err_set(e, ERR_CGR_PATH, 0, "\"%s\" is no name of a systemd unit", c->unit);
	if (str_ends(c->unit, ".slice") && !valid_slice(c->unit))
		return err_set(e, ERR_CGR_PATH, 0, "\"%s\" is no name of a slice", c->unit);
	/* the place of a slice is in its own name */
	c->path = str_ends(c->unit, ".slice")
			  ? slice_path(m->arena, c->unit)
			  : arena_printf(m->arena, "%s/%s", slice_path(m->arena, slice), c->unit);
	c->user = is_rootless(m->host);
	r = make_subgroup(m, e);
	return r < 0 ? r : plan_make_unit_properties(m, e);
}

/*
 * run.oci.delegate-cgroup: a group for the payload to manage. Of cgroup v2 alone: v1 cannot be
 * given away safely.
 */
static int make_leaf(struct maker *m, struct err *e)
{
	const char *key = "run.oci.delegate-cgroup", *name = spec_annotation(m->spec, key);
	int r;

	if (!name || !*name)
		return 0;
	if (m->host->cgroups != HOST_CGROUP_V2)
		r = err_set(e, ERR_CGR_LAYOUT, ENOTSUP,
			    "a cgroup can be given to the container on cgroup v2 only");
	else if (!valid_unit(name) || name[0] == '.')
		r = err_set(e, ERR_CGR_PATH, 0, "\"%s\" is no name of a cgroup", name);
	else
		r = 0;
	if (r < 0)
		return err_at(e, r, "/annotations/%s", key);
	m->plan->cgroup.leaf = name;
	return 0;
}

/* LNX-CGOWN: on v2, with a new cgroup namespace and the cgroup filesystem mounted writable in its
 * usual place. */
static void make_owner(struct maker *m)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	const struct plan *p = m->plan;
	uint32_t id;

	if (m->host->cgroups != HOST_CGROUP_V2 || (p->ids.joined && !p->ids.uid.n))
		return;
	for (size_t i = 0; plan_ns_new(p, NS_CGROUP) && i < p->n_mounts; i++) {
		const struct plan_mount *mount = &p->mounts[i];

		if (mount->kind == MOUNT_CGROUP && mount->cgroup_rw &&
		    streq(mount->source, "cgroup") && streq(mount->clean, "/sys/fs/cgroup"))
			c->delegate = true;
	}
	if (!c->delegate && !c->leaf)
		return;
	c->owner_uid = m->spec->process.user.uid;
	c->owner_gid = m->spec->process.user.gid;
	if (plan_id_to_host(&p->ids.uid, c->owner_uid, &id))
		c->owner_uid = id;
	if (plan_id_to_host(&p->ids.gid, c->owner_gid, &id))
		c->owner_gid = id;
}

/* --cgroup-manager disabled: the container stays in the caller's cgroup, so nothing can be limited.
 */
static int make_disabled(struct maker *m, struct err *e)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	int r;

	r = plan_make_resources(m, e);
	if (r < 0)
		return r;
	if (c->n_writes) {
		r = err_set(e, ERR_CFG_CONFLICT, 0,
			    "without a cgroup (--cgroup-manager disabled) nothing can be limited");
		return err_at(e, r, "%s", c->writes[0].pointer);
	}
	if (m->spec->os.resources.n_devices)
		plan_warn(m, "/linux/resources/devices: not applied: --cgroup-manager disabled");
	return 0;
}

int plan_make_cgroup(struct maker *m, struct err *e)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	const struct spec_resources *res = &m->spec->os.resources;
	int r;

	c->manager = m->opt->manager;
	if (c->manager == CGROUP_DISABLED)
		return make_disabled(m, e);
	r = c->manager == CGROUP_SYSTEMD ? make_unit(m, e) : make_path(m, e);
	if (r < 0)
		return err_at(e, r, "/linux/cgroupsPath");
	r = plan_make_resources(m, e);
	if (r < 0)
		return r;
	plan_make_device_rules(m);
	c->devices_optional = !m->host->initial_userns || !host_can(m->host, CAP_SYS_ADMIN);
	c->named = m->spec->os.cgroups_path;
	c->ignore_missing = c->n_writes == 0 && !(c->named && m->opt->strict) &&
			    (is_rootless(m->host) || m->host->cgroups == HOST_CGROUP_NONE);
	c->check_memory = res->memory.check_before_update.set && res->memory.check_before_update.v;
	r = make_leaf(m, e);
	if (r < 0)
		return r;
	make_owner(m);
	return 0;
}

int plan_make_update(const struct spec *s, const struct host *h, struct arena *a,
		     struct plan_cgroup *ret, struct err *e)
{
	const struct spec_memory *memory = &s->os.resources.memory;
	struct plan p = { 0 };
	struct maker m = { .spec = s, .host = h, .arena = a, .plan = &p };
	int r = plan_make_resources(&m, e);

	if (r < 0)
		return r;
	/* an update that does not speak of devices leaves the rules that there are */
	if (s->os.resources.n_devices)
		plan_make_device_rules(&m);
	p.cgroup.check_memory = memory->check_before_update.set && memory->check_before_update.v;
	*ret = p.cgroup;
	return 0;
}
