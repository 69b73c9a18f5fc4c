/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/node: a device for a container that has a user namespace: a node of the runtime's own, with
 * the owner and mode of the config, ready to be bound. Hides where it lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/str.h"
#include "mount/room.h"
#include "sys/call.h"

/*
 * KERNEL: nodes of a file system can be opened when the user namespace that it was made in is the
 * initial one, wherever it is mounted later (SB_I_NODEV); a clone keeps the file system alive.
 * user_namespaces(7), alloc_super.
 */
static int open_fs(int *fs, struct err *e)
{
	if (*fs < 0)
		*fs = mnt_new_simple("tmpfs", "hull-nodes", "mode=0755", 0, e);
	return MIN(*fs, 0);
}

int mnt_node(const struct plan_device *d, size_t i, int *fs, int *ret, struct err *e)
{
	char name[24];
	mode_t mask;
	int r = open_fs(fs, e);

	if (r == 0)
		r = str_format(name, sizeof(name), "%zu", i);
	if (r < 0)
		return r;
	mask = umask(0);
	r = sys_mknodat(*fs, name, d->mode, makedev(d->major, d->minor));
	umask(mask);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "make %s", d->path);
	r = sys_fchownat(*fs, name, d->host_uid, d->host_gid, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "owner of %s", d->path);
	r = mnt_clone(*fs, name, false, true);
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "clone %s", d->path);
	*ret = r;
	return 0;
}
