/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/forked: a newcomer whose intermediate process is gone is found and reaped, whether it
 * has introduced itself or not; children that are not of this kind stay as they are.
 */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/err.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/sock.h"

/* As clone3 without CLONE_PARENT: what counts is whose child it is and its exit signal. */
static pid_t newcomer(int exit_signal)
{
	struct clone_args args = { .exit_signal = (uint64_t)exit_signal };

	return sys_clone3(&args);
}

static bool introduce(int chan)
{
	struct err e = { 0 };
	int self = sys_pidfd_open(getpid(), 0);

	return sync_send(chan, SYNC_FORKED, self, &e) == 0;
}

static bool no_child_left(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
}

/* It may have executed its program by now: then its exit signal is SIGCHLD like any other's. */
TEST_IN_CHILD(one_that_introduced_itself)
{
	int pair[2], go[2];
	char byte;

	CHECK(sock_pair(pair) == 0 && pipe(go) == 0);
	if (newcomer(SIGCHLD) == 0) {
		close(pair[0]);
		if (!introduce(pair[1]) || write(go[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pair[1]);
	CHECK_INT(read(go[0], &byte, 1), 1);
	spawn_undo_fork(pair[0]);
	CHECK(no_child_left());
}

TEST_IN_CHILD(one_that_comes_too_late)
{
	struct timespec later = { .tv_nsec = 100 * 1000 * 1000 };
	int pair[2];

	CHECK(sock_pair(pair) == 0);
	signal(SIGPIPE, SIG_IGN);
	if (newcomer(0) == 0) {
		close(pair[0]);
		nanosleep(&later, NULL);
		if (introduce(pair[1])) /* it would go on to execute the program */
			pause();
		_exit(1);
	}
	close(pair[1]);
	spawn_undo_fork(pair[0]);
	CHECK(no_child_left());
}

TEST_IN_CHILD(one_that_was_killed_before)
{
	int pair[2];
	pid_t pid;

	CHECK(sock_pair(pair) == 0);
	pid = newcomer(0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	close(pair[1]);
	CHECK(kill(pid, SIGKILL) == 0);
	spawn_undo_fork(pair[0]);
	CHECK(no_child_left());
}

/* One that takes longer than hull waits for it must not come to run its program later. */
TEST_IN_CHILD(nobody_introduces_himself_afterwards)
{
	int pair[2], go[2], said[2];
	char byte = '?';

	CHECK(sock_pair(pair) == 0 && pipe(go) == 0 && pipe(said) == 0);
	signal(SIGPIPE, SIG_IGN);
	if (newcomer(0) == 0) {
		close(pair[0]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		byte = introduce(pair[1]) ? 'y' : 'n';
		_exit(write(said[1], &byte, 1) != 1);
	}
	close(pair[1]);
	spawn_undo_fork(pair[0]);
	CHECK(write(go[1], "x", 1) == 1);
	CHECK_INT(read(said[0], &byte, 1), 1);
	CHECK_INT(byte, 'n');
	CHECK(waitpid(-1, NULL, __WALL) > 0);
}

TEST_IN_CHILD(children_of_another_kind_stay)
{
	int pair[2];
	pid_t pid;

	CHECK(sock_pair(pair) == 0);
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		pause();
		_exit(0);
	}
	close(pair[1]);
	spawn_undo_fork(pair[0]);
	CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

UNIT_MAIN
