/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/limits: what runs out under many containers: keys, watches, pids, locked memory,
 * descriptors.
 */
#include <inttypes.h>
#include <sys/resource.h>

#include "base/str.h"
#include "doctor/room.h"

/* "A/B" of one column of /proc/key-users. */
static bool parse_pair(char **line, uint64_t *ret_used, uint64_t *ret_max)
{
	char *word, *max;

	do
		word = strsep(line, " ");
	while (word && !*word);
	max = word;
	return word && strsep(&max, "/") && max && str_to_u64(word, UINT64_MAX, ret_used) == 0 &&
	       str_to_u64(max, UINT64_MAX, ret_max) == 0;
}

/* KERNEL: "UID: USAGE NKEYS/NIKEYS QNKEYS/MAXKEYS QNBYTES/MAXBYTES"; the quota of keys is why a
 * create can fail with "Disk quota exceeded". keyrings(7), proc_key-users(5) */
static void look_keys(struct doctor *d)
{
	const char *prefix = d->rootless ? "" : "root_";
	char *text, *line;

	if (host_text(d, "/proc/key-users", &text) < 0) {
		answer(d, DOCTOR_NOTE, "", "boot a kernel with CONFIG_KEYS=y",
		       "the kernel has no keys: nothing to run out of");
		return;
	}
	while ((line = next_line(&text))) {
		uint64_t keys, keys_max, bytes, bytes_max, skip;
		uint32_t uid;
		char *id = trim(line);

		line = id;
		id = strsep(&line, ":");
		if (!line || str_to_u32(id, &uid) < 0 || uid != d->o->uid)
			continue;
		line = trim(line);
		strsep(&line, " ");
		if (!parse_pair(&line, &skip, &skip) || !parse_pair(&line, &keys, &keys_max) ||
		    !parse_pair(&line, &bytes, &bytes_max))
			continue;
		if (keys >= keys_max || bytes >= bytes_max)
			answer(d, DOCTOR_FAILURE, "",
			       arena_printf(d->a,
					    "sysctl -w kernel.keys.%smaxkeys=%" PRIu64
					    " kernel.keys.%smaxbytes=%" PRIu64
					    ", or create with --no-new-keyring",
					    prefix, MAX(keys, keys_max) * 10, prefix,
					    MAX(bytes, bytes_max) * 10),
			       "%" PRIu64 " of %" PRIu64 " keys, %" PRIu64 " of %" PRIu64
			       " bytes are used: no session keyring "
			       "can be made",
			       keys, keys_max, bytes, bytes_max);
		else if (keys * 5 >= keys_max * 4 || bytes * 5 >= bytes_max * 4)
			answer(d, DOCTOR_WARNING, "",
			       arena_printf(d->a,
					    "sysctl -w kernel.keys.%smaxkeys=%" PRIu64
					    " kernel.keys.%smaxbytes=%" PRIu64,
					    prefix, MAX(keys, keys_max) * 10, prefix,
					    MAX(bytes, bytes_max) * 10),
			       "%" PRIu64 " of %" PRIu64 " keys, %" PRIu64 " of %" PRIu64
			       " bytes are used; each container takes one",
			       keys, keys_max, bytes, bytes_max);
		else
			ok(d, "%" PRIu64 " of %" PRIu64 " keys are used", keys, keys_max);
		return;
	}
	ok(d, "none is used");
}

/* A number of the kernel and what it should at least be. */
static void look_sysctl(struct doctor *d, const char *name, uint64_t least, const char *why)
{
	char file[96];
	uint64_t v;

	str_format(file, sizeof(file), "/proc/sys/%s", name);
	for (char *p = file + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	if (host_number(d, file, &v) < 0)
		answer(d, DOCTOR_NOTE, name, "mount -t proc proc /proc", "not to be read");
	else if (v < least)
		answer(d, DOCTOR_WARNING, name,
		       arena_printf(d->a, "sysctl -w %s=%" PRIu64, name, least), "%" PRIu64 ": %s",
		       v, why);
	else
		answer(d, DOCTOR_OK, name, "", "%" PRIu64, v);
}

static void look_inotify(struct doctor *d)
{
	static const char why[] = "programs that watch files fail in some containers already";

	look_sysctl(d, "fs.inotify.max_user_instances", 128, why);
	look_sysctl(d, "fs.inotify.max_user_watches", 8192, why);
}

static void look_pids(struct doctor *d)
{
	static const char why[] = "all containers together have no more processes and threads";

	look_sysctl(d, "kernel.pid_max", 32768, why);
	look_sysctl(d, "kernel.threads-max", 8192, why);
}

static void look_rlimit(struct doctor *d, int which, const char *name, uint64_t least,
			const char *why)
{
	struct rlimit l;

	if (getrlimit(which, &l) < 0 || l.rlim_max == RLIM_INFINITY)
		ok(d, "unlimited");
	else if (l.rlim_max < least)
		answer(d, DOCTOR_WARNING, "",
		       arena_printf(d->a,
				    "raise %s of the service or session that calls hull: "
				    "Limit%s=%" PRIu64,
				    name, name, least),
		       "%" PRIu64 ": %s", (uint64_t)l.rlim_max, why);
	else
		ok(d, "%" PRIu64, (uint64_t)l.rlim_max);
}

static void look_memlock(struct doctor *d)
{
	look_rlimit(d, RLIMIT_MEMLOCK, "MEMLOCK", 65536,
		    "programs inside cannot lock what they need");
}

static void look_nofile(struct doctor *d)
{
	look_rlimit(d, RLIMIT_NOFILE, "NOFILE", 1024,
		    "hull holds one descriptor for each mount until it is attached");
}

static const struct doctor_check rows[] = {
	{ .id = "limit.keys", .what = "room in the caller's key quota", .look = look_keys },
	{ .id = "limit.inotify",
	  .what = "inotify for all containers of a user",
	  .look = look_inotify },
	{ .id = "limit.pids", .what = "processes of the whole host", .look = look_pids },
	{ .id = "limit.memlock",
	  .what = "hard limit of locked memory (RLIMIT_MEMLOCK)",
	  .look = look_memlock },
	{ .id = "limit.nofile",
	  .what = "hard limit of descriptors (RLIMIT_NOFILE)",
	  .look = look_nofile },
};

const struct doctor_group doctor_limits = { rows, ARRAY_LEN(rows) };
