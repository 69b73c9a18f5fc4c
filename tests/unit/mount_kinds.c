/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room's special mounts: tmpcopyup, id maps, cgroup views, links, devices. */
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

/* ---- id maps ---- */

static int userns_of_map(const struct spec_idmaps *uid, const struct spec_idmaps *gid,
			 struct err *e)
{
	int go[2], ready[2], fd = -1;
	char path[64], text[256], c;
	pid_t pid;

	(void)e;
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (sys_unshare(CLONE_NEWUSER) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(go[0]);
	close(ready[1]);
	if (read(ready[0], &c, 1) == 1) {
		for (int k = 0; k < 2; k++) {
			const struct spec_idmaps *map = k ? gid : uid;
			size_t n = 0;
			int f;

			for (size_t i = 0; i < map->n; i++)
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%u %u %u\n",
						      map->v[i].container_id, map->v[i].host_id,
						      map->v[i].size);
			snprintf(path, sizeof(path), "%d/%s", pid, k ? "gid_map" : "uid_map");
			f = openat(host_proc, path, O_WRONLY | O_CLOEXEC);
			if (f < 0 || write(f, text, n) < 0)
				perror("map");
			close(f);
		}
		snprintf(path, sizeof(path), "%d/ns/user", pid);
		fd = openat(host_proc, path, O_RDONLY | O_CLOEXEC);
	}
	close(go[1]);
	close(ready[0]);
	waitpid(pid, NULL, 0);
	return fd;
}

static struct spec_idmap ranges[2] = { { 0, 1000, 10 }, { 100, 5000, 10 } };

static void owned(const char *path, uid_t id)
{
	put(path, "");
	must(chown(path, id, id), "chown");
}

static void check_owner(const char *path, uid_t want)
{
	struct stat st;

	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_uid, want);
	CHECK_INT(st.st_gid, want);
}

static void inside_idmap(struct box *b)
{
	(void)b;
	check_owner("/one/a", 1003);
	check_owner("/one/b", 5001);
	check_owner("/one/sub/c", 2);
	check_owner("/all/a", 1003);
	check_owner("/all/sub/c", 1002);
}

BOX_TEST(idmapped_binds)
{
	struct spec_idmaps map = { ranges, 2 };
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	make_dir(TOP "/src");
	make_dir(TOP "/src/sub");
	must(sys_mount("none", TOP "/src/sub", "tmpfs", 0, NULL), "submount");
	owned(TOP "/src/a", 3);
	owned(TOP "/src/b", 101);
	owned(TOP "/src/sub/c", 2);
	for (int all = 0; all < 2; all++) {
		m = add_bind(&b, TOP "/src", all ? "/all" : "/one", true);
		m->idmap = MOUNT_IDMAP_OWN;
		m->idmap_recursive = all;
		m->uid_map = m->gid_map = map;
	}
	b.inside = inside_idmap;
	CHECK_INT(box_run_with(&b, userns_of_map), 0);
	check_owner(TOP "/src/a", 3);
}

BOX_TEST(what_cannot_be_mapped_is_refused)
{
	struct spec_idmaps map = { ranges, 1 };
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	m = add_bind(&b, "/proc/sys", "/x", false);
	m->idmap = MOUNT_IDMAP_OWN;
	m->uid_map = m->gid_map = map;
	CHECK(box_run_with(&b, userns_of_map) < 0);
	CHECK_INT(last_err.id, ERR_MNT_IDMAP);
	CHECK_STR(last_err.at, "/mounts/0");
}

static void inside_mapped_fs(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_INT(stat("/t", &st), 0);
	CHECK_INT(st.st_uid, 1000);
}

BOX_TEST(a_new_file_system_can_be_mapped)
{
	struct spec_idmaps map = { ranges, 1 };
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	m = add_fs(&b, "tmpfs", "/t", "");
	m->idmap = MOUNT_IDMAP_OWN;
	m->uid_map = m->gid_map = map;
	b.inside = inside_mapped_fs;
	CHECK_INT(box_run_with(&b, userns_of_map), 0);
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

/* A name that is too long for fsconfig. */
static const char *long_name(void)
{
	static char name[300];

	memset(name, 'n', sizeof(name) - 1);
	return name;
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

/* Such a mount is like any other: propagation, id map, and what may not be covered. */
BOX_TEST(long_options_change_nothing_else)
{
	struct spec_idmaps map = { ranges, 1 };
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	m = add_fs(&b, "tmpfs", "/shared", "");
	m->source = long_name();
	m->rec_propagation = MS_SHARED;
	b.inside = inside_long_kinds;
	RUN_OK(&b);

	box_init(&b);
	m = add_fs(&b, "ramfs", "/mapped", "");
	m->source = long_name();
	m->idmap = MOUNT_IDMAP_OWN;
	m->uid_map = m->gid_map = map;
	CHECK(box_run_with(&b, userns_of_map) < 0);
	CHECK_INT(last_err.id, ERR_MNT_IDMAP);

	make_dir(TOP "/root/proc");
	make_link("/proc/sys", TOP "/root/link");
	box_init(&b);
	add_fs(&b, "proc", "/proc", "");
	add_fs(&b, "tmpfs", "/link", "")->source = long_name();
	RUN_REFUSED(&b, ERR_MNT_PROTECTED, "/mounts/1", "inside /proc");
}

/* ---- devices ---- */

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

/* ---- cgroup views ---- */

static bool fake_v2(struct box *b)
{
	/* any directory will do for the clone: only its being shown read-only is checked here */
	make_dir(TOP "/cg");
	put(TOP "/cg/cgroup.procs", "");
	b->hierarchies[0] = (struct mount_hierarchy){
		.name = "", .path = TOP "/cg", .dir = -1, .tree = -1, .v2 = true
	};
	b->n_hierarchies = 1;
	return true;
}

static void inside_cgroup_bind(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/sys/fs/cgroup", &m), 1);
	CHECK(has_word(m.opts, "ro") && has_word(m.opts, "nosuid"));
	CHECK_INT(access("/sys/fs/cgroup/cgroup.procs", F_OK), 0);
	CHECK_INT(mkdir("/sys/fs/cgroup/x", 0755), -1);
	CHECK_INT(errno, EROFS);
}

BOX_TEST(cgroup_without_a_namespace)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "sysfs", "/sys", "");
	add_mount(&b, MOUNT_CGROUP, "/sys/fs/cgroup")->attr_set = MOUNT_ATTR_NOSUID;
	fake_v2(&b);
	b.inside = inside_cgroup_bind;
	RUN_OK(&b);
}

static void inside_cgroup2(struct box *b)
{
	struct mount_line m;

	CHECK_INT(find_mount("/sys/fs/cgroup", &m), 1);
	CHECK_STR(m.type, "cgroup2");
	CHECK_INT(has_word(m.opts, "ro"), !b->mounts[1].cgroup_rw);
	CHECK_INT(strstr(m.tags, "shared:") != NULL, b->mounts[1].propagation == MS_SHARED);
	CHECK_INT(access("/sys/fs/cgroup/cgroup.controllers", F_OK), 0);
}

BOX_TEST(cgroup2_with_a_namespace)
{
	for (int rw = 0; rw < 2; rw++) {
		struct plan_mount *m;
		struct box b;

		box_init(&b);
		b.flags = CLONE_NEWCGROUP;
		b.plan.ns.created = CLONE_NEWCGROUP;
		add_fs(&b, "sysfs", "/sys", "");
		m = add_mount(&b, MOUNT_CGROUP, "/sys/fs/cgroup");
		m->cgroup_rw = rw;
		m->propagation = rw ? MS_SHARED : MS_PRIVATE;
		b.hierarchies[0] =
			(struct mount_hierarchy){ .name = "", .dir = -1, .tree = -1, .v2 = true };
		b.n_hierarchies = 1;
		b.inside = inside_cgroup2;
		RUN_OK(&b);
	}
}

static void inside_v1(struct box *b)
{
	struct mount_line m;
	char text[32] = { 0 };

	(void)b;
	CHECK_INT(find_mount("/sys/fs/cgroup", &m), 1);
	CHECK_STR(m.type, "tmpfs");
	CHECK(has_word(m.opts, "ro"));
	CHECK_INT(find_mount("/sys/fs/cgroup/cpu,cpuacct", &m), 1);
	CHECK(has_word(m.opts, "ro"));
	CHECK(readlink("/sys/fs/cgroup/cpu", text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "cpu,cpuacct");
	CHECK_INT(access("/sys/fs/cgroup/cpuacct/cgroup.procs", F_OK), 0);
	CHECK_INT(find_mount("/sys/fs/cgroup/systemd", &m), 1);
	CHECK(strstr(m.tags, "shared:"));
	CHECK_INT(find_mount("/sys/fs/cgroup/unified", &m), 1);
	CHECK_INT(write_errno("/sys/fs/cgroup/x"), EROFS);
	CHECK_INT(write_errno("/sys/fs/cgroup/systemd/x"), EROFS);
}

BOX_TEST(cgroup_v1_without_a_namespace)
{
	static const char *const names[] = { "cpu,cpuacct", "systemd", "unified" };
	struct box b;

	box_init(&b);
	fake_v2(&b);
	add_fs(&b, "sysfs", "/sys", "");
	add_mount(&b, MOUNT_CGROUP, "/sys/fs/cgroup")->rec_propagation = MS_SHARED;
	for (size_t i = 0; i < 3; i++)
		b.hierarchies[i] = (struct mount_hierarchy){ .name = names[i],
							     .controllers = names[i],
							     .path = TOP "/cg",
							     .dir = -1,
							     .tree = -1,
							     .v2 = i == 2 };
	b.n_hierarchies = 3;
	b.inside = inside_v1;
	RUN_OK(&b);
}

/* The hierarchy of one v1 controller of this host, "" when there is none. */
static const char *some_v1(void)
{
	static const char *const all[] = { "freezer", "pids", "devices" };
	struct mount_line m;
	char point[64];

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(point, sizeof(point), "/sys/fs/cgroup/%s", all[i]);
		if (find_mount(point, &m) > 0 && streq(m.type, "cgroup"))
			return all[i];
	}
	return NULL;
}

static const char *v1_name;

static void inside_new_v1(struct box *b)
{
	char point[64];
	struct mount_line m;

	(void)b;
	snprintf(point, sizeof(point), "/sys/fs/cgroup/%s", v1_name);
	CHECK_INT(find_mount(point, &m), 1);
	CHECK_STR(m.type, "cgroup");
	CHECK(has_word(m.opts, "ro"));
	CHECK_STR(m.root, "/");
}

BOX_TEST(cgroup_v1_with_a_namespace)
{
	struct box b;

	v1_name = some_v1();
	if (!v1_name) {
		printf("# no v1 hierarchy here\n");
		return;
	}
	box_init(&b);
	b.flags = CLONE_NEWCGROUP;
	b.plan.ns.created = CLONE_NEWCGROUP;
	add_fs(&b, "sysfs", "/sys", "");
	add_mount(&b, MOUNT_CGROUP, "/sys/fs/cgroup");
	b.hierarchies[0] = (struct mount_hierarchy){
		.name = v1_name, .controllers = v1_name, .dir = -1, .tree = -1
	};
	b.n_hierarchies = 1;
	b.inside = inside_new_v1;
	RUN_OK(&b);
}

BOX_TEST(cgroup_on_a_host_without_any)
{
	struct box b;

	box_init(&b);
	add_mount(&b, MOUNT_CGROUP, "/sys/fs/cgroup");
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/0", "no cgroup");
}

UNIT_MAIN
