/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console: the pseudoterminal of the container, its hand-over to a console socket, and the relay of
 * a foreground run (faults E7, E8).
 */
#ifndef HULL_CONSOLE_CONSOLE_H
#define HULL_CONSOLE_CONSOLE_H

#include <stdbool.h>

#include "base/err.h"
#include "plan/plan.h"
#include "sys/path.h"

/*
 * In init: a new pseudoterminal of the container's own devpts (rule D4), unlocked, with the size of
 * process.consoleSize. Both ends are close-on-exec. ERR_CON_PTY.
 */
_must_use_ int console_open(const struct rootfs *root, const struct spec_process *p,
			    int *ret_master, int *ret_slave, struct err *e);
/*
 * In init, after setsid: the slave becomes stdin, stdout, stderr and the controlling terminal and
 * belongs to @uid (the group stays the one devpts gave it). Takes @slave, also on failure.
 */
_must_use_ int console_take_stdio(int slave, uid_t uid, struct err *e);
/*
 * Connect early (PREPARE), send the master (or, to another socket, a pidfd) later: one message, one
 * fd (features.md a.4). Waits at most 10 s for a peer that has others waiting. @option names the
 * place of an error. ERR_CON_SOCKET.
 */
_must_use_ int console_connect(const char *path, const char *option, int *ret, struct err *e);
_must_use_ int console_send(int sock, int fd, const char *name, const char *option, struct err *e);
/*
 * Give @master the size of the caller's terminal; nothing happens when the caller has none. For a
 * foreground run, before the program starts.
 */
void console_copy_size(int master);
/*
 * When the caller's output is a file or a pipe: lines end as the program wrote them, without a
 * carriage return that only a screen needs. For a foreground run, before the program starts.
 */
void console_line_ends(int master);

/*
 * Of a foreground run without a terminal: pipes in place of those of the caller's streams that are
 * terminals; -1: none. @inner: the program's ends, @outer: the relay's.
 */
struct console_streams {
	int outer[3], inner[3];
};
#define CONSOLE_STREAMS_NONE                                                                       \
	{                                                                                          \
		{ -1, -1, -1 },                                                                    \
		{                                                                                  \
			-1, -1, -1                                                                 \
		}                                                                                  \
	}
/* 0 or -errno; what is open is the caller's to close in either case. */
int console_streams_make(struct console_streams *ret);
/* In init: they become the standard streams. 0 or -errno. */
int console_streams_take(const int inner[static 3]);
/* In the runtime, when init has its own copies. */
void console_streams_given(struct console_streams *s);
void console_streams_close(struct console_streams *s);

/*
 * Foreground relay: the caller's stdin and stdout <-> pty master, raw mode of the caller's terminal
 * and its restoration, window size, and signals for the container's init, until it ends. Two rings
 * of 64 KiB; no busy loop; what the terminal still holds after the end is written out. @master -1:
 * signals, the exit, and @streams (NULL: none) to and from the caller's terminal; what is written
 * to the program is taken from them, as closing it is the end of its input.
 *
 * Signals that would end or inform hull go to the process instead, but for those that the caller
 * ignores. Job control (TSTP, TTIN, TTOU) stops hull alone.
 *
 * watch: called when @watched becomes readable; false: not again. NULL: there is none.
 *
 * 0 when the process has ended (the caller reaps it). @master and @pidfd stay the caller's; @master
 * is made non-blocking. ERR_CON_RELAY when the relay could not be set up.
 */
struct console_relay {
	int master;
	struct console_streams *streams;
	int pidfd;
	int watched;
	bool (*watch)(void *arg);
	void *arg;
};
_must_use_ int console_relay_run(const struct console_relay *r, struct err *e);

#endif
