/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/helper: newuidmap and newgidmap. Found in a fixed list of directories, run by fd with a fixed
 * environment and a deadline (rule H2, faults E12); a refusal is explained from the files it rests
 * on.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "ns/internal.h"
#include "sys/call.h"
#include "sys/pidfd.h"

/* /run/wrappers is where NixOS keeps its setuid programs. */
static const char *const dirs[] = { "/usr/bin",	 "/usr/local/bin",    "/bin",
				    "/usr/sbin", "/run/wrappers/bin", NULL };

const struct ns_helper_env ns_helper_default = {
	.dirs = dirs,
	.subuid = "/etc/subuid",
	.subgid = "/etc/subgid",
	.passwd = "/etc/passwd",
	.timeout = 10ULL * 1000 * 1000 * 1000,
};

enum { SAID_MAX = 512, GRANTS_MAX = 1 << 20 };

static int open_helper(const struct ns_helper_env *env, const char *name, char *path, size_t size,
		       struct err *e)
{
	char tried[256];
	struct strbuf b = STRBUF(tried);

	for (const char *const *d = env->dirs; *d; d++) {
		int fd, r;

		r = str_format(path, size, "%s/%s", *d, name);
		if (r < 0)
			return err_sys(e, ERR_GEN_INTERNAL, r, "path of %s", name);
		fd = sys_openat(AT_FDCWD, path, O_PATH, 0);
		if (fd >= 0)
			return fd;
		if (fd != -ENOENT && fd != -ENOTDIR)
			return err_sys(e, ERR_NSP_IDMAP, fd, "%s", path);
		sb_printf(&b, "%s%s", b.len ? ", " : "", *d);
	}
	return err_set(e, ERR_NSP_IDMAP, ENOENT,
		       "%s is in none of %s (package uidmap or shadow-utils)", name, tried);
}

/* In the child: nothing here may fail visibly but by its exit status. */
static _noreturn_ void exec_helper(int helper, int out, char *const argv[])
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *const envp[] = { path, locale, NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &dfl, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	sys_execveat(helper, "", argv, envp, AT_EMPTY_PATH);
	_exit(127);
}

static char **make_argv(const struct ns_map_side *side, const struct spec_idmaps *m, pid_t pid,
			struct arena *a)
{
	char **argv = arena_new_array(a, 3 + 3 * m->n, char *);
	size_t n = 0;

	argv[n++] = arena_strdup(a, side->helper);
	argv[n++] = arena_printf(a, "%d", pid);
	for (size_t i = 0; i < m->n; i++) {
		argv[n++] = arena_printf(a, "%u", m->v[i].container_id);
		argv[n++] = arena_printf(a, "%u", m->v[i].host_id);
		argv[n++] = arena_printf(a, "%u", m->v[i].size);
	}
	return argv;
}

/* Keep the first line the helper says; read until it closes its end, then wait for it; both until
 * @deadline. 1: done, 0: too late. */
static int collect(int out, int pidfd, uint64_t deadline, char *said, size_t size)
{
	size_t n = 0;
	int r;

	while ((r = io_wait(out, POLLIN, deadline)) > 0) {
		char drop[256];
		bool full = n == size - 1;
		ssize_t got = io_read_some(out, full ? drop : said + n,
					   full ? sizeof(drop) : size - 1 - n);

		if (got <= 0)
			break;
		if (!full)
			n += (size_t)got;
	}
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return r <= 0 ? r : pidfd_wait_exit(pidfd, deadline);
}

/* ---- why it refused ---- */

static char *read_host_file(const char *path, struct arena *a)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char *text = NULL;
	size_t n;

	return fd < 0 || io_read_all(fd, GRANTS_MAX, a, &text, &n) < 0 ? NULL : text;
}

/* Cut the next ':' field off *@line. */
static char *next_field(char **line)
{
	return strsep(line, ":");
}

/* Login name of the caller, by the host's passwd file; no NSS (rule C1). */
static const char *caller_name(const char *passwd, uid_t uid, struct arena *a)
{
	char *text = read_host_file(passwd, a), *line;

	while (text && (line = strsep(&text, "\n"))) {
		char *name = next_field(&line), *id;
		uint32_t v;

		next_field(&line);
		id = next_field(&line);
		if (id && str_to_u32(id, &v) == 0 && v == uid)
			return name;
	}
	return NULL;
}

struct grant {
	unsigned line;
	uint32_t first, count;
};

static struct grant *read_grants(const char *path, const char *name, uid_t uid, struct arena *a,
				 size_t *ret_n)
{
	char *text = read_host_file(path, a), *line;
	struct grant *v = NULL;
	size_t n = 0;

	for (unsigned no = 1; text && (line = strsep(&text, "\n")); no++) {
		char *who = next_field(&line), *first = next_field(&line),
		     *count = next_field(&line);
		struct grant g = { .line = no };
		uint32_t id;

		if (!count || str_to_u32(first, &g.first) < 0 || str_to_u32(count, &g.count) < 0)
			continue;
		if ((name && streq(who, name)) || (str_to_u32(who, &id) == 0 && id == uid))
			*(struct grant *)arena_push(a, &v, &n, sizeof(*v)) = g;
	}
	*ret_n = n;
	return v;
}

/* Put the first range that the grants file does not cover into @e; 0 when all are covered. */
static int explain_range(const struct ns_helper_env *env, const struct ns_map_side *side,
			 const struct spec_idmaps *m, const char *said, struct arena *a,
			 struct err *e)
{
	const char *file = side->gid ? env->subgid : env->subuid;
	uid_t uid = getuid();
	uint32_t own = side->gid ? getgid() : uid;
	const char *name = caller_name(env->passwd, uid, a);
	const char *who = name ? name : arena_printf(a, "uid %u", uid);
	size_t n;
	struct grant *g = read_grants(file, name, uid, a, &n);

	for (size_t i = 0; i < m->n; i++) {
		const struct spec_idmap *r = &m->v[i];
		uint64_t end = (uint64_t)r->host_id + r->size;
		bool covered = r->size == 1 && r->host_id == own;
		int code;

		for (size_t j = 0; j < n && !covered; j++)
			covered = r->host_id >= g[j].first &&
				  end <= (uint64_t)g[j].first + g[j].count;
		if (covered)
			continue;
		if (n == 0)
			code = err_set(e, ERR_NSP_IDMAP, EPERM,
				       "%s: host ids %u to %llu: %s has no line for %s (%s)",
				       side->helper, r->host_id, (unsigned long long)end - 1, file,
				       who, said);
		else
			code = err_set(e, ERR_NSP_IDMAP, EPERM,
				       "%s: host ids %u to %llu are not granted to %s: line %u of "
				       "%s grants %u to %llu%s (%s)",
				       side->helper, r->host_id, (unsigned long long)end - 1, who,
				       g[0].line, file, g[0].first,
				       (unsigned long long)g[0].first + g[0].count - 1,
				       n > 1 ? ", and others" : "", said);
		return err_at(e, code, "%s/%zu", side->pointer, i);
	}
	return 0;
}

/* Neither setuid nor file capabilities: such a helper cannot do its work for an unprivileged
 * caller. */
static bool lacks_rights(const char *path)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	if (geteuid() == 0 || fd < 0 || fstat(fd, &st) < 0 || st.st_mode & S_ISUID)
		return false;
	return fgetxattr(fd, "security.capability", NULL, 0) < 0;
}

static int explain_refusal(const struct ns_helper_env *env, const struct ns_map_side *side,
			   const struct spec_idmaps *m, const char *path, const siginfo_t *end,
			   const char *said, struct arena *a, struct err *e)
{
	bool exited = end->si_code == CLD_EXITED;

	if (exited && end->si_status == 127)
		return err_set(e, ERR_NSP_IDMAP, 0, "%s cannot be executed", path);
	if (!exited)
		return err_set(e, ERR_NSP_IDMAP, 0, "%s was killed by signal %d", path,
			       end->si_status);
	if (lacks_rights(path))
		return err_set(e, ERR_NSP_IDMAP, 0,
			       "%s has neither the setuid bit nor file capabilities: %s", path,
			       said);
	if (explain_range(env, side, m, said[0] ? said : "no message", a, e) < 0)
		return -EPERM;
	return err_set(e, ERR_NSP_IDMAP, 0, "%s failed with status %d: %s", path, end->si_status,
		       said[0] ? said : "no message");
}

int ns_run_helper(const struct ns_helper_env *env, const struct ns_map_side *side,
		  const struct spec_idmaps *m, pid_t pid, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	_cleanup_fd_ int helper = -1, out_r = -1, out_w = -1, pidfd = -1;
	char path[256], said[SAID_MAX];
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	siginfo_t end;
	char **argv;
	int out[2], done, r;

	arena_init(&a);
	helper = open_helper(env, side->helper, path, sizeof(path), e);
	if (helper < 0)
		return err_at(e, helper, "%s", side->pointer);
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "pipe2");
	out_r = out[0];
	out_w = out[1];
	argv = make_argv(side, m, pid, &a);
	r = sys_clone3(&args);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make a process for %s", path);
	if (r == 0)
		exec_helper(helper, out_w, argv);
	fd_close(&out_w);
	done = collect(out_r, pidfd, io_now() + env->timeout, said, sizeof(said));
	if (done <= 0)
		sys_pidfd_send_signal(pidfd, SIGKILL);
	r = pidfd_reap(pidfd, &end);
	if (done <= 0)
		r = err_set(e, ERR_GEN_TIMEOUT, 0, "%s did not end within %llu s", path,
			    (unsigned long long)(env->timeout / 1000000000));
	else if (r < 0)
		err_sys(e, ERR_GEN_SYS, r, "wait for %s", path);
	else if (end.si_code != CLD_EXITED || end.si_status != 0)
		r = explain_refusal(env, side, m, path, &end, said, &a, e);
	return err_at(e, r, "%s", side->pointer);
}
