/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/facts: what the planner needs to know about the host and the caller, read once per
 * command, and the blueprint: config read, checked and planned.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "container/spawn.h"
#include "cred/cred.h"
#include "sys/call.h"
#include "sys/landlock.h"
#include "sys/path.h"
#include "sys/pidfd.h"

static ssize_t read_file(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);

	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

/* KERNEL: linux/pidfd.h, since 6.11; linux/nsfs.h, USER_NS_INIT_INO. */
#define HULL_USER_NS_INIT_INO 0xEFFFFFFDu

/* 1, 0 or, where the kernel cannot tell so, -1. Without a look into /proc/self, which is dear. */
static int initial_by_inode(void)
{
	_cleanup_fd_ int self = sys_pidfd_open(getpid(), 0);
	_cleanup_fd_ int ns = pidfd_namespace(self, PIDFD_NS_USER);
	struct stat st;

	return ns >= 0 && fstat(ns, &st) == 0 ? st.st_ino == HULL_USER_NS_INIT_INO : -1;
}

/* KERNEL: the initial user namespace maps all ids to themselves, in one line. user_namespaces(7) */
bool facts_initial_userns(void)
{
	char buf[128], word[3][16] = { 0 };
	unsigned w = 0, n = 0;
	int known = initial_by_inode();

	if (known >= 0)
		return known;
	if (read_file("/proc/self/uid_map", buf, sizeof(buf)) < 0)
		return false;
	for (const char *p = buf; *p && w < 3; p++) {
		if (*p == ' ') {
			if (n)
				w++;
			n = 0;
		} else if (n < 15) {
			word[w][n++] = *p;
		}
	}
	return streq(word[0], "0") && streq(word[1], "0") && streq(word[2], "4294967295");
}

static const char *go_arch(const char *machine)
{
	static const char names[][2][12] = {
		{ "x86_64", "amd64" },	  { "aarch64", "arm64" },	{ "i686", "386" },
		{ "ppc64le", "ppc64le" }, { "s390x", "s390x" },		{ "riscv64", "riscv64" },
		{ "armv7l", "arm" },	  { "loongarch64", "loong64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i][0], machine))
			return names[i][1];
	return machine;
}

/*
 * The caller's group, and whether the one above is his as well.
 *
 * KERNEL: to move a process takes the right to write cgroup.procs of the nearest group above both
 * places. cgroups(7), delegation
 */
static void own_cgroup(struct host *h, const char *mount, const char *own)
{
	const char *end = strrchr(own, '/');
	char path[512];

	h->own_cgroup = own;
	if (!end || !own[1])
		return;
	str_format(path, sizeof(path), "%s%.*s/cgroup.procs", mount, (int)(end - own), own);
	h->beside_cgroup = access(path, W_OK) == 0;
	*strrchr(path, '/') = '\0';
	h->beside_cgroup = h->beside_cgroup && access(path, W_OK) == 0;
}

/* KERNEL: EINVAL above the last capability. PR_CAPBSET_READ(2const) */
static unsigned last_capability(void)
{
	unsigned cap = CAP_LAST_CAP;

	while (cap && sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
		cap--;
	while (cap < 63 && sys_prctl(PR_CAPBSET_READ, cap + 1, 0, 0, 0) >= 0)
		cap++;
	return cap;
}

int facts_read(struct ctx *c, struct err *e)
{
	struct host *h = &c->host;
	uint64_t permitted, inheritable;
	bool root;
	int r;

	if (c->facts_read)
		return 0;
	*h = (struct host){ .euid = store_owner(), .os = "linux" };
	/* of a process that has changed its ids the kernel has to be asked */
	h->egid = h->euid == (uid_t)getauxval(AT_EUID) ? (gid_t)getauxval(AT_EGID) : getegid();
	h->umask = umask(0);
	umask(h->umask);
	h->initial_userns = facts_initial_userns();
	r = sys_capget(0, &h->caps_effective, &permitted, &inheritable);
	if (r < 0)
		return err_sys(e, ERR_GEN_SYS, r, "capget");
	h->last_cap = last_capability();
	root = h->euid == 0 && h->initial_userns; /* whose containers do not lie beside him */
	c->cgroups = arena_new(&c->a, struct cgroup_host);
	r = cgroup_host_read(c->cgroups, !root, e);
	if (r < 0)
		return r;
	h->cgroups = c->cgroups->layout;
	h->own_cgroup = "";
	for (unsigned i = 0; !root && i < c->cgroups->n; i++)
		if (c->cgroups->h[i].v2)
			own_cgroup(h, c->cgroups->h[i].mount, c->cgroups->own[i]);
	c->facts_read = true;
	return 0;
}

static uint64_t bounding_of(const struct spec_caps *caps, unsigned last)
{
	uint64_t asked = 0, found = 0;

	for (size_t i = 0; i < CAPSETS; i++)
		asked |= caps->sets[i];
	for (unsigned cap = 0; cap <= last; cap++)
		if (asked >> cap & 1 && sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0)
			found |= UINT64_C(1) << cap;
	return found;
}

void facts_of_config(struct ctx *c, const struct spec *s)
{
	const struct spec_process *p = &s->process;
	struct host *h = &c->host;
	struct utsname u;
	char buf[64];

	h->caps_bounding = bounding_of(&p->caps, h->last_cap);
	h->apparmor = p->apparmor_profile &&
		      read_file("/sys/module/apparmor/parameters/enabled", buf, sizeof(buf)) > 0 &&
		      buf[0] == 'Y';
	h->selinux = (p->selinux_label || s->os.mount_label) &&
		     access("/sys/fs/selinux/enforce", F_OK) == 0;
	if (spec_annotation(s, PLAN_IMAGE_ARCH) && uname(&u) == 0)
		h->arch = arena_strdup(&c->a, go_arch(u.machine));
	if (spec_annotation(s, PLAN_LANDLOCK))
		h->landlock_abi = landlock_abi();
}

/* The bundle as an absolute path without symlinks: what the kernel calls the directory. */
static int absolute_bundle(struct ctx *c, const char *bundle, int *ret_fd, const char **ret,
			   struct err *e)
{
	char link[64], path[4096];
	int fd;
	ssize_t n;

	fd = sys_openat(AT_FDCWD, bundle ? bundle : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(e, ERR_CFG_FILE, fd, "open the bundle %s", bundle ? bundle : ".");
	*ret_fd = fd;
	if (bundle && *bundle == '/') {
		*ret = arena_strdup(&c->a, bundle);
		return 0;
	}
	str_format(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = sys_readlinkat(AT_FDCWD, link, path, sizeof(path));
	if (n < 0)
		return err_sys(e, ERR_CFG_FILE, (int)n, "find the absolute path of the bundle");
	*ret = arena_strdup(&c->a, path);
	return 0;
}

static int read_config(struct ctx *c, const struct create_options *o, int dir, struct blueprint *b,
		       struct err *e)
{
	const char *name = o->config ? o->config : "config.json";
	_cleanup_fd_ int fd = sys_openat(*name == '/' ? AT_FDCWD : dir, name,
					 O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct err why = { 0 };
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_CFG_FILE, fd, "open %s/%s", b->bundle, name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_CFG_FILE, EINVAL, "%s/%s is not a regular file", b->bundle,
			       name);
	r = spec_read_fd(fd, &st, SPEC_MAX_BYTES, &c->a, &b->spec, &why);
	if (r >= 0)
		return r;
	/* the text as a whole is wrong: say which file */
	if (why.id == ERR_CFG_SYNTAX || why.id == ERR_CFG_FILE)
		err_sys(e, why.id, -why.code, "%s: %s", name, why.msg);
	else
		*e = why;
	return err_at(e, r, "%s", why.at);
}

int blueprint_read(struct ctx *c, const struct create_options *o, struct blueprint *b,
		   struct err *e)
{
	_cleanup_fd_ int dir = -1;
	int r;

	r = absolute_bundle(c, o->bundle, &dir, &b->bundle, e);
	if (r == 0)
		r = read_config(c, o, dir, b, e);
	for (size_t i = 0; r == 0 && i < b->spec.n_notes; i++) {
		const struct spec_note *n = &b->spec.notes[i];

		if (n->kind == NOTE_VERSION)
			log_warn("%s %s", n->pointer, n->text);
		else
			log_debug("%s %s", n->pointer, n->text);
	}
	return r == 0 ? spec_validate(&b->spec, e) : r;
}

int blueprint_make(struct ctx *c, const struct create_options *o, struct blueprint *ret,
		   struct err *e)
{
	struct blueprint *b = ret;
	struct plan_options po;
	int r;

	r = blueprint_read(c, o, b, e);
	if (r == 0)
		r = facts_read(c, e);
	if (r < 0)
		return r;
	facts_of_config(c, &b->spec);
	if (notify_wanted(&b->spec))
		notify_add(c, o->id, &b->spec);
	po = (struct plan_options){
		.id = o->id,
		.bundle = b->bundle,
		.console_socket = o->console_socket,
		.preserve_fds = o->preserve_fds,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.detach = !o->run || o->detach,
		.manager = c->manager,
		.no_create_mountpoints = o->no_create_mountpoints,
		.default_filesystems = o->default_filesystems,
		.strict_namespaces = o->strict_namespaces,
		.strict = c->strict,
		.unit_properties = c->unit_properties,
		.terminal_given = o->run && !o->detach,
		.listen_fds = o->listen_fds,
		.notify = notify_wanted(&b->spec),
	};
	r = plan_make(&b->spec, &c->host, &po, &c->a, &b->plan, e);
	if (r < 0)
		return r;
	return b->spec.process.set ? cred_check_label(&b->spec.process, &c->host, e) : 0;
}

int record_config(struct ctx *c, const struct entry *en, struct spec *ret, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(en->dir, "config.json", O_RDONLY | O_NOFOLLOW, 0);
	char *text;
	size_t n;
	int r;

	r = fd < 0 ? fd : io_read_all(fd, SPEC_MAX_BYTES, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_STA_READ, r, "read the copy of config.json");
	return spec_read_text(text, n, &c->a, ret, e);
}

int record_exec(struct ctx *c, const struct entry *en, struct spec *ret, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(en->dir, "exec.json", O_RDONLY | O_NOFOLLOW, 0);
	char *text;
	size_t n;
	int r;

	if (fd == -ENOENT)
		return record_config(c, en, ret, e);
	r = fd < 0 ? fd : io_read_all(fd, SPEC_MAX_BYTES, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_STA_READ, r, "read exec.json");
	return spec_read_text(text, n, &c->a, ret, e);
}

int record_plan(struct ctx *c, const struct subject *s, struct spec *ret_spec, struct plan *ret,
		struct err *e)
{
	const struct record *rec = &s->rec;
	const struct plan_options po = {
		.id = rec->id,
		.bundle = rec->bundle,
		.manager = rec->cgroup.manager,
		.no_new_keyring = rec->no_new_keyring,
		.default_filesystems = rec->default_filesystems,
		.terminal_given = true,
		.notify = rec->notify,
	};
	int r = record_config(c, &s->en, ret_spec, e);

	if (r == 0)
		r = facts_read(c, e);
	if (r < 0)
		return r;
	facts_of_config(c, ret_spec);
	if (rec->notify)
		notify_add(c, rec->id, ret_spec);
	return plan_make(ret_spec, &c->host, &po, &c->a, ret, e);
}
