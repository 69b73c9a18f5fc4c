/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/affinity: CPU affinity of exec (config.md#linux-process) and the NUMA memory policy
 * (config-linux.md#memory-policy). Raw calls: libc's cpu_set_t ends at 1024.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/table.h"
#include "spec/spec.h"
#include "tune/internal.h"

enum { MPOL_PREFERRED_ = 1, TUNE_CPUS_MAX = 8192 };

static int parse(const char *list, const char *pointer, enum err_id id, struct arena *a,
		 struct tune_mask *ret, struct err *e)
{
	int r = tune_parse_list(list, a, ret);

	if (r == -ERANGE)
		err_sys(e, id, r, "\"%s\" has a number above %d", list, TUNE_MASK_MAX - 1);
	else if (r < 0)
		err_sys(e, id, r, "\"%s\" is no list of numbers and ranges like 0-3,7", list);
	return err_at(e, r, "%s", pointer);
}

int tune_affinity(const char *list, const char *pointer, pid_t pid, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	struct tune_mask want, got;
	long bad, n;
	size_t last;
	int r;

	arena_init(&a);
	r = parse(list, pointer, ERR_TUN_AFFINITY, &a, &want, e);
	if (r < 0)
		return r;
	if (want.count == 0)
		return err_at(e, err_set(e, ERR_TUN_AFFINITY, EINVAL, "the list is empty"), "%s",
			      pointer);
	last = want.n_words - 1;
	while (last > 0 && !want.words[last])
		last--;
	if (last == 0) /* as a mask too, where it is short enough to be read */
		log_debug("%s: CPUs %s, affinity: 0x%lx", pointer, list, want.words[0]);
	else
		log_debug("%s: CPUs %s", pointer, list);
	if (syscall(SYS_sched_setaffinity, pid, want.n_words * sizeof(long), want.words) < 0) {
		r = -errno;
		/* KERNEL: EINVAL when no CPU of the mask exists, is online and in the cpuset. */
		if (r == -EINVAL)
			err_sys(e, ERR_TUN_AFFINITY, r,
				"no CPU of %s exists, is online and in the cpuset", list);
		else
			err_sys(e, ERR_TUN_AFFINITY, r, "CPUs %s", list);
		return err_at(e, r, "%s", pointer);
	}
	/* KERNEL: CPUs that cannot be used are dropped without a word. */
	got = tune_mask_new(TUNE_MASK_MAX, &a);
	n = syscall(SYS_sched_getaffinity, pid, got.n_words * sizeof(long), got.words);
	if (n < 0)
		return err_at(e, err_sys(e, ERR_TUN_AFFINITY, -errno, "read the affinity back"),
			      "%s", pointer);
	bad = tune_mask_missing(&want, &got);
	if (bad >= 0)
		return err_at(
			e,
			err_set(e, ERR_TUN_AFFINITY, EINVAL,
				"CPU %ld of %s does not exist, is offline or outside the cpuset",
				bad, list),
			"%s", pointer);
	return 0;
}

void tune_affinity_reset(pid_t pid)
{
	unsigned long all[TUNE_CPUS_MAX / TUNE_WORD_BITS];

	memset(all, 0xff, sizeof(all));
	/*
	 * KERNEL: what was asked for last outlives a move to another cpuset, since 6.2; CPUs that
	 * do not exist or are outside the cpuset are dropped. sched_setaffinity(2), cpuset(7).
	 */
	if (syscall(SYS_sched_setaffinity, pid, sizeof(all), all) < 0)
		log_debug("the CPU affinity of the caller stays: errno %d", errno);
}

int tune_memory_policy(const struct spec_memory_policy *m, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	static const char at[] = "/linux/memoryPolicy";
	const char *name = table_name(&spec_mpol_modes, (uint64_t)m->mode);
	struct tune_mask want, got;
	int mode, r;
	long bad;

	if (!m->set)
		return 0;
	name = name ? name : "?";
	arena_init(&a);
	r = parse(m->nodes ? m->nodes : "", "/linux/memoryPolicy/nodes", ERR_TUN_MEMPOLICY, &a,
		  &want, e);
	if (r < 0)
		return r;
	/* KERNEL: the number of bits is taken as one less than given. set_mempolicy(2), notes. */
	if (syscall(SYS_set_mempolicy, m->mode | (int)m->flags, want.count ? want.words : NULL,
		    want.count ? want.n_words * TUNE_WORD_BITS + 1 : 0) < 0) {
		r = -errno;
		if (r == -EINVAL)
			err_sys(e, ERR_TUN_MEMPOLICY, r,
				"the kernel refuses %s, flags %#x with nodes \"%s\" (no such node, "
				"or the mode takes none, or needs one)",
				name, m->flags, m->nodes ? m->nodes : "");
		else if (r == -ENOSYS)
			err_sys(e, ERR_TUN_MEMPOLICY, r, "the kernel is built without NUMA");
		else
			err_sys(e, ERR_TUN_MEMPOLICY, r, "%s, flags %#x", name, m->flags);
		return err_at(e, r, at);
	}
	if (want.count == 0)
		return 0;
	/* KERNEL: nodes that cannot be used are dropped without a word as long as one is left. */
	got = tune_mask_new(MAX(4096, (int)(want.n_words * TUNE_WORD_BITS)), &a);
	if (syscall(SYS_get_mempolicy, &mode, got.words, got.n_words * TUNE_WORD_BITS + 1, NULL,
		    0) < 0)
		return err_at(e,
			      err_sys(e, ERR_TUN_MEMPOLICY, -errno, "read the memory policy back"),
			      at);
	bad = tune_mask_missing(&want, &got);
	if (bad >= 0 && m->mode != MPOL_PREFERRED_) /* which keeps one node only */
		return err_at(e,
			      err_set(e, ERR_TUN_MEMPOLICY, EINVAL,
				      "node %ld of %s does not exist or is outside the cpuset", bad,
				      m->nodes),
			      at);
	return 0;
}
