/* SPDX-License-Identifier: Apache-2.0 */
/* cred/landlock: what the lists let a process do, asked of the kernel, with the calls that a shell
 * cannot make: truncate, rename across directories, ioctl. */
#include "child.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cred/cred.h"
#include "sys/landlock.h"

static char top[64];
static struct arena arena;

#define NEED_LANDLOCK()                                                                            \
	do {                                                                                       \
		if (landlock_abi() < 3)                                                            \
			SKIP("needs Landlock with ABI 3");                                         \
	} while (0)

static void put(const char *name)
{
	int fd = openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, "text", 4) != 4)
		perror(name);
	close(fd);
}

static void make_tree(void)
{
	static const char *const dirs[] = { "ro", "rw", "rw/a", "rw/b", "rw/b/none", "ro/deep" };

	memcpy(top, "/tmp/hull-landlock-XXXXXX", sizeof("/tmp/hull-landlock-XXXXXX"));
	if (!mkdtemp(top) || chdir(top) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		mkdir(dirs[i], 0755);
	put("ro/f");
	put("ro/deep/f");
	put("rw/a/f");
	put("rw/b/f");
	put("rw/b/none/f");
	if (symlink("b", "rw/link") < 0)
		abort();
	arena_init(&arena);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void drop_tree(void)
{
	nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(&arena);
}

/* The paths are below the tree, as if it were the root of a container. */
static int make(const struct plan_landlock_path *v, size_t n, bool resolved, int *ret_fd,
		const char **ret_lists, struct err *e)
{
	struct plan_landlock l = { true, resolved, (struct plan_landlock_path *)v, n };
	struct rootfs root = { open(top, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	struct procfs proc = { .fd = -1 };
	int r = proc_open_ambient(&proc);

	if (r == 0)
		r = cred_landlock_make(&l, &root, &proc, &arena, ret_fd, ret_lists, e);
	proc_close(&proc);
	close(root.fd);
	return r;
}

static const char *path(const char *name)
{
	return arena_printf(&arena, "%s/%s", top, name);
}

/* Enter the rules of @v; what follows in this process is confined. */
#define ENTER(v)                                                                                   \
	do {                                                                                       \
		struct err e_ = { 0 };                                                             \
		const char *lists_;                                                                \
		int fd_ = -1;                                                                      \
		CHECK_OK(make(v, ARRAY_LEN(v), false, &fd_, &lists_, &e_), &e_);                   \
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);                                \
		CHECK_OK(cred_landlock_enter(fd_, &e_), &e_);                                      \
		close(fd_);                                                                        \
	} while (0)

static int tried(int r)
{
	return r < 0 ? -errno : 0;
}

static int open_close(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0644), r = tried(fd);

	fd_close(&fd);
	return r;
}

static const struct plan_landlock_path both[] = { { "/ro", PLAN_READ_ONLY },
						  { "/rw", PLAN_READ_WRITE } };

static void read_only_body(void)
{
	ENTER(both);
	CHECK_INT(open_close("ro/f", O_RDONLY), 0);
	CHECK_INT(open_close("ro/f", O_WRONLY), -EACCES);
	CHECK_INT(open_close("ro/deep/new", O_WRONLY | O_CREAT), -EACCES);
	CHECK_INT(tried(truncate("ro/f", 1)), -EACCES);
	CHECK_INT(tried(unlink("ro/f")), -EACCES);
	CHECK_INT(tried(rename("ro/f", "rw/a/moved")), -EACCES);
	CHECK_INT(tried(mkdir("ro/new", 0755)), -EACCES);
	CHECK_INT(tried(symlink("x", "ro/new")), -EACCES);
}

static void read_write_body(void)
{
	ENTER(both);
	CHECK_INT(tried(truncate("rw/a/f", 1)), 0);
	CHECK_INT(tried(rename("rw/a/f", "rw/b/moved")), 0);
	CHECK_INT(tried(link("rw/b/moved", "rw/a/again")), 0);
	CHECK_INT(tried(mkfifo("rw/a/fifo", 0600)), 0);
	CHECK_INT(tried(unlink("rw/a/fifo")), 0);
	/* a link to a place where more is allowed would be a way around the lists */
	CHECK_INT(tried(link("ro/f", "rw/a/f2")), -EXDEV);
	CHECK_INT(open_close(".", O_RDONLY | O_DIRECTORY), -EACCES);
	CHECK_INT(open_close("/etc/passwd", O_RDONLY), -EACCES);
}

static void stricter_below_body(void)
{
	static const struct plan_landlock_path v[] = { { "/rw", PLAN_READ_WRITE },
						       { "/rw/b", PLAN_READ_ONLY },
						       { "/rw/b/none", PLAN_NO_ACCESS } };

	ENTER(v);
	CHECK_INT(open_close("rw/a/f", O_RDWR), 0);
	CHECK_INT(open_close("rw/b/f", O_RDONLY), 0);
	CHECK_INT(open_close("rw/b/f", O_WRONLY), -EACCES);
	CHECK_INT(open_close("rw/b/none/f", O_RDONLY), -EACCES);
	/* what is stricter cannot be moved to where more is allowed */
	CHECK_INT(tried(rename("rw/b/none", "rw/a/none")), -EACCES);
	CHECK_INT(tried(rename("rw/b", "rw/c")), -EACCES);
	CHECK_INT(open_close("rw/new", O_WRONLY | O_CREAT), -EACCES);
}

static void devices_body(void)
{
	static const struct plan_landlock_path v[] = { { "/", PLAN_READ_ONLY } };
	struct winsize size;
	int fd = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY), denied;

	if (landlock_abi() < 5)
		SKIP("needs Landlock with ABI 5");
	CHECK(fd >= 0);
	/* opened before: what is open stays as it is */
	memcpy(top, "/", 2);
	ENTER(v);
	CHECK_INT(tried(ioctl(fd, TIOCGWINSZ, &size)), 0);
	denied = open("/dev/ptmx", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	CHECK(denied >= 0);
	CHECK_INT(tried(ioctl(denied, TIOCGWINSZ, &size)), -EACCES);
}

#define IN_TREE(id)                                                                                \
	TEST(id)                                                                                   \
	{                                                                                          \
		NEED_LANDLOCK();                                                                   \
		make_tree();                                                                       \
		unit_in_child(id##_body);                                                          \
		drop_tree();                                                                       \
	}
IN_TREE(read_only)
IN_TREE(read_write)
IN_TREE(stricter_below)
IN_TREE(devices)

TEST(lists_for_exec)
{
	static const struct plan_landlock_path v[] = { { "/rw/link", PLAN_READ_WRITE },
						       { "/rw", PLAN_READ_WRITE },
						       { "/ro/deep", PLAN_READ_ONLY },
						       { "/rw/b/none", PLAN_NO_ACCESS },
						       { "/ro", PLAN_READ_ONLY } };
	const char *lists = NULL;
	struct err e = { 0 };
	int fd = -1;

	NEED_LANDLOCK();
	make_tree();
	CHECK_OK(make(v, ARRAY_LEN(v), false, &fd, &lists, &e), &e);
	fd_close(&fd);
	CHECK_STR(lists, arena_printf(&arena,
				      "{\"readWrite\":[\"%s\"],\"readOnly\":[\"%s\"],"
				      "\"noAccess\":[\"%s\"]}",
				      path("rw"), path("ro"), path("rw/b/none")));
	drop_tree();
}

TEST(resolved_follow_no_symlink)
{
	static const struct plan_landlock_path v[] = { { "/rw/link", PLAN_READ_WRITE } };
	const char *lists;
	struct err e = { 0 };
	int fd = -1;

	NEED_LANDLOCK();
	make_tree();
	CHECK_ERR(make(v, 1, true, &fd, &lists, &e), &e, "/annotations/run.hull.landlock",
		  "/rw/link");
	drop_tree();
}

TEST(two_names_of_one_place)
{
	static const struct plan_landlock_path v[] = { { "/rw/link", PLAN_READ_WRITE },
						       { "/rw/b", PLAN_READ_ONLY } };
	const char *lists;
	struct err e = { 0 };
	int fd = -1;

	NEED_LANDLOCK();
	make_tree();
	CHECK_ERR(make(v, 2, false, &fd, &lists, &e), &e, "/annotations/run.hull.landlock",
		  "two names");
	drop_tree();
}

UNIT_MAIN
