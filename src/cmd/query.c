/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/query: the verbs that only look: state, list, gc.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "cmd/cmd.h"

/*
 * How long each step of create and start took, in microseconds:
 * {"runtime":{"claim":12,...},"init":{...}}.
 */
static const char *phases(struct ctx *c, const struct trace_page *p)
{
	static const char sides[][8] = { "runtime", "init" };
	struct jw w;

	jw_init(&w, &c->a, 0);
	jw_object(&w, NULL);
	for (unsigned s = 0; s < TRACE_SIDES; s++) {
		uint32_t n = MIN(p->n[s], (uint32_t)TRACE_MAX);

		jw_object(&w, sides[s]);
		for (uint32_t i = 0; i + 1 < n; i++) {
			char name[TRACE_NAME];

			/*
			 * SECURITY: written by init, which may be anybody's by now: bounded,
			 * escaped by the writer
			 */
			memcpy(name, p->rec[s][i].name, sizeof(name));
			name[sizeof(name) - 1] = '\0';
			jw_u64(&w, name, (p->rec[s][i + 1].ns - p->rec[s][i].ns) / 1000);
		}
		jw_end(&w);
	}
	jw_end(&w);
	return w.buf;
}

static void add_phases(struct ctx *c, const struct subject *s, struct spec_state *st)
{
	struct spec_state_extra *x =
		arena_new_array(&c->a, st->n_extra + 1, struct spec_state_extra);

	struct trace_page *page = trace_copy(s, &c->a);

	if (!page)
		return;
	memcpy(x, st->extra, st->n_extra * sizeof(*x));
	x[st->n_extra++] = (struct spec_state_extra){ "phases", phases(c, page), true };
	st->extra = x;
}

/* All of it with one write, when the command ends. */
static void print_at_once(struct ctx *c)
{
	enum { SIZE = 16384 };

	setvbuf(stdout, arena_alloc(&c->a, SIZE), _IOFBF, SIZE);
}

static int run_state(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct spec_state st;
	struct subject s;
	struct jw w;
	int r;

	(void)ret_status;
	r = subject_look(c, a->v[0], &s, e);
	if (r < 0)
		return r;
	status_fill(c, &s.rec, s.st.status, &st);
	add_phases(c, &s, &st);
	jw_init(&w, &c->a, 2);
	spec_state_write(&st, &w);
	jw_newline(&w);
	setvbuf(stdout, NULL, _IONBF, 0); /* it is in one piece already */
	fwrite(w.buf, 1, w.len, stdout);
	subject_close(&s);
	return 0;
}

/* Of many containers each is looked at in the memory of the one before; of few that costs more. */
struct rows {
	struct ctx *c; /* in whose arena a row is, until close_row */
	struct ctx own;
};

static void rows_init(struct rows *rows, struct ctx *c, size_t n)
{
	enum { MANY = 32 };

	rows->c = c;
	if (n < MANY)
		return;
	rows->own = *c;
	rows->c = &rows->own;
	arena_init(&rows->own.a);
}

static void free_row(struct rows *rows)
{
	if (rows->c == &rows->own)
		arena_free(&rows->own.a);
}

/*
 * One row of list. An entry that went away meanwhile is no error; an unreadable one is a warning
 * (faults C8, B4).
 */
static bool open_row(struct rows *rows, const char *id, struct subject *s, struct err *e)
{
	if (subject_look(rows->c, id, s, e) == 0)
		return true;
	free_row(rows);
	if (e->id != ERR_STA_MISSING)
		log_warn_err(e, "container \"%s\"", id);
	err_drop(e, "the other rows are shown");
	return false;
}

static void close_row(struct rows *rows, struct subject *s)
{
	subject_close(s);
	free_row(rows);
}

static int list_json(struct ctx *c, const char **ids, size_t n, struct err *e)
{
	struct rows rows;
	struct jw w;

	rows_init(&rows, c, n);
	jw_init(&w, &c->a, 0);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		struct spec_state st;
		struct subject s;

		if (!open_row(&rows, ids[i], &s, e))
			continue;
		status_fill(rows.c, &s.rec, s.st.status, &st);
		spec_state_write(&st, &w);
		close_row(&rows, &s);
	}
	jw_end(&w);
	puts(w.buf);
	return 0;
}

struct row {
	const char *id, *status, *bundle, *created;
	uint64_t pid, owner;
};

static int list_table(struct ctx *c, const char **ids, size_t n, struct err *e)
{
	struct row *v = arena_new_array(&c->a, n + 1, struct row);
	struct rows rows;
	int width[] = { 2, 6, 6 };
	size_t shown = 0;

	rows_init(&rows, c, n);
	for (size_t i = 0; i < n; i++) {
		struct row *row = &v[shown];
		struct subject s;

		if (!open_row(&rows, ids[i], &s, e))
			continue;
		row->id = ids[i];
		row->pid = s.st.status == STATUS_STOPPED ? 0 : s.rec.pid;
		row->status = s.st.previous_boot  ? "stopped (previous boot)"
			      : s.st.creator_dead ? "creating (dead)"
						  : status_name(s.st.status);
		row->bundle = cmd_printable(&c->a, s.rec.bundle);
		row->created = arena_strdup(&c->a, s.rec.created);
		row->owner = s.rec.owner;
		width[0] = MAX(width[0], (int)strlen(row->id));
		width[1] = MAX(width[1], (int)strlen(row->status));
		width[2] = MAX(width[2], (int)strlen(row->bundle));
		shown++;
		close_row(&rows, &s);
	}
	printf("%-*s  %-8s  %-*s  %-*s  %-30s  %s\n", width[0], "ID", "PID", width[1], "STATUS",
	       width[2], "BUNDLE", "CREATED", "OWNER");
	for (const struct row *row = v; row < v + shown; row++)
		printf("%-*s  %-8llu  %-*s  %-*s  %-30s  %s\n", width[0], row->id,
		       (unsigned long long)row->pid, width[1], row->status, width[2], row->bundle,
		       row->created, status_owner(c, row->owner));
	return 0;
}

/* Ids alone, of what a row would be shown. */
static void list_ids(struct ctx *c, const char **ids, size_t n)
{
	struct rows rows;

	rows_init(&rows, c, n);
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		struct subject s;

		if (!open_row(&rows, ids[i], &s, &e))
			continue;
		puts(ids[i]);
		close_row(&rows, &s);
	}
}

static int run_list(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct looks looks = { .proc.fd = -1 };
	const char **ids = NULL;
	size_t n = 0;
	int r, json = cmd_format(a, false, e);

	(void)ret_status;
	print_at_once(c);
	if (json < 0)
		return json;
	r = store_list(c, "", &ids, &n, e);
	if (r < 0)
		return r;
	looks.many = n > 1;
	c->looks = &looks;
	if (a->quiet)
		list_ids(c, ids, n);
	else
		r = json ? list_json(c, ids, n, e) : list_table(c, ids, n, e);
	c->looks = NULL;
	looks_close(&looks);
	return r;
}

static int run_gc(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct gc_item *v = NULL;
	size_t n = 0;
	int r, json = cmd_format(a, false, e);

	(void)ret_status;
	if (json < 0)
		return json;
	r = container_gc(c, a->remove, &v, &n, e);
	if (json)
		printf("[");
	for (size_t i = 0; i < n; i++)
		if (json)
			printf("%s{\"id\":\"%s\",\"reason\":\"%s\",\"removed\":%s}", i ? "," : "",
			       v[i].id, v[i].what, v[i].removed ? "true" : "false");
		else
			printf("%s: %s%s\n", v[i].id, v[i].what, v[i].removed ? ", removed" : "");
	if (json)
		printf("]\n");
	else if (r >= 0 && n && !a->remove)
		printf("`hull gc --remove` removes them.\n");
	return r;
}

static const struct opt none[] = {};
static const struct opt list_opts[] = {
	OPT_T("format", 'f', format, "table|json", "form of the output"),
	OPT_F("quiet", 'q', quiet, "ids only"),
};
static const struct opt gc_opts[] = {
	OPT_F("remove", 0, remove, "remove what was found"),
	OPT_T("format", 'f', format, "table|json", "form of the output"),
};

const struct cmd cmd_state =
	CMD("state", "ID", "show the state of a container as JSON", none, 1, 1, run_state);
const struct cmd cmd_list =
	CMD("list", "", "list the containers of this state root", list_opts, 0, 0, run_list);
const struct cmd cmd_gc =
	CMD("gc", "", "find what killed commands and reboots left in this state root", gc_opts, 0,
	    0, run_gc);
