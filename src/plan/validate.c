/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/validate: what becomes of each property that a config uses, for `hull validate`. Walks the
 * text for the list of properties and tries every part of the plan, going on behind an error.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/json.h"
#include "spec/spec.h"

struct findings {
	struct plan_finding *v;
	size_t n;
};

static void add(struct arena *a, struct findings *f, const char *pointer, enum plan_verdict verdict,
		const char *why)
{
	*(struct plan_finding *)arena_push(a, &f->v, &f->n, sizeof(*f->v)) =
		(struct plan_finding){ .pointer = pointer, .verdict = verdict, .why = why };
}

bool plan_go_on(struct maker *m, struct err *e)
{
	char text[ERR_MSG_MAX + ERR_AT_MAX];
	char at[ERR_AT_MAX];

	if (!m->findings)
		return false;
	for (size_t i = 0; i < m->findings->n; i++)
		if (streq(m->findings->v[i].pointer, e->at)) { /* one reason is enough */
			err_clear(e);
			return true;
		}
	memcpy(at, e->at, sizeof(at));
	e->at[0] = '\0'; /* the place is the pointer of the finding */
	err_format(e, text, sizeof(text));
	add(m->arena, m->findings, arena_strdup(m->arena, at), VERDICT_CANNOT,
	    arena_strdup(m->arena, text));
	err_clear(e);
	return true;
}

/* ---- the properties of the text ---- */

static bool holds_objects(struct jv array)
{
	struct jv_iter it = jv_each(array);

	return jv_next(&it) && (jv_type(it.value) == JV_OBJECT);
}

static const struct spec_note *find_note(const struct spec *s, const char *pointer)
{
	for (size_t i = 0; i < s->n_notes; i++)
		if (*pointer && streq(s->notes[i].pointer, pointer))
			return &s->notes[i];
	return NULL;
}

/* Add a row per property at or below @v. Objects and lists of objects are opened; lists of values,
 * and maps of names to values such as annotations, end in one row each. The depth is that of the
 * schema, as what is unknown is not opened. */
static void walk(const struct spec *s, struct jv v, const char *pointer, struct arena *a,
		 struct findings *f)
{
	const struct spec_note *note = find_note(s, pointer);
	enum jv_type type = jv_type(v);
	bool open = type == JV_OBJECT || (type == JV_ARRAY && holds_objects(v));

	if (note && note->kind != NOTE_DEPRECATED && note->kind != NOTE_VERSION) {
		add(a, f, pointer, note->kind == NOTE_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_PLATFORM,
		    note->text);
		return;
	}
	if (!open || !jv_count(v)) {
		add(a, f, *pointer ? pointer : "/", VERDICT_APPLIED, note ? note->text : "");
		return;
	}
	for (struct jv_iter it = jv_each(v); jv_next(&it);)
		walk(s, it.value,
		     it.key ? plan_pointer(a, pointer, it.key)
			    : arena_printf(a, "%s/%zu", pointer, it.index),
		     a, f);
}

/* ---- what the plan cannot do ---- */

/*
 * A property that cannot be applied replaces the rows at and below it, but for what is unknown
 * there; one inside a row comes behind that.
 */
static void merge_one(struct arena *a, struct findings *rows, const struct plan_finding *bad)
{
	struct findings out = { 0 };
	bool placed = false;

	for (size_t i = 0; i < rows->n; i++) {
		const struct plan_finding *row = &rows->v[i];
		bool known = row->verdict == VERDICT_APPLIED || row->verdict == VERDICT_CANNOT;
		bool covered =
			known && *bad->pointer && plan_path_below(row->pointer, bad->pointer);
		bool holds = !covered && plan_path_below(bad->pointer, row->pointer);

		if (!covered)
			add(a, &out, row->pointer, row->verdict, row->why);
		if ((covered || holds) && !placed) {
			add(a, &out, bad->pointer, bad->verdict, bad->why);
			placed = true;
		}
	}
	if (!placed)
		add(a, &out, bad->pointer, bad->verdict, bad->why);
	*rows = out;
}

int plan_validate(const struct spec *s, const struct host *h, const struct plan_options *o,
		  struct arena *a, struct plan_finding **ret, size_t *ret_n)
{
	struct findings rows = { 0 }, failed = { 0 };
	struct jv_doc doc;
	struct plan p = { 0 };
	struct maker m = {
		.spec = s, .host = h, .opt = o, .arena = a, .plan = &p, .findings = &failed
	};
	struct err e = { 0 };
	int r;

	r = jv_parse(s->raw, s->raw_len, a, &doc, &e);
	if (r < 0)
		return r;
	walk(s, jv_root(&doc), "", a, &rows);
	if (spec_validate(s, &e) < 0)
		(void)plan_go_on(&m, &e);
	plan_try(&m);
	for (size_t i = 0; i < failed.n; i++)
		merge_one(a, &rows, &failed.v[i]);
	if (s->n_notes && !*s->notes[s->n_notes - 1].pointer)
		add(a, &rows, "", VERDICT_UNKNOWN, s->notes[s->n_notes - 1].text);
	*ret = rows.v;
	*ret_n = rows.n;
	return 0;
}
