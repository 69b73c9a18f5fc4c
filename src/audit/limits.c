/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/limits: resource limits and the OOM score of the container's process, and what the other
 * processes of its cgroup have that the config does not give.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "spec/spec.h"
#include "sys/call.h"

enum { PROCESSES_MAX = 4096 };

static const char *amount(struct arena *a, uint64_t v)
{
	return v == (uint64_t)RLIM_INFINITY ? "unlimited"
					    : arena_printf(a, "%llu", (unsigned long long)v);
}

static void one_limit(struct audit *u, size_t i)
{
	const struct spec_rlimit *l = &u->spec.process.rlimits[i];
	const char *name = table_name(&spec_rlimits, (uint64_t)l->resource);
	const char *pointer = arena_printf(u->arena, "/process/rlimits/%zu", i);
	struct rlimit_pair has;
	/* By number: audit_container asks at the end whether it was this process all the time. */
	int r = sys_prlimit(u->pid, l->resource, NULL, &has);

	if (r < 0) {
		audit_unread(u, "rlimits", name, r);
		return;
	}
	audit_add(u,
		  has.soft == l->soft && has.hard == l->hard ? AUDIT_SAME
		  : has.hard > l->hard			     ? AUDIT_DIFFERS
							     : AUDIT_NOTE,
		  "rlimits", name, pointer,
		  arena_printf(u->arena, "%s, at most %s", amount(u->arena, l->soft),
			       amount(u->arena, l->hard)),
		  "%s, at most %s", amount(u->arena, has.soft), amount(u->arena, has.hard));
}

static void oom_score(struct audit *u)
{
	const struct opt_i32 *wants = &u->spec.process.oom_score_adj;
	int64_t has = 0;
	char *text = NULL;
	int r;

	if (!wants->set)
		return;
	r = audit_read(u, u->dir, "oom_score_adj", &text);
	if (r == 0)
		r = str_to_i64(text, -1000, 1000, &has);
	if (r < 0) {
		audit_unread(u, "oomScoreAdj", "", r);
		return;
	}
	audit_add(u,
		  has == wants->v  ? AUDIT_SAME
		  : has < wants->v ? AUDIT_DIFFERS
				   : AUDIT_NOTE,
		  "oomScoreAdj", "", "/process/oomScoreAdj", arena_printf(u->arena, "%d", wants->v),
		  "%d", (int)has);
}

int audit_limits(struct audit *u, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < u->spec.process.n_rlimits; i++)
		one_limit(u, i);
	oom_score(u);
	return 0;
}

/* ---- the other processes ---- */

static bool shares_mounts(struct audit *u, int dir, const char *host)
{
	char text[64];
	ssize_t n = sys_readlinkat(dir, "ns/mnt", text, sizeof(text));

	(void)u;
	return n >= 0 && streq(text, host);
}

static void one_process(struct audit *u, int pid, const char *host_mounts)
{
	const char *what = arena_printf(u->arena, "process %d", pid), *word;
	uint64_t caps, bound = u->plan.process.caps[CAPSET_BOUNDING], more;
	_cleanup_fd_ int dir = -1;
	char *status = NULL;
	char name[16];

	str_format(name, sizeof(name), "%d", pid);
	dir = proc_openat(&u->proc, name, O_PATH | O_DIRECTORY);
	if (dir < 0 || audit_read(u, dir, "status", &status) < 0)
		return; /* it ended */
	word = audit_field(u, status, "State");
	if (word && *word == 'Z')
		return;
	if (audit_hex(audit_field(u, status, "CapPrm"), &caps) && (more = caps & ~bound))
		audit_add(u, AUDIT_DIFFERS, "processes", what, "/process/capabilities/bounding", "",
			  "has %s beyond the bounding set of the config",
			  audit_caps(u->arena, more, u->c->host.last_cap));
	word = audit_field(u, status, "NoNewPrivs");
	if (u->spec.process.no_new_privileges && word && *word == '0')
		audit_add(u, AUDIT_DIFFERS, "processes", what, "/process/noNewPrivileges", "on",
			  "off");
	word = audit_field(u, status, "Seccomp");
	if (u->spec.os.seccomp.set && word && *word == '0')
		audit_add(u, AUDIT_DIFFERS, "processes", what, "/linux/seccomp", "a filter",
			  "no filter");
	if (u->plan.ns.created & CLONE_NEWNS && shares_mounts(u, dir, host_mounts))
		audit_add(u, AUDIT_DIFFERS, "processes", what, "/linux/namespaces", "",
			  "is in the mount namespace of the host");
}

int audit_processes(struct audit *u, struct err *e)
{
	struct cgroup *g = &u->s.rec.cgroup;
	_cleanup_fd_ int self = proc_openat(&u->proc, "self", O_PATH | O_DIRECTORY);
	struct err why = { 0 };
	char host[64] = "";
	int *pids = NULL, r;
	size_t n = 0;

	(void)e;
	if (g->manager == CGROUP_DISABLED || !g->n)
		return 0;
	r = self < 0 ? self : (int)sys_readlinkat(self, "ns/mnt", host, sizeof(host));
	if (r >= 0)
		r = g->ops ? 0 : cgroup_restore(g, &why);
	if (r >= 0)
		r = g->ops->pids(g, u->arena, &pids, &n, &why);
	err_drop(&why, "becomes a row");
	if (r < 0) {
		audit_unread(u, "processes", "", r);
		return 0;
	}
	for (size_t i = 0; i < n && i < PROCESSES_MAX; i++)
		if (pids[i] != u->pid)
			one_process(u, pids[i], host);
	audit_add(u, AUDIT_SAME, "processes", "", "", "", "%zu in the cgroup", n);
	return 0;
}
