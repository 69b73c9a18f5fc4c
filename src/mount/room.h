/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/room: what the files of this room share. Nobody outside includes it. Functions return 0 or
 * an fd, or -errno with @e filled but for the place, which the loop over mounts, devices or paths
 * adds.
 */
#ifndef HULL_MOUNT_ROOM_H
#define HULL_MOUNT_ROOM_H

#include "mount/mount.h"

#include <sys/stat.h>

/* Mode bits of what hull makes must not depend on the caller's umask: umask(0) until the scope
 * ends. */
struct saved_umask {
	mode_t mask;
};
void umask_restore(const struct saved_umask *u);
#define MOUNT_NO_UMASK _cleanup_(umask_restore) _unused_ struct saved_umask no_umask_ = { umask(0) }

/* ---- made.c ---- */
struct mnt_noter {
	struct path_made made; /* first: what path_make is given */
	struct mount_made *list;
	bool any; /* something was made */
};
struct mount_made *mnt_made_new(void);
void mnt_made_free(struct mount_made *list);
/* Ready to be given to path_make as &noter.made. */
struct mnt_noter mnt_noter(struct mount_tree *t);
/* @dir/@name was made, reached as @path from the root. */
void mnt_note(struct mount_tree *t, int dir, const char *name, const char *path);

/* ---- attributes (bind.c) ---- */
/* Propagation of clones that the config says nothing about. */
unsigned long mnt_base_propagation(const struct plan *p, const struct plan_mount *m);
/* Set attributes and propagation of a detached or attached mount; @base may be 0. At most two
 * calls. */
int mnt_set_attrs(int fd, const struct plan_mount *m, unsigned long base, struct err *e);
/* One mount_setattr(2) on what @fd is the root of. 0 or -errno. */
int mnt_setattr(int fd, bool recursive, uint64_t set, uint64_t clear, unsigned long propagation);
/* attr and rec_attr folded, for a single new mount: what fsmount(2) takes. */
unsigned mnt_fold_attrs(const struct plan_mount *m);
/* Clone what @path names (relative to @dir, or @dir itself when ""). fd or -errno. */
int mnt_clone(int dir, const char *path, bool recursive, bool nofollow);
/*
 * The same with one mount_setattr(2) on it, @recursive too, in one call. -errno of whatever failed,
 * -ENOSYS before Linux 6.15: the two calls one after the other tell more.
 */
int mnt_clone_set(int dir, const char *path, bool recursive, bool nofollow, uint64_t set,
		  uint64_t clear, unsigned long propagation);
/* The source of @m so, with its attributes and propagation as of mnt_set_attrs. */
int mnt_clone_source(const struct plan_mount *m, unsigned long base);
int mnt_remount(struct mount_tree *t, const struct plan_mount *m, struct err *e);
int mnt_propagation(struct mount_tree *t, const struct plan_mount *m, struct err *e);

/* ---- idmapped.c ---- */
int mnt_idmap(int tree, int userns_fd, bool recursive, struct err *e);

/* ---- sources.c ---- */
/* Init's share of mount_sources_open: what the runtime had no right to clone. */
int mnt_sources_late(struct mount_tree *t, struct err *e);
/* Detached recursive clone of the directory @dir with the propagation the plan asks for. */
int mnt_root_clone(const struct plan *p, int dir, int *ret, struct err *e);

/* ---- attach.c ---- */
/* Were there hooks that may have mounted something since the tree was built? */
bool mnt_hooks_ran(const struct plan *p);
/* Is @path a name in hull's own tmpfs on /dev, where nobody else makes or renames anything? */
bool mnt_in_own_dev(const struct mount_tree *t, const char *path);
/* Is @st of the root of the container, by whatever way it was reached? */
bool mnt_is_root(struct mount_tree *t, const struct stat *st);
/* Is @path at or below a directory that hull relies on (dev, proc, sys)? Then no component may be a
 * symlink. */
bool mnt_is_strict(const char *path);
/* Is @path "/@name", written in whatever way? */
bool mnt_is_at(const char *path, const char *name);
/* Lexically: is @path @top or below it? ".." in either: true. */
bool mnt_is_below(const char *path, const char *top);
/* Resolve the destination of @m, making it when it is missing. O_PATH fd. */
int mnt_target(struct mount_tree *t, const struct plan_mount *m, bool dir, struct err *e);
/* Refuse what would get around rule M5: @tree (-1: certainly no procfs) on @target. */
int mnt_guard(struct mount_tree *t, const struct plan_mount *m, int tree, int target,
	      struct err *e);
/* As mnt_guard; then move @tree onto @target, prove that it is there (rule
 * M2) and note its id as that of mount @i. */
int mnt_attach(struct mount_tree *t, size_t i, int tree, int target, struct err *e);
/* move_mount(2) with empty paths. 0 or -errno. */
int mnt_move(int tree, int target);
/* After an attach: @path must now lead to the mount that @tree is. *@ret_id (may be NULL): its id.
 */
int mnt_prove(struct mount_tree *t, const char *path, bool nofollow, int tree, uint64_t *ret_id,
	      struct err *e);

/* ---- newfs.c ---- */
/* A new detached instance for @m; @target gives a tmpfs its default mode. The fd, or -errno. */
int mnt_new(struct mount_tree *t, const struct plan_mount *m, int userns_fd, int target,
	    struct err *e);
/* fsopen(2), options ("a,b=c"), create, fsmount(2). @source may be NULL. */
int mnt_new_simple(const char *fstype, const char *source, const char *data, unsigned attrs,
		   struct err *e);
/* fsconfig(2) of a comma list; -E2BIG when a value is longer than fsconfig takes. */
int mnt_fs_options(int fs, const char *data, struct err *e);
int mnt_fs_flags(int fs, unsigned long set, unsigned long clear, struct err *e);
/* As err_sys, with the kernel's own words from the fs context behind the text. */
int mnt_fs_error(int fs, struct err *e, enum err_id id, int r, const char *text);

/* ---- copyup.c ---- */
/* Copy what is in the directory @from into the empty, detached mount @to; @to's own owner stays. */
int mnt_copy_up(int from, int to, struct err *e);

/* ---- cgroupfs.c ---- */
int mnt_cgroup(struct mount_tree *t, const struct plan_mount *m, size_t i, struct err *e);

/* ---- node.c ---- */
/*
 * *ret: a detached clone of a new node for device @i, owned by its host_uid and host_gid. *@fs: the
 * file system that all of them lie in, made with the first (-1 before); closed by the caller.
 * ERR_DEV_NODE.
 */
int mnt_node(const struct plan_device *d, size_t i, int *fs, int *ret, struct err *e);

/* ---- device.c ---- */
/* Is @fd the host's null device? */
bool mnt_is_null(int fd);

/* The handle in @t, opened when it is not there yet. 0 or -errno. */
int mnt_need_proc(struct mount_tree *t);

#endif
