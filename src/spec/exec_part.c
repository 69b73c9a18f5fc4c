/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/exec_part: what one more process in a container needs of its config, as a config of its own.
 * Hides what that is; every value is copied as it was written.
 */
#include "base/str.h"
#include "spec/json.h"
#include "spec/spec.h"
#include "spec/write.h"

/* Done when the container was made; a process that comes later finds it there. */
static const char *const done[] = { "mounts", "hooks", "vm", "windows", "solaris", "zos", NULL };
static const char *const done_linux[] = { "resources",	 "devices",	"netDevices",
					  "sysctl",	 "maskedPaths", "readonlyPaths",
					  "cgroupsPath", "intelRdt",	NULL };
/* The compiled filter is in their place. */
static const char *const compiled[] = { "syscalls", "architectures", NULL };

static bool listed(const char *const *v, const char *key)
{
	while (*v && !streq(*v, key))
		v++;
	return *v;
}

static void copy(struct jw *w, const char *key, struct jv v)
{
	size_t len;
	const char *text = jv_raw(v, &len);

	jw_raw(w, key, text, len);
}

static void copy_members(struct jw *w, struct jv object, const char *const *without)
{
	for (struct jv_iter it = jv_each(object); jv_next(&it);)
		if (!listed(without, it.key))
			copy(w, it.key, it.value);
}

static void copy_linux(struct jw *w, struct jv os, bool filter)
{
	for (struct jv_iter it = jv_each(os); jv_next(&it);) {
		if (listed(done_linux, it.key))
			continue;
		if (!filter || !streq(it.key, "seccomp")) {
			copy(w, it.key, it.value);
			continue;
		}
		jw_object(w, it.key);
		copy_members(w, it.value, compiled);
		jw_end(w);
	}
}

const char *spec_exec_part(const struct spec *s, const char *filter, struct arena *a,
			   size_t *ret_len)
{
	static const char *const replaced[] = { SPEC_BPF_DATA, NULL };
	struct jw w;

	jw_init(&w, a, 0);
	jw_object(&w, NULL);
	for (struct jv_iter it = jv_each(jv_root(s->doc)); jv_next(&it);) {
		bool annotations = streq(it.key, "annotations");

		if (listed(done, it.key) || (filter && annotations))
			continue;
		if (!streq(it.key, "linux")) {
			copy(&w, it.key, it.value);
			continue;
		}
		jw_object(&w, it.key);
		copy_linux(&w, it.value, filter);
		jw_end(&w);
	}
	if (filter) {
		struct jv annotations;

		jw_object(&w, "annotations");
		if (jv_find(jv_root(s->doc), "annotations", &annotations))
			copy_members(&w, annotations, replaced);
		jw_string(&w, SPEC_BPF_DATA, filter);
		jw_end(&w);
	}
	jw_end(&w);
	*ret_len = w.len;
	return w.buf;
}
