/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/dbus: the connection: authentication, one call at a time, the signal that ends a
 * job.
 */
#include "cgroup/systemd/dbus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"

#define SYSTEMD "org.freedesktop.systemd1"

static int wait_for(struct dbus *b, short events, uint64_t deadline)
{
	int r = io_wait(b->fd, events, deadline);

	return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

static int send_all(struct dbus *b, const void *p, size_t n, uint64_t deadline)
{
	const char *s = p;

	while (n) {
		ssize_t r = send(b->fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r > 0) {
			s += r;
			n -= (size_t)r;
		} else if (r < 0 && errno == EAGAIN) {
			int w = wait_for(b, POLLOUT, deadline);

			if (w < 0)
				return w;
		} else if (r < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* More bytes into the buffer, which has room for @room in all. */
static int receive(struct dbus *b, size_t room, uint64_t deadline)
{
	ssize_t r;

	if (room > b->cap) {
		size_t cap = MAX(room, b->cap * 2 + 4096);
		uint8_t *v = arena_alloc(b->a, cap);

		if (b->n)
			memcpy(v, b->buf, b->n);
		b->buf = v;
		b->cap = cap;
	}
	for (;;) {
		r = recv(b->fd, b->buf + b->n, b->cap - b->n, MSG_DONTWAIT);
		if (r > 0) {
			b->n += (size_t)r;
			return 0;
		}
		if (r == 0)
			return -EPIPE;
		if (errno == EAGAIN) {
			int w = wait_for(b, POLLIN, deadline);

			if (w < 0)
				return w;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

static void consume(struct dbus *b, size_t n)
{
	b->n -= n;
	if (n && b->n)
		memmove(b->buf, b->buf + n, b->n);
}

/* ---- authentication ---- */

/* One line without its end. The server has nothing to say beyond 1 KiB. */
static int read_line(struct dbus *b, char *line, size_t size, uint64_t deadline)
{
	for (;;) {
		uint8_t *end = b->n ? memmem(b->buf, b->n, "\r\n", 2) : NULL;
		int r;

		if (end) {
			size_t n = (size_t)(end - b->buf);

			str_format(line, size, "%.*s", (int)n, (const char *)b->buf);
			consume(b, n + 2);
			return 0;
		}
		if (b->n >= 1024)
			return -EBADMSG;
		r = receive(b, 4096, deadline);
		if (r < 0)
			return r;
	}
}

/* The next line must begin with @want. -EACCES: the server says something else. */
static int expect(struct dbus *b, const char *want, uint64_t deadline)
{
	char line[256];
	int r = read_line(b, line, sizeof(line), deadline);

	return r < 0 ? r : str_starts(line, want) ? 0 : -EACCES;
}

/*
 * Without @uid the socket tells who we are; in a user namespace a number of our own would be the
 * wrong one. All lines go out at once, as those of systemd's own clients do: its server forgets
 * about a message that it reads together with BEGIN until something else arrives.
 */
static int authenticate(struct dbus *b, const char *uid, uint64_t deadline)
{
	static const char plain[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	char named[96] = "";
	struct strbuf s = { .buf = named + 1, .size = sizeof(named) - 1 };
	int r;

	if (!uid) {
		r = send_all(b, plain, sizeof(plain) - 1, deadline);
		if (r == 0)
			r = expect(b, "DATA", deadline);
		return r < 0 ? r : expect(b, "OK", deadline);
	}
	sb_add(&s, "AUTH EXTERNAL ");
	for (; *uid; uid++)
		sb_printf(&s, "%02x", *uid);
	sb_add(&s, "\r\nBEGIN\r\n");
	r = send_all(b, named, s.len + 1, deadline);
	return r < 0 ? r : expect(b, "OK", deadline);
}

static int connect_to(const char *path, uint64_t deadline)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1;
	size_t n = strlen(path);

	if (n >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	for (;;) {
		socklen_t len =
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@'));

		if (connect(fd, (const struct sockaddr *)&a, len) == 0)
			return fd_take(&fd);
		if (errno == EINTR)
			continue;
		/* KERNEL: EAGAIN is a full backlog, and there is no event for its end. unix(7) */
		if (errno != EAGAIN)
			return -errno;
		if (io_now() >= deadline)
			return -ETIMEDOUT;
		(void)io_wait(-1, 0, MIN(io_now() + 10000000, deadline));
	}
}

/* Connect and authenticate, the second time with our number. */
static int dial(struct dbus *b, const char *path, uint64_t deadline)
{
	char uid[16];
	int r = 0;

	str_format(uid, sizeof(uid), "%u", geteuid());
	for (int named = 0; named < 2; named++) {
		fd_close(&b->fd);
		b->n = 0;
		r = connect_to(path, deadline);
		if (r < 0)
			return r;
		b->fd = r;
		r = authenticate(b, named ? uid : NULL, deadline);
		if (r != -EACCES && r != -EPIPE && r != -ECONNRESET)
			break;
	}
	return r;
}

static int bus_method(struct dbus *b, const char *member, const char *text, uint64_t deadline)
{
	struct dbus_out body = { .a = b->a }, o;
	int r;

	if (text)
		dbus_put_string(&body, text);
	r = dbus_build_call(b->a, ++b->serial, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			    "org.freedesktop.DBus", member, text ? "s" : NULL, text ? &body : NULL,
			    &o);
	return r < 0 ? r : send_all(b, o.v, o.n, deadline);
}

/*
 * A bus wants to be greeted, and sends signals only to those who ask. The first two answers are
 * skipped with all that is not ours: a refused one shows in the next.
 */
static int greet(struct dbus *b, uint64_t deadline)
{
	struct dbus_in reply = { 0 };
	int r = bus_method(b, "Hello", NULL, deadline);

	if (r == 0)
		r = bus_method(b, "AddMatch",
			       "type='signal',sender='" SYSTEMD "',interface='" SYSTEMD ".Manager',"
			       "member='JobRemoved',path='/org/freedesktop/systemd1'",
			       deadline);
	if (r == 0)
		r = dbus_call(b, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Subscribe", NULL,
			      NULL, deadline, &reply);
	return r == -EREMOTEIO && reply.error && streq(reply.error, SYSTEMD ".AlreadySubscribed")
		       ? 0
		       : r;
}

int dbus_open(struct dbus *ret, struct arena *a, const char *path, bool broker, uint64_t deadline)
{
	struct dbus b = { .fd = -1, .broker = broker, .a = a };
	int r = dial(&b, path, deadline);

	if (r == 0 && broker)
		r = greet(&b, deadline);
	if (r < 0) {
		dbus_close(&b);
		return r;
	}
	*ret = b;
	return 0;
}

void dbus_close(struct dbus *b)
{
	fd_close(&b->fd);
}

/* ---- messages ---- */

/*
 * The next message, parsed where it lies: it is valid until the next one is read. A flood of
 * signals costs no memory.
 */
static int next_message(struct dbus *b, uint64_t deadline, struct dbus_in *ret)
{
	size_t size = 16;
	int r;

	consume(b, b->parsed);
	b->parsed = 0;
	for (;;) {
		if (b->n >= 16) {
			size = dbus_size(b->buf);
			if (!size)
				return -EBADMSG;
		}
		if (b->n >= size)
			break;
		r = receive(b, MAX(size, (size_t)4096), deadline);
		if (r < 0)
			return r;
	}
	b->parsed = size;
	return dbus_parse(b->buf, size, ret);
}

/* JobRemoved(u id, o job, s unit, s result) of the unit that is watched. */
static void take_signal(struct dbus *b, const struct dbus_in *signal)
{
	struct dbus_in m = *signal;
	const char *path, *unit, *result;
	struct dbus_job *job;
	uint32_t id;

	if (!b->watch_unit || m.type != DBUS_SIGNAL || !streq(m.member, "JobRemoved") ||
	    !streq(m.signature, "uoss") || !streq(m.interface, SYSTEMD ".Manager"))
		return;
	if (dbus_get_u32(&m, &id) < 0 || dbus_get_string(&m, &path) < 0 ||
	    dbus_get_string(&m, &unit) < 0 || dbus_get_string(&m, &result) < 0 ||
	    !streq(unit, b->watch_unit))
		return;
	job = &b->jobs[b->n_jobs++ % DBUS_JOBS];
	str_format(job->path, sizeof(job->path), "%s", path);
	str_format(job->result, sizeof(job->result), "%s", result);
}

int dbus_call(struct dbus *b, const char *path, const char *interface, const char *member,
	      const char *signature, const struct dbus_out *body, uint64_t deadline,
	      struct dbus_in *ret)
{
	uint32_t serial = ++b->serial;
	struct dbus_out o;
	struct dbus_in m;
	int r = dbus_build_call(b->a, serial, b->broker ? SYSTEMD : NULL, path, interface, member,
				signature, body, &o);

	if (r == 0)
		r = send_all(b, o.v, o.n, deadline);
	while (r == 0) {
		/* a peer that only ever sends signals does not hold us beyond the deadline */
		r = io_now() < deadline ? next_message(b, deadline, &m) : -ETIMEDOUT;
		if (r < 0)
			break;
		take_signal(b, &m);
		if ((m.type != DBUS_RETURN && m.type != DBUS_ERROR) || m.reply_serial != serial)
			continue;
		*ret = m;
		return m.type == DBUS_ERROR ? -EREMOTEIO : 0;
	}
	return r;
}

int dbus_wait_job(struct dbus *b, const char *path, uint64_t deadline, const char **ret)
{
	for (;;) {
		struct dbus_in m;
		int r;

		for (unsigned i = 0; i < DBUS_JOBS; i++)
			if (streq(b->jobs[i].path, path)) {
				*ret = b->jobs[i].result;
				return 0;
			}
		/* a peer that only ever sends signals does not hold us beyond the deadline */
		r = io_now() < deadline ? next_message(b, deadline, &m) : -ETIMEDOUT;
		if (r < 0)
			return r;
		take_signal(b, &m);
	}
}
