/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/trace: one shared mapping, two columns of steps.
 */
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static struct trace_page *page;
static bool mapped; /* @page, by open_page */
static enum trace_side own_side;

static int write_zeros(int fd)
{
	const struct trace_page zeros = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_size >= (off_t)sizeof(zeros) ? 0 : io_write_all(fd, &zeros, sizeof(zeros));
}

/*
 * KERNEL: a write through a mapping of a file with holes is SIGBUS when the disk is full: the pages
 * are made before. mmap(2). Where the file system cannot reserve, zeros are written.
 */
static int make_room(int fd)
{
	if (fallocate(fd, 0, 0, sizeof(*page)) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? write_zeros(fd) : -errno;
}

/* @kept: what is copied to the new page, or NULL. */
static int open_page(int fd, const struct trace_page *kept)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	struct trace_page *p;
	int r = fd >= 0 ? make_room(fd) : 0;

	if (r < 0)
		return r;
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	for (unsigned side = 0; kept && side < TRACE_SIDES; side++) {
		memcpy(p->rec[side], kept->rec[side], kept->n[side] * sizeof(*p->rec[side]));
		p->n[side] = kept->n[side];
	}
	if (mapped)
		munmap(page, sizeof(*page));
	page = p;
	mapped = true;
	page->version = 1;
	return 0;
}

int trace_open(int fd)
{
	return open_page(fd, NULL);
}

int trace_move(int fd)
{
	return open_page(fd, page);
}

void trace_begin(struct trace_page *own)
{
	page = own;
	page->version = 1;
}

struct trace_page *trace_page(void)
{
	return page;
}

void trace_set_side(enum trace_side side)
{
	own_side = side;
}

void trace_step(const char *name)
{
	struct trace_rec *rec;
	uint32_t n;
	size_t i;

	if (!page)
		return;
	n = page->n[own_side];
	if (n >= TRACE_MAX)
		return;
	rec = &page->rec[own_side][n];
	rec->ns = io_now();
	for (i = 0; i + 1 < TRACE_NAME && name[i]; i++)
		rec->name[i] = name[i];
	rec->name[i] = '\0';
	__atomic_store_n(&page->n[own_side], n + 1, __ATOMIC_RELEASE);
}

const char *trace_last(enum trace_side side)
{
	uint32_t n;

	if (!page)
		return "";
	n = __atomic_load_n(&page->n[side], __ATOMIC_ACQUIRE);
	if (n == 0 || n > TRACE_MAX)
		return "";
	page->rec[side][n - 1].name[TRACE_NAME - 1] = '\0';
	return page->rec[side][n - 1].name;
}
