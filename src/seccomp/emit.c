/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp/emit: see emit.h. Places count from the end of the program, so they never move. */
#include "seccomp/emit.h"

enum { REACH = 255 };

static unsigned put(struct emit *e, unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	if (e->n < e->cap)
		e->buf[e->cap - 1 - e->n] = (struct sock_filter){
			.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k
		};
	return e->n++;
}

static unsigned put_return(struct emit *e, uint32_t action)
{
	unsigned at = put(e, BPF_RET | BPF_K, 0, 0, action), i;

	for (i = 0; i < e->n_returns; i++)
		if (e->returns[i].action == action)
			break;
	if (i == EMIT_RETURNS)
		i = at % EMIT_RETURNS; /* forgetting one costs an instruction, no more */
	else if (i == e->n_returns)
		e->n_returns++;
	e->returns[i].action = action;
	e->returns[i].at = at;
	return at;
}

/* A place that means @t and that can be jumped to from here, even if one more instruction comes
 * between. */
static unsigned reach(struct emit *e, struct emit_target t)
{
	if (t.ret) {
		for (unsigned i = 0; i < e->n_returns; i++)
			if (e->returns[i].action == t.v && e->n - e->returns[i].at <= REACH)
				return e->returns[i].at;
		return put_return(e, t.v);
	}
	if (e->n - t.v <= REACH)
		return t.v;
	return put(e, BPF_JMP | BPF_JA, 0, 0, e->n - 1 - t.v);
}

struct emit_target emit_jump(struct emit *e, unsigned op, uint32_t k, struct emit_target t,
			     struct emit_target f)
{
	unsigned jt, jf;

	if (emit_same(t, f))
		return t;
	jt = reach(e, t);
	jf = reach(e, f);
	jt = e->n - 1 - jt;
	jf = e->n - 1 - jf;
	return (struct emit_target){ .v = put(e, BPF_JMP | op | BPF_K, jt, jf, k) };
}

struct emit_target emit_insn(struct emit *e, unsigned code, uint32_t k, struct emit_target next)
{
	unsigned at = reach(e, next);

	if (at != e->n - 1) {
		if (next.ret)
			put_return(e, next.v);
		else
			put(e, BPF_JMP | BPF_JA, 0, 0, e->n - 1 - at);
	}
	return (struct emit_target){ .v = put(e, code, 0, 0, k) };
}
