/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/lock: one-way protections of the process.
 */
#include <sys/prctl.h>

#include "cred/cred.h"
#include "sys/call.h"

int cred_no_new_privs(struct err *e)
{
	int r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	if (r >= 0 && sys_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		r = -EPERM;
	return r < 0 ? err_at(e, err_sys(e, ERR_CRD_LOCK, r, "no_new_privs"),
			      "/process/noNewPrivileges")
		     : 0;
}

int cred_set_dumpable(bool on, struct err *e)
{
	int r = sys_prctl(PR_SET_DUMPABLE, on, 0, 0, 0);

	if (r >= 0 && sys_prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != (int)on)
		r = -EPERM;
	return r < 0 ? err_sys(e, ERR_CRD_LOCK, r, "PR_SET_DUMPABLE %d", on) : 0;
}
