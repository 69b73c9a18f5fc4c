/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd: ownership of file descriptors. -1 is "none"; a closed variable is -1 again; a function
 * that keeps an fd it is given ends in _take.
 */
#ifndef HULL_BASE_FD_H
#define HULL_BASE_FD_H

#include <stdbool.h>

#include "base/macro.h"

/* Close if open, set to -1, keep errno. For _cleanup_(fd_close). */
void fd_close(int *fd);
#define _cleanup_fd_ _cleanup_(fd_close)

static inline int fd_take(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/*
 * Make sure that fds 0, 1 and 2 are open (on /dev/null), so that none of ours lands there. Faults
 * E9.
 */
int fd_fill_stdio(void);
/* Numbers of all open descriptors from @first on, at most @max of them; the count or -errno. */
int fd_list(int first, int *ret, int max);
/*
 * Those from @first to below FD_LOW alone, by one call: the count or -errno (-EINVAL where fewer
 * may be open). Unlike fd_list it makes no directories and links in procfs for this process, which
 * cost 60 us there and back. KERNEL: poll(2) takes one of O_PATH for closed, as fget does.
 */
enum { FD_LOW = 256 };
int fd_list_low(int first, int ret[FD_LOW]);

/* dup with CLOEXEC to a number of at least @min. -errno. */
int fd_dup_above(int fd, int min);
int fd_set_cloexec(int fd, int on);
/* Is @fd open? */
int fd_is_open(int fd);

#endif
