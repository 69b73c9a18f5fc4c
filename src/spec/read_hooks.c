/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_hooks: /hooks (config.md#posix-platform-hooks).
 */
#include "spec/read.h"

/* An `env` that is present but empty differs from an absent one (rule H1). */
static int read_env(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_hook *h = object;

	(void)f;
	h->env_set = true;
	return field_read_strv(r, v, &h->env);
}

static const struct field hook_fields[] = {
	VALUE(spec_hook, "path", path, REQUIRED | ABSOLUTE),
	VALUE(spec_hook, "args", args, 0),
	CALL("env", read_env, 0),
	NUMBER(spec_hook, "timeout", timeout, 1, INT32_MAX, 0),
};
static OBJECT_TYPE(hook, spec_hook);

static int read_deprecated(struct reader *r, const struct field *f, struct jv v, void *object)
{
	static const struct field list =
		LIST(spec_hooks, "prestart", v[HOOK_PRESTART], n[HOOK_PRESTART], hook);

	(void)f;
	if (jv_count(v))
		field_note(r, NOTE_DEPRECATED, v,
			   "prestart hooks are deprecated, createRuntime replaces them");
	return field_read_list(r, &list, v, object);
}

static const struct field read_hooks_fields[] = {
	CALL("prestart", read_deprecated, 0),
	LIST(spec_hooks, "createRuntime", v[HOOK_CREATE_RUNTIME], n[HOOK_CREATE_RUNTIME], hook),
	LIST(spec_hooks, "createContainer", v[HOOK_CREATE_CONTAINER], n[HOOK_CREATE_CONTAINER],
	     hook),
	LIST(spec_hooks, "startContainer", v[HOOK_START_CONTAINER], n[HOOK_START_CONTAINER], hook),
	LIST(spec_hooks, "poststart", v[HOOK_POSTSTART], n[HOOK_POSTSTART], hook),
	LIST(spec_hooks, "poststop", v[HOOK_POSTSTOP], n[HOOK_POSTSTOP], hook),
};
OBJECT_TYPE(read_hooks, spec_hooks);
