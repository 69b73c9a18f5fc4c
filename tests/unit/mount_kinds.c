/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room's special mounts: tmpcopyup, links, their order, long options. */
#include "mount_box.h"

/* ---- tmpcopyup ---- */

static void inside_copy(struct box *b)
{
	struct stat st;
	char text[64] = { 0 };

	CHECK_STR(get("/data/file"), "content");
	CHECK_INT(stat("/data/file", &st), 0);
	CHECK_INT(st.st_mode & 07777, 04755);
	CHECK_INT(st.st_uid, 1000);
	CHECK_INT(st.st_gid, 1001);
	CHECK_INT(st.st_mtime, 1000000000);
	CHECK_STR(get("/data/dir/deep"), "deep");
	CHECK_INT(stat("/data/dir", &st), 0);
	CHECK_INT(st.st_mode & 07777, 02750);
	CHECK(readlink("/data/link", text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "/etc/outside");
	CHECK_INT(lstat("/data/fifo", &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(stat("/data", &st), 0);
	CHECK_INT(st.st_mode & 07777, 0711);
	CHECK_INT(st.st_uid, 7);
	CHECK_INT(write_errno("/data/new"), b->mounts[0].attr_set & MOUNT_ATTR_RDONLY ? EROFS : 0);
}

static void fill_data(void)
{
	const struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	make_dir(TOP "/root/data");
	make_dir(TOP "/root/data/dir");
	put(TOP "/root/data/file", "content");
	put(TOP "/root/data/dir/deep", "deep");
	put(TOP "/root/outside", "secret");
	make_link("/etc/outside", TOP "/root/data/link");
	must(mkfifo(TOP "/root/data/fifo", 0600), "fifo");
	must(chown(TOP "/root/data/file", 1000, 1001), "chown");
	must(chmod(TOP "/root/data/file", 04755), "chmod");
	must(chmod(TOP "/root/data/dir", 02750), "chmod");
	must(chown(TOP "/root/data", 7, 0), "chown");
	must(chmod(TOP "/root/data", 0711), "chmod");
	must(utimensat(AT_FDCWD, TOP "/root/data/file", times, 0), "times");
}

BOX_TEST(tmpcopyup)
{
	struct box b;

	fill_data();
	for (int ro = 0; ro < 2; ro++) {
		struct plan_mount *m;

		box_init(&b);
		m = add_fs(&b, "tmpfs", "/data", "size=1m");
		m->copy_up = true;
		if (ro) {
			m->attr_set = MOUNT_ATTR_RDONLY;
			m->sb_set = MS_RDONLY;
		}
		b.inside = inside_copy;
		RUN_OK(&b);
		CHECK_INT(access(TOP "/root/data/new", F_OK), -1);
	}
}

static void inside_owner(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_STR(get("/data/file"), "content");
	CHECK_INT(stat("/data", &st), 0);
	CHECK_INT(st.st_uid, 1000);
	CHECK_INT(st.st_gid, 0);
	CHECK_INT(st.st_mode & 07777, 0700);
}

BOX_TEST(tmpcopyup_with_an_owner_of_its_own)
{
	struct box b;

	fill_data();
	box_init(&b);
	add_fs(&b, "tmpfs", "/data", "uid=1000,mode=700")->copy_up = true;
	b.inside = inside_owner;
	RUN_OK(&b);
}

BOX_TEST(tmpcopyup_is_bounded)
{
	struct box b;
	char text[4000];
	struct strbuf path = STRBUF(text);

	sb_add(&path, TOP "/root/data");
	for (int i = 0; i < 120; i++) {
		make_dir(text);
		sb_add(&path, "/d");
	}
	box_init(&b);
	add_fs(&b, "tmpfs", "/data", "")->copy_up = true;
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/0", "nest deeper");
}

BOX_TEST(tmpcopyup_that_does_not_fit)
{
	struct box b;
	int fd;

	make_dir(TOP "/root/data");
	fd = open(TOP "/root/data/big", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK_INT(ftruncate(fd, 1 << 20), 0);
	close(fd);
	box_init(&b);
	add_fs(&b, "tmpfs", "/data", "size=64k")->copy_up = true;
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/0", "no space");
}

/* ---- sources that are links ---- */

static void inside_links(struct box *b)
{
	char text[64] = { 0 };
	struct stat st;

	(void)b;
	CHECK(readlink("/etc/localtime", text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "../zone");
	CHECK_STR(get("/plain"), "zone");
	CHECK_STR(get("/followed"), "zone");
	CHECK_INT(lstat("/nofollow", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_STR(get("/behind"), "zone");
}

BOX_TEST(symlinks_as_sources)
{
	struct plan_mount *m;
	struct box b;

	for (int again = 0; again < 2;
	     again++) { /* the second time the copied link is there already */
		box_init(&b);
		if (!again) {
			put(TOP "/zone", "zone");
			make_dir(TOP "/l");
			make_link("../zone", TOP "/l/link");
			put(TOP "/root/nofollow", "");
			put(TOP "/root/behind", "");
			make_link("/behind", TOP "/root/before");
		}
		add_bind(&b, TOP "/l/link", "/etc/localtime", false)->copy_symlink = true;
		add_bind(&b, TOP "/zone", "/plain", false)->copy_symlink = true;
		add_bind(&b, TOP "/l/link", "/followed", false);
		m = add_bind(&b, TOP "/l/link", "/nofollow", false);
		m->src_nofollow = true;
		add_bind(&b, TOP "/zone", "/before", false)->src_nofollow = true;
		b.inside = inside_links;
		RUN_OK(&b);
	}
	unlink(TOP "/root/etc/localtime");
	make_link("other", TOP "/root/etc/localtime");
	box_init(&b);
	add_bind(&b, TOP "/l/link", "/etc/localtime", false)->copy_symlink = true;
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "file exists");
}

static void inside_nofollow_dest(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/l", &m), 1);
	CHECK_STR(get("/l"), "file");
	CHECK_INT(access("/target", F_OK), -1);
}

BOX_TEST(dest_nofollow_mounts_over_the_link)
{
	struct box b;

	box_init(&b);
	make_link("target", TOP "/root/l");
	put(TOP "/file", "file");
	add_bind(&b, TOP "/file", "/l", false)->dest_nofollow = true;
	b.inside = inside_nofollow_dest;
	RUN_OK(&b);
}

/* ---- order ---- */

static void inside_order(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/a/b", &m), 1);
	CHECK_INT(access("/a/b", F_OK), 0);
	CHECK_INT(find_mount("/c/d", &m), 1);
	CHECK_INT(access("/c/d", F_OK), -1);
	CHECK_INT(find_mount("/twice", &m), 2);
	CHECK_STR(m.source, "second");
}

BOX_TEST(mounts_come_in_order)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/a", "");
	add_fs(&b, "tmpfs", "/a/b", "");
	add_fs(&b, "tmpfs", "/c/d", "");
	add_fs(&b, "tmpfs", "/c", "");
	add_fs(&b, "tmpfs", "/twice", "");
	add_fs(&b, "tmpfs", "/twice", "")->source = "second";
	b.inside = inside_order;
	RUN_OK(&b);
}

/* ---- options longer than fsconfig takes ---- */

static void inside_overlay(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/merged", &m), 1);
	CHECK_STR(m.type, "overlay");
	CHECK(has_word(m.opts, "nosuid") && !has_word(m.opts, "nodev") &&
	      !has_word(m.opts, "noexec"));
	CHECK_STR(get("/merged/one"), "1");
	CHECK_STR(get("/merged/two"), "2");
	CHECK_INT(write_errno("/merged/new"), 0);
	CHECK_INT(find_mount("/short", &m), 1);
	CHECK_STR(get("/short/one"), "1");
}

BOX_TEST(overlay_with_long_options)
{
	char name[200], one[300], two[300], up[300], work[300], data[2000];
	struct box b;

	memset(name, 'n', sizeof(name));
	name[150] = '\0';
	snprintf(one, sizeof(one), TOP "/1%s", name);
	snprintf(two, sizeof(two), TOP "/2%s", name);
	snprintf(up, sizeof(up), TOP "/u%s", name);
	snprintf(work, sizeof(work), TOP "/w%s", name);
	make_dir(one), make_dir(two), make_dir(up), make_dir(work);
	snprintf(data, sizeof(data), "%s/one", one);
	put(data, "1");
	snprintf(data, sizeof(data), "%s/two", two);
	put(data, "2");
	make_link(one, TOP "/s1");
	snprintf(data, sizeof(data), "lowerdir=%s:%s,upperdir=%s,workdir=%s", one, two, up, work);
	box_init(&b);
	add_fs(&b, "overlay", "/merged", data)->attr_set = MOUNT_ATTR_NOSUID;
	add_fs(&b, "overlay", "/short", "lowerdir=" TOP "/s1:" TOP "/canary");
	b.inside = inside_overlay;
	RUN_OK(&b);
}

static void inside_long_kinds(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/shared", &m), 1);
	CHECK(strstr(m.tags, "shared:"));
	CHECK_STR(m.source, long_name());
	CHECK_INT(write_errno("/shared/new"), 0);
}

/* Such a mount is like any other: propagation, and what may not be covered. Id maps: mount_idmap.c. */
BOX_TEST(long_options_change_nothing_else)
{
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	m = add_fs(&b, "tmpfs", "/shared", "");
	m->source = long_name();
	m->rec_propagation = MS_SHARED;
	b.inside = inside_long_kinds;
	RUN_OK(&b);

	make_dir(TOP "/root/proc");
	make_link("/proc/sys", TOP "/root/link");
	box_init(&b);
	add_fs(&b, "proc", "/proc", "");
	add_fs(&b, "tmpfs", "/link", "")->source = long_name();
	RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/1", "inside /proc");
}

UNIT_MAIN
