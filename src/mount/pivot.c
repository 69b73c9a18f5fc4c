/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/pivot: the clone of the rootfs becomes "/", and nothing of the host stays behind it. Also
 * the last changes to that root, and the way back for containers that live in the host's mount
 * table.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"

enum {
	MOUNTINFO_MAX = 16 * 1024 * 1024,
	STACK_MAX = 64, /* mounts one upon another */
};

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

/* A procfs or sysfs of the host at @path: away with it, and with whatever lies on it. */
static int uncover_one(const char *path)
{
	_cleanup_fd_ int cover = -1, at = -1;
	struct err ignored = { 0 };
	long magic;

	for (int i = 0; i < STACK_MAX; i++)
		if (sys_umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			break;
	at = path_open_host(path, O_DIRECTORY | O_NOFOLLOW);
	magic = at < 0 ? at : sys_fs_magic(at);
	if (magic != HULL_PROC_MAGIC && magic != HULL_SYSFS_MAGIC)
		return 0;
	/*
	 * KERNEL: EINVAL: a mount that came from a more privileged mount namespace is locked. What
	 * covers its root is locked in the next user namespace too, and then hides it. Since 4.2.
	 */
	cover = mnt_new_simple("tmpfs", "tmpfs", "mode=755,size=4096", 0, &ignored);
	return cover < 0 ? cover : mnt_move(cover, at);
}

/*
 * SECURITY: a procfs or sysfs that is only covered counts for the kernel as seen by the container,
 * and lets every user namespace below mount a new one without read-only and masked paths
 * (mount_namespaces(7), mount_too_revealing). So none of the host's stays.
 */
static int uncover_kernel_views(struct mount_tree *t, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	_cleanup_fd_ int fd = -1;
	char here[PATH_MAX], *text, *line;
	size_t n;
	int r = mnt_need_proc(t);

	arena_init(&a);
	if (r == 0)
		r = sys_getcwd(here, sizeof(here)) < 0 ? -errno : 0;
	if (r == 0) {
		fd = proc_openat(&t->proc, "self/mountinfo", O_RDONLY);
		r = fd < 0 ? fd : io_read_all(fd, MOUNTINFO_MAX, &a, &text, &n);
	}
	if (r < 0)
		return err_sys(e, ERR_MNT_PIVOT, r, "look for /proc and /sys of the host");
	if (streq(here, "/"))
		return err_set(e, ERR_MNT_PIVOT, EINVAL, "the root of the host needs pivot_root");
	while ((line = strsep(&text, "\n")) && *line) {
		const char *type = strstr(line, " - "), *rest;
		char *point = NULL;

		for (int i = 0; i < 5; i++)
			point = strsep(&line, " ");
		if (!type || !point ||
		    (!str_starts(type, " - proc ") && !str_starts(type, " - sysfs ")))
			continue;
		proc_unescape(point);
		rest = str_skip(point, here);
		if (rest && (*rest == '/' || *rest == '\0'))
			continue; /* the container's own */
		r = uncover_one(point);
		if (r < 0)
			return err_sys(e, ERR_MNT_PIVOT, r, "hide %s of the host", point);
	}
	return 0;
}

/* --no-pivot: on a ramfs root, which cannot be pivoted away. The rest of the host's tree stays
 * below the new root. */
static int move_to_root(struct mount_tree *t, struct err *e)
{
	_cleanup_fd_ int slash = path_open_host("/", O_DIRECTORY);
	int r = uncover_kernel_views(t, e);

	if (r < 0)
		return r;
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
