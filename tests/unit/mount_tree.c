/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room on the common path: root, file systems, binds, devices, masks, pivot. */
#include "mount_box.h"

static void fill_podman_defaults(struct box *b)
{
	struct plan_mount *m;

	m = add_fs(b, "proc", "/proc", "");
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	m = add_fs(b, "tmpfs", "/dev", "mode=755,size=65536k");
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME;
	m = add_fs(b, "sysfs", "/sys", "");
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
	m = add_fs(b, "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5");
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	m = add_fs(b, "mqueue", "/dev/mqueue", "");
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	m = add_fs(b, "tmpfs", "/dev/shm", "mode=1777,size=65536k");
	m->source = "shm";
	m->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	add_device(b, "/dev/null", S_IFCHR | 0666, 1, 3);
	add_device(b, "/dev/zero", S_IFCHR | 0666, 1, 5);
	add_device(b, "/dev/full", S_IFCHR | 0666, 1, 7);
	add_device(b, "/dev/random", S_IFCHR | 0666, 1, 8);
	add_device(b, "/dev/urandom", S_IFCHR | 0666, 1, 9);
	add_device(b, "/dev/tty", S_IFCHR | 0666, 5, 0);
	add_link(b, "/dev/fd", "/proc/self/fd");
	add_link(b, "/dev/stdin", "/proc/self/fd/0");
	add_link(b, "/dev/stdout", "/proc/self/fd/1");
	add_link(b, "/dev/stderr", "/proc/self/fd/2");
	add_link(b, "/dev/ptmx", "pts/ptmx");
	add_masked(b, (char *)"/proc/acpi");
	add_masked(b, (char *)"/proc/kcore");
	add_masked(b, (char *)"/proc/keys");
	add_masked(b, (char *)"/proc/timer_list");
	add_masked(b, (char *)"/sys/firmware");
	add_masked(b, (char *)"/proc/scsi");
	add_masked(b, (char *)"/no/such/path");
	add_readonly(b, (char *)"/proc/sys");
	add_readonly(b, (char *)"/proc/bus");
	add_readonly(b, (char *)"/proc/interrupts");
	add_readonly(b, (char *)"/nor/this");
}

static void check_node(const char *path, unsigned major, unsigned minor)
{
	struct stat st;

	CHECK_INT(lstat(path, &st), 0);
	CHECK_INT(st.st_mode, S_IFCHR | 0666);
	CHECK(st.st_rdev == makedev(major, minor));
}

static void inside_defaults(struct box *b)
{
	struct mount_line m;
	struct statfs fs;
	struct stat st;
	char text[64] = { 0 };

	(void)b;
	CHECK_INT(access("/marker", F_OK), 0);
	CHECK(get("/marker") && streq(get("/marker"), "root"));
	CHECK_INT(find_mount("/", &m), 1);
	CHECK_INT(find_mount("/proc", &m), 1);
	CHECK_STR(m.type, "proc");
	CHECK(has_word(m.opts, "nosuid") && has_word(m.opts, "nodev") &&
	      has_word(m.opts, "noexec"));
	CHECK(has_word(m.opts, "relatime"));
	CHECK_INT(find_mount("/dev", &m), 1);
	CHECK(has_word(m.sb, "size=65536k") && has_word(m.sb, "mode=755"));
	CHECK(!has_word(m.opts, "relatime") && !has_word(m.opts, "noatime"));
	CHECK_INT(find_mount("/dev/pts", &m), 1);
	CHECK(has_word(m.sb, "gid=5") && has_word(m.sb, "ptmxmode=666"));
	CHECK_INT(find_mount("/dev/shm", &m), 1);
	CHECK_STR(m.source, "shm");
	CHECK_INT(find_mount("/dev/mqueue", &m), 1);
	CHECK_INT(find_mount("/sys", &m), 1);
	CHECK(has_word(m.opts, "ro"));
	check_node("/dev/null", 1, 3);
	check_node("/dev/zero", 1, 5);
	check_node("/dev/full", 1, 7);
	check_node("/dev/random", 1, 8);
	check_node("/dev/urandom", 1, 9);
	check_node("/dev/tty", 5, 0);
	CHECK(readlink("/dev/ptmx", text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "pts/ptmx");
	CHECK_INT(stat("/dev/fd", &st), 0);
	CHECK_INT(stat("/dev/shm", &st), 0);
	CHECK_INT(st.st_mode, S_IFDIR | 01777);
	/* masks */
	CHECK_INT(find_mount("/proc/keys", &m), 1);
	CHECK(has_word(m.opts, "ro"));
	CHECK_INT(stat("/proc/keys", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	CHECK_STR(get("/proc/keys"), "");
	CHECK_STR(get("/proc/timer_list"), "");
	CHECK_INT(statfs("/sys/firmware", &fs), 0);
	CHECK(fs.f_type == TMPFS_MAGIC);
	CHECK_INT(write_errno("/sys/firmware/x"), EROFS);
	/* read-only paths keep what they were */
	CHECK_INT(find_mount("/proc/sys", &m), 1);
	CHECK(has_word(m.opts, "ro") && has_word(m.opts, "nosuid") && has_word(m.opts, "noexec"));
	CHECK_INT(write_errno("/proc/sys/kernel/hostname"), EROFS);
	CHECK_INT(write_errno("/proc/interrupts"), EROFS);
	/* nothing of the host is left: all mounts are below this root, and none is shared */
	read_mountinfo();
	CHECK(!strstr(mountinfo, "shared:"));
	CHECK(count_mounts() <= 7 + 8 + 3);
	CHECK_INT(write_errno("/new"), 0);
}

BOX_TEST(podman_defaults)
{
	struct box b;

	box_init(&b);
	put(TOP "/root/marker", "root");
	fill_podman_defaults(&b);
	b.flags = CLONE_NEWPID | CLONE_NEWIPC;
	b.inside = inside_defaults;
	RUN_OK(&b);
	CHECK_STR(get(TOP "/root/new"), "");
}

static void inside_readonly_root(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(write_errno("/x"), EROFS);
	CHECK_INT(write_errno("/tmp/x"), 0);
	CHECK(find_mount("/", &m) == 1 && has_word(m.opts, "ro"));
}

BOX_TEST(readonly_root_leaves_mounts_writable)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/tmp", "");
	b.plan.root.readonly = true;
	b.inside = inside_readonly_root;
	RUN_OK(&b);
	CHECK_INT(write_errno(TOP "/root/x"), 0);
}

static void inside_binds(struct box *b)
{
	struct mount_line m;
	struct stat st;

	(void)b;
	CHECK_STR(get("/data/file"), "data");
	CHECK(!get("/data/sub/deep"));
	CHECK_STR(get("/tree/sub/deep"), "deep");
	CHECK_STR(get("/etc/foo"), "data");
	CHECK_INT(write_errno("/ro/new"), EROFS);
	CHECK_INT(write_errno("/ro/sub/new"), 0);
	CHECK_INT(write_errno("/rro/sub/new"), EROFS);
	CHECK(find_mount("/ro", &m) == 1 && has_word(m.opts, "ro") && has_word(m.opts, "nosuid"));
	CHECK(find_mount("/rro/sub", &m) == 1 && has_word(m.opts, "ro"));
	CHECK_INT(stat("/etc/foo", &st), 0);
	CHECK(S_ISREG(st.st_mode));
}

static void make_source(void)
{
	make_dir(TOP "/src");
	make_dir(TOP "/src/sub");
	put(TOP "/src/file", "data");
	must(sys_mount("none", TOP "/src/sub", "tmpfs", 0, NULL), "submount");
	put(TOP "/src/sub/deep", "deep");
}

BOX_TEST(binds)
{
	struct box b;
	struct plan_mount *m;

	box_init(&b);
	make_source();
	add_bind(&b, TOP "/src", "/data", false);
	add_bind(&b, TOP "/src", "/tree", true);
	add_bind(&b, TOP "/src/file", "/etc/foo", false);
	m = add_bind(&b, TOP "/src", "/ro", true);
	m->attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
	m = add_bind(&b, TOP "/src", "/rro", true);
	m->rec_attr_set = MOUNT_ATTR_RDONLY;
	b.inside = inside_binds;
	RUN_OK(&b);
	CHECK_INT(write_errno(TOP "/src/x"), 0);
}

BOX_TEST(missing_things_are_named)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/tmp", "");
	add_bind(&b, TOP "/nosuch", "/data", true);
	RUN_REFUSED(&b, ERR_MNT_SOURCE, "/mounts/1", "no such file or directory");
	CHECK(strstr(last_line(), TOP "/nosuch"));

	box_init(&b);
	b.plan.root.path = TOP "/noroot";
	RUN_REFUSED(&b, ERR_MNT_ROOTFS, "/root/path", "root.path");

	box_init(&b);
	put(TOP "/afile", "");
	b.plan.root.path = TOP "/afile";
	RUN_REFUSED(&b, ERR_MNT_ROOTFS, "/root/path", "not a directory");

	box_init(&b);
	add_fs(&b, "nosuchfs", "/x", "");
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/0/type", "nosuchfs");

	box_init(&b);
	add_fs(&b, "tmpfs", "/x", "size=1m,nosuchopt");
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/0", "nosuchopt");
	CHECK(strstr(last_line(), "kernel: "));

	box_init(&b);
	add_fs(&b, "tmpfs", "/not/there", "");
	b.mounts[0].must_exist = true;
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "/not/there");
	CHECK_INT(access(TOP "/root/not", F_OK), -1);
}

BOX_TEST(kinds_must_fit)
{
	struct box b;

	box_init(&b);
	make_source();
	make_dir(TOP "/root/dir");
	put(TOP "/root/file", "");
	add_bind(&b, TOP "/src/file", "/dir", false);
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "not a directory");
	box_init(&b);
	add_bind(&b, TOP "/src", "/file", false);
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "not a directory");
}

UNIT_MAIN
