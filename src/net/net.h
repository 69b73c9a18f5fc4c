/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net: loopback up in a new network namespace, and devices of the host moved in
 * (config-linux.md#net-devices).
 */
#ifndef HULL_NET_NET_H
#define HULL_NET_NET_H

#include "base/err.h"
#include "plan/plan.h"

/* In init: "lo" up. */
int net_loopback_up(struct err *e);
/*
 * Runtime: move, rename, keep permanent global addresses, set up. @netns_fd: the container's. On
 * error what was moved is put back.
 */
int net_devices_move(const struct spec_linux *l, int netns_fd, struct err *e);

#endif
