/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: create, join, limit, freeze, kill, measure and remove the container's control group,
 * whatever the host has: v2, v1, hybrid, none; by hand or (later) through systemd. select.c alone
 * looks at the host.
 */
#ifndef HULL_CGROUP_CGROUP_H
#define HULL_CGROUP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "plan/plan.h"

enum { CGROUP_HIERARCHIES = 24, CGROUP_PATH_SIZE = 512 };

/* One hierarchy of this host. */
struct cgroup_hierarchy {
	bool v2;
	char controllers[64]; /* v1: "cpu,cpuacct" or "name=systemd"; v2: "" */
	char mount[96];	      /* mount point */
};
/*
 * The root of the v2 hierarchy mounted on `mount`: O_PATH, proved; fd 0: none. Whoever keeps it
 * closes it.
 */
struct cgroup_root {
	int fd;
	char mount[96];
};
/* The v2 group above the last one that was looked at, for who looks at many. */
struct cgroup_above {
	char path[CGROUP_PATH_SIZE]; /* "": none */
	int dir;		     /* open where there is one */
	bool frozen;		     /* it, or one above it */
};
struct cgroup_host {
	enum host_cgroups layout;
	struct cgroup_hierarchy h[CGROUP_HIERARCHIES]; /* v2 is the last one */
	unsigned n;
	/* path of the caller in each, "/" when it is the root; "" when it is not below the mount */
	char own[CGROUP_HIERARCHIES][256];
	struct cgroup_root root; /* where v2 is alone */
};
/*
 * Read from /proc/self/mountinfo and /proc/self/cgroup. An unknown host has layout NONE; fails only
 * when /proc cannot be read. Without @own the paths of the caller may stay empty: where v2 is alone
 * one look at its mount tells the rest.
 */
int cgroup_host_read(struct cgroup_host *ret, bool own, struct err *e);

/*
 * The container's group. `path` is below each hierarchy's mount; the record in state.json is
 * exactly this.
 */
struct cgroup {
	const struct cgroup_ops *ops;
	enum plan_cgroup_manager manager;
	enum host_cgroups layout;
	unsigned n;
	struct {
		/*
		 * of the host, the plan or the record, whose memory they are; path is below mount
		 * and shorter than CGROUP_PATH_SIZE
		 */
		const char *mount, *controllers, *path;
		bool v2;
		/*
		 * how many trailing components hull made (all are removed at delete); 0: it existed
		 */
		unsigned created;
	} dir[CGROUP_HIERARCHIES];
	int v2_fd; /* open directory of the v2 group for CLONE_INTO_CGROUP, or -1 */
	/* that of cgroup_host where v2 is alone; 0: whoever needs a root opens it */
	int root;
	struct cgroup_above *above; /* lent, or NULL */
	/* set by the caller: clone3 put the process into v2_fd, join leaves v2 alone */
	bool v2_placed;
	/* the caller may not clone into v2_fd: join moves the process (systemd --user) */
	bool v2_no_clone;
	bool realtime; /* v1: it was given realtime run time, out of the groups above */
	/* set by the caller before create: a v2 group that is made gets its filter later */
	bool devices_later;
	bool devices_left;     /* ... and that is so: cgroup_devices is to be called */
	bool devices_enforced; /* false: no filter, or the kernel refused it (devices_optional) */
	char unit[256];	       /* systemd; recorded, as are the next two */
	/* the socket of systemd that answered on create; "@" begins an abstract one */
	char bus[108];
	bool bus_user; /* that of the user's own systemd */
	int helper;    /* a process of hull's that holds the unit until cgroup_settle; 0: none */
};

/* One file that apply wrote. Texts as the kernel shows them, lines included. */
struct cgroup_change {
	const char *pointer, *file;
	const char *old_value, *new_value;
};

/* Pressure of one kind: shares of time in hundredths of a percent, total in microseconds. */
struct cgroup_pressure_line {
	uint32_t avg10, avg60, avg300;
	uint64_t total;
};
struct cgroup_pressure {
	bool set; /* the kernel has PSI and it is on */
	struct cgroup_pressure_line some, full;
};
/* UINT64_MAX in limit: none. 0 in max and fail_count also where the kernel does not count. */
struct cgroup_usage {
	bool set;
	uint64_t usage, limit, max, fail_count;
};
enum cgroup_io_kind {
	CGROUP_IO_BYTES,
	CGROUP_IO_COUNT,
	CGROUP_IO_QUEUED,
	CGROUP_IO_SERVICE_TIME,
	CGROUP_IO_WAIT_TIME,
	CGROUP_IO_MERGED,
	CGROUP_IO_TIME,
	CGROUP_IO_SECTORS
};
struct cgroup_io {
	enum cgroup_io_kind kind;
	uint32_t major, minor;
	/* "Read", "Write", "Discard", "Sync", "Async", "Total"; "" where the kernel names none */
	const char *op;
	uint64_t value;
};
struct cgroup_hugetlb {
	const char *size; /* "2MB" */
	struct cgroup_usage usage;
};
struct cgroup_value {
	const char *name;
	uint64_t value;
};

/*
 * What the group used so far. Sections that this host or group does not count have set = false and
 * n = 0.
 */
struct cgroup_stats {
	struct {
		bool set;
		uint64_t total, user, system; /* nanoseconds */
		/* v1 only, n_cpus each or NULL */
		uint64_t *per_cpu, *per_cpu_user, *per_cpu_system;
		size_t n_cpus;
		/* times in nanoseconds */
		uint64_t periods, throttled_periods, throttled_time, bursts, burst_time;
	} cpu;
	/* swap: memory plus swap, as v1 counts it and clients expect it */
	struct cgroup_usage memory, swap;
	struct cgroup_usage kernel, kernel_tcp; /* v1 */
	uint64_t cache, oom_kills;
	struct cgroup_value *memory_raw; /* memory.stat */
	size_t n_memory_raw;
	struct cgroup_usage pids; /* usage and limit */
	const char *cpus, *mems;  /* effective lists, NULL */
	struct cgroup_io *io;
	size_t n_io;
	struct cgroup_hugetlb *hugetlb;
	size_t n_hugetlb;
	struct cgroup_pressure cpu_pressure, memory_pressure, io_pressure;
};

struct cgroup_ops {
	const char *name; /* "v2", "v1", "hybrid", "none", "systemd" */
	/*
	 * Fill dir[] from the plan and the host without touching anything: what the intent record
	 * stores. `created` is what create is going to make, as the host is now. dir[] points
	 * into @p, @h and @a, which live as long.
	 */
	int (*plan)(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h,
		    struct arena *a, struct err *e);
	/*
	 * Make the directories, enable controllers, apply writes and the device filter. Sets
	 * created and v2_fd. On failure what was made is gone again and created is 0. A group that
	 * existed must be empty and thawed. With ignore_missing, what may not be made leaves dir[];
	 * with nothing left, ops become those of "none".
	 */
	int (*create)(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
	/* Move a process in (v1 hierarchies; v2 too unless v2_placed). 0 is the caller. */
	int (*join)(struct cgroup *g, int pid, struct err *e);
	/*
	 * The writes and, when there are rules, the device filter, on a group that runs: all, or an
	 * error and all as it was. memory.max below the use is reached by memory.high and reclaim
	 * until @deadline, never by the OOM killer. *ret_changes (may be NULL) is what each file
	 * held before and holds now, in @a.
	 */
	int (*apply)(struct cgroup *g, const struct plan_cgroup *p, uint64_t deadline,
		     struct arena *a, struct cgroup_change **ret_changes, size_t *ret_n,
		     struct err *e);
	/*
	 * Freeze or thaw and wait for it. A freeze that does not come about by @deadline is taken
	 * back. Gone: -ENOENT.
	 */
	int (*freeze)(struct cgroup *g, bool on, uint64_t deadline, struct err *e);
	/* Is it frozen or about to be? A group that is gone is not. */
	int (*frozen)(struct cgroup *g, bool *ret, struct err *e);
	/*
	 * Signal every process in the group and below. SIGKILL also thaws and, with a @deadline
	 * that is not 0, waits until all are gone. Only groups that are the container's own
	 * (cgroup_is_own) are ever swept: else -EPERM. Gone: success.
	 */
	int (*kill)(struct cgroup *g, int sig, uint64_t deadline, struct err *e);
	/* All pids of the group and below, as seen from the caller's pid namespace. Gone: none. */
	int (*pids)(struct cgroup *g, struct arena *a, int **ret, size_t *ret_n, struct err *e);
	/*
	 * Measure, into @a. What is not counted is left out, never an error; a group that is gone
	 * is -ENOENT.
	 */
	int (*stats)(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e);
	/*
	 * Remove what was created, bottom-up, children first; waits for the last process until
	 * @deadline. Gone already: success. Made components above the group that others use by now
	 * stay.
	 */
	int (*destroy)(struct cgroup *g, uint64_t deadline, struct err *e);
};

/* Choose the manager's ops for this host. ERR_CGR_LAYOUT when it cannot serve. */
int cgroup_select(enum plan_cgroup_manager m, const struct cgroup_host *h, struct cgroup *ret,
		  struct err *e);
/* The filter that create left, before anything of the container is executed (rule G4). */
int cgroup_devices(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
/*
 * Choose the ops for a group whose manager, layout and dir[] come from a state record; the host is
 * not looked at.
 */
int cgroup_restore(struct cgroup *g, struct err *e);
/*
 * Lend a restored group the root of its v2 hierarchy, which is opened when it is another one, and
 * what is known of the group above it (@above may be NULL).
 */
void cgroup_lend(struct cgroup *g, struct cgroup_root *kept, struct cgroup_above *above);
void cgroup_forget_above(struct cgroup_above *above);
/*
 * What the kernel holds of the device rules: those of the plan; others; no filter of hull's; it
 * does not say.
 */
enum cgroup_devices {
	CGROUP_DEVICES_AS_PLANNED,
	CGROUP_DEVICES_OTHER,
	CGROUP_DEVICES_NONE,
	CGROUP_DEVICES_UNKNOWN
};
/*
 * Read the device rules of a restored group back and compare. *ret_text: what there is, one line in
 * @a. Needs the right to load such a program (v2). -errno and ERR_CGR_DEVICES when it cannot be
 * read.
 */
int cgroup_devices_read(const struct cgroup *g, const struct plan_cgroup *p, struct arena *a,
			enum cgroup_devices *ret, const char **ret_text, struct err *e);
/*
 * A group that no record names, with every hierarchy that has it, for kill and destroy; n 0: none
 * has. ERR_CGR_PATH for what holds the caller or process 1.
 */
int cgroup_adopt(const char *path, const struct cgroup_host *h, struct cgroup *ret, struct err *e);
/* Open v2_fd of a restored group, for exec. 0 also when the group has no v2 part. */
int cgroup_open(struct cgroup *g, struct err *e);
/*
 * As cgroup_open, but the group that process @pid of the container is in: for exec when the
 * container's own group takes no process any more (EBUSY, EOPNOTSUPP: the payload enabled
 * controllers for groups below it). -EXDEV and ERR_CGR_JOIN when that is not below the container's
 * group: a process that walked out is not followed. *ret_path (of @size) is the group, below the
 * mount. v2 only.
 */
int cgroup_open_beside(struct cgroup *g, int pid, char *ret_path, size_t size, struct err *e);
/*
 * exec --cgroup: the group below the container's own that @text names, "/sub" (every hierarchy) or,
 * on v1, "cpu,memory:/sub" (those alone). ERR_CGR_PATH. It must exist: cgroup_open and
 * cgroup_doors_open say so.
 */
int cgroup_descend(struct cgroup *g, const char *text, struct arena *a, struct err *e);
/*
 * The way in for a process that moves itself: files the runtime opens (one per dir[], -1 where
 * clone3 places it) and init writes to before it enters any namespace.
 */
int cgroup_doors_open(const struct cgroup *g, int *ret_fds, struct err *e);
int cgroup_doors_enter(const struct cgroup *g, int *fds, struct err *e);
/*
 * The container's process is in the group: what kept the unit alive until then can go. Also done by
 * join and destroy, and harmless where there is nothing to do. To be called after clone3 into
 * v2_fd.
 */
void cgroup_settle(struct cgroup *g);
void cgroup_close(struct cgroup *g);
/*
 * Is the group the container's alone: hull made its last component? Rule for kill and destroy
 * (faults P6).
 */
bool cgroup_is_own(const struct cgroup *g);
/*
 * Give the group to the container's root (LNX-CGOWN rows); v2 only, nothing elsewhere. -1 leaves an
 * id.
 */
int cgroup_delegate(struct cgroup *g, uid_t uid, gid_t gid, struct err *e);
/*
 * v2: a group below the container's for its payload to manage, and the process @pid moved there;
 * the container's controllers are passed down then. It goes with the container's group.
 */
int cgroup_leaf_make(const struct cgroup *g, const char *leaf, uid_t uid, gid_t gid, struct err *e);
int cgroup_leaf_enter(const struct cgroup *g, const char *leaf, int pid, struct err *e);

/* Notification of the OOM killer. */
struct cgroup_oom {
	int fd;	      /* to poll for @events, beside others; -1: closed */
	short events; /* poll(2) bits */
	int aux_fd;
	bool v2;
	uint64_t kills;
};
/* Begin to watch the memory controller of the group. ERR_CGR_LAYOUT where it has none. */
int cgroup_oom_open(struct cgroup *g, struct cgroup_oom *ret, struct err *e);
/*
 * Wait until @deadline (0: for ever). 1: a process was killed (v1: the limit was hit), 0: the time
 * is over, -ENOENT: the group is gone, -errno.
 */
int cgroup_oom_wait(struct cgroup_oom *o, uint64_t deadline);
void cgroup_oom_close(struct cgroup_oom *o);

#endif
