/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/create: `hull create` and `hull run`, which share their options.
 */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "sys/call.h"
#include "sys/path.h"

#define SHARED                                                                                     \
	OPT_T("bundle", 'b', bundle, "DIR", "bundle directory (the current one)"),                 \
		OPT_T("config", 'f', config, "FILE", "another name for config.json"),              \
		OPT_T("console-socket", 0, console_socket, "PATH",                                 \
		      "unix socket that receives the terminal"),                                   \
		OPT_T("pid-file", 'p', pid_file, "FILE",                                           \
		      "write the pid of the container's process to FILE"),                         \
		OPT_T("pidfd-socket", 0, pidfd_socket, "PATH",                                     \
		      "unix socket that receives a pidfd of the process"),                         \
		OPT_T("preserve-fds", 0, preserve_fds, "N",                                        \
		      "pass N more descriptors, from 3 (plus LISTEN_FDS)"),                        \
		OPT_F("no-pivot", 0, no_pivot,                                                     \
		      "use chroot instead of pivot_root, for a root on ramfs"),                    \
		OPT_F("no-new-keyring", 0, no_new_keyring, "keep the caller's session keyring"),   \
		OPT_F("no-subreaper", 0, no_subreaper,                                             \
		      "accepted for other runtimes' sake: hull never is a subreaper"),             \
		OPT_F("no-create-mountpoints", 0, no_create_mountpoints,                           \
		      "fail where a mount point is missing"),                                      \
		OPT_F("default-filesystems", 0, default_filesystems,                               \
		      "add /proc, /sys, /dev/pts, /dev/shm when missing"),                         \
		OPT_F("strict-namespaces", 0, strict_namespaces,                                   \
		      "refuse settings for namespaces that are joined by path")

static const struct opt create_opts[] = {
	SHARED,
	OPT_F("delete-on-exit", 0, delete_on_exit,
	      "keep a small process that deletes the container when it ends"),
};
static const struct opt run_opts[] = {
	SHARED,
	OPT_F("detach", 'd', detach, "return once the program runs"),
	OPT_F("keep", 0, keep, "do not delete the container when it ends"),
};

/* LISTEN_FDS counts only when LISTEN_PID is this process: sd_listen_fds(3). */
static unsigned listen_fds(void)
{
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t count, owner;

	if (!n || !pid || str_to_u64(n, 1024, &count) < 0 ||
	    str_to_u64(pid, UINT32_MAX, &owner) < 0)
		return 0;
	return owner == (uint64_t)getpid() ? (unsigned)count : 0;
}

int cmd_passed_fds(const struct ctx *c, const struct args *a, unsigned *ret_preserve,
		   unsigned *ret_listen, struct err *e)
{
	uint64_t fds = 0;

	if (a->preserve_fds && str_to_u64(a->preserve_fds, 1024, &fds) < 0)
		return err_set(e, ERR_CLI_VALUE, 0,
			       "--preserve-fds takes a number from 0 to 1024, not \"%s\"",
			       a->preserve_fds);
	*ret_preserve = (unsigned)fds;
	*ret_listen = listen_fds();
	for (unsigned i = 0; i < *ret_preserve + *ret_listen; i++) {
		bool found = false;

		for (size_t k = 0; k < c->n_inherited; k++)
			found |= c->inherited[k] == (int)(3 + i);
		if (!found && i < *ret_listen)
			return err_sys(e, ERR_CLI_VALUE, -EBADF,
				       "LISTEN_FDS=%u: descriptor %u is not open", *ret_listen,
				       3 + i);
		if (!found)
			return err_sys(
				e, ERR_CLI_VALUE, -EBADF,
				"--preserve-fds: unable to stat preserved-fd %u (descriptor %u)",
				i - *ret_listen, 3 + i);
	}
	return 0;
}

int cmd_create_options(const struct ctx *c, const struct args *a, struct create_options *ret,
		       struct err *e)
{
	unsigned fds, listening;
	int r = cmd_passed_fds(c, a, &fds, &listening, e);

	if (r < 0)
		return r;
	*ret = (struct create_options){
		.id = a->n ? a->v[0] : "",
		.bundle = a->bundle,
		.config = a->config,
		.pid_file = a->pid_file,
		.console_socket = a->console_socket,
		.pidfd_socket = a->pidfd_socket,
		.preserve_fds = fds,
		.listen_fds = listening,
		.no_pivot = a->no_pivot,
		.no_new_keyring = a->no_new_keyring,
		.no_create_mountpoints = a->no_create_mountpoints,
		.default_filesystems = a->default_filesystems,
		.strict_namespaces = a->strict_namespaces,
		.delete_on_exit = a->delete_on_exit,
		.detach = a->detach,
		.keep = a->keep,
	};
	return 0;
}

static int run_create(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct create_options o;
	int r = cmd_create_options(c, a, &o, e);

	(void)ret_status;
	return r < 0 ? r : container_create(c, &o, e);
}

static int run_run(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct create_options o;
	int r = cmd_create_options(c, a, &o, e);

	if (r < 0)
		return r;
	o.run = true;
	return container_run(c, &o, ret_status, e);
}

const struct cmd cmd_create =
	CMD("create", "ID", "make a container from a bundle, ready to be started", create_opts, 1,
	    1, run_create);
const struct cmd cmd_run =
	CMD("run", "ID", "create, start, wait for the end and delete", run_opts, 1, 1, run_run);
