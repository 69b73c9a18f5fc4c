/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/relro: makes what the start of the program has relocated read-only. A dynamic loader does
 * that; the start code of a static program of musl does not.
 */
#include <elf.h>
#include <errno.h>
#include <sys/mman.h>

#include "sys/call.h"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

int sys_protect_relocated(void)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)(const void *)__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(const void *)(__ehdr_start + eh->e_phoff);
	const uintptr_t page = 4095;

	for (unsigned i = 0; i < eh->e_phnum; i++) {
		uintptr_t from = (uintptr_t)__ehdr_start + ph[i].p_vaddr, to = from + ph[i].p_memsz;

		if (ph[i].p_type != PT_GNU_RELRO)
			continue;
		from &= ~page;
		to &= ~page; /* what shares the last page with data stays writable */
		if (from < to && mprotect((char *)from, to - from, PROT_READ) < 0)
			return -errno;
	}
	return 0;
}
