/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/tree: the order of things: the root first, then the mounts of the config one after the
 * other. Keeps what later steps rely on: the fd of /dev, the devices of procfs and sysfs, the ids
 * of the mounts.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

void umask_restore(const struct saved_umask *u)
{
	if (u->mask) /* in init it is clear already */
		umask(u->mask);
}

int mnt_need_proc(struct mount_tree *t)
{
	return t->proc.fd >= 0 ? 0 : proc_open(false, &t->proc);
}

/* ---- the root ---- */

/* In a mount namespace of its own nothing the container mounts may reach the host (rule M4). */
static int set_propagation(struct mount_tree *t, struct err *e)
{
	unsigned long p =
		t->plan->root.propagation & (MS_PRIVATE | MS_UNBINDABLE) ? MS_PRIVATE : MS_SLAVE;
	int r = sys_mount(NULL, "/", NULL, MS_REC | p, NULL);

	if (r == -EINVAL)
		return err_sys(e, ERR_MNT_ROOTFS, r,
			       "/ is no mount point: hull cannot work in a chroot");
	return r < 0 ? err_sys(e, ERR_MNT_ROOTFS, r, "set the propagation of /") : 0;
}

static bool same_inode(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

/* root.path as this mount namespace has it. */
static int open_root_here(struct mount_tree *t, struct err *e)
{
	_cleanup_fd_ int fd = path_open_host(t->plan->root.path, O_DIRECTORY);

	/* A user namespace may lack the right to walk to the rootfs; its clone is at hand, so "/"
	 * serves as place. */
	if (fd == -EACCES && t->sources->root_tree >= 0 && t->plan->ns.has_mount_ns) {
		fd = path_open_host("/", O_DIRECTORY);
		if (fd >= 0)
			return fd_take(&fd);
	}
	if (fd < 0)
		return err_sys(e, ERR_MNT_ROOTFS, fd, "root.path %s", t->plan->root.path);
	if (!same_inode(fd, t->sources->rootfs.fd))
		return err_set(e, ERR_MNT_VERIFY, 0, "root.path %s was exchanged meanwhile",
			       t->plan->root.path);
	return fd_take(&fd);
}

static int attach_root(struct mount_tree *t, struct err *e)
{
	_cleanup_fd_ int here = -1;
	struct mount_sources *s = t->sources;
	int r;

	here = open_root_here(t, e);
	if (here < 0)
		return here;
	if (s->root_tree < 0) {
		r = mnt_root_clone(t->plan, here, &s->root_tree, e);
		if (r < 0)
			return r;
	}
	r = mnt_move(s->root_tree, here);
	if (r < 0)
		return err_sys(e, ERR_MNT_ROOTFS, r, "mount root.path %s over itself",
			       t->plan->root.path);
	t->root.fd = fd_take(&s->root_tree);
	r = path_mount_id(t->root.fd, &t->root_mnt_id);
	return r < 0 ? err_sys(e, ERR_MNT_ROOTFS, r, "mount id of the root") : 0;
}

int mount_root_attach(struct mount_tree *t, struct err *e)
{
	int r;

	if (t->plan->ns.has_mount_ns) {
		r = set_propagation(t, e);
		if (r < 0)
			return err_at(e, r, "/linux/rootfsPropagation");
	}
	r = mnt_sources_late(t, e);
	if (r < 0)
		return r;
	r = attach_root(t, e);
	return r < 0 ? err_at(e, r, "/root/path") : 0;
}

/* ---- mounts in order ---- */

/* copy-symlink: the link itself is made where the mount would be. */
static int make_link(struct mount_tree *t, const struct plan_mount *m, const char *text,
		     struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct mnt_noter noter = mnt_noter(t);
	char have[PATH_MAX];
	const char *name;
	ssize_t n;
	int r;

	dir = path_parent(&t->root, m->destination, !m->must_exist, &noter.made, &name);
	if (dir < 0)
		return err_sys(e, ERR_MNT_TARGET, dir, "directory of %s", m->destination);
	r = sys_symlinkat(text, dir, name);
	if (r == -EEXIST) {
		n = sys_readlinkat(dir, name, have, sizeof(have));
		if (n >= 0 && streq(have, text))
			return 0;
	}
	if (r < 0)
		return err_sys(e, ERR_MNT_TARGET, r, "make the symlink %s", m->destination);
	mnt_note(t, dir, name, m->destination);
	return 0;
}

/* What later look-ups rely on, once something is mounted there. */
static int note_special(struct mount_tree *t, const struct plan_mount *m, int tree, struct err *e)
{
	struct stat st;
	int r;

	bool proc = mnt_is_at(m->destination, "proc"), sys = mnt_is_at(m->destination, "sys");

	if (mnt_is_at(m->destination, "dev")) {
		r = fd_dup_above(tree, 3);
		if (r < 0)
			return err_sys(e, ERR_MNT_ATTACH, r, "keep /dev");
		fd_close(&t->dev.fd);
		t->dev.fd = r;
		t->dev_own = m->kind == MOUNT_FS && streq(m->fstype, "tmpfs");
	}
	if (m->kind == MOUNT_FS &&
	    ((proc && streq(m->fstype, "proc")) || (sys && streq(m->fstype, "sysfs")))) {
		if (fstat(tree, &st) < 0)
			return err_sys(e, ERR_MNT_VERIFY, -errno, "%s", m->destination);
		t->kernel_dev[sys] = st.st_dev;
	}
	return 0;
}

static int mount_tree_of(struct mount_tree *t, const struct plan_mount *m, size_t i, struct err *e)
{
	_cleanup_fd_ int target = -1, tree = -1;
	bool dir = true;
	struct statx st;
	int r;

	if (m->kind == MOUNT_BIND) {
		tree = fd_take(&t->sources->bind[i]);
		/* the kind of a file never changes: its server need not be asked (faults E3) */
		r = sys_statx(tree, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st);
		if (r < 0)
			return err_sys(e, ERR_MNT_SOURCE, r, "source %s", m->source);
		dir = S_ISDIR(st.stx_mode);
	}
	target = mnt_target(t, m, dir, e);
	if (target < 0)
		return target;
	if (m->kind == MOUNT_FS) {
		int userns =
			m->idmap == MOUNT_IDMAP_CONTAINER ? t->userns_fd : t->sources->userns[i];

		tree = mnt_new(t, m, userns, target, e);
		if (tree < 0)
			return tree;
	}
	r = mnt_attach(t, i, tree, target, e);
	return r < 0 ? r : note_special(t, m, tree, e);
}

static int build_one(struct mount_tree *t, size_t i, struct err *e)
{
	const struct plan_mount *m = &t->plan->mounts[i];

	switch (m->kind) {
	case MOUNT_FS:
		return mount_tree_of(t, m, i, e);
	case MOUNT_BIND:
		if (t->sources->link[i])
			return make_link(t, m, t->sources->link[i], e);
		return mount_tree_of(t, m, i, e);
	case MOUNT_CGROUP:
		return mnt_cgroup(t, m, i, e);
	case MOUNT_REMOUNT:
		return mnt_remount(t, m, e);
	case MOUNT_PROPAGATION:
		return mnt_propagation(t, m, e);
	}
	return err_set(e, ERR_GEN_INTERNAL, EINVAL, "mount kind %d", (int)m->kind);
}

/* The index alone makes people count: the message names the destination too. */
static void name_destination(const struct plan_mount *m, struct err *e)
{
	size_t n = strlen(e->msg);

	if (!strstr(e->msg, m->destination))
		(void)str_format(e->msg + n, sizeof(e->msg) - n, ", for %s", m->destination);
}

static int build(struct mount_tree *t, size_t n, struct err *e)
{
	MOUNT_NO_UMASK;

	for (; t->built < n; t->built++) {
		const struct plan_mount *m = &t->plan->mounts[t->built];
		int r = build_one(t, t->built, e);

		if (r < 0) {
			name_destination(m, e);
			return err_at(e, r, "%s", m->pointer);
		}
	}
	return 0;
}

/*
 * KERNEL: sysfs shows the interfaces of the network namespace that it is mounted in, and what works
 * over the network belongs to it. These do not look at it.
 */
static bool needs_no_network(const struct plan_mount *m)
{
	static const char types[][7] = { "proc", "tmpfs", "devpts", "mqueue" };

	for (size_t i = 0; m->kind == MOUNT_FS && i < ARRAY_LEN(types); i++)
		if (streq(m->fstype, types[i]))
			return true;
	return m->kind != MOUNT_FS;
}

int mount_tree_begin(struct mount_tree *t, struct err *e)
{
	size_t n = 0;

	while (n < t->plan->n_mounts && needs_no_network(&t->plan->mounts[n]))
		n++;
	return build(t, n, e);
}

int mount_tree_build(struct mount_tree *t, struct err *e)
{
	return build(t, t->plan->n_mounts, e);
}

/* A later mount covers this one, or a directory above it. */
static bool is_covered(const struct plan *p, size_t i)
{
	for (size_t j = i + 1; j < p->n_mounts; j++) {
		if (p->mounts[j].kind == MOUNT_REMOUNT || p->mounts[j].kind == MOUNT_PROPAGATION)
			continue;
		if (mnt_is_below(p->mounts[i].destination, p->mounts[j].destination))
			return true;
	}
	return false;
}

/*
 * In hull's own /dev, in procfs and in sysfs nobody can rename what a mount is on, so it is there
 * as long as they are. In a volume below them somebody could.
 */
static bool goes_along(const struct mount_tree *t, size_t at)
{
	const struct plan *p = t->plan;
	const char *path = p->mounts[at].destination;

	if (mnt_in_own_dev(t, path))
		return true;
	for (size_t i = 0; i < p->n_mounts; i++)
		if (i != at && p->mounts[i].kind == MOUNT_BIND &&
		    mnt_is_below(path, p->mounts[i].destination))
			return false;
	return (t->kernel_dev[0] && mnt_is_below(path, "/proc") && !mnt_is_at(path, "proc")) ||
	       (t->kernel_dev[1] && mnt_is_below(path, "/sys") && !mnt_is_at(path, "sys"));
}

/*
 * What hull relies on must still be there after hooks have run: /dev, /proc, /sys and what is below
 * them. Over other places a hook may mount what it likes.
 */
int mount_tree_verify(struct mount_tree *t, struct err *e)
{
	bool all = mnt_hooks_ran(t->plan);

	for (size_t i = 0; i < t->plan->n_mounts; i++) {
		const struct plan_mount *m = &t->plan->mounts[i];
		_cleanup_fd_ int fd = -1;
		uint64_t id;
		int r;

		if (t->sources->mnt_id[i] == 0 || !mnt_is_strict(m->destination) ||
		    is_covered(t->plan, i) || (!all && goes_along(t, i)))
			continue;
		fd = path_resolve_strict(&t->root, m->destination);
		r = fd < 0 ? fd : path_mount_id(fd, &id);
		if (r >= 0 && id != t->sources->mnt_id[i])
			r = -EXDEV;
		if (r < 0) {
			err_sys(e, ERR_MNT_VERIFY, r, "%s is not the mount that hull put there",
				m->destination);
			return err_at(e, r, "%s", m->pointer);
		}
	}
	return 0;
}

void mount_tree_close(struct mount_tree *t)
{
	fd_close(&t->root.fd);
	fd_close(&t->dev.fd);
	fd_close(&t->empty);
	proc_close(&t->proc);
}
