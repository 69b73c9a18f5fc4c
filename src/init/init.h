/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: what runs inside, from the clone to execve, as one table of steps (steps.c). Everything it
 * needs was decided by the plan and opened by the runtime; it asks for what only the runtime may do
 * over the channel.
 */
#ifndef HULL_INIT_INIT_H
#define HULL_INIT_INIT_H

#include <sys/resource.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "console/console.h"
#include "mount/mount.h"
#include "ns/ns.h"
#include "plan/plan.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"
#include "spec/state.h"
#include "sync/sync.h"

/* Stages of doc/choreography.md, in order. */
enum init_stage {
	STAGE_ENTER,	/* own session, sealed program, namespaces */
	STAGE_PLACE,	/* cgroup and everything that needs rights of the host */
	STAGE_ROOTFS,	/* the mount tree, before pivot */
	STAGE_HOOKS,	/* prestart, createRuntime, createContainer */
	STAGE_PIVOT,	/* the container's root, devices, masks, terminal */
	STAGE_IDENTITY, /* host name, sysctls, keyring, scheduling: while still privileged inside */
	STAGE_LOCKDOWN, /* limits, bounding set, ids, capabilities, label, cwd, program */
	STAGE_START,	/* wait for start; startContainer hooks */
	STAGE_EXEC,	/* filter, last capability, execve */
};

struct init {
	/* given by the runtime before the clone */
	const struct plan *plan;
	struct mount_sources *sources;
	struct ns_fds *ns;
	const struct seccomp_program *filter; /* there since CREATED or START; NULL: none */
	int chan;			      /* to the runtime */
	int start_sock; /* listening for `hull start`; -1: the runtime itself says START */
	int signals;	/* signalfd of those that the runtime keeps blocked: they end who waits */
	/* of the runtime, closed first: no host directory comes along (rule X1) */
	int host_dirs[6];
	int lock_fd;	    /* open and locked until execve: how others see created from running */
	int *hook_fds;	    /* executables of the createContainer hooks */
	int console_sock;   /* runtime's; closed here */
	const int *streams; /* [3]: pipes in place of the caller's terminal, or -1; NULL: none */
	const struct cgroup *cgroup; /* ... and the way into it, see cgroup_doors_enter */
	int *cgroup_doors;
	bool loopback;	      /* bring it up */
	bool network_comes;   /* the runtime sends the network namespace, with that done */
	bool place;	      /* ask for PLACE */
	bool seal;	      /* swap the program image (container/seal.c did not re-execute) */
	struct rlimit nofile; /* of the caller, restored before hooks and exec */
	/* for createContainer and startContainer hooks; init fills pid and status */
	struct spec_state state;
	/* exec (exec.c) */
	bool exec;     /* the container exists */
	int target;    /* pidfd of its init */
	uint64_t join; /* CLONE_NEW* of those of its namespaces that differ from the caller's */
	int root_dir;  /* root of a container without a mount namespace, -1 */
	bool fork;     /* the pid namespace takes a fork: the runtime could not enter it */
	/* own */
	size_t next;		/* step */
	struct mount_tree tree; /* views of cgroups filled by the runtime */
	bool placed, replaced;
	bool ahead;    /* keyring and bounding set were made while the network was waited for */
	bool in_cwd;   /* the working directory is entered */
	bool filtered; /* the filter was loaded while START was waited for */
	int pty_master, pty_slave;
	int start_conn; /* where the result of START goes: chan or the accepted connection */
	struct strv env, args;
	const char *program; /* path found for args[0] */
	int ruleset;	     /* of Landlock, -1: none */
	int listener;	     /* seccomp notify fd */
	struct arena arena;
};

struct init_step {
	const char *name;
	enum init_stage stage;
	int (*run)(struct init *in, struct err *e);
};
extern const struct init_step init_steps[];
extern const size_t init_n_steps;

extern const struct init_step init_exec_steps[];
extern const size_t init_n_exec_steps;

/*
 * Runs in the child of clone3; never returns. init_exec_main: one more process in a container that
 * exists.
 */
_noreturn_ void init_main(struct init *in);
_noreturn_ void init_exec_main(struct init *in);

/*
 * Whether init may load it while it waits for START: it allows whatever init calls from there on.
 * With a listener it does so when the runtime says FILTER, and the process cannot be replaced.
 */
bool init_filter_early(const struct seccomp_program *p);

/* What of the program stays usable; the less, the quicker. */
enum init_part {
	INIT_PART_ALL,
	INIT_PART_CREATE, /* init_main, init_exec_main and what they call */
	INIT_PART_EXEC,	  /* init_exec_main and what it calls */
};
/* init/seal.c: make /proc/self/exe of this process something that is not hull (rule X2). */
int init_seal(enum init_part part, struct err *e);
/* Can init_seal work on this kernel? Probed by the runtime, without effect. */
bool init_can_seal(void);
/*
 * Seal by executing a sealed copy of the whole program: for builds and kernels where init_seal
 * cannot work. @kept: what the caller left open for the container, which stays open.
 */
int init_reexec_sealed(char *const argv[], char *const envp[], const int *kept, size_t n_kept,
		       struct err *e);

/* init/program.c: PATH look-up, HOME, cwd; all inside, as the final user. */
int init_find_program(struct init *in, struct err *e);
int init_set_home(struct init *in, struct err *e);
int init_enter_cwd(const char *cwd, struct err *e);
/* execve with the fallback of execvp for files without a format; returns only on failure. */
int init_exec(struct init *in, struct err *e);

#endif
