/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console: the pseudoterminal of the container, its hand-over to a console socket, and the relay of a
 * foreground run (faults E7, E8).
 */
#ifndef HULL_CONSOLE_CONSOLE_H
#define HULL_CONSOLE_CONSOLE_H

#include <stdbool.h>

#include "base/err.h"
#include "plan/plan.h"
#include "sys/path.h"

/* In init: master and slave from the container's own devpts (rule D4: magic, inode 2, 5:2; TIOCGPTPEER; 136:n). */
int console_open(const struct rootfs *root, const struct spec_process *p, int *ret_master, int *ret_slave, struct err *e);
/* In init: setsid is done by the caller; make the slave stdin, stdout, stderr and the controlling terminal; owner @uid. */
int console_take_stdio(int slave, uid_t uid, struct err *e);
/* Connect early (PREPARE), send the master later: one message, one fd (features.md a.4). */
int console_connect(const char *path, int *ret, struct err *e);
int console_send(int sock, int master, const char *name, struct err *e);

/*
 * Foreground relay: caller's stdin/stdout <-> pty master, raw mode of a caller's terminal and its restoration,
 * window size, and signals forwarded to the container's init until it ends. Bounded ring, no busy loop, all
 * output drained after exit. @master -1: no terminal, signals and exit only. Returns 0 when the process ended.
 */
struct console_relay {
	int master;
	int pidfd;
	bool forward_signals;
};
int console_relay_run(const struct console_relay *r, struct err *e);

#endif
