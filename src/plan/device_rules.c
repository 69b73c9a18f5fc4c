/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/device_rules: the device access list of the config with hull's defaults worked in. SECURITY:
 * rule G4, deny all plus allow rules, also when the config lists none.
 *
 * The order is: deny all, the default devices, then the rules of the config. A rule of the config
 * that is about all devices starts over: "deny all" means deny all but the default devices (which
 * every container MUST have), "allow all" means just that. A default device that a later rule of
 * the config names by its numbers is left to the config alone, so that `deny all, allow c 1:5 r`
 * gives a read-only /dev/zero.
 *
 * Making nodes (which gives no access to the device) is allowed first too, so that the config can
 * deny it. KERNEL: cgroup v1 cannot take a part of a wider rule away again, and engines send `deny
 * c 10:229 rwm`; there it comes last. Documentation/admin-guide/cgroup-v1/devices.rst.
 */
#include "plan/parts.h"

enum { ACCESS_ALL = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD };

static const struct default_rule {
	char type;
	int64_t major, minor; /* -1: any */
	uint32_t access;
} defaults[] = {
	{ 'c', 1, 3, ACCESS_ALL },    /* null */
	{ 'c', 1, 5, ACCESS_ALL },    /* zero */
	{ 'c', 1, 7, ACCESS_ALL },    /* full */
	{ 'c', 1, 8, ACCESS_ALL },    /* random */
	{ 'c', 1, 9, ACCESS_ALL },    /* urandom */
	{ 'c', 5, 0, ACCESS_ALL },    /* tty */
	{ 'c', 5, 2, ACCESS_ALL },    /* ptmx */
	{ 'c', 136, -1, ACCESS_ALL }, /* pts: the terminals, /dev/console among them */
};

static bool any(const struct opt_i64 *v)
{
	return !v->set || v->v < 0;
}

static bool is_about_all(const struct spec_device_rule *r)
{
	return (r->type == 'a' || r->type == '\0') && any(&r->major) && any(&r->minor) &&
	       (r->access & ACCESS_ALL) == ACCESS_ALL;
}

static void add(struct maker *m, bool allow, char type, int64_t major, int64_t minor,
		uint32_t access)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	struct spec_device_rule *r = arena_push(m->arena, &c->devices, &c->n_devices, sizeof(*r));

	*r = (struct spec_device_rule){ .allow = allow, .type = type, .access = access };
	r->major = (struct opt_i64){ .set = major >= 0, .v = major };
	r->minor = (struct opt_i64){ .set = minor >= 0, .v = minor };
}

/* Does a rule of the config name exactly this device? */
static bool is_named(const struct spec_device_rule *rules, size_t n, const struct default_rule *d)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].type == d->type && !any(&rules[i].major) && !any(&rules[i].minor) &&
		    rules[i].major.v == d->major && rules[i].minor.v == d->minor)
			return true;
	return false;
}

static void allow_mknod(struct maker *m)
{
	add(m, true, 'c', -1, -1, DEVICE_MKNOD);
	add(m, true, 'b', -1, -1, DEVICE_MKNOD);
}

void plan_make_device_rules(struct maker *m)
{
	const struct spec_resources *res = &m->spec->os.resources;
	struct plan_cgroup *c = &m->plan->cgroup;
	const struct spec_device_rule *rules = res->devices;
	size_t n = res->n_devices, first = 0;
	bool allow = false, v2 = m->host->cgroups == HOST_CGROUP_V2;

	/* What stands before the last rule about all devices has no effect. */
	for (size_t i = 0; i < n; i++) {
		if (!is_about_all(&rules[i]))
			continue;
		first = i + 1;
		allow = rules[i].allow;
	}
	add(m, allow, 'a', -1, -1, ACCESS_ALL);
	if (!allow && v2)
		allow_mknod(m);
	for (size_t i = 0; !allow && i < ARRAY_LEN(defaults); i++) {
		const struct default_rule *d = &defaults[i];

		if (!is_named(n ? &rules[first] : NULL, n - first, d))
			add(m, true, d->type, d->major, d->minor, d->access);
	}
	for (size_t i = first; i < n; i++)
		*(struct spec_device_rule *)arena_push(m->arena, &c->devices, &c->n_devices,
						       sizeof(rules[i])) = rules[i];
	if (!allow && !v2)
		allow_mknod(m);
}
