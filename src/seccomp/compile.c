/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/compile: profile to program. Per architecture the calls become an array by number, runs
 * of equal actions become intervals, and these a search tree. Everything is emitted from the end
 * (seccomp/emit).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"
#include "seccomp/args.h"
#include "seccomp/emit.h"
#include "seccomp/seccomp.h"
#include "seccomp/tables.h"

enum {
	UNKNOWN = 0xffff,
	MAX_CONDITIONAL = 4096, /* rules with conditions for one call: each needs an instruction */
	X32_BIT = 0x40000000,
};
#define NUMBER_MAX UINT32_MAX /* -1 */

/* The profile with names resolved; the same for all architectures. */
struct rule {
	const struct spec_seccomp_rule *spec;
	uint32_t action; /* with its data */
	bool noop;	 /* equals the default action */
	bool split;	 /* names an argument twice: one rule for each condition */
	uint16_t *names; /* name indexes, spec->names.n of them */
};

/* A rule with conditions at a call; a list by index + 1, in the order of the profile. */
struct conditional {
	uint32_t rule, next;
	uint8_t mux;
};

struct slot {
	uint32_t action; /* of the first rule without conditions */
	bool decided, hot;
	uint32_t first, last; /* conditional + 1, 0: none */
};

/* From @start to the next one's start. */
struct interval {
	uint32_t start;
	uint32_t v; /* action; or index of the slot when @arch is not LEAF_ACTION */
	uint32_t arch;
	uint32_t weight; /* how often it is asked for; once all are there, of it and those before */
};
#define LEAF_ACTION ARCHS
/* With as much weight on the hot calls together as on all others, no call is asked for much more
 * than log2(n) times. */
enum { WEIGHT = 4, WEIGHT_SLOT = 12, WEIGHT_HOT = 8 };
static const char hot_names[][16] = {
	"read",		 "write",	"close",	   "futex",   "mmap",	  "munmap",
	"openat",	 "fstat",	"newfstatat",	   "statx",   "poll",	  "ppoll",
	"epoll_wait",	 "epoll_pwait", "recvfrom",	   "sendto",  "recvmsg",  "sendmsg",
	"pread64",	 "pwrite64",	"readv",	   "writev",  "lseek",	  "ioctl",
	"clock_gettime", "nanosleep",	"clock_nanosleep", "madvise", "mprotect", "sched_yield",
};

struct compiler {
	struct arena *a;
	struct err *err;
	const struct spec_seccomp *s;
	enum spec_seccomp_arch native;
	uint32_t default_action;
	bool enosys; /* for calls younger than the profile */
	struct rule *rules;
	int hot[ARRAY_LEN(hot_names)]; /* name indexes */
	struct emit e;
	struct slot *slots[2]; /* by table slot; the second is for x32 beside x86_64 */
	struct conditional *conditionals;
	size_t n_conditionals, max_conditionals;
	struct interval *intervals;
	size_t n_intervals;
	struct args_rule *chain;
	size_t max_chain;
	struct args_work *work;
	bool too_many; /* conditions for one call */
};

static uint32_t action_value(uint32_t action, const struct opt_u32 *errno_ret)
{
	if (action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
		return action;
	return action | ((errno_ret->set ? errno_ret->v : EPERM) & SECCOMP_RET_DATA);
}

static unsigned slot_index(const struct seccomp_table *t, uint16_t slot)
{
	return slot & SLOT_PRIVATE ? t->n + (slot & (SLOT_PRIVATES - 1U)) : slot;
}

static uint32_t slot_number(const struct seccomp_table *t, unsigned index)
{
	return index < t->n ? t->base + index : PRIVATE_BASE + (index - t->n);
}

/* ---- the profile ---- */

static unsigned resolve_names(struct compiler *c)
{
	const struct spec_seccomp *s = c->s;
	unsigned unknown = 0;
	size_t total = 0;
	uint16_t *names;

	for (size_t i = 0; i < s->n_rules; i++)
		total += s->rules[i].names.n;
	names = arena_new_array(c->a, total + 1, uint16_t);
	c->rules = arena_new_array(c->a, s->n_rules + 1, struct rule);
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct spec_seccomp_rule *r = &s->rules[i];
		unsigned args_seen = 0;

		c->rules[i].spec = r;
		c->rules[i].names = names;
		c->rules[i].action = action_value(r->action, &r->errno_ret);
		c->rules[i].noop = c->rules[i].action == c->default_action;
		for (size_t j = 0; j < r->n_args; j++) {
			c->rules[i].split |= args_seen & 1U << r->args[j].index;
			args_seen |= 1U << r->args[j].index;
		}
		for (size_t j = 0; j < r->names.n; j++) {
			int name = seccomp_name_find(r->names.v[j]);

			unknown += name < 0;
			*names++ = name < 0 ? UNKNOWN : (uint16_t)name;
		}
	}
	return unknown;
}

static void add_conditional(struct compiler *c, struct slot *slot, size_t rule, unsigned mux)
{
	if (c->n_conditionals == c->max_conditionals) {
		size_t max = MAX(2 * c->max_conditionals, (size_t)64);
		struct conditional *more = arena_new_array(c->a, max, struct conditional);

		if (c->n_conditionals)
			memcpy(more, c->conditionals, c->n_conditionals * sizeof(*more));
		c->conditionals = more;
		c->max_conditionals = max;
	}
	c->conditionals[c->n_conditionals++] =
		(struct conditional){ .rule = (uint32_t)rule, .mux = (uint8_t)mux };
	if (slot->last)
		c->conditionals[slot->last - 1].next = (uint32_t)c->n_conditionals;
	else
		slot->first = (uint32_t)c->n_conditionals;
	slot->last = (uint32_t)c->n_conditionals;
}

/* No condition, or only such with an empty mask, which libseccomp takes as none. */
static bool unconditional(const struct rule *r, const struct seccomp_arch *arch)
{
	size_t empty = 0;

	for (size_t i = 0; i < r->spec->n_args; i++) {
		const struct spec_seccomp_arg *a = &r->spec->args[i];

		empty += a->op == SECCOMP_OP_MASKED_EQ &&
			 (arch->wide ? a->value : (uint32_t)a->value) == 0;
	}
	return r->split ? empty > 0 : empty == r->spec->n_args;
}

static void add_rule(struct compiler *c, const struct seccomp_arch *arch, struct slot *slot,
		     size_t rule, unsigned mux)
{
	if (slot->decided)
		return;
	if (mux || !unconditional(&c->rules[rule], arch)) {
		add_conditional(c, slot, rule, mux);
		return;
	}
	slot->decided = true;
	slot->action = c->rules[rule].action;
}

/* Distribute the rules over the calls of one architecture. *ret_last: slots behind the highest
 * named one. */
static void fill_slots(struct compiler *c, const struct seccomp_arch *arch, struct slot *slots,
		       unsigned *ret_last)
{
	const struct seccomp_table *t = &seccomp_tables[arch->table];
	int socketcall = arch->mux ? seccomp_name_find("socketcall") : -1;
	int ipc = arch->mux ? seccomp_name_find("ipc") : -1;
	unsigned last = 0;

	for (size_t i = 0; i < c->s->n_rules; i++) {
		const struct rule *r = &c->rules[i];

		for (size_t j = 0; j < r->spec->names.n; j++) {
			unsigned name = r->names[j], mux;

			if (name == UNKNOWN)
				continue;
			if (t->slots[name] != SLOT_NONE) {
				unsigned at = slot_index(t, t->slots[name]);

				if (at < t->n)
					last = MAX(last, at + 1);
				if (!r->noop)
					add_rule(c, arch, &slots[at], i, 0);
			}
			mux = arch->mux ? seccomp_name_mux[name] : 0;
			if (mux) {
				int to = mux > MUX_IPC ? ipc : socketcall;

				if (to >= 0 && t->slots[to] != SLOT_NONE && !r->noop)
					add_rule(c, arch, &slots[t->slots[to]], i, mux);
			}
		}
	}
	*ret_last = last;
}

/* ---- conditions ---- */

/* The order in which the kernel prefers the actions of several filters: signed, as
 * seccomp_run_filters does. */
static int strictness(uint32_t action)
{
	return (int)(action & SECCOMP_RET_ACTION_FULL);
}

/* Room for @n rules in the chain. */
static void chain_reserve(struct compiler *c, size_t n)
{
	if (n > c->max_chain) {
		c->max_chain = MAX(2 * n, (size_t)16);
		c->chain = arena_new_array(c->a, c->max_chain, struct args_rule);
	}
	if (!c->work)
		c->work = args_work_new(c->a);
}

/* Insert a rule behind the stricter and the equal ones. */
static void chain_add(struct compiler *c, size_t *n, const struct args_rule *r)
{
	size_t i = *n;

	for (; i > 0 && strictness(c->chain[i - 1].action) > strictness(r->action); i--)
		c->chain[i] = c->chain[i - 1];
	c->chain[i] = *r;
	++*n;
}

static size_t rule_parts(const struct rule *r)
{
	return r->split ? r->spec->n_args : 1;
}

static struct emit_target emit_slot(struct compiler *c, const struct seccomp_arch *arch,
				    const struct slot *slot)
{
	size_t n = 0;

	for (uint32_t at = slot->first; at; at = c->conditionals[at - 1].next)
		n += rule_parts(&c->rules[c->conditionals[at - 1].rule]);
	if (n > MAX_CONDITIONAL) {
		c->too_many = true;
		return emit_action(c->default_action);
	}
	chain_reserve(c, n);
	n = 0;
	for (uint32_t at = slot->first; at; at = c->conditionals[at - 1].next) {
		const struct conditional *cond = &c->conditionals[at - 1];
		const struct rule *rule = &c->rules[cond->rule];
		unsigned mux = cond->mux > MUX_IPC ? cond->mux - MUX_IPC : cond->mux;
		struct args_rule r;

		for (size_t i = 0; i < rule_parts(rule); i++) {
			args_normalize(arch, rule->split ? &rule->spec->args[i] : rule->spec->args,
				       rule->split ? 1 : rule->spec->n_args, rule->action, mux, &r);
			if (!r.never)
				chain_add(c, &n, &r);
		}
	}
	return args_emit(c->work, &c->e, arch, c->chain, n, emit_action(c->default_action));
}

/* ---- numbers ---- */

static void add_interval(struct compiler *c, uint32_t start, uint32_t arch, uint32_t v)
{
	struct interval *i = c->intervals;

	if (c->n_intervals && i[c->n_intervals - 1].start == start) /* empty so far */
		c->n_intervals--;
	if (c->n_intervals && arch == LEAF_ACTION && i[c->n_intervals - 1].arch == LEAF_ACTION &&
	    i[c->n_intervals - 1].v == v)
		return;
	i[c->n_intervals++] =
		(struct interval){ .start = start,
				   .arch = arch,
				   .v = v,
				   .weight = arch == LEAF_ACTION ? WEIGHT : WEIGHT_SLOT };
}

static void add_action(struct compiler *c, uint32_t start, uint32_t action)
{
	add_interval(c, start, LEAF_ACTION, action);
}

/* Slots [@from, @to) of a table. */
static void add_slot_range(struct compiler *c, enum spec_seccomp_arch id, unsigned from,
			   unsigned to)
{
	const struct seccomp_table *t = &seccomp_tables[seccomp_archs[id].table];
	const struct slot *slots = c->slots[id == ARCH_X32];

	for (unsigned i = from; i < to; i++) {
		if (slots[i].decided)
			add_action(c, slot_number(t, i), slots[i].action);
		else if (slots[i].first)
			add_interval(c, slot_number(t, i), id, i);
		else
			add_action(c, slot_number(t, i), c->default_action);
		if (slots[i].hot)
			c->intervals[c->n_intervals - 1].weight += WEIGHT_HOT;
	}
}

/* All numbers of one table, from its base on, and those behind. */
static void add_table(struct compiler *c, enum spec_seccomp_arch id)
{
	const struct seccomp_arch *arch = &seccomp_archs[id];
	const struct seccomp_table *t = &seccomp_tables[arch->table];
	uint32_t young = c->default_action;
	struct slot *slots = arena_new_array(c->a, t->n + SLOT_PRIVATES, struct slot);
	unsigned last;

	c->slots[id == ARCH_X32] = slots;
	fill_slots(c, arch, slots, &last);
	for (size_t i = 0; i < ARRAY_LEN(c->hot); i++)
		if (c->hot[i] >= 0 && t->slots[c->hot[i]] < t->n)
			slots[t->slots[c->hot[i]]].hot = true;
	if (last && c->enosys)
		young = SECCOMP_RET_ERRNO | ENOSYS;
	add_slot_range(c, id, 0, last);
	add_action(c, t->base + last, young);
	if (id == ARCH_ARM) {
		add_slot_range(c, id, t->n, t->n + SLOT_PRIVATES);
		add_action(c, slot_number(t, t->n + SLOT_PRIVATES), young);
	}
}

static struct emit_target emit_leaf(struct compiler *c, const struct interval *i)
{
	if (i->arch == LEAF_ACTION)
		return emit_action(i->v);
	return emit_slot(c, &seccomp_archs[i->arch], &c->slots[i->arch == ARCH_X32][i->v]);
}

/* Where to halve [@from, @to) by weight: the first interval of the right half. */
static size_t halve(const struct interval *i, size_t from, size_t to)
{
	uint32_t before = from ? i[from - 1].weight : 0, middle = (before + i[to - 1].weight) / 2;
	size_t at = from + 1;

	while (at + 1 < to && i[at].weight <= middle)
		at++;
	/* i[at - 1] is the last one of which half the weight is not beyond; is the next cut nearer?
	 */
	if (at + 1 < to && i[at].weight - middle < middle - MIN(i[at - 1].weight, middle))
		at++;
	return at;
}

/*
 * Are the intervals [@from, @to) one action but for at most two single numbers? Then comparing with
 * those takes fewer instructions than halving, and never more steps.
 */
static bool few_singles(const struct compiler *c, size_t from, size_t to, uint32_t *ret_action,
			size_t ret_singles[2], size_t *ret_n)
{
	const struct interval *i = c->intervals;
	bool found = false;
	size_t n = 0;

	for (size_t k = from; k < to; k++) {
		uint32_t end = k + 1 < c->n_intervals ? i[k + 1].start : 0; /* 2^32 */
		bool single = end == i[k].start + 1;

		if (single)
			continue;
		if (i[k].arch != LEAF_ACTION || (found && i[k].v != *ret_action))
			return false;
		*ret_action = i[k].v;
		found = true;
	}
	for (size_t k = from; k < to && found; k++) {
		if (i[k].arch == LEAF_ACTION && i[k].v == *ret_action)
			continue;
		if (n == 2)
			return false;
		ret_singles[n++] = k;
	}
	*ret_n = n;
	return found;
}

/* A search tree over the intervals [@from, @to); the accumulator holds the number. */
static struct emit_target emit_tree(struct compiler *c, size_t from, size_t to)
{
	const struct interval *i = c->intervals;
	struct emit_target left, right;
	size_t at, singles[2], n;
	uint32_t action = 0; /* gcc -Os does not see that it is set */

	if (to - from == 1)
		return emit_leaf(c, &i[from]);
	if (few_singles(c, from, to, &action, singles, &n)) {
		right = emit_action(action);
		while (n-- > 0) {
			left = emit_leaf(c, &i[singles[n]]);
			right = emit_jump(&c->e, BPF_JEQ, i[singles[n]].start, left, right);
		}
		return right;
	}
	at = halve(i, from, to);
	right = emit_tree(c, at, to);
	left = emit_tree(c, from, at);
	return emit_jump(&c->e, BPF_JGE, i[at].start, right, left);
}

/* ---- architectures ---- */

static bool listed(const struct compiler *c, enum spec_seccomp_arch arch)
{
	return arch == c->native || c->s->archs & 1U << arch;
}

/* All calls that carry the audit value of @id: the number is loaded and decided. */
static struct emit_target emit_arch(struct compiler *c, enum spec_seccomp_arch id)
{
	struct emit_target tree;

	c->n_intervals = 0;
	c->n_conditionals = 0;
	if (seccomp_archs[id].audit != seccomp_archs[ARCH_X32].audit) {
		add_action(c, 0, c->default_action);
		add_table(c, id);
	} else {
		/* SECURITY: C4: a bit in the number must not lead around the rules of the other
		 * table. */
		add_action(c, 0, SECCOMP_RET_KILL_THREAD);
		if (listed(c, ARCH_X86_64))
			add_table(c, ARCH_X86_64);
		add_action(c, X32_BIT, SECCOMP_RET_KILL_THREAD);
		if (listed(c, ARCH_X32))
			add_table(c, ARCH_X32);
	}
	add_action(c, NUMBER_MAX, c->default_action);
	for (size_t i = 1; i < c->n_intervals; i++)
		c->intervals[i].weight += c->intervals[i - 1].weight;
	tree = emit_tree(c, 0, c->n_intervals);
	if (tree.ret) /* all the same: no need to look */
		return tree;
	return emit_insn(&c->e, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), tree);
}

static int emit_profile(struct compiler *c)
{
	struct emit_target next = emit_action(SECCOMP_RET_KILL_THREAD);

	for (int id = ARCHS - 1; id >= -1; id--) {
		/* The native architecture comes last here and so first in the program. */
		enum spec_seccomp_arch arch = id < 0 ? c->native : (enum spec_seccomp_arch)id;
		bool same_as_native = seccomp_archs[arch].audit == seccomp_archs[c->native].audit;

		if (!listed(c, arch) ||
		    seccomp_archs[arch].family != seccomp_archs[c->native].family ||
		    (id >= 0 && same_as_native) ||
		    (arch == ARCH_X32 && listed(c, ARCH_X86_64) && c->native != ARCH_X32))
			continue;
		if (!seccomp_arch_known(arch))
			return err_at(
				c->err,
				err_set(c->err, ERR_SEC_PROFILE, 0,
					"this build knows no system calls of architecture %#x",
					seccomp_archs[arch].audit),
				"/linux/seccomp/architectures");
		next = emit_jump(&c->e, BPF_JEQ, seccomp_archs[arch].audit, emit_arch(c, arch),
				 next);
	}
	(void)emit_insn(&c->e, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), next);
	return 0;
}

static bool permissive(uint32_t action)
{
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ||
	       (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE;
}

uint32_t seccomp_flags(const struct spec_seccomp *s)
{
	/* Silent about flags: what runc and crun do, and what kernels since 5.16 do anyway. */
	return s->set && s->flags_set ? s->flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
}

int seccomp_compile_for(enum spec_seccomp_arch native, const struct spec_seccomp *s,
			struct arena *a, struct seccomp_program *ret, unsigned *ret_unknown,
			struct err *e)
{
	struct compiler c = { .a = a, .err = e, .s = s, .native = native };
	struct seccomp_program p = { .flags = seccomp_flags(s) };
	unsigned unknown;
	int r;

	if (!s->set) {
		*ret = (struct seccomp_program){ 0 };
		return 0;
	}
	r = seccomp_check(s, e);
	if (r < 0)
		return r;
	c.default_action = action_value(s->default_action, &s->default_errno_ret);
	c.enosys = !permissive(c.default_action);
	c.e.cap = BPF_MAXINSNS;
	c.e.buf = arena_new_array(a, c.e.cap, struct sock_filter);
	/* At most two intervals begin at a slot; x86_64 and x32 come together. */
	c.intervals = arena_new_array(a, 4096, struct interval);
	unknown = resolve_names(&c);
	for (size_t i = 0; i < ARRAY_LEN(hot_names); i++)
		c.hot[i] = seccomp_name_find(hot_names[i]);
	r = emit_profile(&c);
	if (r < 0)
		return r;
	if (c.too_many)
		return err_at(e,
			      err_set(e, ERR_SEC_SIZE, 0,
				      "more than %d conditions for one system call",
				      MAX_CONDITIONAL),
			      "/linux/seccomp/syscalls");
	if (emit_full(&c.e))
		return err_at(e,
			      err_set(e, ERR_SEC_SIZE, 0,
				      "the filter has %u instructions, the kernel takes %u", c.e.n,
				      c.e.cap),
			      "/linux/seccomp/syscalls");
	for (size_t i = 0; i < s->n_rules; i++)
		p.notifies |= s->rules[i].action == SECCOMP_RET_USER_NOTIF;
	if (p.notifies)
		p.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	p.insns = emit_program(&c.e);
	p.n = (unsigned short)c.e.n;
	if (ret_unknown)
		*ret_unknown = unknown;
	*ret = p;
	return 0;
}

int seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct seccomp_program *ret,
		    unsigned *ret_unknown, struct err *e)
{
	return seccomp_compile_for(seccomp_native(), s, a, ret, ret_unknown, e);
}
