/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_mounts: /root and /mounts (config.md#root, #mounts), and the id mappings that mounts
 * share with the user namespace.
 */
#include "spec/read.h"

static const struct field read_root_fields[] = {
	VALUE(spec_root, "path", path, REQUIRED | NONEMPTY),
	VALUE(spec_root, "readonly", readonly, 0),
};
OBJECT_TYPE(read_root, spec_root, .set = true);

static int fail_beyond(struct reader *r, struct jv v, const char *key)
{
	return jv_fail_member(v, key, r->e, ERR_CFG_RANGE,
			      "the range ends above the last id, 4294967294");
}

static int check_idmap(struct reader *r, struct jv v, void *object)
{
	const struct spec_idmap *m = object;

	if ((uint64_t)m->container_id + m->size > UINT32_MAX)
		return fail_beyond(r, v, "containerID");
	if ((uint64_t)m->host_id + m->size > UINT32_MAX)
		return fail_beyond(r, v, "hostID");
	return 0;
}

static const struct field read_idmap_fields[] = {
	VALUE(spec_idmap, "containerID", container_id, REQUIRED),
	VALUE(spec_idmap, "hostID", host_id, REQUIRED),
	NUMBER(spec_idmap, "size", size, 1, UINT32_MAX, REQUIRED),
};
OBJECT_TYPE(read_idmap, spec_idmap, .most = IDMAP_MAX, .check = check_idmap);

int read_check_idmaps(struct reader *r, struct jv v, const struct spec_idmaps *uid,
		      const struct spec_idmaps *gid)
{
	bool lone_uid = uid->n && !gid->n;

	if (!uid->n == !gid->n)
		return 0;
	return jv_fail_member(v, lone_uid ? "gidMappings" : "uidMappings", r->e, ERR_CFG_MISSING,
			      "is required together with %s",
			      lone_uid ? "uidMappings" : "gidMappings");
}

static int check_mount(struct reader *r, struct jv v, void *object)
{
	const struct spec_mount *m = object;
	struct jv destination;

	if (*m->destination != '/' && jv_find(v, "destination", &destination))
		field_note(r, NOTE_DEPRECATED, destination, "a relative destination is deprecated");
	return read_check_idmaps(r, v, &m->uid_mappings, &m->gid_mappings);
}

static const struct field read_mount_fields[] = {
	VALUE(spec_mount, "destination", destination, REQUIRED | NONEMPTY),
	VALUE(spec_mount, "type", type, EMPTY_IS_NONE),
	VALUE(spec_mount, "source", source, EMPTY_IS_NONE),
	VALUE(spec_mount, "options", options, 0),
	IDMAPS(spec_mount, "uidMappings", uid_mappings),
	IDMAPS(spec_mount, "gidMappings", gid_mappings),
};
OBJECT_TYPE(read_mount, spec_mount, .check = check_mount);
