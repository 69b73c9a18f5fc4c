/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/decide: run a filter on one call, as the kernel does. Knows every instruction that
 * seccomp(2) lets a filter use, as filters of others are judged too; what it does not let through
 * ends with the strictest answer.
 */
#include <stddef.h>
#include <string.h>

#include "seccomp/seccomp.h"
#include "seccomp/tables.h"

struct machine {
	const struct seccomp_program *p;
	const struct seccomp_data *call;
	uint32_t a, x, mem[BPF_MEMWORDS];
	unsigned pc;
	uint32_t seen; /* so many bytes of the call may be looked at */
	bool bad;
};

static uint32_t load_word(struct machine *m, uint32_t at)
{
	uint32_t v = 0;

	m->bad = at > m->seen - sizeof(v) || at % sizeof(v);
	if (!m->bad)
		memcpy(&v, (const char *)m->call + at, sizeof(v));
	return v;
}

static uint32_t slot(struct machine *m, uint32_t k)
{
	m->bad = k >= BPF_MEMWORDS;
	return m->bad ? 0 : k;
}

/* KERNEL: seccomp_data is the packet, and its length is a constant. kernel/seccomp.c */
static void load(struct machine *m, const struct sock_filter *i)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		m->a = load_word(m, i->k);
		return;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof(*m->call);
		return;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof(*m->call);
		return;
	case BPF_LD | BPF_IMM:
		m->a = i->k;
		return;
	case BPF_LDX | BPF_IMM:
		m->x = i->k;
		return;
	case BPF_LD | BPF_MEM:
		m->a = m->mem[slot(m, i->k)];
		return;
	case BPF_LDX | BPF_MEM:
		m->x = m->mem[slot(m, i->k)];
		return;
	case BPF_ST:
		m->mem[slot(m, i->k)] = m->a;
		return;
	case BPF_STX:
		m->mem[slot(m, i->k)] = m->x;
		return;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		return;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		return;
	default:
		m->bad = true;
	}
}

static void calculate(struct machine *m, const struct sock_filter *i)
{
	uint32_t v = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
		m->a += v;
		return;
	case BPF_SUB:
		m->a -= v;
		return;
	case BPF_MUL:
		m->a *= v;
		return;
	case BPF_DIV:
		/* KERNEL: a division by X of zero ends the program with 0, KILL_THREAD. */
		m->bad = v == 0;
		m->a = v ? m->a / v : 0;
		return;
	case BPF_AND:
		m->a &= v;
		return;
	case BPF_OR:
		m->a |= v;
		return;
	case BPF_XOR:
		m->a ^= v;
		return;
	case BPF_LSH:
		m->a <<= v & 31;
		return;
	case BPF_RSH:
		m->a >>= v & 31;
		return;
	case BPF_NEG:
		m->a = -m->a;
		return;
	default:
		m->bad = true;
	}
}

static void jump(struct machine *m, const struct sock_filter *i)
{
	uint32_t v = BPF_SRC(i->code) == BPF_X ? m->x : i->k;
	bool yes = false;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		m->bad = i->k >= m->p->n;
		m->pc += m->bad ? 0 : i->k;
		return;
	case BPF_JEQ:
		yes = m->a == v;
		break;
	case BPF_JGT:
		yes = m->a > v;
		break;
	case BPF_JGE:
		yes = m->a >= v;
		break;
	case BPF_JSET:
		yes = m->a & v;
		break;
	default:
		m->bad = true;
	}
	m->pc += yes ? i->jt : i->jf;
}

static uint32_t decide(const struct seccomp_program *p, const struct seccomp_data *call,
		       uint32_t seen)
{
	struct machine m = { .p = p, .call = call, .seen = seen };

	for (; m.pc < p->n && !m.bad; m.pc++) {
		const struct sock_filter *i = &p->insns[m.pc];

		switch (BPF_CLASS(i->code)) {
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		case BPF_ALU:
			calculate(&m, i);
			break;
		case BPF_JMP:
			jump(&m, i);
			break;
		default:
			load(&m, i);
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

uint32_t seccomp_decide(const struct seccomp_program *p, const struct seccomp_data *call)
{
	return decide(p, call, sizeof(*call));
}

bool seccomp_allows_always(const struct seccomp_program *p, const uint32_t *numbers, size_t n)
{
	struct seccomp_data call = { .arch = seccomp_archs[seccomp_native()].audit };

	for (size_t i = 0; i < n; i++) {
		call.nr = (int)numbers[i];
		if (decide(p, &call, offsetof(struct seccomp_data, instruction_pointer)) !=
		    SECCOMP_RET_ALLOW)
			return false;
	}
	return true;
}
