/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/names: every name of the config and the number it stands for, each exactly once: the parser,
 * the messages, `hull features` and the man pages read these rows.
 */
#include <ctype.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <time.h>

#include "base/str.h"
#include "spec/spec.h"

/* KERNEL: uapi numbers that the headers of the oldest build host lack. */
#ifndef MPOL_WEIGHTED_INTERLEAVE /* linux/mempolicy.h, since 6.9 */
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* linux/seccomp.h, since 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define POLICY_ISO 4 /* reserved by linux/sched.h, never implemented: the kernel refuses it */

#define TABLE(id, what_)                                                                           \
	const struct name_table id = { .what = what_, .rows = id##_rows, .n = ARRAY_LEN(id##_rows) }

static const struct name_value spec_namespaces_rows[] = {
	{ "pid", NS_PID }, { "network", NS_NETWORK }, { "mount", NS_MOUNT },   { "ipc", NS_IPC },
	{ "uts", NS_UTS }, { "user", NS_USER },	      { "cgroup", NS_CGROUP }, { "time", NS_TIME },
};
TABLE(spec_namespaces, "namespace type");

#define CAP(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static const struct name_value spec_capabilities_rows[] = {
	CAP(CAP_CHOWN),
	CAP(CAP_DAC_OVERRIDE),
	CAP(CAP_DAC_READ_SEARCH),
	CAP(CAP_FOWNER),
	CAP(CAP_FSETID),
	CAP(CAP_KILL),
	CAP(CAP_SETGID),
	CAP(CAP_SETUID),
	CAP(CAP_SETPCAP),
	CAP(CAP_LINUX_IMMUTABLE),
	CAP(CAP_NET_BIND_SERVICE),
	CAP(CAP_NET_BROADCAST),
	CAP(CAP_NET_ADMIN),
	CAP(CAP_NET_RAW),
	CAP(CAP_IPC_LOCK),
	CAP(CAP_IPC_OWNER),
	CAP(CAP_SYS_MODULE),
	CAP(CAP_SYS_RAWIO),
	CAP(CAP_SYS_CHROOT),
	CAP(CAP_SYS_PTRACE),
	CAP(CAP_SYS_PACCT),
	CAP(CAP_SYS_ADMIN),
	CAP(CAP_SYS_BOOT),
	CAP(CAP_SYS_NICE),
	CAP(CAP_SYS_RESOURCE),
	CAP(CAP_SYS_TIME),
	CAP(CAP_SYS_TTY_CONFIG),
	CAP(CAP_MKNOD),
	CAP(CAP_LEASE),
	CAP(CAP_AUDIT_WRITE),
	CAP(CAP_AUDIT_CONTROL),
	CAP(CAP_SETFCAP),
	CAP(CAP_MAC_OVERRIDE),
	CAP(CAP_MAC_ADMIN),
	CAP(CAP_SYSLOG),
	CAP(CAP_WAKE_ALARM),
	CAP(CAP_BLOCK_SUSPEND),
	CAP(CAP_AUDIT_READ),
	CAP(CAP_PERFMON),
	CAP(CAP_BPF),
	CAP(CAP_CHECKPOINT_RESTORE),
};
TABLE(spec_capabilities, "capability");

static const struct name_value spec_capsets_rows[] = {
	{ "effective", CAPSET_EFFECTIVE },     { "bounding", CAPSET_BOUNDING },
	{ "inheritable", CAPSET_INHERITABLE }, { "permitted", CAPSET_PERMITTED },
	{ "ambient", CAPSET_AMBIENT },
};
TABLE(spec_capsets, "capability set");

#define LIMIT(name)                                                                                \
	{                                                                                          \
#name, name                                                                        \
	}
static const struct name_value spec_rlimits_rows[] = {
	LIMIT(RLIMIT_AS),      LIMIT(RLIMIT_CORE),     LIMIT(RLIMIT_CPU),
	LIMIT(RLIMIT_DATA),    LIMIT(RLIMIT_FSIZE),    LIMIT(RLIMIT_LOCKS),
	LIMIT(RLIMIT_MEMLOCK), LIMIT(RLIMIT_MSGQUEUE), LIMIT(RLIMIT_NICE),
	LIMIT(RLIMIT_NOFILE),  LIMIT(RLIMIT_NPROC),    LIMIT(RLIMIT_RSS),
	LIMIT(RLIMIT_RTPRIO),  LIMIT(RLIMIT_RTTIME),   LIMIT(RLIMIT_SIGPENDING),
	LIMIT(RLIMIT_STACK),
};
TABLE(spec_rlimits, "resource limit");

#define SIG(name)                                                                                  \
	{                                                                                          \
#name, SIG##name                                                                   \
	}
static const struct name_value spec_signals_rows[] = {
	SIG(HUP),    SIG(INT),	SIG(QUIT), SIG(ILL),	SIG(TRAP), SIG(ABRT),
	SIG(BUS),    SIG(FPE),	SIG(KILL), SIG(USR1),	SIG(SEGV), SIG(USR2),
	SIG(PIPE),   SIG(ALRM), SIG(TERM),
#ifdef SIGSTKFLT
	SIG(STKFLT),
#endif
	SIG(CHLD),   SIG(CONT), SIG(STOP), SIG(TSTP),	SIG(TTIN), SIG(TTOU),
	SIG(URG),    SIG(XCPU), SIG(XFSZ), SIG(VTALRM), SIG(PROF), SIG(WINCH),
	SIG(IO),     SIG(PWR),	SIG(SYS),  SIG(IOT),	SIG(POLL), { "CLD", SIGCHLD },
};
TABLE(spec_signals, "signal");

static const struct name_value spec_sched_policies_rows[] = {
	{ "SCHED_OTHER", 0 /* SCHED_NORMAL of the kernel */ },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", POLICY_ISO },
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
};
TABLE(spec_sched_policies, "scheduling policy");

static const struct name_value spec_sched_flags_rows[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};
TABLE(spec_sched_flags, "scheduling flag");

static const struct name_value spec_ioprio_classes_rows[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};
TABLE(spec_ioprio_classes, "I/O priority class");

static const struct name_value spec_mpol_modes_rows[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_LOCAL", MPOL_LOCAL },
};
TABLE(spec_mpol_modes, "memory policy");

static const struct name_value spec_mpol_flags_rows[] = {
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
};
TABLE(spec_mpol_flags, "memory policy flag");

/* KILL is an old name of KILL_THREAD (config-linux.md#seccomp); table_name() yields the clear one,
 * which stands first. */
static const struct name_value spec_seccomp_actions_rows[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
};
TABLE(spec_seccomp_actions, "seccomp action");

static const struct name_value spec_seccomp_ops_rows[] = {
	{ "SCMP_CMP_NE", SECCOMP_OP_NE },
	{ "SCMP_CMP_LT", SECCOMP_OP_LT },
	{ "SCMP_CMP_LE", SECCOMP_OP_LE },
	{ "SCMP_CMP_EQ", SECCOMP_OP_EQ },
	{ "SCMP_CMP_GE", SECCOMP_OP_GE },
	{ "SCMP_CMP_GT", SECCOMP_OP_GT },
	{ "SCMP_CMP_MASKED_EQ", SECCOMP_OP_MASKED_EQ },
};
TABLE(spec_seccomp_ops, "seccomp operator");

static const struct name_value spec_seccomp_archs_rows[] = {
	{ "SCMP_ARCH_X86", ARCH_X86 },
	{ "SCMP_ARCH_X86_64", ARCH_X86_64 },
	{ "SCMP_ARCH_X32", ARCH_X32 },
	{ "SCMP_ARCH_ARM", ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", ARCH_PPC },
	{ "SCMP_ARCH_PPC64", ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", ARCH_S390 },
	{ "SCMP_ARCH_S390X", ARCH_S390X },
	{ "SCMP_ARCH_PARISC", ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", ARCH_RISCV64 },
	{ "SCMP_ARCH_LOONGARCH64", ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", ARCH_M68K },
	{ "SCMP_ARCH_SH", ARCH_SH },
	{ "SCMP_ARCH_SHEB", ARCH_SHEB },
};
TABLE(spec_seccomp_archs, "architecture");

static const struct name_value spec_seccomp_flags_rows[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};
TABLE(spec_seccomp_flags, "seccomp flag");

static const struct name_value spec_hook_kinds_rows[] = {
	{ "prestart", HOOK_PRESTART },
	{ "createRuntime", HOOK_CREATE_RUNTIME },
	{ "createContainer", HOOK_CREATE_CONTAINER },
	{ "startContainer", HOOK_START_CONTAINER },
	{ "poststart", HOOK_POSTSTART },
	{ "poststop", HOOK_POSTSTOP },
};
TABLE(spec_hook_kinds, "hook kind");

static const struct name_value spec_statuses_rows[] = {
	{ "creating", STATUS_CREATING }, { "created", STATUS_CREATED },
	{ "running", STATUS_RUNNING },	 { "stopped", STATUS_STOPPED },
	{ "paused", STATUS_PAUSED },
};
TABLE(spec_statuses, "status");

/*
 * Two words are not in the specification but in many configurations: podman writes rslave for
 * `-v SOURCE:TARGET:rslave`, others write rprivate for the default.
 */
static const struct name_value spec_rootfs_propagations_rows[] = {
	{ "private", MS_PRIVATE },	 { "rprivate", MS_PRIVATE | MS_REC },
	{ "rslave", MS_SLAVE | MS_REC }, { "shared", MS_SHARED },
	{ "slave", MS_SLAVE },		 { "unbindable", MS_UNBINDABLE },
};
TABLE(spec_rootfs_propagations, "propagation");

static const struct name_value spec_personalities_rows[] = { { "LINUX", PER_LINUX },
							     { "LINUX32", PER_LINUX32 } };
TABLE(spec_personalities, "execution domain");

static const struct name_value spec_clocks_rows[] = { { "monotonic", CLOCK_MONOTONIC },
						      { "boottime", CLOCK_BOOTTIME } };
TABLE(spec_clocks, "clock");

static int find_signal(const char *name)
{
	for (size_t i = 0; i < spec_signals.n; i++)
		if (strcasecmp(spec_signals.rows[i].name, name) == 0)
			return (int)spec_signals.rows[i].value;
	return -EINVAL;
}

/* "+3" or "-1" behind RTMIN or RTMAX. */
static int real_time_offset(const char *s, int *ret)
{
	uint32_t n = 0;

	if (*s && ((*s != '+' && *s != '-') || str_to_u32(s + 1, &n) < 0 || n > 64))
		return -EINVAL;
	*ret = *s == '-' ? -(int)n : (int)n;
	return 0;
}

int spec_signal(const char *text, int *ret)
{
	/*
	 * KERNEL: 1 to 64, real-time from 32 on, of which glibc keeps two and musl three for
	 * itself. Images name them as glibc does ("SIGRTMIN+3" for systemd), whatever hull is
	 * linked with. signal(7).
	 */
	enum { RT_FIRST = 34, LAST = 64 };
	int sig, offset;
	uint32_t n;

	if (str_to_u32(text, &n) == 0) {
		sig = n <= LAST ? (int)n : 0;
	} else {
		if (strncasecmp(text, "SIG", 3) == 0)
			text += 3;
		if (strncasecmp(text, "RTMIN", 5) != 0 && strncasecmp(text, "RTMAX", 5) != 0)
			sig = find_signal(text);
		else if (real_time_offset(text + 5, &offset) < 0)
			return -EINVAL;
		else
			sig = (strncasecmp(text, "RTMIN", 5) != 0 ? LAST : RT_FIRST) + offset;
	}
	if (sig < 1 || sig > LAST)
		return -EINVAL;
	*ret = sig;
	return 0;
}
