/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/namespace: a network namespace that is made for somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net.h"
#include "sys/call.h"
#include "sys/pidfd.h"

/* @self: a pidfd of this process. */
static int open_own(int self)
{
	int fd = pidfd_namespace(self, PIDFD_NS_NETWORK);

	return fd >= 0 ? fd : sys_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
}

int net_namespace_enter(int *ret_own, int *ret_new)
{
	_cleanup_fd_ int self = sys_pidfd_open(getpid(), 0);
	_cleanup_fd_ int own = open_own(self);
	int r = own, made;

	/*
	 * KERNEL: the way back asks for CAP_SYS_ADMIN in the user namespace that the old one
	 * belongs to, which need not be the caller's. setns(2). Without it, stay.
	 */
	if (r >= 0)
		r = sys_setns(own, CLONE_NEWNET);
	if (r == 0)
		r = sys_unshare(CLONE_NEWNET);
	if (r < 0)
		return r;
	made = open_own(self);
	if (made < 0) {
		r = sys_setns(own, CLONE_NEWNET);
		return r < 0 ? r : made;
	}
	*ret_own = fd_take(&own);
	*ret_new = made;
	return 0;
}

int net_namespace_leave(int own, struct err *e)
{
	int r = sys_setns(own, CLONE_NEWNET);

	return r < 0 ? err_sys(e, ERR_NSP_JOIN, r, "return to the network namespace of the caller")
		     : 0;
}
