/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/program: finds and executes the program inside the container: PATH look-up as execvp does
 * it, HOME from the container's passwd, the working directory with proof that it is inside (rules
 * X4, X5).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "init/init.h"
#include "sys/call.h"

enum { PASSWD_MAX = 1024 * 1024 };

static const char *env_get(const struct strv *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}

/* name:password:uid:gid:gecos:home:shell; *ret points into @line. */
static bool passwd_home(char *line, uid_t uid, const char **ret)
{
	char *field[7] = { line };
	uint32_t n = 0, id;

	for (char *p = line; *p; p++)
		if (*p == ':' && n < 6) {
			*p = '\0';
			field[++n] = p + 1;
		}
	if (n < 5 || str_to_u32(field[2], &id) < 0 || id != uid)
		return false;
	*ret = field[5];
	return true;
}

/*
 * HOME as the field sets it: from /etc/passwd of the container, "/" when the user is not there.
 * SECURITY: the file is hostile: a regular file only, never blocking, bounded (rules P5, C1: no
 * NSS).
 */
static const char *find_home(struct init *in)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	const char *home = "/";
	char *text, *line;
	size_t n;

	fd = sys_openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return home;
	if (io_read_all(fd, PASSWD_MAX, &in->arena, &text, &n) < 0)
		return home;
	while ((line = strsep(&text, "\n")))
		if (passwd_home(line, in->plan->process.uid, &home))
			break;
	return *home == '/' ? home : "/";
}

int init_set_home(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	struct strv *env = &in->env;

	(void)e;
	*env = p->env;
	in->args = p->args;
	if (!p->needs_home && !p->needs_listen_pid)
		return 0;
	env->v = arena_new_array(&in->arena, p->env.n + 3, char *);
	if (p->env.n)
		memcpy(env->v, p->env.v, p->env.n * sizeof(char *));
	if (p->needs_home)
		env->v[env->n++] = arena_printf(&in->arena, "HOME=%s", find_home(in));
	if (p->needs_listen_pid) /* sd_listen_fds(3): the pid as the program itself sees it */
		env->v[env->n++] = arena_printf(&in->arena, "LISTEN_PID=%d", getpid());
	return 0;
}

int init_enter_cwd(const char *cwd, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char where[PATH_MAX];
	ssize_t n;
	int r;

	fd = sys_openat2(AT_FDCWD, cwd, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS);
	r = fd < 0 ? fd : sys_fchdir(fd);
	if (r < 0) {
		err_sys(e, ERR_EXE_CWD, r, "enter the working directory %s", cwd);
		return err_at(e, r, "/process/cwd");
	}
	/*
	 * KERNEL: the raw getcwd begins with "(unreachable)" outside the root. getcwd(2). SECURITY:
	 * X4.
	 */
	n = sys_getcwd(where, sizeof(where));
	if (n < 0 || where[0] != '/') {
		r = err_set(e, ERR_EXE_CWD, n < 0 ? (int)-n : EXDEV,
			    "the working directory %s is outside the container", cwd);
		return err_at(e, r, "/process/cwd");
	}
	return 0;
}

/* May the caller execute @path? 0 or -errno. Resolution without magic links: rule X5. */
static int executable(const char *path)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	fd = sys_openat2(AT_FDCWD, path, O_PATH, 0, RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd_take(&fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	/* KERNEL: AT_EMPTY_PATH with an O_PATH fd, effective ids. faccessat2(2), 5.8 */
	if (syscall(SYS_faccessat2, fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* The texts that clients match on: features.md a.5. */
static int not_executable(const char *name, const char *path, int r, struct err *e)
{
	if (r == -ENOENT || r == -ENOTDIR)
		err_set(e, ERR_EXE_NOTFOUND, ENOENT, "exec: \"%s\": executable file not found%s",
			name, *name ? "" : " in $PATH");
	else if (r == -EISDIR)
		err_set(e, ERR_EXE_ACCESS, EACCES, "exec: \"%s\": is a directory", path);
	else if (r == -EACCES || r == -EPERM)
		err_set(e, ERR_EXE_ACCESS, EACCES, "exec: \"%s\": not executable for this user",
			path);
	else
		err_sys(e, ERR_EXE_FAILED, r, "exec: \"%s\"", path);
	return err_at(e, r, "/process/args/0");
}

int init_find_program(struct init *in, struct err *e)
{
	const char *name = in->args.v[0];
	const char *path, *dir, *end;
	int r, seen = -ENOENT;

	if (strchr(name, '/')) {
		in->program = name;
		r = executable(name);
		return r < 0 ? not_executable(name, name, r, e) : 0;
	}
	if (!*name)
		return not_executable(name, name, -ENOENT, e);
	path = env_get(&in->env, "PATH");
	/* The default of execvp(3) when PATH is not set. */
	for (dir = path ? path : "/bin:/usr/bin"; dir; dir = *end ? end + 1 : NULL) {
		char *candidate;

		end = strchrnul(dir, ':');
		candidate = arena_printf(&in->arena, "%.*s%s%s", (int)(end - dir), dir,
					 end == dir ? "./" : "/", name);
		r = executable(candidate);
		if (r == 0) {
			in->program = candidate;
			return 0;
		}
		if (r == -EACCES || r == -EPERM)
			seen = -EACCES;
	}
	if (seen == -ENOENT) {
		err_set(e, ERR_EXE_NOTFOUND, ENOENT,
			"exec: \"%s\": executable file not found in $PATH", name);
		return err_at(e, -ENOENT, "/process/args/0");
	}
	return not_executable(name, name, seen, e);
}

/* A broken binary is an error, not a script: the fallback of execvp(3) is for text. */
static bool is_elf(const char *path)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char magic[4] = { 0 };

	return fd >= 0 && io_read_full(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, "\177ELF", 4) == 0;
}

int init_exec(struct init *in, struct err *e)
{
	char **shell;
	int r;

	/*
	 * execve, not execveat: it runs behind the filter, and a profile may know only the older
	 * one.
	 */
	r = sys_execve(in->program, in->args.v, in->env.v);
	/* as execvp(3): a file without a format is a script of the shell */
	if (r == -ENOEXEC && !is_elf(in->program)) {
		shell = arena_new_array(&in->arena, in->args.n + 2, char *);
		shell[0] = arena_strdup(&in->arena, "/bin/sh");
		shell[1] = arena_strdup(&in->arena, in->program);
		for (size_t i = 1; i < in->args.n; i++)
			shell[i + 1] = in->args.v[i];
		if (sys_execve("/bin/sh", shell, in->env.v) != -ENOENT)
			r = -ENOEXEC;
	}
	if (r == -ENOENT) /* the file was there at create: its interpreter is missing */
		err_set(e, ERR_EXE_NOTFOUND, ENOENT,
			"exec \"%s\": executable file or its interpreter not found", in->args.v[0]);
	else if (r == -EACCES)
		err_set(e, ERR_EXE_ACCESS, EACCES, "exec \"%s\"%s", in->args.v[0],
			in->plan->landlock.set
				? ": not executable, or not readable by " PLAN_LANDLOCK
				: "");
	else
		err_sys(e, ERR_EXE_FAILED, r, "exec \"%s\"", in->args.v[0]);
	return err_at(e, r, "/process/args/0");
}
