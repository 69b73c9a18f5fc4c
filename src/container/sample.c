/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/sample: hides that records, status and counters are read at slightly different times,
 * and that the memory of a measure must not pile up in the one of the command.
 */
#include "container/sample.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"

static void add_io(const struct cgroup_stats *s, struct sample *ret)
{
	for (size_t i = 0; i < s->n_io; i++) {
		if (s->io[i].kind != CGROUP_IO_BYTES)
			continue;
		if (streq(s->io[i].op, "Read"))
			ret->read += s->io[i].value;
		else if (streq(s->io[i].op, "Write"))
			ret->written += s->io[i].value;
	}
}

static void measure(struct subject *s, struct arena *a, struct sample *ret)
{
	struct cgroup *g = &s->rec.cgroup;
	struct cgroup_stats stats = { 0 };
	struct err why = { 0 };

	if (s->st.pidfd < 0 || !g->n || (!g->ops && cgroup_restore(g, &why) < 0) ||
	    g->ops->stats(g, a, &stats, &why) < 0) {
		err_drop(&why, "it ended meanwhile, or nothing is counted: the row says so");
		return;
	}
	ret->measured = true;
	ret->at = io_now();
	ret->cpu = stats.cpu.total;
	ret->memory = stats.memory;
	ret->pids = stats.pids;
	add_io(&stats, ret);
	ret->pressure[0] = stats.cpu_pressure;
	ret->pressure[1] = stats.memory_pressure;
	ret->pressure[2] = stats.io_pressure;
}

static void take_one(struct ctx *c, const char *id, struct sample **v, size_t *n)
{
	struct err why = { 0 };
	struct sample one = { .id = id, .status = "unreadable" };
	struct subject s;

	if (subject_open(c, id, false, &s, &why) < 0) {
		if (why.id != ERR_STA_MISSING)
			*(struct sample *)arena_push(&c->a, v, n, sizeof(one)) = one;
		err_drop(&why, "gone, or a row of its own");
		return;
	}
	one.status = status_name(s.st.status);
	one.pid = s.rec.pid;
	one.start_time = s.rec.start_time;
	measure(&s, &c->a, &one);
	subject_close(&s);
	*(struct sample *)arena_push(&c->a, v, n, sizeof(one)) = one;
}

int samples_take(struct ctx *c, struct arena *a, struct sample **ret, size_t *ret_n, struct err *e)
{
	const struct arena kept = c->a;
	const char **ids = NULL;
	size_t n = 0;
	int r;

	*ret = NULL;
	*ret_n = 0;
	arena_init(&c->a);
	fd_close(&c->root_fd); /* the root may have come or gone since */
	r = store_list(c, "", &ids, &n, e);
	for (size_t i = 0; r >= 0 && i < n; i++)
		take_one(c, ids[i], ret, ret_n);
	*a = c->a;
	c->a = kept;
	return r;
}
