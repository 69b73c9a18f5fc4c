/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit: a harness of one header. A test file is TEST(name) { ... } blocks and UNIT_MAIN;
 * output is TAP, a failed CHECK names file, line and both values and ends that test only.
 */
#ifndef HULL_TESTS_UNIT_H
#define HULL_TESTS_UNIT_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;
static int unit_failed;
static const char *unit_skip_reason;

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	__attribute__((constructor)) static void add_##id(void)                                    \
	{                                                                                          \
		static struct unit_test t = { #id, test_##id, NULL };                              \
		*unit_last = &t;                                                                   \
		unit_last = &t.next;                                                               \
	}                                                                                          \
	static void test_##id(void)

#define FAIL_(...)                                                                                 \
	do {                                                                                       \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		unit_failed = 1;                                                                   \
		return;                                                                            \
	} while (0)
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			FAIL_("not true: %s", #cond);                                              \
	} while (0)
#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		long long g_ = (long long)(got), w_ = (long long)(want);                           \
		if (g_ != w_)                                                                      \
			FAIL_("%s is %lld, not %lld", #got, g_, w_);                               \
	} while (0)
#define CHECK_STR(got, want)                                                                       \
	do {                                                                                       \
		const char *g_ = (got), *w_ = (want);                                              \
		if (!g_ || !w_ || strcmp(g_, w_) != 0)                                             \
			FAIL_("%s is \"%s\", not \"%s\"", #got, g_ ? g_ : "(null)",                \
			      w_ ? w_ : "(null)");                                                 \
	} while (0)
#define SKIP(reason)                                                                               \
	do {                                                                                       \
		unit_skip_reason = (reason);                                                       \
		return;                                                                            \
	} while (0)

#define UNIT_MAIN                                                                                  \
	int main(void)                                                                             \
	{                                                                                          \
		int n = 0, bad = 0;                                                                \
		/* whoever ignores signals (nohup) must not change what is tested */               \
		for (int s_ = 1; s_ < 32; s_++)                                                    \
			signal(s_, SIG_DFL);                                                       \
		setvbuf(stdout, NULL, _IOLBF, 0);                                                  \
		for (struct unit_test *t = unit_first; t; t = t->next) {                           \
			unit_failed = 0;                                                           \
			unit_skip_reason = NULL;                                                   \
			t->run();                                                                  \
			n++;                                                                       \
			bad += unit_failed;                                                        \
			printf("%sok %d - %s%s%s\n", unit_failed ? "not " : "", n, t->name,        \
			       unit_skip_reason ? " # SKIP " : "",                                 \
			       unit_skip_reason ? unit_skip_reason : "");                          \
		}                                                                                  \
		printf("1..%d\n", n);                                                              \
		return bad ? EXIT_FAILURE : EXIT_SUCCESS;                                          \
	}

#endif
