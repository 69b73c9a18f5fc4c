/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/descriptors: open files of the container's process that lie on no mount of the container:
 * what it could reach the host through without a path.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

static bool mount_id(struct audit *u, const char *name, uint64_t *ret)
{
	const char *path = arena_printf(u->arena, "fdinfo/%s", name), *field;
	char *text = NULL;

	if (audit_read(u, u->dir, path, &text) < 0)
		return false;
	field = audit_field(u, text, "mnt_id");
	return field && str_to_u64(field, UINT64_MAX, ret) == 0;
}

/*
 * KERNEL: the name of a file begins with "/" also when it lies in another mount namespace; pipes,
 * sockets and anonymous inodes have names such as "pipe:[1]" on mounts of the kernel's own.
 * proc_pid_fd(5)
 */
static void one_descriptor(struct audit *u, const char *name)
{
	const char *path = arena_printf(u->arena, "fd/%s", name);
	char link[4096];
	struct stat st;
	uint64_t id;
	bool stream = name[0] <= '2' && name[1] == '\0';

	if (sys_readlinkat(u->dir, path, link, sizeof(link)) < 0 || link[0] != '/' ||
	    str_starts(link, "/memfd:") || !mount_id(u, name, &id) ||
	    audit_mount_by_id(&u->mounts, id))
		return;
	if (fstatat(u->dir, path, &st, 0) < 0) {
		audit_unread(u, "descriptors", arena_strdup(u->arena, name), -errno);
		return;
	}
	if (stream && !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode))
		return; /* the streams of whoever ran hull */
	audit_add(u, S_ISDIR(st.st_mode) ? AUDIT_DIFFERS : AUDIT_EXPOSED, "descriptors",
		  arena_strdup(u->arena, name), "", "nothing of the host", "%s of the host: %s",
		  S_ISDIR(st.st_mode)	? "a directory"
		  : S_ISBLK(st.st_mode) ? "a disk"
		  : S_ISCHR(st.st_mode) ? "a device"
					: "a file",
		  arena_strdup(u->arena, link));
}

int audit_descriptors(struct audit *u, struct err *e)
{
	_cleanup_fd_ int dir = sys_openat(u->dir, "fd", O_RDONLY | O_DIRECTORY, 0);
	_Alignas(struct dirent64) char buf[4096];
	ssize_t n = dir < 0 ? dir : 0;
	size_t count = 0;

	(void)e;
	while (dir >= 0 && (n = sys_getdents64(dir, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);

			at += d->d_reclen;
			if (d->d_name[0] == '.')
				continue;
			count++;
			one_descriptor(u, d->d_name);
		}
	if (n < 0)
		audit_unread(u, "descriptors", "", (int)n);
	else
		audit_add(u, AUDIT_SAME, "descriptors", "", "", "", "%zu open", count);
	return 0;
}
