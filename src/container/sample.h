/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/sample: one measure of every container of a root, small enough to take each second.
 */
#ifndef HULL_CONTAINER_SAMPLE_H
#define HULL_CONTAINER_SAMPLE_H

#include "container/container.h"

struct sample {
	const char *id, *status;	    /* status: as `hull list` says it, or "unreadable" */
	uint64_t pid, start_time;	    /* of init: which run of that id it was */
	uint64_t at;			    /* io_now() of the measure */
	bool measured;			    /* it lives and has a cgroup; else what follows is 0 */
	uint64_t cpu;			    /* nanoseconds so far */
	struct cgroup_usage memory, pids;   /* limit UINT64_MAX: none */
	uint64_t read, written;		    /* bytes so far */
	struct cgroup_pressure pressure[3]; /* cpu, memory, io */
};

/* Measure all containers, sorted by name. Everything lives in @a, which is initialised here and
 * the caller's to free, also on failure. No lock is taken; a container that went away meanwhile
 * is left out; an unreadable record is a row of its own. Errors are those of store_list. */
int samples_take(struct ctx *c, struct arena *a, struct sample **ret, size_t *ret_n, struct err *e);

#endif
