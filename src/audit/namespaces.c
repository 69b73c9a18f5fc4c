/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/namespaces: which namespaces the container shares with whoever runs hull, and what its ids
 * are outside. Hides the links and files of /proc that show it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/str.h"
#include "spec/spec.h"
#include "sys/call.h"

/* Names of the files; enum spec_ns. */
static const char files[NS_KINDS][7] = {
	[NS_PID] = "pid", [NS_NETWORK] = "net", [NS_MOUNT] = "mnt",	[NS_IPC] = "ipc",
	[NS_UTS] = "uts", [NS_USER] = "user",	[NS_CGROUP] = "cgroup", [NS_TIME] = "time",
};
static const uint64_t flags[NS_KINDS] = {
	[NS_PID] = CLONE_NEWPID,       [NS_NETWORK] = CLONE_NEWNET, [NS_MOUNT] = CLONE_NEWNS,
	[NS_IPC] = CLONE_NEWIPC,       [NS_UTS] = CLONE_NEWUTS,	    [NS_USER] = CLONE_NEWUSER,
	[NS_CGROUP] = CLONE_NEWCGROUP, [NS_TIME] = CLONE_NEWTIME,
};

static int read_link(struct audit *u, int dir, const char *file, const char **ret)
{
	char path[32], text[64];
	ssize_t n;

	str_format(path, sizeof(path), "ns/%s", file);
	n = sys_readlinkat(dir, path, text, sizeof(text));
	*ret = n < 0 ? NULL : arena_strdup(u->arena, text);
	return n < 0 ? (int)n : 0;
}

/* "net:[4026531840]" of the namespace that the config names by path; NULL when it is gone. */
static const char *joined_link(struct audit *u, const char *file, const char *path)
{
	_cleanup_fd_ int fd = path_open_host(path, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	return arena_printf(u->arena, "%s:[%llu]", file, (unsigned long long)st.st_ino);
}

static void one_namespace(struct audit *u, int self, enum spec_ns kind)
{
	const struct plan_ns *ns = &u->plan.ns;
	const char *name = table_name(&spec_namespaces, kind), *has, *ours, *theirs;
	const char *pointer = "/linux/namespaces";
	int r = read_link(u, self, files[kind], &ours);

	if (r == -ENOENT)
		return; /* a kernel without this kind */
	if (r == 0)
		r = read_link(u, u->dir, files[kind], &has);
	if (r < 0) {
		audit_unread(u, "namespaces", name, r);
		return;
	}
	if (ns->created & flags[kind]) {
		audit_add(u, streq(has, ours) ? AUDIT_DIFFERS : AUDIT_SAME, "namespaces", name,
			  pointer, "one of its own", "%s",
			  streq(has, ours) ? "that of the host" : "one of its own");
	} else if (ns->joined & flags[kind]) {
		theirs = joined_link(u, files[kind], ns->path[kind]);
		pointer = arena_printf(u->arena, "%s/%u/path", pointer, ns->index[kind]);
		if (!theirs)
			audit_add(u, AUDIT_NOTE, "namespaces", name, pointer, ns->path[kind],
				  "%s; what the config names is gone", has);
		else
			audit_add(u,
				  streq(has, theirs) ? AUDIT_SAME
				  : streq(has, ours) ? AUDIT_DIFFERS
						     : AUDIT_NOTE,
				  "namespaces", name, pointer, theirs, "%s%s", has,
				  streq(has, ours) ? ", that of the host" : "");
	} else {
		/* shared clocks can be read, and set by nobody in a container */
		audit_add(u,
			  !streq(has, ours) ? AUDIT_NOTE
			  : kind == NS_TIME ? AUDIT_SAME
					    : AUDIT_EXPOSED,
			  "namespaces", name, pointer, streq(has, ours) ? "" : "that of the host",
			  "%s", streq(has, ours) ? "that of the host" : "one of its own");
	}
}

int audit_namespaces(struct audit *u, struct err *e)
{
	_cleanup_fd_ int self = proc_openat(&u->proc, "self", O_PATH | O_DIRECTORY);

	if (self < 0)
		return err_sys(e, ERR_AUD_READ, self, "open /proc/self");
	for (int k = 0; k < NS_KINDS; k++)
		one_namespace(u, self, k);
	return 0;
}

/* ---- id maps ---- */

static const char *show_maps(struct arena *a, const struct spec_idmap *v, size_t n)
{
	const char *out = "";

	for (size_t i = 0; i < n; i++)
		out = arena_printf(a, "%s%s%u-%u are %u-%u", out, i ? ", " : "", v[i].container_id,
				   v[i].container_id + v[i].size - 1, v[i].host_id,
				   v[i].host_id + v[i].size - 1);
	return n ? out : "nothing is mapped";
}

static struct spec_idmaps parse_maps(struct arena *a, const char *text)
{
	struct spec_idmaps maps = { 0 };

	for (const char *p = text; *p; p += *p == '\n') {
		struct spec_idmap m;

		if (!audit_number(&p, &m.container_id) || !audit_number(&p, &m.host_id) ||
		    !audit_number(&p, &m.size))
			break;
		*(struct spec_idmap *)arena_push(a, &maps.v, &maps.n, sizeof(m)) = m;
	}
	return maps;
}

/*
 * KERNEL: shown sorted only above five lines, so the order of the config is that of the file or
 * that of the ids. user_namespaces(7), kernel/user_namespace.c since 4.15
 */
static bool same_maps(const struct spec_idmaps *x, const struct spec_idmaps *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++) {
		size_t k = 0;

		while (k < y->n &&
		       (x->v[i].container_id != y->v[k].container_id ||
			x->v[i].host_id != y->v[k].host_id || x->v[i].size != y->v[k].size))
			k++;
		if (k == y->n)
			return false;
	}
	return true;
}

static void one_map(struct audit *u, const char *file, const char *pointer,
		    const struct spec_idmaps *wants)
{
	struct spec_idmaps has;
	char *text = NULL;
	int r = audit_read(u, u->dir, file, &text);

	if (r < 0) {
		audit_unread(u, "idMaps", file, r);
		return;
	}
	has = parse_maps(u->arena, text);
	audit_add(u, same_maps(&has, wants) ? AUDIT_SAME : AUDIT_DIFFERS, "idMaps", file, pointer,
		  show_maps(u->arena, wants->v, wants->n), "%s", show_maps(u->arena, has.v, has.n));
}

int audit_id_maps(struct audit *u, struct err *e)
{
	const struct plan_ids *ids = &u->plan.ids;

	(void)e;
	if (!(u->plan.ns.created & CLONE_NEWUSER)) {
		if (!(u->plan.ns.joined & CLONE_NEWUSER))
			audit_add(u, AUDIT_EXPOSED, "idMaps", "", "/linux/namespaces", "",
				  "a user id inside is the same user outside");
		return 0;
	}
	one_map(u, "uid_map", "/linux/uidMappings", &ids->uid);
	one_map(u, "gid_map", "/linux/gidMappings", &ids->gid);
	return 0;
}
