/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/ps_host: the host's ps(1), reduced to some processes.
 */
#ifndef HULL_CMD_PS_HOST_H
#define HULL_CMD_PS_HOST_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* Run ps with these options (NULL at the end) and print its header and the lines whose column PID
 * is one of @pids. Its own messages go to standard error. ERR_CLI_FILE: it is not installed;
 * ERR_CLI_VALUE: it failed, or its output has no such column. */
int ps_host_print(char *const *options, const int *pids, size_t n, struct arena *a, struct err *e);
/* The number of the column "PID" in a header, counted from 0; -1: none. */
int ps_host_column(const char *header);
/* The number in that column of a line; 0: none. */
int ps_host_pid(const char *line, int column);

#endif
