/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/confine: the attributes of mounts that somebody else made after our plan: a restore. CRIU
 * makes a second bind of a file system from its first and can forget the flags of it.
 */
#include "mount/room.h"

#include <fcntl.h>

#include "base/fd.h"
#include "sys/call.h"

/* What keeps somebody from something; access times and the like may differ. */
#define CONFINING (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* KERNEL: only the root of a mount has attributes that can be set. statx(2), mount_setattr(2) */
static int confine(const struct rootfs *root, const char *path, bool recursive, uint64_t attrs,
		   struct err *e)
{
	_cleanup_fd_ int fd = -1;
	struct statx stx;
	int r;

	if (!(attrs & CONFINING))
		return 0;
	fd = path_resolve(root, path, false);
	if (fd < 0)
		return 0;
	r = sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx);
	if (r == 0 && !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	if (r == 0)
		r = mnt_setattr(fd, recursive, attrs & CONFINING, 0, 0);
	return r < 0 ? err_sys(e, ERR_MNT_ATTR, r, "set the flags of %s again", path) : 0;
}

int mount_confine_again(const struct plan *p, struct err *e)
{
	_cleanup_fd_ int slash = path_open_host("/", O_DIRECTORY);
	struct rootfs root = { slash };
	int r = slash < 0 ? err_sys(e, ERR_MNT_ATTR, slash, "open the root") : 0;

	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		r = confine(&root, m->destination, false, m->attr_set, e);
		if (r == 0)
			r = confine(&root, m->destination, true, m->rec_attr_set, e);
		err_at(e, r, "%s", m->pointer);
	}
	for (size_t i = 0; r == 0 && i < p->masked.n; i++)
		r = err_at(e,
			   confine(&root, p->masked.v[i], false,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e),
			   "/linux/maskedPaths/%zu", i);
	for (size_t i = 0; r == 0 && i < p->readonly.n; i++)
		r = err_at(e, confine(&root, p->readonly.v[i], false, MOUNT_ATTR_RDONLY, e),
			   "/linux/readonlyPaths/%zu", i);
	if (r == 0 && p->root.readonly)
		r = err_at(e, confine(&root, "/", false, MOUNT_ATTR_RDONLY, e), "/root/readonly");
	return r;
}
