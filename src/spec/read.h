/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read: the tables that one reader file offers to another. Inside this room only.
 */
#ifndef HULL_SPEC_READ_H
#define HULL_SPEC_READ_H

#include "spec/field.h"

extern const struct object_type read_config, read_process, read_root, read_mount, read_hooks,
	read_linux, read_resources, read_seccomp, read_idmap;

/* Both lists or none: for mounts and user namespaces. */
int read_check_idmaps(struct reader *r, struct jv v, const struct spec_idmaps *uid,
		      const struct spec_idmaps *gid);

#endif
