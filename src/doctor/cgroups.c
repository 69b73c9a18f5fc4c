/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/cgroups: the layout, what of it the caller may use, and who else manages it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"

#define ROOT "/sys/fs/cgroup"

enum layout { NONE, V1, HYBRID, V2 };

/* Told by what only that layout has, not by mount tables: the same in a container and in a test. */
static enum layout layout(const struct doctor *d)
{
	bool v1;

	if (host_exists(d, ROOT "/cgroup.controllers"))
		return V2;
	v1 = host_exists(d, ROOT "/memory") || host_exists(d, ROOT "/cpu") ||
	     host_exists(d, ROOT "/pids");
	if (host_exists(d, ROOT "/unified/cgroup.controllers"))
		return v1 ? HYBRID : V2;
	return v1 ? V1 : NONE;
}

static void look_layout(struct doctor *d)
{
	static const char fix[] =
		"boot with systemd.unified_cgroup_hierarchy=1, or without systemd: "
		"mount -t cgroup2 cgroup2 /sys/fs/cgroup";

	switch (layout(d)) {
	case V2:
		ok(d, "version 2");
		return;
	case HYBRID:
		answer(d, DOCTOR_NOTE, "", fix,
		       "hybrid: controllers are on version 1, which kernels and engines leave "
		       "behind");
		return;
	case V1:
		answer(d, d->rootless ? DOCTOR_WARNING : DOCTOR_NOTE, "", fix,
		       "version 1, which kernels and engines leave behind; without root it gives "
		       "no limits");
		return;
	case NONE:
		answer(d, DOCTOR_WARNING, "", "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
		       "no control groups below " ROOT
		       ": no limits, and only --cgroup-manager disabled works");
	}
}

/* The v2 group of the caller, as a path of the host; NULL when unknown. */
static const char *own_group(struct doctor *d)
{
	const char *mount = layout(d) == HYBRID || !host_exists(d, ROOT "/cgroup.controllers")
				    ? ROOT "/unified"
				    : ROOT;
	char *text, *line;

	if (host_text(d, "/proc/self/cgroup", &text) < 0)
		return NULL;
	while ((line = next_line(&text)))
		if (str_starts(line, "0::/"))
			return arena_printf(d->a, "%s%s", mount, line + 3);
	return NULL;
}

static void look_writable(struct doctor *d)
{
	const char *group = d->rootless ? own_group(d) : ROOT;
	_cleanup_fd_ int fd = group ? host_open(d, group, O_RDONLY | O_DIRECTORY) : -ENOENT;
	struct statvfs fs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0) {
		answer(d, DOCTOR_WARNING, "", "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
		       "the caller's group is not to be seen");
		return;
	}
	if (fs.f_flag & ST_RDONLY)
		answer(d, DOCTOR_WARNING, "",
		       "mount -o remount,rw /sys/fs/cgroup; in a container: start that one with a "
		       "writable cgroup namespace (podman run --security-opt "
		       "unmask=/sys/fs/cgroup)",
		       "%s is mounted read-only: no limits", group);
	else if (d->rootless && st.st_uid != d->o->uid)
		answer(d, DOCTOR_WARNING, "",
		       "start from a session of systemd: systemd-run --user --scope -p "
		       "Delegate=yes COMMAND",
		       "%s belongs to uid %u: no group can be made below it without systemd", group,
		       st.st_uid);
	else
		ok(d, "%s", group);
}

/* v1: the hierarchy is mounted. v2: the controller reaches the group that the caller's groups
 * are made below. */
static bool has_controller(struct doctor *d, enum layout l, const char *name, const char *available)
{
	return has_word(available, name) ||
	       (l != V2 &&
		host_exists(d, arena_printf(d->a, ROOT "/%s", streq(name, "io") ? "blkio" : name)));
}

static void look_controllers(struct doctor *d)
{
	static const struct {
		const char *name, *use;
		bool minor; /* few configs ask for it */
	} kinds[] = {
		{ "cpu", "cpu.shares, cpu.quota", false },
		{ "cpuset", "cpu.cpus, cpu.mems", false },
		{ "io", "blockIO", false },
		{ "memory", "memory", false },
		{ "pids", "pids", false },
		{ "hugetlb", "hugepageLimits", true },
		{ "rdma", "rdma", true },
	};
	const char *group = d->rootless ? own_group(d) : ROOT, *file;
	enum layout l = layout(d);
	char available[256] = "";

	if (!d->rootless && !host_exists(d, ROOT "/cgroup.controllers"))
		group = ROOT "/unified";
	file = arena_printf(d->a, "%s/cgroup.controllers", group ? group : ROOT);
	if (host_line(d, file, available, sizeof(available)) < 0 && l == V2)
		available[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		enum doctor_verdict v = kinds[i].minor ? DOCTOR_NOTE : DOCTOR_WARNING;

		if (l != NONE &&
		    has_controller(d, d->rootless && l != V2 ? V2 : l, kinds[i].name, available))
			answer(d, DOCTOR_OK, kinds[i].name, "", "there");
		else if (d->rootless && l == V2 && kinds[i].minor)
			answer(d, v, kinds[i].name, "run such containers as root",
			       "systemd does not delegate it: a config with %s fails",
			       kinds[i].use);
		else if (d->rootless && l == V2)
			answer(d, v, kinds[i].name,
			       "as root: mkdir -p /etc/systemd/system/user@.service.d && printf "
			       "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' "
			       ">/etc/systemd/system/user@.service.d/delegate.conf && systemctl "
			       "daemon-reload; then log in anew",
			       "not delegated to %s: a config with %s fails", d->user,
			       kinds[i].use);
		else
			answer(d, v, kinds[i].name,
			       "boot a kernel that has it, and without cgroup_disable= or "
			       "cgroup_no_v1= for it",
			       "not there: a config with %s fails", kinds[i].use);
	}
}

static void look_systemd(struct doctor *d)
{
	if (!host_exists(d, "/run/systemd/system"))
		answer(d, DOCTOR_NOTE, "",
		       "use --cgroup-manager cgroupfs (podman: cgroup_manager = \"cgroupfs\")",
		       "this host is not run by systemd: --systemd-cgroup does not work");
	else if (!d->rootless && !host_exists(d, "/run/systemd/private") &&
		 !host_exists(d, "/run/dbus/system_bus_socket"))
		answer(d, DOCTOR_WARNING, "", "systemctl start dbus.socket",
		       "systemd runs, but neither /run/systemd/private nor the system bus is "
		       "there");
	else
		ok(d, "it manages this host");
}

static void look_user_bus(struct doctor *d)
{
	const char *dir = d->o->runtime_dir;

	if (!d->rootless || !host_exists(d, "/run/systemd/system")) {
		ok(d, d->rootless ? "not needed without systemd" : "not needed for root");
		return;
	}
	if (!dir || *dir != '/') {
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(
			       d->a,
			       "export XDG_RUNTIME_DIR=/run/user/%u; loginctl enable-linger %s",
			       d->o->uid, d->user),
		       "XDG_RUNTIME_DIR is not set: systemd --user cannot be asked for a scope");
		return;
	}
	if (host_exists(d, arena_printf(d->a, "%s/bus", dir)) ||
	    host_exists(d, arena_printf(d->a, "%s/systemd/private", dir)))
		ok(d, "%s", dir);
	else
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(d->a,
				    "apt-get install dbus-user-session; loginctl enable-linger %s; "
				    "then log in anew",
				    d->user),
		       "neither %s/bus nor %s/systemd/private is there", dir, dir);
}

static const struct doctor_check rows[] = {
	{ .id = "cgroup.layout", .what = "version of the control groups", .look = look_layout },
	{ .id = "cgroup.writable", .what = "a group to make groups in", .look = look_writable },
	{ .id = "cgroup.controller",
	  .what = "controllers the caller can use",
	  .look = look_controllers },
	{ .id = "systemd.manager", .what = "systemd for --systemd-cgroup", .look = look_systemd },
	{ .id = "systemd.user-bus", .what = "the caller's own systemd", .look = look_user_bus },
};

const struct doctor_group doctor_cgroups = { rows, ARRAY_LEN(rows) };
