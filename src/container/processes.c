/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/processes: /proc/PID/stat, status and cmdline as plain numbers and text. Hides their
 * formats, clock ticks, and that a process may end between two reads.
 */
#include "container/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "sys/proc.h"

enum { COMMAND_MAX = 4096, STAT_FIELDS = 22, PASSWD_MAX = 4 << 20 };

struct reader {
	struct procfs proc;
	struct arena *a;
	uint64_t ticks;	 /* a second */
	uint64_t now_ms; /* since boot, suspend included: as starttime counts */
	int64_t boot_ms; /* since the epoch */
};

static int open_reader(struct reader *r, struct arena *a)
{
	struct timespec wall, boot;
	long ticks = sysconf(_SC_CLK_TCK);

	r->a = a;
	r->ticks = ticks > 0 ? (uint64_t)ticks : 100;
	if (clock_gettime(CLOCK_REALTIME, &wall) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return -errno;
	r->now_ms = (uint64_t)boot.tv_sec * 1000 + (uint64_t)boot.tv_nsec / 1000000;
	r->boot_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000 - (int64_t)r->now_ms;
	return proc_open_ambient(&r->proc);
}

static ssize_t read_file(const struct reader *r, int pid, const char *file, char *buf, size_t size)
{
	char path[40];

	str_format(path, sizeof(path), "%d/%s", pid, file);
	return proc_read(&r->proc, path, buf, size);
}

/* The number in field @n, counted from 3: what follows the bracket of the name. */
static uint64_t field(const char *const *fields, unsigned n)
{
	char text[24];
	uint64_t v;

	if (!fields[n] ||
	    str_format(text, sizeof(text), "%.*s", (int)MIN(strcspn(fields[n], " "), sizeof(text)),
		       fields[n]) < 0 ||
	    str_to_u64(text, UINT64_MAX, &v) < 0)
		return 0;
	return v;
}

static bool read_stat(const struct reader *r, struct process_info *p, const char **ret_name)
{
	const char *fields[STAT_FIELDS + 1] = { 0 };
	char buf[1024], *name, *s;
	uint64_t start_ms;

	if (read_file(r, p->pid, "stat", buf, sizeof(buf)) <= 0)
		return false;
	/* The name holds any byte, brackets and blanks too: its end is the last bracket. */
	name = strchr(buf, '(');
	s = strrchr(buf, ')');
	if (!name || !s || s < name || s[1] != ' ')
		return false;
	*ret_name = arena_memdup(r->a, name + 1, (size_t)(s - name - 1));
	s += 2;
	for (unsigned n = 3; n <= STAT_FIELDS && *s; n++) {
		fields[n] = s;
		s = strchrnul(s, ' ');
		s += *s == ' ';
	}
	if (!fields[STAT_FIELDS])
		return false;
	p->state = *fields[3];
	p->parent = (int)field(fields, 4);
	p->terminal = (uint32_t)field(fields, 7);
	p->cpu_ms = (field(fields, 14) + field(fields, 15)) * 1000 / r->ticks;
	start_ms = field(fields, 22) * 1000 / r->ticks;
	p->age_ms = r->now_ms > start_ms ? r->now_ms - start_ms : 0;
	p->started = (r->boot_ms + (int64_t)start_ms) / 1000;
	return true;
}

/* "Uid:	REAL	EFFECTIVE	SAVED	FS" */
static bool read_uid(const struct reader *r, struct process_info *p)
{
	char buf[2048], *s, *end;

	if (read_file(r, p->pid, "status", buf, sizeof(buf)) <= 0)
		return false;
	s = strstr(buf, "\nUid:\t");
	s = s ? strchr(s + 6, '\t') : NULL;
	if (!s)
		return false;
	s++;
	end = s + strspn(s, "0123456789");
	*end = '\0';
	return str_to_u32(s, &p->uid) == 0;
}

static const char *read_command(const struct reader *r, int pid, const char *name)
{
	char path[40], buf[COMMAND_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	str_format(path, sizeof(path), "%d/cmdline", pid);
	fd = proc_openat(&r->proc, path, O_RDONLY);
	n = fd < 0 ? fd : io_read_full(fd, buf, sizeof(buf));
	while (n > 0 && buf[n - 1] == '\0')
		n--;
	if (n <= 0) /* a zombie or a thread of the kernel */
		return arena_printf(r->a, "[%s]", name);
	for (ssize_t i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = ' ';
	return arena_memdup(r->a, buf, (size_t)n);
}

int processes_read(const int *pids, size_t n, struct arena *a, struct process_info **ret,
		   size_t *ret_n, struct err *e)
{
	struct process_info *v = arena_new_array(a, n ? n : 1, struct process_info);
	struct reader r = { .proc = { .fd = -1 } };
	size_t found = 0;
	int k = open_reader(&r, a);

	if (k < 0)
		return err_sys(e, ERR_GEN_SYS, k, "open /proc");
	for (size_t i = 0; i < n; i++) {
		struct process_info p = { .pid = pids[i] };
		const char *name;

		if (!read_stat(&r, &p, &name) || !read_uid(&r, &p))
			continue;
		p.command = read_command(&r, p.pid, name);
		v[found++] = p;
	}
	proc_close(&r.proc);
	*ret = v;
	*ret_n = found;
	return 0;
}

const char *processes_user(uint32_t uid, struct arena *a)
{
	_cleanup_fd_ int fd =
		sys_openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char *text = NULL;
	size_t n;

	if (fd >= 0 && io_read_all(fd, PASSWD_MAX, a, &text, &n) < 0)
		text = NULL;
	while (text && *text) {
		char *line = text, *end = strchrnul(line, '\n'), *name, *number;
		uint32_t v;

		text = *end ? end + 1 : end;
		*end = '\0';
		name = strsep(&line, ":");
		number = line && strsep(&line, ":") && line ? strsep(&line, ":") : NULL;
		if (number && *name && str_to_u32(number, &v) == 0 && v == uid)
			return name;
	}
	return arena_printf(a, "%u", uid);
}
