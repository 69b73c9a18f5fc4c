/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/status: what a container is right now, computed from facts: the identity of its init,
 * the lock that init holds until execve, the freezer. Nothing stored can be out of date.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "container/container.h"
#include "container/processes.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

const char *status_name(enum spec_status s)
{
	return table_name(&spec_statuses, s);
}

/*
 * Open the flight recorder, or -1: *ret_waiting is what status_waiting says. @map: to be written to
 * as well, where that is possible.
 */
static int open_recorder(const struct entry *en, bool map, bool *ret_waiting)
{
	enum { FLAGS = O_NOFOLLOW | O_NONBLOCK };
	int fd = map ? sys_openat(en->dir, "trace", O_RDWR | FLAGS, 0) : -EROFS;

	if (fd == -EROFS)
		fd = sys_openat(en->dir, "trace", O_RDONLY | FLAGS, 0);

	/*
	 * KERNEL: a flock belongs to the open file; execve closes the last descriptor of it.
	 * flock(2)
	 */
	*ret_waiting = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	return fd < 0 ? -1 : fd;
}

bool status_waiting(const struct entry *en)
{
	bool waiting;
	_cleanup_fd_ int fd = open_recorder(en, false, &waiting);

	(void)fd; /* held until here */
	return waiting;
}

/*
 * SECURITY: F4: what cannot be looked at (no descriptor left, a filter of the host's) is not taken
 * for gone: delete would let a running container go.
 */
static int check_look(uint64_t pid, int fd, struct err *e)
{
	if (fd < 0 && fd != -ESRCH)
		return err_sys(e, ERR_GEN_SYS, fd, "look at process %d", (int)pid);
	return 0;
}

/* Is the init of @rec alive? 0 or 1, -errno. With @handle *ret gets its pidfd or corpse. */
static int find_init(const struct record *rec, bool handle, struct looks *looks,
		     struct status_info *ret, struct err *e)
{
	const struct process_id id = { (pid_t)rec->pid, rec->start_time, rec->pidfd_inode };
	int fd = -1, r;

	if (!handle) {
		r = pid_alive(&id, looks ? &looks->proc : NULL);
		return r < 0 ? err_sys(e, ERR_GEN_SYS, r, "look at process %d", (int)rec->pid) : r;
	}
	fd = pidfd_open_checked(&id);
	r = check_look(rec->pid, fd, e);
	if (r < 0)
		return r;
	r = fd >= 0 && pidfd_alive(fd);
	*(r ? &ret->pidfd : &ret->corpse) = fd < 0 ? -1 : fd;
	return r;
}

static int is_frozen(const struct record *rec, struct looks *looks, bool *ret, struct err *e)
{
	struct cgroup g = rec->cgroup;
	int r = cgroup_restore(&g, e);

	if (r == 0 && looks)
		cgroup_lend(&g, &looks->cgroup2, looks->many ? &looks->above : NULL);
	return r == 0 ? g.ops->frozen(&g, ret, e) : r;
}

int status_read(const struct entry *en, const struct record *rec, bool handle, struct looks *looks,
		struct status_info *ret, struct err *e)
{
	bool frozen = false, waiting;
	char boot[37];
	int fd, r;

	*ret = (struct status_info){
		.status = STATUS_STOPPED, .pidfd = -1, .corpse = -1, .recorder = -1
	};
	r = proc_boot_id(boot);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "read the boot id");
	if (!streq(boot, rec->boot_id)) {
		ret->previous_boot = true;
		return 0;
	}
	if (rec->phase == PHASE_CREATING) {
		fd = pidfd_open_seen((pid_t)rec->creator, rec->creator_seen);
		r = check_look(rec->creator, fd, e);
		if (r < 0)
			return r;
		ret->status = STATUS_CREATING;
		ret->creator_dead = fd < 0 || !pidfd_alive(fd);
		fd_close(&fd);
		if (!rec->pid)
			return 0;
	}
	r = find_init(rec, handle, looks, ret, e);
	if (r <= 0 || rec->phase == PHASE_CREATING)
		return r < 0 ? r : 0;
	ret->recorder = open_recorder(en, handle, &waiting);
	ret->status = waiting ? STATUS_CREATED : STATUS_RUNNING;
	if (rec->cgroup.manager == CGROUP_DISABLED || !rec->cgroup.n)
		return 0;
	if (is_frozen(rec, looks, &frozen, e) < 0)
		err_drop(e, "a group that is gone is not frozen");
	else if (frozen)
		ret->status = STATUS_PAUSED;
	return 0;
}

void looks_close(struct looks *l)
{
	proc_close(&l->proc);
	cgroup_forget_above(&l->above);
	if (l->cgroup2.fd > 0)
		fd_close(&l->cgroup2.fd);
}

void status_close(struct status_info *s)
{
	fd_close(&s->pidfd);
	fd_close(&s->corpse);
	fd_close(&s->recorder);
}

const char *status_owner(struct ctx *c, uint64_t uid)
{
	char *name = c->owner.name;

	if (!uid)
		return "root";
	if (!*name || c->owner.uid != uid)
		str_format(name, sizeof(c->owner.name), "%s", processes_user((uint32_t)uid, &c->a));
	c->owner.uid = uid;
	return name;
}

void status_fill(struct ctx *c, const struct record *rec, enum spec_status s,
		 struct spec_state *ret)
{
	struct spec_state_extra *x = arena_new_array(&c->a, 8, struct spec_state_extra);
	size_t n = 0;

	*ret = (struct spec_state){
		.id = rec->id,
		.status = status_name(s),
		.pid = s == STATUS_STOPPED || !rec->pid ? -1 : (int64_t)rec->pid,
		.bundle = rec->bundle,
		.rootfs = rec->rootfs,
		.created = rec->created,
		.annotations = &rec->annotations,
		.extra = x,
	};
	x[n++] = (struct spec_state_extra){ "owner", status_owner(c, rec->owner), false };
	if (rec->cgroup.unit[0])
		x[n++] = (struct spec_state_extra){ "systemd-scope", rec->cgroup.unit, false };
	/* a user namespace, or no cgroup: the rules of the config are nobody's */
	if (s != STATUS_CREATING && !rec->cgroup.devices_enforced)
		x[n++] = (struct spec_state_extra){ "devicesEnforced", "false", true };
	ret->n_extra = n;
}

/* The full state plus the names the drafts used: version, bundlePath, root (lineage S-02). */
static const char *public_text(struct ctx *c, const struct record *rec, enum spec_status s,
			       size_t *ret_n)
{
	struct spec_state st;
	struct spec_state_extra *x;

	status_fill(c, rec, s, &st);
	x = arena_new_array(&c->a, st.n_extra + 3, struct spec_state_extra);
	memcpy(x, st.extra, st.n_extra * sizeof(*x));
	x[st.n_extra++] = (struct spec_state_extra){ "version", rec->oci_version, false };
	x[st.n_extra++] = (struct spec_state_extra){ "bundlePath", rec->bundle, false };
	x[st.n_extra++] = (struct spec_state_extra){ "root", rec->bundle, false };
	st.extra = x;
	return spec_state_text(&st, &c->a, 2, ret_n);
}

int status_draft(struct ctx *c, const struct record *rec, enum spec_status s,
		 struct public_draft *d, struct err *e)
{
	const char *text;
	size_t n;

	if (!rec->public_dir)
		return 0;
	text = public_text(c, rec, s, &n);
	return public_draft(rec->public_dir, rec->id, text, n, d, e);
}

int status_show(struct ctx *c, const struct record *rec, enum spec_status s, struct public_draft *d,
		struct err *e)
{
	const char *text;
	size_t n;
	int r;

	if (!rec->public_dir)
		return 0;
	text = public_text(c, rec, s, &n);
	if (d->dir >= 0 && n == d->n && memcmp(text, d->text, n) == 0 && public_commit(d) == 0)
		return 0;
	public_drop(d);
	r = public_draft(rec->public_dir, rec->id, text, n, d, e);
	if (r < 0)
		return r;
	r = public_commit(d);
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "write %s/%s/state.json", rec->public_dir,
			       rec->id)
		     : 0;
}

int status_publish(struct ctx *c, const struct record *rec, enum spec_status s, struct err *e)
{
	struct public_draft none = { .dir = -1 };

	return status_show(c, rec, s, &none, e);
}

void status_show_done(struct ctx *c, const struct record *rec, enum spec_status s,
		      struct public_draft *d)
{
	struct err e = { 0 };

	if (status_show(c, rec, s, d, &e) < 0)
		log_warn_err(&e, "container \"%s\" is %s, and that is not shown", rec->id,
			     status_name(s));
}

void status_publish_done(struct ctx *c, const struct record *rec, enum spec_status s)
{
	struct public_draft none = { .dir = -1 };

	status_show_done(c, rec, s, &none);
}

int status_not_running(const char *id, struct err *e)
{
	return err_set(e, ERR_STA_NOTRUNNING, 0,
		       "container \"%s\": container not running (no such process)", id);
}

/*
 * Between its mkdir and its lock a create has an entry that anybody can lock, and no record yet: it
 * gets the lock back for a moment.
 */
static int lock_and_read(struct ctx *c, struct subject *s, struct err *e)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	for (unsigned look = 0;; look++) {
		int r = store_lock(&s->en, io_now() + LOCK_DEADLINE, e);

		if (r == 0)
			r = record_read(&s->en, &c->a, &s->rec, e);
		if (r != -ENOENT || look == 5)
			return r;
		err_clear(e);
		store_unlock(&s->en);
		nanosleep(&moment, NULL);
	}
}

static int find(struct ctx *c, const char *id, bool lock, bool handle, struct subject *ret,
		struct err *e)
{
	int r;

	*ret = (struct subject){ .en.dir = -1, .st = STATUS_NONE };
	r = store_find(c, id, &ret->en, e);
	if (r == 0)
		r = lock ? lock_and_read(c, ret, e) : record_read(&ret->en, &c->a, &ret->rec, e);
	if (r == 0)
		r = status_read(&ret->en, &ret->rec, handle, handle ? NULL : c->looks, &ret->st, e);
	if (r < 0)
		subject_close(ret);
	return r;
}

int subject_open(struct ctx *c, const char *id, bool lock, struct subject *ret, struct err *e)
{
	return find(c, id, lock, true, ret, e);
}

int subject_look(struct ctx *c, const char *id, struct subject *ret, struct err *e)
{
	return find(c, id, false, false, ret, e);
}

void subject_close(struct subject *s)
{
	status_close(&s->st);
	store_close(&s->en);
}
