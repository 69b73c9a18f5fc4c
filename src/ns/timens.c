/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns/timens: clock offsets of a new time namespace (config-linux.md#offset-for-time-namespace).
 */
#include "base/str.h"
#include "ns/ns.h"
#include "sys/proc.h"

/* KERNEL: writes are taken at offset 0 only and the file knows no pwrite: one open per clock. */
static int write_clock(const struct procfs *proc, const char *clock,
		       const struct spec_time_offset *t, struct err *e)
{
	char line[64];
	int r;

	if (!t->set)
		return 0;
	r = str_format(line, sizeof(line), "%s %lld %u", clock, (long long)t->secs, t->nanosecs);
	if (r < 0)
		return err_sys(e, ERR_GEN_INTERNAL, r, "offset of clock %s", clock);
	r = proc_write(proc, "self/timens_offsets", line, strlen(line));
	if (r >= 0)
		return 0;
	/* KERNEL: ERANGE when the clock would be negative or above about 146 years; EACCES once a
	 * process lives in the namespace; EPERM without CAP_SYS_TIME in its user namespace.
	 * time_namespaces(7). */
	if (r == -ERANGE)
		err_sys(e, ERR_NSP_TIME, r,
			"%lld s %u ns would make the clock negative or pass its range",
			(long long)t->secs, t->nanosecs);
	else if (r == -EPERM)
		err_sys(e, ERR_NSP_TIME, r,
			"set the offset: needs CAP_SYS_TIME in the user namespace of the "
			"container");
	else
		err_sys(e, ERR_NSP_TIME, r, "set the offset");
	return err_at(e, r, "/linux/timeOffsets/%s", clock);
}

int ns_write_offsets(const struct spec_linux *l, struct err *e)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	int r;

	if (!l->monotonic.set && !l->boottime.set)
		return 0;
	r = proc_open(false, &proc);
	if (r < 0)
		return err_at(e, err_sys(e, ERR_NSP_TIME, r, "open a procfs"),
			      "/linux/timeOffsets");
	r = write_clock(&proc, "monotonic", &l->monotonic, e);
	if (r < 0)
		return r;
	return write_clock(&proc, "boottime", &l->boottime, e);
}
