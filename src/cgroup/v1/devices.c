/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/devices: the normal form of device rules as writes to devices.deny and devices.allow.
 */
#include <errno.h>

#include "base/str.h"
#include "cgroup/internal.h"
#include "cgroup/rules.h"

static int write_all(const struct cgroup *g, unsigned i, int dir, const struct rules_v1 *v,
		     struct err *e)
{
	const char *first = v->default_allow ? "devices.allow" : "devices.deny";
	const char *then = v->default_allow ? "devices.deny" : "devices.allow";
	/*
	 * KERNEL: "a" sets the default and clears the exceptions; refused while the group has
	 * children. Documentation/admin-guide/cgroup-v1/devices.rst
	 */
	int r = cgroup_dir_write(g, i, dir, first, "a", NULL, e);

	for (size_t k = 0; r >= 0 && k < v->n; k++)
		r = cgroup_dir_write(g, i, dir, then, v->lines[k], NULL, e);
	return r;
}

/*
 * "c 1:3 rwm" with any access letters as the bits of rules.h; the length of the key "c 1:3" or 0.
 */
static size_t split_line(const char *line, size_t len, uint32_t *ret_access)
{
	const char *blank = memrchr(line, ' ', len);

	if (!blank || blank == line + 1)
		return 0;
	*ret_access = 0;
	for (const char *p = blank; p < line + len; p++)
		*ret_access |= *p == 'r'   ? DEVICE_READ
			       : *p == 'w' ? DEVICE_WRITE
			       : *p == 'm' ? DEVICE_MKNOD
					   : 0;
	return (size_t)(blank - line);
}

/* Accesses that the new rules leave to the exception with this key. */
static uint32_t kept_access(const struct rules_v1 *v, const char *key, size_t len)
{
	for (size_t k = 0; k < v->n; k++) {
		uint32_t access;

		if (split_line(v->lines[k], strlen(v->lines[k]), &access) == len &&
		    !memcmp(v->lines[k], key, len))
			return access;
	}
	return 0;
}

/*
 * Rule G4 on a running group: allow what is new, then deny what is no longer there, so that nothing
 * which both rule sets allow is refused for a moment. Possible from deny-all to deny-all. 1: not
 * possible.
 */
static int change_live(const struct cgroup *g, unsigned i, int dir, const struct rules_v1 *v,
		       struct arena *a, struct err *e)
{
	char *list;
	int r = cgroup_file_read_all(dir, "devices.list", a, &list);

	/*
	 * KERNEL: with the default "allow" the list is this one line, whatever the exceptions are.
	 * security/device_cgroup.c
	 */
	if (r < 0 || v->default_allow || *list == 'a')
		return 1;
	for (size_t k = 0; r >= 0 && k < v->n; k++)
		r = cgroup_dir_write(g, i, dir, "devices.allow", v->lines[k], NULL, e);
	for (const char *p = list; r >= 0 && *p;) {
		size_t len = strcspn(p, "\n"), key;
		uint32_t access;

		key = split_line(p, len, &access);
		if (key && (access &= ~kept_access(v, p, key)))
			r = cgroup_dir_write(g, i, dir, "devices.deny",
					     arena_printf(a, "%.*s %s%s%s", (int)key, p,
							  access & DEVICE_READ ? "r" : "",
							  access & DEVICE_WRITE ? "w" : "",
							  access & DEVICE_MKNOD ? "m" : ""),
					     NULL, e);
		p += len + (p[len] == '\n');
	}
	return r;
}

int cgroup_v1_devices(struct cgroup *g, unsigned i, int dir, bool fresh,
		      const struct plan_cgroup *p, struct err *e)
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
		r = fresh ? 1 : change_live(g, i, dir, &v1, &a, &own);
	if (r > 0)
		r = write_all(g, i, dir, &v1, &own);
	arena_free(&a);
	if (r >= 0) {
		g->devices_enforced = true;
		return 0;
	}
	/*
	 * KERNEL: writing takes CAP_SYS_ADMIN in the initial user namespace; a group cannot allow
	 * what its parent denies (EPERM).
	 */
	if (p->devices_optional && (r == -EPERM || r == -EACCES)) {
		err_drop(&own, "the plan lets the kernel refuse; devices_enforced says so");
		g->devices_enforced = false;
		return 0;
	}
	*e = err_is(e) ? *e : own;
	return err_at(e, r, "/linux/resources/devices");
}
