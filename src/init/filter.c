/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/filter: when the filter is loaded. Last of all, so that it covers as little of hull as
 * possible, unless it lets through whatever hull has still to do: then while START is waited for.
 */
#include <sys/syscall.h>

#include "base/macro.h"
#include "init/steps.h"
#include "sys/call.h"

/*
 * What init and libc call from "filter-early" to execve. tests/conform/test_seccomp_early.py loads
 * a filter that kills on anything else.
 */
static const uint32_t calls[] = {
#ifdef SYS_poll
	SYS_poll,
#else
	SYS_ppoll,
#endif
	/* the caller of `hull start`, and what goes back to him */
	SYS_accept4, SYS_close, SYS_read, SYS_recvmsg, SYS_sendmsg, SYS_exit_group,
	/* descriptors, rlimits, exec */
	SYS_close_range, SYS_fcntl, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_prlimit64, SYS_execve,
	SYS_capset,
	/* KERNEL: without a clock of user space the flight recorder asks. vdso(7) */
	SYS_clock_gettime
};
/* The same for a process in place of the config's: its text, memory, home, directory, program. */
static const uint32_t replacing[] = {
#ifdef SYS_fstat
	SYS_fstat,
#else
	SYS_statx,
#endif
	SYS_brk,     SYS_mmap,	 SYS_mremap, SYS_munmap, SYS_lseek, SYS_pread64,    SYS_openat,
	SYS_openat2, SYS_fchdir, SYS_getcwd, SYS_getpid, SYS_umask, SYS_faccessat2,
};

bool init_filter_early(const struct seccomp_program *p)
{
	return p->n && seccomp_allows_always(p, calls, ARRAY_LEN(calls)) &&
	       (p->notifies || seccomp_allows_always(p, replacing, ARRAY_LEN(replacing)));
}

static int load(struct init *in, struct err *e)
{
	int r = init_step_filter(in, e);

	if (r == 0)
		r = init_step_last_capability(in, e);
	in->filtered = r == 0;
	return r;
}

int init_filter_now(struct init *in, struct err *e)
{
	int r = load(in, e);

	return r < 0 ? err_step(e, r, "filter") : init_give_listener(in, in->chan, e);
}

/*
 * Not where a hook of the image comes before the program: that has a filter of its own. What fails
 * here is tried again after START, where somebody hears of it.
 */
int init_step_filter_early(struct init *in, struct err *e)
{
	struct err later = { 0 };

	(void)e;
	if (in->start_sock < 0 || !in->filter || !in->filter->early || in->filter->notifies ||
	    in->ruleset >= 0 || !in->plan->process.set || in->plan->hooks->n[HOOK_START_CONTAINER])
		return 0;
	if (load(in, &later) < 0)
		err_drop(&later, "the same steps come again");
	return 0;
}

int init_step_filter(struct init *in, struct err *e)
{
	return in->filter && !in->filtered ? seccomp_load(in->filter, &in->listener, e) : 0;
}

int init_step_last_capability(struct init *in, struct err *e)
{
	const uint64_t *caps = in->plan->process.caps;
	int r;

	if (in->filtered || !init_keeps_sys_admin(in))
		return 0;
	r = sys_capset(caps[CAPSET_EFFECTIVE], caps[CAPSET_PERMITTED], caps[CAPSET_INHERITABLE]);
	return r < 0 ? err_sys(e, ERR_CRD_CAPS, r, "drop CAP_SYS_ADMIN") : 0;
}
