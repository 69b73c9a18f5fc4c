/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/process: the steps that make a process of the container what its config says, the first one
 * and every one that exec adds (rule X7). Their order stands in init/steps.c and init/exec.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "cred/cred.h"
#include "init/steps.h"
#include "sys/call.h"
#include "tune/tune.h"

#include <linux/capability.h>

/* ---- ENTER ---- */

int init_step_session(struct init *in, struct err *e)
{
	int r;

	for (size_t i = 0; i < ARRAY_LEN(in->host_dirs); i++)
		fd_close(&in->host_dirs[i]);
	umask(0);
	/*
	 * SECURITY: X6: no controlling terminal of the caller can be reached by terminal input
	 * injection.
	 */
	if (setsid() < 0 && errno != EPERM)
		return err_sys(e, ERR_CRD_LOCK, -errno, "setsid");
	r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (r < 0)
		return err_sys(e, ERR_CRD_LOCK, r, "prctl(PR_SET_PDEATHSIG)");
	return 0;
}

int init_step_cgroup(struct init *in, struct err *e)
{
	return cgroup_doors_enter(in->cgroup, in->cgroup_doors, e);
}

/* ---- IDENTITY ---- */

int init_step_keyring(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;

	if (!p->set || !p->new_keyring)
		return 0;
	if (in->exec)
		return cred_join_keyring(in->plan->id, p->spec->selinux_label, e);
	return cred_new_keyring(in->plan->id, p->spec->selinux_label, e);
}

int init_step_personality(struct init *in, struct err *e)
{
	const struct spec_personality *p = &in->plan->os->personality;

	return p->set ? tune_personality(p, e) : 0;
}

int init_step_memory_policy(struct init *in, struct err *e)
{
	const struct spec_memory_policy *m = &in->plan->os->memory_policy;

	return m->set ? tune_memory_policy(m, e) : 0;
}

int init_step_io_priority(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;

	return p->set && p->spec->io_priority.set ? tune_io_priority(&p->spec->io_priority, e) : 0;
}

/* ---- LOCKDOWN ---- */

int init_step_home(struct init *in, struct err *e)
{
	return in->plan->process.set ? init_set_home(in, e) : 0;
}

int init_step_terminal_stdio(struct init *in, struct err *e)
{
	int r;

	r = in->streams ? console_streams_take(in->streams) : 0;
	if (r < 0)
		return err_sys(e, ERR_CON_RELAY, r, "standard streams");
	if (in->pty_slave < 0)
		return 0;
	r = console_take_stdio(in->pty_slave, in->plan->process.uid, e);
	fd_close(&in->pty_slave);
	return r;
}

/*
 * The program of another user must be able to open /dev/stdout again. SECURITY: P8: only pipes and
 * terminals that the caller owns, never a device such as /dev/null.
 */
int init_step_stdio_owner(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	uid_t self = geteuid();

	(void)e;
	for (int fd = 0; p->set && p->uid != self && fd <= 2; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid != self)
			continue;
		if ((S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))) &&
		    fchown(fd, p->uid, -1) < 0)
			/* an unmapped id or a read-only file system: the stream works as it is */
			continue;
	}
	return 0;
}

int init_step_bounding_set(struct init *in, struct err *e)
{
	return in->plan->process.set ? cred_drop_bounding(&in->plan->process, e) : 0;
}

int init_step_label(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	struct procfs proc = { .fd = -1 };
	int r;

	if (!p->set || (!p->spec->apparmor_profile && !p->spec->selinux_label))
		return 0;
	r = proc_open(false, &proc);
	if (r < 0)
		return err_sys(e, ERR_CRD_LSM, r, "open a private procfs");
	r = cred_set_label(p, &proc, e);
	proc_close(&proc);
	return r;
}

int init_step_ids(struct init *in, struct err *e)
{
	return in->plan->process.set ? cred_set_ids(&in->plan->process, e) : 0;
}

bool init_keeps_sys_admin(const struct init *in)
{
	/*
	 * KERNEL: without no_new_privs, loading a filter and entering a Landlock domain need
	 * CAP_SYS_ADMIN in the user namespace. seccomp(2), landlock_restrict_self(2)
	 */
	return (in->filter || in->ruleset >= 0) && !in->plan->process.spec->no_new_privileges;
}

/*
 * SECURITY: C4. CAP_SYS_ADMIN stays until the filter is loaded, right before execve or while START
 * is waited for; the bounding set is without it, so a startContainer hook cannot keep it.
 */
int init_step_capabilities(struct init *in, struct err *e)
{
	struct plan_process p = in->plan->process;
	int r;

	if (!p.set)
		return 0;
	if (init_keeps_sys_admin(in)) {
		p.caps[CAPSET_EFFECTIVE] |= 1ull << CAP_SYS_ADMIN;
		p.caps[CAPSET_PERMITTED] |= 1ull << CAP_SYS_ADMIN;
	}
	r = cred_set_caps(&p, e);
	if (r < 0)
		return r;
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

int init_step_no_new_privs(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;

	return p->set && p->spec->no_new_privileges ? cred_no_new_privs(e) : 0;
}

/*
 * SECURITY: X4. Before the ids change, as one's own directory may lie below one that is closed; and
 * as the user where root is nobody (NFS, FUSE).
 */
int init_step_cwd_early(struct init *in, struct err *e)
{
	struct err why = { 0 };
	int r;

	if (!in->plan->process.set)
		return 0;
	r = init_enter_cwd(in->plan->process.spec->cwd, &why);
	in->in_cwd = r == 0;
	if (r == -EACCES || r == -EPERM) {
		err_drop(&why, "tried again as the user");
		return 0;
	}
	if (r < 0)
		*e = why;
	return r;
}

int init_step_cwd(struct init *in, struct err *e)
{
	if (!in->plan->process.set || in->in_cwd)
		return 0;
	return init_enter_cwd(in->plan->process.spec->cwd, e);
}

int init_step_program(struct init *in, struct err *e)
{
	if (!in->plan->process.set)
		return 0;
	umask(in->plan->process.umask);
	return init_find_program(in, e);
}

int init_say_ready(struct init *in, struct err *e)
{
	bool told = io_wait(in->chan, POLLIN, 1) > 0;

	return told && !(in->filter && in->filter->notifies)
		       ? 0
		       : sync_send(in->chan, SYNC_READY, -1, e);
}

/* ---- EXEC ---- */

int init_step_descriptors(struct init *in, struct err *e)
{
	unsigned keep = in->plan->process.preserve_fds + in->plan->process.listen_fds;
	sigset_t none;
	int r;

	/* SECURITY: X1: everything but the streams and what was asked for goes away with execve. */
	r = sys_close_range(3 + keep, ~0u, CLOSE_RANGE_CLOEXEC);
	if (r < 0)
		return err_sys(e, ERR_CRD_LOCK, r, "close_range");
	for (unsigned i = 0; i < keep; i++) {
		r = fd_set_cloexec((int)(3 + i), 0);
		if (r < 0)
			return err_sys(e, ERR_CLI_VALUE, r,
				       "unable to stat preserved-fd: descriptor %u", 3 + i);
	}
	sigemptyset(&none);
	/* X6: hull ignores SIGPIPE, and whoever started it may have ignored more */
	sys_signals_default();
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

static bool sets_nofile(const struct plan_process *p)
{
	for (size_t i = 0; p->set && i < p->spec->n_rlimits; i++)
		if (p->spec->rlimits[i].resource == RLIMIT_NOFILE)
			return true;
	return false;
}

int init_step_rlimits(struct init *in, struct err *e)
{
	/*
	 * hull raised the soft limit for itself; the program gets what the caller had, or what the
	 * config says. Late, because a limit may be too low for hull; hard limits that need rights
	 * were raised by the runtime, and a hard limit that is lowered here could not be raised.
	 */
	if (!sets_nofile(&in->plan->process))
		prlimit(0, RLIMIT_NOFILE, &in->nofile, NULL); /* not by all threads of libc */
	return in->plan->process.set ? tune_rlimits(in->plan->process.spec, 0, e) : 0;
}

int init_give_listener(struct init *in, int conn, struct err *e)
{
	struct sync_msg m;
	int r;

	if (in->listener < 0)
		return 0;
	r = sync_send(conn, SYNC_SECCOMP, in->listener, e);
	fd_close(&in->listener);
	return r < 0 ? r : sync_expect(conn, SYNC_SECCOMPED, 0, &m, e);
}

int init_step_listener(struct init *in, struct err *e)
{
	return init_give_listener(in, in->start_conn, e);
}

int init_step_exec(struct init *in, struct err *e)
{
	return init_exec(in, e);
}
