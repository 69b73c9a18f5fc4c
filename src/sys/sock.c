/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/sock: unix sockets; long paths by their directory.
 */
#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"

int sock_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

/*
 * KERNEL: sun_path holds 108 bytes, and no call takes a directory's descriptor beside it. So @dirfd
 * is the working directory meanwhile; /proc/self/fd/N is for who has one that he cannot come back
 * to: the first look into /proc/self makes that directory for the process, and its end removes it
 * (30 us). unix(7)
 */
struct place {
	struct sockaddr_un a;
	int back; /* what was the working directory, -1 */
};

static int place_enter(int dirfd, const char *name, struct place *ret)
{
	char *path = ret->a.sun_path;
	int r;

	ret->a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	ret->back = sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	if (ret->back >= 0 && sys_fchdir(dirfd) < 0)
		fd_close(&ret->back);
	if (ret->back >= 0)
		r = str_format(path, sizeof(ret->a.sun_path), "%s", name);
	else
		r = str_format(path, sizeof(ret->a.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	return r;
}

static int place_leave(struct place *p)
{
	int r = p->back >= 0 ? sys_fchdir(p->back) : 0;

	fd_close(&p->back);
	return r;
}

static int connect_to(int type, const struct sockaddr_un *a)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0)
		if (errno != EINTR)
			return -errno;
	return fd_take(&fd);
}

int sock_connect_at(int type, int dirfd, const char *name)
{
	_cleanup_fd_ int fd = -1;
	struct place p;
	int r, back;

	r = place_enter(dirfd, name, &p);
	if (r == 0)
		r = fd = connect_to(type, &p.a);
	back = place_leave(&p);
	return r < 0 ? r : back < 0 ? back : fd_take(&fd);
}

int sock_connect(int type, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_fd_ int dir = -1;
	char parent[4096];
	size_t n;

	if (strlen(path) < sizeof(a.sun_path)) {
		memcpy(a.sun_path, path, strlen(path));
		return connect_to(type, &a);
	}
	n = (size_t)(path_base(path) - path);
	if (n == 0 || n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, n);
	parent[n] = '\0';
	dir = sys_openat(AT_FDCWD, parent, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return fd_take(&dir);
	return sock_connect_at(type, dir, path_base(path));
}

/*
 * KERNEL: a non-blocking connect to a unix socket whose backlog is full says EAGAIN and cannot be
 * polled for. unix(7)
 */
int sock_connect_within(int type, const char *path, uint64_t deadline)
{
	enum { RETRY_MS = 5 };

	for (;;) {
		int fd = sock_connect(type | SOCK_NONBLOCK, path);

		if (fd != -EAGAIN)
			return fd;
		if (io_now() >= deadline)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, RETRY_MS);
	}
}

int sock_new(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int sock_bind_at(int fd, int dirfd, const char *name, mode_t mode)
{
	struct place p;
	mode_t mask;
	int r, back;

	r = place_enter(dirfd, name, &p);
	mask = umask(~mode & 0777);
	if (r == 0 && bind(fd, (const struct sockaddr *)&p.a, sizeof(p.a)) < 0)
		r = -errno;
	umask(mask);
	back = place_leave(&p);
	return r < 0 ? r : back;
}

int sock_listen(int fd)
{
	return listen(fd, 16) < 0 ? -errno : 0;
}

ssize_t sock_send(int fd, const void *buf, size_t n, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * SOCK_MAX_FDS)];
	} c = { 0 };
	struct iovec iov = { (void *)(uintptr_t)buf, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (n_fds > SOCK_MAX_FDS)
		return -E2BIG;
	if (n_fds) {
		m.msg_control = &c;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c.h.cmsg_level = SOL_SOCKET;
		c.h.cmsg_type = SCM_RIGHTS;
		c.h.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&c.h), fds, sizeof(int) * n_fds);
	}
	do
		r = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t sock_recv(int fd, void *buf, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * SOCK_MAX_FDS)];
	} c;
	struct iovec iov = { buf, size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};
	bool bad = false;
	size_t have = 0;
	ssize_t r;

	do
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (have < max_fds) {
				ret_fds[have++] = got;
			} else {
				fd_close(&got);
				bad = true;
			}
		}
	}
	if (bad || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (have)
			fd_close(&ret_fds[--have]);
		return -EBADMSG;
	}
	*ret_n_fds = have;
	return r;
}
