/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/replace: another `process` for a container that waits for start (lineage S-11). What create
 * applied already cannot change any more; the rest is planned anew.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

static bool same_groups(const struct spec_user *a, const struct spec_user *b)
{
	return a->n_additional_gids == b->n_additional_gids &&
	       (!a->n_additional_gids ||
		memcmp(a->additional_gids, b->additional_gids,
		       a->n_additional_gids * sizeof(*a->additional_gids)) == 0);
}

static bool same_caps(const struct spec_caps *a, const struct spec_caps *b)
{
	return a->set == b->set && memcmp(a->sets, b->sets, sizeof(a->sets)) == 0;
}

static bool same_scheduler(const struct spec_scheduler *a, const struct spec_scheduler *b)
{
	return a->set == b->set && a->policy == b->policy && a->nice == b->nice &&
	       a->priority == b->priority && a->flags == b->flags && a->runtime == b->runtime &&
	       a->deadline == b->deadline && a->period == b->period;
}

static int check_same(const struct spec_process *a, const struct spec_process *b, struct err *e)
{
	const struct {
		bool same;
		const char *pointer;
	} rows[] = {
		{ a->user.uid == b->user.uid, "/user/uid" },
		{ a->user.gid == b->user.gid, "/user/gid" },
		{ same_groups(&a->user, &b->user), "/user/additionalGids" },
		{ same_caps(&a->caps, &b->caps), "/capabilities" },
		{ a->no_new_privileges == b->no_new_privileges, "/noNewPrivileges" },
		{ a->terminal == b->terminal, "/terminal" },
		{ a->console_height.v == b->console_height.v &&
			  a->console_width.v == b->console_width.v,
		  "/consoleSize" },
		{ same_text(a->apparmor_profile, b->apparmor_profile), "/apparmorProfile" },
		{ same_text(a->selinux_label, b->selinux_label), "/selinuxLabel" },
		{ a->oom_score_adj.set == b->oom_score_adj.set &&
			  a->oom_score_adj.v == b->oom_score_adj.v,
		  "/oomScoreAdj" },
		{ same_scheduler(&a->scheduler, &b->scheduler), "/scheduler" },
		{ a->io_priority.set == b->io_priority.set &&
			  a->io_priority.class == b->io_priority.class &&
			  a->io_priority.priority == b->io_priority.priority,
		  "/ioPriority" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].same)
			continue;
		err_set(e, ERR_CFG_CONFLICT, 0,
			"was applied by create and cannot change at start; args, env, cwd, "
			"user.umask and rlimits can");
		return err_at(e, -EINVAL, "/process%s", rows[i].pointer);
	}
	return 0;
}

int plan_replace_process(const struct plan *p, const struct spec_process *s, struct arena *a,
			 struct plan *ret, struct err *e)
{
	struct plan_process *n = &ret->process;
	int r;

	if (!p->process.set) {
		err_set(e, ERR_CFG_CONFLICT, 0, "the container was created without a process");
		return err_at(e, -EINVAL, "/process");
	}
	r = check_same(p->process.spec, s, e);
	if (r < 0)
		return r;
	*ret = *p;
	n->spec = s;
	n->args = s->args;
	plan_make_env(n, &s->env, a);
	if (s->user.umask.set)
		n->umask = s->user.umask.v;
	return 0;
}
