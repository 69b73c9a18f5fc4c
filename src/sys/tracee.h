/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/tracee: stop a process for a moment to read what only a tracer may see. Hides the states of a
 * tracee, and lets it go as it was.
 */
#ifndef HULL_SYS_TRACEE_H
#define HULL_SYS_TRACEE_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

struct ptrace_filter {
	struct sock_filter *insns;
	unsigned short n;
};

/*
 * The seccomp filters of process @pid, the oldest first, in @a. The process stops until they are
 * read, at most until @deadline (io_now() scale), and goes on as if nothing was: system calls are
 * restarted as after SIGSTOP and SIGCONT. @pidfd proves that the number still means it.
 * PTRACE_SECCOMP_GET_FILTER, since 4.4: CAP_SYS_ADMIN in the initial user namespace, and
 * CONFIG_CHECKPOINT_RESTORE. -EPERM, -EBUSY (traced already), -ESRCH, -ETIMEDOUT, -EIO or -EINVAL
 * (the kernel does not have it).
 */
int ptrace_filters(pid_t pid, int pidfd, uint64_t deadline, struct arena *a,
		   struct ptrace_filter **ret, size_t *ret_n);

#endif
