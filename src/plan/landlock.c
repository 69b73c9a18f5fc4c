/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/landlock: the lists of the annotation run.hull.landlock. Hides their syntax and what a
 * kernel must have for them to hold.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/json.h"
#include "spec/spec.h"

#define AT "/annotations/" PLAN_LANDLOCK

/* Fewer rights first. */
static const char lists[][10] = {
	[PLAN_NO_ACCESS] = "noAccess",
	[PLAN_READ_ONLY] = "readOnly",
	[PLAN_READ_WRITE] = "readWrite",
};

const char *plan_landlock_list(enum plan_access access)
{
	return lists[access];
}

/* The place is the annotation; the place inside its text goes into the message. */
static int inside(struct err *e, const struct err *why)
{
	err_set(e, why->id, why->code, "%s%s%s", why->at, *why->at ? ": " : "", why->msg);
	return err_at(e, -EINVAL, "%s", AT);
}

static int add_path(struct maker *m, struct jv v, enum plan_access access, struct err *e)
{
	struct plan_landlock *l = &m->plan->landlock;
	const char *path = NULL;
	int r = jv_string(v, &path, e);

	if (r < 0)
		return r;
	if (*path != '/' || path_has_dotdot(path))
		return jv_fail(v, e, ERR_CFG_VALUE,
			       "must be an absolute path without \"..\", not \"%s\"", path);
	path = plan_path_clean(m->arena, path);
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].path, path))
			return jv_fail(v, e, ERR_CFG_DUPLICATE, "%s is in %s already", path,
				       lists[l->v[i].access]);
	if (l->n == PLAN_LANDLOCK_MAX)
		return jv_fail(v, e, ERR_CFG_LIMIT, "more than %d paths", PLAN_LANDLOCK_MAX);
	*(struct plan_landlock_path *)arena_push(m->arena, &l->v, &l->n, sizeof(*l->v)) =
		(struct plan_landlock_path){ path, access };
	return 0;
}

static int read_lists(struct maker *m, const char *text, struct err *e)
{
	struct jv_doc *doc = arena_new(m->arena, struct jv_doc);
	int r = jv_parse(text, strlen(text), m->arena, doc, e);
	struct jv_iter it, in;

	if (r == 0)
		r = jv_object(jv_root(doc), e);
	if (r < 0)
		return r;
	for (it = jv_each(jv_root(doc)); jv_next(&it);) {
		enum plan_access access = 0;

		while (access < ARRAY_LEN(lists) && !streq(lists[access], it.key))
			access++;
		if (access == ARRAY_LEN(lists))
			return jv_fail(it.value, e, ERR_CFG_VALUE,
				       "there are the lists readOnly, readWrite and noAccess");
		r = jv_array(it.value, e);
		for (in = jv_each(it.value); r == 0 && jv_next(&in);)
			r = add_path(m, in.value, access, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < m->plan->landlock.n; i++)
		if (m->plan->landlock.v[i].access != PLAN_NO_ACCESS)
			return 0;
	return err_set(e, ERR_CFG_VALUE, 0,
		       "no path is readOnly or readWrite: not even the program could be read");
}

int plan_make_landlock(struct maker *m, struct err *e)
{
	const char *text = spec_annotation(m->spec, PLAN_LANDLOCK);
	int abi = m->host->landlock_abi, r;
	struct err why = { 0 };

	if (!text)
		return 0;
	m->plan->landlock.set = true;
	if (m->opt->exec) {
		if (!m->opt->landlock)
			return err_at(
				e,
				err_set(e, ERR_STA_READ, 0, "the record lacks its resolved paths"),
				"%s", AT);
		text = m->opt->landlock;
		m->plan->landlock.resolved = true;
	}
	if (read_lists(m, text, &why) < 0)
		return inside(e, &why);
	/*
	 * SECURITY: F4: what cannot hold is refused. KERNEL: before ABI 3 nothing keeps truncate(2)
	 * from a file that may only be read. landlock(7)
	 */
	if (abi < 0)
		r = err_sys(e, ERR_CFG_HOST, abi,
			    "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, and "
			    "\"landlock\" in lsm= of its command line)");
	else if (abi < 3)
		r = err_set(e, ERR_CFG_HOST, 0,
			    "the Landlock of this kernel (ABI %d) cannot keep a read-only file "
			    "from being truncated; Linux 6.2 can",
			    abi);
	else
		return 0;
	return err_at(e, r, "%s", AT);
}
