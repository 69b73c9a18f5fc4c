#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the place of `criu swrk N` where CRIU cannot run: "restores" one process with the rights that somebody wrote
into the images (plan.json beside it), in the way in which CRIU does it: as a child of the runtime, with the
notifications that CRIU sends, and resumed at the end even when the runtime says no."""

import ctypes
import json
import os
import signal
import socket
import struct
import sys

HERE = os.path.dirname(os.path.realpath(sys.argv[0]))
sys.path.insert(0, HERE)  # executed by descriptor, so Python does not know
from wire import fields, varint  # noqa: E402 pylint: disable=wrong-import-position
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_PARENT, NAMESPACES = 0x8000, {
    "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "pid": 0x20000000, "network": 0x40000000}
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
NR = {"x86_64": (56, 155, 126), "aarch64": (220, 41, 91)}[os.uname().machine]  # clone, pivot_root, capset


def must(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def mount(source, target, kind, flags):
    must(LIBC.mount(source and source.encode(), target.encode(), kind and kind.encode(), flags, None), "mount " + target)


def enter_root(root, volume, masks):
    """The root of the images, with a procfs, and a volume that may be written to."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount(root, root, None, MS_BIND | MS_REC)
    mount("proc", root + "/proc", "proc", 0)
    mount(volume, root + "/vol", None, MS_BIND)
    for path in masks:
        mount(root + path, root + path, None, MS_BIND)
    os.chdir(root)
    must(LIBC.syscall(NR[1], b".", b"."), "pivot_root")
    must(LIBC.umount2(b".", 2), "umount")
    os.chdir("/")


def own_caps():
    with open("/proc/self/status", encoding="ascii") as f:
        return next(int(line.split()[1], 16) for line in f if line.startswith("CapPrm"))


def take_rights(caps, plan):
    if plan["nnp"]:
        must(LIBC.prctl(38, 1, 0, 0, 0), "no_new_privs")
    for cap in range(64):
        if not caps >> cap & 1 and LIBC.prctl(23, cap, 0, 0, 0) == 1:
            must(LIBC.prctl(24, cap, 0, 0, 0), "bounding set")
    if plan["filter"]:
        code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(code)))
        must(LIBC.prctl(22, 2, program, 0, 0), "seccomp")
    sets = struct.pack("6I", *[x & 0xffffffff for x in (caps, caps, 0)], *[x >> 32 for x in (caps, caps, 0)])
    must(LIBC.syscall(NR[2], struct.pack("Ii", 0x20080522, 0), sets), "capset")


def second(plan, caps, outer):
    """Another process: a zombie, or one that sees the mounts of CRIU."""
    ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        if plan["second"] == "outside":
            must(LIBC.setns(outer, 0x20000), "setns")
            take_rights(caps & plan["caps"], plan)
            os.write(ready[1], b"+")
            signal.pause()
        os._exit(0)
    os.close(ready[1])
    if plan["second"] == "outside":
        must(len(os.read(ready[0], 1)) - 1, "second process")
    else:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def restored(plan, root, outer, go, told, ran):
    """The process of the container: everything in place, and it waits. A second one may stay outside."""
    os.read(go, 1)
    try:
        caps = own_caps()
        if "mount" in plan["namespaces"]:
            enter_root(root, plan["volume"], plan["masks"])
        if plan["second"]:
            second(plan, caps, outer)
        take_rights(caps & plan["caps"], plan)
        os.write(told, b"+")
    except OSError as e:
        os.write(told, str(e).encode())
        os._exit(1)
    if os.read(go, 1):
        os.write(ran, b"ran")
    while True:
        signal.pause()


def notify(sock, script, pid):
    """Does the runtime agree?"""
    part = b"\x0a" + varint(len(script)) + script + b"\x10" + varint(pid)
    sock.send(bytes([8, 6, 16, 1, 42]) + varint(len(part)) + part)
    return dict(fields(sock.recv(65536))).get(3)


def main():
    with open(os.path.join(HERE, "plan.json"), encoding="utf-8") as f:
        plan = json.load(f)
    sock = socket.socket(fileno=int(sys.argv[2]))
    sock.recv(65536)
    sock.send(bytes([8, 10, 16, 1, 82, 4, 8, 4, 16, 1]))
    root = dict(fields(dict(fields(sock.recv(65536)))[2]))[13].decode()
    ran = os.open(os.path.join(HERE, "ran"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    go, told = os.pipe(), os.pipe()
    outer = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    flags = CLONE_PARENT | signal.SIGCHLD
    for name in plan["namespaces"]:
        flags |= NAMESPACES[name]
    pid = must(LIBC.syscall(NR[0], flags, 0, 0, 0, 0), "clone")
    if pid == 0:
        os.setsid()
        os.close(go[1])
        sock.close()
        restored(plan, root, outer, go[0], told[1], ran)
    os.close(told[1])
    agreed = notify(sock, b"setup-namespaces", pid)
    os.write(go[1], b"1")
    said = os.read(told[0], 999)
    if said != b"+":
        with open(os.path.join(HERE, "failed"), "wb") as f:
            f.write(said)
        sys.exit(1)
    agreed = agreed and notify(sock, b"pre-resume", pid)
    os.write(go[1], b"go")  # CRIU lets go what it has restored even when the answer is no
    if not agreed:
        sys.exit(1)
    part = b"\x08" + varint(pid)
    sock.send(bytes([8, 2, 16, 1, 34]) + varint(len(part)) + part)
    sock.recv(1)


main()
