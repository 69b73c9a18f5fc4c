/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/uts: host name and domain name of the container's uts namespace (config.md#hostname).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tune/tune.h"

static int explain(const char *what, const char *name, int r, struct err *e)
{
	/* KERNEL: EINVAL above __NEW_UTS_LEN (64) bytes. sethostname(2). */
	if (r == -EINVAL)
		return err_sys(e, ERR_TUN_UTS, r, "%s of %zu bytes; at most 64 are possible", what,
			       strlen(name));
	if (r == -EPERM)
		return err_sys(e, ERR_TUN_UTS, r,
			       "set the %s: needs CAP_SYS_ADMIN over the uts namespace", what);
	return err_sys(e, ERR_TUN_UTS, r, "set the %s", what);
}

int tune_hostname(const char *hostname, const char *domainname, struct err *e)
{
	if (hostname && sethostname(hostname, strlen(hostname)) < 0)
		return err_at(e, explain("host name", hostname, -errno, e), "/hostname");
	if (domainname && setdomainname(domainname, strlen(domainname)) < 0)
		return err_at(e, explain("domain name", domainname, -errno, e), "/domainname");
	return 0;
}
