/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/arena: a bump allocator over chunks that double in size, straight from mmap so that a child
 * between clone and exec never meets malloc's locks.
 */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_FIRST = 256 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *prev;
	size_t size;
};

void oom(void)
{
	static const char msg[] = "hull: error: out of memory\n";

	if (write(STDERR_FILENO, msg, sizeof(msg) - 1) < 0)
		_exit(1);
	_exit(1);
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

/*
 * The chunk of the last arena that was freed, for the next one: small arenas come and go, and a
 * mapping with its page faults costs more than what is done in it. Clean again.
 */
static struct arena_chunk *spare;

static bool keep_spare(struct arena *a, struct arena_chunk *c)
{
	if (spare || c->prev || c->size != CHUNK_FIRST)
		return false;
	memset(c + 1, 0, (size_t)(a->next - (char *)(c + 1)));
	spare = c;
	return true;
}

void arena_free(struct arena *a)
{
	struct arena_chunk *c = a->head;

	if (c && keep_spare(a, c))
		c = NULL;
	while (c) {
		struct arena_chunk *prev = c->prev;

		munmap(c, c->size);
		c = prev;
	}
	arena_init(a);
}

static void grow(struct arena *a, size_t need)
{
	size_t size = a->head ? a->head->size * 2 : CHUNK_FIRST;
	struct arena_chunk *c;

	need += sizeof(*c) + ALIGN;
	while (size < need) {
		if (size > SIZE_MAX / 2)
			oom();
		size *= 2;
	}
	if (spare && size == CHUNK_FIRST) {
		c = spare;
		spare = NULL;
		goto have;
	}
	c = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		oom();
have:
	c->prev = a->head;
	c->size = size;
	a->head = c;
	a->next = (char *)(c + 1);
	a->end = (char *)c + size;
}

void arena_reserve(struct arena *a, size_t size)
{
	if ((size_t)(a->end - a->next) < size)
		grow(a, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p;

	if (size > SIZE_MAX / 4)
		oom();
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if ((size_t)(a->end - a->next) < size)
		grow(a, size);
	p = a->next;
	a->next += size;
	a->total += size;
	return p; /* fresh anonymous memory is zero; a spare chunk was made so */
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		oom();
	return arena_alloc(a, bytes);
}

char *arena_memdup(struct arena *a, const void *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	enum { MOST = 128 };
	char text[MOST];
	va_list again;
	int n;
	char *s;

	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		oom();
	if (n < MOST)
		s = arena_memdup(a, text, (size_t)n);
	else
		vsnprintf(s = arena_alloc(a, (size_t)n + 1), (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

void *arena_push(struct arena *a, void *array, size_t *n, size_t size)
{
	void *old;
	void *p;

	memcpy(&old, array, sizeof(old));
	if ((*n & (*n - 1)) == 0) { /* full at 0, 1, 2, 4, 8 ... */
		p = arena_array(a, *n ? *n * 2 : 1, size);
		if (*n)
			memcpy(p, old, *n * size);
		memcpy(array, &p, sizeof(p));
		old = p;
	}
	return (char *)old + (*n)++ * size;
}
