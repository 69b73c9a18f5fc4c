/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/top_table: measures to rows, rows to a table or to JSON. Hides the arithmetic of rates, the
 * width of columns and which of them a narrow terminal loses (the right ones).
 */
#include <stdlib.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "cmd/top.h"
#include "spec/write.h"

enum { ID_MIN = 13 };
#define NO_LIMIT (UINT64_MAX >> 2) /* v1 shows "none" as the largest number of pages */

/* ---- rows ---- */

static const struct sample *find(const struct sample *v, size_t n, const struct sample *one)
{
	for (size_t i = 0; i < n; i++)
		if (streq(v[i].id, one->id) && v[i].pid == one->pid &&
		    v[i].start_time == one->start_time && v[i].measured)
			return &v[i];
	return NULL;
}

/* @part * @scale / @whole, without overflow for the sizes that occur. */
static uint64_t rate(uint64_t from, uint64_t to, uint64_t scale, uint64_t ns)
{
	if (to <= from || !ns)
		return 0;
	return (uint64_t)((unsigned __int128)(to - from) * scale / ns);
}

static void fill(struct top_row *row, const struct sample *before)
{
	const struct sample *now = row->now;
	uint64_t ns;

	if (!now->measured || !before || now->at <= before->at)
		return;
	ns = now->at - before->at;
	row->rated = true;
	row->cpu = rate(before->cpu, now->cpu, 10000, ns);
	row->read = rate(before->read, now->read, 1000000000, ns);
	row->written = rate(before->written, now->written, 1000000000, ns);
}

static uint64_t key(const struct top_row *r, enum top_sort sort)
{
	switch (sort) {
	case TOP_CPU:
		return r->cpu;
	case TOP_MEMORY:
		return r->now->memory.usage;
	case TOP_IO:
		return r->read + r->written;
	case TOP_PIDS:
		return r->now->pids.usage;
	case TOP_NAME:
		break;
	}
	return 0;
}

/* qsort(3) has no room for more than the two rows. */
static enum top_sort order;
static bool backwards;

static int by_order(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	uint64_t kx = key(x, order), ky = key(y, order);
	int r = kx > ky ? -1 : kx < ky;

	if (!r)
		r = strcmp(x->now->id, y->now->id);
	return backwards ? -r : r;
}

struct top_row *top_rows(const struct sample *before, size_t n_before, const struct sample *now,
			 size_t n, enum top_sort sort, bool reverse, struct arena *a)
{
	struct top_row *v = arena_new_array(a, n ? n : 1, struct top_row);

	for (size_t i = 0; i < n; i++) {
		v[i].now = &now[i];
		fill(&v[i], find(before, n_before, &now[i]));
	}
	order = sort;
	backwards = reverse;
	if (n)
		qsort(v, n, sizeof(*v), by_order);
	return v;
}

/* ---- text ---- */

/* "937", "12.5K", "3.1G": at most five characters. */
static const char *size_text(struct arena *a, uint64_t v)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths = v;
	size_t i = 0;

	if (v < 1000)
		return arena_printf(a, "%llu", (unsigned long long)v);
	tenths = v > UINT64_MAX / 10 ? v / 1024 * 10 : v * 10 / 1024;
	while (tenths >= 10000 && units[i + 1]) {
		tenths /= 1024;
		i++;
	}
	if (tenths >= 1000)
		return arena_printf(a, "%llu%c", (unsigned long long)tenths / 10, units[i]);
	return arena_printf(a, "%llu.%llu%c", (unsigned long long)tenths / 10,
			    (unsigned long long)tenths % 10, units[i]);
}

static const char *limit_text(struct arena *a, const struct cgroup_usage *u)
{
	return u->set && u->limit < NO_LIMIT ? size_text(a, u->limit) : "-";
}

static const char *tenths_text(struct arena *a, uint64_t hundredths)
{
	return arena_printf(a, "%llu.%llu", (unsigned long long)hundredths / 100,
			    (unsigned long long)hundredths / 10 % 10);
}

static const char *pressure_text(struct arena *a, const struct cgroup_pressure *p)
{
	return p->set ? tenths_text(a, p->some.avg10) : "-";
}

static void put_cells(struct strbuf *b, const struct top_row *r, struct arena *a)
{
	const struct sample *s = r->now;

	sb_printf(b, " %-10s", s->status);
	sb_printf(b, " %6s", r->rated ? tenths_text(a, r->cpu) : "-");
	sb_printf(b, " %5s %5s", s->memory.set ? size_text(a, s->memory.usage) : "-",
		  limit_text(a, &s->memory));
	sb_printf(b, " %6s %6s", r->rated ? size_text(a, r->read) : "-",
		  r->rated ? size_text(a, r->written) : "-");
	sb_printf(b, " %5s", s->pids.set ? size_text(a, s->pids.usage) : "-");
	for (size_t i = 0; i < ARRAY_LEN(s->pressure); i++)
		sb_printf(b, " %5s", pressure_text(a, &s->pressure[i]));
}

static const char titles[] = " STATUS       CPU%   MEM LIMIT READ/s  WRT/s  PIDS PSI-C PSI-M PSI-I";

/* One line, cut to the width; every character of it is one column wide. */
static void put_line(struct strbuf *out, const char *id, unsigned id_width, const char *cells,
		     unsigned columns)
{
	char name[300];
	struct strbuf n = STRBUF(name);
	size_t room = columns ? columns : SIZE_MAX, len;

	sb_escape(&n, id);
	if (n.len > id_width && id_width > 1) {
		name[id_width - 1] = '~';
		name[id_width] = '\0';
		n.len = id_width;
	}
	len = MIN(n.len, room);
	sb_addn(out, name, len);
	for (; len < id_width && len < room; len++)
		sb_char(out, ' ');
	room -= len;
	sb_addn(out, cells, MIN(strlen(cells), room));
}

static unsigned id_width_for(const struct top_row *v, size_t n, unsigned columns)
{
	unsigned width = ID_MIN, rest = sizeof(titles) - 1;

	for (size_t i = 0; i < n; i++)
		width = MAX(width, (unsigned)strlen(v[i].now->id));
	if (columns && width + rest > columns)
		width = MAX((unsigned)ID_MIN, columns > rest ? columns - rest : 0);
	return columns ? MIN(width, columns) : width;
}

char *top_table(const struct top_row *v, size_t n, unsigned columns, unsigned rows, bool invert,
		struct arena *a)
{
	unsigned width = id_width_for(v, n, columns), lines = 1;
	size_t size = (n + 2) * (size_t)(width + sizeof(titles) + 64),
	       room = columns ? columns : SIZE_MAX;
	char *text = arena_alloc(a, size), cells[160];
	struct strbuf out = { .buf = text, .size = size };

	if (invert)
		sb_add(&out, "\033[7m");
	put_line(&out, "ID", width, titles, columns);
	if (invert)
		sb_add(&out, "\033[0m");
	for (size_t i = 0; i < n && (!rows || lines < rows); i++, lines++) {
		struct strbuf b = STRBUF(cells);

		sb_char(&out, '\n');
		if (rows && lines + 1 == rows && i + 1 < n) {
			sb_printf(&b, "and %zu more", n - i);
			sb_addn(&out, cells, MIN(b.len, room));
			continue;
		}
		put_cells(&b, &v[i], a);
		put_line(&out, v[i].now->id, width, cells, columns);
	}
	return text;
}

/* ---- JSON ---- */

static void put_hundredths(struct jw *w, const char *name, uint64_t v)
{
	char text[32];

	str_format(text, sizeof(text), "%llu.%02llu", (unsigned long long)v / 100,
		   (unsigned long long)v % 100);
	jw_raw(w, name, text, strlen(text));
}

static void put_usage(struct jw *w, const char *name, const struct cgroup_usage *u)
{
	if (!u->set)
		return;
	jw_object(w, name);
	jw_u64(w, "usage", u->usage);
	if (u->limit < NO_LIMIT)
		jw_u64(w, "limit", u->limit);
	jw_end(w);
}

static void put_pressures(struct jw *w, const struct sample *s)
{
	static const char names[][7] = { "cpu", "memory", "io" };

	jw_object(w, "psi");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!s->pressure[i].set)
			continue;
		jw_object(w, names[i]);
		put_hundredths(w, "some", s->pressure[i].some.avg10);
		put_hundredths(w, "full", s->pressure[i].full.avg10);
		jw_end(w);
	}
	jw_end(w);
}

static void put_row(struct jw *w, const struct top_row *r)
{
	const struct sample *s = r->now;

	jw_object(w, NULL);
	jw_string(w, "id", s->id);
	jw_string(w, "status", s->status);
	if (s->measured) {
		jw_u64(w, "pid", s->pid);
		jw_object(w, "cpu");
		if (r->rated)
			put_hundredths(w, "percent", r->cpu);
		jw_u64(w, "total", s->cpu);
		jw_end(w);
		put_usage(w, "memory", &s->memory);
		jw_object(w, "io");
		jw_u64(w, "read", s->read);
		jw_u64(w, "written", s->written);
		if (r->rated) {
			jw_u64(w, "readRate", r->read);
			jw_u64(w, "writeRate", r->written);
		}
		jw_end(w);
		put_usage(w, "pids", &s->pids);
		put_pressures(w, s);
	}
	jw_end(w);
}

char *top_json(const struct top_row *v, size_t n, struct arena *a)
{
	char when[40];
	struct strbuf b = STRBUF(when);
	struct timespec now = { 0 };
	struct jw w;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	sb_time(&b, now.tv_sec, now.tv_nsec, 3);
	jw_init(&w, a, 0);
	jw_object(&w, NULL);
	jw_string(&w, "time", when);
	jw_array(&w, "containers");
	for (size_t i = 0; i < n; i++)
		put_row(&w, &v[i]);
	jw_end(&w);
	jw_end(&w);
	return w.buf;
}
