/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/ids: who writes the id maps of a new user namespace and what they mean for the container's
 * root. Hides the rules of user_namespaces(7) about unprivileged maps.
 */
#include <errno.h>
#include <linux/capability.h>

#include "plan/parts.h"

/* KERNEL: a map has at most 340 lines. Since 4.15. user_namespaces(7). */
enum { MAP_LINES_MAX = 340 };

bool plan_id_to_host(const struct spec_idmaps *maps, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_idmap *m = &maps->v[i];

		if (id >= m->container_id && id - m->container_id < m->size) {
			*ret = m->host_id + (id - m->container_id);
			return true;
		}
	}
	return false;
}

static int refuse_maps(const struct spec_linux *os, struct err *e)
{
	int r;

	if (!os->uid_mappings.n && !os->gid_mappings.n)
		return 0;
	r = err_set(e, ERR_CFG_CONFLICT, 0,
		    "mappings need an entry of type user in /linux/namespaces");
	return err_at(e, r, "%s", os->uid_mappings.n ? "/linux/uidMappings" : "/linux/gidMappings");
}

static int check_maps(const struct spec_idmaps *maps, const char *pointer, struct err *e)
{
	int r = 0;

	if (!maps->n)
		r = err_set(
			e, ERR_CFG_MISSING, 0,
			"a new user namespace needs mappings: without them no id exists inside");
	else if (maps->n > MAP_LINES_MAX)
		r = err_set(e, ERR_CFG_LIMIT, 0, "%zu mappings; the kernel takes at most %d",
			    maps->n, MAP_LINES_MAX);
	for (size_t i = 0; r == 0 && i < maps->n; i++) {
		const struct spec_idmap *a = &maps->v[i];

		for (size_t j = 0; r == 0 && j < i; j++) {
			const struct spec_idmap *b = &maps->v[j];

			if ((uint64_t)a->container_id + a->size > b->container_id &&
			    (uint64_t)b->container_id + b->size > a->container_id) {
				r = err_set(e, ERR_CFG_CONFLICT, 0,
					    "containerID ranges %zu and %zu overlap", j, i);
				return err_at(e, r, "%s/%zu", pointer, i);
			}
			if ((uint64_t)a->host_id + a->size > b->host_id &&
			    (uint64_t)b->host_id + b->size > a->host_id) {
				r = err_set(e, ERR_CFG_CONFLICT, 0,
					    "hostID ranges %zu and %zu overlap", j, i);
				return err_at(e, r, "%s/%zu", pointer, i);
			}
		}
	}
	return r ? err_at(e, r, "%s", pointer) : 0;
}

static bool maps_only(const struct spec_idmaps *maps, uint32_t id)
{
	return maps->n == 1 && maps->v[0].size == 1 && maps->v[0].host_id == id;
}

/* Check that an id of the config exists in the new user namespace (CFG-USER-04). */
static int check_mapped(const struct spec_idmaps *maps, uint32_t id, const char *pointer,
			struct err *e)
{
	uint32_t host;
	int r;

	if (plan_id_to_host(maps, id, &host))
		return 0;
	r = err_set(e, ERR_CFG_CONFLICT, 0, "id %u is not mapped in the user namespace", id);
	return err_at(e, r, "%s", pointer);
}

static int check_process_ids(struct maker *m, struct err *e)
{
	const struct spec_process *p = &m->spec->process;
	const struct plan_ids *ids = &m->plan->ids;
	int r;

	if (!p->set)
		return 0;
	r = check_mapped(&ids->uid, p->user.uid, "/process/user/uid", e);
	if (r == 0)
		r = check_mapped(&ids->gid, p->user.gid, "/process/user/gid", e);
	for (size_t i = 0; r == 0 && i < p->user.n_additional_gids; i++)
		r = check_mapped(&ids->gid, p->user.additional_gids[i],
				 arena_printf(m->arena, "/process/user/additionalGids/%zu", i), e);
	return r;
}

int plan_make_ids(struct maker *m, struct err *e)
{
	const struct spec_linux *os = &m->spec->os;
	struct plan_ids *ids = &m->plan->ids;
	uint32_t host;
	int r;

	/* The ids of the process exist in every case, or it could not run. */
	ids->setup_uid = m->spec->process.user.uid;
	ids->setup_gid = m->spec->process.user.gid;
	if (!plan_ns_new(m->plan, NS_USER)) {
		ids->root_mapped = true;
		ids->joined = plan_ns_joined(m->plan, NS_USER);
		if (!ids->joined)
			return refuse_maps(os, e);
		ids->host_root_uid = ids->host_root_gid = (uid_t)-1;
		if (!os->uid_mappings.n && !os->gid_mappings.n)
			return 0;
	}
	r = check_maps(&os->uid_mappings, "/linux/uidMappings", e);
	if (r == 0)
		r = check_maps(&os->gid_mappings, "/linux/gidMappings", e);
	if (r < 0)
		return r;
	ids->uid = os->uid_mappings;
	ids->gid = os->gid_mappings;
	if (ids->joined)
		return check_process_ids(m, e);
	if (host_can(m->host, CAP_SETUID) && host_can(m->host, CAP_SETGID)) {
		ids->writer = IDMAP_DIRECT;
	} else if (maps_only(&ids->uid, m->host->euid) && maps_only(&ids->gid, m->host->egid)) {
		/* KERNEL: an unprivileged writer may map its own id only, and its gid only after
		 * setgroups(2) was given up. Since 3.19. user_namespaces(7). */
		ids->writer = IDMAP_DIRECT;
		ids->deny_setgroups = true;
	} else {
		ids->writer = IDMAP_HELPER;
	}
	ids->root_mapped = plan_id_to_host(&ids->uid, 0, &host);
	ids->host_root_uid = ids->root_mapped ? host : ids->uid.v[0].host_id;
	if (plan_id_to_host(&ids->gid, 0, &host))
		ids->host_root_gid = host;
	else {
		ids->root_mapped = false;
		ids->host_root_gid = ids->gid.v[0].host_id;
	}
	return check_process_ids(m, e);
}
