/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/steps: runs a table of steps of the runtime, of create or of restore, and undoes all of
 * it when one fails. The tables and the steps of create stand in spawn.c.
 */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/trace.h"
#include "container/restore.h"
#include "container/spawn.h"
#include "net/net.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

int spawn_block_signals(sigset_t *ret_mask, int *ret, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, ret_mask);
	*ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret < 0 ? err_sys(e, ERR_GEN_SYS, -errno, "signalfd") : 0;
}

void spawn_log_init(void)
{
	const struct trace_page *p = trace_page();

	if (!log_enabled(LOG_LEVEL_DEBUG) || !p)
		return;
	for (uint32_t i = 0; i < MIN(p->n[TRACE_INIT], (uint32_t)TRACE_MAX); i++)
		log_debug("init: step %.*s", TRACE_NAME, p->rec[TRACE_INIT][i].name);
}

static void prepare(struct spawn *sp, struct ctx *c, const struct create_options *o)
{
	*sp = (struct spawn){ .c = c, .o = o, .streams = CONSOLE_STREAMS_NONE };
	sp->s = (struct subject){ .en.dir = -1, .st = STATUS_NONE, .rec.cgroup.v2_fd = -1 };
	sp->chan = sp->init_chan = sp->trace_fd = sp->start_sock = sp->console_sock =
		sp->pidfd_sock = -1;
	sp->userns_fd = sp->pidfd = sp->master = sp->signals = sp->draft.fd = sp->proc.fd =
		sp->created.dir = sp->pid_file.dir = sp->pid_file.fd = -1;
	ns_fds_init(&sp->ns);
	memset(sp->doors, 0xff, sizeof(sp->doors)); /* -1 */
	if (!trace_page())
		trace_begin(arena_new(&c->a, struct trace_page));
}

static int run_steps(struct spawn *sp, const struct spawn_step *steps, size_t n, struct err *e)
{
	int r;

	trace_step("read-config");
	r = blueprint_make(sp->c, sp->o, &sp->bp, e);
	for (size_t i = 0; r >= 0 && i < sp->bp.plan.n_warnings; i++)
		log_warn("%s", sp->bp.plan.warnings[i]);
	for (size_t i = 0; r >= 0 && i < sp->bp.plan.n_remarks; i++)
		log_info("%s", sp->bp.plan.remarks[i]);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		trace_step(steps[i].name);
		log_debug("step %s", steps[i].name);
		r = steps[i].run(sp, e);
		/* what init says about itself has init's own step */
		if (r < 0)
			err_step(e, r, steps[i].name);
	}
	spawn_log_init();
	if (r < 0)
		spawn_undo(sp, e);
	else
		net_move_keep(&sp->net);
	return r;
}

int spawn_reexec(struct ctx *c, struct err *e)
{
	struct rlimit raised;
	int r;

	r = inherited_high(c, e);
	if (r < 0)
		return r;
	/* the copy is to see the limit of the caller, not the one that hull raised for itself */
	getrlimit(RLIMIT_NOFILE, &raised);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ c->nofile.rlim_cur, raised.rlim_max });
	r = init_reexec_sealed(c->argv, c->env, c->inherited, c->n_inherited, e);
	setrlimit(RLIMIT_NOFILE, &raised);
	return r;
}

int spawn_run(struct spawn *sp, struct ctx *c, const struct create_options *o, struct err *e)
{
	int r;

	prepare(sp, c, o);
	sp->seals = init_can_seal();
	if (!sp->seals) {
		trace_step("seal");
		r = spawn_reexec(c, e);
		if (r < 0)
			return err_step(e, r, "seal");
	}
	r = spawn_block_signals(&sp->mask, &sp->signals, e);
	if (r < 0)
		return r;
	return run_steps(sp, spawn_steps, spawn_n_steps, e);
}

int spawn_restore(struct spawn *sp, struct ctx *c, const struct create_options *o,
		  const struct checkpoint_options *images, struct err *e)
{
	int r;

	prepare(sp, c, o);
	sp->images = images;
	r = spawn_block_signals(&sp->mask, &sp->signals, e);
	return r < 0 ? r : run_steps(sp, spawn_restore_steps, spawn_n_restore_steps, e);
}

void spawn_settle(struct spawn *sp)
{
	fd_close(&sp->chan);
	fd_close(&sp->init_chan);
	fd_close(&sp->trace_fd);
	fd_close(&sp->start_sock);
	fd_close(&sp->console_sock);
	fd_close(&sp->pidfd_sock);
	spawn_close_doors(sp);
	fd_close(&sp->userns_fd);
	fd_close(&sp->draft.fd);
	public_drop(&sp->created);
	pid_file_drop(&sp->pid_file);
	proc_close(&sp->proc);
	seccomp_shared_free(sp->filter);
	sp->filter = NULL;
	ns_close(&sp->ns);
	if (sp->sources_open)
		mount_sources_close(&sp->sources);
	sp->sources_open = false;
}

static void release(struct spawn *sp)
{
	restore_close(sp);
	spawn_settle(sp);
	fd_close(&sp->pidfd);
	fd_close(&sp->master);
	console_streams_close(&sp->streams);
}

void spawn_undo(struct spawn *sp, struct err *e)
{
	struct err second = { 0 };
	siginfo_t end;
	bool hooks = e->id >= ERR_HOK_EXEC && e->id <= ERR_HOK_TIMEOUT;

	/*
	 * The signal that ended the command has done its work: it must not end the way back or the
	 * message too.
	 */
	while (sp->signals >= 0 && sys_signal_next(sp->signals))
		;
	if (sp->pidfd >= 0) {
		sys_pidfd_send_signal(sp->pidfd, SIGKILL);
		/* KERNEL: whom CRIU traces can only be reaped when CRIU has ended. ptrace(2) */
		restore_close(sp);
		pidfd_reap(sp->pidfd, &end);
		if (sp->bp.plan.ns.forks && !sp->images && sp->chan >= 0)
			spawn_undo_fork(sp->chan);
	}
	if (sp->sources_open)
		mount_sources_undo(&sp->sources);
	net_move_undo(&sp->net); /* before their namespace ends, which takes virtual ones along */
	/* what failed may have been the next descriptor: the way back needs some (faults R3) */
	release(sp);
	if (!sp->claimed)
		return;
	sp->s.rec.pid = 0;
	if (container_destroy(sp->c, &sp->s, true, hooks, &second) < 0)
		log_warn_err(&second, "cleaning up after the failure");
	sp->claimed = false;
}

void spawn_close(struct spawn *sp)
{
	release(sp);
	fd_close(&sp->signals); /* the command ends: what is blocked stays so */
	subject_close(&sp->s);
}
