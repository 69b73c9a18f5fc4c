/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/unit: ask systemd for a unit, change it, end it. Hides which of the sockets
 * answers, leftover units of the same name, and jobs.
 */
#ifndef HULL_CGROUP_SYSTEMD_UNIT_H
#define HULL_CGROUP_SYSTEMD_UNIT_H

#include "cgroup/internal.h"
#include "cgroup/systemd/dbus.h"

/*
 * A connection to the manager of @g (user or system): the socket recorded in g->bus first, which is
 * set to the one that answers. ERR_CGR_SYSTEMD names all that were tried.
 */
int unit_connect(struct cgroup *g, struct arena *a, uint64_t deadline, struct dbus *ret,
		 struct err *e);
/* The manager's own group, "" for that of the system. */
int unit_manager_root(struct dbus *b, uint64_t deadline, char *ret, size_t size, struct err *e);
/*
 * Start the scope or slice g->unit. @helper: a process for a scope, which cannot be empty; 0 for a
 * slice. @busy tells whether the group of a unit that exists has processes.
 */
int unit_start(const struct cgroup *g, const struct plan_cgroup *p, struct dbus *b, int helper,
	       uint64_t deadline, bool (*busy)(const struct cgroup *g), struct err *e);
/* Stop it and wait until it is stopped; one that is not there is fine. */
int unit_stop(const struct cgroup *g, struct dbus *b, uint64_t deadline, struct err *e);
/* Limits as properties, until the unit ends. */
int unit_set_limits(const struct cgroup *g, const struct plan_cgroup *p, struct dbus *b,
		    uint64_t deadline, struct err *e);
/*
 * Let systemd move a process below the unit's group, where we may not. @below: "/container" or "/".
 */
int unit_attach(const struct cgroup *g, struct dbus *b, const char *below, int pid,
		uint64_t deadline, struct err *e);

#endif
