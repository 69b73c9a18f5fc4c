/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/explain: the plan as text for people who are new to containers: what will happen, in order,
 * one thing and its meaning per line.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/str.h"
#include "plan/parts.h"
#include "plan/words.h"
#include "spec/spec.h"

struct page {
	FILE *out;
	struct arena *arena;
	bool begun;
};

static void heading(struct page *d, const char *title, const char *meaning)
{
	fprintf(d->out, "%s%s", d->begun ? "\n" : "", title);
	fprintf(d->out, *meaning ? " - %s\n" : "%s\n", meaning);
	d->begun = true;
}

/* Print @s with control bytes shown as \xNN: a config must not be able to drive the terminal. */
static void put(struct page *d, const char *s)
{
	size_t size = 4 * strlen(s) + 1;
	char *buf = arena_alloc(d->arena, size);
	struct strbuf b = { .buf = buf, .size = size };

	sb_escape(&b, s);
	fputs(buf, d->out);
}

/* "  what   meaning", the meaning on the same line when it fits. */
static void line(struct page *d, const char *what, const char *fmt, ...) _printf_(3, 4);
static void line(struct page *d, const char *what, const char *fmt, ...)
{
	int pad = 34 - (int)strlen(what);
	va_list ap;

	fputs("  ", d->out);
	put(d, what);
	fprintf(d->out, "%*s", pad > 1 ? pad : 2, "");
	va_start(ap, fmt);
	put(d, arena_vprintf(d->arena, fmt, ap));
	va_end(ap);
	fputc('\n', d->out);
}

static const struct {
	const char *fresh, *shared;
} ns_meaning[NS_KINDS] = {
	[NS_PID] = { "processes are numbered from 1, those of the host are not visible",
		     "the container sees and may signal processes of the host" },
	[NS_NETWORK] = { "network devices, addresses, routes and firewall of its own; only `lo` at "
			 "first",
			 "the container uses the network of the host" },
	[NS_MOUNT] = { "mounts made here stay here",
		       "mounts made for the container appear on the host" },
	[NS_IPC] = { "message queues and shared memory of its own",
		     "message queues and shared memory of the host can be reached" },
	[NS_UTS] = { "a host name of its own", "the host name of the host" },
	[NS_USER] = { "root inside is an ordinary user outside",
		      "a uid inside is the same uid outside" },
	[NS_CGROUP] = { "its control group looks like the root of the tree",
			"the container sees its place in the host's tree of control groups" },
	[NS_TIME] = { "boot time and monotonic clock of its own", "the clocks of the host" },
};

static void namespaces(struct page *d, const struct plan *p)
{
	heading(d, "Namespaces", "what the container has for itself and what it shares");
	for (int k = 0; k < NS_KINDS; k++) {
		uint64_t flag = plan_ns_flag(k);
		const char *name = table_name(&spec_namespaces, (uint64_t)k);

		if (p->ns.created & flag)
			line(d, arena_printf(d->arena, "%-8s new", name), "%s",
			     ns_meaning[k].fresh);
		else if (p->ns.joined & flag)
			line(d, arena_printf(d->arena, "%-8s joined", name),
			     "the one at %s, with whoever is in it", p->ns.path[k]);
		else
			line(d, arena_printf(d->arena, "%-8s shared", name), "%s",
			     ns_meaning[k].shared);
	}
}

static const char *op_meaning(const struct plan_ns_op *op)
{
	switch (op->what) {
	case NS_OP_SETNS:
		return "joins the namespace that exists already";
	case NS_OP_TRY_SETNS:
		return "joins it now if the host's rights are needed, else when the user namespace "
		       "is joined";
	case NS_OP_UNSHARE:
		return op->ns == NS_CGROUP
			       ? "last, because the group it is in now becomes the root it sees"
			       : "makes new namespaces";
	case NS_OP_OFFSETS:
		return "sets the clocks before anybody lives in the time namespace";
	case NS_OP_CLONE:
		return op->flags ? "starts the first process of the container in new namespaces"
				 : "starts the first process of the container";
	case NS_OP_IDMAP:
		return "waits until the id mappings are written";
	case NS_OP_SETID:
		return "becomes root of the user namespace";
	case NS_OP_FORK:
		return "starts one more process, since some namespaces hold for children only, and "
		       "ends";
	}
	return "";
}

static void steps(struct page *d, const char *who, const struct plan_ns *ns,
		  const struct plan_ns_op *ops, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct plan_ns_op *op = &ops[i];
		bool one = op->what == NS_OP_SETNS || op->what == NS_OP_TRY_SETNS;
		const char *what = one ? table_name(&spec_namespaces, op->ns)
				       : plan_ns_words(d->arena, op->flags);

		line(d, arena_printf(d->arena, "%-8s%s %s", who, plan_ns_op_names[op->what], what),
		     "%s%s%s", op_meaning(op), one ? ": " : "", one ? ns->path[op->ns] : "");
	}
}

static void ids(struct page *d, const struct plan_ids *i)
{
	if (i->writer == IDMAP_NONE)
		return;
	heading(d, "Ids",
		i->writer == IDMAP_HELPER ? "the mappings are written by newuidmap and newgidmap"
					  : "the mappings are written by hull");
	for (int group = 0; group < 2; group++) {
		const struct spec_idmaps *m = group ? &i->gid : &i->uid;

		for (size_t k = 0; k < m->n; k++)
			line(d,
			     arena_printf(d->arena, "%s %u..%u", group ? "gid" : "uid",
					  m->v[k].container_id,
					  m->v[k].container_id + (m->v[k].size - 1)),
			     "is %u..%u on the host", m->v[k].host_id,
			     m->v[k].host_id + (m->v[k].size - 1));
	}
	if (i->deny_setgroups)
		line(d, "setgroups", "given up: an unprivileged caller may not drop groups");
}

static void root(struct page *d, const struct plan *p)
{
	const struct plan_rootfs *r = &p->root;

	heading(d, "Root filesystem", "");
	line(d, r->path, "becomes /, %s", r->readonly ? "read-only" : "writable");
	line(d, r->pivot ? "pivot_root" : "chroot", "%s",
	     r->pivot ? "the host's tree is taken away for good"
		      : "the host's tree stays mounted behind the root");
	if (r->propagation)
		line(d, plan_propagation_word(d->arena, r->propagation, false),
		     "whether mounts made later cross between host and container");
	if (!r->create_mountpoints)
		line(d, "mount points", "must exist in the root filesystem, none is created");
}

static const char *mount_meaning(struct page *d, const struct plan_mount *m)
{
	switch (m->kind) {
	case MOUNT_FS:
		return arena_printf(d->arena, "a new %s filesystem", m->fstype);
	case MOUNT_BIND:
		return arena_printf(d->arena, "%s of the host%s", m->source,
				    m->recursive ? ", with everything mounted below it" : "");
	case MOUNT_REMOUNT:
		return "other options for what is mounted there";
	case MOUNT_CGROUP:
		return m->cgroup_rw ? "the control groups, writable"
				    : "the control groups, read-only";
	case MOUNT_PROPAGATION:
		return "another propagation for what is mounted there";
	}
	return "";
}

static void mounts(struct page *d, const struct plan *p)
{
	heading(d, "Mounts", "in this order; options as understood");
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		const char *words = plan_mount_words(d->arena, m);

		line(d, m->destination, "%s%s%s%s", mount_meaning(d, m), *words ? " (" : "", words,
		     *words ? ")" : "");
	}
	for (size_t i = 0; i < p->readonly.n; i++)
		line(d, p->readonly.v[i], "made read-only");
	for (size_t i = 0; i < p->masked.n; i++)
		line(d, p->masked.v[i], "hidden: reads as empty");
}

static void devices(struct page *d, const struct plan *p)
{
	heading(d, "Devices and links", "");
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *v = &p->devices[i];
		const char *what = plan_device_words(d->arena, plan_device_type(v->mode), false,
						     v->major, false, v->minor);

		if (v->existing)
			line(d, v->path, "%s, must be in the host's /dev already", what);
		else if (v->bind && !v->made)
			line(d, v->path, "%s, bound from %s of the host", what, v->source);
		else
			line(d, v->path, "%s, mode %04o, owner %u:%u%s", what,
			     (unsigned)v->mode & 07777, v->uid, v->gid,
			     v->is_default ? ", every container has it" : "");
	}
	for (size_t i = 0; i < p->n_links; i++)
		line(d, p->links[i].path, "-> %s", p->links[i].target);
	if (p->bind_console)
		line(d, "/dev/console", "the terminal of the container");
}

static void cgroup(struct page *d, const struct plan_cgroup *c)
{
	heading(d, "Control group",
		c->manager == CGROUP_DISABLED ? "none: the caller's is used, nothing is limited"
					      : "what limits and counts the container");
	if (c->path)
		line(d, c->path, "made%s, below each hierarchy under /sys/fs/cgroup",
		     c->ignore_missing ? " if the caller may" : "");
	for (size_t i = 0; i < c->n_writes; i++)
		line(d, arena_printf(d->arena, "%s = %s", c->writes[i].file, c->writes[i].value),
		     "from %s", c->writes[i].pointer);
	if (c->delegate)
		line(d, arena_printf(d->arena, "owner %u:%u", c->owner_uid, c->owner_gid),
		     "the container may divide its group further");
}

static void device_rules(struct page *d, const struct plan_cgroup *c)
{
	if (!c->n_devices)
		return;
	heading(d, "Device access", "a later rule overrides an earlier one");
	for (size_t i = 0; i < c->n_devices; i++)
		line(d, plan_rule_words(d->arena, &c->devices[i]), "%s",
		     plan_rule_meaning(d->arena, &c->devices[i]));
	if (c->devices_optional)
		line(d, "all of them", "are left out if the kernel refuses them to this caller");
}

static const char *cap_list(struct page *d, uint64_t set)
{
	char *list = arena_strdup(d->arena, "");

	for (unsigned cap = 0; cap < 64; cap++)
		if (set >> cap & 1)
			list = arena_printf(d->arena, "%s%s%s", list, *list ? " " : "",
					    table_name(&spec_capabilities, cap));
	return *list ? list : "none";
}

static void process(struct page *d, const struct plan_process *p)
{
	const struct spec_process *s = p->spec;
	char *args = arena_strdup(d->arena, "");

	if (!p->set) {
		heading(d, "Process",
			"the config has none: the container can be created but not started");
		return;
	}
	heading(d, "Process", "");
	for (size_t i = 0; i < p->args.n; i++)
		args = arena_printf(d->arena, "%s%s%s", args, i ? " " : "", p->args.v[i]);
	line(d, "program", "%s", args);
	line(d, "directory", "%s", s->cwd ? s->cwd : "");
	line(d, arena_printf(d->arena, "user %u, group %u", p->uid, p->gid),
	     "%zu more groups%s, umask %04o", p->n_groups,
	     p->keep_groups ? " and those of the caller" : "", (unsigned)p->umask);
	for (size_t i = 0; i < p->env.n; i++)
		line(d, i ? "" : "environment", "%s", p->env.v[i]);
	if (p->needs_home)
		line(d, p->env.n ? "" : "environment",
		     "HOME as /etc/passwd of the root filesystem says");
	for (int set = 0; set < CAPSETS; set++)
		line(d, arena_printf(d->arena, "capabilities %s", plan_capset_names[set]), "%s",
		     cap_list(d, p->caps[set]));
	line(d, "no_new_privileges", "%s",
	     s->no_new_privileges ? "on: a setuid program gains nothing"
				  : "off: setuid programs work");
	for (size_t i = 0; i < s->n_rlimits; i++)
		line(d, table_name(&spec_rlimits, (uint64_t)s->rlimits[i].resource),
		     "limited to %" PRIu64 ", at most %" PRIu64, s->rlimits[i].soft,
		     s->rlimits[i].hard);
	if (s->oom_score_adj.set)
		line(d, "oomScoreAdj", "%d (when memory runs out, a higher number is killed first)",
		     s->oom_score_adj.v);
	line(d, "terminal", "%s",
	     !p->terminal	 ? "no, the caller's streams are used"
	     : p->console_socket ? "a new one, handed over through the console socket"
				 : "a new one, shown in the caller's");
	if (p->preserve_fds || p->listen_fds)
		line(d, "open files", "0, 1, 2 and the next %u", p->preserve_fds + p->listen_fds);
}

static void settings(struct page *d, const struct plan *p)
{
	const struct spec_linux *os = p->os;

	if (!p->hostname && !p->domainname && !p->n_sysctls && !os->n_net_devices && !os->rdt.set &&
	    !os->memory_policy.set && !os->personality.set && !os->seccomp.set && !p->loopback_up)
		return;
	heading(d, "Settings", "");
	if (p->hostname)
		line(d, "host name", "%s", p->hostname);
	if (p->domainname)
		line(d, "domain name", "%s", p->domainname);
	if (p->loopback_up)
		line(d, "lo", "switched on in the new network namespace");
	for (size_t i = 0; i < os->n_net_devices; i++)
		line(d, os->net_devices[i].host_name,
		     "network device, moved into the container as %s",
		     os->net_devices[i].name ? os->net_devices[i].name
					     : os->net_devices[i].host_name);
	for (size_t i = 0; i < p->n_sysctls; i++)
		line(d, p->sysctls[i].key, "= %s, a kernel parameter of the %s namespace",
		     p->sysctls[i].value, table_name(&spec_namespaces, p->sysctls[i].ns));
	if (os->rdt.set)
		line(d, "intelRdt", "a share of cache and memory bandwidth through resctrl");
	if (os->memory_policy.set)
		line(d, table_name(&spec_mpol_modes, (uint64_t)os->memory_policy.mode),
		     "memory policy of the process");
	if (os->personality.set)
		line(d, "personality", "%#x", os->personality.domain);
	if (os->seccomp.set)
		line(d, "seccomp", "%zu rules for system calls, loaded %s; others: %s",
		     os->seccomp.n_rules,
		     p->process.seccomp_early ? "before the last capability is dropped"
					      : "as the last step",
		     table_name(&spec_seccomp_actions, os->seccomp.default_action));
}

static void landlock(struct page *d, const struct plan_landlock *l)
{
	static const char meaning[][34] = {
		[PLAN_NO_ACCESS] = "no access",
		[PLAN_READ_ONLY] = "may be read and executed",
		[PLAN_READ_WRITE] = "may be read, executed and changed",
	};

	if (!l->set)
		return;
	heading(d, "Landlock", "what is below no path of this list cannot be opened");
	for (size_t i = 0; i < l->n; i++)
		line(d, l->v[i].path, "%s", meaning[l->v[i].access]);
}

static void hooks(struct page *d, const struct spec_hooks *h)
{
	static const char when[HOOK_KINDS][73] = {
		[HOOK_PRESTART] = "during create, on the host's side (deprecated)",
		[HOOK_CREATE_RUNTIME] = "during create, on the host's side",
		[HOOK_CREATE_CONTAINER] =
			"during create, in the container's namespaces, before its root is entered",
		[HOOK_START_CONTAINER] = "during start, inside the container",
		[HOOK_POSTSTART] = "after start, on the host's side",
		[HOOK_POSTSTOP] = "after delete, on the host's side",
	};
	bool any = false;

	for (int k = 0; k < HOOK_KINDS; k++)
		for (size_t i = 0; i < h->n[k]; i++) {
			if (!any)
				heading(d, "Hooks", "programs that are run along the way");
			any = true;
			line(d, h->v[k][i].path, "%s: %s",
			     table_name(&spec_hook_kinds, (uint64_t)k), when[k]);
		}
}

static void messages(struct page *d, const struct plan *p)
{
	if (p->n_warnings)
		heading(d, "Warnings", "");
	for (size_t i = 0; i < p->n_warnings; i++) {
		fputs("  ", d->out);
		put(d, p->warnings[i]);
		fputc('\n', d->out);
	}
	if (p->n_remarks)
		heading(d, "Remarks", "");
	for (size_t i = 0; i < p->n_remarks; i++) {
		fputs("  ", d->out);
		put(d, p->remarks[i]);
		fputc('\n', d->out);
	}
	if (p->n_notes)
		heading(d, "Ignored", "in the config, but without effect");
	for (size_t i = 0; i < p->n_notes; i++)
		line(d, p->notes[i].pointer, "%s", p->notes[i].text);
}

int plan_dump_text(const struct plan *p, FILE *out)
{
	struct arena a;
	struct page d = { .out = out, .arena = &a };
	int r = 0;

	arena_init(&a);
	heading(&d, arena_printf(&a, "Container %s", p->id),
		arena_printf(&a, "from the bundle %s", p->bundle));
	namespaces(&d, p);
	heading(&d, "First process", "who does what to get there");
	steps(&d, "hull", &p->ns, p->ns.runtime, p->ns.n_runtime);
	steps(&d, "init", &p->ns, p->ns.init, p->ns.n_init);
	ids(&d, &p->ids);
	cgroup(&d, &p->cgroup);
	root(&d, p);
	mounts(&d, p);
	devices(&d, p);
	device_rules(&d, &p->cgroup);
	settings(&d, p);
	process(&d, &p->process);
	landlock(&d, &p->landlock);
	hooks(&d, p->hooks);
	messages(&d, p);
	if (fflush(out) != 0 || ferror(out))
		r = errno ? -errno : -EIO;
	arena_free(&a);
	return r;
}
