/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/newfs: a new instance of a file system: fsopen, one fsconfig per option, fsmount. Hides how
 * comma lists are taken apart and where the kernel leaves its own words about a failure.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"

enum {
	/* KERNEL: size of a string for fsconfig(2), with its NUL; longer ones are EINVAL. */
	VALUE_MAX = 256,
	WORDS_MAX = 400,
};

/* KERNEL: one message per read, "e text\n"; e error, w warning, i information; ENODATA at the end.
 * fsopen(2). */
static void kernel_words(int fs, struct strbuf *b)
{
	char line[256];

	for (int i = 0; i < 16; i++) {
		ssize_t n = io_read_some(fs, line, sizeof(line) - 1);

		if (n <= 0)
			return;
		line[n] = '\0';
		while (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (n < 3 || line[0] == 'i')
			continue;
		sb_add(b, b->len ? "; " : "");
		sb_add(b, line + 2);
	}
}

int mnt_fs_error(int fs, struct err *e, enum err_id id, int r, const char *text)
{
	char buf[WORDS_MAX];
	struct strbuf b = STRBUF(buf);

	kernel_words(fs, &b);
	if (b.len)
		return err_sys(e, id, r, "%s (kernel: %s)", text, buf);
	return err_sys(e, id, r, "%s", text);
}

/* ---- options ---- */

static const struct {
	unsigned long flag;
	const char *set, *clear; /* parameters every file system takes; NULL: none */
} sb_flags[] = {
	{ MS_RDONLY, "ro", "rw" },	   { MS_SYNCHRONOUS, "sync", "async" },
	{ MS_DIRSYNC, "dirsync", NULL },   { MS_LAZYTIME, "lazytime", "nolazytime" },
	{ MS_MANDLOCK, "mand", "nomand" },
};

/* MS_SILENT needs nothing: errors of a file system context are kept in the context. MS_I_VERSION:
 * count_versions. */
int mnt_fs_flags(int fs, unsigned long set, unsigned long clear, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(sb_flags); i++) {
		const char *name = set & sb_flags[i].flag     ? sb_flags[i].set
				   : clear & sb_flags[i].flag ? sb_flags[i].clear
							      : NULL;
		int r = name ? sys_fsconfig(fs, FSCONFIG_SET_FLAG, name, NULL, 0) : 0;

		if (r < 0) {
			char text[64];

			str_format(text, sizeof(text), "option %s", name);
			return mnt_fs_error(fs, e, ERR_MNT_NEW, r, text);
		}
	}
	return 0;
}

/* End of the option at @s: a comma that is neither escaped nor inside double quotes. */
static size_t option_length(const char *s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; s[i] && (quoted || s[i] != ','); i++) {
		if (s[i] == '"')
			quoted = !quoted;
		if (s[i] == '\\' && s[i + 1])
			i++;
	}
	return i;
}

static int set_option(int fs, char *option, struct err *e)
{
	char *value = strchr(option, '=');
	int r;

	if (value) {
		size_t n;

		*value++ = '\0';
		/* Quotes protect commas in a list (LSM contexts); alone the value stands without
		 * them. */
		n = strlen(value);
		if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
			value[n - 1] = '\0';
			value++;
		}
		if (strlen(value) >= VALUE_MAX)
			return -E2BIG;
	}
	if (strlen(option) >= VALUE_MAX)
		return -E2BIG;
	r = sys_fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0);
	if (r < 0) {
		char text[VALUE_MAX + 16];

		str_format(text, sizeof(text), "option %s", option);
		return mnt_fs_error(fs, e, ERR_MNT_NEW, r, text);
	}
	return 0;
}

int mnt_fs_options(int fs, const char *data, struct err *e)
{
	while (data && *data) {
		char option[2 * VALUE_MAX + 4];
		size_t len = option_length(data);
		int r;

		if (len >= sizeof(option))
			return -E2BIG;
		memcpy(option, data, len);
		option[len] = '\0';
		r = len ? set_option(fs, option, e) : 0;
		if (r < 0)
			return r;
		data += len + (data[len] == ',');
	}
	return 0;
}

static bool has_option(const char *data, const char *name)
{
	while (data && *data) {
		size_t len = option_length(data), n = strlen(name);

		if (len >= n && memcmp(data, name, n) == 0 && (len == n || data[n] == '='))
			return true;
		data += len + (data[len] == ',');
	}
	return false;
}

/* ---- the instance ---- */

/* What the kernel means by EPERM, which it does not say itself. */
static const char *permission_hint(const char *fstype)
{
	if (streq(fstype, "sysfs"))
		return ": it needs a network namespace that the container's user namespace owns";
	if (streq(fstype, "proc"))
		return ": in a user namespace it needs a pid namespace of its own, and a /proc "
		       "outside that nothing covers";
	return "";
}

static int open_fs(const char *fstype, const char *source, struct err *e)
{
	_cleanup_fd_ int fs = sys_fsopen(fstype, FSOPEN_CLOEXEC);
	int r;

	if (fs == -ENODEV) {
		err_sys(e, ERR_MNT_NEW, fs, "the kernel has no file system type \"%s\"", fstype);
		return fs;
	}
	if (fs < 0)
		return err_sys(e, ERR_MNT_NEW, fs, "open file system type %s%s", fstype,
			       fs == -EPERM ? permission_hint(fstype) : "");
	if (source && *source) {
		if (strlen(source) >= VALUE_MAX)
			return -E2BIG;
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);
		if (r < 0)
			return mnt_fs_error(fs, e, ERR_MNT_NEW, r, "source");
	}
	return fd_take(&fs);
}

static int create(int fs, const char *fstype, unsigned attrs, struct err *e)
{
	char text[192];
	int r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r == 0)
		r = sys_fsmount(fs, FSMOUNT_CLOEXEC, attrs);
	if (r < 0) {
		str_format(text, sizeof(text), "mount a new %s%s", fstype,
			   r == -EPERM ? permission_hint(fstype) : "");
		return mnt_fs_error(fs, e, ERR_MNT_NEW, r, text);
	}
	return r;
}

int mnt_new_simple(const char *fstype, const char *source, const char *data, unsigned attrs,
		   struct err *e)
{
	_cleanup_fd_ int fs = open_fs(fstype, source, e);
	int r;

	if (fs < 0)
		return fs;
	r = mnt_fs_options(fs, data, e);
	if (r < 0)
		return r;
	return create(fs, fstype, attrs, e);
}

/*
 * Without a mode of its own a tmpfs looks like the directory it covers; where hull had to make
 * that, it keeps the kernel's 1777.
 */
static int inherit_mode(struct mount_tree *t, int fs, const struct plan_mount *m, int target,
			struct err *e)
{
	char mode[8];
	struct stat st;
	int r;

	if (!streq(m->fstype, "tmpfs") || has_option(m->data, "mode") || t->target_made)
		return 0;
	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_MNT_TARGET, -errno, "%s", m->destination);
	r = str_format(mode, sizeof(mode), "%o", st.st_mode & 07777);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0);
	return r < 0 ? mnt_fs_error(fs, e, ERR_MNT_NEW, r, "option mode") : 0;
}

/* So it is with its owner: what the options uid and gid do not say. */
static int inherit_owner(int tree, const struct plan_mount *m, int target, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (fstat(target, &st) < 0)
		return err_sys(e, ERR_MNT_TARGET, -errno, "%s", m->destination);
	uid = has_option(m->data, "uid") ? (uid_t)-1 : st.st_uid;
	gid = has_option(m->data, "gid") ? (gid_t)-1 : st.st_gid;
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;
	dir = sys_openat(tree, ".", O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_sys(e, ERR_MNT_NEW, dir, "tmpcopyup: open the new mount");
	/* KERNEL: EINVAL: an id without a mapping in the user namespace of the tmpfs. */
	if (fchown(dir, uid, gid) < 0 && errno != EINVAL)
		return err_sys(e, ERR_MNT_NEW, -errno, "tmpcopyup: owner of the new mount");
	return 0;
}

/* Everything below the target is put into the new tree while it is writable and nobody can see it.
 */
static int copy_up(int fs, int tree, const struct plan_mount *m, int target, unsigned attrs,
		   struct err *e)
{
	int r = mnt_copy_up(target, tree, e);

	if (r == 0)
		r = inherit_owner(tree, m, target, e);
	if (r < 0)
		return r;
	if (attrs & MOUNT_ATTR_RDONLY) {
		r = mnt_setattr(tree, false, MOUNT_ATTR_RDONLY, 0, 0);
		if (r < 0)
			return err_sys(e, ERR_MNT_ATTR, r, "make the copy read-only");
	}
	if (!(m->sb_set & MS_RDONLY))
		return 0;
	r = mnt_fs_flags(fs, MS_RDONLY, 0, e);
	if (r < 0)
		return r;
	r = sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	return r < 0 ? mnt_fs_error(fs, e, ERR_MNT_ATTR, r, "make the copy read-only") : 0;
}

/*
 * Options longer than fsconfig(2) takes (overlay with many layers): mount(2) puts it on the target,
 * with the strictest flags; a clone of it with the real ones goes the way of all others, and the
 * mount is taken away again. Source and data go as they are.
 */
static int mount_old_way(struct mount_tree *t, const struct plan_mount *m, int target,
			 struct err *e)
{
	const uint64_t strict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		       attrs = mnt_fold_attrs(m);
	_cleanup_fd_ int fd = -1, tree = -1;
	char path[40];
	uint64_t before, after;
	int r;

	if (mnt_is_strict(m->destination) || m->copy_up)
		return err_set(e, ERR_MNT_NEW, E2BIG,
			       "%s: source or an option has more than 255 bytes", m->destination);
	r = mnt_guard(t, m, -1, target, e);
	if (r < 0)
		return r;
	r = path_mount_id(target, &before);
	if (r < 0)
		return err_sys(e, ERR_MNT_NEW, r, "mount %s", m->fstype);
	str_format(path, sizeof(path), "/proc/self/fd/%d", target);
	r = sys_mount(m->source, path, m->fstype,
		      (m->sb_set & ~(unsigned long)MS_I_VERSION) | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		      m->data);
	if (r < 0)
		return err_sys(e, ERR_MNT_NEW, r, "mount %s on %s", m->fstype, m->destination);
	fd = path_resolve(&t->root, m->destination, m->dest_nofollow);
	r = fd < 0 ? fd : path_mount_id(fd, &after);
	if (r < 0 || after == before)
		return err_set(e, ERR_MNT_VERIFY, r < 0 ? -r : 0,
			       "%s is not the mount that was just put there", m->destination);
	tree = mnt_clone(fd, "", false, false);
	r = tree < 0 ? tree : mnt_setattr(tree, false, attrs, strict & ~attrs, MS_PRIVATE);
	if (r == 0) {
		str_format(path, sizeof(path), "/proc/self/fd/%d", fd);
		r = sys_umount2(path, MNT_DETACH);
	}
	return r < 0 ? err_sys(e, ERR_MNT_ATTR, r, "set the options of %s", m->destination)
		     : fd_take(&tree);
}

/*
 * KERNEL: iversion is no parameter of the VFS. xfs and btrfs always count versions, ext4 since 6.1
 * and before with an option of its own, which later kernels may refuse; other file systems have
 * nothing to switch on.
 */
static void count_versions(int fs, const struct plan_mount *m)
{
	char buf[WORDS_MAX];
	struct strbuf dropped = STRBUF(buf);

	if ((m->sb_set & MS_I_VERSION) && streq(m->fstype, "ext4") &&
	    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "i_version", NULL, 0) < 0)
		kernel_words(fs, &dropped);
}

static int configure(struct mount_tree *t, int fs, const struct plan_mount *m, int target,
		     struct err *e)
{
	unsigned long set = m->sb_set;
	int r;

	/* As mount(2) does: the device may be read-only itself, and its journal must not be
	 * replayed. Without a device the superblock may be shared with mounts that are writable
	 * (sysfs, mqueue): there the mount suffices. */
	if ((mnt_fold_attrs(m) & MOUNT_ATTR_RDONLY) && m->source && m->source[0] == '/')
		set |= MS_RDONLY;
	if (m->copy_up)
		set &= ~(unsigned long)MS_RDONLY;
	count_versions(fs, m);
	r = mnt_fs_flags(fs, set, 0, e);
	if (r == 0)
		r = mnt_fs_options(fs, m->data, e);
	return r == 0 ? inherit_mode(t, fs, m, target, e) : r;
}

int mnt_new(struct mount_tree *t, const struct plan_mount *m, int userns_fd, int target,
	    struct err *e)
{
	_cleanup_fd_ int fs = -1, tree = -1;
	unsigned late = m->ro_late ? MOUNT_ATTR_RDONLY : 0; /* mount_root_finish */
	unsigned attrs = mnt_fold_attrs(m) & ~late, held_back = m->copy_up ? MOUNT_ATTR_RDONLY : 0;
	unsigned long all = m->propagation | m->rec_propagation;
	int r;

	fs = open_fs(m->fstype, m->source, e);
	if (fs == -ENODEV)
		return err_at(e, fs, "%s/type", m->pointer);
	r = fs < 0 ? fs : configure(t, fs, m, target, e);
	if (r == -E2BIG && !err_is(e))
		tree = mount_old_way(t, m, target, e);
	else
		tree = r < 0 ? r : create(fs, m->fstype, attrs & ~held_back, e);
	if (tree < 0)
		return fd_take(&tree);
	if (userns_fd >= 0) {
		r = mnt_idmap(tree, userns_fd, false, e);
		if (r < 0)
			return r;
	}
	if (m->copy_up) {
		r = copy_up(fs, tree, m, target, attrs, e);
		if (r < 0)
			return r;
	}
	all &= MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;
	r = mnt_setattr(tree, false, 0, 0, all);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "set the propagation of %s", m->destination);
	return fd_take(&tree);
}
