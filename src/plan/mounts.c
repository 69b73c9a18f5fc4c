/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/mounts: the root filesystem and the list of mounts: which kind each is, which flags and data
 * its options mean, where it may lie. Hides the option table and the forbidden places (rules M5,
 * G3).
 */
#include <errno.h>
#include <linux/capability.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"
#include "sys/abi.h"

#define CONTEXT_TYPE "run.oci.mount_context_type"

/* What the options of one mount add up to before its kind is known. */
struct option_state {
	bool bind, remount, mapped, mapped_by_text, rw;
	bool copy_symlink, src_nofollow;
	char *data;
};

static bool is_cgroup_type(const struct maker *m, const char *type)
{
	if (streq(type, "cgroup"))
		return true;
	return streq(type, "cgroup2") && m->host->cgroups == HOST_CGROUP_V2;
}

/* What mount(8) keeps for itself and never hands to the kernel. */
static bool is_userspace_option(const char *o)
{
	return str_starts(o, "x-") || str_starts(o, "X-") || str_starts(o, "comment=") ||
	       streq(o, "_netdev") || streq(o, "auto") || streq(o, "noauto") || streq(o, "nouser");
}

static void change(uint64_t *set, uint64_t *clear, uint64_t to_set, uint64_t to_clear)
{
	*set = (*set & ~to_clear) | to_set;
	*clear = (*clear & ~to_set) | to_clear;
}

/* The last option wins. A recursive one covers the top of the tree too, so it undoes what was said
 * about that. */
static void add_attr(struct plan_mount *p, const struct spec_mount_option *o)
{
	if (o->recursive) {
		change(&p->rec_attr_set, &p->rec_attr_clear, o->set, o->clear);
		p->attr_set &= ~(o->set | o->clear);
		p->attr_clear &= ~(o->set | o->clear);
	} else {
		change(&p->attr_set, &p->attr_clear, o->set, o->clear);
	}
}

static void add_propagation(struct plan_mount *p, const struct spec_mount_option *o)
{
	unsigned long what =
		(unsigned long)o->set & (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE);

	if (o->recursive) {
		p->rec_propagation = what;
		p->propagation = 0;
	} else {
		p->propagation = what;
	}
}

static void add_data(struct maker *m, struct option_state *s, const char *text)
{
	s->data = s->data ? arena_printf(m->arena, "%s,%s", s->data, text)
			  : arena_strdup(m->arena, text);
}

static void add_special(struct plan_mount *p, struct option_state *s, const char *name)
{
	if (streq(name, "remount"))
		s->remount = true;
	else if (streq(name, "tmpcopyup"))
		p->copy_up = true;
	else if (streq(name, "copy-symlink"))
		p->copy_symlink = true;
	else if (streq(name, "src-nofollow"))
		p->src_nofollow = true;
	else if (streq(name, "dest-nofollow"))
		p->dest_nofollow = true;
	else if (streq(name, "idmap") || streq(name, "ridmap"))
		s->mapped = true;
	if (streq(name, "ridmap"))
		p->idmap_recursive = true;
}

static int add_option(struct maker *m, struct plan_mount *p, struct option_state *s,
		      const char *text, struct err *e)
{
	const char *map = str_skip(text, "idmap=");
	const struct spec_mount_option *o;

	if (!map && (map = str_skip(text, "ridmap=")))
		p->idmap_recursive = true;
	if (map) {
		s->mapped = s->mapped_by_text = true;
		return plan_parse_idmap(m, map, p, e);
	}
	o = spec_mount_option(text);
	if (!o) {
		if (*text && !is_userspace_option(text))
			add_data(m, s, text);
		return 0;
	}
	if (streq(text, "rw") || streq(text, "ro"))
		s->rw = text[1] == 'w';
	switch (o->kind) {
	case OPT_ATTR:
		add_attr(p, o);
		break;
	case OPT_SB:
		p->sb_set = (p->sb_set & ~o->clear) | o->set;
		p->sb_clear = (p->sb_clear & ~o->set) | o->clear;
		break;
	case OPT_PROPAGATION:
		add_propagation(p, o);
		break;
	case OPT_BIND:
		s->bind = true;
		p->recursive = p->recursive || o->recursive || streq(text, "rbind");
		break;
	case OPT_SPECIAL:
		add_special(p, s, text);
		break;
	}
	return 0;
}

static bool has_attrs(const struct plan_mount *p)
{
	return p->attr_set | p->attr_clear | p->rec_attr_set | p->rec_attr_clear;
}

static int choose_kind(struct maker *m, const struct spec_mount *in, struct plan_mount *p,
		       const struct option_state *s, struct err *e)
{
	const char *type = in->type && *in->type ? in->type : NULL;

	if (s->remount) {
		p->kind = MOUNT_REMOUNT;
	} else if (s->bind) {
		p->kind = MOUNT_BIND;
	} else if (type && streq(type, "bind")) {
		return err_set(e, ERR_CFG_CONFLICT, 0, "type bind needs the option bind or rbind");
	} else if (!type || streq(type, "none")) {
		if ((!p->propagation && !p->rec_propagation) || has_attrs(p) || s->data)
			return type ? err_set(e, ERR_CFG_VALUE, 0,
					      "type none needs the option bind, rbind or remount")
				    : err_set(e, ERR_CFG_MISSING, 0,
					      "a mount that is no bind mount needs a type");
		p->kind = MOUNT_PROPAGATION;
	} else if (is_cgroup_type(m, type)) {
		p->kind = MOUNT_CGROUP;
	} else {
		p->kind = MOUNT_FS;
	}
	p->fstype = p->kind == MOUNT_FS || p->kind == MOUNT_CGROUP ? type : "";
	return 0;
}

/* Options that need another kind of mount than this one is: refused, never dropped. */
static int check_options(const struct plan_mount *p, const struct option_state *s, struct err *e)
{
	bool bind = p->kind == MOUNT_BIND;

	if (s->data && (bind || p->kind == MOUNT_PROPAGATION || p->kind == MOUNT_CGROUP))
		return err_set(e, ERR_CFG_VALUE, 0, "\"%s\" is no option of a %s mount", s->data,
			       bind			 ? "bind"
			       : p->kind == MOUNT_CGROUP ? "cgroup"
							 : "propagation");
	if (p->copy_up && !(p->kind == MOUNT_FS && streq(p->fstype, "tmpfs")))
		return err_set(e, ERR_CFG_CONFLICT, 0, "tmpcopyup needs type tmpfs");
	if ((p->copy_symlink || p->src_nofollow) && !bind)
		return err_set(e, ERR_CFG_CONFLICT, 0, "%s needs bind or rbind",
			       p->copy_symlink ? "copy-symlink" : "src-nofollow");
	if (s->mapped && !bind && p->kind != MOUNT_FS)
		return err_set(e, ERR_CFG_CONFLICT, 0,
			       "only bind mounts and new filesystems can map ids");
	return 0;
}

/* CFG-MOPT-60 to 66, CFG-MOUNT-18 to 22. */
static int choose_idmap(struct maker *m, const struct spec_mount *in, struct plan_mount *p,
			const struct option_state *s, struct err *e)
{
	bool own = in->uid_mappings.n || in->gid_mappings.n;
	int r;

	if (own && (!in->uid_mappings.n || !in->gid_mappings.n)) {
		r = err_set(e, ERR_CFG_MISSING, 0, "uidMappings and gidMappings come together");
		return err_at(e, r, "%s/%s", p->pointer,
			      in->uid_mappings.n ? "gidMappings" : "uidMappings");
	}
	if (own && s->mapped_by_text)
		return err_set(e, ERR_CFG_CONFLICT, 0,
			       "mappings are given twice: as properties and in the option idmap=");
	if (own) {
		p->idmap = MOUNT_IDMAP_OWN;
		p->uid_map = in->uid_mappings;
		p->gid_map = in->gid_mappings;
		if (p->kind != MOUNT_BIND && p->kind != MOUNT_FS)
			return err_set(e, ERR_CFG_CONFLICT, 0,
				       "only bind mounts and new filesystems can map ids");
	} else if (s->mapped_by_text) {
		p->idmap = MOUNT_IDMAP_OWN;
	} else if (s->mapped) {
		if (!plan_ns_own(m->plan, NS_USER))
			return err_set(e, ERR_CFG_CONFLICT, 0,
				       "%s needs uidMappings and gidMappings, or a container with "
				       "a user namespace",
				       p->idmap_recursive ? "ridmap" : "idmap");
		p->idmap = MOUNT_IDMAP_CONTAINER;
	}
	return 0;
}

bool plan_covers_proc(const struct plan_mount *p)
{
	static const char lxcfs[][30] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/meminfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/sys/crypto/fips_enabled",
	};

	for (size_t i = 0; i < ARRAY_LEN(lxcfs); i++)
		if (p->kind == MOUNT_BIND && streq(p->destination, lxcfs[i]))
			return true;
	return p->kind == MOUNT_FS && streq(p->fstype, "binfmt_misc") &&
	       streq(p->destination, "/proc/sys/fs/binfmt_misc");
}

/*
 * SECURITY: rule M5. Below /proc a mount can hide or fake what hull and LSMs rely on. What is
 * really mounted on /proc and /sys is proved when it is mounted. KERNEL: binfmt_misc belongs to the
 * user namespace since 6.7; the host's would let the container name programs for the host to run.
 * Documentation/admin-guide/binfmt-misc.rst
 */
static int check_proc(const struct maker *m, const struct plan_mount *p, const char *path,
		      struct err *e)
{
	if (p->kind == MOUNT_REMOUNT || p->kind == MOUNT_PROPAGATION ||
	    !plan_path_below(path, "/proc"))
		return 0;
	if (streq(path, "/proc")) {
		if (p->kind == MOUNT_BIND || (p->kind == MOUNT_FS && streq(p->fstype, "proc")))
			return 0;
		return err_set(e, ERR_MNT_PROTECTED, 0, "only a procfs may be mounted on /proc");
	}
	if (!plan_covers_proc(p))
		return err_set(e, ERR_MNT_PROTECTED, 0,
			       "%s is inside /proc; only the files of lxcfs may be bound there",
			       path);
	if (p->kind == MOUNT_FS && !plan_ns_own(m->plan, NS_USER))
		return err_set(e, ERR_MNT_PROTECTED, 0,
			       "%s without a user namespace of the container's own would be the "
			       "host's: who writes there names programs that the host runs",
			       path);
	return 0;
}

static int set_destination(struct maker *m, const struct spec_mount *in, struct plan_mount *p,
			   struct err *e)
{
	const char *clean;
	int r;

	if (!in->destination || !*in->destination) {
		r = err_set(e, ERR_CFG_MISSING, 0, "a mount needs a destination");
		return err_at(e, r, "%s/destination", p->pointer);
	}
	p->destination = in->destination[0] == '/' ? in->destination
						   : arena_printf(m->arena, "/%s", in->destination);
	clean = p->clean = plan_path_clean(m->arena, p->destination);
	/* names of files there are compared; whatever else lies there is refused */
	if (p->kind != MOUNT_REMOUNT && p->kind != MOUNT_PROPAGATION &&
	    plan_path_below(clean, "/proc"))
		p->destination = clean;
	if (streq(clean, "/") && p->kind != MOUNT_REMOUNT && p->kind != MOUNT_PROPAGATION)
		r = err_set(
			e, ERR_CFG_VALUE, 0,
			"the root filesystem comes from /root/path; nothing is mounted over it");
	else
		r = check_proc(m, p, clean, e);
	return r ? err_at(e, r, "%s/destination", p->pointer) : 0;
}

static int set_source(struct maker *m, const struct spec_mount *in, struct plan_mount *p,
		      struct err *e)
{
	const char *source = in->source && *in->source ? in->source : NULL;
	int r;

	if (p->kind == MOUNT_BIND) {
		if (!source) {
			r = err_set(e, ERR_CFG_MISSING, 0, "a bind mount needs a source");
			return err_at(e, r, "%s/source", p->pointer);
		}
		p->source = source[0] == '/'
				    ? source
				    : arena_printf(m->arena, "%s/%s", m->opt->bundle, source);
		/* KERNEL: open_tree(OPEN_TREE_CLONE) needs CAP_SYS_ADMIN over the mount namespace,
		 * which without privilege only the new process has. open_tree(2). */
		p->open_by_init = !host_can(m->host, CAP_SYS_ADMIN);
	} else {
		p->source = source					     ? source
			    : p->kind == MOUNT_FS || p->kind == MOUNT_CGROUP ? p->fstype
									     : "";
	}
	return 0;
}

/*
 * SECURITY: rule G3. A cgroup tree that is not the container's own (no new cgroup namespace) is
 * never writable by a cgroup mount, nor by a bind that a container of a user namespace gets
 * (CVE-2023-25809).
 */
static void guard_cgroup(struct maker *m, struct plan_mount *p, const struct option_state *s)
{
	bool own = plan_ns_new(m->plan, NS_CGROUP);
	bool ro = p->attr_set & MOUNT_ATTR_RDONLY || p->rec_attr_set & MOUNT_ATTR_RDONLY;
	const char *source;

	if (p->kind == MOUNT_CGROUP || (p->kind == MOUNT_FS && streq(p->fstype, "cgroup2"))) {
		p->cgroup_rw = own && !ro;
		if (!p->cgroup_rw)
			change(&p->rec_attr_set, &p->rec_attr_clear, MOUNT_ATTR_RDONLY, 0);
		if (!p->cgroup_rw && s->rw)
			plan_remark(m,
				    "%s: the cgroup mount is read-only in spite of the option rw: "
				    "the container has no "
				    "cgroup namespace of its own",
				    p->pointer);
		return;
	}
	if (p->kind != MOUNT_BIND || own ||
	    (m->host->initial_userns && !plan_ns_own(m->plan, NS_USER)))
		return;
	source = plan_path_clean(m->arena, p->source);
	if (!plan_path_below(source, "/sys/fs/cgroup") &&
	    !(p->recursive && (streq(source, "/sys") || streq(source, "/sys/fs"))))
		return;
	change(&p->rec_attr_set, &p->rec_attr_clear, MOUNT_ATTR_RDONLY, 0);
	p->attr_clear &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	if (s->rw)
		plan_remark(m,
			    "%s: the bind of %s is read-only in spite of the option rw: the "
			    "container has no cgroup "
			    "namespace of its own",
			    p->pointer, p->source);
}

/* Which of SELinux's mount options carries the label: run.oci.mount_context_type, as crun has it.
 * mount(8), "Filesystem-independent mount options" */
static const char context_types[][12] = { "context", "fscontext", "defcontext", "rootcontext" };

static const char *context_type(const struct maker *m)
{
	const char *type = spec_annotation(m->spec, CONTEXT_TYPE);

	return type ? type : context_types[0];
}

static int check_context_type(const struct maker *m, struct err *e)
{
	const char *type = context_type(m);
	int r;

	for (size_t i = 0; i < ARRAY_LEN(context_types); i++)
		if (streq(type, context_types[i]))
			return 0;
	r = err_set(e, ERR_CFG_VALUE, 0,
		    "there is no context type \"%s\"; known are context, fscontext, defcontext, "
		    "rootcontext",
		    type);
	return err_at(e, r, "/annotations/" CONTEXT_TYPE);
}

/* SELinux context of the mounts (LNX-LABEL-01), for filesystems that get their labels from the
 * mount. */
static void add_label(struct maker *m, const struct plan_mount *p, struct option_state *s)
{
	static const char types[][7] = { "tmpfs", "devpts", "mqueue", "ramfs", "shm" };
	const char *label = m->spec->os.mount_label;

	if (!label || !*label || p->kind != MOUNT_FS || (s->data && strstr(s->data, "context=")))
		return;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(p->fstype, types[i]))
			add_data(m, s, arena_printf(m->arena, "%s=\"%s\"", context_type(m), label));
}

static int make_mount(struct maker *m, const struct spec_mount *in, struct plan_mount *p,
		      struct err *e)
{
	struct option_state s = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->options.n; i++) {
		r = add_option(m, p, &s, in->options.v[i], e);
		if (r < 0)
			return err_at(e, r, "%s/options/%zu", p->pointer, i);
	}
	r = choose_kind(m, in, p, &s, e);
	if (r < 0)
		return err_at(e, r, "%s/type", p->pointer);
	r = check_options(p, &s, e);
	if (r < 0)
		return err_at(e, r, "%s/options", p->pointer);
	r = choose_idmap(m, in, p, &s, e);
	if (r == 0)
		r = set_destination(m, in, p, e);
	if (r == 0)
		r = set_source(m, in, p, e);
	if (r < 0)
		return err_at(e, r, "%s", p->pointer);
	/* KERNEL: mount(2) ignores flags of the superblock on a bind: the source's superblock keeps
	 * its own. */
	if (p->kind == MOUNT_BIND && (p->sb_set | p->sb_clear)) {
		p->sb_set = p->sb_clear = 0;
		plan_warn(m,
			  "%s/options: sync, dirsync, lazytime, mand, silent, iversion and their "
			  "opposites have no effect "
			  "on a bind mount",
			  p->pointer);
	}
	guard_cgroup(m, p, &s);
	add_label(m, p, &s);
	p->data = s.data ? s.data : "";
	return 0;
}

/* --no-create-mountpoints (S-37): the root filesystem brings them. One inside a new filesystem of
 * the config cannot be brought. */
static void need_points(struct maker *m)
{
	struct plan *p = m->plan;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const char *path = p->mounts[i].clean;
		bool in_new = false;

		for (size_t j = 0; j < i; j++) {
			const char *over = p->mounts[j].clean;

			if (!streq(path, over) && plan_path_below(path, over))
				in_new = p->mounts[j].kind == MOUNT_FS &&
					 streq(p->mounts[j].fstype, "tmpfs");
		}
		p->mounts[i].must_exist = !in_new;
	}
}

/* ---- --default-filesystems (S-35) ---- */

static bool has_mount_at(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		if (streq(p->mounts[i].clean, path))
			return true;
	return false;
}

static void add_default(struct maker *m, size_t at, const char *destination, const char *fstype,
			const char *source, const char *data, uint64_t attrs)
{
	struct plan *p = m->plan;
	struct plan_mount new = {
		.kind = MOUNT_FS,
		.index = -1,
		.pointer = "--default-filesystems",
		.destination = destination,
		.clean = destination,
		.source = source,
		.fstype = fstype,
		.data = data,
		.attr_set = attrs,
	};

	(void)arena_push(m->arena, &p->mounts, &p->n_mounts, sizeof(*p->mounts));
	memmove(p->mounts + at + 1, p->mounts + at, (p->n_mounts - 1 - at) * sizeof(*p->mounts));
	p->mounts[at] = new;
}

static void add_default_filesystems(struct maker *m)
{
	const uint64_t safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	struct plan *p = m->plan;
	size_t at = 0;

	if (!has_mount_at(p, "/proc"))
		add_default(m, at++, "/proc", "proc", "proc", "", safe);
	if (!has_mount_at(p, "/sys")) {
		add_default(m, at, "/sys", "sysfs", "sysfs", "", safe | MOUNT_ATTR_RDONLY);
		/* KERNEL: sysfs can be mounted only by who owns the network namespace. Then the
		 * host's is shown. */
		if (plan_ns_own(p, NS_USER) && !plan_ns_new(p, NS_NETWORK)) {
			p->mounts[at].kind = MOUNT_BIND;
			p->mounts[at].source = "/sys";
			p->mounts[at].fstype = "";
			p->mounts[at].recursive = true;
			p->mounts[at].open_by_init = !host_can(m->host, CAP_SYS_ADMIN);
			p->mounts[at].rec_attr_set = p->mounts[at].attr_set;
			p->mounts[at].attr_set = 0;
		}
		at++;
	}
	/* Those of /dev come behind the mount of /dev itself, if there is one. */
	for (size_t i = 0; i < p->n_mounts; i++)
		if (streq(p->mounts[i].clean, "/dev"))
			at = i + 1;
	if (!has_mount_at(p, "/dev/pts"))
		add_default(m, at++, "/dev/pts", "devpts", "devpts",
			    "newinstance,ptmxmode=0666,mode=0620",
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (!has_mount_at(p, "/dev/shm"))
		add_default(m, at, "/dev/shm", "tmpfs", "shm", "mode=1777", safe);
}

int plan_make_mounts(struct maker *m, struct err *e)
{
	const struct spec *s = m->spec;
	struct plan *p = m->plan;
	int r = check_context_type(m, e);

	if (r < 0 && !plan_go_on(m, e))
		return r;
	if (s->os.mount_label && *s->os.mount_label && !m->host->selinux) {
		r = err_set(e, ERR_CFG_HOST, 0, "SELinux is not active on this host");
		err_at(e, r, "/linux/mountLabel");
		if (!plan_go_on(m, e))
			return r;
	}
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct plan_mount *mount =
			arena_push(m->arena, &p->mounts, &p->n_mounts, sizeof(*mount));

		mount->index = (int)i;
		mount->pointer = arena_printf(m->arena, "/mounts/%zu", i);
		r = make_mount(m, &s->mounts[i], mount, e);
		if (r == 0)
			continue;
		if (!plan_go_on(m, e))
			return r;
		p->n_mounts--;
	}
	if (m->opt->default_filesystems)
		add_default_filesystems(m);
	if (m->opt->no_create_mountpoints)
		need_points(m);
	return 0;
}

int plan_make_root(struct maker *m, struct err *e)
{
	const struct spec *s = m->spec;
	struct plan_rootfs *root = &m->plan->root;
	int r;

	if (!s->root.set || !s->root.path || !*s->root.path) {
		r = err_set(e, ERR_CFG_MISSING, 0, "a container needs a root filesystem");
		return err_at(e, r, "%s", s->root.set ? "/root/path" : "/root");
	}
	root->path = s->root.path[0] == '/'
			     ? s->root.path
			     : arena_printf(m->arena, "%s/%s", m->opt->bundle, s->root.path);
	if (!path_has_dotdot(root->path)) /* what ".." leads to only the file system knows */
		root->path = plan_path_clean(m->arena, root->path);
	root->readonly = s->root.readonly;
	root->pivot = m->plan->ns.has_mount_ns && !m->opt->no_pivot;
	root->propagation = s->os.rootfs_propagation;
	root->create_mountpoints = !m->opt->no_create_mountpoints;
	return 0;
}

/* Must something be made below the mount at @i after it is there? */
static bool is_filled(const struct maker *m, size_t i)
{
	const struct plan *p = m->plan;
	const char *top = p->mounts[i].clean;

	for (size_t k = i + 1; k < p->n_mounts; k++)
		if (plan_path_below(p->mounts[k].clean, top))
			return true;
	for (size_t k = 0; k < p->n_devices; k++)
		if (plan_path_below(p->devices[k].clean, top))
			return true;
	return false;
}

/* A read-only file system that is new is empty: nothing could be mounted in it (engines: /dev). */
int plan_make_late(struct maker *m, struct err *e)
{
	struct plan *p = m->plan;

	(void)e;
	for (size_t i = 0; i < p->n_mounts; i++) {
		struct plan_mount *v = &p->mounts[i];

		v->ro_late = v->kind == MOUNT_FS && v->attr_set & MOUNT_ATTR_RDONLY &&
			     streq(v->fstype, "tmpfs") && is_filled(m, i);
	}
	return 0;
}
