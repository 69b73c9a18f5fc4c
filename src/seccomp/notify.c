/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/notify: hand the notify fd to the seccomp agent at listenerPath. One connection, one
 * container process state, the fd with the first bytes, then closed
 * (config-linux.md#containerprocessstate).
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/io.h"
#include "seccomp/seccomp.h"
#include "sys/sock.h"

/* An agent that does not take the listener in this time is an error, not a reason to hang (faults
 * E11). */
enum { TIMEOUT_MS = 10000, NS_PER_MS = 1000000 };

static int send_all(int fd, const char *p, size_t n, int listener, uint64_t deadline)
{
	size_t n_fds = 1;

	while (n > 0) {
		ssize_t sent = sock_send(fd, p, n, &listener, n_fds);
		int r;

		if (sent > 0) {
			n_fds = 0; /* with the first bytes only */
			p += sent;
			n -= (size_t)sent;
			continue;
		}
		if (sent < 0 && sent != -EAGAIN)
			return (int)sent;
		r = io_wait(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

int seccomp_send_listener(const char *path, const char *state_json, size_t len, int listener,
			  struct err *e)
{
	uint64_t deadline = io_now() + (uint64_t)TIMEOUT_MS * NS_PER_MS;
	_cleanup_fd_ int fd = sock_connect_within(SOCK_STREAM, path, deadline);
	int r;

	if (fd < 0) {
		r = fd_take(&fd);
		return err_at(e,
			      err_sys(e, ERR_SEC_NOTIFY, r,
				      "failed to connect with seccomp agent %s", path),
			      "/linux/seccomp/listenerPath");
	}
	r = send_all(fd, state_json, len, listener, deadline);
	if (r < 0)
		return err_at(e, err_sys(e, ERR_SEC_NOTIFY, r, "send to %s", path),
			      "/linux/seccomp/listenerPath");
	return 0;
}
