/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/tree: everything below a group: list, signal, remove. The container may have made the
 * tree, so it is of any width and depth and may change all the time; hides how that costs two fds
 * and the bytes of its names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY,
	/* longest path given to the kernel at once: a tree made by mkdirat may exceed PATH_MAX */
	SEGMENT = 2048,
	BATCH = 32, /* pidfds open at a time: works with a soft limit of 64 (faults R3) */
};

/*
 * A directory is a name and its parent, so that a deep tree costs no more than its names. Parents
 * come first; node 0 is the group itself.
 */
struct node {
	size_t parent;
	const char *name;
};
struct tree {
	struct arena a;
	struct node *v;
	size_t n;
	int dir;	  /* of node 0, borrowed */
	size_t up, at;	  /* nodes of the two open directories: */
	int up_fd, at_fd; /* the parent of the last one opened, and that one; or -1 */
};

static bool gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static void tree_close(struct tree *t)
{
	fd_close(&t->up_fd);
	fd_close(&t->at_fd);
	arena_free(&t->a);
}
#define _cleanup_tree_ _cleanup_(tree_close)

/* The names from the group down to node @i, in segments that the kernel takes. */
static int open_chain(struct tree *t, size_t i)
{
	_cleanup_fd_ int at = -1;
	size_t *chain = NULL, n = 0;
	char buf[SEGMENT + 257];
	struct strbuf b = STRBUF(buf);

	for (; i; i = t->v[i].parent)
		*(size_t *)arena_push(&t->a, &chain, &n, sizeof(*chain)) = i;
	while (n) {
		int fd;

		sb_printf(&b, "%s%s", b.len ? "/" : "", t->v[chain[--n]].name);
		if (n && b.len < SEGMENT)
			continue;
		fd = cgroup_beneath_open(at >= 0 ? at : t->dir, buf, OPEN_DIR);
		fd_close(&at);
		if (fd < 0)
			return fd;
		at = fd;
		b = STRBUF(buf);
	}
	return at >= 0 ? fd_take(&at) : cgroup_beneath_open(t->dir, "", OPEN_DIR);
}

/* Make up_fd the directory of node @i. */
static int tree_up(struct tree *t, size_t i)
{
	int fd;

	if (t->up_fd >= 0 && t->up == i)
		return 0;
	fd_close(&t->up_fd);
	fd = t->at_fd >= 0 && t->at == i ? fd_take(&t->at_fd) : open_chain(t, i);
	if (fd < 0)
		return fd;
	t->up_fd = fd;
	t->up = i;
	return 0;
}

/* Make at_fd the directory of node @i and return it, borrowed. */
static int tree_at(struct tree *t, size_t i)
{
	int r = 0;

	fd_close(&t->at_fd);
	if (i)
		r = tree_up(t, t->v[i].parent);
	if (r < 0)
		return r;
	r = cgroup_beneath_open(i ? t->up_fd : t->dir, i ? t->v[i].name : "", OPEN_DIR);
	if (r < 0)
		return r;
	t->at_fd = r;
	t->at = i;
	return r;
}

static void add_node(struct tree *t, size_t parent, const char *name)
{
	struct node *x = arena_push(&t->a, &t->v, &t->n, sizeof(*x));

	*x = (struct node){ .parent = parent, .name = arena_strdup(&t->a, name) };
}

/* Append the subdirectories of node @i. */
static int list_node(struct tree *t, size_t i)
{
	_Alignas(struct dirent64) char buf[8192];
	int fd = tree_at(t, i);

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = sys_getdents64(fd, buf, sizeof(buf));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *x = (const void *)(buf + at);

			if (x->d_type == DT_DIR && !streq(x->d_name, ".") &&
			    !streq(x->d_name, ".."))
				add_node(t, i, x->d_name);
			at += x->d_reclen;
		}
	}
}

/* Directories that vanish meanwhile are left out. */
static int tree_list(int dir, struct tree *ret)
{
	*ret = (struct tree){ .dir = dir, .up_fd = -1, .at_fd = -1 };
	arena_init(&ret->a);
	add_node(ret, 0, "");
	for (size_t i = 0; i < ret->n; i++) {
		int r = list_node(ret, i);

		if (r < 0 && !gone(r))
			return r;
	}
	return 0;
}

/* The processes of one directory. */
static int read_pids(int dir, struct arena *a, int **v, size_t *n)
{
	char *text;
	int r = cgroup_file_read_all(dir, "cgroup.procs", a, &text);

	/*
	 * KERNEL: a threaded group lists no processes (EOPNOTSUPP); those stand in its domain
	 * above. cgroups(7), since 4.14.
	 */
	if (gone(r) || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n');
		uint32_t pid;
		bool more = *end;

		*end = '\0';
		/*
		 * SECURITY: a process outside of our pid namespace is listed as 0, which kill(2)
		 * takes for our own group.
		 */
		if (str_to_u32(line, &pid) == 0 && pid > 0 && pid <= INT32_MAX)
			*(int *)arena_push(a, v, n, sizeof(**v)) = (int)pid;
		line = more ? end + 1 : end;
	}
	return 0;
}

int cgroup_tree_pids(int dir, struct arena *a, int **ret, size_t *ret_n)
{
	_cleanup_tree_ struct tree t;
	size_t n = 0;
	int *pids = NULL;
	int r = tree_list(dir, &t);

	for (size_t i = 0; r >= 0 && i < t.n; i++) {
		int fd = tree_at(&t, i);

		r = fd < 0 ? fd : read_pids(fd, a, &pids, &n);
		if (gone(r))
			r = 0;
	}
	if (r < 0)
		return r;
	*ret = pids;
	*ret_n = n;
	return 0;
}

static int compare_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/*
 * SECURITY: rule X7. A pid of the list may be another process by the time its pidfd is open. Only a
 * pid that the group lists again after that is signalled: then the pidfd is of a member, or of a
 * dead process.
 */
static int signal_batch(int dir, const int *pids, size_t n, int sig, size_t *ret_n, int *ret_pidfd)
{
	int fds[BATCH], r;
	struct arena a;
	int *again = NULL;
	size_t n_again = 0;

	for (size_t i = 0; i < n; i++)
		fds[i] = sys_pidfd_open(pids[i], 0);
	arena_init(&a);
	r = read_pids(dir, &a, &again, &n_again);
	if (n_again)
		qsort(again, n_again, sizeof(*again), compare_int);
	for (size_t i = 0; i < n; i++) {
		if (r >= 0 && fds[i] >= 0 && n_again &&
		    bsearch(&pids[i], again, n_again, sizeof(*again), compare_int) &&
		    sys_pidfd_send_signal(fds[i], sig) >= 0) {
			(*ret_n)++;
			fd_close(ret_pidfd);
			*ret_pidfd = fd_take(&fds[i]);
		}
		fd_close(&fds[i]);
	}
	arena_free(&a);
	return r;
}

int cgroup_tree_signal(int dir, int sig, size_t *ret_n, int *ret_pidfd)
{
	_cleanup_tree_ struct tree t;
	int r = tree_list(dir, &t);

	*ret_n = 0;
	*ret_pidfd = -1;
	for (size_t i = 0; r >= 0 && i < t.n; i++) {
		int *pids = NULL, fd = tree_at(&t, i);
		size_t n = 0;

		r = fd < 0 ? fd : read_pids(fd, &t.a, &pids, &n);
		for (size_t j = 0; r >= 0 && j < n; j += BATCH)
			r = signal_batch(fd, pids + j, MIN(n - j, (size_t)BATCH), sig, ret_n,
					 ret_pidfd);
		if (gone(r))
			r = 0;
	}
	return r;
}

/* "a/b/c", cut in front when it is long. */
static void node_path(const struct tree *t, size_t i, char *buf, size_t size)
{
	size_t at = size - 1;

	buf[at] = '\0';
	for (; i; i = t->v[i].parent) {
		size_t n = strlen(t->v[i].name), slash = buf[at] != '\0';

		if (n + slash > at)
			break;
		if (slash)
			buf[--at] = '/';
		at -= n;
		memcpy(buf + at, t->v[i].name, n);
	}
	memmove(buf, buf + at, size - at);
}

int cgroup_tree_remove_children(int dir, char *ret_busy, size_t size)
{
	_cleanup_tree_ struct tree t;
	int bad = 0, r = tree_list(dir, &t);

	for (size_t i = t.n; r >= 0 && i-- > 1;) {
		int x = tree_up(&t, t.v[i].parent);

		if (x >= 0)
			x = sys_unlinkat(t.up_fd, t.v[i].name, AT_REMOVEDIR);
		if (x >= 0 || gone(x) || bad)
			continue;
		/* the deepest one tells most; those above are busy because of it */
		node_path(&t, i, ret_busy, size);
		bad = x == -ENOTEMPTY ? -EBUSY : x;
	}
	return r < 0 ? r : bad;
}

const char *cgroup_tree_who(int dir, char *buf, size_t size)
{
	enum { SHOWN = 4 };
	struct strbuf b = { .buf = buf, .size = size };
	struct arena a;
	int *pids = NULL;
	size_t n = 0;

	buf[0] = '\0';
	arena_init(&a);
	if (cgroup_tree_pids(dir, &a, &pids, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && i < SHOWN; i++)
		sb_printf(&b, "%s%d", i ? ", " : "", pids[i]);
	if (n > SHOWN)
		sb_printf(&b, " and %zu more", n - SHOWN);
	arena_free(&a);
	return buf;
}
