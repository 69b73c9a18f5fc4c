/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console/relay: the loop of a foreground run. Hides raw mode and its way back, who gets which
 * signal, and how neither an endless input nor a reader that never reads can make it grow, spin or
 * hang.
 */
#include "console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/io.h"
#include "console/ring.h"
#include "console/streams.h"
#include "sys/call.h"

enum {
	/*
	 * After the process ended: no more than the kernel can still hold for a terminal, and no
	 * longer than this without a byte taken by the reader.
	 */
	LAST_BYTES = 128 * 1024,
	LAST_SECONDS = 10,
	HANGUP_RETRY_MS = 100,
};

struct relay {
	const struct console_relay *conf;
	struct streams streams; /* without a terminal */
	struct ring in, out;
	int signals;   /* signalfd */
	int watched;   /* conf->watched until it is done with, -1 */
	int writer;    /* stdout, or an own non-blocking description of it */
	bool socket;   /* the writer is a socket */
	bool in_end;   /* nothing more from stdin */
	bool out_gone; /* the reader of stdout is gone: output is thrown away */
	bool hung_up;  /* nobody holds the slave at the moment */
	bool ended;    /* the process has ended */
	size_t last;   /* bytes read since `ended` */
	/* since `ended`: when a reader that takes nothing is left alone; 0: not yet */
	uint64_t give_up;
};

struct term {
	int fd; /* -1: nothing to restore */
	struct termios saved;
};

static void term_restore(struct term *t)
{
	if (t->fd >= 0)
		tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->fd = -1;
}

static void term_raw(const struct term *t)
{
	struct termios raw;

	if (t->fd < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	tcsetattr(t->fd, TCSANOW, &raw);
}

void console_copy_size(int master)
{
	struct winsize size;

	for (int fd = 0; fd <= 2; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(master, TIOCSWINSZ, &size);
			return;
		}
}

void console_line_ends(int master)
{
	struct termios t;

	/* a terminal that stays as it is ends its lines itself */
	if ((isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)) || tcgetattr(master, &t) < 0)
		return;
	t.c_oflag &= ~(tcflag_t)ONLCR;
	tcsetattr(master, TCSANOW, &t);
}

/*
 * Signals that are read from the signalfd. Left out: what cannot be caught, what the CPU raises for
 * hull itself, job control, and SIGPIPE, which hull ignores.
 */
static void caught_signals(sigset_t *set)
{
	static const int out[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,	SIGILL,	 SIGTRAP,
				   SIGSYS,  SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGCHLD };

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		sigdelset(set, out[i]);
}

static void take_signals(struct relay *r, const struct term *t)
{
	int sig;

	while ((sig = sys_signal_next(r->signals))) {
		if (sig == SIGCONT && r->conf->master >= 0) {
			/* A shell has set the terminal its own way while hull was stopped. */
			term_raw(t);
			console_copy_size(r->conf->master);
		} else if (sig == SIGWINCH && r->conf->master >= 0) {
			console_copy_size(r->conf->master);
		} else {
			/* ESRCH: it has just ended, which the pidfd tells too. */
			(void)!sys_pidfd_send_signal(r->conf->pidfd, sig);
		}
	}
}

/*
 * Read what the container wrote. KERNEL: a master reads EIO while no process holds its slave, and
 * can be read again once one has opened it. pty(7), drivers/tty/n_tty.c.
 */
static void from_master(struct relay *r)
{
	ssize_t n = ring_fill(&r->out, r->conf->master);

	if (n > 0) {
		r->hung_up = false;
		if (r->ended)
			r->last += (size_t)n;
		if (r->out_gone)
			r->out.len = 0;
	} else if (n != -EAGAIN) {
		r->hung_up = true;
	}
}

static void to_master(struct relay *r)
{
	ssize_t w = ring_write(&r->in, r->conf->master, false);

	if (w <= 0 && w != -EAGAIN)
		r->in.len = 0; /* hung up: nobody will read it */
}

static void to_stdout(struct relay *r)
{
	ssize_t w = ring_write(&r->out, r->writer, r->socket);

	if (w >= 0) {
		r->give_up = 0;
	} else if (w != -EAGAIN) {
		r->out_gone = true;
		r->out.len = 0;
	}
}

static void from_stdin(struct relay *r)
{
	ssize_t n = ring_fill(&r->in, STDIN_FILENO);

	if (n <= 0 && n != -EAGAIN)
		r->in_end = true;
}

/* After the end: is everything out that can come out? */
static bool finished(struct relay *r)
{
	struct pollfd p = { .fd = r->conf->master, .events = POLLIN };

	if (!r->ended)
		return false;
	if (r->conf->master < 0)
		return streams_finished(&r->streams);
	/*
	 * KERNEL: what a process wrote to the slave reaches the master by a work queue; poll
	 * flushes it (n_tty_poll), so "nothing there" after a poll is the truth even right after
	 * the exit.
	 */
	while (!r->hung_up && r->last < LAST_BYTES && r->out.len < RING_SIZE &&
	       poll(&p, 1, 0) > 0 && p.revents & (POLLIN | POLLHUP))
		from_master(r);
	return r->out.len == 0 && (r->hung_up || r->last >= LAST_BYTES || r->out_gone ||
				   poll(&p, 1, 0) == 0 || !(p.revents & POLLIN));
}

enum {
	P_SIGNAL,
	P_PROCESS,
	P_WATCHED,
	P_STDIN,
	P_MASTER,
	P_STDOUT,
	P_STREAMS,
	P_COUNT = P_STREAMS + STREAMS_POLLED
};

/* Who is asked, given what there is room and data for. Returns the timeout. */
static int prepare(struct relay *r, struct pollfd p[static P_COUNT])
{
	bool pty = r->conf->master >= 0;
	int timeout = -1;
	short events = 0;

	for (int i = 0; i < P_COUNT; i++)
		p[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	streams_poll(&r->streams, r->ended, p + P_STREAMS);
	p[P_SIGNAL].fd = r->signals;
	if (!r->ended) {
		p[P_PROCESS].fd = r->conf->pidfd;
		p[P_WATCHED].fd = r->watched;
	}
	if (pty && !r->in_end && !r->ended && r->in.len < RING_SIZE)
		p[P_STDIN].fd = STDIN_FILENO;
	if (pty && !r->hung_up) {
		if (r->out.len < RING_SIZE && r->last < LAST_BYTES)
			events |= POLLIN;
		if (r->in.len && !r->ended)
			events |= POLLOUT;
		/*
		 * KERNEL: POLLHUP comes unasked: a full ring must not poll a hung-up master.
		 * poll(2).
		 */
		if (events)
			p[P_MASTER] = (struct pollfd){ .fd = r->conf->master, .events = events };
	}
	if (pty && r->hung_up && !r->ended)
		timeout = HANGUP_RETRY_MS;
	if (r->out.len)
		p[P_STDOUT] = (struct pollfd){ .fd = r->writer, .events = POLLOUT };
	if (r->ended) {
		uint64_t now = io_now();

		if (!r->give_up)
			r->give_up = now + LAST_SECONDS * UINT64_C(1000000000);
		timeout = now >= r->give_up ? 0 : (int)((r->give_up - now) / 1000000 + 1);
	}
	return timeout;
}

static int loop(struct relay *r, const struct term *t, struct err *e)
{
	while (!finished(r)) {
		struct pollfd p[P_COUNT];
		int timeout = prepare(r, p);
		int n;

		if (r->ended && timeout == 0)
			/* E8: a reader that never reads does not hold back the exit status */
			return 0;
		n = poll(p, P_COUNT, timeout);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, ERR_CON_RELAY, -errno, "poll");
		}
		if (n == 0 && r->hung_up)
			from_master(r);
		if (p[P_SIGNAL].revents)
			take_signals(r, t);
		if (p[P_PROCESS].revents) {
			r->ended = true;
			/* it may have come back and written meanwhile: look once more */
			r->hung_up = false;
		}
		if (p[P_WATCHED].revents && !r->conf->watch(r->conf->arg))
			r->watched = -1;
		if (streams_work(&r->streams, r->ended, p + P_STREAMS))
			r->give_up = 0;
		if (p[P_STDOUT].revents)
			to_stdout(r);
		if (p[P_MASTER].revents & (POLLIN | POLLHUP | POLLERR) && r->out.len < RING_SIZE)
			from_master(r);
		if (p[P_MASTER].revents & POLLOUT && r->in.len)
			to_master(r);
		if (p[P_STDIN].revents)
			from_stdin(r);
	}
	return 0;
}

static int relay_terminal(struct relay *r, struct err *e)
{
	_cleanup_(term_restore) struct term t = { .fd = -1 };
	_cleanup_(arena_free) struct arena a = { 0 };
	_cleanup_fd_ int writer = -1;
	int k;

	if (r->conf->master < 0) {
		k = r->conf->streams ? streams_begin(&r->streams, r->conf->streams, &a) : 0;
		if (k == 0)
			k = loop(r, &t, e);
		else
			err_sys(e, ERR_CON_RELAY, k, "standard streams");
		streams_end(&r->streams);
		return k;
	}
	r->in.buf = arena_alloc(&a, RING_SIZE);
	r->out.buf = arena_alloc(&a, RING_SIZE);
	writer = ring_open_writer(STDOUT_FILENO, &r->socket);
	if (writer < 0)
		return err_sys(e, ERR_CON_RELAY, writer, "standard output");
	r->writer = writer;
	k = fcntl(r->conf->master, F_GETFL);
	if (k < 0 || fcntl(r->conf->master, F_SETFL, k | O_NONBLOCK) < 0)
		return err_sys(e, ERR_CON_RELAY, -errno, "terminal");
	if (tcgetattr(STDIN_FILENO, &t.saved) == 0)
		t.fd = STDIN_FILENO;
	term_raw(&t);
	return loop(r, &t, e);
}

int console_relay_run(const struct console_relay *conf, struct err *e)
{
	struct relay r = { .conf = conf,
			   .watched = conf->watch ? conf->watched : -1,
			   .writer = -1 };
	_cleanup_fd_ int signals = -1;
	sigset_t caught, saved;
	int ret;

	caught_signals(&caught);
	sigprocmask(SIG_BLOCK, &caught, &saved);
	signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	r.signals = signals;
	if (signals < 0)
		ret = err_sys(e, ERR_CON_RELAY, -errno, "signalfd");
	else
		ret = relay_terminal(&r, e);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return ret;
}
