/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/examine: asks every row, and reads the host for those who answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "doctor/room.h"
#include "sys/abi.h"
#include "sys/path.h"

enum { TEXT_MAX = 16 << 20 };

static const struct doctor_group *const groups[] = {
	&doctor_kernel,	  &doctor_namespaces, &doctor_cgroups, &doctor_users, &doctor_limits,
	&doctor_security, &doctor_tools,      &doctor_engines, &doctor_state,
};

const char *doctor_verdict_name(enum doctor_verdict v)
{
	static const char names[][8] = { "ok", "note", "warning", "failure" };

	return names[v];
}

void answer(struct doctor *d, enum doctor_verdict v, const char *subject, const char *fix,
	    const char *fmt, ...)
{
	struct doctor_finding *f = arena_push(d->a, &d->v, &d->n, sizeof(*f));
	va_list ap;

	va_start(ap, fmt);
	*f = (struct doctor_finding){
		.id = d->check->id,
		.what = d->check->what,
		.subject = arena_strdup(d->a, subject),
		.verdict = v,
		.found = arena_vprintf(d->a, fmt, ap),
		.fix = arena_strdup(d->a, fix),
	};
	va_end(ap);
}

/* KERNEL: RESOLVE_IN_ROOT treats the directory as "/" for symlinks and ".." too. Since 5.6.
 * openat2(2) */
int host_open(const struct doctor *d, const char *path, int flags)
{
	/* KERNEL: openat2 takes nothing but O_DIRECTORY and O_NOFOLLOW beside O_PATH. */
	if (!(flags & O_PATH))
		flags |= O_NOCTTY | O_NONBLOCK;
	return path_openat2(d->root, path, (uint64_t)flags, RESOLVE_IN_ROOT);
}

bool host_exists(const struct doctor *d, const char *path)
{
	_cleanup_fd_ int fd = host_open(d, path, O_PATH | O_NOFOLLOW);

	return fd >= 0;
}

int host_stat(const struct doctor *d, const char *path, struct stat *ret)
{
	_cleanup_fd_ int fd = host_open(d, path, O_PATH);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

ssize_t host_line(const struct doctor *d, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = host_open(d, path, O_RDONLY);

	buf[0] = '\0';
	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

int host_number(const struct doctor *d, const char *path, uint64_t *ret)
{
	char buf[32];
	ssize_t n = host_line(d, path, buf, sizeof(buf));

	return n < 0 ? (int)n : str_to_u64(buf, UINT64_MAX, ret);
}

int host_text(const struct doctor *d, const char *path, char **ret)
{
	_cleanup_fd_ int fd = host_open(d, path, O_RDONLY);
	size_t n;

	return fd < 0 ? fd : io_read_all(fd, TEXT_MAX, d->a, ret, &n);
}

bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*(list += strspn(list, " ,\n"))) {
		size_t len = strcspn(list, " ,\n");

		if (len == n && memcmp(list, word, n) == 0)
			return true;
		list += len;
	}
	return false;
}

const char *host_program(const struct doctor *d, const char *name)
{
	const char *path = d->o->path && *d->o->path ? d->o->path : "/usr/local/bin:/usr/bin:/bin";

	/* what an engine runs may lie where a user's PATH does not lead */
	path = arena_printf(d->a, "%s:/usr/local/sbin:/usr/sbin:/sbin", path);
	while (*path) {
		size_t n = strcspn(path, ":");
		const char *file = arena_printf(d->a, "%.*s/%s", (int)n, path, name);
		struct stat st;

		if (*file == '/' && host_stat(d, file, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_mode & 0111))
			return file;
		path += n + (path[n] == ':');
	}
	return NULL;
}

char *next_line(char **text)
{
	char *line = *text, *end;

	if (!line || !*line)
		return NULL;
	end = strchrnul(line, '\n');
	*text = *end ? end + 1 : end;
	*end = '\0';
	return line;
}

char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static unsigned read_number(const char **p)
{
	unsigned v = 0;

	for (; **p >= '0' && **p <= '9' && v < 100000; ++*p)
		v = v * 10 + (unsigned)(**p - '0');
	return v;
}

void read_version(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	*ret_major = read_number(&text);
	*ret_minor = *text++ == '.' ? read_number(&text) : 0;
}

/* The name of the caller in the host's passwd: the helpers know their grants by it. Never NSS:
 * architecture.md. */
static const char *caller_name(struct doctor *d)
{
	char *text, *line;

	if (host_text(d, "/etc/passwd", &text) == 0)
		while ((line = next_line(&text))) {
			char *name = strsep(&line, ":"), *uid;
			uint32_t id;

			strsep(&line, ":");
			uid = strsep(&line, ":");
			if (uid && str_to_u32(uid, &id) == 0 && id == d->o->uid)
				return name;
		}
	return arena_printf(d->a, "%u", d->o->uid);
}

int doctor_examine(const struct doctor_options *o, struct arena *a, struct doctor_finding **ret,
		   size_t *ret_n, struct err *e)
{
	const char *path = o->host_root ? o->host_root : "/";
	_cleanup_fd_ int root = path_open_host(path, O_DIRECTORY);
	struct doctor d = { .o = o, .a = a, .root = root, .rootless = o->uid != 0 };

	if (root < 0)
		return err_sys(e, ERR_CLI_FILE, root, "--host-root: open %s", path);
	d.user = caller_name(&d);
	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (size_t i = 0; i < groups[g]->n; i++) {
			d.check = &groups[g]->v[i];
			d.check->look(&d);
		}
	*ret = d.v;
	*ret_n = d.n;
	return 0;
}
