/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/restore: a container made from images by CRIU: the steps around it are those of create,
 * in spawn.c; here is what only a restore does. The config of the bundle decides what the container
 * may; images bring its processes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "console/console.h"
#include "container/carry.h"
#include "container/restore.h"
#include "container/spawn.h"
#include "hook/hook.h"
#include "sys/call.h"
#include "sys/path.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

static const char restore_log[] = "restore.log";

struct restore {
	struct carry y;
	struct criu criu;
	const char *streams[CRIU_STREAMS];
	bool placed;   /* in the cgroup */
	pid_t *others; /* children that this process had before */
	size_t n_others;
};

/* ---- before ---- */

int restore_open(struct spawn *sp, struct err *e)
{
	struct restore *rs = arena_new(&sp->c->a, struct restore);
	int r;

	*rs = (struct restore){ .y = CARRY_NONE, .criu = CRIU_NONE };
	sp->restore = rs;
	rs->y.c = sp->c;
	rs->y.o = sp->images;
	rs->y.plan = &sp->bp.plan;
	r = carry_check(&sp->bp.plan, e);
	if (r == 0)
		r = carry_open(&rs->y, false, e);
	return r < 0 ? r : criu_read_streams(rs->y.images, &sp->c->a, rs->streams, e);
}

/* KERNEL: pids with a blank behind each. Since 3.5, CONFIG_PROC_CHILDREN; proc_pid_task(5) */
static void children(struct arena *a, pid_t **ret, size_t *ret_n)
{
	char text[4096], *rest = text, *word;
	struct procfs proc;
	uint32_t pid;

	*ret = NULL;
	*ret_n = 0;
	if (proc_open_ambient(&proc) < 0)
		return;
	if (proc_read(&proc, "thread-self/children", text, sizeof(text)) < 0)
		text[0] = '\0';
	proc_close(&proc);
	while ((word = strsep(&rest, " ")))
		if (str_to_u32(word, &pid) == 0)
			*(pid_t *)arena_push(a, ret, ret_n, sizeof(pid_t)) = (pid_t)pid;
}

/* A CRIU that was killed early leaves a first task that nobody was told of: it is our child. */
static void end_unknown(struct spawn *sp)
{
	struct restore *rs = sp->restore;
	pid_t *now;
	size_t n;

	children(&sp->c->a, &now, &n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int pidfd = -1;
		siginfo_t end;
		bool old = now[i] == sp->pid;

		for (size_t k = 0; k < rs->n_others; k++)
			old |= rs->others[k] == now[i];
		if (old)
			continue;
		pidfd = sys_pidfd_open(now[i], 0);
		if (pidfd < 0)
			continue;
		sys_pidfd_send_signal(pidfd, SIGKILL);
		if (pidfd_reap(pidfd, &end) < 0)
			log_debug("process %d was reaped already", now[i]);
	}
}

void restore_close(struct spawn *sp)
{
	bool unfinished;

	if (!sp->restore)
		return;
	unfinished = sp->restore->criu.pidfd >= 0;
	criu_close(&sp->restore->criu, true);
	if (unfinished)
		end_unknown(sp);
	carry_close(&sp->restore->y);
	sp->restore = NULL;
}

/* The label of the config, not the one that the images have (J3). */
static const char *label(struct spawn *sp)
{
	const struct spec_process *p = &sp->bp.spec.process;

	if (sp->images->lsm_profile)
		return sp->images->lsm_profile;
	if (sp->c->host.apparmor && p->apparmor_profile && *p->apparmor_profile)
		return arena_printf(&sp->c->a, "apparmor:%s", p->apparmor_profile);
	if (sp->c->host.selinux && p->selinux_label && *p->selinux_label)
		return arena_printf(&sp->c->a, "selinux:%s", p->selinux_label);
	return NULL;
}

static void cgroup_roots(struct spawn *sp)
{
	const struct cgroup *g = &sp->s.rec.cgroup;
	struct criu_options *v = &sp->restore->y.opts;

	v->cg_root = arena_new_array(&sp->c->a, g->n + 1, struct criu_pair);
	for (unsigned i = 0; i < g->n; i++)
		v->cg_root[v->n_cg_root++] = (struct criu_pair){
			.key = g->dir[i].v2 ? NULL : g->dir[i].controllers,
			.value = g->dir[i].path,
		};
}

/* Namespaces of others: net and pid by descriptor, the others by path. */
static int outer_namespaces(struct spawn *sp, struct err *e)
{
	static const struct {
		enum spec_ns ns;
		const char *name;
	} by_path[] = { { NS_IPC, "ipc" }, { NS_UTS, "uts" } };
	struct carry *y = &sp->restore->y;
	int r = 0;

	if (sp->bp.plan.ns.path[NS_NETWORK])
		r = carry_inherit(y, CARRY_NETNS, sp->ns.target[NS_NETWORK], e);
	if (r == 0 && sp->bp.plan.ns.path[NS_PID])
		r = carry_inherit(y, CARRY_PIDNS, sp->ns.target[NS_PID], e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(by_path); i++)
		if (sp->bp.plan.ns.path[by_path[i].ns])
			*(struct criu_pair *)arena_push(&sp->c->a, &y->opts.join_ns,
							&y->opts.n_join_ns,
							sizeof(struct criu_pair)) =
				(struct criu_pair){ by_path[i].name,
						    sp->bp.plan.ns.path[by_path[i].ns] };
	return r;
}

/* What was a pipe or a file outside becomes hull's own stream of the same number. */
static int streams(struct spawn *sp, struct err *e)
{
	struct restore *rs = sp->restore;
	int r = 0;

	for (int i = 0; r == 0 && i < CRIU_STREAMS; i++) {
		const char *name = rs->streams[i];
		bool seen = false;
		int fd;

		for (int k = 0; k < i; k++)
			seen |= streq(rs->streams[k], name);
		if (seen || (!str_starts(name, "pipe:[") && !str_starts(name, "file[")))
			continue;
		fd = fd_dup_above(i, 3);
		if (fd < 0)
			return err_sys(e, ERR_GEN_SYS, fd, "duplicate stream %d", i);
		r = carry_inherit(&rs->y, name, fd, e);
	}
	return r;
}

/*
 * In the child that becomes CRIU: a mount namespace of its own, with the root attached where the
 * config has it. Nothing of it shows on the host, and it ends with CRIU.
 */
static int private_root(void *data, struct err *e)
{
	struct spawn *sp = data;
	struct carry *y = &sp->restore->y;
	struct mount_tree t = MOUNT_TREE_INIT;
	int r = sys_unshare(CLONE_NEWNS);

	if (r < 0)
		return err_sys(e, ERR_NSP_NEW, r, "unshare the mount namespace for criu");
	r = sys_mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "keep the host's mounts apart");
	t.plan = &sp->bp.plan;
	t.sources = &sp->sources;
	r = mount_root_attach(&t, e);
	if (r < 0)
		return r;
	/* KERNEL: nothing can be mounted below a directory that is of another mount namespace. CRIU
	 * works in this one and mounts there. mount(2), EINVAL */
	fd_close(&y->work);
	y->work = sys_openat(AT_FDCWD, y->work_path, O_RDONLY | O_DIRECTORY, 0);
	return y->work < 0 ? err_sys(e, ERR_CHK_IMAGE, y->work, "open %s", y->work_path) : 0;
}

/*
 * A root file system that never had this container lacks the places that create would have made for
 * binds; they go again when the restore fails. What cannot be made CRIU names itself.
 */
static void make_mount_points(struct spawn *sp)
{
	const struct plan *p = &sp->bp.plan;

	for (size_t i = 0; p->root.create_mountpoints && i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		_cleanup_fd_ int source = -1;
		struct stat st;
		int r;

		if (m->kind != MOUNT_BIND)
			continue;
		source = path_open_host(m->source, 0);
		if (source < 0 || fstat(source, &st) < 0)
			continue;
		r = mount_make_point(&sp->sources, m->destination, S_ISDIR(st.st_mode));
		if (r < 0)
			log_debug("mount point %s: %s", m->destination, strerror(-r));
	}
}

int restore_begin(struct spawn *sp, struct err *e)
{
	struct restore *rs = sp->restore;
	struct criu_options *v = &rs->y.opts;
	struct criu_launch launch = {
		.program = sp->images->criu,
		.keep = rs->y.keep,
		.same_session = sp->images->shell_job,
		.prepare = private_root,
		.data = sp,
		.handed = &rs->y.work,
	};
	int r;

	v->root = sp->s.rec.rootfs;
	v->notify_scripts = true;
	v->rst_sibling = true;
	v->log_file = restore_log;
	v->lsm_profile = label(sp);
	cgroup_roots(sp);
	r = carry_mounts_in(&rs->y, &sp->s.rec, e);
	if (r == 0)
		r = outer_namespaces(sp, e);
	if (r == 0)
		r = streams(sp, e);
	launch.n_keep = rs->y.n_keep;
	children(&sp->c->a, &rs->others, &rs->n_others);
	if (r == 0)
		make_mount_points(sp);
	if (r == 0)
		r = criu_start(&launch, rs->y.from, &rs->criu, e);
	v->work_dir_fd = rs->y.work;
	fd_close(&sp->trace_fd); /* no program waits to be started */
	return r < 0 ? r : criu_ask(&rs->criu, CRIU_RESTORE, v, e);
}

/* ---- what CRIU tells meanwhile ---- */

/* KERNEL: the process is hull's child (CLONE_PARENT): its pid stays its own until it is reaped. */
static int note_init(struct spawn *sp, const struct criu_reply *m, struct err *e)
{
	if (sp->pidfd >= 0)
		return 0;
	if (m->pid <= 0)
		return err_set(e, ERR_CHK_PROTOCOL, EPROTO, "criu names no process");
	sp->pid = (pid_t)m->pid;
	sp->pidfd = sys_pidfd_open(sp->pid, 0);
	if (sp->pidfd < 0)
		return err_sys(e, ERR_PRO_DIED, sp->pidfd, "the restored process %d", sp->pid);
	return spawn_adjust(sp, e);
}

/* CRIU puts processes where they were below the container's group, unless told to ignore groups. */
static int place(struct spawn *sp, struct err *e)
{
	struct record *rec = &sp->s.rec;
	int r = 0;

	if (sp->restore->y.opts.manage_cgroups_mode == CRIU_CG_IGNORE) {
		r = rec->cgroup.ops->join(&rec->cgroup, sp->pid, e);
		sp->restore->placed = true;
	}
	if (r == 0 && sp->bp.spec.os.rdt.set)
		r = tune_rdt_join(&rec->rdt, sp->pid, e);
	return r;
}

static int on_namespaces(struct spawn *sp, const struct criu_reply *m, struct err *e)
{
	const struct spec_hooks *h = &sp->bp.spec.hooks;
	struct record *rec = &sp->s.rec;
	int r = note_init(sp, m, e);

	if (r == 0)
		r = place(sp, e);
	if (r == 0)
		r = record_write(&sp->s.en, rec, &sp->c->a, e);
	if (r == 0)
		r = spawn_hooks(sp->c, h, HOOK_PRESTART, rec, STATUS_CREATING, false, sp->signals,
				e);
	return r < 0 ? r
		     : spawn_hooks(sp->c, h, HOOK_CREATE_RUNTIME, rec, STATUS_CREATING, false,
				   sp->signals, e);
}

static int on_terminal(struct spawn *sp, const struct criu_reply *m, struct err *e)
{
	if (m->fd < 0 || sp->master >= 0)
		return err_set(e, ERR_CHK_PROTOCOL, EPROTO, "criu sent no terminal");
	sp->master = fd_dup_above(m->fd, 3);
	if (sp->master < 0)
		return err_sys(e, ERR_GEN_SYS, sp->master, "keep the terminal");
	if (sp->console_sock < 0)
		return 0;
	return console_send(sp->console_sock, sp->master, "/dev/ptmx", "--console-socket", e);
}

/* Is the container's process in its group? Then what held the group until now can go. */
static int settle(struct spawn *sp, struct err *e)
{
	struct cgroup *g = &sp->s.rec.cgroup;
	int *pids, r;
	size_t n;

	if (!g->n || sp->restore->placed)
		return 0;
	r = g->ops->pids(g, &sp->c->a, &pids, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == sp->pid) {
			cgroup_settle(g);
			sp->restore->placed = true;
			return 0;
		}
	sp->restore->placed = true;
	return g->ops->join(g, sp->pid, e);
}

/* SECURITY: J3: mounts have at least the flags of the config. A child does it: it stays inside. */
static int confine_mounts(struct spawn *sp, struct err *e)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .flags = CLONE_PIDFD };
	_cleanup_fd_ int hear = -1, say = -1;
	int pipefd[2], pidfd = -1, r;
	struct err why = { 0 };
	siginfo_t end;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "pipe2");
	hear = pipefd[0];
	say = pipefd[1];
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	r = sys_clone3(&args);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make a process that looks at the mounts");
	if (r == 0) {
		r = ns_join_process(sp->pidfd, CLONE_NEWNS, &why);
		if (r == 0)
			r = mount_confine_again(&sp->bp.plan, &sp->sources.rootfs, &why);
		_exit(r < 0 ? io_write_all(say, &why, sizeof(why)) < 0 : 0);
	}
	fd_close(&say);
	if (io_read_full(hear, &why, sizeof(why)) != sizeof(why))
		err_clear(&why);
	r = pidfd_reap(pidfd, &end);
	fd_close(&pidfd);
	if (!err_is(&why) && (r < 0 || end.si_code != CLD_EXITED || end.si_status))
		err_set(&why, ERR_MNT_ATTR, EIO, "the process that sets flags again was killed");
	if (!err_is(&why))
		return 0;
	*e = why;
	return why.code ? -why.code : -EINVAL;
}

/* Everything is as it was, and nothing of it runs yet. */
static int on_resume(struct spawn *sp, const struct criu_reply *m, struct err *e)
{
	int r = note_init(sp, m, e);

	if (r == 0)
		r = settle(sp, e);
	if (r == 0)
		r = confine_mounts(sp, e);
	return r < 0 ? r
		     : restore_check(sp->c, &sp->bp.plan, &sp->ns, &sp->s.rec.cgroup, sp->pid,
				     sp->restore->criu.pid, e);
}

static const struct {
	const char *script;
	int (*act)(struct spawn *sp, const struct criu_reply *m, struct err *e);
} notifications[] = {
	{ "setup-namespaces", on_namespaces },
	{ "orphan-pts-master", on_terminal },
	{ "pre-resume", on_resume },
};

/* SECURITY: CRIU resumes what it restored when it gets no good answer; the kill comes first. */
static void end_container(struct spawn *sp)
{
	struct cgroup *g = &sp->s.rec.cgroup;
	struct err drop = { 0 };

	if (sp->pidfd >= 0)
		sys_pidfd_send_signal(sp->pidfd, SIGKILL);
	if (g->n && cgroup_is_own(g) && g->ops->kill(g, SIGKILL, 0, &drop) < 0)
		log_debug("ending what was restored: %s", drop.msg);
	err_drop(&drop, "the undo does it once more and says what is left");
}

static int serve_notification(struct spawn *sp, struct criu_reply *m, struct err *e)
{
	int r = 0, answered;

	for (size_t i = 0; i < ARRAY_LEN(notifications); i++)
		if (streq(notifications[i].script, m->script))
			r = notifications[i].act(sp, m, e);
	if (r < 0) {
		err_step(e, r, m->script);
		end_container(sp);
	}
	answered = criu_answer(&sp->restore->criu, r == 0, e);
	return r < 0 ? r : answered;
}

/* A reply that says that all is done, or why not. */
static int finish(struct spawn *sp, const struct criu_reply *m, struct err *e)
{
	struct restore *rs = sp->restore;
	int r;

	if (m->type != CRIU_RESTORE)
		return err_set(e, ERR_CHK_PROTOCOL, EPROTO, "criu answered %u to a restore",
			       m->type);
	if (!m->success)
		return carry_failed(&rs->y, ERR_CHK_RESTORE, "restore the images", restore_log, m,
				    e);
	r = note_init(sp, m, e);
	/* an old one that told nothing before */
	if (r == 0 && !rs->placed)
		r = settle(sp, e);
	if (r == 0 && pidfd_alive(sp->pidfd) != 1)
		r = spawn_died(&sp->s, sp->pidfd, e);
	return r;
}

int restore_serve(struct spawn *sp, struct err *e)
{
	struct restore *rs = sp->restore;

	for (;;) {
		struct criu_reply m;
		int r = spawn_wait(rs->criu.chan, sp->signals, false, e);

		if (r == 0)
			r = criu_next(&rs->criu, &m, e);
		if (r == -EPIPE && !err_is(e))
			return carry_failed(&rs->y, ERR_CHK_RESTORE, "restore the images",
					    restore_log, NULL, e);
		if (r < 0)
			return r;
		if (m.type == CRIU_NOTIFY) {
			r = serve_notification(sp, &m, e);
		} else {
			r = finish(sp, &m, e);
			criu_close(&rs->criu, r < 0);
			fd_close(&m.fd);
			return r;
		}
		fd_close(&m.fd);
		if (r < 0)
			return r;
	}
}
