/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/state: state documents, property by property in the order that runc's have: scripts look at
 * the text.
 */
#include "spec/state.h"

static void write_members(const struct spec_state *s, struct jw *w)
{
	jw_string(w, "ociVersion", SPEC_VERSION);
	jw_string(w, "id", s->id);
	if (s->pid >= 0)
		jw_i64(w, "pid", s->pid);
	jw_string(w, "status", s->status);
	jw_string(w, "bundle", s->bundle);
	if (s->rootfs)
		jw_string(w, "rootfs", s->rootfs);
	if (s->created)
		jw_string(w, "created", s->created);
	jw_object(w, "annotations");
	for (size_t i = 0; s->annotations && i < s->annotations->n; i++)
		jw_string(w, s->annotations->v[i].key, s->annotations->v[i].value);
	jw_end(w);
	for (size_t i = 0; i < s->n_extra; i++) {
		const struct spec_state_extra *x = &s->extra[i];

		if (x->raw)
			jw_raw(w, x->key, x->value, strlen(x->value));
		else
			jw_string(w, x->key, x->value);
	}
}

void spec_state_write(const struct spec_state *s, struct jw *w)
{
	jw_object(w, NULL);
	write_members(s, w);
	jw_end(w);
}

char *spec_state_text(const struct spec_state *s, struct arena *a, unsigned indent, size_t *ret_len)
{
	struct jw w;

	jw_init(&w, a, indent);
	spec_state_write(s, &w);
	*ret_len = w.len;
	return w.buf;
}

char *spec_process_state_text(const struct spec_state *s, int64_t pid, const char *metadata,
			      struct arena *a, size_t *ret_len)
{
	static const char *const fds[] = { "seccompFd" };
	struct jw w;

	jw_init(&w, a, 0);
	jw_object(&w, NULL);
	jw_string(&w, "ociVersion", SPEC_VERSION);
	jw_strings(&w, "fds", fds, ARRAY_LEN(fds));
	jw_i64(&w, "pid", pid);
	if (metadata)
		jw_string(&w, "metadata", metadata);
	jw_object(&w, "state");
	write_members(s, &w);
	jw_end(&w);
	jw_end(&w);
	*ret_len = w.len;
	return w.buf;
}
