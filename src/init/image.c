/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/image: moves hull's own program to anonymous memory at its place: all of it, or of the code
 * only what init calls (the linker put that together, see tools/init-sections).
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "init/init.h"
#include "init/steps.h"
#include "sys/call.h"

#ifndef MADV_POPULATE_WRITE /* linux/mman.h, since 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, PIECES_MAX = 24 };

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
/* Of the linker's script; absent in builds without it. */
#define OPTIONAL __attribute__((weak, visibility("hidden")))
extern const char init_text_start[] OPTIONAL, init_text_end[] OPTIONAL;
extern const char exec_text_start[] OPTIONAL, exec_text_end[] OPTIONAL;
extern const char rodata_start[] OPTIONAL;
extern const char init_rodata_start[] OPTIONAL, init_rodata_end[] OPTIONAL;

/* Whole pages. */
struct range {
	uintptr_t from, to;
};

struct piece {
	struct range at;
	int prot;
	uintptr_t relro; /* up to here it is read-only in the end, 0 */
};

struct image {
	struct range all;		/* what of the file is mapped, gaps included */
	struct piece piece[PIECES_MAX]; /* what stays of it, ascending */
	unsigned n;
};

static uintptr_t floor_page(uintptr_t p)
{
	return p & ~(uintptr_t)(PAGE - 1);
}

static uintptr_t ceil_page(uintptr_t p)
{
	return floor_page(p + PAGE - 1);
}

static int prot_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

static void add(struct image *im, struct range r, int prot, uintptr_t relro)
{
	if (r.from < r.to && im->n < PIECES_MAX)
		im->piece[im->n++] = (struct piece){ r, prot, relro };
}

/* Code is called by name or through init's own tables (tools/check-binary sees to that). */
static struct range code_of(enum init_part part, struct range all)
{
	const bool exec = part == INIT_PART_EXEC;

	if (part == INIT_PART_ALL || !init_text_end)
		return all;
	return (struct range){ floor_page((uintptr_t)(exec ? exec_text_start : init_text_start)),
			       ceil_page((uintptr_t)(exec ? exec_text_end : init_text_end)) };
}

/*
 * Constants stay, as the plan may point to them, but for those at both ends, of files that only the
 * runtime uses. What is between the headers and the constants (relocations, symbols) was used up by
 * the start of a static program.
 */
static struct range constants_of(enum init_part part, struct range all)
{
	all.from = rodata_start ? floor_page((uintptr_t)rodata_start) : all.to;
	if (part != INIT_PART_ALL && init_rodata_end) {
		all.from = floor_page((uintptr_t)init_rodata_start);
		all.to = MIN(all.to, ceil_page((uintptr_t)init_rodata_end));
	}
	return all;
}

static struct range range_of(const Elf64_Phdr *ph, uintptr_t base, uint64_t size)
{
	return (struct range){ floor_page(base + ph->p_vaddr),
			       ceil_page(base + ph->p_vaddr + size) };
}

static void find_image(enum init_part part, struct image *ret)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)(const void *)__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(const void *)(__ehdr_start + eh->e_phoff);
	uintptr_t base = (uintptr_t)__ehdr_start; /* the file's first byte is the image's */
	struct range relro = { 0 };
	bool linker = false;

	*ret = (struct image){ .all = { UINTPTR_MAX, 0 } };
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		linker |= ph[i].p_type == PT_INTERP;
		if (ph[i].p_type == PT_GNU_RELRO)
			relro = (struct range){ floor_page(base + ph[i].p_vaddr),
						floor_page(base + ph[i].p_vaddr + ph[i].p_memsz) };
	}
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		struct range r = range_of(&ph[i], base, ph[i].p_filesz);
		int prot = prot_of(ph[i].p_flags);

		if (ph[i].p_type != PT_LOAD)
			continue;
		ret->all.from = MIN(ret->all.from, r.from);
		ret->all.to = MAX(ret->all.to, r.to);
		if (r.from == base && prot == PROT_READ && !linker)
			r = constants_of(part, r);
		if (prot & PROT_EXEC)
			r = code_of(part, r);
		add(ret, r, prot,
		    prot & PROT_WRITE && relro.from < relro.to ? MIN(r.to, relro.to) : 0);
	}
}

/*
 * @im at @copy, with gaps between the pieces where the file has what stays behind: nothing was ever
 * there.
 */
static void fill(const struct image *im, char *copy)
{
	for (unsigned i = 0; i < im->n; i++) {
		const struct range at = im->piece[i].at;
		char *to = copy + (at.from - im->all.from);

		/* a hint: what it cannot get the copy asks for page by page */
		(void)madvise(to, at.to - at.from, MADV_POPULATE_WRITE);
		memcpy(to, (const char *)at.from, at.to - at.from);
	}
}

static int protect(uintptr_t from, uintptr_t to, int prot)
{
	return from < to ? sys_mprotect((char *)from, to - from, prot) : 0;
}

/*
 * The copy takes the place of the image in one step, so code that runs from it and data it uses are
 * always there: readable and executable, for nothing is both writable and executable at any time.
 * Nothing is written before it is as the file had it: not by a dynamic linker either, which notes a
 * function when it is called first. A gap is as what is in front of it.
 */
int init_image_move(enum init_part part)
{
	struct image im;
	uintptr_t from;
	size_t size;
	char *copy;
	int r = 0;

	find_image(part, &im);
	size = im.all.to - im.all.from;
	copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	fill(&im, copy);
	r = sys_mprotect(copy, size, PROT_READ | PROT_EXEC);
	if (r == 0 && mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			     (char *)im.all.from) == MAP_FAILED)
		r = -errno;
	from = im.all.from;
	for (unsigned i = 0; r == 0 && i < im.n; i++) {
		const struct piece *p = &im.piece[i];
		uintptr_t to = i + 1 < im.n ? im.piece[i + 1].at.from : im.all.to;

		if (p->relro) {
			r = protect(from, p->relro, PROT_READ);
			from = p->relro;
		}
		if (r == 0 && p->prot != (PROT_READ | PROT_EXEC))
			r = protect(from, to, p->prot);
		from = to;
	}
	return r;
}
