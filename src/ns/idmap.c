/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/idmap: the id maps of user namespaces: the container's, written by the runtime, and throw-away
 * ones for idmapped mounts. Hides the limits of the kernel's map files and what their errors mean.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "ns/internal.h"
#include "sys/call.h"
#include "sys/pidfd.h"

const struct ns_map_side ns_side_uid = { "uid_map", "/linux/uidMappings", "newuidmap",
					 "/etc/subuid", false };
const struct ns_map_side ns_side_gid = { "gid_map", "/linux/gidMappings", "newgidmap",
					 "/etc/subgid", true };

int ns_format_map(const struct spec_idmaps *m, const struct ns_map_side *side,
		  char buf[static NS_MAP_BYTES + 1], size_t *ret_len, struct err *e)
{
	struct strbuf b = { .buf = buf, .size = NS_MAP_BYTES + 1 };
	int r = 0;

	if (m->n == 0)
		r = err_set(e, ERR_NSP_IDMAP, 0, "no ranges: the user namespace would have no ids");
	else if (m->n > NS_MAP_LINES)
		r = err_set(e, ERR_NSP_IDMAP, E2BIG, "%zu ranges; the kernel takes at most %d",
			    m->n, NS_MAP_LINES);
	for (size_t i = 0; i < m->n && r >= 0; i++)
		sb_printf(&b, "%s%u %u %u", i ? "\n" : "", m->v[i].container_id, m->v[i].host_id,
			  m->v[i].size);
	if (r >= 0 && b.cut)
		r = err_set(e, ERR_NSP_IDMAP, E2BIG,
			    "%zu ranges need more than %d bytes of text, which is the most the "
			    "kernel takes",
			    m->n, NS_MAP_BYTES);
	if (r < 0)
		return err_at(e, r, "%s", side->pointer);
	*ret_len = b.len;
	return 0;
}

/* Do [a, a + size) and [b, b + size) share a number? */
static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

/* The kernel said EINVAL: which of its rules was broken? user_namespaces(7). */
static int explain_invalid(const struct spec_idmaps *m, const struct ns_map_side *side, int r,
			   struct err *e)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct spec_idmap *a = &m->v[i];

		/* KERNEL: the last id, 4294967295, means "no id" and cannot be mapped. */
		if (a->size == 0 || a->size > UINT32_MAX - a->container_id ||
		    a->size > UINT32_MAX - a->host_id) {
			err_set(e, ERR_NSP_IDMAP, -r,
				"range %u %u %u is empty or passes the last id", a->container_id,
				a->host_id, a->size);
			return err_at(e, r, "%s/%zu", side->pointer, i);
		}
		for (size_t j = 0; j < i; j++) {
			const struct spec_idmap *b = &m->v[j];
			bool in = overlap(a->container_id, a->size, b->container_id, b->size);

			if (!in && !overlap(a->host_id, a->size, b->host_id, b->size))
				continue;
			err_set(e, ERR_NSP_IDMAP, -r,
				"range %u %u %u overlaps entry %zu on the %s side", a->container_id,
				a->host_id, a->size, j, in ? "container" : "host");
			return err_at(e, r, "%s/%zu", side->pointer, i);
		}
	}
	return 0;
}

static int explain_write(const struct spec_idmaps *m, const struct ns_map_side *side, int r,
			 struct err *e)
{
	if (r == -EINVAL)
		explain_invalid(m, side, r, e);
	if (r == -EPERM)
		/* KERNEL: host ids must be mapped where the runtime is; without CAP_SETUID
		 * (CAP_SETGID) there only the own id may be mapped, alone, and gids only with
		 * setgroups denied; host id 0 needs CAP_SETFCAP since 5.12. user_namespaces(7). */
		err_sys(e, ERR_NSP_IDMAP, r,
			"write %s: a host id is not the caller's to map (CAP_SET%s, CAP_SETFCAP "
			"for host id 0, or the own id alone%s)",
			side->file, side->gid ? "GID" : "UID",
			side->gid ? " with setgroups denied" : "");
	else
		err_sys(e, ERR_NSP_IDMAP, r, "write %s", side->file);
	return err_at(e, r, "%s", side->pointer);
}

static int open_of(const struct procfs *proc, pid_t pid, const char *file, int flags, struct err *e)
{
	char path[48];
	int r = str_format(path, sizeof(path), "%d/%s", pid, file);

	if (r >= 0)
		r = proc_openat(proc, path, flags);
	return r < 0 ? err_sys(e, ERR_NSP_IDMAP, r, "open %s of the process in the user namespace",
			       file)
		     : r;
}

/* KERNEL: a map is written once, by one write(2) at offset 0. user_namespaces(7). */
static int write_map(const struct procfs *proc, pid_t pid, const struct spec_idmaps *m,
		     const struct ns_map_side *side, struct err *e)
{
	char text[NS_MAP_BYTES + 1];
	_cleanup_fd_ int fd = -1;
	size_t n = 0;
	ssize_t w;
	int r;

	r = ns_format_map(m, side, text, &n, e);
	if (r < 0)
		return r;
	fd = open_of(proc, pid, side->file, O_WRONLY, e);
	if (fd < 0)
		return err_at(e, fd, "%s", side->pointer);
	do
		w = write(fd, text, n);
	while (w < 0 && errno == EINTR);
	return w < 0 ? explain_write(m, side, -errno, e) : 0;
}

static int deny_setgroups(const struct procfs *proc, pid_t pid, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	fd = open_of(proc, pid, "setgroups", O_WRONLY, e);
	if (fd < 0)
		return err_at(e, fd, "%s", ns_side_gid.pointer);
	r = io_write_all(fd, "deny", 4);
	return r < 0 ? err_at(e, err_sys(e, ERR_NSP_IDMAP, r, "deny setgroups"), "%s",
			      ns_side_gid.pointer)
		     : 0;
}

/* Both lists are checked before anything is written: half a mapping is worse than none. */
static int check_lists(const struct spec_idmaps *uid, const struct spec_idmaps *gid, struct err *e)
{
	char text[NS_MAP_BYTES + 1];
	size_t n;
	int r;

	r = ns_format_map(uid, &ns_side_uid, text, &n, e);
	return r < 0 ? r : ns_format_map(gid, &ns_side_gid, text, &n, e);
}

int ns_write_idmaps(const struct plan_ids *ids, pid_t pid, struct err *e)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	int r;

	if (ids->writer == IDMAP_NONE)
		return 0;
	r = check_lists(&ids->uid, &ids->gid, e);
	if (r < 0)
		return r;
	if (ids->writer == IDMAP_DIRECT || ids->deny_setgroups) {
		r = proc_open(false, &proc);
		if (r < 0)
			return err_sys(e, ERR_NSP_IDMAP, r, "open a procfs");
	}
	/* SECURITY: "deny" must stand before the gid map: a process that may leave groups may gain
	 * what was denied to them (CVE-2014-8989). KERNEL: refused afterwards. */
	if (ids->deny_setgroups) {
		r = deny_setgroups(&proc, pid, e);
		if (r < 0)
			return r;
	}
	if (ids->writer == IDMAP_HELPER) {
		r = ns_run_helper(&ns_helper_default, &ns_side_gid, &ids->gid, pid, e);
		return r < 0 ? r
			     : ns_run_helper(&ns_helper_default, &ns_side_uid, &ids->uid, pid, e);
	}
	r = write_map(&proc, pid, &ids->gid, &ns_side_gid, e);
	return r < 0 ? r : write_map(&proc, pid, &ids->uid, &ns_side_uid, e);
}

/* A child in a new user namespace that only waits until @hold[1] is closed, by us or our death. */
static int clone_holder(int hold[2], int *ret_pidfd, pid_t *ret_pid, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	int r = sys_clone3(&args);

	if (r < 0)
		return ns_explain_new(CLONE_NEWUSER, r, e);
	if (r == 0) {
		char c;

		close(hold[1]);
		while (read(hold[0], &c, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	*ret_pid = r;
	return 0;
}

static void close_pair(int (*pair)[2])
{
	fd_close(&(*pair)[0]);
	fd_close(&(*pair)[1]);
}

int ns_userns_fd(const struct spec_idmaps *uid, const struct spec_idmaps *gid, struct err *e)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	_cleanup_fd_ int pidfd = -1, fd = -1;
	_cleanup_(close_pair) int hold[2] = { -1, -1 };
	siginfo_t end;
	char path[32];
	pid_t pid = 0;
	int r;

	r = check_lists(uid, gid, e);
	if (r < 0)
		return r;
	r = proc_open(false, &proc);
	if (r < 0)
		return err_sys(e, ERR_NSP_IDMAP, r, "open a procfs");
	if (pipe2(hold, O_CLOEXEC) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "pipe2");
	r = clone_holder(hold, &pidfd, &pid, e);
	if (r < 0)
		return r;
	/* The child is not reaped before the end, so its pid cannot name another process. */
	r = write_map(&proc, pid, gid, &ns_side_gid, e);
	if (r >= 0)
		r = write_map(&proc, pid, uid, &ns_side_uid, e);
	if (r >= 0)
		r = str_format(path, sizeof(path), "%d/ns/user", pid);
	if (r >= 0) {
		/* A magic link, of a procfs that is ours. */
		r = fd = sys_openat(proc.fd, path, O_RDONLY, 0);
		if (r < 0 || ns_fd_type(fd) != CLONE_NEWUSER)
			r = err_sys(e, ERR_NSP_OPEN, r < 0 ? r : -EINVAL,
				    "open the user namespace of the mappings");
	}
	sys_pidfd_send_signal(pidfd, SIGKILL);
	pidfd_reap(pidfd, &end);
	return r < 0 ? r : fd_take(&fd);
}
