/* SPDX-License-Identifier: Apache-2.0 */
/* sys/path: symlink forests, missing parts, hostile last components. Needs no privilege. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/path.h"
#include "sys/proc.h"

/* A forest with a canary beside it: T/root is the root, T/out must never change. */
static char top[PATH_MAX];
static struct rootfs root = { .fd = -1 };
static int top_fd = -1;

static int run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static void forest_close(void)
{
	const char *const argv[] = { "rm", "-rf", top, NULL };

	fd_close(&root.fd);
	fd_close(&top_fd);
	if (top[0])
		run(argv);
	top[0] = '\0';
}

static void make_link(const char *target, const char *name)
{
	if (symlinkat(target, root.fd, name) < 0)
		abort();
}

static int forest_open(void)
{
	const char *dir = getenv("TMPDIR");

	forest_close();
	umask(0);
	snprintf(top, sizeof(top), "%s/hull-path-XXXXXX", dir ? dir : "/tmp");
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mkdirat(top_fd, "root", 0755);
	mkdirat(top_fd, "out", 0755);
	root.fd = openat(top_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root.fd, "a", 0755);
	mkdirat(root.fd, "a/b", 0755);
	close(openat(root.fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	make_link("/a/b", "abs");
	make_link("a/b", "rel");
	make_link("../../../../out", "up");
	make_link("/../../out", "absup");
	make_link("loop", "loop");
	make_link("new/deep", "dangling");
	make_link("/new2/deep", "dangling-abs");
	make_link("dangling", "twice");
	make_link("/proc/self/root", "magic");
	make_link("../a", "a/b/back");
	return root.fd < 0 ? -1 : 0;
}

static ino_t inode(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_ino;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static int empty_dir(int dirfd, const char *name)
{
	int r = unlinkat(dirfd, name, AT_REMOVEDIR);

	if (r == 0)
		mkdirat(dirfd, name, 0755);
	return r == 0;
}

TEST(resolve_follows_links_inside_the_root)
{
	static const struct {
		const char *path, *same;
	} rows[] = {
		{ "/a/b", "a/b" },     { "a/b", "a/b" },
		{ "/abs", "a/b" },     { "/rel", "a/b" },
		{ "/", "." },	       { "", "." },
		{ "/../..", "." },     { "/a/../a/./b", "a/b" },
		{ "/file", "file" },   { "/../../../file", "file" },
		{ "//a//b//", "a/b" },
	};

	CHECK_INT(forest_open(), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_fd_ int fd = path_resolve(&root, rows[i].path, false);

		if (fd < 0 || inode_of(fd) != inode(root.fd, rows[i].same))
			FAIL_("%s: %d", rows[i].path, fd);
	}
	CHECK_INT(path_resolve(&root, "/up", false), -ENOENT);
	CHECK_INT(path_resolve(&root, "/absup", false), -ENOENT);
	CHECK_INT(path_resolve(&root, "/loop", false), -ELOOP);
	CHECK_INT(path_resolve(&root, "/file/x", false), -ENOTDIR);
	CHECK_INT(path_resolve(&root, "/nosuch", false), -ENOENT);
	forest_close();
}

TEST(nofollow_gives_the_link_itself)
{
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	fd = path_resolve(&root, "/loop", true);
	CHECK(fd >= 0);
	CHECK(inode_of(fd) == inode(root.fd, "loop"));
	forest_close();
}

TEST(strict_takes_no_link_anywhere)
{
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	CHECK_INT(path_resolve_strict(&root, "/abs"), -ELOOP);
	CHECK_INT(path_resolve_strict(&root, "/rel/x"), -ELOOP);
	CHECK_INT(path_resolve_strict(&root, "../out"), -EXDEV);
	fd = path_resolve_strict(&root, "/a/b");
	CHECK(fd >= 0);
	forest_close();
}

TEST(magic_links_are_never_followed)
{
	struct rootfs host = { .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	int r;

	CHECK(host.fd >= 0);
	r = path_resolve(&host, "/proc/self/root/etc", false);
	CHECK(r == -ELOOP || r == -EXDEV);
	r = path_make(&host, "/proc/self/root/hull-never", PATH_MAKE_DIR, false, NULL);
	CHECK(r == -ELOOP || r == -EXDEV);
	close(host.fd);
}

/* Counts what was made and keeps the last path. */
struct counter {
	struct path_made made;
	int n;
	char last[PATH_MAX];
};

static void count_made(struct path_made *made, int dir, const char *name, const char *path,
		       size_t len)
{
	struct counter *c = (struct counter *)made;

	c->n += inode(dir, name) != 0;
	snprintf(c->last, sizeof(c->last), "%.*s", (int)len, path);
}

TEST(make_creates_inside_only)
{
	static const struct {
		const char *path;
		enum path_make kind;
		const char *same; /* where it must be now */
	} rows[] = {
		{ "/x/y/z", PATH_MAKE_DIR, "x/y/z" },
		{ "/x/y/f", PATH_MAKE_FILE, "x/y/f" },
		{ "/abs/n1", PATH_MAKE_DIR, "a/b/n1" },
		{ "/rel/back/n2/", PATH_MAKE_FILE,
		  /* a/b/back -> ../a is dangling: a/a */
		  "a/a/n2" },
		{ "/up", PATH_MAKE_DIR, "out" },
		{ "/absup/deep/er", PATH_MAKE_DIR, "out/deep/er" },
		{ "/dangling", PATH_MAKE_DIR, "new/deep" },
		{ "/dangling-abs", PATH_MAKE_FILE, "new2/deep" },
		{ "/twice/more", PATH_MAKE_DIR, "new/deep/more" },
		{ "/m1/../m2", PATH_MAKE_DIR, "m2" },
		{ "/m3/../../../m4/./f", PATH_MAKE_FILE, "m4/f" },
		{ "/m5/..", PATH_MAKE_DIR, "." },
		{ "/m6/.", PATH_MAKE_DIR, "m6" },
		{ "/magic/etc/nothing", PATH_MAKE_DIR, "proc/self/root/etc/nothing" },
	};

	CHECK_INT(forest_open(), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stat st;
		struct counter c = { .made = { count_made } };
		_cleanup_fd_ int fd = path_make(&root, rows[i].path, rows[i].kind, false, &c.made);

		if (fd < 0 || inode_of(fd) != inode(root.fd, rows[i].same) || c.n == 0)
			FAIL_("%s: %d", rows[i].path, fd);
		CHECK_INT(fstat(fd, &st), 0);
		CHECK_INT(st.st_mode,
			  rows[i].kind == PATH_MAKE_DIR ? S_IFDIR | 0755 : S_IFREG | 0644);
	}
	CHECK(empty_dir(top_fd, "out"));
	forest_close();
}

TEST(make_tells_what_it_made)
{
	struct counter c = { .made = { count_made } };
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	fd = path_make(&root, "/abs", PATH_MAKE_DIR, false, &c.made);
	CHECK(fd >= 0);
	CHECK_INT(c.n, 0);
	fd_close(&fd);
	fd = path_make(&root, "/abs/k/l", PATH_MAKE_FILE, false, &c.made);
	CHECK(fd >= 0);
	CHECK_INT(c.n, 2);
	CHECK_STR(c.last, "/abs/k/l");
	forest_close();
}

TEST(strict_making_takes_no_link)
{
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	CHECK_INT(path_make_strict(&root, "/abs/x", PATH_MAKE_DIR, NULL), -ELOOP);
	CHECK_INT(path_make_strict(&root, "/dangling", PATH_MAKE_DIR, NULL), -ELOOP);
	CHECK_INT(path_make_strict(&root, "/dangling/x", PATH_MAKE_FILE, NULL), -ELOOP);
	CHECK_INT(path_make_strict(&root, "/file", PATH_MAKE_DIR, NULL), -ENOTDIR);
	CHECK(inode(root.fd, "new") == 0);
	fd = path_make_strict(&root, "/a/s/t", PATH_MAKE_FILE, NULL);
	CHECK(fd >= 0 && inode_of(fd) == inode(root.fd, "a/s/t"));
	forest_close();
}

TEST(make_refuses_what_does_not_fit)
{
	CHECK_INT(forest_open(), 0);
	CHECK_INT(path_make(&root, "/file", PATH_MAKE_DIR, false, NULL), -ENOTDIR);
	CHECK_INT(path_make(&root, "/a", PATH_MAKE_FILE, false, NULL), -EISDIR);
	CHECK_INT(path_make(&root, "/file/x", PATH_MAKE_DIR, false, NULL), -ENOTDIR);
	CHECK_INT(path_make(&root, "/loop", PATH_MAKE_DIR, false, NULL), -ELOOP);
	CHECK_INT(path_make(&root, "/loop/x", PATH_MAKE_DIR, false, NULL), -ELOOP);
	CHECK_INT(path_make(&root, "/abs", PATH_MAKE_DIR, true, NULL), -ENOTDIR);
	forest_close();
}

TEST(make_follows_forty_links_and_no_more)
{
	char name[16], target[16];
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i + 1);
		make_link(target, name);
	}
	fd = path_make(&root, "/l20", PATH_MAKE_DIR, false, NULL); /* 40 links, then l60 */
	CHECK(fd >= 0 && inode_of(fd) == inode(root.fd, "l60"));
	CHECK_INT(path_make(&root, "/l0/x", PATH_MAKE_DIR, false, NULL), -ELOOP);
	forest_close();
}

TEST(make_bounds_long_names_and_targets)
{
	char name[300], target[PATH_MAX];

	CHECK_INT(forest_open(), 0);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	CHECK_INT(path_make(&root, name, PATH_MAKE_DIR, false, NULL), -ENAMETOOLONG);
	/* A link whose text and the rest together pass PATH_MAX. */
	for (size_t i = 0; i < sizeof(target) - 1; i++)
		target[i] = i % 2 ? '/' : 'd';
	target[sizeof(target) - 2] = '\0';
	CHECK_INT(symlinkat(target, root.fd, "long"), 0);
	CHECK_INT(path_make(&root, "/long/and/more", PATH_MAKE_DIR, false, NULL), -ENAMETOOLONG);
	forest_close();
}

TEST(parent_names_the_last_component)
{
	const char *name = NULL;
	_cleanup_fd_ int fd = -1;

	CHECK_INT(forest_open(), 0);
	fd = path_parent(&root, "/abs/node", false, NULL, &name);
	CHECK(fd >= 0 && inode_of(fd) == inode(root.fd, "a/b"));
	CHECK_STR(name, "node");
	fd_close(&fd);
	fd = path_parent(&root, "top", false, NULL, &name);
	CHECK(fd >= 0 && inode_of(fd) == inode(root.fd, "."));
	CHECK_STR(name, "top");
	CHECK_INT(path_parent(&root, "/no/such/node", false, NULL, &name), -ENOENT);
	fd_close(&fd);
	fd = path_parent(&root, "/no/such/node", true, NULL, &name);
	CHECK(fd >= 0 && inode_of(fd) == inode(root.fd, "no/such"));
	CHECK_INT(path_parent(&root, "/", false, NULL, &name), -EINVAL);
	CHECK_INT(path_parent(&root, "/a/..", false, NULL, &name), -EINVAL);
	CHECK_INT(path_parent(&root, "/a/", false, NULL, &name), -EINVAL);
	CHECK_INT(path_parent(&root, "", false, NULL, &name), -EINVAL);
	forest_close();
}

TEST(reopen_does_not_block_on_a_fifo)
{
	_cleanup_fd_ int path = -1, fd = -1;

	CHECK_INT(forest_open(), 0);
	CHECK_INT(mkfifoat(root.fd, "fifo", 0600), 0);
	path = path_resolve(&root, "/fifo", true);
	CHECK(path >= 0);
	fd = path_reopen(path, O_RDONLY);
	CHECK(fd >= 0);
	fd_close(&path);
	path = path_resolve(&root, "/file", true);
	fd_close(&fd);
	fd = path_reopen(path, O_WRONLY);
	CHECK_INT(write(fd, "x", 1), 1);
	forest_close();
}

TEST(devices_are_proved)
{
	_cleanup_fd_ int null = open("/dev/null", O_PATH | O_CLOEXEC);

	CHECK(path_is_device(null, S_IFCHR, 1, 3));
	CHECK(!path_is_device(null, S_IFCHR, 1, 5));
	CHECK(!path_is_device(null, S_IFBLK, 1, 3));
	CHECK(!path_is_device(-1, S_IFCHR, 1, 3));
}

TEST(mount_ids_differ_between_mounts)
{
	uint64_t a = 0, b = 0, c = 0;
	_cleanup_fd_ int proc = open("/proc", O_PATH | O_CLOEXEC);
	_cleanup_fd_ int slash = open("/", O_PATH | O_CLOEXEC);
	_cleanup_fd_ int self = open("/proc/self", O_PATH | O_CLOEXEC);

	CHECK_INT(path_mount_id(proc, &a), 0);
	CHECK_INT(path_mount_id(slash, &b), 0);
	CHECK_INT(path_mount_id(self, &c), 0);
	CHECK(a != b);
	CHECK(a == c);
	CHECK_INT(path_mount_id(-1, &a), -EBADF);
}

TEST(mkdir_on_the_host)
{
	struct stat st;

	CHECK_INT(forest_open(), 0);
	CHECK_INT(path_mkdir_host(top_fd, "h/i//j/", 0700), 0);
	CHECK_INT(fstatat(top_fd, "h/i/j", &st, 0), 0);
	CHECK_INT(st.st_mode, S_IFDIR | 0700);
	CHECK_INT(path_mkdir_host(top_fd, "h/i/j", 0700), 0);
	CHECK_INT(path_mkdir_host(top_fd, "root/file/x", 0700), -ENOTDIR);
	forest_close();
}

/*
 * A second process exchanges a directory with a symlink to the canary while paths are made. Every
 * result is either an error or inside the root; the canary stays empty (rule P4, CVE-2024-45310).
 */
TEST(racing_renames_never_lead_out)
{
	pid_t pid;
	int made = 0, refused = 0;
	char out[PATH_MAX + 8];

	CHECK_INT(forest_open(), 0);
	snprintf(out, sizeof(out), "%s/out", top);
	CHECK_INT(mkdirat(root.fd, "swap", 0755), 0);
	CHECK_INT(symlinkat(out, root.fd, "evil"), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (;;)
			syscall(SYS_renameat2, root.fd, "swap", root.fd, "evil", 2 /* EXCHANGE */);
	}
	for (int i = 0; i < 500; i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/swap/../swap/n%d/x", i);
		fd = path_make(&root, path, i % 2 ? PATH_MAKE_DIR : PATH_MAKE_FILE, false, NULL);
		if (fd < 0)
			refused++;
		else
			made++;
		fd_close(&fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("# made %d, refused %d\n", made, refused);
	CHECK(made > 0);
	CHECK(empty_dir(top_fd, "out"));
	forest_close();
}

UNIT_MAIN
