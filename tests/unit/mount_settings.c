/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room in other settings than a mount namespace of root: none at all, no pivot, a user
 * namespace, without privilege; and what a failed create leaves. */
#include "mount_box.h"

static void inside_chroot(struct box *b)
{
	(void)b;
	CHECK_STR(get("/marker"), "root");
	CHECK_INT(access(TOP, F_OK), -1);
	CHECK_INT(access("/tmp/x", F_OK), -1);
	CHECK_INT(write_errno("/tmp/x"), 0);
}

BOX_TEST(no_pivot)
{
	struct box b;

	box_init(&b);
	put(TOP "/root/marker", "root");
	b.plan.root.pivot = false;
	add_fs(&b, "tmpfs", "/tmp", "");
	b.inside = inside_chroot;
	RUN_OK(&b);
}

/* Without a mount namespace the mounts are in the host's table, and can be taken away by their id.
 */
BOX_TEST(no_mount_namespace)
{
	struct mount_line line;
	int before = count_mounts(), status;
	uint64_t id;
	struct box b;
	pid_t pid;
	int fd;

	box_init(&b);
	put(TOP "/root/marker", "root");
	b.plan.ns.has_mount_ns = false;
	add_fs(&b, "tmpfs", "/tmp", "");
	must(mount_sources_open(&b.plan, &b.arena, no_userns, &b.sources, &b.err), "sources");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (init_steps(&b) < 0)
			_exit(3);
		inside_chroot(&b);
		fflush(stdout);
		_exit(unit_failed);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(count_mounts(), before + 2);
	CHECK_INT(find_mount(TOP "/root", &line), 1);
	CHECK_INT(find_mount(TOP "/root/tmp", &line), 1);
	fd = open(TOP "/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(path_mount_id(fd, &id), 0);
	close(fd);
	CHECK_INT(mount_host_detach(TOP "/root", id + 1, &b.err), -EBUSY);
	CHECK_INT(b.err.id, ERR_MNT_VERIFY);
	memset(&b.err, 0, sizeof(b.err));
	CHECK_INT(mount_host_detach(TOP "/root", id, &b.err), 0);
	CHECK_INT(count_mounts(), before);
	CHECK_INT(mount_host_detach(TOP "/root", id, &b.err), 0); /* gone already is fine */
	CHECK_INT(mount_host_detach(TOP "/gone", id, &b.err), 0);
	CHECK_STR(get(TOP "/root/marker"), "root");
}

/* ---- undo ---- */

BOX_TEST(a_failed_create_leaves_no_mount_points)
{
	struct box b;
	int status;
	pid_t pid;

	box_init(&b);
	make_dir(TOP "/root/kept");
	make_dir(TOP "/root/full");
	make_dir(TOP "/src");
	put(TOP "/file", "");
	add_fs(&b, "tmpfs", "/kept", "");
	add_fs(&b, "tmpfs", "/made/a/b", "");
	add_bind(&b, TOP "/file", "/made/f", false);
	add_bind(&b, TOP "/file", "/full/f", false);
	add_bind(&b, TOP "/src", "/vol", false);
	add_bind(&b, TOP "/file", "/vol/in", false);
	add_fs(&b, "nosuchfs", "/last", "");
	must(mount_sources_open(&b.plan, &b.arena, no_userns, &b.sources, &b.err), "sources");
	pid = fork();
	if (pid == 0) {
		must(sys_unshare(CLONE_NEWNS), "unshare");
		_exit(init_steps(&b) < 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(access(TOP "/root/made/a/b", F_OK), 0);
	CHECK_INT(access(TOP "/root/last", F_OK), 0);
	put(TOP "/root/full/f", "written meanwhile");
	mount_sources_undo(&b.sources);
	mount_sources_close(&b.sources);
	CHECK_INT(access(TOP "/root/kept", F_OK), 0);
	CHECK_INT(access(TOP "/root/made", F_OK), -1);
	CHECK_INT(access(TOP "/root/last", F_OK), -1);
	CHECK_INT(access(TOP "/root/vol", F_OK), -1);
	CHECK_STR(get(TOP "/root/full/f"), "written meanwhile");
}

/* ---- a user namespace ---- */

static void inside_userns(struct box *b)
{
	struct mount_line m;
	struct stat st;

	(void)b;
	CHECK_INT(getuid(), 0);
	CHECK_INT(find_mount("/proc", &m), 1);
	CHECK_INT(find_mount("/dev", &m), 1);
	CHECK_INT(stat("/dev/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	CHECK_INT(write_errno("/dev/null"), 0);
	CHECK_STR(get("/data/file"), "data");
	CHECK_INT(write_errno("/data/x"), EROFS);
	CHECK_STR(get("/etc/secret"), "");
	CHECK_INT(access("/hidden/x", F_OK), -1);
	CHECK_INT(write_errno("/rodir/x"), EROFS);
	CHECK_INT(find_mount("/rodir", &m), 1);
}

/* A child that is root of a new user namespace, mapped from 0: then everything of init happens
 * there. */
static void enter_userns(uid_t outside)
{
	char text[64];
	int fd;

	must(sys_unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID), "unshare user");
	fd = openat(host_proc, "self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "deny", 4) < 0)
		_exit(98);
	close(fd);
	for (int k = 0; k < 2; k++) {
		fd = openat(host_proc, k ? "self/gid_map" : "self/uid_map", O_WRONLY | O_CLOEXEC);
		snprintf(text, sizeof(text), "0 %u 1\n", outside);
		if (fd < 0 || write(fd, text, strlen(text)) < 0)
			_exit(98);
		close(fd);
	}
	must(sys_setresgid(0, 0, 0), "setresgid");
	must(sys_setresuid(0, 0, 0), "setresuid");
}

static void fill_userns(struct box *b)
{
	box_init(b);
	make_dir(TOP "/root/etc");
	make_dir(TOP "/root/hidden");
	make_dir(TOP "/root/rodir");
	make_dir(TOP "/src");
	put(TOP "/root/etc/secret", "s");
	put(TOP "/root/hidden/x", "x");
	put(TOP "/src/file", "data");
	add_fs(b, "proc", "/proc", "");
	add_fs(b, "tmpfs", "/dev", "mode=755")->attr_set = MOUNT_ATTR_NOSUID;
	add_fs(b, "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620");
	add_bind(b, TOP "/src", "/data", true)->attr_set = MOUNT_ATTR_RDONLY;
	add_device(b, "/dev/null", S_IFCHR | 0666, 1, 3)->bind = true;
	add_link(b, "/dev/ptmx", "pts/ptmx");
	add_masked(b, (char *)"/etc/secret");
	add_masked(b, (char *)"/hidden");
	add_readonly(b, (char *)"/rodir");
	b->inside = inside_userns;
}

static int run_userns(struct box *b, bool rootless)
{
	int status;
	pid_t pid;

	if (!rootless)
		must(mount_sources_open(&b->plan, &b->arena, no_userns, &b->sources, &b->err),
		     "sources");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (rootless) {
			must(sys_setresgid(1000, 1000, 1000), "gid");
			must(sys_setresuid(1000, 1000, 1000), "uid");
			must(sys_prctl(4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0), "dumpable");
			must(mount_sources_open(&b->plan, &b->arena, no_userns, &b->sources,
						&b->err),
			     "sources without rights");
			if (b->sources.root_tree >= 0 || b->sources.null >= 0)
				_exit(97);
		}
		enter_userns(rootless ? 1000 : 0);
		pid = fork();
		if (pid == 0) {
			if (init_steps(b) < 0) {
				char line[600];

				err_format(&b->err, line, sizeof(line));
				printf("# %s\n", line);
				unit_failed = 1;
			} else {
				b->inside(b);
			}
			fflush(stdout);
			_exit(unit_failed);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 96);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 95;
}

BOX_TEST(in_a_user_namespace)
{
	struct box b;

	fill_userns(&b);
	CHECK_INT(run_userns(&b, false), 0);
}

/* The way to the rootfs is closed to the container's root: the clone is there already. */
BOX_TEST(in_a_user_namespace_without_a_way_to_the_rootfs)
{
	struct box b;

	fill_userns(&b);
	must(chown(TOP, 4711, 4711), "chown");
	must(chmod(TOP, 0700), "chmod");
	CHECK_INT(run_userns(&b, false), 0);
}

BOX_TEST(rootless)
{
	struct box b;

	fill_userns(&b);
	must(chown(TOP "/root", 1000, 1000), "chown");
	CHECK_INT(run_userns(&b, true), 0);
}

UNIT_MAIN
