/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/pidfd: open, check, wait, reap.
 */
#include "sys/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "sys/proc.h"

/* @exact: started then, or (a pid that was seen then) at that time at the latest. */
static int open_checked(pid_t pid, uint64_t start_time, bool exact)
{
	_cleanup_fd_ int fd = -1;
	struct procfs proc;
	uint64_t now;
	char state;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = sys_pidfd_open(pid, 0);
	/* KERNEL: EINVAL when @pid is no thread group leader, ENOENT since 6.16. pidfd_open(2) */
	if (fd == -EINVAL || fd == -ENOENT)
		return -ESRCH;
	if (fd < 0)
		return fd_take(&fd);
	if (!start_time)
		return fd_take(&fd);
	r = proc_open_ambient(&proc);
	if (r < 0)
		return r;
	r = proc_start_time(&proc, pid, &now, &state);
	proc_close(&proc);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	return now == start_time || (!exact && now < start_time) ? fd_take(&fd) : -ESRCH;
}

int pidfd_open_checked(pid_t pid, uint64_t start_time)
{
	return open_checked(pid, start_time, true);
}

int pidfd_open_seen(pid_t pid, uint64_t seen)
{
	return open_checked(pid, seen, false);
}

/* One read tells who it is and whether it runs: nothing can come between. */
int pid_alive(pid_t pid, uint64_t start_time, struct procfs *kept)
{
	_cleanup_fd_ int fd = -1;
	struct procfs own = { .fd = -1 }, *proc = kept ? kept : &own;
	uint64_t now;
	char state;
	int r = proc->fd >= 0 ? 0 : proc_open_ambient(proc);

	if (r < 0)
		return r;
	r = proc_start_time(proc, pid, &now, &state);
	proc_close(&own);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? 0 : r;
	if (now != start_time || state == 'X')
		return 0;
	if (state != 'Z')
		return 1;
	/* KERNEL: the first thread may end before the others; it is a zombie then. proc(5) */
	fd = pidfd_open_checked(pid, start_time);
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
