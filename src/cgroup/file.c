/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/file: files and directories beneath a root that was proved to be a cgroup file system.
 * Hides openat2 and the poll protocol of cgroup.events.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"

/*
 * SECURITY: rule G1. A group's path comes from the config and its tree may be the container's:
 * nothing in it leads out.
 */
#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)

int cgroup_root_open(const char *mount, bool v2)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, mount, O_PATH | O_DIRECTORY, 0);
	long magic;

	if (fd < 0)
		return fd_take(&fd);
	magic = sys_fs_magic(fd);
	if (magic < 0)
		return (int)magic;
	if (magic != (v2 ? HULL_CGROUP2_MAGIC : HULL_CGROUP_MAGIC))
		return -ENOTSUP;
	return fd_take(&fd);
}

int cgroup_root_of(const struct cgroup *g, unsigned i, int *own)
{
	if (g->dir[i].v2 && g->root > 0)
		return g->root;
	*own = cgroup_root_open(g->dir[i].mount, g->dir[i].v2);
	return *own;
}

int cgroup_beneath_open(int dir, const char *path, int flags)
{
	return sys_openat2(dir, *path ? path : ".", (uint64_t)flags, 0, BENEATH);
}

static bool plain_name(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n && n <= 255 && !name[n] && name[0] != '.';
}

int cgroup_file_open(int dir, const char *name, int flags)
{
	if (!plain_name(name))
		return -EINVAL;
	return sys_openat2(dir, name, (uint64_t)flags, 0, BENEATH);
}

ssize_t cgroup_file_read(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_fd_ int fd = cgroup_file_open(dir, name, O_RDONLY);

	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

ssize_t cgroup_beneath_read(int root, const char *path, const char *name, char *buf, size_t size)
{
	char file[CGROUP_PATH_SIZE + 32];
	_cleanup_fd_ int fd = -1;

	if (str_format(file, sizeof(file), "%s/%s", path + 1, name) < 0)
		return -ENAMETOOLONG;
	fd = cgroup_beneath_open(root, file, O_RDONLY);
	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

int cgroup_file_read_all(int dir, const char *name, struct arena *a, char **ret)
{
	_cleanup_fd_ int fd = cgroup_file_open(dir, name, O_RDONLY);
	size_t cap = 4096, len = 0;
	char *buf;

	if (fd < 0)
		return fd;
	buf = arena_alloc(a, cap);
	for (;;) {
		ssize_t r = io_read_full(fd, buf + len, cap - 1 - len);
		char *more;

		if (r < 0)
			return (int)r;
		len += (size_t)r;
		if (len < cap - 1)
			break;
		more = arena_alloc(a, cap * 4);
		memcpy(more, buf, len);
		buf = more;
		cap *= 4;
	}
	buf[len] = '\0';
	*ret = buf;
	return 0;
}

int cgroup_file_write(int dir, const char *name, const char *value)
{
	_cleanup_fd_ int fd = cgroup_file_open(dir, name, O_WRONLY);
	ssize_t r;

	if (fd < 0)
		return fd;
	/* One write is one operation: a rest written afterwards would be another value. */
	do
		r = write(fd, value, strlen(value));
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int cgroup_text_key(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, n) == 0 && line[n] == ' ') {
			char number[24];

			if (str_format(number, sizeof(number), "%.*s",
				       (int)(end - line - (ptrdiff_t)n - 1), line + n + 1) < 0)
				return -ERANGE;
			return str_to_u64(number, UINT64_MAX, ret);
		}
		line = *end ? end + 1 : end;
	}
	return -ENODATA;
}

int cgroup_events_get(int dir, const char *key, uint64_t *ret)
{
	char text[256];
	ssize_t n = cgroup_file_read(dir, "cgroup.events", text, sizeof(text));

	return n < 0 ? (int)n : cgroup_text_key(text, key, ret);
}

int cgroup_events_wait(int dir, const char *key, uint64_t value, uint64_t deadline)
{
	_cleanup_fd_ int fd = cgroup_file_open(dir, "cgroup.events", O_RDONLY);

	if (fd < 0)
		return fd == -ENODEV ? -ENOENT : fd;
	for (;;) {
		char text[256];
		uint64_t now = 0;
		ssize_t n;
		int r;

		do
			n = pread(fd, text, sizeof(text) - 1, 0);
		while (n < 0 && errno == EINTR);
		/* KERNEL: reading a file of a removed group gives ENODEV. kernfs, since 3.14. */
		if (n < 0)
			return errno == ENODEV ? -ENOENT : -errno;
		text[n] = '\0';
		r = cgroup_text_key(text, key, &now);
		if (r < 0)
			return r;
		if (now == value)
			return 0;
		/*
		 * KERNEL: poll(2) says POLLPRI once the file changed after it was last read through
		 * this fd. Documentation/admin-guide/cgroup-v2.rst#un-populated-notification. Since
		 * 4.2.
		 */
		r = io_wait(fd, POLLPRI, deadline);
		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
}
