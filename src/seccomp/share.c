/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/share: a program in memory that the runtime fills in while init works.
 */
#include <string.h>
#include <sys/mman.h>

#include "seccomp/seccomp.h"

struct shared {
	struct seccomp_program program;
	struct sock_filter insns[BPF_MAXINSNS];
};

struct seccomp_program *seccomp_shared_new(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return s == MAP_FAILED ? NULL : &s->program;
}

void seccomp_share(struct seccomp_program *shared, const struct seccomp_program *p)
{
	struct shared *s = (struct shared *)shared;

	if (p->n)
		memcpy(s->insns, p->insns, p->n * sizeof(*p->insns));
	s->program = *p;
	s->program.insns = s->insns; /* at the same address on both sides */
}

void seccomp_shared_free(struct seccomp_program *shared)
{
	if (shared)
		munmap(shared, sizeof(struct shared));
}
