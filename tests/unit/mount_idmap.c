/* SPDX-License-Identifier: Apache-2.0 */
/* The mount room's id maps of mounts. */
#include "mount_box.h"

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

/* Maps @m by the first @n ranges. */
static void map_ids(struct plan_mount *m, size_t n)
{
	m->idmap = MOUNT_IDMAP_OWN;
	m->uid_map = m->gid_map = (struct spec_idmaps){ ranges, n };
}

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
		map_ids(m, 2);
		m->idmap_recursive = all;
	}
	b.inside = inside_idmap;
	CHECK_INT(box_run_with(&b, userns_of_map), 0);
	check_owner(TOP "/src/a", 3);
}

BOX_TEST(what_cannot_be_mapped_is_refused)
{
	struct box b;

	for (int how = 0; how < 2; how++) {
		struct plan_mount *m;

		box_init(&b);
		m = how ? add_fs(&b, "ramfs", "/x", "") : add_bind(&b, "/proc/sys", "/x", false);
		if (how)
			m->source = long_name();
		map_ids(m, 1);
		CHECK(box_run_with(&b, userns_of_map) < 0);
		CHECK_INT(last_err.id, ERR_MNT_IDMAP);
		CHECK_STR(last_err.at, "/mounts/0");
	}
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
	struct box b;

	box_init(&b);
	map_ids(add_fs(&b, "tmpfs", "/t", ""), 1);
	b.inside = inside_mapped_fs;
	CHECK_INT(box_run_with(&b, userns_of_map), 0);
}

UNIT_MAIN
