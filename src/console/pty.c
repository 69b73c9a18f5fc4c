/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/pty: makes a pseudoterminal and proves that it is one of the container's devpts; hands it
 * over.
 * SECURITY: rule D4: an image or a neighbour that swaps /dev/pts (CVE-2025-52565) gets an error,
 * not a bind.
 */
#include "console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "sys/call.h"
#include "sys/sock.h"

#ifndef TIOCGPTPEER /* asm-generic/ioctls.h, since 4.13 */
#define TIOCGPTPEER _IO('T', 0x41)
#endif

enum {
	TTYAUX_MAJOR = 5,
	PTMX_MINOR = 2,
	PTMX_INODE = 2, /* KERNEL: fs/devpts makes ptmx with inode 2. Since 2.6.29. */
	PTS_MAJOR_FIRST = 136,
	PTS_MAJOR_LAST = 143,
	SOCKET_SECONDS = 10,
};

/* An O_PATH fd of a ptmx below @root, proved to be one. *@ret_code tells why not. */
static int find_ptmx(const struct rootfs *root, const char *path, bool in_devpts)
{
	_cleanup_fd_ int fd = path_resolve_strict(root, path);
	struct stat st;

	if (fd < 0)
		return fd_take(&fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(TTYAUX_MAJOR, PTMX_MINOR))
		return -ENOTTY;
	if (in_devpts && (st.st_ino != PTMX_INODE || sys_fs_magic(fd) != HULL_DEVPTS_MAGIC))
		return -EXDEV;
	return fd_take(&fd);
}

static int open_master(const struct rootfs *root, struct err *e)
{
	_cleanup_fd_ int ptmx = -1;
	int master, r;

	ptmx = find_ptmx(root, "/dev/pts/ptmx", true);
	if (ptmx < 0)
		return err_sys(e, ERR_CON_PTY, ptmx,
			       "/dev/pts/ptmx: not the ptmx of a devpts mount");
	master = path_reopen(ptmx, O_RDWR | O_NOCTTY);
	if (master != -EACCES)
		return master < 0 ? err_sys(e, ERR_CON_PTY, master, "open /dev/pts/ptmx") : master;
	/*
	 * A host's devpts (a bind of all of /dev) may have ptmxmode=000; its /dev/ptmx node leads
	 * to it.
	 * KERNEL: opening a 5:2 node uses the devpts mounted at "pts" beside it. Since 4.7.
	 */
	r = -EACCES;
	fd_close(&ptmx);
	ptmx = find_ptmx(root, "/dev/ptmx", false);
	if (ptmx < 0)
		return err_sys(e, ERR_CON_PTY, r, "open /dev/pts/ptmx");
	master = path_reopen(ptmx, O_RDWR | O_NOCTTY);
	return master < 0 ? err_sys(e, ERR_CON_PTY, master, "open /dev/ptmx") : master;
}

/* The other end, without a path: nothing between the two can be swapped. */
static int open_slave(int master, struct err *e)
{
	_cleanup_fd_ int slave = -1;
	struct stat st;
	int zero = 0;

	/* KERNEL: a new pty is locked and its slave gives EIO until it is unlocked. unlockpt(3). */
	if (ioctl(master, TIOCSPTLCK, &zero) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "unlock the pseudoterminal");
	/*
	 * KERNEL: TIOCGPTPEER opens the slave of this very master in its own devpts. Since 4.13.
	 * ioctl_tty(2).
	 */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "open the peer of the pseudoterminal");
	if (fstat(slave, &st) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "fstat the pseudoterminal");
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) < PTS_MAJOR_FIRST ||
	    major(st.st_rdev) > PTS_MAJOR_LAST || sys_fs_magic(slave) != HULL_DEVPTS_MAGIC)
		return err_sys(e, ERR_CON_PTY, -EXDEV, "the peer is no pseudoterminal of a devpts");
	return fd_take(&slave);
}

int console_open(const struct rootfs *root, const struct spec_process *p, int *ret_master,
		 int *ret_slave, struct err *e)
{
	_cleanup_fd_ int master = open_master(root, e);
	_cleanup_fd_ int slave = -1;

	if (master < 0)
		return master;
	/* who gets it reads from it, and is not to find nothing there */
	if (fcntl(master, F_SETFL, 0) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "let the pseudoterminal block");
	slave = open_slave(master, e);
	if (slave < 0)
		return slave;
	if (p->console_height.set && p->console_width.set) {
		struct winsize size = { .ws_row = (unsigned short)MIN(p->console_height.v, 65535u),
					.ws_col = (unsigned short)MIN(p->console_width.v, 65535u) };

		if (ioctl(master, TIOCSWINSZ, &size) < 0) {
			int r = -errno;

			err_sys(e, ERR_CON_PTY, r, "set the size of the pseudoterminal");
			return err_at(e, r, "/process/consoleSize");
		}
	}
	*ret_master = fd_take(&master);
	*ret_slave = fd_take(&slave);
	return 0;
}

int console_take_stdio(int slave, uid_t uid, struct err *e)
{
	_cleanup_fd_ int fd = slave;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "fstat the terminal");
	if (st.st_uid != uid && fchown(fd, uid, (gid_t)-1) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "give the terminal to user %u", uid);
	if (ioctl(fd, TIOCSCTTY, 0) < 0)
		return err_sys(e, ERR_CON_PTY, -errno, "make it the controlling terminal");
	for (int i = 0; i <= 2; i++)
		if (i != fd && dup2(fd, i) < 0)
			return err_sys(e, ERR_CON_PTY, -errno, "dup2 the terminal to fd %d", i);
	if (fd <= 2) {
		int r = fd_set_cloexec(fd, 0);

		fd_take(&fd);
		if (r < 0)
			return err_sys(e, ERR_CON_PTY, r, "keep the terminal open");
	}
	return 0;
}

int console_connect(const char *path, const char *option, int *ret, struct err *e)
{
	uint64_t deadline = io_now() + SOCKET_SECONDS * UINT64_C(1000000000);
	int fd = sock_connect_within(SOCK_STREAM, path, deadline);

	if (fd < 0)
		return err_at(e, err_sys(e, ERR_CON_SOCKET, fd, "connect to %s", path), "%s",
			      option);
	*ret = fd;
	return 0;
}

int console_send(int sock, int fd, const char *name, const char *option, struct err *e)
{
	ssize_t n = sock_send(sock, name, strlen(name), &fd, 1);

	if (n < 0)
		return err_at(e, err_sys(e, ERR_CON_SOCKET, (int)n, "send the descriptor"), "%s",
			      option);
	return 0;
}
