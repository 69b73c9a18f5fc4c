/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/streams: the relay's part for a program whose streams are pipes in place of the caller's
 * terminal. Not included outside.
 */
#ifndef HULL_CONSOLE_STREAMS_H
#define HULL_CONSOLE_STREAMS_H

#include <poll.h>
#include <stdbool.h>

#include "base/arena.h"
#include "console/console.h"
#include "console/ring.h"

enum { STREAMS = 3, STREAMS_POLLED = 2 * STREAMS };

struct stream {
	int from; /* not owned; -1: at its end */
	int to;	  /* owned; -1: nobody reads, or the stream is the caller's own */
	bool socket;
	struct ring ring;
};

struct streams {
	struct stream s[STREAMS];
	size_t last; /* bytes read since the process ended */
	bool used;
};

/* Rings come from @a. 0 or -errno. */
int streams_begin(struct streams *s, struct console_streams *ends, struct arena *a);
void streams_end(struct streams *s);
/* What to ask for; everything is -1 where there is nothing to do. */
void streams_poll(const struct streams *s, bool ended, struct pollfd p[static STREAMS_POLLED]);
/* Read and write what was found. True: a reader has taken something. */
bool streams_work(struct streams *s, bool ended, const struct pollfd p[static STREAMS_POLLED]);
/* After the end of the process: is everything out that was written before? */
bool streams_finished(struct streams *s);

#endif
