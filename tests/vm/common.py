# SPDX-License-Identifier: Apache-2.0
"""Containers for tests on a whole system: its own process 1, its own cgroups. TAP comes from tests/lib/tap.py."""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
import tap  # noqa: E402  pylint: disable=wrong-import-position

TOP = "/sys/fs/cgroup"
ROOT = os.geteuid() == 0
LIMIT = 120  # seconds for a command: the machine may be an emulated one


def read(path, default=None):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        if default is None:
            raise
        return default


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(str(text))


def host_kind():
    """v2, v1 or hybrid, systemd or not, root or a user."""
    mounts = [line.split(" - ")[1].split()[0] for line in read("/proc/self/mountinfo").splitlines()]
    layout = "v2" if "cgroup" not in mounts else "hybrid" if "cgroup2" in mounts else "v1"
    if "cgroup" not in mounts and "cgroup2" not in mounts:
        layout = "none"
    manager = "systemd" if os.path.isdir("/run/systemd/system") else "no systemd"
    return f"{layout}, {manager}, {'root' if ROOT else 'a user'}"


def systemctl(*words):
    return tap.call("systemctl", *([] if ROOT else ["--user"]), *words, limit=LIMIT)


def unit(name, *properties):
    """Properties of a unit, as a dictionary."""
    lines = systemctl("show", name, "-p", ",".join(properties)).ok().out.splitlines()
    return dict(line.split("=", 1) for line in lines)


class Container:
    """One container: create it with hull(...), look at it, and it is gone at the end of the test."""

    def __init__(self, box, name):
        self.box, self.id, self.dir = box, name, os.path.join(box.dir, name)
        os.makedirs(os.path.join(self.dir, "rootfs"))
        box.hull("spec", *([] if ROOT else ["--rootless"]), "--bundle", self.dir).ok()
        self.config = json.loads(read(self.dir + "/config.json"))
        self.config["process"]["terminal"] = False
        self.config["root"] = {"path": box.rootfs, "readonly": False}
        self.linux = self.config["linux"]
        self.linux["resources"] = {}
        self.sh("sleep 1000")

    def sh(self, script):
        self.config["process"]["args"] = ["/bin/sh", "-c", script]
        return self

    def limits(self, **resources):
        self.linux["resources"] = resources
        return self

    def hull(self, verb, *words, **kw):
        """A verb with its options in front of the id and, for exec, the command behind it."""
        split = words.index("--") if "--" in words else len(words)
        return self.box.hull(verb, *words[:split], self.id, *words[split + 1:], **kw)

    def create(self, verb="create", *words):
        write(self.dir + "/config.json", json.dumps(self.config))
        return self.hull(verb, "--bundle", self.dir, *words)

    def started(self):
        self.create("run", "--detach").ok()
        return self

    def state(self):
        return json.loads(self.hull("state").ok().out)

    def pid(self):
        return self.state()["pid"]

    def group(self, controller=""):
        """Directory of the group that the container's process is in."""
        for line in read(f"/proc/{self.pid()}/cgroup").splitlines():
            _, names, path = line.split(":", 2)
            if (not names and os.path.exists(TOP + "/cgroup.controllers")) or (names and controller in names.split(",")):
                return TOP + ("/" + names if names else "") + path
        raise AssertionError(f"no group of {controller or 'v2'}")

    def value(self, name):
        return read(os.path.join(self.group(name.split(".")[0]), name))

    def events(self, name):
        return dict(line.split() for line in self.value(name).splitlines())

    def gone(self):
        self.hull("state").failed()


class Box:
    """Bundles, ids, and what is left at the end."""

    def __init__(self, options):
        self.runtime, self.slow, self.made = os.path.realpath(options.runtime), False, []
        self.manager = []  # options in front of each verb
        self.dir = tempfile.mkdtemp(prefix="hull-vm-test-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        self.rootfs = os.path.join(self.dir, "rootfs")
        for name in ("bin", "proc", "dev", "sys", "tmp", "etc", "run"):
            os.makedirs(os.path.join(self.rootfs, name))
        shutil.copy(shutil.which("busybox"), self.rootfs + "/bin/busybox")
        for name in ("sh", "sleep", "true", "cat", "echo", "dd", "grep", "kill", "ls", "fallocate"):
            os.symlink("busybox", f"{self.rootfs}/bin/{name}")

    def hull(self, *words, **kw):
        return tap.call(self.runtime, *self.manager, *words, limit=LIMIT, **kw)

    def container(self):
        self.made.append(Container(self, f"vm{os.getpid()}-{len(self.made) + 1}"))
        return self.made[-1]

    def clean_up(self):
        for one in self.made:
            if os.path.isdir(one.dir):
                self.hull("delete", "--force", one.id)
                shutil.rmtree(one.dir, ignore_errors=True)

    def leftovers(self):
        """Groups that name a container of this run."""
        return [d for d, _, _ in os.walk(TOP) if f"vm{os.getpid()}-" in os.path.basename(d)]

    def about(self, group):
        """Who is to blame for a group that is left: hull, whose container lives on, or the unit's manager."""
        pids = [p for d, _, _ in os.walk(group) for p in read(d + "/cgroup.procs", " ").split()]
        name = os.path.basename(group)
        states = unit(name, "LoadState", "ActiveState", "SubState", "Job") if name.endswith((".scope", ".slice")) else {}
        return [f"{group}: events: {read(group + '/cgroup.events', '-').split()}, processes: {pids}, unit: {states}",
                f"below: {[d for d, _, _ in os.walk(group)][1:]}, list: {self.hull('list').out.splitlines()[1:]}"]


def main(name, description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runtime", required=True, metavar="PATH", help="the runtime under test")
    parser.add_argument("-k", metavar="WORD", help="only tests whose title or function has this in it")
    options = parser.parse_args()
    box = Box(options)
    chosen = [(t, f) for t, f in tap.TESTS if not options.k or options.k in t or options.k in f.__name__]
    print(f"TAP version 13\n# {name} on {host_kind()}\n1..{len(chosen) + 1}", flush=True)
    good = True
    for number, (title, function) in enumerate(chosen, 1):
        good &= tap.run_one(number, title, function, box)
        with contextlib.suppress(subprocess.SubprocessError, AssertionError):
            box.manager = []
            box.clean_up()
    with contextlib.suppress(AssertionError):  # systemd sweeps its own empty groups when it comes to it
        tap.eventually(lambda: not box.leftovers(), "no groups", 30)
    left = box.leftovers()
    print(f"{'not ok' if left else 'ok'} {len(chosen) + 1} - nothing is left behind",
          *(f"\n# {line}" for d in left for line in box.about(d)))
    shutil.rmtree(box.dir, ignore_errors=True)
    return 0 if good and not left else 1
