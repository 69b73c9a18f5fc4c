/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/process: joins the namespaces of a process that is named by its pidfd (rule X7). Hides which
 * of them are its own and what the pid namespace is special about.
 */
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "ns/internal.h"
#include "sys/call.h"

int ns_differing(pid_t pid, uint64_t among, uint64_t *ret)
{
	uint64_t flags = 0;

	for (int k = 0; k < NS_KINDS; k++) {
		const struct ns_kind *kind = ns_kind(k);
		char path[48], own[48], theirs[48];
		ssize_t n;

		if (!(among & kind->flag))
			continue;
		str_format(path, sizeof(path), "/proc/self/ns/%s", kind->file);
		n = sys_readlinkat(AT_FDCWD, path, own, sizeof(own));
		if (n == -ENOENT) /* a kernel without this kind */
			continue;
		if (n >= 0) {
			str_format(path, sizeof(path), "/proc/%d/ns/%s", pid, kind->file);
			n = sys_readlinkat(AT_FDCWD, path, theirs, sizeof(theirs));
		}
		if (n < 0)
			return (int)n;
		if (!streq(own, theirs))
			flags |= kind->flag;
	}
	*ret = flags;
	return 0;
}

int ns_join_process(int pidfd, uint64_t flags, struct err *e)
{
	/*
	 * KERNEL: all or none, in the right order, with the rights of the moment before. Since 5.8.
	 * setns(2)
	 */
	int r = sys_setns(pidfd, (int)flags);

	if (r == -EPERM)
		return err_sys(e, ERR_NSP_JOIN, r,
			       "join the namespaces of the container: needs CAP_SYS_ADMIN in the "
			       "user namespaces they are of");
	return r < 0 ? err_sys(e, ERR_NSP_JOIN, r, "join the namespaces of the container") : 0;
}

int ns_children_enter(int pidfd, int *ret_back, struct err *e)
{
	_cleanup_fd_ int own = ns_open_own(NS_PID, e);
	int r;

	if (own < 0)
		return fd_take(&own);
	/* KERNEL: the pid namespace of later children, never the caller's own. setns(2) */
	r = sys_setns(pidfd, CLONE_NEWPID);
	if (r < 0)
		return err_sys(e, ERR_NSP_JOIN, r, "join the pid namespace of the container");
	*ret_back = fd_take(&own);
	return 0;
}

int ns_children_leave(int *back, struct err *e)
{
	int r = *back < 0 ? 0 : sys_setns(*back, CLONE_NEWPID);

	fd_close(back);
	return r < 0 ? err_sys(e, ERR_NSP_JOIN, r, "return to the runtime's own pid namespace") : 0;
}
