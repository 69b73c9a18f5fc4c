/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/store: ROOT/ID directories: claimed by mkdir, held by flock, written by rename. One of
 * the two places that use host paths (the other is sys/path.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "container/container.h"
#include "sys/call.h"
#include "sys/path.h"

enum { ID_MAX = 255 };

int store_check_id(const char *id, struct err *e)
{
	size_t n = strlen(id);

	if (n == 0)
		return err_set(e, ERR_CLI_ID, 0, "the container id is empty");
	if (n > ID_MAX)
		return err_set(e, ERR_CLI_ID, 0,
			       "the container id has %zu characters, at most %d are possible", n,
			       ID_MAX);
	if (id[0] == '.' || id[0] == '-')
		return err_set(e, ERR_CLI_ID, 0, "the container id \"%s\" begins with \"%c\"", id,
			       id[0]);
	if (strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-") != n)
		return err_set(e, ERR_CLI_ID, 0,
			       "the container id \"%.64s\" has a character outside "
			       "[A-Za-z0-9_+.-]",
			       id);
	return 0;
}

static uid_t become = (uid_t)-1;

uid_t store_owner(void)
{
	/* geteuid without a system call */
	return become == (uid_t)-1 ? (uid_t)getauxval(AT_EUID) : become;
}

/*
 * Root that looks at the containers of a user (Slurm's daemon does) becomes that user for good.
 * SECURITY: S1: what the records of a user name is done with no more than the user's rights.
 */
static int become_owner(struct ctx *c, const struct stat *st, struct err *e)
{
	int r = sys_setgroups(0, NULL);

	if (r == 0)
		r = sys_setresgid(st->st_gid, st->st_gid, st->st_gid);
	if (r == 0)
		r = sys_setresuid(st->st_uid, st->st_uid, st->st_uid);
	if (r < 0)
		return err_sys(e, ERR_STA_ROOT, r, "the state root %s: become its owner, uid %u",
			       c->root, st->st_uid);
	become = st->st_uid;
	log_debug("acting as uid %u, who owns %s", st->st_uid, c->root);
	if (!c->facts_read)
		return 0;
	c->facts_read = false;
	return facts_read(c, e);
}

pid_t store_writer(void)
{
	static pid_t self;

	if (!self)
		self = getpid();
	return self;
}

/* SECURITY: S1: the directory is ours alone, judged by its fd. @take: or becomes so. */
static int check_private(struct ctx *c, int fd, bool take, struct err *e)
{
	uid_t self = store_owner();
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_STA_ROOT, -errno, "stat %s", c->root);
	if (st.st_mode & 022)
		return err_set(e, ERR_STA_ROOT, EPERM,
			       "the state root %s may be written by others (mode %04o)", c->root,
			       st.st_mode & 07777);
	if (st.st_uid == self)
		return 0;
	if (take && self == 0)
		return become_owner(c, &st, e);
	return err_set(e, ERR_STA_ROOT, EPERM, "the state root %s belongs to uid %u", c->root,
		       st.st_uid);
}

int store_open(struct ctx *c, bool make, struct err *e)
{
	int fd, r;

	if (c->root_fd >= 0)
		return 0;
	if (streq(c->root, "/"))
		return err_set(e, ERR_STA_ROOT, 0, "the state root must not be /");
	fd = sys_openat(AT_FDCWD, c->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOENT && make) {
		r = path_mkdir_host(AT_FDCWD, c->root, 0700);
		if (r < 0 && r != -EEXIST)
			return err_sys(e, ERR_STA_ROOT, r, "make the state root %s", c->root);
		fd = sys_openat(AT_FDCWD, c->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, ERR_STA_ROOT, fd, "open the state root %s", c->root);
	r = check_private(c, fd, !make, e);
	if (r < 0) {
		fd_close(&fd);
		return r;
	}
	c->root_fd = fd;
	return 0;
}

static int missing(const char *id, struct err *e)
{
	return err_set(e, ERR_STA_MISSING, 0, "container \"%s\" does not exist", id);
}

/* Is the directory without a name: deleted? */
static bool nameless(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

int store_claim(struct ctx *c, const char *id, struct entry *ret, struct err *e)
{
	struct entry en = { .id = id, .dir = -1 };
	int r;

again:
	r = sys_mkdirat(c->root_fd, id, 0700);
	if (r == -EEXIST)
		return err_set(e, ERR_STA_EXISTS, EEXIST, "container \"%s\" already exists", id);
	if (r < 0)
		return err_sys(e, ERR_STA_WRITE, r, "make %s/%s", c->root, id);
	en.dir = sys_openat(c->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (en.dir == -ENOENT)
		goto again;
	if (en.dir < 0) {
		r = en.dir;
		sys_unlinkat(c->root_fd, id, AT_REMOVEDIR);
		return err_sys(e, ERR_STA_WRITE, r, "open %s/%s", c->root, id);
	}
	r = store_lock(&en, io_now() + LOCK_DEADLINE, e);
	if (r < 0 && nameless(en.dir)) { /* a delete --force came between: the id is free again */
		store_close(&en);
		*e = (struct err){ 0 };
		goto again;
	}
	if (r < 0) {
		store_close(&en);
		return r;
	}
	*ret = en;
	return 0;
}

int store_find(struct ctx *c, const char *id, struct entry *ret, struct err *e)
{
	int r = store_check_id(id, e);

	if (r < 0)
		return r;
	r = store_open(c, false, e);
	if (r == -ENOENT)
		return missing(id, e);
	if (r < 0)
		return r;
	*ret = (struct entry){
		.id = id, .dir = sys_openat(c->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
	};
	if (ret->dir == -ENOENT || ret->dir == -ENOTDIR || ret->dir == -ELOOP) {
		ret->dir = -1;
		return missing(id, e);
	}
	if (ret->dir < 0)
		return err_sys(e, ERR_STA_READ, ret->dir, "open %s/%s", c->root, id);
	return 0;
}

/*
 * Who holds the lock, from /proc/locks: only for the message, so failure just means a message
 * without a pid.
 */
static long lock_holder(int dir)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, "/proc/locks", O_RDONLY, 0);
	char buf[16384], want[32], *line, *text = buf;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(dir, &st) < 0)
		return 0;
	n = io_read_full(fd, buf, sizeof(buf) - 1);
	if (n < 0 || str_format(want, sizeof(want), ":%lu ", (unsigned long)st.st_ino) < 0)
		return 0;
	buf[n] = '\0';
	while ((line = strsep(&text, "\n"))) {
		char *field[8] = { 0 };
		uint32_t pid = 0;

		if (!strstr(line, want) || !strstr(line, "FLOCK") || strstr(line, "->"))
			continue;
		for (unsigned i = 0; i < ARRAY_LEN(field) && line; i++) {
			field[i] = strsep(&line, " ");
			while (field[i] && !*field[i] && line)
				field[i] = strsep(&line, " ");
		}
		if (field[4] && str_to_u32(field[4], &pid) == 0)
			return pid;
	}
	return 0;
}

/*
 * KERNEL: a flock dies with its holder, so there are no stale locks. flock(2). There is no flock
 * with a timeout: the wait is a retry every 10 ms, only while somebody else works on the same
 * container.
 */
int store_lock(struct entry *en, uint64_t deadline, struct err *e)
{
	while (flock(en->dir, LOCK_EX | LOCK_NB) < 0) {
		struct timespec pause = { .tv_nsec = 10000000 };

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, ERR_STA_BUSY, -errno, "lock container \"%s\"", en->id);
		if (io_now() >= deadline)
			return err_set(e, ERR_STA_BUSY, EBUSY,
				       "container \"%s\" is busy: held by pid %ld", en->id,
				       lock_holder(en->dir));
		nanosleep(&pause, NULL);
	}
	/* Deleted while we waited: a directory without a name is no container any more. */
	if (nameless(en->dir))
		return missing(en->id, e);
	en->locked = true;
	return 0;
}

static void remove_unfinished(int dir)
{
	int fd = sys_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (str_starts(entry->d_name, ".new-"))
			sys_unlinkat(dir, entry->d_name, 0);
	if (d)
		closedir(d);
	else
		fd_close(&fd);
}

static void remove_file(int dir, const char *name)
{
	/* not ours, but in our place (faults B4) */
	if (sys_unlinkat(dir, name, 0) == -EISDIR)
		sys_unlinkat(dir, name, AT_REMOVEDIR);
}

/* What few containers have, and temporary names of a writer that was killed. */
static void remove_rest(int dir)
{
	_cleanup_fd_ int notify = sys_openat(dir, "notify", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (notify >= 0) {
		sys_unlinkat(notify, "notify.sock", 0);
		sys_unlinkat(dir, "notify", AT_REMOVEDIR);
	}
	remove_file(dir, "exit.json");
	remove_file(dir, "start.sock"); /* it was never started */
	remove_unfinished(dir);
}

/* Everything hull ever puts into an entry; nothing else is touched. */
int store_remove(struct ctx *c, struct entry *en, struct err *e)
{
	static const char files[][12] = { "state.json", "config.json", "trace", "exec.json" };
	int r;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		remove_file(en->dir, files[i]);
	r = sys_unlinkat(c->root_fd, en->id, AT_REMOVEDIR);
	if (r == -ENOTEMPTY) {
		remove_rest(en->dir);
		r = sys_unlinkat(c->root_fd, en->id, AT_REMOVEDIR);
	}
	if (r < 0 && r != -ENOENT)
		return err_sys(e, ERR_STA_LEFT, r, "remove %s/%s", c->root, en->id);
	return 0;
}

void store_unlock(struct entry *en)
{
	flock(en->dir, LOCK_UN);
	en->locked = false;
}

void store_close(struct entry *en)
{
	fd_close(&en->dir); /* drops the lock */
	en->locked = false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int store_list(struct ctx *c, const char *prefix, const char ***ret, size_t *ret_n, struct err *e)
{
	_Alignas(struct dirent64) char buf[2048];
	struct err *drop = arena_new(&c->a, struct err);
	const char **v = NULL;
	bool fresh = c->root_fd < 0; /* nobody has read in it */
	ssize_t have = 0;
	size_t n = 0;
	int r;

	r = store_open(c, false, e);
	if (r == -ENOENT) {
		*ret_n = 0;
		return 0;
	}
	if (r < 0)
		return r;
	if (!fresh && lseek(c->root_fd, 0, SEEK_SET) < 0)
		have = -errno;
	while (have >= 0 && (have = sys_getdents64(c->root_fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < have;) {
			const struct dirent64 *d = (const void *)(buf + at);
			const char *id = str_skip(d->d_name, prefix);

			at += d->d_reclen;
			if (id && *id != '.' && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
			    store_check_id(id, drop) == 0)
				*(const char **)arena_push(&c->a, &v, &n, sizeof(*v)) =
					arena_strdup(&c->a, id);
		}
	if (have < 0)
		return err_sys(e, ERR_STA_READ, (int)have, "list %s", c->root);
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	*ret = v;
	*ret_n = n;
	return 0;
}

int store_draft(int dir, const char *name, mode_t mode, const void *p, size_t n,
		char tmp[static STORE_NAME], int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	int r;

	/* The name itself may be the longest there is: pid files of `docker exec` have 68 bytes. */
	r = str_format(tmp, STORE_NAME, ".new-%.200s-%d", name, (int)store_writer());
	if (r < 0)
		return r;
	fd = sys_openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd == -EEXIST) { /* an older draft of ours, or of a killed process that had our pid */
		sys_unlinkat(dir, tmp, 0);
		fd = sys_openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	}
	if (fd < 0)
		return fd_take(&fd);
	r = io_write_all(fd, p, n);
	if (r == 0 && fchmod(fd, mode) < 0) /* whatever the caller's umask is */
		r = -errno;
	if (r < 0)
		sys_unlinkat(dir, tmp, 0);
	else if (ret_fd)
		*ret_fd = fd_take(&fd);
	return r;
}

int store_write_new(int dir, const char *name, mode_t mode, const void *p, size_t n)
{
	_cleanup_fd_ int fd = sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	int r = fd < 0 ? fd : io_write_all(fd, p, n);

	return r == 0 && fchmod(fd, mode) < 0 ? -errno : r; /* whatever the caller's umask is */
}

int store_commit(int dir, const char *tmp, const char *name)
{
	int r = renameat(dir, tmp, dir, name) < 0 ? -errno : 0;

	if (r < 0)
		sys_unlinkat(dir, tmp, 0);
	return r;
}

int store_write_file(int dir, const char *name, mode_t mode, const void *p, size_t n)
{
	char tmp[STORE_NAME];
	int r = store_draft(dir, name, mode, p, n, tmp, NULL);

	return r < 0 ? r : store_commit(dir, tmp, name);
}

/*
 * ---- the public directory: DIR/ID/state.json, readable by everybody (lineage S-01 to S-06) ----
 */

int public_claim(struct ctx *c, const char *id, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (!c->public_dir)
		return 0;
	fd = sys_openat(AT_FDCWD, c->public_dir, O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT) {
		r = path_mkdir_host(AT_FDCWD, c->public_dir, 0755);
		if (r < 0 && r != -EEXIST)
			return err_sys(e, ERR_STA_WRITE, r, "make the public state directory %s",
				       c->public_dir);
		fd = sys_openat(AT_FDCWD, c->public_dir, O_PATH | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return err_sys(e, ERR_STA_WRITE, fd, "open the public state directory %s",
			       c->public_dir);
	r = sys_mkdirat(fd, id, 0755);
	if (r == -EEXIST)
		return err_set(e, ERR_STA_EXISTS, EEXIST,
			       "container \"%s\" already exists on this host (%s/%s)", id,
			       c->public_dir, id);
	if (r < 0)
		return err_sys(e, ERR_STA_WRITE, r, "make %s/%s", c->public_dir, id);
	return 0;
}

/* "DIR/ID" in @path, and opened. */
static int public_open(const char *dir, const char *id, char path[static PATH_MAX])
{
	int r = str_format(path, PATH_MAX, "%s/%s", dir, id);

	return r < 0 ? r : sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int public_draft(const char *dir, const char *id, const char *text, size_t n,
		 struct public_draft *ret, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];
	int r;

	fd = public_open(dir, id, path);
	r = fd < 0 ? fd : store_draft(fd, "state.json", 0644, text, n, ret->tmp, NULL);
	ret->dir = r < 0 ? -1 : fd_take(&fd);
	ret->text = text;
	ret->n = n;
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "write %s/%s/state.json", dir, id) : 0;
}

int public_commit(struct public_draft *d)
{
	int r = d->dir < 0 ? -ENOENT : store_commit(d->dir, d->tmp, "state.json");

	fd_close(&d->dir);
	return r;
}

void public_drop(struct public_draft *d)
{
	if (d->dir >= 0)
		sys_unlinkat(d->dir, d->tmp, 0);
	fd_close(&d->dir);
}

int public_remove(const char *dir, const char *id, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];
	int r;

	if (!dir)
		return 0;
	fd = public_open(dir, id, path);
	if (fd == -ENOENT)
		return 0;
	if (fd >= 0)
		sys_unlinkat(fd, "state.json", 0);
	r = fd == -ENAMETOOLONG ? fd : sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	if (r == -ENOTEMPTY && fd >= 0) {
		remove_unfinished(fd);
		r = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	}
	return r < 0 && r != -ENOENT ? err_sys(e, ERR_STA_LEFT, r, "remove %s/%s", dir, id) : 0;
}
