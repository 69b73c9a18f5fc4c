/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/resources: linux.resources as files to write, in order: v2 names on a v2 host, v1 names
 * elsewhere. Hides every conversion between the two. What the host's version cannot express is an
 * error with its pointer, never dropped (LNX-UNI-08).
 */
#include <errno.h>
#include <inttypes.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"

#define RES "/linux/resources"

static bool v2(const struct maker *m)
{
	return m->host->cgroups == HOST_CGROUP_V2;
}

static struct plan_cgroup_write *put(struct maker *m, const char *pointer, const char *controller,
				     const char *file, const char *value)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	struct plan_cgroup_write *w = arena_push(m->arena, &c->writes, &c->n_writes, sizeof(*w));

	w->pointer = pointer;
	w->controller = controller;
	w->file = file;
	w->value = value;
	return w;
}

static char *num(struct maker *m, int64_t v)
{
	return arena_printf(m->arena, "%" PRId64, v);
}

static char *unum(struct maker *m, uint64_t v)
{
	return arena_printf(m->arena, "%" PRIu64, v);
}

/* A limit: negative means none. */
static char *limit(struct maker *m, int64_t v)
{
	return v >= 0  ? num(m, v)
	       : v2(m) ? arena_strdup(m->arena, "max")
		       : arena_strdup(m->arena, "-1");
}

/* Refuse the settings of which v2 has no counterpart. */
static int only_v1(struct maker *m, bool given, const char *pointer, struct err *e)
{
	int r;

	if (!given)
		return 0;
	r = err_set(e, ERR_CFG_HOST, 0, "cgroup v2 has no counterpart of this setting");
	err_at(e, r, "%s", pointer);
	return plan_go_on(m, e) ? 0 : r;
}

/* ---- memory ---- */

/* config-linux.md: swap is memory plus swap; memory.swap.max is swap alone. */
static int memory_swap_v2(struct maker *m, struct err *e)
{
	const struct spec_memory *s = &m->spec->os.resources.memory;
	const char *pointer = RES "/memory/swap";
	int r = 0;

	if (s->swap.v < 0) {
		put(m, pointer, "memory", "memory.swap.max", "max");
		return 0;
	}
	if (!s->limit.set || s->limit.v < 0)
		r = err_set(e, ERR_CFG_CONFLICT, 0,
			    "a limit of memory plus swap needs a memory limit");
	else if (s->swap.v < s->limit.v)
		r = err_set(e, ERR_CFG_CONFLICT, 0,
			    "memory plus swap (%" PRId64 ") is less than the memory limit (%" PRId64
			    ")",
			    s->swap.v, s->limit.v);
	if (r < 0)
		return err_at(e, r, "%s", pointer);
	put(m, pointer, "memory", "memory.swap.max", num(m, s->swap.v - s->limit.v));
	return 0;
}

static int memory_v2(struct maker *m, struct err *e)
{
	const struct spec_memory *s = &m->spec->os.resources.memory;

	const struct {
		bool given;
		const char *pointer;
	} lost[] = {
		{ s->kernel.set && s->kernel.v >= 0, RES "/memory/kernel" },
		{ s->kernel_tcp.set && s->kernel_tcp.v >= 0, RES "/memory/kernelTCP" },
		{ s->swappiness.set, RES "/memory/swappiness" },
		{ s->disable_oom_killer.set && s->disable_oom_killer.v,
		  RES "/memory/disableOOMKiller" },
		{ s->use_hierarchy.set && !s->use_hierarchy.v, RES "/memory/useHierarchy" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		int r = only_v1(m, lost[i].given, lost[i].pointer, e);

		if (r < 0)
			return r;
	}
	if (s->limit.set)
		put(m, RES "/memory/limit", "memory", "memory.max", limit(m, s->limit.v));
	if (s->reservation.set)
		put(m, RES "/memory/reservation", "memory", "memory.low",
		    limit(m, s->reservation.v));
	return s->swap.set ? memory_swap_v2(m, e) : 0;
}

static void memory_v1(struct maker *m)
{
	const struct spec_memory *s = &m->spec->os.resources.memory;

	/* First: it cannot be changed once the cgroup has children. */
	if (s->use_hierarchy.set)
		put(m, RES "/memory/useHierarchy", "memory", "memory.use_hierarchy",
		    s->use_hierarchy.v ? "1" : "0");
	/* KERNEL: memory.memsw.limit_in_bytes is never below memory.limit_in_bytes, so the latter
	 * is set first. Documentation/admin-guide/cgroup-v1/memory.rst. */
	if (s->limit.set)
		put(m, RES "/memory/limit", "memory", "memory.limit_in_bytes",
		    limit(m, s->limit.v));
	if (s->swap.set)
		put(m, RES "/memory/swap", "memory", "memory.memsw.limit_in_bytes",
		    limit(m, s->swap.v));
	if (s->reservation.set)
		put(m, RES "/memory/reservation", "memory", "memory.soft_limit_in_bytes",
		    limit(m, s->reservation.v));
	if (s->kernel.set)
		put(m, RES "/memory/kernel", "memory", "memory.kmem.limit_in_bytes",
		    limit(m, s->kernel.v));
	if (s->kernel_tcp.set)
		put(m, RES "/memory/kernelTCP", "memory", "memory.kmem.tcp.limit_in_bytes",
		    limit(m, s->kernel_tcp.v));
	if (s->swappiness.set)
		put(m, RES "/memory/swappiness", "memory", "memory.swappiness",
		    unum(m, s->swappiness.v));
	if (s->disable_oom_killer.set)
		put(m, RES "/memory/disableOOMKiller", "memory", "memory.oom_control",
		    s->disable_oom_killer.v ? "1" : "0");
}

static int make_memory(struct maker *m, struct err *e)
{
	const struct spec_memory *s = &m->spec->os.resources.memory;
	int r;

	if (!s->set)
		return 0;
	if (s->swappiness.set && s->swappiness.v > 100) {
		r = err_set(e, ERR_CFG_RANGE, 0, "%" PRIu64 " is not in 0 to 100", s->swappiness.v);
		return err_at(e, r, RES "/memory/swappiness");
	}
	if (v2(m))
		return memory_v2(m, e);
	memory_v1(m);
	return 0;
}

/* ---- cpu ---- */

/* log2 of 0 < v < 2^53, by repeated squaring: libm would be linked for this one call. */
static double log2_of(uint64_t v)
{
	unsigned whole = 63 - (unsigned)__builtin_clzll(v);
	double x = (double)v / (double)(UINT64_C(1) << whole); /* 1 <= x < 2, exact */
	double log = whole;

	for (double bit = 0.5; bit > 1e-13; bit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			log += bit;
		}
	}
	return log;
}

/*
 * The curve through the three points that both scales share: least (2, 1), default (1024, 100),
 * most (262144, 10000):  log10(weight) = (l * l + 125 * l) / 612 - 7 / 34 with l = log2(shares),
 * rounded up. It is what the other runtimes and Kubernetes use since 2025 (KEP-2254).
 */
unsigned plan_cpu_weight(uint64_t shares)
{
	const double log2_of_10 = 3.321928094887362;
	unsigned low = 1, high = 10000;
	double l, want;

	shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
	l = log2_of(shares);
	want = ((l * l + 125 * l) / 612 - 7.0 / 34) * log2_of_10 - 1e-10;
	while (low < high) { /* the least weight with log2(weight) >= want */
		unsigned mid = (low + high) / 2;

		if (log2_of(mid) >= want)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static int check_cpu(const struct spec_cpu *s, struct err *e)
{
	int r;

	if (s->idle.set && s->idle.v != 0 && s->idle.v != 1) {
		r = err_set(e, ERR_CFG_VALUE, 0, "%" PRId64 " is neither 0 nor 1", s->idle.v);
		return err_at(e, r, RES "/cpu/idle");
	}
	if (s->quota.set && s->quota.v > 0 && s->burst.set && s->burst.v > (uint64_t)s->quota.v) {
		r = err_set(e, ERR_CFG_CONFLICT, 0,
			    "the burst (%" PRIu64 ") is more than the quota (%" PRId64 ")",
			    s->burst.v, s->quota.v);
		return err_at(e, r, RES "/cpu/burst");
	}
	return 0;
}

static int cpu_v2(struct maker *m, struct err *e)
{
	const struct spec_cpu *s = &m->spec->os.resources.cpu;

	int r;

	r = only_v1(m, s->realtime_runtime.set, RES "/cpu/realtimeRuntime", e);
	if (r == 0)
		r = only_v1(m, s->realtime_period.set, RES "/cpu/realtimePeriod", e);
	if (r < 0)
		return r;
	/* KERNEL: a weight cannot be written while cpu.idle is 1. Since 5.15. sched/core.c */
	if (s->shares.set)
		put(m, RES "/cpu/shares", "cpu", "cpu.weight",
		    unum(m, plan_cpu_weight(s->shares.v)));
	if (s->quota.set || s->period.set) {
		const char *quota = s->quota.set && s->quota.v >= 0 ? num(m, s->quota.v) : "max";

		put(m, s->quota.set ? RES "/cpu/quota" : RES "/cpu/period", "cpu", "cpu.max",
		    s->period.set ? arena_printf(m->arena, "%s %" PRIu64, quota, s->period.v)
				  : quota);
	}
	/* KERNEL: the burst is not above the quota, so the quota comes first. Since 5.14.
	 * sched-bwc.rst */
	if (s->burst.set)
		put(m, RES "/cpu/burst", "cpu", "cpu.max.burst", unum(m, s->burst.v));
	return 0;
}

static void cpu_v1(struct maker *m)
{
	const struct spec_cpu *s = &m->spec->os.resources.cpu;

	if (s->shares.set)
		put(m, RES "/cpu/shares", "cpu", "cpu.shares", unum(m, s->shares.v));
	if (s->period.set)
		put(m, RES "/cpu/period", "cpu", "cpu.cfs_period_us", unum(m, s->period.v));
	if (s->quota.set)
		put(m, RES "/cpu/quota", "cpu", "cpu.cfs_quota_us", limit(m, s->quota.v));
	if (s->burst.set)
		put(m, RES "/cpu/burst", "cpu", "cpu.cfs_burst_us", unum(m, s->burst.v));
	if (s->realtime_period.set)
		put(m, RES "/cpu/realtimePeriod", "cpu", "cpu.rt_period_us",
		    unum(m, s->realtime_period.v));
	if (s->realtime_runtime.set)
		put(m, RES "/cpu/realtimeRuntime", "cpu", "cpu.rt_runtime_us",
		    num(m, s->realtime_runtime.v));
}

static int make_cpu(struct maker *m, struct err *e)
{
	const struct spec_cpu *s = &m->spec->os.resources.cpu;
	int r;

	if (!s->set)
		return 0;
	r = check_cpu(s, e);
	if (r < 0)
		return r;
	if (v2(m)) {
		r = cpu_v2(m, e);
		if (r < 0)
			return r;
	} else {
		cpu_v1(m);
	}
	if (s->idle.set)
		put(m, RES "/cpu/idle", "cpu", "cpu.idle", num(m, s->idle.v));
	/* KERNEL: v1 accepts no process before both are set; mems first on purpose, CPUs may depend
	 * on it. cpusets(7). */
	if (s->mems)
		put(m, RES "/cpu/mems", "cpuset", "cpuset.mems", s->mems);
	if (s->cpus)
		put(m, RES "/cpu/cpus", "cpuset", "cpuset.cpus", s->cpus);
	return 0;
}

/* ---- block I/O ---- */

unsigned plan_io_weight(unsigned weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

static int check_weight(const struct opt_u32 *w, const char *pointer, struct err *e)
{
	int r;

	if (!w->set || (w->v >= 10 && w->v <= 1000))
		return 0;
	r = err_set(e, ERR_CFG_RANGE, 0, "%u is not in 10 to 1000", w->v);
	return err_at(e, r, "%s", pointer);
}

static int io_weight_device(struct maker *m, const struct spec_weight_device *d, size_t i,
			    struct err *e)
{
	const char *base = arena_printf(m->arena, RES "/blockIO/weightDevice/%zu", i);
	const char *weight = arena_printf(m->arena, "%s/weight", base);
	const char *leaf = arena_printf(m->arena, "%s/leafWeight", base);
	struct plan_cgroup_write *w;
	int r;

	r = check_weight(&d->weight, weight, e);
	if (r == 0)
		r = check_weight(&d->leaf_weight, leaf, e);
	if (r < 0)
		return r;
	if (v2(m))
		r = only_v1(m, d->leaf_weight.set, leaf, e);
	else if (d->leaf_weight.set)
		put(m, leaf, "blkio", "blkio.leaf_weight_device",
		    arena_printf(m->arena, "%" PRId64 ":%" PRId64 " %u", d->major, d->minor,
				 d->leaf_weight.v));
	if (r < 0 || !d->weight.set)
		return r;
	w = put(m, weight, v2(m) ? "io" : "blkio",
		v2(m) ? "io.bfq.weight" : "blkio.bfq.weight_device",
		arena_printf(m->arena, "%" PRId64 ":%" PRId64 " %u", d->major, d->minor,
			     d->weight.v));
	w->alt_file = v2(m) ? "io.weight" : "blkio.weight_device";
	w->alt_value = v2(m) ? arena_printf(m->arena, "%" PRId64 ":%" PRId64 " %u", d->major,
					    d->minor, plan_io_weight(d->weight.v))
			     : w->value;
	return 0;
}

static void io_throttle(struct maker *m)
{
	static const struct {
		const char *name, *v2, *v1;
	} kinds[THROTTLES] = {
		[THROTTLE_READ_BPS] = { "throttleReadBpsDevice", "rbps",
					"blkio.throttle.read_bps_device" },
		[THROTTLE_WRITE_BPS] = { "throttleWriteBpsDevice", "wbps",
					 "blkio.throttle.write_bps_device" },
		[THROTTLE_READ_IOPS] = { "throttleReadIOPSDevice", "riops",
					 "blkio.throttle.read_iops_device" },
		[THROTTLE_WRITE_IOPS] = { "throttleWriteIOPSDevice", "wiops",
					  "blkio.throttle.write_iops_device" },
	};
	const struct spec_block_io *s = &m->spec->os.resources.block_io;

	for (int k = 0; k < THROTTLES; k++) {
		for (size_t i = 0; i < s->n_throttle[k]; i++) {
			const struct spec_throttle_device *d = &s->throttle[k][i];
			const char *pointer =
				arena_printf(m->arena, RES "/blockIO/%s/%zu", kinds[k].name, i);
			char *dev =
				arena_printf(m->arena, "%" PRId64 ":%" PRId64, d->major, d->minor);

			/* v1 takes 0 for "no limit", v2 wants the word. */
			if (!v2(m))
				put(m, pointer, "blkio", kinds[k].v1,
				    arena_printf(m->arena, "%s %" PRIu64, dev, d->rate));
			else if (d->rate)
				put(m, pointer, "io", "io.max",
				    arena_printf(m->arena, "%s %s=%" PRIu64, dev, kinds[k].v2,
						 d->rate));
			else
				put(m, pointer, "io", "io.max",
				    arena_printf(m->arena, "%s %s=max", dev, kinds[k].v2));
		}
	}
}

static int make_block_io(struct maker *m, struct err *e)
{
	const struct spec_block_io *s = &m->spec->os.resources.block_io;
	int r;

	if (!s->set)
		return 0;
	r = check_weight(&s->weight, RES "/blockIO/weight", e);
	if (r == 0)
		r = check_weight(&s->leaf_weight, RES "/blockIO/leafWeight", e);
	if (r < 0)
		return r;
	if (v2(m))
		r = only_v1(m, s->leaf_weight.set, RES "/blockIO/leafWeight", e);
	if (r < 0)
		return r;
	if (s->weight.set) {
		struct plan_cgroup_write *w;

		/* KERNEL: which file exists depends on the I/O scheduler that is built in.
		 * bfq-iosched.rst */
		w = put(m, RES "/blockIO/weight", v2(m) ? "io" : "blkio",
			v2(m) ? "io.bfq.weight" : "blkio.bfq.weight", unum(m, s->weight.v));
		w->alt_file = v2(m) ? "io.weight" : "blkio.weight";
		w->alt_value =
			v2(m) ? arena_printf(m->arena, "default %u", plan_io_weight(s->weight.v))
			      : w->value;
	}
	if (s->leaf_weight.set && !v2(m))
		put(m, RES "/blockIO/leafWeight", "blkio", "blkio.leaf_weight",
		    unum(m, s->leaf_weight.v));
	for (size_t i = 0; i < s->n_weight_devices; i++) {
		r = io_weight_device(m, &s->weight_devices[i], i, e);
		if (r < 0)
			return r;
	}
	io_throttle(m);
	return 0;
}

/* ---- the rest ---- */

/* "2MB", "1GB", "64KB": part of a file name. SECURITY: rule G1. */
static bool valid_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits && digits < 12 && s[0] != '0' && s[digits] && strchr("KMG", s[digits]) &&
	       streq(s + digits + 1, "B");
}

static int make_hugepages(struct maker *m, struct err *e)
{
	const struct spec_resources *s = &m->spec->os.resources;

	for (size_t i = 0; i < s->n_hugepages; i++) {
		const struct spec_hugepage_limit *h = &s->hugepages[i];
		const char *pointer = arena_printf(m->arena, RES "/hugepageLimits/%zu", i);
		const char *end = v2(m) ? "max" : "limit_in_bytes";
		struct plan_cgroup_write *w;

		if (!valid_page_size(h->page_size)) {
			int r = err_set(e, ERR_CFG_VALUE, 0,
					"\"%s\" is no page size such as 2MB or 1GB", h->page_size);

			return err_at(e, r, "%s/pageSize", pointer);
		}
		/* config-linux.md#huge-page-limits: the limit is on reservations where the kernel
		 * accounts them. */
		w = put(m, pointer, "hugetlb",
			arena_printf(m->arena, "hugetlb.%s.rsvd.%s", h->page_size, end),
			unum(m, h->limit));
		w->alt_file = arena_printf(m->arena, "hugetlb.%s.%s", h->page_size, end);
		w->alt_value = w->value;
	}
	return 0;
}

static int make_rdma(struct maker *m, struct err *e)
{
	const struct spec_resources *s = &m->spec->os.resources;

	(void)e;
	for (size_t i = 0; i < s->n_rdma; i++) {
		const struct spec_rdma *d = &s->rdma[i];
		char *value = arena_strdup(m->arena, d->device);

		if (d->hca_handles.set)
			value = arena_printf(m->arena, "%s hca_handle=%u", value, d->hca_handles.v);
		if (d->hca_objects.set)
			value = arena_printf(m->arena, "%s hca_object=%u", value, d->hca_objects.v);
		put(m, plan_pointer(m->arena, RES "/rdma", d->device), "rdma", "rdma.max", value);
	}
	return 0;
}

static int make_network(struct maker *m, struct err *e)
{
	const struct spec_network *s = &m->spec->os.resources.network;

	if (!s->set || (!s->class_id.set && !s->n_priorities))
		return 0;
	if (v2(m))
		return only_v1(m, true, RES "/network", e);
	if (s->class_id.set)
		put(m, RES "/network/classID", "net_cls", "net_cls.classid",
		    unum(m, s->class_id.v));
	for (size_t i = 0; i < s->n_priorities; i++)
		put(m, arena_printf(m->arena, RES "/network/priorities/%zu", i), "net_prio",
		    "net_prio.ifpriomap",
		    arena_printf(m->arena, "%s %u", s->priorities[i].name,
				 s->priorities[i].priority));
	return 0;
}

/* "memory.high", "cgroup.max.depth": a plain file name of the cgroup. SECURITY: rule G1. */
static bool valid_unified_key(const char *key)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const char *dot = strchr(key, '.');

	return dot && dot != key && dot[1] && key[strspn(key, set)] == '\0' && strlen(key) < 128;
}

static int make_unified(struct maker *m, struct err *e)
{
	const struct spec_kvs *kvs = &m->spec->os.resources.unified;
	int r;

	if (kvs->n && !v2(m)) {
		r = err_set(e, ERR_CFG_HOST, 0,
			    "invalid configuration: the controllers of this host are on cgroup v1");
		return err_at(e, r, RES "/unified");
	}
	for (size_t i = 0; i < kvs->n; i++) {
		const char *key = kvs->v[i].key;
		const char *pointer = plan_pointer(m->arena, RES "/unified", key);
		const char *controller;

		if (!valid_unified_key(key)) {
			r = err_set(e, ERR_CFG_VALUE, 0, "this is no file name of a cgroup");
			return err_at(e, r, "%s", pointer);
		}
		controller = arena_memdup(m->arena, key, strcspn(key, "."));
		/* Several lines are several writes: the kernel takes one per write. */
		for (const char *p = kvs->v[i].value; p;) {
			size_t n = strcspn(p, "\n");

			if (n || !p[n])
				put(m, pointer, controller, key, arena_memdup(m->arena, p, n));
			p = p[n] && p[n + 1] ? p + n + 1 : NULL;
		}
	}
	return 0;
}

/*
 * podman writes 0 for --pids-limit=-1 as long as its library knows a version of the specification
 * before 1.3.0, which is the first that says what 0 is.
 */
static bool podman_means_none(const struct spec *s)
{
	const char *manager = spec_annotation(s, "io.container.manager");

	return manager && streq(manager, "libpod") && spec_version_before(s->oci_version, 3);
}

/*
 * KERNEL: a process is born in its group (CLONE_INTO_CGROUP), and counts there like a fork; one
 * that is moved in does not. cgroup-v2.rst, "PID". So on v2 the limit that stops every fork of the
 * container is 1, its first process.
 */
static int make_pids(struct maker *m, struct err *e)
{
	const struct spec_resources *s = &m->spec->os.resources;
	int64_t limit = s->pids_limit.v;

	(void)e;
	if (!s->pids_set || !s->pids_limit.set)
		return 0;
	if (limit == 0 && podman_means_none(m->spec)) {
		limit = -1;
		plan_remark(m, RES "/pids/limit: 0 is podman's word for no limit");
	} else if (limit == 0 && v2(m)) {
		limit = 1;
		plan_remark(m, RES "/pids/limit: 0 is written as 1: no fork works, as was asked");
	}
	put(m, RES "/pids/limit", "pids", "pids.max", limit < 0 ? "max" : num(m, limit));
	return 0;
}

int plan_make_resources(struct maker *m, struct err *e)
{
	/* unified comes last: what it names again wins */
	static int (*const parts[])(struct maker *, struct err *) = {
		make_memory,	make_cpu,  make_pids,	 make_block_io,
		make_hugepages, make_rdma, make_network, make_unified,
	};
	const struct plan_cgroup *c = &m->plan->cgroup;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		r = parts[i](m, e);
		if (r < 0 && !plan_go_on(m, e))
			return r;
	}
	if (!c->n_writes || m->host->cgroups != HOST_CGROUP_NONE)
		return 0;
	r = err_set(e, ERR_CFG_HOST, 0, "this host has no cgroup hierarchy mounted");
	return err_at(e, r, "%s", c->writes[0].pointer);
}
