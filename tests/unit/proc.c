/* SPDX-License-Identifier: Apache-2.0 */
/* sys/proc: the private procfs, its limits, and the small reads. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/pidfd.h"
#include "sys/proc.h"

TEST(opens_own_files)
{
	_cleanup_(proc_close) struct procfs p = { .fd = -1 };
	char buf[256];

	CHECK_INT(proc_open(false, &p), 0);
	CHECK(proc_read(&p, "self/comm", buf, sizeof(buf)) > 0);
	CHECK_STR(buf, "unit-proc");
	CHECK_INT(proc_write(&p, "self/comm", "other", 5), 0);
	CHECK(proc_read(&p, "self/comm", buf, sizeof(buf)) > 0);
	CHECK_STR(buf, "other");
	CHECK_INT(proc_openat(&p, "self/nosuch", O_RDONLY), -ENOENT);
}

TEST(refuses_to_leave)
{
	_cleanup_(proc_close) struct procfs p = { .fd = -1 };
	int r;

	CHECK_INT(proc_open(false, &p), 0);
	CHECK_INT(proc_openat(&p, "../etc/passwd", O_RDONLY), -EXDEV);
	CHECK_INT(proc_openat(&p, "/etc/passwd", O_RDONLY), -EXDEV);
	r = proc_openat(&p, "self/root", O_PATH);
	CHECK_INT(r, r == -EXDEV ? r : -ELOOP);
	r = proc_openat(&p, "self/exe", O_RDONLY);
	CHECK_INT(r, r == -EXDEV ? r : -ELOOP);
}

TEST(the_small_handle_has_no_sysctls)
{
	_cleanup_(proc_close) struct procfs p = { .fd = -1 }, full = { .fd = -1 };

	if (geteuid() != 0)
		SKIP("a procfs instance needs root");
	CHECK_INT(proc_open(false, &p), 0);
	CHECK_INT(proc_openat(&p, "sys/kernel/hostname", O_RDONLY), -ENOENT);
	CHECK_INT(proc_openat(&p, "sysrq-trigger", O_WRONLY), -ENOENT);
	CHECK_INT(proc_open(true, &full), 0);
	_cleanup_fd_ int fd = proc_openat(&full, "sys/kernel/hostname", O_RDONLY);
	CHECK(fd >= 0);
}

/* What covers /proc/self/attr in the mount namespace is not there in the private instance (rule
 * F1). */
TEST(covers_are_invisible)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct procfs p = { .fd = -1 };
		char buf[64];

		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		if (mount("none", "/proc/self", "tmpfs", 0, NULL) < 0 &&
		    mount("/dev/null", "/proc/self/comm", NULL, MS_BIND, NULL) < 0)
			_exit(77);
		if (proc_open(false, &p) < 0)
			_exit(1);
		_exit(proc_read(&p, "self/comm", buf, sizeof(buf)) > 0 ? 0 : 2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no right to make a mount namespace");
	CHECK_INT(status, 0);
}

TEST(start_time_and_state)
{
	_cleanup_(proc_close) struct procfs p = { .fd = -1 };
	uint64_t a = 0, b = 0;
	char state = 0;
	int pipefd[2];
	pid_t pid;

	CHECK_INT(proc_open(false, &p), 0);
	/* A name that tries to look like the end of field 2. */
	CHECK_INT(proc_write(&p, "self/comm", "x) Z 1 1 (", 10), 0);
	CHECK_INT(proc_start_time(&p, getpid(), &a, &state), 0);
	CHECK(a > 0);
	CHECK_INT(state, 'R');
	CHECK_INT(pipe2(pipefd, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		close(pipefd[1]);
		_exit(read(pipefd[0], &c, 1) == 0 ? 0 : 1);
	}
	CHECK_INT(proc_start_time(&p, pid, &b, NULL), 0);
	CHECK(b >= a);
	CHECK(!proc_is_ending(&p, pid));
	CHECK_INT(kill(pid, SIGSTOP), 0);
	CHECK(!proc_is_ending(&p, pid));
	CHECK_INT(kill(pid, SIGKILL), 0);
	while (!proc_is_ending(&p, pid)) /* the moment in which neither shows */
		usleep(1000);
	close(pipefd[0]);
	close(pipefd[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK_INT(proc_start_time(&p, pid, &b, NULL), -ESRCH);
	CHECK(!proc_is_ending(&p, pid));
}

static uint64_t started(pid_t pid, char *ret_state)
{
	_cleanup_(proc_close) struct procfs p = { .fd = -1 };
	uint64_t at = 0;

	return proc_open_ambient(&p) == 0 && proc_start_time(&p, pid, &at, ret_state) == 0 ? at : 0;
}

/* As a kernel without inodes of pidfds has it. */
static const struct process_id *by_start(pid_t pid, uint64_t at)
{
	static struct process_id id;

	id = (struct process_id){ pid, at, 0 };
	return &id;
}

static void child_that_waits(pid_t *ret)
{
	*ret = fork();
	if (*ret == 0)
		for (;;)
			pause();
}

TEST(a_process_is_alive_until_it_ends)
{
	siginfo_t end;
	uint64_t at;
	pid_t pid;

	child_that_waits(&pid);
	at = started(pid, NULL);
	CHECK_INT(pid_alive(by_start(pid, at), NULL), 1);
	CHECK_INT(pid_alive(by_start(pid, at + 1), NULL), 0); /* another one by that number */
	CHECK_INT(kill(pid, SIGSTOP), 0);
	CHECK_INT(pid_alive(by_start(pid, at), NULL), 1);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
	CHECK_INT(pid_alive(by_start(pid, at), NULL), 0); /* a zombie */
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK_INT(pid_alive(by_start(pid, at), NULL), 0);
}

/* The start time does not matter where there is an inode, and nobody else has that one. */
TEST(a_process_is_who_has_the_inode)
{
	struct process_id id = { 0 };
	siginfo_t end;
	int fd;

	child_that_waits(&id.pid);
	fd = pidfd_open_checked(&id);
	CHECK(fd >= 0);
	CHECK_INT(pidfd_inode(fd, &id.inode), 0);
	close(fd);
	if (!id.inode)
		SKIP("pidfds have no inodes of their own before Linux 6.9");
	id.start_time = 1;
	CHECK_INT(pid_alive(&id, NULL), 1);
	fd = pidfd_open_checked(&id);
	CHECK(fd >= 0);
	close(fd);
	id.inode++;
	id.start_time = started(id.pid, NULL);
	CHECK_INT(pid_alive(&id, NULL), 0);
	CHECK_INT(pidfd_open_checked(&id), -ESRCH);
	id.inode--;
	CHECK_INT(kill(id.pid, SIGKILL), 0);
	CHECK_INT(waitid(P_PID, (id_t)id.pid, &end, WEXITED | WNOWAIT), 0);
	CHECK_INT(pid_alive(&id, NULL), 0); /* a zombie */
	CHECK(waitpid(id.pid, NULL, 0) == id.pid);
	CHECK_INT(pid_alive(&id, NULL), 0);
}

static int second_thread(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

/* The first thread shows as a zombie while the others go on. */
TEST(a_process_is_alive_without_its_first_thread)
{
	static _Alignas(16) char stack[16384];
	pid_t pid = fork();
	char state = 0;
	uint64_t at;

	if (pid == 0) {
		if (clone(second_thread, stack + sizeof(stack),
			  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
			  NULL) < 0)
			_exit(1);
		syscall(SYS_exit, 0); /* of this thread alone */
	}
	do
		at = started(pid, &state);
	while (state != 'Z');
	CHECK_INT(pid_alive(by_start(pid, at), NULL), 1);
	CHECK_INT(pid_alive(by_start(pid, at + 1), NULL), 0);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* A handle that was kept tells the same. */
TEST(one_look_after_another)
{
	struct procfs kept = { .fd = -1 };
	uint64_t at = started(getpid(), NULL);
	int fd;

	CHECK_INT(pid_alive(by_start(getpid(), at), &kept), 1);
	fd = kept.fd;
	CHECK(fd >= 0);
	CHECK_INT(pid_alive(by_start(getpid(), at + 1), &kept), 0);
	CHECK_INT(pid_alive(by_start(getpid(), at), &kept), 1);
	CHECK_INT(kept.fd, fd);
	proc_close(&kept);
}

/* Whoever gets a number later has started later. */
TEST(who_was_seen_is_known_again)
{
	uint64_t at = started(getpid(), NULL), now = proc_now();
	int fd;

	CHECK(now >= at && now < at + 100 * 3600);
	fd = pidfd_open_seen(getpid(), now);
	CHECK(fd >= 0);
	close(fd);
	fd = pidfd_open_seen(getpid(), at);
	CHECK(fd >= 0);
	close(fd);
	CHECK_INT(pidfd_open_seen(getpid(), at - 1), -ESRCH);
	CHECK_INT(pidfd_open_checked(by_start(getpid(), at + 1)), -ESRCH);
}

TEST(boot_id)
{
	char id[37];

	CHECK_INT(proc_boot_id(id), 0);
	CHECK_INT(strlen(id), 36);
	CHECK(id[8] == '-' && id[23] == '-');
}

UNIT_MAIN
