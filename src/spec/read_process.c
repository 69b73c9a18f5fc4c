/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_process: /process (config.md#process, #posix-process, #linux-process, #user).
 */
#include <sys/stat.h>

#include "spec/read.h"

/* KERNEL: (uid_t)-1 means "leave as it is" in setresuid(2) and chown(2), so it names nobody. */
#define ID_MAX (UINT32_MAX - 1)

/* KERNEL: at most NGROUPS_MAX supplementary groups. linux/limits.h, setgroups(2). */
enum { GROUPS_MAX = 65536 };

/* ---- user ---- */

static int read_gids(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_user *u = object;
	size_t n = jv_count(v);
	uint32_t *gids;
	int x = jv_array(v, r->e);

	(void)f;
	if (x == 0)
		x = field_limit(r, v, n, GROUPS_MAX);
	if (x < 0)
		return x;
	gids = arena_new_array(r->arena, n, uint32_t);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		uint64_t gid = 0;

		x = jv_u64(it.value, 0, ID_MAX, &gid, r->e);
		gids[it.index] = (uint32_t)gid;
	}
	u->additional_gids = gids;
	u->n_additional_gids = n;
	return x;
}

static const struct field user_fields[] = {
	NUMBER(spec_user, "uid", uid, 0, ID_MAX, REQUIRED),
	NUMBER(spec_user, "gid", gid, 0, ID_MAX, REQUIRED),
	NUMBER(spec_user, "umask", umask, 0, 0777, 0),
	CALL("additionalGids", read_gids, 0),
	OTHER_PLATFORM("username"),
};
static OBJECT_TYPE(user, spec_user);

/* ---- capabilities ---- */

/* The row's name is a name of spec_capsets. An unknown capability is kept for the warning that the
 * spec demands and grants nothing. SECURITY: rule C3. */
static int read_capset(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_caps *caps = object;
	uint64_t *set = &caps->sets[table_find(&spec_capsets, f->name)->value];
	int x = jv_array(v, r->e);

	if (x == 0)
		x = field_limit(r, v, jv_count(v), LIST_MAX);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		const struct name_value *row;
		const char *name = "";

		x = jv_string(it.value, &name, r->e);
		row = table_find(&spec_capabilities, name);
		if (row)
			*set |= (uint64_t)1 << row->value;
		else if (x == 0)
			*(char **)arena_push(r->arena, &caps->unknown.v, &caps->unknown.n,
					     sizeof(char *)) = (char *)name;
	}
	return x;
}

/* struct strv ends in NULL. */
static int check_caps(struct reader *r, struct jv v, void *object)
{
	struct strv *unknown = &((struct spec_caps *)object)->unknown;

	(void)v;
	arena_push(r->arena, &unknown->v, &unknown->n, sizeof(char *));
	unknown->n--;
	return 0;
}

static const struct field caps_fields[] = {
	CALL("bounding", read_capset, 0),    CALL("effective", read_capset, 0),
	CALL("inheritable", read_capset, 0), CALL("permitted", read_capset, 0),
	CALL("ambient", read_capset, 0),
};
static OBJECT_TYPE(caps, spec_caps, .set = true, .check = check_caps);

/* ---- limits and scheduling ---- */

static int check_rlimit(struct reader *r, struct jv v, void *object)
{
	const struct spec_rlimit *l = object;

	if (l->soft > l->hard)
		return jv_fail_member(v, "soft", r->e, ERR_CFG_CONFLICT,
				      "the soft limit %llu is above the hard limit %llu",
				      (unsigned long long)l->soft, (unsigned long long)l->hard);
	return 0;
}

static const struct field rlimit_fields[] = {
	NAME(spec_rlimit, "type", resource, spec_rlimits, REQUIRED),
	VALUE(spec_rlimit, "soft", soft, REQUIRED),
	VALUE(spec_rlimit, "hard", hard, REQUIRED),
};
static OBJECT_TYPE(rlimit, spec_rlimit, .check = check_rlimit);

static int read_rlimits(struct reader *r, const struct field *f, struct jv v, void *object)
{
	static const struct field list = LIST(spec_process, "rlimits", rlimits, n_rlimits, rlimit);
	struct spec_process *p = object;
	uint32_t seen = 0;
	int x = field_read_list(r, &list, v, object);

	(void)f;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		int resource = p->rlimits[it.index].resource;

		if (seen >> resource & 1)
			return jv_fail_member(it.value, "type", r->e, ERR_CFG_DUPLICATE,
					      "%s is limited twice in the list",
					      table_name(&spec_rlimits, (uint64_t)resource));
		seen |= 1u << resource;
	}
	return x;
}

static const struct field scheduler_fields[] = {
	NAME(spec_scheduler, "policy", policy, spec_sched_policies, REQUIRED),
	/* KERNEL: values outside are clamped silently, so the range is checked here.
	   sched_setattr(2). */
	NUMBER(spec_scheduler, "nice", nice, -20, 19, 0),
	NUMBER(spec_scheduler, "priority", priority, 0, 99, 0),
	NAMES(spec_scheduler, "flags", flags, spec_sched_flags),
	VALUE(spec_scheduler, "runtime", runtime, 0),
	VALUE(spec_scheduler, "deadline", deadline, 0),
	VALUE(spec_scheduler, "period", period, 0),
};
static OBJECT_TYPE(scheduler, spec_scheduler, .set = true);

static const struct field io_priority_fields[] = {
	NAME(spec_io_priority, "class", class, spec_ioprio_classes, REQUIRED),
	NUMBER(spec_io_priority, "priority", priority, 0, 7, REQUIRED),
};
static OBJECT_TYPE(io_priority, spec_io_priority, .set = true);

static const struct field affinity_fields[] = {
	VALUE(spec_cpu_affinity, "initial", initial, EMPTY_IS_NONE | NUMBER_LIST),
	VALUE(spec_cpu_affinity, "final", final, EMPTY_IS_NONE | NUMBER_LIST),
};
static OBJECT_TYPE(affinity, spec_cpu_affinity, .set = true);

/* ---- process ---- */

static const struct field console_size_fields[] = {
	VALUE(spec_process, "height", console_height, REQUIRED),
	VALUE(spec_process, "width", console_width, REQUIRED),
};
static OBJECT_TYPE(console_size, spec_process); /* its members lie in the process itself */

static int read_console_size(struct reader *r, const struct field *f, struct jv v, void *object)
{
	(void)f;
	return field_read(r, &console_size, v, object);
}

static const struct field read_process_fields[] = {
	VALUE(spec_process, "terminal", terminal, 0),
	CALL("consoleSize", read_console_size, 0),
	VALUE(spec_process, "cwd", cwd, REQUIRED | ABSOLUTE),
	VALUE(spec_process, "env", env, 0),
	VALUE(spec_process, "args", args, REQUIRED | NONEMPTY),
	OTHER_PLATFORM("commandLine"),
	INNER(spec_process, "user", user, user),
	CALL("rlimits", read_rlimits, 0),
	VALUE(spec_process, "apparmorProfile", apparmor_profile, EMPTY_IS_NONE),
	VALUE(spec_process, "selinuxLabel", selinux_label, EMPTY_IS_NONE),
	INNER(spec_process, "capabilities", caps, caps),
	VALUE(spec_process, "noNewPrivileges", no_new_privileges, 0),
	/* KERNEL: OOM_SCORE_ADJ_MIN and _MAX, linux/oom.h. */
	NUMBER(spec_process, "oomScoreAdj", oom_score_adj, -1000, 1000, 0),
	INNER(spec_process, "scheduler", scheduler, scheduler),
	INNER(spec_process, "ioPriority", io_priority, io_priority),
	INNER(spec_process, "execCPUAffinity", exec_affinity, affinity),
};
OBJECT_TYPE(read_process, spec_process, .set = true);
