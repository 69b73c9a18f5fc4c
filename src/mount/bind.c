/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/bind: clones of existing mounts, and changes to mounts that exist: attributes, propagation,
 * remount. Hides how mount_setattr(2) wants its masks.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "sys/call.h"

static unsigned clone_flags(const char *path, bool recursive, bool nofollow)
{
	return OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
	       (recursive ? AT_RECURSIVE : 0) | (nofollow ? AT_SYMLINK_NOFOLLOW : 0);
}

int mnt_clone(int dir, const char *path, bool recursive, bool nofollow)
{
	return sys_open_tree(dir, path, clone_flags(path, recursive, nofollow));
}

static struct mount_attr attr_of(uint64_t set, uint64_t clear, unsigned long propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	/* KERNEL: access time is one field of two bits: to set it, all of it must be cleared.
	 * mount_setattr(2). */
	if ((set | clear) & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	return attr;
}

int mnt_clone_set(int dir, const char *path, bool recursive, bool nofollow, uint64_t set,
		  uint64_t clear, unsigned long propagation)
{
	struct mount_attr attr = attr_of(set, clear, propagation);

	return sys_open_tree_attr(dir, path, clone_flags(path, recursive, nofollow), &attr);
}

int mnt_setattr(int fd, bool recursive, uint64_t set, uint64_t clear, unsigned long propagation)
{
	struct mount_attr attr = attr_of(set, clear, propagation);

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr);
}

/* The attributes of @m for one mount: those of the mount win over the recursive ones. */
static void fold(const struct plan_mount *m, uint64_t *ret_set, uint64_t *ret_clear)
{
	uint64_t rec_set = m->rec_attr_set & ~m->attr_clear,
		 rec_clear = m->rec_attr_clear & ~m->attr_set;

	if ((m->attr_set | m->attr_clear) & MOUNT_ATTR__ATIME) {
		rec_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		rec_clear &= ~(uint64_t)MOUNT_ATTR__ATIME;
	}
	*ret_set = m->attr_set | rec_set;
	*ret_clear = (m->attr_clear | rec_clear) & ~*ret_set;
}

unsigned mnt_fold_attrs(const struct plan_mount *m)
{
	uint64_t set, clear;

	fold(m, &set, &clear);
	return (unsigned)set;
}

/*
 * Clones of the host are slaves, so that the container's own mounts never reach the host, unless
 * the config speaks of sharing: then they stay what the source is. A private or unbindable root
 * asks for private ones.
 */
unsigned long mnt_base_propagation(const struct plan *p, const struct plan_mount *m)
{
	if ((m->propagation | m->rec_propagation | p->root.propagation) & MS_SHARED)
		return 0;
	return p->root.propagation & (MS_PRIVATE | MS_UNBINDABLE) ? MS_PRIVATE : MS_SLAVE;
}

static unsigned long type_of(unsigned long propagation)
{
	return propagation & (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE);
}

/* KERNEL: below the user namespace that set them, flags of a mount are locked (EPERM). The word of
 * @m that asks to take one back. mount_namespaces(7), "Restrictions" */
static const char *locked_word(int fd, const struct plan_mount *m)
{
	static const struct {
		uint64_t attr;
		long flag;
		const char *word;
	} rows[] = {
		{ MOUNT_ATTR_RDONLY, ST_RDONLY, "rw" },
		{ MOUNT_ATTR_NOSUID, ST_NOSUID, "suid" },
		{ MOUNT_ATTR_NODEV, ST_NODEV, "dev" },
		{ MOUNT_ATTR_NOEXEC, ST_NOEXEC, "exec" },
	};
	struct statfs st;

	for (size_t i = 0; fstatfs(fd, &st) == 0 && i < ARRAY_LEN(rows); i++)
		if ((m->attr_clear | m->rec_attr_clear) & rows[i].attr && st.f_flags & rows[i].flag)
			return rows[i].word;
	return "another access time";
}

static unsigned long all_of(const struct plan_mount *m, unsigned long base)
{
	unsigned long all = type_of(m->rec_propagation);

	return all ? all : base;
}

int mnt_clone_source(const struct plan_mount *m, unsigned long base)
{
	_cleanup_fd_ int fd = -1;
	unsigned long top = type_of(m->propagation), all = all_of(m, base);
	uint64_t set = m->rec_attr_set, clear = m->rec_attr_clear;
	int r = 0;

	if (!m->recursive) {
		fold(m, &set, &clear);
		all = top ? top : all;
	}
	fd = mnt_clone_set(AT_FDCWD, m->source, m->recursive, m->src_nofollow, set, clear, all);
	if (fd >= 0 && m->recursive)
		r = mnt_setattr(fd, false, m->attr_set, m->attr_clear, top);
	return r < 0 ? r : fd_take(&fd);
}

int mnt_set_attrs(int fd, const struct plan_mount *m, unsigned long base, struct err *e)
{
	unsigned long top = type_of(m->propagation), all = all_of(m, base);
	int r;

	if (!m->recursive) {
		uint64_t set, clear;

		fold(m, &set, &clear);
		r = mnt_setattr(fd, false, set, clear, top ? top : all);
	} else {
		r = mnt_setattr(fd, true, m->rec_attr_set, m->rec_attr_clear, all);
		if (r == 0)
			r = mnt_setattr(fd, false, m->attr_set, m->attr_clear, top);
	}
	if (r == -EPERM)
		return err_sys(e, ERR_MNT_ATTR, r,
			       "set the options of the mount on %s: %s is not possible, as the "
			       "source belongs to the mount table of another user namespace",
			       m->destination, locked_word(fd, m));
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "set the options of the mount on %s",
			       m->destination);
	return 0;
}

/* fd of the mount that is at the destination, for operations that change it. */
static int open_mounted(struct mount_tree *t, const struct plan_mount *m, struct err *e)
{
	int fd = mnt_is_strict(m->destination)
			 ? path_resolve_strict(&t->root, m->destination)
			 : path_resolve(&t->root, m->destination, m->dest_nofollow);

	if (fd < 0)
		return err_sys(e, ERR_MNT_TARGET, fd, "%s", m->destination);
	return fd;
}

int mnt_propagation(struct mount_tree *t, const struct plan_mount *m, struct err *e)
{
	_cleanup_fd_ int fd = open_mounted(t, m, e);
	int r;

	if (fd < 0)
		return fd;
	r = mnt_setattr(fd, true, m->rec_attr_set, m->rec_attr_clear, type_of(m->rec_propagation));
	if (r == 0)
		r = mnt_setattr(fd, false, m->attr_set, m->attr_clear, type_of(m->propagation));
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "change the propagation of %s", m->destination);
	return 0;
}

/* Flags and data of the superblock, for all that have it mounted. */
static int reconfigure(int fd, const struct plan_mount *m, unsigned long set, unsigned long clear,
		       struct err *e)
{
	_cleanup_fd_ int fs = -1;
	int r;

	fs = sys_fspick(fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	if (fs < 0)
		return err_sys(e, ERR_MNT_ATTR, fs, "remount %s", m->destination);
	r = mnt_fs_flags(fs, set, clear, e);
	if (r < 0)
		return r;
	r = mnt_fs_options(fs, m->data, e);
	if (r == -E2BIG)
		return err_set(e, ERR_MNT_ATTR, E2BIG,
			       "remount %s: an option has more than 255 bytes", m->destination);
	if (r < 0)
		return r;
	r = sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	if (r < 0)
		return mnt_fs_error(fs, e, ERR_MNT_ATTR, r, "remount");
	return 0;
}

int mnt_remount(struct mount_tree *t, const struct plan_mount *m, struct err *e)
{
	_cleanup_fd_ int fd = open_mounted(t, m, e);
	/* SECURITY: read-only is made on the mount alone: the superblock may be one of the host's.
	 */
	unsigned long set = m->sb_set & ~(unsigned long)MS_RDONLY,
		      clear = m->sb_clear & ~(unsigned long)MS_RDONLY;
	int r;

	if (fd < 0)
		return fd;
	r = mnt_setattr(fd, true, m->rec_attr_set, m->rec_attr_clear, type_of(m->rec_propagation));
	if (r == 0)
		r = mnt_setattr(fd, false, m->attr_set, m->attr_clear, type_of(m->propagation));
	if (r == -EINVAL)
		return err_sys(e, ERR_MNT_ATTR, r,
			       "remount %s: nothing is mounted there, or the options do not fit",
			       m->destination);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "remount %s", m->destination);
	if (set || clear || (m->data && *m->data))
		return reconfigure(fd, m, set, clear, e);
	return 0;
}
