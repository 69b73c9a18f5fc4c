/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/security: the security modules: on or off, and whether hull can reach the files it needs
 * of them.
 */
#include <fcntl.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"

static void look_apparmor(struct doctor *d)
{
	char enabled[8];

	if (host_line(d, "/sys/module/apparmor/parameters/enabled", enabled, sizeof(enabled)) <=
		    0 ||
	    enabled[0] != 'Y')
		ok(d, "not enabled: a config with apparmorProfile fails, engines send none");
	else if (!host_exists(d, "/sys/kernel/security/apparmor"))
		answer(d, DOCTOR_WARNING, "", "mount -t securityfs securityfs /sys/kernel/security",
		       "enabled, but securityfs is not mounted: hull cannot see which profiles are "
		       "loaded");
	else if (!host_exists(d, "/proc/self/attr/apparmor/exec") &&
		 !host_exists(d, "/proc/self/attr/exec"))
		answer(d, DOCTOR_FAILURE, "", "mount -t proc proc /proc",
		       "enabled, but /proc/self/attr has no file to set a profile with");
	else if (!host_program(d, "apparmor_parser"))
		answer(d, DOCTOR_WARNING, "", "apt-get install apparmor",
		       "enabled, but apparmor_parser is missing: engines cannot load their "
		       "profiles");
	else
		ok(d, "enabled, its files can be reached");
}

/* The type in "user:role:type:level", or "". */
static void label_type(int fd, char *buf, size_t size)
{
	ssize_t n = fgetxattr(fd, "security.selinux", buf, size - 1);
	char *p = buf, *type;

	buf[n > 0 ? n : 0] = '\0';
	strsep(&p, ":");
	if (p)
		strsep(&p, ":");
	type = p ? strsep(&p, ":") : NULL;
	memmove(buf, type ? type : "", type ? strlen(type) + 1 : 1);
}

static void look_selinux(struct doctor *d)
{
	_cleanup_fd_ int self = -1;
	char enforce[8], type[256] = "";
	const char *hull;

	if (host_line(d, "/sys/fs/selinux/enforce", enforce, sizeof(enforce)) <= 0) {
		ok(d, "not enabled: a config with selinuxLabel fails, engines send none");
		return;
	}
	if (!host_exists(d, "/proc/self/attr/exec")) {
		answer(d, DOCTOR_FAILURE, "", "mount -t proc proc /proc",
		       "enabled, but /proc/self/attr/exec is not there");
		return;
	}
	hull = host_program(d, "hull");
	if (hull)
		self = host_open(d, hull, O_RDONLY);
	if (self >= 0)
		label_type(self, type, sizeof(type));
	if (hull && !streq(type, "container_runtime_exec_t"))
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(
			       d->a,
			       "semanage fcontext -a -t container_runtime_exec_t %s; restorecon %s",
			       hull, hull),
		       "%s, and %s has the type %s: containers do not come into their domain",
		       enforce[0] == '1' ? "enforcing" : "permissive", hull,
		       *type ? type : "(none)");
	else
		ok(d, "%s", enforce[0] == '1' ? "enforcing" : "permissive");
}

static const struct doctor_check rows[] = {
	{ .id = "lsm.apparmor", .what = "AppArmor", .look = look_apparmor },
	{ .id = "lsm.selinux", .what = "SELinux", .look = look_selinux },
};

const struct doctor_group doctor_security = { rows, ARRAY_LEN(rows) };
