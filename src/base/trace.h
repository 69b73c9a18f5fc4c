/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/trace: the flight recorder. One shared page, written by the runtime and by init, that
 * survives a SIGKILL of either: the last step of each side names the place of every failure, the
 * times make phase durations and the file of --trace.
 */
#ifndef HULL_BASE_TRACE_H
#define HULL_BASE_TRACE_H

#include <stdint.h>

enum trace_side { TRACE_RUNTIME = 0, TRACE_INIT = 1, TRACE_SIDES };
enum { TRACE_MAX = 96, TRACE_NAME = 24 };

struct trace_rec {
	uint64_t ns;	       /* CLOCK_MONOTONIC of the host at the begin of the step */
	char name[TRACE_NAME]; /* name of the step */
};

struct trace_page {
	uint32_t version;
	uint32_t n[TRACE_SIDES]; /* steps begun; the last one may be unfinished */
	struct trace_rec rec[TRACE_SIDES][TRACE_MAX];
};

/*
 * Map the page: a shared anonymous mapping, or @fd (a file of the state directory) when it is not
 * -1. -errno.
 */
int trace_open(int fd);
/* The same, and what was recorded until now is in the new page. */
int trace_move(int fd);
/* Until then, where nothing is mapped yet: @own, all zero, of this process alone. */
void trace_begin(struct trace_page *own);
struct trace_page *trace_page(void);
/* Which side this process is; the runtime by default. */
void trace_set_side(enum trace_side side);
/* Begin a step. Async-signal-safe, cheap (one clock read), a no-op before trace_open. */
void trace_step(const char *name);
/* Name of the last step of a side, "" when none was begun. */
const char *trace_last(enum trace_side side);

#endif
