/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/ns: {inherit, new, join} for eight kinds of namespaces becomes an ordered list of
 * operations. Hides the rules of clone3(2), setns(2), unshare(2) and time_namespaces(7) about who
 * may do what when.
 */
#include <errno.h>
#include <linux/capability.h>

#include "plan/parts.h"
#include "sys/abi.h"

static const uint64_t clone_flag[NS_KINDS] = {
	[NS_PID] = CLONE_NEWPID,       [NS_NETWORK] = CLONE_NEWNET, [NS_MOUNT] = CLONE_NEWNS,
	[NS_IPC] = CLONE_NEWIPC,       [NS_UTS] = CLONE_NEWUTS,	    [NS_USER] = CLONE_NEWUSER,
	[NS_CGROUP] = CLONE_NEWCGROUP, [NS_TIME] = CLONE_NEWTIME,
};

uint64_t plan_ns_flag(enum spec_ns ns)
{
	return clone_flag[ns];
}

/* The mount namespace comes last: joining it changes the root, and the others may still need /proc.
 */
static const enum spec_ns join_order[] = { NS_NETWORK, NS_IPC, NS_UTS,	NS_CGROUP,
					   NS_TIME,    NS_PID, NS_MOUNT };

static void add_runtime(struct plan_ns *p, enum plan_ns_what what, enum spec_ns ns, uint64_t flags)
{
	p->runtime[p->n_runtime++] = (struct plan_ns_op){ .what = what, .ns = ns, .flags = flags };
}

static void add_init(struct plan_ns *p, enum plan_ns_what what, enum spec_ns ns, uint64_t flags)
{
	p->init[p->n_init++] = (struct plan_ns_op){ .what = what, .ns = ns, .flags = flags };
}

static void add_fork(struct plan_ns *p, uint64_t flags)
{
	add_init(p, NS_OP_FORK, NS_PID, flags);
	p->forks = true;
}

/*
 * A new time namespace whose clocks are set.
 * KERNEL: offsets can be written only while nobody lives in the namespace, so it must be unshared
 * (which acts on later children only) and cannot come with clone3. Since 5.6. time_namespaces(7).
 */
static void add_init_offsets(struct plan_ns *p)
{
	add_init(p, NS_OP_UNSHARE, NS_TIME, CLONE_NEWTIME);
	add_init(p, NS_OP_OFFSETS, NS_TIME, 0);
}

/*
 * KERNEL: the root of an ipc namespace's mqueue belongs to who made the namespace, and to nobody
 * where that user has no id in the user namespace. So init makes it when it has its ids.
 * ipc/mqueue.c, mqueue_get_inode
 */
static void add_mapped(struct plan_ns *p)
{
	add_init(p, NS_OP_IDMAP, NS_USER, 0);
	add_init(p, NS_OP_SETID, NS_USER, 0);
	if (p->created & CLONE_NEWIPC)
		add_init(p, NS_OP_UNSHARE, NS_IPC, CLONE_NEWIPC);
}

/* The user namespace is given by path. */
static void order_joined_user(struct plan_ns *p, bool offsets)
{
	uint64_t rest = p->created & ~(CLONE_NEWCGROUP | CLONE_NEWPID | CLONE_NEWTIME);
	uint64_t fork = p->created & CLONE_NEWPID;

	offsets = offsets && p->created & CLONE_NEWTIME;
	add_runtime(p, NS_OP_CLONE, NS_USER, 0);
	/* What belongs to the host's user namespace must be joined while we are still privileged
	 * there, what belongs to the joined one after we are in it. Which is which shows only by
	 * trying. */
	for (size_t i = 0; i < ARRAY_LEN(join_order); i++)
		if (p->joined & clone_flag[join_order[i]])
			add_init(p, NS_OP_TRY_SETNS, join_order[i], 0);
	add_init(p, NS_OP_SETNS, NS_USER, 0);
	/* Before the ids change: that makes /proc/self unwritable for a process that is not
	 * dumpable. */
	if (offsets)
		add_init_offsets(p);
	else
		fork |= p->created & CLONE_NEWTIME;
	add_init(p, NS_OP_SETID, NS_USER, 0);
	if (rest)
		add_init(p, NS_OP_UNSHARE, NS_USER, rest);
	/* KERNEL: setns and unshare of a pid namespace, and unshare of a time namespace, act on
	 * children only. pid_namespaces(7), time_namespaces(7). */
	if (fork || offsets || p->joined & CLONE_NEWPID)
		add_fork(p, fork);
}

/*
 * A new user namespace that clone3 cannot make in one step: clocks must be set by a privileged
 * process of the new user namespace, or the mount namespace must be joined by one that still has
 * the host's rights.
 */
static void order_new_user_staged(struct plan_ns *p, bool offsets)
{
	uint64_t owned =
		p->created & ~(CLONE_NEWCGROUP | CLONE_NEWPID | CLONE_NEWTIME | CLONE_NEWIPC);
	uint64_t fork = p->created & CLONE_NEWPID;

	offsets = offsets && p->created & CLONE_NEWTIME;
	if (p->joined & CLONE_NEWNS) {
		add_runtime(p, NS_OP_CLONE, NS_USER, 0);
		add_init(p, NS_OP_SETNS, NS_MOUNT, 0);
		/* KERNEL: with CLONE_NEWUSER among them, the user namespace is made first and owns
		 * the others. user_namespaces(7). */
		add_init(p, NS_OP_UNSHARE, NS_USER, owned);
	} else {
		add_runtime(p, NS_OP_CLONE, NS_USER, owned);
	}
	if (offsets)
		add_init_offsets(p);
	else
		fork |= p->created & CLONE_NEWTIME;
	add_mapped(p);
	if (fork || offsets)
		add_fork(p, fork);
}

/*
 * The runtime lives in a user namespace that others have made, as under rootless podman.
 * KERNEL: a way back into a namespace needs CAP_SYS_ADMIN in the user namespace that owns it, and
 * those of the runtime may be the host's. setns(2). So init joins.
 */
static void order_no_return(struct plan_ns *p, bool offsets)
{
	uint64_t rest = p->created & ~(CLONE_NEWCGROUP | CLONE_NEWPID | CLONE_NEWTIME);
	uint64_t fork = p->created & CLONE_NEWPID;
	bool user = p->created & CLONE_NEWUSER;

	offsets = offsets && p->created & CLONE_NEWTIME;
	if (user)
		rest &= ~(uint64_t)CLONE_NEWIPC;
	if (!offsets)
		fork |= p->created & CLONE_NEWTIME;
	/* KERNEL: the first process of a pid namespace cannot fork a sibling. clone(2),
	 * CLONE_PARENT */
	add_runtime(p, NS_OP_CLONE, NS_USER, user ? 0 : offsets ? rest : rest | fork);
	for (size_t i = 0; i < ARRAY_LEN(join_order); i++)
		if (p->joined & clone_flag[join_order[i]])
			add_init(p, NS_OP_SETNS, join_order[i], 0);
	if (user)
		add_init(p, NS_OP_UNSHARE, NS_USER, rest);
	else if (!offsets)
		fork = 0;
	if (offsets)
		add_init_offsets(p);
	if (user)
		add_mapped(p);
	if (fork || offsets || p->joined & CLONE_NEWPID)
		add_fork(p, fork);
}

/* No user namespace is joined. */
static void order_direct(struct plan_ns *p, bool offsets)
{
	bool user = p->created & CLONE_NEWUSER;
	/* 50 us that init spends while the runtime makes the network namespace */
	const bool beside = p->created & CLONE_NEWNET && !user && !p->joined;
	const uint64_t late = beside || user ? p->created & CLONE_NEWIPC : 0;

	offsets = offsets && p->created & CLONE_NEWTIME;
	/* Joined by the runtime, which has the rights and returns to its own afterwards. Not the
	 * mount namespace: it would take the runtime's root with it. */
	for (size_t i = 0; i < ARRAY_LEN(join_order); i++)
		if (join_order[i] != NS_MOUNT && p->joined & clone_flag[join_order[i]])
			add_runtime(p, NS_OP_SETNS, join_order[i], 0);
	if (user && (offsets || p->joined & CLONE_NEWNS)) {
		order_new_user_staged(p, offsets);
		return;
	}
	if (offsets) {
		add_runtime(p, NS_OP_UNSHARE, NS_TIME, CLONE_NEWTIME);
		add_runtime(p, NS_OP_OFFSETS, NS_TIME, 0);
	}
	/* KERNEL: clone3 takes CLONE_NEWTIME (clone does not) and puts the child into the new
	 * namespace. Since 5.7. clone(2), tried on 6.18. */
	add_runtime(p, NS_OP_CLONE, NS_USER,
		    p->created & ~(late | CLONE_NEWCGROUP | (offsets ? CLONE_NEWTIME : 0)));
	if (late && !user)
		add_init(p, NS_OP_UNSHARE, NS_IPC, late);
	if (p->joined & CLONE_NEWNS)
		add_init(p, NS_OP_SETNS, NS_MOUNT, 0);
	if (user)
		add_mapped(p);
}

void plan_ns_order(const struct spec_namespace ns[NS_KINDS], bool offsets, bool returns,
		   struct plan_ns *ret)
{
	struct plan_ns p = { 0 };

	for (int i = 0; i < NS_KINDS; i++) {
		if (!ns[i].listed)
			continue;
		if (ns[i].path)
			p.joined |= clone_flag[i];
		else
			p.created |= clone_flag[i];
		p.path[i] = ns[i].path;
		p.index[i] = ns[i].index;
	}
	p.has_mount_ns = (p.created | p.joined) & CLONE_NEWNS;
	if (p.joined & CLONE_NEWUSER)
		order_joined_user(&p, offsets);
	else if (!returns && (p.joined & ~CLONE_NEWNS || (offsets && p.created & CLONE_NEWTIME)))
		order_no_return(&p, offsets);
	else
		order_direct(&p, offsets);
	if (p.created & CLONE_NEWCGROUP) {
		/* in one call with what comes last anyway */
		if (p.n_init && p.init[p.n_init - 1].flags == CLONE_NEWIPC)
			p.init[p.n_init - 1].flags |= CLONE_NEWCGROUP;
		else
			add_init(&p, NS_OP_UNSHARE, NS_CGROUP, CLONE_NEWCGROUP);
	}
	*ret = p;
}

/* --strict-namespaces (S-36): a namespace given by path is used as it is. */
static int check_strict(struct maker *m, struct err *e)
{
	const struct spec *s = m->spec;
	const struct plan *p = m->plan;

	if (!m->opt->strict_namespaces)
		return 0;
	if (plan_ns_joined(p, NS_UTS) && (s->hostname || s->domainname)) {
		err_set(e, ERR_CFG_CONFLICT, 0,
			"the uts namespace is joined by path and --strict-namespaces forbids to "
			"change it");
		return err_at(e, -EINVAL, "%s", s->hostname ? "/hostname" : "/domainname");
	}
	if (plan_ns_joined(p, NS_NETWORK) && s->os.n_net_devices) {
		err_set(e, ERR_CFG_CONFLICT, 0,
			"the network namespace is joined by path and --strict-namespaces forbids "
			"to change it");
		return err_at(e, -EINVAL, "/linux/netDevices");
	}
	return 0;
}

static int check_clocks(struct maker *m, struct err *e)
{
	const struct spec_linux *os = &m->spec->os;

	if (!os->monotonic.set && !os->boottime.set)
		return 0;
	if (plan_ns_new(m->plan, NS_TIME))
		return 0;
	err_set(e, ERR_CFG_CONFLICT, 0, "%s",
		plan_ns_joined(m->plan, NS_TIME)
			? "the clocks of a time namespace that is joined by path cannot be set"
			: "clock offsets need an entry of type time in /linux/namespaces");
	return err_at(e, -EINVAL, "/linux/timeOffsets");
}

static int check_uts(struct maker *m, struct err *e)
{
	const struct spec *s = m->spec;
	int r;

	if (plan_ns_own(m->plan, NS_UTS) || (!s->hostname && !s->domainname))
		return 0;
	r = err_set(e, ERR_CFG_CONFLICT, 0,
		    "without an entry of type uts in /linux/namespaces this would rename the host");
	return err_at(e, r, "%s", s->hostname ? "/hostname" : "/domainname");
}

/* The mount namespace must belong to the container's user namespace, else every mount is refused.
 */
static int check_mount_owner(struct maker *m, struct err *e)
{
	const struct plan *p = m->plan;
	const char *why = NULL;

	if (!plan_ns_own(p, NS_USER))
		return 0;
	/* KERNEL: mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace.
	 * mount_namespaces(7). */
	if (!p->ns.has_mount_ns)
		why = "a container with a user namespace needs a mount namespace too: add an entry "
		      "of type mount";
	else if (plan_ns_new(p, NS_USER) && plan_ns_joined(p, NS_MOUNT))
		why = "a new user namespace has no rights over a mount namespace that exists "
		      "already";
	if (!why)
		return 0;
	err_set(e, ERR_CFG_CONFLICT, 0, "%s", why);
	return err_at(e, -EINVAL, "/linux/namespaces");
}

static int check_privilege(struct maker *m, struct err *e)
{
	const struct plan *p = m->plan;
	int r;

	if (host_can(m->host, CAP_SYS_ADMIN) || plan_ns_own(p, NS_USER) ||
	    !(p->ns.created | p->ns.joined))
		return 0;
	r = err_set(
		e, ERR_CFG_HOST, EPERM,
		"uid %u lacks CAP_SYS_ADMIN; without it every namespace needs a user namespace: "
		"add an entry of type user with mappings (hull spec --rootless writes one)",
		m->host->euid);
	return err_at(e, r, "/linux/namespaces");
}

int plan_make_ns(struct maker *m, struct err *e)
{
	static int (*const checks[])(struct maker *, struct err *) = {
		check_clocks, check_uts, check_mount_owner, check_privilege, check_strict,
	};
	const struct spec_linux *os = &m->spec->os;

	plan_ns_order(os->namespaces, os->monotonic.set || os->boottime.set,
		      m->host->initial_userns, &m->plan->ns);
	m->plan->loopback_up = plan_ns_new(m->plan, NS_NETWORK);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		int r = checks[i](m, e);

		if (r < 0 && !plan_go_on(m, e))
			return r;
	}
	return 0;
}
