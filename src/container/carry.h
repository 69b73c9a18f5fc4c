/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/carry: what CRIU must be told about a container, the same for both directions: options
 * of the command line, mounts that come from outside, namespaces that are others', control groups.
 */
#ifndef HULL_CONTAINER_CARRY_H
#define HULL_CONTAINER_CARRY_H

#include "checkpoint/checkpoint.h"
#include "container/container.h"

/* The keys under which runc and crun keep what was joined by path: images can change hands. */
#define CARRY_NETNS "extRootNetNS"
#define CARRY_PIDNS "extRootPidNS"

/* What one conversation with CRIU needs. */
struct carry {
	struct ctx *c;
	const struct checkpoint_options *o;
	const struct plan *plan;
	struct criu_options opts;
	uint64_t from;	  /* oldest version of CRIU that does all of it */
	int images, work; /* directories */
	const char *images_path, *work_path;
	int keep[16]; /* descriptors for CRIU */
	size_t n_keep;
};
#define CARRY_NONE                                                                                 \
	{                                                                                          \
		.images = -1, .work = -1                                                           \
	}

/* CRIU acts on processes of others and makes namespaces: say so before anything is touched. */
int carry_allowed(struct ctx *c, const char *verb, struct err *e);
/* ERR_CHK_CARRY for what no image can hold, with its JSON pointer. */
int carry_check(const struct plan *p, struct err *e);
/* Open the directories, with @make making that of the images; fill opts from the command line. */
int carry_open(struct carry *y, bool make, struct err *e);
void carry_close(struct carry *y);
/* Hand a descriptor to CRIU under @key. */
int carry_inherit(struct carry *y, const char *key, int fd, struct err *e);
/* Fill opts.external: from the container of @pid whose root is open at @root_fd; from the plan. */
int carry_mounts_out(struct carry *y, const struct record *rec, int root_fd, struct err *e);
int carry_mounts_in(struct carry *y, const struct record *rec, struct err *e);
/* Ids of the mounts of @pid contain @id? For streams that lie outside. -errno. */
int carry_mount_known(struct ctx *c, pid_t pid, uint64_t id);
/* The last words: @what, the reply (may be NULL), and what CRIU's log @log says. */
int carry_failed(struct carry *y, enum err_id id, const char *what, const char *log,
		 const struct criu_reply *reply, struct err *e);

/* restore_check.c. SECURITY: J3: every process of the container that was restored has no more
 * rights than the config gives, the namespaces are as it says, and nobody has the mounts of hull
 * or of CRIU. ERR_CHK_CONFINE. */
struct ns_fds;
int restore_check(struct ctx *c, const struct plan *p, const struct ns_fds *ns, struct cgroup *g,
		  pid_t init, pid_t criu, struct err *e);

#endif
