/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/ring: bytes between a reader and a writer. Not included outside.
 */
#ifndef HULL_CONSOLE_RING_H
#define HULL_CONSOLE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RING_SIZE = 64 * 1024 };

struct ring {
	char *buf;	  /* RING_SIZE, NULL: not used */
	size_t head, len; /* first byte, bytes */
};

/* One read into the ring: bytes, 0 at the end, -errno. */
ssize_t ring_fill(struct ring *r, int fd);
/* One write of what is in it, which is then gone: bytes or -errno. */
ssize_t ring_write(struct ring *r, int fd, bool is_socket);

/*
 * A way to write to the caller's @fd that cannot block. Its own file description is shared with the
 * caller's shell and stays as it is: terminals and pipes are opened anew, sockets are told per call
 * (*ret_socket), files never block. fd or -errno.
 */
int ring_open_writer(int fd, bool *ret_socket);

#endif
