/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/audit: what src/audit found, differences first. A child looks; the parent sees to an end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/io.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "sys/call.h"
#include "sys/pidfd.h"

/* 0: as the config says; 1: hull's own failure, as with every command; 2: something differs. */
enum { STATUS_DIFFERS = 2 };
#define AUDIT_DEADLINE SECONDS(30)

static const char *colour(enum audit_verdict v)
{
	static const char codes[][8] = {
		[AUDIT_DIFFERS] = "\033[31;1m",
		[AUDIT_EXPOSED] = "\033[33m",
		[AUDIT_NOTE] = "\033[36m",
		[AUDIT_SAME] = "\033[32m",
	};

	return codes[v];
}

static void print_calls(struct ctx *c, const struct audit_report *p)
{
	for (size_t i = 0; i < p->n_calls; i++)
		if (p->calls[i].differs)
			printf("%-8s %-16s %s %s: %s; the profile says %s\n", "", "",
			       p->calls[i].arch, cmd_printable(&c->a, p->calls[i].name),
			       p->calls[i].has, p->calls[i].wants);
}

static void print_table(struct ctx *c, const struct audit_report *p, bool quiet)
{
	const char *no_color = getenv("NO_COLOR");
	bool on = isatty(STDOUT_FILENO) == 1 && !(no_color && *no_color);
	size_t sum[AUDIT_VERDICTS] = { 0 };

	for (size_t i = 0; i < p->n_rows; i++) {
		const struct audit_row *r = &p->rows[i];

		sum[r->verdict]++;
		if (quiet && r->verdict > AUDIT_EXPOSED)
			continue;
		printf("%s%-8s%s %-16s %s%s%s%s%s\n", on ? colour(r->verdict) : "",
		       audit_verdict_name(r->verdict), on ? "\033[0m" : "", r->area,
		       cmd_printable(&c->a, r->what), *r->what ? ": " : "",
		       cmd_printable(&c->a, r->has), *r->wants ? "; wanted: " : "",
		       cmd_printable(&c->a, r->wants));
		if (streq(r->area, "seccomp") && r->verdict == AUDIT_DIFFERS)
			print_calls(c, p);
	}
	printf("%zu differ, %zu ways to the host, %zu notes, %zu as configured\n",
	       sum[AUDIT_DIFFERS], sum[AUDIT_EXPOSED], sum[AUDIT_NOTE], sum[AUDIT_SAME]);
}

static void print_json(struct ctx *c, const char *id, const struct audit_report *p, bool quiet)
{
	struct jw w;

	jw_init(&w, &c->a, 2);
	jw_object(&w, NULL);
	jw_string(&w, "id", id);
	jw_string(&w, "status", p->status);
	jw_i64(&w, "pid", p->pid);
	jw_array(&w, "rows");
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct audit_row *r = &p->rows[i];

		if (quiet && r->verdict > AUDIT_EXPOSED)
			continue;
		jw_object(&w, NULL);
		jw_string(&w, "verdict", audit_verdict_name(r->verdict));
		jw_string(&w, "area", r->area);
		jw_string(&w, "what", r->what);
		jw_string(&w, "pointer", r->pointer);
		jw_string(&w, "has", r->has);
		if (*r->wants)
			jw_string(&w, "wants", r->wants);
		jw_end(&w);
	}
	jw_end(&w);
	jw_array(&w, "syscalls");
	for (size_t i = 0; i < p->n_calls; i++) {
		const struct audit_call *k = &p->calls[i];

		if (quiet && !k->differs)
			continue;
		jw_object(&w, NULL);
		jw_string(&w, "arch", k->arch);
		jw_string(&w, "name", k->name);
		jw_u64(&w, "number", k->number);
		jw_string(&w, "wants", k->wants);
		if (k->has)
			jw_string(&w, "has", k->has);
		jw_bool(&w, "differs", k->differs);
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	puts(w.buf);
}

static int look(struct ctx *c, struct args *a, bool json, int *ret_status, struct err *e)
{
	const struct audit_options o = { .leave_alone = a->no_stop };
	struct audit_report p;
	int r = audit_container(c, a->v[0], &o, &p, e);

	if (r < 0)
		return r;
	if (json)
		print_json(c, a->v[0], &p, a->quiet);
	else
		print_table(c, &p, a->quiet);
	if (p.n_rows && p.rows[0].verdict == AUDIT_DIFFERS)
		*ret_status = STATUS_DIFFERS;
	return 0;
}

/*
 * SECURITY: a path of the container may lead to a file system that the container serves (FUSE),
 * whose answers may never come: who waits for it can be killed, but cannot help itself.
 */
static int guard(pid_t pid, int *ret_status, struct err *e)
{
	int pidfd = sys_pidfd_open(pid, 0), r;
	siginfo_t end = { 0 };

	if (pidfd < 0)
		return err_sys(e, ERR_GEN_SYS, pidfd, "pidfd_open");
	r = pidfd_wait_exit(pidfd, io_now() + AUDIT_DEADLINE);
	if (r != 1)
		sys_pidfd_send_signal(pidfd, SIGKILL);
	if (pidfd_reap(pidfd, &end) < 0)
		end.si_code = CLD_KILLED;
	close(pidfd);
	if (r != 1)
		return err_set(e, ERR_AUD_STUCK, ETIMEDOUT, "no end after 30 s");
	if (end.si_code != CLD_EXITED)
		return err_set(e, ERR_GEN_INTERNAL, 0, "the audit was killed by signal %d",
			       end.si_status);
	*ret_status = end.si_status;
	return 0;
}

static int run_audit(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	int json = cmd_format(a, false, e);
	pid_t pid;

	if (json < 0)
		return json;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "fork");
	return pid == 0 ? look(c, a, json > 0, ret_status, e) : guard(pid, ret_status, e);
}

static const struct opt audit_opts[] = {
	OPT_T("format", 'f', format, "table|json", "form of the output"),
	OPT_F("quiet", 'q', quiet, "differences and ways to the host only"),
	OPT_F("no-stop", 0, no_stop,
	      "do not stop the process for the moment that reading its filter takes"),
};

const struct cmd cmd_audit =
	CMD("audit", "ID", "compare what a running container really has with its config",
	    audit_opts, 1, 1, run_audit);
