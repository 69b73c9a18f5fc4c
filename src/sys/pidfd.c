/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/pidfd: open, check, wait, reap.
 */
#include "sys/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/abi.h"
#include "sys/call.h"
#include "sys/proc.h"

/* A pidfd; -ESRCH when there is no such process. */
static int open_pid(pid_t pid)
{
	int fd = pid > 0 ? sys_pidfd_open(pid, 0) : -ESRCH;

	/* KERNEL: EINVAL when @pid is no thread group leader, ENOENT since 6.16. pidfd_open(2) */
	return fd == -EINVAL || fd == -ENOENT ? -ESRCH : fd;
}

/* When the process behind an open pidfd started. */
static int started_at(pid_t pid, uint64_t *ret)
{
	struct procfs proc;
	char state;
	int r = proc_open_ambient(&proc);

	if (r < 0)
		return r;
	r = proc_start_time(&proc, pid, ret, &state);
	proc_close(&proc);
	return r == -ENOENT ? -ESRCH : r;
}

/* KERNEL: where inodes have 32 bits a number comes again. fs/pidfs.c */
static int inode_of(int fd, uint64_t *ret)
{
	struct stat st;

	if (sizeof(st.st_ino) < sizeof(*ret))
		return -ENOTTY;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int pidfd_inode(int pidfd, uint64_t *ret)
{
	long magic = sys_fs_magic(pidfd);
	int r = magic < 0 ? (int)magic : magic == HULL_PIDFS_MAGIC ? inode_of(pidfd, ret) : -ENOTTY;

	if (r == -ENOTTY)
		*ret = 0;
	return r == -ENOTTY ? 0 : r;
}

int pidfd_open_checked(const struct process_id *id)
{
	_cleanup_fd_ int fd = open_pid(id->pid);
	uint64_t now = 0, known = id->inode ? id->inode : id->start_time;
	int r = 0;

	if (fd < 0 || !known)
		return fd_take(&fd);
	r = id->inode ? inode_of(fd, &now) : started_at(id->pid, &now);
	return r < 0 ? r : now == known ? fd_take(&fd) : -ESRCH;
}

int pidfd_open_seen(pid_t pid, uint64_t seen)
{
	_cleanup_fd_ int fd = open_pid(pid);
	uint64_t now = 0;
	int r = fd < 0 ? 0 : started_at(pid, &now);

	return r < 0 ? r : now <= seen ? fd_take(&fd) : -ESRCH;
}

/* Without an inode: one read tells who it is and whether it runs, nothing can come between. */
static int runs_since(const struct process_id *id, struct procfs *kept)
{
	struct procfs own = { .fd = -1 }, *proc = kept ? kept : &own;
	uint64_t now;
	char state;
	int r = proc->fd >= 0 ? 0 : proc_open_ambient(proc);

	if (r < 0)
		return r;
	r = proc_start_time(proc, id->pid, &now, &state);
	proc_close(&own);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? 0 : r;
	if (now != id->start_time || state == 'X')
		return 0;
	/* KERNEL: the first thread may end before the others; it is a zombie then. proc(5) */
	return state == 'Z' ? -EAGAIN : 1;
}

int pid_alive(const struct process_id *id, struct procfs *kept)
{
	_cleanup_fd_ int fd = -1;
	int r = id->inode ? -EAGAIN : runs_since(id, kept);

	if (r != -EAGAIN)
		return r;
	fd = pidfd_open_checked(id);
	return fd >= 0 ? pidfd_alive(fd) : fd == -ESRCH ? 0 : fd;
}

int pidfd_alive(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

int pidfd_wait_exit(int pidfd, uint64_t deadline)
{
	int r = io_wait(pidfd, POLLIN, deadline);

	return r < 0 ? r : r > 0;
}

/* linux/pidfd.h, since 6.13 (64 bytes); PIDFD_INFO_EXIT since 6.15. */
struct hull_pidfd_info {
	uint64_t mask, cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};
#define HULL_PIDFD_GET_INFO _IOWR(0xFF, 11, struct hull_pidfd_info)
#define HULL_PIDFD_INFO_EXIT (1u << 3)

/* Field 52 of stat, the exit code of a zombie. proc_pid_stat(5) */
static int zombie_status(pid_t pid, int *ret)
{
	struct procfs proc;
	char path[32], buf[1024], *p;
	uint64_t v;
	ssize_t n;
	int r;

	r = proc_open_ambient(&proc);
	if (r < 0)
		return r;
	str_format(path, sizeof(path), "%d/stat", pid);
	n = proc_read(&proc, path, buf, sizeof(buf));
	proc_close(&proc);
	if (n < 0)
		return (int)n;
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ' || p[2] != 'Z')
		return -ESRCH;
	p = strrchr(p, ' ');
	r = str_to_u64(p + 1, UINT16_MAX, &v);
	if (r == 0)
		*ret = (int)v;
	return r;
}

int pidfd_exit_status(int pidfd, pid_t pid, int *ret)
{
	struct hull_pidfd_info info = { .mask = HULL_PIDFD_INFO_EXIT };

	if (pidfd_alive(pidfd))
		return -EAGAIN;
	if (zombie_status(pid, ret) == 0)
		return 0;
	if (ioctl(pidfd, HULL_PIDFD_GET_INFO, &info) < 0 || !(info.mask & HULL_PIDFD_INFO_EXIT))
		return -ESRCH;
	*ret = info.exit_code;
	return 0;
}

int pidfd_reap(int pidfd, siginfo_t *ret)
{
	*ret = (siginfo_t){ 0 };
	while (waitid(P_PIDFD, (id_t)pidfd, ret, WEXITED | __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void pidfd_reap_clones(uint64_t deadline)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (;;) {
		siginfo_t end = { 0 };

		if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | __WCLONE) < 0)
			return; /* ECHILD */
		if (end.si_pid)
			continue;
		if (io_now() >= deadline)
			return;
		nanosleep(&pause, NULL);
	}
}

int pidfd_namespace(int pidfd, enum pidfd_ns which)
{
	int fd = pidfd < 0 ? pidfd : ioctl(pidfd, _IO(0xFF, which), 0);

	return fd < 0 && pidfd >= 0 ? -errno : fd;
}
