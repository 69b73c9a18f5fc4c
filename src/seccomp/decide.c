/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/decide: run a filter on one call, as the kernel does. Knows the instructions that
 * seccomp(2) lets a filter use and that hull or libseccomp emit; any other ends with the strictest
 * answer.
 */
#include <string.h>

#include "seccomp/seccomp.h"

uint32_t seccomp_decide(const struct seccomp_program *p, const struct seccomp_data *call)
{
	uint32_t a = 0;

	for (unsigned pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->insns[pc];
		bool jump;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof(*call) - sizeof(a) || i->k % sizeof(a))
				return SECCOMP_RET_KILL_PROCESS;
			memcpy(&a, (const char *)call + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			if (i->k >= p->n)
				return SECCOMP_RET_KILL_PROCESS;
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jump = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jump = a >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jump = a & i->k;
			break;
		default:
			return SECCOMP_RET_KILL_PROCESS;
		}
		pc += jump ? i->jt : i->jf;
	}
	return SECCOMP_RET_KILL_PROCESS;
}
