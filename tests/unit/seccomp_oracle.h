/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/seccomp_oracle: what a profile means, twice: a naive evaluation of the rules of
 * seccomp/seccomp.h, and the program that libseccomp makes when it is driven as the other runtimes
 * drive it.
 */
#ifndef HULL_TESTS_SECCOMP_ORACLE_H
#define HULL_TESTS_SECCOMP_ORACLE_H

#include <errno.h>
#include <linux/audit.h>
#define seccomp_load libseccomp_load /* hull has a function of that name */
#include <seccomp.h>
#undef seccomp_load
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "bpf_emulator.h"
#include "seccomp/seccomp.h"
#include "seccomp/tables.h"

/* ---- libseccomp ---- */

static const struct {
	uint32_t token; /* 0: this libseccomp does not know it */
} oracle_archs[ARCHS] = {
	[ARCH_X86] = { SCMP_ARCH_X86 },
	[ARCH_X86_64] = { SCMP_ARCH_X86_64 },
	[ARCH_X32] = { SCMP_ARCH_X32 },
	[ARCH_ARM] = { SCMP_ARCH_ARM },
	[ARCH_AARCH64] = { SCMP_ARCH_AARCH64 },
	[ARCH_MIPS] = { SCMP_ARCH_MIPS },
	[ARCH_MIPS64] = { SCMP_ARCH_MIPS64 },
	[ARCH_MIPS64N32] = { SCMP_ARCH_MIPS64N32 },
	[ARCH_MIPSEL] = { SCMP_ARCH_MIPSEL },
	[ARCH_MIPSEL64] = { SCMP_ARCH_MIPSEL64 },
	[ARCH_MIPSEL64N32] = { SCMP_ARCH_MIPSEL64N32 },
	[ARCH_PPC] = { SCMP_ARCH_PPC },
	[ARCH_PPC64] = { SCMP_ARCH_PPC64 },
	[ARCH_PPC64LE] = { SCMP_ARCH_PPC64LE },
	[ARCH_S390] = { SCMP_ARCH_S390 },
	[ARCH_S390X] = { SCMP_ARCH_S390X },
	[ARCH_PARISC] = { SCMP_ARCH_PARISC },
	[ARCH_PARISC64] = { SCMP_ARCH_PARISC64 },
	[ARCH_RISCV64] = { SCMP_ARCH_RISCV64 },
#ifdef SCMP_ARCH_LOONGARCH64
	[ARCH_LOONGARCH64] = { SCMP_ARCH_LOONGARCH64 },
#endif
#ifdef SCMP_ARCH_M68K
	[ARCH_M68K] = { SCMP_ARCH_M68K },
#endif
#ifdef SCMP_ARCH_SH
	[ARCH_SH] = { SCMP_ARCH_SH },
	[ARCH_SHEB] = { SCMP_ARCH_SHEB },
#endif
};

static const enum scmp_compare oracle_ops[] = {
	[SECCOMP_OP_NE] = SCMP_CMP_NE,
	[SECCOMP_OP_LT] = SCMP_CMP_LT,
	[SECCOMP_OP_LE] = SCMP_CMP_LE,
	[SECCOMP_OP_EQ] = SCMP_CMP_EQ,
	[SECCOMP_OP_GE] = SCMP_CMP_GE,
	[SECCOMP_OP_GT] = SCMP_CMP_GT,
	[SECCOMP_OP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static inline uint32_t oracle_action(uint32_t action, const struct opt_u32 *data)
{
	if (action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
		return action;
	return action | (data->set ? data->v : EPERM);
}

static inline bool oracle_split(const struct spec_seccomp_rule *r)
{
	unsigned seen[6] = { 0 };
	bool twice = false;

	for (size_t i = 0; i < r->n_args; i++)
		twice |= ++seen[r->args[i].index] > 1;
	return twice;
}

/* A filter for the other byte order comes out in it, but for a few returns that libseccomp forgets
 * to swap. */
static inline void oracle_swap(struct bpf_program *p)
{
	static const uint32_t actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP,
					    SECCOMP_RET_ERRNO,	      SECCOMP_RET_USER_NOTIF,
					    SECCOMP_RET_TRACE,	      SECCOMP_RET_LOG,
					    SECCOMP_RET_ALLOW };

	for (size_t i = 0; i < p->n; i++) {
		bool known = false;

		p->insns[i].code = __builtin_bswap16(p->insns[i].code);
		for (size_t j = 0; j < ARRAY_LEN(actions); j++)
			known |= (p->insns[i].k & SECCOMP_RET_ACTION_FULL) == actions[j];
		if (p->insns[i].code != (BPF_RET | BPF_K) || !known)
			p->insns[i].k = __builtin_bswap32(p->insns[i].k);
	}
}

static inline int oracle_add(scmp_filter_ctx ctx, const struct spec_seccomp_rule *r, int number)
{
	struct scmp_arg_cmp cmp[6];
	bool split = oracle_split(r);
	unsigned n = 0;
	int rc = 0;

	for (size_t i = 0; i < r->n_args; i++) {
		cmp[n++] = (struct scmp_arg_cmp){ .arg = r->args[i].index,
						  .op = oracle_ops[r->args[i].op],
						  .datum_a = r->args[i].value,
						  .datum_b = r->args[i].value_two };
		if (split) {
			int one = seccomp_rule_add_array(
				ctx, oracle_action(r->action, &r->errno_ret), number, 1, cmp);
			rc = rc ? rc : one;
			n = 0;
		}
	}
	if (!split)
		rc = seccomp_rule_add_array(ctx, oracle_action(r->action, &r->errno_ret), number, n,
					    cmp);
	return rc == -EEXIST ? 0 : rc; /* contradicts another rule: libseccomp leaves it out */
}

/* Does libseccomp know the name, and only one of that number? It cannot carry every name over to an
 * architecture that is not the native one (two have the same placeholder), and hull's tables hold a
 * few younger calls. */
static inline bool oracle_name(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);
	char *back = number == __NR_SCMP_ERROR
			     ? NULL
			     : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	bool same = back && strcmp(back, name) == 0;

	free(back);
	return same;
}

/* 0, or libseccomp's error. @optimize 2: its binary tree. */
static inline int oracle_compile_here(enum spec_seccomp_arch native, const struct spec_seccomp *s,
				      unsigned optimize, struct bpf_program *ret)
{
	uint32_t def = oracle_action(s->default_action, &s->default_errno_ret);
	scmp_filter_ctx ctx = seccomp_init(def);
	int fd = memfd_create("seccomp-oracle", MFD_CLOEXEC), rc = 0;
	ssize_t size = 0;

	ret->n = 0;
	if (native != seccomp_native())
		rc = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE)
			     ?: seccomp_arch_add(ctx, oracle_archs[native].token);
	for (unsigned i = 0; i < ARCHS && rc == 0; i++)
		if (i != native && s->archs & 1U << i && oracle_archs[i].token &&
		    seccomp_archs[i].family == seccomp_archs[native].family)
			rc = seccomp_arch_add(ctx, oracle_archs[i].token);
	if (rc == 0 && optimize)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
	for (size_t i = 0; i < s->n_rules && rc == 0; i++) {
		const struct spec_seccomp_rule *r = &s->rules[i];

		if (oracle_action(r->action, &r->errno_ret) == def)
			continue;
		for (size_t j = 0; j < r->names.n && rc == 0; j++) {
			if (oracle_name(r->names.v[j]))
				rc = oracle_add(ctx, r,
						seccomp_syscall_resolve_name(r->names.v[j]));
		}
	}
	if (rc == 0)
		rc = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	if (rc == 0) {
		lseek(fd, 0, SEEK_SET);
		size = read(fd, ret->insns, sizeof(ret->insns));
		ret->n = (size_t)size / sizeof(ret->insns[0]);
		if (seccomp_archs[native].big_endian)
			oracle_swap(ret);
	}
	close(fd);
	return rc;
}

/* The same in a process of its own, because libseccomp 2.5 loops for ever over some rules. -ETIME:
 * no answer within @seconds of CPU time, or no process. */
static inline int oracle_compile(enum spec_seccomp_arch native, const struct spec_seccomp *s,
				 unsigned optimize, unsigned seconds, struct bpf_program *ret)
{
	static struct shared {
		int rc;
		struct bpf_program program;
	} * shared;
	int status = 0;
	pid_t pid;

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -ENOMEM;
	shared->rc = -ETIME;
	pid = fork();
	if (pid < 0)
		return -ETIME;
	if (pid == 0) {
		/* CPU time, so that a busy machine changes little. */
		const struct itimerval limit = { .it_value = { .tv_sec = seconds } };

		(void)setitimer(ITIMER_PROF, &limit, NULL);
		shared->rc = oracle_compile_here(native, s, optimize, &shared->program);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ETIME;
	ret->n = shared->program.n;
	memcpy(ret->insns, shared->program.insns, ret->n * sizeof(ret->insns[0]));
	return shared->rc;
}

/* ---- the rules, read naively ---- */

struct verdict {
	uint32_t action;
	bool contradiction; /* conditional rules of different actions match */
	bool young;	    /* ENOSYS by point 5 */
};

static inline bool naive_arg(const struct spec_seccomp_arg *a, uint64_t value, bool wide)
{
	uint64_t top = wide ? UINT64_MAX : UINT32_MAX, x = value & top, v = a->value & top;

	switch (a->op) {
	case SECCOMP_OP_NE:
		return x != v;
	case SECCOMP_OP_LT:
		return x < v;
	case SECCOMP_OP_LE:
		return x <= v;
	case SECCOMP_OP_EQ:
		return x == v;
	case SECCOMP_OP_GE:
		return x >= v;
	case SECCOMP_OP_GT:
		return x > v;
	case SECCOMP_OP_MASKED_EQ:
		return (x & v) == (a->value_two & v);
	}
	return false;
}

static inline bool naive_empty(const struct spec_seccomp_arg *a, bool wide)
{
	return a->op == SECCOMP_OP_MASKED_EQ && (wide ? a->value : (uint32_t)a->value) == 0;
}

struct naive {
	struct verdict v;
	bool decided, matched;
};

/* One libseccomp rule: conditions [@args, @n), multiplexed when @mux. */
static inline void naive_rule(struct naive *o, const struct seccomp_arch *arch, uint32_t action,
			      const struct spec_seccomp_arg *args, size_t n, unsigned mux,
			      const uint64_t call[6])
{
	bool match = !mux || (uint32_t)call[0] == mux % 100, none = !mux;

	if (mux && arch->wide)
		match = call[0] == mux % 100;
	for (size_t i = 0; i < n; i++) {
		if (mux && args[i].index == 0)
			continue;
		match &= naive_arg(&args[i], call[args[i].index], arch->wide);
		none &= naive_empty(&args[i], arch->wide);
	}
	if (o->decided)
		return;
	if (none) {
		o->decided = true;
		o->v = (struct verdict){ .action = action };
	} else if (match) {
		if (o->matched && o->v.action != action)
			o->v.contradiction = true;
		if (!o->matched || (int)(action & SECCOMP_RET_ACTION_FULL) <
					   (int)(o->v.action & SECCOMP_RET_ACTION_FULL))
			o->v.action = action;
		o->matched = true;
	}
}

/* libseccomp's filter of a part of a rule alone; n is 0 until it is asked for. */
struct naive_part {
	struct sock_filter *insns;
	size_t n;
};

struct naive_name {
	const struct spec_seccomp_rule *rule;
	const char *text;
	long number, mux_number; /* -1: none */
	unsigned mux;
	struct naive_part *parts;
};

/* The names of a profile, resolved for one architecture. */
struct reading {
	const struct spec_seccomp *spec;
	struct arena *arena;
	enum spec_seccomp_arch id;
	long highest;
	size_t n;
	struct naive_name *names;
};

static inline struct reading naive_read(const struct spec_seccomp *s, enum spec_seccomp_arch id,
					struct arena *a)
{
	struct reading r = { .spec = s, .arena = a, .id = id, .highest = -1 };
	size_t total = 1;

	for (size_t i = 0; i < s->n_rules; i++)
		total += s->rules[i].names.n;
	r.names = arena_array(a, total, sizeof(*r.names));
	for (size_t i = 0; i < s->n_rules; i++)
		for (size_t j = 0; j < s->rules[i].names.n; j++) {
			const char *text = s->rules[i].names.v[j];
			long number = seccomp_syscall(id, text);
			int name = seccomp_name_find(text);
			unsigned mux =
				seccomp_archs[id].mux && name >= 0 ? seccomp_name_mux[name] : 0;

			r.names[r.n].rule = &s->rules[i];
			r.names[r.n].text = text;
			r.names[r.n].parts =
				arena_new_array(a, s->rules[i].n_args + 1, struct naive_part);
			r.names[r.n].number = number;
			r.names[r.n].mux = mux;
			r.names[r.n++].mux_number =
				mux ? seccomp_syscall(id, mux > MUX_IPC ? "ipc" : "socketcall")
				    : -1;
			if (number > r.highest &&
			    !(number >= PRIVATE_BASE && number < PRIVATE_BASE + 16))
				r.highest = number;
		}
	return r;
}

/* The verdict on a call of an architecture that is listed. */
static inline struct verdict naive_decide(const struct reading *r, uint32_t nr,
					  const uint64_t call[6])
{
	const struct spec_seccomp *s = r->spec;
	const struct seccomp_arch *arch = &seccomp_archs[r->id];
	uint32_t def = oracle_action(s->default_action, &s->default_errno_ret);
	struct naive o = { .v = { .action = def } };

	for (size_t i = 0; i < r->n; i++) {
		const struct spec_seccomp_rule *rule = r->names[i].rule;
		uint32_t action = oracle_action(rule->action, &rule->errno_ret);
		bool split = oracle_split(rule);

		for (int pass = 0; pass < 2 && action != def; pass++) {
			if ((pass ? r->names[i].mux_number : r->names[i].number) != (long)nr)
				continue;
			for (size_t k = 0; k < (split ? rule->n_args : 1); k++)
				naive_rule(&o, arch, action, split ? &rule->args[k] : rule->args,
					   split ? 1 : rule->n_args, pass ? r->names[i].mux : 0,
					   call);
		}
	}
	if (r->highest >= 0 && nr > (uint32_t)r->highest && nr != UINT32_MAX &&
	    s->default_action != SECCOMP_RET_ALLOW && s->default_action != SECCOMP_RET_LOG &&
	    s->default_action != SECCOMP_RET_TRACE &&
	    !(r->id == ARCH_ARM && nr >= PRIVATE_BASE && nr < PRIVATE_BASE + 16))
		return (struct verdict){ .action = SECCOMP_RET_ERRNO | ENOSYS, .young = true };
	return o.v;
}

/*
 * The decision on one call when libseccomp is given the rules one by one, combined as
 * seccomp/seccomp.h says. libseccomp 2.5 merges the rules of a call into one tree; where their
 * actions differ the order is its own, and where 64 bit magnitudes overlap with different high
 * halves the tree can lose a rule. One by one it is sound. False: it cannot be asked.
 */
static inline bool oracle_one_by_one(const struct reading *r, enum spec_seccomp_arch native,
				     const struct bpf_call *call, uint32_t *ret)
{
	static struct bpf_program one;
	uint32_t def = oracle_action(r->spec->default_action, &r->spec->default_errno_ret);
	long nr = (long)call->word[0];
	bool found = false;

	*ret = def;
	for (size_t i = 0; i < r->n; i++) {
		const struct spec_seccomp_rule *rule = r->names[i].rule;
		bool split = oracle_split(rule);
		struct naive_part *parts = r->names[i].parts;

		for (size_t j = 0; j < (split ? rule->n_args : 1); j++) {
			/* Where an architecture has rules only for calls that it lacks, or none,
			 * libseccomp forgets to load the number: no other architectures, and an
			 * anchor that all have. */
			const char *anchor =
				seccomp_syscall(r->id, "getpid") == nr ? "getuid" : "getpid";
			struct spec_seccomp_rule pair[2] = { *rule, *rule };
			struct spec_seccomp single = *r->spec;
			bool direct = r->names[i].number == nr;
			uint32_t action;

			if (!direct && r->names[i].mux_number != nr)
				continue;
			single.rules = pair;
			single.n_rules = 2;
			single.archs = 1U << r->id;
			pair[0].names = (struct strv){ .v = (char **)&r->names[i].text, .n = 1 };
			pair[0].args = split ? &rule->args[j] : rule->args;
			pair[0].n_args = split ? 1 : rule->n_args;
			pair[1].names = (struct strv){ .v = (char **)&anchor, .n = 1 };
			pair[1].n_args = 0;
			if (!parts[j].n) {
				if (oracle_compile(native, &single, 0, 20, &one) < 0)
					return false;
				parts[j].n = one.n;
				parts[j].insns = (struct sock_filter *)(void *)arena_memdup(
					r->arena, one.insns, one.n * sizeof(one.insns[0]));
			}
			action = bpf_run(parts[j].insns, call, NULL);
			if (action == def)
				continue;
			for (size_t k = 0; k < pair[0].n_args; k++)
				direct &= naive_empty(&pair[0].args[k], seccomp_archs[r->id].wide);
			if (direct) {
				*ret = action;
				return true;
			}
			if (!found || (int)(action & SECCOMP_RET_ACTION_FULL) <
					      (int)(*ret & SECCOMP_RET_ACTION_FULL))
				*ret = action;
			found = true;
		}
	}
	return true;
}

#endif
