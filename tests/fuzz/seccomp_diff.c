/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz/seccomp_diff: bytes choose an architecture and a profile; hull's filter is compared with
 * libseccomp's and with the rules read naively. A difference aborts. Built with clang and
 * -Dfuzz=true; see tests/fuzz/README.md.
 */
#include "../unit/seccomp_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct random choices = { .state = size, .bytes = data, .n = size };
	enum spec_seccomp_arch native;
	struct spec_seccomp s;
	struct random calls;
	const char *bad;
	struct arena a;

	if (size < 16)
		return -1;
	native = random_below(&choices, 2) ? seccomp_native() : random_below(&choices, ARCHS);
	if (!seccomp_arch_known(native))
		return -1;
	arena_init(&a);
	calls = (struct random){ .state = random_below(&choices, UINT16_MAX) };
	s = random_profile(&choices, &a);
	bad = compare_profile(native, &s, &calls, 24);
	arena_free(&a);
	if (bad) {
		fprintf(stderr, "%s\n", bad);
		abort();
	}
	return 0;
}
