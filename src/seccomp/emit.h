/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/emit: writes classic BPF from its end to its beginning, so that every jump knows its
 * target. Hides the reach of jumps (255): a return is repeated where the last one is too far, a
 * jump is relayed.
 */
#ifndef HULL_SECCOMP_EMIT_H
#define HULL_SECCOMP_EMIT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a jump goes: to the return of an action, or to the instruction at a place counted from the
 * end. */
struct emit_target {
	bool ret;
	uint32_t v;
};

enum { EMIT_RETURNS = 16 };

struct emit {
	struct sock_filter *buf; /* filled from the end */
	unsigned cap, n;	 /* n counts on when the buffer is full */
	struct {
		uint32_t action;
		unsigned at;
	} returns[EMIT_RETURNS]; /* the latest places of returns */
	unsigned n_returns;
};

static inline struct emit_target emit_action(uint32_t action)
{
	return (struct emit_target){ .ret = true, .v = action };
}

static inline bool emit_same(struct emit_target a, struct emit_target b)
{
	return a.ret == b.ret && a.v == b.v;
}

/* A conditional jump BPF_JMP | @op | BPF_K. Nothing is emitted when both targets are the same. */
struct emit_target emit_jump(struct emit *e, unsigned op, uint32_t k, struct emit_target t,
			     struct emit_target f);
/* Another instruction (load, and) that goes on to @next. */
struct emit_target emit_insn(struct emit *e, unsigned code, uint32_t k, struct emit_target next);

static inline bool emit_full(const struct emit *e)
{
	return e->n > e->cap;
}
/* The finished program; e->n instructions. Only when not full. */
static inline struct sock_filter *emit_program(const struct emit *e)
{
	return e->buf + (e->cap - e->n);
}

#endif
