/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/carry_mounts: the mounts that CRIU cannot make by itself, because what lies on them is
 * the host's: for a dump "mnt[where it is]:key", for a restore "mnt[key]:what to bind there". The
 * key is the destination as config.json has it. SECURITY: J3: what is bound at a restore comes from
 * the config alone; images name keys, never paths of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "container/carry.h"
#include "sys/call.h"
#include "sys/path.h"
#include "sys/proc.h"

enum { MOUNTINFO_MAX = 64 * 1024 * 1024 };

struct mount_line {
	uint64_t id;
	const char *root, *point;
};
struct mount_table {
	struct mount_line *v;
	size_t n;
};

/* Mounts of a process; pid 0: the caller. */
static int read_table(struct arena *a, pid_t pid, struct mount_table *ret)
{
	struct procfs proc;
	char path[32], *text, *line;
	size_t n;
	int fd, r;

	*ret = (struct mount_table){ 0 };
	r = proc_open_ambient(&proc);
	if (r < 0)
		return r;
	str_format(path, sizeof(path), pid ? "%d/mountinfo" : "self/mountinfo", pid);
	fd = proc_openat(&proc, path, O_RDONLY);
	r = fd < 0 ? fd : io_read_all(fd, MOUNTINFO_MAX, a, &text, &n);
	fd_close(&fd);
	proc_close(&proc);
	if (r < 0)
		return r;
	while ((line = strsep(&text, "\n")) && *line) {
		char *word[5] = { 0 };
		struct mount_line m;

		for (int i = 0; i < 5; i++)
			word[i] = strsep(&line, " ");
		if (!word[4] || str_to_u64(word[0], UINT64_MAX, &m.id) < 0)
			return -EBADMSG;
		proc_unescape(word[3]);
		proc_unescape(word[4]);
		m.root = word[3];
		m.point = word[4];
		*(struct mount_line *)arena_push(a, &ret->v, &ret->n, sizeof(m)) = m;
	}
	return 0;
}

int carry_mount_known(struct ctx *c, pid_t pid, uint64_t id)
{
	struct mount_table t;
	int r = read_table(&c->a, pid, &t);

	for (size_t i = 0; r == 0 && i < t.n; i++)
		if (t.v[i].id == id)
			return 1;
	return r;
}

static void add(struct carry *y, const char *from, const char *to)
{
	struct strv *x = &y->opts.external;

	*(char **)arena_push(&y->c->a, &x->v, &x->n, sizeof(char *)) =
		arena_printf(&y->c->a, "mnt[%s]:%s", from, to);
}

/* The part of @path below @dir with its "/", or NULL. */
static const char *below(const char *path, const char *dir)
{
	const char *rest = str_skip(path, streq(dir, "/") ? "" : dir);

	return rest && rest[0] == '/' && rest[1] ? rest : NULL;
}

/* What the kernel calls the place of an open file. */
static const char *place(struct arena *a, int fd)
{
	char link[32], path[4096];

	str_format(link, sizeof(link), "/proc/self/fd/%d", fd);
	return sys_readlinkat(AT_FDCWD, link, path, sizeof(path)) < 0 ? NULL
								      : arena_strdup(a, path);
}

static const struct mount_line *mounted_at(const struct mount_table *t, const char *point)
{
	for (size_t i = t->n; point && i-- > 0;)
		if (streq(t->v[i].point, point))
			return &t->v[i];
	return NULL;
}

/* ---- out ---- */

/* The mount at @destination of the container; NULL when nothing is mounted there any more. */
static const struct mount_line *find(struct carry *y, const struct mount_table *t, int root_fd,
				     const char *destination)
{
	struct rootfs root = { root_fd };
	_cleanup_fd_ int fd = path_resolve(&root, destination, false);

	return fd < 0 ? NULL : mounted_at(t, place(&y->c->a, fd));
}

/* A mount that came with a recursive bind, not one of the config's own below it. */
static bool is_planned(const struct mount_line *const *own, size_t n, const struct mount_line *m)
{
	for (size_t i = 0; i < n; i++)
		if (own[i] == m)
			return true;
	return false;
}

static void add_tree(struct carry *y, const struct mount_table *t,
		     const struct mount_line *const *own, const struct plan_mount *m,
		     const struct mount_line *top)
{
	add(y, top->point, m->destination);
	for (size_t i = 0; m->recursive && i < t->n; i++) {
		const char *rest = below(t->v[i].point, top->point);

		if (rest && !is_planned(own, y->plan->n_mounts, &t->v[i]))
			add(y, t->v[i].point, arena_printf(&y->c->a, "%s%s", m->destination, rest));
	}
}

/* Without a cgroup namespace a cgroup mount shows a part of the host's tree. */
static bool is_cgroup_part(const struct plan *p, const struct plan_mount *m)
{
	return m->kind == MOUNT_CGROUP && !(p->ns.created & CLONE_NEWCGROUP);
}

int carry_mounts_out(struct carry *y, const struct record *rec, int root_fd, struct err *e)
{
	const struct plan *p = y->plan;
	const struct mount_line **own =
		arena_new_array(&y->c->a, p->n_mounts + 1, const struct mount_line *);
	struct mount_table t;
	int r = read_table(&y->c->a, (pid_t)rec->pid, &t);

	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "read the mounts of process %llu",
			       (unsigned long long)rec->pid);
	for (size_t i = 0; i < p->n_mounts; i++)
		own[i] = find(y, &t, root_fd, p->mounts[i].destination);
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		if (own[i] && m->kind == MOUNT_BIND)
			add_tree(y, &t, own, m, own[i]);
		for (size_t k = 0; is_cgroup_part(p, m) && k < t.n; k++)
			if (!streq(t.v[k].root, "/") && (streq(t.v[k].point, m->destination) ||
							 below(t.v[k].point, m->destination)))
				add(y, t.v[k].point, t.v[k].point);
	}
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct mount_line *m =
			p->devices[i].bind ? find(y, &t, root_fd, p->devices[i].path) : NULL;

		if (m)
			add(y, m->point, p->devices[i].path);
	}
	for (size_t i = 0; i < p->masked.n; i++) {
		const struct mount_line *m = find(y, &t, root_fd, p->masked.v[i]);

		/* a file is covered by the host's /dev/null; a directory by an own tmpfs */
		if (m && !streq(m->root, "/"))
			add(y, m->point, p->masked.v[i]);
	}
	return 0;
}

/* ---- in ---- */

static int bind_in(struct carry *y, const struct mount_table *host, const struct plan_mount *m,
		   struct err *e)
{
	_cleanup_fd_ int fd = path_open_host(m->source, 0);
	const char *real;

	if (fd < 0)
		return err_at(e, err_sys(e, ERR_MNT_SOURCE, fd, "%s", m->source), "%s", m->pointer);
	real = place(&y->c->a, fd);
	add(y, m->destination, m->source);
	for (size_t i = 0; real && m->recursive && i < host->n; i++) {
		const char *rest = below(host->v[i].point, real);

		if (rest)
			add(y, arena_printf(&y->c->a, "%s%s", m->destination, rest),
			    host->v[i].point);
	}
	return 0;
}

static void cgroup_in(struct carry *y, const struct cgroup *g, const struct plan_mount *m)
{
	for (unsigned i = 0; i < g->n; i++) {
		const char *path = arena_printf(&y->c->a, "%s%s", g->dir[i].mount, g->dir[i].path);

		if (g->layout == HOST_CGROUP_V2)
			add(y, m->destination, path);
		else
			add(y,
			    arena_printf(&y->c->a, "%s/%s", m->destination,
					 path_base(g->dir[i].mount)),
			    path);
	}
}

int carry_mounts_in(struct carry *y, const struct record *rec, struct err *e)
{
	const struct plan *p = y->plan;
	struct mount_table host;
	int r = read_table(&y->c->a, 0, &host);

	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "read the mounts of the host");
	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		if (p->mounts[i].kind == MOUNT_BIND)
			r = bind_in(y, &host, &p->mounts[i], e);
		else if (is_cgroup_part(p, &p->mounts[i]))
			cgroup_in(y, &rec->cgroup, &p->mounts[i]);
	}
	for (size_t i = 0; i < p->n_devices; i++)
		if (p->devices[i].bind)
			add(y, p->devices[i].path, p->devices[i].source);
	for (size_t i = 0; i < p->masked.n; i++)
		add(y, p->masked.v[i], "/dev/null");
	return r;
}
