/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/processes: what the kernel tells of processes by number, for listings. Nothing here
 * acts on a process: a number that was reused between two reads shows another one, and does no
 * harm.
 */
#ifndef HULL_CONTAINER_PROCESSES_H
#define HULL_CONTAINER_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct process_info {
	int pid, parent;     /* as seen from the caller's pid namespace */
	uint32_t uid;	     /* effective, of the host */
	char state;	     /* proc_pid_stat(5) */
	uint32_t terminal;   /* device number, 0: none */
	uint64_t cpu_ms;     /* user and system time so far */
	int64_t started;     /* seconds since the epoch */
	uint64_t age_ms;     /* since then */
	const char *command; /* the arguments, or "[name]"; bytes as the process chose them */
};

/* Look at @pids; those that ended meanwhile are left out. *ret is in @a, in the order of @pids.
 * ERR_GEN_SYS when /proc cannot be opened. proc_pid_stat(5), proc_pid_status(5),
 * proc_pid_cmdline(5) */
int processes_read(const int *pids, size_t n, struct arena *a, struct process_info **ret,
		   size_t *ret_n, struct err *e);
/* The name that the host's /etc/passwd gives to @uid, or the number. Own look-up: name services
 * would mean loading code. In @a. */
const char *processes_user(uint32_t uid, struct arena *a);

#endif
