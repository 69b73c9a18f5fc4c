/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/internal: what the unit test reaches.
 */
#ifndef HULL_NET_INTERNAL_H
#define HULL_NET_INTERNAL_H

#include <stdbool.h>

/*
 * Why the kernel would refuse @name for a device, or NULL. @pattern: a %d may stand for a number.
 */
const char *net_name_problem(const char *name, bool pattern);

#endif
