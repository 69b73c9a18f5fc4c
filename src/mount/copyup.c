/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/copyup: the content of a directory into a new tmpfs (tmpcopyup). Works on fds with one
 * component at a time, so a hostile tree cannot lead it astray; depth is bounded, memory is the
 * stack.
 */
#include "mount/room.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

enum {
	DEPTH_MAX = 100,
	NAMES_MAX = 4096, /* bytes of xattr names of one file */
	VALUE_MAX = 4096,
};

static int copy_dir(int from, int to, unsigned depth, struct err *e);

/* Labels belong to the policy of the new mount, overlay marks to the old one. */
static bool skip_xattr(const char *name)
{
	return streq(name, "security.selinux") || str_starts(name, "trusted.overlay.") ||
	       str_starts(name, "user.overlay.");
}

static int copy_xattrs(int from, int to)
{
	char names[NAMES_MAX], value[VALUE_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len;

		if (skip_xattr(name))
			continue;
		len = fgetxattr(from, name, value, sizeof(value));
		if (len < 0)
			return -errno;
		/* A tmpfs may lack a class of attributes, a user namespace the right to another. */
		if (fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno != ENOTSUP &&
		    errno != EPERM)
			return -errno;
	}
	return 0;
}

/* Owner before mode: chown clears setuid bits. */
static int copy_meta(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	/* KERNEL: an id without a mapping in the user namespace is EINVAL: then the owner stays
	 * hull's. chown(2). */
	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EINVAL)
		return -errno;
	if (fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	if (futimens(to, times) < 0)
		return -errno;
	return copy_xattrs(from, to);
}

static int copy_content(int from, int to)
{
	for (;;) {
		ssize_t n = sendfile(to, from, NULL, 1 << 20);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int copy_file(int from_dir, int to_dir, const char *name, struct err *e)
{
	_cleanup_fd_ int from = -1, to = -1;
	struct stat st;
	int r;

	from = sys_openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (from < 0)
		return err_sys(e, ERR_MNT_NEW, from, "tmpcopyup: open %s", name);
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_MNT_VERIFY, 0, "tmpcopyup: %s changed meanwhile", name);
	to = sys_openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (to < 0)
		return err_sys(e, ERR_MNT_NEW, to, "tmpcopyup: make %s", name);
	r = copy_content(from, to);
	if (r == 0)
		r = copy_meta(from, to, &st);
	return r < 0 ? err_sys(e, ERR_MNT_NEW, r, "tmpcopyup: copy %s", name) : 0;
}

static int copy_subdir(int from_dir, int to_dir, const char *name, unsigned depth, struct err *e)
{
	_cleanup_fd_ int from = -1, to = -1;
	struct stat st;
	int r;

	from = sys_openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY, 0);
	if (from < 0)
		return err_sys(e, ERR_MNT_NEW, from, "tmpcopyup: open %s", name);
	if (fstat(from, &st) < 0)
		return err_sys(e, ERR_MNT_NEW, -errno, "tmpcopyup: %s", name);
	r = sys_mkdirat(to_dir, name, 0700);
	if (r < 0)
		return err_sys(e, ERR_MNT_NEW, r, "tmpcopyup: make %s", name);
	to = sys_openat(to_dir, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY, 0);
	if (to < 0)
		return err_sys(e, ERR_MNT_NEW, to, "tmpcopyup: open %s", name);
	r = copy_dir(from, to, depth, e);
	if (r < 0)
		return r;
	r = copy_meta(from, to, &st);
	return r < 0 ? err_sys(e, ERR_MNT_NEW, r, "tmpcopyup: copy %s", name) : 0;
}

static int copy_link(int from_dir, int to_dir, const char *name, struct err *e)
{
	char text[PATH_MAX];
	ssize_t n = sys_readlinkat(from_dir, name, text, sizeof(text));
	int r = n < 0 ? (int)n : sys_symlinkat(text, to_dir, name);

	return r < 0 ? err_sys(e, ERR_MNT_NEW, r, "tmpcopyup: copy %s", name) : 0;
}

static int copy_entry(int from, int to, const char *name, unsigned depth, struct err *e)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, ERR_MNT_NEW, -errno, "tmpcopyup: %s", name);
	if (S_ISDIR(st.st_mode))
		return copy_subdir(from, to, name, depth + 1, e);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, e);
	if (S_ISLNK(st.st_mode))
		r = copy_link(from, to, name, e);
	else /* a fifo, socket or device; the last needs CAP_MKNOD */
		r = sys_mknodat(to, name, st.st_mode, st.st_rdev);
	if (r < 0)
		return err_sys(e, ERR_MNT_NEW, r, "tmpcopyup: copy %s", name);
	if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return err_sys(e, ERR_MNT_NEW, -errno, "tmpcopyup: owner of %s", name);
	return 0;
}

static int copy_dir(int from, int to, unsigned depth, struct err *e)
{
	/* Raw entries: no memory is allocated between clone and exec. */
	_Alignas(struct dirent64) char buf[2048];

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_MNT_NEW, ELOOP, "tmpcopyup: directories nest deeper than %d",
			       DEPTH_MAX);
	for (;;) {
		long n = syscall(SYS_getdents64, from, buf, sizeof(buf));

		if (n == 0)
			return 0;
		if (n < 0)
			return err_sys(e, ERR_MNT_NEW, -errno, "tmpcopyup: list the directory");
		for (long at = 0; at < n;) {
			const struct dirent64 *d = (const struct dirent64 *)(buf + at);
			int r;

			at += d->d_reclen;
			if (streq(d->d_name, ".") || streq(d->d_name, ".."))
				continue;
			r = copy_entry(from, to, d->d_name, depth, e);
			if (r < 0)
				return r;
		}
	}
}

int mnt_copy_up(int from, int to, struct err *e)
{
	_cleanup_fd_ int from_dir = -1, to_dir = -1;

	from_dir = sys_openat(from, ".", O_RDONLY | O_DIRECTORY, 0);
	if (from_dir < 0)
		return err_sys(e, ERR_MNT_NEW, from_dir, "tmpcopyup: open the mount point");
	to_dir = sys_openat(to, ".", O_RDONLY | O_DIRECTORY, 0);
	if (to_dir < 0)
		return err_sys(e, ERR_MNT_NEW, to_dir, "tmpcopyup: open the new mount");
	return copy_dir(from_dir, to_dir, 0, e);
}
