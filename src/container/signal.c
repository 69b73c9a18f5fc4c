/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/signal: kill, stop, pause, resume, wait: operations on a container that runs.
 */
#include <errno.h>
#include <signal.h>

#include "base/io.h"
#include "container/container.h"
#include "sys/call.h"
#include "sys/pidfd.h"

static int restore_cgroup(struct subject *s, struct err *e)
{
	return s->rec.cgroup.ops ? 0 : cgroup_restore(&s->rec.cgroup, e);
}

static int kill_one(struct subject *s, int sig, struct err *e)
{
	int r = sys_pidfd_send_signal(s->st.pidfd, sig);

	if (r == -ESRCH)
		return status_not_running(s->rec.id, e);
	return r < 0 ? err_sys(e, ERR_GEN_SYS, r, "send signal %d to process %llu", sig,
			       (unsigned long long)s->rec.pid)
		     : 0;
}

static int kill_all(struct subject *s, int sig, struct err *e)
{
	struct cgroup *g = &s->rec.cgroup;
	int r = restore_cgroup(s, e);

	if (r == 0 && g->n && cgroup_is_own(g))
		return g->ops->kill(g, sig, 0, e);
	if (r == 0 && s->st.pidfd >= 0 && s->rec.shared_pidns)
		return err_set(e, ERR_CGR_KILL, ENOTSUP,
			       "container \"%s\" has neither a cgroup nor a pid namespace of its "
			       "own: which processes are its own is not known",
			       s->rec.id);
	return r < 0 || s->st.pidfd < 0 ? r : kill_one(s, sig, e);
}

/*
 * SIGKILL to the first process of a pid namespace ends all in it. Where the namespace is shared,
 * hull sees to that, or the others would go on in a container that counts as stopped.
 */
static int kill_for_good(struct subject *s, struct err *e)
{
	struct cgroup *g = &s->rec.cgroup;
	int r = kill_one(s, SIGKILL, e);

	if (r == 0 && s->rec.shared_pidns)
		r = restore_cgroup(s, e);
	return r == 0 && s->rec.shared_pidns && g->n && cgroup_is_own(g)
		       ? g->ops->kill(g, SIGKILL, 0, e)
		       : r;
}

/* Processes that outlived their init, in a pid namespace that is not the container's own. */
static bool has_survivors(struct ctx *c, struct subject *s)
{
	struct cgroup *g = &s->rec.cgroup;
	struct err e = { 0 };
	size_t n = 0;
	int *pids;

	if (!s->rec.shared_pidns)
		return false;
	if (restore_cgroup(s, &e) < 0 || !g->n || !cgroup_is_own(g) ||
	    g->ops->pids(g, &c->a, &pids, &n, &e) < 0)
		err_drop(&e, "a group that is gone has nobody in it");
	return n > 0;
}

int container_kill(struct ctx *c, const char *id, int sig, bool all, struct err *e)
{
	struct subject s;
	int r;

	r = subject_open(c, id, false, &s, e);
	if (r < 0)
		return r;
	if (sig == 0) {
		const char *name = s.rec.stop_signal;

		if (!name || spec_signal(name, &sig) < 0)
			sig = SIGTERM;
	}
	if (s.st.status == STATUS_CREATING) { /* runtime.md#kill: neither created nor running */
		r = err_set(e, ERR_STA_STATUS, 0,
			    "cannot signal container \"%s\": it is still being created", id);
	} else if (s.st.pidfd < 0 && !all && (sig != SIGKILL || !has_survivors(c, &s))) {
		r = status_not_running(id, e);
	} else if (s.st.pidfd < 0 && !s.rec.shared_pidns) {
		r = 0; /* all of none: the kernel ended the others with their pid namespace */
	} else if (sig == KILL_PROBE) {
		r = 0;
	} else {
		r = all || s.st.pidfd < 0 ? kill_all(&s, sig, e)
		    : sig == SIGKILL	  ? kill_for_good(&s, e)
					  : kill_one(&s, sig, e);
	}
	subject_close(&s);
	return r;
}

/* Others may look, kill and delete --force meanwhile: the lock is not held. */
static int end_politely(struct subject *s, int sig, uint64_t timeout, struct err *e)
{
	uint64_t deadline = io_after(timeout);
	int r = sys_pidfd_send_signal(s->st.pidfd, sig);

	if (r < 0 && r != -ESRCH)
		return err_sys(e, ERR_GEN_SYS, r, "send signal %d", sig);
	store_unlock(&s->en);
	if (sig != SIGKILL && pidfd_wait_exit(s->st.pidfd, deadline) != 1)
		sys_pidfd_send_signal(s->st.pidfd, SIGKILL);
	return store_lock(&s->en, io_now() + LOCK_DEADLINE, e);
}

static int end_rest(struct subject *s, struct err *e)
{
	int r = restore_cgroup(s, e);

	if (r == 0 && s->rec.cgroup.n && cgroup_is_own(&s->rec.cgroup))
		r = s->rec.cgroup.ops->kill(&s->rec.cgroup, SIGKILL, io_now() + KILL_DEADLINE, e);
	if (r == 0 && pidfd_wait_exit(s->st.pidfd, io_now() + KILL_DEADLINE) != 1)
		return err_set(e, ERR_CGR_KILL, ETIMEDOUT,
			       "process %llu cannot be killed (uninterruptible sleep?)",
			       (unsigned long long)s->rec.pid);
	return r;
}

/*
 * Lineage S-19, S-20: all processes end, everything else stays; with @del the container goes too.
 */
int container_stop(struct ctx *c, const char *id, int sig, uint64_t timeout, bool del,
		   struct err *e)
{
	struct subject s;
	int r;

	r = subject_open(c, id, true, &s, e);
	if (r < 0)
		return r;
	if (sig == 0 && (!s.rec.stop_signal || spec_signal(s.rec.stop_signal, &sig) < 0))
		sig = SIGTERM;
	r = s.st.pidfd < 0 ? status_not_running(id, e) : end_politely(&s, sig, timeout, e);
	if (r < 0 && e->id == ERR_STA_MISSING) { /* somebody has deleted it: so it ended */
		err_clear(e);
		r = 0;
		goto out;
	}
	if (r == 0)
		r = end_rest(&s, e);
	if (r == 0 && del)
		r = container_destroy(c, &s, true, true, e);
	else if (r == 0)
		status_publish_done(c, &s.rec, STATUS_STOPPED);
out:
	subject_close(&s);
	return r;
}

int container_pause(struct ctx *c, const char *id, bool on, struct err *e)
{
	struct subject s;
	int r;

	r = subject_open(c, id, true, &s, e);
	if (r < 0)
		return r;
	if (s.st.pidfd < 0)
		r = status_not_running(id, e);
	else if (on && s.st.status == STATUS_PAUSED)
		r = err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is paused already", id);
	else if (!on && s.st.status != STATUS_PAUSED)
		r = err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is not paused", id);
	else
		r = restore_cgroup(&s, e);
	if (r == 0 && !s.rec.cgroup.n)
		r = err_set(e, ERR_CGR_FREEZE, ENOTSUP, "container \"%s\" has no cgroup", id);
	if (r == 0)
		r = s.rec.cgroup.ops->freeze(&s.rec.cgroup, on, io_now() + KILL_DEADLINE, e);
	if (r == 0)
		status_publish_done(c, &s.rec,
				    on			    ? STATUS_PAUSED
				    : status_waiting(&s.en) ? STATUS_CREATED
							    : STATUS_RUNNING);
	subject_close(&s);
	return r;
}

/* The status as a shell says it: 0 to 255, 128 + signal. */
static int shell_status(int wstatus)
{
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
}

/*
 * A pid that was reaped before anybody asked may be somebody else's by now: the pidfd was opened
 * before the end.
 */
static int wait_status(struct ctx *c, struct subject *s, int *ret_status, struct err *e)
{
	int r = exit_record_read(c, s, ret_status, e), wstatus;
	int pidfd = s->st.pidfd >= 0 ? s->st.pidfd : s->st.corpse;

	if (r < 0 || *ret_status >= 0 || pidfd < 0)
		return r;
	if (pidfd_exit_status(pidfd, (pid_t)s->rec.pid, &wstatus) == 0)
		*ret_status = shell_status(wstatus);
	return 0;
}

int container_wait(struct ctx *c, const char *id, uint64_t deadline, int *ret_status, struct err *e)
{
	struct subject s;
	int r;

	*ret_status = -1;
	r = subject_open(c, id, false, &s, e);
	if (r < 0)
		return r;
	if (s.st.status == STATUS_CREATING)
		r = err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is still being created", id);
	else if (s.st.pidfd >= 0)
		r = pidfd_wait_exit(s.st.pidfd, deadline);
	else
		r = 1;
	if (r == 0)
		r = err_set(e, ERR_GEN_TIMEOUT, ETIMEDOUT, "container \"%s\" is still running", id);
	else if (r == 1)
		r = wait_status(c, &s, ret_status, e);
	subject_close(&s);
	return r;
}

int container_pids(struct ctx *c, const char *id, int **ret, size_t *ret_n, struct err *e)
{
	struct subject s;
	int r;

	r = subject_open(c, id, false, &s, e);
	if (r < 0)
		return r;
	*ret_n = 0;
	if (s.st.pidfd >= 0 || s.rec.shared_pidns)
		r = restore_cgroup(&s, e);
	else
		r = 1;
	if (r == 0)
		r = s.rec.cgroup.ops->pids(&s.rec.cgroup, &c->a, ret, ret_n, e);
	subject_close(&s);
	return MIN(r, 0);
}
