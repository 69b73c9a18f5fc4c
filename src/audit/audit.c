/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/audit: opens the container, reads its config again, asks every area and puts the
 * differences first.
 */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "audit/room.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "sys/pidfd.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

const char *audit_verdict_name(enum audit_verdict v)
{
	static const char names[AUDIT_VERDICTS][8] = { "differs", "exposed", "note", "same" };

	return names[v];
}

void audit_add(struct audit *u, enum audit_verdict v, const char *area, const char *what,
	       const char *pointer, const char *wants, const char *has, ...)
{
	struct audit_report *p = u->report;
	struct audit_row *row = arena_push(u->arena, &p->rows, &p->n_rows, sizeof(*row));
	va_list ap;

	va_start(ap, has);
	*row = (struct audit_row){ v, area, what, pointer, "", v == AUDIT_SAME ? "" : wants };
	row->has = arena_vprintf(u->arena, has, ap);
	va_end(ap);
}

void audit_unread(struct audit *u, const char *area, const char *what, int r)
{
	audit_add(u, AUDIT_NOTE, area, what, "", "", "cannot be read: %s", strerror(-r));
}

int audit_read(struct audit *u, int dir, const char *name, char **ret)
{
	_cleanup_fd_ int fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	size_t n = 0;
	int r;

	if (fd < 0)
		return fd_take(&fd);
	r = io_read_all(fd, FILE_MAX, u->arena, ret, &n);
	while (r == 0 && n && (*ret)[n - 1] == '\n')
		(*ret)[--n] = '\0';
	return r;
}

const char *audit_field(struct audit *u, const char *status, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && line[n] == ':') {
			line += n + 1;
			line += strspn(line, " \t");
			return arena_printf(u->arena, "%.*s", (int)strcspn(line, "\n"), line);
		}
	}
	return NULL;
}

bool audit_hex(const char *text, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t v = 0;

	if (!text || !*text || strlen(text) > 16)
		return false;
	for (; *text; text++) {
		const char *d = strchr(digits, *text);

		if (!d)
			return false;
		v = v << 4 | (uint64_t)(d - digits);
	}
	*ret = v;
	return true;
}

bool audit_number(const char **p, uint32_t *ret)
{
	const char *s = *p + strspn(*p, " \t");
	size_t n = strspn(s, "0123456789");
	char text[16];

	if (str_format(text, sizeof(text), "%.*s", (int)n, s) < 0 || str_to_u32(text, ret) < 0)
		return false;
	*p = s + n;
	return true;
}

/* ---- the container ---- */

static int open_subject(struct audit *u, const char *id, struct err *e)
{
	int r = subject_open(u->c, id, false, &u->s, e);

	if (r < 0)
		return r;
	if (u->s.st.status == STATUS_CREATING)
		return err_set(e, ERR_STA_STATUS, 0, "container \"%s\" is still being created", id);
	if (u->s.st.pidfd < 0)
		return status_not_running(id, e);
	u->pid = (pid_t)u->s.rec.pid;
	u->report->pid = u->pid;
	u->report->status = status_name(u->s.st.status);
	return 0;
}

/*
 * SECURITY: X7: the number was this process when the pidfd was opened. The directory is its for as
 * long as the pidfd says that it lives, and reads nothing afterwards.
 */
static int open_process(struct audit *u, struct err *e)
{
	char name[16];
	int r = proc_open_ambient(&u->proc);

	if (r < 0)
		return err_sys(e, ERR_AUD_READ, r, "open /proc");
	str_format(name, sizeof(name), "%d", u->pid);
	u->dir = proc_openat(&u->proc, name, O_PATH | O_DIRECTORY);
	if (u->dir < 0)
		return err_sys(e, ERR_AUD_READ, u->dir, "open /proc/%d", u->pid);
	if (pidfd_alive(u->s.st.pidfd) != 1)
		return status_not_running(u->s.en.id, e);
	r = audit_read(u, u->dir, "status", &u->status);
	if (r < 0)
		return err_sys(e, ERR_AUD_READ, r, "read /proc/%d/status", u->pid);
	/* KERNEL: a magic link, which leads to the root itself; the right to trace the process is
	 * needed. proc_pid_root(5) */
	u->root.fd = sys_openat(u->dir, "root", O_PATH | O_DIRECTORY, 0);
	return 0;
}

static int read_mounts(struct audit *u, struct err *e)
{
	char *text;
	int r = audit_read(u, u->dir, "mountinfo", &text);

	if (r == 0)
		r = audit_mounts_parse(text, u->arena, &u->mounts);
	return r < 0 ? err_sys(e, ERR_AUD_READ, r, "read /proc/%d/mountinfo", u->pid) : 0;
}

/* ---- the report ---- */

/* Within a verdict the order of the areas stays. */
static void sort_rows(struct audit *u)
{
	struct audit_report *p = u->report;
	struct audit_row *v = arena_new_array(u->arena, p->n_rows + 1, struct audit_row);
	size_t n = 0;

	for (int verdict = 0; verdict < AUDIT_VERDICTS; verdict++)
		for (size_t i = 0; i < p->n_rows; i++)
			if ((int)p->rows[i].verdict == verdict)
				v[n++] = p->rows[i];
	p->rows = v;
}

/*
 * Rights, filter and limits are the program's: before `start` there are hull's own in their place.
 */
static const struct {
	bool program;
	int (*run)(struct audit *u, struct err *e);
} areas[] = {
	{ true, audit_credentials },  { true, audit_seccomp },	 { true, audit_label },
	{ false, audit_namespaces },  { false, audit_id_maps },	 { false, audit_masks },
	{ false, audit_mount_table }, { false, audit_devices },	 { true, audit_descriptors },
	{ true, audit_limits },	      { true, audit_processes },
};

static int ask(struct audit *u, struct err *e)
{
	bool created = u->s.st.status == STATUS_CREATED;
	int r = 0;

	if (created)
		audit_add(u, AUDIT_NOTE, "status", "created", "", "",
			  "the program has not started: its rights, filter, label, limits and "
			  "descriptors are those of hull until then");
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(areas); i++)
		if (!created || !areas[i].program)
			r = areas[i].run(u, e);
	/* What was read of a process that is gone by now may be half of it. */
	if (r == 0 && pidfd_alive(u->s.st.pidfd) != 1)
		return status_not_running(u->s.en.id, e);
	return r;
}

int audit_container(struct ctx *c, const char *id, const struct audit_options *o,
		    struct audit_report *ret, struct err *e)
{
	struct audit u = { .c = c, .arena = &c->a, .opt = o, .report = ret };
	int r;

	*ret = (struct audit_report){ 0 };
	u.dir = u.root.fd = u.proc.fd = -1;
	r = open_subject(&u, id, e);
	if (r < 0)
		return r;
	r = record_plan(c, &u.s, &u.spec, &u.plan, e);
	if (r == 0)
		r = open_process(&u, e);
	if (r == 0)
		r = read_mounts(&u, e);
	if (r == 0)
		r = ask(&u, e);
	if (r == 0)
		sort_rows(&u);
	/* KERNEL: it gives up what was asked for before its pidfd says that it ended. do_exit */
	if (r < 0 && e->id == ERR_AUD_READ &&
	    pidfd_wait_exit(u.s.st.pidfd, io_now() + SECONDS(1)) == 1) {
		err_drop(e, "the container ended meanwhile");
		r = status_not_running(id, e);
	}
	fd_close(&u.dir);
	fd_close(&u.root.fd);
	proc_close(&u.proc);
	subject_close(&u.s);
	return r;
}
