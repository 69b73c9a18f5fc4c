/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/words: flags and rules back into the words of the config.
 */
#include "plan/words.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"
#include "sys/abi.h"

const char *const plan_ns_op_names[] = {
	[NS_OP_SETNS] = "setns",     [NS_OP_TRY_SETNS] = "try-setns", [NS_OP_UNSHARE] = "unshare",
	[NS_OP_OFFSETS] = "offsets", [NS_OP_CLONE] = "clone",	      [NS_OP_IDMAP] = "idmap",
	[NS_OP_SETID] = "setid",     [NS_OP_FORK] = "fork",
};
const char *const plan_mount_kinds[] = {
	[MOUNT_FS] = "new",
	[MOUNT_BIND] = "bind",
	[MOUNT_REMOUNT] = "remount",
	[MOUNT_CGROUP] = "cgroup",
	[MOUNT_PROPAGATION] = "propagation",
};
const char *const plan_cgroup_managers[] = {
	[CGROUP_CGROUPFS] = "cgroupfs",
	[CGROUP_SYSTEMD] = "systemd",
	[CGROUP_DISABLED] = "disabled",
};
const char *const plan_idmap_writers[] = {
	[IDMAP_NONE] = "none",
	[IDMAP_DIRECT] = "runtime",
	[IDMAP_HELPER] = "newuidmap",
};
const char *const plan_capset_names[] = {
	[CAPSET_EFFECTIVE] = "effective",     [CAPSET_BOUNDING] = "bounding",
	[CAPSET_INHERITABLE] = "inheritable", [CAPSET_PERMITTED] = "permitted",
	[CAPSET_AMBIENT] = "ambient",
};

static const struct attr_word {
	uint64_t bit;
	char set[12], clear[14];
} attr_words[] = {
	{ MOUNT_ATTR_RDONLY, "ro", "rw" },
	{ MOUNT_ATTR_NOSUID, "nosuid", "suid" },
	{ MOUNT_ATTR_NODEV, "nodev", "dev" },
	{ MOUNT_ATTR_NOEXEC, "noexec", "exec" },
	{ MOUNT_ATTR_NODIRATIME, "nodiratime", "diratime" },
	{ MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow", "symfollow" },
};

static const struct attr_word superblock_words[] = {
	{ MS_RDONLY, "ro", "rw" },
	{ MS_SYNCHRONOUS, "sync", "async" },
	{ MS_DIRSYNC, "dirsync", "nodirsync" },
	{ MS_LAZYTIME, "lazytime", "nolazytime" },
	{ MS_MANDLOCK, "mand", "nomand" },
	{ MS_SILENT, "silent", "loud" },
	{ MS_I_VERSION, "iversion", "noiversion" },
};

static char *add_word(struct arena *a, char *list, const char *prefix, const char *word)
{
	return arena_printf(a, "%s%s%s%s", list, *list ? "," : "", prefix, word);
}

static char *table_words(struct arena *a, char *list, const struct attr_word *t, size_t n,
			 uint64_t set, uint64_t clear, const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (set & t[i].bit)
			list = add_word(a, list, prefix, t[i].set);
		else if (clear & t[i].bit)
			list = add_word(a, list, prefix, t[i].clear);
	}
	return list;
}

const char *plan_attr_words(struct arena *a, uint64_t set, uint64_t clear, bool recursive)
{
	const char *prefix = recursive ? "r" : "";
	char *list = table_words(a, arena_strdup(a, ""), attr_words, ARRAY_LEN(attr_words), set,
				 clear, prefix);

	/* The access time is a number in three bits, not a flag each. */
	if (set & MOUNT_ATTR_NOATIME)
		return add_word(a, list, prefix, "noatime");
	if (set & MOUNT_ATTR_STRICTATIME)
		return add_word(a, list, prefix, "strictatime");
	if (clear & MOUNT_ATTR__ATIME)
		return add_word(a, list, prefix, "relatime");
	return list;
}

const char *plan_superblock_words(struct arena *a, unsigned long set, unsigned long clear)
{
	return table_words(a, arena_strdup(a, ""), superblock_words, ARRAY_LEN(superblock_words),
			   set, clear, "");
}

const char *plan_propagation_word(struct arena *a, unsigned long flags, bool recursive)
{
	const char *word = flags & MS_SHARED	   ? "shared"
			   : flags & MS_SLAVE	   ? "slave"
			   : flags & MS_PRIVATE	   ? "private"
			   : flags & MS_UNBINDABLE ? "unbindable"
						   : "";

	return *word && (recursive || flags & MS_REC) ? arena_printf(a, "r%s", word) : word;
}

const char *plan_mount_words(struct arena *a, const struct plan_mount *m)
{
	const char *const lists[] = {
		plan_attr_words(a, m->attr_set, m->attr_clear, false),
		plan_attr_words(a, m->rec_attr_set, m->rec_attr_clear, true),
		plan_superblock_words(a, m->sb_set, m->sb_clear),
		plan_propagation_word(a, m->rec_propagation, true),
		plan_propagation_word(a, m->propagation, false),
		m->copy_up ? "tmpcopyup" : "",
		m->copy_symlink ? "copy-symlink" : "",
		m->src_nofollow ? "src-nofollow" : "",
		m->dest_nofollow ? "dest-nofollow" : "",
		m->idmap == MOUNT_IDMAP_NONE ? ""
		: m->idmap_recursive	     ? "ridmap"
					     : "idmap",
		m->data,
	};
	char *list = arena_strdup(a, "");

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (*lists[i])
			list = add_word(a, list, "", lists[i]);
	return list;
}

const char *plan_device_words(struct arena *a, char type, bool any_major, int64_t major,
			      bool any_minor, int64_t minor)
{
	const char *first = any_major ? "*" : arena_printf(a, "%" PRId64, major);
	const char *second = any_minor ? "*" : arena_printf(a, "%" PRId64, minor);

	return type == 'p' ? "p" : arena_printf(a, "%c %s:%s", type ? type : 'a', first, second);
}

const char *plan_rule_words(struct arena *a, const struct spec_device_rule *r)
{
	return arena_printf(a, "%s %s %s%s%s", r->allow ? "allow" : "deny",
			    plan_device_words(a, r->type, !r->major.set || r->major.v < 0,
					      r->major.v, !r->minor.set || r->minor.v < 0,
					      r->minor.v),
			    r->access & DEVICE_READ ? "r" : "", r->access & DEVICE_WRITE ? "w" : "",
			    r->access & DEVICE_MKNOD ? "m" : "");
}

static const char *known_device(const struct spec_device_rule *r)
{
	static const struct {
		int64_t major, minor;
		char name[14];
	} known[] = {
		{ 1, 3, "/dev/null" },	  { 1, 5, "/dev/zero" },    { 1, 7, "/dev/full" },
		{ 1, 8, "/dev/random" },  { 1, 9, "/dev/urandom" }, { 5, 0, "/dev/tty" },
		{ 5, 1, "/dev/console" }, { 5, 2, "/dev/ptmx" },    { 10, 200, "/dev/net/tun" },
		{ 10, 229, "/dev/fuse" }, { 10, 232, "/dev/kvm" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (r->type == 'c' && r->major.set && r->minor.set &&
		    r->major.v == known[i].major && r->minor.v == known[i].minor)
			return known[i].name;
	if (r->type == 'c' && r->major.set && r->major.v == 136)
		return "terminals";
	if (r->type != 'c' && r->type != 'b')
		return "all devices";
	if ((!r->major.set || r->major.v < 0) && (!r->minor.set || r->minor.v < 0))
		return r->type == 'c' ? "every character device" : "every block device";
	return r->type == 'c' ? "this character device" : "this block device";
}

const char *plan_rule_meaning(struct arena *a, const struct spec_device_rule *r)
{
	static const char what[][13] = { "reading", "writing", "making nodes" };
	char *list = arena_strdup(a, "");

	for (size_t i = 0; i < ARRAY_LEN(what); i++)
		if (r->access >> i & 1)
			list = arena_printf(a, "%s%s%s", list, *list ? ", " : "", what[i]);
	return arena_printf(a, "%s: %s%s", known_device(r), r->allow ? "" : "no ", list);
}

const char *plan_ns_words(struct arena *a, uint64_t flags)
{
	char *list = arena_strdup(a, "");

	for (int k = 0; k < NS_KINDS; k++)
		if (flags & plan_ns_flag(k))
			list = add_word(a, list, "", table_name(&spec_namespaces, (uint64_t)k));
	return list;
}

char plan_device_type(mode_t mode)
{
	return S_ISFIFO(mode) ? 'p' : S_ISBLK(mode) ? 'b' : 'c';
}
