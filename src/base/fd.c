/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd: closing, duplicating and the three standard descriptors.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

void fd_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		*fd = -1;
		errno = saved;
	}
}

int fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int fd_fill_stdio(void)
{
	int fd;

	struct pollfd p[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	/* KERNEL: POLLNVAL is said at once of what is not open, whatever was asked for. poll(2) */
	if (poll(p, 3, 0) >= 0 && !((p[0].revents | p[1].revents | p[2].revents) & POLLNVAL))
		return 0;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -errno;
	} while (fd <= 2);
	close(fd);
	return 0;
}

int fd_dup_above(int fd, int min)
{
	/* raw: musl's fcntl sets FD_CLOEXEC once more */
	int r = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, min);

	return r < 0 ? -errno : r;
}

int fd_set_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_list_low(int first, int ret[FD_LOW])
{
	struct pollfd p[FD_LOW];
	int n = FD_LOW - first, have = 0;

	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = first + i };
	if (poll(p, (nfds_t)n, 0) < 0) /* KERNEL: EINVAL above the limit of open files. poll(2) */
		return -errno;
	for (int i = 0; i < n; i++)
		if (!(p[i].revents & POLLNVAL))
			ret[have++] = first + i;
	return have;
}

int fd_list(int first, int *ret, int max)
{
	char buf[4096] __attribute__((aligned(8)));
	int dir, have = 0;
	long n = sizeof(buf);

	/* raw: musl's open sets FD_CLOEXEC once more */
	dir = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	/* KERNEL: procfs fills the buffer while another entry of the longest name would fit.
	 * proc_readfd_common */
	while (have >= 0 && n > (long)sizeof(buf) - 512 &&
	       (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			unsigned short len;
			uint64_t fd;

			/* linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name. getdents64(2) */
			memcpy(&len, buf + at + 16, sizeof(len));
			if (str_to_u64(buf + at + 19, INT_MAX, &fd) == 0 && (int)fd >= first &&
			    (int)fd != dir) {
				if (have == max) {
					have = -EMFILE;
					break;
				}
				ret[have++] = (int)fd;
			}
			at += len;
		}
	close(dir);
	return n < 0 ? (int)n : have;
}
