/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/signal: kill, stop, pause, resume, wait: operations on a container that runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
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
	} else if (s.st.pidfd < 0 && !all) {
		r = status_not_running(id, e);
	} else if (s.st.pidfd < 0 && !s.rec.shared_pidns) {
		r = 0; /* all of none: the kernel ended the others with their pid namespace */
	} else if (sig == KILL_PROBE) {
		r = 0;
	} else {
		r = all		     ? kill_all(&s, sig, e)
		    : sig == SIGKILL ? kill_for_good(&s, e)
				     : kill_one(&s, sig, e);
	}
	subject_close(&s);
	return r;
}

/* Others may look, kill and delete --force meanwhile: the lock is not held. */
static int end_politely(struct subject *s, int sig, uint64_t timeout, struct err *e)
{
	uint64_t deadline = io_now() + timeout;
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
		r = status_publish(c, &s.rec, STATUS_STOPPED, e);
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
		r = status_publish(c, &s.rec,
				   on			   ? STATUS_PAUSED
				   : status_waiting(&s.en) ? STATUS_CREATED
							   : STATUS_RUNNING,
				   e);
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

static int gc_one(struct ctx *c, const char *id, bool remove, struct gc_item *item, struct err *e)
{
	struct err why = { 0 };
	struct subject s;
	int r;

	*item = (struct gc_item){ .id = id };
	r = subject_open(c, id, false, &s, &why);
	if (r < 0 && why.id == ERR_STA_MISSING)
		return 0;
	if (r < 0)
		item->what = "unreadable record";
	else if (s.st.previous_boot)
		item->what = "left from a previous boot";
	else if (s.st.status == STATUS_CREATING && s.st.creator_dead)
		item->what = "its creator died";
	subject_close(&s);
	if (!item->what || !remove)
		return 0;
	r = container_delete(c, id, true, e);
	item->removed = r == 0;
	return r;
}

/* A delete that was killed before its poststop hooks were through. */
static int gc_gone(struct ctx *c, const char *id, bool remove, struct gc_item *item, struct err *e)
{
	struct err busy = { 0 };
	struct entry en = { .id = arena_printf(&c->a, STORE_GONE "%s", id) };

	*item = (struct gc_item){ .id = id };
	en.dir = sys_openat(c->root_fd, en.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (en.dir < 0)
		return 0;
	if (store_lock(&en, 0, &busy) == 0)
		item->what = "its delete died before the poststop hooks";
	store_close(&en);
	if (!item->what || !remove)
		return 0;
	return container_finish(c, id, &item->removed, e);
}

int container_gc(struct ctx *c, bool remove, struct gc_item **ret, size_t *ret_n, struct err *e)
{
	static const struct {
		const char *prefix;
		int (*one)(struct ctx *c, const char *id, bool remove, struct gc_item *item,
			   struct err *e);
	} kinds[] = { { "", gc_one }, { STORE_GONE, gc_gone } };
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	for (size_t k = 0; r >= 0 && k < ARRAY_LEN(kinds); k++) {
		const char **ids = NULL;
		size_t n = 0;

		r = store_list(c, kinds[k].prefix, &ids, &n, e);
		for (size_t i = 0; r >= 0 && i < n; i++) {
			struct gc_item item;

			r = kinds[k].one(c, ids[i], remove, &item, e);
			if (r >= 0 && item.what)
				*(struct gc_item *)arena_push(&c->a, ret, ret_n, sizeof(item)) =
					item;
		}
	}
	return r;
}
