/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/ring: see ring.h.
 */
#include "console/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "sys/path.h"

static size_t ring_room(const struct ring *r, char **ret)
{
	size_t tail = (r->head + r->len) % RING_SIZE;

	*ret = (char *)r->buf + tail;
	if (r->len == RING_SIZE)
		return 0;
	return tail >= r->head ? RING_SIZE - tail : r->head - tail;
}

static size_t ring_data(const struct ring *r, const char **ret)
{
	*ret = r->buf + r->head;
	return MIN(r->len, RING_SIZE - r->head);
}

static void ring_drop(struct ring *r, size_t n)
{
	r->head = (r->head + n) % RING_SIZE;
	r->len -= n;
}

ssize_t ring_fill(struct ring *r, int fd)
{
	char *p;
	size_t room = ring_room(r, &p);
	ssize_t n = io_read_some(fd, p, room);

	if (n > 0)
		r->len += (size_t)n;
	return n;
}

static ssize_t write_some(int fd, const char *p, size_t n, bool is_socket)
{
	ssize_t w;

	do
		w = is_socket ? send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, p, n);
	while (w < 0 && errno == EINTR);
	return w < 0 ? -errno : w;
}

ssize_t ring_write(struct ring *r, int fd, bool is_socket)
{
	const char *p;
	size_t n = ring_data(r, &p);
	ssize_t w = write_some(fd, p, n, is_socket);

	if (w > 0)
		ring_drop(r, (size_t)w);
	return w;
}

int ring_open_writer(int from, bool *ret_socket)
{
	struct stat st;
	int fd;

	*ret_socket = false;
	if (fstat(from, &st) < 0)
		return -errno;
	*ret_socket = S_ISSOCK(st.st_mode);
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		fd = path_reopen(from, O_WRONLY | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0)
			return fd;
	}
	return fd_dup_above(from, 3);
}
