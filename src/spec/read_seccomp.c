/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_seccomp: /linux/seccomp (config-linux.md#seccomp). What the kernel makes of it is the
 * matter of seccomp/.
 */
#include <linux/seccomp.h>

#include "spec/read.h"

/* KERNEL: SECCOMP_RET_DATA has 16 bits; an errno above MAX_ERRNO is cut to 4095. kernel/seccomp.c,
 * seccomp(2). */
enum { ERRNO_MAX = 4095, DATA_MAX = 0xffff };

/* LNX-SEC-04, LNX-SEC-31: only ERRNO and TRACE take a value; elsewhere it would be dropped
 * silently. */
static int check_errno(struct reader *r, struct jv v, const char *key, uint32_t action,
		       struct opt_u32 ret)
{
	uint32_t max = action == SECCOMP_RET_ERRNO ? ERRNO_MAX : DATA_MAX;

	if (!ret.set)
		return 0;
	if (action != SECCOMP_RET_ERRNO && action != SECCOMP_RET_TRACE)
		return jv_fail_member(
			v, key, r->e, ERR_CFG_CONFLICT,
			"%s takes no errno, only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do",
			table_name(&spec_seccomp_actions, action));
	if (ret.v > max)
		return jv_fail_member(v, key, r->e, ERR_CFG_RANGE, "must be from 0 to %u, not %u",
				      max, ret.v);
	return 0;
}

static const struct field arg_fields[] = {
	NUMBER(spec_seccomp_arg, "index", index, 0, 5, REQUIRED),
	VALUE(spec_seccomp_arg, "value", value, REQUIRED),
	VALUE(spec_seccomp_arg, "valueTwo", value_two, 0),
	NAME(spec_seccomp_arg, "op", op, spec_seccomp_ops, REQUIRED),
};
static OBJECT_TYPE(arg, spec_seccomp_arg);

static int check_rule(struct reader *r, struct jv v, void *object)
{
	const struct spec_seccomp_rule *rule = object;

	return check_errno(r, v, "errnoRet", rule->action, rule->errno_ret);
}

static const struct field rule_fields[] = {
	VALUE(spec_seccomp_rule, "names", names, REQUIRED | NONEMPTY),
	NAME(spec_seccomp_rule, "action", action, spec_seccomp_actions, REQUIRED),
	VALUE(spec_seccomp_rule, "errnoRet", errno_ret, 0),
	LIST(spec_seccomp_rule, "args", args, n_args, arg),
};
static OBJECT_TYPE(rule, spec_seccomp_rule, .check = check_rule);

static int read_archs(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_seccomp *s = object;
	int x = jv_array(v, r->e);

	(void)f;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		uint64_t arch = 0;

		x = field_read_name(r, &spec_seccomp_archs, it.value, &arch);
		s->archs |= 1u << arch;
	}
	return x;
}

static int read_flags(struct reader *r, const struct field *f, struct jv v, void *object)
{
	struct spec_seccomp *s = object;
	int x = jv_array(v, r->e);

	(void)f;
	s->flags_set = true;
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		uint64_t flag = 0;

		x = field_read_name(r, &spec_seccomp_flags, it.value, &flag);
		s->flags |= (uint32_t)flag;
	}
	return x;
}

static int check_seccomp(struct reader *r, struct jv v, void *object)
{
	const struct spec_seccomp *s = object;

	if (s->listener_metadata && !s->listener_path)
		return jv_fail_member(v, "listenerMetadata", r->e, ERR_CFG_CONFLICT,
				      "must not be set without listenerPath");
	return check_errno(r, v, "defaultErrnoRet", s->default_action, s->default_errno_ret);
}

static const struct field read_seccomp_fields[] = {
	NAME(spec_seccomp, "defaultAction", default_action, spec_seccomp_actions, REQUIRED),
	VALUE(spec_seccomp, "defaultErrnoRet", default_errno_ret, 0),
	CALL("architectures", read_archs, 0),
	CALL("flags", read_flags, 0),
	VALUE(spec_seccomp, "listenerPath", listener_path, EMPTY_IS_NONE),
	VALUE(spec_seccomp, "listenerMetadata", listener_metadata, EMPTY_IS_NONE),
	LIST(spec_seccomp, "syscalls", rules, n_rules, rule),
};
OBJECT_TYPE(read_seccomp, spec_seccomp, .set = true, .check = check_seccomp);
