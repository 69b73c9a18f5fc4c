# SPDX-License-Identifier: Apache-2.0
"""One thing fails: a process dies, a disk is full, a descriptor is missing, a root is not to be trusted."""

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import time

from tap import call, eq, eventually, has, need, test
from bundle import fill, gate, tmpfs


@test("K10: init killed between create and start: start says so, state is stopped, delete works")
def init_killed(h):
    name = h.create()
    os.kill(h.state(name)["pid"], signal.SIGKILL)
    h.wait_stopped(name)
    h.error_line(h.hull("start", name), "container has stopped")
    eq(h.state(name)["status"], "stopped", "state")
    h.hull("delete", name).ok()
    h.nothing_left(name)


@test("K1: create killed while a hook runs: its child dies with it, delete --force removes the rest")
def create_killed(h):
    change, wait, release = gate(h)
    path, name = h.bundle(change=change)
    with h.popen("create", "--bundle", path, name) as create:
        wait()
        create.kill()
    release()
    state = json.loads(h.hull("state", name).ok().out)
    if state.get("pid"):
        eventually(lambda: not os.path.exists(f"/proc/{state['pid']}"), "init dies with its creator")
    has(h.hull("list").ok().out, "creating (dead)")
    h.delete(name)
    h.nothing_left(name)


@test("K1: start killed while a hook of startContainer runs: the next one says that it is started, and it is")
def start_killed(h):
    change, wait, release = gate(h, "startContainer")
    path, name = h.bundle("sleep", "1000", change=change)
    h.hull("create", "--bundle", path, name).ok()
    with h.popen("start", name) as start:
        wait()
        start.kill()
    h.error_line(h.hull("start", name), "was told to start before, and is at step start-container-hooks")
    with h.popen("start", name) as again:
        time.sleep(0.5) # it has found that nobody listens
        release()
        status, err = again.end()
    eq(status, 1, "the second start")
    has(err, "is already started (running)")
    eq(h.state(name)["status"], "running", "state")
    h.delete(name)
    h.nothing_left(name)


@test("K8: create ended by TERM, INT or HUP while a hook runs leaves nothing")
def create_terminated(h):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        change, wait, _ = gate(h)
        path, name = h.bundle(change=change)
        with h.popen("create", "--bundle", path, name) as create:
            wait()
            create.send_signal(number)
            status, err = create.end()
        eq(status, 1, f"create ended by {number}: {err}")
        has(err, "told to end while it ran")
        h.nothing_left(name)


@test("R1: a full state root: a plain error, nothing left, whatever number of pages was free")
def root_full(h):
    for pages in range(16):
        with tmpfs(h.path(f"full{pages}"), "size=128k") as root:
            fill(root, pages)
            path, name = h.bundle()
            r = h.hull("create", "--bundle", path, name, root=root)
            if r.code == 0:
                h.hull("start", name, root=root).ok()
                h.delete(name, root=root)
            else:
                h.error_line(r, "no space left on device")
            h.nothing_left(name, root=root)


@test("R1: a state root without inodes: a plain error, nothing left")
def root_without_inodes(h):
    for inodes in range(2, 12):
        with tmpfs(h.path(f"inodes{inodes}"), f"nr_inodes={inodes}") as root:
            path, name = h.bundle()
            r = h.hull("create", "--bundle", path, name, root=root)
            if r.code == 0:
                h.delete(name, root=root)
            else:
                h.error_line(r, "no space left on device")
            h.nothing_left(name, root=root)


@test("R1: a container whose state root is full by now: list, state, kill and delete --force work")
def root_full_later(h):
    with tmpfs(h.path("later"), "size=256k") as root:
        name = h.create("sleep", "1000", root=root)
        h.hull("start", name, root=root).ok()
        fill(root)
        has(h.hull("list", root=root).ok().out, name)
        h.hull("kill", name, "KILL", root=root).ok()
        h.delete(name, root=root)
        h.nothing_left(name, root=root)


@test("R1: a read-only state root: create says so, what is there can be seen")
def root_read_only(h):
    with tmpfs(h.path("ro")) as root:
        name = h.create("true", root=root)
        os.kill(h.state(name, root=root)["pid"], signal.SIGKILL) # it has a file open for writing
        eventually(lambda: h.state(name, root=root)["status"] == "stopped", "the end of it")
        call("mount", "-o", "remount,ro", root).ok()
        path, other = h.bundle()
        h.error_line(h.hull("create", "--bundle", path, other, root=root), "read-only file system")
        eq(h.state(name, root=root)["status"], "stopped", "state")
        h.nothing_left(other, root=root)
        call("mount", "-o", "remount,rw", root).ok()
        h.delete(name, root=root)


def stale(result, name, word):
    """It was done, and one warning says which file does not show it."""
    eq(result.ok().err.count("\n"), 1, f"lines of {result.err!r}")
    for part in ("hull: warning:", f'"{name}" is {word}', f"{name}/state.json", "no space left on device"):
        has(result.err, part)


@test("R1: the public state cannot be written: what was done is done, with a warning; status is that of the container")
def public_full(h):
    with tmpfs(h.path("public"), "size=64k") as public:
        def hull(*args):
            return h.hull("--public-state-dir", public, *args)
        path, name = h.bundle("sleep", "1000")
        hull("create", "--bundle", path, name).ok()
        fill(public)
        for verb, word in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
            stale(hull(verb, name), name, word)
            eq(h.state(name)["status"], word, f"status after {verb}")
        hull("delete", name).ok()
        path, name = h.bundle("sh", "-c", "exit 7")
        hull("create", "--bundle", path, name).failed(1)
        h.nothing_left(name)
        os.unlink(public + "/.fill")
        gone = h.path("gone")
        path, name = h.bundle("sh", "-c", "exit 7", change=lambda c: c.update(
            hooks={"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"cat /dev/zero > {public}/.fill; :"]}],
                   "poststart": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo hooked > {gone}"]}]}))
        r = hull("run", "--keep", "--bundle", path, name)
        eq((r.code, os.path.exists(gone)), (7, True), f"status of run --keep, and its hook: {r.err}")
        eq(h.hull("wait", name).ok().out, "7\n", "how it ended")
        h.delete(name)
        eq(os.listdir(public), [".fill"], "left")


@test("R2: a pid file that cannot be written: exit 1 and no container")
def pid_file(h):
    path, name = h.bundle()
    for target in (h.path("missing", "pid"), "/dev/full/pid", h.box):
        h.error_line(h.hull("create", "--pid-file", target, "--bundle", path, name), "pid file", target)
        h.nothing_left(name)


@test("R2: a log file that cannot be opened or written")
def log_file(h):
    h.error_line(h.hull("--log", h.path("missing", "log"), "list"), "--log", "no such file")
    path, name = h.bundle()
    h.hull("--log", "/dev/full", "create", "--bundle", path, name).ok()
    h.delete(name)


@test("R3: soft limit of 64 descriptors and 200 mounts: works, and the program gets the caller's limit")
def few_descriptors(h):
    def change(config):
        for i in range(200):
            config["mounts"].append({"destination": f"/m/{i}", "type": "bind", "source": h.box, "options": ["bind"]})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    need(hard >= 512, f"the hard limit of descriptors is {hard}")
    with tmpfs(h.path("mounts")) as place:
        path, name = h.bundle("sh", "-c", "ulimit -Sn; grep -c ' /m/' /proc/self/mountinfo", change=lambda c: (
            change(c), c["mounts"].insert(1, {"destination": "/m", "type": "bind", "source": place, "options": ["bind"]})))
        r = h.hull("run", "--bundle", path, name,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))).ok()
    eq(r.out, "64\n200\n", "soft limit and mounts")
    h.nothing_left(name)


@test("R3: hard limits of 4 to 40 descriptors: works or says what was missing, leaves nothing")
def too_few_descriptors(h):
    worked = 0
    for n in range(4, 41):
        path, name = h.bundle()
        r = h.hull("run", "--bundle", path, name,
                   preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        if r.code:
            h.error_line(r, "too many open files" if "open files" in r.err else "no file descriptors available")
        worked += r.code == 0
        try:
            h.nothing_left(name)
        except AssertionError as left:
            raise AssertionError(f"{n} descriptors: {left}\n{r!r}") from left
    assert worked, "40 descriptors are not enough for one container"


@test("R9: a state root path of 200 bytes and one of 4000")
def long_root(h):
    for length in (200, 4000):
        root = h.path("long")
        while len(root) < length:
            root += "/" + "d" * min(200, length - len(root))
        name = h.create("true", root=root)
        eq(h.state(name, root=root)["status"], "created", "state")
        h.hull("start", name, root=root).ok()
        h.delete(name, root=root)
        h.nothing_left(name, root=root)


def subreaper(on):
    ctypes.CDLL(None).prctl(36, int(on), 0, 0, 0)


@test("P2: an init that nobody reaps is stopped, and can be deleted")
def zombie(h):
    subreaper(True)
    try:
        name = h.create()
        pid = h.state(name)["pid"]
        h.hull("start", name).ok()
        h.wait_stopped(name)
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            eq(f.read().split()[2], "Z", "the process")
        h.error_line(h.hull("kill", name, "KILL"), "container not running")
        h.hull("delete", name).ok()
        h.nothing_left(name)
        os.waitpid(pid, 0)
    finally:
        subreaper(False)


@test("P4: a frozen container: a signal works when it is thawed, delete --force kills it")
def frozen(h):
    name = h.create("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.01; done")
    h.hull("start", name).ok()
    h.hull("pause", name).ok()
    h.hull("kill", name, "TERM").ok()
    eq(h.state(name)["status"], "paused", "state")
    h.hull("resume", name).ok()
    h.wait_stopped(name)
    h.hull("delete", name).ok()
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    h.hull("pause", name).ok()
    h.delete(name)
    h.nothing_left(name)


@test("P6: init gone, its children alive in the host's pid namespace: delete kills them and nobody else")
def children(h):
    def change(config):
        config["linux"]["namespaces"] = [{"type": "mount"}]
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        name = h.create("sh", "-c", "sleep 1000 & sleep 1000 &", change=change)
        h.hull("start", name).ok()
        h.wait_stopped(name)
        group = next(d for d in h.groups(name) if "freezer" in d or "/sys/fs/cgroup/h" in d)
        with open(f"{group}/cgroup.procs", encoding="ascii") as f:
            pids = [int(p) for p in f.read().split()]
        eq(len(pids), 2, "children")
        h.hull("delete", name).ok()
        for pid in pids:
            eventually(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the child is gone")
        h.nothing_left(name)
        eq(stranger.poll(), None, "the stranger")
        stranger.kill()


@test("P10: a cgroup that the administrator removed: state is stopped, delete works")
def group_gone(h):
    name = h.create()
    os.kill(h.state(name)["pid"], signal.SIGKILL)
    h.wait_stopped(name)
    for group in h.groups(name):
        eventually(lambda group=group: not os.path.exists(group) or not call("rmdir", group).code, "rmdir")
    eq(h.state(name)["status"], "stopped", "state")
    h.hull("delete", name).ok()
    h.nothing_left(name)


@test("who waits for the end keeps no file system of the container busy: its mounts can go while it runs")
def nothing_kept_busy(h):
    with tmpfs(h.path("image"), "mode=755") as image, tmpfs(h.path("volume")) as volume:
        shutil.copytree(h.rootfs + "/bin", image + "/bin", symlinks=True)
        for name in ("dev", "proc", "m"):
            os.mkdir(f"{image}/{name}")

        def change(config):
            config["root"]["path"] = image
            config["mounts"].append({"destination": "/m", "type": "bind", "source": volume, "options": ["rbind"]})
        path, name = h.bundle("sleep", "1000", change=change)
        with h.popen("run", "--bundle", path, name) as waits:
            eventually(lambda: '"running"' in h.hull("state", name).out, "it runs")
            for place in (image, volume):
                eventually(lambda p=place: not call("umount", p).code, f"{place} can go")
                call("mount", "-t", "tmpfs", "none", place).ok()
            h.hull("kill", name, "KILL").ok()
            eq(waits.end()[0], 137, "the status")
    h.nothing_left(name)


@test("E9: standard descriptors that are closed: the container gets /dev/null, never a file of hull's")
def closed_stdio(h):
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        out = h.path("fds")
        os.makedirs(out, exist_ok=True)

        def change(config):
            config["mounts"].append({"destination": "/m", "type": "bind", "source": out, "options": ["bind"]})  # pylint: disable=W0640
        path, name = h.bundle("sh", "-c", "for f in 0 1 2 3 4 5; do readlink /proc/self/fd/$f; done >/m/fds; true", change=change)
        call("sh", "-c", f'exec "$@" {closed}', "sh", h.runtime, "--root", h.root, "run", "--bundle", path, name).ok()
        with open(f"{out}/fds", encoding="ascii") as f:
            links = f.read().splitlines()
        # stdout of readlink is the file itself
        eq(links[0] == "/dev/null", "<&-" in closed or links[0] == "/dev/null", "stdin")
        assert not [link for link in links if h.root in link or "memfd" in link or "socket" in link], links
        if "2>&-" in closed:
            has(links[2] if len(links) > 2 else "", "null")
        h.nothing_left(name)


@test("E9: list and state with stdout closed; with stdout on a full disk exit 1")
def closed_stdout(h):
    name = h.create()
    call("sh", "-c", 'exec "$@" >&-', "sh", h.runtime, "--root", h.root, "state", name).ok()
    r = call("sh", "-c", 'exec "$@" >/dev/full', "sh", h.runtime, "--root", h.root, "state", name).failed(1)
    has(r.err, "No space left on device")
    h.delete(name)


@test("S1: root on the state root of a user acts as that user: what a record names is done with the user's rights")
def other_owner(h):
    root, said = h.path("of-user"), h.path("said")
    os.mkdir(said)
    os.chmod(said, 0o777)

    def change(config):
        config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"id -u > {said}/uid"]}]}
    path, name = h.bundle("true", change=change)
    h.hull("--cgroup-manager", "disabled", "--public-state-dir=", "run", "--keep", "--bundle", path, name, root=root).ok()
    call("chown", "-R", "65534:65534", root).ok()
    for d in (h.box, os.path.dirname(h.box)):
        os.chmod(d, 0o755)
    eq(h.state(name, root=root)["status"], "stopped", "status")
    h.hull("delete", name, root=root).ok()
    with open(said + "/uid", encoding="ascii") as f:
        eq(f.read(), "65534\n", "who ran the hook")
    eq(os.listdir(root), [], "left")


@test("S1: a state root of somebody else, behind a link, writable by others, or no directory is refused")
def hostile_root(h):
    def other(root):
        os.mkdir(root, 0o700)
        os.chown(root, 65534, 65534)

    def link(root):
        os.mkdir(root + ".real", 0o700)
        os.symlink(root + ".real", root)

    def writable(root):
        os.mkdir(root)
        os.chmod(root, 0o777)

    def group(root):
        os.mkdir(root)
        os.chmod(root, 0o770)

    def file(root):
        with open(root, "w", encoding="ascii"):
            pass
    for make in (other, link, writable, group, file):
        root = h.path("hostile-" + make.__name__)
        make(root)
        path, name = h.bundle()
        looking = (("list",), ("state", name), ("delete", "--force", name))
        for command in (("create", "--bundle", path, name), ("run", "--bundle", path, name),
                        *(looking if make != other else ())):
            h.error_line(h.hull(*command, root=root), "state root", root)
        eq(os.listdir(root) if os.path.isdir(root) else [], [], make.__name__)
        h.nothing_left(name, root=root)


@test("J1: a config.json that is endless, huge, a directory or a FIFO is refused without waiting")
def config_kinds(h):
    def replace(make):
        path, name = h.bundle()
        os.unlink(path + "/config.json")
        make(path + "/config.json")
        h.error_line(h.hull("create", "--bundle", path, name, limit=20), "config.json")
        h.nothing_left(name)

    def huge(path):
        with open(path, "wb") as f:
            f.truncate(1 << 30)
    for make in (os.mkdir, os.mkfifo, huge, lambda p: os.symlink("/dev/zero", p)):
        replace(make)


@test("J11: ids that are no names are refused by every command, and nothing is touched")
def bad_ids(h):
    with tmpfs(h.path("ids")) as top:
        root = top + "/root"
        os.makedirs(root + "/.gone-x", 0o700)
        os.makedirs(top + "/x", 0o700)
        os.chmod(root, 0o700)
        path, _ = h.bundle()
        before = call("find", top).ok().out
        for bad in ("", ".", "..", "../x", "a/b", "/x", "a\nb", "a b", "i" * 256, "-x", ".gone-x", b"\xff", "é"):
            for command in (("create", "--bundle", path), ("run", "--bundle", path), ("start",), ("state",),
                            ("kill",), ("delete", "--force"), ("delete",), ("pause",)):
                argv = [h.runtime, "--root", root, *command, "--", bad]
                r = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
                eq(r.returncode, 1, f"{command} {bad!r}: {r.stderr!r}")
                eq(r.stderr.count(b"\n"), 1, f"lines of {r.stderr!r}")
                has(r.stderr.decode("utf-8"), "id")
                eq(call("find", top).ok().out, before, f"{command} {bad!r}: files")
