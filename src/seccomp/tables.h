/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/tables: names and numbers of system calls, made at build time by tools/gen-syscalls. One
 * sorted pool of names; per table one 16 bit slot for each name. Nothing here needs a relocation
 * per name.
 */
#ifndef HULL_SECCOMP_TABLES_H
#define HULL_SECCOMP_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/types.h"

enum seccomp_table_id {
	TABLE_X86,
	TABLE_X86_64,
	TABLE_X32,
	TABLE_ARM,
	TABLE_AARCH64,
	TABLE_MIPS,
	TABLE_MIPS64,
	TABLE_MIPS64N32,
	TABLE_PPC,
	TABLE_PPC64,
	TABLE_S390,
	TABLE_S390X,
	TABLE_PARISC,
	TABLE_PARISC64,
	TABLE_RISCV64,
	TABLE_LOONGARCH64,
	TABLE_M68K,
	TABLE_SH,
	TABLES
};

/*
 * A slot is the number behind the table's base, or SLOT_NONE, or SLOT_PRIVATE | n.
 * KERNEL: arm has calls of its own from 0x0f0000 on. arch/arm/include/uapi/asm/unistd.h
 */
enum { SLOT_NONE = 0xffff, SLOT_PRIVATE = 0x8000, SLOT_PRIVATES = 16, PRIVATE_BASE = 0x0f0000 };

struct seccomp_table {
	const uint16_t *slots; /* by name index; NULL: this build knows no numbers for it */
	uint16_t n;	       /* slots are below this, but for the private ones */
	uint32_t base;
};

extern const unsigned seccomp_names;
extern const char seccomp_name_pool[];
extern const uint16_t seccomp_name_at[]; /* offset in the pool, in the order of strcmp */
/* Index of a name plus 1, 0: none; at its hash, or behind what was there before it. */
enum { SECCOMP_NAME_SLOTS = 2048 };
extern const uint16_t seccomp_name_slots[SECCOMP_NAME_SLOTS];
/* Call number behind socketcall(2) (1..99) or ipc(2) (MUX_IPC + call), 0 for all others. */
extern const uint8_t seccomp_name_mux[];
enum { MUX_IPC = 100 };
extern const struct seccomp_table seccomp_tables[TABLES];

enum seccomp_family {
	FAMILY_X86,
	FAMILY_ARM,
	FAMILY_MIPS_BE,
	FAMILY_MIPS_LE,
	FAMILY_PPC_BE,
	FAMILY_PPC_LE,
	FAMILY_S390,
	FAMILY_PARISC,
	FAMILY_RISCV,
	FAMILY_LOONGARCH,
	FAMILY_M68K,
	FAMILY_SH_BE,
	FAMILY_SH_LE
};

/* What the compiler must know of an architecture. */
struct seccomp_arch {
	uint32_t audit; /* AUDIT_ARCH_*, seccomp_data.arch */
	uint8_t table;
	uint8_t family;	 /* a kernel produces the architectures of one family only */
	bool big_endian; /* order of the halves of seccomp_data.args */
	bool wide;	 /* arguments are compared in 64 bits, else in their low 32 */
	bool mux;	 /* socket and ipc calls also exist behind socketcall and ipc */
};
extern const struct seccomp_arch seccomp_archs[ARCHS];

/* Index of a name or -1. */
int seccomp_name_find(const char *name);
static inline const char *seccomp_name_text(unsigned i)
{
	return seccomp_name_pool + seccomp_name_at[i];
}
/* Number of name @i in @t; false when the architecture has no such call. */
bool seccomp_name_number(const struct seccomp_table *t, unsigned i, uint32_t *ret);

#endif
