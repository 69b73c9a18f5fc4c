"""A seccomp agent: takes what a runtime sends to listenerPath, and answers notifications."""

import array
import fcntl
import json
import os
import socket
import struct
import threading

from lib.runtime import SLOW

RECV, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND


class Connection:
    """messages: one entry per recvmsg that gave something, with its descriptors."""

    def __init__(self):
        self.data, self.messages, self.ended = b"", [], False

    @property
    def fds(self):
        return [fd for m in self.messages for fd in m]

    @property
    def state(self):
        return json.loads(self.data)


class Agent:
    """Listens on path; keeps what each connection gave until its end of file."""

    def __init__(self, path):
        self.path, self.connections, self.changed = path, [], threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(8)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            one = Connection()
            while True:
                data, control, _, _ = peer.recvmsg(1 << 16, socket.CMSG_SPACE(64))
                fds = []
                for level, kind, body in control:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        found = array.array("i")
                        found.frombytes(body[:len(body) - len(body) % found.itemsize])
                        fds += found
                if not data and not fds:
                    break
                one.data += data
                one.messages.append(fds)
            peer.close()
            one.ended = True
            with self.changed:
                self.connections.append(one)
                self.changed.notify_all()

    def wait(self, number=0, timeout=10):
        """The connection of this number, once it has ended."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.connections) > number, timeout * SLOW), (
                f"{len(self.connections)} connections to {self.path}, {number + 1} are due")
            return self.connections[number]

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join(5)
        for one in self.connections:
            for fd in one.fds:
                os.close(fd)


def receive(fd):
    """The next notification: (id, pid, syscall number, arguments)."""
    buffer = bytearray(80)
    fcntl.ioctl(fd, RECV, buffer)
    ident, pid, _, nr, _, _ = struct.unpack_from("=QIIiIQ", buffer)
    return ident, pid, nr, struct.unpack_from("=6Q", buffer, 32)


def answer(fd, ident, value=0, error=0):
    """What the call returns: value, or minus one with errno error."""
    fcntl.ioctl(fd, SEND, struct.pack("=QqiI", ident, value, -error, 0))
