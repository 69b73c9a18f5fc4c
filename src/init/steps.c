/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/steps: the order in which a container comes to be, seen from inside. The table at the end is
 * the contract (rules M6, C2, C4); each function above it is one step.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cred/cred.h"
#include "hook/hook.h"
#include "init/steps.h"
#include "net/net.h"
#include "sys/call.h"
#include "tune/tune.h"

#include <linux/capability.h>

/* ---- ENTER ---- */

int init_step_seal(struct init *in, struct err *e)
{
	return in->seal ? init_seal(in->exec ? INIT_PART_EXEC : INIT_PART_CREATE, e) : 0;
}

/* Ask the runtime for something and wait until it is done. */
static int ask(struct init *in, enum sync_kind question, int fd, enum sync_kind answer,
	       struct err *e)
{
	struct sync_msg m;
	int r = sync_send(in->chan, question, fd, e);

	return r < 0 ? r : sync_expect(in->chan, answer, 0, &m, e);
}

static int place_once(struct init *in, struct err *e)
{
	if (!in->place || in->placed)
		return 0;
	in->placed = true;
	return ask(in, SYNC_PLACE, -1, SYNC_PLACED, e);
}

/*
 * The newcomer says itself that it is there, before anything else: the intermediate may be killed
 * at any moment with the whole cgroup, and nobody would know whom to reap.
 */
int init_introduce(struct init *in, struct err *e)
{
	_cleanup_fd_ int pidfd = sys_pidfd_open(getpid(), 0);
	int r;

	if (pidfd < 0)
		return err_sys(e, ERR_PRO_CLONE, pidfd, "pidfd_open");
	r = sync_send(in->chan, SYNC_FORKED, pidfd, e);
	if (r < 0)
		return r;
	if (setsid() < 0) /* the session is the one that ended: a terminal needs its leader */
		return err_sys(e, ERR_CRD_LOCK, -errno, "setsid");
	r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return r < 0 ? err_sys(e, ERR_CRD_LOCK, r, "prctl(PR_SET_PDEATHSIG)") : 0;
}

int init_fork_next(struct init *in, uint64_t flags, struct err *e)
{
	struct clone_args args = {
		.flags = flags | CLONE_PARENT,
		/* KERNEL: must be 0 with CLONE_PARENT; the parent's is inherited. clone(2) */
		.exit_signal = 0,
	};
	int r = sys_clone3(&args);

	if (r < 0)
		return err_sys(e, ERR_PRO_CLONE, r, "clone3 in the joined namespaces");
	if (r > 0)
		_exit(0);
	return init_introduce(in, e);
}

static int run_ns_op(struct init *in, const struct plan_ns_op *op, uint64_t *left, struct err *e)
{
	const struct plan *p = in->plan;
	int r;

	switch (op->what) {
	case NS_OP_TRY_SETNS:
		r = ns_join(in->ns, op->ns, e);
		if (r == -EPERM) { /* it may belong to the user namespace that is joined next */
			err_drop(e, "joined after the user namespace");
			*left |= 1u << op->ns;
			return 0;
		}
		return r;
	case NS_OP_SETNS:
		r = ns_join(in->ns, op->ns, e);
		for (unsigned ns = 0; r >= 0 && ns < NS_KINDS && op->ns == NS_USER; ns++)
			if (*left >> ns & 1)
				r = ns_join(in->ns, ns, e);
		return r;
	case NS_OP_UNSHARE:
		if (op->flags & CLONE_NEWCGROUP) {
			r = place_once(in, e);
			if (r < 0)
				return r;
		}
		return ns_unshare(op->flags, e);
	case NS_OP_IDMAP:
		return ask(in, SYNC_IDMAP, -1, SYNC_IDMAPPED, e);
	case NS_OP_SETID:
		return cred_become_ns_root(&p->ids, e);
	case NS_OP_OFFSETS:
		return ns_write_offsets(p->os, e);
	case NS_OP_FORK:
		return init_fork_next(in, op->flags, e);
	case NS_OP_CLONE:
		break;
	}
	return err_set(e, ERR_GEN_INTERNAL, 0, "namespace operation %d is not one of init's",
		       op->what);
}

static int take_network(struct init *in, struct err *e)
{
	struct sync_msg m = { .fd = -1 };
	int r = sync_recv(in->chan, 0, &m, e);

	if (r <= 0)
		return r < 0 ? r : -ECONNRESET;
	if (m.kind == SYNC_NO_NETWORK) {
		r = ns_unshare(CLONE_NEWNET, e);
		return r == 0 && in->loopback ? net_loopback_up(e) : r;
	}
	if (m.kind != SYNC_NETWORK)
		r = err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"", sync_name(m.kind));
	else if ((r = sys_setns(m.fd, CLONE_NEWNET)) < 0)
		err_sys(e, ERR_NSP_JOIN, r, "join the new network namespace");
	fd_close(&m.fd);
	return r;
}

static int step_namespaces(struct init *in, struct err *e)
{
	uint64_t left = 0;

	for (unsigned i = 0; i < in->plan->ns.n_init; i++) {
		int r = run_ns_op(in, &in->plan->ns.init[i], &left, e);

		if (r < 0)
			return r;
	}
	/* SECURITY: X1: those of the host among them would be a way out. */
	ns_close(in->ns);
	/*
	 * KERNEL: a change of ids or a fork clears the parent-death signal.
	 * PR_SET_PDEATHSIG(2const)
	 */
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return cred_set_dumpable(false, e);
}

/* ---- PLACE ---- */

static int step_place(struct init *in, struct err *e)
{
	return place_once(in, e);
}

static int step_loopback(struct init *in, struct err *e)
{
	return in->loopback && !in->network_comes ? net_loopback_up(e) : 0;
}

/* ---- ROOTFS, HOOKS ---- */

static int step_root_attach(struct init *in, struct err *e)
{
	return mount_root_attach(&in->tree, e);
}

static int step_first_mounts(struct init *in, struct err *e)
{
	return mount_tree_begin(&in->tree, e);
}

/*
 * The network namespace takes longer than all before. What nothing that is still to come has a say
 * in is done meanwhile; the keyring and the bounding set not where hooks run in between, which have
 * the caller's.
 */
static int step_meanwhile(struct init *in, struct err *e)
{
	int r;

	if (!in->network_comes)
		return 0;
	r = mount_devices_ahead(&in->tree, e);
	if (r < 0 || in->plan->hooks->n[HOOK_CREATE_CONTAINER])
		return r;
	in->ahead = true;
	r = init_step_keyring(in, e);
	return r < 0 ? r : init_step_bounding_set(in, e);
}

static int step_network(struct init *in, struct err *e)
{
	return in->network_comes ? take_network(in, e) : 0;
}

static int step_mounts(struct init *in, struct err *e)
{
	return mount_tree_build(&in->tree, e);
}

static int step_devices(struct init *in, struct err *e)
{
	return mount_devices(&in->tree, e);
}

/*
 * Streams on the host's /dev/null move to the container's own, so that nothing open leads to a
 * mount of the host (and CRIU finds the file where its name says). SECURITY: only what hull made.
 */
static int step_null_streams(struct init *in, struct err *e)
{
	_cleanup_fd_ int null = -1;

	(void)e;
	for (int fd = 0; in->tree.dev_own && fd <= 2; fd++) {
		if (!path_is_device(fd, S_IFCHR, 1, 3))
			continue;
		if (null < 0)
			null = sys_openat(in->tree.dev.fd, "null", O_RDWR | O_NOFOLLOW, 0);
		if (null < 0 || dup2(null, fd) < 0)
			break; /* the stream works as it is */
	}
	return 0;
}

static int step_runtime_hooks(struct init *in, struct err *e)
{
	const struct spec_hooks *h = in->plan->hooks;

	if (!h->n[HOOK_PRESTART] && !h->n[HOOK_CREATE_RUNTIME])
		return 0;
	return ask(in, SYNC_MOUNTED, -1, SYNC_HOOKED, e);
}

/*
 * SECURITY: C4: a startContainer hook is a program of the image, and what it starts may stay.
 * KERNEL: calls that an agent would decide are ENOSYS without a listener; the listener of the
 * program's filter is not there yet. seccomp(2)
 */
static int confine_hook(void *data)
{
	struct init *in = data;
	struct seccomp_program filter = { 0 };
	struct err drop = { 0 };
	int none, r;

	if (in->filter)
		filter = *in->filter;
	filter.flags &= ~(uint32_t)(SECCOMP_FILTER_FLAG_NEW_LISTENER |
				    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	r = init_step_landlock_enter(in, &drop);
	if (r == 0)
		r = seccomp_load(&filter, &none, &drop);
	if (r == 0)
		r = init_step_last_capability(in, &drop);
	err_drop(&drop, "the number goes through the pipe of the hook");
	return r;
}

static int run_hooks(struct init *in, enum spec_hook_kind kind, const char *status, struct err *e)
{
	struct hook_run run = {
		.hooks = in->plan->hooks,
		.kind = kind,
		.fds = kind == HOOK_CREATE_CONTAINER ? in->hook_fds : NULL,
		.restore_nofile = (unsigned)in->nofile.rlim_cur,
		/* SECURITY: H1: only what runs inside may see the environment of the config. */
		.env = kind == HOOK_START_CONTAINER ? in->env.v : NULL,
		.bundle = in->state.bundle,
		.rootfs = in->plan->root.path,
		.confine = kind == HOOK_START_CONTAINER ? confine_hook : NULL,
		.data = in,
	};

	in->state.status = status;
	in->state.pid = getpid();
	run.state = spec_state_text(&in->state, &in->arena, 0, &run.state_len);
	return hook_run_all(&run, e);
}

static int step_create_container_hooks(struct init *in, struct err *e)
{
	if (!in->plan->hooks->n[HOOK_CREATE_CONTAINER])
		return 0;
	return run_hooks(in, HOOK_CREATE_CONTAINER, "creating", e);
}

static int step_verify_mounts(struct init *in, struct err *e)
{
	return mount_tree_verify(&in->tree, e);
}

/* ---- PIVOT ---- */

static int step_terminal(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	int r;

	if (!p->set || !p->terminal)
		return 0;
	r = console_open(&in->tree.root, p->spec, &in->pty_master, &in->pty_slave, e);
	if (r < 0)
		return r;
	r = mount_console(&in->tree, in->pty_slave, e);
	if (r < 0)
		return r;
	r = sync_send(in->chan, SYNC_CONSOLE, in->pty_master, e);
	fd_close(&in->pty_master);
	return r;
}

static int step_pivot(struct init *in, struct err *e)
{
	return mount_pivot(&in->tree, e);
}

/*
 * A missing working directory is made, as the field expects, while still privileged (rules P2, P4).
 */
static int step_make_cwd(struct init *in, struct err *e)
{
	const struct plan_process *p = &in->plan->process;
	_cleanup_fd_ int fd = -1;
	int r;

	if (!p->set || streq(p->spec->cwd, "/"))
		return 0;
	fd = path_resolve(&in->tree.root, p->spec->cwd, false);
	if (fd != -ENOENT)
		return 0;
	r = mount_make_dir(&in->tree, p->spec->cwd);
	if (r < 0 && r != -EROFS) {
		err_sys(e, ERR_EXE_CWD, r, "make the working directory %s", p->spec->cwd);
		return err_at(e, r, "/process/cwd");
	}
	return 0;
}

static int step_sysctl(struct init *in, struct err *e)
{
	struct procfs proc = { .fd = -1 };
	int r;

	if (!in->plan->n_sysctls)
		return 0;
	r = proc_open(true, &proc);
	if (r < 0)
		return err_sys(e, ERR_TUN_SYSCTL, r, "open a private procfs");
	r = tune_sysctls(in->plan, &proc, e);
	proc_close(&proc);
	return r;
}

static int step_readonly_paths(struct init *in, struct err *e)
{
	return mount_readonly_paths(&in->tree, e);
}

static int step_masked_paths(struct init *in, struct err *e)
{
	return mount_masked_paths(&in->tree, e);
}

static int step_root_finish(struct init *in, struct err *e)
{
	return mount_root_finish(&in->tree, e);
}

/* ---- IDENTITY ---- */

static int step_hostname(struct init *in, struct err *e)
{
	const struct plan *p = in->plan;

	if (!p->hostname && !p->domainname)
		return 0;
	return tune_hostname(p->hostname, p->domainname, e);
}

static int step_keyring(struct init *in, struct err *e)
{
	return in->ahead ? 0 : init_step_keyring(in, e);
}

/* ---- LOCKDOWN ---- */

static int step_bounding_set(struct init *in, struct err *e)
{
	return in->ahead ? 0 : init_step_bounding_set(in, e);
}

static int step_ready(struct init *in, struct err *e)
{
	mount_tree_close(&in->tree);
	/* SECURITY: X1: the rootfs fd of the host's mount leads out of the container by "..". */
	mount_sources_close(in->sources);
	fd_close(&in->console_sock);
	/*
	 * From here on the end of the runtime shows as the end of the channel: `create` ends right
	 * after CREATED, and must not take init with it.
	 */
	sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (in->start_sock < 0 && !in->plan->hooks->n[HOOK_START_CONTAINER])
		return init_say_ready(in, e);
	return sync_send(in->chan, SYNC_READY, -1, e);
}

/* ---- START ---- */

/*
 * Lineage S-11. The bytes were checked by `hull start`; what they ask for is checked here, where
 * the plan is.
 */
static int replace_process(struct init *in, int fd, struct err *e)
{
	struct spec_process *s = arena_new(&in->arena, struct spec_process);
	struct plan *p = arena_new(&in->arena, struct plan);
	char *text;
	size_t n;
	int r;

	if (in->filtered && in->filter->notifies) {
		r = err_set(e, ERR_CFG_CONFLICT, EBUSY,
			    "the agent of the config's seccomp profile has the listener: the "
			    "process cannot be replaced any more");
		return err_at(e, r, "/linux/seccomp");
	}
	r = io_read_all(fd, SPEC_MAX_BYTES, &in->arena, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_CLI_FILE, r, "read the process");
	r = spec_read_process(text, n, &in->arena, s, e);
	if (r == 0)
		r = plan_replace_process(in->plan, s, &in->arena, p, e);
	if (r == 0)
		in->plan = p;
	in->replaced = r == 0;
	return r;
}

/*
 * What would end a process ends the container, though it may be the first process of its pid
 * namespace and the program would not hear of it any more.
 * KERNEL: what the first process of a pid namespace does not block and has no handler for is thrown
 * away. A signalfd shows the signals of whoever looks, after a clone too. pid_namespaces(7),
 * signalfd(2)
 */
static void await_caller(struct init *in)
{
	struct pollfd p[] = { { .fd = in->start_sock, .events = POLLIN },
			      { .fd = in->signals, .events = POLLIN } };
	int sig;

	while (!p[0].revents) {
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return; /* the wait for the caller itself is what counts */
		sig = p[1].revents ? sys_signal_next(in->signals) : 0;
		if (sig)
			_exit(128 + sig);
	}
}

/*
 * One caller of `hull start` at a time; one that goes away before it said START changes nothing
 * (faults K3).
 */
static int accept_start(struct init *in, struct err *e)
{
	for (;;) {
		struct err why = { 0 };
		struct sync_msg m = { .fd = -1 };
		int conn, r;

		await_caller(in);
		conn = accept4(in->start_sock, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			return err_sys(e, ERR_PRO_PROTOCOL, -errno, "wait for start");
		}
		r = sync_recv(conn, 0, &m, &why);
		if (r == 1 && m.kind == SYNC_START_WITH) {
			r = replace_process(in, m.fd, &why);
			fd_close(&m.fd);
			if (r == 0)
				r = 1;
			else
				sync_send_fail(conn, &why);
		} else if (r == 1 && m.kind != SYNC_START) {
			r = 0;
		}
		if (r == 1) {
			in->start_conn = conn;
			fd_close(&in->start_sock);
			fd_close(&in->signals);
			return 0;
		}
		fd_close(&m.fd);
		fd_close(&conn);
	}
}

/*
 * Until the runtime has recorded the container, init ends with it (faults K1). Before that it may
 * ask for the listener of the filter.
 */
static int step_wait_created(struct init *in, struct err *e)
{
	struct sync_msg m;
	int r;

	if (in->start_sock < 0)
		return 0;
	r = sync_recv(in->chan, 0, &m, e);
	if (r == 1 && m.kind == SYNC_FILTER) {
		r = init_filter_now(in, e);
		if (r == 0)
			r = sync_recv(in->chan, 0, &m, e);
	}
	if (r <= 0)
		return r < 0 ? r : -ECONNRESET;
	if (m.kind != SYNC_CREATED) {
		fd_close(&m.fd);
		return err_set(e, ERR_PRO_PROTOCOL, EPROTO, "unexpected \"%s\"", sync_name(m.kind));
	}
	fd_close(&in->chan);
	return 0;
}

static int step_wait_start(struct init *in, struct err *e)
{
	struct sync_msg m;

	if (in->start_sock >= 0)
		return accept_start(in, e);
	in->start_conn = in->chan;
	return sync_expect(in->chan, SYNC_START, 0, &m, e);
}

static int step_has_process(struct init *in, struct err *e)
{
	if (in->plan->process.set)
		return 0;
	err_set(e, ERR_EXE_NOPROCESS, EINVAL, "config.json has no `process`");
	return err_at(e, -EINVAL, "/process");
}

static int step_replaced_process(struct init *in, struct err *e)
{
	int r;

	if (!in->replaced)
		return 0;
	r = init_set_home(in, e);
	in->in_cwd = false;
	if (r == 0)
		r = init_step_cwd(in, e);
	return r < 0 ? r : init_step_program(in, e);
}

static int step_start_container_hooks(struct init *in, struct err *e)
{
	if (!in->plan->hooks->n[HOOK_START_CONTAINER])
		return 0;
	return run_hooks(in, HOOK_START_CONTAINER, "created", e);
}

/*
 * The order, and why (rules M6, C2, C4):
 *  - the sealed image comes before any namespace that others live in can be entered, in a pid
 *    namespace that is joined even before the clone;
 *  - the cgroup before its namespace, which takes the cgroup of the moment as its root;
 *  - the network namespace, which the runtime makes meanwhile, when the first mount asks for it;
 *  - meanwhile what nothing to come has a say in, not ahead of hooks that are to find the caller's;
 *  - devices before the runtime's hooks, which put more into /dev;
 *  - the terminal before pivot, from the container's own devpts; sysctls before /proc/sys turns
 *    read-only;
 *  - read-only paths before masks, so that a mask below one is not itself covered;
 *  - the bounding set while CAP_SETPCAP is held, ids before capabilities, the label before
 *    no_new_privs;
 *  - the rules of Landlock while everything may be looked at, their domain when nothing is looked
 *    up any more but the program;
 *  - the filter last, so that it covers as little of hull as possible; while START is waited for
 *    where it has no say in what is left (filter.c).
 */
const struct init_step init_steps[] = {
	{ "session", STAGE_ENTER, init_step_session },
	{ "join-cgroup", STAGE_ENTER, init_step_cgroup },
	{ "seal", STAGE_ENTER, init_step_seal },
	{ "namespaces", STAGE_ENTER, step_namespaces },
	{ "place", STAGE_PLACE, step_place },
	{ "loopback", STAGE_PLACE, step_loopback },
	{ "root-attach", STAGE_ROOTFS, step_root_attach },
	{ "first-mounts", STAGE_ROOTFS, step_first_mounts },
	{ "meanwhile", STAGE_ROOTFS, step_meanwhile },
	{ "network", STAGE_ROOTFS, step_network },
	{ "mounts", STAGE_ROOTFS, step_mounts },
	{ "devices", STAGE_ROOTFS, step_devices },
	{ "null-streams", STAGE_ROOTFS, step_null_streams },
	{ "runtime-hooks", STAGE_HOOKS, step_runtime_hooks },
	{ "create-container-hooks", STAGE_HOOKS, step_create_container_hooks },
	{ "verify-mounts", STAGE_HOOKS, step_verify_mounts },
	{ "terminal", STAGE_PIVOT, step_terminal },
	{ "pivot", STAGE_PIVOT, step_pivot },
	{ "make-cwd", STAGE_PIVOT, step_make_cwd },
	{ "sysctl", STAGE_PIVOT, step_sysctl },
	{ "readonly-paths", STAGE_PIVOT, step_readonly_paths },
	{ "masked-paths", STAGE_PIVOT, step_masked_paths },
	{ "root-finish", STAGE_PIVOT, step_root_finish },
	{ "hostname", STAGE_IDENTITY, step_hostname },
	{ "keyring", STAGE_IDENTITY, step_keyring },
	{ "personality", STAGE_IDENTITY, init_step_personality },
	{ "memory-policy", STAGE_IDENTITY, init_step_memory_policy },
	{ "io-priority", STAGE_IDENTITY, init_step_io_priority },
	{ "home", STAGE_LOCKDOWN, init_step_home },
	{ "terminal-stdio", STAGE_LOCKDOWN, init_step_terminal_stdio },
	{ "stdio-owner", STAGE_LOCKDOWN, init_step_stdio_owner },
	{ "bounding-set", STAGE_LOCKDOWN, step_bounding_set },
	{ "label", STAGE_LOCKDOWN, init_step_label },
	{ "landlock-rules", STAGE_LOCKDOWN, init_step_landlock },
	{ "cwd-early", STAGE_LOCKDOWN, init_step_cwd_early },
	{ "ids", STAGE_LOCKDOWN, init_step_ids },
	{ "capabilities", STAGE_LOCKDOWN, init_step_capabilities },
	{ "no-new-privs", STAGE_LOCKDOWN, init_step_no_new_privs },
	{ "cwd", STAGE_LOCKDOWN, init_step_cwd },
	{ "program", STAGE_LOCKDOWN, init_step_program },
	{ "ready", STAGE_LOCKDOWN, step_ready },
	{ "wait-created", STAGE_START, step_wait_created },
	{ "filter-early", STAGE_START, init_step_filter_early },
	{ "wait-start", STAGE_START, step_wait_start },
	{ "has-process", STAGE_START, step_has_process },
	{ "replaced-process", STAGE_START, step_replaced_process },
	{ "start-container-hooks", STAGE_START, step_start_container_hooks },
	{ "descriptors", STAGE_EXEC, init_step_descriptors },
	{ "rlimits", STAGE_EXEC, init_step_rlimits },
	{ "landlock", STAGE_EXEC, init_step_landlock_enter },
	{ "filter", STAGE_EXEC, init_step_filter },
	{ "last-capability", STAGE_EXEC, init_step_last_capability },
	{ "listener", STAGE_EXEC, init_step_listener },
	{ "exec", STAGE_EXEC, init_step_exec },
};
const size_t init_n_steps = ARRAY_LEN(init_steps);
