/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2/stats: what a v2 group used. Hides units (the kernel counts microseconds) and that swap
 * is counted beside memory, not on top of it.
 */
#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

static void read_cpu(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	struct cgroup_value *v = NULL;
	size_t n = 0;

	cgroup_stat_flat(r, "cpu.stat", &v, &n);
	if (!n)
		return;
	ret->cpu.set = true;
	ret->cpu.total = cgroup_stat_find(v, n, "usage_usec") * 1000;
	ret->cpu.user = cgroup_stat_find(v, n, "user_usec") * 1000;
	ret->cpu.system = cgroup_stat_find(v, n, "system_usec") * 1000;
	ret->cpu.periods = cgroup_stat_find(v, n, "nr_periods");
	ret->cpu.throttled_periods = cgroup_stat_find(v, n, "nr_throttled");
	ret->cpu.throttled_time = cgroup_stat_find(v, n, "throttled_usec") * 1000;
	ret->cpu.bursts = cgroup_stat_find(v, n, "nr_bursts");
	ret->cpu.burst_time = cgroup_stat_find(v, n, "burst_usec") * 1000;
}

static uint64_t add_limits(uint64_t a, uint64_t b)
{
	return a == UINT64_MAX || b == UINT64_MAX || a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void read_memory(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	struct cgroup_value *events = NULL;
	struct cgroup_usage swap = { .limit = UINT64_MAX };
	size_t n = 0;

	ret->memory.set = cgroup_stat_number(r, "memory.current", &ret->memory.usage);
	if (!ret->memory.set)
		return;
	ret->memory.limit = UINT64_MAX;
	(void)cgroup_stat_number(r, "memory.max", &ret->memory.limit);
	(void)cgroup_stat_number(r, "memory.peak", &ret->memory.max); /* since 5.19 */
	cgroup_stat_flat(r, "memory.events", &events, &n);
	ret->memory.fail_count = cgroup_stat_find(events, n, "max");
	ret->oom_kills = cgroup_stat_find(events, n, "oom_kill");
	cgroup_stat_flat(r, "memory.stat", &ret->memory_raw, &ret->n_memory_raw);
	ret->cache = cgroup_stat_find(ret->memory_raw, ret->n_memory_raw, "file");
	if (!cgroup_stat_number(r, "memory.swap.current", &swap.usage))
		return;
	(void)cgroup_stat_number(r, "memory.swap.max", &swap.limit);
	ret->swap.set = true;
	ret->swap.usage = ret->memory.usage + swap.usage;
	ret->swap.limit = add_limits(ret->memory.limit, swap.limit);
}

static void add_io(struct arena *a, struct cgroup_stats *ret, enum cgroup_io_kind kind,
		   uint32_t major, uint32_t minor, const char *op, uint64_t value)
{
	struct cgroup_io *x = arena_push(a, &ret->io, &ret->n_io, sizeof(*x));

	*x = (struct cgroup_io){
		.kind = kind, .major = major, .minor = minor, .op = op, .value = value
	};
}

/* "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0" */
static void read_io_line(const struct cgroup_reader *r, char *line, struct cgroup_stats *ret)
{
	static const struct {
		char key[8];
		enum cgroup_io_kind kind;
		char op[8];
	} keys[] = {
		{ "rbytes", CGROUP_IO_BYTES, "Read" },	  { "wbytes", CGROUP_IO_BYTES, "Write" },
		{ "dbytes", CGROUP_IO_BYTES, "Discard" }, { "rios", CGROUP_IO_COUNT, "Read" },
		{ "wios", CGROUP_IO_COUNT, "Write" },	  { "dios", CGROUP_IO_COUNT, "Discard" },
	};
	char *word = strsep(&line, " "), *colon = strchr(word, ':'), *equals;
	uint32_t major, minor;
	uint64_t value;

	if (!colon)
		return;
	*colon = '\0';
	if (str_to_u32(word, &major) < 0 || str_to_u32(colon + 1, &minor) < 0)
		return;
	while ((word = strsep(&line, " "))) {
		equals = strchr(word, '=');
		if (!equals || str_to_u64(equals + 1, UINT64_MAX, &value) < 0)
			continue;
		*equals = '\0';
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			if (streq(keys[i].key, word))
				add_io(r->a, ret, keys[i].kind, major, minor, keys[i].op, value);
	}
}

static void read_io(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	char *text, *line;

	if (cgroup_file_read_all(r->dir, "io.stat", r->a, &text) < 0)
		return;
	while ((line = strsep(&text, "\n")))
		if (*line)
			read_io_line(r, line, ret);
}

static void read_hugetlb(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	const char **sizes;
	size_t n = cgroup_stat_page_sizes(r, "current", &sizes);

	for (size_t i = 0; i < n; i++) {
		struct cgroup_hugetlb *x =
			arena_push(r->a, &ret->hugetlb, &ret->n_hugetlb, sizeof(*x));
		struct cgroup_value *events = NULL;
		size_t n_events = 0;

		x->size = sizes[i];
		x->usage.limit = UINT64_MAX;
		x->usage.set = cgroup_stat_number(
			r, arena_printf(r->a, "hugetlb.%s.current", sizes[i]), &x->usage.usage);
		(void)cgroup_stat_number(r, arena_printf(r->a, "hugetlb.%s.max", sizes[i]),
					 &x->usage.limit);
		cgroup_stat_flat(r, arena_printf(r->a, "hugetlb.%s.events", sizes[i]), &events,
				 &n_events);
		x->usage.fail_count = cgroup_stat_find(events, n_events, "max");
	}
}

void cgroup_v2_stats_read(int dir, struct arena *a, struct cgroup_stats *ret)
{
	struct cgroup_reader r = { .a = a, .dir = dir };

	*ret = (struct cgroup_stats){ 0 };
	read_cpu(&r, ret);
	read_memory(&r, ret);
	ret->pids.set = cgroup_stat_number(&r, "pids.current", &ret->pids.usage);
	ret->pids.limit = UINT64_MAX;
	(void)cgroup_stat_number(&r, "pids.max", &ret->pids.limit);
	(void)cgroup_stat_number(&r, "pids.peak", &ret->pids.max); /* since 6.6 */
	ret->cpus = cgroup_stat_text(&r, "cpuset.cpus.effective");
	ret->mems = cgroup_stat_text(&r, "cpuset.mems.effective");
	read_io(&r, ret);
	read_hugetlb(&r, ret);
	cgroup_stat_all_pressures(&r, ret);
}

int cgroup_v2_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, 0);
	char name[CGROUP_NAME_SIZE];

	if (dir < 0)
		return err_sys(e, ERR_GEN_SYS, dir, "open cgroup %s", cgroup_dir_name(g, 0, name));
	cgroup_v2_stats_read(dir, a, ret);
	return 0;
}
