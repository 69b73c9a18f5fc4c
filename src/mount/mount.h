/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount: the root filesystem and everything mounted into it, through the new mount API, detached first
 * (rules M1 to M5, D1 to D3). The runtime opens sources before the clone; init builds and attaches.
 */
#ifndef HULL_MOUNT_MOUNT_H
#define HULL_MOUNT_MOUNT_H

#include "base/err.h"
#include "plan/plan.h"
#include "sys/path.h"
#include "sys/proc.h"

/* What the runtime opens on the host in PREPARE and the clone inherits. One per container. */
struct mount_sources {
	struct rootfs rootfs; /* root.path, O_PATH */
	int *bind;	      /* per plan mount: detached clone (open_tree) of the bind source with its attributes set, or -1 */
	int *device;	      /* per plan device that is bound: detached clone of the host's node, or -1 */
	int null;	      /* verified /dev/null of the host, O_PATH */
	size_t n_bind, n_device;
};

/* Open everything named by @p on the host: root, bind sources (cloned; idmapped when the plan says so, for
 * MOUNT_IDMAP_CONTAINER with @userns_fd once it exists: see mount_sources_idmap), device nodes to bind. Place = JSON pointer. */
int mount_sources_open(const struct plan *p, struct arena *a, struct mount_sources *ret, struct err *e);
/* Second part for mounts mapped with the container's own user namespace, once init has one. @init_pid's namespace fd. */
int mount_sources_idmap(const struct plan *p, struct mount_sources *s, int userns_fd, struct err *e);
void mount_sources_close(struct mount_sources *s);

/* The state of init while it builds the tree. */
struct mount_tree {
	const struct plan *plan;
	struct mount_sources *sources;
	struct rootfs root;	/* the attached clone of the rootfs; every later look-up starts here */
	struct procfs proc;	/* private procfs (subset=pid) for reopening and id checks */
	struct rootfs dev;	/* hull's own tmpfs on /dev, fd kept (rule D1); fd -1 when the config brings none */
	int cgroup_fd;		/* v2 directory of the container, or -1 */
	int userns_fd;		/* of the container, for idmaps; -1 */
};

/* In init, in order. Every function names the pointer of what failed. */
int mount_root_attach(struct mount_tree *t, struct err *e);	/* propagation of "/", clone of the rootfs attached over itself */
int mount_tree_build(struct mount_tree *t, struct err *e);	/* mounts[] in order, incl. tmpcopyup, cgroup views */
int mount_tree_verify(struct mount_tree *t, struct err *e);	/* rule M2, after createContainer hooks too */
int mount_devices(struct mount_tree *t, struct err *e);		/* default and configured devices, links, ptmx */
int mount_pivot(struct mount_tree *t, struct err *e);		/* pivot_root by fd, detach the old root; or chroot */
int mount_root_finish(struct mount_tree *t, struct err *e);	/* rootfsPropagation, read-only root */
int mount_readonly_paths(struct mount_tree *t, struct err *e);
int mount_masked_paths(struct mount_tree *t, struct err *e);
/* Bind the pty slave on /dev/console (rule D4). */
int mount_console(struct mount_tree *t, int pty_slave, struct err *e);
void mount_tree_close(struct mount_tree *t);

/* Undo for a container without a mount namespace: detach the rootfs clone at @path whose unique mount id is @mnt_id. */
int mount_host_detach(const char *path, uint64_t mnt_id, struct err *e);

#endif
