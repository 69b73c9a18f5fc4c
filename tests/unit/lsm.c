/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/lsm against a fake tree of /proc/self/attr, as SELinux is not on every test machine: what is
 * written where, what is read back, and that any difference is an error. The linker puts the fake
 * in the place of proc_openat and proc_read (--wrap), which would refuse what is no procfs.
 */
#include "child.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cred/cred.h"

/* One file of the tree: what reading shows, what was written; or why it cannot be opened. */
struct attr {
	const char *path;
	const char *shown;
	int fails; /* -errno of opening it */
	char written[256];
	int writes, order;
	int fd; /* of the last writer: a memfd */
};
static struct attr tree[4];
static unsigned n_tree;
static int order;

int __wrap_proc_openat(const struct procfs *p, const char *path, int flags);

int __wrap_proc_openat(const struct procfs *p, const char *path, int flags)
{
	(void)p;
	for (unsigned i = 0; i < n_tree; i++) {
		struct attr *a = &tree[i];
		int fd;

		if (strcmp(a->path, path) != 0)
			continue;
		if (a->fails)
			return a->fails;
		fd = memfd_create("attr", MFD_CLOEXEC);
		if ((flags & O_ACCMODE) == O_WRONLY) {
			a->writes++;
			a->order = ++order;
			a->fd = dup(fd);
		} else if (write(fd, a->shown, strlen(a->shown)) < 0 ||
			   lseek(fd, 0, SEEK_SET) < 0) {
			abort();
		}
		return fd;
	}
	return -ENOENT;
}

ssize_t __wrap_proc_read(const struct procfs *p, const char *path, char *buf, size_t size);

ssize_t __wrap_proc_read(const struct procfs *p, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = __wrap_proc_openat(p, path, O_RDONLY);

	return fd < 0 ? fd : io_read_line_file(fd, buf, size);
}

static struct attr *add(const char *path, const char *shown, int fails)
{
	tree[n_tree] = (struct attr){ .path = path, .shown = shown, .fails = fails, .fd = -1 };
	return &tree[n_tree++];
}

static const char *written(struct attr *a)
{
	ssize_t n = a->fd < 0 ? 0 : pread(a->fd, a->written, sizeof(a->written) - 1, 0);

	a->written[n < 0 ? 0 : n] = '\0';
	return a->written;
}

static int set(const char *profile, const char *label, struct err *e)
{
	static struct procfs proc = { .fd = -1 };
	struct spec_process spec = { .apparmor_profile = profile, .selinux_label = label };
	struct plan_process p = { .set = true, .spec = &spec };

	return cred_set_label(&p, &proc, e);
}

#define FRESH()                                                                                    \
	struct err e = { 0 };                                                                      \
	for (unsigned k_ = 0; k_ < n_tree; k_++)                                                   \
		fd_close(&tree[k_].fd);                                                            \
	n_tree = 0;                                                                                \
	order = 0

#define APPARMOR "self/attr/apparmor/exec"
#define SELINUX "self/attr/selinux/exec"
#define GENERIC "self/attr/exec"
#define LABEL "system_u:system_r:svirt_lxc_net_t:s0:c124,c675"

TEST(profile_is_written_and_read_back)
{
	FRESH();
	struct attr *a = add(APPARMOR, "acme (enforce)\n", 0);

	CHECK_OK(set("acme", NULL, &e), &e);
	CHECK_STR(written(a), "exec acme");
	CHECK_INT(a->writes, 1);
}

TEST(another_profile_in_place)
{
	static const char *const shown[] = { "acme_foo (enforce)", "unconfined", "" };

	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		FRESH();
		add(APPARMOR, shown[i], 0);
		CHECK_ERR(set("acme", NULL, &e), &e, "/process/apparmorProfile", "is in place");
	}
}

TEST(older_kernels_have_one_file)
{
	FRESH();
	struct attr *a = add(GENERIC, "acme (complain)", 0);

	CHECK_OK(set("acme", NULL, &e), &e);
	CHECK_STR(written(a), "exec acme");
}

/* Rule F4: only the absence of the file says that there is no such file. */
TEST(a_file_that_cannot_be_opened_is_no_absent_one)
{
	FRESH();
	add(APPARMOR, "", -EACCES);
	struct attr *generic = add(GENERIC, "acme (enforce)", 0);

	CHECK_ERR(set("acme", NULL, &e), &e, "/process/apparmorProfile", "acme");
	CHECK_INT(generic->writes, 0);
}

TEST(label_is_written_and_read_back)
{
	FRESH();
	struct attr *a = add(SELINUX, LABEL "\n", 0);

	CHECK_OK(set(NULL, LABEL, &e), &e);
	CHECK_STR(written(a), LABEL);
}

TEST(another_label_in_place)
{
	static const char *const shown[] = { "system_u:system_r:svirt_lxc_net_t:s0:c124", LABEL "x",
					     "" };

	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		FRESH();
		add(SELINUX, shown[i], 0);
		CHECK_ERR(set(NULL, LABEL, &e), &e, "/process/selinuxLabel", "is in place");
	}
}

TEST(both_modules)
{
	FRESH();
	struct attr *a = add(APPARMOR, "acme (enforce)", 0), *s = add(SELINUX, LABEL, 0);

	CHECK_OK(set("acme", LABEL, &e), &e);
	CHECK_STR(written(a), "exec acme");
	CHECK_STR(written(s), LABEL);
}

TEST(unconfined_without_the_module)
{
	FRESH();
	struct attr *generic = add(GENERIC, "", 0);

	CHECK_OK(set("unconfined", NULL, &e), &e);
	CHECK_INT(generic->writes, 0);
	CHECK_ERR(set("unconfined_foo", NULL, &e), &e, "/process/apparmorProfile",
		  "none is in place");
}

UNIT_MAIN
