/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd: closing, duplicating and the three standard descriptors.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

	if (fd_is_open(0) && fd_is_open(1) && fd_is_open(2))
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
	int r = fcntl(fd, F_DUPFD_CLOEXEC, min);

	return r < 0 ? -errno : r;
}

int fd_set_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}
