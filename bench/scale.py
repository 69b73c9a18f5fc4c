# SPDX-License-Identifier: Apache-2.0
"""What happens with many: containers alive, starts at the same time, exec probes; and with little memory."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

import bundle
from calls import reap


def say(text):
    print(text, file=sys.stderr, flush=True)


class Many:
    """Containers of RT that stay alive, made one after the other."""

    def __init__(self, rt, work, tool):
        self.rt, self.work, self.tool, self.made = rt, work, tool, []
        self.where = pathlib.Path(bundle.make(work / f"{rt.name}-many", tool, "/bin/pause", "@"))
        self.text = (self.where / "config.json").read_text()

    def create(self, i):
        """The argv that makes number I, its config written."""
        (self.where / "config.json").write_text(self.text.replace('"@"', f'"{self.rt.cgroup}/m{i}"'))
        self.made.append(i)
        return self.rt("create", "--bundle", str(self.where), "--pid-file", self.pid_file(i), self.name(i))

    def name(self, i):
        return f"{self.rt.id}-m{i}"

    def pid_file(self, i):
        return str(self.work / f"{self.rt.name}-m{i}.pid")

    def delete(self, i):
        self.made.remove(i)
        return self.rt("delete", self.name(i))

    def end(self, i):
        os.kill(int(pathlib.Path(self.pid_file(i)).read_text()), 9)
        reap(self.pid_file(i))

    def clear(self):
        bundle.kill_left(self.rt.cgroup)
        for i in list(self.made):
            if os.path.exists(self.pid_file(i)):  # else it is its create that failed
                reap(self.pid_file(i))
            subprocess.run(self.delete(i), check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)


def alive(runtimes, floor, timer, work, tool, counts, repeats):
    """{verb: {runtime: {number alive: milliseconds}}}; the one that is measured comes on top of the number.

    The floor is run beside the containers of the first runtime: it shows what the kernel takes more for each.
    """
    found = {verb: {} for verb in ("create", "list", "state", "delete", "run")}
    for rt in runtimes:
        many = Many(rt, work, tool)
        try:
            for n in counts:
                say(f"alive: {n} containers of {rt.name}")
                for i in range(len(many.made), n):
                    timer.run(*many.create(i))
                ms = {verb: [] for verb in found}
                beside = floor if rt is runtimes[0] else None
                below = []
                for _ in range(repeats):
                    ms["run"].append(timer.run(*rt("run", "--bundle", rt.bundles["true"], rt.id))[0])
                    if beside:
                        below.append(timer.run(*beside.run("none"))[0])
                    ms["create"].append(timer.run(*many.create(n))[0])
                    ms["list"].append(timer.run(*rt("list"))[0])
                    ms["state"].append(timer.run(*rt("state", many.name(n)))[0])
                    many.end(n)
                    ms["delete"].append(timer.run(*many.delete(n))[0])
                for verb in found:
                    found[verb].setdefault(rt.name, {})[n] = statistics.median(ms[verb])
                if below:
                    found["run"].setdefault(beside.name, {})[n] = statistics.median(below)
        finally:
            many.clear()
    return found


def parallel(runtimes, floor, widths, repeats):
    """{name: {width: milliseconds per container}}: WIDTH `run`s at once, start to end of all."""
    found = {}
    for rt in [*runtimes, *([floor] if floor else [])]:
        for width in widths:
            say(f"parallel: {width} at a time of {rt.name}")
            each = []
            for _ in range(repeats):
                argvs = [rt.one_of_many(i) for i in range(width)]
                begin = time.perf_counter()
                ps = [subprocess.Popen(a, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for a in argvs]
                if any([p.wait() for p in ps]):
                    raise SystemExit(f"bench: {rt.name}: a parallel run failed")
                each.append((time.perf_counter() - begin) * 1e3 / width)
            found.setdefault(rt.name, {})[width] = statistics.median(each)
    return found


def probes(runtimes, timer, work, n):
    """{name: milliseconds for N execs, one after the other}, as health checks are."""
    found = {}
    for rt in runtimes:
        if not rt.execs:
            continue
        say(f"probes: {n} execs of {rt.name}")
        pid_file = str(work / "pid")
        timer.run(*rt("create", "--bundle", rt.bundles["pause"], "--pid-file", pid_file, rt.id))
        timer.run(*rt("start", rt.id))
        begin = time.perf_counter()
        for _ in range(n):
            timer.run(*rt("exec", rt.id, "/bin/true"))
        found[rt.name] = (time.perf_counter() - begin) * 1e3
        timer.run(*rt("kill", rt.id, "KILL"))
        reap(pid_file)
        timer.run(*rt("delete", rt.id))
    return found


def limits(runtimes, work, tool):
    """{name: KiB}: the lowest memory limit at which `echo` works, or why nobody can tell."""
    controllers = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
    if "memory" not in controllers:
        return {"skipped": "the memory controller is not in cgroup v2 here"}
    (pathlib.Path("/sys/fs/cgroup") / "cgroup.subtree_control").write_text("+memory")
    found = {}
    for rt in runtimes:
        say(f"limit: {rt.name}")
        low, high = 0, 64 * 1024
        while high - low > 16:
            kib = (low + high) // 2
            where = bundle.make(work / f"{rt.name}-limit", tool, "/bin/echo", f"{rt.cgroup}/l", limit=kib * 1024)
            good = all(subprocess.run(rt("run", "--bundle", where, f"{rt.id}-l"), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
                       for _ in range(3))
            subprocess.run(rt("delete", "--force", f"{rt.id}-l"), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
            low, high = (low, kib) if good else (kib, high)
        found[rt.name] = high
    return found
