/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/screen: the caller's terminal as a page that is drawn again and again, and given back
 * as it was, whatever ends the program short of SIGKILL.
 */
#ifndef HULL_CONSOLE_SCREEN_H
#define HULL_CONSOLE_SCREEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "base/err.h"

enum screen_event { SCREEN_TIME, SCREEN_KEY, SCREEN_RESIZED, SCREEN_QUIT };

struct screen {
	int in;	       /* standard input when it is a terminal, else -1: no keys */
	int signals;   /* signalfd */
	sigset_t mask; /* of the caller */
	struct termios saved;
	bool raw, shown;
	unsigned rows, columns;
};

/* Can a page be drawn on standard output? A terminal, and TERM names one that can move its
 * cursor. */
bool screen_possible(void);
/* Take the terminal: no echo, no lines, the other page of the terminal, no cursor.
 * ERR_CON_RELAY. */
_must_use_ int screen_open(struct screen *ret, struct err *e);
/* Write a whole page: lines separated by newlines, which the caller cut to the width. -errno. */
_must_use_ int screen_draw(struct screen *s, const char *text, size_t n);
/* Wait until @deadline for a key (*ret_key), another size, or the end that a signal or a hang-up
 * asks for. Job control (^Z) is done here: the terminal is given back for that time. */
enum screen_event screen_wait(struct screen *s, uint64_t deadline, char *ret_key);
/* Give the terminal back. Harmless when it was not taken. */
void screen_close(struct screen *s);

#endif
