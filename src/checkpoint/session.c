/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/session: `criu swrk` as a child: found in fixed directories, run by fd with a fixed
 * environment (rule H2), spoken to over a socket pair that nobody else can reach.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/sock.h"

static const char dirs[][16] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
				 "/usr/bin",	    "/sbin",	      "/bin" };

enum { REPLY_MAX = 8192 };

/* What CRIU itself executes (ip, iptables, tar) is looked for in these. */
#define CRIU_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int open_program(const char *program, struct err *e)
{
	char path[64];
	int fd = -ENOENT;

	if (program) {
		fd = sys_openat(AT_FDCWD, program, O_PATH, 0);
		if (fd < 0)
			err_sys(e, ERR_CHK_CRIU, fd, "open %s", program);
		return err_at(e, fd, "--criu");
	}
	for (size_t i = 0; fd < 0 && i < ARRAY_LEN(dirs); i++) {
		str_format(path, sizeof(path), "%s/criu", dirs[i]);
		fd = sys_openat(AT_FDCWD, path, O_PATH, 0);
	}
	if (fd >= 0)
		return fd;
	return err_set(
		e, ERR_CHK_CRIU, ENOENT,
		"there is no criu in /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, "
		"/sbin or /bin: install the package criu, or name the program by --criu PATH");
}

bool criu_installed(void)
{
	struct err drop = { 0 };
	_cleanup_fd_ int fd = open_program(NULL, &drop);

	err_drop(&drop, "that it is missing is the answer");
	return fd >= 0;
}

/* In the child. Success is the end of @say, which execve closes; else a struct err is written. */
static _noreturn_ void run_child(const struct criu_launch *l, int program, int chan, int say)
{
	char path[] = CRIU_PATH, locale[] = "LC_ALL=C", home[] = "HOME=/", number[16];
	char name[] = "criu", verb[] = "swrk", self[64];
	char *const argv[] = { name, verb, number, NULL };
	char *const envp[] = { path, locale, home, NULL };
	struct err e = { 0 };
	sigset_t none;
	int null, r = 0;

	sys_signals_default();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!l->same_session)
		setsid();
	if (l->prepare)
		r = l->prepare(l->data, &e);
	if (r == 0 && l->handed && sock_send(chan, "", 1, l->handed, 1) != 1)
		r = err_set(&e, ERR_GEN_SYS, EIO, "hand over a descriptor");
	null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (r == 0 && (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0))
		r = err_sys(&e, ERR_GEN_SYS, -errno, "open /dev/null");
	if (r == 0) {
		sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		fd_set_cloexec(chan, 0);
		for (size_t i = 0; i < l->n_keep; i++)
			fd_set_cloexec(l->keep[i], 0);
		str_format(number, sizeof(number), "%d", chan);
		r = sys_execveat(program, "", argv, envp, AT_EMPTY_PATH);
		if (r == -ENOENT) { /* KERNEL: a script is opened once more by its interpreter */
			fd_set_cloexec(program, 0);
			str_format(self, sizeof(self), "/proc/self/fd/%d", program);
			r = sys_execve(self, argv, envp);
		}
		err_sys(&e, ERR_CHK_CRIU, r, "execute criu");
	}
	if (io_write_all(say, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

/* A child that failed sends none and says why elsewhere. */
static void take_handed(int chan, int *handed)
{
	int fd = -1;
	size_t n = 0;
	char byte = 0;

	if (sock_recv(chan, &byte, 1, &fd, 1, &n) == 1 && n == 1) {
		fd_close(handed);
		*handed = fd;
	}
}

static int fork_child(const struct criu_launch *l, int program, struct criu *c, struct err *e)
{
	_cleanup_fd_ int chan = -1, theirs = -1, hear = -1, say = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&c->pidfd,
		.exit_signal = SIGCHLD,
	};
	int pair[2], pipefd[2], r;
	struct err why;
	ssize_t n;

	r = sock_pair(pair);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make a channel to criu");
	chan = pair[0];
	theirs = pair[1];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "pipe2");
	hear = pipefd[0];
	say = pipefd[1];
	r = sys_clone3(&args);
	if (r == 0)
		run_child(l, program, theirs, say);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make a process for criu");
	c->pid = r;
	fd_close(&say);
	fd_close(&theirs);
	if (l->handed)
		take_handed(chan, l->handed);
	n = io_read_full(hear, &why, sizeof(why));
	if (n == 0) {
		c->chan = fd_take(&chan);
		return 0;
	}
	if (n != sizeof(why))
		return err_set(e, ERR_CHK_CRIU, EIO, "the process that was to become criu ended");
	*e = why;
	return why.code ? -why.code : -EINVAL;
}

static int ask_version(struct criu *c, uint64_t from, struct err *e)
{
	struct criu_reply v;
	int r = criu_ask(c, CRIU_VERSION, NULL, e);

	if (r == 0)
		r = criu_next(c, &v, e);
	if (r == -EPIPE)
		return err_set(e, ERR_CHK_CRIU, EPIPE,
			       "criu ended at once; `criu check` may say why");
	if (r < 0)
		return r;
	fd_close(&v.fd);
	if (v.type != CRIU_VERSION || !v.success)
		return err_set(e, ERR_CHK_CRIU, 0, "criu does not tell its version");
	c->version = v.major * 10000 + v.minor * 100 + v.sublevel;
	log_debug("criu %llu", (unsigned long long)c->version);
	if (c->version < from)
		return err_set(e, ERR_CHK_CRIU, 0, "criu is %u.%u, what was asked for needs %u.%u",
			       (unsigned)v.major, (unsigned)v.minor, (unsigned)(from / 10000),
			       (unsigned)(from / 100 % 100));
	return 0;
}

int criu_start(const struct criu_launch *l, uint64_t from, struct criu *ret, struct err *e)
{
	struct criu c = CRIU_NONE;
	_cleanup_fd_ int program = open_program(l->program, e);
	int r;

	if (program < 0)
		return program;
	r = fork_child(l, program, &c, e);
	if (r == 0)
		r = ask_version(&c, from, e);
	if (r < 0)
		criu_close(&c, true);
	else
		*ret = c;
	return r;
}

static int send_request(struct criu *c, enum criu_request type, const struct criu_options *o,
			bool ok, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	const void *p;
	size_t n;
	ssize_t r;

	arena_init(&a);
	/* Whoever only asked for the version goes on. */
	criu_encode(type, o, ok, type == CRIU_VERSION, &a, &p, &n);
	r = sock_send(c->chan, p, n, NULL, 0);
	if (r == -EPIPE || r == -ECONNRESET) /* its end is told by criu_next */
		return 0;
	return r < 0 ? err_sys(e, ERR_CHK_PROTOCOL, (int)r, "send a request to criu") : 0;
}

int criu_ask(struct criu *c, enum criu_request type, const struct criu_options *o, struct err *e)
{
	return send_request(c, type, o, false, e);
}

int criu_answer(struct criu *c, bool ok, struct err *e)
{
	return send_request(c, CRIU_NOTIFY, NULL, ok, e);
}

int criu_next(struct criu *c, struct criu_reply *ret, struct err *e)
{
	char buf[REPLY_MAX];
	int fd = -1, r;
	size_t n_fds = 0;
	ssize_t n = sock_recv(c->chan, buf, sizeof(buf), &fd, 1, &n_fds);

	if (n == 0 || n == -ECONNRESET)
		return -EPIPE;
	if (n < 0)
		return err_sys(e, ERR_CHK_PROTOCOL, (int)n, "receive from criu");
	r = criu_decode(buf, (size_t)n, ret);
	if (r < 0) {
		fd_close(&fd);
		return err_sys(e, ERR_CHK_PROTOCOL, r, "criu sent %zd bytes that are no reply", n);
	}
	ret->fd = fd;
	return 0;
}

void criu_close(struct criu *c, bool kill)
{
	siginfo_t end;

	fd_close(&c->chan);
	if (c->pidfd >= 0 && kill)
		sys_pidfd_send_signal(c->pidfd, SIGKILL);
	if (c->pidfd >= 0 && pidfd_reap(c->pidfd, &end) < 0)
		log_debug("criu (pid %d) was reaped already", c->pid);
	fd_close(&c->pidfd);
	c->pid = 0;
}
