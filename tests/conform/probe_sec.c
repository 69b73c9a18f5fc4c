/*
 * Actions of the probe around seccomp: system calls in a second thread, under a handler, under a
 * tracer, through the 32-bit entry, or interrupted by a signal.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	long nr, a[6], ret;
	int err;
	bool returned;
};

static void read_call(struct call *c)
{
	c->nr = probe_number();
	for (int i = 0; i < 6; i++)
		c->a[i] = probe_number();
}

static void *make_call(void *arg)
{
	struct call *c = arg;

	c->ret = syscall(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
	c->err = errno;
	c->returned = true;
	return NULL;
}

/* thread NR A1..A6: in a second thread. Says whether that thread outlived the call. */
static void do_thread(void)
{
	struct call c = { 0 };
	pthread_t t;

	read_call(&c);
	if (!pthread_create(&t, NULL, make_call, &c))
		pthread_join(t, NULL);
	probe_action("thread", c.ret, c.err, ", \"returned\": %s", c.returned ? "true" : "false");
}

static volatile sig_atomic_t sigsys_code, sigsys_nr;

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	sigsys_code = info->si_code;
	sigsys_nr = info->si_syscall;
}

/* sigsys NR A1..A6: with a handler for SIGSYS, which says what it was told. */
static void do_sigsys(void)
{
	struct sigaction s = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	struct call c = { 0 };

	read_call(&c);
	sigaction(SIGSYS, &s, NULL);
	make_call(&c);
	probe_action("sigsys", c.ret, c.err, ", \"code\": %d, \"nr\": %d", (int)sigsys_code,
		     (int)sigsys_nr);
}

static void on_user(int sig)
{
	(void)sig;
}

/* interrupted NR A1..A6: with a handler for SIGUSR1 that does not restart calls. */
static void do_interrupted(void)
{
	struct sigaction s = { .sa_handler = on_user };
	struct call c = { 0 };

	read_call(&c);
	sigaction(SIGUSR1, &s, NULL);
	make_call(&c);
	probe_action("interrupted", c.ret, c.err, " ");
}

/* traced NR A1..A6: in a child under ptrace; says which message the seccomp event had. */
static void do_traced(void)
{
	unsigned long message = 0;
	struct call c = { 0 };
	int status = 0;
	bool event = false;
	pid_t pid;

	read_call(&c);
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		make_call(&c);
		_exit(c.ret < 0 ? c.err : 0);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL);
	while (WIFSTOPPED(status)) {
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8))) {
			event = true;
			ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message);
		}
		ptrace(PTRACE_CONT, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) < 0)
			break;
	}
	probe_action("traced", event ? 0 : -1, WEXITSTATUS(status), ", \"message\": %lu", message);
}

/* call32 NR: a call without arguments through the entry for 32-bit programs. */
static void do_call32(void)
{
	int nr = probe_number();
	long r = -ENOSYS;

#ifdef __x86_64__
	int r32 = nr;

	__asm__ volatile("int $0x80"
			 : "+a"(r32)
			 : "b"(0), "c"(0), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	r = r32;
#endif
	probe_action("call32", r < 0 ? -1 : r, r < 0 ? -r : 0, ", \"nr\": %d", nr);
}

/* clang-format off */
static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{ "thread", do_thread }, { "sigsys", do_sigsys }, { "interrupted", do_interrupted },
	{ "traced", do_traced }, { "call32", do_call32 },
};
/* clang-format on */

bool probe_sec(const char *w)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(w, acts[i].name))
			continue;
		acts[i].act();
		return true;
	}
	return false;
}
