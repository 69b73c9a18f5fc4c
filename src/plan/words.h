/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/words: the words that the JSON and the text form of a plan share: flags as mount options,
 * rules as one line, kinds by name.
 */
#ifndef HULL_PLAN_WORDS_H
#define HULL_PLAN_WORDS_H

#include "base/arena.h"
#include "plan/plan.h"

/* Everything below lives in @a or is static; lists are joined by commas, "" when empty. */
/* MOUNT_ATTR_* as options: ro, nosuid ... and the opposites of what is cleared. */
const char *plan_attr_words(struct arena *a, uint64_t set, uint64_t clear, bool recursive);
/* MS_* of the superblock: sync, dirsync ... */
const char *plan_superblock_words(struct arena *a, unsigned long set, unsigned long clear);
/* "shared", "rprivate"; "" for 0 */
const char *plan_propagation_word(struct arena *a, unsigned long flags, bool recursive);
/* All options of a mount as they were understood. */
const char *plan_mount_words(struct arena *a, const struct plan_mount *m);
/* "c 1:3", "c 136:*", "a *:*", "p" */
const char *plan_device_words(struct arena *a, char type, bool any_major, int64_t major,
			      bool any_minor, int64_t minor);
/* "allow c 1:3 rwm" */
const char *plan_rule_words(struct arena *a, const struct spec_device_rule *r);
/* What a rule permits, in plain words: "/dev/null: reading, writing, making nodes" */
const char *plan_rule_meaning(struct arena *a, const struct spec_device_rule *r);
/* Names of the namespaces in CLONE_NEW* @flags. */
const char *plan_ns_words(struct arena *a, uint64_t flags);
char plan_device_type(mode_t mode);

extern const char *const plan_ns_op_names[];	 /* enum plan_ns_what */
extern const char *const plan_mount_kinds[];	 /* enum plan_mount_kind */
extern const char *const plan_cgroup_managers[]; /* enum plan_cgroup_manager */
extern const char *const plan_idmap_writers[];	 /* enum plan_idmap_writer */
extern const char *const plan_capset_names[];	 /* enum spec_capset */

#endif
