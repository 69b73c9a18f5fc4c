/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/select: the only place that looks at the host. Hides mountinfo, /proc/self/cgroup and the
 * four layouts; everything else reads `struct cgroup_host`.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"
#include "sys/proc.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
enum { MOUNTINFO_MAX = 64 << 20 };

/* One cgroup or cgroup2 line of mountinfo. */
struct mount_line {
	char *root, *point, *super;
	bool v2;
};

static int read_proc(const char *path, struct arena *a, char **ret)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	size_t n;

	return fd < 0 ? fd : io_read_all(fd, MOUNTINFO_MAX, a, ret, &n);
}

static char *next_field(char **s)
{
	char *start = *s, *end = strchrnul(start, ' ');

	*s = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

/* "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755"; false for other file systems. */
static bool parse_mount(char *line, struct mount_line *ret)
{
	char *dash = strstr(line, " - "), *rest, *type;

	if (!dash)
		return false;
	rest = dash + 3;
	type = next_field(&rest);
	if (!streq(type, "cgroup") && !streq(type, "cgroup2"))
		return false;
	ret->v2 = streq(type, "cgroup2");
	next_field(&rest); /* source */
	ret->super = next_field(&rest);
	*dash = '\0';
	for (int i = 0; i < 3; i++)
		next_field(&line);
	ret->root = next_field(&line);
	ret->point = next_field(&line);
	proc_unescape(ret->root);
	proc_unescape(ret->point);
	return true;
}

static bool has_word(const char *list, const char *word, size_t n)
{
	while (*list) {
		size_t m = strcspn(list, ",");

		if (m == n && memcmp(list, word, n) == 0)
			return true;
		list += m + (list[m] == ',');
	}
	return false;
}

/* Do the super block options name every controller of "cpu,cpuacct"? */
static bool has_controllers(const char *super, const char *controllers)
{
	while (*controllers) {
		size_t n = strcspn(controllers, ",");

		if (!has_word(super, controllers, n))
			return false;
		controllers += n + (controllers[n] == ',');
	}
	return true;
}

static size_t read_mounts(char *text, struct arena *a, struct mount_line **ret)
{
	struct mount_line *v = NULL, one;
	size_t n = 0;

	while (*text) {
		char *end = strchrnul(text, '\n');
		bool more = *end;

		*end = '\0';
		if (parse_mount(text, &one))
			*(struct mount_line *)arena_push(a, &v, &n, sizeof(*v)) = one;
		text = more ? end + 1 : end;
	}
	*ret = v;
	return n;
}

static bool below_root(const char *point)
{
	const char *rest = str_skip(point, CGROUP_ROOT);

	return rest && (*rest == '/' || *rest == '\0');
}

/*
 * The mount of a hierarchy: the last one below /sys/fs/cgroup (it covers those before), else the
 * first one anywhere.
 */
static const struct mount_line *find_mount(const struct mount_line *v, size_t n,
					   const char *controllers)
{
	const struct mount_line *best = NULL;

	for (size_t i = 0; i < n; i++) {
		bool fits = controllers ? !v[i].v2 && has_controllers(v[i].super, controllers)
					: v[i].v2;

		if (fits && (!best || below_root(v[i].point)))
			best = &v[i];
	}
	return best;
}

/*
 * The caller's path as seen below the mount, whose root may itself be a group (in a container
 * without cgroup namespace).
 */
static const char *below_mount(const char *own, const char *root)
{
	size_t n = strlen(root);

	if (streq(root, "/"))
		return own;
	if (strncmp(own, root, n) == 0 && (own[n] == '/' || own[n] == '\0'))
		return own[n] ? own + n : "/";
	return "";
}

static void add(struct cgroup_host *h, bool v2, const char *controllers, const char *mount,
		const char *own)
{
	struct cgroup_hierarchy *x = &h->h[h->n];

	if (h->n == CGROUP_HIERARCHIES || strlen(mount) >= sizeof(x->mount) ||
	    strlen(controllers) >= sizeof(x->controllers))
		return;
	x->v2 = v2;
	str_format(x->mount, sizeof(x->mount), "%s", mount);
	str_format(x->controllers, sizeof(x->controllers), "%s", controllers);
	str_format(h->own[h->n], sizeof(h->own[0]), "%s",
		   strlen(own) < sizeof(h->own[0]) ? own : "");
	h->n++;
}

/* Walk /proc/self/cgroup: "4:cpu,cpuacct:/path" for v1, "0::/path" for v2. */
static void read_own(char *text, const struct mount_line *v, size_t n, bool v2,
		     struct cgroup_host *h)
{
	while (*text) {
		char *end = strchrnul(text, '\n'), *controllers, *own;
		bool more = *end;

		*end = '\0';
		controllers = strchr(text, ':');
		own = controllers ? strchr(controllers + 1, ':') : NULL;
		if (own) {
			const struct mount_line *m;

			controllers++;
			*own++ = '\0';
			m = !*controllers == v2 ? find_mount(v, n, v2 ? NULL : controllers) : NULL;
			if (m)
				add(h, v2, controllers, m->point, below_mount(own, m->root));
		}
		text = more ? end + 1 : end;
	}
}

int cgroup_host_read(struct cgroup_host *ret, bool own, struct err *e)
{
	struct mount_line only = { .root = (char[]){ "/" },
				   .point = (char[]){ CGROUP_ROOT },
				   .super = (char[]){ "" },
				   .v2 = true };
	struct mount_line *v = &only;
	_cleanup_fd_ int root = sys_openat(AT_FDCWD, CGROUP_ROOT, O_PATH | O_DIRECTORY, 0);
	bool v2_alone = root >= 0 && sys_fs_magic(root) == HULL_CGROUP2_MAGIC;
	size_t n = 1;
	struct arena a;
	char *paths, *copy, *mounts;
	int r;

	ret->layout = HOST_CGROUP_NONE;
	ret->n = 0;
	ret->root = (struct cgroup_root){ v2_alone ? fd_take(&root) : 0, CGROUP_ROOT };
	if (v2_alone && !own) {
		ret->layout = HOST_CGROUP_V2;
		add(ret, true, "", CGROUP_ROOT, "");
		return 0;
	}
	arena_init(&a);
	r = read_proc("/proc/self/cgroup", &a, &paths);
	/*
	 * The common case: v2 alone. Its root need not be "/" when it is bound from elsewhere;
	 * own[] is then as a cgroup namespace shows it, which is right inside one.
	 */
	if (!v2_alone) {
		if (r >= 0)
			r = read_proc("/proc/self/mountinfo", &a, &mounts);
		n = r >= 0 ? read_mounts(mounts, &a, &v) : 0;
	}
	if (r == -ENOENT || r >= 0) { /* ENOENT: a kernel without cgroups */
		copy = r >= 0 ? arena_strdup(&a, paths) : arena_strdup(&a, "");
		if (r >= 0 && v != &only)
			read_own(copy, v, n, false, ret);
		ret->layout = ret->n ? HOST_CGROUP_V1 : HOST_CGROUP_NONE;
		if (r >= 0)
			read_own(paths, v, n, true, ret);
		if (ret->n && ret->h[ret->n - 1].v2)
			ret->layout = ret->n > 1 ? HOST_CGROUP_HYBRID : HOST_CGROUP_V2;
		r = 0;
	}
	arena_free(&a);
	if (r < 0)
		return err_sys(e, ERR_CGR_LAYOUT, r,
			       "read /proc/self/cgroup and /proc/self/mountinfo");
	return 0;
}

static const struct cgroup_ops *const by_layout[] = {
	[HOST_CGROUP_NONE] = &cgroup_ops_none,
	[HOST_CGROUP_V1] = &cgroup_ops_v1,
	[HOST_CGROUP_HYBRID] = &cgroup_ops_hybrid,
	[HOST_CGROUP_V2] = &cgroup_ops_v2,
};

int cgroup_restore(struct cgroup *g, struct err *e)
{
	if (g->layout < 0 || (size_t)g->layout >= ARRAY_LEN(by_layout) || g->n > CGROUP_HIERARCHIES)
		return err_set(e, ERR_CGR_LAYOUT, EINVAL,
			       "the record names an unknown cgroup layout");
	for (unsigned i = 0; i < g->n; i++) {
		int r = cgroup_path_check(g->dir[i].path, e);

		if (r < 0)
			return r;
	}
	g->v2_fd = -1;
	g->root = 0;
	g->helper = 0;
	if (g->manager == CGROUP_SYSTEMD && g->n)
		g->ops = &cgroup_ops_systemd;
	else
		g->ops = g->manager == CGROUP_DISABLED || !g->n ? &cgroup_ops_none
								: by_layout[g->layout];
	return 0;
}

void cgroup_forget_above(struct cgroup_above *above)
{
	if (!above)
		return;
	if (above->path[0])
		fd_close(&above->dir);
	above->path[0] = '\0';
}

void cgroup_lend(struct cgroup *g, struct cgroup_root *kept, struct cgroup_above *above)
{
	const char *mount = g->dir[0].mount;

	if (g->n != 1 || !g->dir[0].v2)
		return;
	if (!streq(kept->mount, mount)) {
		cgroup_forget_above(above);
		if (kept->fd > 0)
			fd_close(&kept->fd);
		kept->fd = -1;
		kept->mount[0] = '\0';
		if (str_format(kept->mount, sizeof(kept->mount), "%s", mount) == 0)
			kept->fd = cgroup_root_open(mount, true);
	}
	g->root = kept->fd > 0 ? kept->fd : 0; /* else the look itself says what is wrong */
	g->above = above;
}

int cgroup_select(enum plan_cgroup_manager m, const struct cgroup_host *h, struct cgroup *ret,
		  struct err *e)
{
	(void)e;
	memset(ret, 0, sizeof(*ret));
	ret->manager = m;
	ret->layout = h->layout;
	ret->v2_fd = -1;
	ret->root = h->root.fd;
	ret->ops = m == CGROUP_DISABLED	 ? &cgroup_ops_none
		   : m == CGROUP_SYSTEMD ? &cgroup_ops_systemd
					 : by_layout[h->layout];
	return 0;
}
