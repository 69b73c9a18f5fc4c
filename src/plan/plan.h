/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: pure decisions. Typed config and host facts in, one read-only graph of ordered operations
 * out: what `hull plan` prints is what container/ and init/ execute. No system call is made here.
 */
#ifndef HULL_PLAN_PLAN_H
#define HULL_PLAN_PLAN_H

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "plan/host.h"
#include "spec/types.h"

/*
 * ---- namespaces (plan/ns.c) ----
 * Operations in order. Those of the runtime happen around clone3; those of init inside the new
 * process.
 *
 * Runtime: NS_OP_SETNS joins a namespace for the sake of the child and returns to its own
 *          afterwards (pid and time only ever act on children); NS_OP_UNSHARE (time only);
 *          NS_OP_OFFSETS; NS_OP_CLONE.
 * Init:    NS_OP_TRY_SETNS (EPERM is remembered), NS_OP_SETNS (joins what is left too when ns is
 *          user), NS_OP_UNSHARE flags, NS_OP_IDMAP (ask the runtime to write the maps and wait),
 *          NS_OP_SETID (become 0:0 of the user namespace when mapped, else setup_uid:setup_gid),
 *          NS_OP_OFFSETS, NS_OP_FORK flags (clone3 with CLONE_PARENT, the intermediate ends, its
 *          child goes on).
 * The cgroup namespace is always unshared last by init: KERNEL: its root is the cgroup the caller
 * is in at that moment; cgroup_namespaces(7).
 */
enum plan_ns_what {
	NS_OP_SETNS,
	NS_OP_TRY_SETNS,
	NS_OP_UNSHARE,
	NS_OP_OFFSETS,
	NS_OP_CLONE,
	NS_OP_IDMAP,
	NS_OP_SETID,
	NS_OP_FORK
};
struct plan_ns_op {
	enum plan_ns_what what;
	enum spec_ns ns; /* SETNS, TRY_SETNS */
	uint64_t flags;	 /* CLONE_NEW*: UNSHARE, CLONE, FORK */
};
enum { PLAN_NS_OPS = 24 };
struct plan_ns {
	struct plan_ns_op runtime[PLAN_NS_OPS], init[PLAN_NS_OPS];
	unsigned n_runtime, n_init;
	uint64_t created;	    /* CLONE_NEW* of namespaces the container gets new */
	uint64_t joined;	    /* ... joined by path */
	const char *path[NS_KINDS]; /* of the joined ones */
	unsigned index[NS_KINDS];   /* of their entries in /linux/namespaces */
	bool has_mount_ns; /* new or joined: false means that the mounts land in the host's table */
	bool forks;	   /* an intermediate process is needed */
};

/* ---- ids (plan/ids.c) ---- */
enum plan_idmap_writer { IDMAP_NONE, IDMAP_DIRECT, IDMAP_HELPER /* newuidmap, newgidmap */ };
struct plan_ids {
	enum plan_idmap_writer writer;
	bool deny_setgroups; /* write "deny" to /proc/PID/setgroups first */
	struct spec_idmaps uid, gid;
	bool root_mapped; /* container ids 0:0 are both mapped */
	/* host id of container 0 (or of the first mapped id); -1 when the maps are not known */
	uid_t host_root_uid;
	gid_t host_root_gid;
	/*
	 * the user namespace is given by path: 0:0 is tried, and EINVAL means that it is not
	 * mapped. uid and gid are what the config says of its maps, or empty; verified when it is
	 * opened
	 */
	bool joined;
	/*
	 * Container ids that init works under when 0:0 is not mapped. KERNEL: an id without mapping
	 * cannot own new files (EOVERFLOW). user_namespaces(7)
	 */
	uid_t setup_uid;
	gid_t setup_gid;
};

/* ---- mounts (plan/mounts.c with mount option table) ---- */
enum plan_mount_kind {
	MOUNT_FS,	   /* a new instance of a file system: fsopen */
	MOUNT_BIND,	   /* open_tree of a host path */
	MOUNT_REMOUNT,	   /* change the flags of what is mounted at the destination */
	MOUNT_CGROUP,	   /* cgroup view, made for the host's layout */
	MOUNT_PROPAGATION, /* only a propagation change of an existing mount (no bind, no type) */
};
enum plan_idmap_kind {
	MOUNT_IDMAP_NONE,
	MOUNT_IDMAP_OWN /* mappings of the mount */,
	MOUNT_IDMAP_CONTAINER
};
struct plan_mount {
	enum plan_mount_kind kind;
	/* of /mounts; -1 for one the planner added (its pointer is "/root" or similar) */
	int index;
	const char *pointer; /* "/mounts/3" */
	/* absolute path in the container, "/" + relative ones; not resolved */
	const char *destination;
	const char *clean;  /* the same without "//", "." and "..", as names are compared */
	const char *source; /* bind: absolute host path; else the name shown in mountinfo */
	const char *fstype;
	const char *data; /* file system options joined by commas, "" when none */
	/*
	 * MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME, MS_SILENT, MS_I_VERSION, MS_MANDLOCK, MS_RDONLY
	 * of the superblock
	 */
	unsigned long sb_set, sb_clear;
	uint64_t attr_set, attr_clear;	       /* MOUNT_ATTR_* of this mount */
	uint64_t rec_attr_set, rec_attr_clear; /* MOUNT_ATTR_* of the whole tree */
	unsigned long propagation; /* MS_PRIVATE ..., 0: as rootfsPropagation leaves it (private) */
	unsigned long rec_propagation;
	bool recursive; /* rbind */
	bool copy_up, copy_symlink, src_nofollow, dest_nofollow;
	enum plan_idmap_kind idmap;
	bool idmap_recursive;
	struct spec_idmaps uid_map, gid_map; /* MOUNT_IDMAP_OWN: container id -> host id */
	bool open_by_init; /* the source is opened by init (only what the runtime cannot see) */
	/*
	 * the mount point is not made (S-37); never inside a filesystem that a mount above made
	 * empty
	 */
	bool must_exist;
	/* MOUNT_FS, "ro": writable until everything below it is made, then read-only */
	bool ro_late;
	bool cgroup_rw; /* MOUNT_CGROUP: writable (own cgroup namespace and no "ro") */
};

/*
 * Rule M5: is it one of the few mounts that may cover something below /proc: a bind over a file
 * that lxcfs serves for each container, none of which hull reads or which decides about
 * confinement; binfmt_misc at its own place.
 */
bool plan_covers_proc(const struct plan_mount *p);

struct plan_rootfs {
	const char *path; /* absolute host path */
	bool readonly;
	bool pivot; /* false: --no-pivot, or no mount namespace (then chroot) */
	/*
	 * MS_* | MS_REC of the container's root, as configured, 0: rslave on "/" and private root
	 */
	unsigned long propagation;
	bool create_mountpoints; /* false: --no-create-mountpoints (S-37) */
};

/* ---- devices and links in /dev (plan/devices.c) ---- */
struct plan_device {
	const char *pointer;	  /* "/linux/devices/2", or "/dev" for a default device */
	const char *path, *clean; /* as those of a mount */
	mode_t mode;		  /* type and permissions */
	uint32_t major, minor;
	uid_t uid; /* container ids */
	gid_t gid;
	bool is_default;
	/* a node is bound: init has no CAP_MKNOD in the initial user namespace */
	bool bind;
	bool made;	/* bind: of a node that the runtime makes, else of the host's at source */
	uid_t host_uid; /* made: its owner */
	gid_t host_gid;
	const char *source; /* bind: path of the host's node */
	bool open_by_init;  /* bind: as for mounts, the runtime lacks the right to clone it */
	bool existing; /* /dev is the host's: nothing is made, the node must be there and fit */
};
struct plan_link {
	const char *path, *target;
};

/* ---- cgroup (plan/cgroup.c) ---- */
enum plan_cgroup_manager { CGROUP_CGROUPFS, CGROUP_SYSTEMD, CGROUP_DISABLED };
struct plan_cgroup_write {
	const char *pointer, *file, *value;
	/*
	 * "memory"; "cgroup" for the core files of v2. v1: names the hierarchy, v2: enabled in
	 * every parent
	 */
	const char *controller;
	/* written instead when the kernel has no `file` (io.bfq.weight, hugetlb rsvd); NULL */
	const char *alt_file, *alt_value;
};
/* A property of the unit that the caller let annotations set (--allow-systemd-properties). */
enum plan_property_type {
	PLAN_PROPERTY_NONE,
	PLAN_PROPERTY_STRING,
	PLAN_PROPERTY_STRINGS,
	PLAN_PROPERTY_BOOL,
	PLAN_PROPERTY_U64,
	PLAN_PROPERTY_U32,
	PLAN_PROPERTY_I32,
};
struct plan_unit_property {
	const char *name; /* "TimeoutStopUSec" */
	enum plan_property_type type;
	const char *text;
	const char *const *v;
	size_t n;
	uint64_t number; /* also of a bool */
};
struct plan_cgroup {
	enum plan_cgroup_manager manager;
	const char *path;	  /* below the mount point, "/a/b"; NULL with CGROUP_DISABLED */
	const char *unit, *slice; /* systemd */
	/* systemd: the container's group one level below the unit's; NULL: the unit's own */
	const char *subgroup;
	/*
	 * v2: the process ends up in a group of this name below the container's, which belongs to
	 * owner_uid and has no limits of its own; NULL: in the container's. Annotation
	 * run.oci.delegate-cgroup
	 */
	const char *leaf;
	struct plan_unit_property *properties; /* systemd */
	size_t n_properties;
	bool properties_left_out; /* there are some, and the caller did not allow them */
	bool user;		  /* systemd: the user's own manager */
	/* in order, v2 file names on v2, v1 names with controller on v1 */
	struct plan_cgroup_write *writes;
	size_t n_writes;
	/* full ordered list with the defaults added; n 0: no filter */
	struct spec_device_rule *devices;
	size_t n_devices;
	/* the kernel may refuse the filter (user namespace): recorded, not fatal */
	bool devices_optional;
	/* no limit was asked for: a cgroup that cannot be made is no error (rootless) ... */
	bool ignore_missing;
	bool named;	 /* ... but worth a warning: cgroupsPath says where it is to be */
	bool delegate;	 /* change the owner to owner_uid, owner_gid (LNX-CGOWN, v2) */
	uid_t owner_uid; /* host ids of process.user */
	gid_t owner_gid;
	/* checkBeforeUpdate: refuse memory.max below the usage of a cgroup that exists already */
	bool check_memory;
};

/* ---- the process (plan/process.c, plan/env.c) ---- */
/* Where the container has the directory of its NOTIFY_SOCKET, notify.sock. */
#define PLAN_NOTIFY_DIR "/run/notify"
struct plan_process {
	bool set;			 /* false: the config has none; start will fail */
	const struct spec_process *spec; /* values that need no decision */
	/* env with HOME, LISTEN_*, NOTIFY_SOCKET as decided; HOME may still come from passwd */
	struct strv args, env;
	bool needs_home; /* HOME is absent: read /etc/passwd of the rootfs */
	/*
	 * LISTEN_PID is the pid that the process has when it is executed (its pid namespace is not
	 * new)
	 */
	bool needs_listen_pid;
	bool notify; /* a NOTIFY_SOCKET of the container's own */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	bool keep_groups;      /* annotation run.oci.keep_original_groups */
	bool setgroups_denied; /* the user namespace forbids it */
	mode_t umask;
	uint64_t caps[CAPSETS]; /* after warnings for what is unknown or cannot be granted */
	bool terminal;
	const char *console_socket;
	unsigned preserve_fds, listen_fds;
	bool new_keyring;   /* own session keyring */
	bool seccomp_early; /* without no_new_privs: the filter needs one capability */
};

/* ---- Landlock, by annotation (plan/landlock.c) ---- */
#define PLAN_LANDLOCK "run.hull.landlock"
#define PLAN_IMAGE_ARCH "org.opencontainers.image.architecture"
enum { PLAN_LANDLOCK_MAX = 1024 };
enum plan_access {
	PLAN_NO_ACCESS,
	PLAN_READ_ONLY, /* read and execute */
	PLAN_READ_WRITE /* everything */
};
struct plan_landlock_path {
	const char *path; /* absolute, in normal form, in the container; not resolved */
	enum plan_access access;
};
/* The most specific path decides; what no path is above of is not accessible. */
struct plan_landlock {
	bool set;
	bool resolved; /* the paths lead through no symlink: exec, which must not follow any */
	struct plan_landlock_path *v;
	size_t n;
};
/* Name of the list: "readOnly". */
const char *plan_landlock_list(enum plan_access access);

struct plan_sysctl {
	const char *pointer, *key; /* with slashes */
	const char *value;
	enum spec_ns ns;
};

struct plan {
	const char *id, *bundle; /* absolute */
	const char *oci_version;
	struct plan_ns ns;
	struct plan_ids ids;
	struct plan_rootfs root;
	struct plan_mount *mounts;
	size_t n_mounts;
	struct plan_device *devices;
	size_t n_devices;
	struct plan_link *links;
	size_t n_links;
	bool bind_console; /* a pty: /dev/console is bound on it */
	struct strv masked, readonly;
	struct plan_cgroup cgroup;
	struct plan_process process;
	struct plan_landlock landlock;
	struct plan_sysctl *sysctls;
	size_t n_sysctls;
	const char *hostname, *domainname; /* NULL: leave */
	bool loopback_up;		   /* a new network namespace */
	const struct spec_hooks *hooks;
	/* seccomp, rdt, memory policy, personality, time offsets, net devices */
	const struct spec_linux *os;
	const struct spec_kvs *annotations;
	const struct spec_note *notes; /* what was ignored and why, to be logged */
	size_t n_notes;
	const char **warnings; /* one line each: unknown capability, ... (spec: MUST be logged) */
	size_t n_warnings;
	/* what a rule has done another way than it is written: for --log-level info */
	const char **remarks;
	size_t n_remarks;
};

/* What the command line adds to the config. */
struct plan_options {
	const char *id, *bundle;
	const char *console_socket;
	unsigned preserve_fds, listen_fds;
	bool no_pivot, no_new_keyring, detach;
	enum plan_cgroup_manager manager;
	bool no_create_mountpoints, default_filesystems, strict_namespaces, strict;
	bool unit_properties; /* annotations may set properties of the systemd unit */
	bool notify;	      /* readiness is passed on: the process is told a socket */
	const char *landlock; /* exec: the lists as create resolved them */
	bool exec;	      /* the process joins a container: its pid is not known before */
	bool terminal_given;  /* the verb can serve a terminal without a socket (foreground run) */
};

/*
 * Build the plan. Everything lives in @a; spec, host and options must stay alive as long as the
 * plan. Errors: ERR_CFG_CONFLICT, ERR_CFG_VALUE, ERR_CFG_HOST, ERR_GEN_LATER with the JSON pointer
 * as place.
 */
int plan_make(const struct spec *s, const struct host *h, const struct plan_options *o,
	      struct arena *a, struct plan *ret, struct err *e);

/*
 * exec: the parts of a plan that one more process needs: namespaces, ids, process. @s is the config
 * of the container with the new process in it.
 */
int plan_make_exec(const struct spec *s, const struct host *h, const struct plan_options *o,
		   struct arena *a, struct plan *ret, struct err *e);

/*
 * update: what new resources mean for a group that runs. @s: only its resources count; @h: only the
 * layout, which is that of the group. Writes, and device rules when @s has some; no place and no
 * owner. Pointers as in plan_make.
 */
int plan_make_update(const struct spec *s, const struct host *h, struct arena *a,
		     struct plan_cgroup *ret, struct err *e);

/*
 * A waiting container's plan with another process (lineage S-11): *ret shares everything else with
 * @p. Pointers begin with /process. ERR_CFG_CONFLICT for what create has applied already.
 */
int plan_replace_process(const struct plan *p, const struct spec_process *s, struct arena *a,
			 struct plan *ret, struct err *e);

/*
 * `hull plan`: the plan as JSON (stable order, golden files) or as text with an explanation per
 * line.
 */
int plan_dump_json(const struct plan *p, FILE *out);
int plan_dump_text(const struct plan *p, FILE *out);

/*
 * One row per property that the config uses, in the order of the text: applied, ignored, cannot be
 * applied and why. Does not stop at the first error and includes what spec_validate says. For `hull
 * validate`.
 */
enum plan_verdict { VERDICT_APPLIED, VERDICT_UNKNOWN, VERDICT_CANNOT, VERDICT_PLATFORM };
struct plan_finding {
	const char *pointer;
	enum plan_verdict verdict;
	const char *why;
};
int plan_validate(const struct spec *s, const struct host *h, const struct plan_options *o,
		  struct arena *a, struct plan_finding **ret, size_t *ret_n);

#endif
