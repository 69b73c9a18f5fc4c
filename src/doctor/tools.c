/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/tools: programs of others that hull calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "doctor/room.h"
#include "sys/call.h"
#include "sys/pidfd.h"

enum {
	CRIU_MAJOR = 3,
	CRIU_MINOR = 15
}; /* the first with checkpoints of cgroup v2 and of pid namespaces that are shared */

static _noreturn_ void version_child(int exe, int out)
{
	char name[] = "criu", option[] = "--version", locale[] = "LC_ALL=C";
	char *const argv[] = { name, option, NULL }, *const env[] = { locale, NULL };

	if (dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
		sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
		/* KERNEL: the interpreter of a script opens it by this descriptor. execveat(2) */
		fd_set_cloexec(exe, 0);
		sys_execveat(exe, "", argv, env, AT_EMPTY_PATH);
	}
	_exit(127);
}

/* What `PROGRAM --version` prints, at most @size - 1 bytes and for at most 5 s. Length or
 * -errno. */
static ssize_t version_text(int exe, char *buf, size_t size)
{
	const uint64_t deadline = io_now() + 5000000000u;
	_cleanup_fd_ int in = -1, out = -1, child = -1;
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&child,
				   .exit_signal = SIGCHLD };
	siginfo_t end;
	ssize_t n = 0;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	in = p[0];
	out = p[1];
	r = sys_clone3(&args);
	if (r == 0)
		version_child(exe, out);
	if (r < 0)
		return r;
	fd_close(&out);
	while (n < (ssize_t)size - 1 && io_wait(in, 1 /* POLLIN */, deadline) != 0) {
		ssize_t got = io_read_some(in, buf + n, size - 1 - (size_t)n);

		if (got <= 0)
			break;
		n += got;
	}
	buf[n] = '\0';
	r = pidfd_wait_exit(child, deadline) == 1 ? 0 : sys_pidfd_send_signal(child, SIGKILL);
	if (r < 0) /* it cannot be ended: do not wait for it either */
		return r;
	r = pidfd_reap(child, &end);
	return r < 0 ? r : n;
}

/* "Version: 3.17.1" */
static bool parse_version(const char *text, char ret[static 32], unsigned *ret_major,
			  unsigned *ret_minor)
{
	const char *p = strstr(text, "Version: ");
	size_t n;

	if (!p)
		return false;
	p += strlen("Version: ");
	n = MIN(strcspn(p, " \n"), (size_t)31);
	memcpy(ret, p, n);
	ret[n] = '\0';
	read_version(ret, ret_major, ret_minor);
	return true;
}

static void look_criu(struct doctor *d)
{
	const char *file = host_program(d, "criu");
	_cleanup_fd_ int exe = file ? host_open(d, file, O_RDONLY) : -ENOENT;
	char text[256], version[32];
	unsigned major, minor;
	ssize_t n;

	if (!file) {
		answer(d, DOCTOR_NOTE, "", "apt-get install criu",
		       "not there: no checkpoint and no restore");
		return;
	}
	/* SECURITY: nothing of a foreign root is ever run. */
	if (d->o->host_root) {
		ok(d, "%s", file);
		return;
	}
	n = exe < 0 ? exe : version_text(exe, text, sizeof(text));
	if (n < 0 || !parse_version(text, version, &major, &minor))
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(d->a, "look at what `%s --version` says", file),
		       "%s does not tell its version", file);
	else if (major < CRIU_MAJOR || (major == CRIU_MAJOR && minor < CRIU_MINOR))
		answer(d, DOCTOR_WARNING, "", "install criu 3.15 or later", "%s is version %s",
		       file, version);
	else
		ok(d, "%s, version %s", file, version);
}

static const struct doctor_check rows[] = {
	{ .id = "tool.criu", .what = "CRIU for checkpoint and restore", .look = look_criu },
};

const struct doctor_group doctor_tools = { rows, ARRAY_LEN(rows) };
