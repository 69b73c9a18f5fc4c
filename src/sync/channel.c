/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync/channel: one datagram per message: a header with kind and payload length, checked on arrival
 * against the table (rule X8).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "sync/sync.h"
#include "sys/sock.h"

struct wire {
	uint32_t kind, len;
	union {
		char text[SYNC_TEXT_MAX];
		struct err err;
	};
};

enum { WIRE_HEAD = offsetof(struct wire, text) };

static const struct {
	char name[12];
	size_t payload;
	unsigned fds;
} table[SYNC_KINDS] = {
#define INIT
#define RUNTIME
#define X(kind, text, sender, payload, fds) [SYNC_##kind] = { text, payload, fds },
	SYNC_TABLE(X)
#undef X
};

const char *sync_name(enum sync_kind kind)
{
	return kind < SYNC_KINDS ? table[kind].name : "(unknown)";
}

static int send_wire(int sock, const struct wire *w, int fd)
{
	ssize_t r = sock_send(sock, w, WIRE_HEAD + w->len, &fd, fd >= 0);

	return r < 0 ? (int)r : 0;
}

int sync_send(int sock, enum sync_kind kind, int fd, struct err *e)
{
	struct wire w = { .kind = kind };
	int r = send_wire(sock, &w, fd);

	if (r < 0)
		return err_sys(e, ERR_PRO_DIED, r, "send \"%s\" to the other side",
			       sync_name(kind));
	return 0;
}

int sync_send_warn(int sock, const char *text)
{
	struct wire w = { .kind = SYNC_WARN };

	w.len = (uint32_t)strnlen(text, SYNC_TEXT_MAX - 1) + 1;
	memcpy(w.text, text, w.len - 1);
	w.text[w.len - 1] = '\0';
	return send_wire(sock, &w, -1);
}

int sync_send_fail(int sock, const struct err *fail)
{
	struct wire w = { .kind = SYNC_FAIL, .len = sizeof(struct err) };

	w.err = *fail;
	return send_wire(sock, &w, -1);
}

/*
 * SECURITY: the peer is hostile once it has entered namespaces: every string is cut, every number
 * checked.
 */
static int take_fail(const struct wire *w, struct err *e)
{
	if (err_is(e))
		return -ECANCELED;
	*e = w->err;
	if (e->id <= ERR_NONE || e->id >= ERR_ID_COUNT)
		e->id = ERR_PRO_PROTOCOL;
	if (e->code < 0 || e->code > 4095)
		e->code = 0;
	e->step[sizeof(e->step) - 1] = '\0';
	e->at[sizeof(e->at) - 1] = '\0';
	e->msg[sizeof(e->msg) - 1] = '\0';
	return e->code ? -e->code : -EINVAL;
}

static int check(const struct wire *w, size_t n, size_t n_fds, struct err *e)
{
	if (n < WIRE_HEAD || w->kind >= SYNC_KINDS || w->len != n - WIRE_HEAD)
		return err_set(e, ERR_PRO_PROTOCOL, EBADMSG, "malformed message of %zu bytes", n);
	if (w->len > table[w->kind].payload || n_fds != table[w->kind].fds ||
	    (w->kind == SYNC_FAIL && w->len != sizeof(struct err)))
		return err_set(e, ERR_PRO_PROTOCOL, EBADMSG,
			       "message \"%s\" with %u bytes and %zu descriptors",
			       sync_name(w->kind), w->len, n_fds);
	return 0;
}

int sync_send_ahead(int sock, enum sync_kind kind, int fd, bool *ret_sent, struct err *e)
{
	struct wire w = { .kind = kind };
	int r = send_wire(sock, &w, fd);

	*ret_sent = r == 0;
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_sys(e, ERR_PRO_DIED, r, "send \"%s\" to the other side",
			       sync_name(kind));
	return 0;
}

int sync_recv(int sock, uint64_t deadline, struct sync_msg *ret, struct err *e)
{
	bool reset = false;

	for (;;) {
		_cleanup_fd_ int fd = -1;
		struct wire w;
		size_t n_fds = 0;
		ssize_t n;
		int r;

		if (deadline) {
			r = io_wait(sock, POLLIN, deadline);
			if (r < 0)
				return err_sys(e, ERR_GEN_SYS, r, "poll the channel");
			if (r == 0)
				return err_set(e, ERR_GEN_TIMEOUT, ETIMEDOUT,
					       "no message from the other side");
		}
		n = sock_recv(sock, &w, sizeof(w), &fd, 1, &n_fds);
		/*
		 * KERNEL: a peer that ends with something unread resets the connection, which is
		 * told once, before what it has said itself. unix_release_sock
		 */
		if (n == -ECONNRESET && !reset) {
			reset = true;
			continue;
		}
		if (n == 0 || n == -ECONNRESET)
			return 0;
		if (n < 0)
			return err_sys(e, ERR_PRO_PROTOCOL, (int)n, "receive from the other side");
		r = check(&w, (size_t)n, n_fds, e);
		if (r < 0)
			return r;
		if (w.kind == SYNC_FAIL)
			return take_fail(&w, e);
		if (w.kind == SYNC_WARN) {
			w.text[w.len ? w.len - 1 : 0] = '\0';
			log_warn("%s", w.text);
			continue;
		}
		ret->kind = w.kind;
		ret->fd = fd_take(&fd);
		return 1;
	}
}

int sync_expect(int sock, enum sync_kind kind, uint64_t deadline, struct sync_msg *ret,
		struct err *e)
{
	int r = sync_recv(sock, deadline, ret, e);

	if (r < 0)
		return r;
	if (r == 0)
		return -ECONNRESET;
	if (ret->kind != kind) {
		fd_close(&ret->fd);
		return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "got \"%s\" instead of \"%s\"",
			       sync_name(ret->kind), sync_name(kind));
	}
	return 0;
}
