/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/rdt: Intel RDT through resctrl (config-linux.md#intelrdt). Hides which directory is used,
 * made, compared and removed under which rule, and where the kernel puts its reason for a refusal.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "tune/internal.h"

#define RDTGROUP_MAGIC 0x7655821 /* linux/magic.h RDTGROUP_SUPER_MAGIC */

static const char at[] = "/linux/intelRdt";

const struct tune_rdt_env tune_rdt_host = { .root = "/sys/fs/resctrl", .magic = RDTGROUP_MAGIC };

/* ---- schemata lines ---- */

/* Cut "0=7f0" off a list like "0=7f0;1=1f" (blanks around allowed). False at the end. */
static bool next_domain(const char **list, const char **ret, size_t *ret_n)
{
	const char *s = *list;
	size_t n;

	s += strspn(s, " \t;");
	n = strcspn(s, ";\n");
	if (n == 0)
		return false;
	*list = s + n;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	*ret = s;
	*ret_n = n;
	return true;
}

/* Numbers are compared without leading zeros and, being hexadecimal masks, without case. */
static bool domain_equal(const char *a, size_t an, const char *b, size_t bn)
{
	const char *av = memchr(a, '=', an), *bv = memchr(b, '=', bn);

	if (!av || !bv || av - a != bv - b || memcmp(a, b, (size_t)(av - a)) != 0)
		return false;
	an -= (size_t)(av + 1 - a);
	bn -= (size_t)(bv + 1 - b);
	for (av++; an > 1 && *av == '0'; an--)
		av++;
	for (bv++; bn > 1 && *bv == '0'; bn--)
		bv++;
	for (size_t i = 0; i < an; i++)
		if (i >= bn || (av[i] | 0x20) != (bv[i] | 0x20))
			return false;
	return an == bn;
}

/* The list behind "NAME:" of the line of that resource, or NULL. */
const char *tune_rdt_find_resource(const char *content, const char *name, size_t n)
{
	for (const char *line = content; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (!strncmp(line, name, n) && line[n] == ':')
			return line + n + 1;
	}
	return NULL;
}

bool tune_rdt_matches(const char *content, const char *want)
{
	const char *colon = strchr(want, ':'), *have, *domain, *other;
	size_t n, m;

	have = colon ? tune_rdt_find_resource(content, want, (size_t)(colon - want)) : NULL;
	if (!have)
		return false;
	for (colon++; next_domain(&colon, &domain, &n);) {
		const char *list = have;
		bool found = false;

		while (!found && next_domain(&list, &other, &m))
			found = domain_equal(domain, n, other, m);
		if (!found)
			return false;
	}
	return true;
}

/* ---- the tree ---- */

/* KERNEL: the reason for the last refusal is a file. Documentation/filesystems/resctrl. */
static const char *last_status(int root, char *buf, size_t size)
{
	_cleanup_fd_ int fd = sys_openat(root, "info/last_cmd_status", O_RDONLY, 0);

	if (fd < 0 || io_read_line_file(fd, buf, size) <= 0 || streq(buf, "ok"))
		return "";
	return buf;
}

static int fail(int root, int r, struct err *e, const char *what, const char *name)
{
	char status[256];
	const char *why = last_status(root, status, sizeof(status));

	/* KERNEL: ENOSPC when all CLOSIDs or RMIDs are in use. */
	return err_sys(e, ERR_TUN_RDT, r, "%s %s%s%s%s", what, name, why[0] ? " (" : "", why,
		       why[0] ? ")" : "");
}

/* A directory name of resctrl that is not one of its own. */
static bool name_is_usable(const char *name)
{
	static const char own[][11] = { ".", "..", "info", "mon_groups", "mon_data" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (streq(name, own[i]))
			return false;
	return name[0] && strlen(name) < 256 && !strpbrk(name, "/\n");
}

static bool has_schema(const struct spec_rdt *r)
{
	return r->l3_cache_schema || r->mem_bw_schema || r->schemata.n;
}

int tune_rdt_open_root(const struct tune_rdt_env *env, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, env->root, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0 || (env->magic && sys_fs_magic(fd) != env->magic))
		return err_set(e, ERR_TUN_RDT, 0, "no resctrl is mounted at %s", env->root);
	return fd_take(&fd);
}

/* Open the group of the container, making it where the rules say so. */
static int open_group(const struct tune_rdt_env *env, int root, const struct spec_rdt *r,
		      const char *id, bool *ret_made, bool *ret_existed, struct err *e)
{
	const char *name = r->clos_id ? r->clos_id : id;
	bool made = false;
	int fd, k;

	*ret_made = false;
	*ret_existed = true;
	if (r->clos_id && streq(r->clos_id, "/"))
		return fd_dup_above(root, 3);
	if (!name_is_usable(name))
		return err_at(e,
			      err_set(e, ERR_TUN_RDT, EINVAL,
				      "\"%s\" cannot be the name of a group", name),
			      "%s%s", at, r->clos_id ? "/closID" : "");
	if (!r->clos_id || has_schema(r)) {
		k = sys_mkdirat(root, name, 0755);
		if (k < 0 && k != -EEXIST)
			return fail(root, k, e, "make the group", name);
		made = k >= 0;
		if (made && env->made)
			env->made(name);
	}
	fd = sys_openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return err_at(
			e,
			err_sys(e, ERR_TUN_RDT, fd,
				"group %s does not exist and no schema is given to make it with",
				name),
			"%s/closID", at);
	if (fd < 0) {
		if (made)
			sys_unlinkat(root, name, AT_REMOVEDIR);
		return err_sys(e, ERR_TUN_RDT, fd, "open group %s", name);
	}
	*ret_made = made;
	*ret_existed = !made;
	return fd;
}

static int compare_line(const char *content, const char *want, const char *property, struct err *e)
{
	if (!want || tune_rdt_matches(content, want))
		return 0;
	return err_at(e, err_set(e, ERR_TUN_RDT, 0, "the group exists and has not %s", want),
		      "%s/%s", at, property);
}

static int compare(int group, const struct spec_rdt *r, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	_cleanup_fd_ int fd = -1;
	char *content;
	size_t n;
	int k;

	if (!r->l3_cache_schema && !r->mem_bw_schema)
		return 0;
	fd = sys_openat(group, "schemata", O_RDONLY, 0);
	if (fd < 0)
		return err_sys(e, ERR_TUN_RDT, fd, "open schemata");
	arena_init(&a);
	k = io_read_all(fd, 1 << 20, &a, &content, &n);
	if (k < 0)
		return err_sys(e, ERR_TUN_RDT, k, "read schemata");
	k = compare_line(content, r->l3_cache_schema, "l3CacheSchema", e);
	return k < 0 ? k : compare_line(content, r->mem_bw_schema, "memBwSchema", e);
}

/* KERNEL: a write must end in a newline, and naming a domain twice in one write is refused: one
 * write per line. */
int tune_rdt_write_line(int root, int fd, const char *line, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	char *text;
	int r;

	if (strchr(line, '\n'))
		return err_set(e, ERR_TUN_RDT, EINVAL, "the value has a newline");
	arena_init(&a);
	text = arena_printf(&a, "%s\n", line);
	r = io_write_all(fd, text, strlen(text));
	return r < 0 ? fail(root, r, e, "write to schemata:", line) : 0;
}

/* The order is the spec's: L3 first, MB, then the lines of `schemata`. */
static int write_schemata(int root, int group, const struct spec_rdt *r, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int k = 0;

	if (!has_schema(r))
		return 0;
	fd = sys_openat(group, "schemata", O_WRONLY, 0);
	if (fd < 0)
		return err_sys(e, ERR_TUN_RDT, fd, "open schemata");
	if (r->l3_cache_schema)
		k = err_at(e, tune_rdt_write_line(root, fd, r->l3_cache_schema, e),
			   "%s/l3CacheSchema", at);
	if (k >= 0 && r->mem_bw_schema)
		k = err_at(e, tune_rdt_write_line(root, fd, r->mem_bw_schema, e), "%s/memBwSchema",
			   at);
	for (size_t i = 0; i < r->schemata.n && k >= 0; i++)
		k = err_at(e, tune_rdt_write_line(root, fd, r->schemata.v[i], e), "%s/schemata/%zu",
			   at, i);
	return k;
}

static int make_monitor(int root, int group, const char *id, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	int r;

	if (!name_is_usable(id))
		return err_set(e, ERR_TUN_RDT, EINVAL, "\"%s\" cannot be the name of a group", id);
	dir = sys_openat(group, "mon_groups", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0)
		return err_sys(e, ERR_TUN_RDT, dir, "open mon_groups (does the hardware monitor?)");
	r = sys_mkdirat(dir, id, 0755);
	return r < 0 ? fail(root, r, e, "make the MON group", id) : 0;
}

int tune_rdt_prepare_at(const struct tune_rdt_env *env, const struct spec_rdt *r, const char *id,
			struct tune_rdt *ret, struct err *e)
{
	_cleanup_fd_ int root = -1, group = -1;
	const char *name = r->clos_id ? r->clos_id : id;
	struct tune_rdt t = { 0 };
	bool made, existed;
	int k;

	root = tune_rdt_open_root(env, e);
	if (root < 0)
		return err_at(e, root, "%s", at);
	group = open_group(env, root, r, id, &made, &existed, e);
	if (group < 0)
		return err_at(e, group, "%s", at);
	k = streq(name, "/") ? str_format(t.group, sizeof(t.group), "%s", env->root)
			     : str_format(t.group, sizeof(t.group), "%s/%s", env->root, name);
	if (k < 0)
		err_sys(e, ERR_TUN_RDT, k, "group %s", name);
	if (k >= 0 && r->clos_id && existed)
		k = compare(group, r, e);
	if (k >= 0)
		k = write_schemata(root, group, r, e);
	if (k >= 0 && r->enable_monitoring)
		k = err_at(e, make_monitor(root, group, id, e), "%s/enableMonitoring", at);
	if (k < 0) {
		if (made)
			sys_unlinkat(root, name, AT_REMOVEDIR);
		return err_at(e, k, "%s", at);
	}
	if (r->enable_monitoring)
		k = str_format(t.mon, sizeof(t.mon), "%s/mon_groups/%s", t.group, id);
	/* With a closID the group stays when the container goes, whoever made it. */
	t.made_group = made && !r->clos_id;
	t.made_mon = r->enable_monitoring;
	*ret = t;
	return k;
}

int tune_rdt_prepare(const struct spec_rdt *r, const char *id, struct tune_rdt *ret, struct err *e)
{
	return tune_rdt_prepare_at(&tune_rdt_host, r, id, ret, e);
}

static int join_one(const char *dir, pid_t pid, struct err *e)
{
	_cleanup_fd_ int dirfd = -1, fd = -1;
	char text[16];
	int r;

	dirfd = sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
	fd = dirfd < 0 ? dirfd : sys_openat(dirfd, "tasks", O_WRONLY, 0);
	if (fd < 0)
		return err_sys(e, ERR_TUN_RDT, fd, "open %s/tasks", dir);
	r = str_format(text, sizeof(text), "%d\n", pid);
	if (r >= 0)
		r = io_write_all(fd, text, strlen(text));
	return r < 0 ? err_sys(e, ERR_TUN_RDT, r, "write %d to %s/tasks", pid, dir) : 0;
}

int tune_rdt_join(const struct tune_rdt *t, pid_t pid, struct err *e)
{
	int r = t->group[0] ? join_one(t->group, pid, e) : 0;

	/* KERNEL: a MON group takes only tasks of the control group it is in: this order. */
	if (r >= 0 && t->mon[0])
		r = join_one(t->mon, pid, e);
	return err_at(e, r, "%s", at);
}

static int remove_one(const char *dir, struct err *e)
{
	int r = sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);

	return r < 0 && r != -ENOENT ? err_sys(e, ERR_TUN_RDT, r, "remove %s", dir) : 0;
}

int tune_rdt_remove(const struct tune_rdt *t, struct err *e)
{
	int r = t->made_mon ? remove_one(t->mon, e) : 0;

	if (t->made_group) {
		int k = remove_one(t->group, e);

		r = r < 0 ? r : k;
	}
	return r;
}
