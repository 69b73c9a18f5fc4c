/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred: who the process is and what it may do. The order of the calls is the contract of rules C2
 * to C4; init/steps.c holds it, every function here does one thing and verifies it by reading back.
 */
#ifndef HULL_CRED_CRED_H
#define HULL_CRED_CRED_H

#include "base/err.h"
#include "plan/plan.h"
#include "sys/path.h"
#include "sys/proc.h"

int cred_drop_bounding(const struct plan_process *p, struct err *e);
/* setgroups exactly, setresgid, setresuid with PR_SET_KEEPCAPS; verified. Raw system calls. */
int cred_set_ids(const struct plan_process *p, struct err *e);
/* effective, permitted, inheritable, ambient; verified by capget and PR_CAP_AMBIENT_IS_SET. */
int cred_set_caps(const struct plan_process *p, struct err *e);
int cred_no_new_privs(struct err *e);
/*
 * Write the AppArmor profile / SELinux label for the next exec, read back, compare (rules F3, F4).
 * Needs the private procfs.
 */
int cred_set_label(const struct plan_process *p, const struct procfs *proc, struct err *e);
/* Is the profile/label usable on this host at all? For create, before anything is made. */
int cred_check_label(const struct spec_process *p, const struct host *h, struct err *e);
/*
 * Landlock: the ruleset (owned fd) that the lists mean for what is inside @root now, and entering
 * it for good. *ret_lists, in @a: the same lists without symlinks and repetitions, for a later
 * exec. ERR_CRD_LANDLOCK at the annotation. landlock(7); doc/landlock.md for the meaning.
 */
int cred_landlock_make(const struct plan_landlock *l, const struct rootfs *root,
		       const struct procfs *proc, struct arena *a, int *ret_fd,
		       const char **ret_lists, struct err *e);
int cred_landlock_enter(int ruleset, struct err *e);
/*
 * New session keyring named after the container; EDQUOT is reported with quota and use. An existing
 * keyring of that name that is another's or holds keys is not joined: the new one then has no name
 * of its own. A kernel without keyrings is no error.
 */
int cred_new_keyring(const char *name, const char *selinux_label, struct err *e);
/* exec: the container's keyring by name, or a new one when there is none that is ours. */
int cred_join_keyring(const char *name, const char *selinux_label, struct err *e);
int cred_set_dumpable(bool on, struct err *e);
/* uid 0:0 of the user namespace when mapped, else the setup ids of the plan (NS_OP_SETID). */
int cred_become_ns_root(const struct plan_ids *ids, struct err *e);

#endif
