/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/sock: unix sockets with fd passing. Paths longer than sun_path are reached through a
 * directory fd (faults R9); received fds are always close-on-exec and always counted (rule X8).
 */
#ifndef HULL_SYS_SOCK_H
#define HULL_SYS_SOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOCK_MAX_FDS = 8 };

int sock_pair(int ret[2]); /* SOCK_SEQPACKET */
/* Connect to a listening socket at a host path; @type SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. */
int sock_connect(int type, const char *path);
int sock_connect_at(int type, int dirfd, const char *name);
/* Until @deadline (io_now() scale): -ETIMEDOUT; not SOCK_DGRAM. Never blocks afterwards. */
int sock_connect_within(int type, const char *path, uint64_t deadline);
/* A socket of @type that is at no place yet. */
int sock_new(int type);
/* Bind it at @dirfd/@name with mode @mode. */
int sock_bind_at(int fd, int dirfd, const char *name, mode_t mode);
int sock_listen(int fd);
/* One message with fds; @n_fds may be 0. Bytes sent or -errno; MSG_NOSIGNAL. */
ssize_t sock_send(int fd, const void *buf, size_t n, const int *fds, size_t n_fds);
/*
 * One message: bytes (0 = end), or -errno; -EBADMSG when data or control was truncated (fds are
 * closed then).
 */
ssize_t sock_recv(int fd, void *buf, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds);

#endif
