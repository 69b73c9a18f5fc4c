/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/host: what the planner may know about the host. Collected once by container/facts.c; tests
 * make their own. Nothing here is a handle.
 */
#ifndef HULL_PLAN_HOST_H
#define HULL_PLAN_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum host_cgroups { HOST_CGROUP_NONE, HOST_CGROUP_V1, HOST_CGROUP_HYBRID, HOST_CGROUP_V2 };

struct host {
	uid_t euid;
	gid_t egid;
	bool initial_userns;	 /* the runtime is in the initial user namespace */
	uint64_t caps_effective; /* of the runtime; bit = capability number */
	unsigned last_cap;	 /* /proc/sys/kernel/cap_last_cap */
	mode_t umask;		 /* of the caller, kept when the config has none */
	enum host_cgroups cgroups;
	/* v2 path of the caller ("/user.slice/..."), "" when unknown: base of rootless paths */
	const char *own_cgroup;
	bool beside_cgroup; /* the caller may make groups and move processes in the group above */
	/* asked only where the config needs it */
	uint64_t caps_bounding; /* of the capabilities that it names */
	bool apparmor, selinux; /* active on this host */
	int landlock_abi;	/* -errno: there is none */
	const char *os, *arch;	/* "linux", GOARCH name, for image annotations (S-38) */
};

static inline bool host_can(const struct host *h, unsigned cap)
{
	return h->caps_effective >> cap & 1;
}

#endif
