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

enum { SEQ_PAGE = 4096 };

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
	/*
	 * KERNEL: proc, sysfs and cgroupfs give what fits at once; only a read of more than a page
	 * may end early, at a record. fs/seq_file.c, seq_read_iter.
	 */
	ssize_t n = size - 1 <= SEQ_PAGE ? io_read_some(fd, buf, size - 1)
					 : io_read_full(fd, buf, size - 1);

	if (n < 0)
		return n;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

/*
 * io_read_full, but a file that is as long as it said (@known, 0: it did not) needs no second read
 * to find its end.
 */
static ssize_t fill(int fd, char *buf, size_t n, size_t known)
{
	ssize_t r = io_read_some(fd, buf, n), rest;

	if (r <= 0 || (size_t)r == known)
		return r;
	rest = io_read_full(fd, buf + r, n - (size_t)r);
	return rest < 0 ? rest : r + rest;
}

int io_read_all(int fd, size_t max, struct arena *a, char **ret, size_t *ret_len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		st.st_mode = 0;
	return io_read_known(fd, &st, max, a, ret, ret_len);
}

int io_read_known(int fd, const struct stat *st, size_t max, struct arena *a, char **ret,
		  size_t *ret_len)
{
	size_t cap = 4096, len = 0, known = 0;
	char *buf;

	if (S_ISREG(st->st_mode)) {
		if ((uint64_t)st->st_size > max)
			return -EFBIG;
		known = (size_t)st->st_size; /* files of proc and cgroupfs claim 0 bytes */
		cap = known ? known + 1 : cap;
	}
	buf = arena_alloc(a, cap + 1);
	for (;;) {
		ssize_t r = fill(fd, buf + len, cap - len, len ? 0 : known);

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

uint64_t io_after(uint64_t timeout)
{
	uint64_t deadline;

	return __builtin_add_overflow(io_now(), timeout, &deadline) ? UINT64_MAX : deadline;
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
		if (r == 0 && ms < INT_MAX)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}
