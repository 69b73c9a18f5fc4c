/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/name_hash: the hash of a name of a system call, the same for tools/gen-syscalls, which
 * fills the table, and for those who look it up.
 */
#ifndef HULL_SECCOMP_NAME_HASH_H
#define HULL_SECCOMP_NAME_HASH_H

#include <stdint.h>

/* FNV-1a, 32 bits. */
static inline uint32_t seccomp_name_hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h ^ h >> 16;
}

#endif
