/* SPDX-License-Identifier: Apache-2.0 */
/* Real groups: which layout, making and removing, devices, ownership, joining. */
#include "cgroup_fix.h"

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
	CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.a, &f.e), 0);
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
	CHECK_INT(two.ops->plan(&two, &p, &f.host, &f.a, &f.e), 0);
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
	CHECK_INT(two.ops->plan(&two, &f.p, &f.host, &f.a, &f.e), 0);
	CHECK(two.ops->create(&two, &f.p, &f.e) < 0);
	CHECK_INT(f.e.id, ERR_CGR_CREATE);
	CHECK(strstr(f.e.msg, "not empty") != NULL);
	err_clear(&f.e);
	CHECK_INT(kill(pid, 0), 0);
	CHECK_INT(count_existing(&f, f.path), f.host.n);
}

TEST(bad_paths_are_refused)
{
	static const char *const bad[] = { "a",	  "/",	 "/a/../b", "/a//b", "/a/./b",
					   "/..", "/a/", "/a\n",    NULL };

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
enum {
	ZERO_R = 1,
	ZERO_W = 2,
	FULL_R = 4,
	FULL_W = 8,
	NULL_RW = 16,
	MKNOD_ZERO = 32,
	MKNOD_OTHER = 64
};

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
		    opens("/dev/null", O_RDWR) * NULL_RW +
		    makes(p->dir, "zero", 1, 5) * MKNOD_ZERO +
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

#define ANY                                                                                        \
	{                                                                                          \
		.set = false                                                                       \
	}
#define NUM(x)                                                                                     \
	{                                                                                          \
		.set = true, .v = (x)                                                              \
	}
enum { R = DEVICE_READ, W = DEVICE_WRITE, M = DEVICE_MKNOD };

TEST(devices_are_filtered)
{
	BEGIN(f, "/dev");
	struct probe *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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
	struct probe *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	str_format(p->dir, sizeof(p->dir), "/nonexistent");
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK(!f.g.devices_enforced);
	CHECK_INT(try_devices(&f, p), ZERO_R | ZERO_W | FULL_R | FULL_W | NULL_RW);
	munmap(p, sizeof(*p));
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
		int ok = sys_setresgid(65534, 65534, 65534) == 0 &&
			 sys_setresuid(65534, 65534, 65534) == 0;

		f.p.ignore_missing = false;
		ok = ok && f.g.ops->create(&f.g, &f.p, &e) < 0 && e.id == ERR_CGR_CREATE;
		err_clear(&e);
		ok = ok && f.g.ops->plan(&f.g, &f.p, &f.host, &f.a, &e) == 0;
		f.p.ignore_missing = true;
		ok = ok && f.g.ops->create(&f.g, &f.p, &e) == 0 && f.g.n == 0 &&
		     streq(f.g.ops->name, "none");
		ok = ok && f.g.ops->join(&f.g, getpid(), &e) == 0 &&
		     f.g.ops->destroy(&f.g, in(1), &e) == 0;
		_exit(ok ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(count_existing(&f, base_name()), 0);
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
/*
 * The payload enabled controllers, so that its group takes nobody: exec goes to where init is, and
 * nowhere else.
 */
TEST(the_group_beside_is_below_the_containers)
{
	BEGIN(f, "/beside");
	char path[256], want[256], pid[16];
	int i = cgroup_dir_v2(&f.g);
	pid_t one;

	if (i < 0)
		SKIP("no cgroup v2 here");
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	one = spawn(&f, NULL, NULL);
	CHECK(one > 0);
	CHECK_INT(cgroup_open_beside(&f.g, one, path, sizeof(path), &f.e), 0);
	CHECK_STR(path, f.path);
	str_format(want, sizeof(want), "%s/in", f.path);
	CHECK_INT(sys_mkdirat(f.g.v2_fd, "in", 0755), 0);
	str_format(pid, sizeof(pid), "%d", one);
	CHECK_INT(put(&f, f.host.n - 1, want, "cgroup.procs", pid), 0);
	CHECK_INT(cgroup_open_beside(&f.g, one, path, sizeof(path), &f.e), 0);
	CHECK_STR(path, want);
	CHECK(spawn(&f, NULL, NULL) > 0);
	/* "-x" is a neighbour, not a child: containment is by component */
	str_format(want, sizeof(want), "%s-x", f.path);
	CHECK_INT(make_in_all(&f, want), 0);
	CHECK_INT(put(&f, f.host.n - 1, want, "cgroup.procs", pid), 0);
	CHECK_INT(cgroup_open_beside(&f.g, one, path, sizeof(path), &f.e), -EXDEV);
	CHECK_INT(f.e.id, ERR_CGR_JOIN);
	err_clear(&f.e);
}

TEST(ownership_is_given_by_the_kernels_list)
{
	BEGIN(f, "/own");
	static const char *const given[] = { "", "/cgroup.procs", "/cgroup.threads",
					     "/cgroup.subtree_control" };
	static const char *const kept[] = { "/cgroup.events", "/cgroup.freeze",
					    "/cgroup.max.depth" };
	char path[640];
	struct stat st;

	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	CHECK_INT(cgroup_delegate(&f.g, 100000, 100001, &f.e), 0);
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		str_format(path, sizeof(path), "%s%s%s", f.g.dir[f.g.n - 1].mount, f.path,
			   given[i]);
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

UNIT_MAIN
