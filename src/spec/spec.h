/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec: the only door between JSON and the rest of hull. Reading is strict (faults J1-J10): a value
 * that is wrong stops with its JSON pointer; a property nobody knows is noted and ignored. Pure: no
 * effect on the host, no file is opened here but the one whose fd is given.
 */
#ifndef HULL_SPEC_SPEC_H
#define HULL_SPEC_SPEC_H

#include <stdio.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/table.h"
#include "spec/types.h"

#define SPEC_VERSION "1.3.0"
#define SPEC_VERSION_MIN "1.0.0"
enum { SPEC_MAX_BYTES = 16 * 1024 * 1024 }; /* the usual cap of a config; fault J1 */

/* Read config.json from an open fd (regular file, or a pipe for "-"); at most @max bytes. @known:
 * what fstat says of it, or NULL.
 * Everything of *ret lives in @a. Errors: ERR_CFG_*, place = JSON pointer. Not yet cross-checked.
 */
int spec_read_fd(int fd, const struct stat *known, size_t max, struct arena *a, struct spec *ret,
		 struct err *e);
int spec_read_text(const char *text, size_t len, struct arena *a, struct spec *ret, struct err *e);
/*
 * What hull exec needs of a config, as the text of a smaller config in @a: without what is done
 * when the container is made. @filter: base64 of the compiled filter, which takes the place of the
 * profile's rules by the annotation that means it; NULL: they are copied.
 */
#define SPEC_BPF_DATA "run.oci.seccomp_bpf_data"
const char *spec_exec_part(const struct spec *s, const char *filter, struct arena *a,
			   size_t *ret_len);
/* A `process` object alone (hull exec --process, start --process). Same checks and pointers
 * ("/cwd"). */
int spec_read_process(const char *text, size_t len, struct arena *a, struct spec_process *ret,
		      struct err *e);
/* A `resources` object alone (hull update --resources). */
int spec_read_resources(const char *text, size_t len, struct arena *a, struct spec_resources *ret,
			struct err *e);
/* A signal, capability ... name is looked up in these tables and nowhere else. */
extern const struct name_table spec_namespaces;	  /* enum spec_ns */
extern const struct name_table spec_capabilities; /* capability numbers */
extern const struct name_table spec_rlimits;	  /* RLIMIT_* */
extern const struct name_table spec_signals;	  /* without "SIG" */
extern const struct name_table spec_sched_policies, spec_sched_flags, spec_ioprio_classes;
extern const struct name_table spec_mpol_modes, spec_mpol_flags;
extern const struct name_table spec_seccomp_actions, spec_seccomp_ops, spec_seccomp_archs,
	spec_seccomp_flags;
extern const struct name_table spec_hook_kinds;		 /* enum spec_hook_kind */
extern const struct name_table spec_statuses;		 /* enum spec_status */
extern const struct name_table spec_capsets;		 /* enum spec_capset */
extern const struct name_table spec_rootfs_propagations; /* MS_* */
extern const struct name_table spec_personalities;	 /* PER_* */
extern const struct name_table spec_clocks;		 /* CLOCK_*, of timeOffsets */

/* The mount option table, one row per name (spec/mount_option.c). */
struct spec_mount_option {
	char name[24];
	enum { OPT_ATTR, OPT_SB, OPT_PROPAGATION, OPT_BIND, OPT_SPECIAL } kind;
	uint64_t set, clear;
	bool recursive;
};
const struct spec_mount_option *spec_mount_option(const char *name);
const struct spec_mount_option *spec_mount_options(size_t *ret_n); /* for features */

/* "9", "KILL", "SIGKILL", "rtmin+3", "SIGRTMAX-1" (any case). 0 and *ret, or -EINVAL. */
int spec_signal(const char *text, int *ret);
/* SemVer 2.0.0 form and the major version that hull follows. */
bool spec_version_supported(const char *version);
/* Is it older than 1.@minor.0? False for NULL. */
bool spec_version_before(const char *version, unsigned minor);
const char *spec_annotation(const struct spec *s, const char *key); /* NULL when absent */

/* Cross-field checks, a flat list in spec/validate.c. */
int spec_validate(const struct spec *s, struct err *e);

/* The default config of `hull spec`. */
int spec_write_template(FILE *out, bool rootless, uid_t uid, gid_t gid);

/* features.md: printed from the same tables. */
int spec_write_features(bool checkpoint, FILE *out);

#endif
