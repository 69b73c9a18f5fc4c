/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/landlock: from lists of paths to a Landlock ruleset. The most specific path decides, which
 * the kernel's rules cannot say: what is granted above a stricter path is granted to its neighbours
 * one by one instead.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cred/cred.h"
#include "spec/write.h"
#include "sys/call.h"
#include "sys/landlock.h"

#define READ_RIGHTS (LANDLOCK_EXECUTE | LANDLOCK_READ_FILE | LANDLOCK_READ_DIR)
#define WRITE_RIGHTS                                                                               \
	(LANDLOCK_WRITE_FILE | LANDLOCK_CHANGE_DIR | LANDLOCK_REFER | LANDLOCK_TRUNCATE |          \
	 LANDLOCK_IOCTL_DEV)
/* KERNEL: any other right in a rule for what is no directory is EINVAL. landlock_add_rule(2) */
#define FILE_RIGHTS                                                                                \
	(LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE |         \
	 LANDLOCK_IOCTL_DEV)

enum { ENTRIES_MAX = 16384 };

/* A path of the lists as it is in this root. */
struct place {
	int fd;		  /* O_PATH */
	const char *path; /* without symlinks */
	uint64_t rights;
	bool dir;
};

struct rules {
	const struct procfs *proc;
	struct arena *arena;
	struct place *v;
	size_t n;
	/* SECURITY: looked at so far: a directory of an image may hold any number */
	unsigned entries;
	int fd;
};

static bool below(const char *path, const char *dir)
{
	const char *rest = str_skip(path, dir);

	return rest && (*rest == '/' || (dir[1] == '\0' && *rest));
}

static uint64_t rights_of(enum plan_access access, uint64_t handled)
{
	switch (access) {
	case PLAN_READ_WRITE:
		return handled;
	case PLAN_READ_ONLY:
		return handled & READ_RIGHTS;
	case PLAN_NO_ACCESS:
		break;
	}
	return 0;
}

/*
 * SECURITY: P2: followed inside the root, once; the fd is what gets the rule. The kernel's name for
 * it decides what lies within what, so that no symlink makes two places of one.
 */
static int open_place(struct rules *s, const struct rootfs *root,
		      const struct plan_landlock_path *p, bool strict, uint64_t handled,
		      struct place *ret, struct err *e)
{
	char link[64], path[4096];
	struct stat st;
	ssize_t n;

	ret->rights = rights_of(p->access, handled);
	ret->fd = strict ? path_resolve_strict(root, p->path) : path_resolve(root, p->path, false);
	if (ret->fd < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, ret->fd, "open %s inside the container",
			       p->path);
	if (fstat(ret->fd, &st) < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, -errno, "stat %s", p->path);
	ret->dir = S_ISDIR(st.st_mode);
	str_format(link, sizeof(link), "self/fd/%d", ret->fd);
	n = sys_readlinkat(s->proc->fd, link, path, sizeof(path));
	if (n < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, (int)n, "find the name of %s", p->path);
	/*
	 * KERNEL: " (deleted)" follows the name of what is gone; and what is elsewhere has none
	 * that begins with "/".
	 */
	if (path[0] != '/' || st.st_nlink == 0)
		return err_set(e, ERR_CRD_LANDLOCK, ESTALE, "%s was removed meanwhile", p->path);
	ret->path = arena_strdup(s->arena, path);
	return 0;
}

/* What holds others comes before them. */
static int by_path(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/*
 * Without those that say what the place above them says. SECURITY: what is left has a place above
 * it with other rights, or none: where that has less, nobody inside can write there; where it has
 * more, its other entries were granted one by one and the directory was not. So what this list
 * names cannot be exchanged by the container, and exec may open the same names, as long as it
 * follows no symlink.
 */
static int drop_redundant(struct rules *s, struct err *e)
{
	size_t left = 0;

	qsort(s->v, s->n, sizeof(*s->v), by_path);
	for (size_t i = 0; i < s->n; i++) {
		struct place *p = &s->v[i];
		uint64_t above = 0; /* nothing is granted above all */

		for (size_t j = 0; j < left; j++) {
			bool same = streq(s->v[j].path, p->path);

			if (same && s->v[j].rights != p->rights)
				return err_set(e, ERR_CRD_LANDLOCK, EINVAL,
					       "%s is in two lists under two names", p->path);
			if (same || below(p->path, s->v[j].path))
				above = s->v[j].rights; /* the nearest comes last */
		}
		if (above == p->rights) {
			fd_close(&p->fd);
			continue;
		}
		s->v[left] = *p;
		if (left++ != i)
			p->fd = -1;
	}
	s->n = left;
	return 0;
}

/* ---- rules ---- */

static int allow(struct rules *s, int fd, bool dir, uint64_t rights, const char *path,
		 struct err *e)
{
	int r;

	if (!dir)
		rights &= FILE_RIGHTS;
	if (!rights)
		return 0;
	r = landlock_allow(s->fd, fd, rights);
	return r < 0 ? err_sys(e, ERR_CRD_LANDLOCK, r, "add a rule for %s", path) : 0;
}

static const struct place *listed(const struct rules *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->v[i].path, path))
			return &s->v[i];
	return NULL;
}

/*
 * What every listed place below @path has of @rights: that much can be said of the whole of it. A
 * listed file is no directory, and being able to read directories does not open it.
 */
static uint64_t common_below(const struct rules *s, const char *path, uint64_t rights)
{
	for (size_t i = 0; i < s->n; i++)
		if (below(s->v[i].path, path))
			rights &= s->v[i].rights | (s->v[i].dir ? 0 : LANDLOCK_READ_DIR);
	return rights;
}

static int grant(struct rules *s, int fd, bool dir, const char *path, uint64_t rights,
		 struct err *e);

static int grant_entry(struct rules *s, int dir, const char *parent, const char *name,
		       uint64_t rights, struct err *e)
{
	const char *path = arena_printf(s->arena, "%s/%s", parent[1] ? parent : "", name);
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (listed(s, path))
		return 0; /* it has rules of its own */
	if (++s->entries > ENTRIES_MAX)
		return err_set(e, ERR_CRD_LANDLOCK, E2BIG,
			       "more than %d entries beside stricter paths: name what is to be "
			       "accessible instead of what is not",
			       ENTRIES_MAX);
	fd = sys_openat(dir, name, O_PATH | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, fd < 0 ? fd : -errno, "open %s", path);
	if (S_ISLNK(st.st_mode))
		return 0; /* what it leads to is judged by its own place */
	return grant(s, fd, S_ISDIR(st.st_mode), path, rights, e);
}

static int grant_entries(struct rules *s, int path_fd, const char *path, uint64_t rights,
			 struct err *e)
{
	_cleanup_fd_ int dir =
		path_reopen_at(s->proc, path_fd, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	_Alignas(struct dirent64) char buf[4096];
	ssize_t n;

	if (dir < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, dir, "list %s", path);
	while ((n = sys_getdents64(dir, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);
			int r = 0;

			at += d->d_reclen;
			if (!streq(d->d_name, ".") && !streq(d->d_name, ".."))
				r = grant_entry(s, dir, path, d->d_name, rights, e);
			if (r < 0)
				return r;
		}
	return n < 0 ? err_sys(e, ERR_CRD_LANDLOCK, (int)n, "list %s", path) : 0;
}

/* @rights for @path and all below it but what is listed. The depth is that of the listed paths. */
static int grant(struct rules *s, int fd, bool dir, const char *path, uint64_t rights,
		 struct err *e)
{
	uint64_t common = common_below(s, path, rights);
	int r = allow(s, fd, dir, common, path, e);

	if (r < 0 || common == rights || !dir)
		return r;
	return grant_entries(s, fd, path, rights & ~common, e);
}

/* The places as lists again, in the syntax of the annotation. */
static const char *lists(const struct rules *s, uint64_t handled, struct arena *a)
{
	struct jw w;

	jw_init(&w, a, 0);
	jw_object(&w, NULL);
	for (int access = PLAN_READ_WRITE; access >= PLAN_NO_ACCESS; access--) {
		jw_array(&w, plan_landlock_list(access));
		for (size_t i = 0; i < s->n; i++)
			if (s->v[i].rights == rights_of(access, handled))
				jw_string(&w, NULL, s->v[i].path);
		jw_end(&w);
	}
	jw_end(&w);
	return w.buf;
}

static int make_rules(struct rules *s, uint64_t handled, struct err *e)
{
	int r = 0;

	s->fd = landlock_create(handled);
	if (s->fd < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, s->fd, "make a ruleset");
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = grant(s, s->v[i].fd, s->v[i].dir, s->v[i].path, s->v[i].rights, e);
	return r;
}

int cred_landlock_make(const struct plan_landlock *l, const struct rootfs *root,
		       const struct procfs *proc, struct arena *a, int *ret_fd,
		       const char **ret_lists, struct err *e)
{
	uint64_t handled = READ_RIGHTS | WRITE_RIGHTS;
	struct rules s = { .proc = proc, .arena = a, .fd = -1 };
	int r = 0;

	if (landlock_abi() < 5)
		handled &= ~LANDLOCK_IOCTL_DEV;
	s.v = arena_new_array(a, l->n + 1, struct place);
	while (r == 0 && s.n < l->n) {
		s.v[s.n].fd = -1;
		r = open_place(&s, root, &l->v[s.n], l->resolved, handled, &s.v[s.n], e);
		s.n++;
	}
	if (r == 0)
		r = drop_redundant(&s, e);
	if (r == 0)
		r = make_rules(&s, handled, e);
	if (r == 0) {
		*ret_lists = lists(&s, handled, a);
		*ret_fd = fd_take(&s.fd);
	}
	for (size_t i = 0; i < s.n; i++)
		fd_close(&s.v[i].fd);
	fd_close(&s.fd);
	return err_at(e, r, "/annotations/" PLAN_LANDLOCK);
}

int cred_landlock_enter(int ruleset, struct err *e)
{
	int r = landlock_restrict(ruleset);

	if (r < 0)
		err_sys(e, ERR_CRD_LANDLOCK, r, "enter the Landlock domain");
	return err_at(e, r, "/annotations/" PLAN_LANDLOCK);
}
