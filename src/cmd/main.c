/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/main: argv to verb, error to one line, result to exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "cmd/cmd.h"
#include "sys/call.h"

extern char **environ;

const struct cmd *const cmd_table[] = {
	&cmd_create, &cmd_start,    &cmd_run,	  &cmd_exec,	   &cmd_state,	 &cmd_list,
	&cmd_ps,     &cmd_kill,	    &cmd_stop,	  &cmd_delete,	   &cmd_wait,	 &cmd_pause,
	&cmd_resume, &cmd_update,   &cmd_events,  &cmd_checkpoint, &cmd_restore, &cmd_top,
	&cmd_spec,   &cmd_validate, &cmd_plan,	  &cmd_features,   &cmd_doctor,	 &cmd_audit,
	&cmd_gc,     &cmd_explain,  &cmd_version, &cmd_help,
};
const size_t cmd_table_n = ARRAY_LEN(cmd_table);

const struct cmd *cmd_find(const char *name)
{
	for (size_t i = 0; i < cmd_table_n; i++)
		if (streq(cmd_table[i]->name, name))
			return cmd_table[i];
	return NULL;
}

static int open_log(const struct args *a, struct err *e)
{
	struct log_config log = { .fd = -1, .level = LOG_LEVEL_WARNING };
	static const char levels[][8] = { "error", "warning", "info", "debug" };
	bool known = !a->log_level;

	if (a->log) {
		const char *path = a->log;

		if (str_starts(path, "journald:") || str_starts(path, "syslog:"))
			return err_set(e, ERR_CLI_VALUE, 0, "--log takes a file, not \"%s\"", path);
		path = str_skip(path, "file:") ? path + 5 : path;
		log.fd = sys_openat(AT_FDCWD, path,
				    O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600);
		if (log.fd < 0)
			return err_sys(e, ERR_CLI_FILE, log.fd, "--log: open %s", path);
		log.level = LOG_LEVEL_ERROR; /* one line per failure in the file: features.md a.4 */
	}
	if (a->log_format && streq(a->log_format, "json"))
		log.format = LOG_JSON;
	else if (a->log_format && !streq(a->log_format, "text"))
		return err_set(e, ERR_CLI_VALUE, 0, "--log-format takes text or json, not \"%s\"",
			       a->log_format);
	for (unsigned i = 0; a->log_level && i < ARRAY_LEN(levels); i++)
		if (streq(a->log_level, levels[i])) {
			log.level = i;
			known = true;
		}
	if (!known)
		return err_set(e, ERR_CLI_VALUE, 0,
			       "--log-level takes error, warning, info or debug, not \"%s\"",
			       a->log_level);
	if (a->debug)
		log.level = LOG_LEVEL_DEBUG;
	log_init(&log);
	return 0;
}

static int choose_manager(const struct args *a, struct ctx *c, struct err *e)
{
	c->manager = a->systemd_cgroup ? CGROUP_SYSTEMD : CGROUP_CGROUPFS;
	if (!a->cgroup_manager)
		return 0;
	if (streq(a->cgroup_manager, "cgroupfs"))
		c->manager = CGROUP_CGROUPFS;
	else if (streq(a->cgroup_manager, "systemd"))
		c->manager = CGROUP_SYSTEMD;
	else if (streq(a->cgroup_manager, "disabled"))
		c->manager = CGROUP_DISABLED;
	else
		return err_set(e, ERR_CLI_VALUE, 0,
			       "--cgroup-manager takes cgroupfs, systemd or disabled, not \"%s\"",
			       a->cgroup_manager);
	return 0;
}

static const char *absolute(struct arena *a, const char *path)
{
	char *cwd;

	if (*path == '/')
		return path;
	cwd = arena_alloc(a, 4096);
	return sys_getcwd(cwd, 4096) < 0 ? path : arena_printf(a, "%s/%s", cwd, path);
}

/*
 * Root of the host: /run/hull. Others, root of a user namespace among them: below XDG_RUNTIME_DIR,
 * which podman gives even where nothing else is in the environment.
 */
static int choose_dirs(const struct args *a, struct ctx *c, struct err *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	uid_t self = (uid_t)getauxval(AT_EUID); /* geteuid without a system call */
	bool root = self == 0 && (!runtime || facts_initial_userns());

	if (a->root && !*a->root)
		return err_set(e, ERR_CLI_VALUE, 0, "--root is empty");
	if (a->root)
		c->root = absolute(&c->a, a->root);
	else if (root)
		c->root = "/run/hull";
	else if (runtime && *runtime == '/')
		c->root = arena_printf(&c->a, "%s/hull", runtime);
	else
		c->root = arena_printf(&c->a, "/run/user/%u/hull", self);
	if (a->public_state_dir)
		c->public_dir = *a->public_state_dir ? absolute(&c->a, a->public_state_dir) : NULL;
	else if (root)
		c->public_dir = "/run/opencontainer/containers";
	else
		c->public_dir =
			runtime && *runtime == '/'
				? arena_printf(&c->a, "%s/opencontainer/containers", runtime)
				: NULL;
	return 0;
}

static int open_context(const struct args *a, char **argv, struct ctx *c, struct err *e)
{
	struct rlimit all;
	int r;

	c->argv = argv;
	c->env = environ;
	c->root_fd = -1;
	c->strict = a->strict;
	c->unit_properties = a->allow_systemd_properties;
	getrlimit(RLIMIT_NOFILE, &c->nofile);
	all = (struct rlimit){ c->nofile.rlim_max, c->nofile.rlim_max };
	if (all.rlim_cur > 65536)
		all.rlim_cur = MAX((rlim_t)65536, c->nofile.rlim_cur);
	/* mounts hold one descriptor each until they are attached (faults R3) */
	if (all.rlim_cur != c->nofile.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &all);
	r = open_log(a, e);
	if (r == 0)
		r = choose_manager(a, c, e);
	if (r == 0)
		r = choose_dirs(a, c, e);
	return r;
}

static bool names_descriptor(char *const *argv)
{
	while (*argv && !strstr(*argv, "/fd/"))
		argv++;
	return *argv;
}

/*
 * SECURITY: X1. Of low numbers, all but the @n that were seen: those of O_PATH. Nothing of hull is
 * open yet.
 */
static int close_unseen(const int *seen, size_t n)
{
	unsigned from = 3;
	int r = 0;

	for (size_t i = 0; i <= n && r == 0; i++) {
		unsigned to = i < n ? (unsigned)seen[i] : FD_LOW;

		if (from < to)
			r = sys_close_range(from, to - 1, 0);
		from = to + 1;
	}
	return r;
}

/*
 * What the caller left open may be used by name (/dev/fd/63) until the clone, and reaches nobody
 * unasked; but of O_PATH only where the command line has such a name. The list is made before hull
 * opens anything of its own.
 */
static int note_inherited(const struct cmd *cmd, const struct args *a, char *const *argv,
			  struct ctx *c, struct err *e)
{
	static const struct cmd *const passing[] = { &cmd_create, &cmd_run, &cmd_exec,
						     &cmd_checkpoint, &cmd_restore };
	bool wanted = false;
	bool by_number = cmd == &cmd_checkpoint || cmd == &cmd_restore || a->preserve_fds ||
			 getenv("LISTEN_FDS") || names_descriptor(argv);
	int n, r = sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);

	if (r < 0)
		return err_sys(e, ERR_GEN_KERNEL, r, "close_range");
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		wanted |= cmd == passing[i];
	if (!wanted) /* nobody to be born with them */
		return 0;
	c->inherited = arena_new_array(&c->a, FD_LOW, int);
	n = by_number ? -1 : fd_list_low(3, c->inherited);
	c->high_inherited = n >= 0 && n <= FD_LOW / 4 && close_unseen(c->inherited, (size_t)n) == 0;
	if (!c->high_inherited) {
		c->inherited = arena_new_array(&c->a, INHERITED_MAX, int);
		n = fd_list(3, c->inherited, INHERITED_MAX);
	}
	if (n < 0)
		return err_sys(e, ERR_GEN_SYS, n, "list the open descriptors");
	c->n_inherited = (size_t)n;
	return 0;
}

/* stdout may be a full disk or closed: what was printed must have arrived. */
static int flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "hull: error: write to standard output: %s\n", strerror(errno));
	return 1;
}

static int fail(const struct cmd *cmd, const struct args *a, struct err *e)
{
	char context[320] = "";

	if (cmd)
		str_format(context, sizeof(context), "%s%s%s", cmd->name, a->n ? " " : "",
			   a->n ? a->v[0] : "");
	fflush(stdout);
	log_error(context, e);
	return cmd == &cmd_exec ? 255 : 1; /* what tells it from a status of the program */
}

int main(int argc, char **argv)
{
	struct ctx c = { .root_fd = -1 };
	const struct cmd *cmd = NULL;
	struct err *e;
	struct args a;
	int r, status = 0;

	if (sys_protect_relocated() < 0 || fd_fill_stdio() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	/* KERNEL: while it is ignored (by a careless caller) children leave no status. wait(2) */
	signal(SIGCHLD, SIG_DFL);
	arena_init(&c.a);
	e = arena_new(&c.a, struct err); /* 5 KiB: not touched while all is well */
	r = cmd_parse(argc, argv, &c.a, &cmd, &a, e);
	if (r == 0)
		r = note_inherited(cmd, &a, argv, &c, e);
	if (r == 0)
		r = open_context(&a, argv, &c, e);
	if (r < 0)
		return fail(cmd, &a, e);
	if (a.help) {
		if (cmd)
			cmd_help_print(cmd);
		else
			cmd_help_overview();
		return flush(0);
	}
	if (!cmd || a.version)
		cmd = &cmd_version;
	if (a.trace && trace_open(-1) < 0)
		log_warn("--trace: no memory for the flight recorder");
	trace_step(cmd->name);
	r = cmd->run(&c, &a, &status, e);
	if (a.trace)
		cmd_trace_write(a.trace);
	if (r < 0) {
		int failed = fail(cmd, &a, e);

		return status ? status : failed;
	}
	return flush(status);
}
