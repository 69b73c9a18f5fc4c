/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/io: whole transfers, EINTR and short counts hidden.
 */
#include "base/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int io_write_all(int fd, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t r = write(fd, s, n);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (r == 0)
			return -EIO;
		s += r;
		n -= (size_t)r;
	}
	return 0;
}

ssize_t io_read_some(int fd, void *p, size_t n)
{
	for (;;) {
		ssize_t r = read(fd, p, n);

		if (r >= 0)
			return r;
		if (errno != EINTR)
			return -errno;
	}
}

ssize_t io_read_full(int fd, void *p, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r = io_read_some(fd, (char *)p + have, n - have);

		if (r < 0)
			return r;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return (ssize_t)have;
}

ssize_t io_read_line_file(int fd, char *buf, size_t size)
{
	ssize_t n = io_read_full(fd, buf, size - 1);

	if (n < 0)
		return n;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int io_read_all(int fd, size_t max, struct arena *a, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t cap = 4096, len = 0;
	char *buf;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size > max)
			return -EFBIG;
		cap = MAX((size_t)st.st_size + 1, cap); /* files of proc and cgroupfs claim 0 bytes */
	}
	buf = arena_alloc(a, cap + 1);
	for (;;) {
		ssize_t r = io_read_full(fd, buf + len, cap - len);

		if (r < 0)
			return (int)r;
		len += (size_t)r;
		if (len > max)
			return -EFBIG;
		if (len < cap)
			break;
		char *more = arena_alloc(a, cap * 2 + 1);

		memcpy(more, buf, len);
		buf = more;
		cap *= 2;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

uint64_t io_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int io_wait(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int ms = -1, r;

		if (deadline) {
			uint64_t now = io_now();
			uint64_t left = deadline > now ? (deadline - now + 999999) / 1000000 : 0;

			ms = left > INT_MAX ? INT_MAX : (int)left;
		}
		r = poll(&p, 1, ms);
		if (r > 0)
			return p.revents;
		if (r == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}
