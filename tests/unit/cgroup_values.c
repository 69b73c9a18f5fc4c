/* SPDX-License-Identifier: Apache-2.0 */
/* Real groups: limits as a transaction, what they refuse, what is counted. */
#include "cgroup_fix.h"

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
	int mem = cgroup_dir_find(&f.g, "memory"), cpu = cgroup_dir_find(&f.g, "cpu"),
	    pids = cgroup_dir_find(&f.g, "pids");
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
	struct plan_cgroup_write v2 =
		W("/unified/cgroup.max.depth", "cgroup.max.depth", "31", "cgroup");
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

/*
 * The file is named by the kernel's configuration: the second name is tried, and only when the
 * first is missing.
 */
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
		{ "io.max",
		  "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=max "
		  "wiops=max\n",
		  "8:16 rbps=7", "8:16 rbps=2 wbps=max riops=max wiops=max" },
		{ "io.max", "", "8:16 rbps=7", "8:16 rbps=max wbps=max riops=max wiops=max" },
		{ "io.max", "8:161 rbps=7\n", "8:16 rbps=7",
		  "8:16 rbps=max wbps=max riops=max wiops=max" },
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
		CHECK_STR(cgroup_restore_value(&a, rows[i].file, rows[i].old, rows[i].value),
			  rows[i].want);
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

static int burn(void *arg)
{
	size_t n = *(size_t *)arg;
	volatile char *p =
		mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

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

static int hold(void *arg)
{
	size_t n = *(size_t *)arg;
	volatile char *p =
		mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	pause();
	return 0;
}

/*
 * A limit below the use is an error that changes nothing, not a kill. LNX-MEM-17 with check_memory.
 */
TEST(memory_never_shrinks_by_killing)
{
	BEGIN(f, "/shrink");
	struct plan_cgroup_write w[] = {
		W("/unified/memory.high", "memory.high", "67108864", "memory"),
		W("/memory/limit", "memory.max", "2097152", "memory"),
	};
	const char *have =
		f.host.layout == HOST_CGROUP_V2 ? get(&f, 0, "", "cgroup.controllers") : NULL;
	struct cgroup_stats s;
	struct arena a;
	size_t n = 16 << 20;
	pid_t pid;

	if (!have || !strstr(have, "memory"))
		SKIP("no memory controller in cgroup v2 here");
	CHECK_INT(f.g.ops->create(&f.g, &f.p, &f.e), 0);
	pid = spawn(&f, hold, &n);
	CHECK(pid > 0);
	arena_init(&a);
	do
		CHECK_INT(f.g.ops->stats(&f.g, &a, &s, &f.e), 0);
	while (s.memory.usage < n);
	f.p.writes = w;
	f.p.n_writes = 2;
	for (int check = 0; check < 2; check++) {
		f.p.check_memory = check;
		CHECK_INT(f.g.ops->apply(&f.g, &f.p, io_now() + SECOND / 3, &a, NULL, NULL, &f.e),
			  -EBUSY);
		CHECK_STR(f.e.at, RES "/memory/limit");
		err_clear(&f.e);
		CHECK_STR(get(&f, 0, f.path, "memory.max"), "max");
		CHECK_STR(get(&f, 0, f.path, "memory.high"), "max");
		CHECK_INT(kill(pid, 0), 0);
		CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
	}
	f.p.check_memory = false;
	w[1] = w[0];
	w[0] = (struct plan_cgroup_write)W("/memory/limit", "memory.max", "50331648", "memory");
	CHECK_INT(f.g.ops->apply(&f.g, &f.p, in(5), &a, NULL, NULL, &f.e), 0);
	CHECK_STR(get(&f, 0, f.path, "memory.max"), "50331648");
	CHECK_STR(get(&f, 0, f.path, "memory.high"), "67108864");
	arena_free(&a);
}

TEST(the_oom_killer_is_noticed)
{
	BEGIN(f, "/oom");
	struct plan_cgroup_write w =
		W("/memory/limit", "memory.limit_in_bytes", "8388608", "memory");
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
		CHECK_INT(f.g.ops->plan(&f.g, &f.p, &f.host, &f.a, &f.e), 0);
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

TEST(a_refused_controller_is_explained)
{
	BEGIN(f, "/up/down");
	struct plan_cgroup_write w =
		W("/hugepageLimits/0", "hugetlb.2MB.max", "4194304", "hugetlb");
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
