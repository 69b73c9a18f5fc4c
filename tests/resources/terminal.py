# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, seen from the other end."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z])")
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """Starts argv with all three streams on a new terminal, which is also its controlling one."""

    def __init__(self, *argv, rows=24, columns=80, **env):
        self.master, slave = os.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        environ = {"TERM": "xterm", "PATH": os.environ["PATH"], **env}

        def control():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # the slave stays open here: its modes can be looked at when the program is gone
        self.slave, self.text, self.taken = slave, "", 0
        self.proc = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, preexec_fn=control, # noqa: PLW1509
                                     env={k: v for k, v in environ.items() if v is not None})

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What comes within that time, at most one piece."""
        if select.select([self.master], [], [], seconds)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")

    def until(self, what, limit=30):
        """Waits for a regular expression in what was not looked at before: the match."""
        end = time.monotonic() + limit
        while not (match := re.search(what, self.text[self.taken:], re.DOTALL)):
            assert time.monotonic() < end, f"no {what!r} in {self.text[self.taken:]!r}"
            self.read(0.2)
        self.taken += match.end()
        return match

    def page(self):
        """The next whole page: its lines without escapes."""
        match = self.until(r"\x1b\[H(.*?)\x1b\[K\x1b\[J")
        return ESCAPE.sub("", match[1]).replace("\r", "").split("\n")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, limit=30):
        """Waits for the end of the program: its status; all that it wrote is in text."""
        end = time.monotonic() + limit
        while self.proc.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self.read(0.1)
        self.read(0)
        return self.proc.returncode

    def restored(self):
        """Modes as before, the first page shown again, the cursor back."""
        assert termios.tcgetattr(self.slave) == self.before, "the modes of the terminal are not as before"
        assert self.text.rfind(LEAVE) > self.text.rfind(ENTER), "the other page is still shown"
        assert self.text.rfind("\x1b[?25h") > self.text.rfind("\x1b[?25l"), "the cursor is hidden"
        assert self.text.rfind("\x1b[?7h") > self.text.rfind("\x1b[?7l"), "lines do not wrap"

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.proc.pid, signal.SIGKILL)
        self.proc.wait()
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)


@contextlib.contextmanager
def terminal(*argv, **kw):
    t = Terminal(*argv, **kw)
    try:
        yield t
    finally:
        t.close()
