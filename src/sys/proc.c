/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/proc: a procfs nobody can cover. Hides how it is got (a new detached instance, a clone of the
 * ambient one, or the ambient one itself) and the proof that every opened file really lies on it.
 */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macro.h"
#include "base/str.h"
#include "sys/call.h"
#include "sys/path.h"

enum { PROC_PATH_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC };

static int new_instance(bool full)
{
	_cleanup_fd_ int fs = -1;
	int r;

	fs = sys_fsopen("proc", FSOPEN_CLOEXEC);
	if (fs < 0)
		return fs;
	if (!full) {
		/* KERNEL: only process directories: no sys/, no sysrq-trigger. Since 5.8; proc(5).
		 */
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0);
		if (r < 0)
			return r;
	}
	r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return r;
	return sys_fsmount(fs, FSMOUNT_CLOEXEC,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static bool out_of_resources(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOSPC;
}

/* Prove that @fd, which is taken, is the root of a procfs, and remember its mount. */
static int handle_take(int fd, struct procfs *ret)
{
	_cleanup_fd_ int own = fd;
	long magic = sys_fs_magic(fd);
	struct statx st;
	int r = magic < 0 ? (int)magic : path_mount_stat(fd, &st);

	if (r < 0)
		return r;
	/* a procfs root is the only inode 1 of its file system */
	if (magic != HULL_PROC_MAGIC || st.stx_ino != HULL_PROC_ROOT_INO || !S_ISDIR(st.stx_mode))
		return -ENOTSUP;
	ret->mnt_id = st.stx_mnt_id;
	ret->fd = fd_take(&own);
	return 0;
}

int proc_open_ambient(struct procfs *ret)
{
	int fd = sys_openat(AT_FDCWD, "/proc", PROC_PATH_FLAGS, 0);

	return fd < 0 ? fd : handle_take(fd, ret);
}

int proc_open(bool full, struct procfs *ret)
{
	int fd = new_instance(full);

	if (out_of_resources(fd))
		return fd;
	if (fd < 0) /* a clone without submounts: what covered parts of it stays behind */
		fd = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (out_of_resources(fd))
		return fd;
	return fd < 0 ? proc_open_ambient(ret) : handle_take(fd, ret);
}

void proc_close(struct procfs *p)
{
	fd_close(&p->fd);
}

int proc_openat(const struct procfs *p, const char *path, int flags)
{
	_cleanup_fd_ int fd = -1;
	uint64_t id;
	long magic;
	int r;

	fd = path_openat2(p->fd, path, (uint64_t)(unsigned)flags,
			  RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	/* SECURITY: rule F2: the file system and the mount are proved, not presumed.
	 * CVE-2025-52881. */
	magic = sys_fs_magic(fd);
	if (magic < 0)
		return (int)magic;
	r = path_mount_id(fd, &id);
	if (r < 0)
		return r;
	if (magic != HULL_PROC_MAGIC || id != p->mnt_id)
		return -EXDEV;
	return fd_take(&fd);
}

ssize_t proc_read(const struct procfs *p, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = proc_openat(p, path, O_RDONLY);

	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

int proc_write(const struct procfs *p, const char *path, const char *value, size_t n)
{
	_cleanup_fd_ int fd = proc_openat(p, path, O_WRONLY);
	ssize_t r;

	if (fd < 0)
		return fd;
	/* KERNEL: one write is one value; the rest of a split one would be taken as another.
	 * proc(5). */
	do
		r = write(fd, value, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

/* @buf: the whole of PID/stat; the field that @field counts from 1, above 2, ended by a NUL. */
static char *stat_field(char *buf, int field)
{
	/* The name in field 2 may hold blanks and brackets: fields are counted behind its last
	 * bracket. */
	char *s = strrchr(buf, ')');

	for (int at = 2; s && at < field; at++)
		s = strchr(s + 1, ' ');
	if (!s)
		return NULL;
	s[1 + strcspn(s + 1, " ")] = '\0';
	return s + 1;
}

int proc_start_time(const struct procfs *p, pid_t pid, uint64_t *ret_start, char *ret_state)
{
	char path[32], buf[1024], *start, *state;
	uint64_t v;
	ssize_t n;
	int r;

	r = str_format(path, sizeof(path), "%d/stat", (int)pid);
	if (r < 0)
		return r;
	n = proc_read(p, path, buf, sizeof(buf));
	if (n == -ENOENT)
		return -ESRCH;
	if (n < 0)
		return (int)n;
	start = stat_field(buf, 22); /* the last one first: a NUL ends what is searched */
	state = stat_field(buf, 3);
	if (!start || !state || !state[0] || state[1] || str_to_u64(start, UINT64_MAX, &v) < 0)
		return -EBADMSG;
	if (ret_start)
		*ret_start = v;
	if (ret_state)
		*ret_state = state[0];
	return 0;
}

uint64_t proc_now(void)
{
	const uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec ts;

	/* KERNEL: start times count suspended time, and rounding is down. proc_pid_stat(5) */
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * hz + (uint64_t)ts.tv_nsec / (1000000000u / hz);
}

/* KERNEL: "%016llx", signal 1 is the lowest bit. fs/proc/array.c, render_sigset_t. */
static bool kill_pending(const char *status, const char *name)
{
	const char *set = strstr(status, name);

	set = set ? set + strlen(name) : "";
	return strspn(set, "0123456789abcdef") == 16 && strchr("13579bdf", set[13]);
}

#define STAT_EXITING 0x4u /* PF_EXITING */

bool proc_is_ending(const struct procfs *p, pid_t pid)
{
	char path[32], buf[4096], *flags;
	uint64_t v;

	if (str_format(path, sizeof(path), "%d/status", (int)pid) < 0 ||
	    proc_read(p, path, buf, sizeof(buf)) < 0)
		return false;
	if (kill_pending(buf, "\nSigPnd:\t") || kill_pending(buf, "\nShdPnd:\t"))
		return true;
	if (str_format(path, sizeof(path), "%d/stat", (int)pid) < 0 ||
	    proc_read(p, path, buf, sizeof(buf)) < 0)
		return false;
	flags = stat_field(buf, 9);
	return flags && str_to_u64(flags, UINT64_MAX, &v) == 0 && (v & STAT_EXITING);
}

int proc_boot_id(char ret[static 37])
{
	static char known[37]; /* it cannot change while this process lives */
	_cleanup_fd_ int fd = -1;
	char buf[64];
	ssize_t n;
	long magic;

	if (known[0]) {
		memcpy(ret, known, sizeof(known));
		return 0;
	}
	/* Inside another container /proc/sys is a mount of its own: the file system is checked, not
	 * the mount. */
	fd = sys_openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	magic = sys_fs_magic(fd);
	if (magic < 0)
		return (int)magic;
	if (magic != HULL_PROC_MAGIC)
		return -EXDEV;
	n = io_read_line_file(fd, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	if (n != 36)
		return -EBADMSG;
	memcpy(known, buf, sizeof(known));
	memcpy(ret, buf, sizeof(known));
	return 0;
}

void proc_unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}
