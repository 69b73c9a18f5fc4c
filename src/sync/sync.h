/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync: the channel between runtime and init (and between `hull start` and a created init). The
 * protocol is the table below; anything else is an error that names both kinds. FAIL and WARN may
 * come at any point.
 */
#ifndef HULL_SYNC_SYNC_H
#define HULL_SYNC_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*         kind		text		sender		payload			fds */
#define SYNC_TABLE(X)                                                                              \
	X(IDMAP, "idmap?", INIT, 0, 0) /* write my id maps */                                      \
	X(IDMAPPED, "idmap!", RUNTIME, 0, 0)                                                       \
	X(FORKED, "forked", INIT, 0, 1)		   /* pidfd of the next init */                    \
	X(NETWORK, "network", RUNTIME, 0, 1)	   /* the new namespace */                         \
	X(NO_NETWORK, "no network", RUNTIME, 0, 0) /* ... which came to nothing: make it */        \
	X(PLACE, "place?", INIT, 0, 0)		   /* put me into my cgroup ... */                 \
	X(PLACED, "place!", RUNTIME, 0, 0)                                                         \
	X(MOUNTED, "mounted?", INIT, 0, 0) /* run prestart, createRuntime hooks */                 \
	X(HOOKED, "mounted!", RUNTIME, 0, 0)                                                       \
	X(CONSOLE, "console", INIT, 0, 1)  /* pty master */                                        \
	X(SECCOMP, "seccomp?", INIT, 0, 1) /* notify listener */                                   \
	X(SECCOMPED, "seccomp!", RUNTIME, 0, 0)                                                    \
	X(LANDLOCK, "landlock", INIT, 0, 1)  /* the lists with their paths resolved, as text */    \
	X(READY, "ready", INIT, 0, 0)	     /* everything but execve is done */                   \
	X(FILTER, "filter", RUNTIME, 0, 0)   /* load it now: an agent waits for its listener */    \
	X(CREATED, "created", RUNTIME, 0, 0) /* recorded: wait for `hull start` */                 \
	X(START, "start", RUNTIME, 0, 0)     /* go; end of file then means: executed */            \
	X(START_WITH, "start with", RUNTIME, 0, 1)   /* the same with another process as JSON */   \
	X(WARN, "warn", INIT, SYNC_TEXT_MAX, 0)	     /* a line for the log */                      \
	X(FAIL, "fail", INIT, sizeof(struct err), 0) /* the end */

enum { SYNC_TEXT_MAX = 1024 };
enum sync_kind {
#define X(kind, text, sender, payload, fds) SYNC_##kind,
	SYNC_TABLE(X)
#undef X
		SYNC_KINDS
};

struct sync_msg {
	enum sync_kind kind;
	int fd; /* the one that came along, -1: none; owned by the receiver */
};

/*
 * Send a message; @fd -1: none (stays the caller's). 0 or -errno with @e filled. -EPIPE: the peer
 * is gone.
 */
int sync_send(int sock, enum sync_kind kind, int fd, struct err *e);
/*
 * The same for what the peer has not asked for yet: when it is gone, *ret_sent is false, and what
 * it said last is still to be received.
 */
int sync_send_ahead(int sock, enum sync_kind kind, int fd, bool *ret_sent, struct err *e);
int sync_send_warn(int sock, const char *text);
int sync_send_fail(int sock, const struct err *fail);
/*
 * Receive the next message. FAIL is turned into @e (returns its -errno); WARN goes to the log and
 * is skipped. Returns 1: *ret filled, 0: end of file, -errno: @e filled (ERR_PRO_PROTOCOL or
 * FAIL's). @deadline: io_now() scale, 0 = none.
 */
int sync_recv(int sock, uint64_t deadline, struct sync_msg *ret, struct err *e);
/*
 * Receive and insist on @kind; end of file is -ECONNRESET without @e (the caller knows how init
 * died).
 */
int sync_expect(int sock, enum sync_kind kind, uint64_t deadline, struct sync_msg *ret,
		struct err *e);
const char *sync_name(enum sync_kind kind);

#endif
