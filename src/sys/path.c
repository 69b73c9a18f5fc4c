/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/path: look-up and creation of names beneath a root fd. Hides the resolve flags of openat2(2),
 * the retries a racing rename needs, and how missing parts of a path are made without ever leaving
 * the root.
 */
#include "sys/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "sys/proc.h"

enum {
	PATH_RACE_MS = 100, /* how long EAGAIN is answered by trying again (rule P6) */
	PATH_LINKS_MAX =
		40, /* symlinks followed while making a path, as the kernel's MAXSYMLINKS */
	/* starts from the root while making one path: a bound, not a limit anybody meets */
	PATH_ROUNDS_MAX = 8192,
};

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define STRICT (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

int path_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	uint64_t deadline = 0;

	for (;;) {
		int fd = sys_openat2(dirfd, path, flags | O_CLOEXEC, 0, resolve);

		/* KERNEL: EAGAIN: a rename or mount raced with "..", so containment could not be
		 * proved. openat2(2). */
		if (fd != -EAGAIN)
			return fd;
		if (deadline == 0)
			deadline = io_now() + PATH_RACE_MS * 1000000ULL;
		else if (io_now() > deadline)
			return -EAGAIN;
	}
}

static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

int path_resolve(const struct rootfs *root, const char *path, bool nofollow)
{
	return path_openat2(root->fd, *path ? path : ".", O_PATH | (nofollow ? O_NOFOLLOW : 0),
			    IN_ROOT);
}

int path_resolve_strict(const struct rootfs *root, const char *path)
{
	return path_openat2(root->fd, relative(path), O_PATH, STRICT);
}

/* ---- making what is missing ---- */

struct maker {
	const struct rootfs *root;
	/* what is left to do, from the root; grows when a dangling symlink is read */
	char path[PATH_MAX];
	enum path_make kind;
	uint64_t resolve; /* IN_ROOT or STRICT */
	bool nofollow;
	struct path_made *made;
	unsigned links;
};

/* The type fits what the caller wants to mount there. */
static int check_kind(int fd, enum path_make kind)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (kind == PATH_MAKE_DIR)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static int open_whole(const struct maker *m)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = path_openat2(m->root->fd, m->path,
			  O_PATH | (m->kind == PATH_MAKE_DIR ? O_DIRECTORY : 0) |
				  (m->nofollow ? O_NOFOLLOW : 0),
			  m->resolve);
	if (fd < 0 || m->kind == PATH_MAKE_DIR)
		return fd_take(&fd);
	r = check_kind(fd, m->kind);
	return r < 0 ? r : fd_take(&fd);
}

/* O_PATH fd of the longest prefix that exists; *@ret_rest is the offset of what follows it in
 * m->path. */
static int open_prefix(struct maker *m, size_t *ret_rest)
{
	size_t end = strlen(m->path);

	for (;;) {
		char saved;
		int fd;

		while (end > 0 && m->path[end - 1] == '/')
			end--;
		while (end > 0 && m->path[end - 1] != '/')
			end--;
		saved = m->path[end];
		m->path[end] = '\0';
		fd = path_openat2(m->root->fd, end ? m->path : ".", O_PATH | O_DIRECTORY,
				  m->resolve);
		m->path[end] = saved;
		if (fd >= 0)
			*ret_rest = end;
		if (fd != -ENOENT || end == 0)
			return fd;
	}
}

/* Replace the component at [@at, @at + @len) by the text of the symlink @dir/@name. */
static int expand_link(struct maker *m, int dir, const char *name, size_t at, size_t len)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t n;
	int r;

	if (++m->links > PATH_LINKS_MAX)
		return -ELOOP;
	n = sys_readlinkat(dir, name, target, sizeof(target));
	if (n < 0) /* not a symlink: a file stands where a directory is needed */
		return n == -EINVAL ? -ENOTDIR : (int)n;
	if (m->resolve == STRICT)
		return -ELOOP;
	r = str_format(joined, sizeof(joined), "%.*s%s%s", target[0] == '/' ? 0 : (int)at, m->path,
		       target, m->path + at + len);
	if (r < 0)
		return r;
	memcpy(m->path, joined, strlen(joined) + 1);
	return 0;
}

/*
 * One round: open the prefix that exists, make components behind it until the end. Returns an fd,
 * -EAGAIN when the path must be looked at again from the root (a link was read, or ".." follows),
 * or an error.
 */
static int make_round(struct maker *m)
{
	_cleanup_fd_ int dir = -1;
	size_t at = 0;

	dir = open_prefix(m, &at);
	if (dir < 0)
		return dir;
	for (;;) {
		char name[NAME_MAX + 1];
		size_t len = path_part(m->path + at), next = at + len;
		bool last;
		int fd, r;

		next += path_slashes(m->path + next);
		last = m->path[next] == '\0';
		if (len == 0)
			return -EAGAIN;
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, m->path + at, len);
		name[len] = '\0';
		if (streq(name, ".") || streq(name, "..")) {
			if (last)
				return -EAGAIN;
			if (streq(name, ".")) {
				at = next;
				continue;
			}
			/* What stands before ".." exists by now: let the kernel walk it. */
			return -EAGAIN;
		}
		/* SECURITY: rule P4: one component, never followed. CVE-2024-45310. */
		if (last && m->kind == PATH_MAKE_FILE)
			r = sys_mknodat(dir, name, S_IFREG | 0644, 0);
		else
			r = sys_mkdirat(dir, name, 0755);
		if (r < 0 && r != -EEXIST)
			return r;
		if (r == 0 && m->made)
			m->made->note(m->made, dir, name, m->path, at + len);
		fd = sys_openat(dir, name,
				O_PATH | O_NOFOLLOW |
					(last && m->kind == PATH_MAKE_FILE ? 0 : O_DIRECTORY),
				0);
		if (fd == -ENOTDIR || (r == -EEXIST && last && m->kind == PATH_MAKE_FILE)) {
			if (fd >= 0)
				close(fd);
			r = expand_link(m, dir, name, at, len);
			return r < 0 && !(r == -ENOTDIR && last && m->kind == PATH_MAKE_FILE)
				       ? r
				       : -EAGAIN;
		}
		if (fd < 0)
			return fd;
		if (last)
			return fd;
		fd_close(&dir);
		dir = fd;
		at = next;
	}
}

static int make(struct maker *m, const char *path)
{
	size_t len = strlen(path);
	int fd;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(m->path))
		return -ENAMETOOLONG;
	memcpy(m->path, len ? path : ".", len ? len : 1);
	m->path[len ? len : 1] = '\0';
	for (unsigned round = 0; round < PATH_ROUNDS_MAX; round++) {
		fd = open_whole(m);
		if (fd == -ENOENT)
			fd = make_round(m);
		if (fd != -EAGAIN)
			return fd;
	}
	return -ELOOP;
}

int path_make(const struct rootfs *root, const char *path, enum path_make kind, bool nofollow,
	      struct path_made *made)
{
	struct maker m;

	m.root = root, m.kind = kind, m.resolve = IN_ROOT, m.nofollow = nofollow;
	m.made = made, m.links = 0;
	return make(&m, path);
}

int path_make_strict(const struct rootfs *root, const char *path, enum path_make kind,
		     struct path_made *made)
{
	struct maker m;

	m.root = root, m.kind = kind, m.resolve = STRICT, m.nofollow = false;
	m.made = made, m.links = 0;
	return make(&m, relative(path));
}

int path_parent(const struct rootfs *root, const char *path, bool make, struct path_made *made,
		const char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";
	int fd;

	if (*name == '\0' || streq(name, ".") || streq(name, ".."))
		return -EINVAL;
	if (name != path) {
		size_t len = (size_t)(name - path);

		if (len >= sizeof(dir))
			return -ENAMETOOLONG;
		memcpy(dir, path, len);
		dir[len] = '\0';
	}
	fd = path_openat2(root->fd, dir, O_PATH | O_DIRECTORY, IN_ROOT);
	if (fd == -ENOENT && make)
		fd = path_make(root, dir, PATH_MAKE_DIR, false, made);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

/* ---- what an fd is ---- */

int path_reopen_at(const struct procfs *proc, int path_fd, int flags)
{
	_cleanup_fd_ int dir = -1;
	char name[16];
	int r;

	/* "self/fd" is a directory that no mount can cover here; only its last step is a magic
	 * link. */
	dir = proc_openat(proc, "self/fd", O_PATH | O_DIRECTORY);
	if (dir < 0)
		return dir;
	r = str_format(name, sizeof(name), "%d", path_fd);
	if (r < 0)
		return r;
	/* SECURITY: rule P5: a FIFO, tty or device must not block hull or become its terminal. */
	return sys_openat(dir, name, flags | O_NONBLOCK | O_NOCTTY, 0);
}

int path_reopen(int path_fd, int flags)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	int r = proc_open(false, &proc);

	return r < 0 ? r : path_reopen_at(&proc, path_fd, flags);
}

bool path_is_device(int fd, mode_t type, unsigned major, unsigned minor)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return (st.st_mode & S_IFMT) == (type & S_IFMT) && st.st_rdev == makedev(major, minor);
}

int path_mount_stat(int fd, struct statx *ret)
{
	enum { SELF = AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MORE = STATX_TYPE | STATX_INO };
	/* KERNEL: an id that is never used again. Since 6.8; statx(2). Before: unique while the
	 * mount lives. */
	int r = sys_statx(fd, "", SELF, STATX_MNT_ID_UNIQUE | MORE, ret);

	if (r < 0 || ret->stx_mask & STATX_MNT_ID_UNIQUE)
		return r;
	r = sys_statx(fd, "", SELF, STATX_MNT_ID | MORE, ret);
	return r < 0 || ret->stx_mask & STATX_MNT_ID ? r : -ENOSYS;
}

int path_mount_id(int fd, uint64_t *ret)
{
	struct statx stx;
	int r = path_mount_stat(fd, &stx);

	if (r == 0)
		*ret = stx.stx_mnt_id;
	return r;
}

/* ---- the host, in PREPARE ---- */

int path_open_host(const char *path, int extra_flags)
{
	return sys_openat(AT_FDCWD, path, O_PATH | extra_flags, 0);
}

int path_mkdir_host(int base, const char *path, mode_t mode)
{
	_cleanup_fd_ int dir = -1;
	const char *p = path;

	dir = *p == '/' ? sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0)
			: sys_openat(base, ".", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	for (;;) {
		char name[NAME_MAX + 1];
		size_t len;
		int fd, r;

		p += path_slashes(p);
		len = path_part(p);
		if (len == 0)
			return 0;
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, p, len);
		name[len] = '\0';
		p += len;
		fd = sys_openat(dir, name, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT) {
			r = sys_mkdirat(dir, name, mode);
			if (r < 0 && r != -EEXIST)
				return r;
			fd = sys_openat(dir, name, O_PATH | O_DIRECTORY, 0);
		}
		if (fd < 0)
			return fd;
		fd_close(&dir);
		dir = fd;
	}
}
