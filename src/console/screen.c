/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/screen: hides the modes of the terminal, its escape sequences, and the signals that
 * must not end the program before both are as they were.
 */
#include "console/screen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"

/* ECMA-48 and xterm's ctlseqs: other page, no cursor, no wrapping at the right edge. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_LINE "\033[K\r\n"
#define END_PAGE "\033[K\033[J"

enum { ROWS = 24, COLUMNS = 80, WIDEST = 4096 };

bool screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && !streq(term, "dumb");
}

static void measure(struct screen *s)
{
	struct winsize size = { 0 };

	s->rows = ROWS;
	s->columns = COLUMNS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_row)
		s->rows = MIN(size.ws_row, (unsigned)WIDEST);
	if (size.ws_col)
		s->columns = MIN(size.ws_col, (unsigned)WIDEST);
}

static int take(struct screen *s)
{
	if (s->in >= 0) {
		struct termios raw = s->saved;

		/* keys without echo and without waiting for a line; ^C and ^Z stay signals */
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		if (tcsetattr(s->in, TCSADRAIN, &raw) < 0)
			return -errno;
		s->raw = true;
	}
	s->shown = true;
	return io_write_all(STDOUT_FILENO, ENTER, strlen(ENTER));
}

static void give_back(struct screen *s)
{
	if (s->shown && io_write_all(STDOUT_FILENO, LEAVE, strlen(LEAVE)) < 0)
		s->shown = false; /* the terminal is gone: nothing to give back */
	if (s->raw)
		(void)tcsetattr(s->in, TCSADRAIN, &s->saved);
	s->raw = s->shown = false;
}

int screen_open(struct screen *ret, struct err *e)
{
	static const int caught[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGPIPE
	};
	struct screen s = { .in = -1, .signals = -1 };
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		sigaddset(&set, caught[i]);
	if (sigprocmask(SIG_BLOCK, &set, &s.mask) < 0)
		return err_sys(e, ERR_CON_RELAY, -errno, "block signals");
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r = s.signals < 0 ? -errno : 0;
	if (r == 0 && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &s.saved) == 0)
		s.in = STDIN_FILENO;
	if (r == 0)
		r = take(&s);
	measure(&s);
	if (r < 0) {
		screen_close(&s);
		return err_sys(e, ERR_CON_RELAY, r, "take the terminal");
	}
	*ret = s;
	return 0;
}

int screen_draw(struct screen *s, const char *text, size_t n)
{
	const char *end = text + n;
	int r = io_write_all(STDOUT_FILENO, HOME, strlen(HOME));

	(void)s;
	while (r >= 0 && text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((line ? line : end) - text);

		r = io_write_all(STDOUT_FILENO, text, len);
		if (r >= 0 && line)
			r = io_write_all(STDOUT_FILENO, END_LINE, strlen(END_LINE));
		text += len + (line != NULL);
	}
	return r < 0 ? r : io_write_all(STDOUT_FILENO, END_PAGE, strlen(END_PAGE));
}

static bool stop(struct screen *s)
{
	give_back(s);
	(void)raise(SIGSTOP);
	return take(s) >= 0;
}

/* What the signals that came mean; SCREEN_TIME: nothing. */
static enum screen_event read_signals(struct screen *s)
{
	enum screen_event what = SCREEN_TIME;
	struct signalfd_siginfo si;

	while (io_read_some(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGTSTP && !stop(s))
			return SCREEN_QUIT;
		if (si.ssi_signo != SIGWINCH && si.ssi_signo != SIGTSTP)
			return SCREEN_QUIT;
		measure(s);
		what = SCREEN_RESIZED;
	}
	return what;
}

enum screen_event screen_wait(struct screen *s, uint64_t deadline, char *ret_key)
{
	for (;;) {
		struct pollfd p[] = { { .fd = s->signals, .events = POLLIN },
				      { .fd = s->in, .events = POLLIN } };
		uint64_t now = io_now();
		enum screen_event what;

		if (now >= deadline)
			return SCREEN_TIME;
		if (poll(p, ARRAY_LEN(p),
			 (int)MIN((deadline - now) / 1000000 + 1, (uint64_t)3600 * 1000)) < 0 &&
		    errno != EINTR)
			return SCREEN_QUIT;
		what = read_signals(s);
		if (what != SCREEN_TIME)
			return what;
		if (p[1].revents & POLLIN)
			return io_read_some(s->in, ret_key, 1) == 1 ? SCREEN_KEY : SCREEN_QUIT;
		if (p[1].revents)
			return SCREEN_QUIT;
	}
}

void screen_close(struct screen *s)
{
	if (s->signals < 0)
		return;
	give_back(s);
	fd_close(&s->signals);
	(void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
}
