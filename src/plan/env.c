/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/env: the environment of a process: that of the config without what counts for nothing, plus
 * the variables by which the caller of hull hands something over.
 */
#include <stdlib.h>

#include "base/str.h"
#include "plan/parts.h"

static bool env_is(const char *entry, const char *name)
{
	const char *rest = str_skip(entry, name);

	return rest && *rest == '=';
}

struct env_entry {
	const char *text;
	size_t name; /* bytes before '=' */
	size_t at;
};

static int compare_entries(const void *a, const void *b)
{
	const struct env_entry *x = a, *y = b;
	int r = memcmp(x->text, y->text, MIN(x->name, y->name));

	if (r == 0)
		r = (x->name > y->name) - (x->name < y->name);
	return r ? r : (x->at > y->at) - (x->at < y->at);
}

/* Which entries does a later one of the same name replace? One flag per entry. */
static bool *env_replaced(const struct strv *env, struct arena *a)
{
	bool *ret = arena_new_array(a, env->n + 1, bool);
	struct env_entry *v = arena_new_array(a, env->n + 1, struct env_entry);
	size_t n = 0;

	for (size_t i = 0; i < env->n; i++) {
		size_t name = strcspn(env->v[i], "=");

		if (env->v[i][name])
			v[n++] = (struct env_entry){ env->v[i], name, i };
	}
	if (n)
		qsort(v, n, sizeof(*v), compare_entries);
	for (size_t i = 1; i < n; i++)
		ret[v[i - 1].at] = v[i - 1].name == v[i].name &&
				   memcmp(v[i - 1].text, v[i].text, v[i].name) == 0;
	return ret;
}

static void env_add(struct strv *env, char *entry, struct arena *a)
{
	*(char **)arena_push(a, &env->v, &env->n, sizeof(*env->v)) = entry;
}

/* Is @entry one that hull sets itself (sd_listen_fds(3), sd_notify(3))? */
static bool is_handed_over(const struct plan_process *p, const char *entry)
{
	return (p->listen_fds && (env_is(entry, "LISTEN_FDS") || env_is(entry, "LISTEN_PID"))) ||
	       (p->notify && env_is(entry, "NOTIFY_SOCKET"));
}

void plan_make_env(struct plan_process *p, const struct strv *env, struct arena *a)
{
	const bool *replaced = env_replaced(env, a);

	p->env = (struct strv){ 0 };
	p->needs_home = true;
	for (size_t i = 0; i < env->n; i++) {
		if (replaced[i] || is_handed_over(p, env->v[i]))
			continue;
		if (streq(env->v[i], "HOME="))
			continue; /* as good as none */
		if (env_is(env->v[i], "HOME"))
			p->needs_home = false;
		env_add(&p->env, env->v[i], a);
	}
	if (p->notify)
		env_add(&p->env, arena_strdup(a, "NOTIFY_SOCKET=" PLAN_NOTIFY_DIR "/notify.sock"),
			a);
	if (p->listen_fds)
		env_add(&p->env, arena_printf(a, "LISTEN_FDS=%u", p->listen_fds), a);
	if (p->listen_fds && !p->needs_listen_pid)
		env_add(&p->env, arena_strdup(a, "LISTEN_PID=1"), a);
	env_add(&p->env, NULL, a); /* the terminator is not counted */
	p->env.n--;
}
