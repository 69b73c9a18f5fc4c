/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/pivot: the clone of the rootfs becomes "/", and nothing of the host stays behind it. Also
 * the last changes to that root, and the way back for containers that live in the host's mount
 * table.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/call.h"

/*
 * KERNEL: pivot_root(".", ".") stacks the old root on the new one, so no directory for it is needed
 * and umount(".") takes it away. pivot_root(2), notes.
 */
static int pivot(struct err *e)
{
	int r = sys_pivot_root(".", ".");

	if (r < 0)
		return err_sys(e, ERR_MNT_PIVOT, r, "pivot_root");
	r = sys_umount2(".", MNT_DETACH);
	if (r < 0)
		return err_sys(e, ERR_MNT_PIVOT, r, "detach the root of the host");
	return 0;
}

/* --no-pivot: on a ramfs root, which cannot be pivoted away. The host's tree stays below the new
 * root. */
static int move_to_root(struct mount_tree *t, struct err *e)
{
	_cleanup_fd_ int slash = path_open_host("/", O_DIRECTORY);
	int r;

	if (slash < 0)
		return err_sys(e, ERR_MNT_PIVOT, slash, "/");
	r = mnt_move(t->root.fd, slash);
	return r < 0 ? err_sys(e, ERR_MNT_PIVOT, r, "move the root over /") : 0;
}

/* "/" is the clone, and nothing lies on it (rules M2, M4). */
static int prove_root(struct mount_tree *t, struct err *e)
{
	_cleanup_fd_ int slash = path_open_host("/", O_DIRECTORY);
	uint64_t id;
	int r = slash < 0 ? slash : path_mount_id(slash, &id);

	if (r < 0)
		return err_sys(e, ERR_MNT_PIVOT, r, "mount id of /");
	if (id != t->root_mnt_id)
		return err_set(e, ERR_MNT_PIVOT, 0, "/ is not the root of the container");
	return 0;
}

int mount_pivot(struct mount_tree *t, struct err *e)
{
	int r = sys_fchdir(t->root.fd);

	if (r < 0)
		return err_sys(e, ERR_MNT_PIVOT, r, "enter the root");
	if (t->plan->ns.has_mount_ns && t->plan->root.pivot) {
		r = pivot(e);
		if (r < 0)
			return r;
	} else {
		r = t->plan->ns.has_mount_ns ? move_to_root(t, e) : 0;
		if (r < 0)
			return r;
		if (chroot(".") < 0)
			return err_sys(e, ERR_MNT_PIVOT, -errno, "chroot");
	}
	if (chdir("/") < 0)
		return err_sys(e, ERR_MNT_PIVOT, -errno, "chdir /");
	return prove_root(t, e);
}

/* What stayed writable while mount points and devices were made below it. */
static int turn_read_only(struct mount_tree *t, size_t i, struct err *e)
{
	const char *path = t->plan->mounts[i].destination;
	_cleanup_fd_ int fd = mnt_is_strict(path) ? path_resolve_strict(&t->root, path)
						  : path_resolve(&t->root, path, false);
	uint64_t id = 0;
	int r = fd < 0 ? fd : path_mount_id(fd, &id);

	if (r < 0)
		return err_sys(e, ERR_MNT_VERIFY, r, "%s, to be made read-only", path);
	if (id != t->sources->mnt_id[i]) /* SECURITY: rule M2 */
		return err_set(e, ERR_MNT_VERIFY, 0, "%s is not the mount that was put there",
			       path);
	r = mnt_setattr(fd, false, MOUNT_ATTR_RDONLY, 0, 0);
	return r < 0 ? err_sys(e, ERR_MNT_ATTR, r, "make %s read-only", path) : 0;
}

int mount_root_finish(struct mount_tree *t, struct err *e)
{
	unsigned long p = t->plan->root.propagation;
	int r;

	for (size_t i = 0; i < t->plan->n_mounts; i++) {
		r = t->plan->mounts[i].ro_late ? turn_read_only(t, i, e) : 0;
		if (r < 0)
			return err_at(e, r, "%s", t->plan->mounts[i].pointer);
	}
	if (t->plan->root.readonly) {
		r = mnt_setattr(t->root.fd, false, MOUNT_ATTR_RDONLY, 0, 0);
		if (r < 0) {
			err_sys(e, ERR_MNT_ATTR, r, "make the root read-only");
			return err_at(e, r, "/root/readonly");
		}
	}
	/* The clone is a slave or private since it was made; what needs private first comes now. */
	if (!(p & (MS_SHARED | MS_UNBINDABLE)))
		return 0;
	r = mnt_setattr(t->root.fd, p & MS_REC, 0, 0, p & (MS_SHARED | MS_UNBINDABLE));
	if (r < 0) {
		err_sys(e, ERR_MNT_ATTR, r, "set the propagation of the root");
		return err_at(e, r, "/linux/rootfsPropagation");
	}
	return 0;
}

int mount_host_detach(const char *path, uint64_t mnt_id, struct err *e)
{
	_cleanup_fd_ int fd = -1, cwd = -1;
	uint64_t id;
	int r, back;

	fd = path_open_host(path, O_DIRECTORY);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(e, ERR_MNT_ROOTFS, fd, "%s", path);
	r = path_mount_id(fd, &id);
	if (r < 0)
		return err_sys(e, ERR_MNT_ROOTFS, r, "mount id of %s", path);
	if (id != mnt_id) {
		struct statx stx;

		/* KERNEL: says whether @fd is the root of a mount. Since 5.8; statx(2). */
		r = sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx);
		if (r == 0 && !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
			return 0; /* gone already */
		return err_set(e, ERR_MNT_VERIFY, EBUSY, "another mount covers %s", path);
	}
	/* umount2(2) takes a path only: the one path that cannot be exchanged is ".". */
	cwd = sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	r = sys_fchdir(fd);
	if (r < 0)
		return err_sys(e, ERR_MNT_ROOTFS, r, "%s", path);
	r = sys_umount2(".", MNT_DETACH);
	back = cwd < 0 ? 0 : sys_fchdir(cwd);
	if (r < 0)
		return err_sys(e, ERR_MNT_ROOTFS, r, "detach %s", path);
	if (back < 0)
		return err_sys(e, ERR_GEN_SYS, back, "return to the working directory");
	return 0;
}
