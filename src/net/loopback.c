/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/loopback: "lo" of a new network namespace up.
 */
#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "net/net.h"

int net_loopback_up(struct err *e)
{
	/* KERNEL: interface ioctls work on a socket of any family; this one needs no IPv4 or IPv6.
	 * Flags that are not for users to change (IFF_LOOPBACK) stay. The kernel adds 127.0.0.1 and
	 * ::1 by itself. netdevice(7). */
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, ERR_NET_LOOPBACK, -errno, "socket");
	if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return err_sys(e, ERR_NET_LOOPBACK, -errno, "bring lo up");
	return 0;
}
