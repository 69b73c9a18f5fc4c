/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/plan: puts the parts together. Each part reads the config, the host and the parts before it,
 * and writes its own fields of the plan; this file holds their order and what belongs to no part.
 */
#include <errno.h>
#include <stdarg.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"

void plan_warn(struct maker *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*(const char **)arena_push(m->arena, &m->plan->warnings, &m->plan->n_warnings,
				   sizeof(char *)) = arena_vprintf(m->arena, fmt, ap);
	va_end(ap);
}

void plan_remark(struct maker *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*(const char **)arena_push(m->arena, &m->plan->remarks, &m->plan->n_remarks,
				   sizeof(char *)) = arena_vprintf(m->arena, fmt, ap);
	va_end(ap);
}

char *plan_pointer(struct arena *a, const char *base, const char *key)
{
	char *out = arena_alloc(a, strlen(base) + 2 * strlen(key) + 2);
	size_t n = strlen(base);

	memcpy(out, base, n);
	out[n++] = '/';
	for (const char *p = key; *p; p++) {
		if (*p == '~' || *p == '/') {
			out[n++] = '~';
			out[n++] = *p == '~' ? '0' : '1';
		} else {
			out[n++] = *p;
		}
	}
	out[n] = '\0';
	return out;
}

/* S-38: an image made for another platform is likely not to run; the config is law all the same. */
static void compare_image(struct maker *m)
{
	static const char *const keys[] = { "org.opencontainers.image.os", PLAN_IMAGE_ARCH };
	const char *const have[] = { m->host->os, m->host->arch };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *want = spec_annotation(m->spec, keys[i]);

		if (want && *want && have[i] && !streq(want, have[i]))
			plan_warn(m, "/annotations/%s: the image is made for %s, this host is %s",
				  keys[i], want, have[i]);
	}
}

/* --strict: what nobody knows is refused instead of ignored. */
static int refuse_unknown(struct maker *m, struct err *e)
{
	for (size_t i = 0; m->opt->strict && i < m->spec->n_notes; i++) {
		const struct spec_note *n = &m->spec->notes[i];

		if (n->kind == NOTE_UNKNOWN) {
			int r = err_set(e, ERR_CFG_VALUE, 0,
					"unknown property, and --strict refuses it");

			return err_at(e, r, "%s", n->pointer);
		}
	}
	return 0;
}

/* The order is that of use: a part relies on what stands above it. */
static int run_parts(struct maker *m, struct err *e)
{
	static int (*const parts[])(struct maker *, struct err *) = {
		refuse_unknown,	    plan_make_ns,      plan_make_ids,	 plan_make_root,
		plan_make_mounts,   plan_make_devices, plan_make_late,	 plan_make_process,
		plan_make_landlock, plan_make_sysctls, plan_make_cgroup,
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i](m, e);

		if (r < 0 && !plan_go_on(m, e))
			return r;
	}
	compare_image(m);
	return 0;
}

void plan_try(struct maker *m)
{
	struct err e = { 0 };

	(void)run_parts(m, &e); /* cannot fail: every error becomes a finding */
}

int plan_make(const struct spec *s, const struct host *h, const struct plan_options *o,
	      struct arena *a, struct plan *ret, struct err *e)
{
	struct plan p = {
		.id = o->id,
		.bundle = o->bundle,
		.oci_version = s->oci_version,
		.hostname = s->hostname,
		.domainname = s->domainname,
		.masked = s->os.masked_paths,
		.readonly = s->os.readonly_paths,
		.hooks = &s->hooks,
		.os = &s->os,
		.annotations = &s->annotations,
		.notes = s->notes,
		.n_notes = s->n_notes,
	};
	struct maker m = { .spec = s, .host = h, .opt = o, .arena = a, .plan = &p };
	int r = run_parts(&m, e);

	if (r == 0)
		*ret = p;
	return r;
}

int plan_make_exec(const struct spec *s, const struct host *h, const struct plan_options *o,
		   struct arena *a, struct plan *ret, struct err *e)
{
	static int (*const parts[])(struct maker *, struct err *) = {
		plan_make_ns,
		plan_make_ids,
		plan_make_process,
		plan_make_landlock,
	};
	struct plan p = {
		.id = o->id,
		.oci_version = s->oci_version,
		.hooks = &s->hooks,
		.os = &s->os,
		.annotations = &s->annotations,
	};
	struct maker m = { .spec = s, .host = h, .opt = o, .arena = a, .plan = &p };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i](&m, e);

		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}
