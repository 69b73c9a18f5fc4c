# SPDX-License-Identifier: Apache-2.0
"""What a caller leaves hull to work with: signals that are ignored, descriptors, sockets that nobody serves."""

import signal

from tap import call, eq, lacks, test


def ignoring(*numbers):
    """What a caller does before it executes hull; Python's Popen would set some back itself."""
    def ignore():
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
    return ignore


@test("a caller that ignores SIGCHLD: run and exec tell the status, hooks and audit work")
def no_child_signals(h):
    careless = {"preexec_fn": ignoring(signal.SIGCHLD)}

    def change(config):
        config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in ("createRuntime", "poststop")}
    path, name = h.bundle("sh", "-c", "exit 5", change=change)
    eq(h.hull("run", "--bundle", path, name, **careless).code, 5, "status of run")
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    for _ in range(5):
        eq(h.hull("exec", name, "sh", "-c", "exit 7", **careless).code, 7, "status of exec")
    lacks(h.hull("audit", name, **careless).err, "killed")
    h.delete(name)


@test("a number that the caller left free is not passed on with what hull itself has open there")
def free_descriptors(h):
    log = h.path("free.log")
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    path, other = h.bundle()
    for words in (("exec", "--preserve-fds", "1", name, "true"), ("run", "--preserve-fds", "1", "--bundle", path, other)):
        r = h.hull("--log", log, *words).failed(255 if words[0] == "exec" else 1)
        eq("unable to stat preserved-fd 3" in r.err, True, r.err)
    third = ("sh", "-c", 'exec 3</dev/null; exec "$0" "$@"', h.runtime, "--root", h.root)
    call(*third, "exec", "--preserve-fds", "1", name, "test", "-e", "/proc/self/fd/3").ok()
    call(*third, "exec", name, "test", "!", "-e", "/proc/self/fd/3").ok()
    h.delete(name)


@test("exec: 255 whatever is wrong, so that 1 is always the program's")
def exec_status(h):
    for words in (("exec",), ("exec", "--no-such-option", "a", "true"), ("--log-level", "x", "exec", "a", "true"),
                  ("exec", "missing", "true"), ("exec", "--preserve-fds", "x", "missing", "true")):
        h.hull(*words).failed(255)
    eq(call(h.runtime, "list", "--no-such-option").code, 1, "of others")
