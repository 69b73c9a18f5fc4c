/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: runs one list of hooks. State on stdin, environment by rule H1, own session and process
 * group, deadline, the last 4 KiB of output kept for the error; faults E1, E2.
 */
#ifndef HULL_HOOK_HOOK_H
#define HULL_HOOK_HOOK_H

#include <sys/types.h>

#include "base/err.h"
#include "spec/types.h"

/*
 * Seconds a hook may take when the config sets no timeout. The spec sets no default; rule H1 wants
 * a deadline all the same. It lies below the 240 s that engines wait for `create`, so that the
 * reason is told by hull and not lost with a kill.
 */
enum { HOOK_DEADLINE = 120 };

struct hook_run {
	const struct spec_hooks *hooks;
	enum spec_hook_kind kind;
	const char *state; /* JSON text for stdin */
	size_t state_len;
	/* for hooks without `env`; NULL: empty */
	char *const *env;
	/*
	 * Host paths. A hook of the host begins in the bundle, as with other runtimes; in "/" where
	 * that is NULL, cannot be entered, or is the root filesystem or in it.
	 */
	const char *bundle, *rootfs;
	/* from hook_open_all: the host's files, run in another namespace; NULL: hook.path */
	const int *fds;
	bool keep_going; /* poststop: a failure is a warning and the rest runs */
	/* a signalfd: what comes there ends all early (faults K8); 0: none */
	int interrupt;
	unsigned restore_nofile; /* soft RLIMIT_NOFILE of the caller, 0: leave */
	/* in the child, the last before execve; 0 or -errno, no allocation. NULL: nothing to do */
	int (*confine)(void *data);
	void *data;
};

/*
 * Run the hooks of one kind in their order; each gets an empty set of other fds, default signals,
 * umask 022 and its working directory (startContainer: that of the caller). 0, or -errno of the
 * first failure: place "/hooks/createRuntime/1", message with exit status, signal or timeout and
 * the end of the output. A hook may leave processes behind; those of a hook that timed out are
 * killed with their process group.
 */
_must_use_ int hook_run_all(const struct hook_run *r, struct err *e);

/*
 * Open the executables of a list where the caller is (createContainer hooks: the path is the
 * host's, the run is inside). @ret_fds has room for hooks->n[kind]; on failure nothing stays open.
 */
_must_use_ int hook_open_all(const struct spec_hooks *h, enum spec_hook_kind kind, int *ret_fds,
			     struct err *e);

#endif
