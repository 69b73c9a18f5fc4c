/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount: the root filesystem and everything mounted into it, through the new mount API, detached
 * first (rules M1 to M5, D1 to D3). The runtime opens sources before the clone; init builds and
 * attaches.
 */
#ifndef HULL_MOUNT_MOUNT_H
#define HULL_MOUNT_MOUNT_H

#include "base/err.h"
#include "plan/plan.h"
#include "sys/path.h"
#include "sys/proc.h"

/* Makes a throw-away user namespace with these maps and returns its fd (ns_userns_fd): given by the
 * caller. */
typedef int mount_userns_fn(const struct spec_idmaps *uid, const struct spec_idmaps *gid,
			    struct err *e);

/*
 * What the runtime opens on the host in PREPARE and the clone inherits. One per container. Where
 * the runtime has no right to clone mounts (rootless), trees stay -1 and init makes them in its own
 * mount namespace, before anything of the container is attached (rule M3).
 */
struct mount_sources {
	struct rootfs rootfs; /* root.path, O_PATH */
	int root_tree; /* detached recursive clone of it, propagation set; -1: made by init */
	/*
	 * per plan mount: detached clone (open_tree) of the bind source with its attributes set, or
	 * -1
	 */
	int *bind;
	int *userns; /* per plan mount: user namespace for the id map of a new file system, or -1 */
	/* per plan mount: text of the symlink that copy-symlink found as source, or NULL */
	const char **link;
	uint64_t *mnt_id; /* per plan mount: unique id once attached, 0: none (written by init) */
	int *device; /* per plan device that is bound: detached clone of the host's node, or -1 */
	int null;    /* detached clone of the host's verified /dev/null, or -1: made by init */
	size_t n_bind, n_device;
	/* shared with init: what was made in the rootfs to mount on, for mount_sources_undo */
	struct mount_made *made;
};

/* Open everything named by @p on the host: root, bind sources (cloned, attributes set, idmapped
 * with their own mappings), device nodes to bind. MOUNT_IDMAP_CONTAINER is done later:
 * mount_sources_idmap. Place = JSON pointer. On failure everything is closed again. */
int mount_sources_open(const struct plan *p, struct arena *a, mount_userns_fn *userns_for,
		       struct mount_sources *ret, struct err *e);
/* Second part for mounts mapped with the container's own user namespace, once init has one.
 * @userns_fd: its fd. */
int mount_sources_idmap(const struct plan *p, struct mount_sources *s, int userns_fd,
			struct err *e);
/* In the runtime: make the mount point @path in the rootfs, a directory or an empty file, with what
 * leads there. Modes do not depend on the caller's umask. 0 (also when it is there) or -errno. */
int mount_make_point(struct mount_sources *s, const char *path, bool dir);
/* After a failed create or restore, when init and its mount namespace are gone: remove the mount
 * points, placeholders and nodes that were made in the rootfs and that are still empty and the
 * same. What was made inside volumes stays. */
void mount_sources_undo(struct mount_sources *s);
/* In the runtime, once init has its own copies: what mount_sources_undo does not need. */
void mount_sources_release(struct mount_sources *s);
void mount_sources_close(struct mount_sources *s);

/* One cgroup hierarchy of the host, filled by the caller from the cgroup room (for MOUNT_CGROUP
 * only). */
struct mount_hierarchy {
	/*
	 * directory below /sys/fs/cgroup: "cpu,cpuacct", "systemd", "unified"; "" when v2 is alone
	 */
	const char *name;
	const char
		*controllers; /* v1: mount options, "cpu,cpuacct" or "name=systemd"; NULL for v2 */
	/* host path of the container's own directory, used when tree is -1; NULL: unknown */
	const char *path;
	int dir;  /* fd of that directory, or -1 */
	int tree; /* detached clone of it, made by mount_hierarchies_open in the runtime; -1 */
	bool v2;
};
/* Runtime: clone the container's own cgroup directories, when the plan has a cgroup mount and they
 * may be needed (no cgroup namespace of its own, or the kernel may refuse a new mount). Without the
 * right to do so trees stay -1. */
int mount_hierarchies_open(const struct plan *p, struct mount_hierarchy *h, size_t n,
			   struct err *e);

/* The state of init while it builds the tree. Start with MOUNT_TREE_INIT, then plan, sources and
 * hierarchies. */
struct mount_tree {
	const struct plan *plan;
	struct mount_sources *sources;
	const struct mount_hierarchy *hierarchies;
	size_t n_hierarchies;
	struct rootfs root; /* the attached clone of the rootfs; every later look-up starts here */
	uint64_t root_dev, root_ino; /* of that directory, once they were asked for */
	/* of that clone: the undo record needs it when the container has no mount namespace */
	uint64_t root_mnt_id;
	/* private procfs (subset=pid) for reopening; opened when needed unless given */
	struct procfs proc;
	/*
	 * what is on /dev (hull's own tmpfs, a bind, or the directory of the rootfs), fd kept (rule
	 * D1)
	 */
	struct rootfs dev;
	bool dev_own; /* it is a tmpfs hull made: nobody else can change names there */
	/* st_dev of the procfs on /proc and the sysfs on /sys: names there cannot be swapped */
	uint64_t kernel_dev[2];
	int userns_fd;	  /* of the container, for MOUNT_IDMAP_CONTAINER on new file systems; -1 */
	int empty;	  /* the shared empty directory for masks, once made */
	bool target_made; /* the last mount point was not there before */
	size_t built;	  /* of plan->mounts */
	bool devices_made;
};
#define MOUNT_TREE_INIT                                                                            \
	{                                                                                          \
		.root = { -1 }, .proc = { .fd = -1 }, .dev = { -1 }, .userns_fd = -1, .empty = -1  \
	}

/* In init, in order. Every function names the pointer of what failed. */
int mount_root_attach(
	struct mount_tree *t,
	struct err *e); /* propagation of "/", clone of the rootfs attached over itself */
/* mounts[] in order, incl. tmpcopyup, cgroup views: the first that are alike in every network
 * namespace, then the others */
int mount_tree_begin(struct mount_tree *t, struct err *e);
int mount_tree_build(struct mount_tree *t, struct err *e);
int mount_tree_verify(struct mount_tree *t,
		      struct err *e); /* rule M2, after createContainer hooks too */
int mount_devices(struct mount_tree *t,
		  struct err *e); /* default and configured devices, links, ptmx */
/* The same, when no mount that is still to come can have a say in it; mount_devices then does
 * nothing. */
int mount_devices_ahead(struct mount_tree *t, struct err *e);
int mount_pivot(struct mount_tree *t,
		struct err *e); /* pivot_root by fd, detach the old root; or chroot */
int mount_readonly_paths(struct mount_tree *t, struct err *e);
int mount_masked_paths(struct mount_tree *t, struct err *e);
/*
 * mkdir -p in the container's root (rules P2, P4); a create that fails later takes it away again. 0
 * or -errno.
 */
int mount_make_dir(struct mount_tree *t, const char *path);
/* Bind the pty slave on /dev/console (rule D4): after mount_devices, before mount_root_finish. */
int mount_console(struct mount_tree *t, int pty_slave, struct err *e);
/* rootfsPropagation and read-only root. The last of all: an unbindable root cannot be cloned for
 * readonlyPaths and a read-only one takes no placeholder for the console. */
int mount_root_finish(struct mount_tree *t, struct err *e);
void mount_tree_close(struct mount_tree *t);

/*
 * In the mount namespace of a container that was made by another program (CRIU): its root must be
 * @rootfs. Add the attributes that the plan has for its mounts, masks and root where they are
 * missing. A volume that is not mounted any more is passed over; a path that is to be masked or
 * read-only and has no mount is ERR_CHK_CONFINE, as another root. ERR_MNT_ATTR. With the pointer.
 */
int mount_confine_again(const struct plan *p, const struct rootfs *rootfs, struct err *e);

/* Undo for a container without a mount namespace: detach the rootfs clone at @path whose unique
 * mount id is @mnt_id. */
int mount_host_detach(const char *path, uint64_t mnt_id, struct err *e);

#endif
