/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/record: state.json of the private root, read and written by one table of fields plus
 * three lists. It is the intent record too: what create is going to make is named in it before it
 * is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "container/container.h"
#include "spec/json.h"
#include "sys/call.h"

/* A record has parts of a config of SPEC_MAX_BYTES and the paths of Landlock, with escapes. */
enum { RECORD_FORMAT = 1, RECORD_MAX = 48 * 1024 * 1024 };

enum field_kind { F_TEXT, F_U64, F_BOOL };
struct field {
	char key[20];
	uint8_t kind; /* enum field_kind */
	bool required;
	uint16_t offset;
};

#define ROW(key, kind, required, member)                                                           \
	{                                                                                          \
		key, kind, required, offsetof(struct record, member)                               \
	}
static const struct field fields[] = {
	ROW("format", F_U64, true, format),
	ROW("hullVersion", F_TEXT, false, hull_version),
	ROW("bootId", F_TEXT, true, boot_id),
	ROW("id", F_TEXT, true, id),
	ROW("bundle", F_TEXT, true, bundle),
	ROW("rootfs", F_TEXT, false, rootfs),
	ROW("ociVersion", F_TEXT, false, oci_version),
	ROW("created", F_TEXT, true, created),
	ROW("owner", F_U64, true, owner),
	ROW("creator", F_U64, true, creator),
	ROW("creatorStart", F_U64, true, creator_seen),
	ROW("pid", F_U64, true, pid),
	ROW("startTime", F_U64, true, start_time),
	ROW("pidfdInode", F_U64, false, pidfd_inode),
	ROW("publicDir", F_TEXT, false, public_dir),
	ROW("hostMount", F_TEXT, false, host_mount),
	ROW("hostMountId", F_U64, false, host_mount_id),
	ROW("hasProcess", F_BOOL, false, has_process),
	ROW("terminal", F_BOOL, false, terminal),
	ROW("notify", F_BOOL, false, notify),
	ROW("defaultFilesystems", F_BOOL, false, default_filesystems),
	ROW("sharedPidNamespace", F_BOOL, false, shared_pidns),
	ROW("noNewKeyring", F_BOOL, false, no_new_keyring),
	ROW("seccompListener", F_TEXT, false, seccomp_listener),
	ROW("seccompMetadata", F_TEXT, false, seccomp_metadata),
	ROW("stopSignal", F_TEXT, false, stop_signal),
	ROW("landlock", F_TEXT, false, landlock),
};

enum { WORD = 12 };
static const char phases[][WORD] = { "creating", "created", "deleting" };
static const char managers[][WORD] = { "cgroupfs", "systemd", "disabled" };
static const char layouts[][WORD] = { "none", "v1", "hybrid", "v2" };

/* ---- write ---- */

static void write_hooks(struct jw *w, const char *key, const struct spec_hook *v, size_t n)
{
	jw_array(w, key);
	for (size_t i = 0; i < n; i++) {
		jw_object(w, NULL);
		jw_string(w, "path", v[i].path);
		jw_strings(w, "args", (const char *const *)v[i].args.v, v[i].args.n);
		if (v[i].env_set)
			jw_strings(w, "env", (const char *const *)v[i].env.v, v[i].env.n);
		if (v[i].timeout.set)
			jw_i64(w, "timeout", v[i].timeout.v);
		jw_end(w);
	}
	jw_end(w);
}

static void write_cgroup(struct jw *w, const struct cgroup *g)
{
	jw_object(w, "cgroup");
	jw_string(w, "manager", managers[g->manager]);
	jw_string(w, "layout", layouts[g->layout]);
	jw_bool(w, "devicesEnforced", g->devices_enforced);
	if (g->realtime)
		jw_bool(w, "realtime", true);
	if (g->unit[0])
		jw_string(w, "unit", g->unit);
	if (g->bus[0])
		jw_string(w, "bus", g->bus);
	jw_bool(w, "busUser", g->bus_user);
	jw_array(w, "dirs");
	for (unsigned i = 0; i < g->n; i++) {
		jw_object(w, NULL);
		jw_string(w, "mount", g->dir[i].mount);
		jw_string(w, "controllers", g->dir[i].controllers);
		jw_string(w, "path", g->dir[i].path);
		jw_bool(w, "v2", g->dir[i].v2);
		jw_u64(w, "created", g->dir[i].created);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

/* *ret is what record_read_as is ready to read again, or -EFBIG. */
static int record_text(const struct record *rec, struct arena *a, const char **ret, size_t *ret_n,
		       struct err *e)
{
	struct jw w;

	jw_init(&w, a, 0);
	jw_object(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const void *p = (const char *)rec + fields[i].offset;
		const char *text;

		switch (fields[i].kind) {
		case F_TEXT:
			memcpy(&text, p, sizeof(text));
			if (text)
				jw_string(&w, fields[i].key, text);
			break;
		case F_U64:
			jw_u64(&w, fields[i].key, *(const uint64_t *)p);
			break;
		case F_BOOL:
			jw_bool(&w, fields[i].key, *(const bool *)p);
			break;
		}
	}
	jw_string(&w, "phase", phases[rec->phase]);
	jw_object(&w, "annotations");
	for (size_t i = 0; i < rec->annotations.n; i++)
		jw_string(&w, rec->annotations.v[i].key, rec->annotations.v[i].value);
	jw_end(&w);
	write_cgroup(&w, &rec->cgroup);
	jw_object(&w, "rdt");
	jw_string(&w, "group", rec->rdt.group);
	jw_string(&w, "mon", rec->rdt.mon);
	jw_bool(&w, "madeGroup", rec->rdt.made_group);
	jw_bool(&w, "madeMon", rec->rdt.made_mon);
	jw_end(&w);
	write_hooks(&w, "poststart", rec->hooks.v[HOOK_POSTSTART], rec->hooks.n[HOOK_POSTSTART]);
	write_hooks(&w, "poststop", rec->hooks.v[HOOK_POSTSTOP], rec->hooks.n[HOOK_POSTSTOP]);
	jw_end(&w);
	if (w.len > RECORD_MAX)
		return err_set(e, ERR_STA_WRITE, EFBIG,
			       "state of \"%s\": the annotations are too long: %zu bytes with "
			       "their escapes, more than %d",
			       rec->id, w.len, RECORD_MAX);
	*ret = w.buf;
	*ret_n = w.len;
	return 0;
}

/*
 * KERNEL: a rename may reach the disk before the data of the file it names, unless fsync came
 * first. fsync(2), rename(2). The directory is not waited for: after a power cut either record
 * will do, since the boot id says that nothing it names is left.
 */
static int draft(const struct entry *en, const char *text, size_t n, char tmp[static STORE_NAME])
{
	_cleanup_fd_ int fd = -1;
	int r = store_draft(en->dir, "state.json", 0600, text, n, tmp, &fd);

	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int write_failed(const struct entry *en, int r, struct err *e)
{
	return err_sys(e, ERR_STA_WRITE, r, "write state of \"%s\"", en->id);
}

int record_write(const struct entry *en, const struct record *rec, struct arena *a, struct err *e)
{
	const char *text;
	char tmp[STORE_NAME];
	size_t n;
	int r = record_text(rec, a, &text, &n, e);

	if (r < 0)
		return r;
	r = draft(en, text, n, tmp);
	if (r == 0)
		r = store_commit(en->dir, tmp, "state.json");
	return r < 0 ? write_failed(en, r, e) : 0;
}

int record_intend(const struct entry *en, const struct record *rec, struct arena *a,
		  struct record_draft *d, struct err *e)
{
	const char *text;
	size_t n;
	int r = record_text(rec, a, &text, &n, e);

	if (r < 0)
		return r;
	r = store_draft(en->dir, "state.json", 0600, text, n, d->tmp, &d->fd);

	if (r == 0)
		r = store_commit(en->dir, d->tmp, "state.json");
	return r < 0 ? write_failed(en, r, e) : 0;
}

int record_draft(const struct entry *en, const struct record *rec, struct arena *a,
		 struct record_draft *d, struct err *e)
{
	int r = d->fd >= 0 && fsync(d->fd) < 0 ? -errno : 0;

	fd_close(&d->fd);
	if (r < 0)
		return write_failed(en, r, e);
	r = record_text(rec, a, &d->text, &d->n, e);
	if (r < 0)
		return r;
	r = draft(en, d->text, d->n, d->tmp);
	return r < 0 ? write_failed(en, r, e) : 0;
}

int record_commit(const struct entry *en, const struct record *rec, struct arena *a,
		  struct record_draft *d, struct err *e)
{
	const char *text;
	size_t n;
	int r = record_text(rec, a, &text, &n, e);

	if (r < 0)
		return r;
	/* ENOENT: a record was written since, and its draft took the name */
	if (n == d->n && memcmp(text, d->text, n) == 0 &&
	    store_commit(en->dir, d->tmp, "state.json") == 0)
		return 0;
	return record_write(en, rec, a, e);
}

/* ---- read ---- */

static int read_name(struct jv o, const char *key, const char (*names)[WORD], size_t n,
		     unsigned *ret, struct err *e)
{
	struct jv v = { 0 };
	const char *text = NULL;
	int r = jv_need(o, key, &v, e);

	if (r < 0)
		return r;
	r = jv_string(v, &text, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		if (streq(names[i], text)) {
			*ret = i;
			return 0;
		}
	return jv_fail(v, e, ERR_STA_READ, "\"%s\" is no %s that this hull knows", text, key);
}

static int read_strings(struct jv v, struct arena *a, struct strv *ret, struct err *e)
{
	struct jv_iter it;
	int r = jv_array(v, e);

	if (r < 0)
		return r;
	ret->v = arena_new_array(a, jv_count(v) + 1, char *);
	ret->n = 0;
	for (it = jv_each(v); jv_next(&it);) {
		const char *s = NULL;

		r = jv_string(it.value, &s, e);
		if (r < 0)
			return r;
		ret->v[ret->n++] = arena_strdup(a, s);
	}
	return 0;
}

static int read_hook(struct jv v, struct arena *a, struct spec_hook *h, struct err *e)
{
	struct jv m = { 0 };
	int64_t timeout = 0;
	int r = jv_need_string(v, "path", &h->path, e);

	if (r == 0 && jv_find(v, "args", &m))
		r = read_strings(m, a, &h->args, e);
	if (r == 0 && jv_find(v, "env", &m)) {
		h->env_set = true;
		r = read_strings(m, a, &h->env, e);
	}
	if (r == 0 && jv_find(v, "timeout", &m)) {
		r = jv_i64(m, 1, INT32_MAX, &timeout, e);
		h->timeout = (struct opt_i32){ true, (int32_t)timeout };
	}
	return r;
}

static int read_hooks(struct jv o, const char *key, enum spec_hook_kind kind, struct arena *a,
		      struct spec_hooks *ret, struct err *e)
{
	struct jv v = { 0 };
	struct jv_iter it;
	int r = jv_need(o, key, &v, e);

	if (r == 0)
		r = jv_array(v, e);
	if (r < 0)
		return r;
	ret->v[kind] = arena_new_array(a, jv_count(v) + 1, struct spec_hook);
	for (it = jv_each(v); jv_next(&it);) {
		r = read_hook(it.value, a, &ret->v[kind][ret->n[kind]], e);
		if (r < 0)
			return r;
		ret->n[kind]++;
	}
	return 0;
}

static int copy_text(struct jv o, const char *key, char *buf, size_t size, struct err *e)
{
	const char *s = NULL;
	int r = jv_need_string(o, key, &s, e);

	if (r == 0 && str_format(buf, size, "%s", s) < 0)
		return jv_fail(o, e, ERR_STA_READ, "%s is too long", key);
	return r;
}

static int read_dir(struct jv v, struct cgroup *g, struct err *e)
{
	unsigned i = g->n;
	uint64_t created = 0;
	int r;

	if (i >= CGROUP_HIERARCHIES)
		return jv_fail(v, e, ERR_STA_READ, "more than %d cgroup hierarchies",
			       CGROUP_HIERARCHIES);
	r = jv_need_string(v, "mount", &g->dir[i].mount, e);
	if (r == 0)
		r = jv_need_string(v, "controllers", &g->dir[i].controllers, e);
	if (r == 0)
		r = jv_need_string(v, "path", &g->dir[i].path, e);
	if (r == 0 && strlen(g->dir[i].path) >= CGROUP_PATH_SIZE)
		return jv_fail(v, e, ERR_STA_READ, "path is too long");
	if (r == 0)
		r = jv_need_bool(v, "v2", &g->dir[i].v2, e);
	if (r == 0)
		r = jv_need_u64(v, "created", 4096, &created, e);
	if (r == 0 && path_has_dotdot(g->dir[i].path))
		return jv_fail(v, e, ERR_STA_READ, "a cgroup path with \"..\"");
	g->dir[i].created = (unsigned)created;
	g->n++;
	return r;
}

static int read_cgroup(struct jv o, struct cgroup *g, struct err *e)
{
	struct jv v = { 0 }, dirs = { 0 };
	struct jv_iter it;
	unsigned manager = 0, layout = 0;
	int r;

	g->v2_fd = -1;
	r = jv_need(o, "cgroup", &v, e);
	if (r == 0)
		r = read_name(v, "manager", managers, ARRAY_LEN(managers), &manager, e);
	if (r == 0)
		r = read_name(v, "layout", layouts, ARRAY_LEN(layouts), &layout, e);
	if (r == 0)
		r = jv_need_bool(v, "devicesEnforced", &g->devices_enforced, e);
	if (r == 0 && jv_find(v, "unit", &dirs))
		r = copy_text(v, "unit", g->unit, sizeof(g->unit), e);
	if (r == 0 && jv_find(v, "bus", &dirs))
		r = copy_text(v, "bus", g->bus, sizeof(g->bus), e);
	if (r == 0 && jv_find(v, "realtime", &dirs))
		r = jv_need_bool(v, "realtime", &g->realtime, e);
	if (r == 0 && jv_find(v, "busUser", &dirs))
		r = jv_need_bool(v, "busUser", &g->bus_user, e);
	if (r == 0)
		r = jv_need(v, "dirs", &dirs, e);
	if (r == 0)
		r = jv_array(dirs, e);
	if (r < 0)
		return r;
	g->manager = manager;
	g->layout = layout;
	for (it = jv_each(dirs); jv_next(&it);) {
		r = read_dir(it.value, g, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_rdt(struct jv o, struct tune_rdt *t, struct err *e)
{
	struct jv v = { 0 };
	int r = jv_need(o, "rdt", &v, e);

	if (r == 0)
		r = copy_text(v, "group", t->group, sizeof(t->group), e);
	if (r == 0)
		r = copy_text(v, "mon", t->mon, sizeof(t->mon), e);
	if (r == 0)
		r = jv_need_bool(v, "madeGroup", &t->made_group, e);
	return r == 0 ? jv_need_bool(v, "madeMon", &t->made_mon, e) : r;
}

/* The row of @key, first looked for at *@at, behind the last one: they are written in order. */
static const struct field *find_field(const char *key, size_t *at)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		size_t k = (*at + i) % ARRAY_LEN(fields);

		if (streq(fields[k].key, key)) {
			*at = k + 1;
			return &fields[k];
		}
	}
	return NULL;
}

static int read_field(struct jv v, const struct field *f, struct record *rec, struct err *e)
{
	void *p = (char *)rec + f->offset;
	int r;

	if (f->kind == F_TEXT)
		r = jv_string(v, p, e);
	else if (f->kind == F_U64)
		r = jv_u64(v, 0, UINT64_MAX, p, e);
	else
		r = jv_bool(v, p, e);
	if (r == 0 && f->offset == offsetof(struct record, format) && rec->format > RECORD_FORMAT)
		return jv_fail(v, e, ERR_STA_READ, "written by a newer hull (format %llu)",
			       (unsigned long long)rec->format);
	return r;
}

static int read_fields(struct jv o, struct record *rec, struct err *e)
{
	bool seen[ARRAY_LEN(fields)] = { 0 };
	size_t at = 0;

	for (struct jv_iter it = jv_each(o); jv_next(&it);) {
		const struct field *f = find_field(it.key, &at);
		int r = f ? read_field(it.value, f, rec, e) : 0;

		if (r < 0)
			return r;
		if (f)
			seen[f - fields] = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].required && !seen[i])
			return jv_fail_missing(o, fields[i].key, e);
	return 0;
}

static int read_annotations(struct jv o, struct arena *a, struct record *rec, struct err *e)
{
	struct jv v = { 0 };
	struct jv_iter it;
	int r = jv_need(o, "annotations", &v, e);

	if (r == 0)
		r = jv_object(v, e);
	if (r < 0)
		return r;
	rec->annotations.v = arena_new_array(a, jv_count(v) + 1, struct spec_kv);
	for (it = jv_each(v); jv_next(&it);) {
		struct spec_kv *kv = &rec->annotations.v[rec->annotations.n++];

		kv->key = it.key;
		r = jv_string(it.value, &kv->value, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_all(struct jv o, const char *id, struct arena *a, struct record *rec, struct err *e)
{
	unsigned phase = 0;
	int r = jv_object(o, e);

	if (r == 0)
		r = read_fields(o, rec, e);
	if (r == 0)
		r = read_name(o, "phase", phases, ARRAY_LEN(phases), &phase, e);
	if (r == 0)
		r = read_annotations(o, a, rec, e);
	if (r == 0)
		r = read_cgroup(o, &rec->cgroup, e);
	if (r == 0)
		r = read_rdt(o, &rec->rdt, e);
	if (r == 0)
		r = read_hooks(o, "poststart", HOOK_POSTSTART, a, &rec->hooks, e);
	if (r == 0)
		r = read_hooks(o, "poststop", HOOK_POSTSTOP, a, &rec->hooks, e);
	rec->phase = phase;
	if (r == 0 && !streq(rec->id, id))
		return jv_fail(o, e, ERR_STA_READ, "the record is of container \"%s\"", rec->id);
	return r;
}

/*
 * An entry without a record is one that is being made or removed just now, which is nobody's error
 * (faults C8), or what a killed command left. The first has a locked directory, or one without a
 * name. Between mkdir and lock there is an instant without either, so that the second is believed
 * only after some looks.
 */
static bool in_transit(const struct entry *en)
{
	for (unsigned look = 0; look < 5; look++) {
		_cleanup_fd_ int fd = sys_openat(en->dir, ".", O_RDONLY | O_DIRECTORY, 0);
		struct timespec pause = { .tv_nsec = 5000000 };
		struct stat st;

		if (fstat(en->dir, &st) == 0 && st.st_nlink == 0)
			return true;
		if (en->locked)
			return false;
		if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
			return true;
		if (fd >= 0)
			flock(fd, LOCK_UN);
		if (faccessat(en->dir, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int record_read(const struct entry *en, struct arena *a, struct record *ret, struct err *e)
{
	return record_read_as(en, en->id, a, ret, e);
}

int record_read_as(const struct entry *en, const char *id, struct arena *a, struct record *ret,
		   struct err *e)
{
	struct err *why = arena_new(a, struct err);
	_cleanup_fd_ int fd = -1;
	struct jv_doc doc;
	struct stat st;
	char *text, *line;
	size_t n;
	int r;

	*ret = (struct record){ .cgroup.v2_fd = -1 };
	fd = sys_openat(en->dir, "state.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	r = fd;
	if (r == -ENOENT && in_transit(en))
		return err_set(e, ERR_STA_MISSING, 0, "container \"%s\" does not exist", en->id);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != store_owner()))
		r = -EPERM;
	if (r >= 0)
		r = io_read_known(fd, &st, RECORD_MAX, a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_STA_READ, r, "state of \"%s\" is unreadable", en->id);
	r = jv_parse(text, n, a, &doc, why);
	if (r >= 0)
		r = read_all(jv_root(&doc), id, a, ret, why);
	if (r < 0) {
		*ret = (struct record){ .cgroup.v2_fd = -1 };
		line = arena_alloc(a, 512);
		err_format(why, line, 512);
		return err_set(e, ERR_STA_READ, 0, "state of \"%s\" is unreadable: %s", en->id,
			       line);
	}
	return 0;
}

/* ---- the exit record ---- */

int exit_record_write(struct subject *s, int status, struct err *e)
{
	char text[64];
	int r;

	str_format(text, sizeof(text), "{\"status\":%d}", status);
	r = store_write_file(s->en.dir, "exit.json", 0600, text, strlen(text));
	return r < 0 ? err_sys(e, ERR_STA_WRITE, r, "write the exit record of \"%s\"", s->en.id)
		     : 0;
}

int exit_record_read(struct ctx *c, struct subject *s, int *ret_status, struct err *e)
{
	_cleanup_fd_ int fd =
		sys_openat(s->en.dir, "exit.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	uint64_t status = 0;
	struct jv_doc doc;
	char *text;
	size_t n;
	int r;

	if (fd < 0)
		return 0;
	r = io_read_all(fd, RECORD_MAX, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_STA_READ, r, "read the exit record of \"%s\"", s->en.id);
	r = jv_parse(text, n, &c->a, &doc, e);
	if (r == 0)
		r = jv_need_u64(jv_root(&doc), "status", 255, &status, e);
	if (r == 0)
		*ret_status = (int)status;
	return r;
}
