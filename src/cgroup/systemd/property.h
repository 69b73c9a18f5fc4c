/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/property: limits of cgroup v2 as properties of a unit, so that systemd knows of
 * them and a daemon-reload changes nothing. Pure.
 */
#ifndef HULL_CGROUP_SYSTEMD_PROPERTY_H
#define HULL_CGROUP_SYSTEMD_PROPERTY_H

#include "cgroup/systemd/dbus.h"
#include "plan/plan.h"

/* Elements of an open a(sv). */
void property_put_string(struct dbus_out *o, const char *name, const char *value);
void property_put_bool(struct dbus_out *o, const char *name, bool value);
void property_put_u64(struct dbus_out *o, const char *name, uint64_t value);
void property_put_pids(struct dbus_out *o, const char *name, const uint32_t *v, size_t n);
/* What annotations set. */
void property_put_unit(struct dbus_out *o, const struct plan_unit_property *p);
/* Every write that systemd has a property for; the others stay with the files. Returns how many. */
size_t property_put_limits(struct dbus_out *o, const struct plan_cgroup *p);
/* "0-3,7" as bytes, lowest CPU in the lowest bit. Number of bytes, 0: no list. */
size_t property_cpu_mask(const char *list, uint8_t *ret, size_t size);

#endif
