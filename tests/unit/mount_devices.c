/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room's device nodes and links. */
#include "mount_box.h"

static void inside_devices(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_INT(stat("/dev/fuse", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 229));
	CHECK_INT(st.st_mode & 07777, 0666);
	CHECK_INT(st.st_uid, 5);
	CHECK_INT(st.st_gid, 6);
	CHECK_INT(stat("/dev/net/tun", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 200));
	CHECK_INT(st.st_uid, 9);
	CHECK_INT(stat("/opt/x/loop", &st), 0);
	CHECK(S_ISBLK(st.st_mode) && st.st_rdev == makedev(7, 0));
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(stat("/dev/fifo", &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(stat("/dev/zero", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5));
}

static void fill_devices(struct box *b)
{
	struct plan_device *d;

	d = add_device(b, "/dev/fuse", S_IFCHR | 0666, 10, 229);
	d->uid = 5, d->gid = 6;
	add_device(b, "/dev/net/tun", S_IFCHR | 0660, 10, 200)->uid = 9;
	add_device(b, "/opt/x/loop", S_IFBLK | 0600, 7, 0);
	add_device(b, "/dev/fifo", S_IFIFO | 0644, 0, 0);
	add_device(b, "/dev/zero", S_IFCHR | 0666, 1, 5)->bind = true;
}

BOX_TEST(devices_on_a_tmpfs)
{
	struct box b;

	box_init(&b);
	umask(077);
	add_fs(&b, "tmpfs", "/dev", "mode=755");
	fill_devices(&b);
	b.inside = inside_devices;
	RUN_OK(&b);
}

BOX_TEST(devices_in_the_image)
{
	struct box b;

	for (int again = 0; again < 2; again++) { /* the second time all of them exist and match */
		box_init(&b);
		umask(077);
		chmod(TOP "/root", 0755);
		fill_devices(&b);
		add_link(&b, "/dev/fd", "/proc/self/fd");
		add_link(&b, "/dev/stdin", "/proc/self/fd/0");
		b.inside = inside_devices;
		RUN_OK(&b);
		unlink(TOP "/root/dev/stdin");
		make_link("fd/0", TOP "/root/dev/stdin");
	}
}

static void inside_bound_dev(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_INT(stat("/dev/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_INT(stat("/opt/zero", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5));
}

BOX_TEST(a_dev_of_the_host_is_left_alone)
{
	static const char *const absent[] = { "/dev/hull-none", "/dev/none/x" };
	struct plan_device *d;
	struct box b;

	box_init(&b);
	add_bind(&b, "/dev", "/dev", true);
	add_device(&b, "/dev/null", S_IFCHR | 0600, 1, 3)->existing = true;
	d = add_device(&b, "/opt/zero", S_IFCHR | 0666, 1, 5);
	d->bind = true;
	d->source = "/dev/zero";
	b.inside = inside_bound_dev;
	RUN_OK(&b);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		box_init(&b);
		add_bind(&b, "/dev", "/dev", true);
		add_device(&b, absent[i], S_IFCHR | 0666, 1, 3)->existing = true;
		RUN_REFUSED(&b, ERR_DEV_NODE, "/linux/devices/0/path", absent[i]);
		CHECK_INT(access(absent[i], F_OK), -1);
	}
	box_init(&b);
	add_bind(&b, "/dev", "/dev", true);
	add_device(&b, "/dev/null", S_IFCHR | 0666, 1, 5)->existing = true;
	RUN_REFUSED(&b, ERR_DEV_OTHER, "/linux/devices/0/path", "/dev/null");
}

BOX_TEST(a_bound_device_must_be_the_one)
{
	struct box b;

	box_init(&b);
	add_device(&b, "/dev/null", S_IFCHR | 0666, 1, 9)->bind = true;
	RUN_REFUSED(&b, ERR_DEV_OTHER, "/linux/devices/0", "1:9");
}

UNIT_MAIN
