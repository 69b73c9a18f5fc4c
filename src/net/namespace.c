/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/namespace: a network namespace for somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/fd.h"
#include "net/net.h"
#include "sys/call.h"

int net_namespace_new(bool loopback, int *ret, struct err *e)
{
	_cleanup_fd_ int own = sys_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0), made = -1;
	struct err why = { 0 };
	int r;

	*ret = -1;
	if (own < 0 || sys_unshare(CLONE_NEWNET) < 0)
		return 0;
	if (!loopback || net_loopback_up(&why) == 0)
		made = sys_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
	r = sys_setns(own, CLONE_NEWNET);
	if (r < 0)
		return err_sys(e, ERR_NSP_JOIN, r, "return to the network namespace of the caller");
	if (made >= 0)
		*ret = fd_take(&made);
	return 0;
}
