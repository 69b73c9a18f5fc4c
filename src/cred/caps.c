/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/caps: the five capability sets (config.md#linux-process). Hides prctl and capset; each set
 * is read back, because a set that is wider than asked is a hole and one that is smaller a puzzle.
 */
#include <stdint.h>
#include <sys/prctl.h>

#include "base/table.h"
#include "cred/cred.h"
#include "cred/internal.h"
#include "spec/spec.h"
#include "sys/call.h"

enum { CAP_BITS = 64 };

static bool has(uint64_t set, unsigned cap)
{
	return set >> cap & 1;
}

static const char *cap_name(unsigned cap)
{
	const char *name = table_name(&spec_capabilities, cap);

	return name ? name : "a capability newer than hull";
}

/* KERNEL: PR_CAPBSET_READ and PR_CAPBSET_DROP say EINVAL for numbers above cap_last_cap.
 * capabilities(7). */
static int drop_one(unsigned cap)
{
	int r = sys_prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);

	int have;

	/* Without CAP_SETPCAP it is EPERM also when there is nothing to drop, or no such
	 * capability. */
	if (r != -EPERM)
		return r;
	have = sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
	return have > 0 ? r : have;
}

int cred_drop_bounding(const struct plan_process *p, struct err *e)
{
	uint64_t keep = p->caps[CAPSET_BOUNDING];
	unsigned end = CAP_BITS;
	int r = 0;

	for (unsigned cap = 0; cap < end && r >= 0; cap++) {
		r = has(keep, cap) ? sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0) : drop_one(cap);
		if (r == -EINVAL) {
			end = cap;
			r = 0;
		} else if (r == 0 && has(keep, cap)) {
			r = err_set(e, ERR_CRD_CAPS, EPERM,
				    "%s cannot be kept: hull itself lacks it", cap_name(cap));
		} else if (r < 0) {
			err_sys(e, ERR_CRD_CAPS, r, "drop %s (needs CAP_SETPCAP)", cap_name(cap));
		}
	}
	for (unsigned cap = 0; cap < end && r >= 0; cap++) {
		if (has(keep, cap))
			continue;
		r = sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (r != 0)
			r = err_set(e, ERR_CRD_CAPS, EPERM, "%s was dropped and is still there",
				    cap_name(cap));
	}
	return r < 0 ? err_at(e, r, "/process/capabilities/bounding") : 0;
}

static int set_ambient(uint64_t set, struct err *e)
{
	int r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	if (r < 0)
		return err_sys(e, ERR_CRD_CAPS, r, "clear the ambient capabilities");
	for (unsigned cap = 0; cap < CAP_BITS; cap++) {
		if (!has(set, cap))
			continue;
		/* KERNEL: EPERM unless the capability is permitted and inheritable. Since 4.3.
		 * capabilities(7). */
		r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		if (r < 0)
			return err_sys(e, ERR_CRD_CAPS, r,
				       "raise %s: it must be permitted and inheritable",
				       cap_name(cap));
		r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);
		if (r != 1)
			return err_set(e, ERR_CRD_CAPS, EPERM, "%s was raised and is not there",
				       cap_name(cap));
	}
	return 0;
}

int cred_set_caps(const struct plan_process *p, struct err *e)
{
	uint64_t effective, permitted, inheritable;
	int r;

	r = sys_capset(p->caps[CAPSET_EFFECTIVE], p->caps[CAPSET_PERMITTED],
		       p->caps[CAPSET_INHERITABLE]);
	if (r < 0) {
		/* KERNEL: EPERM when a set grows beyond what is permitted, or effective beyond
		 * permitted. capset(2). */
		err_sys(e, ERR_CRD_CAPS, r,
			"capset effective %#llx, permitted %#llx, inheritable %#llx: effective "
			"must be within permitted, "
			"and all within what hull has",
			(unsigned long long)p->caps[CAPSET_EFFECTIVE],
			(unsigned long long)p->caps[CAPSET_PERMITTED],
			(unsigned long long)p->caps[CAPSET_INHERITABLE]);
		return err_at(e, r, "/process/capabilities");
	}
	r = set_ambient(p->caps[CAPSET_AMBIENT], e);
	if (r < 0)
		return err_at(e, r, "/process/capabilities/ambient");
	r = sys_capget(0, &effective, &permitted, &inheritable);
	if (r < 0)
		return err_at(e, err_sys(e, ERR_CRD_CAPS, r, "capget"), "/process/capabilities");
	if (effective != p->caps[CAPSET_EFFECTIVE] || permitted != p->caps[CAPSET_PERMITTED] ||
	    inheritable != p->caps[CAPSET_INHERITABLE])
		return err_at(
			e,
			err_set(e, ERR_CRD_CAPS, EPERM, "the sets read back differ from those set"),
			"/process/capabilities");
	return 0;
}
