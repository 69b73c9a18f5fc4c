/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/ebpf/devices: the device filter of cgroup v2: program text from the normal form, and its
 * attachment. Nothing else in hull emits eBPF.
 */
#ifndef HULL_CGROUP_EBPF_DEVICES_H
#define HULL_CGROUP_EBPF_DEVICES_H

#include <linux/bpf.h>

#include "cgroup/cgroup.h"
#include "cgroup/rules.h"

/*
 * The program, in @a. It reads its context, calls no helper, has no loop and ends with 1 (allowed)
 * or 0.
 */
void ebpf_emit_devices(const struct rules *r, struct arena *a, struct bpf_insn **ret,
		       size_t *ret_n);

/*
 * Load and attach to the cgroup directory @cgroup, in place of a filter of hull's own when one is
 * attached (atomically, rule G4); filters of others stay and count too. @fresh: the group was just
 * made, so that there is none to look for. -errno and ERR_CGR_DEVICES.
 */
int ebpf_attach_devices(int cgroup, bool fresh, const struct rules *r, struct arena *a,
			struct err *e);

/* As cgroup_devices_read, for the v2 directory @cgroup. */
int ebpf_read_devices(int cgroup, const struct rules *r, struct arena *a, enum cgroup_devices *ret,
		      const char **ret_text, struct err *e);

#endif
