/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/users: what a caller without root is granted: ranges of ids, and the two programs that
 * write them into maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"

enum { ENOUGH = 65536 };

/* Sum of the ranges of the caller: "NAME:START:COUNT" or "UID:START:COUNT". subuid(5) */
static uint64_t granted(const struct doctor *d, char *text)
{
	const char *id = arena_printf(d->a, "%u", d->o->uid);
	uint64_t sum = 0;
	char *line;

	while ((line = next_line(&text))) {
		char *name = strsep(&line, ":"), *start = strsep(&line, ":");
		uint64_t first, count;

		if ((streq(name, d->user) || streq(name, id)) && start && line &&
		    str_to_u64(start, UINT32_MAX, &first) == 0 &&
		    str_to_u64(trim(line), UINT32_MAX, &count) == 0)
			sum += count;
	}
	return sum;
}

static void look_ranges(struct doctor *d, const char *file, const char *option)
{
	const enum doctor_verdict bad = d->rootless ? DOCTOR_WARNING : DOCTOR_NOTE;
	const char *fix = arena_printf(
		d->a, "as root: usermod --add-%ss 100000-165535 %s (a range nobody else in %s has)",
		option, d->user, file);
	uint64_t n = 0;
	char *text;
	int r = host_text(d, file, &text);

	if (r == 0)
		n = granted(d, text);
	if (n >= ENOUGH)
		ok(d, "%llu ids for %s", (unsigned long long)n, d->user);
	else if (n)
		answer(d, bad, "", fix, "%llu ids for %s: images use up to 65536",
		       (unsigned long long)n, d->user);
	else if (d->rootless)
		answer(d, bad, "", fix, "%s has nothing for %s: a container can have one id only",
		       file, d->user);
	else
		answer(d, DOCTOR_OK, "", "", "not needed for root but with --userns=auto");
}

static void look_subuid(struct doctor *d)
{
	look_ranges(d, "/etc/subuid", "subuid");
}

static void look_subgid(struct doctor *d)
{
	look_ranges(d, "/etc/subgid", "subgid");
}

/* Has the file the capability in its permitted set? KERNEL: security.capability,
 * VFS_CAP_REVISION 2 and 3; capabilities(7) */
static bool file_capability(int fd, unsigned cap)
{
	struct vfs_ns_cap_data data;
	ssize_t n = fgetxattr(fd, "security.capability", &data, sizeof(data));

	return n >= (ssize_t)(sizeof(uint32_t) * 3) &&
	       (data.data[cap / 32].permitted >> (cap % 32) & 1);
}

static void look_helper(struct doctor *d, const char *name, const char *cap_name, unsigned cap)
{
	/* where src/ns/helper.c looks: not PATH, whose owner may be anybody */
	static const char dirs[][18] = { "/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin",
					 "/run/wrappers/bin" };
	const enum doctor_verdict bad = d->rootless ? DOCTOR_WARNING : DOCTOR_NOTE;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const char *file = arena_printf(d->a, "%s/%s", dirs[i], name);
		_cleanup_fd_ int fd = host_open(d, file, O_RDONLY);
		struct statvfs fs;
		struct stat st;

		if (fd < 0 && fd != -EACCES) /* some distributions let nobody read it */
			continue;
		if (host_stat(d, file, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (fd >= 0 && fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID))
			answer(d, bad, "",
			       arena_printf(d->a, "mount the file system of %s without nosuid",
					    dirs[i]),
			       "%s lies on a file system with nosuid: it gains no rights", file);
		else if (((st.st_mode & S_ISUID) && st.st_uid == 0) ||
			 (fd >= 0 && file_capability(fd, cap)))
			ok(d, "%s", file);
		else if (!(st.st_mode & 0111))
			answer(d, bad, "", arena_printf(d->a, "chmod 4755 %s", file),
			       "%s is not executable", file);
		else
			answer(d, bad, "",
			       arena_printf(d->a, "setcap %s=ep %s (or chmod 4755)", cap_name,
					    file),
			       "%s is neither setuid root nor has %s", file, cap_name);
		return;
	}
	answer(d, bad, "", "apt-get install uidmap (Fedora: dnf install shadow-utils)",
	       "%s is not there: without root a container can have one id only", name);
}

static void look_newuidmap(struct doctor *d)
{
	look_helper(d, "newuidmap", "cap_setuid", CAP_SETUID);
}

static void look_newgidmap(struct doctor *d)
{
	look_helper(d, "newgidmap", "cap_setgid", CAP_SETGID);
}

static const struct doctor_check rows[] = {
	{ .id = "user.subuid", .what = "user ids granted to the caller", .look = look_subuid },
	{ .id = "user.subgid", .what = "group ids granted to the caller", .look = look_subgid },
	{ .id = "user.newuidmap", .what = "newuidmap and its rights", .look = look_newuidmap },
	{ .id = "user.newgidmap", .what = "newgidmap and its rights", .look = look_newgidmap },
};

const struct doctor_group doctor_users = { rows, ARRAY_LEN(rows) };
