/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp: filters in the kernel, the listener, programs from elsewhere, and the limits of size. */
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <fcntl.h>

#include "base/fd.h"
#include "seccomp_oracle.h"
#include "seccomp_profiles.h"
#include "sys/sock.h"
#include "unit.h"

enum { PERSONALITY = 0x20000, CHILD_ERROR = 100 };

/* Exit status, or 128 + signal. */
static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct spec_seccomp one_rule(struct arena *a, uint32_t action, const char *name)
{
	struct spec_seccomp s = { .set = true,
				  .default_action = SECCOMP_RET_ALLOW,
				  .listener_path = "/nowhere" };

	profile_name(profile_rule(&s, a, action), a, name);
	return s;
}

/* In a child: load; CHILD_ERROR when that fails. */
static int load_here(const struct spec_seccomp *s, struct arena *a)
{
	struct seccomp_program p;
	struct err e = { 0 };
	int listener = -1;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_compile(s, a, &p, NULL, &e) < 0 ||
	    seccomp_load(&p, &listener, &e) < 0) {
		fprintf(stderr, "%s %s\n", e.at, e.msg);
		_exit(CHILD_ERROR);
	}
	return listener;
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	_exit(info->si_code == 1 /* SYS_SECCOMP */ && info->si_syscall == SYS_personality ? 77
											  : 78);
}

/* What personality(2) does under a rule: its errno, 0, or what became of the process. */
static int outcome(uint32_t action, struct opt_u32 data)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
		struct spec_seccomp s;
		struct arena a;

		arena_init(&a);
		s = one_rule(&a, action, "personality");
		s.rules[0].errno_ret = data;
		if (action == SECCOMP_RET_TRAP)
			sigaction(SIGSYS, &sa, NULL);
		(void)load_here(&s, &a);
		_exit(syscall(SYS_personality, 0xffffffffUL) < 0 ? errno : 0);
	}
	return wait_for(pid);
}

TEST(actions_in_the_kernel)
{
	struct opt_u32 none = { 0 }, two = { true, 2 }, zero = { true, 0 };

	CHECK_INT(outcome(SECCOMP_RET_KILL_PROCESS, none), 128 + SIGSYS);
	CHECK_INT(outcome(SECCOMP_RET_KILL_THREAD, none), 128 + SIGSYS);
	CHECK_INT(outcome(SECCOMP_RET_TRAP, none), 77);
	CHECK_INT(outcome(SECCOMP_RET_ERRNO, none), EPERM);
	CHECK_INT(outcome(SECCOMP_RET_ERRNO, two), ENOENT);
	CHECK_INT(outcome(SECCOMP_RET_ERRNO, zero), 0);
	CHECK_INT(outcome(SECCOMP_RET_TRACE, none), ENOSYS);
	CHECK_INT(outcome(SECCOMP_RET_LOG, none), 0);
	CHECK_INT(outcome(SECCOMP_RET_ALLOW, none), 0);
}

#ifdef __x86_64__
/* getpid as a program of another architecture asks for it. */
static long getpid_i386(void)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static int other_arch(uint32_t archs, bool i386)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct spec_seccomp s;
		struct arena a;

		arena_init(&a);
		s = one_rule(&a, SECCOMP_RET_ERRNO, "getpid");
		s.rules[0].errno_ret = (struct opt_u32){ true, 42 };
		s.archs = archs;
		(void)load_here(&s, &a);
		if (i386)
			_exit((int)-getpid_i386());
		_exit(syscall(0x40000000L + SYS_getpid) < 0 ? errno : 0);
	}
	return wait_for(pid);
}

/* SECURITY: C4. */
TEST(architectures_in_the_kernel)
{
	CHECK_INT(other_arch(0, true), 128 + SIGSYS);
	CHECK_INT(other_arch(1U << ARCH_X86, true), 42);
	CHECK_INT(other_arch(1U << ARCH_X86, false), 128 + SIGSYS);
	CHECK_INT(other_arch(1U << ARCH_X32, false), 42);
	CHECK_INT(other_arch(1U << ARCH_X32, true), 128 + SIGSYS);
	/* listed, but of machines that this one is not */
	CHECK_INT(other_arch(1U << ARCH_AARCH64 | 1U << ARCH_S390X | 1U << ARCH_SHEB, true),
		  128 + SIGSYS);
}
#endif

TEST(the_kernel_takes_every_program)
{
	volatile int *loaded =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < PROFILES + 100; i++) {
		pid_t pid;

		*loaded = 0;
		pid = fork();
		if (pid == 0) {
			struct random rnd = { i };
			struct spec_seccomp s;
			struct arena a;

			arena_init(&a);
			s = i < PROFILES ? profile_make(i, &a) : random_profile(&rnd, &a);
			s.archs = ~0U;
			(void)load_here(&s, &a);
			*loaded = 1; /* no call to say so: the filter may forbid or ask about any */
			_exit(0);
		}
		while (!*loaded && waitpid(pid, NULL, WNOHANG) == 0)
			(void)sched_yield();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (!*loaded)
			FAIL_("profile %u", i);
	}
}

static int load_with_flags(uint32_t flags, uint32_t action, struct err *ret)
{
	struct err *e =
		mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		struct seccomp_program p;
		struct spec_seccomp s;
		struct arena a;
		int listener;

		arena_init(&a);
		s = one_rule(&a, action, "personality");
		s.flags = flags;
		s.flags_set = true;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		r = seccomp_compile(&s, &a, &p, NULL, e);
		if (r == 0)
			r = seccomp_load(&p, &listener, e);
		_exit(r == 0 ? (listener >= 0) : CHILD_ERROR);
	}
	r = wait_for(pid);
	*ret = *e;
	munmap(e, sizeof(*e));
	return r;
}

TEST(flags)
{
	const uint32_t wait_killable = 1U << 5;
	struct err e;

	CHECK_INT(load_with_flags(0, SECCOMP_RET_ERRNO, &e), 0);
	CHECK_INT(load_with_flags(SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_RET_ERRNO, &e), 0);
	CHECK_INT(load_with_flags(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
					  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
				  SECCOMP_RET_ERRNO, &e),
		  0);
	CHECK_INT(load_with_flags(SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_RET_USER_NOTIF, &e), 1);
	CHECK_INT(load_with_flags(wait_killable, SECCOMP_RET_ERRNO, &e), CHILD_ERROR);
	CHECK_STR(e.at, "/linux/seccomp/flags");
	CHECK_INT(e.id, ERR_SEC_LOAD);
	CHECK(strstr(e.msg, "SCMP_ACT_NOTIFY"));
	/* a flag that no kernel knows */
	CHECK_INT(load_with_flags(1U << 30, SECCOMP_RET_ERRNO, &e), CHILD_ERROR);
	CHECK_INT(e.code, EINVAL);
	if (load_with_flags(wait_killable, SECCOMP_RET_USER_NOTIF, &e) == CHILD_ERROR)
		SKIP("no SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV here");
}

TEST(default_flags)
{
	struct seccomp_program p;
	struct err e = { 0 };
	struct arena a;
	struct spec_seccomp s;

	arena_init(&a);
	s = one_rule(&a, SECCOMP_RET_ERRNO, "chmod");
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), 0);
	CHECK_INT(p.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	s.flags_set = true;
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), 0);
	CHECK_INT(p.flags, 0);
	CHECK(!p.notifies);
	s.set = false;
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), 0);
	CHECK_INT(p.n, 0);
	arena_free(&a);
}

TEST(a_listener_answers)
{
	struct seccomp_notif_resp answer = { .error = -EXDEV };
	struct seccomp_notif request = { 0 };
	int pair[2], listener;
	size_t n_fds;
	char byte;
	pid_t pid;

	CHECK_INT(sock_pair(pair), 0);
	pid = fork();
	if (pid == 0) {
		struct spec_seccomp s;
		struct arena a;

		arena_init(&a);
		s = one_rule(&a, SECCOMP_RET_USER_NOTIF, "personality");
		listener = load_here(&s, &a);
		if (!(fcntl(listener, F_GETFD) & FD_CLOEXEC) ||
		    sock_send(pair[1], "x", 1, &listener, 1) != 1)
			_exit(CHILD_ERROR);
		_exit(syscall(SYS_personality, 0xffffffffUL) < 0 ? errno : 0);
	}
	CHECK_INT(sock_recv(pair[0], &byte, 1, &listener, 1, &n_fds), 1);
	CHECK_INT(n_fds, 1);
	CHECK_INT(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), 0);
	CHECK_INT(request.data.nr, SYS_personality);
	CHECK_INT(request.data.args[0], 0xffffffff);
	answer.id = request.id;
	CHECK_INT(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
	CHECK_INT(wait_for(pid), EXDEV);
	close(listener);
	close(pair[0]);
	close(pair[1]);
}

/* ---- the agent ---- */

struct agent {
	char dir[64], path[128];
	int fd;
};

static bool agent_start(struct agent *g, int type)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(g->dir, "/tmp/hull-seccomp-XXXXXX", 25);
	if (!mkdtemp(g->dir))
		return false;
	(void)snprintf(g->path, sizeof(g->path), "%s/agent", g->dir);
	memcpy(sa.sun_path, g->path, strlen(g->path) + 1);
	g->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	return g->fd >= 0 && bind(g->fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	       (type == SOCK_DGRAM || listen(g->fd, 1) == 0);
}

static void agent_stop(struct agent *g)
{
	close(g->fd);
	unlink(g->path);
	rmdir(g->dir);
}

/* Everything of one connection; in *ret_fds how many descriptors came, in *ret_late those not with
 * the first bytes. */
static size_t agent_read(int conn, char *buf, size_t size, unsigned *ret_fds, unsigned *ret_late,
			 int *ret_fd)
{
	size_t n = 0;

	*ret_fds = *ret_late = 0;
	for (;;) {
		char control[CMSG_SPACE(8 * sizeof(int))];
		struct iovec iov = { buf + n, size - n };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(conn, &m, MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = got >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

		if (c && c->cmsg_type == SCM_RIGHTS) {
			unsigned fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

			*ret_fds += fds;
			*ret_late += n > 0 ? fds : 0;
			memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
		}
		if (got <= 0)
			return n;
		n += (size_t)got;
	}
}

TEST(the_state_and_the_listener_arrive_once)
{
	enum { SIZE = 300 * 1024 };
	char *state = malloc(SIZE), *got = malloc(2 * SIZE);
	unsigned fds, late;
	struct agent g;
	struct stat a, b;
	int conn, fd = -1, given, status;
	pid_t pid;

	CHECK(agent_start(&g, SOCK_STREAM));
	memset(state, 'x', SIZE);
	given = memfd_create("listener", MFD_CLOEXEC);
	pid = fork(); /* far more than the socket holds */
	if (pid == 0) {
		struct err e = { 0 };

		_exit(seccomp_send_listener(g.path, state, SIZE, given, &e) == 0 ? 0 : CHILD_ERROR);
	}
	conn = accept(g.fd, NULL, NULL);
	CHECK_INT(agent_read(conn, got, 2 * SIZE, &fds, &late, &fd), SIZE);
	CHECK_INT(memcmp(got, state, SIZE), 0);
	CHECK_INT(fds, 1);
	CHECK_INT(late, 0);
	CHECK_INT(fstat(fd, &a) | fstat(given, &b), 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 0);
	close(conn);
	close(fd);
	close(given);
	agent_stop(&g);
	free(state);
	free(got);
}

TEST(an_agent_that_is_not_there)
{
	struct err e = { 0 };
	struct agent g;

	CHECK_INT(seccomp_send_listener("/nonexistent/agent", "{}", 2, 0, &e), -ENOENT);
	CHECK_INT(e.id, ERR_SEC_NOTIFY);
	CHECK_STR(e.at, "/linux/seccomp/listenerPath");
	err_clear(&e);
	CHECK(agent_start(&g, SOCK_STREAM));
	close(g.fd);
	CHECK_INT(seccomp_send_listener(g.path, "{}", 2, 0, &e), -ECONNREFUSED);
	agent_stop(&g);
	err_clear(&e);
	CHECK(agent_start(&g, SOCK_DGRAM));
	CHECK_INT(seccomp_send_listener(g.path, "{}", 2, 0, &e), -EPROTOTYPE);
	agent_stop(&g);
}

/* ---- limits ---- */

TEST(what_cannot_be)
{
	struct seccomp_program p;
	struct err e = { 0 };
	struct spec_seccomp s;
	struct arena a;
	unsigned unknown = 0;

	arena_init(&a);
	s = one_rule(&a, SECCOMP_RET_USER_NOTIF, "sendmsg");
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_PROFILE);
	CHECK_STR(e.at, "/linux/seccomp/syscalls/0/names/0");
	err_clear(&e);
	s = one_rule(&a, SECCOMP_RET_ERRNO, "chmod");
	s.default_action = SECCOMP_RET_USER_NOTIF;
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), -EINVAL);
	CHECK_STR(e.at, "/linux/seccomp/defaultAction");
	err_clear(&e);
	s = one_rule(&a, SECCOMP_RET_ERRNO, "nosuchcall");
	profile_name(&s.rules[0], &a, "chmod");
	CHECK_INT(seccomp_compile(&s, &a, &p, &unknown, &e), 0);
	CHECK_INT(unknown, 1);
	CHECK_INT(seccomp_check_names(&s, &e), -EINVAL);
	CHECK_STR(e.at, "/linux/seccomp/syscalls/0/names/0");
	arena_free(&a);
}

static const uint64_t spread = 0x9e3779b97f4a7c15ULL;

static struct spec_seccomp many_values(struct arena *a, unsigned n)
{
	struct spec_seccomp s = { .set = true, .default_action = SECCOMP_RET_ALLOW };

	for (unsigned i = 0; i < n; i++) {
		struct spec_seccomp_rule *r = profile_rule(&s, a, SECCOMP_RET_ERRNO);

		r->errno_ret = (struct opt_u32){ true, i % 100 };
		profile_name(r, a, "ioctl");
		profile_arg(r, a, 1, SECCOMP_OP_EQ, i * spread, 0);
	}
	return s;
}

/* Far beyond the reach of one jump, and with more actions than are remembered. */
TEST(long_programs)
{
	struct seccomp_program p;
	struct err e = { 0 };
	struct spec_seccomp s;
	struct arena a;

	arena_init(&a);
	s = many_values(&a, 600);
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), 0);
	CHECK(p.n > 1000);
	CHECK(!bpf_check(p.insns, p.n));
	for (unsigned i = 0; i < 700; i++) {
		uint32_t audit = seccomp_archs[seccomp_native()].audit;
		uint32_t nr = (uint32_t)seccomp_syscall(seccomp_native(), "ioctl");
		struct seccomp_data d = { .nr = (int)nr, .arch = audit, .args = { 0, i * spread } };
		uint32_t want = i < 600 ? SECCOMP_RET_ERRNO | i % 100 : SECCOMP_RET_ALLOW;

		CHECK_INT(seccomp_decide(&p, &d), want);
		d.args[1] ^= 1ULL << 63;
		CHECK_INT(seccomp_decide(&p, &d), SECCOMP_RET_ALLOW);
	}
	arena_free(&a);
}

TEST(too_large)
{
	struct seccomp_program p;
	struct err e = { 0 };
	struct spec_seccomp s;
	struct arena a;

	arena_init(&a);
	s = many_values(&a, 4000);
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_SIZE);
	CHECK_STR(e.at, "/linux/seccomp/syscalls");
	CHECK(strstr(e.msg, "the kernel takes 4096"));
	err_clear(&e);
	s = many_values(&a, 10000);
	CHECK_INT(seccomp_compile(&s, &a, &p, NULL, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_SIZE);
	arena_free(&a);
}

/* ---- names, programs from elsewhere ---- */

TEST(names_and_numbers)
{
	CHECK_INT(seccomp_syscall(ARCH_X86_64, "read"), 0);
	CHECK_INT(seccomp_syscall(ARCH_X86, "read"), 3);
	CHECK_INT(seccomp_syscall(ARCH_X32, "read"), 0x40000000);
	CHECK_INT(seccomp_syscall(ARCH_AARCH64, "read"), 63);
	CHECK_INT(seccomp_syscall(ARCH_LOONGARCH64, "read"), 63);
	CHECK_INT(seccomp_syscall(ARCH_MIPS64N32, "read"), 6000);
	CHECK_INT(seccomp_syscall(ARCH_ARM, "set_tls"), 0xf0005);
	CHECK_INT(seccomp_syscall(ARCH_X86, "socket"), 359);
	CHECK_INT(seccomp_syscall(ARCH_X86_64, "socketcall"), -1);
	CHECK_INT(seccomp_syscall(ARCH_X86_64, "nosuchcall"), -1);
	CHECK_INT(seccomp_syscall(ARCH_S390X, "mseal"), 462);
	CHECK_STR(seccomp_syscall_name(ARCH_X86_64, 59), "execve");
	CHECK(!seccomp_syscall_name(ARCH_X86_64, 100000));
	for (unsigned i = 1; i < seccomp_names; i++)
		CHECK(strcmp(seccomp_name_text(i - 1), seccomp_name_text(i)) < 0);
}

TEST(a_program_in_base64)
{
	/* ld [0]; jeq #0x87, 0, 1; ret ERRNO|38; ret ALLOW */
	static const char text[] = "IAAAAAAAAAAVAAABhwAAAAYAAAAmAAUABgAAAAAA/38=";
	struct seccomp_data d = { .nr = 0x87 };
	struct seccomp_program p;
	struct err e = { 0 };
	struct arena a;

	arena_init(&a);
	CHECK_INT(seccomp_from_base64(text, &a, &p, &e), 0);
	CHECK_INT(p.n, 4);
	CHECK_INT(seccomp_decide(&p, &d), SECCOMP_RET_ERRNO | 38);
	d.nr = 1;
	CHECK_INT(seccomp_decide(&p, &d), SECCOMP_RET_ALLOW);
	CHECK_INT(seccomp_from_base64("", &a, &p, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_SIZE);
	err_clear(&e);
	CHECK_INT(seccomp_from_base64("IAAAAAAA", &a, &p, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_SIZE);
	err_clear(&e);
	CHECK_INT(seccomp_from_base64("IAAAAAAAAAA", &a, &p, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_PROFILE);
	err_clear(&e);
	CHECK_INT(seccomp_from_base64("IAA=AAAAAAA=", &a, &p, &e), -EINVAL);
	CHECK_INT(e.id, ERR_SEC_PROFILE);
	arena_free(&a);
}

TEST(annotations)
{
	struct spec_kv kv = { "run.oci.seccomp.receiver", "/run/agent" };
	struct seccomp_program p;
	struct err e = { 0 };
	struct spec s = { 0 };
	unsigned unknown = 0;
	struct arena a;

	arena_init(&a);
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), 0);
	CHECK_INT(p.n, 0);
	CHECK(!seccomp_receiver(&s));
	s.annotations = (struct spec_kvs){ &kv, 1 };
	s.os.seccomp = one_rule(&a, SECCOMP_RET_ERRNO, "nosuchcall");
	s.os.seccomp.listener_path = NULL;
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), 0);
	CHECK_INT(unknown, 1);
	CHECK_STR(seccomp_receiver(&s), "/run/agent");
	kv.value = "agent";
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), -EINVAL);
	CHECK_STR(e.at, "/annotations/run.oci.seccomp.receiver");
	err_clear(&e);
	kv = (struct spec_kv){ "run.oci.seccomp_fail_unknown_syscall", "1" };
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), -EINVAL);
	CHECK_STR(e.at, "/linux/seccomp/syscalls/0/names/0");
	err_clear(&e);
	kv = (struct spec_kv){ "run.oci.seccomp_bpf_data", "BgAAAAAA/38=" };
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), 0);
	CHECK_INT(p.n, 1);
	CHECK_INT(p.insns[0].k, SECCOMP_RET_ALLOW);
	kv.value = "BgAAAAAA/38";
	CHECK_INT(seccomp_prepare(&s, &a, &p, &unknown, &e), -EINVAL);
	CHECK_STR(e.at, "/annotations/run.oci.seccomp_bpf_data");
	arena_free(&a);
}

/* A filter of two loaded words and one operation on them: nr in A, arch in X (through memory). */
static uint32_t calculated(uint16_t op, uint32_t k, int nr, uint32_t arch)
{
	struct sock_filter v[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_STX, 3),
		BPF_STMT(BPF_LDX | BPF_IMM, 77),
		BPF_STMT(BPF_LDX | BPF_MEM, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_STMT(op, k),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct seccomp_program p = { .insns = v, .n = ARRAY_LEN(v) };
	struct seccomp_data d = { .nr = nr, .arch = arch };

	return seccomp_decide(&p, &d);
}

TEST(decide_knows_every_instruction)
{
	CHECK_INT(calculated(BPF_ALU | BPF_ADD | BPF_X, 0, 40, 2), 42);
	CHECK_INT(calculated(BPF_ALU | BPF_SUB | BPF_K, 3, 40, 2), 37);
	CHECK_INT(calculated(BPF_ALU | BPF_MUL | BPF_X, 0, 40, 2), 80);
	CHECK_INT(calculated(BPF_ALU | BPF_DIV | BPF_K, 3, 40, 2), 13);
	CHECK_INT(calculated(BPF_ALU | BPF_OR | BPF_X, 0, 40, 2), 42);
	CHECK_INT(calculated(BPF_ALU | BPF_XOR | BPF_K, 8, 40, 2), 32);
	CHECK_INT(calculated(BPF_ALU | BPF_AND | BPF_K, 8, 40, 2), 8);
	CHECK_INT(calculated(BPF_ALU | BPF_LSH | BPF_X, 0, 40, 2), 160);
	CHECK_INT(calculated(BPF_ALU | BPF_RSH | BPF_K, 3, 40, 2), 5);
	CHECK_INT(calculated(BPF_ALU | BPF_NEG, 0, 1, 2), UINT32_MAX);
	CHECK_INT(calculated(BPF_MISC | BPF_TXA, 0, 40, 2), 2);
	CHECK_INT(calculated(BPF_LD | BPF_IMM, 9, 40, 2), 9);
	CHECK_INT(calculated(BPF_LD | BPF_W | BPF_LEN, 0, 40, 2), sizeof(struct seccomp_data));
	CHECK_INT(calculated(BPF_LD | BPF_MEM, 3, 40, 2), 2);
	/* what the kernel would not take, or ends with */
	CHECK_INT(calculated(BPF_ALU | BPF_DIV | BPF_X, 0, 40, 0), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(calculated(BPF_LD | BPF_W | BPF_ABS, 64, 40, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(calculated(BPF_LD | BPF_MEM, 16, 40, 2), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(calculated(BPF_LD | BPF_H | BPF_ABS, 0, 40, 2), SECCOMP_RET_KILL_PROCESS);
}

UNIT_MAIN
