/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/pidfd: open, check, wait, reap.
 */
#include "sys/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "sys/call.h"
#include "sys/proc.h"

int pidfd_open_checked(pid_t pid, uint64_t start_time)
{
	_cleanup_fd_ int fd = -1;
	struct procfs proc;
	uint64_t now;
	char state;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = sys_pidfd_open(pid, 0);
	if (fd == -EINVAL) /* KERNEL: EINVAL when @pid is not a thread group leader. pidfd_open(2) */
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
	return now == start_time ? fd_take(&fd) : -ESRCH;
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

int pidfd_reap(int pidfd, siginfo_t *ret)
{
	*ret = (siginfo_t){ 0 };
	while (waitid(P_PIDFD, (id_t)pidfd, ret, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}
