/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/confine: the Landlock domain of the program: its rules are made while this process may still
 * look at everything inside, and entered right before execve, as nothing that is entered can be
 * left.
 */
#include <fcntl.h>

#include <linux/memfd.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "cred/cred.h"
#include "init/steps.h"
#include "sys/call.h"

/* The runtime keeps the resolved lists for exec. */
static int report(struct init *in, const char *lists, struct err *e)
{
	_cleanup_fd_ int fd = sys_memfd_create("hull-landlock", MFD_CLOEXEC);
	int r = fd < 0 ? fd : io_write_all(fd, lists, strlen(lists));

	if (r < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, r, "hand over the resolved paths");
	return sync_send(in->chan, SYNC_LANDLOCK, fd, e);
}

int init_step_landlock(struct init *in, struct err *e)
{
	const char *lists = NULL;
	const struct plan *p = in->plan;
	struct procfs proc = { .fd = -1 };
	_cleanup_fd_ int dir = -1;
	struct rootfs root;
	int r;

	if (!p->process.set || !p->landlock.set)
		return 0;
	dir = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = dir < 0 ? dir : proc_open(false, &proc);
	if (r < 0)
		return err_sys(e, ERR_CRD_LANDLOCK, r,
			       "open the container's root and a private procfs");
	root.fd = dir;
	r = cred_landlock_make(&p->landlock, &root, &proc, &in->arena, &in->ruleset, &lists, e);
	proc_close(&proc);
	return r < 0 || in->exec ? r : report(in, lists, e);
}

int init_step_landlock_enter(struct init *in, struct err *e)
{
	int r;

	if (in->ruleset < 0)
		return 0;
	r = cred_landlock_enter(in->ruleset, e);
	fd_close(&in->ruleset);
	return r;
}
