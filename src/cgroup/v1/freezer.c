/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/v1/freezer: freezer.state, which has no event: short naps with a deadline. Hides the
 * FREEZING state and what to do when it does not end.
 */
#include <errno.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"

enum { NAP_MAX_MS = 20, STUCK_ROUNDS = 50 };

/*
 * KERNEL: FREEZING becomes FROZEN only when the file is read, once all tasks have stopped; a task
 * that forks at the wrong moment is caught by a thaw and another freeze.
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst
 */
static int freeze(int dir, uint64_t deadline)
{
	unsigned ms = 1;
	char state[32];

	for (unsigned round = 0;; round++) {
		ssize_t r = 0;

		if (round % STUCK_ROUNDS == STUCK_ROUNDS - 1)
			r = cgroup_file_write(dir, "freezer.state", "THAWED");
		if (r >= 0 && round % STUCK_ROUNDS == 0)
			r = cgroup_file_write(dir, "freezer.state", "FROZEN");
		if (r >= 0)
			r = cgroup_file_read(dir, "freezer.state", state, sizeof(state));
		if (r < 0)
			return (int)r;
		if (streq(state, "FROZEN"))
			return 0;
		if (io_now() >= deadline)
			return -ETIMEDOUT;
		(void)io_wait(-1, 0, MIN(io_now() + ms * 1000000ull, MAX(deadline, 1u)));
		ms = MIN(ms * 2, (unsigned)NAP_MAX_MS);
	}
}

int cgroup_v1_freeze(const struct cgroup *g, unsigned i, bool on, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, i);
	char name[CGROUP_NAME_SIZE], state[32] = "";
	ssize_t r = dir;

	cgroup_dir_name(g, i, name);
	if (on && r >= 0) {
		r = freeze(dir, deadline);
		if (r < 0) /* faults P5 */
			(void)cgroup_file_write(dir, "freezer.state", "THAWED");
	} else if (r >= 0) {
		r = cgroup_file_write(dir, "freezer.state", "THAWED");
		if (r >= 0)
			r = cgroup_file_read(dir, "freezer.state", state, sizeof(state));
		if (r >= 0 && !streq(state, "THAWED"))
			return err_set(e, ERR_CGR_FREEZE, EBUSY,
				       "%s stays %s: a group above it is frozen", name, state);
	}
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_CGR_FREEZE, ETIMEDOUT, "%s did not become frozen in time",
			       name);
	if (r < 0)
		return err_sys(e, ERR_CGR_FREEZE, r == -ENODEV ? -ENOENT : (int)r,
			       "set %s/freezer.state to %s", name, on ? "FROZEN" : "THAWED");
	return 0;
}

int cgroup_v1_frozen(const struct cgroup *g, unsigned i, bool *ret, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, i);
	char name[CGROUP_NAME_SIZE], state[32] = "THAWED";
	ssize_t r = dir;

	if (r >= 0)
		r = cgroup_file_read(dir, "freezer.state", state, sizeof(state));
	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return err_sys(e, ERR_CGR_FREEZE, (int)r, "read %s/freezer.state",
			       cgroup_dir_name(g, i, name));
	*ret = r >= 0 && !streq(state, "THAWED");
	return 0;
}
