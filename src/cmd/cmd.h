/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: argv in, text and exit status out. Options are rows of tables: the parser, `help`, the man
 * pages and the completions read the same row. One file per verb; nothing below this room prints.
 */
#ifndef HULL_CMD_CMD_H
#define HULL_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "container/container.h"

/* Every value an option can set, for all verbs. */
struct args {
	/* global */
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless,
		*public_state_dir, *trace, *criu;
	bool debug, systemd_cgroup, strict, allow_systemd_properties, help, version;
	/* verbs */
	const char *bundle, *config, *pid_file, *console_socket, *pidfd_socket, *preserve_fds,
		*format, *signal, *timeout, *file, *process, *cwd, *user, *apparmor, *process_label,
		*resources, *interval, *count, *sort;
	const char *host_root; /* doctor */
	/* of update, as given */
	struct {
		const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_share, *cpu_burst,
			*cpu_idle, *cpu_rt_period, *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems,
			*memory, *memory_reservation, *memory_swap, *kernel_memory,
			*kernel_memory_tcp, *pids_limit, *l3_cache_schema, *mem_bw_schema;
	} limits;
	/* of checkpoint and restore */
	const char *image_path, *work_path, *parent_path, *page_server, *status_fd,
		*manage_cgroups_mode, *network_lock, *lsm_profile, *lsm_mount_context;
	bool leave_running, pre_dump, tcp_established, tcp_close, tcp_skip_in_flight, ext_unix_sk,
		shell_job, file_locks, lazy_pages, auto_dedup, link_remap;
	struct strv empty_ns;
	struct strv env, caps, gids, cgroups;
	bool no_stop; /* audit */
	bool detach, keep, no_pivot, no_new_keyring, no_subreaper, force, all, quiet, del, pretty,
		remove, rootless_spec, no_create_mountpoints, default_filesystems,
		strict_namespaces, delete_on_exit, tty, no_new_privs, ignore_paused, stats;
	/* what is no option, in order */
	const char **v;
	size_t n;
};

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_LIST /* may be repeated: struct strv */ };
/* Texts, not pointers: those of all verbs would be relocated at every start. */
struct opt {
	char name[26];
	char letter;	  /* 0: none */
	uint8_t kind;	  /* enum opt_kind */
	uint16_t offset;  /* in struct args */
	char metavar[24]; /* OPT_TEXT, OPT_LIST; "" */
	char help[90];	  /* one line */
};
#define OPT_F(name, letter, member, help)                                                          \
	{                                                                                          \
		name, letter, OPT_FLAG, offsetof(struct args, member), "", help                    \
	}
#define OPT_T(name, letter, member, metavar, help)                                                 \
	{                                                                                          \
		name, letter, OPT_TEXT, offsetof(struct args, member), metavar, help               \
	}
#define OPT_L(name, letter, member, metavar, help)                                                 \
	{                                                                                          \
		name, letter, OPT_LIST, offsetof(struct args, member), metavar, help               \
	}

struct cmd {
	char name[12];
	const char *operands; /* "ID [SIGNAL]" */
	const char *summary;
	const struct opt *opts;
	size_t n_opts;
	unsigned min, max; /* number of operands */
	/* everything behind the first operands belongs to another program (exec) */
	bool stop_at_operand;
	/* 0 and *ret_status as exit status, or -errno with @e. */
	int (*run)(struct ctx *c, struct args *a, int *ret_status, struct err *e);
};

#define CMD(n, ops, sum, table, lo, hi, fn)                                                        \
	{                                                                                          \
		.name = n, .operands = ops, .summary = sum, .opts = table,                         \
		.n_opts = ARRAY_LEN(table), .min = lo, .max = hi, .run = fn                        \
	}

extern const struct cmd cmd_create, cmd_run, cmd_exec, cmd_start, cmd_state, cmd_kill, cmd_stop,
	cmd_delete, cmd_list, cmd_wait, cmd_pause, cmd_resume, cmd_ps, cmd_spec, cmd_features,
	cmd_validate, cmd_plan, cmd_explain, cmd_gc, cmd_update, cmd_events, cmd_version, cmd_help,
	cmd_top;
extern const struct cmd cmd_doctor, cmd_audit;
extern const struct cmd cmd_checkpoint, cmd_restore;
extern const struct cmd *const cmd_table[];
extern const size_t cmd_table_n;
extern const struct opt cmd_global_opts[];
extern const size_t cmd_n_global_opts;

const struct cmd *cmd_find(const char *name);
/*
 * Parse argv behind argv[0]: global options, the verb, its options and operands in any order
 * (features.md a.4).
 */
int cmd_parse(int argc, char **argv, struct arena *arena, const struct cmd **ret_cmd,
	      struct args *ret, struct err *e);
int cmd_unknown(const char *name, struct err *e); /* -errno; names the nearest command */
void cmd_help_print(const struct cmd *c);	  /* of one verb */
void cmd_help_overview(void);
/* Check --format: table or json. 1: json, 0: not, -errno. */
int cmd_format(const struct args *a, bool dflt_json, struct err *e);
/* "10", "500ms", "2m", "1h" in nanoseconds. */
int cmd_duration(const char *text, const char *option, uint64_t *ret, struct err *e);
int cmd_signal(const char *text, int *ret, struct err *e);
/* SECURITY: somebody else chose these bytes; a terminal must not take them for commands. */
const char *cmd_printable(struct arena *a, const char *text);
/* Write --trace. A trace that cannot be written is a warning. */
void cmd_trace_write(const char *path);
/*
 * --preserve-fds and the descriptors of LISTEN_FDS (sd_listen_fds(3)). They must have been there
 * before hull opened anything itself: a number that was free then is one of hull's own now.
 */
int cmd_passed_fds(const struct ctx *c, const struct args *a, unsigned *ret_preserve,
		   unsigned *ret_listen, struct err *e);
int cmd_create_options(const struct ctx *c, const struct args *a, struct create_options *ret,
		       struct err *e);

#endif
