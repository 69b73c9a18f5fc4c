/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/inherited: descriptors that the caller of hull left open.
 */
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/spawn.h"
#include "sys/call.h"

int inherited_high(struct ctx *c, struct err *e)
{
	int *all, n;

	if (!c->high_inherited)
		return 0;
	all = arena_new_array(&c->a, FD_LOW + INHERITED_MAX, int);
	memcpy(all, c->inherited, c->n_inherited * sizeof(*all));
	n = fd_list(FD_LOW, all + c->n_inherited, INHERITED_MAX);
	if (n < 0)
		return err_sys(e, ERR_GEN_SYS, n, "list the open descriptors");
	c->inherited = all;
	c->n_inherited += (size_t)n;
	c->high_inherited = false;
	return 0;
}

int inherited_settle(struct ctx *c, size_t ours, bool v2, struct err *e)
{
	return v2 && ours <= FD_LOW / 4 ? 0 : inherited_high(c, e);
}

void close_inherited(struct ctx *c, unsigned kept)
{
	for (size_t i = 0; i < c->n_inherited; i++)
		if (c->inherited[i] >= (int)(3 + kept))
			close(c->inherited[i]);
	c->n_inherited = 0;
	if (c->high_inherited)
		(void)sys_close_range(FD_LOW, ~0u, 0);
	c->high_inherited = false;
}
