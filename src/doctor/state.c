/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/state: hull's own directory, as src/container/store.c is going to judge it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"

enum { LEAST_FREE = 4 << 20, LEAST_INODES = 256 };

/* The directory, or where it is going to be made. */
static int open_nearest(struct doctor *d, const char *path, const char **ret)
{
	char *p = arena_strdup(d->a, path), *slash;

	for (;;) {
		int fd = host_open(d, p, O_RDONLY | O_DIRECTORY);

		*ret = p;
		if (fd != -ENOENT || streq(p, "/"))
			return fd;
		slash = strrchr(p, '/');
		slash[slash == p] = '\0';
	}
}

static void look_directory(struct doctor *d)
{
	const char *path = d->o->state_root;
	_cleanup_fd_ int fd = host_open(d, path, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (fd == -ENOENT) {
		ok(d, "%s: not there yet, the first create makes it", path);
		return;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		answer(d, DOCTOR_FAILURE, "", "name another directory with --root", "%s: %s", path,
		       strerror(fd < 0 ? -fd : errno));
	else if (!S_ISDIR(st.st_mode))
		answer(d, DOCTOR_FAILURE, "", arena_printf(d->a, "rm %s", path),
		       "%s is not a directory%s", path,
		       S_ISLNK(st.st_mode) ? " but a symlink" : "");
	else if (st.st_uid != d->o->uid)
		answer(d, DOCTOR_FAILURE, "",
		       arena_printf(d->a, "chown %u %s, once it is known who made it", d->o->uid,
				    path),
		       "%s belongs to uid %u", path, st.st_uid);
	else if (st.st_mode & 022)
		answer(d, DOCTOR_FAILURE, "", arena_printf(d->a, "chmod 700 %s", path),
		       "%s may be written by others (mode %04o)", path, st.st_mode & 07777);
	else
		ok(d, "%s", path);
}

static void look_space(struct doctor *d)
{
	const char *path;
	_cleanup_fd_ int fd = open_nearest(d, d->o->state_root, &path);
	struct statvfs fs;
	uint64_t space;

	if (fd < 0 || fstatvfs(fd, &fs) < 0) {
		answer(d, DOCTOR_NOTE, "", "see state.directory", "%s cannot be looked at: %s",
		       path, strerror(fd < 0 ? -fd : errno));
		return;
	}
	space = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (fs.f_flag & ST_RDONLY)
		answer(d, DOCTOR_FAILURE, "",
		       arena_printf(d->a, "mount -o remount,rw %s, or name another with --root",
				    path),
		       "%s is on a read-only file system", path);
	else if (space < LEAST_FREE || (fs.f_files && fs.f_favail < LEAST_INODES))
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(d->a, "see what fills it: du -x %s", path),
		       "%s has %" PRIu64 " bytes and %" PRIu64 " files left", path, space,
		       (uint64_t)fs.f_favail);
	else
		ok(d, "%" PRIu64 " MiB", space >> 20);
}

static void look_stale(struct doctor *d)
{
	if (d->o->stale)
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(d->a, "hull --root %s gc --remove", d->o->state_root),
		       "%zu that killed commands or a reboot left", d->o->stale);
	else
		ok(d, "none");
}

static const struct doctor_check rows[] = {
	{ .id = "state.directory", .what = "hull's own directory", .look = look_directory },
	{ .id = "state.space", .what = "room for hull's records", .look = look_space },
	{ .id = "state.stale", .what = "containers nobody works on", .look = look_stale },
};

const struct doctor_group doctor_state = { rows, ARRAY_LEN(rows) };
