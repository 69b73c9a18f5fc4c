/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/idmap: the id maps of user namespaces: the container's, written by the runtime, and throw-away
 * ones for idmapped mounts. Hides the limits of the kernel's map files and what their errors mean.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

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

/*
 * A child in a new user namespace, or in the one of @join, that only waits until @hold[1] is
 * closed, by us or our death. It says by an int whether it could join.
 */
static int clone_holder(int hold[2], int join, int *ret_pidfd, pid_t *ret_pid, struct err *e)
{
	struct clone_args args = {
		.flags = (join < 0 ? CLONE_NEWUSER : 0) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	int r = sys_clone3(&args);

	if (r < 0)
		return ns_explain_new(args.flags & CLONE_NEWUSER, r, e);
	if (r == 0) {
		int said = 0;
		char c;

		close(hold[1]);
		if (join >= 0) {
			/*
			 * SECURITY: others live in that namespace, and may trace what is
			 * dumpable and in it: its memory and descriptors are the runtime's
			 * (class of CVE-2016-9962). KERNEL: setns into a namespace below leaves
			 * dumpable as it is. ptrace(2)
			 */
			said = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
			if (said == 0)
				said = sys_setns(join, CLONE_NEWUSER);
		}
		if (io_write_all(hold[0], &said, sizeof(said)) == 0)
			while (read(hold[0], &c, 1) < 0 && errno == EINTR)
				;
		_exit(0);
	}
	*ret_pid = r;
	fd_close(&hold[0]);
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
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "socketpair");
	r = clone_holder(hold, -1, &pidfd, &pid, e);
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

/* One number of a map file, which the kernel has written: digits and blanks. */
static bool map_number(const char **p, uint32_t *ret)
{
	uint64_t v = 0;

	while (**p == ' ' || **p == '\n')
		(*p)++;
	if (!**p)
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		v = v * 10 + (unsigned)(**p - '0');
	*ret = (uint32_t)v;
	return true;
}

/* How many of the ids of @want, which do not overlap, does one line of a map translate alike? */
static uint64_t agreed(const struct spec_idmaps *want, const struct spec_idmap *line)
{
	uint64_t n = 0;

	for (size_t i = 0; i < want->n; i++) {
		const struct spec_idmap *w = &want->v[i];
		uint64_t first = MAX(w->container_id, line->container_id);
		uint64_t end = MIN((uint64_t)w->container_id + w->size,
				   (uint64_t)line->container_id + line->size);

		if (first < end &&
		    w->host_id - w->container_id == line->host_id - line->container_id)
			n += end - first;
	}
	return n;
}

static int compare_map(const struct procfs *proc, pid_t pid, const struct spec_idmaps *want,
		       const struct ns_map_side *side, struct err *e)
{
	char text[NS_MAP_LINES * 34 + 1];
	uint64_t wanted = 0, mapped = 0, same = 0;
	struct spec_idmap line;
	_cleanup_fd_ int fd = -1;
	const char *p = text;
	ssize_t n;

	fd = open_of(proc, pid, side->file, O_RDONLY, e);
	if (fd < 0)
		return err_at(e, fd, "%s", side->pointer);
	n = io_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_at(e, err_sys(e, ERR_NSP_IDMAP, (int)n, "read %s", side->file), "%s",
			      side->pointer);
	text[n] = '\0';
	while (map_number(&p, &line.container_id) && map_number(&p, &line.host_id) &&
	       map_number(&p, &line.size)) {
		mapped += line.size;
		same += agreed(want, &line);
	}
	for (size_t i = 0; i < want->n; i++)
		wanted += want->v[i].size;
	if (wanted == mapped && same == mapped)
		return 0;
	return err_at(e,
		      err_set(e, ERR_CFG_CONFLICT, 0,
			      "the user namespace is joined by path and has other mappings"),
		      "%s", side->pointer);
}

int ns_check_idmaps(const struct plan_ids *ids, int userns, struct err *e)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	_cleanup_(close_pair) int hold[2] = { -1, -1 };
	_cleanup_fd_ int pidfd = -1;
	siginfo_t end;
	pid_t pid = 0;
	int r, said;

	r = proc_open(false, &proc);
	if (r < 0)
		return err_sys(e, ERR_NSP_IDMAP, r, "open a procfs");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hold) < 0)
		return err_sys(e, ERR_GEN_SYS, -errno, "socketpair");
	/* KERNEL: maps can be read of a process in the namespace only. user_namespaces(7) */
	r = clone_holder(hold, userns, &pidfd, &pid, e);
	if (r < 0)
		return r;
	if (io_read_full(hold[1], &said, sizeof(said)) != sizeof(said))
		said = -ECHILD;
	/* KERNEL: EINVAL: it is the caller's own. setns(2) */
	if (said < 0 && said != -EINVAL)
		r = err_sys(e, ERR_NSP_JOIN, said, "join the user namespace to read its mappings");
	else
		r = compare_map(&proc, pid, &ids->uid, &ns_side_uid, e);
	if (r == 0)
		r = compare_map(&proc, pid, &ids->gid, &ns_side_gid, e);
	sys_pidfd_send_signal(pidfd, SIGKILL);
	pidfd_reap(pidfd, &end);
	return r;
}
