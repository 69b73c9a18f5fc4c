/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/exec: `hull exec`: one more process in a container.
 */
#include "cmd/cmd.h"

static const struct opt exec_opts[] = {
	OPT_T("process", 'p', process, "FILE",
	      "a `process` object as in config.json; the options below change it"),
	OPT_T("cwd", 0, cwd, "DIR", "working directory"),
	OPT_L("env", 'e', env, "NAME=VALUE", "add or replace a variable; may be repeated"),
	OPT_T("user", 'u', user, "UID[:GID]", "numeric ids"),
	OPT_L("additional-gids", 'g', gids, "GID",
	      "add groups, separated by commas; may be repeated"),
	OPT_L("cap", 'c', caps, "CAP", "add a capability such as CAP_NET_RAW; may be repeated"),
	OPT_F("no-new-privs", 0, no_new_privs, "set no_new_privs"),
	OPT_T("apparmor", 0, apparmor, "PROFILE", "AppArmor profile"),
	OPT_T("process-label", 0, process_label, "LABEL", "SELinux label"),
	OPT_F("tty", 't', tty, "give the process a terminal"),
	OPT_T("console-socket", 0, console_socket, "PATH",
	      "unix socket that receives the terminal"),
	OPT_T("preserve-fds", 0, preserve_fds, "N",
	      "pass N more descriptors, from 3 (plus LISTEN_FDS)"),
	OPT_T("pid-file", 0, pid_file, "FILE",
	      "write the pid of the process to FILE once the program runs"),
	OPT_T("pidfd-socket", 0, pidfd_socket, "PATH",
	      "unix socket that receives a pidfd of the process"),
	OPT_F("detach", 'd', detach, "return once the program runs"),
	OPT_L("cgroup", 0, cgroups, "[CONTROLLERS:]PATH",
	      "cgroup below the container's own; may be repeated"),
	OPT_F("ignore-paused", 0, ignore_paused,
	      "in a paused container: the process begins when it is resumed"),
};

static int run_exec(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct exec_options o = {
		.id = a->v[0],
		.process_file = a->process,
		.args = (char **)a->v + 1,
		.n_args = a->n - 1,
		.cwd = a->cwd,
		.user = a->user,
		.apparmor = a->apparmor,
		.selinux_label = a->process_label,
		.env = a->env,
		.caps = a->caps,
		.gids = a->gids,
		.tty = a->tty,
		.no_new_privs = a->no_new_privs,
		.pid_file = a->pid_file,
		.console_socket = a->console_socket,
		.pidfd_socket = a->pidfd_socket,
		.cgroups = a->cgroups,
		.detach = a->detach,
		.ignore_paused = a->ignore_paused,
	};
	int r;

	r = cmd_passed_fds(c, a, &o.preserve_fds, &o.listen_fds, e);
	return r < 0 ? r : container_exec(c, &o, ret_status, e);
}

const struct cmd cmd_exec = {
	.name = "exec",
	.operands = "ID COMMAND [ARG...]",
	.summary = "run one more process in a container",
	.opts = exec_opts,
	.n_opts = ARRAY_LEN(exec_opts),
	.min = 1,
	.max = ~0u,
	.stop_at_operand = true,
	.run = run_exec,
};
