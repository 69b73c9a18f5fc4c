/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_linux: /linux (config-linux.md) but for resources and seccomp, which have files of
 * their own.
 */
#include <linux/mempolicy.h>
#include <sys/stat.h>
#include <time.h>

#include "spec/read.h"

#define ID_MAX (UINT32_MAX - 1) /* see read_process.c */

enum { NET_DEVICES_MAX = 256 }; /* few enough to compare each with each */

/* KERNEL: device numbers have 12 bits of major and 20 bits of minor; more would be cut.
 * linux/kdev_t.h. */
enum { MAJOR_MAX = 4095, MINOR_MAX = 1048575 };

/* ---- namespaces ---- */

struct ns_entry {
	int kind;
	const char *path;
};

static const struct field ns_entry_fields[] = {
	NAME(ns_entry, "type", kind, spec_namespaces, REQUIRED),
	VALUE(ns_entry, "path", path, ABSOLUTE | EMPTY_IS_NONE),
};
static OBJECT_TYPE(ns_entry, ns_entry);

static int read_namespaces(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_linux *os = object;
	int x = jv_array(v, r->e);

	(void)f;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		struct ns_entry entry = { 0 };
		struct spec_namespace *ns;

		x = field_read(r, &ns_entry, it.value, &entry);
		if (x < 0)
			return x;
		ns = &os->namespaces[entry.kind];
		if (ns->listed)
			return jv_fail(it.value, r->e, ERR_CFG_DUPLICATE,
				       "the %s namespace is listed twice",
				       table_name(&spec_namespaces, (uint64_t)entry.kind));
		*ns = (struct spec_namespace){ .listed = true,
					       .path = entry.path,
					       .index = (unsigned)it.index };
	}
	return x;
}

/* ---- time offsets ---- */

static const struct field offset_fields[] = {
	VALUE(spec_time_offset, "secs", secs, 0),
	NUMBER(spec_time_offset, "nanosecs", nanosecs, 0, 999999999, 0),
};
static OBJECT_TYPE(offset, spec_time_offset, .set = true);

/* The keys are names of clocks, not properties: an unknown one is a wrong value. */
static int read_time_offsets(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_linux *os = object;
	int x = jv_object(v, r->e);

	(void)f;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		const struct name_value *clock = table_find(&spec_clocks, it.key);

		if (!clock)
			return jv_fail(it.value, r->e, ERR_CFG_VALUE,
				       "\"%.64s\" is no clock of a time namespace; known are "
				       "monotonic, boottime",
				       it.key);
		x = field_read(r, &offset, it.value,
			       clock->value == CLOCK_MONOTONIC ? &os->monotonic : &os->boottime);
	}
	return x;
}

/* ---- devices ---- */

static int read_device_type(struct reader *r, const struct field *f, struct jv v, void *object)
{
	const char *s = "";
	int x = jv_string(v, &s, r->e);

	(void)f;
	if (x < 0)
		return x;
	if (!*s || s[1] || !strchr("cbup", *s))
		return jv_fail(v, r->e, ERR_CFG_VALUE,
			       "must be \"c\", \"b\", \"u\" or \"p\", not \"%.64s\"", s);
	((struct spec_device *)object)->type = *s;
	return 0;
}

/* Some engines hand over st_mode as it is: a file type is taken when it agrees with `type`, and
 * removed. */
static int check_file_mode(struct reader *r, struct jv v, struct spec_device *d)
{
	uint32_t type = d->file_mode.v & S_IFMT;
	uint32_t want = d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;

	if (type && type != want)
		return jv_fail_member(v, "fileMode", r->e, ERR_CFG_VALUE,
				      "holds the file type 0%o, which is not that of type \"%c\"",
				      type, d->type);
	d->file_mode.v &= ~(uint32_t)S_IFMT;
	return 0;
}

static int check_device(struct reader *r, struct jv v, void *object)
{
	struct jv number;

	if (((struct spec_device *)object)->type != 'p') {
		if (!jv_find(v, "major", &number))
			return jv_fail_missing(v, "major", r->e);
		if (!jv_find(v, "minor", &number))
			return jv_fail_missing(v, "minor", r->e);
	}
	return check_file_mode(r, v, object);
}

static const struct field device_fields[] = {
	CALL("type", read_device_type, REQUIRED),
	VALUE(spec_device, "path", path, REQUIRED | ABSOLUTE),
	NUMBER(spec_device, "major", major, 0, MAJOR_MAX, 0),
	NUMBER(spec_device, "minor", minor, 0, MINOR_MAX, 0),
	NUMBER(spec_device, "fileMode", file_mode, 0, 0177777, 0),
	NUMBER(spec_device, "uid", uid, 0, ID_MAX, 0),
	NUMBER(spec_device, "gid", gid, 0, ID_MAX, 0),
};
static OBJECT_TYPE(device, spec_device, .check = check_device);

/* KERNEL: dev_valid_name(): 1 to 15 bytes, no "/", ":" or blank, not "." or "..".
 * linux/net/core/dev.c. */
static bool is_device_name(const char *s)
{
	enum { LONGEST = 15 };
	size_t n = strlen(s);

	return n && n <= LONGEST && !s[strcspn(s, "/: \t\n\v\f\r")] && !streq(s, ".") &&
	       !streq(s, "..");
}

/* In the container "%d" at most once: the kernel puts a free number there. */
static int check_net_device(struct reader *r, struct jv v, void *object)
{
	const struct spec_net_device *d = object;
	const char *percent = d->name ? strchr(d->name, '%') : NULL;

	if (!is_device_name(d->host_name) || strchr(d->host_name, '%'))
		return jv_fail(v, r->e, ERR_CFG_VALUE, "\"%.64s\" is no name of a network device",
			       d->host_name);
	if (d->name && (!is_device_name(d->name) ||
			(percent && (percent[1] != 'd' || strchr(percent + 1, '%')))))
		return jv_fail_member(v, "name", r->e, ERR_CFG_VALUE,
				      "\"%.64s\" is no name of a network device", d->name);
	return 0;
}

static const struct field net_device_fields[] = {
	VALUE(spec_net_device, "name", name, EMPTY_IS_NONE),
};
static OBJECT_TYPE(net_device, spec_net_device, .most = NET_DEVICES_MAX, .check = check_net_device);

/* ---- small objects ---- */

/* SECURITY: the class is a directory of resctrl: one plain name, or "/" for its root. */
static bool is_clos_id(const char *s)
{
	return streq(s, "/") ||
	       (!strchr(s, '/') && !strchr(s, '\n') && !streq(s, ".") && !streq(s, ".."));
}

/* LNX-RDT-07 to 12: a line break would smuggle a second line into the schemata file. */
static int check_schema(struct reader *r, struct jv v, const char *key, const char *prefix,
			const char *s)
{
	if (!s || (str_starts(s, prefix) && !strchr(s, '\n')))
		return 0;
	return jv_fail_member(v, key, r->e, ERR_CFG_VALUE,
			      "must be one line that begins with \"%s\"", prefix);
}

static int check_rdt(struct reader *r, struct jv v, void *object)
{
	const struct spec_rdt *rdt = object;
	struct jv schemata;
	int x = check_schema(r, v, "l3CacheSchema", "L3:", rdt->l3_cache_schema);

	if (x == 0)
		x = check_schema(r, v, "memBwSchema", "MB:", rdt->mem_bw_schema);
	if (x == 0 && rdt->clos_id && !is_clos_id(rdt->clos_id))
		x = jv_fail_member(v, "closID", r->e, ERR_CFG_VALUE,
				   "must be one plain name, or \"/\"");
	if (x == 0 && jv_find(v, "schemata", &schemata))
		for (struct jv_iter it = jv_each(schemata); jv_next(&it);)
			if (strchr(rdt->schemata.v[it.index], '\n'))
				return jv_fail(it.value, r->e, ERR_CFG_VALUE,
					       "must not hold a line break");
	return x;
}

static const struct field rdt_fields[] = {
	VALUE(spec_rdt, "closID", clos_id, EMPTY_IS_NONE),
	VALUE(spec_rdt, "l3CacheSchema", l3_cache_schema, EMPTY_IS_NONE),
	VALUE(spec_rdt, "memBwSchema", mem_bw_schema, EMPTY_IS_NONE),
	VALUE(spec_rdt, "schemata", schemata, 0),
	VALUE(spec_rdt, "enableMonitoring", enable_monitoring, 0),
};
static OBJECT_TYPE(rdt, spec_rdt, .set = true, .check = check_rdt);

static const struct field memory_policy_fields[] = {
	NAME(spec_memory_policy, "mode", mode, spec_mpol_modes, REQUIRED),
	NAMES(spec_memory_policy, "flags", flags, spec_mpol_flags),
	VALUE(spec_memory_policy, "nodes", nodes, EMPTY_IS_NONE | NUMBER_LIST),
};

/* KERNEL: which modes take a node mask and which need one. set_mempolicy(2). */
static int check_memory_policy(struct reader *r, struct jv v, void *object)
{
	const struct spec_memory_policy *m = object;
	bool none = m->mode == MPOL_DEFAULT || m->mode == MPOL_LOCAL;
	const char *name = table_name(&spec_mpol_modes, (uint64_t)m->mode);

	if (none && m->nodes)
		return jv_fail_member(v, "nodes", r->e, ERR_CFG_CONFLICT, "%s takes no nodes",
				      name);
	if (!none && m->mode != MPOL_PREFERRED && !m->nodes)
		return jv_fail_member(v, "nodes", r->e, ERR_CFG_MISSING,
				      "%s needs at least one node", name);
	return 0;
}

static OBJECT_TYPE(memory_policy, spec_memory_policy, .set = true, .check = check_memory_policy);

/* The spec has no flag yet: any entry is a wrong value (LNX-PERS-05). */
static int read_personality_flags(struct reader *r, const struct field *f, struct jv v,
				  void *object)
{
	int x = jv_array(v, r->e);

	(void)f;
	(void)object;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		const char *s = "";

		x = jv_string(it.value, &s, r->e);
		if (x == 0)
			return jv_fail(
				it.value, r->e, ERR_CFG_VALUE,
				"\"%.64s\" is no personality flag; the runtime-spec has none", s);
	}
	return x;
}

static const struct field personality_fields[] = {
	NAME(spec_personality, "domain", domain, spec_personalities, REQUIRED),
	CALL("flags", read_personality_flags, 0),
};
static OBJECT_TYPE(personality, spec_personality, .set = true);

/* ---- linux ---- */

static int check_linux(struct reader *r, struct jv v, void *object)
{
	const struct spec_linux *os = object;

	return read_check_idmaps(r, v, &os->uid_mappings, &os->gid_mappings);
}

static const struct field read_linux_fields[] = {
	CALL("namespaces", read_namespaces, 0),
	IDMAPS(spec_linux, "uidMappings", uid_mappings),
	IDMAPS(spec_linux, "gidMappings", gid_mappings),
	CALL("timeOffsets", read_time_offsets, 0),
	LIST(spec_linux, "devices", devices, n_devices, device),
	MAP(spec_linux, "netDevices", net_devices, n_net_devices, net_device),
	VALUE(spec_linux, "cgroupsPath", cgroups_path, EMPTY_IS_NONE),
	INNER(spec_linux, "resources", resources, read_resources),
	INNER(spec_linux, "intelRdt", rdt, rdt),
	INNER(spec_linux, "memoryPolicy", memory_policy, memory_policy),
	VALUE(spec_linux, "sysctl", sysctl, 0),
	INNER(spec_linux, "seccomp", seccomp, read_seccomp),
	NAME(spec_linux, "rootfsPropagation", rootfs_propagation, spec_rootfs_propagations, 0),
	VALUE(spec_linux, "maskedPaths", masked_paths, ABSOLUTE),
	VALUE(spec_linux, "readonlyPaths", readonly_paths, ABSOLUTE),
	VALUE(spec_linux, "mountLabel", mount_label, EMPTY_IS_NONE),
	INNER(spec_linux, "personality", personality, personality),
};
OBJECT_TYPE(read_linux, spec_linux, .set = true, .check = check_linux);
