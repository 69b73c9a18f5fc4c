/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/attach: from a destination in the config to a finished mount that is provably there. Hides
 * how mount points are found and made inside the root, what may not be mounted over, and the check
 * afterwards.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

/* First component of @path and its length, without leading "/" and "./". */
static const char *first_component(const char *path, size_t *ret_len)
{
	for (;;) {
		if (*path == '/')
			path++;
		else if (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
			path++;
		else
			break;
	}
	*ret_len = path_part(path);
	return path;
}

static bool first_is(const char *path, const char *name)
{
	size_t len;
	const char *c = first_component(path, &len);

	return len == strlen(name) && memcmp(c, name, len) == 0;
}

/* Nothing but slashes and dots follows the first component. */
static bool only_first(const char *path)
{
	size_t len;
	const char *c = first_component(path, &len);

	first_component(c + len, &len);
	return len == 0;
}

bool mnt_is_at(const char *path, const char *name)
{
	return first_is(path, name) && only_first(path) && !path_has_dotdot(path);
}

bool mnt_is_below(const char *path, const char *top)
{
	if (path_has_dotdot(path) || path_has_dotdot(top))
		return true;
	for (;;) {
		size_t len, top_len;

		path = first_component(path, &len);
		top = first_component(top, &top_len);
		if (top_len == 0)
			return true;
		if (len != top_len || memcmp(path, top, len) != 0)
			return false;
		path += len;
		top += len;
	}
}

bool mnt_is_strict(const char *path)
{
	return !path_has_dotdot(path) &&
	       (first_is(path, "dev") || first_is(path, "proc") || first_is(path, "sys"));
}

/* Name of the single component below /dev, or NULL. */
static const char *name_in_dev(const char *path)
{
	size_t len;
	const char *c;

	if (!first_is(path, "dev") || path_has_dotdot(path))
		return NULL;
	c = first_component(path, &len) + len;
	c = first_component(c, &len);
	return len > 0 && c[len] == '\0' ? c : NULL;
}

bool mnt_in_own_dev(const struct mount_tree *t, const char *path)
{
	return t->dev_own && name_in_dev(path);
}

bool mnt_hooks_ran(const struct plan *p)
{
	const struct spec_hooks *h = p->hooks;

	return h &&
	       (h->n[HOOK_PRESTART] || h->n[HOOK_CREATE_RUNTIME] || h->n[HOOK_CREATE_CONTAINER]);
}

static int target_error(const struct plan_mount *m, int r, bool dir, struct err *e)
{
	const char *d = m->destination;

	if (mnt_is_strict(d) && (r == -ELOOP || (r == -ENOTDIR && only_first(d))))
		return err_sys(e, ERR_MNT_PROTECTED, r,
			       "%s must be mounted on ordinary directory of the root file system, "
			       "not on a symlink or a file",
			       d);
	/* The kernel says ENOTDIR for both; clients look for these words. */
	if (r == -EISDIR)
		return err_set(e, ERR_MNT_TARGET, ENOTDIR, "mount a file on the directory %s", d);
	if (r == -ENOTDIR && dir)
		return err_sys(e, ERR_MNT_TARGET, r, "mount a directory on %s", d);
	return err_sys(e, ERR_MNT_TARGET, r, "mount point %s", d);
}

/* In hull's own tmpfs on /dev nobody else makes or renames anything: the name can be taken at once.
 */
static int target_in_own_dev(struct mount_tree *t, const char *name, bool dir, bool *ret_made)
{
	int r = dir ? sys_mkdirat(t->dev.fd, name, 0755)
		    : sys_mknodat(t->dev.fd, name, S_IFREG | 0644, 0);

	if (r < 0 && r != -EEXIST)
		return r;
	*ret_made = r == 0;
	return sys_openat(t->dev.fd, name, O_PATH | O_NOFOLLOW | (dir ? O_DIRECTORY : 0), 0);
}

int mnt_target(struct mount_tree *t, const struct plan_mount *m, bool dir, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	enum path_make kind = dir ? PATH_MAKE_DIR : PATH_MAKE_FILE;
	const char *name = name_in_dev(m->destination);
	bool strict = mnt_is_strict(m->destination);
	struct mnt_noter noter = mnt_noter(t);

	/* a fresh file system has no mount points yet, so this is no change of the image */
	if (name && t->dev_own) {
		fd = target_in_own_dev(t, name, dir, &noter.any);
	} else if (m->must_exist) {
		fd = strict ? path_resolve_strict(&t->root, m->destination)
			    : path_resolve(&t->root, m->destination, m->dest_nofollow);
		if (fd == -ENOENT)
			return err_sys(e, ERR_MNT_TARGET, fd,
				       "mount point %s, and hull may not make it", m->destination);
	} else if (strict) {
		fd = path_make_strict(&t->root, m->destination, kind, &noter.made);
	} else {
		fd = path_make(&t->root, m->destination, kind, m->dest_nofollow, &noter.made);
	}
	if (fd < 0)
		return target_error(m, fd, dir, e);
	t->target_made = noter.any;
	return fd_take(&fd);
}

/* ---- rule M5 ---- */

static bool is_proc_root(int fd)
{
	struct stat st;

	return sys_fs_magic(fd) == HULL_PROC_MAGIC && fstat(fd, &st) == 0 &&
	       st.st_ino == HULL_PROC_ROOT_INO;
}

bool mnt_is_root(struct mount_tree *t, const struct stat *st)
{
	struct stat root;

	if (!t->root_ino && fstat(t->root.fd, &root) == 0) {
		t->root_dev = root.st_dev;
		t->root_ino = root.st_ino;
	}
	return st->st_ino == t->root_ino && st->st_dev == t->root_dev;
}

/* Is it the directory @name of the root file system? */
static bool is_root_entry(struct mount_tree *t, const struct stat *st, const char *name)
{
	struct stat other;

	return fstatat(t->root.fd, name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
	       other.st_ino == st->st_ino && other.st_dev == st->st_dev;
}

/* SECURITY: CVE-2019-16884, CVE-2019-19921, CVE-2023-27561: nothing may stand in for /proc or parts
 * of it. */
int mnt_guard(struct mount_tree *t, const struct plan_mount *m, int tree, int target, struct err *e)
{
	struct stat st;
	long magic = sys_fs_magic(target);
	bool on_proc;

	if (magic < 0)
		return err_sys(e, ERR_MNT_TARGET, (int)magic, "%s", m->destination);
	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_MNT_TARGET, -errno, "%s", m->destination);
	if (S_ISLNK(st.st_mode) && !m->dest_nofollow)
		return err_set(e, ERR_MNT_TARGET, ELOOP, "mount point %s", m->destination);
	if (S_ISDIR(st.st_mode) && mnt_is_root(t, &st))
		return err_set(e, ERR_MNT_PROTECTED, EBUSY, "%s is the root of the container",
			       m->destination);
	on_proc = magic == HULL_PROC_MAGIC && st.st_ino == HULL_PROC_ROOT_INO;
	if (!on_proc && S_ISDIR(st.st_mode))
		on_proc = mnt_is_at(m->destination, "proc") ||
			  (!mnt_is_strict(m->destination) && is_root_entry(t, &st, "proc"));
	if (on_proc) {
		if (is_proc_root(tree))
			return 0;
		return err_set(e, ERR_MNT_PROTECTED, EPERM, "only a procfs may be mounted on %s",
			       m->destination);
	}
	if (magic != HULL_PROC_MAGIC)
		return 0;
	if (plan_covers_proc(m) &&
	    (S_ISDIR(st.st_mode) ? sys_fs_magic(tree) == HULL_BINFMT_MAGIC : m->kind == MOUNT_BIND))
		return 0;
	return err_set(e, ERR_MNT_PROTECTED, EPERM, "%s lies inside /proc", m->destination);
}

/* ---- attach ---- */

int mnt_move(int tree, int target)
{
	return sys_move_mount(tree, "", target, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int mnt_prove(struct mount_tree *t, const char *path, bool nofollow, int tree, uint64_t *ret_id,
	      struct err *e)
{
	_cleanup_fd_ int fd = -1;
	uint64_t want = 0, got = 0;
	int r;

	fd = mnt_is_strict(path) ? path_resolve_strict(&t->root, path)
				 : path_resolve(&t->root, path, nofollow);
	if (fd < 0)
		return err_sys(e, ERR_MNT_VERIFY, fd, "%s after mounting on it", path);
	r = path_mount_id(tree, &want);
	if (r == 0)
		r = path_mount_id(fd, &got);
	if (r < 0)
		return err_sys(e, ERR_MNT_VERIFY, r, "mount id of %s", path);
	if (want != got) /* SECURITY: rule M2: the target was moved meanwhile. CVE-2021-30465. */
		return err_set(e, ERR_MNT_VERIFY, 0, "%s is not the mount that was just put there",
			       path);
	if (ret_id)
		*ret_id = want;
	return 0;
}

/* With src-nofollow a symlink may be what was mounted: it is looked at, not followed. */
static bool is_link(int tree, const struct plan_mount *m)
{
	struct stat st;

	return m->src_nofollow && fstat(tree, &st) == 0 && S_ISLNK(st.st_mode);
}

int mnt_attach(struct mount_tree *t, size_t i, int tree, int target, struct err *e)
{
	const struct plan_mount *m = &t->plan->mounts[i];
	uint64_t *id = &t->sources->mnt_id[i];
	bool own = mnt_in_own_dev(t, m->destination);
	/* what was just made there is neither a link nor of any other file system */
	int r = own && t->target_made ? 0 : mnt_guard(t, m, tree, target, e);

	if (r < 0)
		return r;
	r = mnt_move(tree, target);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTACH, r, "mount on %s", m->destination);
	if (own) {
		r = path_mount_id(tree, id);
		return r < 0 ? err_sys(e, ERR_MNT_VERIFY, r, "mount id of %s", m->destination) : 0;
	}
	return mnt_prove(t, m->destination, m->dest_nofollow || is_link(tree, m), tree, id, e);
}
