/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/devices: what the kernel enforces of the device rules of a group that runs, read back.
 * Hides that v1 has a list and v2 programs, which are compared by the tag of their instructions.
 */
#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/ebpf/devices.h"
#include "cgroup/internal.h"

/* ---- v1 ---- */

/* Access letters of the line of @list that begins with @key ("c 1:3"); 0: there is none. */
static uint32_t access_of(const char *list, const char *key, size_t len)
{
	for (const char *p = list; p && *p; p = strchr(p, '\n')) {
		uint32_t access = 0;

		p += *p == '\n';
		if (strncmp(p, key, len) != 0 || p[len] != ' ')
			continue;
		for (const char *a = p + len + 1; *a && *a != '\n'; a++)
			access |= *a == 'r' ? DEVICE_READ : *a == 'w' ? DEVICE_WRITE : DEVICE_MKNOD;
		return access;
	}
	return 0;
}

static bool all_in(const char *wants, const char *has)
{
	for (const char *p = wants; p && *p; p = strchr(p, '\n')) {
		size_t len;

		p += *p == '\n';
		len = strcspn(p, "\n");
		while (len && p[len] != ' ')
			len--;
		if (len && access_of(wants, p, len) != access_of(has, p, len))
			return false;
	}
	return true;
}

static int read_v1(const struct cgroup *g, const struct rules *r, struct arena *a,
		   enum cgroup_devices *ret, const char **ret_text, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, (unsigned)cgroup_dir_find(g, "devices"));
	const char *wants = "";
	struct rules_v1 v1;
	char *list;
	int n = dir < 0 ? dir : cgroup_file_read_all(dir, "devices.list", a, &list);

	if (n < 0)
		return err_sys(e, ERR_CGR_DEVICES, n, "read devices.list");
	n = rules_to_v1(r, a, &v1, e);
	if (n < 0)
		return n;
	for (size_t i = 0; i < v1.n; i++)
		wants = arena_printf(a, "%s%s\n", wants, v1.lines[i]);
	/* KERNEL: with the default "allow" the list is this one line, whatever the exceptions are.
	 * security/device_cgroup.c */
	if (*list == 'a')
		*ret = v1.default_allow ? CGROUP_DEVICES_UNKNOWN : CGROUP_DEVICES_OTHER;
	else if (v1.default_allow)
		*ret = CGROUP_DEVICES_OTHER;
	else
		*ret = all_in(wants, list) && all_in(list, wants) ? CGROUP_DEVICES_AS_PLANNED
								  : CGROUP_DEVICES_OTHER;
	*ret_text = arena_printf(a, "devices.list: %s", *list ? list : "nothing");
	for (char *p = strchr(*ret_text, '\n'); p; p = strchr(p, '\n'))
		*p = *(p + 1) ? ',' : '\0';
	return 0;
}

int cgroup_devices_read(const struct cgroup *g, const struct plan_cgroup *p, struct arena *a,
			enum cgroup_devices *ret, const char **ret_text, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct rules rules;
	int v2 = cgroup_dir_v2(g), r;

	r = rules_normalize(p->devices, p->n_devices, a, &rules, e);
	if (r < 0)
		return r;
	if (cgroup_dir_find(g, "devices") >= 0)
		return read_v1(g, &rules, a, ret, ret_text, e);
	dir = v2 < 0 ? -ENOENT : cgroup_dir_open(g, (unsigned)v2);
	if (dir < 0)
		return err_sys(e, ERR_CGR_DEVICES, dir, "open the group");
	return ebpf_read_devices(dir, &rules, a, ret, ret_text, e);
}
