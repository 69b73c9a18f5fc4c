/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/devices: the nodes and links that belong into /dev: those of the config and the default ones
 * of config-linux.md#default-devices. Hides when a node is made and when the host's is bound
 * instead.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "base/str.h"
#include "plan/parts.h"

/* The nodes every container has, and others whose place on a host is well known. */
static const struct known {
	char path[14];
	uint32_t major, minor;
	bool is_default;
} known[] = {
	{ "/dev/null", 1, 3, true },	 { "/dev/zero", 1, 5, true },
	{ "/dev/full", 1, 7, true },	 { "/dev/random", 1, 8, true },
	{ "/dev/urandom", 1, 9, true },	 { "/dev/tty", 5, 0, true },
	{ "/dev/fuse", 10, 229, false }, { "/dev/net/tun", 10, 200, false },
	{ "/dev/kvm", 10, 232, false },
};

static const struct plan_link links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/core", "/proc/kcore" },	      { "/dev/ptmx", "pts/ptmx" },
};

/*
 * KERNEL: mknod of a device needs CAP_MKNOD in the initial user namespace, and a node made in a
 * file system of another user namespace cannot be opened. mknod(2), user_namespaces(7).
 */
static bool must_bind(const struct maker *m)
{
	return !m->host->initial_userns || plan_ns_own(m->plan, NS_USER) ||
	       !host_can(m->host, CAP_MKNOD);
}

/* Is /dev the host's own (a bind mount)? Then it is left as it is. */
static bool dev_is_bound(const struct maker *m)
{
	const struct plan *p = m->plan;
	bool bound = false;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const char *path = p->mounts[i].clean;

		if (streq(path, "/dev") &&
		    (p->mounts[i].kind == MOUNT_BIND || p->mounts[i].kind == MOUNT_FS))
			bound = p->mounts[i].kind == MOUNT_BIND;
	}
	return bound;
}

static const char *host_path(const struct plan_device *d)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (S_ISCHR(d->mode) && known[i].major == d->major && known[i].minor == d->minor)
			return known[i].path;
	return d->path;
}

/*
 * The runtime can make the node where init cannot: in a file system of its own. Needs the mappings,
 * which are not known of a user namespace that is joined. A default device is the host's: owner and
 * mode are no matter there.
 */
static bool can_make(const struct maker *m, const struct plan_device *d)
{
	return m->host->initial_userns && plan_ns_new(m->plan, NS_USER) && !d->is_default &&
	       host_can(m->host, CAP_MKNOD) && host_can(m->host, CAP_SYS_ADMIN) &&
	       host_can(m->host, CAP_CHOWN);
}

static void finish(struct maker *m, struct plan_device *d, bool bound_dev)
{
	d->clean = plan_path_clean(m->arena, d->path);
	d->existing = bound_dev && plan_path_below(d->clean, "/dev");
	d->bind = !d->existing && !S_ISFIFO(d->mode) && must_bind(m);
	d->made = d->bind && can_make(m, d);
	if (d->bind && !d->made) {
		d->source = host_path(d);
		d->open_by_init = !host_can(m->host, CAP_SYS_ADMIN);
	}
}

static int check_owner(struct maker *m, struct plan_device *d, struct err *e)
{
	const struct plan_ids *ids = &m->plan->ids;
	bool uid;
	int r;

	if ((d->bind && !d->made) || !plan_ns_new(m->plan, NS_USER))
		return 0;
	uid = plan_id_to_host(&ids->uid, d->uid, &d->host_uid);
	if (uid && plan_id_to_host(&ids->gid, d->gid, &d->host_gid))
		return 0;
	r = err_set(e, ERR_CFG_CONFLICT, 0, "id %u is not mapped in the user namespace",
		    uid ? d->gid : d->uid);
	return err_at(e, r, "%s/%s", d->pointer, uid ? "gid" : "uid");
}

/* @path without slashes at its end: what is there will be a node, not a directory. */
static const char *without_slashes(struct arena *a, const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return path[n] ? arena_printf(a, "%.*s", (int)n, path) : path;
}

static int make_one(struct maker *m, const struct spec_device *in, struct plan_device *d,
		    bool bound_dev, struct err *e)
{
	mode_t type = in->type == 'b' ? S_IFBLK : in->type == 'p' ? S_IFIFO : S_IFCHR;
	const char *clean = plan_path_clean(m->arena, in->path);

	d->path = in->path[0] == '/' ? without_slashes(m->arena, in->path) : clean;
	d->mode = type | (in->file_mode.set ? in->file_mode.v & 07777 : 0666);
	d->major = in->major;
	d->minor = in->minor;
	d->uid = in->uid.set ? in->uid.v : 0;
	d->gid = in->gid.set ? in->gid.v : 0;
	finish(m, d, bound_dev);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		int r;

		if (!known[i].is_default || !streq(clean, known[i].path) ||
		    (type == S_IFCHR && in->major == known[i].major && in->minor == known[i].minor))
			continue;
		r = err_set(e, ERR_CFG_CONFLICT, 0,
			    "%s is a default device: character device %u:%u", clean, known[i].major,
			    known[i].minor);
		return err_at(e, r, "%s", d->pointer);
	}
	if (d->bind && !d->made && (in->file_mode.set || in->uid.set || in->gid.set))
		plan_warn(m,
			  "%s: mode and owner are those of the host's node: it is bound, as no "
			  "node can be made with "
			  "the rights at hand",
			  d->pointer);
	return check_owner(m, d, e);
}

static bool has_device(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_devices; i++)
		if (streq(p->devices[i].clean, path))
			return true;
	return false;
}

/* Does a mount of the config lie exactly there? Then it is what the container gets. */
static bool is_mounted(const struct maker *m, const char *path)
{
	const struct plan *p = m->plan;

	for (size_t i = 0; i < p->n_mounts; i++)
		if ((p->mounts[i].kind == MOUNT_BIND || p->mounts[i].kind == MOUNT_FS) &&
		    streq(p->mounts[i].clean, path))
			return true;
	return false;
}

int plan_make_devices(struct maker *m, struct err *e)
{
	const struct spec_linux *os = &m->spec->os;
	struct plan *p = m->plan;
	bool bound_dev = dev_is_bound(m);

	for (size_t i = 0; i < os->n_devices; i++) {
		struct plan_device *d =
			arena_push(m->arena, &p->devices, &p->n_devices, sizeof(*d));
		int r;

		d->pointer = arena_printf(m->arena, "/linux/devices/%zu", i);
		r = make_one(m, &os->devices[i], d, bound_dev, e);
		if (r < 0 && !plan_go_on(m, e))
			return r;
	}
	if (bound_dev)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct plan_device *d;

		if (!known[i].is_default || has_device(p, known[i].path) ||
		    is_mounted(m, known[i].path))
			continue;
		d = arena_push(m->arena, &p->devices, &p->n_devices, sizeof(*d));
		*d = (struct plan_device){ .pointer = "/dev",
					   .path = known[i].path,
					   .mode = S_IFCHR | 0666,
					   .major = known[i].major,
					   .minor = known[i].minor,
					   .is_default = true };
		finish(m, d, false);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (!has_device(p, links[i].path) && !is_mounted(m, links[i].path))
			*(struct plan_link *)arena_push(m->arena, &p->links, &p->n_links,
							sizeof(links[i])) = links[i];
	return 0;
}
