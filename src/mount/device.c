/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/device: nodes and links of /dev, and nodes elsewhere. Everything is made at a verified
 * directory fd with one component; what already stands there is accepted when it is the same, and
 * never replaced (rule D1).
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

/* The directory on /dev when no mount brought one: that of the rootfs itself, which must not be a
 * link. */
static int need_dev(struct mount_tree *t, struct err *e)
{
	struct mnt_noter noter = mnt_noter(t);
	int fd;

	if (t->dev.fd >= 0)
		return 0;
	/* SECURITY: an image with /dev as a symlink. CVE-2026-47766, CVE-2026-41579. */
	fd = t->plan->root.create_mountpoints
		     ? path_make_strict(&t->root, "/dev", PATH_MAKE_DIR, &noter.made)
		     : path_resolve_strict(&t->root, "/dev");
	if (fd == -ELOOP || fd == -ENOTDIR)
		return err_sys(e, ERR_DEV_OTHER, fd,
			       "/dev must be a directory of the root file system, not a symlink or "
			       "a file");
	if (fd < 0)
		return err_sys(e, ERR_DEV_NODE, fd, "/dev");
	t->dev.fd = fd;
	return 0;
}

/* fd of the directory for @path, borrowed or (also in *@ret_opened) to be closed; below /dev no
 * component may be a symlink. *@ret_own: hull's own
 * /dev itself. */
static int open_parent(struct mount_tree *t, const char *path, int *ret_opened,
		       const char **ret_name, bool *ret_own, struct err *e)
{
	const char *rest = str_skip(path, "/dev/"), *slash;
	struct mnt_noter noter = mnt_noter(t);
	char sub[PATH_MAX];
	int fd;

	*ret_own = false;
	if (!rest) {
		fd = path_parent(&t->root, path, true, &noter.made, ret_name);
		if (fd < 0)
			return err_sys(e, ERR_DEV_NODE, fd, "directory of %s", path);
		return *ret_opened = fd;
	}
	fd = need_dev(t, e);
	if (fd < 0)
		return fd;
	slash = strrchr(rest, '/');
	*ret_name = slash ? slash + 1 : rest;
	if (**ret_name == '\0' || streq(*ret_name, ".") || streq(*ret_name, ".."))
		return err_set(e, ERR_DEV_NODE, EINVAL, "%s names no file", path);
	if (!slash) {
		*ret_own = t->dev_own;
		return t->dev.fd;
	}
	fd = str_format(sub, sizeof(sub), "%.*s", (int)(slash - path), path);
	if (fd == 0)
		fd = path_make_strict(&t->root, sub, PATH_MAKE_DIR, &noter.made);
	if (fd < 0)
		return err_sys(e, ERR_DEV_NODE, fd, "directory of %s", path);
	return *ret_opened = fd;
}

static bool is_node(const struct stat *st, const struct plan_device *d)
{
	if ((st->st_mode & S_IFMT) != (d->mode & S_IFMT))
		return false;
	return S_ISFIFO(d->mode) || st->st_rdev == makedev(d->major, d->minor);
}

static const char *kind_name(mode_t mode)
{
	return S_ISCHR(mode)	? "character device"
	       : S_ISBLK(mode)	? "block device"
	       : S_ISFIFO(mode) ? "fifo"
	       : S_ISLNK(mode)	? "symlink"
	       : S_ISDIR(mode)	? "directory"
	       : S_ISSOCK(mode) ? "socket"
				: "file";
}

/* Something stands there: fine when it is what was asked for. LNX-DEV-08 of config-linux.md,
 * devices. */
static int accept_existing(int dir, const char *name, const struct plan_device *d, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_DEV_NODE, -errno, "%s", d->path);
	if (is_node(&st, d))
		return 0;
	return err_set(e, ERR_DEV_OTHER, EEXIST, "%s is a %s, not the %s wanted", d->path,
		       kind_name(st.st_mode), kind_name(d->mode));
}

/* /dev is the host's: nothing is made there. */
static int find_existing(struct mount_tree *t, const struct plan_device *d, struct err *e)
{
	_cleanup_fd_ int fd = path_resolve_strict(&t->root, d->path);
	struct stat st;

	if (fd < 0)
		return err_sys(e, ERR_DEV_NODE, fd, "%s in the /dev that is mounted from the host",
			       d->path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_DEV_NODE, -errno, "%s", d->path);
	if (!is_node(&st, d))
		return err_set(e, ERR_DEV_OTHER, EEXIST, "%s is a %s, not the %s wanted", d->path,
			       kind_name(st.st_mode), kind_name(d->mode));
	return 0;
}

/*
 * Owner and mode of a node that was just made. In hull's own /dev nobody else can have touched it;
 * elsewhere it is opened and proved first (rule P8).
 */
static int finish_node(struct mount_tree *t, int dir, const char *name, bool own,
		       const struct plan_device *d, struct err *e)
{
	_cleanup_fd_ int fd = -1, fds = -1;
	char number[16];
	struct stat st;
	int r;

	if (own) {
		if (d->uid == 0 && d->gid == 0)
			return 0;
		r = sys_fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
		return r < 0 ? err_sys(e, ERR_DEV_NODE, r, "owner of %s", d->path) : 0;
	}
	fd = sys_openat(dir, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return err_sys(e, ERR_DEV_NODE, fd, "%s", d->path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_DEV_NODE, -errno, "%s", d->path);
	if (!is_node(&st, d))
		return err_set(e, ERR_MNT_VERIFY, 0, "%s is not the node that was just made",
			       d->path);
	if (st.st_uid != d->uid || st.st_gid != d->gid) {
		r = sys_fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH);
		if (r < 0)
			return err_sys(e, ERR_DEV_NODE, r, "owner of %s", d->path);
	}
	if ((st.st_mode & 07777) == (d->mode & 07777))
		return 0;
	/* A default ACL of the directory had a say. An O_PATH fd is changed through its entry in
	 * procfs. */
	r = mnt_need_proc(t);
	if (r == 0) {
		fds = proc_openat(&t->proc, "self/fd", O_PATH | O_DIRECTORY);
		r = MIN(fds, 0);
	}
	if (r == 0)
		r = str_format(number, sizeof(number), "%d", fd);
	if (r == 0 && fchmodat(fds, number, d->mode & 07777, 0) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, ERR_DEV_NODE, r, "mode of %s", d->path) : 0;
}

/* The host's node, opened and proved in PREPARE, on a placeholder. */
static int bind_node(struct mount_tree *t, size_t i, int dir, const char *name, struct err *e)
{
	const struct plan_device *d = &t->plan->devices[i];
	_cleanup_fd_ int target = -1;
	struct stat st;
	int r;

	r = sys_mknodat(dir, name, S_IFREG, 0);
	if (r < 0 && r != -EEXIST)
		return err_sys(e, ERR_DEV_NODE, r, "make %s", d->path);
	if (r == 0 && !t->dev_own)
		mnt_note(t, dir, name, d->path);
	target = sys_openat(dir, name, O_PATH | O_NOFOLLOW, 0);
	if (target < 0)
		return err_sys(e, ERR_DEV_NODE, target, "%s", d->path);
	if (r == -EEXIST) {
		if (fstat(target, &st) < 0)
			return err_sys(e, ERR_DEV_NODE, -errno, "%s", d->path);
		if (is_node(&st, d))
			return 0;
		/* An empty file is what an earlier run of hull left as placeholder. */
		if (!S_ISREG(st.st_mode) || st.st_size != 0)
			return accept_existing(dir, name, d, e);
	}
	r = mnt_move(t->sources->device[i], target);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "bind %s", d->path);
	if (t->dev_own)
		return 0;
	return mnt_prove(t, d->path, true, t->sources->device[i], NULL, e);
}

static int make_device(struct mount_tree *t, size_t i, struct err *e)
{
	const struct plan_device *d = &t->plan->devices[i];
	_cleanup_fd_ int opened = -1;
	const char *name;
	bool own;
	int dir, r;

	if (d->existing)
		return find_existing(t, d, e);
	dir = open_parent(t, d->path, &opened, &name, &own, e);
	if (dir < 0)
		return dir;
	if (d->bind)
		return bind_node(t, i, dir, name, e);
	r = sys_mknodat(dir, name, d->mode, S_ISFIFO(d->mode) ? 0 : makedev(d->major, d->minor));
	if (r == -EEXIST)
		return accept_existing(dir, name, d, e);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "make %s", d->path);
	if (!own)
		mnt_note(t, dir, name, d->path);
	return finish_node(t, dir, name, own, d, e);
}

/* ---- links ---- */

/* "/proc/self/fd", "../proc/self/fd": the same place seen from /dev. */
static const char *from_root(const char *target)
{
	while (*target == '/' || str_starts(target, "../"))
		target += *target == '/' ? 1 : 3;
	return target;
}

static bool same_link(const char *have, const char *want)
{
	const char *rest = str_skip(want, "/proc/self/");

	/* Some distributions write /dev/stdin -> fd/0, where fd is -> /proc/self/fd. */
	return streq(from_root(have), from_root(want)) || (rest && streq(have, rest));
}

static int make_link(struct mount_tree *t, const struct plan_link *l, struct err *e)
{
	_cleanup_fd_ int opened = -1;
	char have[PATH_MAX];
	struct stat st;
	const char *name;
	bool own;
	int dir, r;

	dir = open_parent(t, l->path, &opened, &name, &own, e);
	if (dir < 0)
		return dir;
	r = sys_symlinkat(l->target, dir, name);
	if (r == 0 && !own)
		mnt_note(t, dir, name, l->path);
	if (r == 0)
		return 0;
	if (r != -EEXIST)
		return err_sys(e, ERR_DEV_LINK, r, "make the link %s", l->path);
	if (sys_readlinkat(dir, name, have, sizeof(have)) >= 0) {
		if (same_link(have, l->target))
			return 0;
		return err_set(e, ERR_DEV_OTHER, EEXIST, "%s is a link to %s, not to %s", l->path,
			       have, l->target);
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_DEV_LINK, -errno, "%s", l->path);
	/* KERNEL: opening 5:2 uses the devpts mounted on "pts" beside it, as the link would.
	 * Since 4.7; devpts. */
	if (streq(name, "ptmx") && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2))
		return 0;
	return err_set(e, ERR_DEV_OTHER, EEXIST, "%s is a %s, not a link to %s", l->path,
		       kind_name(st.st_mode), l->target);
}

/* A name in hull's own /dev that no later mount names, nor a directory above it. */
static bool is_settled(const struct mount_tree *t, const char *path)
{
	const char *name = str_skip(path, "/dev/");

	if (!name || strchr(name, '/'))
		return false;
	for (size_t i = t->built; i < t->plan->n_mounts; i++)
		if (mnt_is_below(path, t->plan->mounts[i].destination))
			return false;
	return true;
}

int mount_devices_ahead(struct mount_tree *t, struct err *e)
{
	const struct plan *p = t->plan;
	bool settled = t->dev_own;

	for (size_t i = 0; i < p->n_devices && settled; i++)
		settled = !p->devices[i].existing && is_settled(t, p->devices[i].path);
	for (size_t i = 0; i < p->n_links && settled; i++)
		settled = is_settled(t, p->links[i].path);
	return settled ? mount_devices(t, e) : 0;
}

int mount_devices(struct mount_tree *t, struct err *e)
{
	MOUNT_NO_UMASK;
	int r;

	if (t->devices_made)
		return 0;
	t->devices_made = true;
	for (size_t i = 0; i < t->plan->n_devices; i++) {
		const struct plan_device *d = &t->plan->devices[i];

		r = make_device(t, i, e);
		if (r < 0)
			return err_at(e, r, d->is_default ? "%s" : "%s/path", d->pointer);
	}
	for (size_t i = 0; i < t->plan->n_links; i++) {
		r = make_link(t, &t->plan->links[i], e);
		if (r < 0)
			return err_at(e, r, "/dev");
	}
	return 0;
}

/* ---- the console ---- */

static int console(struct mount_tree *t, int pty_slave, struct err *e)
{
	_cleanup_fd_ int target = -1, tree = -1;
	struct stat st;
	int r;

	r = need_dev(t, e);
	if (r < 0)
		return r;
	if (fstat(pty_slave, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    sys_fs_magic(pty_slave) != HULL_DEVPTS_MAGIC)
		return err_set(e, ERR_MNT_VERIFY, 0,
			       "the terminal is no pty"); /* SECURITY: CVE-2025-52565 */
	r = sys_mknodat(t->dev.fd, "console", S_IFREG | 0620, 0);
	if (r < 0 && r != -EEXIST)
		return err_sys(e, ERR_DEV_NODE, r, "make /dev/console");
	if (r == 0 && !t->dev_own)
		mnt_note(t, t->dev.fd, "console", "/dev/console");
	/* SECURITY: a link here led to the host. CVE-2026-88264. */
	target = sys_openat(t->dev.fd, "console", O_PATH | O_NOFOLLOW, 0);
	if (target < 0)
		return err_sys(e, ERR_DEV_NODE, target, "/dev/console");
	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_DEV_NODE, -errno, "/dev/console");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(e, ERR_DEV_OTHER, EEXIST, "/dev/console is a %s",
			       kind_name(st.st_mode));
	tree = mnt_clone(pty_slave, "", false, false);
	if (tree < 0)
		return err_sys(e, ERR_DEV_NODE, tree, "clone the pty");
	r = mnt_setattr(tree, false, 0, 0, MS_PRIVATE);
	if (r == 0)
		r = mnt_move(tree, target);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "bind the pty on /dev/console");
	return t->dev_own ? 0 : mnt_prove(t, "/dev/console", true, tree, NULL, e);
}

int mount_console(struct mount_tree *t, int pty_slave, struct err *e)
{
	MOUNT_NO_UMASK;
	int r = console(t, pty_slave, e);

	return r < 0 ? err_at(e, r, "/process/terminal") : 0;
}
