/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/carry: command line and plan as options of CRIU, the directories of a checkpoint, and
 * how a failure of CRIU is told.
 */
#include "container/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "sys/call.h"
#include "sys/path.h"

/* CRIU 3.11 is the oldest that engines use; what is younger says so. */
enum { FROM_OLDEST = 31100, FROM_PIDNS = 31500, FROM_MOUNT_CONTEXT = 31600, FROM_LOCK = 31700 };

int carry_allowed(struct ctx *c, const char *verb, struct err *e)
{
	int r = facts_read(c, e);

	if (r < 0 || host_can(&c->host, CAP_SYS_ADMIN))
		return r;
	return err_set(e, ERR_CHK_CRIU, EPERM,
		       "%s needs root: CRIU has to act on processes and namespaces of others",
		       verb);
}

int carry_check(const struct plan *p, struct err *e)
{
	static const enum spec_ns fixed[] = { NS_USER, NS_MOUNT, NS_TIME, NS_CGROUP };

	if (!(p->ns.created & CLONE_NEWNS))
		return err_at(e,
			      err_set(e, ERR_CHK_CARRY, 0,
				      "CRIU carries only containers with a mount namespace of "
				      "their own"),
			      "/linux/namespaces");
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (p->ns.path[fixed[i]])
			return err_at(e,
				      err_set(e, ERR_CHK_CARRY, 0,
					      "CRIU cannot bring a container back into this "
					      "namespace that was joined by path (%s)",
					      p->ns.path[fixed[i]]),
				      "/linux/namespaces/%u", p->ns.index[fixed[i]]);
	for (size_t i = 0; i < p->n_mounts; i++)
		if (p->mounts[i].idmap != MOUNT_IDMAP_NONE)
			return err_at(e,
				      err_set(e, ERR_CHK_CARRY, 0,
					      "the images of CRIU do not hold the id mapping of "
					      "the mount at %s",
					      p->mounts[i].destination),
				      "%s", p->mounts[i].pointer);
	if (p->os->seccomp.listener_path)
		return err_at(e,
			      err_set(e, ERR_CHK_CARRY, 0,
				      "CRIU cannot carry a filter whose notifications go to an "
				      "agent"),
			      "/linux/seccomp/listenerPath");
	return 0;
}

/* ---- the command line ---- */

static int choose(const char *option, const char *text, const struct name_table *t, uint64_t *ret,
		  struct err *e)
{
	const struct name_value *row = table_find(t, text);

	if (!row)
		return err_at(e, err_set(e, ERR_CLI_VALUE, 0, "\"%s\" is no %s", text, t->what),
			      "%s", option);
	*ret = row->value;
	return 0;
}

static const struct name_value cgroups_rows[] = {
	{ "soft", CRIU_CG_SOFT },
	{ "full", CRIU_CG_FULL },
	{ "strict", CRIU_CG_STRICT },
	{ "ignore", CRIU_CG_IGNORE },
};
static const struct name_value lock_rows[] = {
	{ "iptables", CRIU_LOCK_IPTABLES },
	{ "nftables", CRIU_LOCK_NFTABLES },
	{ "skip", CRIU_LOCK_SKIP },
};
static const struct name_value empty_rows[] = { { "network", CLONE_NEWNET } };
static const struct name_table cgroups_modes = { "mode: soft, full, strict or ignore", cgroups_rows,
						 ARRAY_LEN(cgroups_rows) };
static const struct name_table lock_methods = { "method: iptables, nftables or skip", lock_rows,
						ARRAY_LEN(lock_rows) };
static const struct name_table empty_kinds = { "namespace that can be left empty: network",
					       empty_rows, ARRAY_LEN(empty_rows) };

static int page_server(struct carry *y, const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || colon == text || str_to_u64(colon + 1, 65535, &port) < 0)
		return err_at(e, err_set(e, ERR_CLI_VALUE, 0, "\"%s\" is not ADDRESS:PORT", text),
			      "--page-server");
	y->opts.page_server = arena_printf(&y->c->a, "%.*s", (int)(colon - text), text);
	y->opts.page_port = port;
	return 0;
}

static int keep(struct carry *y, int fd, struct err *e)
{
	if (y->n_keep == ARRAY_LEN(y->keep))
		return err_set(e, ERR_GEN_INTERNAL, E2BIG, "too many descriptors for criu");
	y->keep[y->n_keep++] = fd;
	return 0;
}

/* One that the caller of hull opened. */
static int status_fd(struct carry *y, const char *text, struct err *e)
{
	uint32_t fd;

	if (str_to_u32(text, &fd) == 0)
		for (size_t i = 0; i < y->c->n_inherited; i++)
			if (y->c->inherited[i] == (int)fd) {
				y->opts.status_fd = fd;
				return keep(y, (int)fd, e);
			}
	return err_at(
		e, err_set(e, ERR_CLI_VALUE, EBADF, "\"%s\" is no open descriptor from 3 on", text),
		"--status-fd");
}

/* Options that CRIU's own configuration file may add: the annotation, else what is installed. */
static const char *config_file(struct carry *y)
{
	static const char usual[][20] = { "/etc/criu/hull.conf", "/etc/criu/runc.conf" };

	for (size_t i = 0; i < y->plan->annotations->n; i++)
		if (streq(y->plan->annotations->v[i].key, "org.criu.config"))
			return *y->plan->annotations->v[i].value ? y->plan->annotations->v[i].value
								 : NULL;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		_cleanup_fd_ int fd = path_open_host(usual[i], 0);

		if (fd >= 0)
			return usual[i];
	}
	return NULL;
}

static int read_options(struct carry *y, struct err *e)
{
	const struct checkpoint_options *o = y->o;
	struct criu_options *v = &y->opts;
	uint64_t mode = CRIU_CG_SOFT, kind;
	int r = 0;

	*v = (struct criu_options){
		.images_dir_fd = y->images,
		.work_dir_fd = y->work,
		.log_level = 4,
		.evasive_devices = true,
		.ext_masters = true,
		.orphan_pts_master = true,
		.ext_unix_sk = o->ext_unix_sk,
		.tcp_established = o->tcp_established,
		.tcp_close = o->tcp_close,
		.tcp_skip_in_flight = o->tcp_skip_in_flight,
		.shell_job = o->shell_job,
		.file_locks = o->file_locks,
		.auto_dedup = o->auto_dedup,
		.link_remap = o->link_remap,
		.lazy_pages = o->lazy_pages,
		.lsm_mount_context = o->lsm_mount_context,
		.config_file = config_file(y),
	};
	y->from = FROM_OLDEST;
	if (o->manage_cgroups_mode)
		r = choose("--manage-cgroups-mode", o->manage_cgroups_mode, &cgroups_modes, &mode,
			   e);
	else if (y->plan->cgroup.manager == CGROUP_DISABLED)
		mode = CRIU_CG_IGNORE;
	v->manage_cgroups_mode = (enum criu_cgroups)mode;
	if (r == 0 && o->network_lock) {
		y->from = FROM_LOCK;
		r = choose("--network-lock", o->network_lock, &lock_methods, &v->network_lock, e);
	}
	for (size_t i = 0; r == 0 && i < o->empty_ns.n; i++) {
		r = choose("--empty-ns", o->empty_ns.v[i], &empty_kinds, &kind, e);
		if (r == 0)
			v->empty_ns |= kind;
	}
	if (o->lsm_mount_context)
		y->from = MAX(y->from, (uint64_t)FROM_MOUNT_CONTEXT);
	if (y->plan->ns.path[NS_PID])
		y->from = MAX(y->from, (uint64_t)FROM_PIDNS);
	if (r == 0 && o->page_server)
		r = page_server(y, o->page_server, e);
	if (r == 0 && o->status_fd)
		r = status_fd(y, o->status_fd, e);
	return r;
}

/* ---- directories ---- */

static int open_dir(const char *option, const char *path, bool make, struct err *e)
{
	int fd, r;

	if (make) {
		r = path_mkdir_host(AT_FDCWD, path, 0700);
		if (r < 0)
			return err_at(e, err_sys(e, ERR_CHK_IMAGE, r, "make %s", path), "%s",
				      option);
	}
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_at(e, err_sys(e, ERR_CHK_IMAGE, fd, "open %s", path), "%s", option);
	return fd;
}

static const char *absolute(struct arena *a, const char *path)
{
	char cwd[4096];

	if (*path == '/' || sys_getcwd(cwd, sizeof(cwd)) < 0)
		return path;
	return arena_printf(a, "%s/%s", cwd, path);
}

int carry_open(struct carry *y, bool make, struct err *e)
{
	const struct checkpoint_options *o = y->o;
	struct arena *a = &y->c->a;

	y->images_path = absolute(a, o->image_path ? o->image_path : "checkpoint");
	y->work_path = o->work_path ? absolute(a, o->work_path) : y->images_path;
	y->images = open_dir("--image-path", y->images_path, make, e);
	if (y->images < 0)
		return y->images;
	y->work = o->work_path ? open_dir("--work-path", y->work_path, true, e)
			       : fd_dup_above(y->images, 3);
	if (y->work < 0)
		return err_sys(e, ERR_CHK_IMAGE, y->work, "open %s", y->work_path);
	return read_options(y, e);
}

void carry_close(struct carry *y)
{
	fd_close(&y->images);
	fd_close(&y->work);
}

int carry_inherit(struct carry *y, const char *key, int fd, struct err *e)
{
	*(struct criu_fd *)arena_push(&y->c->a, &y->opts.inherit, &y->opts.n_inherit,
				      sizeof(struct criu_fd)) = (struct criu_fd){ key, fd };
	return keep(y, fd, e);
}

int carry_failed(struct carry *y, enum err_id id, const char *what, const char *log,
		 const struct criu_reply *reply, struct err *e)
{
	int code = reply && reply->cr_errno > 0 ? (int)reply->cr_errno : 0;
	char said[1024];

	criu_log_errors(y->work, log, said, sizeof(said));
	if (!*said && reply && *reply->message)
		str_format(said, sizeof(said), "%s", reply->message);
	if (!*said)
		str_format(said, sizeof(said), "%s",
			   reply ? "it gives no reason" : "criu ended without an answer");
	return err_set(e, id, code, "criu could not %s: %s (%s/%s)", what, said, y->work_path, log);
}
