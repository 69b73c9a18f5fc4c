/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/doctor: what src/doctor found, for people and for programs. The worst finding is the exit
 * status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "doctor/doctor.h"

/* 1 is for hull's own failure, as with every command. */
static const int exit_status[DOCTOR_VERDICTS] = {
	[DOCTOR_OK] = 0,
	[DOCTOR_NOTE] = 0,
	[DOCTOR_WARNING] = 2,
	[DOCTOR_FAILURE] = 3,
};

/* Colours for a person at a terminal who did not refuse them (https://no-color.org). */
static const char *colour(enum doctor_verdict v, bool on)
{
	static const char codes[][8] = {
		[DOCTOR_OK] = "\033[32m",
		[DOCTOR_NOTE] = "\033[36m",
		[DOCTOR_WARNING] = "\033[33m",
		[DOCTOR_FAILURE] = "\033[31;1m",
	};

	return on ? codes[v] : "";
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_table(const struct doctor_finding *f, size_t n, bool quiet)
{
	const char *no_color = getenv("NO_COLOR");
	bool on = isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color);
	size_t sum[DOCTOR_VERDICTS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		sum[f[i].verdict]++;
		if (quiet && f[i].verdict < DOCTOR_WARNING)
			continue;
		printf("%s%-7s%s  %-24s %s%s%s\n", colour(f[i].verdict, on),
		       doctor_verdict_name(f[i].verdict), on ? "\033[0m" : "", f[i].id,
		       f[i].subject, *f[i].subject ? ": " : "", f[i].found);
		if (*f[i].fix)
			printf("         %-24s fix: %s\n", "", f[i].fix);
	}
	printf("%zu ok, %zu note%s, %zu warning%s, %zu failure%s\n", sum[DOCTOR_OK],
	       sum[DOCTOR_NOTE], plural(sum[DOCTOR_NOTE]), sum[DOCTOR_WARNING],
	       plural(sum[DOCTOR_WARNING]), sum[DOCTOR_FAILURE], plural(sum[DOCTOR_FAILURE]));
}

static void print_json(struct ctx *c, const struct doctor_finding *f, size_t n, bool quiet)
{
	struct jw w;

	jw_init(&w, &c->a, 2);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (quiet && f[i].verdict < DOCTOR_WARNING)
			continue;
		jw_object(&w, NULL);
		jw_string(&w, "id", f[i].id);
		jw_string(&w, "what", f[i].what);
		if (*f[i].subject)
			jw_string(&w, "subject", f[i].subject);
		jw_string(&w, "verdict", doctor_verdict_name(f[i].verdict));
		jw_string(&w, "found", f[i].found);
		if (*f[i].fix)
			jw_string(&w, "fix", f[i].fix);
		jw_end(&w);
	}
	jw_end(&w);
	puts(w.buf);
}

/* Entries that gc would remove. A directory that cannot be used is told by the doctor itself. */
static size_t count_stale(struct ctx *c)
{
	struct gc_item *v = NULL;
	struct err why = { 0 };
	size_t n = 0;

	if (container_gc(c, false, &v, &n, &why) < 0)
		err_drop(&why, "state.directory says it");
	return n;
}

static int run_doctor(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	const struct doctor_options o = {
		.host_root = a->host_root,
		.state_root = c->root,
		.stale = count_stale(c),
		.path = getenv("PATH"),
		.home = getenv("HOME"),
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.uid = geteuid(),
	};
	enum doctor_verdict worst = DOCTOR_OK;
	struct doctor_finding *f = NULL;
	int r, json = cmd_format(a, false, e);
	size_t n = 0;

	if (json < 0)
		return json;
	r = doctor_examine(&o, &c->a, &f, &n, e);
	if (r < 0)
		return r;
	if (json)
		print_json(c, f, n, a->quiet);
	else
		print_table(f, n, a->quiet);
	for (size_t i = 0; i < n; i++)
		worst = MAX(worst, f[i].verdict);
	*ret_status = exit_status[worst];
	return 0;
}

static const struct opt doctor_opts[] = {
	OPT_T("format", 'f', format, "table|json", "form of the output"),
	OPT_F("quiet", 'q', quiet, "warnings and failures only"),
	OPT_T("host-root", 0, host_root, "DIR",
	      "look up every file beneath DIR, as if it were the root of the host"),
};

const struct cmd cmd_doctor =
	CMD("doctor", "", "look at this host: what hull will find, and how to mend it", doctor_opts,
	    0, 0, run_doctor);
