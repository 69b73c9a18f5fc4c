/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/mounts: the container's table of mounts beside the list of the config: flags that were
 * lost, mounts that nobody asked for, and what of the host can be reached through the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/abi.h"

static const struct {
	uint64_t attr;
	const char *word;
} flags[] = {
	{ MOUNT_ATTR_RDONLY, "ro" },
	{ MOUNT_ATTR_NOSUID, "nosuid" },
	{ MOUNT_ATTR_NODEV, "nodev" },
	{ MOUNT_ATTR_NOEXEC, "noexec" },
};

/* Is there another mount below @place in the host's view of the same peer group? */
static bool shared_with_host(const struct audit_mounts *host, const struct audit_mount *m)
{
	const char *tag = strstr(m->optional, "shared:");
	size_t n = tag ? strcspn(tag, " ") : 0;

	for (size_t i = 0; tag && i < host->n; i++) {
		const char *theirs = strstr(host->v[i].optional, "shared:");

		if (theirs && strcspn(theirs, " ") == n && !strncmp(theirs, tag, n))
			return true;
	}
	return false;
}

static const char *lost_flags(struct arena *a, uint64_t wants, const char *options)
{
	const char *lost = "";

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (wants & flags[i].attr && !audit_has_word(options, flags[i].word))
			lost = arena_printf(a, "%s%s%s", lost, *lost ? " " : "", flags[i].word);
	return lost;
}

static const char *kind_of(struct audit *u, const char *place, bool *ret_socket)
{
	_cleanup_fd_ int fd = u->root.fd < 0 ? -1 : path_resolve(&u->root, place, false);
	struct stat st;

	*ret_socket = false;
	if (fd < 0 || fstat(fd, &st) < 0)
		return "something";
	*ret_socket = S_ISSOCK(st.st_mode);
	return S_ISSOCK(st.st_mode)  ? "a socket"
	       : S_ISDIR(st.st_mode) ? "a directory"
	       : S_ISBLK(st.st_mode) ? "a disk"
	       : S_ISCHR(st.st_mode) ? "a device"
				     : "a file";
}

/* A bind mount is a way to the host, unless it can only be read; a socket is one in any case. */
static void judge_bind(struct audit *u, const struct plan_mount *p, const struct audit_mount *m)
{
	bool socket, ro = audit_has_word(m->options, "ro");
	const char *kind = kind_of(u, m->place, &socket);

	audit_add(u, ro && !socket ? AUDIT_SAME : AUDIT_EXPOSED, "mounts", p->destination,
		  p->pointer, "", "%s of the host, %s, %s", kind, p->source,
		  socket ? "to whoever listens there"
		  : ro	 ? "read-only"
			 : "writable");
}

static void one_mount(struct audit *u, const struct plan_mount *p)
{
	struct audit_mount *m = audit_mount_at(&u->mounts, p->destination);
	uint64_t wants = (p->attr_set | p->rec_attr_set) & ~(p->attr_clear | p->rec_attr_clear);
	const char *lost;

	if (p->kind == MOUNT_REMOUNT || p->kind == MOUNT_PROPAGATION)
		return;
	if (!m) {
		audit_add(u, AUDIT_NOTE, "mounts", p->destination, p->pointer, "a mount",
			  "none at this name: unmounted, or the name leads elsewhere");
		return;
	}
	m->known = true;
	lost = lost_flags(u->arena, wants, m->options);
	if (*lost)
		audit_add(u, AUDIT_DIFFERS, "mounts", p->destination, p->pointer,
			  arena_printf(u->arena, "also %s", lost), "%s", m->options);
	else if (p->kind == MOUNT_FS && !streq(p->fstype, m->fstype))
		audit_add(u, AUDIT_DIFFERS, "mounts", p->destination, p->pointer, p->fstype, "%s",
			  m->fstype);
	else if (p->kind == MOUNT_BIND)
		judge_bind(u, p, m);
	else
		audit_add(u, AUDIT_SAME, "mounts", p->destination, p->pointer, "", "%s", m->fstype);
}

static bool below(const char *path, const char *dir)
{
	const char *rest = str_skip(path, dir);

	return rest && (!*rest || *rest == '/' || dir[1] == '\0');
}

/*
 * What hull makes beside the list: the root, devices, the terminal, masks (marked before), and what
 * lies below a recursive bind or a view of the cgroups.
 */
static bool made_by_hull(const struct audit *u, const struct audit_mount *m)
{
	const struct plan *p = &u->plan;

	if (streq(m->place, "/") || (p->bind_console && streq(m->place, "/dev/console")))
		return true;
	for (size_t i = 0; i < p->n_devices; i++)
		if (p->devices[i].bind && streq(m->place, p->devices[i].path))
			return true;
	for (size_t i = 0; i < p->n_mounts; i++)
		if ((p->mounts[i].recursive || p->mounts[i].kind == MOUNT_CGROUP) &&
		    below(m->place, p->mounts[i].destination))
			return true;
	for (size_t i = 0; i < p->readonly.n; i++)
		if (below(m->place, p->readonly.v[i]))
			return true;
	/* masks that were seen are known; without the right to look inside, their names must do */
	for (size_t i = 0; u->root.fd < 0 && i < p->masked.n; i++)
		if (streq(m->place, p->masked.v[i]))
			return true;
	return false;
}

static void judge_rest(struct audit *u, const struct audit_mounts *host)
{
	bool may = u->plan.process.caps[CAPSET_BOUNDING] >> CAP_SYS_ADMIN & 1;

	for (size_t i = 0; i < u->mounts.n; i++) {
		const struct audit_mount *m = &u->mounts.v[i];

		if (shared_with_host(host, m))
			audit_add(u, AUDIT_EXPOSED, "mounts", m->place, "/linux/rootfsPropagation",
				  "", "what is mounted there is mounted on the host too");
		if (m->known || made_by_hull(u, m))
			continue;
		audit_add(u, may ? AUDIT_NOTE : AUDIT_DIFFERS, "mounts", m->place, "/mounts",
			  "none", "%s %s (%s, from %s)%s", m->fstype, m->options, m->source,
			  m->root, may ? ": the container may mount" : "");
	}
}

static void judge_root(struct audit *u)
{
	const struct audit_mount *m = audit_mount_at(&u->mounts, "/");
	bool ro = m && audit_has_word(m->options, "ro");

	if (!m)
		return;
	audit_add(u, u->plan.root.readonly && !ro ? AUDIT_DIFFERS : AUDIT_SAME, "mounts", "/",
		  "/root/readonly", "read-only", "%s", ro ? "read-only" : "writable");
}

int audit_mount_table(struct audit *u, struct err *e)
{
	_cleanup_fd_ int self = proc_openat(&u->proc, "self", O_PATH | O_DIRECTORY);
	struct audit_mounts host = { 0 };
	char *text = NULL;
	int r = self < 0 ? self : audit_read(u, self, "mountinfo", &text);

	if (r == 0)
		r = audit_mounts_parse(text, u->arena, &host);
	if (r < 0)
		return err_sys(e, ERR_AUD_READ, r, "read /proc/self/mountinfo");
	if (!u->plan.ns.has_mount_ns) {
		audit_add(u, AUDIT_EXPOSED, "mounts", "", "/linux/namespaces", "",
			  "the table of the host: not compared");
		return 0;
	}
	judge_root(u);
	for (size_t i = 0; i < u->plan.n_mounts; i++)
		one_mount(u, &u->plan.mounts[i]);
	judge_rest(u, &host);
	return 0;
}
