/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/restore_check: is what came out of the images confined as the config says? SECURITY:
 * J3 (CVE-2026-94603, CVE-2026-95837): images set capabilities, no_new_privs, filters and
 * namespaces of the processes they hold, and may come from anybody. CRIU has everything in place
 * and nothing runs: the last moment to look.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "container/carry.h"
#include "ns/ns.h"
#include "sys/call.h"
#include "sys/proc.h"

enum { STATUS_MAX = 16384 };

/* A line of /proc/PID/status: its value, or NULL. */
static const char *field(const char *text, const char *name)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		const char *v;

		p += *p == '\n';
		v = str_skip(p, name);
		if (v)
			return v + strspn(v, "\t ");
	}
	return NULL;
}

static uint64_t hex(const char *s)
{
	uint64_t v = 0;

	for (; s; s++) {
		const char *digit = *s ? strchr("0123456789abcdef", *s) : NULL;

		if (!digit)
			break;
		v = v << 4 | (uint64_t)(digit - "0123456789abcdef");
	}
	return v;
}

/* Processes of the container that were found and are to be looked at; those of its group. */
struct pids {
	int *v;
	size_t n;
};

struct check {
	const struct plan *plan;
	const struct procfs *proc;
	uint64_t caps;	     /* all that the config gives to anybody inside */
	char user[48];	     /* user namespace of the container's process */
	char outside[2][48]; /* mount namespaces of hull and of CRIU */
	struct arena *a;
	struct pids tree, group;
	bool grouped; /* the container has a group of its own */
};

static int ns_of(pid_t pid, const char *kind, char ret[static 48])
{
	char path[48];
	ssize_t n;

	str_format(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	n = sys_readlinkat(AT_FDCWD, path, ret, 48);
	return n < 0 ? (int)n : 0;
}

static int refuse(const char *pointer, struct err *e, int pid, const char *fault)
{
	int r = err_set(e, ERR_CHK_CONFINE, 0, "restored process %d %s", pid, fault);

	return err_at(e, r, "%s", pointer);
}

static int check_status(const struct check *k, pid_t pid, const char *text, struct err *e)
{
	static const char sets[][8] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
	const char *filter = field(text, "Seccomp:"), *nnp = field(text, "NoNewPrivs:");
	const struct spec_process *p = k->plan->process.spec;
	char user[48];

	if (k->plan->os->seccomp.set && (!filter || *filter != '0' + SECCOMP_MODE_FILTER))
		return refuse("/linux/seccomp", e, pid, "has no seccomp filter");
	if (p && p->no_new_privileges && (!nnp || *nnp != '1'))
		return refuse("/process/noNewPrivileges", e, pid, "may gain privileges");
	/* in a user namespace of its own below the container's, its capabilities are its own */
	if (ns_of(pid, "user", user) == 0 && !streq(user, k->user))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const char *v = field(text, sets[i]);

		if (!v || hex(v) & ~k->caps)
			return refuse("/process/capabilities", e, pid,
				      "has capabilities that the config does not give");
	}
	return 0;
}

static bool in_group(const struct check *k, pid_t pid)
{
	for (size_t i = 0; i < k->group.n; i++)
		if (k->group.v[i] == pid)
			return true;
	return false;
}

/* KERNEL: pids with a blank behind each. Since 3.5, CONFIG_PROC_CHILDREN; proc_pid_task(5) */
static void note_children(struct check *k, pid_t pid, const char *tid, char *text)
{
	char path[64], *word;

	str_format(path, sizeof(path), "%d/task/%s/children", pid, tid);
	if (proc_read(k->proc, path, text, STATUS_MAX) < 0)
		return;
	while ((word = strsep(&text, " "))) {
		uint32_t child;

		if (str_to_u32(word, &child) == 0)
			*(int *)arena_push(k->a, &k->tree.v, &k->tree.n, sizeof(int)) = (int)child;
	}
}

/*
 * Is it over, but for the exit status that somebody waits for? KERNEL: then it is in no v1 cgroup
 * any more and has no namespaces. A leader that ended before its other threads is a "Z" as well.
 */
static bool is_over(const struct check *k, pid_t pid, char *text)
{
	char path[64];
	const char *v;

	str_format(path, sizeof(path), "%d/status", pid);
	if (proc_read(k->proc, path, text, STATUS_MAX) < 0)
		return false;
	v = field(text, "State:");
	if (!v || *v != 'Z')
		return false;
	v = field(text, "Threads:");
	return v && (*v == '0' || *v == '1') && v[1] == '\n';
}

/* KERNEL: all of this belongs to a thread, not to a process. credentials(7), seccomp(2) */
static int check_process(struct check *k, pid_t pid, struct err *e)
{
	char path[64], mounts[48], *text = (char[STATUS_MAX]){ 0 };
	_cleanup_fd_ int dir = -1;
	_Alignas(8) char buf[4096];
	ssize_t n;

	str_format(path, sizeof(path), "%d/task", pid);
	dir = proc_openat(k->proc, path, O_RDONLY | O_DIRECTORY);
	if (dir < 0 || is_over(k, pid, text))
		return 0;
	if (k->grouped && !in_group(k, pid))
		return refuse("/linux/cgroupsPath", e, pid, "is not in the container's cgroup");
	if (ns_of(pid, "mnt", mounts) == 0 &&
	    (streq(mounts, k->outside[0]) || streq(mounts, k->outside[1])))
		return refuse("/linux/namespaces", e, pid, "sees the mounts of the host");
	while ((n = sys_getdents64(dir, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			/* linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name. getdents64(2) */
			const char *name = buf + at + 19;
			uint16_t len;
			int r;

			memcpy(&len, buf + at + 16, sizeof(len));
			at += len;
			if (*name == '.')
				continue;
			str_format(path, sizeof(path), "%d/task/%s/status", pid, name);
			if (proc_read(k->proc, path, text, STATUS_MAX) < 0)
				continue;
			r = check_status(k, pid, text, e);
			if (r < 0)
				return r;
			note_children(k, pid, name, text);
		}
	return 0;
}

/* ---- namespaces ---- */

static int check_joined(const struct plan *p, const struct ns_fds *ns, pid_t init, struct err *e)
{
	static const char *const files[NS_KINDS] = {
		[NS_PID] = "pid_for_children",
		[NS_NETWORK] = "net",
		[NS_IPC] = "ipc",
		[NS_UTS] = "uts",
	};

	for (int k = 0; k < NS_KINDS; k++) {
		struct stat want, have;
		char path[64];

		if (!p->ns.path[k] || !files[k] || ns->target[k] < 0)
			continue;
		str_format(path, sizeof(path), "/proc/%d/ns/%s", init, files[k]);
		if (fstat(ns->target[k], &want) == 0 && fstatat(AT_FDCWD, path, &have, 0) == 0 &&
		    want.st_ino == have.st_ino && want.st_dev == have.st_dev)
			continue;
		return err_at(e,
			      err_set(e, ERR_CHK_CONFINE, 0,
				      "the restored container is not in the namespace %s",
				      p->ns.path[k]),
			      "/linux/namespaces/%u", p->ns.index[k]);
	}
	return 0;
}

static int check_namespaces(const struct plan *p, const struct ns_fds *ns, pid_t init,
			    struct err *e)
{
	uint64_t differing, missing;
	int r = ns_differing(init, ~0ull, &differing);

	if (r < 0)
		return err_sys(e, ERR_NSP_OPEN, r, "read /proc/%d/ns", init);
	/* with --manage-cgroups-mode ignore there is none: it hides the path of the group only */
	missing = p->ns.created & ~differing & ~(uint64_t)CLONE_NEWCGROUP;
	for (int k = 0; k < NS_KINDS; k++)
		if (missing & ns_clone_flag((enum spec_ns)k))
			return err_at(e,
				      err_set(e, ERR_CHK_CONFINE, 0,
					      "restored process %d has no %s namespace of its own",
					      init, table_name(&spec_namespaces, (uint64_t)k)),
				      "/linux/namespaces");
	return check_joined(p, ns, init, e);
}

int restore_check(struct ctx *c, const struct plan *p, const struct ns_fds *ns, struct cgroup *g,
		  pid_t init, pid_t criu, struct err *e)
{
	struct check k = { .plan = p, .a = &c->a };
	struct procfs proc;
	int r;

	for (int i = 0; i < CAPSETS; i++)
		k.caps |= p->process.caps[i];
	r = check_namespaces(p, ns, init, e);
	if (r < 0)
		return r;
	r = ns_of(init, "user", k.user);
	if (r == 0)
		r = ns_of(getpid(), "mnt", k.outside[0]);
	if (r == 0)
		r = ns_of(criu, "mnt", k.outside[1]);
	if (r < 0)
		return err_sys(e, ERR_NSP_OPEN, r, "read the namespaces of process %d", init);
	if (g->n && cgroup_is_own(g)) {
		k.grouped = true;
		r = g->ops->pids(g, &c->a, &k.group.v, &k.group.n, e);
		if (r < 0)
			return r;
	}
	/* CRIU restores a tree: every process descends from the first. */
	*(int *)arena_push(&c->a, &k.tree.v, &k.tree.n, sizeof(int)) = init;
	r = proc_open_ambient(&proc);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "open /proc");
	k.proc = &proc;
	for (size_t i = 0; r == 0 && i < k.tree.n; i++)
		r = check_process(&k, k.tree.v[i], e);
	proc_close(&proc);
	return r;
}
