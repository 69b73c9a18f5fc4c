/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/ns: all 3^8 combinations of {inherit, new, join} obey the rules of the kernel; the common
 * ones are as written here by hand.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "plan/parts.h"
#include "sys/abi.h"

enum { INHERIT, NEW, JOIN, CHOICES };

static const char *const kind_names[NS_KINDS] = { "pid", "network", "mount",  "ipc",
						  "uts", "user",    "cgroup", "time" };

static void make(const int choice[NS_KINDS], bool offsets, bool returns, struct plan_ns *ret)
{
	struct spec_namespace ns[NS_KINDS] = { 0 };

	for (int i = 0; i < NS_KINDS; i++) {
		ns[i].listed = choice[i] != INHERIT;
		ns[i].path = choice[i] == JOIN ? "/proc/1/ns/x" : NULL;
	}
	plan_ns_order(ns, offsets, returns, ret);
}

/* The operations as one line of text. */
static const char *text(const struct plan_ns *p)
{
	static const char *const what[] = { "setns", "try",   "unshare", "offsets",
					    "clone", "idmap", "setid",	 "fork" };
	static char buf[1024];
	struct strbuf b = STRBUF(buf);

	for (int side = 0; side < 2; side++) {
		const struct plan_ns_op *ops = side ? p->init : p->runtime;
		unsigned n = side ? p->n_init : p->n_runtime;

		sb_add(&b, side ? " |" : "");
		for (unsigned i = 0; i < n; i++) {
			sb_printf(&b, "%s%s", b.len ? " " : "", what[ops[i].what]);
			if (ops[i].what == NS_OP_SETNS || ops[i].what == NS_OP_TRY_SETNS)
				sb_printf(&b, ":%s", kind_names[ops[i].ns]);
			if (ops[i].what == NS_OP_CLONE || ops[i].what == NS_OP_UNSHARE ||
			    ops[i].what == NS_OP_FORK) {
				const char *sep = ":";

				for (int k = 0; k < NS_KINDS; k++)
					if (ops[i].flags & plan_ns_flag(k)) {
						sb_printf(&b, "%s%s", sep, kind_names[k]);
						sep = "+";
					}
			}
		}
	}
	return buf;
}

/* A model of the kernel that runs the operations and tells the first rule that is broken. */
struct model {
	int made[NS_KINDS], joined[NS_KINDS];
	bool in_user;	   /* init lives in the new or joined user namespace */
	bool mapped, ids;  /* maps written; ids set */
	bool time_pending; /* unshared, nobody lives in it yet */
	bool pid_pending;  /* joined by init itself: acts on children only */
	bool forked, cgroup_done;
	const char *broken;
};

static void fail(struct model *m, const char *why)
{
	if (!m->broken)
		m->broken = why;
}

static void create(struct model *m, uint64_t flags, const int choice[NS_KINDS], bool by_runtime)
{
	if (flags & CLONE_NEWUSER) {
		m->made[NS_USER]++;
		m->in_user = true;
	}
	for (int k = 0; k < NS_KINDS; k++) {
		if (k == NS_USER || !(flags & plan_ns_flag(k)))
			continue;
		m->made[k]++;
		if (choice[NS_USER] != INHERIT && !m->in_user &&
		    !(by_runtime && k == NS_TIME && choice[NS_USER] == INHERIT))
			fail(m, "a namespace is made before the user namespace that must own it");
		if (m->cgroup_done)
			fail(m, "something follows the cgroup namespace");
		m->cgroup_done |= k == NS_CGROUP;
	}
}

static void join(struct model *m, enum spec_ns ns, bool by_runtime)
{
	/* TRY may have happened and failed; then SETNS user joins the rest. Counted once. */
	m->joined[ns]++;
	if (ns == NS_PID && !by_runtime)
		m->pid_pending = true;
	if (ns == NS_USER)
		m->in_user = true;
}

static const char *run(const struct plan_ns *p, const int choice[NS_KINDS], bool offsets,
		       bool returns)
{
	struct model m = { 0 };
	unsigned clones = 0, writes = 0;

	for (unsigned i = 0; i < p->n_runtime; i++) {
		const struct plan_ns_op *op = &p->runtime[i];

		if (clones)
			fail(&m, "the runtime does something after the clone");
		if (!returns && op->what != NS_OP_CLONE)
			fail(&m, "the runtime goes where it cannot come back from");
		switch (op->what) {
		case NS_OP_SETNS:
			if (op->ns == NS_MOUNT || op->ns == NS_USER)
				fail(&m, "the runtime joins a namespace it cannot leave");
			join(&m, op->ns, true);
			break;
		case NS_OP_UNSHARE:
			if (op->flags != CLONE_NEWTIME || choice[NS_USER] != INHERIT)
				fail(&m, "the runtime unshares something else than time, or for a "
					 "user namespace");
			create(&m, op->flags, choice, true);
			m.time_pending = true;
			break;
		case NS_OP_OFFSETS:
			if (!m.time_pending)
				fail(&m, "offsets without a fresh time namespace");
			writes++;
			break;
		case NS_OP_CLONE:
			clones++;
			if (op->flags & CLONE_NEWCGROUP)
				fail(&m, "the cgroup namespace comes with the clone");
			create(&m, op->flags, choice, true);
			m.time_pending = false;
			break;
		default:
			fail(&m, "no operation of the runtime");
		}
	}
	if (clones != 1)
		fail(&m, "not exactly one clone");
	for (unsigned i = 0; i < p->n_init; i++) {
		const struct plan_ns_op *op = &p->init[i];

		switch (op->what) {
		case NS_OP_TRY_SETNS:
			if (choice[NS_USER] != JOIN || m.in_user)
				fail(&m, "a needless try");
			join(&m, op->ns, false);
			break;
		case NS_OP_SETNS:
			if (op->ns != NS_USER && ((returns && op->ns != NS_MOUNT) || m.in_user))
				fail(&m, "init joins what the runtime should, or too late");
			join(&m, op->ns, false);
			break;
		case NS_OP_UNSHARE:
			if (op->flags & CLONE_NEWTIME)
				m.time_pending = true;
			if (!op->flags || op->flags & CLONE_NEWPID)
				fail(&m, "an empty unshare, or one of pid");
			create(&m, op->flags, choice, false);
			break;
		case NS_OP_OFFSETS:
			if (!m.time_pending || m.ids)
				fail(&m,
				     "offsets without a fresh time namespace, or after the ids");
			writes++;
			break;
		case NS_OP_IDMAP:
			if (choice[NS_USER] != NEW || !m.in_user || m.mapped)
				fail(&m, "maps at the wrong time");
			m.mapped = true;
			break;
		case NS_OP_SETID:
			if (!m.in_user || (choice[NS_USER] == NEW && !m.mapped) || m.ids)
				fail(&m, "ids at the wrong time");
			m.ids = true;
			break;
		case NS_OP_FORK:
			if (op->flags & ~(uint64_t)(CLONE_NEWPID | CLONE_NEWTIME) || m.forked)
				fail(&m, "a second fork or one with odd flags");
			if (m.made[NS_PID])
				fail(&m, "a fork by the first process of a pid namespace");
			if (!op->flags && !m.time_pending && !m.pid_pending)
				fail(&m, "a fork that nothing needs");
			create(&m, op->flags, choice, false);
			m.forked = true;
			m.time_pending = m.pid_pending = false;
			break;
		default:
			fail(&m, "no operation of init");
		}
	}
	if (m.time_pending || m.pid_pending)
		fail(&m, "a namespace is chosen but nobody was born into it");
	for (int k = 0; k < NS_KINDS; k++)
		if (m.made[k] != (choice[k] == NEW) || m.joined[k] != (choice[k] == JOIN))
			fail(&m, "a namespace is not made or joined exactly once");
	if (choice[NS_CGROUP] == NEW &&
	    (!p->n_init || !(p->init[p->n_init - 1].flags & CLONE_NEWCGROUP)))
		fail(&m, "the cgroup namespace is not last");
	if (m.ids != (choice[NS_USER] != INHERIT) || m.mapped != (choice[NS_USER] == NEW))
		fail(&m, "ids or maps are missing or too many");
	if (m.forked != p->forks)
		fail(&m, "forks is wrong");
	if (writes != (unsigned)(offsets && choice[NS_TIME] == NEW))
		fail(&m, "offsets are not written exactly once");
	/* An intermediate only where the kernel leaves no other way. */
	if (m.forked && choice[NS_USER] == INHERIT &&
	    (returns || (choice[NS_PID] != JOIN && !(choice[NS_TIME] == NEW && offsets))))
		fail(&m, "a fork without a user namespace");
	if (m.forked && choice[NS_USER] == NEW && !(choice[NS_TIME] == NEW && offsets) &&
	    choice[NS_MOUNT] != JOIN && returns)
		fail(&m, "a fork that clone3 could have saved");
	if (p->has_mount_ns != (choice[NS_MOUNT] != INHERIT))
		fail(&m, "has_mount_ns is wrong");
	return m.broken;
}

TEST(every_combination)
{
	for (int way = 0; way < 4; way++) {
		bool offsets = way & 1, returns = way & 2;

		for (int code = 0; code < 6561; code++) {
			int choice[NS_KINDS];
			struct plan_ns p;
			const char *broken;

			for (int k = 0, c = code; k < NS_KINDS; k++, c /= CHOICES)
				choice[k] = c % CHOICES;
			make(choice, offsets, returns, &p);
			CHECK(p.n_runtime <= PLAN_NS_OPS && p.n_init <= PLAN_NS_OPS);
			broken = run(&p, choice, offsets, returns);
			if (broken)
				FAIL_("combination %d%s%s: %s: %s", code,
				      offsets ? " with offsets" : "",
				      returns ? "" : " without return", broken, text(&p));
		}
	}
}

struct wanted {
	const char *name;
	int choice[NS_KINDS]; /* pid network mount ipc uts user cgroup time */
	bool offsets;
	const char *ops;
};

static const struct wanted table[] = {
	{ "nothing", { 0 }, false, "clone |" },
	{ "a usual container",
	  { 1, 1, 1, 1, 1, 0, 1, 0 },
	  false,
	  "clone:pid+network+mount+uts | unshare:ipc+cgroup" },
	{ "a usual container in the network of the host",
	  { 1, 0, 1, 1, 1, 0, 1, 0 },
	  false,
	  "clone:pid+mount+ipc+uts | unshare:cgroup" },
	{ "a container of a pod",
	  { 1, 2, 1, 2, 2, 0, 1, 0 },
	  false,
	  "setns:network setns:ipc setns:uts clone:pid+mount | unshare:cgroup" },
	{ "rootless",
	  { 1, 1, 1, 1, 1, 1, 1, 0 },
	  false,
	  "clone:pid+network+mount+uts+user | idmap setid unshare:ipc+cgroup" },
	{ "rootless, shared network",
	  { 1, 0, 1, 1, 1, 1, 0, 0 },
	  false,
	  "clone:pid+mount+uts+user | idmap setid unshare:ipc" },
	{ "pid joined", { 2, 0, 1, 0, 0, 0, 0, 0 }, false, "setns:pid clone:mount |" },
	{ "cgroup joined", { 1, 0, 1, 0, 0, 0, 2, 0 }, false, "setns:cgroup clone:pid+mount |" },
	{ "mount joined",
	  { 1, 0, 2, 0, 0, 0, 1, 0 },
	  false,
	  "clone:pid | setns:mount unshare:cgroup" },
	{ "time without offsets", { 1, 0, 1, 0, 0, 0, 0, 1 }, false, "clone:pid+mount+time |" },
	{ "time with offsets",
	  { 1, 0, 1, 0, 0, 0, 0, 1 },
	  true,
	  "unshare:time offsets clone:pid+mount |" },
	{ "time joined", { 1, 0, 1, 0, 0, 0, 0, 2 }, false, "setns:time clone:pid+mount |" },
	{ "user and time",
	  { 1, 1, 1, 0, 0, 1, 1, 1 },
	  false,
	  "clone:pid+network+mount+user+time | idmap setid unshare:cgroup" },
	{ "user and time with offsets",
	  { 1, 1, 1, 0, 0, 1, 1, 1 },
	  true,
	  "clone:network+mount+user | unshare:time offsets idmap setid fork:pid unshare:cgroup" },
	{ "user and time with offsets, pid shared",
	  { 0, 0, 1, 0, 0, 1, 0, 1 },
	  true,
	  "clone:mount+user | unshare:time offsets idmap setid fork" },
	{ "user, mount joined",
	  { 1, 1, 2, 0, 0, 1, 0, 0 },
	  false,
	  "clone | setns:mount unshare:network+user idmap setid fork:pid" },
	{ "user, mount joined, pid shared",
	  { 0, 1, 2, 0, 0, 1, 0, 0 },
	  false,
	  "clone | setns:mount unshare:network+user idmap setid" },
	{ "user joined",
	  { 1, 1, 1, 1, 1, 2, 1, 0 },
	  false,
	  "clone | setns:user setid unshare:network+mount+ipc+uts fork:pid unshare:cgroup" },
	{ "user and all others joined",
	  { 2, 2, 2, 2, 2, 2, 2, 2 },
	  false,
	  "clone | try:network try:ipc try:uts try:cgroup try:time try:pid try:mount setns:user "
	  "setid fork" },
	{ "user joined, time with offsets",
	  { 0, 0, 1, 0, 0, 2, 0, 1 },
	  true,
	  "clone | setns:user unshare:time offsets setid unshare:mount fork" },
	{ "user joined, time without offsets",
	  { 1, 0, 1, 0, 0, 2, 0, 1 },
	  false,
	  "clone | setns:user setid unshare:mount fork:pid+time" },
};

static const struct wanted from_below[] = {
	{ "nothing is joined",
	  { 1, 1, 1, 1, 1, 0, 1, 1 },
	  false,
	  "clone:pid+network+mount+uts+time | unshare:ipc+cgroup" },
	{ "a container of a pod",
	  { 1, 2, 1, 2, 2, 0, 1, 0 },
	  false,
	  "clone:pid+mount | setns:network setns:ipc setns:uts unshare:cgroup" },
	{ "a pod that shares its pids",
	  { 2, 2, 1, 0, 0, 0, 0, 0 },
	  false,
	  "clone:mount | setns:network setns:pid fork" },
	{ "a container of a pod, mapped",
	  { 1, 2, 1, 1, 2, 1, 1, 0 },
	  false,
	  "clone | setns:network setns:uts unshare:mount+user idmap setid unshare:ipc fork:pid "
	  "unshare:cgroup" },
	{ "time with offsets",
	  { 1, 0, 1, 0, 0, 0, 0, 1 },
	  true,
	  "clone:mount | unshare:time offsets fork:pid" },
};

/* Each row of @rows: the operations of what it chooses. */
static void check_rows(const struct wanted *rows, size_t n, bool returns)
{
	for (size_t i = 0; i < n; i++) {
		struct plan_ns p;

		make(rows[i].choice, rows[i].offsets, returns, &p);
		if (!streq(text(&p), rows[i].ops))
			FAIL_("%s: %s, not %s", rows[i].name, text(&p), rows[i].ops);
	}
}

TEST(without_return)
{
	check_rows(from_below, ARRAY_LEN(from_below), false);
}

TEST(common_combinations)
{
	check_rows(table, ARRAY_LEN(table), true);
}

UNIT_MAIN
