#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the place of `criu swrk N`: tells a version, notes what it is asked, and fails as the file beside it says."""

import json
import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(sys.argv[0] if not sys.argv[0].startswith("/proc") else os.readlink(sys.argv[0])))
sys.path.insert(0, HERE)  # executed by descriptor, so Python does not know
from wire import fields  # noqa: E402 pylint: disable=wrong-import-position


def main():
    with open(os.path.join(HERE, "plan.json"), encoding="utf-8") as f:
        plan = json.load(f)
    sock = socket.socket(fileno=int(sys.argv[2]))
    version = plan.get("version", [4, 1])
    sock.recv(65536)
    sock.send(bytes([8, 10, 16, 1, 82, 4, 8, version[0], 16, version[1]]))
    request = sock.recv(65536)
    if not request:
        return
    asked = fields(request)
    options = dict(asked).get(2, b"")
    asked_for = [[n, v.decode(errors="replace") if isinstance(v, bytes) else v] for n, v in fields(options)]
    root = dict(fields(options)).get(13, b"").decode()
    modes = {name: os.stat(os.path.join(root, name)).st_mode for name in plan.get("seen", [])}
    with open(os.path.join(HERE, "asked.json"), "w", encoding="utf-8") as f:
        json.dump({"type": dict(asked)[1], "options": asked_for, "env": dict(os.environ), "seen": modes}, f)
    numbers = dict(fields(options))
    work = os.open(f"/proc/{os.getppid()}/fd/{numbers[17]}", os.O_RDONLY)
    for name in ("half.img", numbers[10].decode()):
        fd = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=work)
        os.write(fd, plan.get("log", "").encode())
    if plan.get("answer") == "garbage":
        sock.send(b"\xff\xff\xff")
    elif plan.get("answer") != "none":
        sock.send(bytes([8, dict(asked)[1], 16, 0]))


main()
