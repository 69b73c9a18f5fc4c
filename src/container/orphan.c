/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/orphan: a container whose record is gone (faults B3): its cgroup is all that is left,
 * and the caller names it. Hides the checks that keep a wrong path from ending something else.
 */
#include <errno.h>
#include <signal.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "container/container.h"

/* No container that has a record may be in the group or below it. */
static int check_others(struct ctx *c, const char *path, struct err *e)
{
	const char **ids = NULL;
	size_t n = 0, len = strlen(path);
	int r = store_list(c, "", &ids, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct err drop = { 0 };
		struct subject s;

		if (subject_open(c, ids[i], false, &s, &drop) < 0) {
			err_drop(&drop, "what it names cannot be known");
			continue;
		}
		for (unsigned k = 0; r == 0 && k < s.rec.cgroup.n; k++) {
			const char *other = s.rec.cgroup.dir[k].path;

			if (strncmp(other, path, len) == 0 && (other[len] == '/' || !other[len]))
				r = err_set(e, ERR_STA_STATUS, 0,
					    "container \"%s\" is in %s: `hull delete --force %s`",
					    ids[i], other, ids[i]);
		}
		subject_close(&s);
	}
	return r;
}

/*
 * Is a component of @path the group of @id: "ID", "libpod-ID", "crio-ID.scope"? A short id is part
 * of many a word.
 */
static bool is_of(const char *path, const char *id)
{
	static const char scope[] = ".scope";
	size_t len = strlen(id);

	for (const char *at = path; len && (at = strstr(at, id)); at++) {
		const char *end = at + len;

		if (at == path || !strchr("/-:", at[-1]))
			continue;
		if (str_starts(end, scope))
			end += sizeof(scope) - 1;
		if (!*end || *end == '/')
			return true;
	}
	return false;
}

static int check(struct ctx *c, const char *id, const char *path, struct err *e)
{
	struct entry en = { .dir = -1 };
	struct err missing = { 0 };
	int r = store_check_id(id, e);

	if (r < 0)
		return r;
	if (path[0] != '/' || !is_of(path, id))
		return err_set(e, ERR_CLI_VALUE, 0,
			       "--cgroup takes the path below the hierarchy's mount, as in "
			       "/proc/PID/cgroup, with a part that is the id, as \"%s\" or "
			       "\"engine-%s.scope\": not \"%s\"",
			       id, id, path);
	if (store_find(c, id, &en, &missing) == 0) {
		store_close(&en);
		return err_set(
			e, ERR_STA_STATUS, 0,
			"container \"%s\" has a record: `hull delete --force %s` removes all "
			"that it names",
			id, id);
	}
	err_drop(&missing, "that is why the caller names the group");
	return check_others(c, path, e);
}

int container_delete_orphan(struct ctx *c, const char *id, const char *path, struct err *e)
{
	uint64_t deadline = io_now() + KILL_DEADLINE;
	struct cgroup g;
	int r = check(c, id, path, e);

	if (r == 0)
		r = facts_read(c, e);
	if (r == 0)
		r = cgroup_host_read(c->cgroups, true, e);
	if (r == 0)
		r = cgroup_adopt(path, c->cgroups, &g, e);
	if (r < 0)
		return err_at(e, r, "--cgroup");
	if (g.n)
		r = g.ops->kill(&g, SIGKILL, deadline, e);
	if (r >= 0 && g.n)
		r = g.ops->destroy(&g, deadline, e);
	return r < 0 ? r : public_remove(c->public_dir, id, e);
}
