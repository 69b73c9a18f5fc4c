/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/exec_process: which process an exec is about: a `process` object, or the config's with
 * other arguments; then what the command line changes of it. Hides where each value comes from.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "container/container.h"
#include "sys/call.h"

/*
 * Lineage S-26: `exec ID FILE` when FILE is a regular file of the host that begins like a JSON
 * object.
 */
static bool is_object(const char *path)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char head[64];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	n = io_read_full(fd, head, sizeof(head) - 1);
	if (n <= 0)
		return false;
	head[n] = '\0';
	return head[strspn(head, " \t\r\n")] == '{';
}

static int read_file(struct ctx *c, const char *path, struct spec_process *ret, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	struct err why = { 0 };
	char *text;
	size_t n;
	int r;

	r = fd < 0 ? fd : io_read_all(fd, SPEC_MAX_BYTES, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_CLI_FILE, r, "--process: read %s", path);
	r = spec_read_process(text, n, &c->a, ret, &why);
	if (r < 0) {
		*e = why;
		str_format(e->at, sizeof(e->at), "/process%s", why.at);
	}
	return r;
}

/*
 * What confines the container's process confines one that does not speak of it (doc/decisions.md).
 */
static void inherit(const struct spec_process *from, struct spec_process *p)
{
	if (!from->set)
		return;
	if (!p->caps.set)
		p->caps = from->caps;
	if (!p->apparmor_profile)
		p->apparmor_profile = from->apparmor_profile;
	if (!p->selinux_label)
		p->selinux_label = from->selinux_label;
	if (!p->user.umask.set)
		p->user.umask = from->user.umask;
	if (!p->n_rlimits) {
		p->rlimits = from->rlimits;
		p->n_rlimits = from->n_rlimits;
	}
}

/*
 * SECURITY: C1: numbers, whole, in range; an id that does not parse is an error, never a name and
 * never 0.
 */
static int parse_id(const char *text, const char *option, uint32_t *ret, struct err *e)
{
	uint32_t v;

	if (str_to_u32(text, &v) < 0 || v == UINT32_MAX)
		return err_set(e, ERR_CLI_VALUE, EINVAL,
			       "%s takes ids from 0 to 4294967294, not \"%s\"", option, text);
	*ret = v;
	return 0;
}

static int set_user(struct ctx *c, const char *text, struct spec_user *u, struct err *e)
{
	char *uid = arena_strdup(&c->a, text), *gid = strchr(uid, ':');
	int r;

	if (gid)
		*gid++ = '\0';
	r = parse_id(uid, "--user", &u->uid, e);
	return r == 0 && gid ? parse_id(gid, "--user", &u->gid, e) : r;
}

static int add_gids(struct ctx *c, const char *list, struct spec_user *u, struct err *e)
{
	char *rest = arena_strdup(&c->a, list), *word;

	while ((word = strsep(&rest, ","))) {
		uint32_t gid = 0;
		int r = parse_id(word, "--additional-gids", &gid, e);

		if (r < 0)
			return r;
		*(uint32_t *)arena_push(&c->a, &u->additional_gids, &u->n_additional_gids,
					sizeof(gid)) = gid;
	}
	return 0;
}

/* The list of the config is of the size the file had: one that can grow. */
static void own_gids(struct ctx *c, struct spec_user *u)
{
	struct spec_user old = *u;

	u->additional_gids = NULL;
	u->n_additional_gids = 0;
	for (size_t i = 0; i < old.n_additional_gids; i++)
		*(uint32_t *)arena_push(&c->a, &u->additional_gids, &u->n_additional_gids,
					sizeof(uint32_t)) = old.additional_gids[i];
}

static int set_env(struct ctx *c, const struct strv *more, struct strv *env, struct err *e)
{
	char **v = arena_new_array(&c->a, env->n + more->n + 1, char *);
	size_t n = env->n;

	if (n)
		memcpy(v, env->v, n * sizeof(*v));
	for (size_t i = 0; i < more->n; i++) {
		size_t len = strcspn(more->v[i], "="), at = 0;

		if (!more->v[i][len] || !len)
			return err_set(e, ERR_CLI_VALUE, EINVAL,
				       "--env takes NAME=VALUE, not \"%s\"", more->v[i]);
		while (at < n && strncmp(v[at], more->v[i], len + 1) != 0)
			at++;
		v[at] = more->v[i];
		n += at == n;
	}
	*env = (struct strv){ v, n };
	return 0;
}

/* SECURITY: C3: bounding, effective and permitted; ambient only what inheritable has already. */
static int add_cap(const char *name, struct spec_caps *caps, struct err *e)
{
	const struct name_value *row = table_find(&spec_capabilities, name);
	uint64_t bit;

	if (!row) {
		const char *near = table_near(&spec_capabilities, name);

		return err_set(e, ERR_CLI_VALUE, EINVAL,
			       "--cap: there is no capability \"%s\"%s%s%s", name,
			       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	bit = UINT64_C(1) << row->value;
	caps->set = true;
	caps->sets[CAPSET_BOUNDING] |= bit;
	caps->sets[CAPSET_EFFECTIVE] |= bit;
	caps->sets[CAPSET_PERMITTED] |= bit;
	caps->sets[CAPSET_AMBIENT] |= bit & caps->sets[CAPSET_INHERITABLE];
	return 0;
}

static int apply_options(struct ctx *c, const struct exec_options *o, struct spec_process *p,
			 struct err *e)
{
	int r = 0;

	if (o->cwd && *o->cwd != '/')
		return err_set(e, ERR_CLI_VALUE, EINVAL, "--cwd takes an absolute path, not \"%s\"",
			       o->cwd);
	if (o->cwd)
		p->cwd = o->cwd;
	if (o->apparmor)
		p->apparmor_profile = o->apparmor;
	if (o->selinux_label)
		p->selinux_label = o->selinux_label;
	p->no_new_privileges |= o->no_new_privs;
	if (o->user)
		r = set_user(c, o->user, &p->user, e);
	if (o->gids.n)
		own_gids(c, &p->user);
	for (size_t i = 0; r == 0 && i < o->gids.n; i++)
		r = add_gids(c, o->gids.v[i], &p->user, e);
	if (r == 0 && o->env.n)
		r = set_env(c, &o->env, &p->env, e);
	for (size_t i = 0; r == 0 && i < o->caps.n; i++)
		r = add_cap(o->caps.v[i], &p->caps, e);
	return r;
}

int exec_process_make(struct ctx *c, const struct exec_options *o, struct spec *s, struct err *e)
{
	const char *file = o->process_file;
	struct spec_process p = s->process;
	int r = 0;

	if (!file && o->n_args == 1 && is_object(o->args[0]))
		file = o->args[0];
	else if (file && o->n_args)
		return err_set(e, ERR_CLI_USAGE, EINVAL,
			       "--process names the arguments; \"%s\" is one too many", o->args[0]);
	if (file) {
		p = (struct spec_process){ 0 };
		r = read_file(c, file, &p, e);
		inherit(&s->process, &p);
	} else if (!o->n_args) {
		return err_set(e, ERR_CLI_USAGE, EINVAL, "exec needs a command, or --process FILE");
	} else {
		p.args = (struct strv){ o->args, o->n_args };
		p.terminal = false;
		p.console_height = p.console_width = (struct opt_u32){ 0 };
		p.exec_affinity = s->process.exec_affinity;
		if (!p.cwd)
			p.cwd = "/";
	}
	if (r == 0)
		r = apply_options(c, o, &p, e);
	p.terminal |= o->tty && !file; /* as with other runtimes a file decides for itself */
	p.set = true;
	s->process = p;
	return r;
}
