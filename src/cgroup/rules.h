/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/rules: the ordered device rules of the config as a function: which accesses has device
 * (type, major, minor)? The normal form is a short list where the most specific entry decides
 * alone. Pure.
 */
#ifndef HULL_CGROUP_RULES_H
#define HULL_CGROUP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/types.h"

enum { DEVICE_ALL = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD, RULES_MAX = 4000 };
#define RULES_ANY (-1)

/*
 * All accesses that a device has. Sorted: exact, then (major, *), then (*, minor); the first match
 * decides.
 */
struct rules_entry {
	char type;	      /* 'c', 'b' */
	int64_t major, minor; /* RULES_ANY */
	uint32_t access;      /* DEVICE_* */
};
struct rules {
	struct rules_entry *v;
	size_t n;
	uint32_t rest_char, rest_block; /* what a device without an entry may do */
};

/*
 * Normal form of @n rules in order (config-linux.md#allowed-device-list: later ones override).
 * Before the first rule nothing is allowed (rule G4). Each access bit counts for itself.
 * ERR_CGR_DEVICES when it has more than RULES_MAX entries. Memory in @a.
 */
int rules_normalize(const struct spec_device_rule *v, size_t n, struct arena *a, struct rules *ret,
		    struct err *e);
/* Accesses of one device under the normal form. */
uint32_t rules_lookup(const struct rules *r, char type, int64_t major, int64_t minor);

/*
 * As lines for the v1 files: first devices.deny or devices.allow with "a", then exceptions in the
 * other one.
 */
struct rules_v1 {
	bool default_allow;
	char (*lines)[48]; /* "c 1:3 rwm" */
	size_t n;
};
/*
 * ERR_CGR_DEVICES when v1 cannot express it: KERNEL: v1 knows one default and exceptions to one
 * side only.
 */
int rules_to_v1(const struct rules *r, struct arena *a, struct rules_v1 *ret, struct err *e);

#endif
