/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/enter: open, prove, join, unshare and leave namespaces. Hides the table of types and what the
 * errors of setns(2) and unshare(2) mean.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "ns/internal.h"
#include "sys/call.h"
#include "sys/path.h"

/* clang-format off */
static const struct ns_kind kinds[NS_KINDS] = {
	[NS_PID]     = { "pid",     "pid",    CLONE_NEWPID,    "max_pid_namespaces" },
	[NS_NETWORK] = { "network", "net",    CLONE_NEWNET,    "max_net_namespaces" },
	[NS_MOUNT]   = { "mount",   "mnt",    CLONE_NEWNS,     "max_mnt_namespaces" },
	[NS_IPC]     = { "ipc",     "ipc",    CLONE_NEWIPC,    "max_ipc_namespaces" },
	[NS_UTS]     = { "uts",     "uts",    CLONE_NEWUTS,    "max_uts_namespaces" },
	[NS_USER]    = { "user",    "user",   CLONE_NEWUSER,   "max_user_namespaces" },
	[NS_CGROUP]  = { "cgroup",  "cgroup", CLONE_NEWCGROUP, "max_cgroup_namespaces" },
	[NS_TIME]    = { "time",    "time",   CLONE_NEWTIME,   "max_time_namespaces" },
};
/* clang-format on */

const struct ns_kind *ns_kind(enum spec_ns ns)
{
	return &kinds[ns];
}

uint64_t ns_clone_flag(enum spec_ns ns)
{
	return kinds[ns].flag;
}

int64_t ns_fd_type(int fd)
{
	long magic = sys_fs_magic(fd);
	int r;

	if (magic < 0)
		return magic;
	/* An ioctl number means something else to every driver: ask only what is a namespace for
	 * certain. */
	if (magic != HULL_NSFS_MAGIC)
		return -EINVAL;
	r = ioctl(fd, NS_GET_NSTYPE);
	return r < 0 ? -errno : r;
}

static const char *type_name(int64_t type)
{
	for (int k = 0; k < NS_KINDS; k++)
		if ((int64_t)kinds[k].flag == type)
			return kinds[k].name;
	return "unknown";
}

/* setns(2) takes no O_PATH fd, and opening a FIFO or a device for real may block or act: look
 * first. Rule P5. */
static int open_target(enum spec_ns ns, const char *path, struct err *e)
{
	_cleanup_fd_ int look = -1, fd = -1;
	const char *name = kinds[ns].name;
	int64_t type;

	look = path_open_host(path, 0);
	if (look < 0)
		return err_sys(e, ERR_NSP_OPEN, look, "%s namespace %s", name, path);
	if (sys_fs_magic(look) != HULL_NSFS_MAGIC)
		return err_set(e, ERR_NSP_OPEN, 0, "%s namespace %s: is not a namespace file", name,
			       path);
	fd = path_reopen(look, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, ERR_NSP_OPEN, fd, "%s namespace %s", name, path);
	type = ns_fd_type(fd);
	if (type < 0)
		return err_sys(e, ERR_NSP_OPEN, (int)type,
			       "%s namespace %s: its type cannot be read", name, path);
	if (type != (int64_t)kinds[ns].flag)
		return err_set(e, ERR_NSP_OPEN, 0, "%s namespace %s: is a namespace of type %s",
			       name, path, type_name(type));
	return fd_take(&fd);
}

int ns_open(const struct plan_ns *p, struct ns_fds *ret, struct err *e)
{
	struct ns_fds f;
	int fd;

	ns_fds_init(&f);
	for (int k = 0; k < NS_KINDS; k++) {
		if (!p->path[k])
			continue;
		fd = open_target(k, p->path[k], e);
		if (fd < 0) {
			ns_close(&f);
			return err_at(e, fd, "/linux/namespaces/%u/path", p->index[k]);
		}
		f.target[k] = fd;
	}
	*ret = f;
	return 0;
}

void ns_fds_init(struct ns_fds *f)
{
	for (int k = 0; k < NS_KINDS; k++)
		f->target[k] = f->own[k] = -1;
}

void ns_close(struct ns_fds *f)
{
	for (int k = 0; k < NS_KINDS; k++) {
		fd_close(&f->target[k]);
		fd_close(&f->own[k]);
	}
}

int ns_open_own(enum spec_ns ns, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char path[32];
	int r;

	r = str_format(path, sizeof(path), "/proc/self/ns/%s", kinds[ns].file);
	if (r < 0)
		return err_sys(e, ERR_GEN_INTERNAL, r, "path of the %s namespace", kinds[ns].name);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return err_sys(e, ERR_NSP_OPEN, fd, "%s", path);
	if (ns_fd_type(fd) != (int64_t)kinds[ns].flag)
		return err_set(e, ERR_NSP_OPEN, 0,
			       "%s: is not the %s namespace; is /proc a procfs?", path,
			       kinds[ns].name);
	return fd_take(&fd);
}

/* Is the namespace to be joined the one that hull itself is in? 0, 1 or -errno. */
static int is_own(const struct ns_fds *f, enum spec_ns ns, struct err *e)
{
	_cleanup_fd_ int own = -1;
	struct stat a, b;

	if (f->target[ns] < 0)
		return 0;
	own = ns_open_own(ns, e);
	if (own < 0)
		return fd_take(&own);
	if (fstat(own, &a) < 0 || fstat(f->target[ns], &b) < 0)
		return err_sys(e, ERR_NSP_OPEN, -errno, "%s namespace", kinds[ns].name);
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int ns_check_owned(const struct plan *p, const struct ns_fds *f, struct err *e)
{
	static const char text[] = "the %s namespace that the config joins is hull's own: it would "
				   "be set for the host";
	int r;

	for (size_t i = 0; i < p->n_sysctls; i++) {
		r = is_own(f, p->sysctls[i].ns, e);
		if (r == 1)
			r = err_set(e, ERR_CFG_CONFLICT, 0, text, kinds[p->sysctls[i].ns].name);
		if (r < 0)
			return err_at(e, r, "%s", p->sysctls[i].pointer);
	}
	if (!p->hostname && !p->domainname)
		return 0;
	r = is_own(f, NS_UTS, e);
	if (r == 1)
		r = err_set(e, ERR_CFG_CONFLICT, 0, text, kinds[NS_UTS].name);
	return r < 0 ? err_at(e, r, p->hostname ? "/hostname" : "/domainname") : 0;
}

static int keep_own(struct ns_fds *f, enum spec_ns ns, struct err *e)
{
	int fd;

	if (f->own[ns] >= 0)
		return 0;
	fd = ns_open_own(ns, e);
	if (fd < 0)
		return fd;
	f->own[ns] = fd;
	return 0;
}

int ns_join(struct ns_fds *f, enum spec_ns ns, struct err *e)
{
	const struct ns_kind *k = &kinds[ns];
	int r = sys_setns(f->target[ns], (int)k->flag);

	if (r == 0)
		return 0;
	switch (r) {
	case -EPERM:
		err_sys(e, ERR_NSP_JOIN, r,
			"join the %s namespace: needs CAP_SYS_ADMIN in the user namespace it is of",
			k->name);
		break;
	case -EINVAL:
		/* KERNEL: EINVAL for the own user namespace, for a pid namespace that is no
		 * descendant, and (time, mount, user) for a process with threads or a shared fs.
		 * setns(2). */
		err_sys(e, ERR_NSP_JOIN, r, "join the %s namespace: %s", k->name,
			ns == NS_USER  ? "it is already the current one"
			: ns == NS_PID ? "it is no descendant of the current one"
				       : "not possible for this process");
		break;
	default:
		err_sys(e, ERR_NSP_JOIN, r, "join the %s namespace", k->name);
	}
	return err_at(e, r, "/linux/namespaces");
}

/* What is not about namespaces at all. */
static bool explain_process(int r, struct err *e)
{
	/* KERNEL: EAGAIN for every limit on processes; EBUSY and EOPNOTSUPP for a cgroup that may
	 * hold none itself. clone(2), CLONE_INTO_CGROUP. */
	if (r == -EAGAIN)
		err_sys(e, ERR_GEN_SYS, r,
			"make the process: a limit is reached (pids.max of a cgroup, RLIMIT_NPROC, "
			"sysctl "
			"kernel.pid_max or kernel.threads-max)");
	else if (r == -EBUSY || r == -EOPNOTSUPP)
		err_sys(e, ERR_GEN_SYS, r,
			"make the process in its cgroup: it has child groups with controllers, or "
			"is "
			"threaded");
	else if (r == -ENOMEM)
		err_sys(e, ERR_GEN_NOMEM, r, "make the process");
	else
		return false;
	return true;
}

int ns_explain_new(uint64_t flags, int r, struct err *e)
{
	char text[256];
	struct strbuf b = STRBUF(text);
	bool limit = r == -ENOSPC || r == -EUSERS;

	if (explain_process(r, e))
		return r;
	for (int k = 0; k < NS_KINDS; k++) {
		if (!(flags & kinds[k].flag))
			continue;
		sb_printf(&b, "%s%s%s", b.len ? ", " : "", limit ? "user." : "",
			  limit ? kinds[k].sysctl : kinds[k].name);
	}
	if (!b.len)
		err_sys(e, ERR_NSP_NEW, r, "make the process");
	else if (limit)
		/* KERNEL: ENOSPC for the limit and for more than 32 nested user or pid namespaces
		 * (EUSERS before 4.9). */
		err_sys(e, ERR_NSP_LIMIT, r,
			"make namespaces: a limit is reached (sysctl %s, or 32 nested levels)",
			text);
	else if (r == -EPERM && flags & CLONE_NEWUSER)
		err_sys(e, ERR_NSP_NEW, r,
			"make namespaces (%s): user namespaces are refused by the host (sysctl "
			"kernel.unprivileged_userns_clone, "
			"kernel.apparmor_restrict_unprivileged_userns) or by a chroot",
			text);
	else if (r == -EPERM)
		err_sys(e, ERR_NSP_NEW, r,
			"make namespaces (%s): needs CAP_SYS_ADMIN or a new user namespace", text);
	else
		err_sys(e, ERR_NSP_NEW, r, "make namespaces (%s)", text);
	return err_at(e, r, "/linux/namespaces");
}

int ns_unshare(uint64_t flags, struct err *e)
{
	int r = sys_unshare((int)flags);

	return r < 0 ? ns_explain_new(flags, r, e) : 0;
}

int ns_runtime_enter(const struct plan *p, struct ns_fds *f, uint64_t *ret_clone_flags,
		     struct err *e)
{
	uint64_t flags = 0;
	int r = 0;

	for (unsigned i = 0; i < p->ns.n_runtime && r >= 0; i++) {
		const struct plan_ns_op *op = &p->ns.runtime[i];

		switch (op->what) {
		case NS_OP_SETNS:
			r = keep_own(f, op->ns, e);
			if (r >= 0)
				r = ns_join(f, op->ns, e);
			break;
		case NS_OP_UNSHARE:
			/* KERNEL: unshare(CLONE_NEWTIME) changes time_for_children only; joining
			 * the own time namespace afterwards sets both back. time_namespaces(7). */
			r = op->flags == CLONE_NEWTIME ? keep_own(f, NS_TIME, e)
						       : err_set(e, ERR_GEN_INTERNAL, 0,
								 "the runtime unshares time only");
			if (r >= 0)
				r = ns_unshare(op->flags, e);
			break;
		case NS_OP_OFFSETS:
			r = ns_write_offsets(p->os, e);
			break;
		case NS_OP_CLONE:
			flags |= op->flags;
			break;
		default:
			r = err_set(e, ERR_GEN_INTERNAL, 0,
				    "namespace operation %d is none of the runtime", op->what);
		}
	}
	if (r < 0)
		return r;
	*ret_clone_flags = flags;
	return 0;
}

int ns_runtime_leave(const struct plan *p, struct ns_fds *f, struct err *e)
{
	int first = 0;

	(void)p;
	/* Each is tried, so that a failure changes as little as possible. */
	for (int k = 0; k < NS_KINDS; k++) {
		int r;

		if (f->own[k] < 0)
			continue;
		r = sys_setns(f->own[k], (int)kinds[k].flag);
		if (r < 0 && !first)
			first = err_sys(e, ERR_NSP_JOIN, r,
					"return to the runtime's own %s namespace", kinds[k].name);
		fd_close(&f->own[k]);
	}
	return first;
}
