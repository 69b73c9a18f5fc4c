/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net: loopback up in a new network namespace, and devices of the host moved in
 * (config-linux.md#net-devices).
 */
#ifndef HULL_NET_NET_H
#define HULL_NET_NET_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "plan/plan.h"

/* In init: "lo" up. */
int net_loopback_up(struct err *e);
/*
 * Runtime, of one thread: enter a new network namespace of its user namespace. Both descriptors are
 * the caller's to close: *ret_own leads back, *ret_new is for whom it was made. -errno: nothing has
 * changed.
 */
int net_namespace_enter(int *ret_own, int *ret_new);
int net_namespace_leave(int own, struct err *e);
/*
 * Runtime: move, rename, keep permanent global addresses, set up. @netns_fd: the container's. On
 * error what was moved is put back. *ret (NULL when there is nothing to move) is the way back for
 * as long as create may fail; it holds a socket in the container's namespace and ends with
 * net_move_keep, or with net_move_undo, which gives the devices back with names and addresses.
 */
struct net_move;
int net_devices_move(const struct spec_linux *l, int netns_fd, struct net_move **ret,
		     struct err *e);
void net_move_keep(struct net_move **m);
void net_move_undo(struct net_move **m);

struct net_counters {
	uint64_t bytes, packets, errors, dropped;
};
struct net_stats {
	const char *name; /* bytes as whoever made the interface chose them */
	struct net_counters rx, tx;
};
/* The interfaces of the network namespace that @pid is in, into @a. -errno. proc_net(5) */
int net_stats_read(int pid, struct arena *a, struct net_stats **ret, size_t *ret_n);

#endif
