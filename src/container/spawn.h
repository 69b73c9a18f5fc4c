/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/spawn: from a blueprint to an init that reported READY, as one table of steps of the
 * runtime. What is made is named in the record first; what fails is undone by container_destroy
 * from that record.
 */
#ifndef HULL_CONTAINER_SPAWN_H
#define HULL_CONTAINER_SPAWN_H

#include <signal.h>

#include "container/container.h"
#include "init/init.h"
#include "net/net.h"

/* A pid file that is written and has not its name yet, and its directory; -1: none. */
struct pid_draft {
	int fd, dir;
};

struct spawn {
	struct ctx *c;
	const struct create_options *o;
	struct blueprint bp;
	struct subject s; /* entry and record: what destroy works on */
	struct record_draft draft;
	struct public_draft created;
	struct pid_draft pid_file;
	struct mount_sources sources;
	struct procfs proc; /* the host's, until init is known */
	struct ns_fds ns;
	struct seccomp_program *filter; /* with init, filled in while that works; NULL: none */
	struct init init;
	int chan; /* the runtime's end */
	int init_chan;
	int trace_fd, start_sock, console_sock, pidfd_sock;
	const char *pidfd_place; /* who named that socket: option or annotation */
	int userns_fd;
	int doors[CGROUP_HIERARCHIES]; /* cgroup_doors_open */
	pid_t pid;
	int pidfd;
	int signals;			/* signalfd, -1 */
	sigset_t mask;			/* of the caller */
	int master;			/* terminal of a foreground run ... */
	struct console_streams streams; /* ... or what it has in place of the caller's */
	struct net_move *net; /* devices of the host, to be given back when create fails */
	struct mount_hierarchy *hierarchies;
	size_t n_hierarchies;
	bool claimed, sources_open;
	bool started;	     /* START was said ahead of READY */
	bool listener_early; /* the agent gets it before the container is created */
	bool forked;	     /* the init that is recorded is a child of the first */
	bool seals;	     /* moves its image; if not, it runs from a sealed copy */
	const struct checkpoint_options *images; /* of a restore; NULL: create or run */
	struct restore *restore;		 /* restore.c */
};

struct spawn_step {
	const char *name;
	int (*run)(struct spawn *sp, struct err *e);
};
extern const struct spawn_step spawn_steps[];
extern const size_t spawn_n_steps;
extern const struct spawn_step spawn_restore_steps[];
extern const size_t spawn_n_restore_steps;
/* The doors of the cgroup: cgroup_doors_open. */
void spawn_close_doors(struct spawn *sp);

/*
 * Run all steps. On error everything is undone, poststop hooks included when a hook had run
 * (runtime.md#lifecycle).
 */
int spawn_run(struct spawn *sp, struct ctx *c, const struct create_options *o, struct err *e);
/* The same from images: the container runs then. */
int spawn_restore(struct spawn *sp, struct ctx *c, const struct create_options *o,
		  const struct checkpoint_options *images, struct err *e);
/* init_reexec_sealed for the command as it was called; 0: this is the copy already. */
int spawn_reexec(struct ctx *c, struct err *e);
/* Debug lines of the steps that init took, from the flight recorder. */
void spawn_log_init(void);
/* serve.c: note who init is, set what only the runtime may; answer init until it is READY. */
int spawn_adjust(struct spawn *sp, struct err *e);
int spawn_serve(struct spawn *sp, struct err *e);
/*
 * FORKED: the process behind the pidfd in @m takes the place of *@pidfd and *@pid, which is reaped.
 * An error where no fork is due (@forks) or one came already (*@forked).
 */
int spawn_take_forked(struct sync_msg *m, bool forks, bool *forked, int *pidfd, pid_t *pid,
		      struct err *e);
/*
 * The intermediate process is gone and has or has not forked: kill and reap whom it forked. @chan:
 * the runtime's end, of no use afterwards.
 */
void spawn_undo_fork(int chan);
/* Undo what a spawn made: also for a `run` that failed later. @e keeps its first error. */
void spawn_undo(struct spawn *sp, struct err *e);
/*
 * The program runs: close what only a start needs, so that who waits for its end keeps no file
 * system or namespace busy. What was made inside the rootfs stays from here on.
 */
void spawn_settle(struct spawn *sp);
/* Release everything that is only open. */
void spawn_close(struct spawn *sp);
/*
 * Tell init to execute the program and wait for the result; @conn is the channel or the start
 * socket's connection. @pid: of an exec, 0: the container's own process.
 */
int spawn_start(struct ctx *c, struct subject *s, int conn, int pidfd, pid_t pid, struct err *e);
/* The second half of it: START was said. */
int spawn_await_exec(struct ctx *c, struct subject *s, int conn, int pidfd, pid_t pid,
		     struct err *e);
/* Steps: init may have the filter; the agent its listener, where that is possible before START. */
int spawn_filter(struct spawn *sp, struct err *e);
int spawn_listener(struct spawn *sp, struct err *e);
/*
 * SECCOMP came over @conn: its listener goes to the agent, with what the container is at the
 * moment. @pid: of an exec, 0: the container's own process.
 */
int spawn_serve_listener(struct ctx *c, struct subject *s, enum spec_status status, int conn,
			 pid_t pid, struct sync_msg *m, struct err *e);
/*
 * Signals that would end the command half-way wait until init is asked about, or until it is done.
 */
int spawn_block_signals(sigset_t *ret_mask, int *ret, struct err *e);
/*
 * Wait for a message of init or one of those signals, which is ERR_GEN_INTERRUPTED (faults K8).
 * @bounded: a step that takes minutes is ERR_GEN_TIMEOUT (faults E3).
 */
int spawn_wait(int chan, int signals, bool bounded, struct err *e);
/* The pid of a pidfd, asked of the kernel (rule X8); 0 when it has none. */
pid_t spawn_pid_of(int pidfd);
/* Shell convention: the status, or 128 + signal. */
int spawn_exit_status(const siginfo_t *end);
/*
 * Describe how init died, from its pidfd (reaped when it is our child) and the flight recorder.
 * Returns -errno.
 */
int spawn_died(struct subject *s, int pidfd, struct err *e);
/*
 * The channel ended without READY: because the program that was told to start ahead runs? See
 * init_say_ready.
 */
bool spawn_is_executing(bool started);
/* Hooks of the runtime's side with the state of the record. */
int spawn_hooks(struct ctx *c, const struct spec_hooks *h, enum spec_hook_kind kind,
		const struct record *rec, enum spec_status st, bool keep_going, int interrupt,
		struct err *e);
/*
 * Close what the caller of hull left open above the streams and the @kept descriptors behind them.
 * SECURITY: X1. Close-on-exec is not enough: a created container holds what it was born with until
 * start, a caller that waits for the end of its pipe would wait as long, and who is inside a
 * container already may look at what a newcomer holds.
 */
void close_inherited(struct ctx *c, unsigned kept);
/*
 * Of numbers from FD_LOW on these are all descriptors as long as hull's own stay below. So they are
 * listed (inherited_high) while that holds, where more than a few of its own, @ours, or a group's
 * in each hierarchy of cgroup v1 are to be opened; elsewhere close_inherited needs no list.
 */
int inherited_settle(struct ctx *c, size_t ours, bool v2, struct err *e);
/*
 * notify.c: NOTIFY_SOCKET (features.md a.4). Without it in the environment all of them do nothing.
 */
struct notify {
	int sock, host; /* what the program writes to, what is passed on to; -1 */
};
#define NOTIFY_NONE                                                                                \
	{                                                                                          \
		.sock = -1, .host = -1                                                             \
	}
void notify_close(struct notify *n);
/* before planning, which adds the variable: the mount */
bool notify_wanted(const struct spec *s);
void notify_add(struct ctx *c, const char *id, struct spec *s);
int notify_prepare(struct entry *en, struct record *rec, struct err *e);
/* before start */
int notify_listen(struct subject *s, struct notify *ret, struct err *e);
/* One datagram has come: 1 when it said READY and that was passed on. */
int notify_take(struct notify *n, const struct record *rec, struct err *e);
/*
 * Wait for READY, and until the manager has taken notice. The end of the program is an error, and
 * so is a signal (@signals: of spawn_block_signals, -1: none).
 */
int notify_wait(struct notify *n, const struct record *rec, int pidfd, int signals, struct err *e);
/* Unique id of the mount that is on top at a host path. */
int mount_id_at(const char *path, uint64_t *ret);
int pid_file_write(const char *path, pid_t pid, struct err *e);
/*
 * The same in two parts, the first while somebody else works. What that cannot do the second does;
 * dropped, nothing is left of it.
 */
void pid_file_draft(const char *path, pid_t pid, struct pid_draft *ret);
int pid_file_show(const char *path, pid_t pid, struct pid_draft *d, struct err *e);
void pid_file_drop(struct pid_draft *d);

#endif
