/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/check: what no filter can do for a profile that is valid by the spec, with the JSON
 * pointer of the place. What the spec itself forbids is refused by the reader.
 */
#include <linux/seccomp.h>

#include "base/macro.h"
#include "base/str.h"
#include "seccomp/args.h"
#include "seccomp/seccomp.h"
#include "seccomp/tables.h"

/* Calls between loading the filter and the agent having the listener: nobody could answer them. */
static const char before_agent[][8] = { "sendmsg", "recvmsg" };

static int check_rule(const struct spec_seccomp_rule *r, size_t n, struct err *e)
{
	for (size_t i = 0; r->action == SECCOMP_RET_USER_NOTIF && i < r->names.n; i++)
		for (size_t j = 0; j < ARRAY_LEN(before_agent); j++)
			if (streq(r->names.v[i], before_agent[j]))
				return err_at(e,
					      err_set(e, ERR_SEC_PROFILE, 0,
						      "SCMP_ACT_NOTIFY is not possible for %s: it "
						      "carries "
						      "the listener to its agent",
						      before_agent[j]),
					      "/linux/seccomp/syscalls/%zu/names/%zu", n, i);
	for (size_t i = 0; i < r->n_args; i++)
		if (r->args[i].index >= ARGS)
			return err_at(e,
				      err_set(e, ERR_SEC_PROFILE, 0,
					      "a system call has arguments 0 to %d, not %u",
					      ARGS - 1, r->args[i].index),
				      "/linux/seccomp/syscalls/%zu/args/%zu/index", n, i);
	return 0;
}

int seccomp_check(const struct spec_seccomp *s, struct err *e)
{
	int r = 0;

	if (!s->set)
		return 0;
	if (s->default_action == SECCOMP_RET_USER_NOTIF)
		return err_at(e,
			      err_set(e, ERR_SEC_PROFILE, 0,
				      "SCMP_ACT_NOTIFY is not possible as the default: the "
				      "listener could "
				      "not be carried to its agent"),
			      "/linux/seccomp/defaultAction");
	for (size_t i = 0; r == 0 && i < s->n_rules; i++)
		r = check_rule(&s->rules[i], i, e);
	return r;
}

int seccomp_check_names(const struct spec_seccomp *s, struct err *e)
{
	for (size_t i = 0; i < s->n_rules; i++)
		for (size_t j = 0; j < s->rules[i].names.n; j++)
			if (seccomp_name_find(s->rules[i].names.v[j]) < 0)
				return err_at(e,
					      err_set(e, ERR_SEC_PROFILE, 0,
						      "no system call is named \"%s\"",
						      s->rules[i].names.v[j]),
					      "/linux/seccomp/syscalls/%zu/names/%zu", i, j);
	return 0;
}
