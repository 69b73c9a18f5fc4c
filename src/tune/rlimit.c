/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/rlimit: resource limits (config.md#posix-process).
 */
#include <errno.h>
#include <sys/resource.h>

#include "base/str.h"
#include "base/table.h"
#include "spec/spec.h"
#include "sys/call.h"
#include "tune/tune.h"

static const char *show(uint64_t v, char buf[static 24])
{
	return v == RLIM64_INFINITY || str_format(buf, 24, "%llu", (unsigned long long)v) < 0
		       ? "unlimited"
		       : buf;
}

static int set_one(const struct spec_rlimit *l, pid_t pid, struct err *e)
{
	struct rlimit_pair v = { l->soft, l->hard };
	const char *name = table_name(&spec_rlimits, (uint64_t)l->resource);
	char soft[24], hard[24];
	int r;

	r = sys_prlimit(pid, l->resource, &v, NULL);
	if (r == 0)
		return 0;
	name = name ? name : "limit";
	/* KERNEL: EINVAL for soft above hard; EPERM for a hard limit above the present one without
	 * CAP_SYS_RESOURCE, and for RLIMIT_NOFILE above fs.nr_open with it. prlimit(2). */
	if (r == -EINVAL && l->soft > l->hard)
		return err_sys(e, ERR_TUN_RLIMIT, r, "%s: soft %s is above hard %s", name,
			       show(l->soft, soft), show(l->hard, hard));
	if (r == -EPERM)
		return err_sys(e, ERR_TUN_RLIMIT, r,
			       "%s: raise the hard limit to %s: needs CAP_SYS_RESOURCE%s", name,
			       show(l->hard, hard),
			       l->resource == RLIMIT_NOFILE ? ", and at most sysctl fs.nr_open"
							    : "");
	return err_sys(e, ERR_TUN_RLIMIT, r, "%s: set soft %s, hard %s", name, show(l->soft, soft),
		       show(l->hard, hard));
}

int tune_rlimits(const struct spec_process *p, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		int r = set_one(&p->rlimits[i], pid, e);

		if (r < 0)
			return err_at(e, r, "/process/rlimits/%zu", i);
	}
	return 0;
}

int tune_rlimits_raise(const struct spec_process *p, struct err *e)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct spec_rlimit *l = &p->rlimits[i];
		struct spec_rlimit wanted = *l;
		struct rlimit_pair now;
		int r;

		r = sys_prlimit(0, l->resource, NULL, &now);
		if (r < 0)
			return err_sys(e, ERR_TUN_RLIMIT, r, "read limit %d", l->resource);
		if (l->soft <= l->hard && l->hard <= now.hard)
			continue;
		/* The wanted pair at once: what is impossible fails here, at create, and not at
		 * start. */
		wanted.soft = MIN(now.soft, l->hard);
		r = set_one(&wanted, 0, e);
		if (r == 0 && l->soft > l->hard)
			r = set_one(l, 0, e);
		if (r < 0)
			return err_at(e, r, "/process/rlimits/%zu", i);
	}
	return 0;
}
