/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/destroy: undoing everything a record names, in the order that leaves nothing:
 * processes, cgroup, RDT group, mounts, public state, entry, then the poststop hooks. Repeating it
 * is harmless.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

/*
 * The name an entry has between the end of the container and the end of its poststop hooks: the id
 * is free again, and a killed delete can be repeated (faults K6). Of the longest ids it has only
 * the beginning; the record has all of it.
 */
enum { GONE_ID = 249 };

static const char *gone_name(struct ctx *c, const char *id)
{
	return arena_printf(&c->a, STORE_GONE "%.*s", GONE_ID, id);
}

static int kill_processes(struct subject *s, struct err *e)
{
	struct cgroup *g = &s->rec.cgroup;
	uint64_t deadline = io_now() + KILL_DEADLINE;
	int r = 0;

	if (s->st.pidfd >= 0)
		sys_pidfd_send_signal(s->st.pidfd, SIGKILL);
	/* SECURITY, faults P6: a group that others use is not swept. */
	if (g->n && cgroup_is_own(g))
		r = g->ops->kill(g, SIGKILL, deadline, e);
	if (r == 0 && s->st.pidfd >= 0 && pidfd_wait_exit(s->st.pidfd, deadline) != 1)
		r = err_set(e, ERR_CGR_KILL, ETIMEDOUT,
			    "process %llu cannot be killed (uninterruptible sleep?)",
			    (unsigned long long)s->rec.pid);
	return r;
}

static int remove_resources(struct subject *s, uint64_t deadline, struct err *e)
{
	struct record *rec = &s->rec;
	uint64_t now;
	int r = 0;

	if (rec->cgroup.n)
		r = rec->cgroup.ops->destroy(&rec->cgroup, deadline, e);
	if (r == 0 && (rec->rdt.made_group || rec->rdt.made_mon))
		r = tune_rdt_remove(&rec->rdt, e);
	if (r == 0 && rec->host_mount && mount_id_at(rec->host_mount, &now) == 0 &&
	    now != rec->host_mount_id)
		r = mount_host_detach(rec->host_mount, now, e);
	return r;
}

/*
 * Where nobody is known to be alive the group is most often empty, and the kernel removes no other:
 * whoever is in it all the same is killed then. Systemd would be asked twice.
 */
static int end_all(struct subject *s, struct err *e)
{
	const struct cgroup *g = &s->rec.cgroup;
	int r;

	if (s->st.pidfd < 0 && g->n && !g->unit[0]) {
		r = remove_resources(s, 0, e);
		if (r == 0)
			return 0;
		err_drop(e, "somebody is left in the group, or the second try says why not");
	}
	r = kill_processes(s, e);
	return r < 0 ? r : remove_resources(s, io_now() + KILL_DEADLINE, e);
}

static int run_poststop(struct ctx *c, struct record *rec, struct err *e)
{
	rec->pid = 0;
	return spawn_hooks(c, &rec->hooks, HOOK_POSTSTOP, rec, STATUS_STOPPED, true, 0, e);
}

int container_finish(struct ctx *c, const char *id, bool *ret_found, struct err *e)
{
	struct subject s = { .en.dir = -1, .st = STATUS_NONE };
	struct err why = { 0 };
	int r;

	*ret_found = false;
	if (store_open(c, false, &why) < 0) {
		err_drop(&why, "no root, nothing left");
		return 0;
	}
	s.en.id = gone_name(c, id);
	s.en.dir = sys_openat(c->root_fd, s.en.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (s.en.dir < 0)
		return 0;
	*ret_found = true;
	r = store_lock(&s.en, io_now() + LOCK_DEADLINE, e);
	if (r < 0) {
		if (e->id == ERR_STA_MISSING) { /* its delete has come to its end meanwhile */
			err_clear(e);
			r = 0;
		}
	} else if (record_read_as(&s.en, id, &c->a, &s.rec, &why) == 0) {
		r = run_poststop(c, &s.rec, e);
		r = r < 0 ? r : store_remove(c, &s.en, e);
	} else if (strlen(id) > GONE_ID) { /* maybe another id with the same beginning */
		*ret_found = false;
	} else {
		r = store_remove(c, &s.en, e);
	}
	subject_close(&s);
	return r;
}

/* Free the id; keep the record for the hooks. */
static int retire(struct ctx *c, struct subject *s, struct err *e)
{
	const char *gone = gone_name(c, s->en.id);
	bool found;
	int r;

	r = sys_renameat2(c->root_fd, s->en.id, c->root_fd, gone, RENAME_NOREPLACE);
	if (r == -EEXIST) { /* the hooks of an earlier container of that name come first */
		r = container_finish(c, s->en.id, &found, e);
		if (r < 0)
			return r;
		r = sys_renameat2(c->root_fd, s->en.id, c->root_fd, gone, RENAME_NOREPLACE);
	}
	if (r < 0 && r != -ENOENT)
		return err_sys(e, ERR_STA_WRITE, r, "retire %s/%s", c->root, s->en.id);
	s->en.id = gone;
	return 0;
}

int container_destroy(struct ctx *c, struct subject *s, bool force, bool hooks, struct err *e)
{
	struct record *rec = &s->rec;
	bool previous = s->st.previous_boot;
	int r = 0;

	(void)force;
	/*
	 * KERNEL: nothing of an earlier boot is alive; its pids and cgroup paths are somebody
	 * else's now (faults B1).
	 */
	if (!previous) {
		if (rec->cgroup.n && !rec->cgroup.ops)
			r = cgroup_restore(&rec->cgroup, e);
		if (r == 0)
			r = end_all(s, e);
		if (r < 0)
			return r;
	}
	r = public_remove(rec->public_dir, rec->id, e);
	if (r < 0)
		return r;
	if (!hooks || !rec->hooks.n[HOOK_POSTSTOP])
		return store_remove(c, &s->en, e);
	r = retire(c, s, e);
	if (r == 0)
		r = run_poststop(c, rec, e);
	return r < 0 ? r : store_remove(c, &s->en, e);
}

/*
 * An unreadable record: the directory goes, and nothing that it may have named is touched (faults
 * B4).
 */
static int delete_unreadable(struct ctx *c, const char *id, struct err *why, bool *ret_readable,
			     struct err *e)
{
	struct err again = { 0 };
	struct record rec;
	struct entry en = { .dir = -1 };
	int r;

	r = store_find(c, id, &en, e);
	if (r == 0)
		r = store_lock(&en, io_now() + LOCK_DEADLINE, e);
	/*
	 * Without the lock for an instant: a create whose directory was there before its record may
	 * have gone on.
	 */
	*ret_readable = r == 0 && record_read_as(&en, id, &c->a, &rec, &again) == 0;
	if (r == 0 && !*ret_readable) {
		log_warn("%s; removing its directory only", why->msg);
		r = public_remove(c->public_dir, id, e);
		r = r == 0 ? store_remove(c, &en, e) : r;
	}
	if (r < 0 && e->id == ERR_STA_MISSING)
		r = 0;
	if (en.dir >= 0)
		store_close(&en);
	return r;
}

/*
 * `kill ID KILL` and `delete ID` one after the other: what is killed already is stopped in a
 * moment. Whoever is slower than the deadline is not, and delete says so.
 */
static void await_killed(struct subject *s)
{
	const uint64_t moment = SECONDS(1) / 100;
	pid_t pid = (pid_t)s->rec.pid;
	struct procfs proc;
	bool gone = false;

	if (s->st.pidfd < 0 || proc_open_ambient(&proc) < 0)
		return;
	/* what has taken the signal and not begun to exit looks like one that runs: look again */
	if (!proc_is_ending(&proc, pid))
		gone = pidfd_wait_exit(s->st.pidfd, io_now() + moment) == 1;
	if (!gone && proc_is_ending(&proc, pid))
		gone = pidfd_wait_exit(s->st.pidfd, io_now() + ENDING_DEADLINE) == 1;
	if (gone)
		s->st.status = STATUS_STOPPED;
	proc_close(&proc);
}

int container_delete(struct ctx *c, const char *id, bool force, struct err *e)
{
	struct err why = { 0 };
	struct subject s;
	bool found;
	int r;

	r = store_check_id(id, e);
	if (r == 0)
		r = container_finish(c, id, &found, e);
	if (r < 0)
		return r;
	r = subject_open(c, id, true, &s, &why);
	if (r < 0) {
		if (why.id == ERR_STA_MISSING && (force || found))
			return 0;
		if (why.id == ERR_STA_READ && force)
			r = delete_unreadable(c, id, &why, &found, e);
		else
			*e = why;
		return r == 0 && found ? container_delete(c, id, force, e) : r;
	}
	if (!force)
		await_killed(&s);
	if (!force && s.st.status != STATUS_STOPPED &&
	    !(s.st.status == STATUS_CREATING && s.st.creator_dead))
		r = err_set(e, ERR_STA_STATUS, 0,
			    "cannot delete container \"%s\" that is not stopped: %s; `hull delete "
			    "--force` kills it first",
			    id, status_name(s.st.status));
	else
		r = container_destroy(c, &s, force, true, e);
	subject_close(&s);
	return r;
}
