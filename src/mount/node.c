/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/node: a device for a container that has a user namespace: a node of the runtime's own, with
 * the owner and mode of the config, ready to be bound. Hides where it lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a process and a mount namespace of its own: errno, or 0 and the clone is descriptor @place. */
static int clone_attached(int fs, const char *name, int place)
{
	struct mount_attr own = { .propagation = MS_PRIVATE };
	int r = sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &own);

	if (r == 0)
		r = sys_move_mount(fs, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r == 0)
		r = mnt_clone(fs, name, false, true);
	if (r >= 0) {
		int clone = r;

		r = dup3(clone, place, O_CLOEXEC) < 0 ? -errno : 0;
		(void)close(clone);
	}
	return -r;
}

/*
 * KERNEL: part of a file system that is mounted nowhere can be cloned. Since 6.15. Before, it
 * must be mounted in the caller's namespace: that of a child, which shares the descriptors and
 * then is gone, and @fs with it. open_tree(2).
 */
static int clone_by_child(int fs, const char *name)
{
	struct clone_args args = { .flags = CLONE_NEWNS | CLONE_FILES };
	_cleanup_fd_ int place = fcntl(fs, F_DUPFD_CLOEXEC, 3);
	int status, pid;

	if (place < 0)
		return -errno;
	pid = sys_clone3(&args);
	if (pid == 0)
		_exit(clone_attached(fs, name, place));
	if (pid < 0)
		return pid;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status) ? -WEXITSTATUS(status) : fd_take(&place);
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
	if (r == -EINVAL) {
		r = clone_by_child(*fs, name);
		fd_close(fs);
	}
	if (r < 0)
		return err_sys(e, ERR_DEV_NODE, r, "clone %s", d->path);
	*ret = r;
	return 0;
}
