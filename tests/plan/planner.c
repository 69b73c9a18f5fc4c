/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/plan/planner: config.json on stdin, facts and options as words on the command line, the
 * plan on stdout. Nothing of the machine it runs on is looked at. An error is one line on stdout
 * and status 3.
 *
 * usage: planner [json|text|validate] [WORD | NAME=VALUE]...
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "plan/plan.h"
#include "spec/spec.h"

struct setup {
	struct host host;
	struct plan_options opt;
};

static const struct setup start = {
	.host = { .initial_userns = true,
		  .landlock_abi = 7,
		  .caps_effective = (UINT64_C(2) << 40) - 1,
		  .caps_bounding = (UINT64_C(2) << 40) - 1,
		  .last_cap = 40,
		  .umask = 022,
		  .cgroups = HOST_CGROUP_V2,
		  .own_cgroup = "/user.slice/test.scope",
		  .os = "linux",
		  .arch = "amd64" },
	.opt = { .id = "test", .bundle = "/bundle", .detach = true },
};

static uint64_t number(const char *text, int base)
{
	char *end;
	unsigned long long v = (strtoull)(text, &end, base);

	if (*end || !*text) {
		fprintf(stderr, "planner: %s is no number\n", text);
		exit(2);
	}
	return v;
}

static bool set_flag(struct setup *s, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "beside-cgroup", &s->host.beside_cgroup },
		{ "apparmor", &s->host.apparmor },
		{ "selinux", &s->host.selinux },
		{ "no-pivot", &s->opt.no_pivot },
		{ "no-new-keyring", &s->opt.no_new_keyring },
		{ "no-create-mountpoints", &s->opt.no_create_mountpoints },
		{ "default-filesystems", &s->opt.default_filesystems },
		{ "strict-namespaces", &s->opt.strict_namespaces },
		{ "strict", &s->opt.strict },
		{ "unit-properties", &s->opt.unit_properties },
		{ "foreground", &s->opt.terminal_given },
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (streq(word, flags[i].word)) {
			*flags[i].flag = true;
			return true;
		}
	if (streq(word, "rootless")) { /* an ordinary user without any right */
		s->host.euid = s->host.egid = 1000;
		s->host.caps_effective = 0;
	} else if (streq(word,
			 "inside-userns")) { /* root of a user namespace, as in rootless podman */
		s->host.initial_userns = false;
	} else {
		return false;
	}
	return true;
}

static bool set_value(struct setup *s, const char *word)
{
	static const char *const layouts[] = { "none", "v1", "hybrid", "v2" };
	static const char *const managers[] = { "cgroupfs", "systemd", "disabled" };
	const char *v;

	if ((v = str_skip(word, "id=")))
		s->opt.id = v;
	else if ((v = str_skip(word, "bundle=")))
		s->opt.bundle = v;
	else if ((v = str_skip(word, "console-socket=")))
		s->opt.console_socket = v;
	else if ((v = str_skip(word, "preserve-fds=")))
		s->opt.preserve_fds = (unsigned)number(v, 10);
	else if ((v = str_skip(word, "listen-fds=")))
		s->opt.listen_fds = (unsigned)number(v, 10);
	else if ((v = str_skip(word, "caps=")))
		s->host.caps_effective = number(v, 16);
	else if ((v = str_skip(word, "bounding=")))
		s->host.caps_bounding = number(v, 16);
	else if ((v = str_skip(word, "last-cap=")))
		s->host.last_cap = (unsigned)number(v, 10);
	else if ((v = str_skip(word, "umask=")))
		s->host.umask = (mode_t)number(v, 8);
	else if ((v = str_skip(word, "own-cgroup=")))
		s->host.own_cgroup = v;
	else if ((v = str_skip(word, "arch=")))
		s->host.arch = v;
	else if ((v = str_skip(word, "cgroups="))) {
		for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
			if (streq(v, layouts[i])) {
				s->host.cgroups = (enum host_cgroups)i;
				return true;
			}
		return false;
	} else if ((v = str_skip(word, "manager="))) {
		for (size_t i = 0; i < ARRAY_LEN(managers); i++)
			if (streq(v, managers[i])) {
				s->opt.manager = (enum plan_cgroup_manager)i;
				return true;
			}
		return false;
	} else {
		return false;
	}
	return true;
}

static int print_error(const struct err *e)
{
	char text[ERR_AT_MAX + ERR_MSG_MAX + 64];

	err_format(e, text, sizeof(text));
	printf("%s %s\n", err_info(e->id).text, text);
	return 3;
}

static int validate(const struct spec *spec, const struct setup *s, struct arena *a)
{
	static const char *const verdicts[] = { "applied", "unknown", "cannot", "platform" };
	struct plan_finding *f;
	size_t n;

	if (plan_validate(spec, &s->host, &s->opt, a, &f, &n) < 0)
		return 3;
	for (size_t i = 0; i < n; i++)
		printf("%-8s %s%s%s\n", verdicts[f[i].verdict], f[i].pointer, *f[i].why ? ": " : "",
		       f[i].why);
	return 0;
}

int main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "json";
	struct setup s = start;
	struct arena a;
	struct err e = { 0 };
	struct spec spec;
	struct plan plan;
	char *text;
	size_t len;
	int r;

	for (int i = 2; i < argc; i++)
		if (!set_flag(&s, argv[i]) && !set_value(&s, argv[i])) {
			fprintf(stderr, "planner: %s is not understood\n", argv[i]);
			return 2;
		}
	arena_init(&a);
	r = io_read_all(STDIN_FILENO, SPEC_MAX_BYTES, &a, &text, &len);
	if (r < 0)
		return 2;
	r = spec_read_text(text, len, &a, &spec, &e);
	if (r == 0 && streq(form, "validate")) {
		r = validate(&spec, &s, &a);
		arena_free(&a);
		return r;
	}
	if (r == 0)
		r = spec_validate(&spec, &e);
	if (r == 0)
		r = plan_make(&spec, &s.host, &s.opt, &a, &plan, &e);
	if (r == 0)
		r = streq(form, "text") ? plan_dump_text(&plan, stdout)
					: plan_dump_json(&plan, stdout);
	else
		r = print_error(&e);
	arena_free(&a);
	return r;
}
