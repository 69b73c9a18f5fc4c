/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: from profile to filter with hull's own compiler (a search tree per architecture),
 * loading, and the notify listener. Syscall numbers come from tables made at build time.
 */
#ifndef HULL_SECCOMP_SECCOMP_H
#define HULL_SECCOMP_SECCOMP_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/types.h"

struct seccomp_program {
	struct sock_filter *insns;
	unsigned short n; /* 0: no filter */
	uint32_t flags;	  /* SECCOMP_FILTER_FLAG_* incl. NEW_LISTENER when a rule notifies */
	bool notifies;
	bool early; /* init_filter_early */
};

/*
 * What a compiled filter decides (the meaning of a profile, config-linux.md#seccomp):
 *
 * 1. seccomp_data.arch is checked first. Listed are the native architecture, always, and those of
 * the profile; any other kills the thread. A call with the x32 bit is of another architecture, too.
 * Architectures that a kernel of this machine never reports need no code and get none.
 *
 * 2. A rule whose action equals the default action has no effect, but for point 5.
 *
 * 3. The first rule of a call that has no condition decides; where there is none, every rule whose
 * conditions all hold matches. If matching rules have different actions the strictest wins, in the
 * order of the kernel: KILL_PROCESS, KILL(_THREAD), TRAP, ERRNO, NOTIFY, TRACE, LOG, ALLOW; among
 * equals the first. (libseccomp, where these conflict, takes one of them by an order of its own;
 * hull never decides more loosely.)
 *
 * 4. When conditions of one rule name an argument twice, each condition becomes a rule of its own,
 * as in all runtimes: existing profiles mean "or" by that. Comparisons are unsigned and of 64 bits;
 * on 32 bit architectures, and x32 and n32, of the low 32 bits of value and argument. On
 * architectures with socketcall(2) and ipc(2) a rule for a call behind them also applies there: its
 * number takes the place of argument 0, and conditions on arguments 1 to 5 are asked of the
 * multiplexer's registers (they cannot see what is behind a pointer), as libseccomp does.
 *
 * 5. A call whose number is above the highest one that any rule names on that architecture is
 * younger than the profile and gets ENOSYS, so that libraries fall back, as with runc; unless the
 * default action is ALLOW, LOG or TRACE, or the profile names no call of that architecture. Number
 * -1 (a tracer skips the call) and arm's private calls are not young.
 *
 * 6. All the rest gets the default action.
 *
 * Without `flags` the filter is loaded with SPEC_ALLOW, as by runc and crun; an empty list means no
 * flag at all.
 */

/*
 * The filter of a config: seccomp_compile of its profile; or, by annotation, the ready program of
 * run.oci.seccomp_bpf_data in its place, or with run.oci.seccomp_fail_unknown_syscall an error for
 * a name that no architecture has.
 */
int seccomp_prepare(const struct spec *s, struct arena *a, struct seccomp_program *ret,
		    unsigned *ret_unknown, struct err *e);
/* Whether seccomp_prepare of it can give a filter, or an error. */
bool seccomp_wanted(const struct spec *s);
/*
 * A program that a child sees when it is filled in after the clone: empty until seccomp_share,
 * which copies @p. Who reads it was told afterwards. NULL: no memory. Ends with the process or with
 * seccomp_shared_free.
 */
struct seccomp_program *seccomp_shared_new(void);
void seccomp_share(struct seccomp_program *shared, const struct seccomp_program *p);
void seccomp_shared_free(struct seccomp_program *shared);
/* Where the listener goes: listenerPath, else run.oci.seccomp.receiver; NULL: nowhere. */
const char *seccomp_receiver(const struct spec *s);
/* SECCOMP_FILTER_FLAG_* of a profile, SPEC_ALLOW when it does not speak of them. */
uint32_t seccomp_flags(const struct spec_seccomp *s);

/* Pure. ERR_SEC_PROFILE: seccomp_check; ERR_SEC_SIZE with both counts. Names that no architecture
 * has are skipped as the field does, and counted in *ret_unknown (may be NULL). */
int seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct seccomp_program *ret,
		    unsigned *ret_unknown, struct err *e);
/* The same for a machine whose native architecture is @native. */
int seccomp_compile_for(enum spec_seccomp_arch native, const struct spec_seccomp *s,
			struct arena *a, struct seccomp_program *ret, unsigned *ret_unknown,
			struct err *e);
/* What hull cannot do (notify by default, or about the calls that carry the listener); part of
 * seccomp_compile. ERR_SEC_PROFILE with its JSON pointer. */
int seccomp_check(const struct spec_seccomp *s, struct err *e);
/* Fail at the first name that no architecture has. */
int seccomp_check_names(const struct spec_seccomp *s, struct err *e);
/* Base64 of struct sock_filter[]. The kernel checks the instructions when it loads them. No flags.
 */
int seccomp_from_base64(const char *text, struct arena *a, struct seccomp_program *ret,
			struct err *e);
/* The same text of a program. */
const char *seccomp_to_base64(const struct seccomp_program *p, struct arena *a);

/* In init. *ret_listener: notify fd or -1. Needs no_new_privs or CAP_SYS_ADMIN in its user
 * namespace. */
int seccomp_load(const struct seccomp_program *p, int *ret_listener, struct err *e);

/* Runtime: hand the listener with the container process state, @state_json
 * (config-linux.md#containerprocessstate), to the agent at @path: one connection, closed
 * afterwards. An agent that does not listen, or not take it within 10 s, is an error. */
int seccomp_send_listener(const char *path, const char *state_json, size_t len, int listener,
			  struct err *e);

/* Number of a syscall on an architecture, or -1. */
long seccomp_syscall(enum spec_seccomp_arch arch, const char *name);
/* Name of a number on an architecture, or NULL. */
const char *seccomp_syscall_name(enum spec_seccomp_arch arch, uint32_t number);
/*
 * Every call of an architecture, one by one: index below seccomp_n_calls(). False: it has no call
 * of that name. *ret gets number and architecture as a filter sees them.
 */
unsigned seccomp_n_calls(void);
bool seccomp_call(enum spec_seccomp_arch arch, unsigned i, const char **ret_name,
		  struct seccomp_data *ret);
/* Do kernels of this machine ever report @arch? */
bool seccomp_arch_here(enum spec_seccomp_arch arch);
/* Can this build compile rules for @arch? */
bool seccomp_arch_known(enum spec_seccomp_arch arch);
enum spec_seccomp_arch seccomp_native(void);
/* Run the program on one call as the kernel would: the SECCOMP_RET_* value. For `hull audit` and
 * tests. A program the kernel would not take gives SECCOMP_RET_KILL_PROCESS. */
uint32_t seccomp_decide(const struct seccomp_program *p, const struct seccomp_data *call);
/* Whether it allows each of these calls of the native architecture, whatever its arguments. */
bool seccomp_allows_always(const struct seccomp_program *p, const uint32_t *numbers, size_t n);

#endif
