/*
 * probe: tells as one JSON object what a process sees from inside a container.
 *
 * Static and without arguments of its own: each word on the command line is a section to report
 * or an action to do, in order. Sections are keys of the object; actions go to the list "do".
 */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static char **words;
static FILE *out;     /* sections */
static FILE *actions; /* members of the list "do" */
static bool first_section = true, first_action = true;
static int saved_umask;

const char *probe_word(void)
{
	static char empty[] = "";

	return *words ? *words++ : empty;
}

long long probe_number(void)
{
	const char *w = probe_word();

	if (!strcmp(w, "max"))
		return -1;
	return w[0] == '-' ? strtoll(w, NULL, 0) : (long long)strtoull(w, NULL, 0);
}

/* Writes s as a JSON string. Bytes that are not ASCII are kept as they are. */
static void put_string(FILE *f, const char *s, size_t n)
{
	fputc('"', f);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = s[i];

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 32 || c == 127)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void probe_put_text(FILE *f, const char *s)
{
	if (s)
		put_string(f, s, strlen(s));
	else
		fputs("null", f);
}

static void section(const char *name)
{
	fprintf(out, "%s\n", first_section ? "" : ",");
	first_section = false;
	probe_put_text(out, name);
	fputs(": ", out);
}

/* One action: {"do": name, "ret": r, "errno": e, ...extra members}. */
void probe_action(const char *name, long long ret, int err, const char *extra, ...)
{
	va_list ap;

	fprintf(actions, "%s\n{\"do\": ", first_action ? "" : ",");
	first_action = false;
	probe_put_text(actions, name);
	fprintf(actions, ", \"ret\": %lld, \"errno\": %d", ret, ret < 0 ? err : 0);
	va_start(ap, extra);
	vfprintf(actions, extra, ap);
	va_end(ap);
	fputc('}', actions);
}

/* Reads a small file into a static buffer; NULL when it cannot be read. */
static char *slurp(const char *path, size_t *ret_size)
{
	static char buf[1 << 18];
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while (n < sizeof(buf) - 1) {
		ssize_t r = read(fd, buf + n, sizeof(buf) - 1 - n);

		if (r <= 0)
			break;
		n += r;
	}
	close(fd);
	buf[n] = 0;
	if (ret_size)
		*ret_size = n;
	return buf;
}

static void put_file(const char *path)
{
	size_t n = 0;
	char *text = slurp(path, &n);

	if (text)
		put_string(out, text, n);
	else
		fputs("null", out);
}

static void put_vector(char **v)
{
	fputc('[', out);
	for (size_t i = 0; v[i]; i++) {
		fputs(i ? ", " : "", out);
		probe_put_text(out, v[i]);
	}
	fputc(']', out);
}

static void put_link(const char *path)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof(buf));

	if (n < 0)
		fputs("null", out);
	else
		put_string(out, buf, n);
}

static void show_ids(void)
{
	uid_t r, e, s;
	gid_t gr, ge, gs, groups[1024];
	int n;

	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	fprintf(out, "{\"uid\": [%u, %u, %u, %u], \"gid\": [%u, %u, %u, %u], ", r, e, s,
		(unsigned)setfsuid(-1), gr, ge, gs, (unsigned)setfsgid(-1));
	fprintf(out, "\"pid\": %d, \"ppid\": %d, \"sid\": %d, \"pgid\": %d, \"groups\": [",
		getpid(), getppid(), getsid(0), getpgrp());
	n = getgroups(1024, groups);
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? ", " : "", groups[i]);
	fputs("]}", out);
}

static void show_caps(void)
{
	static const char *const keys[][2] = { { "CapInh:", "inheritable" },
					       { "CapPrm:", "permitted" },
					       { "CapEff:", "effective" },
					       { "CapBnd:", "bounding" },
					       { "CapAmb:", "ambient" } };
	char *text = slurp("/proc/self/status", NULL);

	if (!text) {
		fputs("null", out);
		return;
	}
	fputc('{', out);
	for (int i = 0; i < 5; i++) {
		char *at = strstr(text, keys[i][0]);

		fprintf(out, "%s\"%s\": %llu", i ? ", " : "", keys[i][1],
			at ? strtoull(at + 7, NULL, 16) : 0);
	}
	fprintf(out, ", \"securebits\": %d}", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
}

static const char *const rlimit_names[] = { "CPU",	"FSIZE", "DATA",   "STACK",
					    "CORE",	"RSS",	 "NPROC",  "NOFILE",
					    "MEMLOCK",	"AS",	 "LOCKS",  "SIGPENDING",
					    "MSGQUEUE", "NICE",	 "RTPRIO", "RTTIME" };

const char *probe_rlimit_name(int i)
{
	return i < 16 ? rlimit_names[i] : NULL;
}

static void show_rlimits(void)
{
	fputc('{', out);
	for (int i = 0; i < 16; i++) {
		struct rlimit64 l;
		int r = prlimit64(0, i, NULL, &l);

		fprintf(out, "%s\"RLIMIT_%s\": ", i ? ", " : "", rlimit_names[i]);
		if (r)
			fprintf(out, "{\"errno\": %d}", errno);
		else
			fprintf(out, "{\"soft\": %llu, \"hard\": %llu}",
				(unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
	}
	fputc('}', out);
}

static void show_sched(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t util_min, util_max;
	} a = { 0 };
	cpu_set_t set;

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0)) {
		fprintf(out, "{\"errno\": %d}", errno);
		return;
	}
	fprintf(out, "{\"policy\": %u, \"flags\": %llu, \"nice\": %d, \"priority\": %u, ", a.policy,
		(unsigned long long)a.flags, a.nice, a.priority);
	fprintf(out, "\"runtime\": %llu, \"deadline\": %llu, \"period\": %llu, ",
		(unsigned long long)a.runtime, (unsigned long long)a.deadline,
		(unsigned long long)a.period);
	fprintf(out, "\"util_min\": %u, \"util_max\": %u, \"affinity\": [", a.util_min, a.util_max);
	if (!sched_getaffinity(0, sizeof(set), &set)) {
		for (int i = 0, n = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				fprintf(out, "%s%d", n++ ? ", " : "", i);
	}
	fputs("]}", out);
}

static void show_ioprio(void)
{
	long v = syscall(SYS_ioprio_get, 1, 0);

	if (v < 0)
		fprintf(out, "{\"errno\": %d}", errno);
	else
		fprintf(out, "{\"class\": %ld, \"priority\": %ld}", v >> 13, v & 0x1fff);
}

static void show_mempolicy(void)
{
	unsigned long nodes[16] = { 0 };
	int mode = 0;

	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0)) {
		fprintf(out, "{\"errno\": %d}", errno);
		return;
	}
	/* KERNEL: mode flags share the word of the mode, from bit 13 on. set_mempolicy(2). */
	fprintf(out, "{\"mode\": %d, \"flags\": %d, \"nodes\": [", mode & 0x1fff, mode & ~0x1fff);
	for (int i = 0, n = 0; i < 1024; i++)
		if (nodes[i / 64] >> (i % 64) & 1)
			fprintf(out, "%s%d", n++ ? ", " : "", i);
	fputs("]}", out);
}

static void show_namespaces(void)
{
	static const char *const types[] = { "mnt", "pid",    "net",  "uts",
					     "ipc", "cgroup", "user", "time" };
	char path[64];

	fputc('{', out);
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", types[i]);
		fprintf(out, "%s\"%s\": ", i ? ", " : "", types[i]);
		put_link(path);
	}
	fputc('}', out);
}

static void show_fds(void)
{
	fputc('{', out);
	for (int fd = 0, n = 0; fd < 4096; fd++) {
		char path[64];
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		fprintf(out,
			"%s\"%d\": {\"cloexec\": %d, \"tty\": %d, \"target\": ", n++ ? ", " : "",
			fd, flags, isatty(fd));
		put_link(path);
		fputc('}', out);
	}
	fputc('}', out);
}

static void show_tty(void)
{
	struct winsize w = { 0 };
	int ctty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int r = ioctl(0, TIOCGWINSZ, &w);

	fprintf(out, "{\"isatty\": [%d, %d, %d], \"controlling\": %s, \"rows\": %d, \"cols\": %d, ",
		isatty(0), isatty(1), isatty(2), ctty >= 0 ? "true" : "false", r ? -1 : w.ws_row,
		r ? -1 : w.ws_col);
	fprintf(out, "\"foreground\": %d, \"name\": ", ctty >= 0 ? tcgetpgrp(ctty) : -1);
	put_link("/proc/self/fd/0");
	fputc('}', out);
	if (ctty >= 0)
		close(ctty);
}

static void show_uts(void)
{
	struct utsname u;

	uname(&u);
	fputs("{\"hostname\": ", out);
	probe_put_text(out, u.nodename);
	fputs(", \"domainname\": ", out);
	probe_put_text(out, u.domainname);
	fputs(", \"machine\": ", out);
	probe_put_text(out, u.machine);
	fputs(", \"release\": ", out);
	probe_put_text(out, u.release);
	fputc('}', out);
}

static void show_clocks(void)
{
	static const struct {
		const char *name;
		int id;
	} c[] = { { "realtime", CLOCK_REALTIME },
		  { "monotonic", CLOCK_MONOTONIC },
		  { "boottime", CLOCK_BOOTTIME } };

	fputc('{', out);
	for (int i = 0; i < 3; i++) {
		struct timespec t;

		clock_gettime(c[i].id, &t);
		fprintf(out, "%s\"%s\": %lld.%09ld", i ? ", " : "", c[i].name, (long long)t.tv_sec,
			t.tv_nsec);
	}
	fputc('}', out);
}

static void show_keyring(void)
{
	long id = syscall(SYS_keyctl, 0, -3, 0);
	char desc[256] = "";

	if (id < 0) {
		fprintf(out, "{\"errno\": %d}", errno);
		return;
	}
	(void)!syscall(SYS_keyctl, 6, id, desc, sizeof(desc) - 1);
	fprintf(out, "{\"id\": %ld, \"description\": ", id);
	probe_put_text(out, desc);
	fputc('}', out);
}

static void show_signals(void)
{
	sigset_t mask;
	int n = 0;

	fputs("{\"ignored\": [", out);
	for (int s = 1; s < 65; s++) {
		struct sigaction a;

		if (!sigaction(s, NULL, &a) && a.sa_handler == SIG_IGN)
			fprintf(out, "%s%d", n++ ? ", " : "", s);
	}
	fputs("], \"blocked\": [", out);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	n = 0;
	for (int s = 1; s < 65; s++)
		if (sigismember(&mask, s) == 1)
			fprintf(out, "%s%d", n++ ? ", " : "", s);
	fputs("]}", out);
}

extern char **environ;
static char **all_argv;

static void show_argv(void)
{
	put_vector(all_argv);
}

static void show_env(void)
{
	put_vector(environ);
}

static void show_cwd(void)
{
	char buf[4096];

	probe_put_text(out, getcwd(buf, sizeof(buf)));
}

static void show_nnp(void)
{
	fprintf(out, "%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void show_umask(void)
{
	fprintf(out, "%d", saved_umask);
}

static void show_oom(void)
{
	char *text = slurp("/proc/self/oom_score_adj", NULL);

	fprintf(out, "%s", text ? text : "null");
}

static void show_personality(void)
{
	fprintf(out, "%d", personality(0xffffffff));
}

static void show_seccomp(void)
{
	char *text = slurp("/proc/self/status", NULL);
	char *mode = text ? strstr(text, "\nSeccomp:") : NULL;
	char *filters = text ? strstr(text, "\nSeccomp_filters:") : NULL;

	fprintf(out, "{\"mode\": %ld, \"filters\": %ld}", mode ? strtol(mode + 9, NULL, 10) : -1,
		filters ? strtol(filters + 17, NULL, 10) : -1);
}

static void show_mounts(void)
{
	put_file("/proc/self/mountinfo");
}

static void show_status(void)
{
	put_file("/proc/self/status");
}

static void show_cgroup(void)
{
	put_file("/proc/self/cgroup");
}

static void show_label(void)
{
	put_file("/proc/self/attr/current");
}

static void show_dumpable(void)
{
	fprintf(out, "%d", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void show_pdeathsig(void)
{
	int s = -1;

	prctl(PR_GET_PDEATHSIG, &s, 0, 0, 0);
	fprintf(out, "%d", s);
}

/* clang-format off */
static const struct {
	const char *name;
	void (*show)(void);
} sections[] = {
	{ "argv", show_argv }, { "env", show_env }, { "cwd", show_cwd }, { "ids", show_ids },
	{ "caps", show_caps }, { "nnp", show_nnp }, { "umask", show_umask },
	{ "rlimits", show_rlimits }, { "oom", show_oom }, { "sched", show_sched },
	{ "ioprio", show_ioprio }, { "mempolicy", show_mempolicy },
	{ "personality", show_personality }, { "ns", show_namespaces }, { "fds", show_fds },
	{ "tty", show_tty }, { "uts", show_uts }, { "clocks", show_clocks },
	{ "keyring", show_keyring }, { "signals", show_signals }, { "seccomp", show_seccomp },
	{ "mounts", show_mounts }, { "status", show_status }, { "cgroup", show_cgroup },
	{ "label", show_label }, { "dumpable", show_dumpable },
	{ "pdeathsig", show_pdeathsig },
};
/* clang-format on */

/* trap: says "ready", then one line per signal that arrives, until SIGTERM or end of time. */
static _Noreturn void trap_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	(void)!write(1, "ready\n", 6);
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);
		char line[32];
		int n;

		if (sig < 0)
			continue;
		n = snprintf(line, sizeof(line), "signal %d\n", sig);
		(void)!write(1, line, n);
		if (sig == SIGTERM)
			_exit(0);
	}
}

static void finish(char *list)
{
	if (!first_action) {
		section("do");
		fprintf(out, "[%s]", list);
	}
	fputs("\n}\n", out);
	fflush(out);
}

static void run_word(const char *w)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (strcmp(w, sections[i].name))
			continue;
		section(w);
		sections[i].show();
		return;
	}
	if (probe_act(w) || probe_sec(w))
		return;
	fprintf(stderr, "probe: unknown word %s\n", w);
	exit(99);
}

int main(int argc, char **argv)
{
	char *list = NULL;
	size_t size = 0;
	bool stay = false;
	int status = 0;

	all_argv = argv;
	words = argv + (argc > 0);
	out = stdout;
	saved_umask = umask(0);
	umask(saved_umask);
	if (*words && !strcmp(*words, "trap"))
		trap_signals();
	actions = open_memstream(&list, &size);
	if (!actions)
		return 98;
	fputc('{', out);
	while (*words) {
		const char *w = probe_word();

		if (!strcmp(w, "--")) /* the rest only fills argv */
			break;
		if (!strcmp(w, "to"))
			out = freopen(probe_word(), "a", stdout);
		else if (!strcmp(w, "stay")) /* report, then wait for a signal */
			stay = true;
		else if (!strcmp(w, "status-of")) /* exit status for the end */
			status = probe_number();
		else
			run_word(w);
		if (!out)
			return 97;
	}
	fclose(actions);
	finish(list);
	free(list);
	while (stay)
		pause();
	return status;
}
