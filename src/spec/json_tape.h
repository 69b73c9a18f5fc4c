/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/json_tape: the layout that json_scan.c writes and json.c reads. Nobody else includes it.
 */
#ifndef HULL_SPEC_JSON_TAPE_H
#define HULL_SPEC_JSON_TAPE_H

#include <stdint.h>

#include "spec/json.h"

/*
 * The tape: one node per value and per name, in the order of the text, a container before its
 * content. `where` is the byte offset of the value's first byte with its type in the low three
 * bits; `span` is the number of nodes of a container with all it holds (so that it can be skipped
 * at once), the length of a string after decoding, and 1 for the rest. A member is a name (a
 * JV_STRING node) and its value.
 */
struct jv_node {
	uint32_t where, span;
};

enum { JV_TYPE_BITS = 3 };

static inline enum jv_type jv_node_type(const struct jv_node *n)
{
	return (enum jv_type)(n->where & ((1u << JV_TYPE_BITS) - 1));
}

static inline uint32_t jv_node_offset(const struct jv_node *n)
{
	return n->where >> JV_TYPE_BITS;
}

/* Index of the node behind @i and all it holds. */
static inline uint32_t jv_node_skip(const struct jv_node *nodes, uint32_t i)
{
	return jv_node_type(&nodes[i]) >= JV_ARRAY ? i + nodes[i].span : i + 1;
}

/* Decoded bytes of a string node, NUL terminated. */
static inline const char *jv_node_string(const char *text, const struct jv_node *n)
{
	return text + jv_node_offset(n) + 1;
}

/* Line and column of a byte offset. */
void jv_locate(const char *raw, size_t offset, size_t *ret_line, size_t *ret_column);

#endif
