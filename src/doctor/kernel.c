/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/kernel: the version and the calls hull cannot do without. Each is tried with arguments
 * that cannot do anything: a kernel that has the call refuses them, one that has it not says
 * ENOSYS.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"
#include "sys/bpf.h"
#include "sys/call.h"
#include "sys/landlock.h"
#include "sys/pidfd.h"

enum { FLOOR_MAJOR = 5, FLOOR_MINOR = 14 };
#define NO_FD (-1)

static void look_version(struct doctor *d)
{
	char release[128];
	unsigned major, minor;

	if (host_line(d, "/proc/sys/kernel/osrelease", release, sizeof(release)) <= 0) {
		answer(d, DOCTOR_FAILURE, "", "mount -t proc proc /proc",
		       "/proc/sys/kernel/osrelease cannot be read");
		return;
	}
	read_version(release, &major, &minor);
	if (major > FLOOR_MAJOR || (major == FLOOR_MAJOR && minor >= FLOOR_MINOR))
		ok(d, "%s", release);
	else
		answer(d, DOCTOR_FAILURE, "",
		       "boot a kernel of version 5.14 or later; `hull explain HULL-GEN-002` says "
		       "more",
		       "%s is older than 5.14", release);
}

static int probe_openat2(void)
{
	return sys_openat2(NO_FD, "x", 0, 0, 0);
}

static int probe_mount_api(void)
{
	struct mount_attr attr = { 0 };
	const int r[] = { sys_fsopen("", ~0u),
			  sys_fsconfig(NO_FD, ~0u, NULL, NULL, 0),
			  sys_fsmount(NO_FD, ~0u, 0),
			  sys_open_tree(NO_FD, "x", 0),
			  sys_move_mount(NO_FD, "x", NO_FD, "x", 0),
			  sys_mount_setattr(NO_FD, "x", 0, &attr) };

	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		if (r[i] == -ENOSYS)
			return r[i];
	return 0;
}

int probe_pidfd(void)
{
	_cleanup_fd_ int fd = sys_pidfd_open(getpid(), 0);

	return fd < 0 ? fd : sys_pidfd_send_signal(fd, 0);
}

/* KERNEL: a flag that no kernel knows is EINVAL before anything is made. clone(2) */
static int probe_clone3(void)
{
	struct clone_args args = { .flags = 1ull << 63 };

	return sys_clone3(&args);
}

/* KERNEL: a descriptor that is none is EBADF for a kernel that knows the flag, EINVAL for one
 * that does not; either comes before the process. Since 5.7. clone(2) */
static int probe_into_cgroup(void)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = 17,
				   .cgroup = INT_MAX };
	int r = sys_clone3(&args);

	if (r == 0)
		_exit(0);
	return r == -EBADF ? 0 : r > 0 ? -EINVAL : r;
}

static int probe_close_range(void)
{
	return sys_close_range(1, 0, 0);
}

static int probe_memfd(void)
{
	_cleanup_fd_ int fd = sys_memfd_create("", 0);

	return fd < 0 ? fd : 0;
}

static int probe_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static int probe_notify(void)
{
	struct seccomp_notif_sizes sizes;

	return sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
}

/* KERNEL: BPF_PROG_TYPE_CGROUP_DEVICE is there with CONFIG_CGROUP_BPF, and cannot be loaded
 * without CAP_BPF or CAP_SYS_ADMIN of the initial user namespace. bpf(2) */
static void look_device_filter(struct doctor *d)
{
	const struct bpf_insn allow[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_fd_ int fd = -1;

	if (d->rootless) {
		ok(d, "not needed: without root there is no filter, and no rights to make devices");
		return;
	}
	fd = bpf_load_device(allow, ARRAY_LEN(allow), "hull_doctor", NULL, 0);
	if (fd >= 0)
		ok(d, "can be loaded");
	else if (fd == -EPERM || fd == -EACCES)
		answer(d, DOCTOR_WARNING, "",
		       "run hull with CAP_BPF (or CAP_SYS_ADMIN) on the host",
		       "%s: on cgroup v2 no container with device rules will run", strerror(-fd));
	else
		answer(d, DOCTOR_WARNING, "",
		       "boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y",
		       "%s: on cgroup v2 no container with device rules will run", strerror(-fd));
}

/* Calls whose refusal proves nothing but that they are there. */
static void look_call(struct doctor *d)
{
	int r = d->check->probe();

	if (r == -ENOSYS)
		answer(d, DOCTOR_FAILURE, "",
		       "boot a kernel that has it; in a container, allow the call in the engine's "
		       "seccomp profile",
		       "the kernel, or a seccomp filter around hull, says that there is no such "
		       "call; hull needs it %s",
		       d->check->need);
	else
		ok(d, "there");
}

/* Calls that must succeed. */
static void look_result(struct doctor *d)
{
	int r = d->check->probe();

	if (r >= 0)
		ok(d, "there");
	else
		answer(d, DOCTOR_WARNING, "",
		       "boot a kernel that has it; in a container, allow the call in the engine's "
		       "seccomp profile",
		       "%s; hull needs it %s", strerror(-r), d->check->need);
}

/* src/plan/landlock.c refuses the annotation below ABI 3. */
static void look_landlock(struct doctor *d)
{
	int r = landlock_abi();

	if (r >= 3)
		ok(d, "ABI %d", r);
	else if (r > 0)
		answer(d, DOCTOR_NOTE, "", "boot Linux 6.2 or later",
		       "ABI %d: the annotation run.hull.landlock is refused, it needs 3", r);
	else
		answer(d, DOCTOR_NOTE, "", "add landlock to the kernel's parameter lsm=",
		       "%s: the annotation run.hull.landlock is refused", strerror(-r));
}

static void look_memfd_noexec(struct doctor *d)
{
	uint64_t v = 0;

	/* KERNEL: 2 refuses every memfd that may be executed. Since 6.3. memfd_create(2) */
	if (host_number(d, "/proc/sys/vm/memfd_noexec", &v) < 0 || v < 2)
		ok(d, "memory files may be executed");
	else
		answer(d, DOCTOR_WARNING, "", "sysctl -w vm.memfd_noexec=1",
		       "vm.memfd_noexec is %u: where the image cannot be moved, hull has no sealed "
		       "copy to run from",
		       (unsigned)v);
}

#define CALL(i, w, fn, use)                                                                        \
	{                                                                                          \
		.id = i, .what = w, .look = look_call, .probe = fn, .need = use                    \
	}
static const struct doctor_check rows[] = {
	{ .id = "kernel.version", .what = "kernel 5.14 or later", .look = look_version },
	CALL("kernel.openat2", "openat2", probe_openat2, "for every name inside a root filesystem"),
	CALL("kernel.mount-api", "fsopen, open_tree, move_mount, mount_setattr", probe_mount_api,
	     "for every mount"),
	CALL("kernel.pidfd", "pidfd_open, pidfd_send_signal", probe_pidfd,
	     "to signal the right process"),
	CALL("kernel.clone3", "clone3", probe_clone3, "to make the container's process"),
	{ .id = "kernel.clone-into-cgroup",
	  .what = "CLONE_INTO_CGROUP",
	  .look = look_result,
	  .probe = probe_into_cgroup,
	  .need = "so that limits hold from the first instruction" },
	CALL("kernel.close-range", "close_range", probe_close_range,
	     "so that no descriptor leaks into a container"),
	CALL("kernel.memfd", "memfd_create", probe_memfd, "for the sealed copy of its own program"),
	{ .id = "kernel.memfd-noexec",
	  .what = "sysctl vm.memfd_noexec",
	  .look = look_memfd_noexec },
	{ .id = "kernel.seccomp",
	  .what = "seccomp filters",
	  .look = look_result,
	  .probe = probe_seccomp,
	  .need = "for linux.seccomp, which engines always send" },
	{ .id = "kernel.seccomp-notify",
	  .what = "seccomp notification",
	  .look = look_result,
	  .probe = probe_notify,
	  .need = "for SCMP_ACT_NOTIFY" },
	{ .id = "kernel.device-filter",
	  .what = "BPF programs for device rules",
	  .look = look_device_filter },
	{ .id = "kernel.landlock", .what = "Landlock", .look = look_landlock },
};

const struct doctor_group doctor_kernel = { rows, ARRAY_LEN(rows) };
