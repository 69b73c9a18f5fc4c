/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/internal: numbers older headers lack, and the parts the unit test reaches one by one.
 */
#ifndef HULL_CRED_INTERNAL_H
#define HULL_CRED_INTERNAL_H

#include "cred/cred.h"

#ifndef PR_CAP_AMBIENT /* linux/prctl.h, since 4.3 */
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

/*
 * Does what attr/exec shows (@shown: "name (enforce)") mean the profile @want? Whole names only
 * (rule F4).
 */
bool cred_profile_equal(const char *want, const char *shown);
/* Is there a line "NAME (mode)" in the list of loaded profiles? */
bool cred_profile_listed(const char *list, const char *name);
/* The use of the key quota of @uid from the text of /proc/key-users; false when it has no line. */
struct cred_key_use {
	uint32_t keys, max_keys, bytes, max_bytes;
};
bool cred_parse_key_users(const char *text, uid_t uid, struct cred_key_use *ret);

#endif
