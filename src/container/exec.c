/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/exec: one more process in a container that exists, from the runtime's side. Nothing of
 * the container is changed and its lock is not taken: what goes away meanwhile shows as "not
 * running" (faults C5).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "console/console.h"
#include "container/spawn.h"
#include "cred/cred.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/sock.h"

struct exec {
	struct ctx *c;
	const struct exec_options *o;
	struct subject s;
	struct spec spec;
	struct plan plan;
	struct seccomp_program filter;
	struct init init;
	int doors[CGROUP_HIERARCHIES];
	int chan, init_chan, console_sock, pidfd_sock, root_dir;
	int master, pidfd, signals;
	struct console_streams streams; /* without a terminal, in place of the caller's */
	pid_t pid;
	sigset_t mask; /* of the caller */
	bool forked;   /* FORKED is said once */
	bool seals, started;
};

static int step_container(struct exec *x, struct err *e)
{
	const char *id = x->o->id;
	int r = subject_open(x->c, id, false, &x->s, e);

	if (r < 0)
		return r;
	if (x->s.st.status == STATUS_CREATING)
		return err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is still being created", id);
	if (x->s.st.pidfd < 0)
		return status_not_running(id, e);
	if (x->s.st.status == STATUS_PAUSED && !x->o->ignore_paused)
		return err_set(
			e, ERR_STA_STATUS, 0,
			"cannot exec in a paused container (use --ignore-paused to override)");
	return 0;
}

static int step_process(struct exec *x, struct err *e)
{
	struct ctx *c = x->c;
	struct plan_options po = {
		.id = x->o->id,
		.console_socket = x->o->console_socket,
		.preserve_fds = x->o->preserve_fds,
		.listen_fds = x->o->listen_fds,
		.no_new_keyring = x->s.rec.no_new_keyring,
		.landlock = x->s.rec.landlock,
		.detach = x->o->detach,
		.terminal_given = !x->o->detach,
		.strict = c->strict,
		.exec = true,
	};
	int r;

	r = record_exec(c, &x->s.en, &x->spec, e);
	if (r == 0)
		r = exec_process_make(c, x->o, &x->spec, e);
	facts_of_config(c, &x->spec);
	if (r == 0)
		r = plan_make_exec(&x->spec, &c->host, &po, &c->a, &x->plan, e);
	for (size_t i = 0; r == 0 && i < x->plan.n_warnings; i++)
		log_warn("%s", x->plan.warnings[i]);
	return r < 0 ? r : cred_check_label(&x->spec.process, &c->host, e);
}

/*
 * SECURITY: X7: the container's own program, which create compiled and kept; a profile that it kept
 * as it is goes through the call that create uses, so that the annotations which sharpen it hold
 * here too.
 */
static int step_filter(struct exec *x, struct err *e)
{
	unsigned unknown;

	if (!seccomp_wanted(&x->spec))
		return 0;
	return seccomp_prepare(&x->spec, &x->c->a, &x->filter, &unknown, e);
}

static int step_sockets(struct exec *x, struct err *e)
{
	int r = x->o->detach || x->plan.process.terminal ? 0 : console_streams_make(&x->streams);

	if (r < 0)
		return err_sys(e, ERR_CON_RELAY, r, "standard streams");
	if (x->o->console_socket)
		r = console_connect(x->o->console_socket, "--console-socket", &x->console_sock, e);
	if (r == 0 && x->o->pidfd_socket)
		r = console_connect(x->o->pidfd_socket, "--pidfd-socket", &x->pidfd_sock, e);
	return r;
}

static int step_cgroup(struct exec *x, struct err *e)
{
	struct cgroup *g = &x->s.rec.cgroup;
	int r = g->ops ? 0 : cgroup_restore(g, e);

	if (r == 0)
		cgroup_lend(g, &x->c->cgroups->root, NULL);
	for (size_t i = 0; r == 0 && i < x->o->cgroups.n; i++)
		r = err_at(e, cgroup_descend(g, x->o->cgroups.v[i], &x->c->a, e), "--cgroup");
	if (r == 0)
		r = inherited_settle(x->c, 0, g->layout == HOST_CGROUP_V2, e);
	if (r == 0)
		r = cgroup_open(g, e);
	return r < 0 ? r : cgroup_doors_open(g, x->doors, e);
}

/*
 * Which of the container's namespaces are to be joined: its own, and what it joined itself unless
 * that is ours too: who has no rights there may not join it, and need not.
 *
 * KERNEL: EINVAL for the user namespace that one is in: exec may be called in the container's.
 * setns(2)
 */
static int step_namespaces(struct exec *x, struct err *e)
{
	const struct plan_ns *ns = &x->plan.ns;
	pid_t pid = (pid_t)x->s.rec.pid;
	struct init *in = &x->init;
	const uint64_t compared = ns->joined | (ns->created & CLONE_NEWUSER);
	char path[32];
	int r;

	r = ns_differing(pid, compared, &in->join);
	/* KERNEL: who ends gives them up; a first process lasts until its children are reaped. */
	if (r == -ENOENT || r == -ESRCH)
		return status_not_running(x->o->id, e);
	if (r == -EACCES || r == -EPERM)
		in->join = ns->joined | ns->created;
	else if (r < 0)
		return err_sys(e, ERR_NSP_OPEN, r, "read /proc/%d/ns", pid);
	in->join |= ns->created & ~(uint64_t)CLONE_NEWUSER;
	/*
	 * Without the right to enter a pid namespace there is one in the user namespace: a fork has
	 * to follow there. So it has in a user namespace of others (rootless engines): the runtime
	 * could enter the container's and not come back to its own. SECURITY: X3, CVE-2016-9962: it
	 * has to as well where no user namespace shields the newcomer: born inside, it is seen
	 * there while it lives in the host's mount namespace, and who has CAP_SYS_PTRACE goes to
	 * the host through its /proc/PID/root.
	 */
	in->fork = in->join & CLONE_NEWPID &&
		   (!(in->join & CLONE_NEWUSER) || !host_can(&x->c->host, CAP_SYS_ADMIN) ||
		    !x->c->host.initial_userns);
	if ((!in->fork || !compared) && in->join & CLONE_NEWNS)
		return 0;
	if (!(in->join & CLONE_NEWNS)) { /* the container's root is one of chroot(2) */
		str_format(path, sizeof(path), "/proc/%d/root", pid);
		x->root_dir = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
		if (x->root_dir < 0)
			return err_sys(e, ERR_NSP_OPEN, x->root_dir, "open %s", path);
	}
	/* SECURITY: X7: what was read by pid was this process only if it lives still. */
	return pidfd_alive(x->s.st.pidfd) == 1 ? 0 : status_not_running(x->o->id, e);
}

static int step_limits(struct exec *x, struct err *e)
{
	const struct spec_cpu_affinity *a = &x->spec.process.exec_affinity;
	int r = tune_rlimits_raise(&x->spec.process, e);

	/*
	 * config.md#linux-process: the runtime's own, before the child enters the cgroup, which
	 * inherits it.
	 */
	if (r == 0 && a->initial && *a->initial)
		r = tune_affinity(a->initial, "/process/execCPUAffinity/initial", 0, e);
	else if (r == 0 && !a->set)
		tune_affinity_reset(0);
	return r;
}

static void prepare_init(struct exec *x)
{
	struct init *in = &x->init;

	in->exec = true;
	in->plan = &x->plan;
	in->filter = x->filter.n ? &x->filter : NULL;
	in->chan = x->init_chan;
	in->target = x->s.st.pidfd;
	in->root_dir = x->root_dir;
	in->console_sock = x->console_sock;
	in->streams = x->streams.inner;
	in->cgroup = &x->s.rec.cgroup;
	in->cgroup_doors = x->doors;
	in->nofile = x->c->nofile;
	in->host_dirs[0] = x->c->root_fd;
	in->host_dirs[1] = x->s.en.dir;
	in->host_dirs[2] = x->pidfd_sock;
	in->host_dirs[3] = x->s.rec.cgroup.v2_fd;
	in->host_dirs[4] = -1;
	in->host_dirs[5] = x->c->cgroups->root.fd > 0 ? x->c->cgroups->root.fd : -1;
	in->start_sock = in->signals = in->lock_fd = in->pty_master = in->pty_slave =
		in->start_conn = in->listener = in->ruleset = -1;
	arena_init(&in->arena);
}

/*
 * SECURITY: X2. As for create; without privilege the whole program runs from a sealed copy: once
 * among the container's mounts the child cannot read what moving its image needs.
 */
static int begin_seal(struct exec *x, struct err *e)
{
	struct ctx *c = x->c;

	x->seals = init_can_seal() && host_can(&c->host, CAP_SYS_ADMIN);
	if (!x->seals)
		return spawn_reexec(c, e);
	return 0;
}

/* Who is born among the host's processes moves its image itself, before it joins others. */
static int step_seal(struct exec *x, struct err *e)
{
	x->init.seal = x->seals && x->init.fork;
	return x->seals && !x->init.seal ? init_seal(INIT_PART_ALL, e) : 0;
}

static int clone_once(struct exec *x)
{
	struct cgroup *g = &x->s.rec.cgroup;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&x->pidfd,
		.exit_signal = 0, /* see pidfd_reap_clones */
	};

	if (g->v2_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)g->v2_fd;
	}
	return sys_clone3(&args);
}

static int step_clone(struct exec *x, struct err *e)
{
	struct cgroup *g = &x->s.rec.cgroup;
	int pair[2], home = -1, r, back;

	r = sock_pair(pair);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make the channel");
	x->chan = pair[0];
	x->init_chan = pair[1];
	close_inherited(x->c, x->o->preserve_fds + x->o->listen_fds);
	prepare_init(x);
	if (x->init.join & CLONE_NEWPID && !x->init.fork) {
		r = ns_children_enter(x->s.st.pidfd, &home, e);
		if (r < 0)
			return r;
	}
	r = clone_once(x);
	/*
	 * KERNEL: EBUSY where the group has controllers for its children: the container made groups
	 * of its own and moved its processes there. cgroups(7), "no internal processes"
	 */
	if ((r == -EBUSY || r == -EOPNOTSUPP) && g->v2_fd >= 0 && !x->o->cgroups.n) {
		char path[512] = "";

		r = cgroup_open_beside(g, (int)x->s.rec.pid, path, sizeof(path), e);
		if (r == 0)
			log_info("the container's cgroup takes no process, as its controllers are "
				 "passed down; joining that of its init, %s",
				 path);
		x->init.host_dirs[3] = g->v2_fd;
		if (r == 0)
			r = clone_once(x);
	}
	if (r == 0) {
		fd_close(&home);
		fd_close(&x->chan);
		fd_close(&x->signals);
		init_exec_main(&x->init);
	}
	if (r < 0 && !err_is(e))
		ns_explain_new(0, r, e);
	back = ns_children_leave(&home, e);
	if (r < 0 || back < 0)
		return r < 0 ? r : back;
	x->pid = r;
	fd_close(&x->init_chan);
	console_streams_given(&x->streams);
	return 0;
}

/* What only the runtime may set, of the process that will be the program. */
static int adjust(struct exec *x, struct err *e)
{
	const struct spec_process *p = &x->spec.process;
	struct tune_rdt *rdt = &x->s.rec.rdt;
	struct procfs proc;
	int r = 0;

	if (rdt->group[0] || rdt->mon[0])
		r = tune_rdt_join(rdt, x->pid, e);
	if (r < 0 || !p->oom_score_adj.set)
		return r;
	r = proc_open_ambient(&proc);
	if (r < 0)
		return err_sys(e, ERR_TUN_OOM, r, "open /proc");
	r = tune_oom_score(p->oom_score_adj.v, x->pid, &proc, e);
	proc_close(&proc);
	return r;
}

static int step_adjust(struct exec *x, struct err *e)
{
	return x->init.fork ? 0 : adjust(x, e);
}

/* START ahead of READY where nothing else has to be said or done in between. */
static int step_start_ahead(struct exec *x, struct err *e)
{
	const struct spec_process *p = &x->spec.process;

	if ((x->init.fork &&
	     (p->oom_score_adj.set || x->s.rec.rdt.group[0] || x->s.rec.rdt.mon[0])) ||
	    p->scheduler.set || x->plan.process.terminal || x->pidfd_sock >= 0 ||
	    (p->exec_affinity.final && *p->exec_affinity.final))
		return 0;
	return sync_send_ahead(x->chan, SYNC_START, -1, &x->started, e);
}

static int serve_forked(struct exec *x, struct sync_msg *m, struct err *e)
{
	int r = spawn_take_forked(m, x->init.fork, &x->forked, &x->pidfd, &x->pid, e);

	return r < 0 ? r : adjust(x, e);
}

static int serve_console(struct exec *x, struct sync_msg *m, struct err *e)
{
	if (!x->plan.process.terminal || x->master >= 0)
		return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"",
			       sync_name(m->kind));
	x->master = fd_take(&m->fd);
	if (x->console_sock >= 0)
		return console_send(x->console_sock, x->master, "/dev/ptmx", "--console-socket", e);
	if (!x->spec.process.console_height.v)
		console_copy_size(x->master);
	console_line_ends(x->master);
	return 0;
}

/* What comes of a fork may be READY before the intermediate has said that there was one. */
static int step_serve(struct exec *x, struct err *e)
{
	bool ready = false;

	while (!ready || x->forked != x->init.fork) {
		struct sync_msg m;
		/* a paused container may stay so */
		int r = spawn_wait(x->chan, x->signals, false, e);

		if (r == 0)
			r = sync_recv(x->chan, 0, &m, e);
		if (r < 0)
			return r;
		if (r == 0 && spawn_is_executing(x->started && x->forked == x->init.fork))
			return 0;
		if (r == 0)
			return spawn_died(&x->s, x->pidfd, e);
		if (m.kind == SYNC_READY && !ready)
			ready = true, r = 0;
		else if (m.kind == SYNC_FORKED)
			r = serve_forked(x, &m, e);
		else if (m.kind == SYNC_CONSOLE)
			r = serve_console(x, &m, e);
		else
			r = err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"",
				    sync_name(m.kind));
		fd_close(&m.fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The process is in its cgroup and waits. */
static int step_schedule(struct exec *x, struct err *e)
{
	const struct spec_process *p = &x->spec.process;
	int r = 0;

	if (p->exec_affinity.final && *p->exec_affinity.final)
		r = tune_affinity(p->exec_affinity.final, "/process/execCPUAffinity/final", x->pid,
				  e);
	if (r == 0 && p->scheduler.set)
		r = tune_scheduler(&p->scheduler, x->pid, e);
	if (r == 0 && x->pidfd_sock >= 0)
		r = console_send(x->pidfd_sock, x->pidfd, "pidfd", "--pidfd-socket", e);
	return r;
}

/*
 * The pid file is for those whose program runs: conmon takes a missing one for a failed exec
 * (features.md a.4).
 */
static int step_start(struct exec *x, struct err *e)
{
	int r = x->started ? spawn_await_exec(x->c, &x->s, x->chan, x->pidfd, x->pid, e)
			   : spawn_start(x->c, &x->s, x->chan, x->pidfd, x->pid, e);

	return r == 0 && x->o->pid_file ? pid_file_write(x->o->pid_file, x->pid, e) : r;
}

static const struct {
	const char *name;
	int (*run)(struct exec *x, struct err *e);
} steps[] = {
	{ "container", step_container },
	{ "process", step_process },
	{ "compile-filter", step_filter },
	{ "sockets", step_sockets },
	{ "cgroup", step_cgroup },
	{ "namespaces", step_namespaces },
	{ "limits", step_limits },
	{ "seal", step_seal },
	{ "clone", step_clone },
	{ "adjust", step_adjust },
	{ "start-ahead", step_start_ahead },
	{ "serve", step_serve },
	{ "schedule", step_schedule },
	{ "start", step_start },
};

/*
 * A container that ended under our hands is the reason for whatever failed; its own death may be on
 * the way when a process of it is dead already.
 */
static int explain_end(struct exec *x, int r, struct err *e)
{
	/* KERNEL: a process gives up its namespaces before its pidfd says that it ended. do_exit */
	bool late = e->id == ERR_PRO_DIED || e->id == ERR_PRO_PROTOCOL || e->id == ERR_NSP_OPEN ||
		    e->id == ERR_NSP_JOIN || r == -ESRCH || r == -ENOMEM || r == -ENODEV ||
		    r == -EPIPE;
	int pidfd = x->s.st.pidfd;

	/* a delete has removed the group, which empties before the pidfd says anything */
	late |= r == -ENOENT && (e->id == ERR_CGR_JOIN || e->id == ERR_NSP_NEW);

	/*
	 * KERNEL: joining by pidfd takes the right to read the process (ptrace(2)), and the init of
	 * a created container may not be traced (rule X3): that takes CAP_SYS_PTRACE outside.
	 */
	if (x->s.st.status == STATUS_CREATED && e->id == ERR_NSP_JOIN && e->code == EPERM) {
		err_clear(e);
		return err_set(
			e, ERR_STA_STATUS, 0,
			"container \"%s\" is created and not started yet: until then exec needs "
			"CAP_SYS_PTRACE",
			x->o->id);
	}
	if (pidfd < 0 || e->id == ERR_STA_NOTRUNNING)
		return r;
	if (pidfd_alive(pidfd) == 1 &&
	    !(late && pidfd_wait_exit(pidfd, io_now() + SECONDS(1)) == 1))
		return r;
	err_drop(e, "the container ended meanwhile");
	return status_not_running(x->o->id, e);
}

static int foreground(struct exec *x, int *ret_status, struct err *e)
{
	struct console_relay relay = { .master = x->master,
				       .streams = &x->streams,
				       .pidfd = x->pidfd };
	siginfo_t end;
	int r = console_relay_run(&relay, e);

	if (r < 0)
		return r;
	r = pidfd_reap(x->pidfd, &end);
	if (r < 0)
		return err_sys(e, ERR_PRO_DIED, r, "reap the process");
	*ret_status = spawn_exit_status(&end);
	return 0;
}

static void undo(struct exec *x)
{
	siginfo_t end;

	if (x->pidfd < 0)
		return;
	sys_pidfd_send_signal(x->pidfd, SIGKILL);
	if (pidfd_reap(x->pidfd, &end) < 0)
		log_debug("the process was reaped already");
	/* nobody else can reap it in time, and the init of its pid namespace waits for that */
	if (x->init.fork && !x->forked)
		spawn_undo_fork(x->chan);
}

static void release(struct exec *x)
{
	fd_close(&x->chan);
	fd_close(&x->init_chan);
	fd_close(&x->console_sock);
	fd_close(&x->pidfd_sock);
	fd_close(&x->root_dir);
	fd_close(&x->master);
	console_streams_close(&x->streams);
	fd_close(&x->pidfd);
	for (size_t i = 0; i < ARRAY_LEN(x->doors); i++)
		fd_close(&x->doors[i]);
	cgroup_close(&x->s.rec.cgroup);
	fd_close(&x->signals); /* the command ends: what is blocked stays so */
	subject_close(&x->s);
}

int container_exec(struct ctx *c, const struct exec_options *o, int *ret_status, struct err *e)
{
	struct exec x = { .c = c, .o = o, .streams = CONSOLE_STREAMS_NONE };
	int r;

	*ret_status = 255;
	x.s = (struct subject){ .en.dir = -1, .st = STATUS_NONE, .rec.cgroup.v2_fd = -1 };
	x.chan = x.init_chan = x.console_sock = x.pidfd_sock = x.root_dir = x.master = x.pidfd =
		x.signals = -1;
	memset(x.doors, 0xff, sizeof(x.doors)); /* -1 */
	if (!trace_page() && trace_open(-1) < 0)
		return err_set(e, ERR_GEN_NOMEM, ENOMEM, "no memory for the flight recorder");
	trace_step("seal");
	r = facts_read(c, e);
	if (r == 0)
		r = err_step(e, begin_seal(&x, e), "seal");
	if (r == 0)
		r = spawn_block_signals(&x.mask, &x.signals, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(steps); i++) {
		trace_step(steps[i].name);
		log_debug("step %s", steps[i].name);
		r = steps[i].run(&x, e);
		if (r < 0)
			err_step(e, r, steps[i].name);
	}
	if (r < 0) {
		undo(&x);
		r = explain_end(&x, r, e);
	} else if (o->detach) {
		*ret_status = 0;
	} else {
		trace_step("relay");
		r = foreground(&x, ret_status, e);
		if (r < 0) /* nobody would hear of it any more */
			undo(&x);
	}
	release(&x);
	return r;
}
