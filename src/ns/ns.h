/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns: executes the namespace operations that plan/ns.c decided. Opens every namespace file first
 * and proves its type (NS_GET_NSTYPE) before anything is joined.
 */
#ifndef HULL_NS_NS_H
#define HULL_NS_NS_H

#include "base/err.h"
#include "plan/plan.h"
#include "sys/proc.h"

struct ns_fds {
	int target[NS_KINDS]; /* opened namespaces to join, -1 */
	int own[NS_KINDS];    /* the runtime's own, for the way back; opened only when needed */
};

void ns_fds_init(struct ns_fds *f); /* all -1 */
/* Open and check all paths of @p. Place "/linux/namespaces/..." with the path in the message. */
int ns_open(const struct plan_ns *p, struct ns_fds *ret, struct err *e);
/*
 * SECURITY: F5: what the config sets in a namespace (sysctls, names of the host) must not reach the
 * caller's own: paths are compared as what they lead to, not as text. ERR_CFG_CONFLICT with the
 * place.
 */
int ns_check_owned(const struct plan *p, const struct ns_fds *f, struct err *e);
void ns_close(struct ns_fds *f);
/* Runtime side, before clone3: SETNS, UNSHARE, OFFSETS; sums up the clone flags. */
int ns_runtime_enter(const struct plan *p, struct ns_fds *f, uint64_t *ret_clone_flags,
		     struct err *e);
/* ... and back to its own namespaces afterwards. A failure here is fatal to the command. */
int ns_runtime_leave(const struct plan *p, struct ns_fds *f, struct err *e);
int ns_join(struct ns_fds *f, enum spec_ns ns, struct err *e);
int ns_unshare(uint64_t flags, struct err *e);
/*
 * Say why clone3 or unshare with @flags failed with @r (negative errno): limits by their sysctl.
 * Returns @r.
 */
int ns_explain_new(uint64_t flags, int r, struct err *e);
/* Write /proc/self/timens_offsets of the next children. */
int ns_write_offsets(const struct spec_linux *l, struct err *e);
/*
 * Runtime side: write uid and gid maps of @pid (directly, or by newuidmap/newgidmap opened on the
 * host, faults E12).
 */
int ns_write_idmaps(const struct plan_ids *ids, pid_t pid, struct err *e);
/*
 * Does the user namespace @userns translate ids exactly as @ids says? ERR_CFG_CONFLICT with the
 * place when it does not.
 */
int ns_check_idmaps(const struct plan_ids *ids, int userns, struct err *e);
/*
 * A throw-away user namespace with these maps, for idmapped mounts: an nsfs fd, or -errno with @e.
 */
int ns_userns_fd(const struct spec_idmaps *uid, const struct spec_idmaps *gid, struct err *e);
/*
 * CLONE_NEW* of the namespaces of @pid that are not the caller's, of those of @among. -errno;
 * -EACCES: it may not be looked at.
 */
int ns_differing(pid_t pid, uint64_t among, uint64_t *ret);
/* Join @flags of the process of @pidfd at once. */
int ns_join_process(int pidfd, uint64_t flags, struct err *e);
/*
 * Later children of the caller are born in the pid namespace of that process; and back. *ret_back
 * stays -1 on failure.
 */
int ns_children_enter(int pidfd, int *ret_back, struct err *e);
int ns_children_leave(int *back, struct err *e);
/* CLONE_NEW* of a kind. */
uint64_t ns_clone_flag(enum spec_ns ns);

#endif
