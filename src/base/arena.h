/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/arena: memory that lives as long as a verb. Allocation cannot fail from the caller's view:
 * out of memory ends the program with one line and status 1 (arena_reserve makes that happen
 * early).
 */
#ifndef HULL_BASE_ARENA_H
#define HULL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/macro.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
	char *next, *end;
	size_t total; /* bytes handed out, for tests and budgets */
};

void arena_init(struct arena *a);
void arena_free(struct arena *a);

/* Make sure that the next @size bytes need no new memory from the kernel. */
void arena_reserve(struct arena *a, size_t size);

/* Zeroed, aligned for any type, never NULL. Valid until arena_free. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size); /* overflow checked */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))

char *arena_strdup(struct arena *a, const char *s);
char *arena_memdup(struct arena *a, const void *p, size_t n); /* adds a NUL behind */
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) _printf_(2, 0);

/*
 * Growing arrays: returns a pointer to the new, zeroed last element of *@array and counts it.
 * The capacity is implied by *@n (powers of two), so an array is {pointer, n} and nothing more.
 */
void *arena_push(struct arena *a, void *array, size_t *n, size_t size);

/* Print "hull: out of memory" and end with status 1. */
_noreturn_ void oom(void);

#endif
