/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/args: see args.h. A state is what is known of the arguments so far: an interval for each,
 * and tests that are settled. Each state is emitted once (memo), so branches meet again where they
 * can.
 */
#include "seccomp/args.h"

#include <linux/seccomp.h>
#include <stddef.h>

#include "base/str.h"

enum {
	CHUNK_RULES = 16,
	CHUNK_TESTS = 64,
	MEMO = 192,
	SEARCH_MIN = 4,	      /* values for which halving beats asking one after the other */
	BUDGET_PER_TERM = 12, /* more than that per term of a chunk: give up sharing knowledge */
};
enum { HOLD_NOTHING, HOLD_WORD }; /* HOLD_WORD + 2 * argument + (1: high half) */

struct facts {
	uint64_t yes, no; /* settled tests */
	uint64_t dead;	  /* rules that cannot match or are not reached; never forgotten */
	uint64_t high_ok; /* mask tests whose high half has matched */
	uint64_t min[ARGS], max[ARGS];
};

struct chunk_rule {
	uint32_t action;
	uint8_t n, test[ARGS];
	bool negate[ARGS];
};

struct args_work {
	struct emit *e;
	const struct seccomp_arch *arch;
	struct args_test tests[CHUNK_TESTS];
	unsigned n_tests;
	struct chunk_rule rules[CHUNK_RULES];
	unsigned n_rules;
	struct emit_target otherwise;
	unsigned limit; /* e->n must not pass it */
	bool over;
	struct {
		struct facts facts;
		unsigned hold;
		struct emit_target target;
	} memo[MEMO];
	unsigned n_memo;
};

struct args_work *args_work_new(struct arena *a)
{
	return arena_new(a, struct args_work);
}

/* ---- normal form ---- */

enum { TERM_TEST, TERM_ALWAYS, TERM_NEVER };

static int normalize_term(const struct spec_seccomp_arg *a, bool wide, struct args_test *t,
			  bool *negate)
{
	uint64_t top = wide ? UINT64_MAX : UINT32_MAX, value = a->value & top;

	*t = (struct args_test){ .kind = TEST_GT, .arg = (uint8_t)a->index, .value = value };
	*negate = false;
	switch (a->op) {
	case SECCOMP_OP_NE:
		*negate = true;
		t->kind = TEST_EQ;
		return TERM_TEST;
	case SECCOMP_OP_EQ:
		t->kind = TEST_EQ;
		return TERM_TEST;
	case SECCOMP_OP_GT:
		return value == top ? TERM_NEVER : TERM_TEST;
	case SECCOMP_OP_LE:
		*negate = true;
		return value == top ? TERM_ALWAYS : TERM_TEST;
	case SECCOMP_OP_GE:
		t->value--;
		return value == 0 ? TERM_ALWAYS : TERM_TEST;
	case SECCOMP_OP_LT:
		t->value--;
		*negate = true;
		return value == 0 ? TERM_NEVER : TERM_TEST;
	case SECCOMP_OP_MASKED_EQ:
		t->mask = value;
		t->value = a->value_two & value;
		t->kind = value == top ? TEST_EQ : TEST_MASK;
		if (t->kind == TEST_EQ)
			t->mask = 0;
		return value == 0 ? TERM_ALWAYS : TERM_TEST;
	}
	return TERM_NEVER;
}

void args_normalize(const struct seccomp_arch *arch, const struct spec_seccomp_arg *args, size_t n,
		    uint32_t action, unsigned mux, struct args_rule *ret)
{
	struct args_rule r = { .action = action };

	if (mux) {
		r.terms[0].test = (struct args_test){ .kind = TEST_EQ, .value = mux };
		r.n = 1;
	}
	for (uint32_t index = mux ? 1 : 0; index < ARGS; index++)
		for (size_t i = 0; i < n; i++) {
			int kind;

			if (args[i].index != index || r.n == ARGS)
				continue;
			kind = normalize_term(&args[i], arch->wide, &r.terms[r.n].test,
					      &r.terms[r.n].negate);
			if (kind == TERM_TEST)
				r.n++;
			r.never |= kind == TERM_NEVER;
		}
	*ret = r;
}

/* ---- what is known ---- */

static inline uint32_t high(uint64_t v)
{
	return (uint32_t)(v >> 32);
}

static inline uint32_t low(uint64_t v)
{
	return (uint32_t)v;
}

static inline bool high_known(const struct facts *f, unsigned arg)
{
	return high(f->min[arg]) == high(f->max[arg]);
}

/* Settle test @i from the intervals when they say enough. */
static void settle(const struct args_work *w, struct facts *f, unsigned i)
{
	const struct args_test *t = &w->tests[i];
	uint64_t bit = 1ULL << i, min = f->min[t->arg], max = f->max[t->arg];
	bool yes = false, no = false;

	if ((f->yes | f->no) & bit)
		return;
	switch (t->kind) {
	case TEST_EQ:
		no = t->value < min || t->value > max;
		yes = !no && min == max;
		break;
	case TEST_GT:
		yes = min > t->value;
		no = max <= t->value;
		break;
	case TEST_MASK:
		if (min == max) {
			yes = (min & t->mask) == t->value;
			no = !yes;
		} else if (high_known(f, t->arg)) {
			no = (high(min) & high(t->mask)) != high(t->value);
			yes = !no && low(t->mask) == 0;
		}
		break;
	}
	f->yes |= yes ? bit : 0;
	f->no |= no ? bit : 0;
}

/* Settle the tests of a rule. Returns those still open; *ret_dead when the rule cannot match. */
static uint64_t open_tests(const struct args_work *w, struct facts *f, const struct chunk_rule *r,
			   bool *ret_dead)
{
	uint64_t open = 0;

	*ret_dead = false;
	for (unsigned j = 0; j < r->n; j++) {
		uint64_t bit = 1ULL << r->test[j];

		settle(w, f, r->test[j]);
		*ret_dead |= (r->negate[j] ? f->yes : f->no) & bit;
		open |= (f->yes | f->no) & bit ? 0 : bit;
	}
	return open;
}

/* The open test of @r to ask: one on the word at hand, else the first. */
static unsigned pick_test(const struct args_work *w, const struct facts *f,
			  const struct chunk_rule *r, uint64_t open, unsigned hold)
{
	unsigned pick = CHUNK_TESTS;

	for (unsigned j = 0; j < r->n; j++) {
		unsigned arg = w->tests[r->test[j]].arg;

		if (!(open & 1ULL << r->test[j]))
			continue;
		if (hold == HOLD_WORD + 2 * arg + !high_known(f, arg))
			return r->test[j];
		if (pick == CHUNK_TESTS)
			pick = r->test[j];
	}
	return pick;
}

/*
 * Reduce @f to what matters from here on and find what to ask next. True: *ret_test is the test.
 * False: the decision is *ret_target.
 */
static bool next_test(const struct args_work *w, struct facts *f, unsigned hold, unsigned *ret_test,
		      uint64_t *ret_open, struct emit_target *ret_target)
{
	uint64_t seen = 0, open = 0, first_open = 0;
	const struct chunk_rule *first = NULL;
	unsigned args_open = 0;

	for (unsigned i = 0; i < w->n_rules; i++) {
		const struct chunk_rule *r = &w->rules[i];
		uint64_t r_open;
		bool dead;

		if (f->dead & 1ULL << i)
			continue;
		r_open = open_tests(w, f, r, &dead);
		if (dead) {
			f->dead |= 1ULL << i;
			continue;
		}
		if (!r_open && !first) {
			*ret_target = emit_action(r->action);
			return false;
		}
		for (unsigned j = 0; j < r->n; j++)
			seen |= 1ULL << r->test[j];
		if (!first) {
			first = r;
			first_open = r_open;
		}
		open |= r_open;
		if (!r_open) /* it always matches: no later rule is reached */
			f->dead |= UINT64_MAX << i << 1;
	}
	if (!first) {
		*ret_target = w->otherwise;
		return false;
	}
	*ret_test = pick_test(w, f, first, first_open, hold);
	for (unsigned i = 0; i < w->n_tests; i++)
		if (open & 1ULL << i)
			args_open |= 1U << w->tests[i].arg;
	f->yes &= seen;
	f->no &= seen;
	f->high_ok &= open;
	for (unsigned i = 0; i < ARGS; i++)
		if (!(args_open & 1U << i)) {
			f->min[i] = 0;
			f->max[i] = w->arch->wide ? UINT64_MAX : UINT32_MAX;
		}
	*ret_open = open;
	return true;
}

/* ---- emitting ---- */

static struct emit_target decide(struct args_work *w, struct facts f, unsigned hold);

static unsigned word_offset(const struct args_work *w, unsigned arg, bool is_high)
{
	return (unsigned)offsetof(struct seccomp_data, args) + 8 * arg +
	       (is_high != w->arch->big_endian ? 4U : 0U);
}

/* (accumulator & mask) == value */
static struct emit_target emit_masked(struct emit *e, uint32_t mask, uint32_t value,
				      struct emit_target yes, struct emit_target no)
{
	if (mask == UINT32_MAX)
		return emit_jump(e, BPF_JEQ, value, yes, no);
	if (value == 0)
		return emit_jump(e, BPF_JSET, mask, no, yes);
	if (value == mask && (mask & (mask - 1)) == 0)
		return emit_jump(e, BPF_JSET, mask, yes, no);
	if (emit_same(yes, no))
		return yes;
	return emit_insn(e, BPF_ALU | BPF_AND | BPF_K, mask, emit_jump(e, BPF_JEQ, value, yes, no));
}

static bool masked_keeps(uint32_t mask, uint32_t value)
{
	return mask == UINT32_MAX || value == 0 || (value == mask && (mask & (mask - 1)) == 0);
}

/* The high half of @t's argument is not known. */
static struct emit_target ask_high(struct args_work *w, const struct facts *f, unsigned i,
				   unsigned word)
{
	const struct args_test *t = &w->tests[i];
	uint32_t h = high(t->value);
	uint64_t first = (uint64_t)h << 32, last = first | UINT32_MAX;
	struct facts eq = *f, lt = *f, gt = *f;
	struct emit_target yes, no;
	unsigned hold = word;

	eq.min[t->arg] = f->min[t->arg] > first ? f->min[t->arg] : first;
	eq.max[t->arg] = f->max[t->arg] < last ? f->max[t->arg] : last;
	switch (t->kind) {
	case TEST_EQ:
		for (unsigned j = 0; j < w->n_tests; j++)
			if (w->tests[j].kind == TEST_EQ && w->tests[j].arg == t->arg &&
			    high(w->tests[j].value) == h)
				lt.no |= 1ULL << j;
		if (high(f->min[t->arg]) == h)
			lt.min[t->arg] = last + 1;
		else if (high(f->max[t->arg]) == h)
			lt.max[t->arg] = first - 1;
		no = decide(w, lt, hold);
		yes = decide(w, eq, hold);
		return emit_jump(w->e, BPF_JEQ, h, yes, no);
	case TEST_GT:
		if (low(t->value) == UINT32_MAX) {
			gt.min[t->arg] = t->value + 1;
			lt.max[t->arg] = t->value;
			no = decide(w, lt, hold);
			yes = decide(w, gt, hold);
			return emit_jump(w->e, BPF_JGT, h, yes, no);
		}
		yes = decide(w, eq, hold);
		if (high(f->min[t->arg]) < h) {
			lt.max[t->arg] = first - 1;
			no = decide(w, lt, hold);
			yes = emit_jump(w->e, BPF_JEQ, h, yes, no);
		}
		if (high(f->max[t->arg]) > h) {
			gt.min[t->arg] = last + 1;
			no = decide(w, gt, hold);
			yes = emit_jump(w->e, BPF_JGT, h, no, yes);
		}
		return yes;
	case TEST_MASK:
		break;
	}
	if (!masked_keeps(high(t->mask), h))
		hold = HOLD_NOTHING;
	lt.no |= 1ULL << i;
	gt.high_ok |= 1ULL << i;
	if (low(t->mask) == 0)
		gt.yes |= 1ULL << i;
	no = decide(w, lt, hold);
	yes = decide(w, gt, hold);
	return emit_masked(w->e, high(t->mask), h, yes, no);
}

/* Only the low half of @t's argument is left to ask. */
static struct emit_target ask_low(struct args_work *w, const struct facts *f, unsigned i,
				  unsigned word)
{
	const struct args_test *t = &w->tests[i];
	struct facts no_facts = *f, yes_facts = *f;
	struct emit_target yes, no;
	unsigned hold = word;

	no_facts.no |= 1ULL << i;
	yes_facts.yes |= 1ULL << i;
	switch (t->kind) {
	case TEST_EQ:
		yes_facts.min[t->arg] = yes_facts.max[t->arg] = t->value;
		if (f->min[t->arg] == t->value)
			no_facts.min[t->arg]++;
		else if (f->max[t->arg] == t->value)
			no_facts.max[t->arg]--;
		no = decide(w, no_facts, hold);
		yes = decide(w, yes_facts, hold);
		return emit_jump(w->e, BPF_JEQ, low(t->value), yes, no);
	case TEST_GT:
		yes_facts.min[t->arg] = t->value + 1;
		no_facts.max[t->arg] = t->value;
		no = decide(w, no_facts, hold);
		yes = decide(w, yes_facts, hold);
		return emit_jump(w->e, BPF_JGT, low(t->value), yes, no);
	case TEST_MASK:
		break;
	}
	if (!masked_keeps(low(t->mask), low(t->value)))
		hold = HOLD_NOTHING;
	no = decide(w, no_facts, hold);
	yes = decide(w, yes_facts, hold);
	return emit_masked(w->e, low(t->mask), low(t->value), yes, no);
}

/* Many values for one low half: the middle one of the open ones, by number. False: too few of them.
 */
static bool middle_value(const struct args_work *w, uint64_t open, unsigned arg, uint64_t *ret)
{
	unsigned n = 0, below;

	for (unsigned i = 0; i < w->n_tests; i++)
		if (w->tests[i].kind != TEST_EQ || w->tests[i].arg != arg)
			open &= ~(1ULL << i);
	n = (unsigned)__builtin_popcountll(open);
	for (unsigned i = 0; i < w->n_tests && n >= SEARCH_MIN; i++) {
		below = 0;
		for (unsigned j = 0; j < w->n_tests; j++)
			below += open & 1ULL << j && w->tests[j].value < w->tests[i].value;
		if (open & 1ULL << i && below == n / 2) {
			*ret = w->tests[i].value;
			return true;
		}
	}
	return false;
}

static struct emit_target ask_half(struct args_work *w, const struct facts *f, unsigned arg,
				   uint64_t middle, unsigned word)
{
	struct facts below = *f, above = *f;
	struct emit_target yes, no;

	below.max[arg] = middle - 1;
	above.min[arg] = middle;
	no = decide(w, below, word);
	yes = decide(w, above, word);
	return emit_jump(w->e, BPF_JGE, low(middle), yes, no);
}

static struct emit_target decide(struct args_work *w, struct facts f, unsigned hold)
{
	unsigned i = CHUNK_TESTS, word;
	uint64_t open, middle;
	const struct args_test *t;
	struct emit_target r;
	bool ask_the_high;

	if (w->over || w->e->n > w->limit) {
		w->over = true;
		return w->otherwise;
	}
	if (!next_test(w, &f, hold, &i, &open, &r))
		return r;
	for (unsigned j = 0; j < w->n_memo; j++)
		if (w->memo[j].hold == hold && memcmp(&w->memo[j].facts, &f, sizeof(f)) == 0)
			return w->memo[j].target;
	t = &w->tests[i];
	ask_the_high = !high_known(&f, t->arg);
	if (t->kind == TEST_MASK && (high(t->mask) == 0 || f.high_ok & 1ULL << i))
		ask_the_high = false;
	word = HOLD_WORD + 2U * t->arg + ask_the_high;
	if (ask_the_high)
		r = ask_high(w, &f, i, word);
	else if (t->kind == TEST_EQ && middle_value(w, open, t->arg, &middle))
		r = ask_half(w, &f, t->arg, middle, word);
	else
		r = ask_low(w, &f, i, word);
	if (hold != word && !r.ret)
		r = emit_insn(w->e, BPF_LD | BPF_W | BPF_ABS, word_offset(w, t->arg, ask_the_high),
			      r);
	if (w->n_memo < MEMO) {
		w->memo[w->n_memo].facts = f;
		w->memo[w->n_memo].hold = hold;
		w->memo[w->n_memo++].target = r;
	}
	return r;
}

/* ---- chunks ---- */

static bool same_test(const struct args_test *a, const struct args_test *b)
{
	return a->kind == b->kind && a->arg == b->arg && a->value == b->value && a->mask == b->mask;
}

/* Take rules from the end of [0, @n) while they fit; returns how many are left before them. */
static size_t fill_chunk(struct args_work *w, const struct args_rule *rules, size_t n,
			 unsigned max_rules)
{
	size_t first = n;
	unsigned terms = 0;

	while (first > 0 && n - first < max_rules && terms + rules[first - 1].n <= CHUNK_TESTS)
		terms += rules[--first].n;
	w->n_rules = 0;
	w->n_tests = 0;
	w->n_memo = 0;
	w->over = false;
	w->limit = w->e->n + 16 + BUDGET_PER_TERM * terms;
	for (size_t i = first; i < n; i++) {
		struct chunk_rule *r = &w->rules[w->n_rules++];

		r->action = rules[i].action;
		r->n = rules[i].n;
		for (unsigned j = 0; j < r->n; j++) {
			unsigned k = 0;

			while (k < w->n_tests && !same_test(&w->tests[k], &rules[i].terms[j].test))
				k++;
			if (k == w->n_tests)
				w->tests[w->n_tests++] = rules[i].terms[j].test;
			r->test[j] = (uint8_t)k;
			r->negate[j] = rules[i].terms[j].negate;
		}
	}
	return first;
}

static struct emit_target emit_chunk(struct args_work *w)
{
	struct facts f = { 0 };

	for (unsigned i = 0; i < ARGS; i++)
		f.max[i] = w->arch->wide ? UINT64_MAX : UINT32_MAX;
	return decide(w, f, HOLD_NOTHING);
}

struct emit_target args_emit(struct args_work *w, struct emit *e, const struct seccomp_arch *arch,
			     const struct args_rule *rules, size_t n, struct emit_target otherwise)
{
	w->e = e;
	w->arch = arch;
	w->otherwise = otherwise;
	while (n > 0) {
		struct emit before = *e;
		size_t left = fill_chunk(w, rules, n, CHUNK_RULES);
		struct emit_target r = emit_chunk(w);

		if (w->over) {
			/* Knowledge multiplied the states: one rule after the other instead, which
			 * is linear. */
			*e = before;
			left = fill_chunk(w, rules, n, 1);
			w->limit = UINT32_MAX;
			r = emit_chunk(w);
		}
		w->otherwise = r;
		n = left;
	}
	return w->otherwise;
}
