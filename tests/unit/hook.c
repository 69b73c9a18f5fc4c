/* SPDX-License-Identifier: Apache-2.0 */
/* The hook room with real little programs: what they see, how they end, what is told about it. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/table.h"
#include "hook/hook.h"

/* Used unless the table of spec/ is linked in. */
static const struct name_value kinds[] = {
	{ "prestart", HOOK_PRESTART },
	{ "createRuntime", HOOK_CREATE_RUNTIME },
	{ "createContainer", HOOK_CREATE_CONTAINER },
	{ "poststart", HOOK_POSTSTART },
	{ "poststop", HOOK_POSTSTOP },
};
extern const struct name_table spec_hook_kinds;
__attribute__((weak)) const struct name_table spec_hook_kinds = { "hook", kinds, ARRAY_LEN(kinds) };

static struct arena mem;
static char *dir;
static char env_path[] = "PATH=/usr/bin:/bin", env_from[] = "FROM=runtime";
static char *const runtime_env[] = { env_path, env_from, NULL };
static char state_text[] = "{\"id\":\"x\"}";

/* A fresh directory per test; @script becomes DIR/@name. */
static void begin(void)
{
	char *name = arena_printf(&mem, "%s", "/tmp/hull-unit-hook-XXXXXX");

	dir = mkdtemp(name);
	if (!dir)
		abort();
}

static void end(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", dir, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

static const char *script(const char *name, const char *body)
{
	char *path = arena_printf(&mem, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);

	if (fd < 0 || dprintf(fd, "#!/bin/sh\n%s\n", body) < 0)
		abort();
	close(fd);
	return path;
}

static const char *text_of(const char *name)
{
	char *path = arena_printf(&mem, "%s/%s", dir, name);
	int fd = open(path, O_RDONLY);
	char *text = NULL;
	size_t len;

	if (fd >= 0 && io_read_all(fd, 1 << 20, &mem, &text, &len) < 0)
		abort();
	close(fd);
	return text ? text : "(no file)";
}

struct list {
	struct spec_hooks hooks;
	struct hook_run run;
	struct err e;
};

static struct spec_hook *add(struct list *l, enum spec_hook_kind kind, const char *path)
{
	struct spec_hook *h = arena_push(&mem, &l->hooks.v[kind], &l->hooks.n[kind], sizeof(*h));

	h->path = path;
	return h;
}

static struct strv words(size_t n, ...)
{
	struct strv v = { arena_array(&mem, n + 1, sizeof(char *)), n };
	va_list ap;

	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		v.v[i] = arena_printf(&mem, "%s", va_arg(ap, const char *));
	va_end(ap);
	return v;
}

static int run_kind(struct list *l, enum spec_hook_kind kind)
{
	l->run.hooks = &l->hooks;
	l->run.kind = kind;
	if (!l->run.state) {
		l->run.state = state_text;
		l->run.state_len = strlen(state_text);
	}
	if (!l->run.env)
		l->run.env = runtime_env;
	return hook_run_all(&l->run, &l->e);
}

static char *line_of(struct list *l)
{
	char *line = arena_alloc(&mem, 16384);

	err_format(&l->e, line, 16384);
	return line;
}

TEST(runs_in_order_with_state_on_stdin)
{
	struct list l = { 0 };

	begin();
	add(&l, HOOK_CREATE_RUNTIME,
	    script("a", "cat >>\"${0%/*}/log\"; echo 1 >>\"${0%/*}/log\""));
	add(&l, HOOK_CREATE_RUNTIME,
	    script("b", "cat >>\"${0%/*}/log\"; echo 2 >>\"${0%/*}/log\""));
	CHECK_INT(run_kind(&l, HOOK_CREATE_RUNTIME), 0);
	CHECK(!err_is(&l.e));
	CHECK_STR(text_of("log"), "{\"id\":\"x\"}1\n{\"id\":\"x\"}2\n");
	end();
}

TEST(a_hook_that_leaves_a_large_state_unread)
{
	struct list l = { 0 };
	size_t n = 1 << 20;
	char *big = arena_alloc(&mem, n);

	begin();
	memset(big, ' ', n);
	l.run.state = big;
	l.run.state_len = n;
	add(&l, HOOK_PRESTART, "/bin/true");
	add(&l, HOOK_PRESTART, script("count", "wc -c >\"${0%/*}/n\""));
	CHECK_INT(run_kind(&l, HOOK_PRESTART), 0);
	CHECK_STR(text_of("n"), "1048576\n");
	end();
}

TEST(environment_is_exact)
{
	struct list l = { 0 };
	struct spec_hook *h;

	begin();
	setenv("SECRET", "1", 1);
	h = add(&l, HOOK_POSTSTART, "/bin/sh");
	h->args = words(3, "sh", "-c", arena_printf(&mem, "/usr/bin/env >%s/own", dir));
	h->env_set = true;
	h->env = words(1, "A=1");
	h = add(&l, HOOK_POSTSTART, "/usr/bin/env");
	h = add(&l, HOOK_POSTSTART, "/bin/sh");
	h->args = words(3, "sh", "-c", arena_printf(&mem, "/usr/bin/env >%s/runtime", dir));
	CHECK_INT(run_kind(&l, HOOK_POSTSTART), 0);
	CHECK(strstr(text_of("own"), "A=1\n") != NULL);
	CHECK(strstr(text_of("own"), "SECRET") == NULL);
	CHECK(strstr(text_of("own"), "FROM=") == NULL);
	CHECK(strstr(text_of("runtime"), "FROM=runtime\n") != NULL);
	CHECK(strstr(text_of("runtime"), "SECRET") == NULL);
	end();
}

TEST(an_empty_env_is_empty)
{
	struct list l = { 0 };
	struct spec_hook *h;

	begin();
	h = add(&l, HOOK_POSTSTART, "/usr/bin/env");
	h->env_set = true;
	add(&l, HOOK_POSTSTART, "/bin/false");
	/*
	 * env prints nothing: the text of the failure that follows belongs to the second hook
	 * alone.
	 */
	CHECK(run_kind(&l, HOOK_POSTSTART) < 0);
	CHECK_STR(line_of(&l),
		  "/hooks/poststart/1: error running poststart hook #1: /bin/false: exit status 1");
	end();
}

TEST(argv_is_as_given)
{
	struct list l = { 0 };
	struct spec_hook *h;

	begin();
	h = add(&l, HOOK_PRESTART, "/bin/sh");
	h->args = words(4, "zero", "-c",
			arena_printf(&mem,
				     "echo \"$0,$1\" >%s/argv; "
				     "tr '\\0' , </proc/$$/cmdline >%s/cmdline",
				     dir, dir),
			"one");
	CHECK_INT(run_kind(&l, HOOK_PRESTART), 0);
	CHECK_STR(text_of("argv"), "one,\n");
	CHECK(str_starts(text_of("cmdline"), "zero,-c,"));
	end();
}

TEST(process_is_clean)
{
	struct list l = { 0 };
	struct spec_hook *h;
	sigset_t set, saved;
	int extra = open("/dev/null", O_RDWR); /* not close-on-exec */
	mode_t mask = umask(0);
	unsigned long ignored[8] = { 1 }, nothing[8] = { 0 };

	begin();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &saved);
	signal(SIGHUP, SIG_IGN);
	syscall(SYS_rt_sigaction, 33, ignored, NULL, 8); /* one that libc keeps for itself */
	h = add(&l, HOOK_CREATE_CONTAINER, "/bin/sh");
	h->args = words(
		3, "sh", "-c",
		arena_printf(
			&mem,
			"exec >%s/clean; pwd; umask; for f in /proc/$$/fd/*; do printf '%%s ' "
			"${f##*/}; done; echo;"
			"grep -E '^Sig(Blk|Ign)' /proc/self/status | grep -vc 0000000000000000;"
			"ulimit -Sn; cut -d' ' -f5,6 /proc/$$/stat | tr ' ' '\\n' | sort -u | wc "
			"-l",
			dir));
	l.run.restore_nofile = 77;
	CHECK_INT(run_kind(&l, HOOK_CREATE_CONTAINER), 0);
	signal(SIGHUP, SIG_DFL);
	syscall(SYS_rt_sigaction, 33, nothing, NULL, 8);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	umask(mask);
	close(extra);
	/*
	 * cwd, umask, fds (3 is the directory the shell reads), blocked or ignored signals, nofile,
	 * pgrp == session
	 */
	CHECK_STR(text_of("clean"), "/\n0022\n0 1 2 3 \n0\n77\n1\n");
	end();
}

TEST(exit_status_and_output_are_told)
{
	struct list l = { 0 };

	begin();
	add(&l, HOOK_CREATE_RUNTIME, "/bin/true");
	add(&l, HOOK_CREATE_RUNTIME,
	    script("bad", "echo first; echo 'se\tcond' >&2; echo; exit 3"));
	add(&l, HOOK_CREATE_RUNTIME, script("never", "echo ran >\"${0%/*}/ran\""));
	CHECK(run_kind(&l, HOOK_CREATE_RUNTIME) < 0);
	CHECK_INT(l.e.id, ERR_HOK_FAILED);
	CHECK_STR(line_of(&l), arena_printf(&mem,
					    "/hooks/createRuntime/1: error running createRuntime "
					    "hook #1: %s/bad: exit status 3: "
					    "first | se\\x09cond",
					    dir));
	CHECK_STR(text_of("ran"), "(no file)");
	end();
}

TEST(only_the_end_of_a_long_output_is_kept)
{
	struct list l = { 0 };
	char *line;

	begin();
	add(&l, HOOK_PRESTART,
	    script("flood",
		   "head -c 50000000 /dev/zero | tr '\\0' x >&2; printf END >&2; kill -9 $$"));
	CHECK(run_kind(&l, HOOK_PRESTART) < 0);
	line = line_of(&l);
	CHECK(strstr(line, "killed by signal 9 (killed): xxx") != NULL);
	CHECK(str_ends(line, "xxxEND"));
	CHECK(strlen(line) > 4096 && strlen(line) < 4096 + 256);
	end();
}

TEST(missing_and_not_executable)
{
	struct list l = { 0 }, m = { 0 };
	const char *path;

	begin();
	add(&l, HOOK_PRESTART, arena_printf(&mem, "%s/none", dir));
	CHECK_INT(run_kind(&l, HOOK_PRESTART), -ENOENT);
	CHECK_INT(l.e.id, ERR_HOK_EXEC);
	CHECK_STR(
		line_of(&l),
		arena_printf(&mem,
			     "/hooks/prestart/0: error running prestart hook #0: %s/none: execve: "
			     "no such file or directory",
			     dir));
	path = script("plain", "true");
	chmod(path, 0644);
	add(&m, HOOK_PRESTART, path);
	CHECK_INT(run_kind(&m, HOOK_PRESTART), -EACCES);
	CHECK_INT(m.e.id, ERR_HOK_EXEC);
	end();
}

/*
 * The timeout is the only clock here: a hook that ignores TERM and its child are both gone at the
 * end.
 */
TEST(timeout_kills_the_group)
{
	struct list l = { 0 };
	struct spec_hook *h;
	char buf[16];
	int fd, reader;

	begin();
	mkfifo(arena_printf(&mem, "%s/fifo", dir), 0600);
	fd = open(arena_printf(&mem, "%s/fifo", dir), O_RDWR);
	h = add(&l, HOOK_CREATE_RUNTIME,
		script("slow",
		       "trap '' TERM; exec 5>\"${0%/*}/fifo\"; echo waiting; sleep 1000 & wait"));
	h->timeout.set = true;
	h->timeout.v = 1;
	CHECK_INT(run_kind(&l, HOOK_CREATE_RUNTIME), -ETIMEDOUT);
	CHECK_INT(l.e.id, ERR_HOK_TIMEOUT);
	CHECK_STR(line_of(&l), arena_printf(&mem,
					    "/hooks/createRuntime/0: error running createRuntime "
					    "hook #0: %s/slow: timed out after "
					    "1 s: waiting",
					    dir));
	/*
	 * Both held the fifo open for writing: with our own writer gone, end of file says they are
	 * gone.
	 */
	reader = open(arena_printf(&mem, "%s/fifo", dir), O_RDONLY | O_NONBLOCK);
	close(fd);
	CHECK(io_wait(reader, POLLIN, io_now() + 10000000000u) > 0);
	CHECK_INT(io_read_some(reader, buf, sizeof(buf)), 0);
	close(reader);
	end();
}

TEST(a_daemon_that_keeps_the_pipe_does_not_block)
{
	struct list l = { 0 };
	const char *fifo;
	int fd;

	begin();
	fifo = arena_printf(&mem, "%s/fifo", dir);
	mkfifo(fifo, 0600);
	/*
	 * The daemon lives until the test writes to the fifo, and holds stdout and stderr
	 * meanwhile.
	 */
	add(&l, HOOK_POSTSTART, script("daemon", "(read x <\"${0%/*}/fifo\") & echo left"));
	CHECK_INT(run_kind(&l, HOOK_POSTSTART), 0);
	fd = open(fifo, O_WRONLY);
	CHECK_INT(io_write_all(fd, "go\n", 3), 0);
	close(fd);
	end();
}

TEST(poststop_goes_on)
{
	struct list l = { 0 };
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *log = arena_printf(&mem, "%s", "/tmp/hull-unit-log-XXXXXX");
	int fd = mkostemp(log, O_CLOEXEC);

	begin();
	unlink(log);
	log_init(&(struct log_config){ .fd = fd, .level = LOG_LEVEL_WARNING });
	add(&l, HOOK_POSTSTOP, "/bin/false");
	add(&l, HOOK_POSTSTOP, script("second", "echo ran >\"${0%/*}/ran\""));
	l.run.keep_going = true;
	CHECK_INT(run_kind(&l, HOOK_POSTSTOP), 0);
	CHECK(!err_is(&l.e));
	CHECK_STR(text_of("ran"), "ran\n");
	lseek(fd, 0, SEEK_SET);
	{
		char *text;
		size_t len;

		CHECK_INT(io_read_all(fd, 1 << 16, &mem, &text, &len), 0);
		CHECK(strstr(text, "warning: /hooks/poststop/0: error running poststop hook #0: "
				   "/bin/false: exit status 1") != NULL);
	}
	log_init(&(struct log_config){ .fd = -1 });
	close(fd);
	close(quiet);
	end();
}

TEST(opened_executables)
{
	struct list l = { 0 };
	int fds[2] = { -1, -1 };
	const char *path;

	begin();
	path = script("by-fd", "cat >\"${0%/*}/state\"");
	add(&l, HOOK_CREATE_CONTAINER, path);
	add(&l, HOOK_CREATE_CONTAINER, "/bin/true");
	CHECK_INT(hook_open_all(&l.hooks, HOOK_CREATE_CONTAINER, fds, &l.e), 0);
	l.run.fds = fds;
	CHECK_INT(run_kind(&l, HOOK_CREATE_CONTAINER), 0);
	CHECK_STR(text_of("state"), state_text);
	/* The name now leads elsewhere: a program still runs by its fd, a script is refused. */
	rename(path, arena_printf(&mem, "%s/away", dir));
	script("by-fd", "echo swapped >\"${0%/*}/state\"");
	CHECK_INT(run_kind(&l, HOOK_CREATE_CONTAINER), -ENOENT);
	CHECK_STR(text_of("state"), state_text);
	close(fds[0]);
	close(fds[1]);
	err_clear(&l.e);
	add(&l, HOOK_CREATE_CONTAINER, "/nowhere/to/be/found");
	{
		int three[3] = { -1, -1, -1 };

		CHECK_INT(hook_open_all(&l.hooks, HOOK_CREATE_CONTAINER, three, &l.e), -ENOENT);
		CHECK_INT(three[0], -1);
		CHECK_STR(l.e.at, "/hooks/createContainer/2");
	}
	end();
}

UNIT_MAIN
