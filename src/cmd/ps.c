/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/ps: the processes of a container: an own listing, their numbers as JSON, or what the host's
 * ps(1) says of them when options for it are given. The last is what clients of other runtimes
 * send: one word such as "-eo pid,comm".
 */
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/ps_host.h"
#include "container/processes.h"

enum { DAY_MS = 24 * 3600 * 1000 };

/* KERNEL: the minor number is split around the major one. proc_pid_stat(5), tty_nr */
static const char *terminal_name(struct arena *a, uint32_t device)
{
	uint32_t major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);

	if (major >= 136 && major <= 143) /* UNIX98_PTY_SLAVE_MAJOR */
		return arena_printf(a, "pts/%u", (major - 136) * 256 + minor);
	if (major == 4 && minor < 64)
		return arena_printf(a, "tty%u", minor);
	return device ? arena_printf(a, "%u:%u", major, minor) : "?";
}

/* "14:07" within a day, else "Nov22"; UTC. */
static const char *start_text(struct arena *a, const struct process_info *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[40];
	struct strbuf b = STRBUF(text);
	unsigned month;

	sb_time(&b, p->started, 0, 0); /* 2026-11-22T14:07:31Z */
	if (p->age_ms < DAY_MS)
		return arena_printf(a, "%.5s", text + 11);
	month = (unsigned)(text[5] - '0') * 10 + (unsigned)(text[6] - '0');
	return month >= 1 && month <= 12
		       ? arena_printf(a, "%.3s%.2s", months + (month - 1) * 3, text + 8)
		       : "?";
}

static void print_row(struct arena *a, const struct process_info *p)
{
	uint64_t seconds = p->cpu_ms / 1000;

	printf("%-8s %8d %8d %2llu %5s %-8s %02llu:%02llu:%02llu %s\n", processes_user(p->uid, a),
	       p->pid, p->parent,
	       (unsigned long long)(p->age_ms ? MIN(p->cpu_ms * 100 / p->age_ms, (uint64_t)99) : 0),
	       start_text(a, p), terminal_name(a, p->terminal),
	       (unsigned long long)(seconds / 3600), (unsigned long long)(seconds / 60 % 60),
	       (unsigned long long)(seconds % 60), cmd_printable(a, p->command));
}

static void print_json(const int *pids, size_t n)
{
	printf("[");
	for (size_t i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", pids[i]);
	printf("]\n");
}

static int print_own(struct ctx *c, const int *pids, size_t n, struct err *e)
{
	struct process_info *v;
	size_t found;
	int r = processes_read(pids, n, &c->a, &v, &found, e);

	if (r < 0)
		return r;
	printf("%-8s %8s %8s %2s %5s %-8s %8s %s\n", "UID", "PID", "PPID", "C", "STIME", "TTY",
	       "TIME", "CMD");
	for (size_t i = 0; i < found; i++)
		print_row(&c->a, &v[i]);
	return 0;
}

/* The words behind the id. Clients send all options as one word, which is empty when there are
 * none. */
static char **host_options(struct ctx *c, const struct args *a)
{
	const bool one = a->n == 2;
	char **v = NULL;
	size_t n = 0;

	for (size_t i = 1; i < a->n; i++) {
		const char *s = a->v[i] + (one ? strspn(a->v[i], " ") : 0);

		while (*s) {
			size_t len = one ? strcspn(s, " ") : strlen(s);

			*(char **)arena_push(&c->a, &v, &n, sizeof(*v)) =
				arena_memdup(&c->a, s, len);
			s += len;
			s += one ? strspn(s, " ") : 0;
		}
	}
	*(char **)arena_push(&c->a, &v, &n, sizeof(*v)) = NULL;
	return v;
}

static int run_ps(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	int *pids = NULL, r, json = cmd_format(a, false, e);
	char **options = host_options(c, a);
	size_t n = 0;

	(void)ret_status;
	if (json < 0)
		return json;
	r = container_pids(c, a->v[0], &pids, &n, e);
	if (r < 0)
		return r;
	if (json) {
		print_json(pids, n);
		return 0;
	}
	return options[0] ? ps_host_print(options, pids, n, &c->a, e) : print_own(c, pids, n, e);
}

static const struct opt ps_opts[] = { OPT_T("format", 'f', format, "table|json",
					    "json: the numbers alone; before the ID") };

const struct cmd cmd_ps = {
	.name = "ps",
	.operands = "ID [ps options]",
	.summary =
		"list the processes of a container; with options, as the host's ps(1) shows them",
	.opts = ps_opts,
	.n_opts = ARRAY_LEN(ps_opts),
	.min = 1,
	.max = 64,
	.stop_at_operand = true,
	.run = run_ps,
};
