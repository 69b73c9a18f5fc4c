/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/spawn: the runtime's half of the choreography: what is opened and made before the
 * clone, and the answers to init's questions until it is READY.
 */
#include "container/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "base/trace.h"
#include "console/console.h"
#include "container/restore.h"
#include "hook/hook.h"
#include "net/net.h"
#include "sys/call.h"
#include "sys/pidfd.h"
#include "sys/proc.h"
#include "sys/sock.h"

/* What only init needs from here on, or nobody. */
static int step_release(struct spawn *sp, struct err *e)
{
	(void)e;
	if (sp->sources_open)
		mount_sources_release(&sp->sources);
	seccomp_shared_free(sp->filter);
	sp->filter = NULL;
	return 0;
}

static int step_claim(struct spawn *sp, struct err *e)
{
	struct ctx *c = sp->c;
	int r;

	r = store_open(c, true, e);
	if (r == 0)
		r = store_claim(c, sp->o->id, &sp->s.en, e);
	if (r < 0)
		return r;
	sp->claimed = true;
	sp->s.rec.id = sp->o->id; /* the way back needs it from here on */
	r = public_claim(c, sp->o->id, e);
	if (r == 0)
		sp->s.rec.public_dir = c->public_dir;
	return r;
}

static const char *rfc3339_now(struct arena *a)
{
	struct timespec ts;
	char text[40];
	struct strbuf b = STRBUF(text);

	clock_gettime(CLOCK_REALTIME, &ts);
	sb_time(&b, ts.tv_sec, ts.tv_nsec, 9);
	return arena_strdup(a, text);
}

int mount_id_at(const char *path, uint64_t *ret)
{
	_cleanup_fd_ int fd = path_open_host(path, O_DIRECTORY);

	return fd < 0 ? fd : path_mount_id(fd, ret);
}

/*
 * Names of everything that is going to be made. Only then is it made (faults.md, "intent first").
 */
static int step_intent(struct spawn *sp, struct err *e)
{
	struct ctx *c = sp->c;
	struct record *rec = &sp->s.rec;
	char boot[37];
	int r;

	r = proc_boot_id(boot);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "read /proc");
	rec->creator = (uint64_t)store_writer();
	rec->creator_seen = proc_now();
	rec->format = 1;
	rec->hull_version = HULL_VERSION;
	rec->boot_id = arena_strdup(&c->a, boot);
	rec->id = sp->o->id;
	rec->bundle = sp->bp.bundle;
	rec->rootfs = sp->bp.plan.root.path;
	rec->oci_version = sp->bp.spec.oci_version;
	rec->created = rfc3339_now(&c->a);
	rec->owner = c->host.euid;
	rec->annotations = sp->bp.spec.annotations;
	rec->hooks = sp->bp.spec.hooks;
	rec->has_process = sp->bp.plan.process.set;
	rec->terminal = sp->bp.plan.process.terminal;
	rec->shared_pidns = !(sp->bp.plan.ns.created & CLONE_NEWPID);
	rec->no_new_keyring = sp->o->no_new_keyring;
	rec->default_filesystems = sp->o->default_filesystems;
	rec->stop_signal = spec_annotation(&sp->bp.spec, "org.opencontainers.image.stopSignal");
	rec->seccomp_listener = seccomp_receiver(&sp->bp.spec);
	rec->seccomp_metadata = sp->bp.spec.os.seccomp.listener_metadata;
	/* what lies there before: anything else later is ours to undo */
	if (!sp->bp.plan.ns.has_mount_ns) {
		rec->host_mount = rec->rootfs;
		r = mount_id_at(rec->rootfs, &rec->host_mount_id);
		if (r < 0)
			return err_sys(e, ERR_MNT_ROOTFS, r, "look at %s", rec->rootfs);
	}
	r = cgroup_select(sp->bp.plan.cgroup.manager, c->cgroups, &rec->cgroup, e);
	if (r == 0)
		r = rec->cgroup.ops->plan(&rec->cgroup, &sp->bp.plan.cgroup, c->cgroups, &c->a, e);
	if (r == 0)
		r = notify_prepare(&sp->s.en, rec, e);
	return r < 0 ? r : record_intend(&sp->s.en, rec, &c->a, &sp->draft, e);
}

/* Init works meanwhile; hooks are not run before it asks for them. */
static int step_publish(struct spawn *sp, struct err *e)
{
	return status_publish(sp->c, &sp->s.rec, STATUS_CREATING, e);
}

static int step_config_copy(struct spawn *sp, struct err *e)
{
	int r = store_write_new(sp->s.en.dir, "config.json", 0600, sp->bp.spec.raw,
				sp->bp.spec.raw_len);

	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "write the copy of config.json") : 0;
}

/*
 * For hull exec, which needs a tenth of the config and then has nothing to compile. Not where the
 * filter has a listener: that is a matter of the profile's rules.
 */
static int step_exec_copy(struct spawn *sp, struct err *e)
{
	const struct seccomp_program *f = sp->filter;
	const char *text;
	size_t n;
	int r;

	if (!sp->bp.plan.process.set || (f && f->notifies))
		return 0;
	text = spec_exec_part(&sp->bp.spec, f && f->n ? seccomp_to_base64(f, &sp->c->a) : NULL,
			      &sp->c->a, &n);
	r = store_write_new(sp->s.en.dir, "exec.json", 0600, text, n);
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "write what exec needs of config.json") : 0;
}

/* What is shown when init is READY, written while that works. */
static int step_draft_public(struct spawn *sp, struct err *e)
{
	int r = 0;

	if (!sp->o->run)
		r = status_draft(sp->c, &sp->s.rec, STATUS_CREATED, &sp->created, e);
	/* a fork of init's has another pid */
	if (r == 0 && sp->o->pid_file && !sp->bp.plan.ns.forks)
		pid_file_draft(sp->o->pid_file, sp->pid, &sp->pid_file);
	return r;
}

/* The wait for the disk, while init works. */
static int step_draft(struct spawn *sp, struct err *e)
{
	struct record next = sp->s.rec;

	next.phase = PHASE_CREATED;
	return record_draft(&sp->s.en, &next, &sp->c->a, &sp->draft, e);
}

/*
 * KERNEL: execve closes in ascending order, and what it closed ends in the opposite one (close on
 * exec, task_work_run). So the channel, whose end says that the program runs, is made before the
 * lock that says "created": who hears the one finds the other free.
 */
static int step_channel(struct spawn *sp, struct err *e)
{
	int pair[2], r = sock_pair(pair);

	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "make the channel");
	sp->chan = pair[0];
	sp->init_chan = pair[1];
	if (!sp->o->run)
		sp->start_sock = sock_new(SOCK_SEQPACKET);
	if (!sp->o->run && sp->start_sock < 0)
		return err_sys(e, ERR_GEN_SYS, sp->start_sock, "make the start socket");
	if (!sp->bp.plan.process.set || !seccomp_wanted(&sp->bp.spec))
		return 0;
	sp->filter = seccomp_shared_new();
	return sp->filter ? 0 : err_set(e, ERR_GEN_NOMEM, ENOMEM, "no memory for the filter");
}

/* The flight recorder's file is the lock that tells created from running: see status.c. */
static int step_trace(struct spawn *sp, struct err *e)
{
	_cleanup_fd_ int mapped = -1;
	int r;

	mapped = sys_openat(sp->s.en.dir, "trace", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (mapped < 0)
		return err_sys(e, ERR_STA_WRITE, mapped, "make the flight recorder");
	r = trace_move(mapped);
	/* KERNEL: a mapping keeps the open file, and with it its lock: of a `run` in the foreground
	 * as long as it waits. So another open file has the lock. flock(2), mmap(2) */
	if (r == 0) {
		sp->trace_fd = sys_openat(sp->s.en.dir, "trace", O_RDONLY | O_NOFOLLOW, 0);
		r = sp->trace_fd < 0 ? sp->trace_fd : 0;
	}
	while (r == 0 && flock(sp->trace_fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r < 0)
		return err_sys(e, ERR_STA_WRITE, r, "map the flight recorder");
	return 0;
}

static int step_namespaces(struct spawn *sp, struct err *e)
{
	const struct plan *p = &sp->bp.plan;
	int r = ns_open(&p->ns, &sp->ns, e);

	if (r == 0 && p->ids.joined && p->ids.uid.n)
		r = ns_check_idmaps(&p->ids, sp->ns.target[NS_USER], e);
	return r < 0 ? r : ns_check_owned(p, &sp->ns, e);
}

static int step_sources(struct spawn *sp, struct err *e)
{
	const struct plan *p = &sp->bp.plan;
	size_t ours = p->n_devices + sp->bp.spec.hooks.n[HOOK_CREATE_CONTAINER];
	bool mapped = false;
	int r;

	for (size_t i = 0; i < p->n_mounts; i++)
		ours += (p->mounts[i].kind != MOUNT_FS) + (p->mounts[i].idmap != MOUNT_IDMAP_NONE);
	r = inherited_settle(sp->c, ours, sp->s.rec.cgroup.layout == HOST_CGROUP_V2, e);
	if (r < 0)
		return r;
	r = mount_sources_open(p, &sp->c->a, ns_userns_fd, &sp->sources, e);
	if (r < 0)
		return r;
	sp->sources_open = true;
	for (size_t i = 0; i < p->n_mounts; i++)
		mapped |= p->mounts[i].idmap == MOUNT_IDMAP_CONTAINER;
	if (!mapped)
		return 0;
	if (p->ns.joined & CLONE_NEWUSER)
		sp->userns_fd = fd_dup_above(sp->ns.target[NS_USER], 3);
	else
		sp->userns_fd = ns_userns_fd(&p->ids.uid, &p->ids.gid, e);
	if (sp->userns_fd < 0)
		return sp->userns_fd;
	return mount_sources_idmap(p, &sp->sources, sp->userns_fd, e);
}

static int step_host_hooks(struct spawn *sp, struct err *e)
{
	const struct spec_hooks *h = &sp->bp.spec.hooks;

	if (!h->n[HOOK_CREATE_CONTAINER])
		return 0;
	sp->init.hook_fds = arena_new_array(&sp->c->a, h->n[HOOK_CREATE_CONTAINER], int);
	return hook_open_all(h, HOOK_CREATE_CONTAINER, sp->init.hook_fds, e);
}

static int step_console(struct spawn *sp, struct err *e)
{
	const char *receiver = sp->o->pidfd_socket;
	const struct plan_process *p = &sp->bp.plan.process;
	int r = sp->o->run && !sp->o->detach && p->set && !p->terminal
			? console_streams_make(&sp->streams)
			: 0;

	if (r < 0)
		return err_sys(e, ERR_CON_RELAY, r, "standard streams");
	if (sp->bp.plan.process.console_socket) {
		r = console_connect(sp->bp.plan.process.console_socket, "--console-socket",
				    &sp->console_sock, e);
		if (r < 0)
			return r;
	}
	sp->pidfd_place = "--pidfd-socket";
	if (!receiver) {
		receiver = spec_annotation(&sp->bp.spec, "run.oci.pidfd_receiver");
		sp->pidfd_place = "/annotations/run.oci.pidfd_receiver";
	}
	return receiver ? console_connect(receiver, sp->pidfd_place, &sp->pidfd_sock, e) : 0;
}

static int step_cgroup(struct spawn *sp, struct err *e)
{
	const struct plan_cgroup *plan = &sp->bp.plan.cgroup;
	struct record *rec = &sp->s.rec;
	int r;

	rec->cgroup.devices_later = !plan->leaf; /* while init works, see step_devices */
	r = rec->cgroup.ops->create(&rec->cgroup, plan, e);
	if (r < 0)
		return r;
	if (plan->leaf)
		r = cgroup_leaf_make(&rec->cgroup, plan->leaf, plan->owner_uid, (gid_t)-1, e);
	else if (plan->delegate)
		r = cgroup_delegate(&rec->cgroup, plan->owner_uid, (gid_t)-1, e);
	if (plan->properties_left_out)
		log_info("annotations org.systemd.property.* have no effect without "
			 "--allow-systemd-properties");
	return r == 0 && rec->cgroup.manager == CGROUP_CGROUPFS
		       ? cgroup_doors_open(&rec->cgroup, sp->doors, e)
		       : r;
}

static int step_rdt(struct spawn *sp, struct err *e)
{
	const struct spec_rdt *rdt = &sp->bp.spec.os.rdt;

	return rdt->set ? tune_rdt_prepare(rdt, sp->o->id, &sp->s.rec.rdt, e) : 0;
}

/* Without a cgroup of its own the container is where its caller is, and sees that. */
static int caller_views(struct spawn *sp, struct err *e)
{
	const struct cgroup_host *h = sp->c->cgroups;
	struct cgroup_root root = h->root; /* the one that has been lent */
	int r = cgroup_host_read(sp->c->cgroups, true, e);

	if (h->root.fd > 0)
		fd_close(&sp->c->cgroups->root.fd);
	sp->c->cgroups->root = root;
	if (r < 0)
		return r;
	sp->hierarchies = arena_new_array(&sp->c->a, h->n + 1, struct mount_hierarchy);
	sp->n_hierarchies = h->n;
	for (unsigned i = 0; i < h->n; i++)
		sp->hierarchies[i] = (struct mount_hierarchy){
			.name = h->layout == HOST_CGROUP_V2 ? "" : path_base(h->h[i].mount),
			.controllers = h->h[i].v2 ? NULL : h->h[i].controllers,
			.path = *h->own[i]
					? arena_printf(&sp->c->a, "%s%s", h->h[i].mount, h->own[i])
					: NULL,
			.dir = -1,
			.tree = -1,
			.v2 = h->h[i].v2,
		};
	return mount_hierarchies_open(&sp->bp.plan, sp->hierarchies, sp->n_hierarchies, e);
}

/* What a cgroup mount shows: the container's own directory of each hierarchy. */
static int step_cgroup_views(struct spawn *sp, struct err *e)
{
	struct cgroup *g = &sp->s.rec.cgroup;

	if (!g->n) /* disabled, or the caller may make none */
		return caller_views(sp, e);
	sp->n_hierarchies = g->n;
	sp->hierarchies = arena_new_array(&sp->c->a, g->n + 1, struct mount_hierarchy);
	for (unsigned i = 0; i < g->n; i++)
		sp->hierarchies[i] = (struct mount_hierarchy){
			.name = g->layout == HOST_CGROUP_V2 ? "" : path_base(g->dir[i].mount),
			.controllers = g->dir[i].v2 ? NULL : g->dir[i].controllers,
			.path = arena_printf(&sp->c->a, "%s%s", g->dir[i].mount, g->dir[i].path),
			.dir = g->dir[i].v2 ? g->v2_fd : -1,
			.tree = -1,
			.v2 = g->dir[i].v2,
		};
	return mount_hierarchies_open(&sp->bp.plan, sp->hierarchies, g->n, e);
}

/* Init, which has the socket as well, listens to nobody before it hears CREATED. */
static int step_start_socket(struct spawn *sp, struct err *e)
{
	int r;

	if (sp->start_sock < 0)
		return 0;
	r = sock_bind_at(sp->start_sock, sp->s.en.dir, "start.sock", 0600);
	if (r == 0)
		r = sock_listen(sp->start_sock);
	fd_close(&sp->start_sock);
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "make the start socket") : 0;
}

/* What init finds when it wakes up. Everything is a copy after the clone. */
static void prepare_init(struct spawn *sp)
{
	const struct record *rec = &sp->s.rec;
	const struct plan *p = &sp->bp.plan;
	struct init *in = &sp->init;

	in->plan = p;
	in->sources = &sp->sources;
	in->ns = &sp->ns;
	in->filter = sp->filter;
	in->chan = sp->init_chan;
	in->start_sock = sp->start_sock;
	in->signals = sp->signals;
	in->lock_fd = sp->trace_fd;
	in->console_sock = sp->console_sock;
	in->streams = sp->streams.inner;
	in->nofile = sp->c->nofile;
	in->host_dirs[0] = sp->c->root_fd;
	in->host_dirs[1] = sp->s.en.dir;
	in->host_dirs[2] = sp->pidfd_sock;
	in->host_dirs[3] = rec->cgroup.v2_fd;
	in->host_dirs[4] = sp->draft.fd;
	in->host_dirs[5] = sp->c->cgroups->root.fd > 0 ? sp->c->cgroups->root.fd : -1;
	in->pty_master = in->pty_slave = in->start_conn = in->listener = in->target = in->root_dir =
		in->ruleset = -1;
	in->tree = (struct mount_tree)MOUNT_TREE_INIT;
	in->tree.plan = p;
	in->tree.sources = &sp->sources;
	in->tree.hierarchies = sp->hierarchies;
	in->tree.n_hierarchies = sp->n_hierarchies;
	in->tree.userns_fd = sp->userns_fd;
	status_fill(sp->c, rec, STATUS_CREATING, &in->state);
	arena_init(&in->arena);
	/* The runtime has to act on the pid before init goes on. */
	in->place = p->os->n_net_devices || p->os->rdt.set;
	in->place |= rec->cgroup.manager == CGROUP_SYSTEMD &&
		     (rec->cgroup.layout != HOST_CGROUP_V2 || rec->cgroup.v2_no_clone);
	in->loopback = p->loopback_up;
	/* Not where it belongs to another user namespace, nor where init must be in it at once. */
	in->network_comes = p->ns.created & CLONE_NEWNET && !(p->ns.created & CLONE_NEWUSER) &&
			    !p->ns.joined && !in->place && host_can(&sp->c->host, CAP_SYS_ADMIN);
	in->cgroup = &rec->cgroup;
	in->cgroup_doors = sp->doors;
}

static int step_raise_limits(struct spawn *sp, struct err *e)
{
	return sp->bp.plan.process.set ? tune_rlimits_raise(&sp->bp.spec.process, e) : 0;
}

static int step_close_inherited(struct spawn *sp, struct err *e)
{
	(void)e;
	close_inherited(sp->c, sp->o->preserve_fds + sp->o->listen_fds);
	return 0;
}

void spawn_close_doors(struct spawn *sp)
{
	for (size_t i = 0; i < ARRAY_LEN(sp->doors); i++)
		fd_close(&sp->doors[i]);
}

/*
 * SECURITY: X2. Init moves its image before it does anything else, in a pid namespace where nobody
 * can be yet, or in its user namespace, where alone it has the right. Into a pid namespace that is
 * not its own it is born with an image that the runtime moved.
 */
static int step_seal(struct spawn *sp, struct err *e)
{
	const struct plan_ns *ns = &sp->bp.plan.ns;

	if (!sp->seals) /* this is the sealed copy */
		return 0;
	sp->init.seal = !host_can(&sp->c->host, CAP_SYS_ADMIN) ||
			(ns->created & CLONE_NEWPID && !ns->joined);
	if (sp->init.seal)
		return 0;
	return init_seal(INIT_PART_ALL, e);
}

static int step_clone(struct spawn *sp, struct err *e)
{
	struct record *rec = &sp->s.rec;
	struct clone_args args = { .exit_signal = 0 }; /* see pidfd_reap_clones */
	uint64_t flags = 0;
	int r, back;

	prepare_init(sp);
	r = ns_runtime_enter(&sp->bp.plan, &sp->ns, &flags, e);
	if (r == 0) {
		if (sp->init.network_comes)
			flags &= ~(uint64_t)CLONE_NEWNET;
		args.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
		args.pidfd = (uint64_t)(uintptr_t)&sp->pidfd;
		if (rec->cgroup.v2_fd >= 0 && !rec->cgroup.v2_no_clone) {
			args.flags |= CLONE_INTO_CGROUP;
			args.cgroup = (uint64_t)rec->cgroup.v2_fd;
			rec->cgroup.v2_placed = true;
		}
		r = sys_clone3(&args);
		if (r == 0) {
			fd_close(&sp->chan);
			init_main(&sp->init);
		}
		if (r < 0)
			ns_explain_new(flags, r, e);
	}
	back = ns_runtime_leave(&sp->bp.plan, &sp->ns, e);
	if (r < 0 || back < 0)
		return r < 0 ? r : back;
	sp->pid = r;
	console_streams_given(&sp->streams);
	if (rec->cgroup.v2_placed)
		cgroup_settle(&rec->cgroup);
	fd_close(&sp->init_chan);
	spawn_close_doors(sp);
	fd_close(&sp->trace_fd); /* init alone holds the lock now */
	return 0;
}

/*
 * KERNEL: takes as long as all other namespaces together; init can do without for a while. When it
 * cannot be made here, init has the error with its words.
 */
static int step_network(struct spawn *sp, struct err *e)
{
	const struct spec_hooks *h = &sp->bp.spec.hooks;
	_cleanup_fd_ int own = -1, made = -1;
	bool up = sp->init.loopback, first = h->n[HOOK_CREATE_CONTAINER] > 0, sent;
	int r = 0, back;

	if (!sp->init.network_comes)
		return 0;
	if (net_namespace_enter(&own, &made) < 0)
		return sync_send_ahead(sp->chan, SYNC_NO_NETWORK, -1, &sent, e);
	if (up && first) /* who runs hooks without asking us */
		r = net_loopback_up(e);
	if (r == 0)
		r = sync_send_ahead(sp->chan, SYNC_NETWORK, made, &sent, e);
	if (r == 0 && up && !first)
		r = net_loopback_up(e);
	back = net_namespace_leave(own, e);
	return r < 0 ? r : back;
}

/* SECURITY: G4: before init hears that it may execute anything. */
static int step_devices(struct spawn *sp, struct err *e)
{
	return cgroup_devices(&sp->s.rec.cgroup, &sp->bp.plan.cgroup, e);
}

/*
 * Init waits for its start: its cgroup namespace, if that is new, has the group above as its root,
 * as clients of crun expect.
 */
static int step_leaf(struct spawn *sp, struct err *e)
{
	const char *leaf = sp->bp.plan.cgroup.leaf;

	return leaf ? cgroup_leaf_enter(&sp->s.rec.cgroup, leaf, sp->pid, e) : 0;
}

static int step_scheduler(struct spawn *sp, struct err *e)
{
	const struct spec_process *p = &sp->bp.spec.process;

	return p->set && p->scheduler.set ? tune_scheduler(&p->scheduler, sp->pid, e) : 0;
}

/*
 * Nothing that init asks for, or that is to be done when it is READY: the answer would come behind
 * START, and the program would run before it is done.
 */
static bool may_start_ahead(const struct spawn *sp)
{
	const struct plan *p = &sp->bp.plan;
	const struct spec_hooks *h = &sp->bp.spec.hooks;

	return sp->o->run && !sp->o->pid_file && sp->pidfd_sock < 0 && p->process.set &&
	       !p->process.terminal && !p->process.notify && !p->ns.forks &&
	       !((p->ns.created | p->ns.joined) & CLONE_NEWUSER) && !sp->init.place &&
	       !p->cgroup.leaf && !p->landlock.set && !h->n[HOOK_PRESTART] &&
	       !h->n[HOOK_CREATE_RUNTIME] && !sp->bp.spec.process.scheduler.set;
}

/*
 * `run` has nobody to wait for between READY and START: two processors that would have to be woken.
 * The record says that the container is created before its program can run.
 */
static int step_start_ahead(struct spawn *sp, struct err *e)
{
	struct record next = sp->s.rec;
	int r;

	if (!may_start_ahead(sp))
		return 0;
	next.phase = PHASE_CREATED;
	r = record_commit(&sp->s.en, &next, &sp->c->a, &sp->draft, e);
	if (r < 0)
		return r;
	return sync_send_ahead(sp->chan, SYNC_START, -1, &sp->started, e);
}

static int step_record(struct spawn *sp, struct err *e)
{
	struct record *rec = &sp->s.rec;
	int r = 0;

	rec->phase = PHASE_CREATED;
	if (!sp->started)
		r = record_commit(&sp->s.en, rec, &sp->c->a, &sp->draft, e);
	if (r == 0 && !sp->o->run)
		r = status_show(sp->c, rec, STATUS_CREATED, &sp->created, e);
	if (r == 0 && sp->pidfd_sock >= 0)
		r = console_send(sp->pidfd_sock, sp->pidfd, "pidfd", sp->pidfd_place, e);
	if (r == 0 && sp->o->pid_file)
		r = pid_file_show(sp->o->pid_file, sp->pid, &sp->pid_file, e);
	return r;
}

/* In order; each name appears in errors, in the flight recorder and in doc/choreography.md. */
const struct spawn_step spawn_steps[] = {
	{ "claim", step_claim },
	{ "intent", step_intent },
	{ "channel", step_channel },
	{ "flight-recorder", step_trace },
	{ "open-namespaces", step_namespaces },
	{ "open-sources", step_sources },
	{ "open-hooks", step_host_hooks },
	{ "console-socket", step_console },
	{ "cgroup", step_cgroup },
	{ "cgroup-views", step_cgroup_views },
	{ "rdt", step_rdt },
	{ "raise-limits", step_raise_limits },
	{ "close-inherited", step_close_inherited },
	{ "seal", step_seal },
	{ "clone", step_clone },
	{ "network", step_network },
	{ "adjust", spawn_adjust },
	{ "devices", step_devices },
	{ "publish", step_publish },
	{ "config-copy", step_config_copy },
	{ "draft-record", step_draft },
	{ "compile-filter", spawn_filter },
	{ "start-ahead", step_start_ahead },
	{ "exec-copy", step_exec_copy },
	{ "start-socket", step_start_socket },
	{ "draft-public", step_draft_public },
	{ "release-sources", step_release },
	{ "serve", spawn_serve },
	{ "leaf", step_leaf },
	{ "scheduler", step_scheduler },
	{ "listener", spawn_listener },
	{ "record", step_record },
};
const size_t spawn_n_steps = ARRAY_LEN(spawn_steps);

/* A restore: CRIU makes the processes and their mounts, all around them is made as by create. */
const struct spawn_step spawn_restore_steps[] = {
	{ "open-images", restore_open },
	{ "claim", step_claim },
	{ "intent", step_intent },
	{ "flight-recorder", step_trace },
	{ "open-namespaces", step_namespaces },
	{ "open-sources", step_sources },
	{ "console-socket", step_console },
	{ "cgroup", step_cgroup },
	{ "devices", step_devices },
	{ "rdt", step_rdt },
	{ "close-inherited", step_close_inherited },
	{ "criu", restore_begin },
	{ "publish", step_publish },
	{ "config-copy", step_config_copy },
	{ "restore", restore_serve },
	{ "record", step_record },
};
const size_t spawn_n_restore_steps = ARRAY_LEN(spawn_restore_steps);
