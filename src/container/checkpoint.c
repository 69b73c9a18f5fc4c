/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/checkpoint: a running container written to images by CRIU. Its lock is held meanwhile.
 * A dump that fails leaves the container as it was and its directory without half an image.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "container/carry.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/pidfd.h"

static const char dump_log[] = "dump.log";

/* ---- what the container is ---- */

static int proc_inode(pid_t pid, const char *file, ino_t *ret, struct err *e)
{
	char path[48];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	str_format(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_NSP_OPEN, fd < 0 ? fd : -errno, "open %s", path);
	*ret = st.st_ino;
	return 0;
}

static void add_external(struct carry *y, const char *text)
{
	struct strv *x = &y->opts.external;

	*(const char **)arena_push(&y->c->a, &x->v, &x->n, sizeof(char *)) = text;
}

/* A namespace that is another's stays there; CRIU only notes that there was one. */
static int outer_namespaces(struct carry *y, pid_t pid, struct err *e)
{
	ino_t ino = 0;
	int r = 0;

	if (y->plan->ns.path[NS_NETWORK]) {
		r = proc_inode(pid, "ns/net", &ino, e);
		if (r == 0)
			add_external(y, arena_printf(&y->c->a, "net[%llu]:" CARRY_NETNS,
						     (unsigned long long)ino));
	}
	if (r == 0 && y->plan->ns.path[NS_PID]) {
		r = proc_inode(pid, "ns/pid", &ino, e);
		if (r == 0)
			add_external(y, arena_printf(&y->c->a, "pid[%llu]:" CARRY_PIDNS,
						     (unsigned long long)ino));
	}
	return r;
}

/* "mnt_id:" of a descriptor's fdinfo; 0: unknown. */
static uint64_t mount_of(pid_t pid, int n)
{
	char path[48], text[512], *p, *end;
	_cleanup_fd_ int fd = -1;
	uint64_t id = 0;

	str_format(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, n);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0 || io_read_line_file(fd, text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, "mnt_id:\t");
	if (!p)
		return 0;
	p += strlen("mnt_id:\t");
	end = p + strspn(p, "0123456789");
	*end = '\0';
	return str_to_u64(p, UINT64_MAX, &id) < 0 ? 0 : id;
}

/*
 * The name of a stream, for the restore. A file on a mount that the container does not see is
 * external: CRIU then asks for it by this name.
 */
static const char *stream_name(struct carry *y, pid_t pid, int n)
{
	char link[48], target[4096], *key;
	struct stat st;
	uint64_t mnt;

	str_format(link, sizeof(link), "/proc/%d/fd/%d", pid, n);
	if (sys_readlinkat(AT_FDCWD, link, target, sizeof(target)) < 0)
		return "/dev/null"; /* closed: nothing to bring back */
	mnt = target[0] == '/' ? mount_of(pid, n) : 0;
	if (!mnt || carry_mount_known(y->c, pid, mnt) != 0)
		return arena_strdup(&y->c->a, target);
	if (fstatat(AT_FDCWD, link, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return arena_strdup(&y->c->a, target);
	key = arena_printf(&y->c->a, "file[%llx:%llx]", (unsigned long long)mnt,
			   (unsigned long long)st.st_ino);
	add_external(y, key);
	return key;
}

static int streams(struct carry *y, pid_t pid, struct err *e)
{
	const char *names[CRIU_STREAMS];
	int r;

	for (int i = 0; i < CRIU_STREAMS; i++)
		names[i] = stream_name(y, pid, i);
	r = criu_write_streams(y->images, names, &y->c->a);
	return r < 0 ? err_sys(e, ERR_CHK_IMAGE, r, "write descriptors.json") : 0;
}

/* Where CRIU can freeze all of the container at once, and thaw what was paused before. */
static const char *freezer(struct arena *a, const struct cgroup *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->dir[i].v2 ? g->layout == HOST_CGROUP_V2
				 : strstr(g->dir[i].controllers, "freezer") != NULL)
			return arena_printf(a, "%s%s", g->dir[i].mount, g->dir[i].path);
	return NULL;
}

static int describe(struct carry *y, struct subject *s, struct err *e)
{
	struct record *rec = &s->rec;
	pid_t pid = (pid_t)rec->pid;
	_cleanup_fd_ int root = -1;
	char path[32];
	int r;

	str_format(path, sizeof(path), "/proc/%d/root", pid);
	root = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (root < 0)
		return err_sys(e, ERR_NSP_OPEN, root, "open %s", path);
	y->opts.pid = rec->pid;
	y->opts.root = "/";
	y->opts.leave_running = y->o->leave_running || y->o->pre_dump;
	y->opts.track_mem = y->o->pre_dump;
	y->opts.parent_img = y->o->parent_path;
	y->opts.log_file = dump_log;
	if (rec->cgroup.n && cgroup_is_own(&rec->cgroup))
		y->opts.freeze_cgroup = freezer(&y->c->a, &rec->cgroup);
	r = carry_mounts_out(y, rec, root, e);
	if (r == 0)
		r = outer_namespaces(y, pid, e);
	if (r == 0 && !y->o->pre_dump)
		r = streams(y, pid, e);
	/* SECURITY: X7: what was read by pid was this process only if it lives still. */
	return r == 0 && pidfd_alive(s->st.pidfd) != 1 ? status_not_running(rec->id, e) : r;
}

/* ---- the dump ---- */

static int converse(struct carry *y, struct err *e)
{
	struct criu_launch launch = { .program = y->o->criu, .keep = y->keep, .n_keep = y->n_keep };
	enum criu_request type = y->o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP;
	struct criu criu = CRIU_NONE;
	struct criu_reply reply = { .fd = -1 };
	int r = criu_start(&launch, y->from, &criu, e);

	if (r < 0)
		return r;
	r = criu_ask(&criu, type, &y->opts, e);
	if (r == 0)
		r = criu_next(&criu, &reply, e);
	fd_close(&reply.fd);
	/* Its own way back is better than a kill in the middle: what it traces would be lost. */
	criu_close(&criu, false);
	if (r == -EPIPE && !err_is(e))
		return carry_failed(y, ERR_CHK_DUMP, "write the images", dump_log, NULL, e);
	if (r == 0 && reply.type != type)
		return err_set(e, ERR_CHK_PROTOCOL, 0, "criu answered %u to a dump", reply.type);
	if (r == 0 && !reply.success)
		return carry_failed(y, ERR_CHK_DUMP, "write the images", dump_log, &reply, e);
	return r;
}

/* A CRIU that was killed half-way cannot thaw what it froze. */
static void thaw_again(struct subject *s)
{
	struct cgroup *g = &s->rec.cgroup;
	struct err drop = { 0 };
	bool frozen = false;

	if (s->st.status == STATUS_PAUSED || !g->n || !cgroup_is_own(g))
		return;
	if (g->ops->frozen(g, &frozen, &drop) == 0 && frozen &&
	    g->ops->freeze(g, false, io_now() + KILL_DEADLINE, &drop) < 0)
		log_warn_err(&drop, "thaw \"%s\" after the failed checkpoint", s->rec.id);
	err_drop(&drop, "the error of the dump is what counts");
}

/* CRIU has killed the processes: a frozen one dies when it is thawed. */
static int ended(struct ctx *c, struct subject *s, struct err *e)
{
	struct cgroup *g = &s->rec.cgroup;
	int r = 0;

	if (g->n && cgroup_is_own(g))
		r = g->ops->kill(g, SIGKILL, io_now() + KILL_DEADLINE, e);
	if (r == 0 && pidfd_wait_exit(s->st.pidfd, io_now() + KILL_DEADLINE) != 1)
		r = err_set(e, ERR_CHK_DUMP, ETIMEDOUT,
			    "the images are written, but process %llu did not end",
			    (unsigned long long)s->rec.pid);
	if (r == 0)
		status_publish_done(c, &s->rec, STATUS_STOPPED);
	return r;
}

static int check_subject(const struct subject *s, const char *id, struct err *e)
{
	if (s->st.status == STATUS_CREATING || s->st.status == STATUS_CREATED)
		return err_set(e, ERR_STA_STATUS, 0,
			       "cannot checkpoint container \"%s\" that is %s: start it first", id,
			       status_name(s->st.status));
	return s->st.pidfd < 0 ? status_not_running(id, e) : 0;
}

static int check_parent(const struct checkpoint_options *o, struct err *e)
{
	if (!o->parent_path || *o->parent_path != '/')
		return 0;
	return err_at(e,
		      err_set(e, ERR_CLI_VALUE, 0,
			      "%s: CRIU takes a path that is relative to --image-path",
			      o->parent_path),
		      "--parent-path");
}

int container_checkpoint(struct ctx *c, const struct checkpoint_options *o, struct err *e)
{
	struct carry y = CARRY_NONE;
	struct strv before;
	struct subject s;
	struct spec spec;
	struct plan plan;
	sigset_t mask;
	int signals = -1, r;

	y.c = c;
	y.o = o;
	y.plan = &plan;
	r = check_parent(o, e);
	if (r == 0)
		r = carry_allowed(c, "checkpoint", e);
	if (r == 0)
		r = subject_open(c, o->id, true, &s, e);
	if (r < 0)
		return r;
	r = check_subject(&s, o->id, e);
	if (r == 0)
		r = record_plan(c, &s, &spec, &plan, e);
	if (r == 0)
		r = carry_check(&plan, e);
	if (r == 0 && s.rec.cgroup.n && !s.rec.cgroup.ops)
		r = cgroup_restore(&s.rec.cgroup, e);
	if (r == 0)
		r = carry_open(&y, true, e);
	if (r == 0)
		r = criu_list(y.images, &c->a, &before);
	if (r < 0 && !err_is(e))
		err_sys(e, ERR_CHK_IMAGE, r, "list %s", y.images_path);
	if (r < 0)
		goto out;
	/* From here to its end a dump is not to be interrupted. */
	r = spawn_block_signals(&mask, &signals, e);
	if (r == 0)
		r = describe(&y, &s, e);
	if (r == 0)
		r = converse(&y, e);
	if (r < 0) {
		thaw_again(&s);
		criu_remove_new(y.images, &before, dump_log, &c->a);
	} else if (!y.opts.leave_running) {
		r = ended(c, &s, e);
	}
	if (signals >= 0)
		sigprocmask(SIG_SETMASK, &mask, NULL);
	fd_close(&signals);
out:
	carry_close(&y);
	subject_close(&s);
	return r;
}
