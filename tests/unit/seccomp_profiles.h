/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/seccomp_profiles: profiles in the shapes that the field uses, and random ones.
 * Everything is made from a seed, so a failure can be run again.
 */
#ifndef HULL_TESTS_SECCOMP_PROFILES_H
#define HULL_TESTS_SECCOMP_PROFILES_H

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "seccomp/tables.h"
#include "spec/types.h"

/*
 * A seed; or bytes to be used up first, each eight of them one number. What is drawn is drawn in
 * statements of its own: compilers order the arguments of a call differently, and a seed or an
 * input means the same profile in every build.
 */
struct random {
	uint64_t state;
	const unsigned char *bytes;
	size_t n;
};

static inline uint64_t random_u64(struct random *r)
{
	uint64_t z = 0;

	if (r->n > 0) {
		size_t take = r->n < sizeof(z) ? r->n : sizeof(z);

		memcpy(&z, r->bytes, take);
		r->bytes += take;
		r->n -= take;
		return z;
	}
	z = r->state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
	if (r->n > 1) { /* two bytes are enough for what is chosen from here */
		uint32_t two = r->bytes[0] | (uint32_t)r->bytes[1] << 8;

		r->bytes += 2;
		r->n -= 2;
		return two % n;
	}
	return (uint32_t)(random_u64(r) % n);
}

/* ---- building ---- */

static inline struct spec_seccomp_rule *profile_rule(struct spec_seccomp *s, struct arena *a,
						     uint32_t action)
{
	struct spec_seccomp_rule *r = arena_push(a, &s->rules, &s->n_rules, sizeof(*r));

	r->action = action;
	return r;
}

static inline void profile_name(struct spec_seccomp_rule *r, struct arena *a, const char *name)
{
	char **text = arena_push(a, &r->names.v, &r->names.n, sizeof(*text));

	*text = arena_strdup(a, name);
}

static inline void profile_names_add(struct spec_seccomp_rule *r, struct arena *a,
				     const char *names)
{
	while (*names) {
		size_t n = strcspn(names, " ");
		char *name = arena_memdup(a, names, n);

		profile_name(r, a, name);
		names += n + (names[n] == ' ');
	}
}

static inline void profile_arg(struct spec_seccomp_rule *r, struct arena *a, uint32_t index,
			       enum spec_seccomp_op op, uint64_t value, uint64_t value_two)
{
	struct spec_seccomp_arg *arg = arena_push(a, &r->args, &r->n_args, sizeof(*arg));

	*arg = (struct spec_seccomp_arg){
		.index = index, .op = op, .value = value, .value_two = value_two
	};
}

/* ---- shapes of the field ---- */

enum profile {
	PROFILE_ALLOW_LIST,
	PROFILE_ALLOW_LIST_ADMIN,
	PROFILE_DENY_LIST,
	PROFILE_EMPTY,
	PROFILES
};
static const char *const profile_names[] = { "allow list", "allow list with a capability",
					     "deny list", "empty" };

/* What engines forbid by default; the rest of all known calls is allowed in the shape of an allow
 * list. */
#define PROFILE_FORBIDDEN                                                                          \
	"bdflush io_pgetevents kexec_file_load kexec_load migrate_pages move_pages nfsservctl "    \
	"nice oldfstat oldlstat oldolduname oldstat olduname pciconfig_iobase pciconfig_read "     \
	"pciconfig_write sgetmask ssetmask swapcontext swapoff swapon sysfs uselib userfaultfd "   \
	"ustat vm86 vm86old vmsplice"
#define PROFILE_ADMIN                                                                              \
	"bpf fanotify_init lookup_dcookie perf_event_open quotactl setdomainname sethostname "     \
	"setns "                                                                                   \
	"mount umount2 unshare open_by_handle_at chroot delete_module init_module finit_module "   \
	"query_module acct kcmp process_madvise iopl ioperm settimeofday stime clock_settime "     \
	"clock_settime64 vhangup"

static inline bool profile_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
		if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

static inline void profile_allow_rest(struct spec_seccomp *s, struct arena *a)
{
	struct spec_seccomp_rule *r = profile_rule(s, a, SECCOMP_RET_ALLOW);

	for (unsigned i = 0; i < seccomp_names; i++) {
		const char *name = seccomp_name_text(i);

		/* The younger ones are left out, so that the profile has an age. */
		if (!profile_has(PROFILE_FORBIDDEN " " PROFILE_ADMIN, name) &&
		    !profile_has("personality socket clone cachestat fchmodat2 map_shadow_stack "
				 "futex_wake "
				 "futex_wait futex_requeue statmount listmount lsm_get_self_attr "
				 "lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat "
				 "listxattrat "
				 "removexattrat open_tree_attr file_getattr file_setattr",
				 name))
			profile_name(r, a, name);
	}
}

static inline struct spec_seccomp profile_make(enum profile p, struct arena *a)
{
	static const uint64_t personalities[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };
	struct spec_seccomp s = { .set = true,
				  .default_action = SECCOMP_RET_ERRNO,
				  .default_errno_ret = { true, ENOSYS } };
	struct spec_seccomp_rule *r;

	if (p == PROFILE_DENY_LIST || p == PROFILE_EMPTY) {
		s.default_action = SECCOMP_RET_ALLOW;
		s.default_errno_ret.set = false;
	}
	if (p == PROFILE_EMPTY)
		return s;
	if (p == PROFILE_DENY_LIST) { /* as a service manager's SystemCallFilter=~... and friends */
		profile_names_add(profile_rule(&s, a, SECCOMP_RET_ERRNO), a,
				  PROFILE_FORBIDDEN " nosuchcall");
		profile_names_add(profile_rule(&s, a, SECCOMP_RET_KILL_PROCESS), a, PROFILE_ADMIN);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "clone unshare");
		profile_arg(r, a, 0, SECCOMP_OP_MASKED_EQ, 0x10000000, 0x10000000);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "mmap mmap2 pkey_mprotect mprotect");
		profile_arg(r, a, 2, SECCOMP_OP_MASKED_EQ, 6, 6);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "shmat");
		profile_arg(r, a, 2, SECCOMP_OP_MASKED_EQ, 0x8000, 0x8000);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "socket");
		profile_arg(r, a, 0, SECCOMP_OP_GT, 16, 0);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "socket");
		profile_arg(r, a, 0, SECCOMP_OP_LT, 1, 0);
		r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
		profile_names_add(r, a, "chmod fchmod fchmodat");
		profile_arg(r, a, 1, SECCOMP_OP_MASKED_EQ, 06000, 06000);
		profile_arg(r, a, 1, SECCOMP_OP_MASKED_EQ, 02000, 02000);
		return s;
	}
	r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
	r->errno_ret = (struct opt_u32){ true, EPERM };
	profile_names_add(r, a, PROFILE_FORBIDDEN);
	profile_allow_rest(&s, a);
	for (unsigned i = 0; i < ARRAY_LEN(personalities); i++) {
		r = profile_rule(&s, a, SECCOMP_RET_ALLOW);
		profile_name(r, a, "personality");
		profile_arg(r, a, 0, SECCOMP_OP_EQ, personalities[i], 0);
	}
	if (p == PROFILE_ALLOW_LIST_ADMIN) {
		profile_names_add(profile_rule(&s, a, SECCOMP_RET_ALLOW), a,
				  PROFILE_ADMIN " clone socket");
		return s;
	}
	r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
	r->errno_ret = (struct opt_u32){ true, EPERM };
	profile_names_add(r, a, PROFILE_ADMIN);
	r = profile_rule(&s, a, SECCOMP_RET_ALLOW);
	profile_name(r, a, "clone");
	profile_arg(r, a, 0, SECCOMP_OP_MASKED_EQ, 0x7e020000, 0);
	r = profile_rule(&s, a, SECCOMP_RET_ERRNO);
	r->errno_ret = (struct opt_u32){ true, EINVAL };
	profile_name(r, a, "socket");
	profile_arg(r, a, 0, SECCOMP_OP_EQ, 16, 0);
	profile_arg(r, a, 2, SECCOMP_OP_EQ, 9, 0);
	for (unsigned i = 0; i < 3; i++) {
		r = profile_rule(&s, a, SECCOMP_RET_ALLOW);
		profile_name(r, a, "socket");
		profile_arg(r, a, i == 1 ? 0 : 2, SECCOMP_OP_NE, i == 1 ? 16 : 9, 0);
	}
	return s;
}

/* ---- random ones ---- */

static inline uint64_t random_value(struct random *rnd)
{
	uint64_t high;

	switch (random_below(rnd, 8)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - random_below(rnd, 2);
	case 2:
		return UINT32_MAX - random_below(rnd, 2);
	case 3:
		return (1ULL << 32) + random_below(rnd, 2);
	case 4:
		return 1ULL << random_below(rnd, 64);
	case 5:
		high = random_below(rnd, 4);
		return high << 32 | random_below(rnd, 4);
	case 6:
		return random_u64(rnd);
	default:
		return random_below(rnd, 8);
	}
}

/* Arguments near the values that the profile compares with. */
static inline void random_args(struct random *rnd, const struct spec_seccomp *s, uint64_t args[6])
{
	for (int i = 0; i < 6; i++)
		args[i] = random_below(rnd, 3) ? random_value(rnd) : 0;
	for (size_t i = 0; i < s->n_rules; i++)
		for (size_t j = 0; j < s->rules[i].n_args; j++) {
			const struct spec_seccomp_arg *a = &s->rules[i].args[j];

			if (random_below(rnd, 3))
				continue;
			args[a->index] =
				a->op == SECCOMP_OP_MASKED_EQ
					? (a->value_two & a->value) | (random_u64(rnd) & ~a->value)
					: a->value;
			if (random_below(rnd, 3) == 0)
				args[a->index] += random_below(rnd, 3) - 1ULL;
			if (random_below(rnd, 6) == 0)
				args[a->index] ^= 1ULL << random_below(rnd, 64);
		}
}

static inline uint32_t random_action(struct random *rnd)
{
	static const uint32_t actions[] = { SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS,
					    SECCOMP_RET_TRAP,	     SECCOMP_RET_ERRNO,
					    SECCOMP_RET_TRACE,	     SECCOMP_RET_ALLOW,
					    SECCOMP_RET_LOG,	     SECCOMP_RET_USER_NOTIF };

	return actions[random_below(rnd, ARRAY_LEN(actions))];
}

/* A profile whose conditions meet: few calls, few arguments, values next to each other, masks that
 * overlap. */
static inline struct spec_seccomp random_dense_profile(struct random *rnd, struct arena *a)
{
	static const char *const calls[] = { "personality", "socket", "shmat" };
	static const uint64_t masks[] = { 3, 6, 0xc, 0x700000003, 0x300000000, 0x600000006 };
	struct spec_seccomp s = { .set = true, .default_action = SECCOMP_RET_ERRNO };
	uint64_t first = random_value(rnd), base[2] = { first, random_value(rnd) };
	unsigned rules = 2 + random_below(rnd, 20);
	bool one_action = random_below(rnd, 4);

	s.default_errno_ret = (struct opt_u32){ true, 99 };
	for (unsigned i = 0; i < rules; i++) {
		struct spec_seccomp_rule *r =
			profile_rule(&s, a, one_action ? SECCOMP_RET_ALLOW : random_action(rnd));
		unsigned n_args = 1 + random_below(rnd, 3);

		profile_name(r, a, calls[random_below(rnd, ARRAY_LEN(calls))]);
		for (unsigned j = 0; j < n_args; j++) {
			enum spec_seccomp_op op = (enum spec_seccomp_op)random_below(rnd, 7);
			uint64_t near = base[random_below(rnd, 2)] + random_below(rnd, 4);
			uint64_t mask = masks[random_below(rnd, ARRAY_LEN(masks))];

			if (op == SECCOMP_OP_MASKED_EQ)
				profile_arg(r, a, j, op, mask, near);
			else
				profile_arg(r, a, j, op, near, 0);
		}
	}
	s.listener_path = "/nowhere";
	return s;
}

static inline struct spec_seccomp random_profile(struct random *rnd, struct arena *a)
{
	static const char *const favourites[] = { "personality", "socket", "clone", "socketcall",
						  "ipc",	 "shmat",  "ioctl", "write" };
	struct spec_seccomp s = { .set = true, .listener_path = "/nowhere" };
	unsigned rules = 1 + random_below(rnd, 24);
	bool one_action = random_below(rnd, 2);
	uint32_t action = random_action(rnd);

	if (random_below(rnd, 3) == 0)
		return random_dense_profile(rnd, a);
	do
		s.default_action = random_action(rnd);
	while (s.default_action == SECCOMP_RET_USER_NOTIF);
	s.archs = random_below(rnd, 2) ? (uint32_t)random_u64(rnd) & ((1U << ARCHS) - 1) : 0;
	for (unsigned i = 0; i < rules; i++) {
		struct spec_seccomp_rule *r =
			profile_rule(&s, a, one_action ? action : random_action(rnd));
		unsigned names = 1 + random_below(rnd, random_below(rnd, 4) ? 3 : 60);
		unsigned n_args = random_below(rnd, 3) ? random_below(rnd, 4) : 0;

		if (r->action == SECCOMP_RET_ERRNO || r->action == SECCOMP_RET_TRACE)
			r->errno_ret.set = random_below(rnd, 2);
		if (r->errno_ret.set)
			r->errno_ret.v = random_below(rnd, 3);
		for (unsigned j = 0; j < names; j++) {
			const char *name = seccomp_name_text(random_below(rnd, seccomp_names));

			if (random_below(rnd, 2) && names < 4)
				name = favourites[random_below(rnd, ARRAY_LEN(favourites))];
			/* hull cannot ask an agent about these */
			if (!streq(name, "sendmsg") && !streq(name, "recvmsg"))
				profile_name(r, a, name);
		}
		for (unsigned j = 0; j < n_args; j++) {
			/* One after the other: compilers order arguments differently. */
			uint32_t below = random_below(rnd, 2) ? 3 : 6;
			uint32_t index = random_below(rnd, below), op = random_below(rnd, 7);
			uint64_t value = random_value(rnd);

			profile_arg(r, a, index, (enum spec_seccomp_op)op, value,
				    random_value(rnd));
		}
	}
	return s;
}

#endif
