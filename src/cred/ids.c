/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/ids: user, group and additional groups, exactly as configured (rule C2), by raw calls that
 * act on the one thread there is.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "cred/cred.h"
#include "sys/call.h"

static void sift_down(gid_t *v, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		gid_t t;

		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[root] >= v[child])
			return;
		t = v[root];
		v[root] = v[child];
		v[child] = t;
	}
}

/* Heap sort: no allocation, no recursion, no bad case at 65536 groups. */
static void sort_gids(gid_t *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(v, i, n);
	for (size_t end = n; end > 1; end--) {
		gid_t t = v[0];

		v[0] = v[end - 1];
		v[end - 1] = t;
		sift_down(v, 0, end - 1);
	}
}

static int verify_groups(const gid_t *want, size_t n)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	gid_t *w, *got;
	int have = getgroups(0, NULL);

	if (have < 0)
		return -errno;
	if ((size_t)have != n)
		return -EPERM;
	if (n == 0)
		return 0;
	arena_init(&a);
	w = arena_new_array(&a, n, gid_t);
	memcpy(w, want, n * sizeof(*w));
	got = arena_new_array(&a, n, gid_t);
	if (getgroups(have, got) != have)
		return -EPERM;
	sort_gids(w, n);
	sort_gids(got, n);
	return memcmp(w, got, n * sizeof(*w)) ? -EPERM : 0;
}

/* Does the user namespace that hull was started in deny it? user_namespaces(7) */
static bool setgroups_is_denied(void)
{
	struct procfs proc = { .fd = -1 };
	char text[16] = "";

	if (proc_open(false, &proc) >= 0)
		(void)proc_read(&proc, "self/setgroups", text, sizeof(text));
	proc_close(&proc);
	return streq(text, "deny");
}

/*
 * KERNEL: the groups of the caller cannot be left then, nor others taken: access may have been
 * denied to them. user_namespaces(7). A group that the process has all the same is granted.
 */
static int check_denied_groups(const struct plan_process *p, struct err *e)
{
	_cleanup_(arena_free) struct arena a = { 0 };
	int n = getgroups(0, NULL);
	gid_t *have;

	if (n < 0)
		return err_sys(e, ERR_CRD_IDS, -errno, "read the groups");
	arena_init(&a);
	have = arena_new_array(&a, (size_t)n + 1, gid_t);
	n = getgroups(n, have);
	for (size_t i = 0; i < p->n_groups; i++) {
		bool found = p->groups[i] == p->gid;

		for (int k = 0; k < n && !found; k++)
			found = have[k] == p->groups[i];
		if (!found)
			return err_set(e, ERR_CRD_IDS, EPERM,
				       "the user namespace denies setgroups, and the caller is not "
				       "in group %u",
				       p->groups[i]);
	}
	return 0;
}

static int set_groups(const struct plan_process *p, struct err *e)
{
	int r;

	if (p->keep_groups)
		return 0;
	if (p->setgroups_denied)
		return check_denied_groups(p, e);
	r = sys_setgroups(p->n_groups, p->groups);
	if (r == -EPERM && setgroups_is_denied())
		return check_denied_groups(p, e);
	/* KERNEL: EINVAL for an id that is not mapped, or more than NGROUPS_MAX (65536).
	 * setgroups(2). */
	if (r == -EINVAL)
		return err_sys(
			e, ERR_CRD_IDS, r,
			"set %zu groups: one is not mapped in the user namespace, or too many",
			p->n_groups);
	if (r < 0)
		return err_sys(e, ERR_CRD_IDS, r, "set %zu groups", p->n_groups);
	r = verify_groups(p->groups, p->n_groups);
	return r < 0 ? err_sys(e, ERR_CRD_IDS, r, "the groups read back differ from those set") : 0;
}

static int explain_id(const char *what, unsigned id, int r, struct err *e)
{
	/* KERNEL: EINVAL for an id without mapping. setresuid(2). */
	return err_sys(e, ERR_CRD_IDS, r,
		       r == -EINVAL ? "%s %u is not mapped in the user namespace" : "become %s %u",
		       what, id);
}

static int set_gid(gid_t gid, struct err *e)
{
	gid_t r1, r2, r3;
	int r = sys_setresgid(gid, gid, gid);

	if (r < 0)
		return explain_id("group", gid, r, e);
	if (getresgid(&r1, &r2, &r3) < 0 || r1 != gid || r2 != gid || r3 != gid)
		return err_set(e, ERR_CRD_IDS, EPERM, "the group ids read back are not all %u",
			       gid);
	return 0;
}

static int set_uid(uid_t uid, struct err *e)
{
	uid_t r1, r2, r3;
	int r = sys_setresuid(uid, uid, uid);

	if (r < 0)
		return explain_id("user", uid, r, e);
	if (getresuid(&r1, &r2, &r3) < 0 || r1 != uid || r2 != uid || r3 != uid)
		return err_set(e, ERR_CRD_IDS, EPERM, "the user ids read back are not all %u", uid);
	return 0;
}

int cred_set_ids(const struct plan_process *p, struct err *e)
{
	int r;

	r = set_groups(p, e);
	if (r < 0)
		return err_at(e, r, "/process/user/additionalGids");
	r = set_gid(p->gid, e);
	if (r < 0)
		return err_at(e, r, "/process/user/gid");
	/* KERNEL: leaving user 0 empties permitted and effective, KEEPCAPS keeps permitted. Cleared
	 * by execve. prctl(2). cred_set_caps brings the rest down to what is configured. */
	r = sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (r < 0)
		return err_sys(e, ERR_CRD_IDS, r, "PR_SET_KEEPCAPS");
	r = set_uid(p->uid, e);
	return r < 0 ? err_at(e, r, "/process/user/uid") : 0;
}

static int become(uid_t uid, gid_t gid, struct err *e)
{
	int r = set_gid(gid, e);

	return r < 0 ? r : set_uid(uid, e);
}

int cred_become_ns_root(const struct plan_ids *ids, struct err *e)
{
	struct err own = { 0 };
	int r;

	if (!ids->root_mapped)
		return become(ids->setup_uid, ids->setup_gid, e);
	r = become(0, 0, &own);
	if (r == -EINVAL && ids->joined) {
		err_drop(&own,
			 "the maps of a joined namespace are not known; 0 need not be among them");
		return become(ids->setup_uid, ids->setup_gid, e);
	}
	if (r < 0 && !err_is(e))
		*e = own;
	return r;
}
