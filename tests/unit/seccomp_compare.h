/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/seccomp_compare: one profile, hull's filter against libseccomp's and against the rules
 * read naively, over all numbers and over arguments near the profile's values. For tests and for
 * the fuzzer.
 */
#ifndef HULL_TESTS_SECCOMP_COMPARE_H
#define HULL_TESTS_SECCOMP_COMPARE_H

#include <stdio.h>

#include "seccomp_oracle.h"
#include "seccomp_profiles.h"

static struct bpf_program oracle;
static unsigned asked_one_by_one, oracle_lost;

struct subject {
	enum spec_seccomp_arch native;
	const struct spec_seccomp *spec;
	struct seccomp_program hull;
	struct reading readings[ARCHS];
	bool with_oracle;
};

static char why[ERR_AT_MAX + ERR_MSG_MAX + 256];

/* The rules of a profile that matter to one call, for the reader of a failure. */
static void print_rules(const struct subject *t, enum spec_seccomp_arch id, uint32_t nr)
{
	const struct reading *r = id == ARCHS ? NULL : &t->readings[id];

	printf("# archs %#x, default %#x\n", t->spec->archs,
	       oracle_action(t->spec->default_action, &t->spec->default_errno_ret));
	for (size_t i = 0; r && i < r->n; i++) {
		const struct spec_seccomp_rule *rule = r->names[i].rule;

		if (r->names[i].number != (long)nr && r->names[i].mux_number != (long)nr)
			continue;
		printf("# %s (%u): %#x", r->names[i].text, r->names[i].mux,
		       oracle_action(rule->action, &rule->errno_ret));
		for (size_t k = 0; k < rule->n_args; k++)
			printf(" [%u] op %d %#llx %#llx;", rule->args[k].index, rule->args[k].op,
			       (unsigned long long)rule->args[k].value,
			       (unsigned long long)rule->args[k].value_two);
		printf("\n");
	}
}

static bool is_listed(const struct subject *t, enum spec_seccomp_arch id)
{
	return id == t->native || t->spec->archs & 1U << id;
}

/* Is a listed architecture of this kernel known by that value? */
static bool audit_listed(const struct subject *t, uint32_t audit)
{
	bool listed = false;

	for (unsigned i = 0; i < ARCHS; i++)
		listed |= is_listed(t, i) && seccomp_archs[i].audit == audit;
	return listed;
}

/* NULL, or what differs. @id: the listed architecture that the call belongs to, or ARCHS: none. */
static const char *compare(const struct subject *t, enum spec_seccomp_arch id, uint32_t audit,
			   uint32_t nr, const uint64_t args[6])
{
	bool be = seccomp_archs[t->native].big_endian;
	struct bpf_call call = bpf_call(audit, nr, args, be);
	uint32_t got = bpf_run(t->hull.insns, &call, NULL), lib = got;
	struct verdict want = { .action = SECCOMP_RET_KILL_THREAD };
	const char *name;

	if (id != ARCHS)
		want = naive_decide(&t->readings[id], nr, args);
	if (nr == UINT32_MAX && audit_listed(t, audit))
		want = (struct verdict){ .action = oracle_action(t->spec->default_action,
								 &t->spec->default_errno_ret) };
	if (t->with_oracle)
		lib = bpf_run(oracle.insns, &call, NULL);
	(void)snprintf(why, sizeof(why),
		       "native %d, arch %d (%#x), nr %#x, args %#llx %#llx %#llx %#llx %#llx "
		       "%#llx: hull %#x, "
		       "rules %#x%s, libseccomp %#x",
		       t->native, id, audit, nr, (unsigned long long)args[0],
		       (unsigned long long)args[1], (unsigned long long)args[2],
		       (unsigned long long)args[3], (unsigned long long)args[4],
		       (unsigned long long)args[5], got, want.action,
		       want.contradiction ? " (contradicting)" : "", lib);
	if (got != want.action) {
		print_rules(t, id, nr);
		return why;
	}
	if (!t->with_oracle || want.young || lib == got)
		return NULL;
	name = id == ARCHS ? NULL : seccomp_syscall_name(id, nr);
	if (name && !oracle_name(name))
		return NULL;
	if (want.contradiction &&
	    (int)(got & SECCOMP_RET_ACTION_FULL) <= (int)(lib & SECCOMP_RET_ACTION_FULL))
		return NULL;
	asked_one_by_one++;
	if (id != ARCHS) {
		if (!oracle_one_by_one(&t->readings[id], t->native, &call, &lib)) {
			oracle_lost++; /* no opinion; the rules read naively agree */
			return NULL;
		}
		if (lib == got)
			return NULL;
	}
	print_rules(t, id, nr);
	return why;
}

static enum spec_seccomp_arch owner(const struct subject *t, enum spec_seccomp_arch id, uint32_t nr)
{
	if (seccomp_archs[id].audit == seccomp_archs[ARCH_X32].audit)
		id = nr >= 0x40000000 ? ARCH_X32 : ARCH_X86_64;
	return is_listed(t, id) ? id : ARCHS;
}

static const char *compare_numbers(const struct subject *t)
{
	static const uint64_t none[6];
	static const uint32_t corners[] = { 0x3fffffff, 0x7fffffff, 0x80000000, 0xbfffffff,
					    0xc0000000, 0xfffffffe, 0xffffffff, 0x0f0000,
					    0x0f0005,	0x0f0010 };
	const char *bad = NULL;

	for (unsigned id = 0; id < ARCHS && !bad; id++) {
		const struct seccomp_arch *arch = &seccomp_archs[id];
		uint32_t base = seccomp_tables[arch->table].base;

		if (arch->family != seccomp_archs[t->native].family)
			continue;
		for (uint32_t i = 0; i <= 1100 && !bad; i++) {
			bad = compare(t, owner(t, id, i), arch->audit, i, none);
			if (!bad && base)
				bad = compare(t, owner(t, id, base + i), arch->audit, base + i,
					      none);
		}
		for (unsigned i = 0; i < ARRAY_LEN(corners) && !bad; i++)
			bad = compare(t, owner(t, id, corners[i]), arch->audit, corners[i], none);
	}
	if (!bad)
		bad = compare(t, ARCHS, 0x12345678, 1, none);
	return bad;
}

static const char *compare_args(const struct subject *t, struct random *rnd, unsigned rounds)
{
	const char *bad = NULL;

	for (size_t i = 0; i < t->spec->n_rules && !bad; i++) {
		const struct spec_seccomp_rule *r = &t->spec->rules[i];

		for (size_t j = 0; r->n_args && j < r->names.n && !bad; j++)
			for (unsigned id = 0; id < ARCHS && !bad; id++) {
				static const char *const mux[] = { NULL, "socketcall", "ipc" };

				if (!is_listed(t, id) ||
				    seccomp_archs[id].family != seccomp_archs[t->native].family)
					continue;
				for (unsigned k = 0; k < rounds && !bad; k++) {
					const char *name = mux[k % 8 < 6 ? 0 : k % 8 - 5];
					long nr = seccomp_syscall(id, name ? name : r->names.v[j]);
					uint64_t args[6];

					random_args(rnd, t->spec, args);
					if (name && random_below(rnd, 4))
						args[0] = 1 + random_below(rnd, 24);
					if (nr >= 0)
						bad = compare(t, id, seccomp_archs[id].audit,
							      (uint32_t)nr, args);
				}
			}
	}
	return bad;
}

/* NULL, or what is wrong with the filter for @s on @native. */
static const char *compare_profile(enum spec_seccomp_arch native, const struct spec_seccomp *s,
				   struct random *rnd, unsigned rounds)
{
	struct subject t = { .native = native, .spec = s };
	struct err e = { 0 };
	struct arena a;
	const char *bad;
	int r;

	arena_init(&a);
	r = seccomp_compile_for(native, s, &a, &t.hull, NULL, &e);
	t.with_oracle = oracle_archs[native].token != 0;
	if (r < 0) {
		(void)snprintf(why, sizeof(why), "compile: %d %s: %s", r, e.at, e.msg);
		bad = e.id == ERR_SEC_SIZE ? NULL : why;
		arena_free(&a);
		return bad;
	}
	for (unsigned i = 0; i < ARCHS; i++)
		if (is_listed(&t, i) && seccomp_archs[i].family == seccomp_archs[native].family)
			t.readings[i] = naive_read(s, i, &a);
	bad = bpf_check(t.hull.insns, t.hull.n);
	if (!bad && t.with_oracle) {
		r = oracle_compile(native, s, 0, 1, &oracle);
		if (r == -ETIME) { /* it does not come to an end: no opinion */
			oracle_lost++;
			t.with_oracle = false;
		} else if (r < 0) {
			(void)snprintf(why, sizeof(why), "libseccomp: %d", r);
			bad = why;
		}
	}
	if (!bad)
		bad = compare_numbers(&t);
	if (!bad)
		bad = compare_args(&t, rnd, rounds);
	arena_free(&a);
	return bad;
}

#endif
