/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fault/killer: runs a command and ends one of its processes with SIGKILL at the entry of its
 * N-th system call, counted over all numbers and threads. The shipped binary is tested as it is.
 * usage: killer runtime|init N COMMAND...    N 0: only count; the last line on fd 3 is the count.
 * Exit status: that of the command, 137 when it was killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracing.h"

static pid_t side[3]; /* the command itself, its first child, its thread */

static int which(pid_t pid)
{
	return pid == side[0] ? 0 : pid == side[1] ? 1 : pid == side[2] ? 2 : -1;
}

int main(int argc, char **argv)
{
	unsigned long want, count = 0;
	int status, end = 0, target, entry[3] = { 0 }, executed = 0;

	if (argc < 4)
		return 2;
	target = strcmp(argv[1], "init") == 0;
	want = strtoul(argv[2], NULL, 10);
	side[0] = fork();
	if (side[0] == 0) {
		raise(SIGSTOP);
		close(3);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(side[0], &status, WUNTRACED);
	if (ptrace(PTRACE_SEIZE, side[0], 0, TRACE_OPTIONS) < 0) {
		perror("killer: ptrace");
		kill(side[0], SIGKILL);
		return 2;
	}
	kill(side[0], SIGCONT);
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		int sig = 0, who, event;

		if (pid < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		who = which(pid);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (who != 0)
				continue;
			/* whoever still runs goes on untraced when this process ends */
			end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			break;
		}
		event = status >> 16;
		if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
		    event == PTRACE_EVENT_VFORK) {
			unsigned long child;

			ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
			if (who == 0 && is_thread((pid_t)child, side[0]))
				side[2] = (pid_t)child;
			else if (!side[1] && who == 0)
				side[1] = (pid_t)child;
		} else if (event == PTRACE_EVENT_EXEC && who == 0) {
			executed = 1;
		} else if (event == PTRACE_EVENT_EXEC && who == 1) {
			/* the program runs: no longer hull's */
			ptrace(PTRACE_DETACH, pid, 0, 0);
			continue;
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (who >= 0 && (entry[who] = !entry[who]) && who % 2 == target &&
			    executed && ++count == want) {
				kill(pid, SIGKILL);
				continue;
			}
		} else if (event != PTRACE_EVENT_STOP) {
			sig = WSTOPSIG(status);
		} else if (WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			continue;
		} else if (who < 0) {
			/* the stop of a new child may come before its parent's event */
			if (!side[1] && side[0]) {
				ptrace(PTRACE_SYSCALL, pid, 0, 0);
				continue;
			}
			ptrace(PTRACE_DETACH, pid, 0, 0);
			continue;
		}
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	dprintf(3, "%lu\n", count);
	return end;
}
