/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/internal: what the files of this room share and its unit test reaches: the table of namespace
 * types, the text of an id map, and the helper programs with their places open to replacement.
 */
#ifndef HULL_NS_INTERNAL_H
#define HULL_NS_INTERNAL_H

#include "ns/ns.h"

struct ns_kind {
	char name[8];	 /* value of /linux/namespaces/N/type */
	char file[8];	 /* name below /proc/PID/ns */
	uint64_t flag;	 /* CLONE_NEW* */
	char sysctl[24]; /* limit of namespaces per user */
};
const struct ns_kind *ns_kind(enum spec_ns ns);

/*
 * The type of the namespace @fd refers to (a CLONE_NEW* flag), or -errno; -EINVAL when it is none.
 */
int64_t ns_fd_type(int fd);
/* The calling process's own namespace of a kind, verified. */
int ns_open_own(enum spec_ns ns, struct err *e);

/* KERNEL: UID_GID_MAP_MAX_EXTENTS lines since 4.15, and the one write must stay below a page.
 * user_namespaces(7). */
enum { NS_MAP_LINES = 340, NS_MAP_BYTES = 4095 };

/* One side of an id mapping, for code that serves both. */
struct ns_map_side {
	const char *file;    /* "uid_map" */
	const char *pointer; /* "/linux/uidMappings" */
	const char *helper;  /* "newuidmap" */
	const char *grants;  /* "/etc/subuid" */
	bool gid;
};
extern const struct ns_map_side ns_side_uid, ns_side_gid;

/* Lines for the kernel; errors name the list or its entry. */
int ns_format_map(const struct spec_idmaps *m, const struct ns_map_side *side,
		  char buf[static NS_MAP_BYTES + 1], size_t *ret_len, struct err *e);

/* Where the helper programs and their files are; tests bring their own. */
struct ns_helper_env {
	const char *const *dirs; /* NULL terminated */
	const char *subuid, *subgid, *passwd;
	uint64_t timeout; /* ns */
};
extern const struct ns_helper_env ns_helper_default;

/*
 * Run newuidmap or newgidmap for @pid. Errors name the program, the range and the line of the
 * grants file.
 */
int ns_run_helper(const struct ns_helper_env *env, const struct ns_map_side *side,
		  const struct spec_idmaps *m, pid_t pid, struct err *e);

#endif
