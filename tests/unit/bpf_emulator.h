/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/bpf_emulator: the kernel's view of a seccomp filter: a checker of what it would
 * accept, and a machine that counts the instructions it executes and can read seccomp_data in
 * either byte order.
 */
#ifndef HULL_TESTS_BPF_EMULATOR_H
#define HULL_TESTS_BPF_EMULATOR_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"

struct bpf_program {
	struct sock_filter insns[8192];
	size_t n;
};

/* seccomp_data as words in the order a filter for that byte order sees them. */
struct bpf_call {
	uint32_t word[16];
};

static inline struct bpf_call bpf_call(uint32_t audit, uint32_t nr, const uint64_t args[6],
				       bool big_endian)
{
	struct bpf_call c = { .word = { nr, audit } };

	for (int i = 0; i < 6; i++) {
		c.word[4 + 2 * i] = (uint32_t)(big_endian ? args[i] >> 32 : args[i]);
		c.word[5 + 2 * i] = (uint32_t)(big_endian ? args[i] : args[i] >> 32);
	}
	return c;
}

/* NULL when the kernel would take the program, or why not. BPF_MAXINSNS is asked of the caller. */
static inline const char *bpf_check(const struct sock_filter *p, size_t n)
{
	if (n == 0)
		return "empty";
	for (size_t i = 0; i < n; i++)
		switch (p[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (p[i].k % 4 || p[i].k > 60)
				return "load outside of seccomp_data";
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_ST:
		case BPF_LD | BPF_MEM:
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			if (p[i].k >= n - i - 1)
				return "jump out of the program";
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (p[i].jt >= n - i - 1 || p[i].jf >= n - i - 1)
				return "branch out of the program";
			break;
		default:
			return "unknown instruction";
		}
	return p[n - 1].code == (BPF_RET | BPF_K) ? NULL : "no return at the end";
}

/* The action; *ret_steps: instructions executed, may be NULL. Only for a checked program. */
static inline uint32_t bpf_run(const struct sock_filter *p, const struct bpf_call *c,
			       unsigned *ret_steps)
{
	uint32_t a = 0, mem[BPF_MEMWORDS] = { 0 };
	unsigned steps = 0;

	for (;; p++) {
		bool jump;

		steps++;
		switch (p->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = c->word[p->k / 4];
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= p->k;
			continue;
		case BPF_ST:
			mem[p->k % BPF_MEMWORDS] = a;
			continue;
		case BPF_LD | BPF_MEM:
			a = mem[p->k % BPF_MEMWORDS];
			continue;
		case BPF_RET | BPF_K:
			if (ret_steps)
				*ret_steps = steps;
			return p->k;
		case BPF_JMP | BPF_JA:
			p += p->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = a == p->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jump = a > p->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jump = a >= p->k;
			break;
		default:
			jump = (a & p->k) != 0;
			break;
		}
		p += jump ? p->jt : p->jf;
	}
}

#endif
