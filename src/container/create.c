/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/create: create, run and start: what happens after init said READY.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "console/console.h"
#include "container/carry.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/sock.h"

/* The directory of @path, opened; its name in @ret. */
static int open_parent(const char *path, const char **ret)
{
	char parent[4096];
	const char *name = path_base(path);
	size_t n = (size_t)(name - path);

	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	if (str_ends(path, "/"))
		return -EISDIR;
	memcpy(parent, path, n);
	parent[n] = '\0';
	*ret = name;
	return sys_openat(AT_FDCWD, n ? parent : ".", O_RDONLY | O_DIRECTORY, 0);
}

/*
 * Digits only, no newline, whole or not at all: clients parse the raw bytes (features.md a.4). A
 * file of an earlier container is replaced; a rename would replace /dev/stdout of the host too.
 */
static int write_pid(const char *path, pid_t pid)
{
	char text[16], tmp[STORE_NAME];
	const char *name;
	_cleanup_fd_ int dir = open_parent(path, &name);
	struct stat st;
	int r;

	str_format(text, sizeof(text), "%d", pid);
	r = dir < 0 ? dir : store_draft(dir, name, 0644, text, strlen(text), tmp, NULL);
	if (r < 0 || sys_renameat2(dir, tmp, dir, name, RENAME_NOREPLACE) == 0)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
		sys_unlinkat(dir, tmp, 0);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	}
	return store_commit(dir, tmp, name);
}

int pid_file_write(const char *path, pid_t pid, struct err *e)
{
	int r = write_pid(path, pid);

	if (r < 0)
		err_sys(e, ERR_CLI_FILE, r, "write the pid file %s%s", path,
			r == -EEXIST ? ", which is no regular file" : "");
	return err_at(e, r, "--pid-file");
}

/* A file without a name: a command that is killed meanwhile leaves nothing behind. open(2) */
void pid_file_draft(const char *path, pid_t pid, struct pid_draft *ret)
{
	_cleanup_fd_ int fd = -1;
	char text[16];
	const char *name;

	ret->dir = open_parent(path, &name);
	if (ret->dir < 0)
		return;
	str_format(text, sizeof(text), "%d", pid);
	fd = sys_openat(ret->dir, ".", O_TMPFILE | O_WRONLY, 0644);
	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0 || fchmod(fd, 0644) < 0)
		return; /* a file system without such files */
	ret->fd = fd_take(&fd);
}

int pid_file_show(const char *path, pid_t pid, struct pid_draft *d, struct err *e)
{
	_cleanup_fd_ int dir = fd_take(&d->dir), fd = fd_take(&d->fd);

	/* KERNEL: by descriptor with CAP_DAC_READ_SEARCH only, before 6.10. linkat(2) */
	if (fd >= 0 && linkat(fd, "", dir, path_base(path), AT_EMPTY_PATH) == 0)
		return 0;
	return pid_file_write(path, pid, e);
}

void pid_file_drop(struct pid_draft *d)
{
	fd_close(&d->dir);
	fd_close(&d->fd);
}

/*
 * Lineage S-21: a process of its own that waits for the end and deletes the container, poststop
 * hooks included. It holds nothing of the caller but the environment that hooks without `env` get.
 */
static int watch_and_delete(struct ctx *c, struct spawn *sp, struct err *e)
{
	struct err end = { 0 };
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return err_sys(e, ERR_GEN_SYS, -errno,
			       "fork the process that deletes the container");
	if (pid > 0)
		return 0;
	sigprocmask(SIG_SETMASK, &sp->mask, NULL);
	setsid();
	null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (chdir("/") < 0)
		_exit(1);
	store_unlock(&sp->s.en);
	fd_close(&sp->chan);
	fd_close(&sp->console_sock);
	pidfd_wait_exit(sp->pidfd, 0);
	_exit(container_delete(c, sp->o->id, true, &end) < 0);
}

int container_create(struct ctx *c, const struct create_options *o, struct err *e)
{
	struct spawn sp;
	int r;

	r = store_check_id(o->id, e);
	if (r < 0)
		return r;
	r = spawn_run(&sp, c, o, e);
	if (r == 0) {
		trace_step("release");
		r = sync_send(sp.chan, SYNC_CREATED, -1, e);
		if (r == 0 && o->delete_on_exit)
			r = watch_and_delete(c, &sp, e);
		if (r < 0)
			spawn_undo(&sp, e);
	}
	spawn_close(&sp);
	return r;
}

static int start_error(const struct subject *s, struct err *e)
{
	const char *id = s->rec.id;

	if (s->st.status == STATUS_STOPPED)
		return err_set(e, ERR_STA_STATUS, 0,
			       "cannot start container \"%s\": container has stopped", id);
	if (s->st.status == STATUS_CREATING)
		return err_set(e, ERR_STA_STATUS, 0,
			       "cannot start container \"%s\": it is still being created", id);
	return err_set(e, ERR_STA_STATUS, 0,
		       "cannot start container \"%s\": it is already started (%s)", id,
		       status_name(s->st.status));
}

/*
 * Init has not accepted a connection, or accepts none: it was killed since we looked (faults C4),
 * or it is executing the program for a start whose command was killed (faults K1).
 */
static int not_accepted(struct subject *s, int pidfd, struct err *e)
{
	const uint64_t deadline = io_now() + SECONDS(2), pause = SECONDS(1) / 200;

	while (pidfd_wait_exit(pidfd, io_now() + pause) == 0 && io_now() < deadline)
		if (!status_waiting(&s->en) && pidfd_alive(pidfd)) {
			s->st.status = STATUS_RUNNING;
			return start_error(s, e);
		}
	if (pidfd_alive(pidfd))
		return err_set(
			e, ERR_STA_STATUS, 0,
			"cannot start container \"%s\": it was told to start before, and is at "
			"step %s",
			s->rec.id, trace_last(TRACE_INIT));
	return spawn_died(s, pidfd, e);
}

int spawn_await_exec(struct ctx *c, struct subject *s, int conn, int pidfd, pid_t pid,
		     struct err *e)
{
	int r = 0;

	while (r == 0) {
		struct sync_msg m;

		r = sync_recv(conn, 0, &m, e);
		if (r < 0)
			return r;
		if (r == 0) /* closed by execve, unless init died before it */
			break;
		if (m.kind != SYNC_SECCOMP) {
			fd_close(&m.fd);
			return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"",
				       sync_name(m.kind));
		}
		r = spawn_serve_listener(c, s, pid ? s->st.status : STATUS_CREATED, conn, pid, &m,
					 e);
	}
	if (r < 0)
		return r;
	if (!streq(trace_last(TRACE_INIT), "exec"))
		return pid ? spawn_died(s, pidfd, e) : not_accepted(s, pidfd, e);
	return 0;
}

static int say_start(struct subject *s, int conn, int pidfd, pid_t pid, int process, struct err *e)
{
	int r = sync_send(conn, process < 0 ? SYNC_START : SYNC_START_WITH, process, e);

	if (r != -EPIPE && r != -ECONNRESET)
		return r;
	*e = (struct err){ 0 };
	return pid ? spawn_died(s, pidfd, e) : not_accepted(s, pidfd, e);
}

int spawn_start(struct ctx *c, struct subject *s, int conn, int pidfd, pid_t pid, struct err *e)
{
	int r = say_start(s, conn, pidfd, pid, -1, e);

	return r < 0 ? r : spawn_await_exec(c, s, conn, pidfd, pid, e);
}

/* START was said to init; what the public will see is written while that executes the program. */
static int await_program(struct ctx *c, struct subject *s, int conn, int pidfd,
			 struct public_draft *running, struct err *e)
{
	struct err early = { 0 };
	int r;

	if (status_draft(c, &s->rec, STATUS_RUNNING, running, &early) < 0)
		err_drop(&early, "tried again, and told, when the program runs");
	r = spawn_await_exec(c, s, conn, pidfd, 0, e);
	if (r < 0)
		public_drop(running);
	return r;
}

/*
 * runtime.md#lifecycle: a failed startContainer or poststart hook stops the container and goes on
 * at step 12.
 */
static bool is_hook_error(const struct err *e)
{
	return e->id >= ERR_HOK_EXEC && e->id <= ERR_HOK_TIMEOUT;
}

/* @signals: of spawn_block_signals, 0: none. */
static int started(struct ctx *c, struct subject *s, struct public_draft *running, int signals,
		   struct err *e)
{
	status_show_done(c, &s->rec, STATUS_RUNNING, running);
	return spawn_hooks(c, &s->rec.hooks, HOOK_POSTSTART, &s->rec, STATUS_RUNNING, false,
			   signals, e);
}

static void destroy_after_hook(struct ctx *c, struct subject *s, struct err *e)
{
	struct err second = { 0 };

	if (!is_hook_error(e))
		return;
	if (container_destroy(c, s, true, true, &second) < 0)
		log_warn_err(&second, "destroying the container after the failed hook");
}

struct trace_page *trace_copy(const struct subject *s, struct arena *a)
{
	enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK };
	_cleanup_fd_ int own = s->st.recorder < 0 ? sys_openat(s->en.dir, "trace", FLAGS, 0) : -1;
	struct trace_page *page = arena_new(a, struct trace_page);
	int fd = own < 0 ? s->st.recorder : own;
	ssize_t n = fd < 0 ? fd : io_read_some(fd, page, sizeof(*page));

	return n == sizeof(*page) ? page : NULL;
}

/*
 * Read and check the file before anything is told to init; hand it over as a file of its own
 * (lineage S-11).
 */
static int open_process(struct ctx *c, const char *path, int *ret, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0), copy = -1;
	struct spec_process p;
	struct err why = { 0 };
	char *text;
	size_t n;
	int r;

	r = fd < 0 ? fd : io_read_all(fd, SPEC_MAX_BYTES, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_CLI_FILE, r, "--process: read %s", path);
	r = spec_read_process(text, n, &c->a, &p, &why);
	if (r < 0) {
		*e = why;
		str_format(e->at, sizeof(e->at), "/process%s", why.at);
		return r;
	}
	copy = sys_memfd_create("process", MFD_CLOEXEC);
	r = copy < 0 ? copy : io_write_all(copy, text, n);
	if (r < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return err_sys(e, ERR_GEN_SYS, r < 0 ? r : -errno, "--process: copy %s", path);
	*ret = fd_take(&copy);
	return 0;
}

int container_start(struct ctx *c, const char *id, const char *process_file, struct err *e)
{
	_cleanup_fd_ int conn = -1, process = -1;
	_cleanup_(notify_close) struct notify n = NOTIFY_NONE;
	struct public_draft running = { .dir = -1 };
	struct subject s;
	int r;

	r = process_file ? open_process(c, process_file, &process, e) : 0;
	if (r == 0)
		r = subject_open(c, id, true, &s, e);
	if (r < 0)
		return r;
	if (s.st.status != STATUS_CREATED) {
		r = start_error(&s, e);
		goto out;
	}
	r = s.st.recorder < 0 ? -ENOENT : trace_open(s.st.recorder);
	if (r < 0) {
		err_sys(e, ERR_STA_READ, r, "map the flight recorder of \"%s\"", id);
		goto out;
	}
	trace_step("start");
	conn = sock_connect_at(SOCK_SEQPACKET, s.en.dir, "start.sock");
	if (conn == -ECONNREFUSED || conn == -ENOENT) { /* nobody listens any more */
		r = not_accepted(&s, s.st.pidfd, e);
		goto out;
	}
	if (conn < 0) {
		r = err_sys(e, ERR_STA_READ, conn, "connect to the init of \"%s\"", id);
		goto out;
	}
	r = notify_listen(&s, &n, e);
	if (r < 0)
		goto out;
	r = say_start(&s, conn, s.st.pidfd, 0, process, e);
	/* Whoever was told to start as it is does not come back to wait. */
	if (r == 0 && process < 0)
		sys_unlinkat(s.en.dir, "start.sock", 0);
	if (r == 0)
		r = await_program(c, &s, conn, s.st.pidfd, &running, e);
	if (r == 0) {
		if (process >= 0)
			sys_unlinkat(s.en.dir, "start.sock", 0);
		r = started(c, &s, &running, 0, e);
		if (r == 0 && n.sock >= 0) {
			store_unlock(&s.en); /* a program may never say READY */
			r = notify_wait(&n, &s.rec, s.st.pidfd, -1, e);
		}
	} else if (!is_hook_error(e) && e->id != ERR_CFG_CONFLICT) {
		struct err drop = { 0 };

		if (pidfd_wait_exit(s.st.pidfd, io_now() + SECONDS(2)) == 1 &&
		    status_publish(c, &s.rec, STATUS_STOPPED, &drop) < 0)
			err_drop(
				&drop,
				"the public view is a courtesy; the error of start is what counts");
	}
	if (r < 0)
		destroy_after_hook(c, &s, e);
out:
	subject_close(&s);
	return r;
}

int spawn_exit_status(const siginfo_t *end)
{
	return end->si_code == CLD_EXITED ? end->si_status : 128 + end->si_status;
}

/* What the relay watches: whom it is said to. */
struct readiness {
	struct notify *n;
	const struct record *rec;
};

static bool pass_ready(void *arg)
{
	struct readiness *x = arg;
	struct err e = { 0 };
	int r = notify_take(x->n, x->rec, &e);

	if (r < 0)
		log_warn_err(&e, "readiness of \"%s\" is not passed on", x->rec->id);
	return r == 0;
}

static int run_foreground(struct spawn *sp, struct notify *n, int *ret_status, struct err *e)
{
	struct readiness ready = { n, &sp->s.rec };
	struct console_relay relay = { .master = sp->master,
				       .streams = &sp->streams,
				       .pidfd = sp->pidfd,
				       .watched = n->sock,
				       .watch = pass_ready,
				       .arg = &ready };
	siginfo_t end;
	int r;

	r = console_relay_run(&relay, e);
	if (r < 0)
		return r;
	r = pidfd_reap(sp->pidfd, &end);
	if (r < 0)
		return err_sys(e, ERR_PRO_DIED, r, "reap the container's process");
	*ret_status = spawn_exit_status(&end);
	return 0;
}

/* The program runs: wait for its end, then delete the container or keep how it ended. */
static int attend(struct ctx *c, struct spawn *sp, struct notify *n, int *ret_status, struct err *e)
{
	struct err second = { 0 };
	int r;

	trace_step("relay");
	/* Others may pause, kill or exec meanwhile. */
	store_unlock(&sp->s.en);
	spawn_settle(sp);
	r = run_foreground(sp, n, ret_status, e);
	fd_close(&sp->pidfd);
	if (sp->o->keep && r == 0) {
		if (exit_record_write(&sp->s, *ret_status, &second) < 0)
			log_warn_err(&second, "`hull wait` will not know how it ended");
		err_drop(&second, "the caller hears the status of the program");
		status_publish_done(c, &sp->s.rec, STATUS_STOPPED);
		return 0;
	}
	if (store_lock(&sp->s.en, io_now() + LOCK_DEADLINE, &second) == 0) {
		sp->s.rec.pid = 0;
		return r < 0 ? r : container_destroy(c, &sp->s, true, true, e);
	}
	if (second.id != ERR_STA_MISSING)
		log_warn_err(&second, "the container is not deleted");
	err_drop(&second, "somebody else deleted it meanwhile");
	sp->claimed = false; /* what has its name by now is somebody else's */
	return r;
}

/* As notify_wait, while others may pause, kill or delete the container: it may be gone after it. */
static int await_ready(struct spawn *sp, struct notify *n, struct err *e)
{
	struct err gone = { 0 };
	int r;

	if (n->sock < 0)
		return 0;
	store_unlock(&sp->s.en);
	r = notify_wait(n, &sp->s.rec, sp->pidfd, sp->signals, e);
	if (r < 0 && store_lock(&sp->s.en, io_now() + LOCK_DEADLINE, &gone) < 0) {
		sp->claimed = false;
		err_drop(&gone, "who holds it or has deleted it sees to the rest");
	}
	return r;
}

int container_run(struct ctx *c, const struct create_options *o, int *ret_status, struct err *e)
{
	_cleanup_(notify_close) struct notify n = NOTIFY_NONE;
	struct public_draft running = { .dir = -1 };
	struct spawn sp;
	int r;

	*ret_status = 0;
	r = store_check_id(o->id, e);
	if (r < 0)
		return r;
	r = spawn_run(&sp, c, o, e);
	if (r < 0)
		goto out;
	trace_step("start");
	r = notify_listen(&sp.s, &n, e);
	if (r == 0 && !sp.started)
		r = say_start(&sp.s, sp.chan, sp.pidfd, 0, -1, e);
	if (r == 0)
		r = await_program(c, &sp.s, sp.chan, sp.pidfd, &running, e);
	if (r == 0)
		r = started(c, &sp.s, &running, sp.signals, e);
	if (r == 0)
		r = o->detach ? await_ready(&sp, &n, e) : attend(c, &sp, &n, ret_status, e);
	if (r < 0)
		spawn_undo(&sp, e);
out:
	spawn_close(&sp);
	return r;
}

int container_restore(struct ctx *c, const struct create_options *o,
		      const struct checkpoint_options *images, int *ret_status, struct err *e)
{
	struct public_draft running = { .dir = -1 };
	struct notify n = NOTIFY_NONE;
	struct spawn sp;
	int r;

	*ret_status = 0;
	r = store_check_id(o->id, e);
	if (r == 0)
		r = carry_allowed(c, "restore", e);
	if (r < 0)
		return r;
	r = spawn_restore(&sp, c, o, images, e);
	if (r < 0)
		goto out;
	r = started(c, &sp.s, &running, sp.signals, e);
	if (r == 0 && !o->detach)
		r = attend(c, &sp, &n, ret_status, e);
	if (r < 0)
		spawn_undo(&sp, e);
out:
	spawn_close(&sp);
	return r;
}
