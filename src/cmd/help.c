/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/help: the tables of commands and options as text, and as JSON for tools/man-page and
 * tools/completions, so that help, pages and completions cannot disagree.
 */
#include <stdio.h>

#include "base/str.h"
#include "cmd/cmd.h"

enum { LEFT = 34 }; /* columns of option and value; what is longer has its text on the next line */

static void print_opt(const struct opt *o)
{
	char left[96];

	str_format(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
		   o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
		   *o->metavar ? " " : "", o->metavar);
	if (strlen(left) > LEFT)
		printf("  %s\n  %-*s %s\n", left, LEFT, "", o->help);
	else
		printf("  %-*s %s\n", LEFT, left, o->help);
}

void cmd_help_print(const struct cmd *c)
{
	printf("usage: hull [global options] %s%s%s%s\n\n%s\n", c->name,
	       c->n_opts ? " [options]" : "", *c->operands ? " " : "", c->operands, c->summary);
	if (c->n_opts)
		printf("\noptions:\n");
	for (size_t i = 0; i < c->n_opts; i++)
		print_opt(&c->opts[i]);
	printf("\n`hull help` lists the global options; `man hull-%s` says more.\n", c->name);
}

/* The overview in the order a person asks. Who is in no group stands in the last one. */
static const struct {
	const char *title, *verbs;
} groups[] = {
	{ "life of a container",
	  " create start run exec kill stop delete wait pause resume update checkpoint restore " },
	{ "a look at containers", " state list ps top events audit " },
	{ "configurations", " spec validate plan " },
	{ "this host, and hull itself", "" },
};
enum { LAST_GROUP = ARRAY_LEN(groups) - 1 };

static size_t group_of(const struct cmd *c)
{
	char word[64];

	if (str_format(word, sizeof(word), " %s ", c->name) == 0)
		for (size_t g = 0; g < LAST_GROUP; g++)
			if (strstr(groups[g].verbs, word))
				return g;
	return LAST_GROUP;
}

void cmd_help_overview(void)
{
	size_t width = 0;

	for (size_t i = 0; i < cmd_table_n; i++)
		width = MAX(width, strlen(cmd_table[i]->name));
	printf("hull: an OCI container runtime\n\n"
	       "usage: hull [global options] COMMAND [options] [operands]\n");
	for (size_t g = 0; g <= LAST_GROUP; g++) {
		printf("\n%s:\n", groups[g].title);
		for (size_t i = 0; i < cmd_table_n; i++)
			if (group_of(cmd_table[i]) == g)
				printf("  %-*s  %s\n", (int)width, cmd_table[i]->name,
				       cmd_table[i]->summary);
	}
	printf("\nglobal options:\n");
	for (size_t i = 0; i < cmd_n_global_opts; i++)
		print_opt(&cmd_global_opts[i]);
	printf("\n`hull help COMMAND` shows the options of a command; `man hull` says more.\n");
}

static void put_options(struct jw *w, const struct opt *v, size_t n)
{
	static const char kinds[][5] = {
		[OPT_FLAG] = "flag", [OPT_TEXT] = "text", [OPT_LIST] = "list"
	};

	jw_array(w, "options");
	for (size_t i = 0; i < n; i++) {
		const char letter[] = { v[i].letter, '\0' };

		jw_object(w, NULL);
		jw_string(w, "name", v[i].name);
		if (v[i].letter)
			jw_string(w, "letter", letter);
		jw_string(w, "kind", kinds[v[i].kind]);
		if (*v[i].metavar)
			jw_string(w, "value", v[i].metavar);
		jw_string(w, "help", v[i].help);
		jw_end(w);
	}
	jw_end(w);
}

static void put_command(struct jw *w, const struct cmd *c)
{
	jw_object(w, NULL);
	jw_string(w, "name", c->name);
	jw_string(w, "operands", c->operands);
	jw_string(w, "summary", c->summary);
	jw_string(w, "group", groups[group_of(c)].title);
	jw_bool(w, "stopAtOperand", c->stop_at_operand);
	put_options(w, c->opts, c->n_opts);
	jw_end(w);
}

static void print_json(struct ctx *c, const struct cmd *only)
{
	struct jw w;

	jw_init(&w, &c->a, 2);
	jw_object(&w, NULL);
	jw_string(&w, "version", HULL_VERSION);
	if (!only)
		put_options(&w, cmd_global_opts, cmd_n_global_opts);
	jw_array(&w, "commands");
	for (size_t i = 0; i < cmd_table_n; i++)
		if (!only || only == cmd_table[i])
			put_command(&w, cmd_table[i]);
	jw_end(&w);
	jw_end(&w);
	puts(w.buf);
}

static int run_help(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	const struct cmd *cmd = a->n ? cmd_find(a->v[0]) : NULL;
	int json = cmd_format(a, false, e);

	(void)ret_status;
	if (json < 0)
		return json;
	if (a->n && !cmd)
		return cmd_unknown(a->v[0], e);
	if (json)
		print_json(c, cmd);
	else if (cmd)
		cmd_help_print(cmd);
	else
		cmd_help_overview();
	return 0;
}

static const struct opt help_opts[] = {
	OPT_T("format", 'f', format, "text|json", "json: the tables of commands and options"),
};

const struct cmd cmd_help = CMD("help", "[COMMAND]", "show help", help_opts, 0, 1, run_help);
