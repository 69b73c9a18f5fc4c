/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/tracee: seize, interrupt, read, let go.
 */
#include "sys/tracee.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "sys/abi.h"
#include "sys/pidfd.h"

/* linux/ptrace.h and asm-generic: the same on every architecture. Since 3.4 and 4.4. */
enum { DETACH = 17, SEIZE = 0x4206, INTERRUPT = 0x4207, GET_FILTER = 0x420c, EVENT_STOP = 128 };

static long call(long request, pid_t pid, unsigned long addr, void *data)
{
	long r = syscall(SYS_ptrace, request, pid, addr, data);

	return r < 0 ? -errno : r;
}

/* Wait until it stops; *ret_signal: one that was on its way and must go on to it. */
static int wait_stop(pid_t pid, uint64_t deadline, int *ret_signal)
{
	struct timespec pause = { .tv_nsec = 200000 };
	int status;

	while (io_now() < deadline) {
		pid_t r = waitpid(pid, &status, WNOHANG | __WALL);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == pid && !WIFSTOPPED(status))
			return -ESRCH;
		if (r == pid) {
			/*
			 * KERNEL: a stop by INTERRUPT or of the group carries an event, a signal
			 * does not. ptrace(2)
			 */
			*ret_signal = status >> 16 == EVENT_STOP ? 0 : WSTOPSIG(status);
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int read_filters(pid_t pid, struct arena *a, struct ptrace_filter **ret, size_t *ret_n)
{
	for (unsigned long i = 0;; i++) {
		struct ptrace_filter *f;
		long n = call(GET_FILTER, pid, i, NULL);

		if (n == -ENOENT) /* behind the last one */
			return 0;
		if (n < 0)
			return (int)n;
		f = arena_push(a, ret, ret_n, sizeof(*f));
		f->insns = arena_new_array(a, (size_t)n, struct sock_filter);
		f->n = (unsigned short)n;
		n = call(GET_FILTER, pid, i, f->insns);
		if (n != f->n)
			return n < 0 ? (int)n : -EBADMSG;
	}
}

int ptrace_filters(pid_t pid, int pidfd, uint64_t deadline, struct arena *a,
		   struct ptrace_filter **ret, size_t *ret_n)
{
	int signal = 0, r = (int)call(SEIZE, pid, 0, NULL);

	*ret = NULL;
	*ret_n = 0;
	if (r < 0)
		return r == -EPERM && pidfd_alive(pidfd) != 1 ? -ESRCH : r;
	/* SECURITY: X7: whoever is held now is the process only if it lives still. */
	r = pidfd_alive(pidfd) == 1 ? (int)call(INTERRUPT, pid, 0, NULL) : -ESRCH;
	if (r == 0)
		r = wait_stop(pid, deadline, &signal);
	if (r == 0)
		r = read_filters(pid, a, ret, ret_n);
	/* Where it did not stop in time this fails, and the end of hull lets it go. */
	call(DETACH, pid, 0, (void *)(unsigned long)signal);
	return r;
}
