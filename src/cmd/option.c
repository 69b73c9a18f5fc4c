/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/option: one parser for all verbs. Long options with one or two dashes, "=" or a separate
 * value, repeated (the last wins), before or after the operands: what clients send (features.md
 * a.4).
 */
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "cmd/cmd.h"

const struct opt cmd_global_opts[] = {
	OPT_T("root", 0, root, "DIR", "directory of the containers' records (private, /run/hull)"),
	OPT_T("log", 0, log, "FILE", "append messages to FILE as well as to stderr"),
	OPT_T("log-format", 0, log_format, "text|json", "form of the log's lines"),
	OPT_T("log-level", 0, log_level, "LEVEL", "error, warning, info or debug"),
	OPT_F("debug", 0, debug, "the same as --log-level debug"),
	OPT_F("systemd-cgroup", 's', systemd_cgroup, "let systemd manage the cgroup"),
	OPT_T("cgroup-manager", 0, cgroup_manager, "MANAGER", "cgroupfs, systemd or disabled"),
	OPT_T("rootless", 0, rootless, "BOOL",
	      "accepted for other runtimes' sake: hull looks at its rights"),
	OPT_T("criu", 0, criu, "PATH", "the program criu, where it is in no usual directory"),
	OPT_T("public-state-dir", 0, public_state_dir, "DIR",
	      "where state.json of each container can be read by everybody; empty: nowhere"),
	OPT_F("allow-systemd-properties", 0, allow_systemd_properties,
	      "let annotations org.systemd.property.* set properties of the unit"),
	OPT_F("strict", 0, strict, "refuse what the spec only warns about or ignores"),
	OPT_T("trace", 0, trace, "FILE",
	      "write the times of all steps to FILE, for Perfetto or chrome://tracing"),
	OPT_F("help", 'h', help, "show help"),
	OPT_F("version", 'v', version, "show the version"),
};
const size_t cmd_n_global_opts = ARRAY_LEN(cmd_global_opts);

struct parser {
	const struct cmd *cmd;
	struct args *args;
	struct arena *arena;
	struct err *e;
};

static const struct opt *find_in(const struct opt *t, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if ((strlen(t[i].name) == len && memcmp(t[i].name, name, len) == 0) ||
		    (len == 1 && t[i].letter == name[0]))
			return &t[i];
	return NULL;
}

static const struct opt *find(const struct parser *p, const char *name, size_t len)
{
	const struct opt *o = p->cmd ? find_in(p->cmd->opts, p->cmd->n_opts, name, len) : NULL;

	if (!o && len == 1 && name[0] == 'V')
		return find_in(cmd_global_opts, cmd_n_global_opts, "version", 7);
	if (!o && len == 1 && name[0] == '?')
		return find_in(cmd_global_opts, cmd_n_global_opts, "help", 4);
	return o ? o : find_in(cmd_global_opts, cmd_n_global_opts, name, len);
}

/* The name in @t that a slip of the finger made @word of, or @best. *@distance: fewer letters than
 * that are wrong. */
static const char *nearest(const struct opt *t, size_t n, const char *word, unsigned *distance,
			   const char *best)
{
	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(t[i].name, word);

		if (d < *distance) {
			*distance = d;
			best = t[i].name;
		}
	}
	return best;
}

/* @name: @word without dashes and value. */
static int unknown(struct parser *p, const char *word, const char *name, size_t len)
{
	unsigned distance = (unsigned)MIN(len / 2 + 1, (size_t)4);
	const char *best = NULL, *verb = p->cmd ? p->cmd->name : "";
	char text[64];

	if (len >= 2 && len < sizeof(text)) {
		memcpy(text, name, len);
		text[len] = '\0';
		if (p->cmd)
			best = nearest(p->cmd->opts, p->cmd->n_opts, text, &distance, best);
		best = nearest(cmd_global_opts, cmd_n_global_opts, text, &distance, best);
	}
	if (best)
		return err_set(p->e, ERR_CLI_USAGE, 0,
			       "unknown option %s; did you mean --%s? `hull help%s%s` lists them",
			       word, best, *verb ? " " : "", verb);
	return err_set(p->e, ERR_CLI_USAGE, 0,
		       "unknown option %s; `hull help%s%s` lists the options", word,
		       *verb ? " " : "", verb);
}

int cmd_unknown(const char *name, struct err *e)
{
	unsigned distance = (unsigned)MIN(strlen(name) / 2 + 1, (size_t)4);
	const char *best = NULL;

	for (size_t i = 0; i < cmd_table_n; i++) {
		unsigned d = str_distance(cmd_table[i]->name, name);

		if (d < distance) {
			distance = d;
			best = cmd_table[i]->name;
		}
	}
	if (best)
		return err_set(e, ERR_CLI_USAGE, 0,
			       "unknown command \"%s\"; did you mean %s? `hull help` lists them",
			       name, best);
	return err_set(e, ERR_CLI_USAGE, 0, "unknown command \"%s\"; `hull help` lists them", name);
}

static int set_flag(struct parser *p, const struct opt *o, const char *value)
{
	bool v = !value || streq(value, "true") || streq(value, "1");

	if (value && !v && !streq(value, "false") && !streq(value, "0"))
		return err_set(p->e, ERR_CLI_VALUE, 0, "--%s takes true or false, not \"%s\"",
			       o->name, value);
	*(bool *)((char *)p->args + o->offset) = v;
	return 0;
}

/* One word that begins with a dash. *@i moves on when the value is the next word. */
static int parse_option(struct parser *p, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *name = word + 1 + (word[1] == '-');
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct opt *o = find(p, name, len);

	if (!o && word[1] != '-' && len > 1) { /* -fVALUE */
		o = find(p, name, 1);
		if (o && o->kind == OPT_FLAG)
			o = NULL;
		value = name + 1;
	}
	if (!o)
		return unknown(p, word, name, len);
	if (o->kind == OPT_FLAG)
		return set_flag(p, o, value);
	if (!value) {
		if (*i + 1 >= argc)
			return err_set(p->e, ERR_CLI_USAGE, 0, "flag needs an argument: --%s %s",
				       o->name, o->metavar);
		value = argv[++*i];
	}
	if (o->kind == OPT_LIST) {
		struct strv *list = (void *)((char *)p->args + o->offset);

		*(const char **)arena_push(p->arena, &list->v, &list->n, sizeof(char *)) = value;
	} else {
		*(const char **)(void *)((char *)p->args + o->offset) = value;
	}
	return 0;
}

static int check_operands(struct parser *p)
{
	const struct cmd *c = p->cmd;

	if (p->args->help || p->args->version)
		return 0;
	if (p->args->n < c->min)
		return err_set(p->e, ERR_CLI_USAGE, 0, "%s needs: hull %s %s", c->name, c->name,
			       c->operands);
	if (p->args->n > c->max)
		return err_set(p->e, ERR_CLI_USAGE, 0, "unexpected argument \"%s\": hull %s %s",
			       p->args->v[c->max], c->name, c->operands);
	return 0;
}

int cmd_parse(int argc, char **argv, struct arena *arena, const struct cmd **ret_cmd,
	      struct args *ret, struct err *e)
{
	struct parser p = { .args = ret, .arena = arena, .e = e };
	bool options = true;

	*ret = (struct args){ .v = arena_new_array(arena, (size_t)argc + 1, const char *) };
	*ret_cmd = NULL;
	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (options && argv[i][0] == '-' && argv[i][1]) {
			if (streq(argv[i], "--"))
				options = false;
			else
				r = parse_option(&p, argc, argv, &i);
		} else if (!p.cmd) {
			p.cmd = cmd_find(argv[i]);
			if (!p.cmd)
				return cmd_unknown(argv[i], e);
		} else {
			ret->v[ret->n++] = argv[i];
			if (p.cmd->stop_at_operand)
				options = false;
		}
		if (r < 0) {
			*ret_cmd = p.cmd;
			return r;
		}
	}
	*ret_cmd = p.cmd;
	if (!p.cmd) {
		if (ret->help || ret->version)
			return 0;
		return err_set(e, ERR_CLI_USAGE, 0, "no command given; `hull help` lists them");
	}
	return check_operands(&p);
}

int cmd_format(const struct args *a, bool dflt_json, struct err *e)
{
	if (!a->format)
		return dflt_json;
	if (streq(a->format, "json"))
		return 1;
	if (streq(a->format, "table") || streq(a->format, "text"))
		return 0;
	return err_set(e, ERR_CLI_VALUE, 0, "--format takes table or json, not \"%s\"", a->format);
}

int cmd_duration(const char *text, const char *option, uint64_t *ret, struct err *e)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = { { "", 1000000000 },
		      { "ms", 1000000 },
		      { "s", 1000000000 },
		      { "m", 60000000000 },
		      { "h", 3600000000000 } };
	size_t n = strspn(text, "0123456789");
	char digits[24];
	uint64_t v;

	if (n && n < sizeof(digits)) {
		memcpy(digits, text, n);
		digits[n] = '\0';
		for (size_t i = 0; i < ARRAY_LEN(units); i++)
			if (streq(text + n, units[i].unit) &&
			    str_to_u64(digits, UINT64_MAX / units[i].ns, &v) == 0) {
				*ret = v * units[i].ns;
				return 0;
			}
	}
	return err_set(e, ERR_CLI_VALUE, 0, "%s takes a time such as 10, 500ms or 2m, not \"%s\"",
		       option, text);
}

int cmd_signal(const char *text, int *ret, struct err *e)
{
	if (spec_signal(text, ret) < 0)
		return err_set(e, ERR_CLI_VALUE, EINVAL, "unknown signal \"%s\"", text);
	return 0;
}

const char *cmd_printable(struct arena *a, const char *text)
{
	size_t size = 4 * strlen(text) + 1;
	struct strbuf b = { .buf = arena_alloc(a, size), .size = size };

	sb_escape(&b, text);
	return b.buf;
}
