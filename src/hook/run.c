/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook/run: one hook from fork to its verdict. Hides the three descriptors of the child, the wait
 * for exit, output and deadline together, and what is kept of an endless output.
 */
#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "spec/spec.h"
#include "sys/call.h"
#include "sys/path.h"
#include "sys/pidfd.h"

#ifndef MFD_NOEXEC_SEAL /* linux/memfd.h, since 6.3 */
#define MFD_NOEXEC_SEAL 8U
#endif
#define HOOK_MFD_CLOEXEC                                                                           \
	1U /* MFD_CLOEXEC; the libc header of that name clashes with linux/mount.h users */

enum { TAIL_MAX = 4096, DRAIN_MAX = 256 * 1024 };

/* The last TAIL_MAX bytes of an output of any length. */
struct tail {
	char buf[TAIL_MAX];
	uint64_t total;
};

/* What the child could not do, sent through a close-on-exec pipe. */
struct child_fail {
	int32_t code;
	int32_t what;
};
enum child_what { WHAT_STDIO, WHAT_LIMIT, WHAT_CWD, WHAT_CONFINE, WHAT_EXEC };
static const char what_text[][27] = { "standard streams", "RLIMIT_NOFILE", "chdir /",
				      "seccomp filter or Landlock", "execve" };

struct hook_child {
	const struct hook_run *run;
	const struct spec_hook *hook;
	int exe; /* or -1 */
	int in, out, fail;
	pid_t parent;
};

static void tail_add(struct tail *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->buf[t->total++ % TAIL_MAX] = p[i];
}

/*
 * The tail as one line of text behind what @b holds: trailing blanks cut, line ends shown as " | ".
 * What does not fit is cut at the front: the reason stands in the last lines.
 */
static void tail_text(const struct tail *t, struct strbuf *b)
{
	size_t n = t->total < TAIL_MAX ? (size_t)t->total : TAIL_MAX;
	uint64_t from = t->total - n, to = t->total, first;
	size_t room = b->size - b->len - 1;

	while (to > from && strchr(" \r\n", t->buf[(to - 1) % TAIL_MAX]))
		to--; /* a NUL is cut too: strchr finds it */
	for (first = to; first > from; first--) {
		size_t cost = t->buf[(first - 1) % TAIL_MAX] == '\n' ? 3 : 1;

		if (cost > room)
			break;
		room -= cost;
	}
	for (; first < to; first++) {
		char c = t->buf[first % TAIL_MAX];

		if (c == '\n')
			sb_add(b, " | ");
		else
			sb_char(b, c ? c : '?');
	}
}

/* Is @path, looked up now, the file behind @fd? */
static bool same_file(int fd, const char *path)
{
	struct stat a, b;
	_cleanup_fd_ int now = path_open_host(path, 0);

	return now >= 0 && fstat(fd, &a) == 0 && fstat(now, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int child_stdio(const struct hook_child *c)
{
	/* KERNEL: dup2 clears close-on-exec on the new number only. dup(2). */
	if (dup2(c->in, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->out, 2) < 0)
		return -errno;
	return sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int child_exec(const struct hook_child *c)
{
	static char *const nothing[] = { NULL };
	char *const plain[] = { (char *)c->hook->path, NULL };
	char *const *argv = c->hook->args.n ? c->hook->args.v : plain;
	char *const *env = c->hook->env_set ? c->hook->env.v : c->run->env;
	int r;

	if (!env)
		env = nothing;
	if (c->exe >= 0) {
		r = sys_execveat(c->exe, "", argv, env, AT_EMPTY_PATH);
		/*
		 * KERNEL: a "#!" file behind a close-on-exec fd gives ENOENT: its interpreter could
		 * not open it. execveat(2). The path serves then, once it is proved to be the same
		 * file.
		 */
		if (r != -ENOENT || !same_file(c->exe, c->hook->path))
			return r;
	}
	execve(c->hook->path, argv, env);
	return -errno;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is the working directory the one at @path or below it? Also where that cannot be told. */
static bool cwd_is_below(const char *path)
{
	_cleanup_fd_ int top = path ? path_open_host(path, O_DIRECTORY) : -1;
	_cleanup_fd_ int at = path_open_host(".", O_DIRECTORY);
	struct stat wanted, here, above;

	if (top < 0 || fstat(top, &wanted) < 0)
		return false;
	for (;;) {
		_cleanup_fd_ int up = sys_openat(at, "..", O_PATH | O_DIRECTORY, 0);

		if (fstat(at, &here) < 0 || same(&here, &wanted) || up < 0 || fstat(up, &above) < 0)
			return true;
		fd_close(&at);
		at = fd_take(&up);
		if (same(&above, &here))
			return false;
	}
}

/* SECURITY: H1: the cwd of a hook of the host is never a directory the container can change. */
static int enter_cwd(const struct hook_run *r)
{
	if (r->bundle && chdir(r->bundle) == 0 && !cwd_is_below(r->rootfs))
		return 0;
	return chdir("/") < 0 ? -errno : 0;
}

static int child_setup(const struct hook_child *c, enum child_what *ret_what)
{
	struct rlimit lim;
	int r;

	*ret_what = WHAT_STDIO;
	r = child_stdio(c);
	if (r < 0)
		return r;
	*ret_what = WHAT_LIMIT;
	if (c->run->restore_nofile && getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = MIN((rlim_t)c->run->restore_nofile, lim.rlim_max);
		if (prlimit(0, RLIMIT_NOFILE, &lim, NULL) < 0)
			return -errno;
	}
	umask(022);
	*ret_what = WHAT_CWD;
	r = c->run->kind == HOOK_START_CONTAINER ? 0 : enter_cwd(c->run);
	if (r < 0)
		return r;
	*ret_what = WHAT_CONFINE;
	r = c->run->confine ? c->run->confine(c->run->data) : 0;
	if (r < 0)
		return r;
	*ret_what = WHAT_EXEC;
	return child_exec(c);
}

/* Between clone and exec: no allocation, no lock, no return. */
static _noreturn_ void child_main(const struct hook_child *c)
{
	struct child_fail fail = { 0 };
	enum child_what what;
	sigset_t none;
	int r;

	/*
	 * An own session and process group: no terminal to type into (X6), and one kill reaches
	 * all.
	 */
	setsid();
	sys_signals_default();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A hook must not outlive a hull that was killed; processes it started may. */
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* KERNEL: the signal is armed from here on only: the parent may be gone already. */
	if (getppid() != c->parent && getppid() != 0)
		_exit(127);
	r = child_setup(c, &what);
	fail.code = -r;
	fail.what = (int32_t)what;
	if (write(c->fail, &fail, sizeof(fail)) != sizeof(fail))
		_exit(126);
	_exit(127);
}

/*
 * A file with the state, read from its begin. It needs no writer while the hook runs: no EPIPE, no
 * deadlock.
 */
static int state_fd(const struct hook_run *r, struct err *e)
{
	_cleanup_fd_ int fd = sys_memfd_create("hull-state", HOOK_MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	int k;

	/* KERNEL: MFD_NOEXEC_SEAL is EINVAL before 6.3. memfd_create(2). */
	if (fd == -EINVAL)
		fd = sys_memfd_create("hull-state", HOOK_MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_HOK_EXEC, fd, "memfd_create for the state");
	k = io_write_all(fd, r->state, r->state_len);
	if (k == 0 && lseek(fd, 0, SEEK_SET) < 0)
		k = -errno;
	if (k < 0)
		return err_sys(e, ERR_HOK_EXEC, k, "write the state for the hook");
	return fd_take(&fd);
}

/* Read what is there, at most @max bytes. False once the writers are gone. */
static bool take_output(int fd, struct tail *t, size_t max)
{
	char buf[4096];

	for (size_t have = 0; have < max;) {
		ssize_t n = io_read_some(fd, buf, sizeof(buf));

		if (n == -EAGAIN)
			return true;
		if (n <= 0)
			return false;
		tail_add(t, buf, (size_t)n);
		have += (size_t)n;
	}
	return true;
}

/*
 * Wait until the hook itself has ended, whoever still holds its pipe. 0, -ETIMEDOUT, -ECANCELED or
 * -errno.
 */
static int wait_hook(int pidfd, int out, int interrupt, uint64_t deadline, struct tail *t)
{
	struct pollfd p[3] = { { .fd = pidfd, .events = POLLIN },
			       { .fd = out, .events = POLLIN },
			       { .fd = interrupt > 0 ? interrupt : -1, .events = POLLIN } };

	for (;;) {
		uint64_t now = io_now();
		int r;

		if (now >= deadline)
			return -ETIMEDOUT;
		/*
		 * A hook's timeout is an int32 of seconds: poll again when it passes the range of
		 * poll.
		 */
		r = poll(p, 3, (int)MIN((deadline - now) / 1000000 + 1, (uint64_t)3600 * 1000));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		if (p[1].revents && !take_output(out, t, DRAIN_MAX))
			p[1].fd = -1;
		if (p[0].revents) {
			/* What a daemon of the hook goes on writing is not waited for. */
			if (p[1].fd >= 0)
				take_output(out, t, DRAIN_MAX);
			return 0;
		}
		if (p[2].revents && sys_signal_next(interrupt))
			return -ECANCELED;
	}
}

/* As other runtimes name it, and the program. */
static const char *title(const struct hook_run *r, size_t i, char *buf, size_t size)
{
	(void)str_format(buf, size, "error running %s hook #%zu: %s",
			 table_name(&spec_hook_kinds, r->kind), i, r->hooks->v[r->kind][i].path);
	return buf;
}

/* "killed by signal 31 (bad system call)": in lower case, as the kernel's errors are. */
static void add_signal(struct strbuf *b, int sig)
{
	const char *name = strsignal(sig);

	sb_printf(b, "killed by signal %d", sig);
	if (name && *name)
		sb_printf(b, " (%c%s)", *name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name,
			  name + 1);
}

static int verdict(const char *who, const siginfo_t *si, int fail_fd, const struct tail *t,
		   struct err *e)
{
	struct child_fail fail;
	char text[ERR_MSG_MAX];
	struct strbuf b = STRBUF(text);

	if (io_read_full(fail_fd, &fail, sizeof(fail)) == sizeof(fail))
		return err_sys(e, ERR_HOK_EXEC, -fail.code, "%s: %s", who, what_text[fail.what]);
	if (si->si_code == CLD_EXITED && si->si_status == 0)
		return 0;
	sb_printf(&b, "%s: ", who);
	if (si->si_code == CLD_EXITED)
		sb_printf(&b, "exit status %d", si->si_status);
	else
		add_signal(&b, si->si_status);
	if (t->total)
		sb_add(&b, ": ");
	tail_text(t, &b);
	err_set(e, ERR_HOK_FAILED, 0, "%s", text);
	return -ECANCELED;
}

static int clone_hook(struct hook_child *c, int *ret_pidfd, pid_t *ret_pid, struct err *e)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	int pid;

	c->parent = getpid();
	pid = sys_clone3(&args);
	if (pid == 0)
		child_main(c);
	if (pid < 0)
		return err_sys(e, ERR_HOK_EXEC, pid, "hook %s: clone3", c->hook->path);
	*ret_pidfd = pidfd;
	*ret_pid = pid;
	return 0;
}

static int run_one(const struct hook_run *r, size_t i, struct err *e)
{
	const struct spec_hook *h = &r->hooks->v[r->kind][i];
	int seconds = h->timeout.set ? h->timeout.v : HOOK_DEADLINE;
	_cleanup_fd_ int in = -1, pidfd = -1, out_r = -1, out_w = -1, fail_r = -1, fail_w = -1;
	struct hook_child c = { .run = r, .hook = h, .exe = r->fds ? r->fds[i] : -1 };
	struct tail tail = { .total = 0 };
	char name[PATH_MAX + 64];
	const char *who = title(r, i, name, sizeof(name));
	siginfo_t si = { 0 };
	int pipes[2][2], k, waited;
	pid_t pid = -1;

	in = state_fd(r, e);
	if (in < 0)
		return in;
	if (pipe2(pipes[0], O_CLOEXEC) < 0)
		return err_sys(e, ERR_HOK_EXEC, -errno, "hook %s: pipe", h->path);
	out_r = pipes[0][0];
	out_w = pipes[0][1];
	if (pipe2(pipes[1], O_CLOEXEC) < 0)
		return err_sys(e, ERR_HOK_EXEC, -errno, "hook %s: pipe", h->path);
	fail_r = pipes[1][0];
	fail_w = pipes[1][1];
	if (fcntl(out_r, F_SETFL, O_NONBLOCK) < 0 || fcntl(fail_r, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, ERR_HOK_EXEC, -errno, "hook %s: pipe", h->path);

	c.in = in;
	c.out = out_w;
	c.fail = fail_w;
	k = clone_hook(&c, &pidfd, &pid, e);
	if (k < 0)
		return k;
	fd_close(&out_w);
	fd_close(&fail_w);

	waited = wait_hook(pidfd, out_r, r->interrupt, io_now() + (uint64_t)seconds * 1000000000u,
			   &tail);
	if (waited < 0) {
		/* Not yet reaped, so the number still names this hook and its group. */
		sys_pidfd_send_signal(pidfd, SIGKILL);
		kill(-pid, SIGKILL);
	}
	k = pidfd_reap(pidfd, &si);
	if (waited == -ETIMEDOUT) {
		char text[ERR_MSG_MAX];
		struct strbuf b = STRBUF(text);

		sb_printf(&b, "%s: timed out after %d s", who, seconds);
		if (tail.total)
			sb_add(&b, ": ");
		tail_text(&tail, &b);
		err_set(e, ERR_HOK_TIMEOUT, 0, "%s", text);
		return -ETIMEDOUT;
	}
	if (waited == -ECANCELED)
		return err_set(e, ERR_GEN_INTERRUPTED, EINTR, "%s: told to end while it ran", who);
	if (waited < 0 || k < 0)
		return err_sys(e, ERR_HOK_FAILED, waited < 0 ? waited : k, "%s: wait", who);
	return verdict(who, &si, fail_r, &tail, e);
}

int hook_run_all(const struct hook_run *r, struct err *e)
{
	int ret = 0;

	for (size_t i = 0; i < r->hooks->n[r->kind]; i++) {
		struct err one = { 0 };
		char line[ERR_MSG_MAX + ERR_AT_MAX];

		ret = run_one(r, i, &one);
		if (ret == 0)
			continue;
		err_at(&one, ret, "/hooks/%s/%zu", table_name(&spec_hook_kinds, r->kind), i);
		if (!r->keep_going) {
			if (!err_is(e))
				*e = one;
			break;
		}
		err_format(&one, line, sizeof(line));
		log_warn("%s", line);
		err_drop(&one, "runtime.md#lifecycle: a failed poststop hook is only warned about");
		ret = 0;
	}
	return ret;
}

int hook_open_all(const struct spec_hooks *h, enum spec_hook_kind kind, int *ret_fds, struct err *e)
{
	for (size_t i = 0; i < h->n[kind]; i++) {
		int fd = path_open_host(h->v[kind][i].path, 0);

		if (fd < 0) {
			err_sys(e, ERR_HOK_EXEC, fd, "hook %s: open", h->v[kind][i].path);
			err_at(e, fd, "/hooks/%s/%zu", table_name(&spec_hook_kinds, kind), i);
			while (i--)
				fd_close(&ret_fds[i]);
			return fd;
		}
		ret_fds[i] = fd;
	}
	return 0;
}
