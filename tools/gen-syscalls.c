/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen-syscalls: asks libseccomp for the name of every syscall number of every architecture and
 * prints the tables of src/seccomp/tables.h. Runs at build time only; hull itself does not link
 * libseccomp.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/name_hash.h"

enum { MAX_NAMES = 2048, MAX_NUMBER = 1024, NONE = 0xffff, PRIVATE = 0x8000, SLOTS = 2048 };

/* One row per table of numbers; architectures that differ in byte order only share one. */
static const struct {
	const char *id;
	uint32_t token, base;
} tables[] = {
	{ "TABLE_X86", SCMP_ARCH_X86, 0 },
	{ "TABLE_X86_64", SCMP_ARCH_X86_64, 0 },
	{ "TABLE_X32", SCMP_ARCH_X32, 0x40000000 },
	{ "TABLE_ARM", SCMP_ARCH_ARM, 0 },
	{ "TABLE_AARCH64", SCMP_ARCH_AARCH64, 0 },
	{ "TABLE_MIPS", SCMP_ARCH_MIPS, 4000 },
	{ "TABLE_MIPS64", SCMP_ARCH_MIPS64, 5000 },
	{ "TABLE_MIPS64N32", SCMP_ARCH_MIPS64N32, 6000 },
	{ "TABLE_PPC", SCMP_ARCH_PPC, 0 },
	{ "TABLE_PPC64", SCMP_ARCH_PPC64, 0 },
	{ "TABLE_S390", SCMP_ARCH_S390, 0 },
	{ "TABLE_S390X", SCMP_ARCH_S390X, 0 },
	{ "TABLE_PARISC", SCMP_ARCH_PARISC, 0 },
	{ "TABLE_PARISC64", SCMP_ARCH_PARISC64, 0 },
	{ "TABLE_RISCV64", SCMP_ARCH_RISCV64, 0 },
#ifdef SCMP_ARCH_LOONGARCH64
	{ "TABLE_LOONGARCH64", SCMP_ARCH_LOONGARCH64, 0 },
#endif
#ifdef SCMP_ARCH_M68K
	{ "TABLE_M68K", SCMP_ARCH_M68K, 0 },
#endif
#ifdef SCMP_ARCH_SH
	{ "TABLE_SH", SCMP_ARCH_SH, 0 },
#endif
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), ARM_PRIVATE = 0x0f0000 };

/*
 * KERNEL: from 424 on a new call has the same number on every architecture (behind the base). The
 * calls younger than the oldest libseccomp that hull builds with. include/uapi/asm-generic/unistd.h
 * up to 6.17.
 */
static const struct {
	const char *text;
	unsigned number;
} newer[] = {
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
	{ "statmount", 457 },
	{ "listmount", 458 },
	{ "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },
	{ "mseal", 462 },
	{ "setxattrat", 463 },
	{ "getxattrat", 464 },
	{ "listxattrat", 465 },
	{ "removexattrat", 466 },
	{ "open_tree_attr", 467 },
	{ "file_getattr", 468 },
	{ "file_setattr", 469 },
};

struct name {
	char text[64];
	uint16_t number[TABLES];
	unsigned mux; /* socketcall: 1..99, ipc: 100 + call */
};
static struct name names[MAX_NAMES];
static unsigned n_names;
static unsigned max_slot[TABLES];

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "gen-syscalls: %s: %s\n", what, name);
	exit(1);
}

static struct name *name_get(const char *text)
{
	struct name *n;

	for (unsigned i = 0; i < n_names; i++)
		if (strcmp(names[i].text, text) == 0)
			return &names[i];
	if (n_names == MAX_NAMES || strlen(text) >= sizeof(names[0].text))
		fail("too many or too long names", text);
	n = &names[n_names++];
	memcpy(n->text, text, strlen(text) + 1);
	for (unsigned t = 0; t < TABLES; t++)
		n->number[t] = NONE;
	return n;
}

static void read_number(unsigned t, int number, unsigned slot)
{
	char *text = seccomp_syscall_resolve_num_arch(tables[t].token, number);
	int back;

	if (!text)
		return;
	/* A number is the name's own, or that of a call that libseccomp prefers to name by its
	 * place behind socketcall or ipc (negative); anything else is an alias of another base. */
	back = seccomp_syscall_resolve_name_arch(tables[t].token, text);
	if (back == number || (back < -100 && back > -300)) {
		name_get(text)->number[t] = (uint16_t)slot;
		if (slot < PRIVATE && slot > max_slot[t])
			max_slot[t] = slot;
	}
	free(text);
}

static void add_newer(unsigned t)
{
	for (unsigned i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
		struct name *n = name_get(newer[i].text);

		if (n->number[t] == NONE)
			n->number[t] = (uint16_t)newer[i].number;
		if (newer[i].number > max_slot[t])
			max_slot[t] = newer[i].number;
	}
}

static void read_mux(int pseudo, unsigned mux)
{
	char *text = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, pseudo);

	if (text)
		name_get(text)->mux = mux;
	free(text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void print_slots(FILE *f)
{
	static uint16_t slots[SLOTS];

	if (n_names > SLOTS / 2)
		fail("too many names for the slots", "");
	for (unsigned i = 0; i < n_names; i++) {
		uint32_t at = seccomp_name_hash(names[i].text);

		while (slots[at % SLOTS])
			at++;
		slots[at % SLOTS] = (uint16_t)(i + 1);
	}
	fprintf(f, "\nconst uint16_t seccomp_name_slots[SECCOMP_NAME_SLOTS] = {");
	for (unsigned i = 0; i < SLOTS; i++)
		fprintf(f, "%s%u,", i % 16 ? " " : "\n\t", slots[i]);
	fprintf(f, "\n};\n");
}

static void print_tables(FILE *f)
{
	unsigned off = 0;

	fprintf(f,
		"/* Made by tools/gen-syscalls from libseccomp %u.%u.%u. */\n#include "
		"\"seccomp/tables.h\"\n\n",
		seccomp_version()->major, seccomp_version()->minor, seccomp_version()->micro);
	fprintf(f,
		"const unsigned seccomp_names = %u;\n\nconst char seccomp_name_pool[] =", n_names);
	for (unsigned i = 0; i < n_names; i++)
		fprintf(f, "\n\t\"%s\\0\"", names[i].text);
	fprintf(f, ";\n\nconst uint16_t seccomp_name_at[%u] = {", n_names);
	for (unsigned i = 0; i < n_names; i++) {
		fprintf(f, "%s%u,", i % 16 ? " " : "\n\t", off);
		off += (unsigned)strlen(names[i].text) + 1;
	}
	if (off > 0xffff)
		fail("the name pool is too large", "");
	fprintf(f, "\n};\n");
	print_slots(f);
	fprintf(f, "\nconst uint8_t seccomp_name_mux[%u] = {", n_names);
	for (unsigned i = 0; i < n_names; i++)
		fprintf(f, "%s%u,", i % 32 ? " " : "\n\t", names[i].mux);
	fprintf(f, "\n};\n");
	for (unsigned t = 0; t < TABLES; t++) {
		fprintf(f, "\nstatic const uint16_t numbers_%u[%u] = {", t, n_names);
		for (unsigned i = 0; i < n_names; i++)
			fprintf(f, "%s%u,", i % 16 ? " " : "\n\t", names[i].number[t]);
		fprintf(f, "\n};\n");
	}
	fprintf(f, "\nconst struct seccomp_table seccomp_tables[TABLES] = {\n");
	for (unsigned t = 0; t < TABLES; t++)
		fprintf(f, "\t[%s] = { numbers_%u, %u, 0x%x },\n", tables[t].id, t, max_slot[t] + 1,
			tables[t].base);
#ifndef SCMP_ARCH_LOONGARCH64
	/* KERNEL: loongarch64 uses the generic numbers, as aarch64 does. Since 5.19.
	 * asm-generic/unistd.h */
	for (unsigned t = 0; t < TABLES; t++)
		if (tables[t].token == SCMP_ARCH_AARCH64)
			fprintf(f, "\t[TABLE_LOONGARCH64] = { numbers_%u, %u, 0 },\n", t,
				max_slot[t] + 1);
#endif
	fprintf(f, "};\n");
}

int main(int argc, char **argv)
{
	FILE *f;

	if (argc != 2)
		fail("usage: gen-syscalls FILE", "");
	for (unsigned t = 0; t < TABLES; t++) {
		for (unsigned i = 0; i < MAX_NUMBER; i++)
			read_number(t, (int)(tables[t].base + i), i);
		if (tables[t].token == SCMP_ARCH_ARM)
			for (unsigned i = 0; i < 16; i++)
				read_number(t, (int)(ARM_PRIVATE + i), PRIVATE | i);
		add_newer(t);
	}
	for (int i = 1; i <= 20; i++)
		read_mux(-100 - i, (unsigned)i);
	for (int i = 1; i <= 24; i++)
		read_mux(-200 - i, 100 + (unsigned)i);
	qsort(names, n_names, sizeof(names[0]), by_text);
	f = fopen(argv[1], "we");
	if (!f)
		fail(argv[1], strerror(errno));
	print_tables(f);
	if (fclose(f) != 0)
		fail(argv[1], strerror(errno));
	return 0;
}
