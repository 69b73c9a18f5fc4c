/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/idmapped: ids of a mount as a user namespace maps them. Never by changing owners
 * (config.md, posix-platform mounts).
 */
#include "mount/room.h"

#include <fcntl.h>

#include "sys/call.h"

int mnt_idmap(int tree, int userns_fd, bool recursive, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };
	int r;

	/* KERNEL: only a mount that was never attached can be mapped, and only once. Since 5.12;
	 * mount_setattr(2). */
	r = sys_mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr);
	if (r == -EINVAL)
		return err_sys(e, ERR_MNT_IDMAP, r,
			       "the file system does not support id-mapped mounts");
	if (r == -EPERM)
		return err_sys(
			e, ERR_MNT_IDMAP, r,
			"mapping ids needs CAP_SYS_ADMIN in the user namespace of the file system");
	if (r < 0)
		return err_sys(e, ERR_MNT_IDMAP, r, "map the ids of the mount");
	return 0;
}
