/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/call: one function per system call. libc's errno convention ends here.
 */
#include "sys/call.h"

#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static long ret(long r)
{
	return r < 0 ? -errno : r;
}

enum { SHARED_STACK = 32768 }; /* of the parent of sys_clone_sharing */

#define CALL(...) ((int)ret(syscall(__VA_ARGS__)))

int sys_clone3(struct clone_args *args)
{
	return CALL(SYS_clone3, args, sizeof(*args));
}

int sys_clone_sharing(uint64_t flags, int (*fn)(void *), void *arg)
{
	uintptr_t below = (uintptr_t)__builtin_frame_address(0) - SHARED_STACK;
	int r = clone(fn, (char *)(below & ~(uintptr_t)15), CLONE_VM | (int)flags, arg);

	return r < 0 ? -errno : r;
}

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };

	return CALL(SYS_openat2, dirfd, path, &how, sizeof(how));
}

int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return CALL(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC);
}

int sys_open_tree_attr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr)
{
	static bool absent;
	int fd = absent ? -ENOSYS
			: CALL(SYS_open_tree_attr, dirfd, path, flags | OPEN_TREE_CLOEXEC, attr,
			       sizeof(*attr));

	absent |= fd == -ENOSYS;
	return fd;
}

int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return CALL(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

int sys_fsopen(const char *fstype, unsigned flags)
{
	return CALL(SYS_fsopen, fstype, flags | FSOPEN_CLOEXEC);
}

int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return CALL(SYS_fsconfig, fd, cmd, key, value, aux);
}

int sys_fsmount(int fd, unsigned flags, unsigned attr)
{
	return CALL(SYS_fsmount, fd, flags | FSMOUNT_CLOEXEC, attr);
}

int sys_fspick(int dirfd, const char *path, unsigned flags)
{
	return CALL(SYS_fspick, dirfd, path, flags | FSPICK_CLOEXEC);
}

int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr)
{
	return CALL(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return CALL(SYS_pivot_root, new_root, put_old);
}

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags,
	      const void *data)
{
	return CALL(SYS_mount, source, target, type, flags, data);
}

int sys_umount2(const char *target, int flags)
{
	return CALL(SYS_umount2, target, flags);
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return CALL(SYS_pidfd_open, pid, flags);
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return CALL(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return CALL(SYS_close_range, first, last, flags);
}

int sys_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *st)
{
	return CALL(SYS_statx, dirfd, path, flags, mask, st);
}

int sys_setns(int fd, int flags)
{
	return CALL(SYS_setns, fd, flags);
}

int sys_unshare(int flags)
{
	return CALL(SYS_unshare, flags);
}

int sys_memfd_create(const char *name, unsigned flags)
{
	return CALL(SYS_memfd_create, name, flags);
}

int sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return CALL(SYS_execveat, fd, path, argv, envp, flags);
}

int sys_execve(const char *path, char *const argv[], char *const envp[])
{
	return CALL(SYS_execve, path, argv, envp);
}

int sys_bpf(int cmd, void *attr, unsigned size)
{
	return CALL(SYS_bpf, cmd, attr, size);
}

int sys_seccomp(unsigned op, unsigned flags, void *args)
{
	return CALL(SYS_seccomp, op, flags, args);
}

int sys_keyctl(int cmd, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return CALL(SYS_keyctl, cmd, a, b, c, d);
}

int sys_setresuid(uid_t r, uid_t e, uid_t s)
{
	return CALL(SYS_setresuid, r, e, s);
}

int sys_setresgid(gid_t r, gid_t e, gid_t s)
{
	return CALL(SYS_setresgid, r, e, s);
}

int sys_setgroups(size_t n, const gid_t *groups)
{
	return CALL(SYS_setgroups, n, groups);
}

int sys_capget(int pid, uint64_t *ret_effective, uint64_t *ret_permitted, uint64_t *ret_inheritable)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = pid };
	struct __user_cap_data_struct d[2] = { 0 };
	int r = CALL(SYS_capget, &h, d);

	if (r < 0)
		return r;
	*ret_effective = d[0].effective | (uint64_t)d[1].effective << 32;
	*ret_permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	*ret_inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return CALL(SYS_capset, &h, d);
}

int sys_prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return CALL(SYS_prctl, op, a, b, c, d);
}

ssize_t sys_getcwd(char *buf, size_t size)
{
	return ret(syscall(SYS_getcwd, buf, size));
}

int sys_mkdirat(int dirfd, const char *name, mode_t mode)
{
	return CALL(SYS_mkdirat, dirfd, name, mode);
}

int sys_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev)
{
	return (int)ret(mknodat(dirfd, name, mode, dev));
}

int sys_symlinkat(const char *target, int dirfd, const char *name)
{
	return CALL(SYS_symlinkat, target, dirfd, name);
}

int sys_unlinkat(int dirfd, const char *name, int flags)
{
	return CALL(SYS_unlinkat, dirfd, name, flags);
}

void sys_signals_default(void)
{
#ifdef __mips__
	enum { LAST = 128 };
#else
	enum { LAST = 64 };
#endif
	/*
	 * The kernel's own struct: a handler of 0 is SIG_DFL; flags, restorer and mask are empty.
	 */
	unsigned long action[8] = { 0 };

	for (int sig = 1; sig <= LAST; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)CALL(SYS_rt_sigaction, sig, action, NULL, LAST / 8);
}

int sys_signal_next(int signalfd)
{
	struct signalfd_siginfo si;
	struct sigaction now;

	while (read(signalfd, &si, sizeof(si)) == sizeof(si))
		if (sigaction((int)si.ssi_signo, NULL, &now) < 0 || now.sa_handler != SIG_IGN)
			return (int)si.ssi_signo;
	return 0;
}

int sys_mprotect(void *at, size_t len, int prot)
{
	return CALL(SYS_mprotect, at, len, prot);
}

int sys_fchdir(int fd)
{
	return CALL(SYS_fchdir, fd);
}

int sys_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	return CALL(SYS_openat, dirfd, name, flags | O_CLOEXEC, mode);
}

int sys_fchownat(int dirfd, const char *name, uid_t uid, gid_t gid, int flags)
{
	return CALL(SYS_fchownat, dirfd, name, uid, gid, flags);
}

ssize_t sys_readlinkat(int dirfd, const char *name, char *buf, size_t size)
{
	long n = ret(syscall(SYS_readlinkat, dirfd, name, buf, size));

	if (n < 0)
		return n;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return n;
}

long sys_fs_magic(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) < 0 ? -errno : (long)st.f_type;
}

int sys_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return CALL(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

ssize_t sys_getdents64(int fd, void *buf, size_t size)
{
	return ret(syscall(SYS_getdents64, fd, buf, size));
}

int sys_prlimit(pid_t pid, int resource, const struct rlimit_pair *set, struct rlimit_pair *ret_old)
{
	return CALL(SYS_prlimit64, pid, resource, set, ret_old);
}
