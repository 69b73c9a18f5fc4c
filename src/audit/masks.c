/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/masks: masked and read-only paths as they are now, by what they hold and not by their name
 * in a table.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

/* What the mount that holds @fd is, from the table; NULL. */
static struct audit_mount *mount_of(struct audit *u, int fd)
{
	struct statx st;

	/*
	 * KERNEL: DONT_SYNC answers from what is known: a FUSE server of the container is not
	 * asked. statx(2)
	 */
	if (sys_statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID))
		return NULL;
	return audit_mount_by_id(&u->mounts, st.stx_mnt_id);
}

static bool empty_dir(int path_fd)
{
	_cleanup_fd_ int fd = sys_openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	_Alignas(struct dirent64) char buf[1024];
	ssize_t n = fd < 0 ? fd : sys_getdents64(fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *d = (const void *)(buf + at);

		if (!streq(d->d_name, ".") && !streq(d->d_name, ".."))
			return false;
		at += d->d_reclen;
	}
	return n > 0;
}

static void one_mask(struct audit *u, size_t i)
{
	const char *path = u->plan.masked.v[i];
	const char *pointer = arena_printf(u->arena, "/linux/maskedPaths/%zu", i);
	_cleanup_fd_ int fd = path_resolve(&u->root, path, false);
	struct audit_mount *m;
	struct stat st;
	bool dir, masked;

	if (fd == -ENOENT || fd == -ENOTDIR) {
		audit_add(u, AUDIT_SAME, "masks", path, pointer, "", "not there");
		return;
	}
	m = fd < 0 ? NULL : mount_of(u, fd);
	if (fd < 0 || !m || fstat(fd, &st) < 0) {
		audit_unread(u, "masks", path, fd < 0 ? fd : -EXDEV);
		return;
	}
	dir = S_ISDIR(st.st_mode);
	masked =
		dir ? streq(m->fstype, "tmpfs") && audit_has_word(m->options, "ro") && empty_dir(fd)
		    : path_is_device(fd, S_IFCHR, 1, 3);
	m->known |= masked;
	audit_add(u, masked ? AUDIT_SAME : AUDIT_DIFFERS, "masks", path, pointer,
		  "nothing to be seen", masked ? "masked" : "%s of a %s, %s: not what a mask is",
		  dir ? "a directory" : "a file", m->fstype,
		  audit_has_word(m->options, "ro") ? "read-only" : "writable");
}

static void one_readonly(struct audit *u, size_t i)
{
	const char *path = u->plan.readonly.v[i];
	const char *pointer = arena_printf(u->arena, "/linux/readonlyPaths/%zu", i);
	_cleanup_fd_ int fd = path_resolve(&u->root, path, false);
	struct audit_mount *m = fd < 0 ? NULL : mount_of(u, fd);
	bool ro;

	if (fd == -ENOENT || fd == -ENOTDIR) {
		audit_add(u, AUDIT_SAME, "readonly", path, pointer, "", "not there");
		return;
	}
	if (!m) {
		audit_unread(u, "readonly", path, fd < 0 ? fd : -EXDEV);
		return;
	}
	ro = audit_has_word(m->options, "ro");
	m->known |= ro;
	audit_add(u, ro ? AUDIT_SAME : AUDIT_DIFFERS, "readonly", path, pointer, "read-only", "%s",
		  ro ? "read-only" : "writable");
}

int audit_masks(struct audit *u, struct err *e)
{
	(void)e;
	if (u->root.fd < 0) {
		if (u->plan.masked.n || u->plan.readonly.n)
			audit_unread(u, "masks", "", u->root.fd);
		return 0;
	}
	for (size_t i = 0; i < u->plan.masked.n; i++)
		one_mask(u, i);
	for (size_t i = 0; i < u->plan.readonly.n; i++)
		one_readonly(u, i);
	return 0;
}
