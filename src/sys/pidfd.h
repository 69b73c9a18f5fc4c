/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/pidfd: processes by handle. A pid is only a number: it is trusted after the inode of its
 * pidfd, or its start time behind an open pidfd, was compared (rule X7).
 */
#ifndef HULL_SYS_PIDFD_H
#define HULL_SYS_PIDFD_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>

struct procfs;

/*
 * Who a process is, beyond its number. @inode is the one of its pidfd, which no other process of
 * this boot has or will have; 0 where the kernel (before 6.9) or whoever wrote it down knows none:
 * then @start_time says who it is, in clock ticks since boot, or nothing does (both are 0).
 */
struct process_id {
	pid_t pid;
	uint64_t start_time, inode;
};
/* The inode of @pidfd for a process_id, 0 before Linux 6.9; 0 or -errno. */
int pidfd_inode(int pidfd, uint64_t *ret);
/* pidfd of the process that @id means. -ESRCH when it is gone or its number another one's. */
int pidfd_open_checked(const struct process_id *id);
/*
 * The same for a pid that was in use at @seen (proc_now): whoever got the number afterwards started
 * later.
 */
int pidfd_open_seen(pid_t pid, uint64_t seen);
/*
 * The same for who only looks: 1 while the process is alive, 0 when it exited, is gone or another
 * one. @kept: NULL, or a handle (fd -1 at first) that stays open for the next look where there is
 * no inode.
 */
int pid_alive(const struct process_id *id, struct procfs *kept);
/*
 * 1: alive, 0: exited (also as a zombie). KERNEL: a pidfd polls readable once its process exited.
 */
int pidfd_alive(int pidfd);
int pidfd_wait_exit(int pidfd, uint64_t deadline); /* 1 exited, 0 deadline passed, -errno */
/*
 * How a process that is no child of ours ended: *ret as waitpid(2) reports it. Works for a zombie
 * (/proc/PID/stat, needs the right to read it) and, since Linux 6.15, for one that was reaped while
 * @pidfd was open (PIDFD_GET_INFO with PIDFD_INFO_EXIT). -ESRCH when nobody can tell any more,
 * -EAGAIN while it lives.
 */
int pidfd_exit_status(int pidfd, pid_t pid, int *ret);
/*
 * Handle of a namespace of @pidfd's process; -errno (-ENOTTY before Linux 6.11). Unlike a look into
 * /proc/self it makes no directories and links there, which cost 30 us and again as much when the
 * process ends.
 */
enum pidfd_ns { PIDFD_NS_NETWORK = 4, PIDFD_NS_USER = 9 }; /* linux/pidfd.h, PIDFD_GET_* */
int pidfd_namespace(int pidfd, enum pidfd_ns which);
/*
 * waitid(P_PIDFD) of a child, whatever its exit signal is; 0 and *ret as CLD_* codes of siginfo, or
 * -errno.
 */
int pidfd_reap(int pidfd, siginfo_t *ret);

/*
 * Reap children that were cloned without an exit signal and have executed nothing yet, until there
 * are none or @deadline has passed: what a killed intermediate process forked for its parent, which
 * heard nothing of it. KERNEL: execve and a new parent make the exit signal SIGCHLD, so that no
 * other child is meant. waitpid(2), __WCLONE; waitid takes it since 4.7.
 */
void pidfd_reap_clones(uint64_t deadline);

#endif
