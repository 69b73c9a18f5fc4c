/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune: limits and scheduling of the process, sysctls, host name: one small file per setting, one
 * call each.
 */
#ifndef HULL_TUNE_TUNE_H
#define HULL_TUNE_TUNE_H

#include "base/err.h"
#include "plan/plan.h"
#include "sys/proc.h"

/*
 * In the runtime before the clone: raise its own hard limits to what @p wants, which the clone
 * inherits (a child in a user namespace could not), and fail now for what cannot be had.
 */
int tune_rlimits_raise(const struct spec_process *p, struct err *e);
/*
 * @pid 0: the caller. With a pid the runtime sets them from outside (prlimit), as hard limits may
 * need its rights.
 */
int tune_rlimits(const struct spec_process *p, pid_t pid, struct err *e);
int tune_scheduler(const struct spec_scheduler *s, pid_t pid, struct err *e);
int tune_io_priority(const struct spec_io_priority *p, struct err *e);
/* CPU list grammar "0-3,7" into a dynamic mask (faults L4). */
int tune_affinity(const char *list, const char *pointer, pid_t pid, struct err *e);
/* All CPUs, whatever the caller was pinned to; a failure is no error. @pid 0: the caller. */
void tune_affinity_reset(pid_t pid);
int tune_memory_policy(const struct spec_memory_policy *m, struct err *e);
int tune_personality(const struct spec_personality *p, struct err *e);
/* Through /proc/PID/oom_score_adj of the given procfs. */
int tune_oom_score(int value, pid_t pid, const struct procfs *proc, struct err *e);
/*
 * Needs a full procfs of the container's namespaces; each key is written and errors name
 * /linux/sysctl/KEY.
 */
int tune_sysctls(const struct plan *p, const struct procfs *proc, struct err *e);
int tune_hostname(const char *hostname, const char *domainname, struct err *e);
/*
 * resctrl (intelRdt): prepare makes groups and writes schemata; join adds a pid; remove undoes what
 * was made.
 */
struct tune_rdt {
	/* absolute paths below the resctrl mount, "" for no MON group */
	char group[512], mon[1024];
	bool made_group; /* by this call for this container alone: remove takes it away again */
	bool made_mon;
};
int tune_rdt_prepare(const struct spec_rdt *r, const char *id, struct tune_rdt *ret, struct err *e);
int tune_rdt_join(const struct tune_rdt *t, pid_t pid, struct err *e);
int tune_rdt_remove(const struct tune_rdt *t, struct err *e);
/* Whole lines of schemata, "L3:0=7f0;1=1f" and "MB:0=50"; NULL: none. */
struct tune_rdt_lines {
	const char *l3, *mb;
};
/*
 * Change lines of a group in use: all, or an error and none. What the group had and has, in @a; to
 * write *ret_old is the way back. ERR_TUN_RDT; the container must have a group other than the root.
 */
int tune_rdt_update(const struct tune_rdt *t, const struct tune_rdt_lines *want, struct arena *a,
		    struct tune_rdt_lines *ret_old, struct tune_rdt_lines *ret_new, struct err *e);
/* What a group may use, has, and used so far; absent: set false, NULL, n_nodes 0. */
struct tune_rdt_node {
	bool has_occupancy, has_total, has_local;
	uint64_t occupancy, total, local; /* bytes */
};
struct tune_rdt_stats {
	struct {
		bool set;
		const char *cbm_mask;
		uint64_t min_cbm_bits, num_closids;
	} l3;
	struct {
		bool set;
		uint64_t bandwidth_gran, delay_linear, min_bandwidth, num_closids;
	} mb;
	struct tune_rdt_lines root, group;
	struct tune_rdt_node *nodes; /* of each cache, in the order of their numbers */
	size_t n_nodes;
};
/* Into @a. 0, or -errno when resctrl or the group is gone. */
int tune_rdt_stats(const struct tune_rdt *t, struct arena *a, struct tune_rdt_stats *ret);

#endif
