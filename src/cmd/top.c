/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/top: what all containers use right now: a table that is drawn anew on a terminal, one that
 * is printed elsewhere, lines of JSON for programs.
 */
#include "cmd/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "console/screen.h"

/* Two measures: the last one and the one before. */
struct view {
	struct ctx *c;
	struct arena a[2];
	struct sample *v[2];
	size_t n[2];
	unsigned last; /* which of the two is the last one */
	enum top_sort sort;
	bool reverse;
};

static const struct {
	const char *name;
	char key;
} sorts[] = {
	[TOP_CPU] = { "cpu", 'c' },   [TOP_MEMORY] = { "memory", 'm' }, [TOP_IO] = { "io", 'i' },
	[TOP_PIDS] = { "pids", 'p' }, [TOP_NAME] = { "name", 'n' },
};

static int take(struct view *x, struct err *e)
{
	unsigned next = !x->last;

	arena_free(&x->a[next]);
	x->last = next;
	return samples_take(x->c, &x->a[next], &x->v[next], &x->n[next], e);
}

static struct top_row *rows_of(struct view *x, struct arena *a)
{
	return top_rows(x->v[!x->last], x->n[!x->last], x->v[x->last], x->n[x->last], x->sort,
			x->reverse, a);
}

/* ---- live ---- */

static int draw(struct view *x, struct screen *s)
{
	const char *color = getenv("NO_COLOR");
	struct arena a;
	const char *table, *page;
	char head[160];
	size_t n = x->n[x->last];
	int r;

	arena_init(&a);
	table = top_table(rows_of(x, &a), n, s->columns, s->rows > 1 ? s->rows - 1 : 1,
			  !(color && *color), &a);
	str_format(head, sizeof(head),
		   "%zu container%s, by %s%s; c m i p n sort, r reverses, q quits", n,
		   n == 1 ? "" : "s", sorts[x->sort].name, x->reverse ? " (reversed)" : "");
	page = s->rows > 1 ? arena_printf(&a, "%.*s\n%s", (int)s->columns, head, table) : table;
	r = screen_draw(s, page, strlen(page));
	arena_free(&a);
	return r;
}

/* False: q. */
static bool press(struct view *x, char key)
{
	for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
		if (sorts[i].key == key)
			x->sort = (enum top_sort)i;
	if (key == 'r')
		x->reverse = !x->reverse;
	return key != 'q' && key != 'Q' && key != 3 /* ^C of a terminal that makes no signals */;
}

static int live(struct view *x, struct screen *s, uint64_t interval, uint64_t count, struct err *e)
{
	uint64_t next =
		io_now() +
		MIN(interval, SECONDS(1) / 2); /* there are no rates before the second measure */
	int r = take(x, e);

	for (uint64_t done = 1; r >= 0;) {
		enum screen_event what;
		char key = 0;

		if (draw(x, s) < 0)
			return 0; /* the terminal is gone */
		if (count && done >= count)
			return 0;
		what = screen_wait(s, next, &key);
		if (what == SCREEN_QUIT || (what == SCREEN_KEY && !press(x, key)))
			return 0;
		if (what != SCREEN_TIME)
			continue;
		r = take(x, e);
		done++;
		next = io_after(interval);
	}
	return r;
}

/* ---- printed ---- */

static int print(struct view *x, bool json, struct err *e)
{
	struct arena a;
	size_t n = x->n[x->last];
	struct top_row *rows;
	int r = 0;

	arena_init(&a);
	rows = rows_of(x, &a);
	if (puts(json ? top_json(rows, n, &a) : top_table(rows, n, 0, 0, false, &a)) < 0 ||
	    fflush(stdout) != 0)
		r = err_sys(e, ERR_CLI_FILE, errno ? -errno : -EIO, "write to standard output");
	arena_free(&a);
	return r;
}

/* Each measure is one of the time since the one before: the first is not printed. @count 0: for
 * ever. */
static int print_all(struct view *x, bool json, uint64_t interval, uint64_t count, struct err *e)
{
	int r = take(x, e);

	for (uint64_t done = 0; r >= 0 && (!count || done < count); done++) {
		if (done && !json)
			puts("");
		r = io_wait(-1, 0, io_after(interval));
		r = r < 0 ? err_sys(e, ERR_GEN_SYS, r, "wait") : take(x, e);
		if (r >= 0)
			r = print(x, json, e);
	}
	return r;
}

static int parse(const struct args *a, struct view *x, uint64_t *ret_interval, uint64_t *ret_count,
		 struct err *e)
{
	int r = a->interval ? cmd_duration(a->interval, "--interval", ret_interval, e) : 0;

	if (r < 0)
		return r;
	if (!*ret_interval)
		return err_set(e, ERR_CLI_VALUE, 0, "--interval must be more than 0");
	*ret_interval = MIN(*ret_interval, SECONDS(1000000));
	if (a->count && str_to_u64(a->count, UINT64_MAX, ret_count) < 0)
		return err_set(e, ERR_CLI_VALUE, 0,
			       "--count takes a number, 0 for no end, not \"%s\"", a->count);
	for (size_t i = 0; a->sort && i < ARRAY_LEN(sorts); i++)
		if (streq(sorts[i].name, a->sort)) {
			x->sort = (enum top_sort)i;
			return 0;
		}
	return a->sort ? err_set(e, ERR_CLI_VALUE, 0,
				 "--sort takes cpu, memory, io, pids or name, not \"%s\"", a->sort)
		       : 0;
}

static int run_top(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct view x = { .c = c, .sort = TOP_CPU };
	uint64_t interval = SECONDS(1), count;
	int r, json = cmd_format(a, false, e);
	bool on_screen = !a->format && screen_possible();
	struct screen s;

	(void)ret_status;
	if (json < 0)
		return json;
	count = on_screen ? 0 : 1;
	r = parse(a, &x, &interval, &count, e);
	if (r < 0)
		return r;
	arena_init(&x.a[0]);
	arena_init(&x.a[1]);
	if (on_screen) {
		r = screen_open(&s, e);
		if (r >= 0) {
			r = live(&x, &s, interval, count, e);
			screen_close(&s);
		}
	} else {
		r = print_all(&x, json, interval, count, e);
	}
	arena_free(&x.a[0]);
	arena_free(&x.a[1]);
	return r < 0 ? r : 0;
}

static const struct opt top_opts[] = {
	OPT_T("interval", 0, interval, "TIME", "time between two measures (1s)"),
	OPT_T("count", 0, count, "N", "end after N measures; 0: never (1, on a terminal 0)"),
	OPT_T("sort", 0, sort, "KEY", "cpu, memory, io, pids or name (cpu)"),
	OPT_T("format", 'f', format, "table|json",
	      "print, also on a terminal; json: one line for each measure"),
};

const struct cmd cmd_top =
	CMD("top", "", "show what all containers use: CPU, memory, I/O, processes, pressure",
	    top_opts, 0, 0, run_top);
