/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/sysctl: write the container's sysctls (config-linux.md#sysctl). Which keys may be written
 * was decided by the planner; that a key cannot leave /proc/sys is made sure of here (rule F5).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "tune/tune.h"

/* No component is empty, "." or "..". */
static bool key_is_sane(const char *key)
{
	for (const char *c = key;; c++) {
		size_t n = path_part(c);

		if (n == 0 || (n == 1 && c[0] == '.') || (n == 2 && c[0] == '.' && c[1] == '.'))
			return false;
		c += n;
		if (!*c)
			return true;
	}
}

static int write_value(int fd, const char *value)
{
	size_t n = strlen(value);
	ssize_t w;

	do
		w = write(fd, value, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return -errno;
	/* KERNEL: a handler that wanted fewer numbers takes the first and leaves the rest. */
	return (size_t)w == n ? 0 : -EINVAL;
}

static int set_one(const struct plan_sysctl *s, const struct procfs *proc, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char path[512];
	int r;

	if (!key_is_sane(s->key))
		return err_set(e, ERR_TUN_SYSCTL, EINVAL, "%s is no name of a sysctl", s->key);
	r = str_format(path, sizeof(path), "sys/%s", s->key);
	if (r < 0)
		return err_sys(e, ERR_TUN_SYSCTL, r, "%s", s->key);
	fd = proc_openat(proc, path, O_WRONLY);
	if (fd == -ENOENT)
		return err_sys(e, ERR_TUN_SYSCTL, fd, "sysctl %s is unknown to this kernel",
			       s->key);
	if (fd < 0)
		return err_sys(e, ERR_TUN_SYSCTL, fd, "open sysctl %s", s->key);
	r = write_value(fd, s->value);
	return r < 0 ? err_sys(e, ERR_TUN_SYSCTL, r, "write \"%s\" to sysctl %s", s->value, s->key)
		     : 0;
}

int tune_sysctls(const struct plan *p, const struct procfs *proc, struct err *e)
{
	for (size_t i = 0; i < p->n_sysctls; i++) {
		int r = set_one(&p->sysctls[i], proc, e);

		if (r < 0)
			return err_at(e, r, "%s", p->sysctls[i].pointer);
	}
	return 0;
}
