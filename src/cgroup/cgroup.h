/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: create, join, limit, freeze, kill, measure and remove the container's control group, whatever
 * the host has: v2, v1, hybrid, none; by hand or (later) through systemd. select.c alone looks at the host.
 */
#ifndef HULL_CGROUP_CGROUP_H
#define HULL_CGROUP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "plan/plan.h"

enum { CGROUP_HIERARCHIES = 24 };

/* One hierarchy of this host. */
struct cgroup_hierarchy {
	bool v2;
	char controllers[64];	/* v1: "cpu,cpuacct" or "name=systemd"; v2: "" */
	char mount[96];		/* mount point */
};
struct cgroup_host {
	enum host_cgroups layout;
	struct cgroup_hierarchy h[CGROUP_HIERARCHIES];
	unsigned n;
	char own[CGROUP_HIERARCHIES][256]; /* path of the caller in each, "/" when it is the root */
};
/* Read once per command from /proc/self/mountinfo and /proc/self/cgroup. Never fails: an unknown host has layout NONE. */
int cgroup_host_read(struct cgroup_host *ret, struct err *e);

/* The container's group. `path` is below each hierarchy's mount; the record in state.json is exactly this. */
struct cgroup {
	const struct cgroup_ops *ops;
	enum plan_cgroup_manager manager;
	enum host_cgroups layout;
	unsigned n;
	struct {
		char mount[96];
		char controllers[64];
		char path[512];	   /* below mount */
		bool v2;
		unsigned created;  /* how many trailing components hull made (all are removed at delete); 0: it existed */
	} dir[CGROUP_HIERARCHIES];
	int v2_fd;		   /* open directory of the v2 group for CLONE_INTO_CGROUP, or -1 */
	bool devices_enforced;	   /* false: the kernel refused the filter (devices_optional) */
	char unit[256];		   /* systemd */
};

struct cgroup_stats; /* later */

struct cgroup_ops {
	const char *name; /* "v2", "v1", "hybrid", "none", "systemd" */
	/* Fill dir[] from the plan and the host without touching anything: what the intent record stores. */
	int (*plan)(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h, struct err *e);
	/* Make the directories, enable controllers, apply writes and the device filter. Sets created and v2_fd. */
	int (*create)(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
	/* Move a process in (v1 hierarchies; v2 too when clone3 did not). */
	int (*join)(struct cgroup *g, int pid, struct err *e);
	int (*apply)(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
	int (*freeze)(struct cgroup *g, bool on, uint64_t deadline, struct err *e);
	int (*frozen)(struct cgroup *g, bool *ret, struct err *e);
	/* Signal every process in the group and below; SIGKILL uses cgroup.kill where there is one. Only groups that are the
	 * container's own (created > 0 or exclusively used) are ever swept; see cgroup_is_own. */
	int (*kill)(struct cgroup *g, int sig, uint64_t deadline, struct err *e);
	/* All pids of the group and below. */
	int (*pids)(struct cgroup *g, struct arena *a, int **ret, size_t *ret_n, struct err *e);
	/* Remove what was created, bottom-up, children first; waits for populated 0 until @deadline. Gone already: success. */
	int (*destroy)(struct cgroup *g, uint64_t deadline, struct err *e);
};

/* Choose the manager's ops for this host. ERR_CGR_LAYOUT when it cannot serve. */
int cgroup_select(enum plan_cgroup_manager m, const struct cgroup_host *h, struct cgroup *ret, struct err *e);
void cgroup_close(struct cgroup *g);
/* Is the group the container's alone: hull made its last component? Rule for kill and destroy (faults P6). */
bool cgroup_is_own(const struct cgroup *g);
/* Give the group to the container's root (LNX-CGOWN rows); v2 only. */
int cgroup_delegate(struct cgroup *g, uid_t uid, gid_t gid, struct err *e);

#endif
