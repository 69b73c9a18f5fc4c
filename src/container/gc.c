/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/gc: what commands that were killed left behind: found by its record, removed by delete.
 */
#include <fcntl.h>

#include "container/container.h"
#include "sys/call.h"

static int gc_one(struct ctx *c, const char *id, bool remove, struct gc_item *item, struct err *e)
{
	struct err why = { 0 };
	struct subject s;
	int r;

	*item = (struct gc_item){ .id = id };
	r = subject_open(c, id, false, &s, &why);
	if (r < 0 && why.id == ERR_STA_MISSING)
		return 0;
	if (r < 0)
		item->what = "unreadable record";
	else if (s.st.previous_boot)
		item->what = "left from a previous boot";
	else if (s.st.status == STATUS_CREATING && s.st.creator_dead)
		item->what = "its creator died";
	subject_close(&s);
	if (!item->what || !remove)
		return 0;
	r = container_delete(c, id, true, e);
	item->removed = r == 0;
	return r;
}

/* A delete that was killed before its poststop hooks were through. */
static int gc_gone(struct ctx *c, const char *id, bool remove, struct gc_item *item, struct err *e)
{
	struct err busy = { 0 };
	struct entry en = { .id = arena_printf(&c->a, STORE_GONE "%s", id) };

	*item = (struct gc_item){ .id = id };
	en.dir = sys_openat(c->root_fd, en.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (en.dir < 0)
		return 0;
	if (store_lock(&en, 0, &busy) == 0)
		item->what = "its delete died before the poststop hooks";
	store_close(&en);
	if (!item->what || !remove)
		return 0;
	return container_finish(c, id, &item->removed, e);
}

int container_gc(struct ctx *c, bool remove, struct gc_item **ret, size_t *ret_n, struct err *e)
{
	static const struct {
		const char *prefix;
		int (*one)(struct ctx *c, const char *id, bool remove, struct gc_item *item,
			   struct err *e);
	} kinds[] = { { "", gc_one }, { STORE_GONE, gc_gone } };
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	for (size_t k = 0; r >= 0 && k < ARRAY_LEN(kinds); k++) {
		const char **ids = NULL;
		size_t n = 0;

		r = store_list(c, kinds[k].prefix, &ids, &n, e);
		for (size_t i = 0; r >= 0 && i < n; i++) {
			struct gc_item item;

			r = kinds[k].one(c, ids[i], remove, &item, e);
			if (r >= 0 && item.what)
				*(struct gc_item *)arena_push(&c->a, ret, ret_n, sizeof(item)) =
					item;
		}
	}
	return r;
}
