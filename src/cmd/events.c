/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/events: measures and OOM kills of a container, one line of JSON each:
 * {"type":"stats","id":ID,"data":{...}} in the shape that clients of runc read.
 */
#include <errno.h>
#include <stdio.h>

#include "base/io.h"
#include "base/str.h"
#include "cmd/cmd.h"

enum { LIST_MAX = 65536 }; /* CPUs or nodes */

static void put_pressure_line(struct jw *w, const char *key, const struct cgroup_pressure_line *l)
{
	const struct {
		const char *key;
		uint32_t v;
	} rows[] = { { "avg10", l->avg10 }, { "avg60", l->avg60 }, { "avg300", l->avg300 } };
	char text[24];

	jw_object(w, key);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		str_format(text, sizeof(text), "%u.%02u", rows[i].v / 100, rows[i].v % 100);
		jw_raw(w, rows[i].key, text, strlen(text));
	}
	jw_u64(w, "total", l->total);
	jw_end(w);
}

static void put_pressure(struct jw *w, const struct cgroup_pressure *p)
{
	if (!p->set)
		return;
	jw_object(w, "psi");
	put_pressure_line(w, "some", &p->some);
	put_pressure_line(w, "full", &p->full);
	jw_end(w);
}

static void put_numbers(struct jw *w, const char *key, const uint64_t *v, size_t n)
{
	if (!v || !n)
		return;
	jw_array(w, key);
	for (size_t i = 0; i < n; i++)
		jw_u64(w, NULL, v[i]);
	jw_end(w);
}

static void put_cpu(struct jw *w, const struct cgroup_stats *s)
{
	jw_object(w, "cpu");
	if (s->cpu.set) {
		jw_object(w, "usage");
		jw_u64(w, "total", s->cpu.total);
		put_numbers(w, "percpu", s->cpu.per_cpu, s->cpu.n_cpus);
		put_numbers(w, "percpu_kernel", s->cpu.per_cpu_system, s->cpu.n_cpus);
		put_numbers(w, "percpu_user", s->cpu.per_cpu_user, s->cpu.n_cpus);
		jw_u64(w, "kernel", s->cpu.system);
		jw_u64(w, "user", s->cpu.user);
		jw_end(w);
		jw_object(w, "throttling");
		jw_u64(w, "periods", s->cpu.periods);
		jw_u64(w, "throttledPeriods", s->cpu.throttled_periods);
		jw_u64(w, "throttledTime", s->cpu.throttled_time);
		jw_end(w);
		jw_object(w, "burst");
		jw_u64(w, "burstsPeriods", s->cpu.bursts);
		jw_u64(w, "burstTime", s->cpu.burst_time);
		jw_end(w);
	}
	put_pressure(w, &s->cpu_pressure);
	jw_end(w);
}

static const char *read_number(const char *p, unsigned *ret)
{
	unsigned v = 0;

	for (; *p >= '0' && *p <= '9' && v < LIST_MAX; p++)
		v = v * 10 + (unsigned)(*p - '0');
	*ret = v;
	return p;
}

/* The kernel's list "0-2,7" as [0,1,2,7]. */
static void put_list(struct jw *w, const char *key, const char *list)
{
	if (!list || !*list)
		return;
	jw_array(w, key);
	for (const char *p = list; *p >= '0' && *p <= '9'; p += *p == ',') {
		unsigned first, last;

		p = read_number(p, &first);
		last = first;
		if (*p == '-')
			p = read_number(p + 1, &last);
		for (; first <= last && first < LIST_MAX; first++)
			jw_u64(w, NULL, first);
	}
	jw_end(w);
}

static void put_usage(struct jw *w, const char *key, const struct cgroup_usage *u)
{
	if (!u->set)
		return;
	jw_object(w, key);
	jw_u64(w, "limit", u->limit);
	jw_u64(w, "usage", u->usage);
	jw_u64(w, "max", u->max);
	jw_u64(w, "failcnt", u->fail_count);
	jw_end(w);
}

static void put_memory(struct jw *w, const struct cgroup_stats *s)
{
	jw_object(w, "memory");
	if (s->memory.set)
		jw_u64(w, "cache", s->cache);
	put_usage(w, "usage", &s->memory);
	put_usage(w, "swap", &s->swap);
	put_usage(w, "kernel", &s->kernel);
	put_usage(w, "kernelTCP", &s->kernel_tcp);
	if (s->n_memory_raw) {
		jw_object(w, "raw");
		for (size_t i = 0; i < s->n_memory_raw; i++)
			jw_u64(w, s->memory_raw[i].name, s->memory_raw[i].value);
		jw_end(w);
	}
	put_pressure(w, &s->memory_pressure);
	jw_end(w);
}

static void put_io(struct jw *w, const struct cgroup_stats *s)
{
	static const char names[][24] = {
		[CGROUP_IO_BYTES] = "ioServiceBytesRecursive",
		[CGROUP_IO_COUNT] = "ioServicedRecursive",
		[CGROUP_IO_QUEUED] = "ioQueueRecursive",
		[CGROUP_IO_SERVICE_TIME] = "ioServiceTimeRecursive",
		[CGROUP_IO_WAIT_TIME] = "ioWaitTimeRecursive",
		[CGROUP_IO_MERGED] = "ioMergedRecursive",
		[CGROUP_IO_TIME] = "ioTimeRecursive",
		[CGROUP_IO_SECTORS] = "sectorsRecursive",
	};

	jw_object(w, "blkio");
	for (unsigned kind = 0; kind < ARRAY_LEN(names); kind++) {
		bool open = false;

		for (size_t i = 0; i < s->n_io; i++) {
			if (s->io[i].kind != kind)
				continue;
			if (!open)
				jw_array(w, names[kind]);
			open = true;
			jw_object(w, NULL);
			jw_u64(w, "major", s->io[i].major);
			jw_u64(w, "minor", s->io[i].minor);
			if (*s->io[i].op)
				jw_string(w, "op", s->io[i].op);
			jw_u64(w, "value", s->io[i].value);
			jw_end(w);
		}
		if (open)
			jw_end(w);
	}
	put_pressure(w, &s->io_pressure);
	jw_end(w);
}

static void put_rest(struct jw *w, const struct cgroup_stats *s)
{
	jw_object(w, "pids");
	if (s->pids.set) {
		jw_u64(w, "current", s->pids.usage);
		/* clients read 0 as no limit */
		jw_u64(w, "limit", s->pids.limit == UINT64_MAX ? 0 : s->pids.limit);
	}
	jw_end(w);
	jw_object(w, "hugetlb");
	for (size_t i = 0; i < s->n_hugetlb; i++)
		put_usage(w, s->hugetlb[i].size, &s->hugetlb[i].usage);
	jw_end(w);
	jw_object(w, "cpuset");
	put_list(w, "cpus", s->cpus);
	put_list(w, "mems", s->mems);
	jw_end(w);
}

/* Names and spelling of keys as clients of runc read them. */
static void put_network(struct jw *w, struct events *v, struct arena *a)
{
	struct net_stats *x;
	size_t n;

	events_network(v, a, &x, &n);
	if (!n)
		return;
	jw_array(w, "network_interfaces");
	for (size_t i = 0; i < n; i++) {
		jw_object(w, NULL);
		jw_string(w, "Name", x[i].name);
		jw_u64(w, "RxBytes", x[i].rx.bytes);
		jw_u64(w, "RxPackets", x[i].rx.packets);
		jw_u64(w, "RxErrors", x[i].rx.errors);
		jw_u64(w, "RxDropped", x[i].rx.dropped);
		jw_u64(w, "TxBytes", x[i].tx.bytes);
		jw_u64(w, "TxPackets", x[i].tx.packets);
		jw_u64(w, "TxErrors", x[i].tx.errors);
		jw_u64(w, "TxDropped", x[i].tx.dropped);
		jw_end(w);
	}
	jw_end(w);
}

static void put_text(struct jw *w, const char *key, const char *value)
{
	if (value)
		jw_string(w, key, value);
}

static void put_rdt_nodes(struct jw *w, const struct tune_rdt_stats *s)
{
	bool mbm = false, cmt = false;

	for (size_t i = 0; i < s->n_nodes; i++) {
		mbm |= s->nodes[i].has_total || s->nodes[i].has_local;
		cmt |= s->nodes[i].has_occupancy;
	}
	if (mbm)
		jw_array(w, "mbm_stats");
	for (size_t i = 0; mbm && i < s->n_nodes; i++) {
		jw_object(w, NULL);
		jw_u64(w, "mbm_total_bytes", s->nodes[i].total);
		jw_u64(w, "mbm_local_bytes", s->nodes[i].local);
		jw_end(w);
	}
	if (mbm)
		jw_end(w);
	if (cmt)
		jw_array(w, "cmt_stats");
	for (size_t i = 0; cmt && i < s->n_nodes; i++) {
		jw_object(w, NULL);
		jw_u64(w, "llc_occupancy", s->nodes[i].occupancy);
		jw_end(w);
	}
	if (cmt)
		jw_end(w);
}

static void put_rdt(struct jw *w, struct events *v, struct arena *a)
{
	struct tune_rdt_stats s;

	if (!events_rdt(v, a, &s))
		return;
	jw_object(w, "intel_rdt");
	if (s.l3.set) {
		jw_object(w, "l3_cache_info");
		jw_string(w, "cbm_mask", s.l3.cbm_mask);
		jw_u64(w, "min_cbm_bits", s.l3.min_cbm_bits);
		jw_u64(w, "num_closids", s.l3.num_closids);
		jw_end(w);
	}
	put_text(w, "l3_cache_schema_root", s.root.l3);
	put_text(w, "l3_cache_schema", s.group.l3);
	if (s.mb.set) {
		jw_object(w, "mem_bw_info");
		jw_u64(w, "bandwidth_gran", s.mb.bandwidth_gran);
		jw_u64(w, "delay_linear", s.mb.delay_linear);
		jw_u64(w, "min_bandwidth", s.mb.min_bandwidth);
		jw_u64(w, "num_closids", s.mb.num_closids);
		jw_end(w);
	}
	put_text(w, "mem_bw_schema_root", s.root.mb);
	put_text(w, "mem_bw_schema", s.group.mb);
	put_rdt_nodes(w, &s);
	jw_end(w);
}

/* Each line leaves at once: somebody waits for it at the other end of a pipe. */
static int say(const char *line, struct err *e)
{
	if (puts(line) < 0 || fflush(stdout) != 0)
		return err_sys(e, ERR_CLI_FILE, errno ? -errno : -EIO, "write to standard output");
	return 0;
}

static int say_stats(struct events *v, const char *id, struct err *e)
{
	struct cgroup_stats s = { 0 };
	struct arena a; /* of this line: the command may run for months */
	struct jw w;
	int r;

	arena_init(&a);
	r = events_stats(v, &a, &s, e);
	if (r >= 0) {
		jw_init(&w, &a, 0);
		jw_object(&w, NULL);
		jw_string(&w, "type", "stats");
		jw_string(&w, "id", id);
		jw_object(&w, "data");
		put_cpu(&w, &s);
		put_memory(&w, &s);
		put_io(&w, &s);
		put_rest(&w, &s);
		put_network(&w, v, &a);
		put_rdt(&w, v, &a);
		jw_end(&w);
		jw_end(&w);
		r = say(w.buf, e);
	}
	arena_free(&a);
	return r;
}

static int follow(struct ctx *c, struct events *v, const char *id, uint64_t interval, struct err *e)
{
	const char *oom = arena_printf(&c->a, "{\"type\":\"oom\",\"id\":\"%s\"}", id);
	enum container_event what = EVENT_TICK;
	uint64_t next = io_now();
	int r = 0;

	for (; r >= 0 && what != EVENT_END; r = r < 0 ? r : events_next(v, next, &what, e)) {
		if (what == EVENT_OOM) {
			r = say(oom, e);
			continue;
		}
		r = say_stats(v, id, e);
		if (r == -ENOENT) { /* the end, seen early */
			err_clear(e);
			return 0;
		}
		next = io_after(interval);
	}
	return r < 0 ? r : 0;
}

static int run_events(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	uint64_t interval = SECONDS(5);
	struct events v;
	int r = 0;

	(void)ret_status;
	if (a->interval)
		r = cmd_duration(a->interval, "--interval", &interval, e);
	if (r == 0 && !interval)
		r = err_set(e, ERR_CLI_VALUE, 0, "--interval must be more than 0");
	interval = MIN(interval, SECONDS(1000000000));
	if (r == 0)
		r = events_open(c, a->v[0], !a->stats, &v, e);
	if (r < 0)
		return r;
	r = a->stats ? say_stats(&v, a->v[0], e) : follow(c, &v, a->v[0], interval, e);
	events_close(&v);
	return r < 0 ? r : 0;
}

static const struct opt events_opts[] = {
	OPT_T("interval", 0, interval, "TIME", "time between two measures (5s)"),
	OPT_F("stats", 0, stats, "one measure, then end"),
};

const struct cmd cmd_events =
	CMD("events", "ID", "report what a container uses, and kills for want of memory, as JSON",
	    events_opts, 1, 1, run_events);
