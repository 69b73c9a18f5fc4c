/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/internal: what the files of the room share: files beneath a verified root, directories of
 * the group in each hierarchy, whole trees. Not included outside.
 */
#ifndef HULL_CGROUP_INTERNAL_H
#define HULL_CGROUP_INTERNAL_H

#include <sys/types.h>

#include "cgroup/cgroup.h"

extern const struct cgroup_ops cgroup_ops_none, cgroup_ops_v1, cgroup_ops_hybrid, cgroup_ops_v2,
	cgroup_ops_systemd;

enum { CGROUP_NAME_SIZE = 640 }; /* mount + path + NUL */

/* ---- file.c: rule G1 ---- */
/*
 * O_PATH fd of a hierarchy's mount point, proved by its magic. -ENOTSUP: something else is mounted
 * there.
 */
int cgroup_root_open(const char *mount, bool v2);
/* The same of hierarchy @i: the one that @g has been lent, or *own, which the caller closes. */
int cgroup_root_of(const struct cgroup *g, unsigned i, int *own);
/*
 * @path (without a leading slash; "" is @dir itself) beneath @dir: no symlink, no mount point, no
 * "..".
 */
int cgroup_beneath_open(int dir, const char *path, int flags);
/* A file of the group @dir: one plain component. -EINVAL for anything else. */
int cgroup_file_open(int dir, const char *name, int flags);
ssize_t cgroup_file_read(int dir, const char *name, char *buf, size_t size);
/* The whole file in the arena, for lists. */
int cgroup_file_read_all(int dir, const char *name, struct arena *a, char **ret);
int cgroup_file_write(int dir, const char *name, const char *value);
/* The number behind "KEY " in a flat-keyed file (cgroup.events). -ENODATA without such a line. */
int cgroup_text_key(const char *text, const char *key, uint64_t *ret);
/*
 * Wait for `KEY VALUE` in cgroup.events, by poll. 0, -ETIMEDOUT, -ENOENT when the group is gone,
 * -errno.
 */
int cgroup_events_wait(int dir, const char *key, uint64_t value, uint64_t deadline);
int cgroup_events_get(int dir, const char *key, uint64_t *ret);

/* ---- dirs.c: the group's directory in hierarchy @i ---- */
/* Lexical rules for a cgroup path. ERR_CGR_PATH. */
int cgroup_path_check(const char *path, struct err *e);
/* "/sys/fs/cgroup/a/b", for messages. */
const char *cgroup_dir_name(const struct cgroup *g, unsigned i, char buf[static CGROUP_NAME_SIZE]);
/* Does the hierarchy carry @controller ("cpu", "name=systemd")? */
bool cgroup_dir_has(const struct cgroup *g, unsigned i, const char *controller);
/* One file of the group @path in the hierarchy @root: bytes as io_read_line_file, or -errno. */
ssize_t cgroup_beneath_read(int root, const char *path, const char *name, char *buf, size_t size);
/* Index of the v1 hierarchy of @controller, of the v2 one; -1. */
int cgroup_dir_find(const struct cgroup *g, const char *controller);
int cgroup_dir_v2(const struct cgroup *g);
/* Add a hierarchy of the host. */
int cgroup_dir_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_hierarchy *h,
		    struct err *e);
void cgroup_dir_drop(struct cgroup *g, unsigned i);
/* Readable directory fd, or -errno. */
int cgroup_dir_open(const struct cgroup *g, unsigned i);
/* mkdir what is missing, one component after the other; sets created; fd or -errno. */
int cgroup_dir_make(struct cgroup *g, unsigned i, struct err *e);
int cgroup_dir_join(const struct cgroup *g, unsigned i, int pid, struct err *e);
/* Write one value; the error names file, value, reason and @pointer. */
int cgroup_dir_write(const struct cgroup *g, unsigned i, int dir, const char *file,
		     const char *value, const char *pointer, struct err *e);
/* Remove the group and the made components above it. */
int cgroup_dir_remove(struct cgroup *g, unsigned i, uint64_t deadline, struct err *e);
/*
 * The hierarchy whose directory holds exactly the container's processes: the v2 one or a v1 one
 * that hull made; -1.
 */
int cgroup_sweep_dir(const struct cgroup *g);
/* Undo of create: remove everything made, keep the first error. */
void cgroup_undo(struct cgroup *g);

/* ---- tree.c: a directory with everything below ---- */
int cgroup_tree_pids(int dir, struct arena *a, int **ret, size_t *ret_n);
/* Signal each process once. Counts those reached; a pidfd of one of them (or -1) to wait on. */
int cgroup_tree_signal(int dir, int sig, size_t *ret_n, int *ret_pidfd);
/* rmdir all children of @dir, deepest first. 0, or -EBUSY and the path of one that stays. */
int cgroup_tree_remove_children(int dir, char *ret_busy, size_t size);
/* "12, 15 and 3 more" of at most four pids below @dir, for messages. */
const char *cgroup_tree_who(int dir, char *buf, size_t size);

/* ---- shared by v1 and v2 ---- */
int cgroup_common_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h,
		       struct arena *a, struct err *e);
int cgroup_common_destroy(struct cgroup *g, uint64_t deadline, struct err *e);
int cgroup_common_pids(struct cgroup *g, struct arena *a, int **ret, size_t *ret_n, struct err *e);
/* A group that existed: refuse when it is populated or frozen (faults P4, B3). */
int cgroup_check_fit(const struct cgroup *g, unsigned i, int dir, struct err *e);
/* -EPERM with the reason unless the group may be swept. */
int cgroup_need_own(const struct cgroup *g, const char *what, struct err *e);
/* May a failed mkdir be passed over (ignore_missing)? */
bool cgroup_may_skip(const struct plan_cgroup *p, int r);
/* Whose group is it then: told where the config names another. Ends @own, the reason. */
void cgroup_skipped(const struct plan_cgroup *p, struct err *own);

/* ---- write.c ---- */
struct cgroup_write_options {
	struct arena *arena;
	/*
	 * the group is in use: old values are kept for the way back, memory shrinks without a kill
	 */
	bool live;
	uint64_t deadline; /* of the latter */
	/* the last act of the transaction */
	int (*devices)(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
	struct cgroup_change **changes; /* may be NULL */
	size_t *n_changes;
};
/* Write all or, when @live, leave all as it was. */
int cgroup_write_list(struct cgroup *g, const struct plan_cgroup *p,
		      const struct cgroup_write_options *o, struct err *e);
/* "No limit", which is true where nothing is counted. */
bool cgroup_is_unlimited(const struct plan_cgroup_write *w);
/* What to write to @file so that it shows @old again after @value was written. */
const char *cgroup_restore_value(struct arena *a, const char *file, const char *old,
				 const char *value);

/*
 * ---- stats.c: readers; each leaves its target alone when the file is absent or not what was
 * expected ----
 */
struct cgroup_reader {
	struct arena *a;
	int dir;
};
/* One number, "max" is UINT64_MAX. */
bool cgroup_stat_number(const struct cgroup_reader *r, const char *file, uint64_t *ret);
const char *cgroup_stat_text(const struct cgroup_reader *r, const char *file);
/* All "KEY NUMBER" lines. */
void cgroup_stat_flat(const struct cgroup_reader *r, const char *file, struct cgroup_value **ret,
		      size_t *ret_n);
uint64_t cgroup_stat_find(const struct cgroup_value *v, size_t n, const char *name);
void cgroup_stat_pressure(const struct cgroup_reader *r, const char *file,
			  struct cgroup_pressure *ret);
void cgroup_stat_all_pressures(const struct cgroup_reader *r, struct cgroup_stats *ret);
/* Every page size of "hugetlb.SIZE.@end" in the directory. */
size_t cgroup_stat_page_sizes(const struct cgroup_reader *r, const char *end, const char ***ret);
int cgroup_v1_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e);
void cgroup_v2_stats_read(int dir, struct arena *a, struct cgroup_stats *ret);
int cgroup_v2_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e);

/* ---- v2/ ---- */
/* Give the open group, called @name in messages, and the files that may be given to an owner. */
int cgroup_give(int dir, const char *name, uid_t uid, gid_t gid, struct err *e);
int cgroup_v2_enable(const struct cgroup *g, unsigned i, int dir, const struct plan_cgroup *p,
		     struct err *e);
int cgroup_v2_devices(struct cgroup *g, int dir, bool fresh, const struct plan_cgroup *p,
		      struct err *e);
int cgroup_v2_freeze(const struct cgroup *g, unsigned i, bool on, uint64_t deadline, struct err *e);
int cgroup_v2_frozen(const struct cgroup *g, unsigned i, bool *ret, struct err *e);
int cgroup_v2_kill(const struct cgroup *g, unsigned i, int sig, uint64_t deadline, struct err *e);

/* ---- v1/ ---- */
int cgroup_v1_cpuset_inherit(const struct cgroup *g, unsigned i, struct err *e);
/* Make room above for realtime run time: groups that hull made, or without any, get what their
 * children need. NULL, or why one of them cannot have it and what to do, in @a. */
const char *cgroup_v1_realtime_parents(const struct cgroup *g, unsigned i, const char *runtime,
				       const char *period, struct arena *a);
/* The group is about to go: what it has, and what hull's own groups above had for it, goes back. */
void cgroup_v1_realtime_settle(const struct cgroup *g);
int cgroup_v1_devices(struct cgroup *g, unsigned i, int dir, bool fresh,
		      const struct plan_cgroup *p, struct err *e);
int cgroup_v1_devices_live(struct cgroup *g, const struct plan_cgroup *p, struct err *e);
int cgroup_v1_freeze(const struct cgroup *g, unsigned i, bool on, uint64_t deadline, struct err *e);
int cgroup_v1_frozen(const struct cgroup *g, unsigned i, bool *ret, struct err *e);
int cgroup_v1_kill(const struct cgroup *g, int sig, uint64_t deadline, struct err *e);

#endif
