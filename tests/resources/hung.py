# SPDX-License-Identifier: Apache-2.0
"""File systems that do not answer: a FUSE mount whose server never says a word, or only until it is told to stop."""

import contextlib
import ctypes
import errno
import os
import select
import struct
import threading
import time

from tap import Skip

LIBC = ctypes.CDLL(None, use_errno=True)
INIT, GETATTR, LOOKUP, FORGET, STATFS, OPENDIR, ACCESS, RELEASEDIR = 26, 3, 1, 2, 17, 27, 34, 29
DIRECTORY = 0o40755


def mount_fuse(path):
    """A new mount and the server's end of it."""
    try:
        fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        raise Skip(f"needs /dev/fuse: {e.strerror}") from e
    data = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    if LIBC.mount(b"hung", os.fsencode(path), b"fuse", 0, data.encode()) < 0:
        number = ctypes.get_errno()
        os.close(fd)
        raise Skip(f"cannot mount FUSE here: {os.strerror(number)}")
    return fd


def attributes(node):
    """struct fuse_attr of a directory, linux/fuse.h"""
    return struct.pack("<QQQQQQIIIIIIIIII", node, 0, 0, 0, 0, 0, 0, 0, 0, DIRECTORY, 2, 0, 0, 0, 4096, 0)


class Server(threading.Thread):
    """Every name is a directory; what is known of it is valid for `valid` seconds.

    hang() ends all answers. A deaf server does not even read what it is asked: whoever waits can be killed. One that
    reads and is silent cannot be left, by no signal."""

    def __init__(self, fd, valid):
        super().__init__(daemon=True)
        self.fd, self.valid, self.nodes = fd, valid, {}
        self.silent = self.deaf = self.closing = False
        self.asked = 0
        self.start()

    def run(self):
        while not self.closing:
            if not select.select([self.fd], [], [], 0.02)[0]:
                continue
            if self.deaf:
                time.sleep(0.02)
                continue
            try:
                request = os.read(self.fd, 1 << 17)
            except OSError as e:
                if e.errno == errno.ENODEV: # unmounted
                    return
                continue
            _, code, unique, node = struct.unpack_from("<IIQQ", request)
            self.asked += 1
            if not self.silent and code != FORGET:
                self.answer(code, unique, node, request[40:])

    def answer(self, code, unique, node, rest):
        error, body = 0, b""
        if code == INIT:
            body = struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 8, 6, 65536, 1, 1, 0, 0)
        elif code == LOOKUP:
            child = self.nodes.setdefault((node, rest), len(self.nodes) + 2)
            body = struct.pack("<QQQQII", child, 0, self.valid, self.valid, 0, 0) + attributes(child)
        elif code == GETATTR:
            body = struct.pack("<QII", self.valid, 0, 0) + attributes(node)
        elif code in (OPENDIR,):
            body = struct.pack("<QII", 0, 0, 0)
        elif code == STATFS:
            body = struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
        elif code not in (ACCESS, RELEASEDIR):
            error = -errno.ENOSYS
        with contextlib.suppress(OSError):
            os.write(self.fd, struct.pack("<IiQ", 16 + len(body), error, unique) + body)

    def hang(self, deaf=False):
        self.silent, self.deaf = True, deaf

    def end(self):
        """Whoever waits gets ENOTCONN."""
        self.closing = True
        self.join()
        os.close(self.fd)


@contextlib.contextmanager
def hung(path, valid=0):
    """A mount that answers until hang() is called."""
    os.makedirs(path, exist_ok=True)
    server = Server(mount_fuse(path), valid)
    try:
        os.stat(path + "/a/b")
        yield server
    finally:
        LIBC.umount2(os.fsencode(path), 2) # MNT_DETACH
        server.end()
