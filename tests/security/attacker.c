/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/security/attacker: what a hostile neighbour, image or process does, as one static program. Outside the
 * container it exchanges names while a runtime works; inside it looks for what the runtime left open.
 *
 *   swap A B                     exchange A and B for ever, as fast as it goes
 *   step SIDE N HOLD A B CMD..   run CMD; at the N-th look-up of SIDE (runtime, init) exchange A and B, HOLD
 *                                calls later back (0: never). N 0: count only. The count goes to fd 3.
 *   structs CMD..                run CMD; each struct that it or a child hands to the kernel with a size goes to fd 3:
 *                                call, command of the call, size, bytes
 *   deny CALL ERRNO CMD..        run CMD where the system call with this number fails
 *   peep SECONDS                 inside: what of the files behind /proc/NEW-PID/fd can be opened; one line each.
 *                                The file /stop ends it earlier
 *   overwrite SECONDS            inside: write into whatever new processes have as /proc/PID/exe
 *   push                         inside: put bytes into the input of the terminal on fd 0
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tracing.h"

#ifndef SYS_open_tree_attr /* since 6.15 */
#define SYS_open_tree_attr 467
#endif

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static int exchange(const char *a, const char *b)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int do_swap(char **argv)
{
	puts("go");
	fflush(stdout);
	for (;;)
		if (exchange(argv[0], argv[1]) < 0 && errno != ENOENT) {
			perror("attacker: renameat2");
			return 1;
		}
}

/* ---- step ---- */

struct step {
	pid_t side[3]; /* the command itself, its first child, its thread */
	int target, entry[3], executed, done;
	unsigned long want, hold, count;
	const char *a, *b;
};

/* Only calls that look up a name, or put something where one leads: nothing else can be led astray. */
static int looks_up(pid_t pid)
{
	static const long calls[] = {
		SYS_open,	SYS_openat,	SYS_openat2,  SYS_mkdir,	 SYS_mkdirat,
		SYS_mknod,	SYS_mknodat,	SYS_symlink,  SYS_symlinkat,	 SYS_open_tree,
		SYS_move_mount, SYS_mount,	SYS_stat,     SYS_lstat,	 SYS_readlink,
		SYS_readlinkat, SYS_newfstatat, SYS_statx,    SYS_unlink,	 SYS_unlinkat,
		SYS_chdir,	SYS_chroot,	SYS_umount2,  SYS_pivot_root,	 SYS_chown,
		SYS_fchownat,	SYS_fchmodat,	SYS_access,   SYS_faccessat,	 SYS_faccessat2,
		SYS_setxattr,	SYS_execve,	SYS_execveat, SYS_mount_setattr, SYS_open_tree_attr,
	};
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == (long)info.entry.nr)
			return 1;
	return 0;
}

/* At the entry of a system call of the side that counts: true when the tracer has nothing left to do. */
static int at_call(struct step *s)
{
	s->count++;
	if (!s->want || s->done)
		return 0;
	if (s->count == s->want) {
		if (exchange(s->a, s->b) < 0)
			perror("attacker: renameat2");
		s->done = s->hold == 0;
	} else if (s->count == s->want + s->hold) {
		exchange(s->a, s->b);
		s->done = 1;
	}
	return s->done;
}

/* One stop; returns the request to go on with, and the signal to pass. */
static int on_stop(struct step *s, pid_t pid, int status, int *sig)
{
	int who = pid == s->side[0] ? 0 : pid == s->side[1] ? 1 : pid == s->side[2] ? 2 : -1;
	int event = status >> 16;
	int go = s->done ? PTRACE_DETACH : PTRACE_SYSCALL;

	*sig = 0;
	if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
	    event == PTRACE_EVENT_VFORK) {
		unsigned long child = 0;

		ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
		if (who == 0 && is_thread((pid_t)child, s->side[0]))
			s->side[2] = (pid_t)child;
		else if (!s->side[1] && who == 0)
			s->side[1] = (pid_t)child;
	} else if (event == PTRACE_EVENT_EXEC) {
		s->executed |= who == 0;
		if (who == 1)
			return PTRACE_DETACH; /* the program of the container */
	} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		if (who >= 0 && (s->entry[who] = !s->entry[who]) && who % 2 == s->target &&
		    s->executed && looks_up(pid) && at_call(s))
			return PTRACE_DETACH;
	} else if (event != PTRACE_EVENT_STOP) {
		*sig = WSTOPSIG(status);
	} else if (WSTOPSIG(status) != SIGTRAP) {
		return PTRACE_LISTEN;
	} else if (who < 0 && s->side[1]) {
		return PTRACE_DETACH;
	}
	return go;
}

/* Starts the command, stopped; seize() traces it and lets it go on. */
static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		close(3);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static int seize(pid_t pid)
{
	int status;

	waitpid(pid, &status, WUNTRACED);
	if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) < 0) {
		perror("attacker: ptrace");
		kill(pid, SIGKILL);
		return -1;
	}
	kill(pid, SIGCONT);
	return 0;
}

static int do_step(char **argv)
{
	struct step s = { .target = strcmp(argv[0], "init") == 0 };
	int status, end = 0;

	s.want = strtoul(argv[1], NULL, 10);
	s.hold = strtoul(argv[2], NULL, 10);
	s.a = argv[3];
	s.b = argv[4];
	s.side[0] = start(argv + 5);
	if (seize(s.side[0]) < 0)
		return 2;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		int sig = 0, request;

		if (pid < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid != s.side[0])
				continue;
			end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			break;
		}
		request = on_stop(&s, pid, status, &sig);
		ptrace(request, pid, 0, sig);
	}
	dprintf(3, "%lu\n", s.count);
	return end;
}

/* ---- structs ---- */

/* The calls that take a struct and its size: which arguments these are. */
static void show_struct(pid_t pid)
{
	static const struct {
		long nr;
		const char *name;
		int at, size;
	} calls[] = {
		{ SYS_bpf, "bpf", 1, 2 },
		{ SYS_clone3, "clone3", 0, 1 },
		{ SYS_openat2, "openat2", 2, 3 },
		{ SYS_mount_setattr, "mount_setattr", 3, 4 },
		{ SYS_open_tree_attr, "open_tree_attr", 3, 4 },
	};
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		unsigned char bytes[4096];
		size_t size = (size_t)info.entry.args[calls[i].size];
		struct iovec here = { bytes, size };
		struct iovec there = { (void *)(uintptr_t)info.entry.args[calls[i].at], size };

		if (calls[i].nr != (long)info.entry.nr || size > sizeof(bytes) ||
		    process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)size)
			continue;
		dprintf(3, "%s %llu %zu ", calls[i].name, (unsigned long long)info.entry.args[0],
			size);
		for (size_t k = 0; k < size; k++)
			dprintf(3, "%02x", bytes[k]);
		dprintf(3, "\n");
	}
}

static int do_structs(char **argv)
{
	pid_t command = start(argv);
	int status;

	if (seize(command) < 0)
		return 2;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		int event = status >> 16, sig = 0;

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return 2;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == command)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			show_struct(pid);
		else if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			continue;
		} else if (!event)
			sig = WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
}

/* ---- deny ---- */

static int do_deny(char **argv)
{
	unsigned nr = (unsigned)atoi(argv[0]), error = (unsigned)atoi(argv[1]);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) <
	    0) { /* root needs no no_new_privs */
		perror("attacker: seccomp");
		return 2;
	}
	execv(argv[2], argv + 2);
	perror("attacker: execv");
	return 127;
}

/* ---- peep ---- */

static const char *kind(mode_t mode)
{
	return S_ISDIR(mode)	? "dir"
	       : S_ISREG(mode)	? "file"
	       : S_ISSOCK(mode) ? "socket"
	       : S_ISFIFO(mode) ? "fifo"
				: "other";
}

/* Directory of the host: does the way up from it end somewhere else than at our root? */
static const char *leads(int fd)
{
	struct stat root, st;
	int up = dup(fd);
	const char *r = "nowhere";

	if (stat("/", &root) < 0)
		return r;
	for (int i = 0; i < 64 && up >= 0; i++) {
		int next = openat(up, "..", O_PATH | O_DIRECTORY);

		close(up);
		up = next;
	}
	if (up >= 0 && fstat(up, &st) == 0)
		r = st.st_dev == root.st_dev && st.st_ino == root.st_ino ? "in" : "out";
	if (up >= 0 && faccessat(up, "etc/hostname", F_OK, 0) == 0 && *r == 'o')
		r = "out-to-a-root";
	close(up);
	return r;
}

static void peep_at(const char *pid)
{
	char path[64], link[PATH_MAX], own[PATH_MAX];
	struct dirent *d;
	DIR *dir;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		struct stat st;
		int fd;

		if (d->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		fd = openat(dirfd(dir), d->d_name, O_PATH);
		if (fd < 0)
			continue;
		snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
		if (fstat(fd, &st) == 0 && !S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode)) {
			int wr = S_ISDIR(st.st_mode) ? faccessat(AT_FDCWD, own, W_OK, 0)
						     : open(own, O_WRONLY | O_NONBLOCK);

			printf("%s %s %s %s %s\n", kind(st.st_mode), d->d_name,
			       S_ISDIR(st.st_mode) ? leads(fd) : "-", wr < 0 ? "ro" : "rw", link);
			if (wr > 0)
				close(wr);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* The same for the root and the working directory. */
static void peep_roots(const char *pid)
{
	static const char *const names[] = { "root", "cwd" };
	char path[64];

	for (int i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, names[i]);
		fd = open(path, O_PATH | O_DIRECTORY);
		if (fd >= 0)
			printf("dir %s %s ro %s\n", names[i], leads(fd), path);
		close(fd);
	}
}

static int is_new(const char *name, long first)
{
	return *name >= '1' && *name <= '9' && strtol(name, NULL, 10) >= first;
}

/* New pids are the next numbers: no listing of /proc, which takes long. */
static int do_peep(char **argv)
{
	double end = now() + atof(argv[0]);
	long next = getpid() + 1;

	puts("ready");
	fflush(stdout);
	while (now() < end && access("/stop", F_OK) < 0) {
		char path[32], pid[16];

		for (long p = next; p < next + 4; p++) {
			snprintf(pid, sizeof(pid), "%ld", p);
			snprintf(path, sizeof(path), "/proc/%ld", p);
			if (access(path, F_OK) < 0)
				continue;
			do {
				peep_roots(pid);
				peep_at(pid);
			} while (access(path, F_OK) == 0 && access("/stop", F_OK) < 0 &&
				 now() < end);
			next = p + 1;
			break;
		}
	}
	puts("end");
	return 0;
}

/* ---- overwrite ---- */

/* A program of our own rootfs: writing there is no feat. */
static int is_ours(int fd)
{
	const char *const own[] = { "/bin/busybox", "/bin/attacker", "/bin/evil" };
	struct stat st, mine;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (fstat(fd, &st) == 0 && lstat(own[i], &mine) == 0 && st.st_ino == mine.st_ino &&
		    st.st_dev == mine.st_dev)
			return 1;
	return 0;
}

static int do_overwrite(char **argv)
{
	double end = now() + atof(argv[0]);
	long first = getpid() + 1;
	int held[64], n = 0;

	puts("ready");
	fflush(stdout);
	while (now() < end) {
		DIR *proc = opendir("/proc");
		struct dirent *d;

		while (proc && (d = readdir(proc))) {
			char path[64];
			int fd;

			if (!is_new(d->d_name, first) || n == 64)
				continue;
			snprintf(path, sizeof(path), "/proc/%.16s/exe", d->d_name);
			fd = open(path, O_RDONLY);
			if (fd >= 0 && !is_ours(fd))
				held[n++] = fd;
			else if (fd >= 0)
				close(fd);
		}
		if (proc)
			closedir(proc);
		for (int i = 0; i < n; i++) { /* ETXTBSY until the last one that runs it is gone */
			char path[64];
			int fd;

			snprintf(path, sizeof(path), "/proc/self/fd/%d", held[i]);
			fd = open(path, O_WRONLY | O_APPEND);
			if (fd >= 0 && write(fd, "#pwned\n", 7) == 7)
				printf("wrote\n");
			if (fd >= 0 || n == 64) {
				close(fd);
				close(held[i]);
				held[i--] = held[--n];
			}
		}
	}
	puts("end");
	return 0;
}

static int do_push(void)
{
	char sub[2] = { 3, 0 };

	for (const char *p = "pwned\n"; *p; p++)
		if (ioctl(0, TIOCSTI, p) < 0) {
			printf("TIOCSTI %d\n", errno);
			break;
		}
	printf("TIOCLINUX %d\n", ioctl(0, TIOCLINUX, sub) < 0 ? errno : 0);
	printf("session %d %d\n", getsid(0) == getpid(), tcgetsid(0) == getsid(0));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "swap"))
		return do_swap(argv + 2);
	if (argc >= 8 && !strcmp(argv[1], "step"))
		return do_step(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "structs"))
		return do_structs(argv + 2);
	if (argc >= 5 && !strcmp(argv[1], "deny"))
		return do_deny(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "peep"))
		return do_peep(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "overwrite"))
		return do_overwrite(argv + 2);
	if (argc >= 2 && !strcmp(argv[1], "push"))
		return do_push();
	return 2;
}
