/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/bpf: the five bpf(2) commands a device filter needs. Every call passes the header's whole,
 * zeroed union (rule G5); no policy, no program text.
 */
#ifndef HULL_SYS_BPF_H
#define HULL_SYS_BPF_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#ifndef BPF_F_REPLACE /* linux/bpf.h, since 5.6 */
#define BPF_F_REPLACE (1U << 2)
#endif

/*
 * Load a program of type BPF_PROG_TYPE_CGROUP_DEVICE. @name: at most 15 of [A-Za-z0-9_.]. @log (may
 * be NULL) receives the verifier's text of a refused program. Fd (close-on-exec by the kernel) or
 * -errno.
 */
int bpf_load_device(const struct bpf_insn *insns, size_t n, const char *name, char *log,
		    size_t log_size);
/*
 * Attach to the cgroup v2 directory @cgroup; with @replace_fd >= 0 in place of that program,
 * atomically.
 */
int bpf_attach_device(int cgroup, int prog, int replace_fd);
/*
 * Ids of the programs attached to exactly this cgroup; *ret_n of at most @max. -ENOSPC when there
 * are more.
 */
int bpf_query_device(int cgroup, uint32_t *ret_ids, uint32_t max, uint32_t *ret_n);
int bpf_open_id(uint32_t id);
/* The program's name as it was loaded. */
int bpf_name(int prog, char ret[static BPF_OBJ_NAME_LEN]);

/* A digest of its instructions as they were loaded. BPF_OBJ_GET_INFO_BY_FD, since 4.13. */
int bpf_tag(int prog, uint8_t ret[static BPF_TAG_SIZE]);

#endif
