/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room: attributes, superblock flags, propagation, remount. Rows CFG-MOPT-*. */
#include "mount_box.h"

/* ---- attributes of new mounts and of binds ---- */

static const struct attr_row {
	uint64_t set;
	const char *shown;
} attr_rows[] = {
	{ MOUNT_ATTR_RDONLY, "ro" },
	{ MOUNT_ATTR_NOSUID, "nosuid" },
	{ MOUNT_ATTR_NODEV, "nodev" },
	{ MOUNT_ATTR_NOEXEC, "noexec" },
	{ MOUNT_ATTR_NOATIME, "noatime" },
	{ MOUNT_ATTR_NODIRATIME, "nodiratime" },
	{ MOUNT_ATTR_RELATIME, "relatime" },
	{ MOUNT_ATTR_STRICTATIME, NULL },
	{ MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
};

static uint64_t clear_of(uint64_t set)
{
	return set & ~(uint64_t)MOUNT_ATTR__ATIME && !(set & MOUNT_ATTR__ATIME) ? 0
										: MOUNT_ATTR__ATIME;
}

static void check_attr(const char *point, const struct attr_row *row)
{
	struct mount_line m;

	CHECK_INT(find_mount(point, &m), 1);
	if (row->shown && !has_word(m.opts, row->shown))
		FAIL_("%s lacks %s: %s", point, row->shown, m.opts);
	if (!row->shown && (has_word(m.opts, "relatime") || has_word(m.opts, "noatime")))
		FAIL_("%s is not strictatime: %s", point, m.opts);
}

static void inside_attrs(struct box *b)
{
	char path[32];

	(void)b;
	for (size_t i = 0; i < ARRAY_LEN(attr_rows); i++) {
		snprintf(path, sizeof(path), "/m%zu", i);
		check_attr(path, &attr_rows[i]);
	}
}

static void run_attrs(bool bind)
{
	static char paths[ARRAY_LEN(attr_rows)][16];
	struct box b;

	box_init(&b);
	make_dir(TOP "/src");
	for (size_t i = 0; i < ARRAY_LEN(attr_rows); i++) {
		struct plan_mount *m;

		snprintf(paths[i], 16, "/m%zu", i);
		m = bind ? add_bind(&b, TOP "/src", paths[i], false)
			 : add_fs(&b, "tmpfs", paths[i], "");
		m->attr_set = attr_rows[i].set;
		m->attr_clear = clear_of(m->attr_set);
	}
	b.inside = inside_attrs;
	RUN_OK(&b);
}

BOX_TEST(attributes_of_new_file_systems)
{
	run_attrs(false);
}

BOX_TEST(attributes_of_binds)
{
	run_attrs(true);
}

/* ---- recursive ones ---- */

static void inside_recursive(struct box *b)
{
	char path[32];

	(void)b;
	for (size_t i = 0; i < ARRAY_LEN(attr_rows); i++) {
		snprintf(path, sizeof(path), "/m%zu", i);
		check_attr(path, &attr_rows[i]);
		snprintf(path, sizeof(path), "/m%zu/sub", i);
		check_attr(path, &attr_rows[i]);
	}
}

static void make_tree(unsigned long sub_flags)
{
	make_dir(TOP "/src");
	make_dir(TOP "/src/sub");
	must(sys_mount("none", TOP "/src/sub", "tmpfs", sub_flags, NULL), "submount");
}

BOX_TEST(recursive_attributes)
{
	static char paths[ARRAY_LEN(attr_rows)][16];
	struct box b;

	box_init(&b);
	make_tree(0);
	for (size_t i = 0; i < ARRAY_LEN(attr_rows); i++) {
		struct plan_mount *m;

		snprintf(paths[i], 16, "/m%zu", i);
		m = add_bind(&b, TOP "/src", paths[i], true);
		m->rec_attr_set = attr_rows[i].set;
		m->rec_attr_clear = clear_of(m->rec_attr_set);
	}
	b.inside = inside_recursive;
	RUN_OK(&b);
}

static void inside_cleared(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/t/sub", &m), 1);
	CHECK(!has_word(m.opts, "nosuid") && !has_word(m.opts, "nodev") &&
	      !has_word(m.opts, "noexec") && !has_word(m.opts, "noatime") &&
	      !has_word(m.opts, "nodiratime"));
	CHECK_INT(write_errno("/t/sub/x"), 0);
	/* plain rbind leaves the submount as it is */
	CHECK_INT(find_mount("/u/sub", &m), 1);
	CHECK(has_word(m.opts, "nosuid") && has_word(m.opts, "noatime"));
	CHECK_INT(write_errno("/u/sub/x"), EROFS);
}

BOX_TEST(recursive_clearing)
{
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	make_tree(MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
	must(sys_mount("none", TOP "/src/sub", NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
			       MS_NOATIME | MS_NODIRATIME,
		       NULL),
	     "ro");
	m = add_bind(&b, TOP "/src", "/t", true);
	m->rec_attr_clear = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	add_bind(&b, TOP "/src", "/u", true);
	b.inside = inside_cleared;
	RUN_OK(&b);
}

/* ---- superblock ---- */

static void inside_sb(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/sync", &m), 1);
	CHECK(has_word(m.sb, "sync"));
	CHECK_INT(find_mount("/dirsync", &m), 1);
	CHECK(has_word(m.sb, "dirsync"));
	CHECK_INT(find_mount("/lazy", &m), 1);
	CHECK(has_word(m.sb, "lazytime"));
	CHECK_INT(find_mount("/other", &m), 1);
	CHECK(!has_word(m.sb, "sync") && !has_word(m.sb, "lazytime"));
	CHECK_INT(find_mount("/data", &m), 1);
	CHECK(has_word(m.sb, "size=2048k") && has_word(m.sb, "nr_inodes=7") &&
	      has_word(m.sb, "mode=711"));
	CHECK_STR(m.source, "foo");
	CHECK_INT(find_mount("/nosource", &m), 1);
}

BOX_TEST(superblock_flags_and_data)
{
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/sync", "")->sb_set = MS_SYNCHRONOUS;
	add_fs(&b, "tmpfs", "/dirsync", "")->sb_set = MS_DIRSYNC;
	add_fs(&b, "tmpfs", "/lazy", "")->sb_set = MS_LAZYTIME;
	m = add_fs(&b, "tmpfs", "/other", "");
	m->sb_set = MS_SILENT | MS_I_VERSION;
	m->sb_clear = MS_SYNCHRONOUS | MS_LAZYTIME;
	m = add_fs(&b, "tmpfs", "/data", "size=2m,nr_inodes=7,mode=711");
	m->source = "foo";
	add_fs(&b, "tmpfs", "/nosource", "")->source = "";
	b.inside = inside_sb;
	RUN_OK(&b);
}

BOX_TEST(refused_data_names_the_mount)
{
	struct box b;

	box_init(&b);
	add_fs(&b, "tmpfs", "/a", "");
	add_fs(&b, "tmpfs", "/b", "size=nonsense");
	RUN_REFUSED(&b, ERR_MNT_NEW, "/mounts/1", "size");
}

static void inside_mode(struct box *b)
{
	struct stat st;

	(void)b;
	CHECK_INT(stat("/m1", &st), 0);
	CHECK_INT(st.st_mode & 07777, 0750);
	CHECK_INT(stat("/m2", &st), 0);
	CHECK_INT(st.st_mode & 07777, 01777); /* hull made the directory */
	CHECK_INT(stat("/m3", &st), 0);
	CHECK_INT(st.st_mode & 07777, 01777);
}

/* A tmpfs looks like what it covers unless the config gives a mode; where nothing was, the kernel's
 * default stays; the caller's umask has no say. */
BOX_TEST(tmpfs_inherits_the_mode)
{
	struct box b;

	box_init(&b);
	umask(077);
	make_dir(TOP "/root/m1");
	chmod(TOP "/root", 0755);
	chmod(TOP "/root/m1", 0750);
	add_fs(&b, "tmpfs", "/m1", "");
	add_fs(&b, "tmpfs", "/m2", "");
	add_fs(&b, "tmpfs", "/m3", "size=1m,mode=1777");
	b.inside = inside_mode;
	RUN_OK(&b);
}

/* ---- remount ---- */

static void inside_remount(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK_INT(find_mount("/t", &m), 1);
	CHECK(has_word(m.opts, "ro") && has_word(m.opts, "nosuid"));
	CHECK_INT(write_errno("/t/x"), EROFS);
	CHECK_INT(find_mount("/s", &m), 1);
	CHECK(has_word(m.sb, "size=2048k") && has_word(m.sb, "sync"));
	CHECK_INT(find_mount("/bound", &m), 1);
	CHECK(has_word(m.opts, "ro"));
}

BOX_TEST(remount_changes_what_is_there)
{
	struct plan_mount *m;
	struct box b;

	box_init(&b);
	make_dir(TOP "/src");
	add_fs(&b, "tmpfs", "/t", "")->attr_set = MOUNT_ATTR_NOSUID;
	add_mount(&b, MOUNT_REMOUNT, "/t")->attr_set = MOUNT_ATTR_RDONLY;
	add_fs(&b, "tmpfs", "/s", "size=1m");
	m = add_mount(&b, MOUNT_REMOUNT, "/s");
	m->sb_set = MS_SYNCHRONOUS;
	m->data = "size=2m";
	add_bind(&b, TOP "/src", "/bound", false);
	m = add_mount(&b, MOUNT_REMOUNT, "/bound");
	m->attr_set = MOUNT_ATTR_RDONLY;
	m->sb_set = MS_RDONLY;
	b.inside = inside_remount;
	RUN_OK(&b);
	CHECK_INT(write_errno(TOP "/src/x"), 0); /* the superblock of the host is as it was */
}

BOX_TEST(remount_needs_a_mount)
{
	struct box b;

	box_init(&b);
	make_dir(TOP "/root/plain");
	add_mount(&b, MOUNT_REMOUNT, "/plain")->attr_set = MOUNT_ATTR_RDONLY;
	RUN_REFUSED(&b, ERR_MNT_ATTR, "/mounts/0", "nothing is mounted");
	box_init(&b);
	add_mount(&b, MOUNT_REMOUNT, "/nosuch")->attr_set = MOUNT_ATTR_RDONLY;
	RUN_REFUSED(&b, ERR_MNT_TARGET, "/mounts/0", "/nosuch");
}

/* ---- propagation ---- */

static void share_source(void)
{
	make_dir(TOP "/src");
	must(sys_mount("none", TOP "/src", "tmpfs", 0, NULL), "source");
	make_dir(TOP "/src/sub");
	must(sys_mount("none", TOP "/src/sub", "tmpfs", 0, NULL), "submount");
	must(sys_mount(NULL, TOP "/src", NULL, MS_REC | MS_SHARED, NULL), "share");
}

static bool tag(const char *point, const char *name)
{
	struct mount_line m;

	return find_mount(point, &m) == 1 && strstr(m.tags, name);
}

static void inside_propagation(struct box *b)
{
	(void)b;
	CHECK(tag("/default", "master:") && !tag("/default", "shared:"));
	CHECK(tag("/default/sub", "master:") && !tag("/default/sub", "shared:"));
	CHECK(!tag("/private", "master:") && !tag("/private", "shared:"));
	CHECK(tag("/private/sub", "master:"));
	CHECK(!tag("/rprivate", ":") && !tag("/rprivate/sub", ":"));
	CHECK(tag("/shared", "shared:"));
	CHECK(tag("/rshared", "shared:") && tag("/rshared/sub", "shared:"));
	CHECK(tag("/rslave", "master:") && tag("/rslave/sub", "master:"));
	CHECK(tag("/unbindable", "unbindable") && !tag("/unbindable/sub", "unbindable"));
	CHECK(tag("/runbindable", "unbindable") && tag("/runbindable/sub", "unbindable"));
	CHECK(tag("/tmp", "shared:"));
	CHECK(tag("/later", "shared:"));
	CHECK(!tag("/", ":"));
	/* events: from the host only to slaves and peers, from the inside only to peers */
	make_dir("/rprivate/own");
	must(sys_mount("none", "/rprivate/own", "tmpfs", 0, NULL), "own");
	make_dir("/rslave/up");
	must(sys_mount("none", "/rslave/up", "tmpfs", 0, NULL), "up");
	make_dir("/rshared/up2");
	must(sys_mount("none", "/rshared/up2", "tmpfs", 0, NULL), "up2");
}

BOX_TEST(propagation)
{
	struct mount_line m;
	struct box b;

	box_init(&b);
	share_source();
	add_bind(&b, TOP "/src", "/default", true);
	add_bind(&b, TOP "/src", "/private", true)->propagation = MS_PRIVATE;
	add_bind(&b, TOP "/src", "/rprivate", true)->rec_propagation = MS_PRIVATE | MS_REC;
	add_bind(&b, TOP "/src", "/shared", false)->propagation = MS_SHARED;
	add_bind(&b, TOP "/src", "/rshared", true)->rec_propagation = MS_SHARED;
	add_bind(&b, TOP "/src", "/rslave", true)->rec_propagation = MS_SLAVE;
	add_bind(&b, TOP "/src", "/unbindable", true)->propagation = MS_UNBINDABLE;
	add_bind(&b, TOP "/src", "/runbindable", true)->rec_propagation = MS_UNBINDABLE;
	add_fs(&b, "tmpfs", "/tmp", "")->propagation = MS_SHARED;
	add_fs(&b, "tmpfs", "/later", "");
	add_mount(&b, MOUNT_PROPAGATION, "/later")->propagation = MS_SHARED;
	b.inside = inside_propagation;
	RUN_OK(&b);
	CHECK_INT(find_mount(TOP "/src/own", &m), 0);
	CHECK_INT(find_mount(TOP "/src/up", &m), 0);
	CHECK_INT(find_mount(TOP "/src/up2", &m), 1);
}

static int go[2], done[2]; /* the host makes a mount while the container looks */

static void inside_slave_root(struct box *b)
{
	struct mount_line m;
	char c;

	CHECK(tag("/", "master:") && !tag("/", "shared:"));
	CHECK_INT(write(go[1], "x", 1), 1);
	CHECK_INT(read(done[0], &c, 1), 1);
	CHECK_INT(find_mount("/late", &m), b->plan.root.propagation == MS_SLAVE);
}

static void root_on_a_shared_mount(void)
{
	must(sys_mount("none", TOP "/root", "tmpfs", 0, NULL), "root");
	must(sys_mount(NULL, TOP "/root", NULL, MS_SHARED, NULL), "share");
	make_dir(TOP "/root/late");
}

BOX_TEST(root_slave_hears_the_host)
{
	struct box b;
	pid_t helper;

	box_init(&b);
	root_on_a_shared_mount();
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		_exit(99);
	helper = fork();
	if (helper == 0) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) == 1)
			must(sys_mount("none", TOP "/root/late", "tmpfs", 0, NULL), "late");
		_exit(write(done[1], "x", 1) == 1 ? 0 : 1);
	}
	b.plan.root.propagation = MS_SLAVE;
	b.inside = inside_slave_root;
	RUN_OK(&b);
}

static void inside_root_shared(struct box *b)
{
	(void)b;
	CHECK(tag("/", "shared:") && !tag("/", "master:"));
}

static void inside_root_private(struct box *b)
{
	(void)b;
	CHECK(!tag("/", ":"));
}

static void inside_root_unbindable(struct box *b)
{
	struct mount_line m;

	(void)b;
	CHECK(tag("/", "unbindable"));
	CHECK_INT(find_mount("/late", &m), 1);
	CHECK(has_word(m.opts, "ro"));
	CHECK_INT(sys_mount("/", "/late", NULL, MS_BIND, NULL), -EINVAL);
}

static void inside_base(struct box *b)
{
	bool private = b->plan.root.propagation & (MS_PRIVATE | MS_UNBINDABLE);
	bool shared = b->plan.root.propagation & MS_SHARED;

	CHECK_INT(tag("/bound", "master:"), !private && !shared);
	CHECK_INT(tag("/bound", "shared:"), shared);
}

/* What the config says nothing about follows rootfsPropagation. */
BOX_TEST(binds_follow_the_root)
{
	static const unsigned long rows[] = { 0, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, MS_SHARED };

	share_source();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct box b;

		box_init(&b);
		b.plan.root.propagation = rows[i];
		add_bind(&b, TOP "/src", "/bound", false);
		b.inside = inside_base;
		RUN_OK(&b);
	}
}

BOX_TEST(root_propagation)
{
	static const struct {
		unsigned long value;
		void (*inside)(struct box *b);
	} rows[] = {
		{ 0, inside_root_private },
		{ MS_PRIVATE, inside_root_private },
		{ MS_SHARED, inside_root_shared },
		{ MS_UNBINDABLE, inside_root_unbindable },
	};

	root_on_a_shared_mount();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct box b;

		box_init(&b);
		b.plan.root.propagation = rows[i].value;
		add_readonly(&b, (char *)"/late");
		b.inside = rows[i].inside;
		RUN_OK(&b);
	}
}

UNIT_MAIN
