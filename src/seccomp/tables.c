/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/tables: look-up in the generated tables, and the one table of architectures. Hides the
 * packing of numbers into slots.
 */
#include "seccomp/tables.h"

#include <linux/audit.h>

#include "base/macro.h"
#include "base/str.h"
#include "seccomp/name_hash.h"
#include "seccomp/seccomp.h"

#define ARCH(audit_, table_, family_, be, wide_, mux_)                                             \
	{                                                                                          \
		.audit = (audit_), .table = (table_), .family = (family_), .big_endian = (be),     \
		.wide = (wide_), .mux = (mux_)                                                     \
	}

/*
 * KERNEL: x32 calls carry AUDIT_ARCH_X86_64 and bit 30 in the number. Since 3.4. seccomp(2)
 * x32 and n32 compare 32 bits although their registers are wider: that is what libseccomp does, and
 * what profiles written against it expect of values such as -1.
 */
const struct seccomp_arch seccomp_archs[ARCHS] = {
	[ARCH_X86] = ARCH(AUDIT_ARCH_I386, TABLE_X86, FAMILY_X86, false, false, true),
	[ARCH_X86_64] = ARCH(AUDIT_ARCH_X86_64, TABLE_X86_64, FAMILY_X86, false, true, false),
	[ARCH_X32] = ARCH(AUDIT_ARCH_X86_64, TABLE_X32, FAMILY_X86, false, false, false),
	[ARCH_ARM] = ARCH(AUDIT_ARCH_ARM, TABLE_ARM, FAMILY_ARM, false, false, false),
	[ARCH_AARCH64] = ARCH(AUDIT_ARCH_AARCH64, TABLE_AARCH64, FAMILY_ARM, false, true, false),
	[ARCH_MIPS] = ARCH(AUDIT_ARCH_MIPS, TABLE_MIPS, FAMILY_MIPS_BE, true, false, true),
	[ARCH_MIPS64] = ARCH(AUDIT_ARCH_MIPS64, TABLE_MIPS64, FAMILY_MIPS_BE, true, true, false),
	[ARCH_MIPS64N32] =
		ARCH(AUDIT_ARCH_MIPS64N32, TABLE_MIPS64N32, FAMILY_MIPS_BE, true, false, false),
	[ARCH_MIPSEL] = ARCH(AUDIT_ARCH_MIPSEL, TABLE_MIPS, FAMILY_MIPS_LE, false, false, true),
	[ARCH_MIPSEL64] =
		ARCH(AUDIT_ARCH_MIPSEL64, TABLE_MIPS64, FAMILY_MIPS_LE, false, true, false),
	[ARCH_MIPSEL64N32] =
		ARCH(AUDIT_ARCH_MIPSEL64N32, TABLE_MIPS64N32, FAMILY_MIPS_LE, false, false, false),
	[ARCH_PPC] = ARCH(AUDIT_ARCH_PPC, TABLE_PPC, FAMILY_PPC_BE, true, false, true),
	[ARCH_PPC64] = ARCH(AUDIT_ARCH_PPC64, TABLE_PPC64, FAMILY_PPC_BE, true, true, true),
	[ARCH_PPC64LE] = ARCH(AUDIT_ARCH_PPC64LE, TABLE_PPC64, FAMILY_PPC_LE, false, true, true),
	[ARCH_S390] = ARCH(AUDIT_ARCH_S390, TABLE_S390, FAMILY_S390, true, false, true),
	[ARCH_S390X] = ARCH(AUDIT_ARCH_S390X, TABLE_S390X, FAMILY_S390, true, true, true),
	[ARCH_PARISC] = ARCH(AUDIT_ARCH_PARISC, TABLE_PARISC, FAMILY_PARISC, true, false, false),
	[ARCH_PARISC64] =
		ARCH(AUDIT_ARCH_PARISC64, TABLE_PARISC64, FAMILY_PARISC, true, true, false),
	[ARCH_RISCV64] = ARCH(AUDIT_ARCH_RISCV64, TABLE_RISCV64, FAMILY_RISCV, false, true, false),
	[ARCH_LOONGARCH64] = ARCH(AUDIT_ARCH_LOONGARCH64, TABLE_LOONGARCH64, FAMILY_LOONGARCH,
				  false, true, false),
	[ARCH_M68K] = ARCH(AUDIT_ARCH_M68K, TABLE_M68K, FAMILY_M68K, true, false, true),
	[ARCH_SH] = ARCH(AUDIT_ARCH_SHEL, TABLE_SH, FAMILY_SH_LE, false, false, true),
	[ARCH_SHEB] = ARCH(AUDIT_ARCH_SH, TABLE_SH, FAMILY_SH_BE, true, false, true),
};

int seccomp_name_find(const char *name)
{
	uint32_t at = seccomp_name_hash(name);
	unsigned i;

	while ((i = seccomp_name_slots[at++ % SECCOMP_NAME_SLOTS]))
		if (streq(name, seccomp_name_text(i - 1)))
			return (int)i - 1;
	return -1;
}

bool seccomp_name_number(const struct seccomp_table *t, unsigned i, uint32_t *ret)
{
	uint16_t slot;

	if (!t->slots || t->slots[i] == SLOT_NONE)
		return false;
	slot = t->slots[i];
	*ret = slot & SLOT_PRIVATE ? (uint32_t)(PRIVATE_BASE | (slot & 0xff)) : t->base + slot;
	return true;
}

long seccomp_syscall(enum spec_seccomp_arch arch, const char *name)
{
	int i = seccomp_name_find(name);
	uint32_t number;

	if (i < 0 ||
	    !seccomp_name_number(&seccomp_tables[seccomp_archs[arch].table], (unsigned)i, &number))
		return -1;
	return (long)number;
}

const char *seccomp_syscall_name(enum spec_seccomp_arch arch, uint32_t number)
{
	const struct seccomp_table *t = &seccomp_tables[seccomp_archs[arch].table];
	uint32_t n;

	for (unsigned i = 0; i < seccomp_names; i++)
		if (seccomp_name_number(t, i, &n) && n == number)
			return seccomp_name_text(i);
	return NULL;
}

unsigned seccomp_n_calls(void)
{
	return seccomp_names;
}

bool seccomp_call(enum spec_seccomp_arch arch, unsigned i, const char **ret_name,
		  struct seccomp_data *ret)
{
	uint32_t n;

	if (!seccomp_name_number(&seccomp_tables[seccomp_archs[arch].table], i, &n))
		return false;
	*ret_name = seccomp_name_text(i);
	ret->nr = (int)n;
	ret->arch = seccomp_archs[arch].audit;
	return true;
}

bool seccomp_arch_here(enum spec_seccomp_arch arch)
{
	return seccomp_archs[arch].family == seccomp_archs[seccomp_native()].family;
}

bool seccomp_arch_known(enum spec_seccomp_arch arch)
{
	return seccomp_tables[seccomp_archs[arch].table].slots != NULL;
}

enum spec_seccomp_arch seccomp_native(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return ARCH_X32;
#elif defined(__x86_64__)
	return ARCH_X86_64;
#elif defined(__i386__)
	return ARCH_X86;
#elif defined(__aarch64__)
	return ARCH_AARCH64;
#elif defined(__arm__)
	return ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
	return ARCH_RISCV64;
#elif defined(__loongarch64)
	return ARCH_LOONGARCH64;
#elif defined(__s390x__)
	return ARCH_S390X;
#elif defined(__s390__)
	return ARCH_S390;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return ARCH_PPC64LE;
#elif defined(__powerpc64__)
	return ARCH_PPC64;
#elif defined(__powerpc__)
	return ARCH_PPC;
#elif defined(__mips__) && defined(__MIPSEL__)
	return _MIPS_SIM == _ABI64    ? ARCH_MIPSEL64
	       : _MIPS_SIM == _ABIN32 ? ARCH_MIPSEL64N32
				      : ARCH_MIPSEL;
#elif defined(__mips__)
	return _MIPS_SIM == _ABI64    ? ARCH_MIPS64
	       : _MIPS_SIM == _ABIN32 ? ARCH_MIPS64N32
				      : ARCH_MIPS;
#elif defined(__hppa__)
	return ARCH_PARISC;
#else
#error "seccomp: this architecture has no row in seccomp_archs"
#endif
}
