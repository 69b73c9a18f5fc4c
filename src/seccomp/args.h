/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/args: the part of a filter that looks at the arguments of one system call. Takes rules in
 * the order in which they win, emits a decision graph of 32 bit comparisons that asks nothing it
 * knows already.
 */
#ifndef HULL_SECCOMP_ARGS_H
#define HULL_SECCOMP_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "seccomp/emit.h"
#include "seccomp/tables.h"
#include "spec/types.h"

enum { ARGS = 6 };

/* All operators come down to three. GT is unsigned. */
struct args_test {
	enum { TEST_EQ, TEST_GT, TEST_MASK } kind;
	uint8_t arg;
	uint64_t value; /* MASK: (argument & mask) == value */
	uint64_t mask;
};

/* All terms hold: the action is @action. */
struct args_rule {
	uint32_t action;
	uint8_t n;
	bool never; /* a term cannot hold */
	struct {
		struct args_test test;
		bool negate;
	} terms[ARGS];
};

/*
 * Normal form of the conditions of a rule for @arch, at most one per argument. @mux: not 0 for a
 * call behind socketcall or ipc, whose number stands in argument 0 in place of what the profile
 * says about it.
 */
void args_normalize(const struct seccomp_arch *arch, const struct spec_seccomp_arg *args, size_t n,
		    uint32_t action, unsigned mux, struct args_rule *ret);

struct args_work; /* scratch, one for a compilation */
struct args_work *args_work_new(struct arena *a);

/*
 * Emit the decision among @n rules, @rules[0] being the strongest; where none matches, @otherwise.
 * On entry to the returned target the accumulator may hold anything.
 */
struct emit_target args_emit(struct args_work *w, struct emit *e, const struct seccomp_arch *arch,
			     const struct args_rule *rules, size_t n, struct emit_target otherwise);

#endif
