/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/child: run a test body in a process of its own, so that it may unshare, become another
 * user or lower limits. Its failures and skips count as those of the test that forked it.
 */
#ifndef HULL_TESTS_CHILD_H
#define HULL_TESTS_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static inline void unit_in_child(void (*body)(void))
{
	static char reason[128];
	int status = 0, p[2];
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		body();
		fflush(stdout);
		if (unit_skip_reason && write(p[1], unit_skip_reason, strlen(unit_skip_reason)) < 0)
			_exit(3);
		_exit(unit_failed ? 1 : 0);
	}
	close(p[1]);
	n = read(p[0], reason, sizeof(reason) - 1);
	close(p[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (n > 0) {
		reason[n] = '\0';
		unit_skip_reason = reason;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		FAIL_("the child ended with status %#x", status);
}

/* A test whose body runs in a child, as root (a row of its own that says so without). */
#define TEST_IN_CHILD(id)                                                                          \
	static void child_##id(void);                                                              \
	TEST(id)                                                                                   \
	{                                                                                          \
		unit_in_child(child_##id);                                                         \
	}                                                                                          \
	static void child_##id(void)

#define NEED_ROOT()                                                                                \
	do {                                                                                       \
		if (geteuid() != 0)                                                                \
			SKIP("needs root");                                                        \
	} while (0)

/* 0 and *e empty, or the error's line is shown. */
#define CHECK_OK(call, e)                                                                          \
	do {                                                                                       \
		int r_ = (call);                                                                   \
		char line_[1024];                                                                  \
		if (r_ < 0) {                                                                      \
			err_format((e), line_, sizeof(line_));                                     \
			FAIL_("%s: %d: %s", #call, r_, line_);                                     \
		}                                                                                  \
	} while (0)
/* Fails, at this place, with this in its line. */
#define CHECK_ERR(call, e, where, part)                                                            \
	do {                                                                                       \
		int r_ = (call);                                                                   \
		char line_[1024];                                                                  \
		if (r_ >= 0)                                                                       \
			FAIL_("%s did not fail", #call);                                           \
		err_format((e), line_, sizeof(line_));                                             \
		if (strcmp((e)->at, (where)) != 0 || !strstr(line_, (part)))                       \
			FAIL_("%s: \"%s\" is not at %s or lacks \"%s\"", #call, line_, (where),    \
			      (part));                                                             \
	} while (0)

#endif
