/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/write: the plan's list of values as one transaction over all hierarchies: all written, or
 * all as they were. Hides which write must wait for which, and how each kind of file takes its old
 * value back.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"

/* One write, found and remembered. */
struct step {
	const struct plan_cgroup_write *w;
	int i; /* hierarchy; -1: nothing to do */
	const char *file, *value;
	const char *old; /* text of the file before, NULL when not read */
	bool done;
};
struct writer {
	struct cgroup *g;
	const struct plan_cgroup *p;
	struct arena *a;
	struct step *v;
	int fd[CGROUP_HIERARCHIES];
	bool live; /* processes may be inside, values must be restorable */
	uint64_t deadline;
	const char *high; /* memory.high while memory.max shrinks */
	const char *hint; /* why a group above has too little realtime run time */
};

static void writer_close(struct writer *x)
{
	for (unsigned i = 0; i < ARRAY_LEN(x->fd); i++)
		fd_close(&x->fd[i]);
}

static int writer_dir(struct writer *x, int i)
{
	if (x->g->dir[i].v2 && x->g->v2_fd >= 0)
		return x->g->v2_fd;
	if (x->fd[i] < 0)
		x->fd[i] = cgroup_dir_open(x->g, (unsigned)i);
	return x->fd[i];
}

bool cgroup_is_unlimited(const struct plan_cgroup_write *w)
{
	return (streq(w->value, "max") || streq(w->value, "-1")) &&
	       !(w->pointer && str_starts(w->pointer, "/linux/resources/unified"));
}

/* The hierarchy a write goes to. -1 where "no limit" is true already for want of a controller. */
static int locate(const struct cgroup *g, const struct plan_cgroup_write *w, int *ret,
		  struct err *e)
{
	char controller[64];

	if (g->layout == HOST_CGROUP_V2) {
		*ret = 0;
		return 0;
	}
	if (w->pointer && str_starts(w->pointer, "/linux/resources/unified")) {
		err_set(e, ERR_CGR_SET, ENOTSUP,
			"%s is a file of cgroup v2, and the controllers of this host are v1",
			w->file);
		return err_at(e, -ENOTSUP, "%s", w->pointer);
	}
	str_format(controller, sizeof(controller), "%.*s", (int)strcspn(w->file, "."), w->file);
	*ret = cgroup_dir_find(g, w->controller ? w->controller : controller);
	if (*ret >= 0 || cgroup_is_unlimited(w))
		return 0;
	err_set(e, ERR_CGR_SET, ENOTSUP,
		"this host has no cgroup v1 hierarchy with the %s controller",
		w->controller ? w->controller : controller);
	return err_at(e, -ENOTSUP, "%s", w->pointer ? w->pointer : "");
}

static const char *read_text(struct writer *x, int dir, const char *file)
{
	char *text;

	return cgroup_file_read_all(dir, file, x->a, &text) < 0 ? NULL : text;
}

/* Fill a step: hierarchy, the file that exists, its text. */
static int prepare(struct writer *x, struct step *s, struct err *e)
{
	int r = locate(x->g, s->w, &s->i, e), dir;

	if (r < 0)
		return r;
	s->file = s->w->file;
	s->value = s->w->value;
	if (s->i < 0 || !x->live)
		return 0;
	dir = writer_dir(x, s->i);
	if (dir < 0)
		return err_sys(e, ERR_CGR_SET, dir, "open cgroup %s%s", x->g->dir[s->i].mount,
			       x->g->dir[s->i].path);
	s->old = read_text(x, dir, s->file);
	return 0;
}

static uint64_t read_number(int dir, const char *file)
{
	char text[32];
	uint64_t v;

	if (cgroup_file_read(dir, file, text, sizeof(text)) < 0 ||
	    str_to_u64(text, UINT64_MAX, &v) < 0)
		return UINT64_MAX;
	return v;
}

/*
 * KERNEL: memory.kmem.limit_in_bytes takes any value and limits nothing. Since 6.6;
 * mm/memcontrol-v1.c. No limit that was asked for is dropped in silence.
 */
static bool is_dead_file(int dir, const struct step *s)
{
	uint64_t want;

	return streq(s->file, "memory.kmem.limit_in_bytes") &&
	       str_to_u64(s->value, UINT64_MAX, &want) >= 0 && want <= INT64_MAX / 2 &&
	       read_number(dir, s->file) > INT64_MAX / 2;
}

static int write_step(struct writer *x, struct step *s)
{
	int dir, r;

	if (s->i < 0)
		return 0;
	dir = writer_dir(x, s->i);
	if (dir < 0)
		return dir;
	r = cgroup_file_write(dir, s->file, s->value);
	if (r == -ENOENT && s->w->alt_file && s->file == s->w->file) {
		s->file = s->w->alt_file;
		s->value = s->w->alt_value;
		if (x->live)
			s->old = read_text(x, dir, s->file);
		r = cgroup_file_write(dir, s->file, s->value);
	}
	if (r == -ENOENT && cgroup_is_unlimited(s->w)) {
		s->i = -1; /* what the kernel does not count is not limited */
		return 0;
	}
	if (r >= 0 && is_dead_file(dir, s))
		r = -EOPNOTSUPP;
	if (r >= 0)
		s->done = true;
	if (r >= 0 && streq(s->file, "cpu.rt_runtime_us"))
		x->g->realtime = true;
	return r;
}

/* Why the kernel may have said no, in words a person can act on. */
static const char *reason(const struct step *s, int r)
{
	if (r == -ENOENT &&
	    (str_starts(s->file, "memory.swap") || str_starts(s->file, "memory.memsw")))
		return ": this kernel does not account swap (boot option swapaccount=1)";
	if (r == -EINVAL &&
	    (str_starts(s->file, "memory.memsw.limit") || streq(s->file, "memory.limit_in_bytes")))
		return ": the limit of memory and swap together cannot be below that of memory";
	if (r == -ENOENT && str_starts(s->file, "hugetlb."))
		return ": this kernel has no huge pages of that size";
	if (r == -ENOENT)
		return ": this kernel has no such file";
	if (r == -EOPNOTSUPP || r == -524 /* ENOTSUPP of the kernel, which libc has no text for */)
		return ": this kernel no longer supports it";
	if (r == -ENODEV)
		return ": there is no such device";
	if (r == -EACCES && str_starts(s->file, "cpuset."))
		return ": the group above does not have all of these";
	return "";
}

static int explain(const struct writer *x, const struct step *s, int r, struct err *e)
{
	bool realtime = x->hint && str_starts(s->file, "cpu.rt_");

	err_sys(e, ERR_CGR_SET, r == -524 ? -EOPNOTSUPP : r, "write \"%.200s\" to %s%s/%s%s%s",
		s->value, s->i >= 0 ? x->g->dir[s->i].mount : "",
		s->i >= 0 ? x->g->dir[s->i].path : "", s->file, realtime ? ": " : "",
		realtime ? x->hint : reason(s, r));
	return s->w->pointer ? err_at(e, r, "%s", s->w->pointer) : r;
}

/* ---- shrinking memory without a kill ---- */

static int too_small(const struct step *s, uint64_t current, struct err *e)
{
	err_set(e, ERR_CGR_SET, EBUSY,
		"the container uses %" PRIu64 " bytes of memory, more than the new limit of %s",
		current, s->value);
	return err_at(e, -EBUSY, "%s", s->w->pointer ? s->w->pointer : "");
}

/*
 * KERNEL: a memory.max below the use starts the OOM killer when reclaim does not help; memory.high
 * only slows the group down. Documentation/admin-guide/cgroup-v2.rst. So: high first, reclaim until
 * it fits, then max. v1 needs none of this: its limit_in_bytes refuses (EBUSY) what it cannot
 * reclaim.
 */
static int shrink(struct writer *x, const struct step *s, struct err *e)
{
	int dir = writer_dir(x, s->i);
	bool v1 = streq(s->file, "memory.limit_in_bytes");
	uint64_t want, current;
	unsigned ms = 1;
	char text[32];

	if (dir < 0 || (!v1 && !streq(s->file, "memory.max")) ||
	    str_to_u64(s->value, UINT64_MAX, &want) < 0)
		return 0;
	current = read_number(dir, v1 ? "memory.usage_in_bytes" : "memory.current");
	if (current == UINT64_MAX || current <= want)
		return 0;
	if (x->p->check_memory) /* LNX-MEM-17 */
		return too_small(s, current, e);
	if (v1)
		return 0;
	x->high = read_text(x, dir, "memory.high");
	if (cgroup_file_write(dir, "memory.high", s->value) < 0)
		x->high = NULL;
	for (; (current = read_number(dir, "memory.current")) > want; ms = MIN(ms * 2, 50u)) {
		if (io_now() >= x->deadline)
			return too_small(s, current, e);
		/*
		 * KERNEL: memory.reclaim says EAGAIN when it got less than asked for. Since 5.19.
		 */
		str_format(text, sizeof(text), "%" PRIu64, current - want);
		if (cgroup_file_write(dir, "memory.reclaim", text) < 0)
			(void)io_wait(-1, 0, MIN(io_now() + ms * 1000000ull, x->deadline));
	}
	return 0;
}

static void shrink_end(struct writer *x)
{
	int i = cgroup_dir_v2(x->g), dir;

	if (!x->high || i < 0)
		return;
	dir = writer_dir(x, i);
	if (dir >= 0)
		(void)cgroup_file_write(dir, "memory.high", x->high);
	x->high = NULL;
}

/* ---- back to what was ---- */

/*
 * Files with a line for each key: one write changes one line, and this text behind the key removes
 * it.
 */
static const struct keyed {
	char file[34], reset[38];
} keyed_files[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "io.latency", "target=0" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
	{ "misc.max", "max" },
	{ "dmem.max", "max" },
	{ "dmem.min", "0" },
	{ "dmem.low", "0" },
	{ "blkio.throttle.read_bps_device", "0" },
	{ "blkio.throttle.write_bps_device", "0" },
	{ "blkio.throttle.read_iops_device", "0" },
	{ "blkio.throttle.write_iops_device", "0" },
	{ "blkio.weight_device", "default" },
	{ "blkio.bfq.weight_device", "default" },
	{ "blkio.leaf_weight_device", "default" },
	{ "net_prio.ifpriomap", "0" },
	{ "memory.oom_control", "" },
};

/* The line of @text that begins with the first word of @value; NULL. */
static const char *line_of(struct arena *a, const char *text, const char *value)
{
	size_t n = strcspn(value, " ");

	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, "\n");

		if (strncmp(p, value, n) == 0 && p[n] == ' ')
			return arena_memdup(a, p, len);
		p += len + (p[len] == '\n');
	}
	return NULL;
}

const char *cgroup_restore_value(struct arena *a, const char *file, const char *old,
				 const char *value)
{
	const char *line;
	size_t n = strlen(old);

	for (size_t k = 0; k < ARRAY_LEN(keyed_files); k++) {
		if (!streq(keyed_files[k].file, file))
			continue;
		if (streq(file, "memory.oom_control")) {
			line = line_of(a, old, "oom_kill_disable");
			return line ? line + strlen("oom_kill_disable ") : "0";
		}
		if (!strchr(value, ' ')) /* "300" sets the line of "default", or the whole file */
			value = "default ";
		line = line_of(a, old, value);
		if (line)
			return line;
		if (streq(value, "default "))
			break;
		return arena_printf(a, "%.*s %s", (int)strcspn(value, " "), value,
				    keyed_files[k].reset);
	}
	while (n && old[n - 1] == '\n')
		n--;
	return n ? arena_memdup(a, old, n) : "\n"; /* an empty value (cpuset) is a line, too */
}

/* Two rounds, as for writing: an old value may need another one back first. */
static void roll_back(struct writer *x)
{
	for (int round = 0; round < 2; round++)
		for (size_t k = x->p->n_writes; k-- > 0;) {
			struct step *s = &x->v[k];
			int dir = s->done && s->old ? writer_dir(x, s->i) : -1;

			if (dir >= 0 &&
			    cgroup_file_write(
				    dir, s->file,
				    cgroup_restore_value(x->a, s->file, s->old, s->value)) >= 0)
				s->done = false;
		}
}

/* ---- all of it ---- */

static void help_realtime(struct writer *x)
{
	const char *runtime = NULL, *period = NULL;
	int i = -1;

	for (size_t k = 0; k < x->p->n_writes; k++) {
		if (streq(x->v[k].file, "cpu.rt_runtime_us"))
			runtime = x->v[k].value;
		else if (streq(x->v[k].file, "cpu.rt_period_us"))
			period = x->v[k].value;
		else
			continue;
		i = x->v[k].i;
	}
	if (i < 0 || x->g->dir[i].v2)
		return;
	x->hint = cgroup_v1_realtime_parents(x->g, (unsigned)i, runtime, period, x->a);
}

/*
 * KERNEL: pairs of files bound each other (memory.limit_in_bytes and memsw, cfs_quota and period,
 * burst and quota, cpus and mems), and which must move first depends on the old values. So a
 * refused write is tried once more, with all that follow it, when the others are in place.
 */
static int write_all(struct writer *x, struct err *e)
{
	size_t n = x->p->n_writes, again = n;
	int r;

	for (size_t k = 0; k < n; k++) {
		if (x->live && x->v[k].i >= 0) {
			r = shrink(x, &x->v[k], e);
			if (r < 0)
				return r;
		}
		r = write_step(x, &x->v[k]);
		shrink_end(x); /* at once: a later write may be to memory.high */
		if (r < 0 && r != -EINVAL && r != -EBUSY && r != -ERANGE && r != -ENOSPC)
			return explain(x, &x->v[k], r, e);
		if (r < 0 && again == n)
			again = k;
	}
	if (again < n)
		help_realtime(x);
	for (size_t k = again; k < n; k++) {
		r = write_step(x, &x->v[k]);
		if (r < 0)
			return explain(x, &x->v[k], r, e);
	}
	return 0;
}

static void report(struct writer *x, struct cgroup_change **ret, size_t *ret_n)
{
	size_t n = 0;

	*ret = arena_array(x->a, x->p->n_writes ? x->p->n_writes : 1, sizeof(**ret));
	for (size_t k = 0; k < x->p->n_writes; k++) {
		const struct step *s = &x->v[k];
		int dir = s->i >= 0 ? writer_dir(x, s->i) : -1;

		if (dir < 0)
			continue;
		(*ret)[n++] = (struct cgroup_change){
			.pointer = s->w->pointer,
			.file = s->file,
			.old_value = s->old ? s->old : "",
			.new_value = read_text(x, dir, s->file),
		};
	}
	*ret_n = n;
}

int cgroup_write_list(struct cgroup *g, const struct plan_cgroup *p,
		      const struct cgroup_write_options *o, struct err *e)
{
	_cleanup_(writer_close) struct writer x = {
		.g = g, .p = p, .a = o->arena, .live = o->live, .deadline = o->deadline
	};
	int r = 0;

	for (unsigned i = 0; i < ARRAY_LEN(x.fd); i++)
		x.fd[i] = -1;
	x.v = arena_array(o->arena, p->n_writes ? p->n_writes : 1, sizeof(*x.v));
	for (size_t k = 0; r >= 0 && k < p->n_writes; k++) {
		x.v[k].w = &p->writes[k];
		r = prepare(&x, &x.v[k], e);
	}
	if (r >= 0)
		r = write_all(&x, e);
	/* rule G4 and LNX-DEVCG: the filter is part of the transaction */
	if (r >= 0)
		r = o->devices(g, p, e);
	shrink_end(&x);
	if (r < 0 && x.live)
		roll_back(&x);
	if (r >= 0 && o->changes)
		report(&x, o->changes, o->n_changes);
	return r;
}
