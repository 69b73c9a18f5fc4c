/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/confine: the attributes of mounts that somebody else made after our plan: a restore. CRIU
 * makes a second bind of a file system from its first and can forget the flags of it.
 */
#include "mount/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "sys/call.h"

/* What keeps somebody from something; access times and the like may differ. */
#define CONFINING (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/*
 * KERNEL: only the root of a mount has attributes that can be set. statx(2), mount_setattr(2)
 * @needed: where something is, there must be a mount.
 */
static int confine(const struct rootfs *root, const char *path, bool recursive, bool needed,
		   uint64_t attrs, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	struct statx stx;
	int r;

	if (!(attrs & CONFINING))
		return 0;
	fd = path_resolve(root, path, false);
	if (fd < 0 && needed && fd != -ENOENT && fd != -ENOTDIR)
		return err_sys(e, ERR_MNT_ATTR, fd, "look at %s", path);
	if (fd < 0)
		return 0;
	r = sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx);
	if (r == 0 && !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return needed ? err_set(e, ERR_CHK_CONFINE, 0,
					"what was restored has no mount on %s", path)
			      : 0;
	if (r == 0)
		r = mnt_setattr(fd, recursive, attrs & CONFINING, 0, 0);
	return r < 0 ? err_sys(e, ERR_MNT_ATTR, r, "set the flags of %s again", path) : 0;
}

/* SECURITY: J3: without a mount namespace in the images their processes would be on the host. */
static int check_root(int slash, const struct rootfs *rootfs, struct err *e)
{
	struct stat have, want;

	if (fstat(slash, &have) < 0 || fstat(rootfs->fd, &want) < 0)
		return err_sys(e, ERR_MNT_ATTR, -errno, "look at the root");
	if (have.st_dev == want.st_dev && have.st_ino == want.st_ino)
		return 0;
	return err_set(e, ERR_CHK_CONFINE, 0, "what was restored has another root");
}

int mount_confine_again(const struct plan *p, const struct rootfs *rootfs, struct err *e)
{
	_cleanup_fd_ int slash = path_open_host("/", O_DIRECTORY);
	struct rootfs root = { slash };
	int r = slash < 0 ? err_sys(e, ERR_MNT_ATTR, slash, "open the root") : 0;

	if (r == 0)
		r = err_at(e, check_root(slash, rootfs, e), "/root/path");
	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		r = confine(&root, m->destination, false, false, m->attr_set, e);
		if (r == 0)
			r = confine(&root, m->destination, true, false, m->rec_attr_set, e);
		err_at(e, r, "%s", m->pointer);
	}
	for (size_t i = 0; r == 0 && i < p->masked.n; i++)
		r = err_at(e,
			   confine(&root, p->masked.v[i], false, true,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e),
			   "/linux/maskedPaths/%zu", i);
	for (size_t i = 0; r == 0 && i < p->readonly.n; i++)
		r = err_at(e, confine(&root, p->readonly.v[i], false, true, MOUNT_ATTR_RDONLY, e),
			   "/linux/readonlyPaths/%zu", i);
	if (r == 0 && p->root.readonly)
		r = err_at(e, confine(&root, "/", false, true, MOUNT_ATTR_RDONLY, e),
			   "/root/readonly");
	return r;
}
