/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console room with a real pseudoterminal, a program on its slave and a relay in a process of
 * its own.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "console/console.h"
#include "sys/call.h"
#include "sys/sock.h"

static struct err err;
static const uint64_t SECOND = 1000000000;

static int open_pty(int *master, int *slave, uint32_t rows, uint32_t cols)
{
	struct rootfs root = { open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	struct spec_process p = { .console_height = { rows != 0, rows },
				  .console_width = { cols != 0, cols } };
	int r;

	err_clear(&err);
	r = console_open(&root, &p, master, slave, &err);
	close(root.fd);
	return r;
}

/*
 * A program on the slave, as the container has it; -1 in the relay's place when there is no devpts.
 */
struct session {
	pid_t program, relay;
	int pidfd;   /* of the program */
	int in, out; /* our ends of the relay's stdin and stdout */
};

static int spawn_program(struct session *s, const char *script, int *ret_master)
{
	int slave;

	if (open_pty(ret_master, &slave, 0, 0) < 0)
		return -1;
	s->program = fork();
	if (s->program == 0) {
		setsid();
		if (console_take_stdio(slave, getuid(), &err) == 0)
			execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(99);
	}
	close(slave);
	s->pidfd = sys_pidfd_open(s->program, 0);
	return 0;
}

static void spawn_relay(struct session *s, int master, int in, int out)
{
	s->relay = fork();
	if (s->relay == 0) {
		struct console_relay r = { .pidfd = -1 };

		/* Nothing else stays open: not the other ends of its own pipes. */
		dup2(in, 0);
		dup2(out, 1);
		r.pidfd = fcntl(s->pidfd, F_DUPFD, 100);
		r.master = master < 0 ? -1 : fcntl(master, F_DUPFD, 101);
		sys_close_range(3, 99, 0);
		signal(SIGPIPE, SIG_IGN);
		if (r.master >= 0)
			console_copy_size(r.master);
		_exit(console_relay_run(&r, &err) == 0 ? 0 : 1);
	}
}

/* With pipes as the caller's stdin and stdout. */
static int start(struct session *s, const char *script)
{
	int in[2], out[2], master;

	if (spawn_program(s, script, &master) < 0)
		return -1;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	spawn_relay(s, master, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	close(master);
	s->in = in[1];
	s->out = out[0];
	return 0;
}

/* Read until @text has come by, or the end. */
static bool see(int fd, const char *text)
{
	char buf[8192];
	size_t n = 0;

	while (n < sizeof(buf) - 1 && io_wait(fd, POLLIN, io_now() + 20 * SECOND) > 0 &&
	       io_read_some(fd, buf + n, 1) == 1) {
		buf[++n] = '\0';
		if (strstr(buf, text))
			return true;
	}
	return false;
}

static int status_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void end(struct session *s)
{
	close(s->in);
	close(s->out);
	close(s->pidfd);
}

TEST(pty_has_its_size_before_anything_runs)
{
	struct winsize size;
	int master, slave;

	if (open_pty(&master, &slave, 25, 81) < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(isatty(slave));
	CHECK_INT(ioctl(slave, TIOCGWINSZ, &size), 0);
	CHECK_INT(size.ws_row, 25);
	CHECK_INT(size.ws_col, 81);
	CHECK_INT(fcntl(slave, F_GETFD), FD_CLOEXEC);
	CHECK_INT(fcntl(master, F_GETFD), FD_CLOEXEC);
	close(master);
	close(slave);
}

/* SECURITY: D4. Whatever an image puts there is not taken for a terminal. */
TEST(a_false_ptmx_is_refused)
{
	char dir[] = "/tmp/hull-unit-con-XXXXXX";
	struct spec_process p = { 0 };
	int master = -1, slave = -1, fd;
	struct rootfs root;

	CHECK(mkdtemp(dir) != NULL);
	root.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err_clear(&err);
	CHECK_INT(console_open(&root, &p, &master, &slave, &err), -ENOENT);
	CHECK_INT(mkdirat(root.fd, "dev", 0755), 0);
	CHECK_INT(mkdirat(root.fd, "dev/pts", 0755), 0);
	fd = openat(root.fd, "dev/pts/ptmx", O_WRONLY | O_CREAT, 0666);
	close(fd);
	err_clear(&err);
	CHECK_INT(console_open(&root, &p, &master, &slave, &err), -ENOTTY);
	CHECK_INT(err.id, ERR_CON_PTY);
	unlinkat(root.fd, "dev/pts/ptmx", 0);
	CHECK_INT(symlinkat("/dev/null", root.fd, "dev/pts/ptmx"), 0);
	err_clear(&err);
	CHECK_INT(console_open(&root, &p, &master, &slave, &err), -ELOOP);
	unlinkat(root.fd, "dev/pts/ptmx", 0);
	if (mknodat(root.fd, "dev/pts/ptmx", S_IFCHR | 0666, makedev(5, 2)) == 0) {
		err_clear(&err);
		CHECK_INT(console_open(&root, &p, &master, &slave, &err), -EXDEV);
		unlinkat(root.fd, "dev/pts/ptmx", 0);
	}
	CHECK_INT(master, -1);
	CHECK_INT(slave, -1);
	unlinkat(root.fd, "dev/pts", AT_REMOVEDIR);
	unlinkat(root.fd, "dev", AT_REMOVEDIR);
	close(root.fd);
	CHECK_INT(rmdir(dir), 0);
}

TEST(slave_becomes_the_controlling_terminal)
{
	struct session s;
	int master;

	if (spawn_program(&s,
			  "test -t 0 && test -t 1 && test -t 2 && exec 3<>/dev/tty && echo yes >&3",
			  &master) < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(see(master, "yes"));
	CHECK_INT(status_of(s.program), 0);
	close(master);
	close(s.pidfd);
}

TEST(slave_belongs_to_the_user)
{
	int master, slave, keep;
	struct stat st;
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	if (open_pty(&master, &slave, 0, 0) < 0)
		SKIP("no devpts on /dev/pts");
	keep = dup(slave);
	pid = fork();
	if (pid == 0) {
		setsid();
		_exit(console_take_stdio(slave, 1234, &err) == 0 ? 0 : 1);
	}
	CHECK_INT(status_of(pid), 0);
	CHECK_INT(fstat(keep, &st), 0);
	CHECK_INT(st.st_uid, 1234);
	close(keep);
	close(slave);
	close(master);
}

TEST(console_socket_gets_one_fd)
{
	char dir[] = "/tmp/hull-unit-con-XXXXXX", path[64], buf[32];
	int dirfd, listener, sock, peer, pair[2], got[4];
	size_t n_got = 0;
	ssize_t n;

	CHECK(mkdtemp(dir) != NULL);
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(str_format(path, sizeof(path), "%s/tty", dir), 0);
	err_clear(&err);
	CHECK_INT(console_connect(path, "--console-socket", &sock, &err), -ENOENT);
	CHECK_INT(err.id, ERR_CON_SOCKET);
	CHECK_STR(err.at, "--console-socket");
	CHECK_INT(mknod(path, S_IFREG | 0600, 0), 0);
	err_clear(&err);
	CHECK_INT(console_connect(path, "--console-socket", &sock, &err), -ECONNREFUSED);
	CHECK_INT(unlink(path), 0);
	listener = sock_new(SOCK_STREAM);
	CHECK(sock_bind_at(listener, dirfd, "tty", 0600) == 0 && sock_listen(listener) == 0);
	err_clear(&err);
	CHECK_INT(console_connect(path, "--console-socket", &sock, &err), 0);
	peer = accept(listener, NULL, NULL);
	CHECK(pipe(pair) == 0);
	CHECK_INT(console_send(sock, pair[0], "/dev/pts/0", "--console-socket", &err), 0);
	n = sock_recv(peer, buf, sizeof(buf), got, 4, &n_got);
	CHECK_INT(n, 10);
	CHECK_INT(n_got, 1);
	close(peer);
	CHECK(console_send(sock, pair[0], "x", "--pidfd-socket", &err) < 0);
	CHECK_STR(err.at, "--pidfd-socket");
	CHECK_INT(err.code, EPIPE);
	close(got[0]);
	close(pair[0]);
	close(pair[1]);
	close(sock);
	close(listener);
	close(dirfd);
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
}

TEST(output_is_complete_when_the_program_is_gone)
{
	struct session s;
	size_t total = 0;
	char buf[65536];
	ssize_t n;

	if (start(&s, "stty raw; head -c 3000000 /dev/zero; printf END") < 0)
		SKIP("no devpts on /dev/pts");
	while ((n = io_read_some(s.out, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	CHECK_INT(total, 3000003);
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(status_of(s.program), 0);
	end(&s);
}

TEST(input_arrives_and_its_end_ends_nothing)
{
	struct session s;

	if (start(&s, "stty -echo; echo ready; read x; echo got=$x; read y; echo got=$y") < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(see(s.out, "ready"));
	CHECK_INT(io_write_all(s.in, "one\ntwo\n", 8), 0);
	close(s.in);
	s.in = -1;
	CHECK(see(s.out, "got=one"));
	CHECK(see(s.out, "got=two"));
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(status_of(s.program), 0);
	end(&s);
}

TEST(signals_reach_the_program)
{
	struct session s;

	if (start(&s, "trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo ready;"
		      "while :; do read x; done") < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(see(s.out, "ready"));
	kill(s.relay, SIGUSR1);
	CHECK(see(s.out, "usr1"));
	kill(s.relay, SIGTERM);
	CHECK(see(s.out, "term"));
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(WEXITSTATUS(status_of(s.program)), 7);
	end(&s);
}

TEST(signals_without_a_terminal)
{
	struct session s = { .in = -1 };
	int pair[2];

	CHECK(pipe2(pair, O_CLOEXEC) == 0);
	s.program = fork();
	if (s.program == 0) {
		dup2(pair[1], 1);
		execl("/bin/sh", "sh", "-c",
		      "trap 'exit 5' HUP; echo ready; while :; do sleep 0.01; done", NULL);
		_exit(99);
	}
	s.pidfd = sys_pidfd_open(s.program, 0);
	s.out = pair[0];
	close(pair[1]);
	CHECK(see(s.out, "ready"));
	spawn_relay(&s, -1, 0, 1);
	/*
	 * Until the relay has taken over, HUP would end it: a pending one is forwarded, so ask by
	 * state.
	 */
	for (char c = 0; c != 'S';) {
		char path[64], text[512], *p;
		int fd;

		str_format(path, sizeof(path), "/proc/%d/stat", s.relay);
		fd = open(path, O_RDONLY);
		CHECK(io_read_line_file(fd, text, sizeof(text)) > 0);
		close(fd);
		p = strrchr(text, ')');
		c = p[2];
		CHECK(c == 'S' || c == 'R' || c == 'D');
	}
	kill(s.relay, SIGHUP);
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(WEXITSTATUS(status_of(s.program)), 5);
	end(&s);
}

/* A caller's terminal: another pty, whose slave is stdin and stdout of the relay. */
static int start_on_terminal(struct session *s, const char *script, int *term, int *term_slave)
{
	struct winsize size = { .ws_row = 33, .ws_col = 99 };
	int master;

	if (open_pty(term, term_slave, 0, 0) < 0)
		return -1;
	ioctl(*term, TIOCSWINSZ, &size);
	if (spawn_program(s, script, &master) < 0)
		return -1;
	spawn_relay(s, master, *term_slave, *term_slave);
	close(master);
	s->in = s->out = -1;
	return 0;
}

TEST(terminal_is_raw_and_comes_back)
{
	struct termios during, after;
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	struct session s;
	int term, slave;

	/*
	 * A trapped signal ends a `read` and loses what it had: so the program says when the first
	 * one is past.
	 */
	if (start_on_terminal(
		    &s,
		    "trap 'stty size' WINCH; stty -echo; until test \"$(stty size)\" = '33 99';"
		    "do :; done; echo ready; while :; do read x && echo got=$x;"
		    "case $x in size) stty size;; end) exit;; esac; done",
		    &term, &slave) < 0)
		SKIP("no devpts on /dev/pts");
	/*
	 * A raw terminal hands the carriage return through; the program's terminal makes a newline
	 * of it.
	 */
	do
		tcgetattr(slave, &during);
	while (during.c_lflag & ICANON);
	CHECK(!(during.c_lflag & (ECHO | ISIG)));
	CHECK(see(term, "ready"));
	CHECK_INT(io_write_all(term, "size\r", 5), 0);
	CHECK(see(term, "got=size"));
	CHECK(see(term, "33 99"));
	ioctl(term, TIOCSWINSZ, &size);
	kill(s.relay, SIGWINCH);
	CHECK(see(term, "40 120"));
	CHECK_INT(io_write_all(term, "end\r", 4), 0);
	CHECK(see(term, "got=end"));
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(status_of(s.program), 0);
	CHECK_INT(tcgetattr(slave, &after), 0);
	CHECK(after.c_lflag & ICANON && after.c_lflag & ECHO);
	close(term);
	close(slave);
	end(&s);
}

TEST(a_program_may_close_and_reopen_its_terminal)
{
	char fifo[] = "/tmp/hull-unit-con-XXXXXX", script[256];
	struct session s;
	int fd;

	CHECK(mkdtemp(fifo) != NULL && rmdir(fifo) == 0 && mkfifo(fifo, 0600) == 0);
	str_format(script, sizeof(script),
		   "t=$(tty); echo ready; exec <&- >&- 2>&-; read x <%s; exec >$t; echo back",
		   fifo);
	if (start(&s, script) < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(see(s.out, "ready"));
	fd = open(fifo, O_WRONLY | O_CLOEXEC); /* opens once the program has closed its terminal */
	CHECK_INT(io_write_all(fd, "go\n", 3), 0);
	close(fd);
	CHECK(see(s.out, "back"));
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(status_of(s.program), 0);
	unlink(fifo);
	end(&s);
}

TEST(a_reader_that_closes_does_not_stop_the_program)
{
	struct session s;

	if (start(&s, "echo ready; head -c 1000000 /dev/zero; exit 6") < 0)
		SKIP("no devpts on /dev/pts");
	CHECK(see(s.out, "ready"));
	close(s.out);
	s.out = -1;
	CHECK_INT(status_of(s.relay), 0);
	CHECK_INT(WEXITSTATUS(status_of(s.program)), 6);
	end(&s);
}

/*
 * Faults E8. The relay waits in poll meanwhile: it uses no processor, and it gives up some time
 * after the end.
 */
TEST(a_reader_that_never_reads_does_not_hide_the_end)
{
	struct rusage use;
	struct session s;
	int status, writer;
	char path[64];

	if (start(&s, "echo ready; exec cat /dev/zero") < 0)
		SKIP("no devpts on /dev/pts");
	/* The pipe is full: what comes now stays in the relay. */
	str_format(path, sizeof(path), "/proc/%d/fd/1", s.relay);
	CHECK(see(s.out, "ready"));
	writer = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(writer >= 0);
	while (io_wait(writer, POLLOUT, io_now()))
		sched_yield();
	close(writer);
	kill(s.program, SIGKILL);
	CHECK_INT(wait4(s.relay, &status, 0, &use), s.relay);
	CHECK_INT(status, 0);
	CHECK(use.ru_utime.tv_sec + use.ru_stime.tv_sec < 2);
	status = status_of(s.program);
	CHECK(WIFSIGNALED(status));
	end(&s);
}

UNIT_MAIN
