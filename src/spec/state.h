/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/state: the OCI state document (runtime.md#state), for `hull state`, `hull list`, the public
 * state file, the stdin of hooks and the seccomp agent.
 */
#ifndef HULL_SPEC_STATE_H
#define HULL_SPEC_STATE_H

#include "spec/spec.h"
#include "spec/write.h"

/* A property that the spec does not define. */
struct spec_state_extra {
	const char *key, *value;
	bool raw; /* `value` is JSON text, not a string */
};

struct spec_state {
	const char *id;
	const char *status;	      /* a name of spec_statuses */
	int64_t pid;		      /* as seen by the reader of the document; -1: left out */
	const char *bundle;	      /* absolute */
	const char *rootfs, *created; /* NULL: left out */
	const struct spec_kvs *annotations;   /* NULL or empty: written as {} */
	const struct spec_state_extra *extra; /* in order, behind the others */
	size_t n_extra;
};

/* Write the document as the next value of @w (an element of a list, or the whole text). ociVersion
 * is SPEC_VERSION. */
void spec_state_write(const struct spec_state *s, struct jw *w);
/* The whole text on one line (@indent 0) or indented, without a newline at its end. In @a. */
char *spec_state_text(const struct spec_state *s, struct arena *a, unsigned indent,
		      size_t *ret_len);

/*
 * The container process state for the seccomp agent (config-linux.md#containerprocessstate) with
 * one descriptor, "seccompFd". @metadata may be NULL.
 */
char *spec_process_state_text(const struct spec_state *s, int64_t pid, const char *metadata,
			      struct arena *a, size_t *ret_len);

#endif
