/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixture for tests on real control groups, as root, on whatever this host has; run a second time
 * by tests/lib/v2view. All groups lie below /hull-test-cgroup-PID, which every test removes, also
 * when it fails.
 */
#ifndef HULL_TESTS_CGROUP_FIX_H
#define HULL_TESTS_CGROUP_FIX_H

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macro.h"
#include "base/str.h"
#include "cgroup/cgroup.h"
#include "cgroup/internal.h"
#include "sys/call.h"

#define SECOND 1000000000ull
#define RES "/linux/resources"
#define W(p, f, v, c)                                                                              \
	{                                                                                          \
		.pointer = RES p, .file = (f), .value = (v), .controller = (c)                     \
	}
enum { CHILDREN = 8 };

struct fix {
	struct cgroup_host host;
	struct cgroup g;
	struct plan_cgroup p;
	struct arena a;
	struct err e;
	char path[128];
	pid_t child[CHILDREN];
	unsigned n;
};

static inline const char *base_name(void)
{
	static char name[64];

	if (!name[0])
		str_format(name, sizeof(name), "/hull-test-cgroup-%d", getpid());
	return name;
}

static inline uint64_t in(uint64_t seconds)
{
	return io_now() + seconds * SECOND;
}

/* Remove all of /hull-test-cgroup-PID in every hierarchy, by force. */
static inline void sweep(const struct cgroup_host *h)
{
	for (unsigned i = 0; i < h->n; i++) {
		struct cgroup g = { .n = 1, .layout = h->layout, .v2_fd = -1 };
		struct err e = { 0 };

		g.dir[0].mount = h->h[i].mount;
		g.dir[0].controllers = h->h[i].controllers;
		g.dir[0].path = base_name();
		g.dir[0].v2 = h->h[i].v2;
		g.dir[0].created = 1;
		if (g.dir[0].v2) {
			(void)cgroup_v2_kill(&g, 0, SIGKILL, in(10), &e);
		} else {
			if (cgroup_dir_find(&g, "freezer") >= 0)
				(void)cgroup_v1_freeze(&g, 0, false, 0, &e);
			(void)cgroup_v1_kill(&g, SIGKILL, in(10), &e);
		}
		if (cgroup_dir_remove(&g, 0, in(10), &e) < 0)
			printf("# left behind: %s%s: %s\n", g.dir[0].mount, g.dir[0].path, e.msg);
	}
}

static inline void fix_end(struct fix *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->child[i] > 0)
			kill(f->child[i], SIGKILL);
	cgroup_close(&f->g);
	sweep(&f->host);
	for (unsigned i = 0; i < f->n; i++)
		if (f->child[i] > 0)
			waitpid(f->child[i], NULL, 0);
	if (unit_failed && err_is(&f->e))
		printf("# error: %s\n", f->e.msg);
	arena_free(&f->a);
}
#define _fix_ _cleanup_(fix_end)

/* Read the host and plan a group; NULL, or the reason to skip. */
static inline const char *fix_plan(struct fix *f, const char *name)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->a);
	f->g.v2_fd = -1;
	if (geteuid() != 0)
		return "not root";
	if (cgroup_host_read(&f->host, true, &f->e) < 0 || f->host.layout == HOST_CGROUP_NONE)
		return "no cgroup hierarchy is mounted";
	str_format(f->path, sizeof(f->path), "%s%s", base_name(), name);
	f->p.path = f->path;
	if (cgroup_select(CGROUP_CGROUPFS, &f->host, &f->g, &f->e) < 0)
		return "cgroup_select fails";
	return NULL;
}

#define BEGIN(f, name)                                                                             \
	_fix_ struct fix f;                                                                        \
	const char *skip_ = fix_plan(&f, name);                                                    \
	if (skip_)                                                                                 \
		SKIP(skip_);                                                                       \
	CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.a, &f.e), 0)

static inline bool exists(const struct cgroup_host *h, unsigned i, const char *path)
{
	char full[640];

	str_format(full, sizeof(full), "%s%s", h->h[i].mount, path);
	return access(full, F_OK) == 0;
}

static inline unsigned count_existing(const struct fix *f, const char *path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->host.n; i++)
		n += exists(&f->host, i, path);
	return n;
}

/*
 * Fork a child into the group as the runtime does; it runs @run(arg) once it is in and stays until
 * killed.
 */
static inline pid_t spawn(struct fix *f, int (*run)(void *), void *arg)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -1;
	if (f->g.v2_fd >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)f->g.v2_fd;
		f->g.v2_placed = true;
	}
	fflush(stdout);
	pid = sys_clone3(&args);
	if (pid == 0) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(99);
		_exit(run ? run(arg) : (pause(), 0));
	}
	close(go[0]);
	if (pid > 0 && f->n < CHILDREN)
		f->child[f->n++] = pid;
	if (pid > 0 && f->g.ops->join(&f->g, pid, &f->e) < 0)
		pid = -1;
	if (write(go[1], "", 1) != 1)
		pid = -1;
	close(go[1]);
	return pid;
}

static inline int reap(struct fix *f, pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	for (unsigned i = 0; i < f->n; i++)
		if (f->child[i] == pid)
			f->child[i] = 0;
	return status;
}

static inline int apply(struct fix *f)
{
	struct arena a;
	int r;

	arena_init(&a);
	r = f->g.ops->apply(&f->g, &f->p, in(10), &a, NULL, NULL, &f->e);
	arena_free(&a);
	return r;
}

static inline int put(struct fix *f, unsigned i, const char *path, const char *file,
		      const char *value)
{
	char full[640];
	_cleanup_fd_ int fd = -1;

	str_format(full, sizeof(full), "%s%s/%s", f->host.h[i].mount, path, file);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static inline const char *get(struct fix *f, unsigned i, const char *path, const char *file)
{
	static char buf[4096];
	char full[640];
	_cleanup_fd_ int fd = -1;

	str_format(full, sizeof(full), "%s%s/%s", f->host.h[i].mount, path, file);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_read_line_file(fd, buf, sizeof(buf)) < 0)
		return NULL;
	return buf;
}

static inline int make_in_all(struct fix *f, const char *path)
{
	for (unsigned i = 0; i < f->host.n; i++) {
		char full[640];

		str_format(full, sizeof(full), "%s%s", f->host.h[i].mount, path);
		if (mkdir(full, 0755) < 0)
			return -errno;
		if (streq(f->host.h[i].controllers, "cpuset") &&
		    (put(f, i, path, "cpuset.cpus", get(f, i, "", "cpuset.cpus")) < 0 ||
		     put(f, i, path, "cpuset.mems", get(f, i, "", "cpuset.mems")) < 0))
			return -EIO;
	}
	return 0;
}

#endif
