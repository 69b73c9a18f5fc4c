"""The other end of --console-socket: receives the pseudoterminal master of a container."""

import array
import fcntl
import os
import select
import socket
import time

from lib.runtime import SLOW


class ConsoleSocket:
    def __init__(self, path):
        self.path, self.master = path, -1
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(10)

    def receive(self):
        """The first descriptor that arrives."""
        peer, _ = self.listener.accept()
        with peer:
            peer.settimeout(10)
            fds = array.array("i")
            _, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_LEN(4 * 4))
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(data[:len(data) - len(data) % 4])
        assert len(fds) == 1, f"{len(fds)} descriptors came instead of one"
        self.master = fds[0]
        assert not fcntl.fcntl(self.master, fcntl.F_GETFL) & os.O_NONBLOCK, "a plain read of it finds nothing there"
        return self.master

    def read_all(self, timeout=10):
        """What the container prints up to its end."""
        data, end = b"", time.monotonic() + timeout * SLOW
        while True:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"the terminal stays open, so far: {data!r}"
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # EIO: the last holder of the other side is gone
                chunk = b""
            if not chunk:
                return data.decode(errors="replace").replace("\r\n", "\n")
            data += chunk

    def close(self):
        self.listener.close()
        if self.master >= 0:
            os.close(self.master)
