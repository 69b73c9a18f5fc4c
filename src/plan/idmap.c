/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/idmap: the mappings that an idmap= or ridmap= mount option carries:
 * "uids=C-H-N#C-H-N;gids=...". A range that begins with '@' gives H as an id of the container's
 * user namespace. Hides that grammar.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"

enum { RANGES_MAX = 340 };

static int add_range(struct maker *m, struct spec_idmaps *to, uint32_t from, uint32_t host,
		     uint32_t size, struct err *e)
{
	if (to->n == RANGES_MAX)
		return err_set(e, ERR_CFG_LIMIT, 0, "idmap: more than %d ranges", RANGES_MAX);
	*(struct spec_idmap *)arena_push(m->arena, &to->v, &to->n, sizeof(*to->v)) =
		(struct spec_idmap){ .container_id = from, .host_id = host, .size = size };
	return 0;
}

/* Translate [id, id + size) of the container to the host; it may cross several mappings of the
 * container. */
static int add_relative(struct maker *m, struct spec_idmaps *to,
			const struct spec_idmaps *container, const uint32_t v[3], struct err *e)
{
	uint32_t from = v[0], id = v[1], size = v[2];

	if (!plan_ns_own(m->plan, NS_USER))
		return add_range(m, to, from, id, size, e);
	if (m->plan->ids.joined && !m->plan->ids.uid.n)
		return err_set(e, ERR_CFG_CONFLICT, 0,
			       "idmap: '@' needs the mappings of the user namespace, and a joined "
			       "one brings none");
	while (size) {
		const struct spec_idmap *found = NULL;
		uint32_t n;
		int r;

		for (size_t i = 0; i < container->n && !found; i++)
			if (id >= container->v[i].container_id &&
			    id - container->v[i].container_id < container->v[i].size)
				found = &container->v[i];
		if (!found)
			return err_set(e, ERR_CFG_CONFLICT, 0,
				       "idmap: id %u of '@' is not mapped in the user namespace",
				       id);
		n = MIN(size, found->size - (id - found->container_id));
		r = add_range(m, to, from, found->host_id + (id - found->container_id), n, e);
		if (r < 0)
			return r;
		from += n;
		id += n;
		size -= n;
	}
	return 0;
}

/* "C-H-N", three numbers; [C, C+N) and [H, H+N) stay below the invalid id 4294967295. */
static int parse_range(const char *text, size_t len, uint32_t v[3], struct err *e)
{
	const char *p = text, *end = text + len;

	for (int i = 0; i < 3; i++) {
		char number[16];
		size_t n = 0;

		while (p + n < end && p[n] != '-')
			n++;
		if (n == 0 || n >= sizeof(number))
			goto bad;
		memcpy(number, p, n);
		number[n] = '\0';
		if (str_to_u32(number, &v[i]) < 0)
			goto bad;
		p += n;
		if (i < 2 && (p == end || *p++ != '-'))
			goto bad;
	}
	if (p == end && v[2] > 0 && (uint64_t)v[0] + v[2] <= UINT32_MAX &&
	    (uint64_t)v[1] + v[2] <= UINT32_MAX)
		return 0;
bad:
	return err_set(e, ERR_CFG_VALUE, 0, "idmap: \"%.*s\" is no range FROM-TO-SIZE", (int)len,
		       text);
}

static int parse_ranges(struct maker *m, const char *text, size_t len,
			const struct spec_idmaps *container, struct spec_idmaps *to, struct err *e)
{
	const char *end = text + len;

	if (to->n)
		return err_set(e, ERR_CFG_DUPLICATE, 0, "idmap: uids or gids twice");
	for (const char *p = text; p <= end;) {
		const char *hash = memchr(p, '#', (size_t)(end - p));
		size_t n = (size_t)((hash ? hash : end) - p);
		bool relative = n && *p == '@';
		uint32_t v[3] = { 0 };
		int r;

		r = parse_range(p + relative, n - relative, v, e);
		if (r == 0)
			r = relative ? add_relative(m, to, container, v, e)
				     : add_range(m, to, v[0], v[1], v[2], e);
		if (r < 0)
			return r;
		p += n + 1;
	}
	return 0;
}

int plan_parse_idmap(struct maker *m, const char *text, struct plan_mount *mount, struct err *e)
{
	const struct spec_linux *os = &m->spec->os;

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ";");
		int r;

		if (n > 5 && strncmp(p, "uids=", 5) == 0)
			r = parse_ranges(m, p + 5, n - 5, &os->uid_mappings, &mount->uid_map, e);
		else if (n > 5 && strncmp(p, "gids=", 5) == 0)
			r = parse_ranges(m, p + 5, n - 5, &os->gid_mappings, &mount->gid_map, e);
		else
			r = err_set(e, ERR_CFG_VALUE, 0,
				    "idmap: \"%.*s\" is neither uids= nor gids=", (int)n, p);
		if (r < 0)
			return r;
		p += n + (p[n] == ';');
	}
	if (!mount->uid_map.n || !mount->gid_map.n)
		return err_set(e, ERR_CFG_VALUE, 0, "idmap: uids= and gids= are both needed");
	return 0;
}
