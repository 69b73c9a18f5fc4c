/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2/enable: controllers for the group, by subtree_control of the groups above it. Hides
 * which ancestor has to act and finds out why one refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"

static const char controllers[][8] = { "cpu",	  "cpuset", "io",   "memory", "pids",
				       "hugetlb", "rdma",   "misc", "dmem" };
/*
 * Wanted without a limit too, where they can be had: what engines and `events` read, and what who
 * manages groups inside expects of other runtimes (a kubelet needs cpuset and hugetlb).
 */
enum { WANTED = (1 << ARRAY_LEN(controllers)) - 1 };

static unsigned controller_bit(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_LEN(controllers); i++)
		if (strlen(controllers[i]) == n && memcmp(controllers[i], name, n) == 0)
			return 1u << i;
	return 0;
}

/*
 * "cpu memory pids" of cgroup.controllers or cgroup.subtree_control; nothing when it cannot be
 * read.
 */
static unsigned read_set(int dir, const char *file)
{
	char text[256];
	unsigned set = 0;

	if (cgroup_file_read(dir, file, text, sizeof(text)) < 0)
		return 0;
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " \n");

		set |= controller_bit(p, n);
		p += n;
		p += strspn(p, " \n");
	}
	return set;
}

/* "+cpu +pids" with @prefix "+". */
static void list_set(struct strbuf *b, unsigned set, const char *prefix)
{
	bool first = true;

	for (unsigned i = 0; i < ARRAY_LEN(controllers); i++)
		if (set & 1u << i) {
			sb_printf(b, "%s%s%s", first ? "" : " ", prefix, controllers[i]);
			first = false;
		}
}

/* "user@1000.service" in a path: who decides there is systemd. */
static void hint_delegate(struct strbuf *b, const char *path, const char *names)
{
	const char *p = strstr(path, "/user@");

	if (p && strstr(p, ".service"))
		sb_printf(b,
			  "; put \"Delegate=%s\" below [Service] in "
			  "/etc/systemd/system/user@.service.d/delegate.conf",
			  names);
}

/*
 * Realtime processes below @dir. KERNEL: with RT_GROUP_SCHED `cpu` refuses (EINVAL) while one is
 * outside the root group.
 */
static void list_realtime(struct strbuf *b, int dir)
{
	struct arena a;
	int *pids = NULL;
	size_t n = 0, shown = 0;

	arena_init(&a);
	if (cgroup_tree_pids(dir, &a, &pids, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && shown < 4; i++) {
		int policy = sched_getscheduler(pids[i]);

		if (policy == SCHED_FIFO || policy == SCHED_RR)
			sb_printf(b, "%s %d",
				  shown++ ? "," : ": processes with a realtime policy below it:",
				  pids[i]);
	}
	arena_free(&a);
}

/* Why did the group at @path refuse "+@set"? In the words of its neighbours. */
static int explain(const struct cgroup *g, unsigned i, int dir, const char *path, unsigned set,
		   int r, struct err *e)
{
	char names[128], why[400], who[128];
	struct strbuf bn = STRBUF(names), b = STRBUF(why);

	list_set(&bn, set, "");
	if (r == -ENOENT) {
		sb_add(&b, ": it has only these itself:");
		sb_char(&b, ' ');
		list_set(&b, read_set(dir, "cgroup.controllers"), "");
		hint_delegate(&b, path, names);
	} else if (r == -EBUSY || r == -EOPNOTSUPP) {
		cgroup_tree_who(dir, who, sizeof(who));
		if (r == -EOPNOTSUPP)
			sb_add(&b, ": it is threaded");
		else
			sb_printf(&b,
				  ": a group with controllers for its children holds no processes "
				  "itself; "
				  "in it: %s",
				  who);
	} else if (r == -EINVAL) {
		list_realtime(&b, dir);
	} else if (r == -EACCES || r == -EPERM || r == -EROFS) {
		sb_add(&b, ": it is not delegated to this user");
		hint_delegate(&b, path, names);
	}
	return err_sys(e, ERR_CGR_SET, r, "enable %s for the children of %s%s%s", names,
		       g->dir[i].mount, path, why);
}

/* Controllers that the writes need; *ret_pointer names the first write of a bit, for messages. */
static unsigned needed(const struct plan_cgroup *p, const char **ret_pointer)
{
	unsigned set = 0;

	*ret_pointer = NULL;
	for (size_t i = 0; i < p->n_writes; i++) {
		const char *file = p->writes[i].file;
		unsigned bit = cgroup_is_unlimited(&p->writes[i])
				       ? 0
				       : controller_bit(file, strcspn(file, "."));

		if (bit && !*ret_pointer)
			*ret_pointer = p->writes[i].pointer;
		set |= bit;
	}
	return set;
}

/*
 * Does the group hold processes itself? One that cannot be asked (it is threaded) counts as such.
 */
static bool is_inhabited(int dir)
{
	char first[2];

	return cgroup_file_read(dir, "cgroup.procs", first, sizeof(first)) != 0;
}

/*
 * KERNEL: only the root of the hierarchy has no cgroup.type; that of a cgroup namespace, which is
 * at the same place, is a group like any other. cgroups(7), since 4.14
 */
static bool is_real_root(int dir)
{
	_cleanup_fd_ int fd = cgroup_file_open(dir, "cgroup.type", O_PATH);

	return fd == -ENOENT;
}

static int enable(int dir, unsigned set)
{
	char value[160];
	struct strbuf b = STRBUF(value);

	list_set(&b, set, "+");
	return cgroup_file_write(dir, "cgroup.subtree_control", value);
}

/*
 * Enable @need and, if that can be, *want for the children of one ancestor; of the latter remains
 * what they have.
 */
static int enable_at(const struct cgroup *g, unsigned i, int dir, const char *path, unsigned need,
		     unsigned *want, struct err *e)
{
	unsigned have = read_set(dir, "cgroup.subtree_control"),
		 can = read_set(dir, "cgroup.controllers"), more = *want & can & ~have;
	int r;

	need &= ~have;
	*want &= have;
	if (!(need | more))
		return 0;
	/*
	 * KERNEL: cpu, cpuset and pids can be enabled over processes, and turn the group into a
	 * threaded domain then: its children take no process any more (EOPNOTSUPP). cgroups(7),
	 * since 4.14. The root is exempt.
	 */
	if ((path[0] || !is_real_root(dir)) && is_inhabited(dir))
		return need ? explain(g, i, dir, path, need, -EBUSY, e) : 0;
	if (need & ~can)
		return explain(g, i, dir, path, need & ~can, -ENOENT, e);
	r = enable(dir, need | more);
	if (r >= 0) {
		*want |= more;
		return 0;
	}
	/*
	 * KERNEL: the write is all or nothing; what is only wanted must not hold up anything else.
	 */
	if (need && enable(dir, need) < 0)
		return explain(g, i, dir, path, need, r, e);
	for (unsigned bit = 1; bit <= more; bit <<= 1)
		if (more & bit && enable(dir, bit) >= 0)
			*want |= bit;
	return 0;
}

int cgroup_v2_enable(const struct cgroup *g, unsigned i, int dir, const struct plan_cgroup *p,
		     struct err *e)
{
	_cleanup_fd_ int own = -1;
	const char *pointer;
	unsigned need = needed(p, &pointer), have = read_set(dir, "cgroup.controllers"),
		 want = WANTED & ~have;
	char path[CGROUP_PATH_SIZE];
	size_t len = strlen(g->dir[i].path);
	int root, r;

	need &= ~have;
	if (!(need | want))
		return 0;
	root = cgroup_root_of(g, i, &own);
	if (root < 0)
		return err_sys(e, ERR_CGR_LAYOUT, root, "open %s", g->dir[i].mount);
	/* what the root does not have, nobody below has */
	want &= read_set(root, "cgroup.controllers");
	if (!(need | want))
		return 0;
	for (size_t at = 0; at < len && (need | want);
	     at += path_part(g->dir[i].path + at + 1) + 1) {
		_cleanup_fd_ int fd = -1;

		memcpy(path, g->dir[i].path, at);
		path[at] = '\0';
		fd = cgroup_beneath_open(root, path[0] ? path + 1 : "", O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return err_sys(e, ERR_CGR_SET, fd, "open cgroup %s%s", g->dir[i].mount,
				       path);
		r = enable_at(g, i, fd, path, need, &want, e);
		if (r < 0)
			return pointer ? err_at(e, r, "%s", pointer) : r;
	}
	return 0;
}
