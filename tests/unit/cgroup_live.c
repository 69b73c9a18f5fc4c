/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real control groups, as root, on whatever this host has; run a second time by tests/lib/v2view. All groups lie
 * below /hull-test-cgroup-PID, which every test removes, also when it fails.
 */
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
#define W(p, f, v, c) { .pointer = RES p, .file = (f), .value = (v), .controller = (c) }
enum { CHILDREN = 8 };

struct fix {
	struct cgroup_host host;
	struct cgroup g;
	struct plan_cgroup p;
	struct err e;
	char path[128];
	pid_t child[CHILDREN];
	unsigned n;
};

static const char *base_name(void)
{
	static char name[64];

	if (!name[0])
		str_format(name, sizeof(name), "/hull-test-cgroup-%d", getpid());
	return name;
}

static uint64_t in(uint64_t seconds)
{
	return io_now() + seconds * SECOND;
}

/* Remove all of /hull-test-cgroup-PID in every hierarchy, by force. */
static void sweep(const struct cgroup_host *h)
{
	for (unsigned i = 0; i < h->n; i++) {
		struct cgroup g = { .n = 1, .layout = h->layout, .v2_fd = -1 };
		struct err e = { 0 };

		str_format(g.dir[0].mount, sizeof(g.dir[0].mount), "%s", h->h[i].mount);
		str_format(g.dir[0].controllers, sizeof(g.dir[0].controllers), "%s", h->h[i].controllers);
		str_format(g.dir[0].path, sizeof(g.dir[0].path), "%s", base_name());
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

static void fix_end(struct fix *f)
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
}
#define _fix_ _cleanup_(fix_end)

/* Read the host and plan a group; NULL, or the reason to skip. */
static const char *fix_plan(struct fix *f, const char *name)
{
	memset(f, 0, sizeof(*f));
	f->g.v2_fd = -1;
	if (geteuid() != 0)
		return "not root";
	if (cgroup_host_read(&f->host, &f->e) < 0 || f->host.layout == HOST_CGROUP_NONE)
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
	CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.e), 0)

static bool exists(const struct cgroup_host *h, unsigned i, const char *path)
{
	char full[640];

	str_format(full, sizeof(full), "%s%s", h->h[i].mount, path);
	return access(full, F_OK) == 0;
}

static unsigned count_existing(const struct fix *f, const char *path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->host.n; i++)
		n += exists(&f->host, i, path);
	return n;
}

/* Fork a child into the group as the runtime does; it runs @run(arg) once it is in and stays until killed. */
static pid_t spawn(struct fix *f, int (*run)(void *), void *arg)
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

static int reap(struct fix *f, pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	for (unsigned i = 0; i < f->n; i++)
		if (f->child[i] == pid)
			f->child[i] = 0;
	return status;
}

static int apply(struct fix *f)
{
	struct arena a;
	int r;

	arena_init(&a);
	r = f->g.ops->apply(&f->g, &f->p, in(10), &a, NULL, NULL, &f->e);
	arena_free(&a);
	return r;
}

static int put(struct fix *f, unsigned i, const char *path, const char *file, const char *value)
{
	char full[640];
	_cleanup_fd_ int fd = -1;

	str_format(full, sizeof(full), "%s%s/%s", f->host.h[i].mount, path, file);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static const char *get(struct fix *f, unsigned i, const char *path, const char *file)
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

static int make_in_all(struct fix *f, const char *path)
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

TEST(the_layout_is_what_the_mounts_say)
{
	BEGIN(f, "/c");
	printf("# layout %d, ops %s, %u hierarchies\n", f.host.layout, f.g.ops->name, f.host.n);
	CHECK_INT(f.g.n, f.host.n);
	for (unsigned i = 0; i < f.host.n; i++) {
		int fd = cgroup_root_open(f.host.h[i].mount, f.host.h[i].v2);

		CHECK(fd >= 0);
		fd_close(&fd);
		CHECK_INT(cgroup_root_open(f.host.h[i].mount, !f.host.h[i].v2), -ENOTSUP);
		CHECK(f.host.own[i][0] == '/');
	}
}

TEST(create_and_destroy_leave_nothing)
{
	BEGIN(f, "/a/b/c");
	for (unsigned i = 0; i < f.g.n; i++)
		CHECK_INT(f.g.dir[i].created, 4); /* the intent is known before anything is made */
	CHECK_INT(count_existing(&f, base_name()), 0);
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_INT(count_existing(&f, f.path), f.host.n);
	for (unsigned i = 0; i < f.g.n; i++)
		CHECK_INT(f.g.dir[i].created, 4);
	CHECK(cgroup_is_own(&f.g));
	CHECK_INT(f.g.v2_fd >= 0, f.host.h[f.host.n - 1].v2);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(f.g.v2_fd, -1);
}

/* RT-DELETE-06 */
TEST(a_group_that_existed_is_kept)
{
	BEGIN(f, "/pre");
	CHECK_INT(make_in_all(&f, base_name()), 0);
	CHECK_INT(make_in_all(&f, f.path), 0);
	CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.e), 0);
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	for (unsigned i = 0; i < f.g.n; i++)
		CHECK_INT(f.g.dir[i].created, 0);
	CHECK(!cgroup_is_own(&f.g));
	CHECK(spawn(&f, NULL, NULL) > 0);
	/* faults P6: never swept */
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), -EPERM);
	err_clear(&f.e);
	CHECK_INT(kill(f.child[0], 0), 0);
	kill(f.child[0], SIGKILL);
	reap(&f, f.child[0]);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, f.path), f.host.n);
}

/* A parent that two containers share goes with the last one that made something. */
TEST(a_shared_parent_stays_while_it_is_used)
{
	BEGIN(f, "/one");
	struct cgroup two;
	struct plan_cgroup p = f.p;
	char path[128];

	str_format(path, sizeof(path), "%s/two", base_name());
	p.path = path;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_INT(cgroup_select(CGROUP_CGROUPFS, &f.host, &two, &f.e), 0);
	CHECK_INT(two.ops->plan(&two, &p, &f.host, &f.e), 0);
	CHECK_INT(two.ops->create(&two, &p, &f.e), 0);
	CHECK_INT(two.dir[0].created, 1);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, path), f.host.n);
	CHECK_INT(two.ops->destroy(&two, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, path), 0);
}

TEST(a_populated_group_is_refused_and_left_alone)
{
	BEGIN(f, "/full");
	struct cgroup two;
	pid_t pid;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	pid = spawn(&f, NULL, NULL);
	CHECK(pid > 0);
	CHECK_INT(cgroup_select(CGROUP_CGROUPFS, &f.host, &two, &f.e), 0);
	CHECK_INT(two.ops->plan(&two, &f.p, &f.host, &f.e), 0);
	CHECK(two.ops->create(&two, &f.p, &f.e) < 0);
	CHECK_INT(f.e.id, ERR_CGR_CREATE);
	CHECK(strstr(f.e.msg, "not empty") != NULL);
	err_clear(&f.e);
	CHECK_INT(kill(pid, 0), 0);
	CHECK_INT(count_existing(&f, f.path), f.host.n);
}

TEST(bad_paths_are_refused)
{
	static const char *const bad[] = { "a", "/", "/a/../b", "/a//b", "/a/./b", "/..", "/a/", "/a\n", NULL };

	for (const char *const *p = bad; *p; p++) {
		struct err e = { 0 };

		CHECK(cgroup_path_check(*p, &e) < 0);
		CHECK_INT(e.id, ERR_CGR_PATH);
	}
	struct err e = { 0 };
	char name[300] = "/";
	memset(name + 1, 'x', 256);
	CHECK(cgroup_path_check(name, &e) < 0);
	name[256] = '\0';
	err_clear(&e);
	CHECK_INT(cgroup_path_check(name, &e), 0);
	CHECK_INT(cgroup_path_check("/a/...b/..c", &e), 0);
}

/* ---- devices ---- */

struct probe {
	char dir[64];
	int result; /* written by the child into shared memory */
};
enum { ZERO_R = 1, ZERO_W = 2, FULL_R = 4, FULL_W = 8, NULL_RW = 16, MKNOD_ZERO = 32, MKNOD_OTHER = 64 };

static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int makes(const char *dir, const char *name, unsigned major, unsigned minor)
{
	char path[128];
	int r;

	str_format(path, sizeof(path), "%s/%s", dir, name);
	r = mknod(path, S_IFCHR | 0600, makedev(major, minor));
	if (r == 0)
		unlink(path);
	return r == 0;
}

static int probe_devices(void *arg)
{
	struct probe *p = arg;

	p->result = opens("/dev/zero", O_RDONLY) * ZERO_R + opens("/dev/zero", O_WRONLY) * ZERO_W +
		    opens("/dev/full", O_RDONLY) * FULL_R + opens("/dev/full", O_WRONLY) * FULL_W +
		    opens("/dev/null", O_RDWR) * NULL_RW + makes(p->dir, "zero", 1, 5) * MKNOD_ZERO +
		    makes(p->dir, "other", 240, 17) * MKNOD_OTHER;
	return 0;
}

static int try_devices(struct fix *f, struct probe *p)
{
	pid_t pid;

	p->result = -1;
	pid = spawn(f, probe_devices, p);
	if (pid < 0 || reap(f, pid) != 0)
		return -1;
	return p->result;
}

#define ANY { .set = false }
#define NUM(x) { .set = true, .v = (x) }
enum { R = DEVICE_READ, W = DEVICE_WRITE, M = DEVICE_MKNOD };

TEST(devices_are_filtered)
{
	BEGIN(f, "/dev");
	struct probe *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct spec_device_rule rules[] = {
		{ false, 'a', ANY, ANY, R | W | M },
		{ true, 'c', NUM(1), NUM(3), R | W },
		{ true, 'c', NUM(1), NUM(5), R | M },
		{ true, 'c', NUM(1), NUM(7), W },
		{ true, 'c', NUM(1), NUM(9), R | W | M },
	}, more[] = {
		{ false, 'a', ANY, ANY, R | W | M },
		{ true, 'c', NUM(1), ANY, R },
		{ true, 'c', ANY, ANY, M },
	};

	str_format(p->dir, sizeof(p->dir), "/tmp/hull-test-cgroup-XXXXXX");
	CHECK(mkdtemp(p->dir) != NULL);
	f.p.devices = rules;
	f.p.n_devices = ARRAY_LEN(rules);
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(f.g.devices_enforced);
	CHECK_INT(try_devices(&f, p), NULL_RW | ZERO_R | MKNOD_ZERO | FULL_W);
	/* update: replaced, not added */
	f.p.devices = more;
	f.p.n_devices = ARRAY_LEN(more);
	CHECK_INT(apply(&f), 0);
	CHECK_INT(try_devices(&f, p), ZERO_R | FULL_R | MKNOD_ZERO | MKNOD_OTHER);
	f.p.devices = rules;
	f.p.n_devices = ARRAY_LEN(rules);
	CHECK_INT(apply(&f), 0);
	CHECK_INT(try_devices(&f, p), NULL_RW | ZERO_R | MKNOD_ZERO | FULL_W);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(rmdir(p->dir), 0);
	munmap(p, sizeof(*p));
}

TEST(without_rules_there_is_no_filter)
{
	BEGIN(f, "/nodev");
	struct probe *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	str_format(p->dir, sizeof(p->dir), "/nonexistent");
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(!f.g.devices_enforced);
	CHECK_INT(try_devices(&f, p), ZERO_R | ZERO_W | FULL_R | FULL_W | NULL_RW);
	munmap(p, sizeof(*p));
}

/* ---- kill, freeze, pids ---- */

static int *alive; /* shared: how many the bomb made so far */

/* Every process makes more for as long as it lives; bounded by the count for the sake of the host. */
static int bomb(void *arg)
{
	signal(SIGTERM, SIG_IGN);
	for (;;) {
		if (__atomic_fetch_add(alive, 1, __ATOMIC_RELAXED) < *(int *)arg && fork() < 0)
			usleep(1000);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sched_yield();
	}
	return 0;
}

static int wait_for_pids(struct fix *f, size_t want)
{
	for (int i = 0; i < 2000; i++) {
		struct arena a;
		int *v, r;
		size_t n = 0;

		arena_init(&a);
		r = f->g.ops->pids(&f->g, &a, &v, &n, &f->e);
		arena_free(&a);
		if (r < 0)
			return r;
		if (n >= want)
			return 0;
		io_wait(-1, 0, io_now() + 5000000);
	}
	return -ETIMEDOUT;
}

/* faults P7 */
TEST(kill_ends_a_fork_bomb)
{
	BEGIN(f, "/bomb");
	struct plan_cgroup_write w = W("/pids/limit", "pids.max", "60", "pids");
	bool pids = cgroup_dir_find(&f.g, "pids") >= 0;
	int limit = pids ? 1000000 : 60;

	alive = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pids) {
		f.p.writes = &w;
		f.p.n_writes = 1;
	}
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(spawn(&f, bomb, &limit) > 0);
	CHECK_INT(wait_for_pids(&f, 40), 0);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(10), &f.e), 0);
	CHECK_INT(WTERMSIG(reap(&f, f.child[0])), SIGKILL);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
	munmap(alive, sizeof(*alive));
}

/* The same by v1 means alone, with and without a pids hierarchy of its own. */
TEST(v1_kills_a_fork_bomb)
{
	for (int with_pids = 1; with_pids >= 0; with_pids--) {
		BEGIN(f, "/bomb1");
		int limit = 60, i;

		if (f.host.layout != HOST_CGROUP_V1 && f.host.layout != HOST_CGROUP_HYBRID)
			SKIP("no v1 hierarchy here");
		i = cgroup_dir_v2(&f.g);
		if (i >= 0)
			cgroup_dir_drop(&f.g, (unsigned)i);
		i = with_pids ? -1 : cgroup_dir_find(&f.g, "pids");
		if (i >= 0)
			cgroup_dir_drop(&f.g, (unsigned)i);
		alive = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
		CHECK(spawn(&f, bomb, &limit) > 0);
		CHECK_INT(wait_for_pids(&f, 20), 0);
		/* TERM reaches all and ends none; then frozen ones */
		CHECK_INT(f.g.ops->kill(&f.g, SIGTERM, 0, &f.e), 0);
		CHECK_INT(f.g.ops->freeze(&f.g, true, in(5), &f.e), 0);
		CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(10), &f.e), 0);
		CHECK_INT(WTERMSIG(reap(&f, f.child[0])), SIGKILL);
		CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
		munmap(alive, sizeof(*alive));
	}
}

TEST(freeze_stops_and_thaw_goes_on)
{
	BEGIN(f, "/ice");
	bool frozen = true;
	int *counter = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int limit = 0, before;

	alive = counter;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(spawn(&f, bomb, &limit) > 0);
	CHECK_INT(f.g.ops->frozen(&f.g, &frozen, &f.e), 0);
	CHECK(!frozen);
	CHECK_INT(f.g.ops->freeze(&f.g, true, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->frozen(&f.g, &frozen, &f.e), 0);
	CHECK(frozen);
	before = __atomic_load_n(counter, __ATOMIC_RELAXED);
	for (int i = 0; i < 200; i++)
		sched_yield();
	CHECK_INT(__atomic_load_n(counter, __ATOMIC_RELAXED), before);
	CHECK_INT(f.g.ops->freeze(&f.g, false, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->frozen(&f.g, &frozen, &f.e), 0);
	CHECK(!frozen);
	for (int i = 0; i < 100000 && __atomic_load_n(counter, __ATOMIC_RELAXED) == before; i++)
		sched_yield();
	CHECK(__atomic_load_n(counter, __ATOMIC_RELAXED) != before);
	/* faults P4: SIGKILL reaches a frozen group and leaves it thawed */
	CHECK_INT(f.g.ops->freeze(&f.g, true, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), 0);
	CHECK_INT(WTERMSIG(reap(&f, f.child[0])), SIGKILL);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
}

/* Hybrid: an administrator froze the v1 side; the killed processes could not end there. */
TEST(kill_thaws_a_foreign_v1_freezer)
{
	BEGIN(f, "/ice1");
	bool frozen = false;
	int i = cgroup_dir_find(&f.g, "freezer");

	if (i < 0)
		SKIP("no v1 freezer here");
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(spawn(&f, NULL, NULL) > 0);
	CHECK_INT(cgroup_v1_freeze(&f.g, (unsigned)i, true, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->frozen(&f.g, &frozen, &f.e), 0);
	CHECK(frozen);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), 0);
	CHECK_INT(WTERMSIG(reap(&f, f.child[0])), SIGKILL);
}

TEST(a_frozen_group_is_refused)
{
	BEGIN(f, "/ice2");
	unsigned i = f.host.n - 1;

	if (!f.host.h[i].v2)
		SKIP("no cgroup v2 here");
	CHECK_INT(make_in_all(&f, base_name()), 0);
	CHECK_INT(make_in_all(&f, f.path), 0);
	CHECK_INT(put(&f, i, f.path, "cgroup.freeze", "1"), 0);
	CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
	CHECK(strstr(f.e.msg, "is frozen") != NULL);
	err_clear(&f.e);
	CHECK_STR(get(&f, i, f.path, "cgroup.freeze"), "1");
	CHECK_INT(put(&f, i, f.path, "cgroup.freeze", "0"), 0);
}

TEST(pids_limits)
{
	BEGIN(f, "/pids");
	static const char *const values[] = { "0", "max", "20" };
	struct plan_cgroup_write w = W("/pids/limit", "pids.max", "0", "pids");
	int i = cgroup_dir_find(&f.g, "pids");

	if (i < 0 && f.host.layout == HOST_CGROUP_V2) {
		const char *have = get(&f, 0, "", "cgroup.controllers");

		i = have && strstr(have, "pids") ? 0 : -1;
	}
	f.p.writes = &w;
	f.p.n_writes = 1;
	if (i < 0) {
		/* and without the controller it is an error with the pointer, and nothing stays */
		CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
		CHECK_STR(f.e.at, "/linux/resources/pids/limit");
		CHECK(strstr(f.e.msg, "pids") != NULL);
		err_clear(&f.e);
		CHECK_INT(count_existing(&f, base_name()), 0);
		return;
	}
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_STR(get(&f, (unsigned)i, f.path, "pids.max"), "0");
	for (size_t k = 0; k < ARRAY_LEN(values); k++) {
		w.value = values[k];
		CHECK_INT(apply(&f), 0);
		CHECK_STR(get(&f, (unsigned)i, f.path, "pids.max"), values[k]);
	}
	/* an error names file, value, reason and pointer */
	w.value = "many";
	CHECK(apply(&f) < 0);
	CHECK(strstr(f.e.msg, "pids.max") && strstr(f.e.msg, "\"many\""));
	CHECK_INT(f.e.code, EINVAL);
	CHECK_STR(f.e.at, "/linux/resources/pids/limit");
	err_clear(&f.e);
}

/* Pairs that bound each other move up and down in one go; a failure puts everything back. */
TEST(v1_values_are_a_transaction)
{
	BEGIN(f, "/values");
	struct plan_cgroup_write up[] = {
		W("/memory/limit", "memory.limit_in_bytes", "67108864", "memory"),
		W("/memory/swap", "memory.memsw.limit_in_bytes", "134217728", "memory"),
		W("/cpu/period", "cpu.cfs_period_us", "50000", "cpu"),
		W("/cpu/quota", "cpu.cfs_quota_us", "25000", "cpu"),
		W("/cpu/mems", "cpuset.mems", "0", "cpuset"),
		W("/cpu/cpus", "cpuset.cpus", "0", "cpuset"),
		W("/pids/limit", "pids.max", "50", "pids"),
	};
	struct plan_cgroup_write more[] = {
		W("/memory/limit", "memory.limit_in_bytes", "268435456", "memory"),
		W("/memory/swap", "memory.memsw.limit_in_bytes", "268435456", "memory"),
	};
	struct plan_cgroup_write less[] = {
		W("/memory/limit", "memory.limit_in_bytes", "33554432", "memory"),
		W("/memory/swap", "memory.memsw.limit_in_bytes", "33554432", "memory"),
	};
	struct plan_cgroup_write bad[] = {
		W("/pids/limit", "pids.max", "7", "pids"),
		W("/memory/limit", "memory.limit_in_bytes", "16777216", "memory"),
		W("/cpu/cpus", "cpuset.cpus", "0-9999", "cpuset"),
	};
	int mem = cgroup_dir_find(&f.g, "memory"), cpu = cgroup_dir_find(&f.g, "cpu"), pids = cgroup_dir_find(&f.g, "pids");
	bool swap;

	if (mem < 0 || cpu < 0 || pids < 0 || cgroup_dir_find(&f.g, "cpuset") < 0)
		SKIP("not all of memory, cpu, cpuset and pids are v1 here");
	swap = get(&f, (unsigned)mem, "", "memory.memsw.limit_in_bytes");
	f.p.writes = up;
	f.p.n_writes = ARRAY_LEN(up);
	if (!swap)
		up[1] = up[0];
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_STR(get(&f, (unsigned)mem, f.path, "memory.limit_in_bytes"), "67108864");
	CHECK_STR(get(&f, (unsigned)cpu, f.path, "cpu.cfs_quota_us"), "25000");
	CHECK_STR(get(&f, (unsigned)cpu, f.path, "cpu.cfs_period_us"), "50000");
	f.p.writes = more;
	f.p.n_writes = swap ? 2 : 1;
	CHECK_INT(apply(&f), 0);
	CHECK_STR(get(&f, (unsigned)mem, f.path, "memory.limit_in_bytes"), "268435456");
	f.p.writes = less;
	CHECK_INT(apply(&f), 0);
	CHECK_STR(get(&f, (unsigned)mem, f.path, "memory.limit_in_bytes"), "33554432");
	f.p.writes = bad;
	f.p.n_writes = ARRAY_LEN(bad);
	CHECK(apply(&f) < 0);
	CHECK_STR(f.e.at, RES "/cpu/cpus");
	CHECK(strstr(f.e.msg, "cpuset.cpus") && strstr(f.e.msg, "\"0-9999\""));
	err_clear(&f.e);
	CHECK_STR(get(&f, (unsigned)mem, f.path, "memory.limit_in_bytes"), "33554432");
	CHECK_STR(get(&f, (unsigned)pids, f.path, "pids.max"), "50");
}

TEST(v1_realtime_reaches_through_new_parents)
{
	BEGIN(f, "/rt/below");
	struct plan_cgroup_write w[] = {
		W("/cpu/realtimePeriod", "cpu.rt_period_us", "1000000", "cpu"),
		W("/cpu/realtimeRuntime", "cpu.rt_runtime_us", "1000", "cpu"),
	};
	int i = cgroup_dir_find(&f.g, "cpu");

	if (i < 0 || !get(&f, (unsigned)i, "", "cpu.rt_runtime_us"))
		SKIP("no v1 cpu controller with realtime groups");
	f.p.writes = w;
	f.p.n_writes = 2;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_STR(get(&f, (unsigned)i, f.path, "cpu.rt_runtime_us"), "1000");
}

/* LNX-UNI-09, and a controller that is not there; "no limit" needs none. */
TEST(v1_refuses_what_it_does_not_have)
{
	BEGIN(f, "/refuse");
	struct plan_cgroup_write unified = W("/unified/pids.max", "pids.max", "max", "pids");
	struct plan_cgroup_write absent = W("/rdma/x", "rdma.max", "x hca_handle=1", "nosuch");
	struct plan_cgroup_write none = W("/pids/limit", "nosuch.max", "max", "nosuch");

	if (f.host.layout == HOST_CGROUP_V2)
		SKIP("no v1 hierarchy here");
	f.p.writes = &unified;
	f.p.n_writes = 1;
	CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
	CHECK_STR(f.e.at, RES "/unified/pids.max");
	err_clear(&f.e);
	f.p.writes = &absent;
	CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
	CHECK_STR(f.e.at, RES "/rdma/x");
	err_clear(&f.e);
	CHECK_INT(count_existing(&f, base_name()), 0);
	f.p.writes = &none;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
}

TEST(changes_are_reported)
{
	BEGIN(f, "/changes");
	struct plan_cgroup_write v1 = W("/pids/limit", "pids.max", "31", "pids");
	struct plan_cgroup_write v2 = W("/unified/cgroup.max.depth", "cgroup.max.depth", "31", "cgroup");
	struct cgroup_change *c = NULL;
	struct arena a;
	size_t n = 0;

	f.p.n_writes = 0;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	f.p.writes = f.host.layout == HOST_CGROUP_V2 ? &v2 : &v1;
	f.p.n_writes = 1;
	arena_init(&a);
	CHECK_INT(f.g.ops->apply(&f.g, &f.p, in(5), &a, &c, &n, &f.e), 0);
	CHECK_INT(n, 1);
	CHECK_STR(c[0].file, f.p.writes->file);
	CHECK_STR(c[0].old_value, "max\n");
	CHECK_STR(c[0].new_value, "31\n");
	arena_free(&a);
}

/* The file is named by the kernel's configuration: the second name is tried, and only when the first is missing. */
TEST(the_other_name_of_a_file_is_tried)
{
	BEGIN(f, "/alt");
	struct plan_cgroup_write w = W("/x", "cgroup.nosuch", "5", "cgroup");
	unsigned i = f.host.n - 1;

	if (f.host.layout != HOST_CGROUP_V2)
		SKIP("core files are written on v2 only");
	w.alt_file = "cgroup.max.depth";
	w.alt_value = "9";
	f.p.writes = &w;
	f.p.n_writes = 1;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_STR(get(&f, i, f.path, "cgroup.max.depth"), "9");
}

TEST(old_values_are_written_as_the_file_wants_them)
{
	static const struct {
		const char *file, *old, *value, *want;
	} rows[] = {
		{ "pids.max", "max\n", "20", "max" },
		{ "cpu.max", "max 100000\n", "5000 10000", "max 100000" },
		{ "cpuset.cpus", "\n", "0", "\n" },
		{ "io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=max wiops=max\n",
		  "8:16 rbps=7", "8:16 rbps=2 wbps=max riops=max wiops=max" },
		{ "io.max", "", "8:16 rbps=7", "8:16 rbps=max wbps=max riops=max wiops=max" },
		{ "io.max", "8:161 rbps=7\n", "8:16 rbps=7", "8:16 rbps=max wbps=max riops=max wiops=max" },
		{ "io.weight", "default 100\n8:0 50\n", "default 300", "default 100" },
		{ "io.bfq.weight", "default 100\n", "300", "default 100" },
		{ "io.weight", "default 100\n", "8:0 300", "8:0 default" },
		{ "blkio.bfq.weight", "500\n", "300", "500" },
		{ "blkio.throttle.read_bps_device", "", "8:0 300", "8:0 0" },
		{ "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", "1", "0" },
		{ "net_prio.ifpriomap", "lo 0\neth0 3\n", "eth0 9", "eth0 3" },
		{ "rdma.max", "", "mlx4_0 hca_handle=2", "mlx4_0 hca_handle=max hca_object=max" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(cgroup_restore_value(&a, rows[i].file, rows[i].old, rows[i].value), rows[i].want);
	arena_free(&a);
}

TEST(a_failed_create_leaves_nothing)
{
	BEGIN(f, "/a/b");
	struct plan_cgroup_write w[] = {
		{ "/linux/resources/unified/cgroup.no.such", "cgroup.no.such", "1", NULL },
	};

	f.p.writes = w;
	f.p.n_writes = 1;
	CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
	CHECK_STR(f.e.at, "/linux/resources/unified/cgroup.no.such");
	err_clear(&f.e);
	CHECK_INT(count_existing(&f, base_name()), 0);
	CHECK(!cgroup_is_own(&f.g));
	w[0].file = "../cgroup.procs";
	w[0].pointer = "/linux/resources/unified/..~1cgroup.procs";
	CHECK(f.g.ops->create(&f.g, &f.p, &f.e) < 0);
	err_clear(&f.e);
	CHECK_INT(count_existing(&f, base_name()), 0);
}

TEST(missing_rights_without_limits_are_no_error)
{
	BEGIN(f, "/nobody");
	int status;
	pid_t pid;

	/* as another user: nothing can be made there */
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct err e = { 0 };
		int ok = sys_setresgid(65534, 65534, 65534) == 0 && sys_setresuid(65534, 65534, 65534) == 0;

		f.p.ignore_missing = false;
		ok = ok && f.g.ops->create(&f.g, &f.p, &e) < 0 && e.id == ERR_CGR_CREATE;
		err_clear(&e);
		ok = ok && f.g.ops->plan(&f.g, &f.p, &f.host, &e) == 0;
		f.p.ignore_missing = true;
		ok = ok && f.g.ops->create(&f.g, &f.p, &e) == 0 && f.g.n == 0 && streq(f.g.ops->name, "none");
		ok = ok && f.g.ops->join(&f.g, getpid(), &e) == 0 && f.g.ops->destroy(&f.g, in(1), &e) == 0;
		_exit(ok ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
}

static int burn(void *arg)
{
	size_t n = *(size_t *)arg;
	volatile char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	for (volatile unsigned i = 0; i < 20000000; i++)
		;
	return 0;
}

TEST(what_was_used_is_counted)
{
	BEGIN(f, "/count");
	struct cgroup_stats s;
	struct arena a;
	size_t n = 8 << 20;
	pid_t one, two;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	arena_init(&a);
	CHECK_INT(f.g.ops->stats(&f.g, &a, &s, &f.e), 0);
	CHECK_INT(s.cpu.total, 0);
	two = spawn(&f, NULL, NULL);
	one = spawn(&f, burn, &n);
	CHECK(one > 0 && two > 0);
	CHECK_INT(reap(&f, one), 0);
	CHECK_INT(f.g.ops->stats(&f.g, &a, &s, &f.e), 0);
	CHECK(s.cpu.set && s.cpu.total > 1000000);
	CHECK(s.cpu.total < in(0));
	if (cgroup_dir_find(&f.g, "memory") >= 0) {
		CHECK(s.memory.set && s.memory.max >= n);
		CHECK(s.memory.limit == UINT64_MAX);
		CHECK(s.n_memory_raw > 10);
	}
	if (cgroup_dir_find(&f.g, "pids") >= 0) {
		CHECK_INT(s.pids.usage, 1);
		CHECK(s.pids.limit == UINT64_MAX);
	}
	if (cgroup_dir_find(&f.g, "cpuacct") >= 0) {
		CHECK_INT(s.cpu.n_cpus, sysconf(_SC_NPROCESSORS_CONF));
		CHECK(s.cpu.per_cpu_user != NULL);
	}
	CHECK(cgroup_dir_v2(&f.g) < 0 || s.cpu_pressure.set);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), 0);
	reap(&f, two);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->stats(&f.g, &a, &s, &f.e), -ENOENT);
	err_clear(&f.e);
	arena_free(&a);
}

TEST(the_oom_killer_is_noticed)
{
	BEGIN(f, "/oom");
	struct plan_cgroup_write w = W("/memory/limit", "memory.limit_in_bytes", "8388608", "memory");
	struct cgroup_oom o = { .fd = -1, .aux_fd = -1 };
	struct cgroup_stats s;
	struct arena a;
	size_t n = 64 << 20;
	pid_t pid;
	int r;

	if (cgroup_dir_find(&f.g, "memory") < 0) {
		CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
		if (cgroup_oom_open(&f.g, &o, &f.e) < 0) {
			CHECK_INT(f.e.id, ERR_CGR_LAYOUT);
			err_clear(&f.e);
			SKIP("the memory controller is not here");
		}
		w.file = "memory.max";
		CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
		cgroup_oom_close(&o);
		CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.e), 0);
	}
	f.p.writes = &w;
	f.p.n_writes = 1;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_INT(cgroup_oom_open(&f.g, &o, &f.e), 0);
	CHECK_INT(cgroup_oom_wait(&o, io_now() + 1), 0);
	pid = spawn(&f, burn, &n);
	CHECK(pid > 0);
	CHECK_INT(WTERMSIG(reap(&f, pid)), SIGKILL);
	CHECK_INT(cgroup_oom_wait(&o, in(5)), 1);
	arena_init(&a);
	CHECK_INT(f.g.ops->stats(&f.g, &a, &s, &f.e), 0);
	CHECK(s.oom_kills >= 1);
	CHECK_INT(s.memory.limit, 8388608);
	arena_free(&a);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	do
		r = cgroup_oom_wait(&o, in(5));
	while (r == 1); /* more kills than one are fine; then the end */
	CHECK_INT(r, -ENOENT);
	cgroup_oom_close(&o);
}

/* ---- trees made by the payload ---- */

/* faults P8: wide and deep, with processes at the bottom. */
TEST(nested_children_are_swept_and_removed)
{
	BEGIN(f, "/nest");
	char path[4096];
	struct arena a;
	int *v, i;
	size_t n = 0;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	i = cgroup_sweep_dir(&f.g);
	CHECK(i >= 0);
	for (int k = 0; k < 100; k++) {
		str_format(path, sizeof(path), "%s%s/w%d", f.g.dir[i].mount, f.g.dir[i].path, k);
		CHECK_INT(mkdir(path, 0755), 0);
		str_format(path, sizeof(path), "%s%s/w%d/x", f.g.dir[i].mount, f.g.dir[i].path, k);
		CHECK_INT(mkdir(path, 0755), 0);
	}
	str_format(path, sizeof(path), "%s/w1/x", f.path);
	CHECK(spawn(&f, NULL, NULL) > 0);
	CHECK(spawn(&f, NULL, NULL) > 0);
	char pid[16];
	str_format(pid, sizeof(pid), "%d", f.child[1]);
	CHECK_INT(put(&f, (unsigned)i, path, "cgroup.procs", pid), 0);
	arena_init(&a);
	CHECK_INT(f.g.ops->pids(&f.g, &a, &v, &n, &f.e), 0);
	CHECK_INT(n, 2);
	arena_free(&a);
	/* busy: an error that names the place and the process, and the group is still recorded as ours */
	CHECK(f.g.ops->destroy(&f.g, io_now() + SECOND / 10, &f.e) < 0);
	CHECK_INT(f.e.id, ERR_CGR_REMOVE);
	CHECK(strstr(f.e.msg, pid) != NULL);
	CHECK(cgroup_is_own(&f.g));
	err_clear(&f.e);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), 0);
	reap(&f, f.child[0]);
	reap(&f, f.child[1]);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
}

/* Deeper than PATH_MAX: made by mkdirat, as a hostile payload would. */
TEST(a_tree_deeper_than_path_max_is_removed)
{
	BEGIN(f, "/deep");
	char name[251];
	struct arena a;
	int fd, i, *v;
	size_t n;
	pid_t pid;
	char text[16];

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	i = cgroup_sweep_dir(&f.g);
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fd = cgroup_dir_open(&f.g, (unsigned)i);
	for (int k = 0; k < 24; k++) {
		int next;

		CHECK_INT(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		close(fd);
		fd = next;
	}
	pid = spawn(&f, NULL, NULL);
	CHECK(pid > 0);
	str_format(text, sizeof(text), "%d", pid);
	CHECK_INT(cgroup_file_write(fd, "cgroup.procs", text), 0);
	fd_close(&fd);
	arena_init(&a);
	CHECK_INT(f.g.ops->pids(&f.g, &a, &v, &n, &f.e), 0);
	CHECK_INT(n, 1);
	arena_free(&a);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(5), &f.e), 0);
	CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
}

/* faults P10 */
TEST(a_group_that_is_gone_is_done)
{
	BEGIN(f, "/gone");
	bool frozen = true;
	struct arena a;
	int *v;
	size_t n = 7;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	sweep(&f.host);
	CHECK_INT(count_existing(&f, base_name()), 0);
	CHECK_INT(f.g.ops->kill(&f.g, SIGKILL, in(1), &f.e), 0);
	CHECK_INT(f.g.ops->kill(&f.g, SIGTERM, 0, &f.e), 0);
	CHECK_INT(f.g.ops->frozen(&f.g, &frozen, &f.e), 0);
	CHECK(!frozen);
	arena_init(&a);
	CHECK_INT(f.g.ops->pids(&f.g, &a, &v, &n, &f.e), 0);
	CHECK_INT(n, 0);
	arena_free(&a);
	CHECK_INT(f.g.ops->freeze(&f.g, true, in(1), &f.e), -ENOENT);
	err_clear(&f.e);
	CHECK_INT(f.g.ops->destroy(&f.g, in(1), &f.e), 0);
}

TEST(a_restored_record_works)
{
	BEGIN(f, "/rec");
	struct cgroup g;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	g = f.g;
	g.ops = NULL;
	g.v2_fd = 77;
	CHECK_INT(cgroup_restore(&g, &f.e), 0);
	CHECK(g.ops == f.g.ops);
	CHECK_INT(g.v2_fd, -1);
	CHECK_INT(cgroup_open(&g, &f.e), 0);
	CHECK_INT(g.v2_fd >= 0, f.g.v2_fd >= 0);
	cgroup_close(&g);
	CHECK_INT(g.ops->destroy(&g, in(1), &f.e), 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
}

/* LNX-CGOWN rows */
TEST(ownership_is_given_by_the_kernels_list)
{
	BEGIN(f, "/own");
	static const char *const given[] = { "", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control" };
	static const char *const kept[] = { "/cgroup.events", "/cgroup.freeze", "/cgroup.max.depth" };
	char path[640];
	struct stat st;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_INT(cgroup_delegate(&f.g, 100000, 100001, &f.e), 0);
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		str_format(path, sizeof(path), "%s%s%s", f.g.dir[f.g.n - 1].mount, f.path, given[i]);
		if (f.host.layout == HOST_CGROUP_V1)
			continue;
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_uid, f.host.layout == HOST_CGROUP_V2 ? 100000 : 0);
		CHECK_INT(st.st_gid, f.host.layout == HOST_CGROUP_V2 ? 100001 : 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		str_format(path, sizeof(path), "%s%s%s", f.g.dir[f.g.n - 1].mount, f.path, kept[i]);
		if (f.host.layout == HOST_CGROUP_V1)
			continue;
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_uid, 0);
	}
}

TEST(join_moves_into_every_hierarchy)
{
	BEGIN(f, "/join");
	char path[64], *text;
	struct arena a;
	_cleanup_fd_ int fd = -1;
	unsigned n = 0;
	pid_t pid;
	size_t len;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	pid = spawn(&f, NULL, NULL);
	CHECK(pid > 0);
	str_format(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	arena_init(&a);
	CHECK_INT(io_read_all(fd, 1 << 20, &a, &text, &len), 0);
	for (char *p = text; (p = strstr(p, f.path)); p++)
		n++;
	arena_free(&a);
	CHECK_INT(n, f.host.n);
}

TEST(a_refused_controller_is_explained)
{
	BEGIN(f, "/up/down");
	struct plan_cgroup_write w = W("/hugepageLimits/0", "hugetlb.2MB.max", "4194304", "hugetlb");
	char pid[16], up[128];
	const char *have;
	bool had;

	if (f.host.layout != HOST_CGROUP_V2)
		SKIP("controllers are v1 here");
	have = get(&f, 0, "", "cgroup.controllers");
	if (!have || !strstr(have, "hugetlb"))
		SKIP("no hugetlb controller in v2");
	have = get(&f, 0, "", "cgroup.subtree_control");
	had = have && strstr(have, "hugetlb");
	str_format(up, sizeof(up), "%s/up", base_name());
	CHECK_INT(make_in_all(&f, base_name()), 0);
	CHECK_INT(make_in_all(&f, up), 0);
	fflush(stdout);
	f.child[f.n++] = fork();
	if (!f.child[0]) {
		pause();
		_exit(0);
	}
	str_format(pid, sizeof(pid), "%d", f.child[0]);
	CHECK_INT(put(&f, 0, up, "cgroup.procs", pid), 0);
	f.p.writes = &w;
	f.p.n_writes = 1;
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), -EBUSY);
	CHECK(strstr(f.e.msg, "enable hugetlb") && strstr(f.e.msg, up) && strstr(f.e.msg, pid));
	CHECK_STR(f.e.at, "/linux/resources/hugepageLimits/0");
	err_clear(&f.e);
	kill(f.child[0], SIGKILL);
	reap(&f, f.child[0]);
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_STR(get(&f, 0, f.path, "hugetlb.2MB.max"), "4194304");
	if (!had) {
		CHECK_INT(f.g.ops->destroy(&f.g, in(5), &f.e), 0);
		sweep(&f.host);
		CHECK_INT(put(&f, 0, "", "cgroup.subtree_control", "-hugetlb"), 0);
	}
}

UNIT_MAIN
