/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/io: whole reads and writes on fds the caller already opened. EINTR and short transfers are
 * invisible (faults R7). No path is looked up here.
 */
#ifndef HULL_BASE_IO_H
#define HULL_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

int io_write_all(int fd, const void *p, size_t n); /* 0 or -errno */
ssize_t io_read_full(int fd, void *p, size_t n);   /* bytes until EOF or n, or -errno */
ssize_t io_read_some(int fd, void *p, size_t n);   /* one read, EINTR retried */
/*
 * Small virtual files: at most @size - 1 bytes, NUL terminated, one trailing newline removed.
 * Length or -errno.
 */
ssize_t io_read_line_file(int fd, char *buf, size_t size);
/* Everything until EOF into the arena, NUL behind it. -EFBIG when it is more than @max bytes. */
int io_read_all(int fd, size_t max, struct arena *a, char **ret, size_t *ret_len);
/* The same by a caller who asked for fstat(2) already. */
struct stat;
int io_read_known(int fd, const struct stat *st, size_t max, struct arena *a, char **ret,
		  size_t *ret_len);
/* Monotonic nanoseconds. */
uint64_t io_now(void);
/* The deadline that many nanoseconds from now; beyond the end of the clock it is the end. */
uint64_t io_after(uint64_t timeout);
/*
 * Wait for events (poll(2) bits) until @deadline (io_now() scale, 0 = for ever). revents, 0 on
 * timeout, -errno.
 */
int io_wait(int fd, short events, uint64_t deadline);

#endif
