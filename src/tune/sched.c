/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tune/sched: scheduling policy and I/O priority of the process, and of all it will fork
 * (config.md#linux-process). sched_setattr(2), ioprio_set(2): libc has neither.
 */
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/table.h"
#include "spec/spec.h"
#include "tune/tune.h"

/* linux/sched/types.h at SCHED_ATTR_SIZE_VER1 (5.3); own because libc and kernel headers both
 * define the name. */
struct sched_attr_v1 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
_Static_assert(sizeof(struct sched_attr_v1) == 56, "SCHED_ATTR_SIZE_VER1");

enum {
	POLICY_FIFO = 1,
	POLICY_RR = 2,
	POLICY_ISO = 4, /* reserved, never implemented */
	POLICY_DEADLINE = 6,
	FLAG_UTIL_CLAMPS = 0x60, /* SCHED_FLAG_UTIL_CLAMP_MIN, _MAX */
};

enum { IOPRIO_WHO_PROCESS_ = 1, IOPRIO_CLASS_SHIFT_ = 13 };

static const char *name_of(const struct name_table *t, uint64_t v)
{
	const char *name = table_name(t, v);

	return name ? name : "?";
}

/* EINVAL has many reasons: name the property that broke a rule of sched(7). */
static int explain_invalid(const struct spec_scheduler *s, int r, struct err *e)
{
	bool realtime = s->policy == POLICY_FIFO || s->policy == POLICY_RR;

	if (s->policy == POLICY_ISO)
		return err_at(e, err_sys(e, ERR_TUN_SCHED, r, "Linux has no SCHED_ISO"),
			      "/process/scheduler/policy");
	if (realtime && (s->priority < 1 || s->priority > 99))
		return err_at(
			e,
			err_sys(e, ERR_TUN_SCHED, r, "%d: this policy takes 1 to 99", s->priority),
			"/process/scheduler/priority");
	if (!realtime && s->priority != 0)
		return err_at(e,
			      err_sys(e, ERR_TUN_SCHED, r, "%d: this policy takes 0", s->priority),
			      "/process/scheduler/priority");
	if (s->policy == POLICY_DEADLINE && (!s->runtime || !s->deadline)) {
		err_sys(e, ERR_TUN_SCHED, r, "SCHED_DEADLINE needs a runtime and a deadline");
		return err_at(e, r, "/process/scheduler/%s", s->runtime ? "deadline" : "runtime");
	}
	/* KERNEL: runtime of at least 1024 ns <= deadline <= period, a period of 0 means the
	 * deadline. sched(7). */
	if (s->policy == POLICY_DEADLINE)
		return err_sys(e, ERR_TUN_SCHED, r,
			       "SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period (%llu, "
			       "%llu, %llu ns given)",
			       (unsigned long long)s->runtime, (unsigned long long)s->deadline,
			       (unsigned long long)s->period);
	if (s->flags)
		return err_at(
			e,
			err_sys(e, ERR_TUN_SCHED, r, "the flags do not fit this policy or kernel"),
			"/process/scheduler/flags");
	return err_sys(e, ERR_TUN_SCHED, r, "%s", name_of(&spec_sched_policies, s->policy));
}

static int explain(const struct spec_scheduler *s, int r, struct err *e)
{
	switch (r) {
	case -EINVAL:
		return explain_invalid(s, r, e);
	case -EPERM:
		/* KERNEL: also for SCHED_DEADLINE with an affinity narrower than its root domain,
		 * and, with CONFIG_RT_GROUP_SCHED, in a cgroup v1 group without real-time budget.
		 * sched(7). */
		return err_sys(e, ERR_TUN_SCHED, r,
			       "%s, priority %d, nice %d: needs CAP_SYS_NICE or room in "
			       "RLIMIT_RTPRIO, RLIMIT_NICE%s",
			       name_of(&spec_sched_policies, s->policy), s->priority, s->nice,
			       s->policy == POLICY_FIFO || s->policy == POLICY_RR
				       ? ", and a budget in cpu.rt_runtime_us of a cgroup v1 "
					 "(/linux/resources/cpu/realtimeRuntime)"
				       : "");
	case -EBUSY:
		return err_sys(e, ERR_TUN_SCHED, r,
			       "SCHED_DEADLINE: the CPUs have not that much bandwidth left");
	case -EOPNOTSUPP: /* KERNEL: clamps without CONFIG_UCLAMP_TASK */
	case -E2BIG:
		err_sys(e, ERR_TUN_SCHED, r, "the kernel lacks utilization clamps");
		return err_at(e, r, "/process/scheduler/flags");
	default:
		return err_sys(e, ERR_TUN_SCHED, r, "%s", name_of(&spec_sched_policies, s->policy));
	}
}

int tune_scheduler(const struct spec_scheduler *s, pid_t pid, struct err *e)
{
	struct sched_attr_v1 attr = {
		.size = sizeof(attr),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	if (!s->set)
		return 0;
	if (syscall(SYS_sched_setattr, pid, &attr, 0) == 0)
		return 0;
	return err_at(e, explain(s, -errno, e), "/process/scheduler");
}

int tune_io_priority(const struct spec_io_priority *p, struct err *e)
{
	int r;

	if (!p->set)
		return 0;
	/* Inherited by fork: covers every process of the container. ioprio_set(2). */
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS_, 0,
		    p->class << IOPRIO_CLASS_SHIFT_ | p->priority) == 0)
		return 0;
	r = -errno;
	if (r == -EPERM)
		err_sys(e, ERR_TUN_IOPRIO, r, "%s: needs CAP_SYS_ADMIN or CAP_SYS_NICE",
			name_of(&spec_ioprio_classes, (uint64_t)p->class));
	else
		err_sys(e, ERR_TUN_IOPRIO, r, "%s, priority %d",
			name_of(&spec_ioprio_classes, (uint64_t)p->class), p->priority);
	return err_at(e, r, "/process/ioPriority");
}
