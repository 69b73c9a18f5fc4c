/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: from profile to filter with hull's own compiler (a search tree per architecture), loading, and
 * the notify listener. Syscall numbers come from tables made at build time.
 */
#ifndef HULL_SECCOMP_SECCOMP_H
#define HULL_SECCOMP_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/types.h"

struct seccomp_program {
	struct sock_filter *insns;
	unsigned short n;   /* 0: no filter */
	uint32_t flags;	    /* SECCOMP_FILTER_FLAG_* incl. NEW_LISTENER when a rule notifies */
	bool notifies;
};

/* Pure: profile to program. Unknown syscall names are skipped (counted in *ret_unknown, may be NULL) as the field does;
 * ERR_SEC_PROFILE, ERR_SEC_SIZE with the pointer "/linux/seccomp/syscalls/3/args/0". */
int seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct seccomp_program *ret, unsigned *ret_unknown, struct err *e);
/* In init. *ret_listener: notify fd or -1. */
int seccomp_load(const struct seccomp_program *p, int *ret_listener, struct err *e);
/* Runtime: hand the listener with the container process state to listenerPath (config-linux.md#containerprocessstate). */
int seccomp_send_listener(const char *path, const char *state_json, size_t len, int listener, struct err *e);
/* Number of a syscall on an architecture, or -1. */
int seccomp_syscall(enum spec_seccomp_arch arch, const char *name);

#endif
