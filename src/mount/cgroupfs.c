/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/cgroupfs: the container's view of its cgroups, made for what the host has: cgroup2 alone,
 * or a tmpfs with one mount per hierarchy. Read-only unless the plan says otherwise (rule G3).
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

static bool own_namespace(const struct mount_tree *t)
{
	return (t->plan->ns.created | t->plan->ns.joined) & CLONE_NEWCGROUP;
}

static unsigned attrs_of(const struct plan_mount *m)
{
	/* SECURITY: CVE-2023-25809: writable only with a cgroup namespace and an explicit wish. */
	return mnt_fold_attrs(m) | (m->cgroup_rw ? 0 : MOUNT_ATTR_RDONLY);
}

/* A clone of the container's own directory: what it sees without a cgroup namespace. */
static int clone_own(const struct plan_mount *m, const struct mount_hierarchy *h, struct err *e)
{
	_cleanup_fd_ int tree = -1;
	const char *name = *h->name ? h->name : "cgroup2";
	int r;

	if (h->tree < 0 && !h->path)
		return err_set(e, ERR_MNT_SOURCE, ENOENT,
			       "the cgroup directory of the container in %s is not known", name);
	tree = h->tree >= 0 ? fd_dup_above(h->tree, 3) : mnt_clone(AT_FDCWD, h->path, false, true);
	if (tree < 0)
		return err_sys(e, ERR_MNT_SOURCE, tree, "cgroup directory of %s", name);
	r = mnt_setattr(tree, false, attrs_of(m), 0, MS_PRIVATE);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTR, r, "cgroup directory of %s", name);
	return fd_take(&tree);
}

static int view(struct mount_tree *t, const struct plan_mount *m, const struct mount_hierarchy *h,
		struct err *e)
{
	/* KERNEL: a new mount shows the cgroup namespace's root as its root. cgroup_namespaces(7).
	 */
	if (!own_namespace(t))
		return clone_own(m, h, e);
	if (h->v2)
		return mnt_new_simple("cgroup2", m->source && *m->source ? m->source : "cgroup2",
				      m->data, attrs_of(m), e);
	return mnt_new_simple("cgroup", "cgroup", h->controllers, attrs_of(m), e);
}

/* "cpu,cpuacct" is also reached as "cpu" and as "cpuacct". */
static int add_links(int dir, const char *name, struct err *e)
{
	const char *p = name;

	if (!strchr(name, ','))
		return 0;
	for (;;) {
		char one[NAME_MAX + 1];
		size_t len = strcspn(p, ",");
		int r;

		if (len > NAME_MAX)
			return err_set(e, ERR_MNT_NEW, ENAMETOOLONG, "cgroup hierarchy %s", name);
		memcpy(one, p, len);
		one[len] = '\0';
		r = len ? sys_symlinkat(name, dir, one) : 0;
		if (r < 0)
			return err_sys(e, ERR_MNT_NEW, r, "link %s to cgroup hierarchy %s", one,
				       name);
		if (p[len] == '\0')
			return 0;
		p += len + 1;
	}
}

static int add_hierarchy(struct mount_tree *t, const struct plan_mount *m, int dir,
			 const struct mount_hierarchy *h, struct err *e)
{
	_cleanup_fd_ int target = -1, tree = -1;
	int r;

	r = sys_mkdirat(dir, h->name, 0755);
	if (r < 0)
		return err_sys(e, ERR_MNT_TARGET, r, "directory for cgroup hierarchy %s", h->name);
	target = sys_openat(dir, h->name, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0);
	if (target < 0)
		return err_sys(e, ERR_MNT_TARGET, target, "directory for cgroup hierarchy %s",
			       h->name);
	tree = view(t, m, h, e);
	if (tree < 0)
		return tree;
	r = mnt_move(tree, target);
	if (r < 0)
		return err_sys(e, ERR_MNT_ATTACH, r, "mount cgroup hierarchy %s", h->name);
	return add_links(dir, h->name, e);
}

static int set_propagation(int fd, const struct plan_mount *m, struct err *e)
{
	int r = mnt_setattr(fd, true, 0, 0, m->rec_propagation);

	if (r == 0)
		r = mnt_setattr(fd, false, 0, 0, m->propagation);
	return r < 0 ? err_sys(e, ERR_MNT_ATTR, r, "set the propagation of %s", m->destination) : 0;
}

static int build_v1(struct mount_tree *t, const struct plan_mount *m, size_t i, int target,
		    struct err *e)
{
	_cleanup_fd_ int dir = -1;
	unsigned attrs = attrs_of(m);
	int r;

	if (m->data && *m->data)
		return err_set(e, ERR_MNT_NEW, EINVAL,
			       "options \"%s\" cannot be applied to cgroup v1 hierarchies",
			       m->data);
	dir = mnt_new_simple("tmpfs", m->source && *m->source ? m->source : "cgroup", "mode=755",
			     attrs & ~(unsigned)MOUNT_ATTR_RDONLY, e);
	if (dir < 0)
		return dir;
	r = mnt_attach(t, i, dir, target, e);
	for (size_t k = 0; r == 0 && k < t->n_hierarchies; k++)
		r = add_hierarchy(t, m, dir, &t->hierarchies[k], e);
	if (r == 0 && attrs & MOUNT_ATTR_RDONLY) {
		r = mnt_setattr(dir, false, MOUNT_ATTR_RDONLY, 0, 0);
		if (r < 0)
			err_sys(e, ERR_MNT_ATTR, r, "make %s read-only", m->destination);
	}
	return r < 0 ? r : set_propagation(dir, m, e);
}

int mnt_cgroup(struct mount_tree *t, const struct plan_mount *m, size_t i, struct err *e)
{
	_cleanup_fd_ int target = -1, tree = -1;
	int r;

	if (t->n_hierarchies == 0)
		return err_set(e, ERR_MNT_NEW, ENODEV, "this host has no cgroup hierarchy mounted");
	target = mnt_target(t, m, true, e);
	if (target < 0)
		return target;
	if (t->n_hierarchies > 1 || !t->hierarchies[0].v2)
		return build_v1(t, m, i, target, e);
	tree = view(t, m, &t->hierarchies[0], e);
	r = tree < 0 ? tree : mnt_attach(t, i, tree, target, e);
	return r < 0 ? r : set_propagation(tree, m, e);
}
