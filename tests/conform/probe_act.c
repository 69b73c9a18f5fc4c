/*
 * The actions of the probe: each tries one thing and reports result and errno. Nothing here
 * decides whether the outcome is right; that is up to the test.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static void do_setrlimit(void)
{
	const char *type = probe_word();
	struct rlimit64 l;
	int which = -1, r;

	l.rlim_cur = probe_number();
	l.rlim_max = probe_number();
	for (int i = 0; probe_rlimit_name(i); i++)
		if (!strcmp(type, probe_rlimit_name(i)))
			which = i;
	r = prlimit64(0, which, &l, NULL);
	probe_action("setrlimit", r, errno, " ");
}

/* Forks n children that wait; says how many came into being and the errno of the first refusal. */
static void do_fork(void)
{
	int n = probe_number(), made = 0, err = 0;
	pid_t pids[4096];

	for (; made < n && made < 4096; made++) {
		pids[made] = fork();
		if (!pids[made]) {
			pause();
			_exit(0);
		}
		if (pids[made] < 0) {
			err = errno;
			break;
		}
	}
	for (int i = 0; i < made; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	probe_action("fork", err ? -1 : made, err, ", \"made\": %d", made);
}

/* Touches memory page by page in a child, so that a kill by the kernel can be told from a failure.
 */
static void do_alloc(void)
{
	size_t n = probe_number();
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(errno);
		for (size_t i = 0; i < n; i += 4096)
			p[i] = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	probe_action("alloc", status ? -1 : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		     ", \"signal\": %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* open PATH MODE: r read one byte, w, rw, a append, c create, d directory, p only the path. */
static void do_open(void)
{
	const char *path = probe_word(), *mode = probe_word();
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd, r, err;
	char byte;

	if (strchr(mode, 'p'))
		flags |= O_PATH;
	else if (strchr(mode, 'r') && strchr(mode, 'w'))
		flags |= O_RDWR;
	else if (strchr(mode, 'w') || strchr(mode, 'a') || strchr(mode, 'c'))
		flags |= O_WRONLY;
	if (strchr(mode, 'c'))
		flags |= O_CREAT;
	if (strchr(mode, 'a'))
		flags |= O_APPEND;
	if (strchr(mode, 'd'))
		flags |= O_DIRECTORY;
	fd = open(path, flags, 0666);
	err = errno;
	r = -2;
	if (fd >= 0 && !strcmp(mode, "r")) {
		r = read(fd, &byte, 1);
		if (r < 0)
			r = -errno;
	}
	probe_action("open", fd < 0 ? -1 : 0, err, ", \"read\": %d", r);
	if (fd >= 0)
		close(fd);
}

static void do_write(void)
{
	const char *path = probe_word(), *text = probe_word();
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = errno;
	ssize_t r = -1;

	if (fd >= 0) {
		r = write(fd, text, strlen(text));
		err = errno;
		close(fd);
	}
	probe_action("write", r, err, " ");
}

/* syscall NR A1..A6: exactly six argument words follow the number. */
static void do_syscall(void)
{
	long nr = probe_number(), a[6], r;

	for (int i = 0; i < 6; i++)
		a[i] = probe_number();
	r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	probe_action("syscall", r, errno, ", \"nr\": %ld", nr);
}

static void do_stat(void)
{
	struct stat s = { 0 };
	int r = lstat(probe_word(), &s);

	probe_action("stat", r, errno,
		     ", \"mode\": %u, \"uid\": %u, \"gid\": %u, \"size\": %lld, \"ino\": %llu, "
		     "\"major\": %u, \"minor\": %u, \"mtime\": %lld, \"atime\": %lld.%09ld",
		     s.st_mode, s.st_uid, s.st_gid, (long long)s.st_size,
		     (unsigned long long)s.st_ino, major(s.st_rdev), minor(s.st_rdev),
		     (long long)s.st_mtime, (long long)s.st_atime, s.st_atim.tv_nsec);
}

static void do_statfs(void)
{
	struct statfs s = { 0 };
	int r = statfs(probe_word(), &s);

	probe_action("statfs", r, errno,
		     ", \"type\": %lld, \"flags\": %lld, \"blocks\": %llu, \"bsize\": %lld",
		     (long long)s.f_type, (long long)s.f_flags, (unsigned long long)s.f_blocks,
		     (long long)s.f_bsize);
}

static void do_readlink(void)
{
	char buf[4096];
	ssize_t n = readlink(probe_word(), buf, sizeof(buf) - 1);
	int err = errno;

	buf[n > 0 ? n : 0] = 0;
	probe_action("readlink", n, err, ", \"target\": \"%s\"", buf);
}

static void do_getxattr(void)
{
	const char *path = probe_word(), *name = probe_word();
	char buf[1024];
	ssize_t n = lgetxattr(path, name, buf, sizeof(buf) - 1);
	int err = errno;

	buf[n > 0 ? n : 0] = 0;
	probe_action("getxattr", n, err, ", \"value\": \"%s\"", buf);
}

static void do_exec(void)
{
	const char *path = probe_word();
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	probe_action("exec", status ? -1 : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		     ", \"signal\": %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void do_mknod(void)
{
	const char *path = probe_word();
	mode_t type = probe_word()[0] == 'b' ? S_IFBLK : S_IFCHR;
	unsigned int maj = probe_number(), min = probe_number();
	int r = mknod(path, type | 0600, makedev(maj, min));

	probe_action("mknod", r, errno, " ");
}

static void do_socket(void)
{
	int domain = probe_number(), type = probe_number(), proto = probe_number();
	int fd = socket(domain, type | SOCK_CLOEXEC, proto);

	probe_action("socket", fd < 0 ? -1 : 0, errno, " ");
	if (fd >= 0)
		close(fd);
}

static void do_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(probe_number()) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&a, sizeof(a));

	probe_action("bind", r, errno, " ");
	if (fd >= 0)
		close(fd);
}

static void do_mount(void)
{
	const char *src = probe_word(), *dst = probe_word(), *type = probe_word();
	unsigned long flags = probe_number();
	const char *data = probe_word();
	int r = mount(src, dst, type, flags, *data ? data : NULL);

	probe_action("mount", r, errno, " ");
}

static void do_unshare(void)
{
	int r = unshare(probe_number());

	probe_action("unshare", r, errno, " ");
}

static void do_kill(void)
{
	int sig = probe_number();
	int r = kill(getpid(), sig);

	probe_action("kill", r, errno, " ");
}

static void do_setuid(void)
{
	int r = setuid(probe_number());

	probe_action("setuid", r, errno, " ");
}

/* A fault of its own: unlike a signal it sends itself, this ends even pid 1 of a namespace. */
static void do_crash(void)
{
	*(volatile int *)8 = 0;
}

/* clang-format off */
static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{ "setrlimit", do_setrlimit }, { "fork", do_fork }, { "alloc", do_alloc },
	{ "open", do_open }, { "write", do_write }, { "syscall", do_syscall },
	{ "stat", do_stat }, { "statfs", do_statfs }, { "readlink", do_readlink },
	{ "getxattr", do_getxattr }, { "exec", do_exec }, { "mknod", do_mknod },
	{ "socket", do_socket }, { "bind", do_bind }, { "mount", do_mount },
	{ "unshare", do_unshare }, { "kill", do_kill }, { "setuid", do_setuid },
	{ "crash", do_crash },
};
/* clang-format on */

bool probe_act(const char *w)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(w, acts[i].name))
			continue;
		acts[i].act();
		return true;
	}
	return false;
}
