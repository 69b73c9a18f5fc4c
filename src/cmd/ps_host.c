/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/ps_host: hides the process that runs ps(1), the pipe, and the search for the column of the
 * number.
 */
#include "cmd/ps_host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"

enum { OUTPUT_MAX = 256 << 20, NOT_FOUND = 127 };

static const char blanks[] = " \t";

int ps_host_column(const char *header)
{
	int column = 0;

	for (const char *s = header + strspn(header, blanks); *s; column++) {
		size_t n = strcspn(s, blanks);

		if (n == 3 && memcmp(s, "PID", 3) == 0)
			return column;
		s += n;
		s += strspn(s, blanks);
	}
	return -1;
}

int ps_host_pid(const char *line, int column)
{
	const char *s = line + strspn(line, blanks);
	char text[16];
	uint32_t v;

	for (; column > 0; column--) {
		s += strcspn(s, blanks);
		s += strspn(s, blanks);
	}
	if (str_format(text, sizeof(text), "%.*s", (int)MIN(strcspn(s, blanks), sizeof(text)), s) <
		    0 ||
	    str_to_u32(text, &v) < 0 || v > INT32_MAX)
		return 0;
	return (int)v;
}

static _noreturn_ void child(char **argv, int out)
{
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	sys_signals_default();
	if (dup2(out, STDOUT_FILENO) >= 0)
		execvp(argv[0], argv); /* PATH is the caller's */
	_exit(errno == ENOENT ? NOT_FOUND : NOT_FOUND - 1);
}

static char **make_argv(char *const *options, struct arena *a)
{
	size_t n = 0;
	char **v;

	while (options[n])
		n++;
	v = arena_new_array(a, n + 2, char *);
	v[0] = arena_strdup(a, "ps");
	memcpy(v + 1, options, n * sizeof(*v));
	return v;
}

static int run(char *const *options, struct arena *a, char **ret, struct err *e)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	char **argv = make_argv(options, a);
	int out[2], pid, status = 0, r;
	size_t n;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "make a pipe");
	fflush(stdout);
	pid = sys_clone3(&args);
	if (pid == 0)
		child(argv, out[1]);
	fd_close(&out[1]);
	r = pid < 0 ? pid : io_read_all(out[0], OUTPUT_MAX, a, ret, &n);
	fd_close(&out[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "run ps");
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return err_set(e, ERR_CLI_FILE, ENOENT,
			       "ps options need the host's ps, which is not in PATH; without "
			       "options hull lists by itself");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, ERR_CLI_VALUE, 0, "ps failed with these options (status %d)",
			       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static bool is_one(const int *pids, size_t n, int pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int ps_host_print(char *const *options, const int *pids, size_t n, struct arena *a, struct err *e)
{
	char *text, *line;
	int column, r = run(options, a, &text, e);

	if (r < 0)
		return r;
	line = strsep(&text, "\n");
	column = ps_host_column(line);
	if (column < 0)
		return err_set(
			e, ERR_CLI_VALUE, 0,
			"the output of ps with these options has no column PID to select by");
	puts(line);
	while ((line = strsep(&text, "\n")))
		if (*line && is_one(pids, n, ps_host_pid(line, column)))
			puts(line);
	return 0;
}
