/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/mask: linux.maskedPaths and linux.readonlyPaths. Every target is pinned by an fd before
 * anything is put on it, and what is put there was verified before the container existed (rule D3).
 */
#include "mount/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "sys/call.h"

bool mnt_is_null(int fd)
{
	return path_is_device(fd, S_IFCHR, 1, 3);
}

/*
 * A name in the container's procfs or sysfs cannot be exchanged by anybody, so what was mounted on
 * its fd is found under its path. Elsewhere a volume may be shared with a hostile neighbour.
 */
static bool must_prove(const struct mount_tree *t, const struct stat *st)
{
	return st->st_dev != t->kernel_dev[0] && st->st_dev != t->kernel_dev[1];
}

/*
 * One empty directory serves all masks: the first takes the mount itself, the others clones of it.
 * KERNEL: a clone can be made of a mount that is attached in the caller's namespace, so the fd is
 * kept.
 */
static int next_empty_dir(struct mount_tree *t, struct err *e)
{
	int fd;

	if (t->empty >= 0) {
		fd = mnt_clone(t->empty, "", false, false);
		return fd < 0 ? err_sys(e, ERR_MNT_MASK, fd, "clone the empty directory") : fd;
	}
	t->empty = mnt_new_simple(
		"tmpfs", "tmpfs", "nr_inodes=2,size=4096,mode=755,ro",
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
	if (t->empty < 0)
		return t->empty;
	fd = fd_dup_above(t->empty, 3);
	return fd < 0 ? err_sys(e, ERR_MNT_MASK, fd, "keep the empty directory") : fd;
}

static int next_null(struct mount_tree *t, bool *first, struct err *e)
{
	int fd = *first ? fd_dup_above(t->sources->null, 3)
			: mnt_clone(t->sources->null, "", false, false);

	if (fd < 0)
		return err_sys(e, ERR_MNT_MASK, fd, "clone the null device");
	*first = false;
	return fd;
}

/* Not another mount of the same directory. Nothing that is laid over the root would be seen. */
static bool is_root(struct mount_tree *t, int target, const struct stat *st)
{
	uint64_t id;

	return mnt_is_root(t, st) && path_mount_id(target, &id) == 0 && id == t->root_mnt_id;
}

static int mask_one(struct mount_tree *t, const char *path, bool *first_null, struct err *e)
{
	_cleanup_fd_ int target = -1, tree = -1;
	struct stat st;
	int r;

	target = path_resolve(&t->root, path, false);
	if (target == -ENOENT || target == -ENOTDIR) /* below a file there is nothing */
		return 0;
	if (target < 0)
		return err_sys(e, ERR_MNT_MASK, target, "mask %s", path);
	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_MNT_MASK, -errno, "mask %s", path);
	if (is_root(t, target, &st))
		return err_set(e, ERR_MNT_MASK, EBUSY, "mask %s: it is the root of the container",
			       path);
	tree = S_ISDIR(st.st_mode) ? next_empty_dir(t, e) : next_null(t, first_null, e);
	if (tree < 0)
		return tree;
	r = mnt_move(tree, target);
	if (r < 0)
		return err_sys(e, ERR_MNT_MASK, r, "mask %s", path);
	return must_prove(t, &st) ? mnt_prove(t, path, false, tree, NULL, e) : 0;
}

int mount_masked_paths(struct mount_tree *t, struct err *e)
{
	bool first_null = true;

	for (size_t i = 0; i < t->plan->masked.n; i++) {
		int r = mask_one(t, t->plan->masked.v[i], &first_null, e);

		if (r < 0)
			return err_at(e, r, "/linux/maskedPaths/%zu", i);
	}
	return 0;
}

/*
 * May the clone of @path have mounts of others below it? They stay as they are. A directory of the
 * rootfs or of a volume may have brought some along; the container's own procfs and sysfs have not.
 */
static bool carries_mounts(const struct mount_tree *t, size_t before, const char *path,
			   const struct stat *st)
{
	const struct plan *p = t->plan;

	if (mnt_hooks_ran(p) || must_prove(t, st))
		return true;
	for (size_t i = 0; i < p->n_mounts; i++)
		if (mnt_is_below(p->mounts[i].destination, path))
			return true;
	for (size_t i = 0; i < before; i++)
		if (mnt_is_below(p->readonly.v[i], path))
			return true;
	return false;
}

/* With its submounts, as they are; only the path itself becomes read-only (config-linux.md,
 * readonly paths). */
static int clone_read_only(const struct mount_tree *t, size_t i, int target, const struct stat *st)
{
	_cleanup_fd_ int tree = -1;
	bool dir = S_ISDIR(st->st_mode);
	int r;

	if (!carries_mounts(t, i, t->plan->readonly.v[i], st)) {
		tree = mnt_clone_set(target, "", dir, false, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE);
		if (tree != -ENOSYS)
			return fd_take(&tree);
	}
	tree = mnt_clone(target, "", dir, false);
	r = tree < 0 ? tree : mnt_setattr(tree, false, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE);
	return r < 0 ? r : fd_take(&tree);
}

static int readonly_one(struct mount_tree *t, size_t i, struct err *e)
{
	const char *path = t->plan->readonly.v[i];
	_cleanup_fd_ int target = -1, tree = -1;
	struct stat st;
	int r;

	target = path_resolve(&t->root, path, false);
	if (target == -ENOENT || target == -ENOTDIR) /* below a file there is nothing */
		return 0;
	if (target < 0)
		return err_sys(e, ERR_MNT_MASK, target, "make %s read-only", path);
	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_MNT_MASK, -errno, "make %s read-only", path);
	if (is_root(t, target, &st)) {
		r = mnt_setattr(t->root.fd, false, MOUNT_ATTR_RDONLY, 0, 0);
		return r < 0 ? err_sys(e, ERR_MNT_MASK, r, "make %s read-only", path) : 0;
	}
	tree = clone_read_only(t, i, target, &st);
	r = tree < 0 ? tree : mnt_move(tree, target);
	if (r < 0)
		return err_sys(e, ERR_MNT_MASK, r, "make %s read-only", path);
	return must_prove(t, &st) ? mnt_prove(t, path, false, tree, NULL, e) : 0;
}

int mount_readonly_paths(struct mount_tree *t, struct err *e)
{
	for (size_t i = 0; i < t->plan->readonly.n; i++) {
		int r = readonly_one(t, i, e);

		if (r < 0)
			return err_at(e, r, "/linux/readonlyPaths/%zu", i);
	}
	return 0;
}
