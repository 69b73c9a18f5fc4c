# SPDX-License-Identifier: Apache-2.0
"""One hull, bundles with one root file system, and state roots of their own."""

import contextlib
import copy
import glob
import json
import os
import shutil
import subprocess
import tempfile

import tap

PATH = "PATH=/bin"
BASE = {
    "ociVersion": "1.2.0",
    "process": {"user": {"uid": 0, "gid": 0}, "args": ["true"], "env": [PATH], "cwd": "/"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")]},
}


class Hull:
    """What a test gets. Every test takes its own ids; all records are in one root unless it says otherwise."""

    def __init__(self, options, box, cgroup):
        self.runtime, self.box, self.cgroup, self.number = options.runtime, box, cgroup, 0
        self.root = self.path("root")
        self.rootfs = self.path("rootfs")
        busybox = shutil.which("busybox")
        if not busybox or subprocess.run(["ldd", busybox], capture_output=True, check=False).returncode == 0:
            raise RuntimeError("no static busybox")
        for d in ("bin", "proc", "tmp", "m"):
            os.makedirs(f"{self.rootfs}/{d}")
        shutil.copy(busybox, f"{self.rootfs}/bin/busybox")
        for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if name != "busybox":
                os.symlink("busybox", f"{self.rootfs}/bin/{name}")

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def id(self):
        self.number += 1
        return f"c{self.number}"

    def bundle(self, *args, change=None):
        """A bundle whose program is args (true): its directory, named as the id that its cgroup has."""
        name = self.id()
        config = copy.deepcopy(BASE)
        config["root"] = {"path": self.rootfs}
        config["linux"]["cgroupsPath"] = f"/{self.cgroup}/{name}"
        if args:
            config["process"]["args"] = list(args)
        if change:
            change(config)
        path = self.path("bundle-" + name)
        os.mkdir(path)
        with open(path + "/config.json", "w", encoding="utf-8") as f:
            json.dump(config, f)
        return path, name

    def hull(self, *args, root=None, **kw):
        return tap.call(self.runtime, "--root", root or self.root, *args, **kw)

    @contextlib.contextmanager
    def popen(self, *args):
        """A command that goes on beside the test, and ends with it."""
        with tempfile.TemporaryFile("w+") as err: # no pipe: containers would keep it open
            with subprocess.Popen([self.runtime, "--root", self.root, *args], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=err) as proc:
                def end():
                    """Its status and what it said."""
                    proc.wait(60)
                    err.seek(0)
                    return proc.returncode, err.read()
                proc.end = end
                try:
                    yield proc
                finally:
                    proc.kill()

    def together(self, *commands):
        """Starts all, waits for all: [(exit status, stderr)]."""
        with contextlib.ExitStack() as stack:
            return [p.end() for p in [stack.enter_context(self.popen(*c)) for c in commands]]

    def create(self, *args, change=None, root=None):
        """A created container: its id."""
        path, name = self.bundle(*args, change=change)
        self.hull("create", "--bundle", path, name, root=root).ok()
        return name

    def state(self, name, root=None):
        return json.loads(self.hull("state", name, root=root).ok().out)

    def delete(self, name, root=None):
        self.hull("delete", "--force", name, root=root).ok()

    def wait_stopped(self, name):
        tap.eventually(lambda: self.state(name)["status"] == "stopped", f"{name} stops")

    def groups(self, name):
        """The cgroups that a container still has."""
        return [d for d in tap.cgroup_below(self.cgroup) if os.path.basename(d) == name]

    def nothing_left(self, *names, root=None):
        """No record, no public state, no cgroup, no mount of these ids."""
        root = root or self.root
        for name in names:
            tap.eq(glob.glob(f"{glob.escape(root)}/*{name}"), [], "records")
            tap.eq(os.path.exists(f"/run/opencontainer/containers/{name}"), False, "public state")
            tap.eq(self.groups(name), [], "cgroups")

    def clean_up(self):
        for number in range(1, self.number + 1):
            with contextlib.suppress(AssertionError):
                self.hull("delete", "--force", f"c{number}")

    @staticmethod
    def error_line(result, *parts):
        """A failure: status 1 and one line that has all these words."""
        result.failed(1)
        lines = [line for line in result.err.splitlines() if not line.startswith("hull: warning:")]
        tap.eq(len(lines), 1, f"lines of {result.err!r}")
        for part in parts:
            tap.has(lines[0], part)
        return lines[0]


@contextlib.contextmanager
def tmpfs(path, *options):
    """A file system of its own for the time of a test."""
    os.makedirs(path)
    tap.call("mount", "-t", "tmpfs", "-o", ",".join(("mode=700",) + options), "none", path).ok()
    try:
        yield path
    finally:
        tap.call("umount", "-l", path)


def fill(path, leave_pages=0):
    """Writes until the disk is full, then gives some pages back."""
    name = os.path.join(path, ".fill")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(fd, b"x" * 4096)
        size = os.fstat(fd).st_size
        os.ftruncate(fd, max(0, size - 4096 * leave_pages))
    finally:
        os.close(fd)


def gate(h, kind="createRuntime"):
    """A hook of that kind that says it runs, and waits: (change, wait until it runs, let it go on)."""
    top = h.rootfs if kind == "startContainer" else ""
    inside = [f"/m/{word}{h.number}" if top else h.path(f"{word}{h.number}") for word in ("here", "go")]
    here, go = (top + path for path in inside)
    os.mkfifo(here)
    os.mkfifo(go)

    def change(config):
        config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", "echo >{}; read x <{}".format(*inside)]}]}

    def wait():
        with open(here, encoding="ascii") as f:
            f.read()

    def release():
        fd = os.open(go, os.O_RDWR) # stays: the word waits for whoever reads
        os.write(fd, b"go\n")
    return change, wait, release
