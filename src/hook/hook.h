/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: runs one list of hooks. State on stdin, environment by rule H1, own process group, timeout, the last
 * 4 KiB of output kept for the error; faults E1, E2.
 */
#ifndef HULL_HOOK_HOOK_H
#define HULL_HOOK_HOOK_H

#include "base/err.h"
#include "spec/types.h"

struct hook_run {
	const struct spec_hooks *hooks;
	enum spec_hook_kind kind;
	const char *state;	/* JSON text for stdin */
	size_t state_len;
	char *const *env;	/* of the runtime, when the hook has no `env` (never process.env) */
	const int *fds;		/* opened executables per hook (host-side lists run inside init), or NULL: open hook.path */
	bool keep_going;	/* poststop: a failure is a warning and the rest runs */
	unsigned restore_nofile; /* soft RLIMIT_NOFILE of the caller, 0: leave */
};
/* 0, or the first failure: place "/hooks/createRuntime/1", message with exit status or signal and output. */
int hook_run_all(const struct hook_run *r, struct err *e);
/* Open the executables of a list on the host (createContainer hooks: the path is the host's, the run is inside). */
int hook_open_all(const struct spec_hooks *h, enum spec_hook_kind kind, int *ret_fds, struct err *e);

#endif
