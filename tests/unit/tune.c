/* SPDX-License-Identifier: Apache-2.0 */
/* The tune room: each setting made in a child and read back from the kernel; resctrl on a tree of
 * plain files. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/call.h"
#include "tune/internal.h"

/* ---- limits ---- */

static const int kinds[] = {
	RLIMIT_AS,     RLIMIT_CORE,   RLIMIT_CPU,	 RLIMIT_DATA,
	RLIMIT_FSIZE,  RLIMIT_LOCKS,  RLIMIT_MEMLOCK,	 RLIMIT_MSGQUEUE,
	RLIMIT_NICE,   RLIMIT_NOFILE, RLIMIT_NPROC,	 RLIMIT_RSS,
	RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_SIGPENDING, RLIMIT_STACK,
};

TEST_IN_CHILD(limits_of_every_kind)
{
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct spec_rlimit l = { .resource = kinds[i] };
		struct spec_process p = { .rlimits = &l, .n_rlimits = 1 };
		struct rlimit was, now;

		CHECK_INT(getrlimit(kinds[i], &was), 0);
		/* Just below what is: low values would end this process. */
		l.hard = was.rlim_max == RLIM_INFINITY ? 1ULL << 40
						       : was.rlim_max - (was.rlim_max > 0);
		l.soft = l.hard - (l.hard > 0);
		CHECK_OK(tune_rlimits(&p, 0, &e), &e);
		CHECK_INT(getrlimit(kinds[i], &now), 0);
		CHECK(now.rlim_cur == l.soft && now.rlim_max == l.hard);
	}
}

TEST_IN_CHILD(limits_of_another_process)
{
	struct spec_rlimit l[] = { { RLIMIT_NOFILE, 100, 200 }, { RLIMIT_CORE, 0, 0 } };
	struct spec_process p = { .rlimits = l, .n_rlimits = 2 };
	struct err e = { 0 };
	struct rlimit now;
	int hold[2];
	pid_t pid;
	char c;

	CHECK(pipe(hold) == 0);
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		_exit(read(hold[0], &c, 1) != 0);
	}
	close(hold[0]);
	CHECK_OK(tune_rlimits(&p, pid, &e), &e);
	CHECK_INT(prlimit(pid, RLIMIT_NOFILE, NULL, &now), 0);
	CHECK(now.rlim_cur == 100 && now.rlim_max == 200);
	CHECK_INT(prlimit(pid, RLIMIT_CORE, NULL, &now), 0);
	CHECK(now.rlim_cur == 0 && now.rlim_max == 0);
	close(hold[1]);
	waitpid(pid, NULL, 0);
}

TEST_IN_CHILD(limits_refused)
{
	struct spec_rlimit l[] = { { RLIMIT_CORE, 5, 5 }, { RLIMIT_NOFILE, 200, 100 } };
	struct spec_process p = { .rlimits = l, .n_rlimits = 2 };
	struct err e = { 0 };

	CHECK_ERR(tune_rlimits(&p, 0, &e), &e, "/process/rlimits/1",
		  "RLIMIT_NOFILE: soft 200 is above hard 100");
	CHECK(geteuid() != 0 || setuid(1000) == 0);
	err_clear(&e);
	l[1] = (struct spec_rlimit){ RLIMIT_CORE, 5, UINT64_MAX };
	CHECK_ERR(tune_rlimits(&p, 0, &e), &e, "/process/rlimits/1",
		  "RLIMIT_CORE: raise the hard limit to unlimited: needs CAP_SYS_RESOURCE");
}

TEST_IN_CHILD(limits_raised_beforehand)
{
	struct spec_rlimit l[] = { { RLIMIT_CORE, 5, 7 }, { RLIMIT_NOFILE, 100, 200 } };
	struct spec_process p = { .rlimits = l, .n_rlimits = 2 };
	struct rlimit was, now;
	struct err e = { 0 };

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &was), 0);
	CHECK_OK(tune_rlimits_raise(&p, &e), &e);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &now), 0);
	CHECK(now.rlim_cur == was.rlim_cur && now.rlim_max == was.rlim_max); /* never lowered */
	l[1].soft = 300;
	CHECK_ERR(tune_rlimits_raise(&p, &e), &e, "/process/rlimits/1",
		  "soft 300 is above hard 200");
	CHECK(geteuid() != 0 || setuid(1000) == 0);
	err_clear(&e);
	l[1] = (struct spec_rlimit){ RLIMIT_NOFILE, 100, was.rlim_max + 1 };
	CHECK_ERR(tune_rlimits_raise(&p, &e), &e, "/process/rlimits/1", "CAP_SYS_RESOURCE");
}

/* ---- scheduling ---- */

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static struct attr attr_now(void)
{
	struct attr a = { 0 };

	syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0);
	return a;
}

TEST_IN_CHILD(policies)
{
	static const struct spec_scheduler rows[] = {
		{ .set = true, .policy = 0, .nice = 5 },
		{ .set = true, .policy = 0, .nice = -5 },
		{ .set = true, .policy = 3, .nice = 3 },
		{ .set = true, .policy = 5 },
		{ .set = true, .policy = 1, .priority = 10 },
		{ .set = true, .policy = 2, .priority = 3, .flags = 1 /* RESET_ON_FORK */ },
		{ .set = true, .policy = 0 },
	};

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		struct attr a;

		CHECK_OK(tune_scheduler(&rows[i], 0, &e), &e);
		a = attr_now();
		CHECK_INT(a.policy, rows[i].policy);
		CHECK_INT(a.priority, rows[i].priority);
		CHECK_INT(a.flags & 1, rows[i].flags);
		if (a.policy == 0 || a.policy == 3)
			CHECK_INT(a.nice, rows[i].nice);
	}
}

TEST_IN_CHILD(deadline_policy)
{
	struct spec_scheduler s = { .set = true,
				    .policy = 6,
				    .runtime = 1000000,
				    .deadline = 10000000,
				    .period = 20000000 };
	struct err e = { 0 };
	struct attr a;
	int r;

	NEED_ROOT();
	r = tune_scheduler(&s, 0, &e);
	if (r == -EPERM || r == -EBUSY)
		SKIP("the host gives no deadline bandwidth");
	CHECK_OK(r, &e);
	a = attr_now();
	CHECK_INT(a.policy, 6);
	CHECK(a.runtime == 1000000 && a.deadline == 10000000 && a.period == 20000000);
	s.period = 0;
	CHECK_OK(tune_scheduler(&s, 0, &e), &e);
	CHECK(attr_now().period == 10000000);
}

TEST_IN_CHILD(keep_flags)
{
	struct spec_scheduler batch = { .set = true, .policy = 3, .nice = 4 };
	struct spec_scheduler keep = { .set = true,
				       .policy = 0,
				       .nice = 9,
				       .flags = 0x18 /* POLICY, PARAMS */ };
	struct err e = { 0 };

	CHECK_OK(tune_scheduler(&batch, 0, &e), &e);
	CHECK_OK(tune_scheduler(&keep, 0, &e), &e);
	CHECK_INT(attr_now().policy, 3);
	CHECK_INT(attr_now().nice, 4);
}

TEST_IN_CHILD(scheduling_refused)
{
	struct {
		struct spec_scheduler s;
		const char *at, *part;
	} rows[] = {
		{ { .set = true, .policy = 4 }, "/process/scheduler/policy", "SCHED_ISO" },
		{ { .set = true, .policy = 1 }, "/process/scheduler/priority", "1 to 99" },
		{ { .set = true, .policy = 2, .priority = 100 },
		  "/process/scheduler/priority",
		  "1 to 99" },
		{ { .set = true, .policy = 0, .priority = 1 },
		  "/process/scheduler/priority",
		  "takes 0" },
		{ { .set = true, .policy = 6, .runtime = 5, .deadline = 3 },
		  "/process/scheduler",
		  "SCHED_DEADLINE needs" },
		{ { .set = true, .policy = 0, .flags = 1ULL << 40 },
		  "/process/scheduler/flags",
		  "flags" },
	};
	struct err e = { 0 };

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		err_clear(&e);
		CHECK_ERR(tune_scheduler(&rows[i].s, 0, &e), &e, rows[i].at, rows[i].part);
	}
	CHECK_INT(setuid(1000), 0);
	err_clear(&e);
	rows[1].s.priority = 10;
	CHECK_ERR(tune_scheduler(&rows[1].s, 0, &e), &e, "/process/scheduler",
		  "SCHED_FIFO, priority 10, nice 0: needs CAP_SYS_NICE");
	rows[1].s.set = false;
	err_clear(&e);
	CHECK_OK(tune_scheduler(&rows[1].s, 0, &e), &e);
}

TEST_IN_CHILD(io_priority)
{
	static const struct spec_io_priority rows[] = {
		{ true, 2, 6 }, { true, 3, 0 }, { true, 1, 0 }, { true, 1, 7 }
	};
	struct err e = { 0 };

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status;
		pid_t pid;

		CHECK_OK(tune_io_priority(&rows[i], &e), &e);
		/* A child has it too. */
		pid = fork();
		if (pid == 0)
			_exit(syscall(SYS_ioprio_get, 1, 0) !=
			      (rows[i].class << 13 | rows[i].priority));
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_INT(status, 0);
	}
	CHECK_INT(setuid(1000), 0);
	CHECK_ERR(tune_io_priority(&rows[3], &e), &e, "/process/ioPriority",
		  "IOPRIO_CLASS_RT: needs");
}

/* ---- masks ---- */

TEST(list_grammar)
{
	static const char *const bad[] = {
		"a",  "3-1", "0-",    "-1",  ",",  "0,",    ",0", "0,,1",
		"0 ", " 0",  "0-1-2", "0x1", "01", "0-3/2", "+1", "0\n"
	};
	static const struct {
		const char *list;
		size_t count;
	} good[] = {
		{ "0", 1 },    { "0-3,7", 5 },	   { "0,0", 1 },   { "7,0-3", 5 }, { "0-0", 1 },
		{ "4095", 1 }, { "0-4095", 4096 }, { "65535", 1 }, { "", 0 },	   { "2-5,4-8", 7 },
	};
	struct tune_mask m;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(tune_parse_list(bad[i], &a, &m), -EINVAL);
	CHECK_INT(tune_parse_list("65536", &a, &m), -ERANGE);
	CHECK_INT(tune_parse_list("0-99999999999999999999", &a, &m), -ERANGE);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_INT(tune_parse_list(good[i].list, &a, &m), 0);
		CHECK_INT(m.count, good[i].count);
	}
	CHECK_INT(tune_parse_list("63,64,1025", &a, &m), 0);
	CHECK_INT(m.n_words, 1025 / TUNE_WORD_BITS + 1);
	CHECK(m.words[0] == 1UL << 63 && m.words[1] == 1 && m.words[16] == 2);
	arena_free(&a);
}

TEST_IN_CHILD(affinity)
{
	struct err e = { 0 };
	cpu_set_t set;
	char cpu[16];
	int first = 0;

	CHECK_INT(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(first, &set))
		first++;
	snprintf(cpu, sizeof(cpu), "%d", first);
	CHECK_OK(tune_affinity(cpu, "/execCPUAffinity/initial", 0, &e), &e);
	CHECK_INT(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) == 1 && CPU_ISSET(first, &set));
	CHECK_ERR(tune_affinity("3-1", "/execCPUAffinity/final", 0, &e), &e,
		  "/execCPUAffinity/final", "\"3-1\" is no list");
	err_clear(&e);
	CHECK_ERR(tune_affinity("5000", "/p", 0, &e), &e, "/p", "no CPU of 5000 exists");
	err_clear(&e);
	snprintf(cpu, sizeof(cpu), "%d,5000", first);
	CHECK_ERR(tune_affinity(cpu, "/p", 0, &e), &e, "/p", "CPU 5000 of");
	err_clear(&e);
	CHECK_ERR(tune_affinity("", "/p", 0, &e), &e, "/p", "empty");
	err_clear(&e);
	CHECK_ERR(tune_affinity("70000", "/p", 0, &e), &e, "/p", "above 65535");
}

static int policy_now(unsigned long *ret_nodes)
{
	unsigned long nodes[64] = { 0 };
	int mode = -1;

	syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0);
	*ret_nodes = nodes[0];
	return mode;
}

TEST_IN_CHILD(memory_policies)
{
	static const struct {
		struct spec_memory_policy m;
		int mode;
		unsigned long nodes;
	} rows[] = {
		{ { true, 0, 0, NULL }, 0, 0 },
		{ { true, 0, 0, "" }, 0, 0 },
		{ { true, 1, 0, "0" }, 1, 1 },
		{ { true, 2, 0, "0-0" }, 2, 1 },
		{ { true, 3, 0, "0,0" }, 3, 1 },
		{ { true, 4, 0, NULL }, 4, 0 },
		{ { true, 5, 0, "0" }, 5, 1 },
		{ { true, 6, 0, "0" }, 6, 1 },
		{ { true, 3, 1 << 15, "0" }, 3 | 1 << 15, 1 },
		{ { true, 3, 1 << 14, "0" }, 3 | 1 << 14, 1 },
		{ { true, 2, 1 << 13, "0" }, 2 | 1 << 13, 1 },
	};
	struct err e = { 0 };
	unsigned long nodes;
	int mode;

	if (syscall(SYS_set_mempolicy, 0, NULL, 0) < 0)
		SKIP("the kernel has no NUMA");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = tune_memory_policy(&rows[i].m, &e);

		if (r == -EINVAL && rows[i].m.mode >= 5) { /* since 5.15 and 6.9 */
			err_clear(&e);
			continue;
		}
		CHECK_OK(r, &e);
		mode = policy_now(&nodes);
		CHECK_INT(mode, rows[i].mode);
		CHECK_INT(nodes, rows[i].nodes);
	}
}

TEST_IN_CHILD(memory_policies_refused)
{
	static const struct {
		struct spec_memory_policy m;
		const char *at, *part;
	} rows[] = {
		{ { true, 2, 0, NULL }, "/linux/memoryPolicy", "MPOL_BIND" },
		{ { true, 0, 0, "0" }, "/linux/memoryPolicy", "MPOL_DEFAULT" },
		{ { true, 4, 0, "0" }, "/linux/memoryPolicy", "MPOL_LOCAL" },
		{ { true, 2, 0, "1000" }, "/linux/memoryPolicy", "1000" },
		{ { true, 2, 0, "0,1000" }, "/linux/memoryPolicy", "1000" },
		{ { true, 3, 0, "5000" }, "/linux/memoryPolicy", "5000" },
		{ { true, 3, 0, "a" }, "/linux/memoryPolicy/nodes", "\"a\" is no list" },
		{ { true, 3, 0, "1-0" }, "/linux/memoryPolicy/nodes", "\"1-0\" is no list" },
	};

	if (syscall(SYS_set_mempolicy, 0, NULL, 0) < 0)
		SKIP("the kernel has no NUMA");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };

		CHECK_ERR(tune_memory_policy(&rows[i].m, &e), &e, rows[i].at, rows[i].part);
	}
}

/* ---- the rest of the process ---- */

TEST_IN_CHILD(personality_domains)
{
	struct spec_personality p = { true, PER_LINUX32 };
	struct err e = { 0 };

	CHECK_OK(tune_personality(&p, &e), &e);
	CHECK_INT(personality(0xffffffff), PER_LINUX32);
	p.domain = PER_LINUX;
	CHECK_OK(tune_personality(&p, &e), &e);
	CHECK_INT(personality(0xffffffff), PER_LINUX);
}

TEST_IN_CHILD(oom_score)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	struct err e = { 0 };
	char text[16];

	CHECK_INT(proc_open(false, &proc), 0);
	CHECK_OK(tune_oom_score(500, 0, &proc, &e), &e);
	CHECK(proc_read(&proc, "self/oom_score_adj", text, sizeof(text)) > 0);
	CHECK_STR(text, "500");
	CHECK_OK(tune_oom_score(600, getpid(), &proc, &e), &e);
	CHECK(proc_read(&proc, "self/oom_score_adj", text, sizeof(text)) > 0);
	CHECK_STR(text, "600");
	CHECK_ERR(tune_oom_score(1001, 0, &proc, &e), &e, "/process/oomScoreAdj", "1001");
	CHECK(geteuid() != 0 || setuid(1000) == 0);
	err_clear(&e);
	CHECK_ERR(tune_oom_score(-1000, 0, &proc, &e), &e, "/process/oomScoreAdj", "-1000");
}

TEST_IN_CHILD(host_and_domain_name)
{
	static char long_name[66];
	struct err e = { 0 };
	struct utsname u;

	NEED_ROOT();
	CHECK_INT(unshare(CLONE_NEWUTS), 0);
	CHECK_OK(tune_hostname("web", "example.org", &e), &e);
	CHECK_INT(uname(&u), 0);
	CHECK_STR(u.nodename, "web");
	CHECK_STR(u.domainname, "example.org");
	CHECK_OK(tune_hostname(NULL, "", &e), &e);
	CHECK_INT(uname(&u), 0);
	CHECK_STR(u.nodename, "web");
	CHECK_STR(u.domainname, "");
	memset(long_name, 'a', 65);
	CHECK_ERR(tune_hostname(long_name, NULL, &e), &e, "/hostname", "65 bytes");
	err_clear(&e);
	CHECK_ERR(tune_hostname(NULL, long_name, &e), &e, "/domainname", "65 bytes");
	err_clear(&e);
	CHECK_INT(setuid(1000), 0);
	CHECK_ERR(tune_hostname("x", NULL, &e), &e, "/hostname", "CAP_SYS_ADMIN");
}

/* ---- sysctls ---- */

static int set_sysctl(const struct procfs *proc, const char *key, const char *value, struct err *e)
{
	struct plan_sysctl s = { "/linux/sysctl/as.written", key, value, NS_NETWORK };
	struct plan p = { .sysctls = &s, .n_sysctls = 1 };

	return tune_sysctls(&p, proc, e);
}

static const char *sysctl_now(const char *key)
{
	static char text[256];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", key);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text[0] = '\0';
	if (fd < 0 || io_read_line_file(fd, text, sizeof(text)) < 0)
		return "unreadable";
	close(fd);
	return text;
}

TEST_IN_CHILD(sysctls_of_own_namespaces)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	struct err e = { 0 };

	NEED_ROOT();
	CHECK_INT(unshare(CLONE_NEWNET | CLONE_NEWIPC), 0);
	CHECK_INT(proc_open(true, &proc), 0);
	CHECK_OK(set_sysctl(&proc, "kernel/shmmax", "123456", &e), &e);
	CHECK_STR(sysctl_now("kernel/shmmax"), "123456");
	CHECK_OK(set_sysctl(&proc, "kernel/sem", "100 200 30 40", &e), &e);
	CHECK_STR(sysctl_now("kernel/sem"), "100\t200\t30\t40");
	CHECK_OK(set_sysctl(&proc, "fs/mqueue/msg_max", "11", &e), &e);
	CHECK_STR(sysctl_now("fs/mqueue/msg_max"), "11");
	CHECK_OK(set_sysctl(&proc, "net/ipv4/ip_forward", "1", &e), &e);
	CHECK_STR(sysctl_now("net/ipv4/ip_forward"), "1");
	CHECK_OK(set_sysctl(&proc, "net/ipv4/conf/lo/forwarding", "0", &e), &e);
	CHECK_STR(sysctl_now("net/ipv4/conf/lo/forwarding"), "0");
}

TEST_IN_CHILD(sysctls_refused)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	static const struct {
		const char *key, *value, *part;
	} rows[] = {
		{ "net/nosuch", "1", "unknown to this kernel" },
		{ "net/ipv4/ip_forward", "x", "write \"x\" to sysctl net/ipv4/ip_forward" },
		{ "net/ipv4/ip_forward", "1 2", "write \"1 2\"" },
		{ "net/ipv4/ip_forward", "99999999999999999999", "write" },
		{ "../self/oom_score_adj", "1", "no name of a sysctl" },
		{ "net/../kernel/panic", "1", "no name of a sysctl" },
		{ "net//ipv4", "1", "no name of a sysctl" },
		{ "/net/ipv4", "1", "no name of a sysctl" },
		{ "net/ipv4/", "1", "no name of a sysctl" },
		{ "./net", "1", "no name of a sysctl" },
		{ "", "1", "no name of a sysctl" },
		{ "net/ipv4", "1", "sysctl net/ipv4" },
	};

	NEED_ROOT();
	CHECK_INT(unshare(CLONE_NEWNET | CLONE_NEWIPC), 0);
	CHECK_INT(proc_open(true, &proc), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };

		CHECK_ERR(set_sysctl(&proc, rows[i].key, rows[i].value, &e), &e,
			  "/linux/sysctl/as.written", rows[i].part);
	}
}
UNIT_MAIN
