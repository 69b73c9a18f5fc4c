/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/dump: the plan as JSON, in the order of its execution. Keys keep their order and what is
 * empty or off is left out, so that two plans can be compared as text.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/str.h"
#include "plan/parts.h"
#include "plan/words.h"
#include "spec/spec.h"
#include "spec/write.h"

struct dump {
	struct jw w;
	struct arena *arena;
};

static void text(struct dump *d, const char *key, const char *value)
{
	if (value && *value)
		jw_string(&d->w, key, value);
}

static void yes(struct dump *d, const char *key, bool value)
{
	if (value)
		jw_bool(&d->w, key, true);
}

static void strings(struct dump *d, const char *key, const struct strv *v)
{
	if (v->n)
		jw_strings(&d->w, key, (const char *const *)v->v, v->n);
}

static void octal(struct dump *d, const char *key, unsigned value)
{
	jw_string(&d->w, key, arena_printf(d->arena, "%04o", value));
}

/* "0-100000-65536" for containerID, hostID, size. */
static void maps(struct dump *d, const char *key, const struct spec_idmaps *m)
{
	if (!m->n)
		return;
	jw_array(&d->w, key);
	for (size_t i = 0; i < m->n; i++)
		jw_string(&d->w, NULL,
			  arena_printf(d->arena, "%u-%u-%u", m->v[i].container_id, m->v[i].host_id,
				       m->v[i].size));
	jw_end(&d->w);
}

static void ns_ops(struct dump *d, const char *key, const struct plan_ns *ns,
		   const struct plan_ns_op *ops, unsigned n)
{
	jw_array(&d->w, key);
	for (unsigned i = 0; i < n; i++) {
		const struct plan_ns_op *op = &ops[i];
		const char *name = plan_ns_op_names[op->what];
		const char *more = "";

		if (op->what == NS_OP_SETNS || op->what == NS_OP_TRY_SETNS)
			more = arena_printf(d->arena, "%s %s", table_name(&spec_namespaces, op->ns),
					    ns->path[op->ns]);
		else if (op->flags)
			more = plan_ns_words(d->arena, op->flags);
		jw_string(&d->w, NULL, *more ? arena_printf(d->arena, "%s %s", name, more) : name);
	}
	jw_end(&d->w);
}

static void namespaces(struct dump *d, const struct plan *p)
{
	const struct plan_ns *ns = &p->ns;

	jw_object(&d->w, "namespaces");
	for (int k = 0; k < NS_KINDS; k++) {
		uint64_t flag = plan_ns_flag(k);

		jw_string(&d->w, table_name(&spec_namespaces, (uint64_t)k),
			  ns->created & flag  ? "new"
			  : ns->joined & flag ? ns->path[k]
					      : "shared");
	}
	ns_ops(d, "runtime", ns, ns->runtime, ns->n_runtime);
	ns_ops(d, "init", ns, ns->init, ns->n_init);
	yes(d, "intermediate", ns->forks);
	yes(d, "loopbackUp", p->loopback_up);
	for (int clock = 0; clock < 2; clock++) {
		const struct spec_time_offset *o = clock ? &p->os->boottime : &p->os->monotonic;

		if (o->set)
			jw_string(&d->w, clock ? "boottime" : "monotonic",
				  arena_printf(d->arena, "%" PRId64 "s %" PRIu32 "ns", o->secs,
					       o->nanosecs));
	}
	jw_end(&d->w);
}

static void ids(struct dump *d, const struct plan_ids *i)
{
	if (i->writer == IDMAP_NONE)
		return;
	jw_object(&d->w, "idMappings");
	jw_string(&d->w, "writer", plan_idmap_writers[i->writer]);
	yes(d, "denySetgroups", i->deny_setgroups);
	maps(d, "uid", &i->uid);
	maps(d, "gid", &i->gid);
	jw_bool(&d->w, "rootMapped", i->root_mapped);
	jw_string(&d->w, "hostRoot",
		  arena_printf(d->arena, "%u:%u", i->host_root_uid, i->host_root_gid));
	jw_end(&d->w);
}

static void root(struct dump *d, const struct plan_rootfs *r)
{
	jw_object(&d->w, "root");
	jw_string(&d->w, "path", r->path);
	jw_bool(&d->w, "readonly", r->readonly);
	jw_string(&d->w, "enter", r->pivot ? "pivot_root" : "chroot");
	text(d, "propagation", plan_propagation_word(d->arena, r->propagation, false));
	yes(d, "mountpointsMustExist", !r->create_mountpoints);
	jw_end(&d->w);
}

static void mounts(struct dump *d, const struct plan *p)
{
	jw_array(&d->w, "mounts");
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		jw_object(&d->w, NULL);
		jw_string(&d->w, "from", m->pointer);
		jw_string(&d->w, "kind",
			  m->kind == MOUNT_BIND && m->recursive ? "rbind"
								: plan_mount_kinds[m->kind]);
		jw_string(&d->w, "destination", m->destination);
		text(d, "source", m->source);
		text(d, "type", m->fstype);
		text(d, "options", plan_attr_words(d->arena, m->attr_set, m->attr_clear, false));
		text(d, "recursiveOptions",
		     plan_attr_words(d->arena, m->rec_attr_set, m->rec_attr_clear, true));
		text(d, "superblock", plan_superblock_words(d->arena, m->sb_set, m->sb_clear));
		text(d, "data", m->data);
		text(d, "recursivePropagation",
		     plan_propagation_word(d->arena, m->rec_propagation, true));
		text(d, "propagation", plan_propagation_word(d->arena, m->propagation, false));
		yes(d, "tmpcopyup", m->copy_up);
		yes(d, "copySymlink", m->copy_symlink);
		yes(d, "sourceNofollow", m->src_nofollow);
		yes(d, "destinationNofollow", m->dest_nofollow);
		if (m->idmap != MOUNT_IDMAP_NONE) {
			jw_string(&d->w, "idmap",
				  m->idmap == MOUNT_IDMAP_OWN ? "own" : "container");
			yes(d, "idmapRecursive", m->idmap_recursive);
			maps(d, "uidMappings", &m->uid_map);
			maps(d, "gidMappings", &m->gid_map);
		}
		yes(d, "openedByInit", m->open_by_init);
		yes(d, "mountpointMustExist", m->must_exist);
		yes(d, "readOnlyLast", m->ro_late);
		if (m->kind == MOUNT_CGROUP)
			jw_bool(&d->w, "writable", m->cgroup_rw);
		jw_end(&d->w);
	}
	jw_end(&d->w);
}

static void devices(struct dump *d, const struct plan *p)
{
	jw_array(&d->w, "devices");
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *v = &p->devices[i];

		jw_object(&d->w, NULL);
		jw_string(&d->w, "from", v->is_default ? "default" : v->pointer);
		jw_string(&d->w, "path", v->path);
		jw_string(&d->w, "device",
			  plan_device_words(d->arena, plan_device_type(v->mode), false, v->major,
					    false, v->minor));
		jw_string(&d->w, "how",
			  v->existing ? "must exist"
			  : v->made   ? "make and bind"
			  : v->bind   ? "bind"
				      : "make");
		text(d, "source", v->source);
		if ((!v->bind || v->made) && !v->existing) {
			octal(d, "mode", v->mode & 07777);
			jw_string(&d->w, "owner", arena_printf(d->arena, "%u:%u", v->uid, v->gid));
		}
		yes(d, "openedByInit", v->open_by_init);
		jw_end(&d->w);
	}
	jw_end(&d->w);
	jw_object(&d->w, "links");
	for (size_t i = 0; i < p->n_links; i++)
		jw_string(&d->w, p->links[i].path, p->links[i].target);
	jw_end(&d->w);
	yes(d, "bindConsole", p->bind_console);
	strings(d, "maskedPaths", &p->masked);
	strings(d, "readonlyPaths", &p->readonly);
}

static void property(struct dump *d, const struct plan_unit_property *p)
{
	if (p->type == PLAN_PROPERTY_STRING)
		jw_string(&d->w, p->name, p->text);
	else if (p->type == PLAN_PROPERTY_STRINGS)
		jw_strings(&d->w, p->name, p->v, p->n);
	else if (p->type == PLAN_PROPERTY_BOOL)
		jw_bool(&d->w, p->name, p->number);
	else
		jw_u64(&d->w, p->name, p->number);
}

static void cgroup(struct dump *d, const struct plan_cgroup *c)
{
	jw_object(&d->w, "cgroup");
	jw_string(&d->w, "manager", plan_cgroup_managers[c->manager]);
	text(d, "path", c->path);
	text(d, "slice", c->slice);
	text(d, "unit", c->unit);
	text(d, "subgroup", c->subgroup);
	text(d, "leaf", c->leaf);
	yes(d, "userManager", c->user);
	if (c->n_properties) {
		jw_object(&d->w, "properties");
		for (size_t i = 0; i < c->n_properties; i++)
			property(d, &c->properties[i]);
		jw_end(&d->w);
	}
	yes(d, "propertiesLeftOut", c->properties_left_out);
	if (c->n_writes) {
		jw_array(&d->w, "writes");
		for (size_t i = 0; i < c->n_writes; i++) {
			const struct plan_cgroup_write *w = &c->writes[i];

			jw_object(&d->w, NULL);
			jw_string(&d->w, "from", w->pointer);
			jw_string(&d->w, "controller", w->controller);
			jw_string(&d->w, "file", w->file);
			jw_string(&d->w, "value", w->value);
			text(d, "otherwiseFile", w->alt_file);
			text(d, "otherwiseValue", w->alt_value);
			jw_end(&d->w);
		}
		jw_end(&d->w);
	}
	if (c->n_devices) {
		jw_array(&d->w, "devices");
		for (size_t i = 0; i < c->n_devices; i++)
			jw_string(&d->w, NULL, plan_rule_words(d->arena, &c->devices[i]));
		jw_end(&d->w);
	}
	yes(d, "devicesOptional", c->devices_optional);
	yes(d, "ignoreMissing", c->ignore_missing);
	yes(d, "checkMemory", c->check_memory);
	if (c->delegate || c->leaf)
		jw_string(&d->w, "owner",
			  arena_printf(d->arena, "%u:%u", c->owner_uid, c->owner_gid));
	jw_end(&d->w);
}

static void capabilities(struct dump *d, const struct plan_process *p)
{
	jw_object(&d->w, "capabilities");
	for (int set = 0; set < CAPSETS; set++) {
		jw_array(&d->w, plan_capset_names[set]);
		for (unsigned cap = 0; cap < 64; cap++)
			if (p->caps[set] >> cap & 1)
				jw_string(&d->w, NULL, table_name(&spec_capabilities, cap));
		jw_end(&d->w);
	}
	jw_end(&d->w);
}

static void limits(struct dump *d, const struct spec_process *s)
{
	if (s->n_rlimits) {
		jw_array(&d->w, "rlimits");
		for (size_t i = 0; i < s->n_rlimits; i++)
			jw_string(&d->w, NULL,
				  arena_printf(d->arena, "%s %" PRIu64 " %" PRIu64,
					       table_name(&spec_rlimits,
							  (uint64_t)s->rlimits[i].resource),
					       s->rlimits[i].soft, s->rlimits[i].hard));
		jw_end(&d->w);
	}
	if (s->oom_score_adj.set)
		jw_i64(&d->w, "oomScoreAdj", s->oom_score_adj.v);
	if (s->scheduler.set)
		jw_string(&d->w, "scheduler",
			  arena_printf(d->arena,
				       "%s nice %d priority %d flags %#" PRIx64 " runtime %" PRIu64
				       " deadline %" PRIu64 " period %" PRIu64,
				       table_name(&spec_sched_policies, s->scheduler.policy),
				       s->scheduler.nice, s->scheduler.priority, s->scheduler.flags,
				       s->scheduler.runtime, s->scheduler.deadline,
				       s->scheduler.period));
	if (s->io_priority.set)
		jw_string(&d->w, "ioPriority",
			  arena_printf(
				  d->arena, "%s %d",
				  table_name(&spec_ioprio_classes, (uint64_t)s->io_priority.class),
				  s->io_priority.priority));
	text(d, "execCPUAffinityInitial", s->exec_affinity.initial);
	text(d, "execCPUAffinityFinal", s->exec_affinity.final);
}

static void process(struct dump *d, const struct plan_process *p)
{
	const struct spec_process *s = p->spec;

	if (!p->set)
		return;
	jw_object(&d->w, "process");
	jw_strings(&d->w, "args", (const char *const *)p->args.v, p->args.n);
	jw_strings(&d->w, "env", (const char *const *)p->env.v, p->env.n);
	yes(d, "homeFromPasswd", p->needs_home);
	yes(d, "listenPidAtExec", p->needs_listen_pid);
	jw_string(&d->w, "cwd", s->cwd ? s->cwd : "");
	jw_string(&d->w, "user", arena_printf(d->arena, "%u:%u", p->uid, p->gid));
	jw_array(&d->w, "groups");
	for (size_t i = 0; i < p->n_groups; i++)
		jw_u64(&d->w, NULL, p->groups[i]);
	jw_end(&d->w);
	yes(d, "keepGroups", p->keep_groups);
	yes(d, "setgroupsDenied", p->setgroups_denied);
	octal(d, "umask", p->umask);
	capabilities(d, p);
	jw_bool(&d->w, "noNewPrivileges", s->no_new_privileges);
	limits(d, s);
	text(d, "apparmorProfile", s->apparmor_profile);
	text(d, "selinuxLabel", s->selinux_label);
	jw_bool(&d->w, "terminal", p->terminal);
	text(d, "consoleSocket", p->console_socket);
	if (p->terminal && s->console_height.set)
		jw_string(&d->w, "consoleSize",
			  arena_printf(d->arena, "%ux%u", s->console_height.v, s->console_width.v));
	if (p->preserve_fds)
		jw_u64(&d->w, "preserveFds", p->preserve_fds);
	if (p->listen_fds)
		jw_u64(&d->w, "listenFds", p->listen_fds);
	jw_bool(&d->w, "newKeyring", p->new_keyring);
	jw_end(&d->w);
}

static void seccomp(struct dump *d, const struct plan *p)
{
	const struct spec_seccomp *s = &p->os->seccomp;

	if (!s->set)
		return;
	jw_object(&d->w, "seccomp");
	jw_string(&d->w, "defaultAction", table_name(&spec_seccomp_actions, s->default_action));
	jw_u64(&d->w, "rules", s->n_rules);
	jw_string(&d->w, "when",
		  p->process.seccomp_early ? "before the last capability is dropped" : "last");
	text(d, "listenerPath", s->listener_path);
	jw_end(&d->w);
}

static void landlock(struct dump *d, const struct plan_landlock *l)
{
	if (!l->set)
		return;
	jw_object(&d->w, "landlock");
	for (int list = PLAN_READ_WRITE; list >= PLAN_NO_ACCESS; list--) {
		jw_array(&d->w, plan_landlock_list(list));
		for (size_t i = 0; i < l->n; i++)
			if ((int)l->v[i].access == list)
				jw_string(&d->w, NULL, l->v[i].path);
		jw_end(&d->w);
	}
	jw_end(&d->w);
}

static void rest(struct dump *d, const struct plan *p)
{
	const struct spec_linux *os = p->os;

	text(d, "hostname", p->hostname);
	text(d, "domainname", p->domainname);
	if (p->n_sysctls) {
		jw_object(&d->w, "sysctls");
		for (size_t i = 0; i < p->n_sysctls; i++)
			jw_string(&d->w, p->sysctls[i].key, p->sysctls[i].value);
		jw_end(&d->w);
	}
	if (os->n_net_devices) {
		jw_object(&d->w, "netDevices");
		for (size_t i = 0; i < os->n_net_devices; i++)
			jw_string(&d->w, os->net_devices[i].host_name,
				  os->net_devices[i].name ? os->net_devices[i].name
							  : os->net_devices[i].host_name);
		jw_end(&d->w);
	}
	if (os->rdt.set) {
		jw_object(&d->w, "intelRdt");
		text(d, "closID", os->rdt.clos_id);
		text(d, "l3CacheSchema", os->rdt.l3_cache_schema);
		text(d, "memBwSchema", os->rdt.mem_bw_schema);
		strings(d, "schemata", &os->rdt.schemata);
		yes(d, "enableMonitoring", os->rdt.enable_monitoring);
		jw_end(&d->w);
	}
	if (os->memory_policy.set)
		jw_string(
			&d->w, "memoryPolicy",
			arena_printf(d->arena, "%s flags %#x nodes %s",
				     table_name(&spec_mpol_modes, (uint64_t)os->memory_policy.mode),
				     os->memory_policy.flags,
				     os->memory_policy.nodes ? os->memory_policy.nodes : ""));
	if (os->personality.set)
		jw_string(&d->w, "personality",
			  arena_printf(d->arena, "%#x", os->personality.domain));
}

static void hooks(struct dump *d, const struct spec_hooks *h)
{
	jw_object(&d->w, "hooks");
	for (int k = 0; k < HOOK_KINDS; k++) {
		if (!h->n[k])
			continue;
		jw_array(&d->w, table_name(&spec_hook_kinds, (uint64_t)k));
		for (size_t i = 0; i < h->n[k]; i++) {
			const struct spec_hook *hook = &h->v[k][i];

			jw_object(&d->w, NULL);
			jw_string(&d->w, "path", hook->path);
			strings(d, "args", &hook->args);
			if (hook->env_set)
				jw_strings(&d->w, "env", (const char *const *)hook->env.v,
					   hook->env.n);
			if (hook->timeout.set)
				jw_i64(&d->w, "timeout", hook->timeout.v);
			jw_end(&d->w);
		}
		jw_end(&d->w);
	}
	jw_end(&d->w);
}

static void messages(struct dump *d, const struct plan *p)
{
	if (p->n_warnings)
		jw_strings(&d->w, "warnings", p->warnings, p->n_warnings);
	if (p->n_remarks)
		jw_strings(&d->w, "remarks", p->remarks, p->n_remarks);
	if (!p->n_notes)
		return;
	jw_object(&d->w, "ignored");
	for (size_t i = 0; i < p->n_notes; i++)
		jw_string(&d->w, p->notes[i].pointer, p->notes[i].text);
	jw_end(&d->w);
}

int plan_dump_json(const struct plan *p, FILE *out)
{
	struct arena a;
	struct dump d = { .arena = &a };
	int r = 0;

	arena_init(&a);
	jw_init(&d.w, &a, 2);
	jw_object(&d.w, NULL);
	jw_string(&d.w, "ociVersion", p->oci_version ? p->oci_version : "");
	jw_string(&d.w, "id", p->id);
	jw_string(&d.w, "bundle", p->bundle);
	namespaces(&d, p);
	ids(&d, &p->ids);
	cgroup(&d, &p->cgroup);
	root(&d, &p->root);
	mounts(&d, p);
	devices(&d, p);
	rest(&d, p);
	process(&d, &p->process);
	seccomp(&d, p);
	landlock(&d, &p->landlock);
	hooks(&d, p->hooks);
	messages(&d, p);
	jw_end(&d.w);
	jw_newline(&d.w);
	if (fwrite(d.w.buf, 1, d.w.len, out) != d.w.len || fflush(out) != 0)
		r = errno ? -errno : -EIO;
	arena_free(&a);
	return r;
}
