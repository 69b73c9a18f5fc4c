/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: the life of a container as the runtime process sees it: the record on disk, the lock,
 * the clone and its undo, and one function per operation. Nothing here prints; cmd/ does.
 */
#ifndef HULL_CONTAINER_CONTAINER_H
#define HULL_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "cgroup/cgroup.h"
#include "net/net.h"
#include "plan/plan.h"
#include "spec/spec.h"
#include "spec/state.h"
#include "tune/tune.h"

/* Deadlines of faults.md, in nanoseconds. */
#define SECONDS(n) ((uint64_t)(n)*1000000000u)
#define LOCK_DEADLINE SECONDS(10)
#define KILL_DEADLINE SECONDS(10)
#define ENDING_DEADLINE SECONDS(5)

enum { INHERITED_MAX = 4096 };

/* What one look at a container leaves open for the next. */
struct looks {
	struct procfs proc;	    /* fd -1 at first */
	struct cgroup_root cgroup2; /* all zero at first, as is the next */
	struct cgroup_above above;
	bool many; /* more than one: what lies above their groups is worth a look of its own */
};
void looks_close(struct looks *l);

/* One per command. */
struct ctx {
	struct arena a;
	const char *root;	/* --root, absolute */
	int root_fd;		/* -1 until store_open */
	const char *public_dir; /* S-01; NULL: off */
	enum plan_cgroup_manager manager;
	bool strict;
	bool unit_properties;	     /* annotations may set properties of the systemd unit */
	struct rlimit nofile;	     /* of the caller, before hull raised its own */
	char *const *env;	     /* of the caller */
	struct host host;	     /* facts, read when needed */
	struct cgroup_host *cgroups; /* 10 KiB */
	bool facts_read;
	char *const *argv;   /* for the sealed re-execution */
	struct looks *looks; /* of a command that looks at many, else NULL */
	int *inherited;	     /* descriptors that were open when hull began, without the streams */
	size_t n_inherited;
	bool high_inherited; /* these are below FD_LOW, and nobody has looked above */
	struct {
		uint64_t uid;
		char name[256];
	} owner; /* the last one that status_owner looked for */
};
/* Add to c->inherited those from FD_LOW on, while hull has none of its own there. */
int inherited_high(struct ctx *c, struct err *e);

/* ---- the record: state.json of the private root; written by one table (record.c) ---- */
enum record_phase { PHASE_CREATING, PHASE_CREATED, PHASE_DELETING };
struct record {
	uint64_t format;
	const char *hull_version;
	enum record_phase phase;
	const char *boot_id;
	const char *id, *bundle, *rootfs, *oci_version;
	const char *created; /* RFC 3339 */
	uint64_t owner;	     /* uid of the creator */
	uint64_t creator;    /* pid of the creating command, to tell a dead one in PHASE_CREATING */
	uint64_t creator_seen;	  /* when it had that pid, see pidfd_open_seen */
	uint64_t pid, start_time; /* of init; 0 before the clone */
	uint64_t pidfd_inode;	  /* the same, see struct process_id */
	struct spec_kvs annotations;
	struct cgroup cgroup;
	const char *public_dir; /* where the public state lies, NULL: nowhere */
	/* rootfs attached in the host's table (no mount namespace), NULL: none */
	const char *host_mount;
	uint64_t host_mount_id; /* of the mount that was on top there before */
	struct tune_rdt rdt;
	struct spec_hooks hooks; /* poststart and poststop only */
	bool has_process, terminal, notify, shared_pidns, no_new_keyring, default_filesystems;
	const char *seccomp_listener, *seccomp_metadata;
	const char *stop_signal;
	const char *landlock; /* run.hull.landlock with its paths resolved at create; NULL: none */
};

/*
 * Read or write the record of the entry's directory. Written whole to a new file, on the disk
 * before it is renamed: a reader, and whoever comes after a power cut, finds the old record or the
 * new one (faults K9).
 */
struct entry;
int record_write(const struct entry *en, const struct record *r, struct arena *a, struct err *e);
/*
 * The same in two moves, so that the wait for the disk falls where there is time. The first record
 * of an entry is renamed at once and synced later: record_intend gives its descriptor to @d.
 * record_draft syncs it and the next record, which record_commit then only renames, or writes anew
 * when it has become another one meanwhile.
 */
enum { STORE_NAME = 256 }; /* bytes of the name that a file has before its own */
struct record_draft {
	int fd; /* of the intent until it is synced, -1 */
	char tmp[STORE_NAME];
	const char *text;
	size_t n;
};
int record_intend(const struct entry *en, const struct record *r, struct arena *a,
		  struct record_draft *d, struct err *e);
int record_draft(const struct entry *en, const struct record *r, struct arena *a,
		 struct record_draft *d, struct err *e);
int record_commit(const struct entry *en, const struct record *r, struct arena *a,
		  struct record_draft *d, struct err *e);
/* On failure *ret is an empty record. */
int record_read(const struct entry *en, struct arena *a, struct record *ret, struct err *e);
/* The same when the record's id is not the name of its directory (a retired entry). */
int record_read_as(const struct entry *en, const char *id, struct arena *a, struct record *ret,
		   struct err *e);

/* ---- the store: ROOT/ID/ (store.c) ---- */
struct entry {
	const char *id;
	int dir; /* ROOT/ID, -1 */
	bool locked;
};
/* Is @id well formed? J11: checked before any file is touched. */
int store_check_id(const char *id, struct err *e);
/*
 * Open (and with @make, create 0700) the root; SECURITY: S1: owner, mode and type are proved.
 * -ENOENT without @make. Without it root becomes the owner of a user's root, for good.
 */
int store_open(struct ctx *c, bool make, struct err *e);
int store_claim(struct ctx *c, const char *id, struct entry *ret, struct err *e); /* mkdir + lock */
/* ERR_STA_MISSING "does not exist" */
int store_find(struct ctx *c, const char *id, struct entry *ret, struct err *e);
int store_lock(struct entry *en, uint64_t deadline, struct err *e); /* exclusive */
/* the directory and what hull put there */
int store_remove(struct ctx *c, struct entry *en, struct err *e);
void store_unlock(struct entry *en);
void store_close(struct entry *en);
/*
 * Names of all entries, sorted. @prefix: "", or STORE_GONE for those between the end of the
 * container and the end of its poststop hooks; the names come without it.
 */
#define STORE_GONE ".gone-"
int store_list(struct ctx *c, const char *prefix, const char ***ret, size_t *ret_n, struct err *e);
/* The public directory (S-01, S-06). */
int public_claim(struct ctx *c, const char *id, struct err *e);
/*
 * The next state there, written while somebody else works; then shown by public_commit, or dropped.
 * Another draft takes its place: -ENOENT of the commit.
 */
struct public_draft {
	int dir; /* -1: there is none */
	char tmp[STORE_NAME];
	const char *text; /* the caller's */
	size_t n;
};
int public_draft(const char *dir, const char *id, const char *text, size_t n,
		 struct public_draft *ret, struct err *e);
int public_commit(struct public_draft *d);
void public_drop(struct public_draft *d);
int public_remove(const char *dir, const char *id, struct err *e);
/* Whose the files of the store are: the caller's effective user. */
uid_t store_owner(void);
/* This process, asked once: whom it forks either writes nothing or goes on after its end. */
pid_t store_writer(void);
/*
 * A file DIR/NAME in two moves, -errno each: the whole content under a name of this process (a
 * second draft replaces the first; @tmp gets the name, @ret_fd, if any, the descriptor), then
 * renamed.
 */
int store_draft(int dir, const char *name, mode_t mode, const void *p, size_t n,
		char tmp[static STORE_NAME], int *ret_fd);
int store_commit(int dir, const char *tmp, const char *name);
/* Both at once. -errno. */
int store_write_file(int dir, const char *name, mode_t mode, const void *p, size_t n);
/* A file that nobody reads before the record says that the container is made. -errno. */
int store_write_new(int dir, const char *name, mode_t mode, const void *p, size_t n);

/* What the flight recorder holds now, in @a, only to look at; NULL when there is none. */
struct subject;
struct trace_page *trace_copy(const struct subject *s, struct arena *a);

/* ---- status (status.c): computed from facts, never stored ---- */
struct status_info {
	enum spec_status status;
	bool creator_dead; /* creating, but nobody works on it any more */
	bool previous_boot;
	int pidfd;    /* of a living init, else -1; owned */
	int corpse;   /* of an init that ended and was not reaped yet, else -1; owned */
	int recorder; /* the flight recorder, -1; owned; of subject_look: only to be read */
};
#define STATUS_NONE                                                                                \
	{                                                                                          \
		.pidfd = -1, .corpse = -1, .recorder = -1                                          \
	}
/* @handle: pidfd and corpse are wanted, and a recorder that can be mapped. */
int status_read(const struct entry *en, const struct record *r, bool handle, struct looks *looks,
		struct status_info *ret, struct err *e);
void status_close(struct status_info *s);
/* Does init still hold the lock, that is: has it not executed the program yet? */
bool status_waiting(const struct entry *en);
const char *status_name(enum spec_status s);
/* The name of a container's owner on this host, or his number; of the command's life. */
const char *status_owner(struct ctx *c, uint64_t uid);
/* The OCI state document of a record. */
void status_fill(struct ctx *c, const struct record *r, enum spec_status s, struct spec_state *ret);
int status_publish(struct ctx *c, const struct record *r, enum spec_status s, struct err *e);
/*
 * The same in two moves: the first while init works. What the record says may change in between, at
 * the price of doing it again. @d: dropped by who does not come to the second.
 */
int status_draft(struct ctx *c, const struct record *r, enum spec_status s, struct public_draft *d,
		 struct err *e);
int status_show(struct ctx *c, const struct record *r, enum spec_status s, struct public_draft *d,
		struct err *e);
/*
 * The same after what cannot be taken back: a public file that cannot be written is a warning then,
 * for the command has done what it was asked to.
 */
void status_publish_done(struct ctx *c, const struct record *r, enum spec_status s);
void status_show_done(struct ctx *c, const struct record *r, enum spec_status s,
		      struct public_draft *d);
/* Find, lock (when @lock), read, compute: what every verb but create begins with. */
struct subject {
	struct entry en;
	struct record rec;
	struct status_info st;
};
/*
 * ERR_STA_NOTRUNNING in the words that containerd and CRI-O look for, in lower case: features.md
 * a.5.
 */
int status_not_running(const char *id, struct err *e);
int subject_open(struct ctx *c, const char *id, bool lock, struct subject *ret, struct err *e);
/* The same for who only shows it: without lock, pidfd and corpse. */
int subject_look(struct ctx *c, const char *id, struct subject *ret, struct err *e);
void subject_close(struct subject *s);

/* ---- operations ---- */
struct create_options {
	const char *id, *bundle, *config; /* config: other file name, NULL: config.json */
	const char *pid_file, *console_socket, *pidfd_socket;
	unsigned preserve_fds, listen_fds;
	bool no_pivot, no_new_keyring;
	bool no_create_mountpoints, default_filesystems, strict_namespaces;
	bool run, detach, keep; /* hull run */
	bool delete_on_exit;	/* S-21 */
};
/* checkpoint and restore: what both tell CRIU. NULL, 0, false: not given. */
struct checkpoint_options {
	const char *id;		 /* of checkpoint */
	const char *criu;	 /* the program; NULL: in the usual directories */
	const char *image_path;	 /* NULL: "checkpoint" in the current directory */
	const char *work_path;	 /* logs; NULL: as image_path */
	const char *parent_path; /* relative to image_path */
	const char *page_server; /* ADDRESS:PORT */
	const char *status_fd;	 /* a number */
	const char *manage_cgroups_mode, *network_lock;
	const char *lsm_profile, *lsm_mount_context;
	struct strv empty_ns;
	bool leave_running, pre_dump, tcp_established, tcp_close, tcp_skip_in_flight, ext_unix_sk,
		shell_job, file_locks, lazy_pages, auto_dedup, link_remap;
};
/* Write the container to images and, unless leave_running or pre_dump, end it. */
int container_checkpoint(struct ctx *c, const struct checkpoint_options *o, struct err *e);
/* Make container @o->id from images, in the bundle's config; then as container_run. */
int container_restore(struct ctx *c, const struct create_options *o,
		      const struct checkpoint_options *images, int *ret_status, struct err *e);
int container_create(struct ctx *c, const struct create_options *o, struct err *e);
int container_run(struct ctx *c, const struct create_options *o, int *ret_status, struct err *e);
int container_start(struct ctx *c, const char *id, const char *process_file, struct err *e);
struct exec_options {
	/* process_file: a `process` object instead of the config's */
	const char *id, *process_file;
	char **args; /* the command line; n_args 0: none */
	size_t n_args;
	/* changes to that process; NULL, 0, false: none */
	const char *cwd, *user, *apparmor, *selinux_label;
	struct strv env, caps, gids;
	bool tty, no_new_privs;
	const char *pid_file, *console_socket, *pidfd_socket;
	struct strv cgroups;
	unsigned preserve_fds, listen_fds;
	bool detach, ignore_paused;
};
/* *ret_status: of the process, as a shell says it; 255 when it did not come to run. */
int container_exec(struct ctx *c, const struct exec_options *o, int *ret_status, struct err *e);
/* exec_process.c: the process that @o asks for, in place of the config's: @s is changed. */
int exec_process_make(struct ctx *c, const struct exec_options *o, struct spec *s, struct err *e);
/*
 * @sig: 0 is the image's stop signal, or TERM; KILL_PROBE sends nothing and says, as kill(2) does
 * for signal 0, whether there is a process to send to. ERR_STA_NOTRUNNING.
 */
enum { KILL_PROBE = -1 };
int container_kill(struct ctx *c, const char *id, int sig, bool all, struct err *e);
int container_delete(struct ctx *c, const char *id, bool force, struct err *e);
/* Kill and remove the group of a container whose record is gone; nothing left is no error. */
int container_delete_orphan(struct ctx *c, const char *id, const char *path, struct err *e);
int container_stop(struct ctx *c, const char *id, int sig, uint64_t timeout, bool del,
		   struct err *e);
int container_pause(struct ctx *c, const char *id, bool on, struct err *e);
/* Change the limits of a container that lives: only what is to change is set. All of it, or an
 * error and nothing. *ret is what each file held before and holds now, in c->a. */
struct container_changes {
	const struct spec_resources *resources; /* NULL: none */
	struct tune_rdt_lines rdt;
};
int container_update(struct ctx *c, const char *id, const struct container_changes *want,
		     struct cgroup_change **ret, size_t *ret_n, struct err *e);
/* What happens to a container that lives (events.c). */
enum container_event { EVENT_TICK, EVENT_OOM, EVENT_END };
struct events {
	struct subject s;
	struct cgroup_oom oom; /* fd -1: the group has no memory controller */
};
int events_open(struct ctx *c, const char *id, bool oom, struct events *ret, struct err *e);
/* The next event until @deadline, at which there is an EVENT_TICK. */
int events_next(struct events *v, uint64_t deadline, enum container_event *ret, struct err *e);
/* What the container has used so far. -ENOENT when the group is gone. */
int events_stats(struct events *v, struct arena *a, struct cgroup_stats *ret, struct err *e);
/* Beside the cgroup, each only where the container has it: the interfaces of a network namespace of
 * its own (else *ret_n is 0), its RDT group (else false). Never an error. */
void events_network(struct events *v, struct arena *a, struct net_stats **ret, size_t *ret_n);
bool events_rdt(struct events *v, struct arena *a, struct tune_rdt_stats *ret);
void events_close(struct events *v);
/* exit.json of the entry, written by whoever reaped init (hull run). -1: nobody knows. */
struct subject;
int exit_record_write(struct subject *s, int status, struct err *e);
int exit_record_read(struct ctx *c, struct subject *s, int *ret_status, struct err *e);
/*
 * Wait for the end. *ret_status as run reports it, -1 unknown (not our child). @deadline 0: for
 * ever; -ETIMEDOUT.
 */
int container_wait(struct ctx *c, const char *id, uint64_t deadline, int *ret_status,
		   struct err *e);
/* Orphans of this root: entries whose creator died. @remove deletes them. */
struct gc_item {
	const char *id, *what;
	bool removed;
};
int container_gc(struct ctx *c, bool remove, struct gc_item **ret, size_t *ret_n, struct err *e);
int container_pids(struct ctx *c, const char *id, int **ret, size_t *ret_n, struct err *e);

/* Is the caller in the initial user namespace? */
bool facts_initial_userns(void);
/* Facts of the host, once per command. */
int facts_read(struct ctx *c, struct err *e);
/* The rest, which costs system calls of its own: what @s names. After all that adds to @s. */
void facts_of_config(struct ctx *c, const struct spec *s);
/*
 * Read the bundle's config and plan it: shared by create, run, plan and validate. Paths become
 * absolute.
 */
struct blueprint {
	struct spec spec;
	struct plan plan;
	const char *bundle;
};
/* The first half: config read and checked, nothing planned. */
int blueprint_read(struct ctx *c, const struct create_options *o, struct blueprint *b,
		   struct err *e);
int blueprint_make(struct ctx *c, const struct create_options *o, struct blueprint *ret,
		   struct err *e);
/* The config that create kept: what was made, not what lies in the bundle today. */
int record_config(struct ctx *c, const struct entry *en, struct spec *ret, struct err *e);
/* What of it exec needs, with the compiled filter in the place of the profile. */
int record_exec(struct ctx *c, const struct entry *en, struct spec *ret, struct err *e);
/* All of it, planned as create did with what it was told beside the config. */
int record_plan(struct ctx *c, const struct subject *s, struct spec *ret_spec, struct plan *ret,
		struct err *e);

/*
 * Everything create made, removed in the right order; used by delete, by failed creates and by gc.
 * @force: leftovers become part of the message but removal goes on. Runs poststop hooks when
 * @hooks.
 */
int container_destroy(struct ctx *c, struct subject *s, bool force, bool hooks, struct err *e);
/*
 * A delete that was killed before its poststop hooks were through left STORE_GONE with the id: run
 * them, remove it. *ret_found: there was one. Another container of that id is not touched.
 */
int container_finish(struct ctx *c, const char *id, bool *ret_found, struct err *e);

#endif
