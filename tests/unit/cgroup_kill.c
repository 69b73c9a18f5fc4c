/* SPDX-License-Identifier: Apache-2.0 */
/* Real groups: kill, freeze, trees that the payload made. */
#include "cgroup_fix.h"

/* ---- kill, freeze, pids ---- */

static int *alive; /* shared: how many the bomb made so far */

/*
 * Every process makes more for as long as it lives; bounded by the count for the sake of the host.
 */
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

	alive = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
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
		alive = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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
	int *counter = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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
	CHECK(strstr(f.e.msg, "unexpectedly frozen") != NULL);
	err_clear(&f.e);
	CHECK_STR(get(&f, i, f.path, "cgroup.freeze"), "1");
	CHECK_INT(put(&f, i, f.path, "cgroup.freeze", "0"), 0);
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
	/*
	 * busy: an error that names the place and the process, and the group is still recorded as
	 * ours
	 */
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

UNIT_MAIN
