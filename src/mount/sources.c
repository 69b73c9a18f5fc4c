/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/sources: everything the config names on the host is opened once, by the runtime, before
 * anybody hostile runs (rule M3). Bind sources leave here as detached clones with their options set
 * (rule M1).
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/answer.h"
#include "sys/call.h"

static int *none(struct arena *a, size_t n)
{
	int *v = arena_new_array(a, n ? n : 1, int);

	for (size_t i = 0; i < n; i++)
		v[i] = -1;
	return v;
}

/* The text of the source when it is a symlink to be copied: 1, 0 when it is something else. */
static int read_source_link(const struct plan_mount *m, struct arena *a, const char **ret,
			    struct err *e)
{
	char text[PATH_MAX];
	ssize_t n = sys_readlinkat(AT_FDCWD, m->source, text, sizeof(text));

	if (n == -EINVAL)
		return 0;
	if (n < 0)
		return err_sys(e, ERR_MNT_SOURCE, (int)n, "source %s", m->source);
	*ret = arena_strdup(a, text);
	return 1;
}

static int clone_source(const struct plan *p, const struct plan_mount *m, int userns_fd, int *ret,
			struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (userns_fd < 0)
		fd = mnt_clone_source(m, mnt_base_propagation(p, m));
	if (fd >= 0) {
		*ret = fd_take(&fd);
		return 0;
	}
	/* step by step: which of them is it, and why? */
	fd = mnt_clone(AT_FDCWD, m->source, m->recursive, m->src_nofollow);
	if (fd < 0)
		return err_sys(e, ERR_MNT_SOURCE, fd, "source %s", m->source);
	if (userns_fd >= 0) {
		r = mnt_idmap(fd, userns_fd, m->idmap_recursive, e);
		if (r < 0)
			return r;
	}
	r = mnt_set_attrs(fd, m, mnt_base_propagation(p, m), e);
	if (r < 0)
		return r;
	*ret = fd_take(&fd);
	return 0;
}

/* KERNEL: cloning a mount needs CAP_SYS_ADMIN over the mount namespace; without it init does it in
 * its own. */
static bool left_to_init(int r, struct err *e)
{
	if (r != -EPERM)
		return false;
	err_drop(e, "init clones the mount in its own mount namespace");
	return true;
}

enum { ANSWER_SECONDS = 10 };

/* Faults E3: what hangs is found by a process that may hang. fd or -errno. */
static int open_patient(const char *path, int flags, enum err_id id, const char *what,
			struct err *e)
{
	int fd = path_open_patient(path, flags, io_now() + ANSWER_SECONDS * 1000000000ull);

	if (fd == -ETIMEDOUT)
		return err_set(e, id, ETIMEDOUT,
			       "opening %s %s timed out after %d s: its file system does not "
			       "answer (a dead server of NFS or FUSE?)",
			       what, path, ANSWER_SECONDS);
	return fd < 0 ? err_sys(e, id, fd, "%s %s", what, path) : fd;
}

static int open_mount(const struct plan *p, size_t i, struct arena *a, mount_userns_fn *userns_for,
		      struct mount_sources *s, struct err *e)
{
	const struct plan_mount *m = &p->mounts[i];
	_cleanup_fd_ int userns = -1, probe = -1;
	int r;

	if (m->kind != MOUNT_BIND && m->kind != MOUNT_FS)
		return 0;
	if (m->idmap == MOUNT_IDMAP_OWN) {
		userns = userns_for(&m->uid_map, &m->gid_map, e);
		if (userns < 0)
			return userns;
	}
	if (m->kind == MOUNT_FS) {
		s->userns[i] = fd_take(&userns);
		return 0;
	}
	/* KERNEL: only to see that it can be reached: open_tree alone enters an automount. */
	if (!m->open_by_init)
		probe = open_patient(m->source, m->src_nofollow || m->copy_symlink ? O_NOFOLLOW : 0,
				     ERR_MNT_SOURCE, "source", e);
	if (!m->open_by_init && probe < 0)
		return probe;
	if (m->copy_symlink) {
		r = read_source_link(m, a, &s->link[i], e);
		if (r != 0)
			return MIN(r, 0);
	}
	if (m->open_by_init)
		return 0;
	r = clone_source(p, m, userns, &s->bind[i], e);
	if (r < 0 && left_to_init(r, e)) {
		s->userns[i] = fd_take(&userns);
		return 0;
	}
	return r;
}

static int open_null(struct mount_sources *s, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = mnt_clone(AT_FDCWD, "/dev/null", false, true);
	if (fd == -EPERM)
		return 0;
	if (fd < 0)
		return err_sys(e, ERR_MNT_SOURCE, fd, "/dev/null");
	if (!mnt_is_null(fd)) /* SECURITY: rule D2. CVE-2025-31133. */
		return err_set(e, ERR_MNT_VERIFY, 0, "/dev/null is not the null device");
	r = mnt_setattr(fd, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0,
			MS_PRIVATE);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "/dev/null");
	s->null = fd_take(&fd);
	return 0;
}

static int open_device(const struct plan_device *d, size_t i, int *fs, int *ret, struct err *e)
{
	const char *path = d->source ? d->source : d->path;
	_cleanup_fd_ int fd = -1;
	int r;

	if (d->made) {
		r = mnt_node(d, i, fs, &fd, e);
		if (r < 0)
			return r;
	} else {
		fd = mnt_clone(AT_FDCWD, path, false, false);
	}
	if (fd < 0)
		return err_sys(e, ERR_DEV_NODE, fd, "%s of the host, to be bound", path);
	if (!path_is_device(fd, d->mode, d->major, d->minor))
		return err_set(e, ERR_DEV_OTHER, 0, "%s of the host is not the device %u:%u", path,
			       d->major, d->minor);
	r = mnt_setattr(fd, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, MS_PRIVATE);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "%s of the host", path);
	*ret = fd_take(&fd);
	return 0;
}

static unsigned long root_propagation(const struct plan *p)
{
	return p->root.propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
}

int mnt_root_clone(const struct plan *p, int dir, int *ret, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = mnt_clone_set(dir, "", true, false, 0, 0, root_propagation(p));
	if (fd >= 0) {
		*ret = fd_take(&fd);
		return 0;
	}
	fd = mnt_clone(dir, "", true, false);
	if (fd < 0)
		return err_sys(e, ERR_MNT_ROOTFS, fd, "root.path %s: clone", p->root.path);
	r = mnt_setattr(fd, true, 0, 0, root_propagation(p));
	if (r < 0)
		return err_sys(e, ERR_MNT_ROOTFS, r, "root.path %s: set the propagation",
			       p->root.path);
	*ret = fd_take(&fd);
	return 0;
}

static int open_root(const struct plan *p, struct mount_sources *s, struct err *e)
{
	int r;

	r = s->rootfs.fd = open_patient(p->root.path, O_DIRECTORY, ERR_MNT_ROOTFS, "root.path", e);
	/* SECURITY: P7: the first name that is looked up so; no other way takes its place. */
	if (r == -ENOSYS || r == -EPERM) {
		err_clear(e);
		return err_sys(e, ERR_GEN_KERNEL, r,
			       "openat2, by which hull looks up every name: root.path %s",
			       p->root.path);
	}
	if (r < 0)
		return r;
	r = mnt_root_clone(p, s->rootfs.fd, &s->root_tree, e);
	return r < 0 && left_to_init(r, e) ? 0 : r;
}

static bool needs_null(const struct plan *p)
{
	return p->masked.n > 0;
}

static int open_all(const struct plan *p, struct arena *a, mount_userns_fn *userns_for,
		    struct mount_sources *s, struct err *e)
{
	_cleanup_fd_ int nodes = -1;
	int r = open_root(p, s, e);

	if (r < 0)
		return err_at(e, r, "/root/path");
	for (size_t i = 0; i < p->n_mounts; i++) {
		r = open_mount(p, i, a, userns_for, s, e);
		if (r < 0)
			return err_at(e, r, "%s", p->mounts[i].pointer);
	}
	for (size_t i = 0; i < p->n_devices; i++) {
		if (!p->devices[i].bind || p->devices[i].open_by_init)
			continue;
		r = open_device(&p->devices[i], i, &nodes, &s->device[i], e);
		if (r < 0 && !left_to_init(r, e))
			return err_at(e, r, "%s", p->devices[i].pointer);
	}
	if (!needs_null(p))
		return 0;
	r = open_null(s, e);
	return r < 0 ? err_at(e, r, "/linux/maskedPaths") : 0;
}

int mount_sources_open(const struct plan *p, struct arena *a, mount_userns_fn *userns_for,
		       struct mount_sources *ret, struct err *e)
{
	struct mount_sources s = { .rootfs = { -1 }, .root_tree = -1, .null = -1 };
	int r;

	s.bind = none(a, p->n_mounts);
	s.userns = none(a, p->n_mounts);
	s.link = arena_new_array(a, p->n_mounts ? p->n_mounts : 1, const char *);
	s.mnt_id = arena_new_array(a, p->n_mounts ? p->n_mounts : 1, uint64_t);
	s.device = none(a, p->n_devices);
	s.n_bind = p->n_mounts;
	s.n_device = p->n_devices;
	s.made = mnt_made_new();
	r = open_all(p, a, userns_for, &s, e);
	if (r < 0) {
		mount_sources_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int mount_sources_idmap(const struct plan *p, struct mount_sources *s, int userns_fd, struct err *e)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		int r;

		if (m->idmap != MOUNT_IDMAP_CONTAINER || s->bind[i] < 0)
			continue;
		r = mnt_idmap(s->bind[i], userns_fd, m->idmap_recursive, e);
		if (r < 0)
			return err_at(e, r, "%s", m->pointer);
	}
	return 0;
}

void mount_sources_release(struct mount_sources *s)
{
	fd_close(&s->root_tree);
	fd_close(&s->null);
	for (size_t i = 0; i < s->n_bind; i++) {
		fd_close(&s->bind[i]);
		fd_close(&s->userns[i]);
	}
	for (size_t i = 0; i < s->n_device; i++)
		fd_close(&s->device[i]);
}

void mount_sources_close(struct mount_sources *s)
{
	fd_close(&s->rootfs.fd);
	mount_sources_release(s);
	mnt_made_free(s->made);
	s->made = NULL;
}

int mount_hierarchies_open(const struct plan *p, struct mount_hierarchy *h, size_t n, struct err *e)
{
	const char *wanted = NULL;

	for (size_t i = 0; i < p->n_mounts && !wanted; i++)
		if (p->mounts[i].kind == MOUNT_CGROUP)
			wanted = p->mounts[i].pointer;
	/* With a cgroup namespace of its own the container gets new mounts, which show only its
	 * part. */
	if (!wanted || ((p->ns.created | p->ns.joined) & CLONE_NEWCGROUP))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (h[i].dir < 0 && !h[i].path)
			continue;
		h[i].tree = h[i].dir >= 0 ? mnt_clone(h[i].dir, "", false, false)
					  : mnt_clone(AT_FDCWD, h[i].path, false, true);
		if (h[i].tree == -EPERM) {
			h[i].tree = -1;
			return 0;
		}
		if (h[i].tree < 0) {
			int r = h[i].tree;

			h[i].tree = -1;
			err_sys(e, ERR_MNT_SOURCE, r, "cgroup directory of %s",
				*h[i].name ? h[i].name : "cgroup2");
			return err_at(e, r, "%s", wanted);
		}
	}
	return 0;
}

/* ---- init's share ---- */

static int late_mount(struct mount_tree *t, size_t i, struct err *e)
{
	const struct plan_mount *m = &t->plan->mounts[i];
	struct mount_sources *s = t->sources;

	if (m->kind != MOUNT_BIND || s->bind[i] >= 0 || s->link[i])
		return 0;
	return clone_source(t->plan, m,
			    m->idmap == MOUNT_IDMAP_CONTAINER ? t->userns_fd : s->userns[i],
			    &s->bind[i], e);
}

int mnt_sources_late(struct mount_tree *t, struct err *e)
{
	const struct plan *p = t->plan;
	struct mount_sources *s = t->sources;
	_cleanup_fd_ int nodes = -1;
	int r;

	for (size_t i = 0; i < p->n_mounts; i++) {
		r = late_mount(t, i, e);
		if (r < 0)
			return err_at(e, r, "%s", p->mounts[i].pointer);
	}
	for (size_t i = 0; i < p->n_devices; i++) {
		if (!p->devices[i].bind || s->device[i] >= 0)
			continue;
		r = open_device(&p->devices[i], i, &nodes, &s->device[i], e);
		if (r < 0)
			return err_at(e, r, "%s", p->devices[i].pointer);
	}
	if (needs_null(p) && s->null < 0) {
		r = open_null(s, e);
		if (r < 0)
			return err_at(e, r, "/linux/maskedPaths");
	}
	return 0;
}
