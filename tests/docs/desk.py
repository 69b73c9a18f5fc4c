# SPDX-License-Identifier: Apache-2.0
"""What the tests of the documents share: the tables as the program tells them, and a bundle to try things with."""

import json
import os
import shutil
import subprocess

import tap

MAN = os.path.join(tap.ROOT, "man")
LOOP = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def tables_of(runtime):
    return json.loads(subprocess.run([runtime, "help", "--format", "json"], check=True, stdout=subprocess.PIPE,
                                     timeout=60).stdout)


class Desk:
    def __init__(self, options, box, cgroup):
        self.runtime, self.box, self.cgroup = options.runtime, box, cgroup
        self.tables = tables_of(self.runtime)
        self.verbs = {verb["name"]: verb for verb in self.tables["commands"]}
        self.bin = os.path.join(box, "bin")
        os.makedirs(self.bin)
        os.symlink(self.runtime, os.path.join(self.bin, "hull"))
        os.environ["PATH"] = self.bin + ":" + os.environ["PATH"]
        self.furnish()

    def furnish(self):
        """/srv as the pages speak of it: /srv/web with a program that goes on until it is told to end."""
        subprocess.run(["mount", "-t", "tmpfs", "srv", "/srv"], check=True)
        busybox = shutil.which("busybox")
        for d in ("bin", "proc", "dev", "sys", "tmp", "etc"):
            os.makedirs(f"/srv/web/rootfs/{d}")
        shutil.copy(busybox, "/srv/web/rootfs/bin/busybox")
        for name in ("sh", "ps", "sleep", "true", "env", "pwd"):
            os.symlink("busybox", f"/srv/web/rootfs/bin/{name}")
        subprocess.run([self.runtime, "spec", "--bundle", "/srv/web"], check=True)
        self.config("/srv/web/config.json", LOOP)
        self.config("/srv/exit7.json", "exit 7")

    def create(self, name, *options):
        """A container of that name, with a cgroup of its own."""
        self.config(f"/srv/web/{name}.json", LOOP, name)
        self.hull(*options, "create", "--bundle", "/srv/web", "--config", f"{name}.json", name).ok()

    def config(self, path, program, cgroup="web"):
        with open("/srv/web/config.json", encoding="utf-8") as f:
            config = json.load(f)
        config["process"] |= {"args": ["sh", "-c", program], "terminal": False}
        config["linux"]["cgroupsPath"] = f"/{self.cgroup}/{cgroup}"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f, indent="\t")

    def hull(self, *args, **kw):
        return tap.call(self.runtime, *args, **kw)

    def clean_up(self):
        for name in self.hull("list", "--quiet").out.split():
            self.hull("delete", "--force", name)
