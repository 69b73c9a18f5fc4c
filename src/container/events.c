/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/events: wait for what happens to a container that lives: its end, the OOM killer, the
 * next measure. Hides that these are three sources; the lock is not taken, so that every other verb
 * goes on.
 */
#include <errno.h>
#include <poll.h>

#include "base/io.h"
#include "base/log.h"
#include "container/container.h"
#include "ns/ns.h"
#include "sys/abi.h"
#include "sys/pidfd.h"

void events_close(struct events *v)
{
	cgroup_oom_close(&v->oom);
	subject_close(&v->s);
}

static int open_group(struct events *v, bool oom, struct err *e)
{
	struct cgroup *g = &v->s.rec.cgroup;
	struct err why = { 0 };
	int r = g->ops ? 0 : cgroup_restore(g, e);

	if (r < 0)
		return r;
	if (!g->n)
		return err_set(e, ERR_CGR_LAYOUT, ENOTSUP, "container \"%s\" has no cgroup",
			       v->s.rec.id);
	if (oom && cgroup_oom_open(g, &v->oom, &why) < 0) {
		v->oom.fd = v->oom.aux_fd = -1;
		log_warn_err(&why, "no events of the OOM killer");
	}
	return 0;
}

int events_open(struct ctx *c, const char *id, bool oom, struct events *ret, struct err *e)
{
	struct events v = { .oom = { .fd = -1, .aux_fd = -1 } };
	int r = subject_open(c, id, false, &v.s, e);

	if (r < 0)
		return r;
	if (v.s.st.status == STATUS_CREATING)
		r = err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is still being created", id);
	else if (v.s.st.pidfd < 0)
		r = status_not_running(id, e);
	else
		r = open_group(&v, oom, e);
	if (r < 0)
		events_close(&v);
	else
		*ret = v;
	return r;
}

/* Milliseconds for poll(2), rounded up, so that the deadline is over when it returns. */
static int wait_time(uint64_t deadline)
{
	uint64_t now = io_now(), ms = deadline > now ? (deadline - now + 999999) / 1000000 : 0;

	return ms > 3600000 ? 3600000 : (int)ms;
}

int events_next(struct events *v, uint64_t deadline, enum container_event *ret, struct err *e)
{
	for (;;) {
		/* KERNEL: poll skips entries with a negative descriptor. poll(2) */
		struct pollfd p[] = {
			{ .fd = v->oom.fd, .events = v->oom.events },
			{ .fd = v->s.st.pidfd, .events = POLLIN },
		};
		int r = poll(p, ARRAY_LEN(p), wait_time(deadline));

		if (r < 0 && errno != EINTR)
			return err_sys(e, ERR_GEN_SYS, -errno, "wait for events");
		if (r < 0)
			continue;
		/* the OOM killer first: it may be the reason of the end */
		r = v->oom.fd >= 0 ? cgroup_oom_wait(&v->oom, io_now()) : 0;
		if (r < 0) /* the group is gone: there is only the end to wait for */
			cgroup_oom_close(&v->oom);
		if (r <= 0 && !p[1].revents && io_now() < deadline)
			continue;
		*ret = r > 0 ? EVENT_OOM : p[1].revents ? EVENT_END : EVENT_TICK;
		return 0;
	}
}

int events_stats(struct events *v, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	struct cgroup *g = &v->s.rec.cgroup;

	return g->ops->stats(g, a, ret, e);
}

void events_network(struct events *v, struct arena *a, struct net_stats **ret, size_t *ret_n)
{
	int pid = (int)v->s.rec.pid;
	uint64_t own;

	*ret = NULL;
	*ret_n = 0;
	/* The host's interfaces say nothing of a container that shares them. */
	if (ns_differing(pid, CLONE_NEWNET, &own) < 0 || !(own & CLONE_NEWNET) ||
	    net_stats_read(pid, a, ret, ret_n) < 0)
		return;
	/* SECURITY: X7: what was read by pid was this process only if it lives still. */
	if (pidfd_alive(v->s.st.pidfd) != 1)
		*ret_n = 0;
}

bool events_rdt(struct events *v, struct arena *a, struct tune_rdt_stats *ret)
{
	const struct tune_rdt *t = &v->s.rec.rdt;

	return t->group[0] && tune_rdt_stats(t, a, ret) == 0;
}
