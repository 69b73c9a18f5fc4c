/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/update: new limits for a container that lives. Hides which values the kernel takes only
 * in pairs, and that the half that was not given is the one in force.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "container/container.h"
#include "sys/call.h"

/*
 * One file of the group in cgroup v2; "max" where it has no such file: what is not counted is not
 * limited.
 */
static int read_file(struct cgroup *g, const char *name, char *buf, size_t size, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	int r = g->v2_fd >= 0 ? 0 : cgroup_open(g, e);

	if (r < 0)
		return r;
	fd = sys_openat(g->v2_fd, name, O_RDONLY | O_NOFOLLOW, 0);
	n = fd < 0 ? fd : io_read_line_file(fd, buf, size);
	if (n == -ENOENT)
		return str_format(buf, size, "max");
	return n < 0 ? err_sys(e, ERR_CGR_SET, (int)n, "read %s%s/%s", g->dir[0].mount,
			       g->dir[0].path, name)
		     : 0;
}

/*
 * KERNEL: cpu.max takes "QUOTA PERIOD" or the quota alone; a period alone would lift the quota.
 * cgroup-v2.rst. systemd takes what is not said for 100 ms.
 */
static int complete_cpu(struct cgroup *g, struct spec_cpu *cpu, struct err *e)
{
	char text[64], *period;
	int64_t n;
	int r;

	if (cpu->period.set == cpu->quota.set)
		return 0;
	r = read_file(g, "cpu.max", text, sizeof(text), e);
	if (r < 0)
		return err_at(e, r, "/linux/resources/cpu/%s",
			      cpu->period.set ? "period" : "quota");
	period = text + strcspn(text, " ");
	if (*period)
		*period++ = '\0';
	if (cpu->quota.set) {
		if (str_to_i64(period, 1, INT64_MAX, &n) == 0) {
			cpu->period.set = true;
			cpu->period.v = (uint64_t)n;
		}
	} else if (str_to_i64(text, 1, INT64_MAX, &n) == 0) { /* else "max" */
		cpu->quota.set = true;
		cpu->quota.v = n;
	}
	return 0;
}

/* The same where the kernel's file is named; what is no quota is left to the kernel to refuse. */
static int complete_unified(struct cgroup *g, struct spec_kvs *kvs, struct arena *a, struct err *e)
{
	char text[64];
	int r;

	for (size_t i = 0; i < kvs->n; i++) {
		struct spec_kv *kv = &kvs->v[i];
		int64_t n;

		if (!streq(kv->key, "cpu.max") ||
		    (!streq(kv->value, "max") && str_to_i64(kv->value, 1, INT64_MAX, &n) < 0))
			continue;
		r = read_file(g, "cpu.max", text, sizeof(text), e);
		if (r < 0)
			return err_at(e, r, "/linux/resources/unified/cpu.max");
		kv->value = arena_printf(a, "%s%s", kv->value, text + strcspn(text, " "));
	}
	return 0;
}

/*
 * v2 limits swap alone, the configuration memory and swap together: the limit of memory is part of
 * the sum.
 */
static int complete_swap(struct cgroup *g, struct spec_memory *memory, struct err *e)
{
	char text[64];
	int64_t limit;
	int r;

	if (!memory->swap.set || memory->swap.v < 0 || memory->limit.set)
		return 0;
	r = read_file(g, "memory.max", text, sizeof(text), e);
	if (r < 0)
		return err_at(e, r, "/linux/resources/memory/swap");
	if (str_to_i64(text, 0, INT64_MAX, &limit) == 0) {
		memory->limit.set = true;
		memory->limit.v = limit;
	}
	return 0;
}

static int complete(struct cgroup *g, struct spec_resources *res, struct arena *a, struct err *e)
{
	struct spec_memory *memory = &res->memory;
	int r;

	/*
	 * KERNEL: on v1 the limit of memory and swap is never below that of memory: no limit means
	 * neither. memory.rst. On v2 a limit that includes memory has no meaning without one.
	 */
	if (memory->limit.set && memory->limit.v < 0 && !memory->swap.set) {
		memory->swap.set = true;
		memory->swap.v = -1;
	}
	if (g->layout != HOST_CGROUP_V2)
		return 0;
	r = complete_cpu(g, &res->cpu, e);
	if (r == 0)
		r = complete_swap(g, memory, e);
	return r < 0 ? r : complete_unified(g, &res->unified, a, e);
}

static int apply(struct ctx *c, struct subject *s, const struct spec_resources *res,
		 struct cgroup_change **ret, size_t *ret_n, struct err *e)
{
	struct spec spec = { .os.set = true, .os.resources = *res };
	struct cgroup *g = &s->rec.cgroup;
	struct host host = { 0 };
	struct plan_cgroup plan;
	int r = g->ops ? 0 : cgroup_restore(g, e);

	if (r < 0)
		return r;
	if (!g->n)
		return err_set(e, ERR_CGR_SET, ENOTSUP, "container \"%s\" has no cgroup",
			       s->rec.id);
	host.cgroups = g->layout;
	r = complete(g, &spec.os.resources, &c->a, e);
	if (r == 0)
		r = plan_make_update(&spec, &host, &c->a, &plan, e);
	if (r < 0)
		return r;
	plan.manager = g->manager;
	plan.devices_optional = !g->devices_enforced;
	return g->ops->apply(g, &plan, io_now() + KILL_DEADLINE, &c->a, ret, ret_n, e);
}

/* The lines of schemata before the files of the cgroup, in the list of what changed. */
static void report_rdt(struct ctx *c, const struct tune_rdt_lines *old,
		       const struct tune_rdt_lines *now, struct cgroup_change **v, size_t *n)
{
	const struct cgroup_change rows[] = {
		{ "/linux/intelRdt/l3CacheSchema", "schemata", old->l3, now->l3 },
		{ "/linux/intelRdt/memBwSchema", "schemata", old->mb, now->mb },
	};
	struct cgroup_change *all =
		arena_new_array(&c->a, *n + ARRAY_LEN(rows), struct cgroup_change);
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].new_value)
			all[found++] = rows[i];
	if (*n)
		memcpy(all + found, *v, *n * sizeof(**v));
	*v = all;
	*n += found;
}

/* One change: what was written first is taken back when the rest cannot be. */
static int change(struct ctx *c, struct subject *s, const struct container_changes *want,
		  struct cgroup_change **ret, size_t *ret_n, struct err *e)
{
	struct tune_rdt_lines old = { 0 }, now = { 0 }, drop;
	bool rdt = want->rdt.l3 || want->rdt.mb;
	struct err second = { 0 };
	int r = rdt ? tune_rdt_update(&s->rec.rdt, &want->rdt, &c->a, &old, &now, e) : 0;

	if (r < 0)
		return r;
	if (want->resources)
		r = apply(c, s, want->resources, ret, ret_n, e);
	if (r >= 0 && rdt)
		report_rdt(c, &old, &now, ret, ret_n);
	else if (rdt && tune_rdt_update(&s->rec.rdt, &old, &c->a, &drop, &drop, &second) < 0)
		err_drop(&second, "the first error is the one to tell");
	return r;
}

int container_update(struct ctx *c, const char *id, const struct container_changes *want,
		     struct cgroup_change **ret, size_t *ret_n, struct err *e)
{
	struct subject s;
	int r;

	*ret = NULL;
	*ret_n = 0;
	r = subject_open(c, id, true, &s, e);
	if (r < 0)
		return r;
	if (s.st.status == STATUS_CREATING)
		r = err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is still being created", id);
	else if (s.st.pidfd < 0)
		r = status_not_running(id, e);
	else
		r = change(c, &s, want, ret, ret_n, e);
	subject_close(&s);
	return r;
}
