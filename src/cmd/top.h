/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/top: what the files of `hull top` share: rows of two measures, their order, their text.
 */
#ifndef HULL_CMD_TOP_H
#define HULL_CMD_TOP_H

#include "base/arena.h"
#include "container/sample.h"

enum top_sort { TOP_CPU, TOP_MEMORY, TOP_IO, TOP_PIDS, TOP_NAME };

/* A container at one moment, and how fast it went since the measure before. */
struct top_row {
	const struct sample *now;
	bool rated;		/* there was a measure before, of the same run */
	uint64_t cpu;		/* hundredths of a percent of one CPU */
	uint64_t read, written; /* bytes a second */
};

/* The rows of @now, in order; in @a. */
struct top_row *top_rows(const struct sample *before, size_t n_before, const struct sample *now,
			 size_t n, enum top_sort sort, bool reverse, struct arena *a);
/* A table as text, in @a: at most @columns wide and @rows lines (0: no bound), without a
 * newline at the end of a bounded one. Only printable ASCII and UTF-8; @invert paints the line
 * of titles. */
char *top_table(const struct top_row *v, size_t n, unsigned columns, unsigned rows, bool invert,
		struct arena *a);
/* One line of JSON without newline, in @a. */
char *top_json(const struct top_row *v, size_t n, struct arena *a);

#endif
