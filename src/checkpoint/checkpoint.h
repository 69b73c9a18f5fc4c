/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: hull's side of a conversation with CRIU: the program `criu swrk` at the end of a
 * socket pair, requests and replies in the form of CRIU's rpc.proto, and what belongs to a
 * directory of images. What a container is, container/checkpoint.c and container/restore.c know.
 */
#ifndef HULL_CHECKPOINT_CHECKPOINT_H
#define HULL_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "spec/types.h"

/* criu_req_type of rpc.proto. */
enum criu_request {
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_PRE_DUMP = 4,
	CRIU_NOTIFY = 6,
	CRIU_VERSION = 10
};

/* criu_cg_mode and criu_network_lock_method of rpc.proto. 0 of a lock: CRIU's default. */
enum criu_cgroups { CRIU_CG_IGNORE = 0, CRIU_CG_SOFT = 3, CRIU_CG_FULL = 4, CRIU_CG_STRICT = 5 };
enum criu_lock { CRIU_LOCK_IPTABLES = 1, CRIU_LOCK_NFTABLES = 2, CRIU_LOCK_SKIP = 3 };

struct criu_pair {
	const char *key, *value;
};
struct criu_fd {
	const char *key;
	int fd;
};

/*
 * criu_opts: names as there. What is false, 0 or NULL is not sent. Descriptors are numbers of the
 * child: name them in criu_launch.keep too.
 */
struct criu_options {
	int images_dir_fd, work_dir_fd; /* of the caller: CRIU opens them through /proc */
	uint64_t pid;
	bool leave_running, ext_unix_sk, tcp_established, evasive_devices, shell_job, file_locks;
	bool notify_scripts, track_mem, auto_dedup, link_remap, rst_sibling, ext_sharing;
	bool ext_masters, tcp_skip_in_flight, lazy_pages, orphan_pts_master, tcp_close;
	enum criu_cgroups manage_cgroups_mode; /* always sent */
	uint64_t log_level, empty_ns, status_fd, network_lock;
	const char *log_file, *root, *parent_img, *freeze_cgroup, *lsm_profile, *lsm_mount_context;
	const char *config_file;
	const char *page_server; /* address, and */
	uint64_t page_port;
	struct criu_pair *cg_root; /* key: controllers, NULL: all others; value: path */
	size_t n_cg_root;
	struct criu_pair *join_ns; /* key: kind; value: file */
	size_t n_join_ns;
	struct criu_fd *inherit;
	size_t n_inherit;
	struct strv external;
};

/* A reply, or a notification that waits for an answer. */
struct criu_reply {
	enum criu_request type;
	bool success;
	char script[32]; /* CRIU_NOTIFY: "setup-namespaces", ... */
	int64_t pid;	 /* of the root task: CRIU_NOTIFY, CRIU_RESTORE */
	int64_t cr_errno;
	char message[256];
	uint64_t major, minor, sublevel; /* CRIU_VERSION */
	int fd;				 /* what came with it, or -1: the caller's */
};

/* ---- wire.c: the bytes ---- */

/* A request as bytes in @a. @o may be NULL; @ok is the answer to a notification. */
void criu_encode(enum criu_request type, const struct criu_options *o, bool ok, bool keep_open,
		 struct arena *a, const void **ret, size_t *ret_len);
/* Bytes of CRIU (never trusted) as a reply; -EBADMSG. */
int criu_decode(const void *bytes, size_t n, struct criu_reply *ret);

/* ---- session.c: the process ---- */

struct criu {
	int chan, pidfd;
	pid_t pid;
	uint64_t version; /* 31701 is 3.17.1 */
};
#define CRIU_NONE                                                                                  \
	{                                                                                          \
		.chan = -1, .pidfd = -1                                                            \
	}

struct criu_launch {
	const char *program; /* --criu; NULL: looked for in the usual directories */
	const int *keep;     /* descriptors that CRIU inherits, besides its streams */
	size_t n_keep;
	bool same_session; /* it stays in the caller's session, for --shell-job */
	/* In the child, before CRIU is executed; NULL: nothing. */
	int (*prepare)(void *data, struct err *e);
	void *data;
	int *handed; /* a descriptor that prepare opened anew and the caller gets; NULL: none */
};

/* Is there a criu? For `hull features`. */
bool criu_installed(void);
/*
 * Start `criu swrk` with an environment of its own and ask for its version. @from is the oldest
 * that does, as 31100 for 3.11, and @what needs it. ERR_CHK_CRIU: missing, broken, too old.
 */
_must_use_ int criu_start(const struct criu_launch *l, uint64_t from, struct criu *ret,
			  struct err *e);
_must_use_ int criu_ask(struct criu *c, enum criu_request type, const struct criu_options *o,
			struct err *e);
/* The next reply or notification. ERR_CHK_PROTOCOL; its end is -EPIPE without an error. */
_must_use_ int criu_next(struct criu *c, struct criu_reply *ret, struct err *e);
_must_use_ int criu_answer(struct criu *c, bool ok, struct err *e);
/* Wait for its end, @kill: bring it about. Harmless when there is none. */
void criu_close(struct criu *c, bool kill);

/* ---- image.c: a directory of images ---- */

/*
 * The lines of CRIU's log @name in @dir that say what went wrong, at most three, joined by "; ";
 * "" when there are none.
 */
void criu_log_errors(int dir, const char *name, char *ret, size_t size);
/* Remember what is in @dir, and remove what came later, but for @keep: after a failed dump. */
int criu_list(int dir, struct arena *a, struct strv *ret);
void criu_remove_new(int dir, const struct strv *before, const char *keep, struct arena *a);
/*
 * descriptors.json of the images: what the three streams of the container were, a name each
 * ("pipe:[123]", "/dev/null"), in the form that other runtimes write and read too. Without the
 * file all are "". -errno.
 */
enum { CRIU_STREAMS = 3 };
int criu_write_streams(int dir, const char *const names[CRIU_STREAMS], struct arena *a);
int criu_read_streams(int dir, struct arena *a, const char *ret[CRIU_STREAMS], struct err *e);

#endif
