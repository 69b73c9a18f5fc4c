/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/process: execution domain and OOM score of the process.
 */
#include <errno.h>
#include <sys/personality.h>

#include "base/str.h"
#include "tune/tune.h"

int tune_personality(const struct spec_personality *p, struct err *e)
{
	if (!p->set)
		return 0;
	if (personality(p->domain) < 0)
		return err_at(e,
			      err_sys(e, ERR_TUN_PERSONALITY, -errno, "personality %#x", p->domain),
			      "/linux/personality/domain");
	return 0;
}

int tune_oom_score(int value, pid_t pid, const struct procfs *proc, struct err *e)
{
	char path[48], text[16];
	int r;

	r = pid ? str_format(path, sizeof(path), "%d/oom_score_adj", pid)
		: str_format(path, sizeof(path), "self/oom_score_adj");
	if (r >= 0)
		r = str_format(text, sizeof(text), "%d", value);
	if (r >= 0)
		r = proc_write(proc, path, text, strlen(text));
	if (r >= 0)
		return 0;
	/* KERNEL: EACCES below the lowest value a privileged process set before, without
	 * CAP_SYS_RESOURCE. proc(5). */
	if (r == -EACCES || r == -EPERM)
		err_sys(e, ERR_TUN_OOM, r, "oom_score_adj %d: lowering it needs CAP_SYS_RESOURCE",
			value);
	else
		err_sys(e, ERR_TUN_OOM, r, "oom_score_adj %d", value);
	return err_at(e, r, "/process/oomScoreAdj");
}
