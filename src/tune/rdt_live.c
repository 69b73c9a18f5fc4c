/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/rdt_live: the resctrl group of a container that runs: new lines as one change, and what it
 * uses. Hides that the kernel takes schemata line by line and shows them padded.
 * Documentation/filesystems/resctrl.rst
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "tune/internal.h"

static const char at[] = "/linux/intelRdt";

static int read_schemata(int dir, struct arena *a, char **ret)
{
	_cleanup_fd_ int fd = sys_openat(dir, "schemata", O_RDONLY, 0);
	size_t n;

	return fd < 0 ? fd : io_read_all(fd, 1 << 20, a, ret, &n);
}

/* "L3:0=7f0;1=1f" of a content that may have "    L3:  0=7f0;1=1f"; NULL. */
static const char *line_of(const char *content, const char *name, struct arena *a)
{
	const char *list = tune_rdt_find_resource(content, name, strlen(name));

	if (!list)
		return NULL;
	list += strspn(list, " \t");
	return arena_printf(a, "%s:%.*s", name, (int)strcspn(list, "\n"), list);
}

static void read_lines(const char *content, struct tune_rdt_lines *ret, struct arena *a)
{
	ret->l3 = line_of(content, "L3", a);
	ret->mb = line_of(content, "MB", a);
}

static int open_group(const struct tune_rdt_env *env, const struct tune_rdt *t, struct err *e)
{
	int fd;

	if (!t->group[0])
		return err_set(e, ERR_TUN_RDT, ENOTSUP,
			       "the container was made without intelRdt: it has no group");
	if (streq(t->group, env->root))
		return err_set(e, ERR_TUN_RDT, EPERM,
			       "the container is in the root group, which the whole host shares");
	fd = sys_openat(AT_FDCWD, t->group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd < 0 ? err_sys(e, ERR_TUN_RDT, fd, "open %s", t->group) : fd;
}

static int check(const char *line, const char *prefix, const char *property, struct err *e)
{
	if (!line || str_starts(line, prefix))
		return 0;
	return err_at(
		e, err_set(e, ERR_TUN_RDT, EINVAL, "\"%s\" does not begin with %s", line, prefix),
		"%s/%s", at, property);
}

static int write_lines(int root, int fd, const struct tune_rdt_lines *v, struct err *e)
{
	int r = v->l3 ? err_at(e, tune_rdt_write_line(root, fd, v->l3, e), "%s/l3CacheSchema", at)
		      : 0;

	if (r >= 0 && v->mb)
		r = err_at(e, tune_rdt_write_line(root, fd, v->mb, e), "%s/memBwSchema", at);
	return r;
}

/* What the content has for the resource that the line @want names. */
static const char *now_of(const char *content, const char *want, struct arena *a)
{
	return want ? line_of(content, arena_memdup(a, want, strcspn(want, ":")), a) : NULL;
}

static struct tune_rdt_lines lines_now(const char *content, const struct tune_rdt_lines *want,
				       struct arena *a)
{
	return (struct tune_rdt_lines){ .l3 = now_of(content, want->l3, a),
					.mb = now_of(content, want->mb, a) };
}

int tune_rdt_update_at(const struct tune_rdt_env *env, const struct tune_rdt *t,
		       const struct tune_rdt_lines *want, struct arena *a,
		       struct tune_rdt_lines *ret_old, struct tune_rdt_lines *ret_new,
		       struct err *e)
{
	_cleanup_fd_ int root = -1, group = -1, fd = -1;
	struct tune_rdt_lines old;
	struct err drop = { 0 };
	char *content;
	int r;

	r = check(want->l3, "L3", "l3CacheSchema", e);
	if (r >= 0)
		r = check(want->mb, "MB:", "memBwSchema", e);
	if (r < 0)
		return r;
	root = tune_rdt_open_root(env, e);
	group = root < 0 ? root : open_group(env, t, e);
	if (group < 0)
		return err_at(e, group, "%s", at);
	fd = sys_openat(group, "schemata", O_WRONLY, 0);
	r = fd < 0 ? fd : read_schemata(group, a, &content);
	if (r < 0)
		return err_at(e, err_sys(e, ERR_TUN_RDT, r, "open %s/schemata", t->group), "%s",
			      at);
	old = lines_now(content, want, a);
	r = write_lines(root, fd, want, e);
	if (r < 0) {
		if (write_lines(root, fd, &old, &drop) < 0)
			err_drop(&drop, "the first error is the one to tell");
		return r;
	}
	*ret_old = old;
	*ret_new = read_schemata(group, a, &content) >= 0 ? lines_now(content, want, a) : *want;
	return 0;
}

int tune_rdt_update(const struct tune_rdt *t, const struct tune_rdt_lines *want, struct arena *a,
		    struct tune_rdt_lines *ret_old, struct tune_rdt_lines *ret_new, struct err *e)
{
	return tune_rdt_update_at(&tune_rdt_host, t, want, a, ret_old, ret_new, e);
}

/* ---- use ---- */

static bool read_text(int dir, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = sys_openat(dir, path, O_RDONLY | O_NOFOLLOW, 0);

	return fd >= 0 && io_read_line_file(fd, buf, size) > 0;
}

/* KERNEL: "Unavailable" or "Unassigned" where the hardware has no counter for it. */
static bool read_number(int dir, const char *path, uint64_t *ret)
{
	char text[32];

	return read_text(dir, path, text, sizeof(text)) && str_to_u64(text, UINT64_MAX, ret) == 0;
}

static void read_info(int root, struct arena *a, struct tune_rdt_stats *ret)
{
	char text[64];

	ret->l3.set = read_text(root, "info/L3/cbm_mask", text, sizeof(text));
	if (ret->l3.set) {
		ret->l3.cbm_mask = arena_strdup(a, text);
		(void)read_number(root, "info/L3/min_cbm_bits", &ret->l3.min_cbm_bits);
		(void)read_number(root, "info/L3/num_closids", &ret->l3.num_closids);
	}
	ret->mb.set = read_number(root, "info/MB/bandwidth_gran", &ret->mb.bandwidth_gran);
	if (ret->mb.set) {
		(void)read_number(root, "info/MB/delay_linear", &ret->mb.delay_linear);
		(void)read_number(root, "info/MB/min_bandwidth", &ret->mb.min_bandwidth);
		(void)read_number(root, "info/MB/num_closids", &ret->mb.num_closids);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "mon_L3_00", "mon_L3_01", ...: one for each cache. */
static size_t list_caches(int dir, struct arena *a, const char ***ret)
{
	_Alignas(struct dirent64) char buf[4096];
	const char **v = NULL;
	size_t count = 0;
	ssize_t n;

	while ((n = sys_getdents64(dir, buf, sizeof(buf))) > 0)
		for (ssize_t p = 0; p < n;) {
			const struct dirent64 *x = (const void *)(buf + p);

			p += x->d_reclen;
			if (str_starts(x->d_name, "mon_L3_"))
				*(const char **)arena_push(a, &v, &count, sizeof(*v)) =
					arena_strdup(a, x->d_name);
		}
	if (count)
		qsort(v, count, sizeof(*v), by_name);
	*ret = v;
	return count;
}

static void read_nodes(const char *group, struct arena *a, struct tune_rdt_stats *ret)
{
	_cleanup_fd_ int dir = sys_openat(AT_FDCWD, group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	_cleanup_fd_ int data =
		dir < 0 ? -1 : sys_openat(dir, "mon_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	const char **names;
	size_t n = data < 0 ? 0 : list_caches(data, a, &names);

	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int cache =
			sys_openat(data, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		struct tune_rdt_node *x;

		if (cache < 0)
			continue;
		x = arena_push(a, &ret->nodes, &ret->n_nodes, sizeof(*x));
		x->has_occupancy = read_number(cache, "llc_occupancy", &x->occupancy);
		x->has_total = read_number(cache, "mbm_total_bytes", &x->total);
		x->has_local = read_number(cache, "mbm_local_bytes", &x->local);
	}
}

int tune_rdt_stats_at(const struct tune_rdt_env *env, const struct tune_rdt *t, struct arena *a,
		      struct tune_rdt_stats *ret)
{
	_cleanup_fd_ int root = -1, group = -1;
	struct tune_rdt_stats s = { 0 };
	struct err why = { 0 };
	char *content;

	root = tune_rdt_open_root(env, &why);
	if (root < 0) {
		err_drop(&why, "nothing is counted then");
		return root;
	}
	group = sys_openat(AT_FDCWD, t->group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (group < 0)
		return group;
	read_info(root, a, &s);
	if (read_schemata(root, a, &content) >= 0)
		read_lines(content, &s.root, a);
	if (read_schemata(group, a, &content) >= 0)
		read_lines(content, &s.group, a);
	read_nodes(t->mon[0] ? t->mon : t->group, a, &s);
	*ret = s;
	return 0;
}

int tune_rdt_stats(const struct tune_rdt *t, struct arena *a, struct tune_rdt_stats *ret)
{
	return tune_rdt_stats_at(&tune_rdt_host, t, a, ret);
}
