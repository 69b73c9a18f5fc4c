/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/seccomp: the filters of the container's process, read back from the kernel where that is
 * permitted, and what they decide call by call beside what the profile means.
 */
#include "seccomp/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>

#include "audit/room.h"
#include "base/io.h"
#include "base/str.h"
#include "spec/spec.h"
#include "sys/tracee.h"

static const char at[] = "/linux/seccomp";

struct filters {
	struct seccomp_program wants; /* n 0: none */
	struct seccomp_program *has;
	size_t n;
	bool known; /* read back */
};

/* The arguments a decision is asked for: those of a call that says nothing, and its opposite. */
static const uint64_t probes[] = { 0, UINT64_MAX };

static struct seccomp_data probe(const struct seccomp_data *call, uint64_t value)
{
	struct seccomp_data d = *call;

	for (unsigned i = 0; i < ARRAY_LEN(d.args); i++)
		d.args[i] = value;
	return d;
}

/*
 * KERNEL: all filters are run, the strictest answer counts, the newest among equals. Lower is
 * stricter as a signed number. seccomp(2)
 */
static uint32_t decide(const struct seccomp_program *v, size_t n, const struct seccomp_data *call)
{
	uint32_t out = SECCOMP_RET_ALLOW;

	for (size_t i = n; i-- > 0;) {
		uint32_t r = seccomp_decide(&v[i], call);

		if ((int32_t)(r & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(out & SECCOMP_RET_ACTION_FULL))
			out = r;
	}
	return out;
}

static const char *action_text(struct arena *a, uint32_t r)
{
	const char *name = table_name(&spec_seccomp_actions, r & SECCOMP_RET_ACTION_FULL);

	if (!name)
		return arena_printf(a, "%#x", r);
	if ((r & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		return arena_printf(a, "%s %u", name, r & SECCOMP_RET_DATA);
	return name;
}

/* All calls of one architecture. The number of those that differ. */
static size_t judge_arch(struct audit *u, const struct filters *f, enum spec_seccomp_arch arch,
			 bool same)
{
	struct audit_report *p = u->report;
	size_t differ = 0;

	for (unsigned i = 0; i < seccomp_n_calls(); i++) {
		struct audit_call c = { .arch = table_name(&spec_seccomp_archs, arch) };
		struct seccomp_data call = { 0 };
		uint32_t has, wants;

		if (!seccomp_call(arch, i, &c.name, &call))
			continue;
		c.number = (uint32_t)call.nr;
		wants = decide(&f->wants, f->wants.n ? 1 : 0, &call);
		c.wants = action_text(u->arena, wants);
		for (size_t k = 0; f->known && !same && k < ARRAY_LEN(probes); k++) {
			struct seccomp_data d = probe(&call, probes[k]);

			c.differs |= decide(f->has, f->n, &d) !=
				     decide(&f->wants, f->wants.n ? 1 : 0, &d);
		}
		has = f->known ? decide(f->has, f->n, &call) : 0;
		c.has = f->known ? action_text(u->arena, has) : NULL;
		differ += c.differs;
		*(struct audit_call *)arena_push(u->arena, &p->calls, &p->n_calls, sizeof(c)) = c;
	}
	return differ;
}

/*
 * Is one of the filters, instruction for instruction, the one that is meant? Others can only be
 * stricter.
 */
static bool holds_wanted(const struct filters *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->has[i].n == f->wants.n &&
		    !memcmp(f->has[i].insns, f->wants.insns, f->wants.n * sizeof(*f->wants.insns)))
			return true;
	return false;
}

static uint32_t judged_archs(const struct audit *u)
{
	return u->spec.os.seccomp.archs | 1u << seccomp_native();
}

static void judge(struct audit *u, const struct filters *f)
{
	bool same = f->known && f->n == 1 && holds_wanted(f);
	size_t differ = 0;

	for (enum spec_seccomp_arch arch = 0; arch < ARCHS; arch++)
		if (judged_archs(u) >> arch & 1 && seccomp_arch_here(arch))
			differ += judge_arch(u, f, arch, same);
	if (!f->known)
		return;
	if (same)
		audit_add(u, AUDIT_SAME, "seccomp", "filter", at, "",
			  "that of the profile, %u instructions, read back from the kernel",
			  f->wants.n);
	else if (!f->wants.n)
		audit_add(u, AUDIT_NOTE, "seccomp", "filter", at, "none",
			  "%zu of the program's own or of whoever runs hull", f->n);
	else if (holds_wanted(f))
		audit_add(u, AUDIT_NOTE, "seccomp", "filter", at, "one",
			  "that of the profile, and %zu more; %zu calls are stricter for it",
			  f->n - 1, differ);
	else
		audit_add(u, differ ? AUDIT_DIFFERS : AUDIT_SAME, "seccomp", "filter", at,
			  "that of the profile",
			  "%zu filters read back; %zu calls are decided otherwise", f->n, differ);
}

/* The reason why there is nothing read back, or NULL. */
static const char *read_back(struct audit *u, struct filters *f)
{
	struct ptrace_filter *v;
	int r;

	if (u->opt->leave_alone)
		return "not asked for (--no-stop)";
	if (u->s.st.status == STATUS_PAUSED)
		return "a paused process cannot be stopped for it";
	r = ptrace_filters(u->pid, u->s.st.pidfd, io_now() + SECONDS(2), u->arena, &v, &f->n);
	if (r < 0)
		/* KERNEL: EACCES also when the one who asks is filtered itself. kernel/seccomp.c */
		return r == -EBUSY || r == -EPERM || r == -EACCES
			       ? "needs CAP_SYS_ADMIN, no tracer on the process and no filter on "
				 "hull"
		       : r == -EINVAL || r == -EIO ? "this kernel does not show filters "
						     "(CONFIG_CHECKPOINT_RESTORE)"
						   : strerror(-r);
	f->has = arena_new_array(u->arena, f->n + 1, struct seccomp_program);
	for (size_t i = 0; i < f->n; i++)
		f->has[i] = (struct seccomp_program){ .insns = v[i].insns, .n = v[i].n };
	f->known = true;
	return NULL;
}

int audit_seccomp(struct audit *u, struct err *e)
{
	const char *mode = audit_field(u, u->status, "Seccomp"), *why;
	struct filters f = { 0 };
	unsigned unknown;
	int r = seccomp_prepare(&u->spec, u->arena, &f.wants, &unknown, e);

	if (r < 0)
		return r;
	if (!mode) {
		audit_add(u, f.wants.n ? AUDIT_DIFFERS : AUDIT_SAME, "seccomp", "mode", at,
			  "a filter", "this kernel has no seccomp");
		return 0;
	}
	if (streq(mode, "0")) {
		audit_add(u, f.wants.n ? AUDIT_DIFFERS : AUDIT_EXPOSED, "seccomp", "mode", at,
			  f.wants.n ? "a filter" : "", "no filter: every system call is permitted");
		return 0;
	}
	why = read_back(u, &f);
	if (why)
		audit_add(
			u, AUDIT_NOTE, "seccomp", "filter", at, "",
			"%s filters; decisions are those of the stored profile, not read back: %s",
			audit_field(u, u->status, "Seccomp_filters"), why);
	judge(u, &f);
	return 0;
}
