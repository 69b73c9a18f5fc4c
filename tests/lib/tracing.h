/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/tracing: what tracers of a runtime need to know about its processes. Each is one program of one
 * source file, hence no tracing.c.
 */
#ifndef HULL_TESTS_TRACING_H
#define HULL_TESTS_TRACING_H

#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/types.h>

enum {
	TRACE_OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC
};

/* Is @pid a thread of the process @of? It shows that one's pid as its thread group. */
static int is_thread(pid_t pid, pid_t of)
{
	char path[64], line[128];
	int tgid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	return tgid == of;
}

#endif
