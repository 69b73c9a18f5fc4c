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

#endif
