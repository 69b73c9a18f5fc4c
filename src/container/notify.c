/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/notify: sd_notify(3) for the program inside. create binds a directory of the entry on
 * /run/notify; start listens in it, passes READY=1 on to the caller's NOTIFY_SOCKET, then says
 * MAINPID and waits for a barrier.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/sock.h"

enum { NOTIFY_MAX = 4096 };

static const char *host_socket(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && *path ? path : NULL;
}

bool notify_wanted(const struct spec *s)
{
	return host_socket() && s->process.set;
}

void notify_add(struct ctx *c, const char *id, struct spec *s)
{
	struct spec_mount *m;
	char **v;

	m = arena_new_array(&c->a, s->n_mounts + 1, struct spec_mount);
	if (s->n_mounts)
		memcpy(m, s->mounts, s->n_mounts * sizeof(*m));
	v = arena_new_array(&c->a, 3, char *);
	v[0] = arena_strdup(&c->a, "bind");
	v[1] = arena_strdup(&c->a, "nosuid");
	m[s->n_mounts++] = (struct spec_mount){
		.destination = PLAN_NOTIFY_DIR,
		.source = arena_printf(&c->a, "%s/%s/notify", c->root, id),
		.type = "bind",
		.options = { v, 2 },
	};
	s->mounts = m;
}

int notify_prepare(struct entry *en, struct record *rec, struct err *e)
{
	int r;

	if (!host_socket() || !rec->has_process)
		return 0;
	rec->notify = true;
	r = sys_mkdirat(en->dir, "notify", 0755);
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "make the notify directory") : 0;
}

static int connect_host(struct err *e)
{
	const char *path = host_socket();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1;
	size_t n = strlen(path);

	if (path[0] != '@') {
		fd = sock_connect(SOCK_DGRAM, path);
		if (fd < 0)
			return err_sys(e, ERR_CLI_FILE, fd, "connect to NOTIFY_SOCKET %s", path);
		return fd_take(&fd);
	}
	if (n >= sizeof(a.sun_path))
		return err_set(e, ERR_CLI_FILE, ENAMETOOLONG, "NOTIFY_SOCKET %s", path);
	memcpy(a.sun_path + 1, path + 1, n - 1); /* '@' stands for the NUL of an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return err_sys(e, ERR_CLI_FILE, -errno, "connect to NOTIFY_SOCKET %s", path);
	return fd_take(&fd);
}

int notify_listen(struct subject *s, struct notify *ret, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	int r;

	if (!s->rec.notify || !host_socket())
		return 0;
	ret->host = connect_host(e);
	if (ret->host < 0)
		return ret->host;
	dir = sys_openat(s->en.dir, "notify", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0)
		return err_sys(e, ERR_STA_READ, dir, "open the notify directory");
	r = ret->sock = sock_new(SOCK_DGRAM);
	if (r >= 0)
		r = sock_bind_at(ret->sock, dir, "notify.sock", 0777);
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "make the notify socket") : 0;
}

void notify_close(struct notify *n)
{
	fd_close(&n->sock);
	fd_close(&n->host);
}

/* Is "READY=1" a line of the datagram? */
static bool says_ready(const char *text)
{
	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (str_starts(p, "READY=1") && (p[7] == '\n' || p[7] == '\0'))
			return true;
	return false;
}

/* SECURITY, faults E10: only READY is passed on; descriptors are closed; a datagram is bounded. */
int notify_take(struct notify *n, const struct record *rec, struct err *e)
{
	char buf[NOTIFY_MAX + 1];
	int fds[SOCK_MAX_FDS];
	size_t n_fds = 0;
	ssize_t len = sock_recv(n->sock, buf, NOTIFY_MAX, fds, SOCK_MAX_FDS, &n_fds);

	while (n_fds)
		fd_close(&fds[--n_fds]);
	if (len < 0)
		return 0;
	buf[len] = '\0';
	if (!says_ready(buf))
		return 0;
	str_format(buf, sizeof(buf), "MAINPID=%llu", (unsigned long long)rec->pid);
	if (sock_send(n->host, "READY=1", 7, NULL, 0) < 0 ||
	    sock_send(n->host, buf, strlen(buf), NULL, 0) < 0)
		return err_set(e, ERR_CLI_FILE, EPIPE, "write to NOTIFY_SOCKET");
	return 1;
}

/*
 * sd_notify_barrier(3): the manager closes its end of the pipe once it has read everything before.
 */
static void barrier(int host)
{
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return;
	if (sock_send(host, "BARRIER=1", 9, &pipe_fd[1], 1) > 0) {
		fd_close(&pipe_fd[1]);
		io_wait(pipe_fd[0], POLLHUP, io_now() + SECONDS(30));
	}
	fd_close(&pipe_fd[0]);
	fd_close(&pipe_fd[1]);
}

int notify_wait(struct notify *n, const struct record *rec, int pidfd, int signals, struct err *e)
{
	struct pollfd p[] = { { .fd = n->sock, .events = POLLIN },
			      { .fd = pidfd, .events = POLLIN },
			      { .fd = signals, .events = POLLIN } };
	int r = 0, sig;

	while (n->sock >= 0 && r == 0) {
		if (poll(p, ARRAY_LEN(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, ERR_GEN_SYS, -errno, "wait for READY=1");
		}
		if (p[0].revents)
			r = notify_take(n, rec, e);
		else if (p[1].revents)
			return err_set(e, ERR_PRO_DIED, 0,
				       "the program ended before it said READY=1");
		else if ((sig = sys_signal_next(signals)))
			return err_set(e, ERR_GEN_INTERRUPTED, EINTR, "wait for READY=1: %s",
				       strsignal(sig));
	}
	if (r == 1)
		barrier(n->host);
	return MIN(r, 0);
}
