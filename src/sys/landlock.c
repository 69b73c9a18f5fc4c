/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/landlock: hides the structs and numbers, which older headers lack.
 */
#include "sys/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/macro.h"
#include "sys/abi.h"

/* The same on every architecture that hull knows. linux/landlock.h, since 5.13. */
enum { NR_CREATE_RULESET = 444, NR_ADD_RULE = 445, NR_RESTRICT_SELF = 446 };
enum { CREATE_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct path_beneath {
	uint64_t rights;
	int32_t fd;
} _packed_;

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int landlock_abi(void)
{
	return result(syscall(NR_CREATE_RULESET, NULL, (size_t)0, CREATE_VERSION));
}

int landlock_create(uint64_t handled)
{
	/* KERNEL: a shorter struct means zeros for what is left out. landlock_create_ruleset(2) */
	return result(syscall(NR_CREATE_RULESET, &handled, sizeof(handled), 0));
}

int landlock_allow(int ruleset, int path_fd, uint64_t rights)
{
	struct path_beneath rule = { .rights = rights, .fd = path_fd };

	return result(syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0));
}

int landlock_restrict(int ruleset)
{
	return result(syscall(NR_RESTRICT_SELF, ruleset, 0));
}
