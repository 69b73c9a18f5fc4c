/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/dirs: the group's directory in each hierarchy: name, make, join, write, remove. The same
 * for v1 and v2; hides which components hull made and races with neighbours that share a parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY, MAKE_TRIES = 16 };

int cgroup_path_check(const char *path, struct err *e)
{
	if (!path || path[0] != '/')
		return err_set(e, ERR_CGR_PATH, EINVAL, "cgroup path \"%s\" is not absolute",
			       path ? path : "");
	if (strlen(path) >= CGROUP_PATH_SIZE)
		return err_set(e, ERR_CGR_PATH, ENAMETOOLONG, "cgroup path of %zu bytes",
			       strlen(path));
	/*
	 * SECURITY: faults P6: the root is everybody's group; nothing may be limited, frozen or
	 * killed there.
	 */
	if (!path[1])
		return err_set(e, ERR_CGR_PATH, EINVAL, "the root cgroup cannot be a container's");
	for (const char *p = path; *p;) {
		const char *name = p + 1, *end = strchrnul(name, '/');
		size_t n = (size_t)(end - name);

		if (n == 0 || (n == 1 && name[0] == '.') ||
		    (n == 2 && name[0] == '.' && name[1] == '.'))
			return err_set(e, ERR_CGR_PATH, EINVAL,
				       "cgroup path \"%s\" has an empty, \".\" or \"..\" part",
				       path);
		if (n > 255)
			return err_set(e, ERR_CGR_PATH, ENAMETOOLONG,
				       "a part of the cgroup path has %zu bytes", n);
		/*
		 * KERNEL: mkdir of a group refuses a newline (EINVAL): it would break
		 * /proc/PID/cgroup. Since 4.2.
		 */
		if (memchr(name, '\n', n))
			return err_set(e, ERR_CGR_PATH, EINVAL, "cgroup path with a newline");
		p = end;
	}
	return 0;
}

const char *cgroup_dir_name(const struct cgroup *g, unsigned i, char buf[static CGROUP_NAME_SIZE])
{
	struct strbuf b = { .buf = buf, .size = CGROUP_NAME_SIZE };

	buf[0] = '\0';
	sb_add(&b, g->dir[i].mount);
	sb_add(&b, g->dir[i].path);
	return buf;
}

bool cgroup_dir_has(const struct cgroup *g, unsigned i, const char *controller)
{
	size_t n = strlen(controller);

	for (const char *p = g->dir[i].controllers; *p;) {
		const char *end = strchrnul(p, ',');

		if ((size_t)(end - p) == n && memcmp(p, controller, n) == 0)
			return true;
		p = *end ? end + 1 : end;
	}
	return false;
}

int cgroup_dir_find(const struct cgroup *g, const char *controller)
{
	for (unsigned i = 0; i < g->n; i++)
		if (!g->dir[i].v2 && cgroup_dir_has(g, i, controller))
			return (int)i;
	return -1;
}

int cgroup_dir_v2(const struct cgroup *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->dir[i].v2)
			return (int)i;
	return -1;
}

void cgroup_dir_drop(struct cgroup *g, unsigned i)
{
	memmove(&g->dir[i], &g->dir[i + 1], (g->n - i - 1) * sizeof(g->dir[0]));
	g->n--;
}

int cgroup_dir_open(const struct cgroup *g, unsigned i)
{
	_cleanup_fd_ int own = -1;
	int root = cgroup_root_of(g, i, &own);

	return root < 0 ? root : cgroup_beneath_open(root, g->dir[i].path + 1, OPEN_DIR);
}

/*
 * Open the longest prefix of @path that exists, not looking for the last @missing components;
 * *ret_rest points to the first one that is not there, "" when all are.
 */
static int open_prefix(int root, const char *path, unsigned missing, const char **ret_rest)
{
	char prefix[512];
	size_t n = strlen(path);

	memcpy(prefix, path, n + 1);
	while (missing && n)
		if (prefix[--n] == '/' || !n) {
			prefix[n] = '\0';
			missing--;
		}
	for (;;) {
		int fd = cgroup_beneath_open(root, prefix, OPEN_DIR);

		if (fd != -ENOENT || !n) {
			*ret_rest = path[n] ? path + n + (n > 0) : "";
			return fd;
		}
		while (n && prefix[--n] != '/')
			;
		prefix[n] = '\0';
	}
}

static unsigned components(const char *path)
{
	unsigned n = *path ? 1 : 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

int cgroup_dir_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_hierarchy *h,
		    struct err *e)
{
	_cleanup_fd_ int own = -1, fd = -1;
	const char *rest;
	unsigned i = g->n;
	int root;

	if (i >= CGROUP_HIERARCHIES)
		return err_set(e, ERR_CGR_LAYOUT, E2BIG, "more than %d hierarchies",
			       CGROUP_HIERARCHIES);
	g->dir[i].mount = h->mount;
	g->dir[i].controllers = h->controllers;
	g->dir[i].path = p->path;
	g->dir[i].v2 = h->v2;
	g->dir[i].created = 0;
	root = cgroup_root_of(g, i, &own);
	if (root < 0)
		return err_sys(e, ERR_CGR_LAYOUT, root, "open cgroup hierarchy %s", h->mount);
	g->n++;
	fd = open_prefix(root, g->dir[i].path + 1, 0, &rest);
	if (fd >= 0)
		g->dir[i].created = components(rest);
	return 0; /* what cannot be looked at now fails in create, which says why */
}

/*
 * One go; @missing components were not there a moment ago. *@first is the depth of the topmost
 * component that is ours. -ENOENT, -ENODEV: a neighbour removed a parent between our steps.
 */
static int make_once(int root, const char *path, unsigned missing, unsigned *first)
{
	_cleanup_fd_ int at = -1;
	const char *rest;
	char name[256];
	unsigned depth;

	at = open_prefix(root, path, missing, &rest);
	for (depth = components(path) - components(rest); at >= 0 && *rest; depth++) {
		const char *end = strchrnul(rest, '/');
		int r, fd;

		str_format(name, sizeof(name), "%.*s", (int)(end - rest), rest);
		r = sys_mkdirat(at, name, 0755);
		if (r < 0 && r != -EEXIST)
			return r;
		/* someone else made it in the meantime: what we made above it is theirs as well */
		*first = r == -EEXIST ? depth + 1 : MIN(*first, depth);
		fd = cgroup_beneath_open(at, name, OPEN_DIR);
		if (fd < 0)
			return fd;
		fd_close(&at);
		at = fd;
		rest = *end ? end + 1 : end;
	}
	return fd_take(&at);
}

int cgroup_dir_make(struct cgroup *g, unsigned i, struct err *e)
{
	_cleanup_fd_ int own = -1;
	unsigned total = components(g->dir[i].path + 1), first = total;
	/* what the plan did not find; systemd has made groups since */
	unsigned missing = g->unit[0] ? 0 : g->dir[i].created;
	char name[CGROUP_NAME_SIZE];
	int root, r = 0;

	g->dir[i].created = 0;
	root = cgroup_root_of(g, i, &own);
	if (root < 0)
		return err_sys(e, ERR_CGR_LAYOUT, root, "open cgroup hierarchy %s",
			       g->dir[i].mount);
	for (unsigned try = 0; try < MAKE_TRIES; try++, missing = 0) {
		r = make_once(root, g->dir[i].path + 1, missing, &first);
		g->dir[i].created = total - first;
		if (r >= 0)
			return r;
		if (r != -ENOENT && r != -ENODEV)
			break;
	}
	/* KERNEL: cgroup.max.depth and cgroup.max.descendants refuse with EAGAIN. Since 4.14. */
	if (r == -EAGAIN)
		return err_sys(e, ERR_CGR_CREATE, r,
			       "make cgroup %s: cgroup.max.depth or cgroup.max.descendants of a "
			       "parent is reached",
			       cgroup_dir_name(g, i, name));
	return err_sys(e, ERR_CGR_CREATE, r, "make cgroup %s", cgroup_dir_name(g, i, name));
}

static int explain_join(const struct cgroup *g, unsigned i, const char *who, int r, struct err *e)
{
	char name[CGROUP_NAME_SIZE];

	cgroup_dir_name(g, i, name);
	if (r == -EBUSY && g->dir[i].v2)
		return err_sys(e, ERR_CGR_JOIN, r,
			       "move %s into %s, which has controllers enabled for its "
			       "children (cgroup.subtree_control)",
			       who, name);
	if (r == -ENOSPC && cgroup_dir_has(g, i, "cpuset"))
		return err_sys(e, ERR_CGR_JOIN, r,
			       "move %s into %s: cpuset.cpus or cpuset.mems is empty", who, name);
	return err_sys(e, ERR_CGR_JOIN, r, "move %s into %s", who, name);
}

int cgroup_dir_join(const struct cgroup *g, unsigned i, int pid, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, i);
	char who[32];
	int r = dir;

	str_format(who, sizeof(who), "%d", pid);
	if (r >= 0)
		r = cgroup_file_write(dir, "cgroup.procs", who);
	if (r >= 0)
		return 0;
	str_format(who, sizeof(who), "process %d", pid);
	return explain_join(g, i, who, r, e);
}

/*
 * KERNEL: a thread that writes "0" into the v1 file `tasks` moves itself without the lock over all
 * forks and exits of the host, which costs cgroup.procs a millisecond for each hierarchy.
 * cgroup_procs_write_start, since 5.15
 */
int cgroup_doors_open(const struct cgroup *g, int *ret_fds, struct err *e)
{
	for (unsigned i = 0; i < g->n; i++)
		ret_fds[i] = -1;
	for (unsigned i = 0; i < g->n; i++) {
		_cleanup_fd_ int dir = -1;

		if (g->dir[i].v2 && g->v2_fd >= 0)
			continue;
		dir = cgroup_dir_open(g, i);
		ret_fds[i] =
			dir < 0 ? dir
				: cgroup_file_open(dir, g->dir[i].v2 ? "cgroup.procs" : "tasks",
						   O_WRONLY);
		if (ret_fds[i] < 0)
			return explain_join(g, i, "the container", ret_fds[i], e);
	}
	return 0;
}

int cgroup_doors_enter(const struct cgroup *g, int *fds, struct err *e)
{
	for (unsigned i = 0; i < g->n; i++) {
		int r;

		if (fds[i] < 0)
			continue;
		r = io_write_all(fds[i], "0", 1);
		fd_close(&fds[i]);
		if (r < 0)
			return explain_join(g, i, "the container", r, e);
	}
	return 0;
}

int cgroup_dir_write(const struct cgroup *g, unsigned i, int dir, const char *file,
		     const char *value, const char *pointer, struct err *e)
{
	char name[CGROUP_NAME_SIZE];
	int r = cgroup_file_write(dir, file, value);

	if (r >= 0)
		return 0;
	err_sys(e, ERR_CGR_SET, r, "write \"%.200s\" to %s/%s", value, cgroup_dir_name(g, i, name),
		file);
	return pointer ? err_at(e, r, "%s", pointer) : r;
}

int cgroup_check_fit(const struct cgroup *g, unsigned i, int dir, struct err *e)
{
	char name[CGROUP_NAME_SIZE], who[128];
	uint64_t populated = 0, frozen = 0;
	bool busy;

	cgroup_dir_name(g, i, name);
	cgroup_tree_who(dir, who, sizeof(who));
	busy = who[0];
	if (g->dir[i].v2) {
		(void)cgroup_events_get(dir, "frozen", &frozen);
		if (cgroup_events_get(dir, "populated", &populated) == 0)
			busy = populated;
	}
	if (frozen)
		return err_set(e, ERR_CGR_CREATE, EBUSY,
			       "container's cgroup unexpectedly frozen: %s", name);
	if (busy)
		return err_set(e, ERR_CGR_CREATE, EBUSY,
			       "container's cgroup is not empty: process %s in %s",
			       who[0] ? who : "of another pid namespace", name);
	return 0;
}

int cgroup_sweep_dir(const struct cgroup *g)
{
	/* v2 first (cgroup.kill, events), then the hierarchies that help most, then any */
	static const char order[][13] = { "pids", "freezer", "devices", "name=systemd" };
	int i = cgroup_dir_v2(g);

	if (i >= 0 && g->dir[i].created)
		return i;
	for (size_t k = 0; k < ARRAY_LEN(order); k++) {
		i = cgroup_dir_find(g, order[k]);
		if (i >= 0 && g->dir[i].created)
			return i;
	}
	for (unsigned j = 0; j < g->n; j++)
		if (g->dir[j].created)
			return (int)j;
	return -1;
}

int cgroup_need_own(const struct cgroup *g, const char *what, struct err *e)
{
	if (cgroup_is_own(g))
		return 0;
	return err_set(e, ERR_CGR_KILL, EPERM,
		       "%s: cgroup %s existed before the container and may hold other processes",
		       what, g->n ? g->dir[0].path : "");
}

static void nap(unsigned *ms, uint64_t deadline)
{
	(void)io_wait(-1, 0, MIN(io_now() + *ms * 1000000ull, deadline));
	*ms = MIN(*ms * 2, 50u);
}

/* Something in the group is busy: wait for its last process. 0: look again. */
static int wait_empty(const struct cgroup *g, unsigned i, int dir, uint64_t deadline, unsigned *ms)
{
	int r = 0;

	if (io_now() >= deadline)
		return -ETIMEDOUT;
	if (g->dir[i].v2)
		r = cgroup_events_wait(dir, "populated", 0, deadline);
	/*
	 * v1 tells nobody; on v2 empty and busy are new children or dying ones: short, growing naps
	 */
	if (r >= 0)
		nap(ms, deadline);
	return r == -ENOENT ? 0 : r;
}

/* The group itself, with what the container made below it. 0 when it is gone. */
static int remove_leaf(struct cgroup *g, unsigned i, int parent, const char *leaf,
		       uint64_t deadline, struct err *e)
{
	char name[CGROUP_NAME_SIZE], below[256] = "", who[128];
	unsigned ms = 1;
	int r;

	for (bool first = true;; first = false) {
		_cleanup_fd_ int dir = -1;

		r = sys_unlinkat(parent, leaf, AT_REMOVEDIR);
		if (r >= 0 || r == -ENOENT || r == -ENODEV)
			return 0;
		if (r != -EBUSY && r != -ENOTEMPTY)
			break;
		dir = cgroup_beneath_open(parent, leaf, OPEN_DIR);
		if (dir == -ENOENT)
			return 0;
		r = dir < 0 ? dir : cgroup_tree_remove_children(dir, below, sizeof(below));
		if (r < 0 && r != -EBUSY)
			break;
		if (r >= 0 && first)
			continue; /* most often that was all */
		if (wait_empty(g, i, dir, deadline, &ms) >= 0)
			continue;
		cgroup_dir_name(g, i, name);
		cgroup_tree_who(dir, who, sizeof(who));
		return err_set(e, ERR_CGR_REMOVE, EBUSY, "remove cgroup %s%s%s: %s%s", name,
			       below[0] ? "/" : "", below,
			       who[0] ? "it holds process " : "it stays busy", who);
	}
	return err_sys(e, ERR_CGR_REMOVE, r, "remove cgroup %s", cgroup_dir_name(g, i, name));
}

int cgroup_dir_remove(struct cgroup *g, unsigned i, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int own = -1, parent = -1;
	char path[CGROUP_PATH_SIZE];
	unsigned left = g->dir[i].created;
	int root;

	if (!left)
		return 0;
	root = cgroup_root_of(g, i, &own);
	/* the hierarchy was unmounted: the group is out of reach, not busy */
	if (root == -ENOENT || root == -ENOTSUP) {
		g->dir[i].created = 0;
		return 0;
	}
	if (root < 0)
		return err_sys(e, ERR_CGR_REMOVE, root, "open cgroup hierarchy %s",
			       g->dir[i].mount);
	str_format(path, sizeof(path), "%s", g->dir[i].path + 1);
	/*
	 * /hull is where containers without a path live: the last one out takes it along, whoever
	 * made it.
	 */
	if (left == 1 && str_starts(path, "hull/") && !strchr(path + 5, '/'))
		left = 2;
	for (bool leaf = true; left; left--, leaf = false) {
		char *slash = strrchr(path, '/');
		const char *name = slash ? slash + 1 : path;
		int r;

		if (slash)
			*slash = '\0';
		fd_close(&parent);
		parent = cgroup_beneath_open(root, slash ? path : "", OPEN_DIR);
		if (parent >= 0 && leaf) {
			r = remove_leaf(g, i, parent, name, deadline, e);
			if (r < 0)
				return r;
		} else if (parent >= 0) {
			r = sys_unlinkat(parent, name, AT_REMOVEDIR);
			if (r == -EBUSY || r == -ENOTEMPTY)
				/* a neighbour lives there by now: it is no longer ours to remove */
				break;
			if (r < 0 && r != -ENOENT && r != -ENODEV)
				break;
		}
		if (!slash)
			break;
	}
	g->dir[i].created = 0;
	return 0;
}
