/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/lsm: the AppArmor profile and SELinux label of the program. Written through a procfs nobody
 * can cover, read back and compared as whole names (rules F3, F4).
 */
#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cred/internal.h"
#include "sys/call.h"

enum { LABEL_MAX = 4096, PROFILES_MAX = 8 << 20 };

static const char apparmor_at[] = "/process/apparmorProfile",
		  selinux_at[] = "/process/selinuxLabel";

static bool given(const char *s)
{
	return s && s[0];
}

/* Only this exact name: "unconfined_foo" is a profile like any other. Rule F4. */
static bool is_unconfined(const char *profile)
{
	return streq(profile, "unconfined");
}

/* Length of the name in "name (mode)". KERNEL: an unconfined task is shown without a mode. */
static size_t shown_len(const char *shown)
{
	const char *mode = strrchr(shown, '(');
	size_t n = strlen(shown);

	if (!mode || mode - shown < 2 || mode[-1] != ' ' || shown[n - 1] != ')')
		return n;
	return (size_t)(mode - 1 - shown);
}

bool cred_profile_equal(const char *want, const char *shown)
{
	size_t n = shown_len(shown), ns = 0;
	const char *end;

	/* KERNEL: ":ns:profile" is shown as ":ns://profile". */
	if (want[0] == ':' && (end = strchr(want + 1, ':')) != NULL)
		ns = (size_t)(end + 1 - want);
	if (ns && n >= ns + 2 && !str_starts(want + ns, "//") && !strncmp(want, shown, ns) &&
	    !strncmp(shown + ns, "//", 2))
		return strlen(want + ns) == n - ns - 2 &&
		       !strncmp(want + ns, shown + ns + 2, n - ns - 2);
	return strlen(want) == n && !strncmp(want, shown, n);
}

bool cred_profile_listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = list; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && line[n] == ' ' && line[n + 1] == '(')
			return true;
	}
	return false;
}

/* attr/LSM/exec where the kernel has it, else attr/exec, which belongs to the first module. Only
 * ENOENT says that it has not. KERNEL: attr/apparmor since 5.8. */
static int open_attr(const struct procfs *proc, const char *lsm, int flags)
{
	char path[64];
	int r = str_format(path, sizeof(path), "self/attr/%s/exec", lsm);

	if (r < 0)
		return r;
	r = proc_openat(proc, path, flags);
	return r == -ENOENT ? proc_openat(proc, "self/attr/exec", flags) : r;
}

static int write_attr(const struct procfs *proc, const char *lsm, const char *value)
{
	_cleanup_fd_ int fd = open_attr(proc, lsm, O_WRONLY);

	return fd < 0 ? fd : io_write_all(fd, value, strlen(value));
}

static int read_attr(const struct procfs *proc, const char *lsm, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open_attr(proc, lsm, O_RDONLY);
	ssize_t n = fd < 0 ? fd : io_read_line_file(fd, buf, size);

	return n < 0 ? (int)n : 0;
}

static int set_apparmor(const char *profile, const struct procfs *proc, struct err *e)
{
	char text[LABEL_MAX];
	int r = str_format(text, sizeof(text), "exec %s", profile);

	if (r >= 0)
		r = write_attr(proc, "apparmor", text);
	/* KERNEL: ENOENT for a profile that is not loaded, EINVAL when attr/exec belongs to another
	 * module. */
	if (r < 0)
		return err_sys(e, ERR_CRD_LSM, r, "set AppArmor profile %s%s", profile,
			       r == -ENOENT ? ": it is not loaded" : "");
	r = read_attr(proc, "apparmor", text, sizeof(text));
	if (r < 0)
		return err_sys(e, ERR_CRD_LSM, r, "read the AppArmor profile back");
	if (!cred_profile_equal(profile, text))
		return err_set(e, ERR_CRD_LSM, 0, "AppArmor profile %s was set but %s is in place",
			       profile, text[0] ? text : "none");
	return 0;
}

static int set_selinux(const char *label, const struct procfs *proc, struct err *e)
{
	char text[LABEL_MAX];
	int r = write_attr(proc, "selinux", label);

	if (r < 0)
		return err_sys(e, ERR_CRD_LSM, r, "set SELinux label %s", label);
	r = read_attr(proc, "selinux", text, sizeof(text));
	if (r < 0)
		return err_sys(e, ERR_CRD_LSM, r, "read the SELinux label back");
	if (!streq(label, text))
		return err_set(e, ERR_CRD_LSM, 0, "SELinux label %s was set but %s is in place",
			       label, text[0] ? text : "none");
	return 0;
}

/* Asked for "unconfined" only, where absence is what was asked for. KERNEL: reading the attribute
 * of a module that is built but not active is EINVAL, one that is not built has no file. */
static bool no_apparmor(const struct procfs *proc)
{
	char text[LABEL_MAX];
	ssize_t n = proc_read(proc, "self/attr/apparmor/current", text, sizeof(text));

	return n == -ENOENT || n == -EINVAL;
}

int cred_set_label(const struct plan_process *p, const struct procfs *proc, struct err *e)
{
	const char *profile = p->spec->apparmor_profile, *label = p->spec->selinux_label;
	int r;

	if (given(label)) {
		r = set_selinux(label, proc, e);
		if (r < 0)
			return err_at(e, r, "%s", selinux_at);
	}
	if (given(profile) && !(is_unconfined(profile) && no_apparmor(proc))) {
		r = set_apparmor(profile, proc, e);
		if (r < 0)
			return err_at(e, r, "%s", apparmor_at);
	}
	return 0;
}

/* Loaded? 1, 0, or -errno when this host does not show its profiles to us. */
static int profile_loaded(const char *name)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	_cleanup_fd_ int fd = -1;
	char *list;
	size_t n;
	int r;

	fd = sys_openat(AT_FDCWD, "/sys/kernel/security/apparmor/profiles", O_RDONLY, 0);
	if (fd < 0)
		return fd;
	arena_init(&a);
	r = io_read_all(fd, PROFILES_MAX, &a, &list, &n);
	return r < 0 ? r : cred_profile_listed(list, name);
}

static int check_apparmor(const char *profile, const struct host *h, struct err *e)
{
	if (is_unconfined(profile))
		return 0;
	if (!h->apparmor)
		return err_set(e, ERR_CRD_LSM, 0, "profile %s: AppArmor is not active on this host",
			       profile);
	/* Stacks (a//&b) and profiles of other policy namespaces (:ns:a) are not in the list by
	 * that name; the kernel decides when they are set. */
	if (strstr(profile, "//&") || profile[0] == ':')
		return 0;
	if (profile_loaded(profile) == 0)
		return err_set(e, ERR_CRD_LSM, ENOENT,
			       "profile %s is not loaded (apparmor_parser -r FILE)", profile);
	return 0;
}

static int check_selinux(const char *label, const struct host *h, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (!h->selinux)
		return err_set(e, ERR_CRD_LSM, 0, "label %s: SELinux is not active on this host",
			       label);
	/* KERNEL: writing a context here asks whether the policy knows it. */
	fd = sys_openat(AT_FDCWD, "/sys/fs/selinux/context", O_RDWR, 0);
	if (fd < 0)
		return 0;
	r = io_write_all(fd, label, strlen(label) + 1);
	if (r == -EINVAL)
		return err_sys(e, ERR_CRD_LSM, r, "label %s is not valid under the loaded policy",
			       label);
	return 0;
}

int cred_check_label(const struct spec_process *p, const struct host *h, struct err *e)
{
	int r;

	if (given(p->apparmor_profile)) {
		r = check_apparmor(p->apparmor_profile, h, e);
		if (r < 0)
			return err_at(e, r, "%s", apparmor_at);
	}
	if (given(p->selinux_label)) {
		r = check_selinux(p->selinux_label, h, e);
		if (r < 0)
			return err_at(e, r, "%s", selinux_at);
	}
	return 0;
}
