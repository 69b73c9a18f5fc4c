/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp: hull's program against libseccomp's and against the rules read naively, call by call. */
#include "seccomp_compare.h"
#include "unit.h"

#define CHECK_SAME(what, call)                                                                     \
	do {                                                                                       \
		const char *bad_ = (call);                                                         \
		if (bad_)                                                                          \
			FAIL_("%s: %s", (what), bad_);                                             \
	} while (0)

static uint32_t family_of(enum spec_seccomp_arch native)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < ARCHS; i++)
		if (seccomp_archs[i].family == seccomp_archs[native].family)
			set |= 1U << i;
	return set;
}

TEST(known_profiles_on_all_architectures)
{
	struct random rnd = { 1 };
	struct arena a;

	arena_init(&a);
	for (unsigned p = 0; p < PROFILES; p++)
		for (unsigned id = 0; id < ARCHS; id++) {
			struct spec_seccomp s = profile_make(p, &a);

			if (!seccomp_arch_known(id))
				continue;
			s.archs = 0;
			CHECK_SAME(profile_names[p], compare_profile(id, &s, &rnd, 200));
			s.archs = family_of(id);
			CHECK_SAME(profile_names[p], compare_profile(id, &s, &rnd, 200));
		}
	arena_free(&a);
}

/*
 * In the shape of an allow list no call may cost more than with libseccomp's binary tree, whatever
 * its arguments; with any profile not all calls together, nor the dearest one. (Two full trees over
 * a list of single calls cannot be better than each other everywhere.)
 */
TEST(calls_execute_no_more_than_in_a_binary_tree)
{
	struct random rnd = { 7 };
	struct arena a;

	arena_init(&a);
	for (unsigned p = 0; p < PROFILES; p++) {
		struct spec_seccomp s = profile_make(p, &a);
		unsigned long sum_mine = 0, sum_theirs = 0;
		unsigned max_mine = 0, max_theirs = 0;
		struct seccomp_program hull;
		struct err e = { 0 };

		s.archs = family_of(seccomp_native());
		CHECK_INT(seccomp_compile(&s, &a, &hull, NULL, &e), 0);
		CHECK_INT(oracle_compile(seccomp_native(), &s, 2, 20, &oracle), 0);
		for (unsigned i = 0; i < 50 * ARCHS * seccomp_names; i++) {
			const char *name = seccomp_name_text(i / ARCHS % seccomp_names);
			long nr = seccomp_syscall(i % ARCHS, name);
			unsigned mine, theirs;
			uint64_t args[6];
			struct bpf_call call;

			random_args(&rnd, &s, args);
			call = bpf_call(seccomp_archs[i % ARCHS].audit, (uint32_t)nr, args, false);
			if (!(s.archs & 1U << i % ARCHS) || nr < 0 || !oracle_name(name))
				continue;
			bpf_run(hull.insns, &call, &mine);
			bpf_run(oracle.insns, &call, &theirs);
			if (mine > theirs && s.default_action != SECCOMP_RET_ALLOW)
				FAIL_("%s, arch %u, %s(%#llx, %#llx, %#llx): %u, tree %u",
				      profile_names[p], i % ARCHS, name,
				      (unsigned long long)args[0], (unsigned long long)args[1],
				      (unsigned long long)args[2], mine, theirs);
			sum_mine += mine;
			sum_theirs += theirs;
			max_mine = MAX(max_mine, mine);
			max_theirs = MAX(max_theirs, theirs);
		}
		printf("# %s: steps %lu, tree %lu; at most %u, tree %u; instructions %u, tree "
		       "%zu\n",
		       profile_names[p], sum_mine, sum_theirs, max_mine, max_theirs, hull.n,
		       oracle.n);
		CHECK(sum_mine <= sum_theirs);
		CHECK(max_mine <= max_theirs);
	}
	arena_free(&a);
}

TEST(random_profiles)
{
	const char *text = getenv("HULL_SECCOMP_PROFILES"), *seed = getenv("HULL_SECCOMP_SEED");
	uint32_t count = 120, first = 1;

	if (text)
		CHECK_INT(str_to_u32(text, &count), 0);
	if (seed)
		CHECK_INT(str_to_u32(seed, &first), 0);
	for (uint32_t i = first; i < first + count; i++) {
		struct random rnd = { i * 0x9e3779b97f4a7c15ULL + 1 };
		enum spec_seccomp_arch native =
			i % 2 ? seccomp_native() : random_below(&rnd, ARCHS);
		struct spec_seccomp s;
		struct arena a;
		char what[64];

		if (!seccomp_arch_known(native))
			continue;
		arena_init(&a);
		s = random_profile(&rnd, &a);
		(void)snprintf(what, sizeof(what), "random profile %u", i);
		CHECK_SAME(what, compare_profile(native, &s, &rnd, 40));
		arena_free(&a);
	}
	printf("# libseccomp was asked rule by rule %u times, had no answer %u times, %u "
	       "profiles\n",
	       asked_one_by_one, oracle_lost, count);
	CHECK(oracle_lost <= 1 + count / 20);
}

UNIT_MAIN
