# SPDX-License-Identifier: Apache-2.0
"""podman and buildah with storage, configuration and cgroups of their own, and one small image."""

import json
import os
import re
import shutil
import subprocess

import tap

SHIPPED = os.path.join(tap.ROOT, "contrib", "containers.conf.d", "50-hull.conf")
IMAGE = "localhost/base"
# What the client lacks the right to do on every machine: raise limits over those of the caller.
CONFIG = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
log_driver = "k8s-file"
netns = "none"

"""
STORAGE = """
[storage]
driver = "vfs"
graphroot = "{0}/graph"
runroot = "{0}/runroot"
"""
GLOBAL = ["--events-backend", "file", "--cgroup-manager", "cgroupfs"]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def busybox():
    """A static busybox, or None."""
    path = shutil.which("busybox")
    if not path:
        return None
    linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    return path if linked.returncode else None


def make_rootfs(path):
    """A root file system: busybox under all its names, users, and the usual empty directories."""
    for d in ("bin", "etc", "tmp", "proc", "sys", "dev", "root", "home", "data/inner"):
        os.makedirs(os.path.join(path, d))
    os.chmod(os.path.join(path, "tmp"), 0o1777)
    shutil.copy(busybox(), os.path.join(path, "bin", "busybox"))
    applets = subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in applets:
        if name != "busybox":
            os.symlink("busybox", os.path.join(path, "bin", name))
    files = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n",
             "etc/group": "root:x:0:\nalice:x:1000:\nextra:x:2000:alice\n",
             "data/file": "from the image\n", "data/inner/deep": "deep\n"}
    for name, text in files.items():
        with open(os.path.join(path, name), "w", encoding="ascii") as f:
            f.write(text)


class Clients:
    """The clients of this run."""

    def __init__(self, options, box, cgroup):
        self.runtime, self.box, self.cgroup = options.runtime, box, cgroup
        self.parent = f"/{cgroup}"
        self.number, self.built = 0, False
        self.engines = {}  # containerd and Docker, by kind and view: see tests/lib/engines.py
        text = re.sub(r"(?m)^hull = \[.*\]$", lambda _: f'hull = ["{self.runtime}"]', read(SHIPPED))
        self.write("containers.conf", CONFIG + text)
        self.write("storage.conf", STORAGE.format(box))
        self.write("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        os.environ["CONTAINERS_CONF"] = self.path("containers.conf")
        os.environ["CONTAINERS_STORAGE_CONF"] = self.path("storage.conf")
        os.environ["CONTAINERS_REGISTRIES_CONF"] = self.write("registries.conf", "")

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def name(self, word="c"):
        """A name that no other container of this run has."""
        self.number += 1
        return f"{word}{self.number}"

    def image(self):
        """Imports the image once."""
        tap.need(busybox(), "no static busybox")
        if not self.built:
            tap.call("podman", *GLOBAL, "import", self.archive(), IMAGE).ok()
            self.built = True
        return IMAGE

    def archive(self):
        """The files of the image in a tar archive, made once."""
        tap.need(busybox(), "no static busybox")
        path = self.path("base.tar")
        if not os.path.exists(path):
            make_rootfs(self.path("rootfs"))
            subprocess.run(["tar", "-C", self.path("rootfs"), "-cf", path, "."], check=True)
        return path

    def podman(self, *args, **kw):
        """One podman command."""
        tap.need(shutil.which("podman"), "podman is not installed")
        tap.need(shutil.which("conmon"), "conmon is not installed")
        return tap.call("podman", *GLOBAL, "--runtime", "hull", *args, **kw)

    def run(self, *command, opts=(), verb="run", parent=True, **kw):
        """podman run (or create) of a command, removed at its end unless it goes on in the background."""
        image = self.image()
        rm = ["--rm"] if verb == "run" and not {"-d", "--name"} & set(opts) else []
        group = ["--cgroup-parent", self.parent] if parent else []
        return self.podman(verb, *rm, *group, *opts, image, *command, **kw)

    def sh(self, script, *opts, **kw):
        """A shell in a container of its own: its output, of a script that must succeed."""
        return self.run("sh", "-c", script, opts=opts, **kw).ok().out.strip()

    def start(self, *command, opts=()):
        """A container in the background: its name."""
        name = self.name()
        self.run(*command, opts=["-d", "--name", name, *opts]).ok()
        return name

    def inspect(self, name, kind="container"):
        return json.loads(self.podman(kind, "inspect", name).ok().out)[0]

    def remove(self, *names, what=()):
        """podman: with mapped ids conmon runs in a mount namespace of its own, and the clean-up that it starts unmounts there;
        when that comes before rm, rm takes /dev/shm for unmounted and finds it busy. The second one finds it gone."""
        command = (*what, "rm", "-f", "-t", "0", *names)
        r = self.podman(*command)
        if "userdata/shm: device or resource busy" in r.err:
            r = self.podman(*command)
        r.ok()

    def records(self):
        """What hull itself lists."""
        return json.loads(tap.call(self.runtime, "list", "--format", "json").ok().out)

    def clean_up(self):
        """After a failed test."""
        for engine in self.engines.values():
            engine.clean_up()
        if shutil.which("podman"):
            self.podman("pod", "rm", "-fa", "-t", "0")
            self.podman("rm", "-fa", "-t", "0")
        for record in self.records():
            tap.call(self.runtime, "delete", "--force", record["id"])

    def nothing_left(self):
        """After the last container: no record, no public state, no cgroup."""
        tap.eq([(r["id"], r["status"]) for r in self.records()], [], "hull list")
        public = "/run/opencontainer/containers"
        tap.eq(os.listdir(public) if os.path.isdir(public) else [], [], public)
        # the groups of conmon and of pods are podman's
        left = [d for d in tap.cgroup_below(self.cgroup) if re.search(r"/(libpod-[0-9a-f]{64}|buildah)$", d)]
        tap.eq(left, [], "cgroups")
