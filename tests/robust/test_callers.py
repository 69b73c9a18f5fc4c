# SPDX-License-Identifier: Apache-2.0
"""What a caller leaves hull to work with: signals that are ignored, descriptors, sockets that nobody serves."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios
import time

from tap import call, eq, eventually, has, lacks, test


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
        eq("unable to stat preserved-fd 0 (descriptor 3)" in r.err, True, r.err)
    third = ("sh", "-c", 'exec 3</dev/null; exec "$0" "$@"', h.runtime, "--root", h.root)
    call(*third, "exec", "--preserve-fds", "1", name, "test", "-e", "/proc/self/fd/3").ok()
    call(*third, "exec", name, "test", "!", "-e", "/proc/self/fd/3").ok()
    h.delete(name)


@test("a descriptor that is not open is named with who promised it: LISTEN_FDS or --preserve-fds")
def promised_descriptors(h):
    path, name = h.bundle()
    for opened, listen, options, who in (("3</dev/null", 2, (), ("LISTEN_FDS", "descriptor 4 is not open")),
                                         ("3</dev/null 4</dev/null", 1, ("--preserve-fds", "2"),
                                          ("--preserve-fds", "unable to stat preserved-fd 1 (descriptor 5)"))):
        script = f'export LISTEN_FDS={listen} LISTEN_PID=$$; exec "$0" "$@" {opened} 6<&-'
        h.error_line(call("sh", "-c", script, h.runtime, "--root", h.root, "run", "--bundle", path, *options, name), *who)


@test("exec: 255 whatever is wrong, so that 1 is always the program's")
def exec_status(h):
    for words in (("exec",), ("exec", "--no-such-option", "a", "true"), ("--log-level", "x", "exec", "a", "true"),
                  ("exec", "missing", "true"), ("exec", "--preserve-fds", "x", "missing", "true")):
        h.hull(*words).failed(255)
    eq(call(h.runtime, "list", "--no-such-option").code, 1, "of others")


def with_terminal(config):
    config["process"]["terminal"] = True
    config["mounts"] += [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                         {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]}]


@contextlib.contextmanager
def terminal(rows, columns):
    """The slave of a terminal of that size."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


@test("a terminal has the size of the caller's before the program begins, or that of the config")
def size_at_once(h):
    def sized(config):
        with_terminal(config)
        config["process"]["consoleSize"] = {"height": 11, "width": 22}
    for change, size in ((with_terminal, "33 77"), (sized, "11 22")):
        for _ in range(5):
            path, name = h.bundle("sh", "-c", "stty size >/out", change=change)
            with terminal(33, 77) as (_, slave):
                h.hull("run", "--bundle", path, name, stdin=slave).ok()
            with open(h.rootfs + "/out", encoding="ascii") as f:
                eq(f.read().strip(), size, "size")
    path, name = h.bundle("sleep", "1000", change=lambda c: (sized(c), c["process"].update(terminal=False)))
    h.hull("create", "--bundle", path, name).ok()
    h.hull("start", name).ok()
    with terminal(33, 77) as (_, slave):
        has(h.hull("exec", "--tty", name, "stty", "size", stdin=slave).ok().out, "33 77")
    h.delete(name)


@test("signals that the caller ignores stay ignored: in a hook, in a foreground run; others are passed on")
def ignored_signals(h):
    path, name = h.bundle("sh", "-c", "trap 'exit 5' INT; trap 'exit 6' TERM; echo >/here; while :; do sleep 0.01; done")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(h.rootfs + "/here")
    with subprocess.Popen([h.runtime, "--root", h.root, "run", "--bundle", path, name], stdin=subprocess.DEVNULL,
                          preexec_fn=ignoring(signal.SIGINT)) as run:
        eventually(lambda: os.path.exists(h.rootfs + "/here"), "the program runs")
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)
        eq(run.wait(30), 6, "status")
    h.nothing_left(name)
    ready, go = h.path("hook-ready"), h.path("hook-go")
    os.mkfifo(ready)
    os.mkfifo(go)
    path, name = h.bundle(change=lambda c: c.update(
        hooks={"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo >{ready}; read x <{go}"]}]}))
    with subprocess.Popen([h.runtime, "--root", h.root, "run", "--bundle", path, name], stdin=subprocess.DEVNULL,
                          preexec_fn=ignoring(signal.SIGHUP)) as run:
        with open(ready, encoding="ascii") as f:
            f.read()
        run.send_signal(signal.SIGHUP)
        with open(go, "w", encoding="ascii") as f:
            f.write("go\n")
        eq(run.wait(30), 0, "status")


class Manager:
    """The end of a NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(30)

    def run(self, h, *words):
        return subprocess.Popen([h.runtime, "--root", h.root, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=dict(os.environ, NOTIFY_SOCKET=self.path), text=True)


SAY_READY = ("import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
             "s.sendto(b'STATUS=soon', os.environ['NOTIFY_SOCKET']); s.sendto(b'X=1\\nREADY=1', os.environ['NOTIFY_SOCKET'])")


@test("NOTIFY_SOCKET: a foreground run serves its program while it is not READY: status, signals, terminal, hooks")
def not_ready_yet(h):
    manager = Manager(h.path("notify1"))
    hooked = h.path("hooked")

    def change(config):
        config["hooks"] = {"poststart": [{"path": "/bin/touch", "args": ["touch", hooked]}]}
    path, name = h.bundle("sh", "-c", "exit 3")
    with manager.run(h, "run", "--bundle", path, name) as run:
        eq(run.wait(30), 3, "status of a program that never says READY")
    path, name = h.bundle("sh", "-c", "trap 'exit 5' TERM; echo >/waits; while :; do sleep 0.01; done", change=change)
    with manager.run(h, "run", "--bundle", path, name) as run:
        eventually(lambda: os.path.exists(h.rootfs + "/waits") and os.path.exists(hooked), "program and hook ran")
        run.send_signal(signal.SIGTERM)
        eq(run.wait(30), 5, "status of a program that was told to end")
    path, name = h.bundle("sleep", "1000")
    with manager.run(h, "run", "--detach", "--bundle", path, name) as run:
        eventually(lambda: h.hull("state", name).code == 0 and h.state(name)["status"] == "running", "it runs")
        time.sleep(0.1) # until hull waits; earlier is a signal to create
        run.send_signal(signal.SIGTERM)
        eq(run.wait(30), 1, "status of a detached run")
    h.nothing_left(name)


@test("NOTIFY_SOCKET: what waits for READY holds no lock: others pause, stop and delete the container meanwhile")
def not_ready_and_others(h):
    manager = Manager(h.path("notify2"))
    for words in (["start"], ["run", "--detach"]):
        path, name = h.bundle("sleep", "1000")
        if words == ["start"]:
            with manager.run(h, "create", "--bundle", path, name) as create:
                eq(create.wait(30), 0, "create")
        else:
            words += ["--bundle", path]
        with manager.run(h, *words, name) as waits:
            eventually(lambda: h.hull("state", name).code == 0 and h.state(name)["status"] == "running", "it runs")
            try:
                for verb in (["pause"], ["resume"], ["stop"] if words == ["start"] else ["delete", "--force"]):
                    h.hull(*verb, name).ok()
            finally:
                h.hull("kill", name, "KILL")
            eq(waits.wait(30), 1, "status of what waited")
            has(waits.stderr.read(), "ended before it said READY=1")
        if words == ["start"]:
            eq(h.state(name)["status"], "stopped", "status")
            h.delete(name)
        h.nothing_left(name)


@test("NOTIFY_SOCKET: READY and the pid are passed on, nothing else of the program")
def ready(h):
    def change(config):
        config["root"] = {"path": "/", "readonly": True}
        config["process"]["args"] = ["/usr/bin/python3", "-c", SAY_READY + "; import time; time.sleep(1000)"]
        # what is made in the root is made there, not on the host
        config["mounts"] += [{"destination": d, "type": "tmpfs", "source": "tmpfs"} for d in ("/run", "/dev")]
    for words in (["run"], ["run", "--detach"]):
        manager = Manager(h.path("notify-" + words[-1]))
        path, name = h.bundle(change=change)
        with manager.run(h, *words, "--bundle", path, name) as run:
            eq(manager.socket.recv(4096), b"READY=1", "first")
            eq(manager.socket.recv(4096), f"MAINPID={h.state(name)['pid']}".encode(), "second")
            if len(words) == 2:
                data, fds, _, _ = socket.recv_fds(manager.socket, 4096, 4)
                eq((data, len(fds)), (b"BARRIER=1", 1), "third")
                eq(run.poll(), None, "run waits for the barrier")
                os.close(fds[0])
                eq(run.wait(30), 0, "status")
            h.hull("kill", name, "KILL").ok()
            eq(run.wait(30), 0 if len(words) == 2 else 137, "status")
        h.delete(name)


@test("R10: a time beyond the end of the clock is for ever: stop waits for a program that takes its time")
def endless_times(h):
    path, name = h.bundle("sh", "-c", "trap 'echo > /heard; read x < /goon; exit 5' TERM; echo > /up; while :; do sleep 0.01; done")
    os.mkfifo(h.rootfs + "/goon")
    with h.popen("run", "--bundle", path, name) as run:
        eventually(lambda: os.path.exists(h.rootfs + "/up"), "it runs")
        with h.popen("stop", "--timeout", "18446744073s", name) as stop:
            eventually(lambda: os.path.exists(h.rootfs + "/heard") or run.poll() is not None, "it heard")
            if run.poll() is None:
                with open(h.rootfs + "/goon", "w", encoding="ascii") as f:
                    f.write("go\n")
            eq(run.end(), (5, ""), "run")
            eq(stop.end(), (0, ""), "stop")
    h.nothing_left(name)


@test("E7: a console socket whose owner does not take connections: an error within 10 s")
def full_backlog(h):
    path = h.path("backlog")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(path)
        server.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(path)
        bundle, name = h.bundle(change=with_terminal)
        h.error_line(h.hull("create", "--console-socket", path, "--bundle", bundle, name, limit=25),
                     f"--console-socket: connect to {path}", "timed out")
    h.error_line(h.hull("create", "--pidfd-socket", "/no", "--bundle", h.bundle()[0], name), "--pidfd-socket: connect to /no")
    h.nothing_left(name)


@test("a pid file never takes the place of what is no file")
def pid_file_of_another_kind(h):
    fifo, link = h.path("pid-fifo"), h.path("pid-link")
    os.mkfifo(fifo)
    os.symlink("/dev/null", link)
    for target, said in ((fifo, "no regular file"), (link, "no regular file"), (h.box, "is a directory"),
                         (h.box + "/", "is a directory")):
        path, name = h.bundle()
        h.error_line(h.hull("run", "--pid-file", target, "--bundle", path, name), f"--pid-file: write the pid file {target}", said)
        h.nothing_left(name)
    eq(sorted(f for f in os.listdir(h.box) if f.startswith(".new")), [], "left")


@test("wait --timeout 0 asks and does not wait")
def no_patience(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    h.error_line(h.hull("wait", "--timeout", "0", name, limit=20), "still running")
    h.delete(name)


@test("poststop hooks: ids of every length, and a delete beside one whose hooks still run")
def slow_end(h):
    def hook(script):
        return lambda c: c.update(hooks={"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]})
    for length in (249, 250, 255):
        path, _ = h.bundle(change=hook("exit 0"))
        name = "l" * length
        h.hull("run", "--bundle", path, name).ok()
        eq(os.listdir(h.root), [], "records")
    here, go = h.path("stop-here"), h.path("stop-go")
    os.mkfifo(here)
    os.mkfifo(go)
    script = f"mkdir {here}.d 2>/dev/null || exit 0; echo >{here}; read x <{go}" # the first one waits
    path, name = h.bundle("true", change=hook(script))
    h.hull("create", "--bundle", path, name).ok()
    with h.popen("delete", "--force", name) as first:
        with open(here, encoding="ascii") as f:
            f.read()
        with h.popen("run", "--bundle", path, name) as run, h.popen("delete", "--force", name) as second:
            time.sleep(0.2)
            with open(go, "w", encoding="ascii") as f:
                f.write("go\n")
            eq(second.end(), (0, ""), "a second delete")
            status, err = run.end()
            has((0, 137), status)
            eq(err, "", "a run of the same id")
        eq(first.end(), (0, ""), "the first delete")
    h.nothing_left(name)


@test("options with one dash or two, with = or a space, given twice; behind the id of create, but never behind that of exec")
def option_forms(h):
    # not at once: who has ended before somebody waits for him has told his status to his parent alone
    path, name = h.bundle("sh", "-c", "trap 'sleep 1; exit 9' TERM; while :; do sleep 0.05; done")
    first, last = h.path("forms-a"), h.path("forms-b")
    forms = (f"-root={first}", "-root", first, "--root", first, f"--root={last}", "--rootless=true", "--rootless", "auto")
    call(h.runtime, *forms, "create", name, "-bundle", path, "--bundle", path, "-b", path, f"--pid-file={h.path('forms.pid')}").ok()
    eq(os.path.isdir(last), True, "the last --root")
    pid = call("cat", h.path("forms.pid")).ok().out
    eq(pid, str(int(pid)), "the pid file: digits alone")
    h.hull("start", name, root=last).ok()
    eq(h.hull("exec", name, "echo", "--root", "-t", "--", "-x", root=last).ok().out, "--root -t -- -x\n", "exec")
    h.hull("kill", name, root=last).ok() # TERM when it is not said
    eq(h.hull("wait", name, root=last).out.strip()[-1:], "9", "exit status")
    h.hull("delete", name, root=last).ok()
    eq(h.hull("delete", "--force", name, root=last).ok().out, "", "delete --force of what is not there")


@test("K6: gc finds a delete that was killed while its poststop hooks ran, finishes it, and leaves a new container of that id")
def dead_delete(h):
    here, count = h.path("gc-here"), h.path("gc-count")
    os.mkfifo(here)
    script = f"echo x >>{count}; test $(wc -l <{count}) = 1 || exit 0; echo >{here}; exec sleep 1000"
    path, name = h.bundle("sleep", "1000", change=lambda c: c.update(
        hooks={"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}]}))
    h.hull("create", "--bundle", path, name).ok()
    with h.popen("delete", "--force", name) as delete:
        with open(here, encoding="ascii") as f:
            f.read()
        eq(h.hull("gc").ok().out, "", "gc beside a delete that lives")
        delete.kill()
        delete.wait()
    h.hull("create", "--bundle", path, name).ok()
    has(h.hull("gc").ok().out, f"{name}: its delete died")
    has(h.hull("gc", "--remove").ok().out, "removed")
    with open(count, encoding="ascii") as f:
        eq(f.read(), "x\n" * 2, "runs of the hook")
    eq(h.hull("gc").ok().out, "", "gc once more")
    eq(h.state(name)["status"], "created", "the new container")
    h.delete(name)
    h.nothing_left(name)


@test("the public state of a container that was paused before its start")
def paused_before_start(h):
    name = h.create("sleep", "1000")
    for verb, status in (("pause", "paused"), ("resume", "created")):
        h.hull(verb, name).ok()
        with open(f"/run/opencontainer/containers/{name}/state.json", encoding="utf-8") as f:
            eq(json.load(f)["status"], status, f"after {verb}")
    h.delete(name)


@test("--log-format json: one object in the log and plain words on standard error, or the object there without a log")
def log_format(h):
    path = h.path("log.json")
    keys = {"level", "msg", "time", "code", "stage", "object", "errno", "hint"}
    r = h.hull("--log-format", "json", "state", "nobody").failed()
    line = json.loads(r.err)
    eq((set(line), line["level"]), (keys, "error"), "on standard error")
    r = h.hull("--log-format=json", "--log", path, "state", "nobody").failed()
    eq(r.err, f"hull: error: {line['msg']}\n", "with a log")
    with open(path, encoding="utf-8") as f:
        logged = json.loads(f.read())
    eq((set(logged), logged["msg"]), (keys, line["msg"]), "in the log")
