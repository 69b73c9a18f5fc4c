/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/link: what the room asks rtnetlink for: find, move, address and raise one device. Each
 * returns -errno and leaves the kernel's words in the socket.
 */
#ifndef HULL_NET_LINK_H
#define HULL_NET_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "sys/netlink.h"

struct net_link {
	int index;
	unsigned flags; /* IFF_* */
	char name[IFNAMSIZ];
};

/* An address as the kernel showed it, ready to be given back. */
struct net_address {
	uint8_t family, prefix;
	uint32_t flags; /* IFA_F_* worth keeping */
	uint8_t local[16], peer[16], broadcast[16];
	uint8_t n_local, n_peer, n_broadcast; /* lengths, 0: absent */
	char label[IFNAMSIZ];		      /* IPv4, "" when absent */
	uint32_t metric;		      /* 0: absent */
	uint8_t proto;			      /* 0: absent */
};

/* -ENODEV when there is none. */
int net_link_by_name(struct netlink *n, const char *name, struct net_link *ret);
int net_link_by_index(struct netlink *n, int index, struct net_link *ret);
/* An index nobody uses: @wish when it is free, else one above all. */
int net_link_free_index(struct netlink *n, int wish, int *ret);
/* Into the namespace @netns_fd under @new_index; @name NULL keeps the name. */
int net_link_move(struct netlink *n, int index, int netns_fd, int new_index, const char *name);
int net_link_up(struct netlink *n, int index);
/* Permanent addresses of global scope, in the kernel's order. */
int net_addresses(struct netlink *n, int index, struct arena *a, struct net_address **ret,
		  size_t *ret_n);
/* @label may differ from the one read. An address that is there already is no error. */
int net_address_add(struct netlink *n, int index, const struct net_address *addr,
		    const char *label);

#endif
