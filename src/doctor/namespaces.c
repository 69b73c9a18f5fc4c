/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/namespaces: which kinds the kernel has, how many may be made and by whom, and on which
 * file systems the owners of files can be mapped.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"
#include "ns/ns.h"
#include "sys/abi.h"
#include "sys/call.h"

static void look_kinds(struct doctor *d)
{
	/* name in /proc/PID/ns, name in /proc/sys/user, kernel option */
	static const char *const kinds[][3] = {
		{ "cgroup", "cgroup", "CGROUPS" }, { "ipc", "ipc", "IPC_NS" },
		{ "mnt", "mnt", "NAMESPACES" },	   { "net", "net", "NET_NS" },
		{ "pid", "pid", "PID_NS" },	   { "time", "time", "TIME_NS" },
		{ "user", "user", "USER_NS" },	   { "uts", "uts", "UTS_NS" },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *sysctl =
			arena_printf(d->a, "/proc/sys/user/max_%s_namespaces", kinds[i][1]);
		uint64_t max = 1;

		if (!host_exists(d, arena_printf(d->a, "/proc/self/ns/%s", kinds[i][0])))
			answer(d, streq(kinds[i][0], "time") ? DOCTOR_WARNING : DOCTOR_FAILURE,
			       kinds[i][0],
			       arena_printf(d->a, "boot a kernel with CONFIG_%s=y", kinds[i][2]),
			       "the kernel has no %s namespaces", kinds[i][0]);
		else if (host_number(d, sysctl, &max) == 0 && max == 0)
			answer(d,
			       streq(kinds[i][0], "user") && !d->rootless ? DOCTOR_WARNING
									  : DOCTOR_FAILURE,
			       kinds[i][0],
			       arena_printf(d->a, "sysctl -w user.max_%s_namespaces=15000",
					    kinds[i][1]),
			       "user.max_%s_namespaces is 0", kinds[i][1]);
		else
			answer(d, DOCTOR_OK, kinds[i][0], "", "there");
	}
}

/* The three locks that distributions put on user namespaces of unprivileged callers. */
static void look_unprivileged(struct doctor *d)
{
	const enum doctor_verdict bad = d->rootless ? DOCTOR_FAILURE : DOCTOR_NOTE;
	uint64_t v;

	if (host_number(d, "/proc/sys/kernel/unprivileged_userns_clone", &v) == 0 && v == 0)
		answer(d, bad, "", "sysctl -w kernel.unprivileged_userns_clone=1",
		       "kernel.unprivileged_userns_clone is 0: only root makes user namespaces");
	else if (host_number(d, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", &v) ==
			 0 &&
		 v)
		answer(d, bad, "",
		       "give hull and the engine an AppArmor profile with `userns,`, or sysctl -w "
		       "kernel.apparmor_restrict_unprivileged_userns=0",
		       "AppArmor takes all rights from user namespaces of programs without a "
		       "profile");
	else if (host_number(d, "/proc/sys/user/max_user_namespaces", &v) == 0 && v < 100)
		answer(d, bad, "", "sysctl -w user.max_user_namespaces=15000",
		       "user.max_user_namespaces is %u", (unsigned)v);
	else
		ok(d, "allowed");
}

/* 0 when owners below @dir can be mapped with @userns. Nothing is attached anywhere. */
static int try_idmap(int dir, int userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	_cleanup_fd_ int tree =
		sys_open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	return tree < 0 ? tree : sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
}

/* Where engines keep images and volumes. */
static const char places[][20] = {
	"/",
	"/home",
	"/srv",
	"/tmp",
	"/var/lib/containers",
	"/var/lib/containerd",
	"/var/lib/docker",
};

static void look_idmap(struct doctor *d)
{
	struct spec_idmap one = { .container_id = 0, .host_id = 100000, .size = 65536 };
	const struct spec_idmaps map = { .v = &one, .n = 1 };
	struct err why = { 0 };
	_cleanup_fd_ int userns = -1;

	if (d->rootless) {
		answer(d, DOCTOR_NOTE, "", "run `hull doctor` as root",
		       "only root maps the owners of files of the host; not tried");
		return;
	}
	if (probe_pidfd() < 0) { /* nothing that is made could be ended again */
		answer(d, DOCTOR_WARNING, "", "see kernel.pidfd", "not tried without pidfds");
		return;
	}
	userns = ns_userns_fd(&map, &map, &why);
	if (userns < 0) {
		answer(d, DOCTOR_WARNING, "", "see namespaces above",
		       "no user namespace to try with: %s: %s", why.msg, strerror(why.code));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		_cleanup_fd_ int dir = host_open(d, places[i], O_PATH | O_DIRECTORY);
		int r = dir < 0 ? dir : try_idmap(dir, userns);

		if (dir < 0)
			continue;
		if (r == 0)
			answer(d, DOCTOR_OK, places[i], "", "owners can be mapped");
		else if (r == -EINVAL)
			answer(d, DOCTOR_WARNING, places[i],
			       "keep images and volumes for containers with user namespaces on "
			       "ext4, xfs, btrfs or tmpfs",
			       "its file system does not support id-mapped mounts");
		else
			answer(d, DOCTOR_WARNING, places[i],
			       "run hull with CAP_SYS_ADMIN in the initial user namespace",
			       "mapping was refused: %s", strerror(-r));
	}
}

static const struct doctor_check rows[] = {
	{ .id = "namespace.kind", .what = "namespaces of each kind", .look = look_kinds },
	{ .id = "namespace.unprivileged",
	  .what = "user namespaces for unprivileged callers",
	  .look = look_unprivileged },
	{ .id = "mount.idmap",
	  .what = "id-mapped mounts where images and volumes are",
	  .look = look_idmap },
};

const struct doctor_group doctor_namespaces = { rows, ARRAY_LEN(rows) };
