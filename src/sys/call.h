/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/call: raw system calls, one wrapper each: the result, or -errno. No policy, no message, no
 * retry but EINTR where the call did nothing. Ids are set by raw calls (no libc signalling of other
 * threads). hull has one thread: init is a copy of it, and of every lock that another would hold
 * (tools/check-binary).
 */
#ifndef HULL_SYS_CALL_H
#define HULL_SYS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/abi.h"

/* Rule B1: relocated constants become read-only. Once, first of all. -errno. */
int sys_protect_relocated(void);
/* clone3(2): 0 in the child. The struct is passed at its full, zeroed size (rule G5). */
int sys_clone3(struct clone_args *args);
/*
 * clone(2) with CLONE_VM: both go on in the same memory, the child with @fn(@arg) on the same stack
 * below what the caller may use until it ends, which it should do at once. The pid, or -errno.
 */
int sys_clone_sharing(uint64_t flags, int (*fn)(void *), void *arg);
int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dirfd, const char *path, unsigned flags);
/* open_tree and mount_setattr in one, since 6.15: AT_RECURSIVE means both. */
int sys_open_tree_attr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int sys_fsopen(const char *fstype, unsigned flags);
int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fd, unsigned flags, unsigned attr);
int sys_fspick(int dirfd, const char *path, unsigned flags);
int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags,
	      const void *data);
int sys_umount2(const char *target, int flags);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret);
int sys_setns(int fd, int flags);
int sys_unshare(int flags);
int sys_memfd_create(const char *name, unsigned flags);
int sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags);
int sys_execve(const char *path, char *const argv[], char *const envp[]);
int sys_bpf(int cmd, void *attr, unsigned size);
int sys_seccomp(unsigned op, unsigned flags, void *args);
int sys_keyctl(int cmd, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int sys_setresuid(uid_t r, uid_t e, uid_t s);
int sys_setresgid(gid_t r, gid_t e, gid_t s);
int sys_setgroups(size_t n, const gid_t *groups);
int sys_capget(int pid, uint64_t *ret_effective, uint64_t *ret_permitted,
	       uint64_t *ret_inheritable);
int sys_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int sys_prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
ssize_t sys_getcwd(char *buf, size_t size); /* the raw call: "(unreachable)" is visible, rule X4 */
int sys_mkdirat(int dirfd, const char *name, mode_t mode);
int sys_mknodat(int dirfd, const char *name, mode_t mode, dev_t dev);
int sys_symlinkat(const char *target, int dirfd, const char *name);
int sys_unlinkat(int dirfd, const char *name, int flags);
/*
 * Every signal back to its default. KERNEL: what is ignored stays ignored over execve, and
 * CLONE_CLEAR_SIGHAND leaves it too (signal(7), clone(2)); libc's signal() refuses the two signals
 * it keeps for itself.
 */
void sys_signals_default(void);
/*
 * The next signal that waits in a signalfd(2), 0: none. One that the caller ignores is dropped.
 * KERNEL: what is blocked is queued even when it is ignored, as that may change. signal.c,
 * sig_ignored
 */
int sys_signal_next(int signalfd);
int sys_fchdir(int fd);
int sys_mprotect(void *at, size_t len, int prot);
int sys_openat(int dirfd, const char *name, int flags, mode_t mode); /* O_CLOEXEC is added */
int sys_fchownat(int dirfd, const char *name, uid_t uid, gid_t gid, int flags);
/* NUL terminated; -ENAMETOOLONG */
ssize_t sys_readlinkat(int dirfd, const char *name, char *buf, size_t size);
int sys_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
ssize_t sys_getdents64(int fd, void *buf, size_t size);
/* prlimit64(2); @set and @ret_old may be NULL. */
struct rlimit_pair {
	uint64_t soft, hard;
};
int sys_prlimit(pid_t pid, int resource, const struct rlimit_pair *set,
		struct rlimit_pair *ret_old);
long sys_fs_magic(int fd); /* fstatfs f_type, or -errno */

#endif
