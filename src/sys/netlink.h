/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/netlink: a small client of rtnetlink(7): one request, its answers, its acknowledgement, and
 * the kernel's own words when it refuses. A socket belongs to the network namespace it was opened
 * in.
 */
#ifndef HULL_SYS_NETLINK_H
#define HULL_SYS_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
	int fd; /* -1: not open */
	uint32_t seq;
	char why[256]; /* extended acknowledgement of the last refusal, "" when there was none */
};

/*
 * A request under construction. It remembers that it had no room; the send fails then with
 * -EMSGSIZE.
 */
struct netlink_request {
	union {
		struct nlmsghdr head;
		char bytes[2048];
	};
	bool full;
};

int netlink_open(struct netlink *ret);
void netlink_close(struct netlink *n);

/* Begin a message of @type whose fixed part is @body. NLM_F_REQUEST is added. */
void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags, const void *body,
		   size_t size);
void netlink_put(struct netlink_request *q, uint16_t attr, const void *p, size_t n);
void netlink_put_u32(struct netlink_request *q, uint16_t attr, uint32_t v);
void netlink_put_string(struct netlink_request *q, uint16_t attr, const char *s);

/* Called for each answer; a negative result ends the call with it. */
typedef int netlink_answer(const struct nlmsghdr *msg, void *data);

/*
 * Send and read until acknowledged (or, for NLM_F_DUMP, done). @f may be NULL. 0, or -errno of the
 * kernel with n->why; -ETIMEDOUT when no answer came within ten seconds, -EINTR when a dump was
 * inconsistent.
 */
int netlink_call(struct netlink *n, struct netlink_request *q, netlink_answer *f, void *data);

/* The attribute @attr of @msg behind a fixed part of @body bytes, or NULL; *ret_n its length. */
const void *netlink_attr(const struct nlmsghdr *msg, size_t body, uint16_t attr, size_t *ret_n);
/* ... as a number of 32 bits or @missing; as a string within the message or NULL. */
uint32_t netlink_attr_u32(const struct nlmsghdr *msg, size_t body, uint16_t attr, uint32_t missing);
const char *netlink_attr_string(const struct nlmsghdr *msg, size_t body, uint16_t attr);

#endif
