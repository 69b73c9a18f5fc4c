/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/link: rtnetlink messages for links and addresses; see rtnetlink(7).
 */
#include "net/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

#ifndef IFA_PROTO /* linux/if_addr.h, since 5.18 */
#define IFA_PROTO 11
#endif
/* IFLA_NEW_IFINDEX: linux/if_link.h, since 5.13. */

enum {
	LINK_BODY = sizeof(struct ifinfomsg),
	ADDR_BODY = sizeof(struct ifaddrmsg),
	/* What is a wish of the administrator, not a state of the address. */
	KEPT_FLAGS =
		IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR | IFA_F_MCAUTOJOIN | IFA_F_HOMEADDRESS,
	DUMP_TRIES = 5,
};

static int read_link(const struct nlmsghdr *m, void *data)
{
	struct net_link *l = data;
	struct ifinfomsg i;
	const char *name;

	if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(i)))
		return 0;
	memcpy(&i, NLMSG_DATA(m), sizeof(i));
	name = netlink_attr_string(m, LINK_BODY, IFLA_IFNAME);
	if (!name || strlen(name) >= sizeof(l->name))
		return -EBADMSG;
	l->index = i.ifi_index;
	l->flags = i.ifi_flags;
	memcpy(l->name, name, strlen(name) + 1);
	return 0;
}

static int get_link(struct netlink *n, struct netlink_request *q, struct net_link *ret)
{
	struct net_link l = { 0 };
	int r;

	netlink_put_u32(q, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = netlink_call(n, q, read_link, &l);
	if (r < 0)
		return r;
	if (!l.index)
		return -ENODEV;
	*ret = l;
	return 0;
}

int net_link_by_name(struct netlink *n, const char *name, struct net_link *ret)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct netlink_request q;

	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_string(&q, IFLA_IFNAME, name);
	return get_link(n, &q, ret);
}

int net_link_by_index(struct netlink *n, int index, struct net_link *ret)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct netlink_request q;

	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	return get_link(n, &q, ret);
}

/* KERNEL: a dump that ran beside a change says so and is to be repeated. */
static int dump(struct netlink *n, const struct netlink_request *q, netlink_answer *f, void *data,
		void (*restart)(void *data))
{
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		struct netlink_request copy = *q;

		restart(data);
		r = netlink_call(n, &copy, f, data);
	}
	return r;
}

static int read_top(const struct nlmsghdr *m, void *data)
{
	struct ifinfomsg i;
	int *top = data;

	if (m->nlmsg_type != RTM_NEWLINK || m->nlmsg_len < NLMSG_LENGTH(sizeof(i)))
		return 0;
	memcpy(&i, NLMSG_DATA(m), sizeof(i));
	*top = MAX(*top, i.ifi_index);
	return 0;
}

static void restart_top(void *data)
{
	*(int *)data = 0;
}

int net_link_free_index(struct netlink *n, int wish, int *ret)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct netlink_request q;
	struct net_link l;
	int top = 0, r;

	r = net_link_by_index(n, wish, &l);
	if (r == -ENODEV) {
		*ret = wish;
		return 0;
	}
	if (r < 0)
		return r;
	netlink_begin(&q, RTM_GETLINK, NLM_F_DUMP, &body, sizeof(body));
	r = dump(n, &q, read_top, &top, restart_top);
	if (r < 0)
		return r;
	if (top == INT32_MAX)
		return -ENOSPC;
	*ret = top + 1;
	return 0;
}

int net_link_move(struct netlink *n, int index, int netns_fd, int new_index, const char *name)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct netlink_request q;

	netlink_begin(&q, RTM_SETLINK, 0, &body, sizeof(body));
	netlink_put_u32(&q, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	netlink_put_u32(&q, IFLA_NEW_IFINDEX, (uint32_t)new_index);
	/* KERNEL: with an index the name is the new one, a %d in it is replaced in the target
	 * namespace; the move has taken the device down, so that it may be renamed. */
	if (name)
		netlink_put_string(&q, IFLA_IFNAME, name);
	return netlink_call(n, &q, NULL, NULL);
}

int net_link_up(struct netlink *n, int index)
{
	struct ifinfomsg body = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct netlink_request q;

	netlink_begin(&q, RTM_SETLINK, 0, &body, sizeof(body));
	return netlink_call(n, &q, NULL, NULL);
}

struct address_list {
	struct arena *arena;
	struct net_address *v;
	size_t n;
	int index;
};

static uint8_t copy_address(const struct nlmsghdr *m, uint16_t attr, uint8_t to[static 16])
{
	size_t n;
	const void *p = netlink_attr(m, ADDR_BODY, attr, &n);

	if (!p || n > 16)
		return 0;
	memcpy(to, p, n);
	return (uint8_t)n;
}

static int read_address(const struct nlmsghdr *m, void *data)
{
	struct address_list *list = data;
	struct net_address *a;
	const char *label;
	const void *proto;
	struct ifaddrmsg i;
	uint32_t flags;
	size_t n;

	if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof(i)))
		return 0;
	memcpy(&i, NLMSG_DATA(m), sizeof(i));
	flags = netlink_attr_u32(m, ADDR_BODY, IFA_FLAGS, i.ifa_flags);
	if (i.ifa_index != (uint32_t)list->index || i.ifa_scope != RT_SCOPE_UNIVERSE ||
	    !(flags & IFA_F_PERMANENT))
		return 0;
	a = arena_push(list->arena, &list->v, &list->n, sizeof(*list->v));
	a->family = i.ifa_family;
	a->prefix = i.ifa_prefixlen;
	a->flags = flags & KEPT_FLAGS;
	a->n_local = copy_address(m, IFA_LOCAL, a->local);
	a->n_peer = copy_address(m, IFA_ADDRESS, a->peer);
	a->n_broadcast = copy_address(m, IFA_BROADCAST, a->broadcast);
	a->metric = netlink_attr_u32(m, ADDR_BODY, IFA_RT_PRIORITY, 0);
	proto = netlink_attr(m, ADDR_BODY, IFA_PROTO, &n);
	if (proto && n == 1)
		memcpy(&a->proto, proto, 1);
	label = netlink_attr_string(m, ADDR_BODY, IFA_LABEL);
	if (label && strlen(label) < sizeof(a->label))
		memcpy(a->label, label, strlen(label) + 1);
	return 0;
}

static void restart_addresses(void *data)
{
	struct address_list *list = data;

	list->v = NULL;
	list->n = 0;
}

int net_addresses(struct netlink *n, int index, struct arena *a, struct net_address **ret,
		  size_t *ret_n)
{
	struct ifaddrmsg body = { .ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)index };
	struct address_list list = { .arena = a, .index = index };
	struct netlink_request q;
	int r;

	netlink_begin(&q, RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body));
	r = dump(n, &q, read_address, &list, restart_addresses);
	if (r < 0)
		return r;
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

int net_address_add(struct netlink *n, int index, const struct net_address *addr, const char *label)
{
	struct ifaddrmsg body = {
		.ifa_family = addr->family,
		.ifa_prefixlen = addr->prefix,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)index,
	};
	/* The address was proved unique where it comes from: usable at once, without duplicate
	 * detection. */
	uint32_t flags = addr->flags | (addr->family == AF_INET6 ? IFA_F_NODAD : 0);
	struct netlink_request q;
	int r;

	netlink_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	if (addr->n_local)
		netlink_put(&q, IFA_LOCAL, addr->local, addr->n_local);
	if (addr->n_peer)
		netlink_put(&q, IFA_ADDRESS, addr->peer, addr->n_peer);
	if (addr->n_broadcast)
		netlink_put(&q, IFA_BROADCAST, addr->broadcast, addr->n_broadcast);
	if (label[0])
		netlink_put_string(&q, IFA_LABEL, label);
	if (addr->metric)
		netlink_put_u32(&q, IFA_RT_PRIORITY, addr->metric);
	if (addr->proto)
		netlink_put(&q, IFA_PROTO, &addr->proto, 1);
	netlink_put_u32(&q, IFA_FLAGS, flags);
	r = netlink_call(n, &q, NULL, NULL);
	return r == -EEXIST ? 0 : r;
}
