/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/types: config.json of runtime-spec v1.3.0 as plain structs. Strings and arrays live in the
 * arena of the reader; names are numbers already; what was absent is `set == false`, NULL, n == 0.
 */
#ifndef HULL_SPEC_TYPES_H
#define HULL_SPEC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Optional scalars: `set` says whether the config has the property. */
struct opt_bool {
	bool set, v;
};
struct opt_i32 {
	bool set;
	int32_t v;
};
struct opt_u32 {
	bool set;
	uint32_t v;
};
struct opt_i64 {
	bool set;
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint64_t v;
};

/* runtime.md#state */
enum spec_status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_STOPPED, STATUS_PAUSED };

/* NULL terminated by one extra NULL behind n, so that argv and envp are used as they are. */
struct strv {
	char **v;
	size_t n;
};

struct spec_kv {
	const char *key, *value;
};
struct spec_kvs {
	struct spec_kv *v;
	size_t n;
};

/* config.md#posix-process .user */
struct spec_user {
	uint32_t uid, gid;
	struct opt_u32 umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
};

/* config.md#linux-process: the five sets as bit masks of capability numbers */
enum spec_capset {
	CAPSET_EFFECTIVE,
	CAPSET_BOUNDING,
	CAPSET_INHERITABLE,
	CAPSET_PERMITTED,
	CAPSET_AMBIENT,
	CAPSETS
};
struct spec_caps {
	bool set; /* `capabilities` is present */
	uint64_t sets[CAPSETS];
	struct strv unknown; /* names that map to no capability: warned about, never granted */
};

struct spec_rlimit {
	int resource;
	uint64_t soft, hard;
}; /* RLIMIT_* of <sys/resource.h> */

struct spec_scheduler { /* sched_setattr(2) */
	bool set;
	uint32_t policy; /* SCHED_* */
	int32_t nice, priority;
	uint64_t flags;
	uint64_t runtime, deadline, period; /* ns */
};

struct spec_io_priority {
	bool set;
	int class;
	int priority;
}; /* IOPRIO_CLASS_* */

struct spec_cpu_affinity {
	bool set;
	const char *initial, *final;
}; /* lists, checked grammar */

struct spec_process {
	bool set;
	bool terminal;
	struct opt_u32 console_height, console_width; /* both or none */
	const char *cwd;
	struct strv env, args;
	struct spec_user user;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	const char *apparmor_profile, *selinux_label;
	struct spec_caps caps;
	bool no_new_privileges;
	struct opt_i32 oom_score_adj;
	struct spec_scheduler scheduler;
	struct spec_io_priority io_priority;
	struct spec_cpu_affinity exec_affinity;
};

struct spec_root {
	bool set;
	const char *path;
	bool readonly;
};

struct spec_idmap {
	uint32_t container_id, host_id, size;
};
struct spec_idmaps {
	struct spec_idmap *v;
	size_t n;
};

struct spec_mount {
	const char *destination; /* as written; may be relative (deprecated) */
	const char *type, *source;
	struct strv options;
	struct spec_idmaps uid_mappings, gid_mappings;
};

struct spec_hook {
	const char *path;
	struct strv args; /* n == 0: argv is {path} */
	struct strv env;
	bool env_set;		/* false: H1, hull's own start environment */
	struct opt_i32 timeout; /* seconds, > 0 */
};
enum spec_hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KINDS
};
struct spec_hooks {
	struct spec_hook *v[HOOK_KINDS];
	size_t n[HOOK_KINDS];
};

/* config-linux.md#namespaces */
enum spec_ns {
	NS_PID,
	NS_NETWORK,
	NS_MOUNT,
	NS_IPC,
	NS_UTS,
	NS_USER,
	NS_CGROUP,
	NS_TIME,
	NS_KINDS
};
/* path NULL: new; index in the list */
struct spec_namespace {
	bool listed;
	const char *path;
	unsigned index;
};

struct spec_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_device {
	char type; /* 'c', 'u', 'b', 'p' */
	const char *path;
	uint32_t major, minor;
	struct opt_u32 file_mode, uid, gid;
};

struct spec_net_device {
	const char *host_name, *name;
}; /* name NULL: keep */

struct spec_device_rule {
	bool allow;
	char type;		     /* 'a', 'c', 'b' */
	struct opt_i64 major, minor; /* unset or -1: any */
	uint32_t access;	     /* bits DEVICE_READ.. */
};
enum { DEVICE_READ = 1, DEVICE_WRITE = 2, DEVICE_MKNOD = 4 };

struct spec_memory {
	bool set;
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct spec_cpu {
	bool set;
	struct opt_u64 shares, burst, period, realtime_period;
	struct opt_i64 quota, realtime_runtime, idle;
	const char *cpus, *mems;
};
struct spec_weight_device {
	int64_t major, minor;
	struct opt_u32 weight, leaf_weight;
};
struct spec_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
enum spec_throttle {
	THROTTLE_READ_BPS,
	THROTTLE_WRITE_BPS,
	THROTTLE_READ_IOPS,
	THROTTLE_WRITE_IOPS,
	THROTTLES
};
struct spec_block_io {
	bool set;
	struct opt_u32 weight, leaf_weight;
	struct spec_weight_device *weight_devices;
	size_t n_weight_devices;
	struct spec_throttle_device *throttle[THROTTLES];
	size_t n_throttle[THROTTLES];
};
struct spec_hugepage_limit {
	const char *page_size;
	uint64_t limit;
};
struct spec_network_priority {
	const char *name;
	uint32_t priority;
};
struct spec_network {
	bool set;
	struct opt_u32 class_id;
	struct spec_network_priority *priorities;
	size_t n_priorities;
};
struct spec_rdma {
	const char *device;
	struct opt_u32 hca_handles, hca_objects;
};
struct spec_resources {
	bool set;
	struct spec_device_rule *devices;
	size_t n_devices;
	struct spec_memory memory;
	struct spec_cpu cpu;
	bool pids_set;
	struct opt_i64 pids_limit;
	struct spec_block_io block_io;
	struct spec_hugepage_limit *hugepages;
	size_t n_hugepages;
	struct spec_network network;
	struct spec_rdma *rdma;
	size_t n_rdma;
	struct spec_kvs unified;
};

struct spec_rdt {
	bool set;
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strv schemata;
	bool enable_monitoring;
};

struct spec_memory_policy { /* MPOL_*, MPOL_F_* */
	bool set;
	int mode;
	uint32_t flags;
	const char *nodes;
};
struct spec_personality {
	bool set;
	uint32_t domain;
}; /* PER_LINUX, PER_LINUX32 */

/* config-linux.md#seccomp. Actions and flags are the numbers of <linux/seccomp.h>. */
enum spec_seccomp_op {
	SECCOMP_OP_NE,
	SECCOMP_OP_LT,
	SECCOMP_OP_LE,
	SECCOMP_OP_EQ,
	SECCOMP_OP_GE,
	SECCOMP_OP_GT,
	SECCOMP_OP_MASKED_EQ
};
struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	enum spec_seccomp_op op;
};
struct spec_seccomp_rule {
	struct strv names;
	uint32_t action; /* SECCOMP_RET_* */
	struct opt_u32 errno_ret;
	struct spec_seccomp_arg *args;
	size_t n_args;
};
enum spec_seccomp_arch { /* index into the tables of seccomp/ */
			 ARCH_X86,
			 ARCH_X86_64,
			 ARCH_X32,
			 ARCH_ARM,
			 ARCH_AARCH64,
			 ARCH_MIPS,
			 ARCH_MIPS64,
			 ARCH_MIPS64N32,
			 ARCH_MIPSEL,
			 ARCH_MIPSEL64,
			 ARCH_MIPSEL64N32,
			 ARCH_PPC,
			 ARCH_PPC64,
			 ARCH_PPC64LE,
			 ARCH_S390,
			 ARCH_S390X,
			 ARCH_PARISC,
			 ARCH_PARISC64,
			 ARCH_RISCV64,
			 ARCH_LOONGARCH64,
			 ARCH_M68K,
			 ARCH_SH,
			 ARCH_SHEB,
			 ARCHS
};
struct spec_seccomp {
	bool set;
	uint32_t default_action;
	struct opt_u32 default_errno_ret;
	uint32_t archs; /* bit set of 1 << enum spec_seccomp_arch; 0: the native one */
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
	bool flags_set;
	const char *listener_path, *listener_metadata;
	struct spec_seccomp_rule *rules;
	size_t n_rules;
};

struct spec_linux {
	bool set;
	struct spec_namespace namespaces[NS_KINDS];
	struct spec_idmaps uid_mappings, gid_mappings;
	struct spec_time_offset monotonic, boottime;
	struct spec_device *devices;
	size_t n_devices;
	struct spec_net_device *net_devices;
	size_t n_net_devices;
	const char *cgroups_path; /* NULL: absent */
	struct spec_resources resources;
	struct spec_rdt rdt;
	struct spec_memory_policy memory_policy;
	struct spec_kvs sysctl;
	struct spec_seccomp seccomp;
	/* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC; 0: absent */
	unsigned long rootfs_propagation;
	struct strv masked_paths, readonly_paths;
	const char *mount_label;
	struct spec_personality personality;
};

/* Something of the file that has no effect here, for `validate`, `plan` and --debug. */
enum spec_note_kind { NOTE_UNKNOWN, NOTE_PLATFORM, NOTE_DEPRECATED, NOTE_VERSION };
struct spec_note {
	enum spec_note_kind kind;
	const char *pointer, *text;
};

struct spec {
	const char *oci_version;
	struct spec_root root;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_process process;
	const char *hostname, *domainname;
	struct spec_hooks hooks;
	struct spec_kvs annotations;
	struct spec_linux os;	 /* `linux`; the bare word is a macro of the compiler */
	bool vm;		 /* has a `vm` section: spec_validate refuses it (CFG-PLAT-03) */
	struct spec_note *notes; /* at most 65 */
	size_t n_notes;
	const char *raw; /* the bytes of config.json as read, for the copy in the state directory */
	size_t raw_len;
	const struct jv_doc *doc; /* the same, checked */
};

#endif
