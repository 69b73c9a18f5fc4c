# SPDX-License-Identifier: Apache-2.0
"""Limits are reached, system calls fail or are interrupted, pids and groups are not what they were."""

import contextlib
import glob
import json
import os
import signal
import socket
import subprocess

import tap
from tap import call, eq, eventually, has, need, test
from bundle import tmpfs


def strace(h, inject, *args):
    """hull with system calls that fail as told, in all its processes."""
    return call("strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"inject={inject}", h.runtime, "--root", h.root, *args,
                limit=90)


def one_line(result):
    lines = [x for x in result.err.splitlines() if x.startswith("hull: error: ")]
    eq(len(lines), 1, f"lines of {result!r}")
    return lines[0]


def writable(path):
    """Asked by doing it: the rights of root may be fewer here."""
    try:
        with open(path, "r+", encoding="ascii") as f:
            f.write(f.read())
        return True
    except OSError:
        return False


def enter(group, pid):
    """Puts a process into a cgroup, where that is possible: a cpuset may have no CPUs yet."""
    with contextlib.suppress(OSError):
        fd = os.open(group + "/cgroup.procs", os.O_WRONLY)
        try:
            os.write(fd, str(pid).encode())
        finally:
            os.close(fd)


@test("R7: interrupted calls are not seen")
def interrupted(h):
    for calls in ("read,write,recvmsg,sendmsg,poll,ppoll", "waitid,wait4,flock,accept4,connect"):
        path, name = h.bundle("echo", "fine")
        r = strace(h, f"{calls}:error=EINTR:when=1+2", "run", "--bundle", path, name)
        eq((r.code, r.out), (0, "fine\n"), f"{calls}: {r!r}")
        h.nothing_left(name)


@test("R8: a kernel without a call: works, or one line names what is missing; nothing left")
def missing_calls(h):
    for name in ("openat2", "fsopen", "fsmount", "open_tree", "move_mount", "mount_setattr", "close_range", "clone3",
                 "pidfd_open", "pidfd_send_signal", "statx", "memfd_create", "bpf", "keyctl", "prlimit64", "faccessat2"):
        for error in ("ENOSYS", "EPERM"):
            path, cid = h.bundle("true")
            r = strace(h, f"{name}:error={error}", "run", "--bundle", path, cid)
            if r.code:
                r.failed(1)
                one_line(r)
            try:
                h.nothing_left(cid)
            except AssertionError:
                h.delete(cid)  # the way back may need the call that is missing: delete does the rest
                h.nothing_left(cid)


@test("R3: who cannot be relayed any more is ended: one line, no process left in the container")
def no_relay(h):
    path, name = h.bundle("sleep", "900")
    h.hull("create", "--bundle", path, name).ok()
    h.hull("start", name).ok()
    r = strace(h, "signalfd4:error=EMFILE:when=2", "exec", name, "sleep", "600")
    r.failed(255)  # strace waits for all it has seen
    has(one_line(r), "signalfd")
    eq(len(json.loads(h.hull("ps", "--format", "json", name).ok().out)), 1, "processes")
    h.delete(name)
    h.nothing_left(name)


@test("R5: no more processes: the limit is named, nothing left")
def no_processes(h):
    roots = tap.cgroup_roots()
    group = os.path.join(next((d for d in roots if d.endswith("/pids")), roots[0]), h.cgroup, "few")
    os.makedirs(group)
    need(os.path.exists(group + "/pids.max"), "no pids controller here")
    try:
        with open(group + "/pids.max", "w", encoding="ascii") as f:
            f.write("1")
        path, name = h.bundle("true")

        def join():
            with open(group + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(os.getpid()))
        r = h.hull("run", "--bundle", path, name, preexec_fn=join)
        has(h.error_line(r), "clone")
        h.nothing_left(name)
    finally:
        eventually(lambda: not open(group + "/cgroup.procs", encoding="ascii").read(), "the group is empty")
        os.rmdir(group)


@test("R5: no more user namespaces: the sysctl is named, nothing left")
def no_user_namespaces(h):
    limit = "/proc/sys/user/max_user_namespaces"
    need(writable(limit), f"{limit} cannot be written")
    with open(limit, encoding="ascii") as f:
        before = f.read()

    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        for kind in ("uidMappings", "gidMappings"):
            config["linux"][kind] = [{"containerID": 0, "hostID": 0, "size": 1}]
    path, name = h.bundle("true", change=change)
    try:
        with open(limit, "w", encoding="ascii") as f:
            f.write("0")
        has(h.error_line(h.hull("run", "--bundle", path, name)), "max_user_namespaces")
    finally:
        with open(limit, "w", encoding="ascii") as f:
            f.write(before)
    h.nothing_left(name)


@test("R4: a memory limit that is too low: created, or said so; never a hang, nothing left")
def little_memory(h):
    for limit in (4096, 65536, 524288, 2 << 20):
        path, name = h.bundle("true", change=lambda c, n=limit: c["linux"].update({"resources": {"memory": {"limit": n}}}))
        r = h.hull("run", "--bundle", path, name, limit=40)
        if r.code == 1 and r.err:
            one_line(r)
        h.nothing_left(name)


@contextlib.contextmanager
def left_alone(h, name, stranger):
    """After what is done here, hull takes STRANGER for init no more than anybody else."""
    try:
        yield
        eq(h.state(name)["status"], "stopped", "state")
        h.error_line(h.hull("kill", name, "KILL"), "not running")
        h.hull("exec", name, "true").failed(255)
        h.hull("delete", name).ok()
        eq(stranger.poll(), None, "the stranger")
    finally:
        stranger.kill()
        stranger.wait()


@test("P1: another process has the pid of an init that ended: stopped, and the stranger is left alone")
def pid_reused(h):
    last = "/proc/sys/kernel/ns_last_pid"
    need(os.path.exists(last), "the kernel has no ns_last_pid")
    name = h.create("sleep", "1000", change=lambda c: None)
    pid = h.state(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the end of init")
    stranger = None
    for _ in range(200):
        with open(last, "w", encoding="ascii") as f:
            f.write(str(pid - 1))
        proc = subprocess.Popen(["sleep", "1000"])
        if proc.pid == pid:
            stranger = proc
            break
        proc.kill()
        proc.wait()
    need(stranger, "the pid could not be had again")
    with left_alone(h, name, stranger):
        pass
    h.nothing_left(name)


@test("P1: another process has the pid and the start time too: its pidfd has another inode, it is left alone")
def pid_and_start_reused(h):
    name = h.create("sleep", "1000")
    pid = h.state(name)["pid"]
    path = f"{h.root}/{name}/state.json"
    with open(path, encoding="utf-8") as f:
        record = json.load(f)
    need(record["pidfdInode"], "pidfds have inodes of their own since Linux 6.9")
    stranger = subprocess.Popen(["sleep", "1000"])
    with left_alone(h, name, stranger):
        with open(f"/proc/{stranger.pid}/stat", encoding="ascii") as f:
            record["startTime"] = int(f.read().rpartition(")")[2].split()[19])
        record["pid"] = stranger.pid
        with open(path, "w", encoding="utf-8") as f:
            json.dump(record, f)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the container's process, which delete found in its group")
    h.nothing_left(name)


@test("P7: a fork bomb: kill KILL and delete --force end all of it")
def fork_bomb(h):
    def change(config):
        config["linux"]["resources"] = {"pids": {"limit": 200}}
    name = h.create("sh", "-c", "f() { f | f & }; while :; do f; sleep 0.01; done", change=change)
    h.hull("start", name).ok()
    group = [g for g in h.groups(name) if os.path.exists(g + "/cgroup.procs")][0]
    eventually(lambda: len(open(group + "/cgroup.procs", encoding="ascii").read().split()) > 50, "it grows")
    h.hull("kill", name, "KILL").ok()
    h.hull("delete", "--force", name).ok()
    h.nothing_left(name)


@test("P8, P9: groups below, processes in them and outside: all of the container's is removed, nothing else")
def moved_processes(h):
    name = h.create("sh", "-c", "sleep 1000 & sleep 1000 & wait")
    h.hull("start", name).ok()
    groups = h.groups(name)
    procs = eventually(lambda: (p := open(groups[0] + "/cgroup.procs", encoding="ascii").read().split())[2:] and p, "children")
    strangers = []
    for group in groups:
        for sub in ("a", "a/b", "c"):
            os.mkdir(f"{group}/{sub}")
        enter(group + "/a/b", procs[1])
    for parent in tap.cgroup_dirs(h.cgroup):
        outside = parent + "/outside"
        os.mkdir(outside)
        strangers.append(outside)
    stranger = subprocess.Popen(["sleep", "1000"])
    for outside in strangers:
        enter(outside, stranger.pid)
    h.hull("delete", "--force", name).ok()
    eq(stranger.poll(), None, "a process in another group")
    stranger.kill()
    stranger.wait()
    for outside in strangers:
        os.rmdir(outside)
    h.nothing_left(name)


@test("B6: a record with members of a later version can be seen and deleted")
def later_record(h):
    name = h.create("sleep", "1000")
    path = f"{h.root}/{name}/state.json"
    with open(path, encoding="utf-8") as f:
        record = json.load(f)
    record |= {"later": {"a": [1, 2]}, "hullVersion": "99.0.0"}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(record, f)
    eq(h.state(name)["status"], "created", "state")
    has(h.hull("list").ok().out, name)
    h.delete(name)
    h.nothing_left(name)


@test("B2: an empty group of the same name from before is used, one with processes is refused")
def group_from_before(h):
    path, name = h.bundle("true")
    tops = [f"{root}/{h.cgroup}" for root in tap.cgroup_roots()]
    for top in tops:
        os.makedirs(f"{top}/{name}")
    h.hull("run", "--bundle", path, name).ok()
    guest = subprocess.Popen(["sleep", "1000"])
    for top in tops:
        os.makedirs(f"{top}/{name}", exist_ok=True)
        enter(f"{top}/{name}", guest.pid)
    try:
        has(h.error_line(h.hull("run", "--bundle", path, name)), "not empty")
        eq(guest.poll(), None, "the process in the group")
    finally:
        guest.kill()
        guest.wait()
    for top in tops:
        os.rmdir(f"{top}/{name}")
    h.nothing_left(name)


@test("K4: run killed in the foreground: state tells the truth, delete --force works")
def run_killed(h):
    path, name = h.bundle("sleep", "1000")
    with h.popen("run", "--bundle", path, name) as run:
        eventually(lambda: h.hull("state", name).code == 0 and h.state(name)["status"] == "running", "it runs")
        pid = h.state(name)["pid"]
        run.kill()
        run.wait(20)
        alive = os.path.exists(f"/proc/{pid}")
        word = h.state(name)["status"]
        assert word in ("running", "stopped"), word
        if not alive:
            eq(word, "stopped", "state")
    h.delete(name)
    h.nothing_left(name)


@test("K11: programs that end at once: the status is never lost")
def short_programs(h):
    for i in range(60):
        path, name = h.bundle("sh", "-c", f"exit {i % 7}")
        eq(h.hull("run", "--bundle", path, name, limit=20).code, i % 7, f"round {i}")
        h.nothing_left(name)


@test("E7: console sockets that are missing, no sockets, FIFOs, or closed at once")
def console_sockets(h):
    def change(config):
        config["process"]["terminal"] = True
        config["mounts"] += [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                             {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]}]
    missing, fifo, plain, closing = (h.path("con-" + w) for w in ("missing", "fifo", "plain", "closing"))
    os.mkfifo(fifo)
    with open(plain, "w", encoding="ascii"):
        pass
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(closing)
    for path_to in (missing, fifo, plain, closing, h.path("d" * 150, "x"), h.box):
        path, name = h.bundle("true", change=change)
        has(h.error_line(h.hull("create", "--console-socket", path_to, "--bundle", path, name, limit=30)), "console")
        h.nothing_left(name)


@test("E13: a root file system that is read-only or full: works without new mount points, else names one")
def poor_root(h):
    for kind in ("ro", "full"):
        with tmpfs(h.path("rootfs-" + kind), "mode=755,nr_inodes=1000") as root:
            call("cp", "-a", f"{h.rootfs}/.", root).ok()
            if kind == "full":
                with contextlib.suppress(OSError):
                    for i in range(1000):
                        os.symlink("x", f"{root}/tmp/{i}")
            else:
                call("mount", "-o", "remount,ro", root).ok()

            def change(config, root=root, extra=False):
                config["root"]["path"] = root
                if extra:
                    config["mounts"].append({"destination": "/new/deep", "type": "tmpfs", "source": "t"})
            path, name = h.bundle("true", change=lambda c: (change(c), c["mounts"].append(
                {"destination": "/dev", "type": "tmpfs", "source": "t"})) if os.path.isdir(root + "/dev") else change(c))
            before = sorted(os.listdir(root))
            r = h.hull("run", "--bundle", path, name)
            if r.code:
                one_line(r)
            path, name = h.bundle("true", change=lambda c: change(c, extra=True))
            one_line(h.hull("run", "--bundle", path, name).failed(1))
            h.nothing_left(name)
            eq(sorted(os.listdir(root)), before, f"{kind}: names in the root")


@test("E1, E2: hooks that do not end, cannot be run, shout, or do not listen")
def bad_hooks(h):
    noise = ["sh", "-c", "yes 0123456789 | head -c 3000000 >&2; exit 3"]
    for args, word, timeout in ((["sh", "-c", "trap '' TERM; sleep 100 & sleep 100"], "timed out", 1), (noise, "0123456789", 30),
                                (["sh", "-c", "exit 4"], "4", 30)):
        def change(config, args=args, timeout=timeout):
            config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": args, "timeout": timeout,
                                                  "env": ["PATH=/usr/bin:/bin"]}]}
        path, name = h.bundle("true", change=change)
        r = h.hull("create", "--bundle", path, name, limit=40).failed(1)
        has(r.err, word)
        assert len(r.err) < 16384, f"{len(r.err)} bytes of error"
        h.nothing_left(name)
    for bad in ("/nosuch", h.box, h.path("plain-hook")):
        with contextlib.suppress(OSError), open(h.path("plain-hook"), "w", encoding="ascii"):
            pass
        path, name = h.bundle("true", change=lambda c, b=bad: c.update({"hooks": {"prestart": [{"path": b}]}}))
        has(h.error_line(h.hull("create", "--bundle", path, name)), bad)
        h.nothing_left(name)
    for event in ("poststop",):
        path, name = h.bundle("true", change=lambda c, e=event: c.update({"hooks": {e: [{"path": "/bin/false"}]}}))
        h.hull("create", "--bundle", path, name).ok()
        h.hull("delete", "--force", name).ok()
        h.nothing_left(name)


@test("C6: changes at the same time: each has its effect or says busy")
def changes_together(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    results = h.together(*[("update", "--pids-limit", str(n), name) for n in range(100, 110)])
    for status, err in results:
        assert status == 0 or "busy" in err, err
    files = [p for g in h.groups(name) for p in glob.glob(g + "/pids.max")]
    with open(files[0], encoding="ascii") as f:
        assert 100 <= int(f.read()) < 110
    for _ in range(5):
        for status, err in h.together(("pause", name), ("exec", name, "true"), ("resume", name)):
            assert status in (0, 1, 255), err
    h.hull("resume", name)
    eq(h.hull("exec", name, "echo", "x").ok().out, "x\n", "after all")
    h.delete(name)
    h.nothing_left(name)


@test("C8: list and state while containers come and go: never an error for one that went")
def churn(h):
    with contextlib.ExitStack() as stack:
        watchers = []
        for _ in range(4):
            path, name = h.bundle("true")
            watchers.append(stack.enter_context(h.popen("run", "--bundle", path, name)))
        for _ in range(30):
            json.loads(h.hull("list", "--format", "json").ok().out or "null")
        for proc in watchers:
            eq(proc.end(), (0, ""), "run")
