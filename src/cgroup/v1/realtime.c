/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/realtime: a group may have realtime run time only out of what the group above has.
 * Hides the walk, the arithmetic, and which groups above are hull's to change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "sys/call.h"

/*
 * KERNEL: shares are compared as (runtime << 20) / period, and the sum of the children's must fit
 * into the parent's. A new group has none. With RT_GROUP_SCHED. kernel/sched/rt.c tg_rt_schedulable
 */
enum { SHIFT = 20, LEVELS = 64 };
#define RUNTIME "cpu.rt_runtime_us"
#define PERIOD "cpu.rt_period_us"

struct level {
	int dir;
	bool ours;  /* made by hull, or still without any: may be changed */
	size_t end; /* of its part of the path */
	uint64_t period, runtime, need;
};

static bool read_u64(int dir, const char *file, uint64_t *ret)
{
	char text[32];

	return cgroup_file_read(dir, file, text, sizeof(text)) > 0 &&
	       str_to_u64(text, UINT64_MAX >> (SHIFT + 1), ret) == 0;
}

static bool read_share(int dir, uint64_t *ret_runtime, uint64_t *ret_period)
{
	/* -1, no bound, is no number here: such a group is not touched */
	return read_u64(dir, RUNTIME, ret_runtime) && read_u64(dir, PERIOD, ret_period) &&
	       *ret_period;
}

/* Rounded up: the kernel's comparison rounds down. */
static uint64_t runtime_for(uint64_t share, uint64_t period)
{
	return (share * period + (1u << SHIFT) - 1) >> SHIFT;
}

/* The default place of hull's containers: nobody else gives these groups their time. */
static bool in_own_tree(const char *path)
{
	return str_starts(path, "/hull/");
}

/* What the children of @dir have, without the one called @except. */
static uint64_t children(int dir, const char *except)
{
	_Alignas(struct dirent64) char buf[8192];
	_cleanup_fd_ int list = cgroup_beneath_open(dir, "", O_RDONLY | O_DIRECTORY);
	uint64_t sum = 0, runtime, period;
	ssize_t n;

	while (list >= 0 && (n = sys_getdents64(list, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *x = (const void *)(buf + at);
			_cleanup_fd_ int child = -1;

			at += x->d_reclen;
			if (x->d_type != DT_DIR || x->d_name[0] == '.' || streq(x->d_name, except))
				continue;
			child = cgroup_beneath_open(list, x->d_name, O_RDONLY | O_DIRECTORY);
			if (child >= 0 && read_share(child, &runtime, &period))
				sum += (runtime << SHIFT) / period;
		}
	return sum;
}

/* Open the groups above, top down. Those of hull: the last @made - 1 ones, and all below /hull. */
static size_t open_levels(const struct cgroup *g, unsigned i, struct level *v)
{
	const char *path = g->dir[i].path;
	_cleanup_fd_ int root = cgroup_root_open(g->dir[i].mount, false);
	unsigned depth = 0, made = g->dir[i].created;
	bool own_tree = in_own_tree(path);
	size_t n = 0;

	for (const char *p = path; *p; p++)
		depth += *p == '/';
	for (size_t end = 1; root >= 0 && n < LEVELS; end++) {
		struct level *x = &v[n];
		char part[512];

		end += path_part(path + end);
		if (!path[end])
			return n; /* the group itself */
		*x = (struct level){ .end = end };
		str_format(part, sizeof(part), "%.*s", (int)end - 1, path + 1);
		x->dir = cgroup_beneath_open(root, part, O_RDONLY | O_DIRECTORY);
		if (x->dir < 0)
			return n;
		n++;
		if (!read_share(x->dir, &x->runtime, &x->period))
			x->period = 0;
		x->ours = own_tree || !x->runtime || n + made > depth;
	}
	return n;
}

/* What each level needs, bottom up, for a group that wants @want. */
static void add_up(const struct cgroup *g, unsigned i, struct level *v, size_t n, uint64_t want)
{
	while (n-- > 0) {
		const char *child = g->dir[i].path + v[n].end + 1;
		char name[256];

		str_format(name, sizeof(name), "%.*s", (int)path_part(child), child);
		want += children(v[n].dir, name);
		v[n].need = want;
	}
}

/* Top down, as a parent must have it first. The first level that cannot: its number, else @n. */
static size_t give(struct level *v, size_t n, const char *period)
{
	for (size_t k = 0; k < n; k++) {
		char text[32];

		if (!v[k].period) /* no bound there */
			continue;
		if ((v[k].runtime << SHIFT) / v[k].period >= v[k].need)
			continue;
		if (!v[k].ours)
			return k;
		if (!v[k].runtime && period && cgroup_file_write(v[k].dir, PERIOD, period) >= 0)
			(void)read_share(v[k].dir, &v[k].runtime, &v[k].period);
		str_format(text, sizeof(text), "%" PRIu64, runtime_for(v[k].need, v[k].period));
		if (cgroup_file_write(v[k].dir, RUNTIME, text) < 0)
			return k;
	}
	return n;
}

const char *cgroup_v1_realtime_parents(const struct cgroup *g, unsigned i, const char *runtime,
				       const char *period, struct arena *a)
{
	struct level v[LEVELS];
	size_t n = open_levels(g, i, v), k;
	_cleanup_fd_ int own = cgroup_dir_open(g, i);
	uint64_t want, per = 1000000; /* the kernel's default */
	const char *hint = NULL;

	if (!period && own >= 0)
		(void)read_u64(own, PERIOD, &per);
	if (n && runtime && str_to_u64(runtime, UINT32_MAX, &want) == 0 &&
	    (!period || str_to_u64(period, UINT32_MAX, &per) == 0) && per) {
		add_up(g, i, v, n, (want << SHIFT) / per);
		k = give(v, n, period);
		if (k < n)
			hint = arena_printf(
				a,
				"the groups below %s%.*s need %" PRIu64 " of every %" PRIu64
				" us, it has %" PRIu64 "; %s",
				g->dir[i].mount, (int)v[k].end, g->dir[i].path,
				runtime_for(v[k].need, v[k].period), v[k].period, v[k].runtime,
				v[k].ours ? "ask for less, or give the groups above it more"
					  : "write that number to its " RUNTIME);
	}
	for (k = 0; k < n; k++)
		fd_close(&v[k].dir);
	return hint;
}

void cgroup_v1_realtime_settle(const struct cgroup *g)
{
	int i = cgroup_dir_find(g, "cpu");
	_cleanup_fd_ int own = -1;
	struct level v[LEVELS];
	size_t n;

	if (i < 0 || g->dir[i].v2 || !g->dir[i].created)
		return;
	own = cgroup_dir_open(g, (unsigned)i);
	/* KERNEL: a removed group counts until it is freed, which can take seconds: it gives first.
	 * Refused while a realtime process is in it. */
	if (own < 0 || cgroup_file_write(own, RUNTIME, "0") < 0 || !in_own_tree(g->dir[i].path))
		return;
	n = open_levels(g, (unsigned)i, v);
	for (size_t k = n; k-- > 0; fd_close(&v[k].dir)) {
		uint64_t sum = children(v[k].dir, "");
		char text[32];

		if (!v[k].period || (v[k].runtime << SHIFT) / v[k].period <= sum)
			continue;
		str_format(text, sizeof(text), "%" PRIu64, runtime_for(sum, v[k].period));
		/* refused when another container got its share meanwhile: then it is in use */
		(void)cgroup_file_write(v[k].dir, RUNTIME, text);
	}
}
