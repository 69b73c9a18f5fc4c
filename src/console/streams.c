/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/streams: pipes between the caller's terminal and a program without one. Hides which of
 * the three streams that concerns, and when a stream is at its end.
 */
#include "console/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/call.h"

/* More than a pipe holds: who writes for ever does not hold back the exit status. pipe(7) */
enum { LAST_BYTES = 128 * 1024 };

/* SECURITY: X1: a program that was not given a terminal does not get the caller's. */
int console_streams_make(struct console_streams *ret)
{
	for (int fd = 0; fd < STREAMS; fd++) {
		int pair[2], flags, outer = fd == STDIN_FILENO;

		if (!isatty(fd))
			continue;
		if (pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		ret->outer[fd] = pair[outer];
		ret->inner[fd] = pair[!outer];
		flags = fcntl(ret->outer[fd], F_GETFL);
		if (flags < 0 || fcntl(ret->outer[fd], F_SETFL, flags | O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

int console_streams_take(const int inner[static 3])
{
	for (int fd = 0; fd < STREAMS; fd++)
		if (inner[fd] >= 0 && dup2(inner[fd], fd) < 0)
			return -errno;
	return 0;
}

void console_streams_given(struct console_streams *s)
{
	for (int fd = 0; fd < STREAMS; fd++)
		fd_close(&s->inner[fd]);
}

void console_streams_close(struct console_streams *s)
{
	console_streams_given(s);
	for (int fd = 0; fd < STREAMS; fd++)
		fd_close(&s->outer[fd]);
}

int streams_begin(struct streams *s, struct console_streams *ends, struct arena *a)
{
	for (int fd = 0; fd < STREAMS; fd++) {
		struct stream *t = &s->s[fd];

		*t = (struct stream){ .from = -1, .to = -1 };
		if (ends->outer[fd] < 0)
			continue;
		s->used = true;
		t->ring.buf = arena_alloc(a, RING_SIZE);
		if (fd == STDIN_FILENO) {
			t->from = STDIN_FILENO;
			t->to = fd_take(&ends->outer[fd]); /* closing it is the end */
		} else {
			t->from = ends->outer[fd];
			t->to = ring_open_writer(fd, &t->socket);
		}
		if (t->to < 0)
			return t->to;
	}
	return 0;
}

static void close_writer(struct stream *t)
{
	fd_close(&t->to);
}

void streams_end(struct streams *s)
{
	for (int fd = 0; s->used && fd < STREAMS; fd++)
		close_writer(&s->s[fd]);
}

/* Nobody reads it any more after the end. */
static bool is_over(int fd, bool ended)
{
	return ended && fd == STDIN_FILENO;
}

void streams_poll(const struct streams *s, bool ended, struct pollfd p[static STREAMS_POLLED])
{
	for (int i = 0; i < STREAMS_POLLED; i++)
		p[i] = (struct pollfd){ .fd = -1, .events = i % 2 ? POLLOUT : POLLIN };
	for (int fd = 0; s->used && fd < STREAMS; fd++) {
		const struct stream *t = &s->s[fd];

		if (is_over(fd, ended))
			continue;
		if (t->from >= 0 && t->ring.len < RING_SIZE)
			p[2 * fd].fd = t->from;
		if (t->to >= 0 && t->ring.len)
			p[2 * fd + 1].fd = t->to;
	}
}

/* What nobody takes is thrown away, so that the program does not wait; of stdin nothing is read. */
static void reader_gone(struct stream *t, int fd)
{
	close_writer(t);
	t->ring.len = 0;
	if (fd == STDIN_FILENO)
		t->from = -1;
}

static ssize_t fill(struct stream *t)
{
	ssize_t n = ring_fill(&t->ring, t->from);

	if (n <= 0 && n != -EAGAIN)
		t->from = -1;
	if (t->to < 0)
		t->ring.len = 0;
	return n;
}

bool streams_work(struct streams *s, bool ended, const struct pollfd p[static STREAMS_POLLED])
{
	bool taken = false;

	for (int fd = 0; s->used && fd < STREAMS; fd++) {
		struct stream *t = &s->s[fd];

		if (p[2 * fd].revents && t->from >= 0) {
			ssize_t n = fill(t);

			s->last += ended && n > 0 ? (size_t)n : 0;
		}
		if (p[2 * fd + 1].revents) {
			ssize_t w = ring_write(&t->ring, t->to, t->socket);

			taken |= w >= 0;
			if (w < 0 && w != -EAGAIN)
				reader_gone(t, fd);
		}
		/* the end of the caller's input is the end of the program's */
		if (fd == STDIN_FILENO && t->from < 0 && !t->ring.len)
			close_writer(t);
	}
	return taken;
}

bool streams_finished(struct streams *s)
{
	bool done = true;

	for (int fd = STDOUT_FILENO; s->used && fd < STREAMS; fd++) {
		struct stream *t = &s->s[fd];
		ssize_t n = 1;

		while (n > 0 && t->from >= 0 && t->ring.len < RING_SIZE && s->last < LAST_BYTES) {
			n = fill(t);
			s->last += n > 0 ? (size_t)n : 0;
		}
		done &= t->ring.len == 0;
	}
	return done;
}
