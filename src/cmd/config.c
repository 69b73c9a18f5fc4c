/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/config: the verbs about configs and about hull itself: spec, features, validate, plan,
 * explain, version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "checkpoint/checkpoint.h"
#include "cmd/cmd.h"
#include "sys/call.h"

static int run_spec(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	const char *name = a->file ? a->file : "config.json";
	_cleanup_fd_ int dir = -1;
	FILE *out;
	int fd, r;

	(void)c;
	(void)ret_status;
	if (streq(name, "-"))
		return spec_write_template(stdout, a->rootless_spec, geteuid(), getegid());
	dir = sys_openat(AT_FDCWD, a->bundle ? a->bundle : ".", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return err_sys(e, ERR_CLI_FILE, dir, "--bundle: open %s", a->bundle);
	fd = sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_sys(e, ERR_CLI_FILE, fd, "make %s/%s", a->bundle ? a->bundle : ".",
			       name);
	out = fdopen(fd, "w");
	if (!out) {
		fd_close(&fd);
		return err_sys(e, ERR_GEN_SYS, -ENOMEM, "write %s", name);
	}
	r = spec_write_template(out, a->rootless_spec, geteuid(), getegid());
	if (fclose(out) != 0 || r < 0) {
		sys_unlinkat(dir, name, 0);
		return err_sys(e, ERR_CLI_FILE, r < 0 ? r : -errno, "write %s", name);
	}
	return 0;
}

static int run_features(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)c;
	(void)a;
	(void)ret_status;
	(void)e;
	return spec_write_features(criu_installed(), stdout);
}

/* The bundle may stand alone or behind --bundle. */
static struct create_options bundle_options(const struct args *a)
{
	return (struct create_options){ .id = "ID",
					.bundle = a->bundle ? a->bundle
						  : a->n    ? a->v[0]
							    : NULL,
					.config = a->config,
					.run = true };
}

static int run_plan(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct create_options o = bundle_options(a);
	struct blueprint b = { 0 };
	int r, json = cmd_format(a, false, e);

	(void)ret_status;
	if (json < 0)
		return json;
	r = blueprint_make(c, &o, &b, e);
	if (r < 0)
		return r;
	return json ? plan_dump_json(&b.plan, stdout) : plan_dump_text(&b.plan, stdout);
}

static const char *verdict_name(enum plan_verdict v)
{
	static const char names[][9] = { "applied", "unknown", "cannot", "platform" };

	return names[v];
}

static void print_findings(struct ctx *c, const struct plan_finding *f, size_t n, bool json)
{
	struct jw w;

	jw_init(&w, &c->a, 2);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		if (!json) {
			printf("%-9s %s%s%s\n", verdict_name(f[i].verdict), f[i].pointer,
			       f[i].why && *f[i].why ? ": " : "", f[i].why ? f[i].why : "");
			continue;
		}
		jw_object(&w, NULL);
		jw_string(&w, "pointer", f[i].pointer);
		jw_string(&w, "verdict", verdict_name(f[i].verdict));
		if (f[i].why && *f[i].why)
			jw_string(&w, "why", f[i].why);
		jw_end(&w);
	}
	jw_end(&w);
	if (json)
		puts(w.buf);
}

static int run_validate(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct create_options o = bundle_options(a);
	struct plan_options po = { .id = "ID",
				   .terminal_given = true,
				   .manager = c->manager,
				   .strict = c->strict,
				   .unit_properties = c->unit_properties };
	struct plan_finding *f = NULL;
	struct blueprint b = { 0 };
	int r, json = cmd_format(a, false, e);
	size_t n = 0;

	if (json < 0)
		return json;
	r = blueprint_read(c, &o, &b, e);
	if (r == 0)
		r = facts_read(c, e);
	facts_of_config(c, &b.spec);
	po.bundle = b.bundle;
	if (r == 0)
		r = plan_validate(&b.spec, &c->host, &po, &c->a, &f, &n);
	if (r < 0)
		return r;
	print_findings(c, f, n, json);
	for (size_t i = 0; i < n; i++)
		if (f[i].verdict == VERDICT_CANNOT)
			*ret_status = 1;
	return 0;
}

static void explain(enum err_id id)
{
	struct err_info i = err_info(id);

	printf("%s\n  what: %s\n  do:   %s\n", i.text, i.cause, i.cure);
}

static int run_explain(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	enum err_id id;

	(void)c;
	(void)ret_status;
	if (!a->n) {
		for (id = 1; id < ERR_ID_COUNT; id++)
			explain(id);
		return 0;
	}
	id = err_find(a->v[0]);
	if (!id)
		return err_set(e, ERR_CLI_VALUE, 0,
			       "no error has the id \"%s\"; `hull explain` lists all", a->v[0]);
	explain(id);
	return 0;
}

/* Clients take the word "version" from the first line only: features.md a.4. */
static int run_version(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)c;
	(void)a;
	(void)ret_status;
	(void)e;
	printf("hull version %s\nspec: %s\n", HULL_VERSION, SPEC_VERSION);
	return 0;
}

static const struct opt none[] = {};
static const struct opt spec_opts[] = {
	OPT_T("bundle", 'b', bundle, "DIR", "where to write (the current directory)"),
	OPT_T("file", 'f', file, "NAME", "another name for config.json; - is standard output"),
	OPT_F("rootless", 0, rootless_spec,
	      "for an unprivileged user: own user namespace, no network namespace"),
};
static const struct opt bundle_opts[] = {
	OPT_T("bundle", 'b', bundle, "DIR", "bundle directory (the current one)"),
	OPT_T("config", 0, config, "FILE", "another name for config.json"),
	OPT_T("format", 'f', format, "text|json", "form of the output"),
};

const struct cmd cmd_spec =
	CMD("spec", "", "write a good default config.json", spec_opts, 0, 0, run_spec);
const struct cmd cmd_features =
	CMD("features", "", "show what this build can do, as JSON", none, 0, 0, run_features);
const struct cmd cmd_validate =
	CMD("validate", "[BUNDLE]", "say of each property: applied, ignored, or why it cannot be",
	    bundle_opts, 0, 1, run_validate);
const struct cmd cmd_plan =
	CMD("plan", "[BUNDLE]", "show what create would do, in order, and do nothing", bundle_opts,
	    0, 1, run_plan);
const struct cmd cmd_explain =
	CMD("explain", "[ERROR-ID]", "explain an error: what it means and what to do", none, 0, 1,
	    run_explain);
const struct cmd cmd_version = CMD("version", "", "show the version", none, 0, 0, run_version);
