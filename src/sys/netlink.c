/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/netlink: building, sending and taking apart of netlink messages, bounds checked.
 */
#include "sys/netlink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"

/* KERNEL: dumps come in packets of up to 32 KiB when the reader offers that much. netlink(7),
 * since 4.x. */
enum { PACKET_MAX = 32768 };
static const uint64_t timeout = 10ULL * 1000 * 1000 * 1000;

int netlink_open(struct netlink *ret)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1;

	if (fd < 0)
		return -errno;
	/* Texts with refusals, and answers that keep to the filter of the request. Both since 4.20
	 * at the latest. */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret = (struct netlink){ .fd = fd };
	return 0;
}

void netlink_close(struct netlink *n)
{
	fd_close(&n->fd);
}

void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags, const void *body,
		   size_t size)
{
	memset(q, 0, sizeof(*q));
	q->head.nlmsg_type = type;
	q->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	q->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(&q->head), body, size);
}

void netlink_put(struct netlink_request *q, uint16_t attr, const void *p, size_t n)
{
	size_t at = NLMSG_ALIGN(q->head.nlmsg_len);
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = attr };

	if (n > sizeof(q->bytes) || at + NLA_ALIGN(NLA_HDRLEN + n) > sizeof(q->bytes)) {
		q->full = true;
		return;
	}
	memcpy(q->bytes + at, &a, sizeof(a));
	memcpy(q->bytes + at + NLA_HDRLEN, p, n);
	q->head.nlmsg_len = (uint32_t)(at + NLA_ALIGN(NLA_HDRLEN + n));
}

void netlink_put_u32(struct netlink_request *q, uint16_t attr, uint32_t v)
{
	netlink_put(q, attr, &v, sizeof(v));
}

void netlink_put_string(struct netlink_request *q, uint16_t attr, const char *s)
{
	netlink_put(q, attr, s, strlen(s) + 1);
}

/* Walk @len bytes of attributes at @p for @attr. */
static const void *find_attr(const char *p, size_t len, uint16_t attr, size_t *ret_n)
{
	while (len >= (size_t)NLA_HDRLEN) {
		struct nlattr a;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < (size_t)NLA_HDRLEN || a.nla_len > len)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == attr) {
			*ret_n = a.nla_len - (size_t)NLA_HDRLEN;
			return p + NLA_HDRLEN;
		}
		if ((size_t)NLA_ALIGN(a.nla_len) >= len)
			return NULL;
		p += NLA_ALIGN(a.nla_len);
		len -= NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

const void *netlink_attr(const struct nlmsghdr *msg, size_t body, uint16_t attr, size_t *ret_n)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(body));

	if (msg->nlmsg_len < skip)
		return NULL;
	return find_attr((const char *)msg + skip, msg->nlmsg_len - skip, attr, ret_n);
}

uint32_t netlink_attr_u32(const struct nlmsghdr *msg, size_t body, uint16_t attr, uint32_t missing)
{
	size_t n;
	const void *p = netlink_attr(msg, body, attr, &n);
	uint32_t v;

	if (!p || n != sizeof(v))
		return missing;
	memcpy(&v, p, sizeof(v));
	return v;
}

const char *netlink_attr_string(const struct nlmsghdr *msg, size_t body, uint16_t attr)
{
	size_t n;
	const char *p = netlink_attr(msg, body, attr, &n);

	return p && n && memchr(p, '\0', n) ? p : NULL;
}

/* The end of a call: NLMSG_ERROR or NLMSG_DONE. Keeps the kernel's words. */
static int verdict(struct netlink *n, const struct nlmsghdr *msg)
{
	struct nlmsgerr err = { 0 };
	size_t skip, len;
	const char *text;

	if (msg->nlmsg_type == NLMSG_DONE) {
		if (msg->nlmsg_len >= NLMSG_LENGTH(sizeof(int)))
			memcpy(&err.error, NLMSG_DATA(msg), sizeof(int));
		skip = NLMSG_LENGTH(sizeof(int));
	} else {
		if (msg->nlmsg_len < NLMSG_LENGTH(sizeof(err)))
			return -EBADMSG;
		memcpy(&err, NLMSG_DATA(msg), sizeof(err));
		/* Behind a refusal comes the request again, unless capped, then the attributes. */
		skip = NLMSG_LENGTH(sizeof(err));
		if (!(msg->nlmsg_flags & NLM_F_CAPPED))
			skip += NLMSG_ALIGN(err.msg.nlmsg_len) - NLMSG_HDRLEN;
	}
	if (err.error < 0 && msg->nlmsg_flags & NLM_F_ACK_TLVS && skip < msg->nlmsg_len) {
		text = find_attr((const char *)msg + skip, msg->nlmsg_len - skip, NLMSGERR_ATTR_MSG,
				 &len);
		if (text && len && memchr(text, '\0', len)) {
			len = strnlen(text, sizeof(n->why) - 1);
			memcpy(n->why, text, len);
			n->why[len] = '\0';
		}
	}
	return err.error <= 0 ? err.error : -EBADMSG;
}

/* One packet: 1 when the call is over, else 0. The first failure of @f or of the dump stands in
 * *result; the rest is read all the same, so that the socket is free for the next call. */
static int take_packet(struct netlink *n, char *packet, size_t len, netlink_answer *f, void *data,
		       int *result)
{
	for (struct nlmsghdr *m = (struct nlmsghdr *)(void *)packet; NLMSG_OK(m, len);
	     m = NLMSG_NEXT(m, len)) {
		if (m->nlmsg_seq != n->seq)
			continue;
		if (m->nlmsg_flags & NLM_F_DUMP_INTR && *result == 0)
			*result = -EINTR;
		if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
			int r = verdict(n, m);

			*result = *result < 0 ? *result : r;
			return 1;
		}
		if (f && *result == 0)
			*result = MIN(0, f(m, data));
	}
	return 0;
}

int netlink_call(struct netlink *n, struct netlink_request *q, netlink_answer *f, void *data)
{
	union {
		struct nlmsghdr align;
		char bytes[PACKET_MAX];
	} packet;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK }, from;
	uint64_t deadline = io_now() + timeout;
	int result = 0, r;

	n->why[0] = '\0';
	if (q->full)
		return -EMSGSIZE;
	q->head.nlmsg_seq = ++n->seq;
	/* KERNEL: a dump ends in DONE by itself. Its two bits mean other things one by one. */
	if ((q->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		q->head.nlmsg_flags |= NLM_F_ACK;
	if (sendto(n->fd, q, q->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t len;

		r = io_wait(n->fd, POLLIN, deadline);
		if (r <= 0)
			return r < 0 ? r : -ETIMEDOUT;
		len = recvfrom(n->fd, packet.bytes, sizeof(packet.bytes), MSG_TRUNC,
			       (struct sockaddr *)&from, &size);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if ((size_t)len > sizeof(packet.bytes))
			return -EBADMSG;
		if (from.nl_pid !=
		    0) /* SECURITY: only the kernel answers; any process may write to this socket */
			continue;
		if (take_packet(n, packet.bytes, (size_t)len, f, data, &result))
			return result;
	}
}
