/* SPDX-License-Identifier: Apache-2.0 */
/* The ns room: id maps as the kernel shows them, namespace files proved before use, time offsets,
 * helpers. */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "ns/internal.h"
#include "sys/call.h"

static char tmp[64];

static void make_tmp(void)
{
	snprintf(tmp, sizeof(tmp), "/tmp/hull-unit-ns-XXXXXX");
	if (!mkdtemp(tmp))
		abort();
}

static const char *write_tmp(struct arena *a, const char *name, const char *text, mode_t mode)
{
	char *path = arena_printf(a, "%s/%s", tmp, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	return path;
}

static void remove_tmp(void)
{
	static const char *const names[] = { "newuidmap", "subuid", "subgid",
					     "passwd",	  "file",   "fifo" };
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", tmp, names[i]);
		unlink(path);
	}
	rmdir(tmp);
}

static ino_t ns_inode(const char *dir, const char *file)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ns/%s", dir, file);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* A process in new namespaces @flags that waits to be ended by child_end. */
static pid_t child_in(uint64_t flags, int *ret_hold)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		abort();
	pid = sys_clone3(&args);
	if (pid == 0) {
		char c;

		close(p[1]);
		_exit(read(p[0], &c, 1) != 0);
	}
	close(p[0]);
	*ret_hold = p[1];
	return pid;
}

static void child_end(pid_t pid, int hold)
{
	close(hold);
	waitpid(pid, NULL, 0);
}

static struct spec_idmaps ranges(struct arena *a, size_t n, uint32_t host)
{
	struct spec_idmaps m = { arena_new_array(a, n, struct spec_idmap), n };

	for (size_t i = 0; i < n; i++)
		m.v[i] = (struct spec_idmap){ (uint32_t)i, host + (uint32_t)i, 1 };
	return m;
}

/* "0 100 1\n..." of /proc/PID/NAME with single blanks. */
static char *read_map(struct arena *a, pid_t pid, const char *name)
{
	char *path = arena_printf(a, "/proc/%d/%s", pid, name), *text, *out;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n, w = 0;

	if (fd < 0 || io_read_all(fd, 1 << 20, a, &text, &n) < 0)
		abort();
	close(fd);
	out = arena_alloc(a, n + 1);
	for (size_t i = 0; i < n; i++)
		if (text[i] != ' ' || (w && out[w - 1] != ' ' && out[w - 1] != '\n'))
			out[w++] = text[i];
	return out;
}

static char *show(struct arena *a, const struct spec_idmaps *m)
{
	char *s = arena_strdup(a, "");

	for (size_t i = 0; i < m->n; i++)
		s = arena_printf(a, "%s%u %u %u\n", s, m->v[i].container_id, m->v[i].host_id,
				 m->v[i].size);
	return s;
}

TEST(flags_of_the_types)
{
	CHECK(ns_clone_flag(NS_PID) == CLONE_NEWPID);
	CHECK(ns_clone_flag(NS_MOUNT) == CLONE_NEWNS);
	CHECK(ns_clone_flag(NS_TIME) == CLONE_NEWTIME);
	CHECK(ns_clone_flag(NS_USER) == CLONE_NEWUSER);
}

TEST_IN_CHILD(maps_are_written_as_given)
{
	static const size_t counts[] = { 1, 2, 5, 6, 340 };
	struct arena a;

	NEED_ROOT();
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		/* Host ids of one digit to three keep 340 lines below the page the kernel takes. */
		struct plan_ids ids = { .writer = IDMAP_DIRECT,
					.uid = ranges(&a, counts[i], 1),
					.gid = ranges(&a, counts[i], 2) };
		struct err e = { 0 };
		int hold;
		pid_t pid = child_in(CLONE_NEWUSER, &hold);

		CHECK(pid > 0);
		CHECK_OK(ns_write_idmaps(&ids, pid, &e), &e);
		CHECK_STR(read_map(&a, pid, "uid_map"), show(&a, &ids.uid));
		CHECK_STR(read_map(&a, pid, "gid_map"), show(&a, &ids.gid));
		CHECK_STR(read_map(&a, pid, "setgroups"), "allow\n");
		child_end(pid, hold);
	}
	arena_free(&a);
}

TEST_IN_CHILD(too_many_ranges_write_nothing)
{
	struct err e = { 0 };
	struct arena a;
	struct plan_ids ids = { .writer = IDMAP_DIRECT };
	pid_t pid;
	int hold;

	NEED_ROOT();
	arena_init(&a);
	pid = child_in(CLONE_NEWUSER, &hold);
	ids.uid = ranges(&a, 341, 1);
	ids.gid = ranges(&a, 1, 1);
	CHECK_ERR(ns_write_idmaps(&ids, pid, &e), &e, "/linux/uidMappings", "341 ranges");
	CHECK_STR(read_map(&a, pid, "gid_map"), "");
	err_clear(&e);
	ids.uid = ranges(&a, 340, 4000000000U);
	CHECK_ERR(ns_write_idmaps(&ids, pid, &e), &e, "/linux/uidMappings", "4095 bytes");
	err_clear(&e);
	ids.uid.n = 0;
	CHECK_ERR(ns_write_idmaps(&ids, pid, &e), &e, "/linux/uidMappings", "no ranges");
	CHECK_STR(read_map(&a, pid, "uid_map"), "");
	CHECK_STR(read_map(&a, pid, "gid_map"), "");
	child_end(pid, hold);
	arena_free(&a);
}

TEST_IN_CHILD(bad_ranges_are_named)
{
	static struct spec_idmap over[] = { { 0, 100, 10 }, { 20, 300, 10 }, { 25, 500, 1 } };
	static struct spec_idmap host[] = { { 0, 100, 10 }, { 20, 109, 10 } };
	static struct spec_idmap wrap[] = { { 0, 4294967290U, 6 } };
	static struct spec_idmap one[] = { { 0, 100, 10 } };
	struct {
		struct spec_idmaps m;
		const char *at, *part;
	} rows[] = {
		{ { over, 3 }, "/linux/uidMappings/2", "overlaps entry 1 on the container side" },
		{ { host, 2 }, "/linux/uidMappings/1", "overlaps entry 0 on the host side" },
		{ { wrap, 1 }, "/linux/uidMappings/0", "passes the last id" },
	};

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan_ids ids = { .writer = IDMAP_DIRECT,
					.uid = rows[i].m,
					.gid = { one, 1 } };
		struct err e = { 0 };
		int hold;
		pid_t pid = child_in(CLONE_NEWUSER, &hold);

		CHECK_ERR(ns_write_idmaps(&ids, pid, &e), &e, rows[i].at, rows[i].part);
		child_end(pid, hold);
	}
}

TEST_IN_CHILD(setgroups_is_denied_first)
{
	struct err e = { 0 };
	struct arena a;
	struct plan_ids ids = { .writer = IDMAP_DIRECT, .deny_setgroups = true };
	pid_t pid;
	int hold;

	NEED_ROOT();
	arena_init(&a);
	/* As user 1000: a single own id, gid only with setgroups denied. */
	CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0); /* else root owns /proc/PID */
	pid = child_in(CLONE_NEWUSER, &hold);
	if (pid < 0)
		SKIP("no user namespaces for plain users");
	ids.uid = ranges(&a, 1, 1000);
	ids.gid = ranges(&a, 1, 1000);
	CHECK_OK(ns_write_idmaps(&ids, pid, &e), &e);
	CHECK_STR(read_map(&a, pid, "setgroups"), "deny\n");
	CHECK_STR(read_map(&a, pid, "uid_map"), "0 1000 1\n");
	child_end(pid, hold);
	pid = child_in(CLONE_NEWUSER, &hold);
	ids.uid = ranges(&a, 1, 1001);
	CHECK_ERR(ns_write_idmaps(&ids, pid, &e), &e, "/linux/uidMappings",
		  "not the caller's to map");
	child_end(pid, hold);
	arena_free(&a);
}

TEST_IN_CHILD(throw_away_user_namespace)
{
	struct err e = { 0 };
	struct arena a;
	struct spec_idmaps u, g;
	int fd;

	NEED_ROOT();
	arena_init(&a);
	u = ranges(&a, 3, 5000);
	g = ranges(&a, 2, 6000);
	fd = ns_userns_fd(&u, &g, &e);
	CHECK_OK(fd, &e);
	CHECK_INT(ns_fd_type(fd), CLONE_NEWUSER);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	CHECK_INT(sys_setns(fd, CLONE_NEWUSER), 0);
	CHECK_STR(read_map(&a, getpid(), "uid_map"), "0 5000 1\n1 5001 1\n2 5002 1\n");
	close(fd);
	g.n = 0;
	CHECK_ERR(ns_userns_fd(&u, &g, &e), &e, "/linux/gidMappings", "no ranges");
	arena_free(&a);
}

TEST_IN_CHILD(namespace_files_are_proved)
{
	struct arena a;
	struct plan_ns p = { 0 };
	struct ns_fds f;
	const char *file;
	char *fifo;

	NEED_ROOT();
	arena_init(&a);
	make_tmp();
	file = write_tmp(&a, "file", "x", 0600);
	fifo = arena_printf(&a, "%s/fifo", tmp);
	CHECK(mkfifo(fifo, 0600) == 0);
	struct {
		const char *path, *part;
	} rows[] = {
		{ "/proc/self/ns/uts", "is a namespace of type uts" },
		{ file, "is not a namespace file" },
		/* and does not block */
		{ fifo, "is not a namespace file" },
		{ "/proc/self/ns/nosuch", "no such file" },
		{ "/", "is not a namespace file" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };

		p.path[NS_UTS] = "/proc/self/ns/uts";
		p.path[NS_NETWORK] = rows[i].path;
		CHECK_ERR(ns_open(&p, &f, &e), &e, "/linux/namespaces/0/path", rows[i].part);
		CHECK(strstr(e.msg, rows[i].path) != NULL);
	}
	remove_tmp();
	arena_free(&a);
}

TEST_IN_CHILD(runtime_joins_and_comes_back)
{
	static const enum spec_ns all[] = {
		NS_PID, NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME
	};
	struct err e = { 0 };
	struct arena a;
	struct plan p = { 0 };
	struct ns_fds f;
	uint64_t flags = 0;
	ino_t before[NS_KINDS];
	char dir[32];
	pid_t pid;
	int hold;

	NEED_ROOT();
	arena_init(&a);
	pid = child_in(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
			       CLONE_NEWTIME,
		       &hold);
	CHECK(pid > 0);
	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct ns_kind *k = ns_kind(all[i]);

		p.ns.path[all[i]] = arena_printf(&a, "%s/ns/%s", dir, k->file);
		p.ns.runtime[p.ns.n_runtime++] = (struct plan_ns_op){ NS_OP_SETNS, all[i], 0 };
		before[all[i]] = ns_inode("/proc/self", k->file);
	}
	p.ns.runtime[p.ns.n_runtime++] = (struct plan_ns_op){ NS_OP_CLONE, 0, CLONE_NEWNS };
	CHECK_OK(ns_open(&p.ns, &f, &e), &e);
	CHECK_OK(ns_runtime_enter(&p, &f, &flags, &e), &e);
	CHECK(flags == CLONE_NEWNS);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct ns_kind *k = ns_kind(all[i]);
		/* A pid namespace acts on children only. */
		const char *mine = all[i] == NS_PID ? "pid_for_children" : k->file;

		CHECK(ns_inode("/proc/self", mine) == ns_inode(dir, k->file));
		CHECK(ns_inode(dir, k->file) != before[all[i]]);
	}
	CHECK_OK(ns_runtime_leave(&p, &f, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		CHECK(ns_inode("/proc/self", ns_kind(all[i])->file) == before[all[i]]);
	CHECK(ns_inode("/proc/self", "pid_for_children") == before[NS_PID]);
	CHECK(ns_inode("/proc/self", "time_for_children") == before[NS_TIME]);
	ns_close(&f);
	child_end(pid, hold);
	arena_free(&a);
}

static int64_t clock_secs(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec;
}

TEST_IN_CHILD(time_offsets)
{
	struct err e = { 0 };
	struct spec_linux l = { .monotonic = { true, 86400, 500000000 },
				.boottime = { true, 604800, 0 } };
	struct plan p = { .os = &l };
	struct ns_fds f;
	uint64_t flags;
	int64_t mono = clock_secs(CLOCK_MONOTONIC), boot = clock_secs(CLOCK_BOOTTIME);
	int status;
	pid_t pid;

	NEED_ROOT();
	ns_fds_init(&f);
	p.ns.runtime[0] = (struct plan_ns_op){ NS_OP_UNSHARE, NS_TIME, CLONE_NEWTIME };
	p.ns.runtime[1] = (struct plan_ns_op){ NS_OP_OFFSETS, NS_TIME, 0 };
	p.ns.n_runtime = 2;
	CHECK_OK(ns_runtime_enter(&p, &f, &flags, &e), &e);
	pid = fork();
	if (pid == 0)
		_exit(clock_secs(CLOCK_MONOTONIC) - mono >= 86400 &&
				      clock_secs(CLOCK_BOOTTIME) - boot >= 604800
			      ? 7
			      : 8);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 7);
	CHECK_OK(ns_runtime_leave(&p, &f, &e), &e);
	CHECK(clock_secs(CLOCK_MONOTONIC) - mono < 86400);
	pid = fork();
	if (pid == 0)
		_exit(clock_secs(CLOCK_MONOTONIC) - mono < 86400 ? 7 : 8);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 7);
}

TEST_IN_CHILD(impossible_time_offset_is_named)
{
	struct err e = { 0 };
	struct spec_linux l = { .boottime = { true, -4000000000, 0 } };

	NEED_ROOT();
	CHECK_OK(ns_unshare(CLONE_NEWTIME, &e), &e);
	CHECK_ERR(ns_write_offsets(&l, &e), &e, "/linux/timeOffsets/boottime", "-4000000000 s");
	err_clear(&e);
	l = (struct spec_linux){ .monotonic = { true, 1, 0 } };
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	/* Once a process lived there the offsets are fixed. */
	CHECK_ERR(ns_write_offsets(&l, &e), &e, "/linux/timeOffsets/monotonic", "set the offset");
}

TEST(why_a_namespace_cannot_be_made)
{
	struct err e = { 0 };

	CHECK_INT(ns_explain_new(CLONE_NEWNET | CLONE_NEWUTS, -ENOSPC, &e), -ENOSPC);
	CHECK_STR(e.at, "/linux/namespaces");
	CHECK(e.id == ERR_NSP_LIMIT);
	CHECK(strstr(e.msg, "user.max_net_namespaces, user.max_uts_namespaces") != NULL);
	err_clear(&e);
	ns_explain_new(CLONE_NEWUSER, -EPERM, &e);
	CHECK(strstr(e.msg, "user namespaces are refused") != NULL);
	err_clear(&e);
	ns_explain_new(CLONE_NEWUSER, -EAGAIN, &e);
	CHECK(strstr(e.msg, "pids.max") != NULL && !e.at[0]);
}

/* ---- newuidmap ---- */

/* This program is the helper too, under that name. What it does depends on the first host id it is
 * given. */
enum { HELP_FINE = 70, HELP_REFUSE, HELP_HANG, HELP_DIE, HELP_TALK };

__attribute__((constructor(101))) static void act_as_helper(void)
{
	char args[256] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, args, sizeof(args) - 1);

	close(fd);
	if (!streq(args, "newuidmap"))
		return;
	for (ssize_t i = 0; i < n - 1; i++)
		args[i] = args[i] ? args[i] : ' ';
	/* "newuidmap 1 0 HOST SIZE": pid 1 is never really touched here. */
	switch (strstr(args, "1 0 ")[5] - '0' + 70) {
	case HELP_FINE:
		_exit(streq(args, "newuidmap 1 0 70 10 10 80 5") && !getenv("HOME") &&
				      getenv("PATH")
			      ? 0
			      : 9);
	case HELP_REFUSE:
		(void)!write(2, "range not allowed\n", 18);
		_exit(1);
	case HELP_HANG:
		for (;;)
			pause();
	case HELP_DIE:
		raise(SIGKILL);
		break;
	case HELP_TALK:
		for (int i = 0; i < 10000; i++)
			(void)!write(2, "no no no no no no no\n", 21);
		_exit(1);
	}
	_exit(9);
}

static struct ns_helper_env fake_env(struct arena *a, const char *const *where)
{
	return (struct ns_helper_env){
		.dirs = where,
		.subuid = arena_printf(a, "%s/subuid", tmp),
		.subgid = arena_printf(a, "%s/subgid", tmp),
		.passwd = arena_printf(a, "%s/passwd", tmp),
		.timeout = 300ULL * 1000 * 1000,
	};
}

static void link_helper(struct arena *a)
{
	if (symlink(arena_printf(a, "/proc/%d/exe", getpid()),
		    arena_printf(a, "%s/newuidmap", tmp)) < 0)
		abort();
}

TEST_IN_CHILD(helper_gets_all_ranges)
{
	static struct spec_idmap two[] = { { 0, 70, 10 }, { 10, 80, 5 } };
	const char *where[] = { "/nonexistent", tmp, NULL };
	struct err e = { 0 };
	struct arena a;
	struct ns_helper_env env;

	arena_init(&a);
	make_tmp();
	link_helper(&a);
	env = fake_env(&a, where);
	setenv("HOME", "/root", 1);
	CHECK_OK(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ two, 2 }, 1, &e), &e);
	remove_tmp();
	arena_free(&a);
}

TEST_IN_CHILD(helper_refusal_names_file_and_line)
{
	static struct spec_idmap one[] = { { 0, 71, 10 } };
	const char *where[] = { tmp, NULL };
	struct err e = { 0 };
	struct arena a;
	struct ns_helper_env env;

	NEED_ROOT();
	arena_init(&a);
	make_tmp();
	link_helper(&a);
	env = fake_env(&a, where);
	write_tmp(&a, "passwd", "daemon:x:1:1::/:/bin/false\nann:x:1234:100::/:/bin/sh\n", 0644);
	write_tmp(&a, "subuid", "# none\nbob:100:5000\nann:500:20\n1234:900:5\n", 0644);
	CHECK(geteuid() != 0 || setresuid(1234, 0, 0) == 0);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ one, 1 }, 1, &e), &e,
		  "/linux/uidMappings/0", "host ids 71 to 80 are not granted to ann: line 3 of");
	CHECK(strstr(e.msg, "grants 500 to 519, and others (range not allowed)") != NULL);
	err_clear(&e);
	write_tmp(&a, "subuid", "bob:100:5000\n", 0644);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ one, 1 }, 1, &e), &e,
		  "/linux/uidMappings/0", "has no line for ann (range not allowed)");
	err_clear(&e);
	/* Granted and refused all the same: its own words. */
	write_tmp(&a, "subuid", "1234:70:50\n", 0644);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ one, 1 }, 1, &e), &e,
		  "/linux/uidMappings", "newuidmap failed with status 1: range not allowed");
	remove_tmp();
	arena_free(&a);
}

TEST_IN_CHILD(helper_that_hangs_dies_or_floods)
{
	static struct spec_idmap hang[] = { { 0, HELP_HANG, 1 } }, die[] = { { 0, HELP_DIE, 1 } },
				 talk[] = { { 0, HELP_TALK, 1 } };
	const char *where[] = { tmp, NULL };
	struct err e = { 0 };
	struct arena a;
	struct ns_helper_env env;

	NEED_ROOT();
	arena_init(&a);
	make_tmp();
	link_helper(&a);
	env = fake_env(&a, where);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ hang, 1 }, 1, &e), &e,
		  "/linux/uidMappings", "did not end within");
	CHECK(e.id == ERR_GEN_TIMEOUT);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
	err_clear(&e);
	env.timeout = 10ULL * 1000 * 1000 * 1000;
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ die, 1 }, 1, &e), &e,
		  "/linux/uidMappings", "was killed by signal 9");
	err_clear(&e);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ talk, 1 }, 1, &e), &e,
		  "/linux/uidMappings/0", "(no no no no no no no)");
	remove_tmp();
	arena_free(&a);
}

TEST_IN_CHILD(helper_without_rights)
{
	static struct spec_idmap one[] = { { 0, 71, 10 } };
	const char *where[] = { tmp, NULL };
	struct err e = { 0 };
	struct arena a;
	struct ns_helper_env env;

	arena_init(&a);
	CHECK(geteuid() != 0 || setresuid(1000, 1000, 1000) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0); /* else /proc/self/exe is closed to it */
	make_tmp();
	link_helper(&a);
	env = fake_env(&a, where);
	CHECK_ERR(ns_run_helper(&env, &ns_side_uid, &(struct spec_idmaps){ one, 1 }, 1, &e), &e,
		  "/linux/uidMappings",
		  "has neither the setuid bit nor file capabilities: range not allowed");
	remove_tmp();
	arena_free(&a);
}

TEST(helper_that_is_missing)
{
	static struct spec_idmap one[] = { { 0, 70, 1 } };
	static const char *const where[] = { "/nonexistent/a", "/nonexistent/b", NULL };
	struct ns_helper_env env = ns_helper_default;
	struct err e = { 0 };

	env.dirs = where;
	CHECK_ERR(ns_run_helper(&env, &ns_side_gid, &(struct spec_idmaps){ one, 1 }, 1, &e), &e,
		  "/linux/gidMappings", "newgidmap is in none of /nonexistent/a, /nonexistent/b");
}

UNIT_MAIN
