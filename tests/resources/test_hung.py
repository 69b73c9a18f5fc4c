# SPDX-License-Identifier: Apache-2.0
"""E3: a file system that hangs, as source of a bind mount, as root file system, or somewhere on the host."""

import os

from tap import eq, eventually, has, need, test
from hung import hung


def bind(source, destination="/m"):
    def change(config):
        config["mounts"].append({"destination": destination, "type": "bind", "source": source, "options": ["rbind"]})
    return change


def no_process_left(h):
    """What was left waiting ends with the mount."""
    def waiting():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe") == h.runtime:
                    found.append(pid)
            except OSError:
                pass
        return found
    eventually(lambda: not waiting(), "no process of hull's is left")


@test("E3: a bind source whose server is gone: an error with its pointer, nothing left")
def hung_source(h):
    source = h.path("fuse1") + "/a/b"
    path, name = h.bundle(change=bind(source))
    with hung(h.path("fuse1")) as server:
        h.hull("create", "--bundle", path, name).ok() # while it answers
        h.delete(name)
        server.hang(deaf=True)
        h.error_line(h.hull("create", "--bundle", path, name), "/mounts/1", source, "timed out", "does not answer")
        h.nothing_left(name)
        no_process_left(h) # it could be killed


@test("E3: a bind source whose server takes the question and is silent: the same, though nothing can end the wait")
def silent_source(h):
    source = h.path("fuse2") + "/a/b"
    path, name = h.bundle(change=bind(source))
    with hung(h.path("fuse2")) as server:
        server.hang()
        h.error_line(h.hull("create", "--bundle", path, name), "/mounts/1", source, "timed out")
        assert server.asked > 4, "the server was not asked"
        h.nothing_left(name)
    no_process_left(h)


@test("E3: a root file system whose server is gone")
def hung_root(h):
    root = h.path("fuse3") + "/a"

    def change(config):
        config["root"]["path"] = root
    path, name = h.bundle(change=change)
    with hung(h.path("fuse3")) as server:
        server.hang(deaf=True)
        h.error_line(h.hull("create", "--bundle", path, name), "/root/path", root, "timed out")
        h.nothing_left(name)
        no_process_left(h)


@test("E3: a hanging mount that is a bind source itself, or that nobody asked for, holds up nothing")
def hung_elsewhere(h):
    with hung(h.path("fuse4")) as server:
        server.hang()
        path, name = h.bundle("sleep", "1000", change=bind(h.path("fuse4")))
        h.hull("create", "--bundle", path, name).ok()
        h.hull("start", name).ok()
        eq(h.state(name)["status"], "running", "status")
        has(h.hull("list").ok().out, name)
        h.hull("exec", name, "true").ok()
        h.hull("ps", name).ok()
        h.delete(name) # faults E4
        h.nothing_left(name)


@test("masked and read-only paths below a regular file do not exist: ignored, like absent ones")
def below_a_file(h):
    need(os.path.isfile(f"{h.rootfs}/bin/busybox"), "needs a file")

    def change(config):
        config["linux"]["maskedPaths"] = ["/bin/busybox/x", "/nowhere"]
        config["linux"]["readonlyPaths"] = ["/bin/busybox/x", "/nowhere/x"]
    path, name = h.bundle("echo", "hello", change=change)
    eq(h.hull("run", "--bundle", path, name).ok().out, "hello\n", "output")
