/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/scope: groups below a unit of systemd. systemd makes the unit, everything below it
 * is done by hand with the operations of the host's layout; one call on create, one on delete, none
 * for exec, state and kill.
 *
 * A scope cannot be empty, and the container shall be born in its group. So a helper process, which
 * does nothing, holds the scope until the container is in. On v2 the container's group is one level
 * below the scope: what systemd writes to its own unit (daemon-reload) does not reach it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup/systemd/unit.h"
#include "sys/call.h"
#include "sys/proc.h"

#define SETUP "hull-setup" /* where the helper waits on v2: the scope itself must hold no process */
enum { START_SECONDS = 30 };

static const struct cgroup_ops *base_of(const struct cgroup *g)
{
	return g->layout == HOST_CGROUP_V2   ? &cgroup_ops_v2
	       : g->layout == HOST_CGROUP_V1 ? &cgroup_ops_v1
					     : &cgroup_ops_hybrid;
}

static uint64_t start_deadline(void)
{
	return io_now() + START_SECONDS * 1000000000ull;
}

static bool is_slice(const struct cgroup *g)
{
	return str_ends(g->unit, ".slice");
}

/* Levels of dir[0].path below the unit's own group. */
static unsigned levels_below(const struct cgroup *g)
{
	const char *p = g->n ? strstr(g->dir[0].path, g->unit) : NULL;

	return p && p[strlen(g->unit)] == '/' ? 1 : 0;
}

/* A view of the unit's own group in hierarchy @i; @path is its memory. */
static void scope_view(const struct cgroup *g, unsigned i, char path[static CGROUP_PATH_SIZE],
		       struct cgroup *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->layout = g->layout;
	ret->v2_fd = -1;
	ret->n = 1;
	ret->dir[0] = g->dir[i];
	ret->dir[0].path = path;
	str_format(path, CGROUP_PATH_SIZE, "%s", g->dir[i].path);
	if (levels_below(g))
		*strrchr(path, '/') = '\0';
}

/* Does the group of a unit that exists already have processes? */
static bool scope_busy(const struct cgroup *g)
{
	struct cgroup view;
	_cleanup_fd_ int dir = -1;
	char path[CGROUP_PATH_SIZE], who[64];
	int i = cgroup_dir_v2(g);

	if (i < 0)
		i = cgroup_dir_find(g, "name=systemd");
	if (i < 0)
		return true;
	scope_view(g, (unsigned)i, path, &view);
	dir = cgroup_dir_open(&view, 0);
	if (dir < 0)
		return dir != -ENOENT;
	return cgroup_tree_who(dir, who, sizeof(who))[0];
}

/* ---- the helper ---- */

static int helper_start(struct cgroup *g, struct err *e)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	pid_t parent = getpid();
	int pid = sys_clone3(&args);

	if (pid == 0) {
		sigset_t mask;

		/*
		 * Only raw calls. Faults K1: the scope must not outlive a runtime that is killed
		 * here.
		 */
		sigfillset(&mask);
		sigdelset(&mask, SIGTERM); /* systemd stops a unit with it */
		(void)sigprocmask(SIG_SETMASK, &mask, NULL);
		(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)sys_close_range(0, ~0u, 0);
		for (;;) {
			if (getppid() != parent)
				_exit(0);
			pause();
		}
	}
	if (pid < 0)
		return err_sys(e, ERR_CGR_SYSTEMD, pid, "start a process to hold the unit %s",
			       g->unit);
	g->helper = pid;
	return 0;
}

void cgroup_settle(struct cgroup *g)
{
	char path[CGROUP_PATH_SIZE];
	struct cgroup view;
	_cleanup_fd_ int dir = -1;

	if (g->helper <= 0)
		return;
	(void)kill(g->helper, SIGKILL);
	while (waitpid(g->helper, NULL, 0) < 0 && errno == EINTR)
		;
	g->helper = 0;
	if (!levels_below(g))
		return;
	scope_view(g, 0, path, &view);
	dir = cgroup_dir_open(&view, 0);
	/*
	 * KERNEL: a process leaves its group a moment after its parent could reap it. Since 6.18. A
	 * rest goes at delete.
	 */
	for (int i = 0; dir >= 0 && i < 20 && sys_unlinkat(dir, SETUP, AT_REMOVEDIR) == -EBUSY; i++)
		(void)io_wait(-1, 0, io_now() + 1000000);
}

/* Where did systemd put the helper? It must be the group that the plan foresaw. */
static int helper_check(const struct cgroup *g, const struct cgroup *view, struct err *e)
{
	char path[64], want[CGROUP_PATH_SIZE + 16], *text;
	_cleanup_fd_ int fd = -1;
	struct procfs proc;
	struct arena a;
	size_t n;
	bool ok;
	int r;

	str_format(path, sizeof(path), "%d/cgroup", g->helper);
	str_format(want, sizeof(want), "%s:%s\n", view->dir[0].v2 ? "0:" : view->dir[0].controllers,
		   view->dir[0].path);
	arena_init(&a);
	r = proc_open_ambient(&proc);
	if (r >= 0) {
		fd = proc_openat(&proc, path, O_RDONLY);
		proc_close(&proc);
		r = fd < 0 ? fd : io_read_all(fd, 1 << 20, &a, &text, &n);
	}
	ok = r >= 0 && strstr(text, want);
	arena_free(&a);
	if (r < 0)
		return err_sys(e, ERR_CGR_SYSTEMD, r, "read /proc/%s", path);
	if (!ok)
		return err_set(e, ERR_CGR_SYSTEMD, ENOENT,
			       "systemd started %s, but not in the group %s", g->unit,
			       view->dir[0].path);
	return 0;
}

/* Out of the scope's own group, so that controllers can be enabled for what lies below it. */
static int helper_aside(const struct cgroup *g, int scope, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	char pid[16];
	int r = sys_mkdirat(scope, SETUP, 0755);

	if (r == -EEXIST)
		r = 0;
	if (r >= 0)
		r = dir = cgroup_beneath_open(scope, SETUP, O_RDONLY | O_DIRECTORY);
	str_format(pid, sizeof(pid), "%d", g->helper);
	if (r >= 0)
		r = cgroup_file_write(dir, "cgroup.procs", pid);
	return r < 0 ? err_sys(e, ERR_CGR_SYSTEMD, r, "prepare the group of the unit %s", g->unit)
		     : 0;
}

/* ---- operations ---- */

static int systemd_plan(struct cgroup *g, const struct plan_cgroup *p, const struct cgroup_host *h,
			struct arena *a, struct err *e)
{
	struct plan_cgroup q = *p;
	char root[256] = "";
	int r = 0;

	if (h->layout == HOST_CGROUP_NONE)
		return err_set(e, ERR_CGR_LAYOUT, ENOTSUP,
			       "this host has no cgroup hierarchy mounted");
	if (str_format(g->unit, sizeof(g->unit), "%s", p->unit) < 0)
		return err_set(e, ERR_CGR_PATH, ENAMETOOLONG, "the unit name is too long");
	g->bus_user = p->user;
	if (p->user) { /* its units lie below its own group, which only it knows */
		struct dbus b = { .fd = -1 };

		r = unit_connect(g, a, start_deadline(), &b, e);
		if (r == 0)
			r = unit_manager_root(&b, start_deadline(), root, sizeof(root), e);
		dbus_close(&b);
		if (r < 0)
			return r;
	}
	q.path = arena_printf(a, "%s%s%s%s", root, p->path, p->subgroup ? "/" : "",
			      p->subgroup ? p->subgroup : "");
	if (strlen(q.path) >= CGROUP_PATH_SIZE)
		return err_set(e, ERR_CGR_PATH, ENAMETOOLONG, "the cgroup path is too long");
	r = cgroup_common_plan(g, &q, h, a, e);
	/* Slices above are systemd's, whoever caused them. */
	for (unsigned i = 0; r >= 0 && i < g->n; i++)
		g->dir[i].created = MIN(g->dir[i].created, p->subgroup ? 2u : 1u);
	return r;
}

/*
 * Is a process of ours allowed into the group? KERNEL: clone3 and cgroup.procs want write access to
 * the cgroup.procs of the nearest common ancestor.
 * Documentation/admin-guide/cgroup-v2.rst#delegation-containment
 */
static bool may_enter(const struct cgroup *g)
{
	_cleanup_fd_ int root = -1, dir = -1;
	struct cgroup_host h;
	struct err e = { 0 };
	const char *own, *path = g->dir[0].path;
	char common[512];
	size_t n = 0;

	if (!g->bus_user)
		return true;
	if (cgroup_host_read(&h, true, &e) < 0 || !h.n) {
		err_drop(&e, "systemd moves the process then");
		return false;
	}
	own = h.own[h.n - 1];
	for (size_t i = 0; own[i] && own[i] == path[i]; i++)
		if ((own[i + 1] == '/' || !own[i + 1]) && (path[i + 1] == '/' || !path[i + 1]))
			n = i + 1;
	str_format(common, sizeof(common), "%.*s", (int)n, path);
	root = h.root.fd > 0 ? h.root.fd : cgroup_root_open(g->dir[0].mount, true);
	dir = root < 0 ? -1
		       : cgroup_beneath_open(root, common[0] ? common + 1 : "",
					     O_PATH | O_DIRECTORY);
	return dir >= 0 && faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) == 0;
}

/* The unit stands: make the group below it, by hand. */
static int create_below(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	int i = cgroup_dir_v2(g), r;
	char path[CGROUP_PATH_SIZE];
	struct cgroup view;

	if (g->layout != HOST_CGROUP_V2)
		i = cgroup_dir_find(g, "name=systemd");
	if (i < 0)
		return err_set(e, ERR_CGR_LAYOUT, ENOTSUP,
			       "the name=systemd hierarchy is not mounted");
	scope_view(g, (unsigned)i, path, &view);
	r = g->helper > 0 ? helper_check(g, &view, e) : 0;
	if (r >= 0 && levels_below(g)) {
		_cleanup_fd_ int scope = cgroup_dir_open(&view, 0);

		if (scope < 0)
			return err_sys(e, ERR_CGR_SYSTEMD, scope, "open the group of the unit %s",
				       g->unit);
		r = helper_aside(g, scope, e);
	}
	if (r >= 0)
		r = base_of(g)->create(g, p, e);
	if (r < 0)
		return r;
	/* the unit is the container's alone, in every hierarchy */
	for (unsigned k = 0; k < g->n; k++)
		g->dir[k].created = levels_below(g) + 1;
	g->ops = &cgroup_ops_systemd; /* the base may have left it for "none" */
	g->v2_no_clone = g->v2_fd >= 0 && !may_enter(g);
	return 0;
}

static int systemd_create(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	uint64_t deadline = start_deadline();
	struct dbus b = { .fd = -1 };
	struct arena a;
	int r;

	arena_init(&a);
	r = unit_connect(g, &a, deadline, &b, e);
	if (r == 0 && !is_slice(g))
		r = helper_start(g, e);
	if (r == 0)
		r = unit_start(g, p, &b, g->helper, deadline, scope_busy, e);
	if (r == 0) {
		r = create_below(g, p, e);
		if (r < 0) {
			struct err drop = { 0 };

			(void)unit_stop(g, &b, deadline, &drop);
			err_drop(&drop, "create fails for another reason, which is reported");
		}
	}
	dbus_close(&b);
	arena_free(&a);
	if (r < 0) {
		cgroup_settle(g);
		cgroup_undo(g);
	}
	return r;
}

static int systemd_join(struct cgroup *g, int pid, struct err *e)
{
	struct dbus b = { .fd = -1 };
	struct err own = { 0 };
	struct arena a;
	int r = base_of(g)->join(g, pid, &own);

	if ((r == -EACCES || r == -EPERM) && g->bus_user) {
		err_drop(&own, "systemd may what we may not");
		arena_init(&a);
		r = unit_connect(g, &a, start_deadline(), &b, e);
		if (r == 0)
			r = unit_attach(g, &b, levels_below(g) ? strrchr(g->dir[0].path, '/') : "/",
					pid, start_deadline(), e);
		dbus_close(&b);
		arena_free(&a);
	}
	if (err_is(&own) && !err_is(e))
		*e = own;
	cgroup_settle(g);
	return r;
}

/* Files first: they can be put back. Then the unit, so that systemd keeps them. */
static int devices_and_unit(struct cgroup *g, const struct plan_cgroup *p, struct err *e)
{
	struct dbus b = { .fd = -1 };
	struct arena a;
	int r = g->layout == HOST_CGROUP_V2 ? cgroup_v2_devices(g, g->v2_fd, false, p, e)
					    : cgroup_v1_devices_live(g, p, e);

	if (r < 0 || g->layout != HOST_CGROUP_V2 || !p->n_writes)
		return r;
	arena_init(&a);
	r = unit_connect(g, &a, start_deadline(), &b, e);
	if (r == 0)
		r = unit_set_limits(g, p, &b, start_deadline(), e);
	dbus_close(&b);
	arena_free(&a);
	return r;
}

static int systemd_apply(struct cgroup *g, const struct plan_cgroup *p, uint64_t deadline,
			 struct arena *a, struct cgroup_change **ret_changes, size_t *ret_n,
			 struct err *e)
{
	struct cgroup_write_options o = { .arena = a,
					  .live = true,
					  .deadline = deadline,
					  .devices = devices_and_unit,
					  .changes = ret_changes,
					  .n_changes = ret_n };
	int r = cgroup_open(g, e);

	if (r >= 0 && g->layout == HOST_CGROUP_V2)
		r = cgroup_v2_enable(g, 0, g->v2_fd, p, e);
	return r < 0 ? r : cgroup_write_list(g, p, &o, e);
}

static int systemd_freeze(struct cgroup *g, bool on, uint64_t deadline, struct err *e)
{
	return base_of(g)->freeze(g, on, deadline, e);
}

static int systemd_frozen(struct cgroup *g, bool *ret, struct err *e)
{
	return base_of(g)->frozen(g, ret, e);
}

static int systemd_kill(struct cgroup *g, int sig, uint64_t deadline, struct err *e)
{
	return base_of(g)->kill(g, sig, deadline, e);
}

static int systemd_stats(struct cgroup *g, struct arena *a, struct cgroup_stats *ret, struct err *e)
{
	return base_of(g)->stats(g, a, ret, e);
}

/*
 * A slice stays until it is stopped. A scope ends by itself when systemd sees that its group is
 * empty, but it may miss that: the group that we remove is made anew when a daemon-reload is just
 * over, and the watch was on the old one. A systemd that does not answer finds the empty scope when
 * it is there again.
 */
static int end_unit(struct cgroup *g, uint64_t deadline, struct err *e)
{
	struct dbus b = { .fd = -1 };
	struct err own = { 0 };
	struct arena a;
	int r;

	arena_init(&a);
	r = unit_connect(g, &a, deadline, &b, &own);
	if (r == 0)
		r = unit_stop(g, &b, deadline, &own);
	dbus_close(&b);
	arena_free(&a);
	if (r < 0 && is_slice(g)) {
		*e = own;
		return r;
	}
	if (r < 0) {
		log_warn_err(&own, "unit %s is left", g->unit);
		err_drop(&own, "the container is gone, what is left is an empty unit");
	}
	return 0;
}

static int systemd_destroy(struct cgroup *g, uint64_t deadline, struct err *e)
{
	bool ours = g->n && g->dir[0].created;
	char path[CGROUP_PATH_SIZE];
	struct cgroup view;
	int r;

	cgroup_settle(g);
	if (levels_below(g) && g->n) { /* left by a runtime that was killed */
		_cleanup_fd_ int scope = -1;

		scope_view(g, 0, path, &view);
		scope = cgroup_dir_open(&view, 0);
		if (scope >= 0)
			(void)sys_unlinkat(scope, SETUP, AT_REMOVEDIR);
	}
	r = cgroup_common_destroy(g, deadline, e);
	return r == 0 && (ours || is_slice(g)) ? end_unit(g, deadline, e) : r;
}

const struct cgroup_ops cgroup_ops_systemd = {
	.name = "systemd",
	.plan = systemd_plan,
	.create = systemd_create,
	.join = systemd_join,
	.apply = systemd_apply,
	.freeze = systemd_freeze,
	.frozen = systemd_frozen,
	.kill = systemd_kill,
	.pids = cgroup_common_pids,
	.stats = systemd_stats,
	.destroy = systemd_destroy,
};
