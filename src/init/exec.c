/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/exec: one more process in a container that exists: joins its namespaces in one call, then
 * takes the same steps as the container's own process did (rule X7). What it finds there belongs to
 * the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "cred/cred.h"
#include "init/steps.h"
#include "sys/call.h"

/* KERNEL: a change of ids or a fork clears the parent-death signal. PR_SET_PDEATHSIG(2const) */
static int die_with_runtime(struct err *e)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	return r < 0 ? err_sys(e, ERR_CRD_LOCK, r, "prctl(PR_SET_PDEATHSIG)") : 0;
}

static int step_join(struct init *in, struct err *e)
{
	int r;

	fd_close(&in->console_sock);
	/*
	 * SECURITY: X3: the container's processes could trace this one from the moment it is among
	 * them.
	 */
	r = cred_set_dumpable(false, e);
	if (r == 0 && in->join)
		r = ns_join_process(in->target, in->join, e);
	if (r == 0 && in->root_dir >= 0 && (fchdir(in->root_dir) < 0 || chroot(".") < 0))
		r = err_sys(e, ERR_NSP_JOIN, -errno, "enter the root of the container");
	/* SECURITY: X1: nothing of the host comes along. */
	fd_close(&in->root_dir);
	fd_close(&in->target);
	if (r == 0 && in->join & CLONE_NEWUSER)
		r = cred_become_ns_root(&in->plan->ids, e);
	/* KERNEL: a change of ids sets it to fs.suid_dumpable. PR_SET_DUMPABLE(2const) */
	return r < 0 || !(in->join & CLONE_NEWUSER) ? r : cred_set_dumpable(false, e);
}

/*
 * The intermediate ends at once, so its memory is not copied: the newcomer goes on in it, with the
 * step behind this one.
 */
static int step_fork(struct init *in, struct err *e)
{
	int r;

	if (!in->fork)
		return 0;
	/* KERNEL: no signal with CLONE_PARENT: the parent's is inherited. clone(2) */
	r = sys_clone_sharing(CLONE_PARENT, init_exec_go_on, in);
	if (r < 0)
		return err_sys(e, ERR_PRO_CLONE, r, "clone in the joined namespaces");
	_exit(0);
}

static int step_introduce(struct init *in, struct err *e)
{
	return in->fork ? init_introduce(in, e) : die_with_runtime(e);
}

/* From the devpts that the container has mounted (rule D4). */
static int step_terminal(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	_cleanup_fd_ int dir = -1;
	struct rootfs root;
	int r;

	if (!p->terminal)
		return 0;
	dir = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return err_sys(e, ERR_CON_PTY, dir, "open the root of the container");
	root.fd = dir;
	r = console_open(&root, p->spec, &in->pty_master, &in->pty_slave, e);
	if (r < 0)
		return r;
	r = sync_send(in->chan, SYNC_CONSOLE, in->pty_master, e);
	fd_close(&in->pty_master);
	return r;
}

static int step_ready(struct init *in, struct err *e)
{
	return init_say_ready(in, e);
}

/*
 * Faults K5: until here this process ends with the command; from START on it is a process of the
 * container.
 */
static int step_wait_start(struct init *in, struct err *e)
{
	struct sync_msg m;
	int r = sync_expect(in->chan, SYNC_START, 0, &m, e);

	if (r < 0)
		return r;
	in->start_conn = in->chan;
	sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	return 0;
}

/*
 * As init_steps, without what makes a container. The cgroup comes first, while its files can still
 * be reached, and the sealed image before anybody's namespaces; the terminal and everything after
 * it is of the container.
 */
const struct init_step init_exec_steps[] = {
	{ "session", STAGE_ENTER, init_step_session },
	{ "join-cgroup", STAGE_ENTER, init_step_cgroup },
	{ "seal", STAGE_ENTER, init_step_seal },
	{ "join-container", STAGE_ENTER, step_join },
	{ "fork", STAGE_ENTER, step_fork },
	{ "introduce", STAGE_ENTER, step_introduce },
	{ "terminal", STAGE_PIVOT, step_terminal },
	{ "keyring", STAGE_IDENTITY, init_step_keyring },
	{ "personality", STAGE_IDENTITY, init_step_personality },
	{ "memory-policy", STAGE_IDENTITY, init_step_memory_policy },
	{ "io-priority", STAGE_IDENTITY, init_step_io_priority },
	{ "home", STAGE_LOCKDOWN, init_step_home },
	{ "terminal-stdio", STAGE_LOCKDOWN, init_step_terminal_stdio },
	{ "stdio-owner", STAGE_LOCKDOWN, init_step_stdio_owner },
	{ "bounding-set", STAGE_LOCKDOWN, init_step_bounding_set },
	{ "label", STAGE_LOCKDOWN, init_step_label },
	{ "landlock-rules", STAGE_LOCKDOWN, init_step_landlock },
	{ "cwd-early", STAGE_LOCKDOWN, init_step_cwd_early },
	{ "ids", STAGE_LOCKDOWN, init_step_ids },
	{ "capabilities", STAGE_LOCKDOWN, init_step_capabilities },
	{ "no-new-privs", STAGE_LOCKDOWN, init_step_no_new_privs },
	{ "cwd", STAGE_LOCKDOWN, init_step_cwd },
	{ "program", STAGE_LOCKDOWN, init_step_program },
	{ "ready", STAGE_LOCKDOWN, step_ready },
	{ "wait-start", STAGE_START, step_wait_start },
	{ "descriptors", STAGE_EXEC, init_step_descriptors },
	{ "rlimits", STAGE_EXEC, init_step_rlimits },
	{ "landlock", STAGE_EXEC, init_step_landlock_enter },
	{ "filter", STAGE_EXEC, init_step_filter },
	{ "last-capability", STAGE_EXEC, init_step_last_capability },
	{ "listener", STAGE_EXEC, init_step_listener },
	{ "exec", STAGE_EXEC, init_step_exec },
};
const size_t init_n_exec_steps = ARRAY_LEN(init_exec_steps);
