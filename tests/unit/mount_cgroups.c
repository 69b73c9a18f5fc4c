/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room's views of cgroups. */
#include "mount_box.h"

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
