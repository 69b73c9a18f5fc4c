/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/lifecycle: the verbs that are one call below: start, kill, stop, delete, wait, pause, resume.
 */
#include <signal.h>
#include <stdio.h>

#include "base/io.h"
#include "base/str.h"
#include "cmd/cmd.h"

static int run_start(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)ret_status;
	if (a->n == 2)
		return err_set(e, ERR_CLI_USAGE, 0,
			       "start takes only the id of a created container; `hull run --bundle "
			       "%s %s` does both",
			       a->v[1], a->v[0]);
	return container_start(c, a->v[0], a->process, e);
}

static int run_kill(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	const char *text = a->n > 1 ? a->v[1] : a->signal;
	int sig = 0, r = 0;

	(void)ret_status;
	if (text && streq(text, "0"))
		sig = KILL_PROBE;
	else if (text)
		r = cmd_signal(text, &sig, e);
	return r < 0 ? r : container_kill(c, a->v[0], sig, a->all, e);
}

static int run_stop(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	uint64_t timeout = SECONDS(10);
	int sig = 0, r = 0;

	(void)ret_status;
	if (a->signal)
		r = cmd_signal(a->signal, &sig, e);
	if (r == 0 && a->timeout)
		r = cmd_duration(a->timeout, "--timeout", &timeout, e);
	return r < 0 ? r : container_stop(c, a->v[0], sig, timeout, a->del, e);
}

static int run_delete(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)ret_status;
	if (!a->cgroups.n)
		return container_delete(c, a->v[0], a->force, e);
	if (!a->force || a->cgroups.n > 1)
		return err_set(e, ERR_CLI_USAGE, 0, "--cgroup is for delete --force, once");
	return container_delete_orphan(c, a->v[0], a->cgroups.v[0], e);
}

static int run_wait(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	uint64_t timeout, deadline = 0;
	int status, json, r = 0;

	json = cmd_format(a, false, e);
	if (json < 0)
		return json;
	if (a->timeout) {
		r = cmd_duration(a->timeout, "--timeout", &timeout, e);
		if (r == 0)
			deadline = io_after(timeout);
	}
	if (r == 0)
		r = container_wait(c, a->v[0], deadline, &status, e);
	if (r < 0)
		return r;
	if (json)
		printf(status < 0 ? "{\"id\":\"%s\",\"status\":null}\n"
				  : "{\"id\":\"%s\",\"status\":%d}\n",
		       a->v[0], status);
	else if (status >= 0)
		printf("%d\n", status);
	*ret_status = 0;
	return 0;
}

static int run_pause(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)ret_status;
	return container_pause(c, a->v[0], true, e);
}

static int run_resume(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	(void)ret_status;
	return container_pause(c, a->v[0], false, e);
}

static const struct opt none[] = {};
static const struct opt start_opts[] = {
	OPT_T("process", 0, process, "FILE",
	      "run this process object instead of the one of config.json"),
};
static const struct opt kill_opts[] = {
	OPT_F("all", 'a', all, "signal every process of the container"),
	OPT_T("signal", 0, signal, "SIGNAL", "the same as the second operand"),
};
static const struct opt stop_opts[] = {
	OPT_T("signal", 's', signal, "SIGNAL", "first signal (the image's stop signal, or TERM)"),
	OPT_T("timeout", 't', timeout, "TIME", "how long to wait before KILL (10s)"),
	OPT_F("delete", 0, del, "delete the container afterwards"),
};
static const struct opt delete_opts[] = {
	OPT_F("force", 'f', force,
	      "kill what still runs; no error when there is no such container"),
	OPT_L("cgroup", 0, cgroups, "PATH",
	      "the container's record is lost: kill and remove this cgroup of it"),
};
static const struct opt wait_opts[] = {
	OPT_T("timeout", 't', timeout, "TIME", "give up after TIME, with an error"),
	OPT_T("format", 'f', format, "table|json", "form of the output"),
};

const struct cmd cmd_start =
	CMD("start", "ID", "run the program of a created container", start_opts, 1, 2, run_start);
const struct cmd cmd_kill =
	CMD("kill", "ID [SIGNAL]", "send a signal (TERM) to the container's process", kill_opts, 1,
	    2, run_kill);
const struct cmd cmd_stop = CMD("stop", "ID", "end all processes of the container, politely first",
				stop_opts, 1, 1, run_stop);
const struct cmd cmd_delete =
	CMD("delete", "ID", "remove a stopped container and all that create made", delete_opts, 1,
	    1, run_delete);
const struct cmd cmd_wait = CMD("wait", "ID", "wait until the container's process has ended",
				wait_opts, 1, 1, run_wait);
const struct cmd cmd_pause =
	CMD("pause", "ID", "freeze all processes of the container", none, 1, 1, run_pause);
const struct cmd cmd_resume =
	CMD("resume", "ID", "thaw a paused container", none, 1, 1, run_resume);
