/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/mount_box: a world for the mount room. A child process gets a mount namespace of its
 * own with a tmpfs as playground ("the host"); a grandchild plays init: its own mount namespace,
 * the tree, the pivot, then the checks from inside. Nothing survives the processes.
 */
#ifndef HULL_TESTS_MOUNT_BOX_H
#define HULL_TESTS_MOUNT_BOX_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "mount/mount.h"
#include "sys/call.h"

#define SKIPPED 77
#define TOP "/tmp/hull-unit-mount"

struct box {
	struct plan plan;
	struct plan_mount mounts[24];
	struct plan_device devices[16];
	struct plan_link links[8];
	char *masked[16], *readonly[16];
	struct mount_hierarchy hierarchies[12];
	size_t n_hierarchies;
	struct mount_sources sources;
	struct mount_tree tree;
	struct arena arena;
	struct err err;
	uint64_t flags;		       /* CLONE_NEW* of init besides the mount namespace */
	void (*inside)(struct box *b); /* checks after the pivot */
	void (*before_pivot)(struct box *b);
};

static int host_proc = -1; /* the host's procfs, reachable from everywhere */
static char *mountinfo;

/* ---- files ---- */

_unused_ static void put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0) {
		perror(path);
		_exit(99);
	}
	close(fd);
}

_unused_ static const char *get(const char *path)
{
	static char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? NULL : buf;
}

_unused_ static void make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		perror(path);
		_exit(99);
	}
}

_unused_ static void make_link(const char *text, const char *path)
{
	if (symlink(text, path) < 0) {
		perror(path);
		_exit(99);
	}
}

_unused_ static void must(int r, const char *what)
{
	if (r < 0) {
		printf("# %s: %s\n", what, strerror(-r));
		fflush(stdout);
		_exit(99);
	}
}

_unused_ static int write_errno(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* ---- /proc/self/mountinfo ---- */

struct mount_line {
	char root[PATH_MAX], point[PATH_MAX], opts[256], tags[128], type[64], source[512], sb[1024];
};

_unused_ static void read_mountinfo(void)
{
	int fd = openat(host_proc, "thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t n = 0, size = 1 << 20;
	ssize_t r;

	free(mountinfo);
	mountinfo = calloc(1, size);
	while (fd >= 0 && n < size - 1 && (r = read(fd, mountinfo + n, size - 1 - n)) > 0)
		n += (size_t)r;
	close(fd);
}

static bool parse_line(const char *line, size_t len, struct mount_line *m)
{
	char copy[8192], *save = NULL, *word;
	int field = 0;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	memset(m, 0, sizeof(*m));
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save), field++) {
		if (field == 3)
			snprintf(m->root, sizeof(m->root), "%s", word);
		else if (field == 4)
			snprintf(m->point, sizeof(m->point), "%s", word);
		else if (field == 5)
			snprintf(m->opts, sizeof(m->opts), "%s", word);
		else if (field >= 6 && field < 100 && !streq(word, "-"))
			snprintf(m->tags + strlen(m->tags), sizeof(m->tags) - strlen(m->tags),
				 "%s ", word);
		else if (field >= 6 && field < 100)
			field = 99; /* the next one is 100 */
		else if (field == 100)
			snprintf(m->type, sizeof(m->type), "%s", word);
		else if (field == 101)
			snprintf(m->source, sizeof(m->source), "%s", word);
		else if (field == 102)
			snprintf(m->sb, sizeof(m->sb), "%s", word);
	}
	return field > 102;
}

/* The last mount on @point (the visible one), and how many there are. */
_unused_ static int find_mount(const char *point, struct mount_line *ret)
{
	struct mount_line m;
	int n = 0;

	read_mountinfo();
	for (const char *p = mountinfo; *p;) {
		size_t len = strcspn(p, "\n");

		if (parse_line(p, len, &m) && streq(m.point, point)) {
			*ret = m;
			n++;
		}
		p += len + (p[len] == '\n');
	}
	return n;
}

_unused_ static int count_mounts(void)
{
	int n = 0;

	read_mountinfo();
	for (const char *p = mountinfo; *p; p++)
		n += *p == '\n';
	return n;
}

/* Is @word one of the comma separated @list? */
_unused_ static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

/* ---- the box ---- */

/* A source that is too long for fsconfig. */
_unused_ static const char *long_name(void)
{
	static char name[300];

	memset(name, 'n', sizeof(name) - 1);
	return name;
}

_unused_ static struct plan_mount *add_mount(struct box *b, enum plan_mount_kind kind,
					     const char *destination)
{
	struct plan_mount *m = &b->mounts[b->plan.n_mounts];
	static char pointers[24][16];

	snprintf(pointers[b->plan.n_mounts], 16, "/mounts/%zu", b->plan.n_mounts);
	*m = (struct plan_mount){ .kind = kind,
				  .index = (int)b->plan.n_mounts,
				  .pointer = pointers[b->plan.n_mounts],
				  .destination = destination,
				  .data = "",
				  .source = "" };
	b->plan.n_mounts++;
	return m;
}

_unused_ static struct plan_mount *add_fs(struct box *b, const char *type, const char *destination,
					  const char *data)
{
	struct plan_mount *m = add_mount(b, MOUNT_FS, destination);

	m->fstype = type;
	m->source = type;
	m->data = data;
	return m;
}

_unused_ static struct plan_mount *add_bind(struct box *b, const char *source,
					    const char *destination, bool recursive)
{
	struct plan_mount *m = add_mount(b, MOUNT_BIND, destination);

	m->source = source;
	m->recursive = recursive;
	return m;
}

_unused_ static struct plan_device *add_device(struct box *b, const char *path, mode_t mode,
					       unsigned major, unsigned minor)
{
	struct plan_device *d = &b->devices[b->plan.n_devices];
	static char pointers[16][32];

	snprintf(pointers[b->plan.n_devices], 32, "/linux/devices/%zu", b->plan.n_devices);
	*d = (struct plan_device){ .pointer = pointers[b->plan.n_devices],
				   .path = path,
				   .mode = mode,
				   .major = major,
				   .minor = minor };
	b->plan.n_devices++;
	return d;
}

_unused_ static void add_link(struct box *b, const char *path, const char *target)
{
	b->links[b->plan.n_links++] = (struct plan_link){ path, target };
}

_unused_ static void add_masked(struct box *b, char *path)
{
	b->masked[b->plan.masked.n++] = path;
}

_unused_ static void add_readonly(struct box *b, char *path)
{
	b->readonly[b->plan.readonly.n++] = path;
}

_unused_ static void box_init(struct box *b)
{
	memset(b, 0, sizeof(*b));
	arena_init(&b->arena);
	b->plan.root.path = TOP "/root";
	b->plan.root.pivot = true;
	b->plan.root.create_mountpoints = true;
	b->plan.ns.has_mount_ns = true;
	b->plan.mounts = b->mounts;
	b->plan.devices = b->devices;
	b->plan.links = b->links;
	b->plan.masked.v = b->masked;
	b->plan.readonly.v = b->readonly;
	b->tree = (struct mount_tree)MOUNT_TREE_INIT;
}

/* The steps of init, as init/ has them. */
static int init_steps(struct box *b)
{
	struct err *e = &b->err;
	int r;

	b->tree.plan = &b->plan;
	b->tree.sources = &b->sources;
	b->tree.hierarchies = b->hierarchies;
	b->tree.n_hierarchies = b->n_hierarchies;
	if ((r = mount_root_attach(&b->tree, e)) < 0 || (r = mount_tree_build(&b->tree, e)) < 0)
		return r;
	if (b->before_pivot)
		b->before_pivot(b);
	if ((r = mount_tree_verify(&b->tree, e)) < 0 || (r = mount_devices(&b->tree, e)) < 0 ||
	    (r = mount_pivot(&b->tree, e)) < 0 || (r = mount_readonly_paths(&b->tree, e)) < 0 ||
	    (r = mount_masked_paths(&b->tree, e)) < 0)
		return r;
	return mount_root_finish(&b->tree, e);
}

static int no_userns(const struct spec_idmaps *uid, const struct spec_idmaps *gid, struct err *e)
{
	(void)uid, (void)gid;
	return err_set(e, ERR_NSP_IDMAP, ENOSYS, "no user namespace in this test");
}

/* Give @ret the error of the step that failed, from the process that plays init. */
static struct err last_err;

_unused_ static int box_run_with(struct box *b, mount_userns_fn *userns_for)
{
	int fds[2], status, r;
	pid_t pid;

	r = mount_sources_open(&b->plan, &b->arena, userns_for, &b->sources, &b->err);
	last_err = b->err;
	if (r < 0)
		return r;
	r = mount_hierarchies_open(&b->plan, b->hierarchies, b->n_hierarchies, &b->err);
	last_err = b->err;
	if (r < 0)
		return r;
	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC) < 0)
		_exit(99);
	pid = fork();
	if (pid == 0 &&
	    (b->flags & CLONE_NEWPID)) { /* its child is the first of the pid namespace */
		must(sys_unshare(CLONE_NEWPID), "unshare pid");
		pid = fork();
		if (pid > 0) {
			waitpid(pid, &status, 0);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
		}
	}
	if (pid == 0) {
		must(sys_unshare(CLONE_NEWNS | (int)(b->flags & ~(uint64_t)CLONE_NEWPID)),
		     "unshare");
		r = init_steps(b);
		if (write(fds[1], &b->err, sizeof(b->err)) < 0)
			_exit(99);
		if (r >= 0 && b->inside)
			b->inside(b);
		if (r >= 0 && !b->inside)
			unit_failed = 0;
		fflush(stdout);
		_exit(r < 0 ? 3 : unit_failed);
	}
	close(fds[1]);
	memset(&last_err, 0, sizeof(last_err));
	if (read(fds[0], &last_err, sizeof(last_err)) < 0)
		_exit(99);
	close(fds[0]);
	waitpid(pid, &status, 0);
	mount_sources_close(&b->sources);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		return last_err.code ? -last_err.code : -EINVAL;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		printf("# init ended with wait status %d\n", status);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

_unused_ static int box_run(struct box *b)
{
	return box_run_with(b, no_userns);
}

_unused_ static const char *last_line(void)
{
	static char line[1200];

	err_format(&last_err, line, sizeof(line));
	return line;
}

/* It must work, and the checks inside must hold. */
#define RUN_OK(b)                                                                                  \
	do {                                                                                       \
		int run_ = box_run(b);                                                             \
		if (run_ < 0)                                                                      \
			FAIL_("refused: %s", last_line());                                         \
		if (run_ > 0)                                                                      \
			FAIL_("the checks inside failed");                                         \
	} while (0)
/* It must be refused with this id, and the line must contain both texts. */
#define RUN_REFUSED(b, want_id, at_text, msg_text)                                                 \
	do {                                                                                       \
		int run_ = box_run(b);                                                             \
		if (run_ >= 0)                                                                     \
			FAIL_("not refused");                                                      \
		if (last_err.id != (want_id) || !streq(last_err.at, (at_text)) ||                  \
		    !strstr(last_line(), (msg_text)))                                              \
			FAIL_("refused with %s: %s", err_info(last_err.id).text, last_line());     \
	} while (0)

/* Run @body in a namespace of its own with a fresh playground. */
_unused_ static void in_playground(void (*body)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		umask(022);
		if (sys_unshare(CLONE_NEWNS) < 0)
			_exit(SKIPPED);
		must(sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
		must(sys_mount("none", "/tmp", "tmpfs", 0, NULL), "tmpfs on /tmp");
		make_dir(TOP);
		make_dir(TOP "/root");
		make_dir(TOP "/canary");
		host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		body();
		fflush(stdout);
		_exit(unit_failed);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		FAIL_("the playground died (%d)", status);
	if (WEXITSTATUS(status) == SKIPPED)
		SKIP("no right to make a mount namespace");
	if (WEXITSTATUS(status) != 0)
		unit_failed = 1;
}

#define BOX_TEST(id)                                                                               \
	static void body_##id(void);                                                               \
	TEST(id)                                                                                   \
	{                                                                                          \
		in_playground(body_##id);                                                          \
	}                                                                                          \
	static void body_##id(void)

#endif
