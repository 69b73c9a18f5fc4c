/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/stats: what a v1 group used, gathered from its hierarchies. Hides clock ticks, the
 * value that stands for "no limit", and the two sets of blkio files.
 */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

/* Directory of a controller, or -1. */
static int open_controller(const struct cgroup *g, const char *controller)
{
	int i = cgroup_dir_find(g, controller);

	return i < 0 ? -1 : cgroup_dir_open(g, (unsigned)i);
}

/* "123 456 ... " as numbers. */
static size_t read_numbers(const struct cgroup_reader *r, const char *file, uint64_t **ret)
{
	uint64_t *v = NULL, x;
	size_t n = 0;
	char *text, *word;

	if (cgroup_file_read_all(r->dir, file, r->a, &text) < 0)
		return 0;
	while ((word = strsep(&text, " \n")))
		if (str_to_u64(word, UINT64_MAX, &x) == 0)
			*(uint64_t *)arena_push(r->a, &v, &n, sizeof(*v)) = x;
	*ret = v;
	return n;
}

/* cpuacct.usage_all: "cpu user system" and a line for each CPU. Since 4.8. */
static void read_per_cpu(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	uint64_t *v;
	size_t n = read_numbers(r, "cpuacct.usage_all", &v);

	ret->cpu.n_cpus = read_numbers(r, "cpuacct.usage_percpu", &ret->cpu.per_cpu);
	if (n != 3 * ret->cpu.n_cpus || !n)
		return;
	ret->cpu.per_cpu_user = arena_new_array(r->a, n / 3, uint64_t);
	ret->cpu.per_cpu_system = arena_new_array(r->a, n / 3, uint64_t);
	for (size_t i = 0; i < n / 3; i++) {
		ret->cpu.per_cpu_user[i] = v[3 * i + 1];
		ret->cpu.per_cpu_system[i] = v[3 * i + 2];
	}
}

static void read_cpu(const struct cgroup *g, struct arena *a, struct cgroup_stats *ret)
{
	_cleanup_fd_ int acct = open_controller(g, "cpuacct"), cpu = open_controller(g, "cpu");
	struct cgroup_reader r = { .a = a, .dir = acct };
	uint64_t tick = 1000000000ull / (uint64_t)MAX(sysconf(_SC_CLK_TCK), 1l);
	struct cgroup_value *v = NULL;
	size_t n = 0;

	if (acct >= 0) {
		ret->cpu.set = cgroup_stat_number(&r, "cpuacct.usage", &ret->cpu.total);
		cgroup_stat_flat(&r, "cpuacct.stat", &v, &n);
		ret->cpu.user = cgroup_stat_find(v, n, "user") * tick;
		ret->cpu.system = cgroup_stat_find(v, n, "system") * tick;
		read_per_cpu(&r, ret);
	}
	if (cpu < 0)
		return;
	r.dir = cpu;
	n = 0;
	cgroup_stat_flat(&r, "cpu.stat", &v, &n);
	ret->cpu.periods = cgroup_stat_find(v, n, "nr_periods");
	ret->cpu.throttled_periods = cgroup_stat_find(v, n, "nr_throttled");
	ret->cpu.throttled_time = cgroup_stat_find(v, n, "throttled_time");
	ret->cpu.bursts = cgroup_stat_find(v, n, "nr_bursts");
	ret->cpu.burst_time = cgroup_stat_find(v, n, "burst_time");
}

/* KERNEL: "no limit" reads as LONG_MAX rounded down to a page. mm/page_counter.c. */
static uint64_t v1_limit(uint64_t v)
{
	return v >= (uint64_t)INT64_MAX - 65536 ? UINT64_MAX : v;
}

static void read_usage(const struct cgroup_reader *r, const char *prefix, struct cgroup_usage *ret)
{
	struct cgroup_usage u = { 0 };

	u.set = cgroup_stat_number(r, arena_printf(r->a, "%s.usage_in_bytes", prefix), &u.usage);
	if (!u.set)
		return;
	u.limit = UINT64_MAX;
	(void)cgroup_stat_number(r, arena_printf(r->a, "%s.limit_in_bytes", prefix), &u.limit);
	(void)cgroup_stat_number(r, arena_printf(r->a, "%s.max_usage_in_bytes", prefix), &u.max);
	(void)cgroup_stat_number(r, arena_printf(r->a, "%s.failcnt", prefix), &u.fail_count);
	u.limit = v1_limit(u.limit);
	*ret = u;
}

static void read_memory(const struct cgroup *g, struct arena *a, struct cgroup_stats *ret)
{
	_cleanup_fd_ int dir = open_controller(g, "memory");
	struct cgroup_reader r = { .a = a, .dir = dir };
	struct cgroup_value *v = NULL;
	size_t n = 0;

	if (dir < 0)
		return;
	read_usage(&r, "memory", &ret->memory);
	read_usage(&r, "memory.memsw", &ret->swap);
	read_usage(&r, "memory.kmem", &ret->kernel);
	read_usage(&r, "memory.kmem.tcp", &ret->kernel_tcp);
	cgroup_stat_flat(&r, "memory.stat", &ret->memory_raw, &ret->n_memory_raw);
	ret->cache = cgroup_stat_find(ret->memory_raw, ret->n_memory_raw, "total_cache");
	cgroup_stat_flat(&r, "memory.oom_control", &v, &n);
	ret->oom_kills = cgroup_stat_find(v, n, "oom_kill"); /* since 4.13 */
}

/* "8:0 Read 4096" or, in some files, "8:0 4096". "Total 4096" at the end belongs to no device. */
static void read_io_file(const struct cgroup_reader *r, const char *file, enum cgroup_io_kind kind,
			 struct cgroup_stats *ret)
{
	char *text, *line;

	if (cgroup_file_read_all(r->dir, file, r->a, &text) < 0)
		return;
	while ((line = strsep(&text, "\n"))) {
		char *device = strsep(&line, " "), *op = line ? strsep(&line, " ") : NULL;
		char *colon = strchr(device, ':'), *number = line ? line : op;
		struct cgroup_io x = { .kind = kind, .op = line ? op : "" };
		struct cgroup_io *slot;

		if (!colon || !number)
			continue;
		*colon = '\0';
		if (str_to_u32(device, &x.major) < 0 || str_to_u32(colon + 1, &x.minor) < 0 ||
		    str_to_u64(number, UINT64_MAX, &x.value) < 0)
			continue;
		slot = arena_push(r->a, &ret->io, &ret->n_io, sizeof(*slot));
		*slot = x;
	}
}

static void read_io(const struct cgroup *g, struct arena *a, struct cgroup_stats *ret)
{
	static const struct {
		enum cgroup_io_kind kind;
		char file[44];
	} bfq[] = {
		{ CGROUP_IO_BYTES, "blkio.bfq.io_service_bytes_recursive" },
		{ CGROUP_IO_COUNT, "blkio.bfq.io_serviced_recursive" },
		{ CGROUP_IO_QUEUED, "blkio.bfq.io_queued_recursive" },
		{ CGROUP_IO_SERVICE_TIME, "blkio.bfq.io_service_time_recursive" },
		{ CGROUP_IO_WAIT_TIME, "blkio.bfq.io_wait_time_recursive" },
		{ CGROUP_IO_MERGED, "blkio.bfq.io_merged_recursive" },
		{ CGROUP_IO_TIME, "blkio.bfq.time_recursive" },
		{ CGROUP_IO_SECTORS, "blkio.bfq.sectors_recursive" },
	}, throttle[] = {
		{ CGROUP_IO_BYTES, "blkio.throttle.io_service_bytes_recursive" },
		{ CGROUP_IO_COUNT, "blkio.throttle.io_serviced_recursive" },
	};
	_cleanup_fd_ int dir = open_controller(g, "blkio");
	struct cgroup_reader r = { .a = a, .dir = dir };

	if (dir < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(bfq); i++)
		read_io_file(&r, bfq[i].file, bfq[i].kind, ret);
	/*
	 * without the bfq scheduler its files are there and empty: the throttling layer counts
	 * always
	 */
	for (size_t i = 0; !ret->n_io && i < ARRAY_LEN(throttle); i++)
		read_io_file(&r, throttle[i].file, throttle[i].kind, ret);
	if (ret->n_io)
		return;
	read_io_file(&r, "blkio.throttle.io_service_bytes", CGROUP_IO_BYTES, ret);
	read_io_file(&r, "blkio.throttle.io_serviced", CGROUP_IO_COUNT, ret);
}

static void read_hugetlb(const struct cgroup *g, struct arena *a, struct cgroup_stats *ret)
{
	_cleanup_fd_ int dir = open_controller(g, "hugetlb");
	struct cgroup_reader r = { .a = a, .dir = dir };
	const char **sizes;
	size_t n = dir < 0 ? 0 : cgroup_stat_page_sizes(&r, "usage_in_bytes", &sizes);

	for (size_t i = 0; i < n; i++) {
		struct cgroup_hugetlb *x =
			arena_push(a, &ret->hugetlb, &ret->n_hugetlb, sizeof(*x));

		x->size = sizes[i];
		read_usage(&r, arena_printf(a, "hugetlb.%s", sizes[i]), &x->usage);
	}
}

int cgroup_v1_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	_cleanup_fd_ int any = g->n ? cgroup_dir_open(g, 0) : -ENOENT;
	_cleanup_fd_ int pids = open_controller(g, "pids"), cpuset = open_controller(g, "cpuset"),
			 v2 = -1;
	struct cgroup_reader r = { .a = a, .dir = pids };
	char name[CGROUP_NAME_SIZE];
	int i = cgroup_dir_v2(g);

	if (any < 0)
		return err_sys(e, ERR_GEN_SYS, any, "open cgroup %s", cgroup_dir_name(g, 0, name));
	*ret = (struct cgroup_stats){ 0 };
	read_cpu(g, a, ret);
	read_memory(g, a, ret);
	ret->pids.limit = UINT64_MAX;
	if (pids >= 0) {
		ret->pids.set = cgroup_stat_number(&r, "pids.current", &ret->pids.usage);
		(void)cgroup_stat_number(&r, "pids.max", &ret->pids.limit);
	}
	r.dir = cpuset;
	if (cpuset >= 0) {
		ret->cpus = cgroup_stat_text(&r, "cpuset.effective_cpus");
		ret->mems = cgroup_stat_text(&r, "cpuset.effective_mems");
	}
	read_io(g, a, ret);
	read_hugetlb(g, a, ret);
	/* hybrid: pressure is counted in the v2 group whoever holds the controllers */
	v2 = i < 0 ? -1 : cgroup_dir_open(g, (unsigned)i);
	r.dir = v2;
	if (v2 >= 0)
		cgroup_stat_all_pressures(&r, ret);
	return 0;
}
