/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/process: identity of the container process: ids, groups, umask, capabilities,
 * terminal. Hides which capabilities can be granted at all.
 */
#include <errno.h>
#include <linux/capability.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"

static const char set_names[CAPSETS][12] = {
	[CAPSET_EFFECTIVE] = "effective",     [CAPSET_BOUNDING] = "bounding",
	[CAPSET_INHERITABLE] = "inheritable", [CAPSET_PERMITTED] = "permitted",
	[CAPSET_AMBIENT] = "ambient",
};

/*
 * Take what is not in @allowed out of a set, with one warning that names it all (CFG-CAP-09):
 * buildah asks for its whole list as ambient, and fourteen lines of it would hide what else is
 * said.
 */
static void cut_set(struct maker *m, enum spec_capset set, uint64_t allowed, const char *why)
{
	struct plan_process *p = &m->plan->process;
	uint64_t cut = p->caps[set] & ~allowed;
	const char *names = NULL;
	unsigned n = 0;

	for (unsigned cap = 0; cut && cap < 64; cap++) {
		const char *name;

		if (!(cut >> cap & 1))
			continue;
		name = table_name(&spec_capabilities, cap);
		name = name ? name : "a capability without name";
		names = n++ ? arena_printf(m->arena, "%s, %s", names, name) : name;
	}
	if (n && set == CAPSET_AMBIENT)
		plan_warn(m, "/process/capabilities/ambient: can't raise ambient capability %s: %s",
			  names, why);
	else if (n)
		plan_warn(m, "/process/capabilities/%s: %s %s not granted: %s", set_names[set],
			  names, n == 1 ? "is" : "are", why);
	p->caps[set] &= allowed;
}

/* Each name once, in words that clients know. */
static void warn_unknown_caps(struct maker *m, const struct strv *names)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < names->n; i++) {
		size_t j = 0;

		while (!streq(names->v[j], names->v[i]))
			j++;
		if (j == i)
			sb_printf(&b, "%s%s", i ? " " : "", names->v[i]);
	}
	if (names->n)
		plan_warn(m,
			  "/process/capabilities: ignoring unknown or unavailable capabilities: "
			  "[%s]",
			  text);
}

/*
 * The five sets as they will be. `capabilities` absent means five empty sets, for root too: nothing
 * is granted that the config does not name (doc/decisions.md).
 */
static int make_caps(struct maker *m, struct err *e)
{
	const struct spec_caps *c = &m->spec->process.caps;
	struct plan_process *p = &m->plan->process;
	uint64_t known =
		m->host->last_cap >= 63 ? UINT64_MAX : (UINT64_C(2) << m->host->last_cap) - 1;
	int r;

	if (c->unknown.n && m->opt->strict) {
		r = err_set(e, ERR_CFG_VALUE, 0, "there is no capability %s", c->unknown.v[0]);
		return err_at(e, r, "/process/capabilities");
	}
	warn_unknown_caps(m, &c->unknown);
	if (!c->set)
		return 0;
	memcpy(p->caps, c->sets, sizeof(p->caps));
	for (int set = 0; set < CAPSETS; set++) {
		cut_set(m, set, known, "this kernel does not have it");
		/* KERNEL: the bounding set can only shrink, and it limits what exec, permitted and
		 * inheritable can gain; a new user namespace does not widen it. capabilities(7). */
		cut_set(m, set, m->host->caps_bounding, "the caller's bounding set lacks it");
		if (!plan_ns_own(m->plan, NS_USER) && set != CAPSET_BOUNDING)
			cut_set(m, set, m->host->caps_effective,
				"the caller lacks it and there is no user namespace");
	}
	/* KERNEL: capset wants effective within permitted and inheritable within bounding; ambient
	 * lies in both permitted and inheritable. capset(2), capabilities(7). */
	cut_set(m, CAPSET_INHERITABLE, p->caps[CAPSET_BOUNDING],
		"it is not in bounding (operation not permitted)");
	cut_set(m, CAPSET_EFFECTIVE, p->caps[CAPSET_PERMITTED],
		"it is not in permitted (operation not permitted)");
	cut_set(m, CAPSET_AMBIENT, p->caps[CAPSET_PERMITTED] & p->caps[CAPSET_INHERITABLE],
		"it is not in permitted and inheritable (operation not permitted)");
	return 0;
}

/* run.oci.keep_original_groups: the supplementary groups of the caller stay. */
static int make_groups(struct maker *m, struct err *e)
{
	const struct spec_user *u = &m->spec->process.user;
	struct plan_process *p = &m->plan->process;
	const char *keep = spec_annotation(m->spec, "run.oci.keep_original_groups");
	int r;

	p->uid = u->uid;
	p->gid = u->gid;
	p->setgroups_denied = m->plan->ids.deny_setgroups;
	if (keep && (streq(keep, "1") || streq(keep, "true"))) {
		p->keep_groups = true;
	} else if (keep && !streq(keep, "0") && !streq(keep, "false")) {
		r = err_set(e, ERR_CFG_VALUE, 0, "\"%s\" is neither \"1\" nor \"0\"", keep);
		return err_at(e, r, "/annotations/run.oci.keep_original_groups");
	}
	if (!u->n_additional_gids)
		return 0;
	if (p->keep_groups) {
		plan_warn(m, "/process/user/additionalGids: not applied: the annotation "
			     "run.oci.keep_original_groups keeps "
			     "the groups of the caller instead");
		return 0;
	}
	/* the one group that is mapped is the user's own: another one was refused as not mapped */
	p->n_groups = u->n_additional_gids;
	p->groups = arena_new_array(m->arena, p->n_groups, gid_t);
	for (size_t i = 0; i < p->n_groups; i++)
		p->groups[i] = u->additional_gids[i];
	return 0;
}

/* features.md: the texts are those that callers of other runtimes know. */
static int make_terminal(struct maker *m, struct err *e)
{
	struct plan_process *p = &m->plan->process;
	const struct plan_options *o = m->opt;
	int r;

	p->terminal = m->spec->process.terminal;
	p->console_socket = o->console_socket;
	if (p->terminal && !p->console_socket && !o->terminal_given) {
		r = err_set(
			e, ERR_CON_MODE, 0,
			"cannot allocate tty if hull will detach without setting console socket");
		return err_at(e, r, "/process/terminal");
	}
	if (p->console_socket && (!p->terminal || o->terminal_given)) {
		r = err_set(e, ERR_CON_MODE, 0,
			    "cannot use console socket if hull will not detach or allocate tty");
		return err_at(e, r, "%s", p->terminal ? "--console-socket" : "/process/terminal");
	}
	m->plan->bind_console = p->terminal;
	return 0;
}

static int check_labels(struct maker *m, struct err *e)
{
	const struct spec_process *s = &m->spec->process;
	int r;

	if (s->apparmor_profile && !m->host->apparmor) {
		r = err_set(e, ERR_CFG_HOST, 0, "AppArmor is not active on this host");
		return err_at(e, r, "/process/apparmorProfile");
	}
	if (s->selinux_label && !m->host->selinux) {
		r = err_set(e, ERR_CFG_HOST, 0, "SELinux is not active on this host");
		return err_at(e, r, "/process/selinuxLabel");
	}
	return 0;
}

int plan_make_process(struct maker *m, struct err *e)
{
	static int (*const checks[])(struct maker *, struct err *) = {
		make_terminal,
		make_groups,
		make_caps,
		check_labels,
	};
	const struct spec_process *s = &m->spec->process;
	struct plan_process *p = &m->plan->process;

	p->set = s->set;
	p->spec = s;
	p->preserve_fds = m->opt->preserve_fds;
	p->listen_fds = m->opt->listen_fds;
	p->new_keyring = !m->opt->no_new_keyring;
	p->umask = s->user.umask.set ? s->user.umask.v : m->host->umask;
	p->seccomp_early = m->spec->os.seccomp.set && !s->no_new_privileges;
	p->args = s->args;
	p->notify = m->opt->notify;
	p->needs_listen_pid = p->listen_fds && (m->opt->exec || !plan_ns_new(m->plan, NS_PID));
	if (s->set)
		plan_make_env(p, &s->env, m->arena);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		int r = checks[i](m, e);

		if (r < 0 && !plan_go_on(m, e))
			return r;
	}
	return 0;
}
