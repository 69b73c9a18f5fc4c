/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/serve: what init asks the runtime for until it is READY: id maps, the cgroup of
 * systemd, devices of the host, hooks, the terminal; and how its death is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/trace.h"
#include "console/console.h"
#include "container/spawn.h"
#include "hook/hook.h"
#include "net/net.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

static int identify(struct spawn *sp, struct err *e)
{
	struct record *rec = &sp->s.rec;
	char state;
	int r = proc_open_ambient(&sp->proc);

	if (r == 0)
		r = proc_start_time(&sp->proc, sp->pid, &rec->start_time, &state);
	if (r == 0)
		r = pidfd_inode(sp->pidfd, &rec->pidfd_inode);
	if (r < 0)
		return err_sys(e, ERR_PRO_DIED, r, "identify init (pid %d)", sp->pid);
	rec->pid = (uint64_t)sp->pid;
	return 0;
}

static int adjust_oom(struct spawn *sp, struct err *e)
{
	const struct spec_process *p = &sp->bp.spec.process;

	if (!p->set || !p->oom_score_adj.set)
		return 0;
	return tune_oom_score(p->oom_score_adj.v, sp->pid, &sp->proc, e);
}

/*
 * KERNEL: a child's oom_score_adj and affinity are its parent's; the init that a fork of init makes
 * inherits them.
 */
int spawn_adjust(struct spawn *sp, struct err *e)
{
	int r = identify(sp, e);

	tune_affinity_reset(sp->pid);
	return r < 0 ? r : adjust_oom(sp, e);
}

static int serve_idmap(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	int r = ns_write_idmaps(&sp->bp.plan.ids, sp->pid, e);

	(void)m;
	return r < 0 ? r : sync_send(sp->chan, SYNC_IDMAPPED, -1, e);
}

/* "Pid:" of a pidfd's fdinfo. SECURITY: X8: the pid comes from the kernel, not from init. */
pid_t spawn_pid_of(int pidfd)
{
	char path[64], buf[512];
	_cleanup_fd_ int fd = -1;
	const char *p;
	pid_t pid = 0;
	ssize_t n;

	str_format(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	n = fd < 0 ? fd : io_read_line_file(fd, buf, sizeof(buf));
	p = n > 0 ? strstr(buf, "Pid:\t") : NULL;
	for (p = p ? p + 5 : ""; *p >= '0' && *p <= '9'; p++)
		pid = pid * 10 + (*p - '0');
	return pid;
}

/* SECURITY: X8: only where the plan has a fork; another process is never taken for init. */
int spawn_take_forked(struct sync_msg *m, bool forks, bool *forked, int *pidfd, pid_t *pid,
		      struct err *e)
{
	pid_t next = spawn_pid_of(m->fd);
	siginfo_t end;
	int r;

	if (*forked || !forks || next <= 0)
		return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"",
			       sync_name(m->kind));
	*forked = true;
	r = pidfd_reap(*pidfd, &end);
	if (r < 0)
		return err_sys(e, ERR_PRO_DIED, r, "reap the intermediate process");
	fd_close(pidfd);
	*pidfd = fd_take(&m->fd);
	*pid = next;
	return 0;
}

static int serve_forked(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	int r = spawn_take_forked(m, sp->bp.plan.ns.forks, &sp->forked, &sp->pidfd, &sp->pid, e);

	return r < 0 ? r : spawn_adjust(sp, e);
}

static int serve_place(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	const struct spec_linux *os = &sp->bp.spec.os;
	struct record *rec = &sp->s.rec;
	int r = 0;

	(void)m;
	if (rec->cgroup.manager == CGROUP_SYSTEMD) /* a scope is made for a process that exists */
		r = rec->cgroup.ops->join(&rec->cgroup, sp->pid, e);
	if (r == 0 && os->rdt.set)
		r = tune_rdt_join(&rec->rdt, sp->pid, e);
	if (r == 0 && os->n_net_devices) {
		char path[64];
		_cleanup_fd_ int netns = -1;

		str_format(path, sizeof(path), "/proc/%d/ns/net", sp->pid);
		netns = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
		r = netns < 0 ? err_sys(e, ERR_NET_DEVICE, netns, "open %s", path)
			      : net_devices_move(os, netns, &sp->net, e);
	}
	return r < 0 ? r : sync_send(sp->chan, SYNC_PLACED, -1, e);
}

int spawn_hooks(struct ctx *c, const struct spec_hooks *h, enum spec_hook_kind kind,
		const struct record *rec, enum spec_status st, bool keep_going, int interrupt,
		struct err *e)
{
	struct spec_state state;
	struct hook_run run = { .hooks = h,
				.kind = kind,
				.bundle = rec->bundle,
				.rootfs = rec->rootfs,
				.keep_going = keep_going,
				.interrupt = interrupt,
				.restore_nofile = (unsigned)c->nofile.rlim_cur };

	if (!h->n[kind])
		return 0;
	status_fill(c, rec, st, &state);
	run.state = spec_state_text(&state, &c->a, 0, &run.state_len);
	return hook_run_all(&run, e);
}

static int serve_mounted(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	const struct spec_hooks *h = &sp->bp.spec.hooks;
	struct record *rec = &sp->s.rec;
	int r;

	(void)m;
	/* A hook may ask `hull state`: it says creating, with the pid. */
	r = record_write(&sp->s.en, rec, &sp->c->a, e);
	if (r == 0)
		r = spawn_hooks(sp->c, h, HOOK_PRESTART, rec, STATUS_CREATING, false, sp->signals,
				e);
	if (r == 0)
		r = spawn_hooks(sp->c, h, HOOK_CREATE_RUNTIME, rec, STATUS_CREATING, false,
				sp->signals, e);
	return r < 0 ? r : sync_send(sp->chan, SYNC_HOOKED, -1, e);
}

enum { LANDLOCK_TEXT_MAX = 8 * 1024 * 1024 };

static int serve_console(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	int r;

	if (sp->console_sock < 0) {
		sp->master = fd_take(&m->fd);
		if (!sp->bp.spec.process.console_height.v)
			console_copy_size(sp->master);
		console_line_ends(sp->master);
		return 0;
	}
	r = console_send(sp->console_sock, m->fd, "/dev/ptmx", "--console-socket", e);
	fd_close(&m->fd);
	return r;
}

/*
 * For exec, which cannot look the names up again: the container may have changed what they lead to.
 */
static int serve_landlock(struct spawn *sp, struct sync_msg *m, struct err *e)
{
	char *text;
	size_t n;
	int r;

	r = lseek(m->fd, 0, SEEK_SET) < 0
		    ? -errno
		    : io_read_all(m->fd, LANDLOCK_TEXT_MAX, &sp->c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_PRO_PROTOCOL, r, "read the resolved paths");
	sp->s.rec.landlock = text;
	return 0;
}

static const struct {
	enum sync_kind kind;
	char step[10]; /* as an error names it */
	int (*serve)(struct spawn *sp, struct sync_msg *m, struct err *e);
} services[] = {
	{ SYNC_IDMAP, "id-maps", serve_idmap },	     { SYNC_FORKED, "fork", serve_forked },
	{ SYNC_PLACE, "place", serve_place },	     { SYNC_MOUNTED, "hooks", serve_mounted },
	{ SYNC_CONSOLE, "terminal", serve_console }, { SYNC_LANDLOCK, "landlock", serve_landlock },
};

/* SECURITY: each question is answered once; init could be anybody's by now. */
static int serve_one(struct spawn *sp, struct sync_msg *m, unsigned *seen, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		int r;

		if (services[i].kind != m->kind || *seen >> i & 1)
			continue;
		*seen |= 1u << i;
		r = services[i].serve(sp, m, e);
		fd_close(&m->fd);
		return err_step(e, r, services[i].step);
	}
	fd_close(&m->fd);
	return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"", sync_name(m->kind));
}

bool spawn_is_executing(bool started)
{
	return started && streq(trace_last(TRACE_INIT), "exec");
}

int spawn_died(struct subject *s, int pidfd, struct err *e)
{
	const char *last = trace_last(TRACE_INIT);
	siginfo_t end = { 0 };

	(void)s;
	if (pidfd >= 0 && pidfd_wait_exit(pidfd, io_now() + SECONDS(2)) == 1 &&
	    pidfd_reap(pidfd, &end) == 0 &&
	    (end.si_code == CLD_KILLED || end.si_code == CLD_DUMPED))
		return err_set(e, ERR_PRO_DIED, 0, "init was killed by signal %d (%s) at step %s%s",
			       end.si_status, strsignal(end.si_status), *last ? last : "clone",
			       end.si_status == SIGKILL
				       ? "; a memory limit that is too low is a common cause"
				       : "");
	if (end.si_code == CLD_EXITED)
		return err_set(e, ERR_PRO_DIED, 0, "init ended with status %d at step %s",
			       end.si_status, *last ? last : "clone");
	return err_set(e, ERR_PRO_DIED, 0, "init closed its channel at step %s",
		       *last ? last : "clone");
}

/*
 * Faults E3: one step of init; below the 240 s that engines wait for create. A mount over the
 * network may take long.
 */
enum { STALL_SECONDS = 180 };

/*
 * Faults K8: TERM, INT, HUP or QUIT to the command is an error like any other; nothing is left
 * behind.
 */
int spawn_wait(int chan, int signals, bool bounded, struct err *e)
{
	struct pollfd p[2] = { { .fd = chan, .events = POLLIN },
			       { .fd = signals, .events = POLLIN } };
	const struct trace_page *trace = trace_page();
	uint32_t steps = trace ? trace->n[TRACE_INIT] : 0;

	for (;;) {
		int r = poll(p, 2, bounded ? STALL_SECONDS * 1000 : -1), sig;

		if (r < 0 && errno != EINTR)
			return err_sys(e, ERR_GEN_SYS, -errno, "poll the channel");
		/*
		 * What init said comes first: a program that was started ahead may be READY by now,
		 * and the signal is for it.
		 */
		if (r > 0 && p[0].revents)
			return 0;
		if (r > 0 && (sig = sys_signal_next(signals)))
			return err_set(e, ERR_GEN_INTERRUPTED, EINTR, "%s", strsignal(sig));
		/* a hook has a deadline of its own */
		if (r != 0 || streq(trace_last(TRACE_INIT), "create-container-hooks"))
			continue;
		if (!trace || trace->n[TRACE_INIT] == steps)
			return err_set(e, ERR_GEN_TIMEOUT, ETIMEDOUT,
				       "init has been at step %s for %d s: does a file system in "
				       "the root or below it not answer?",
				       trace_last(TRACE_INIT), STALL_SECONDS);
		steps = trace->n[TRACE_INIT];
	}
}

/*
 * Init is in its cgroup from birth: what it needs to set the container up counts against the limit.
 * Some 250 KiB with musl and a few mounts; pages of a file that others mapped first are free.
 */
enum { SETUP_MEMORY = 512 * 1024 };

static int explain_memory(struct spawn *sp, int r, struct err *e)
{
	const struct spec_memory *m = &sp->bp.spec.os.resources.memory;

	if (!m->limit.set || m->limit.v < 0 || m->limit.v > 16 * SETUP_MEMORY ||
	    !strstr(e->msg, "signal 9"))
		return r;
	err_clear(e);
	err_set(e, ERR_PRO_DIED, ENOMEM,
		"%lld bytes of memory are not enough to set the container up (init was killed at "
		"step "
		"%s): %d or more are needed",
		(long long)m->limit.v, trace_last(TRACE_INIT), SETUP_MEMORY);
	return err_at(e, r, "/linux/resources/memory/limit");
}

/* What comes of a fork may be READY before the intermediate has said that there was one. */
int spawn_serve(struct spawn *sp, struct err *e)
{
	bool ready = false;
	unsigned seen = 0;

	while (!ready || sp->forked != sp->bp.plan.ns.forks) {
		struct sync_msg m;
		int r = spawn_wait(sp->chan, sp->signals, true, e);

		if (r == 0)
			r = sync_recv(sp->chan, 0, &m, e);
		if (r < 0)
			return r;
		if (r == 0 && spawn_is_executing(sp->started))
			return 0;
		if (r == 0)
			return explain_memory(sp, spawn_died(&sp->s, sp->pidfd, e), e);
		if (m.kind == SYNC_READY) {
			ready = true;
			continue;
		}
		r = serve_one(sp, &m, &seen, e);
		if (r < 0)
			return r;
	}
	return 0;
}
