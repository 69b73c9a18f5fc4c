/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v2/leaf: a group below the container's that belongs to its payload. Hides what has to be
 * given away, and that the container's group must be free of processes before its controllers can
 * reach down. config-linux.md#cgroup-ownership; Documentation/admin-guide/cgroup-v2.rst#delegation
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"

int cgroup_give(int dir, const char *name, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_fd_ int list = -1;
	char text[1024] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
	int r = sys_fchownat(dir, "", uid, gid, AT_EMPTY_PATH);

	if (r < 0)
		return err_sys(e, ERR_CGR_SET, r, "give %s to %u:%u", name, uid, gid);
	list = sys_openat(AT_FDCWD, "/sys/kernel/cgroup/delegate", O_RDONLY, 0);
	if (list >= 0 && io_read_line_file(list, text, sizeof(text)) < 0)
		return err_set(e, ERR_CGR_SET, EIO, "read /sys/kernel/cgroup/delegate");
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n');
		_cleanup_fd_ int fd = -1;
		bool more = *end;

		*end = '\0';
		fd = cgroup_file_open(dir, line, O_PATH);
		r = fd < 0 ? fd : sys_fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
		if (r < 0 && r != -ENOENT)
			return err_sys(e, ERR_CGR_SET, r, "give %s/%s to %u:%u", name, line, uid,
				       gid);
		line = more ? end + 1 : end;
	}
	return 0;
}

static int open_own(const struct cgroup *g, char name[static CGROUP_NAME_SIZE], struct err *e)
{
	int i = cgroup_dir_v2(g), fd = i < 0 ? -ENOENT : cgroup_dir_open(g, (unsigned)i);

	if (i >= 0)
		cgroup_dir_name(g, (unsigned)i, name);
	return fd < 0 ? err_sys(e, ERR_CGR_CREATE, fd, "open the container's cgroup") : fd;
}

int cgroup_leaf_make(const struct cgroup *g, const char *leaf, uid_t uid, gid_t gid, struct err *e)
{
	char name[CGROUP_NAME_SIZE], path[CGROUP_NAME_SIZE + 256];
	_cleanup_fd_ int own = open_own(g, name, e), dir = -1;
	int r;

	if (own < 0)
		return own;
	str_format(path, sizeof(path), "%s/%s", name, leaf);
	r = sys_mkdirat(own, leaf, 0755);
	if (r >= 0)
		r = dir = cgroup_beneath_open(own, leaf, O_RDONLY | O_DIRECTORY);
	if (r < 0)
		return err_sys(e, ERR_CGR_CREATE, r, "make %s", path);
	return cgroup_give(dir, path, uid, gid, e);
}

/* Each by itself, as one that is refused (realtime processes, cpuset) must not stop the others. */
static void pass_down(int own)
{
	char text[256], one[64];

	if (cgroup_file_read(own, "cgroup.controllers", text, sizeof(text)) <= 0)
		return;
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " ");

		if (str_format(one, sizeof(one), "+%.*s", (int)n, p) >= 0)
			(void)cgroup_file_write(own, "cgroup.subtree_control", one);
		p += n;
		p += strspn(p, " ");
	}
}

int cgroup_leaf_enter(const struct cgroup *g, const char *leaf, int pid, struct err *e)
{
	char name[CGROUP_NAME_SIZE], text[16];
	_cleanup_fd_ int own = open_own(g, name, e), dir = -1;
	int r;

	if (own < 0)
		return own;
	str_format(text, sizeof(text), "%d", pid);
	r = dir = cgroup_beneath_open(own, leaf, O_RDONLY | O_DIRECTORY);
	if (r >= 0)
		r = cgroup_file_write(dir, "cgroup.procs", text);
	if (r < 0)
		return err_sys(e, ERR_CGR_JOIN, r, "move process %d to %s/%s", pid, name, leaf);
	/* What is not passed down cannot be managed there; the limits above hold in any case. */
	pass_down(own);
	return 0;
}
