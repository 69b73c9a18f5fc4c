/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room against hostile root file systems: nothing leaves the root, nothing stands in for
 * /proc. */
#include "mount_box.h"
#include "mount/room.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>

static bool canary_is_empty(void)
{
	DIR *d = opendir(TOP "/canary");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n == 2;
}

/* ---- M5: /proc, /sys, /dev must be directories ---- */

enum thing { LINK_DIR, LINK_ROOT, LINK_DANGLING, LINK_SELF, A_FILE, A_FIFO, THINGS };

static void put_thing(const char *path, enum thing thing)
{
	switch (thing) {
	case LINK_DIR:
		make_dir(TOP "/root/elsewhere");
		make_link("/elsewhere", path);
		break;
	case LINK_ROOT:
		make_link("/", path);
		break;
	case LINK_DANGLING:
		make_link("/no/where", path);
		break;
	case LINK_SELF:
		make_link(strrchr(path, '/') + 1, path);
		break;
	case A_FILE:
		put(path, "");
		break;
	default:
		if (mkfifo(path, 0644) < 0)
			_exit(99);
	}
}

static void refuse_all(const char *name, const char *fstype, bool bind)
{
	char host[64], inside[16];

	snprintf(host, sizeof(host), TOP "/root/%s", name);
	snprintf(inside, sizeof(inside), "/%s", name);
	for (enum thing thing = 0; thing < THINGS; thing++) {
		struct box b;

		box_init(&b);
		put_thing(host, thing);
		if (bind)
			add_bind(&b, TOP "/canary", inside, true);
		else
			add_fs(&b, fstype, inside, "");
		RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/0",
			    "must be mounted on ordinary directory");
		CHECK(canary_is_empty());
		unlink(host);
	}
}

BOX_TEST(proc_is_no_link)
{
	refuse_all("proc", "proc", false);
}

BOX_TEST(sys_is_no_link)
{
	refuse_all("sys", "sysfs", false);
}

BOX_TEST(dev_is_no_link_for_a_tmpfs)
{
	refuse_all("dev", "tmpfs", false);
}

BOX_TEST(dev_is_no_link_for_a_bind)
{
	refuse_all("dev", NULL, true);
}

BOX_TEST(dev_is_no_link_for_bare_devices)
{
	for (enum thing thing = 0; thing < THINGS; thing++) {
		struct box b;

		box_init(&b);
		put_thing(TOP "/root/dev", thing);
		add_device(&b, "/dev/null", S_IFCHR | 0666, 1, 3);
		RUN_REFUSED(&b, ERR_DEV_OTHER, "/linux/devices/0/path", "must be a directory");
		unlink(TOP "/root/dev");
	}
	CHECK(canary_is_empty());
}

BOX_TEST(below_sys_no_link_either)
{
	struct box b;

	box_init(&b);
	make_dir(TOP "/root/sys");
	make_link("../../canary", TOP "/root/sys/fs");
	add_fs(&b, "tmpfs", "/sys/fs/cgroup", "");
	RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/0", "symlink");
	CHECK(canary_is_empty());
}

BOX_TEST(nothing_stands_in_for_proc)
{
	static const struct {
		const char *destination;
		bool with_proc;
	} rows[] = {
		{ "/proc", false },	     { "//./proc/.", false },	 { "/p", false },
		{ "/x/../proc", false },     { "/proc", true },		 { "/p", true },
		{ "/proc/self/attr", true }, { "/p/sys", true },	 { "/proc/sys", true },
		{ "/proc/1", true },	     { "/x/../proc/sys", true },
	};

	make_link("/proc", TOP "/root/p");
	make_dir(TOP "/root/x");
	make_dir(TOP "/root/proc");
	make_dir(TOP "/src");
	for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
		const char *where = rows[i / 2].destination;
		struct box b;

		box_init(&b);
		b.flags = CLONE_NEWPID;
		if (rows[i / 2].with_proc)
			add_fs(&b, "proc", "/proc", "");
		if (i % 2)
			add_fs(&b, "tmpfs", where, "");
		else
			add_bind(&b, TOP "/src", where, false);
		if (box_run(&b) >= 0 || last_err.id != ERR_MNT_PROTECTED)
			FAIL_("%s (%zu): %s", where, i, last_line());
	}
}

static void inside_lxcfs(struct box *b)
{
	(void)b;
	CHECK_STR(get("/proc/cpuinfo"), "one cpu");
}

BOX_TEST(lxcfs_files_may_be_covered)
{
	struct box b;

	box_init(&b);
	put(TOP "/cpuinfo", "one cpu");
	add_fs(&b, "proc", "/proc", "");
	add_bind(&b, TOP "/cpuinfo", "/proc/cpuinfo", false);
	b.flags = CLONE_NEWPID;
	b.inside = inside_lxcfs;
	RUN_OK(&b);
}

static void inside_bound_proc(struct box *b)
{
	(void)b;
	CHECK_INT(access("/proc/self/status", F_OK), 0);
}

BOX_TEST(a_procfs_may_be_bound_on_proc)
{
	struct box b;

	box_init(&b);
	add_bind(&b, "/proc", "/proc", true);
	b.inside = inside_bound_proc;
	RUN_OK(&b);
	box_init(&b);
	add_bind(&b, "/proc/sys", "/proc", true);
	RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/0", "only a procfs");
}

BOX_TEST(the_root_is_not_mounted_over)
{
	static const char *const rows[] = { "/", "/l", "/..", "/x/.." };

	make_link("/", TOP "/root/l");
	make_dir(TOP "/root/x");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct box b;

		box_init(&b);
		add_fs(&b, "tmpfs", rows[i], "");
		RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/0", "root of the container");
	}
}

/* ---- destinations through links ---- */

static void inside_links(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/target", &m), 1);
	CHECK_INT(find_mount("/etc", &m), 1);
	CHECK_INT(find_mount("/new/deep", &m), 1);
	CHECK_INT(find_mount("/c40", &m), 1);
	CHECK_INT(find_mount("/tmp/hull-unit-mount/canary", &m), 1);
	CHECK_INT(find_mount("/data/rel", &m), 1);
}

BOX_TEST(links_stay_inside)
{
	char name[64], text[64];
	struct box b;

	box_init(&b);
	make_dir(TOP "/root/target");
	make_link("/target", TOP "/root/abs");
	make_link("../../../../../etc", TOP "/root/up");
	make_link("new/deep", TOP "/root/dangling");
	make_link(TOP "/canary", TOP "/root/evil");
	for (int i = 1; i < 40; i++) {
		snprintf(name, sizeof(name), TOP "/root/c%d", i);
		snprintf(text, sizeof(text), "c%d", i + 1);
		make_link(text, name);
	}
	add_fs(&b, "tmpfs", "/abs", "");
	add_fs(&b, "tmpfs", "/up", "");
	add_fs(&b, "tmpfs", "/dangling", "");
	add_fs(&b, "tmpfs", "/c1", "");
	add_fs(&b, "tmpfs", "/evil", "");
	add_fs(&b, "tmpfs", "/data/./x/../rel", "");
	b.inside = inside_links;
	RUN_OK(&b);
	CHECK(canary_is_empty());
}

BOX_TEST(links_that_lead_nowhere_are_refused)
{
	struct box b;

	box_init(&b);
	make_link("loop", TOP "/root/loop");
	add_fs(&b, "tmpfs", "/loop", "");
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "too many levels");
	box_init(&b);
	make_dir(TOP "/root/proc");
	make_link("/proc/self/root/tmp", TOP "/root/magic");
	b.flags = CLONE_NEWPID;
	add_fs(&b, "proc", "/proc", "");
	add_fs(&b, "tmpfs", "/magic", "");
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/1", "too many levels");
}

/* ---- devices ---- */

static void dev_thing(const char *what)
{
	const char *path = TOP "/root/dev/null";

	make_dir(TOP "/root/dev");
	if (streq(what, "file"))
		put(path, "x");
	else if (streq(what, "dir"))
		make_dir(path);
	else if (streq(what, "fifo"))
		must(mkfifo(path, 0644), "fifo");
	else if (streq(what, "socket"))
		must(mknod(path, S_IFSOCK | 0644, 0), "socket");
	else if (streq(what, "device"))
		must(mknod(path, S_IFCHR | 0666, makedev(1, 5)), "device");
	else if (streq(what, "block"))
		must(mknod(path, S_IFBLK | 0666, makedev(1, 3)), "block");
	else if (streq(what, "symlink"))
		make_link(TOP "/canary/file", path);
}

BOX_TEST(a_wrong_inode_is_never_replaced)
{
	static const char *const rows[] = { "file",   "dir",   "fifo",	 "socket",
					    "device", "block", "symlink" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct box b;
		struct stat before, after;

		box_init(&b);
		dev_thing(rows[i]);
		CHECK_INT(lstat(TOP "/root/dev/null", &before), 0);
		add_device(&b, "/dev/null", S_IFCHR | 0666, 1, 3);
		RUN_REFUSED(&b, ERR_DEV_OTHER, "/linux/devices/0/path", "/dev/null is a");
		CHECK_INT(lstat(TOP "/root/dev/null", &after), 0);
		CHECK(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
		CHECK(canary_is_empty());
		if (remove(TOP "/root/dev/null") < 0)
			_exit(99);
	}
}

BOX_TEST(a_link_of_another_kind_is_refused)
{
	struct box b;

	box_init(&b);
	make_dir(TOP "/root/dev");
	put(TOP "/root/dev/ptmx", "");
	add_link(&b, "/dev/ptmx", "pts/ptmx");
	RUN_REFUSED(&b, ERR_DEV_OTHER, "/dev", "/dev/ptmx");
	unlink(TOP "/root/dev/ptmx");
	make_link(TOP "/canary/x", TOP "/root/dev/ptmx");
	box_init(&b);
	add_link(&b, "/dev/ptmx", "pts/ptmx");
	RUN_REFUSED(&b, ERR_DEV_OTHER, "/dev", "canary");
	CHECK(canary_is_empty());
}

/* ---- masks and read-only paths ---- */

static void inside_masks(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_INT(stat("/etc/secret", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	CHECK_STR(get("/etc/secret"), "");
	CHECK_INT(access("/private/key", F_OK), -1);
	CHECK_INT(write_errno("/private/new"), EROFS);
	CHECK_INT(write_errno("/etc/conf/x"), EROFS);
	CHECK_INT(write_errno("/etc/other"), 0);
}

BOX_TEST(masks_follow_links_inside_only)
{
	struct box b;
	int mounts = count_mounts();

	box_init(&b);
	make_dir(TOP "/root/etc");
	make_dir(TOP "/root/etc/conf");
	make_dir(TOP "/root/private");
	put(TOP "/root/etc/secret", "s");
	put(TOP "/root/private/key", "k");
	make_link("/../../../../etc/secret", TOP "/root/s");
	make_link("private", TOP "/root/d");
	make_link("../../../etc/conf", TOP "/root/c");
	make_link("/nowhere", TOP "/root/n");
	add_masked(&b, (char *)"/s");
	add_masked(&b, (char *)"/d");
	add_masked(&b, (char *)"/n");
	add_readonly(&b, (char *)"/c");
	add_readonly(&b, (char *)"/n/x");
	b.inside = inside_masks;
	RUN_OK(&b);
	CHECK_INT(count_mounts(), mounts);
	CHECK_STR(get(TOP "/root/etc/secret"), "s");
}

BOX_TEST(only_absence_excuses_a_mask)
{
	struct box b;

	box_init(&b);
	make_link("loop", TOP "/root/loop");
	add_masked(&b, (char *)"/nosuch");
	add_masked(&b, (char *)"/loop");
	RUN_REFUSED(&b, ERR_MNT_MASK, "/linux/maskedPaths/1", "/loop");
	/* below a file there is nothing: as absent as a name that is not there */
	box_init(&b);
	put(TOP "/root/file", "");
	add_masked(&b, (char *)"/file/x");
	add_readonly(&b, (char *)"/file/x/y");
	RUN_OK(&b);
}

/* ---- console ---- */

static void try_console(struct box *b)
{
	int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	const char *name;
	struct stat st, pts;

	CHECK(ptmx >= 0);
	CHECK_INT(unlockpt(ptmx), 0);
	name = ptsname(ptmx);
	CHECK(name);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
	memset(&b->err, 0, sizeof(b->err));
	if (mount_console(&b->tree, slave, &b->err) < 0) {
		char line[512];

		err_format(&b->err, line, sizeof(line));
		FAIL_("%s", line);
	}
	CHECK_INT(stat("/dev/console", &st), 0);
	CHECK_INT(fstat(slave, &pts), 0);
	CHECK(st.st_ino == pts.st_ino && st.st_rdev == pts.st_rdev);
}

static void fill_dev(struct box *b)
{
	box_init(b);
	add_fs(b, "tmpfs", "/dev", "mode=755");
	add_fs(b, "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620");
	add_link(b, "/dev/ptmx", "pts/ptmx");
}

BOX_TEST(the_console_is_the_pty)
{
	struct box b;

	fill_dev(&b);
	b.inside = try_console;
	RUN_OK(&b);
}

static void refused_console(struct box *b)
{
	static const char *const rows[] = { "symlink", "dir", "fifo" };
	int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	CHECK(ptmx >= 0 && unlockpt(ptmx) == 0);
	slave = open(ptsname(ptmx), O_RDWR | O_NOCTTY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (i == 0)
			must(symlink("/etc/evil", "/dev/console"), "symlink");
		else if (i == 1)
			make_dir("/dev/console");
		else
			must(mkfifo("/dev/console", 0600), "fifo");
		memset(&b->err, 0, sizeof(b->err));
		CHECK_INT(mount_console(&b->tree, slave, &b->err), -EEXIST);
		CHECK_INT(b->err.id, ERR_DEV_OTHER);
		CHECK(strstr(b->err.msg, rows[i]));
		CHECK_INT(remove("/dev/console"), 0);
	}
	CHECK_INT(access("/etc/evil", F_OK), -1);
	memset(&b->err, 0, sizeof(b->err));
	CHECK_INT(mount_console(&b->tree, open("/dev", O_RDONLY | O_CLOEXEC), &b->err), -EINVAL);
	CHECK_INT(b->err.id, ERR_MNT_VERIFY);
}

BOX_TEST(the_console_follows_nothing)
{
	struct box b;

	fill_dev(&b);
	b.inside = refused_console;
	RUN_OK(&b);
}

/* ---- races ---- */

static void inside_race(struct box *b)
{
	/* wherever it went, it is inside: the link's target as seen from here, or the directory
	 * under either name */
	(void)b;
	read_mountinfo();
	CHECK(strstr(mountinfo, " /vol/a/m ") || strstr(mountinfo, " /vol/b/m ") ||
	      strstr(mountinfo, " " TOP "/canary/m "));
}

/* A neighbour exchanges part of the destination with a link to the host. CVE-2021-30465,
 * CVE-2024-45310. */
BOX_TEST(racing_neighbours)
{
	int mounts = count_mounts(), good = 0, refused = 0;
	pid_t racer;
	int dir;

	make_dir(TOP "/root/vol");
	make_dir(TOP "/root/vol/a");
	make_link(TOP "/canary", TOP "/root/vol/b");
	dir = open(TOP "/root/vol", O_PATH | O_DIRECTORY | O_CLOEXEC);
	racer = fork();
	if (racer == 0)
		for (;;)
			syscall(SYS_renameat2, dir, "a", dir, "b", 2 /* RENAME_EXCHANGE */);
	for (int i = 0; i < 100; i++) {
		struct box b;
		int r;

		box_init(&b);
		add_fs(&b, "tmpfs", "/vol/a/m", "");
		b.inside = inside_race;
		r = box_run(&b);
		if (r == 0)
			good++;
		else if (r < 0 && (last_err.id == ERR_MNT_VERIFY || last_err.id == ERR_MNT_TARGET))
			refused++;
		else
			break;
		arena_free(&b.arena);
	}
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	printf("# good %d, refused %d\n", good, refused);
	CHECK_INT(good + refused, 100);
	CHECK(canary_is_empty());
	CHECK_INT(count_mounts(), mounts);
}

/* The target was moved between its look-up and the mount: the path leads elsewhere now. */
static void moved_away(struct box *b)
{
	_cleanup_fd_ int tree = path_resolve(&b->tree.root, "/vol/a", false);
	struct err e = { 0 };
	uint64_t id = 0;

	CHECK(tree >= 0);
	CHECK_INT(mnt_prove(&b->tree, "/vol/a", false, tree, &id, &e), 0);
	CHECK(id == b->sources.mnt_id[0]);
	must(rename(TOP "/root/vol", TOP "/root/away"), "rename");
	make_dir(TOP "/root/vol");
	make_dir(TOP "/root/vol/a");
	CHECK_INT(mnt_prove(&b->tree, "/vol/a", false, tree, NULL, &e), -EINVAL);
	CHECK_INT(e.id, ERR_MNT_VERIFY);
	memset(&e, 0, sizeof(e));
	must(rmdir(TOP "/root/vol/a"), "rmdir");
	CHECK_INT(mnt_prove(&b->tree, "/vol/a", false, tree, NULL, &e), -ENOENT);
	CHECK_INT(e.id, ERR_MNT_VERIFY);
}

static void nothing(struct box *b)
{
	(void)b; /* what before_pivot found is what counts */
}

BOX_TEST(a_moved_target_is_noticed)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/vol/a", "");
	b.before_pivot = moved_away;
	b.inside = nothing;
	RUN_OK(&b);
}

/* ---- after hooks ---- */

static void cover_dev(struct box *b)
{
	(void)b;
	must(sys_mount("none", TOP "/root/dev/pts", "tmpfs", 0, NULL), "cover");
}

BOX_TEST(hooks_may_not_cover_dev)
{
	const struct spec_hooks hooks = { .n[HOOK_CREATE_CONTAINER] = 1 };
	struct box b;

	fill_dev(&b);
	b.plan.hooks = &hooks;
	b.before_pivot = cover_dev;
	RUN_REFUSED(&b, ERR_MNT_VERIFY, "/mounts/1", "/dev/pts");
}

static void cover_other(struct box *b)
{
	(void)b;
	must(sys_mount("none", TOP "/root/data", "tmpfs", 0, NULL), "cover");
}

BOX_TEST(hooks_may_cover_the_rest)
{
	struct box b;

	fill_dev(&b);
	add_fs(&b, "tmpfs", "/data", "");
	b.before_pivot = cover_other;
	RUN_OK(&b);
}

UNIT_MAIN
