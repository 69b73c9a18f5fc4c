# SPDX-License-Identifier: Apache-2.0
"""The test layers that run in the machine of tools/vm: what runs where, two machines at a time, within a time.

Where KVM works all of it runs. Under TCG a test takes 20 to 40 times as long as on the host: a core is chosen, optional layers
run only when they are named, and what is left out is said. A layer that does not fit into the time any more is left out too,
the last ones first. A machine that does not come up says nothing about hull: that is a skip with its last words. There, where
every wait is 20 times as likely to be too short, a test that fails is run once more in a machine of its own: what fails twice
is a failure, the others are named.
"""

import concurrent.futures
import os
import re
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUDGET = 22 * 60  # seconds for all, images and boots included
LAYER_LIMIT = 12 * 60
AGAIN = 3  # so many failures of a layer are tried once more; more than that is no accident
PREPARE_LIMIT = 12 * 60  # the image and the first boot, which is tried twice
MEMORY = 5 << 20  # KiB that two machines want
# what depends on cgroups, on systemd or on an LSM; the rest has been tested on the host, by the same files
CORE = """test_apparmor test_blockio test_cgown test_cgroups test_cpu test_create test_delete test_devcg test_exec test_hugepages
    test_kill test_lifecycle test_lsm test_memory test_netcg test_pids test_rdma test_start test_state test_unified
    test_update""".split()
NO_MACHINE = 125  # exit status of tools/vm
LEGACY = ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]


class Layer:
    """One command in one machine. command: words; HULL and PROBE are put in. packages: an image of its own has them."""

    def __init__(self, name, title, command, append=(), user=False, optional=False, packages=None):
        self.name, self.title, self.command, self.append = name, title, command, append
        self.user, self.optional, self.packages = user, optional, packages

    def options(self):
        return ([o for a in self.append for o in ("--append", a)] + (["--user"] if self.user else []) +
                (["--packages", self.packages] if self.packages else []))

    def words_of(self, title):
        """To run the test of this title alone, or nothing: the layer as a whole is short."""
        if "tests/conform/run" in self.command:
            return ["-k", re.search(r"::(\w+)", title + "::")[1]]
        alone = ("tests/checkpoint/run", "tests/vm/podman", "tests/vm/engines")
        return ["-k", title] if self.command.startswith(alone) else []

    def words(self, build, core):
        files = [f + ".py" for f in CORE if os.path.exists(f"{ROOT}/tests/conform/{f}.py")] if core else []
        slow = ["--slow", "4"] if core else []
        known = {"HULL": [build + "/hull"], "PROBE": ["--probe", build + "/conform-probe", *slow], "FILES": files}
        return [word for w in self.command.split() for word in known.get(w, [w])]


# in the order of their weight: under TCG the last ones may be left out
LAYERS = (
    Layer("vm-systemd", "systemd as manager, root", "tests/systemd/run HULL"),
    Layer("vm-controllers", "every controller, both managers, root", "tests/vm/controllers --runtime HULL"),
    Layer("vm-matrix", "manager and verb: v2, root", "tests/vm/matrix --runtime HULL"),
    Layer("vm-conform-systemd", "the specification, systemd as manager",
          "tests/conform/run --root-args=--systemd-cgroup --runtime HULL PROBE FILES"),
    Layer("vm-conform", "the specification, cgroupfs on pure v2, AppArmor", "tests/conform/run --runtime HULL PROBE FILES"),
    Layer("vm-checkpoint", "checkpoint and restore through CRIU", "tests/checkpoint/run --runtime HULL"),
    Layer("vm-user-systemd", "systemd as manager, a user", "tests/systemd/run HULL", user=True),
    Layer("vm-user-controllers", "every delegated controller, a user", "tests/vm/controllers --runtime HULL", user=True),
    Layer("vm-user-matrix", "manager and verb: v2, a user", "tests/vm/matrix --runtime HULL", user=True),
    Layer("vm-selinux", "SELinux, a permissive policy", "tests/conform/run --runtime HULL PROBE test_lsm.py test_lineage.py",
          append=["security=selinux"]),
    Layer("vm-matrix-legacy", "manager and verb: cgroup v1 with systemd", "tests/vm/matrix --runtime HULL", append=LEGACY),
    Layer("vm-user-conform", "the specification, a user, cgroupfs", "tests/conform/run --runtime HULL PROBE FILES", user=True),
    Layer("vm-user-conform-systemd", "the specification, a user, his own systemd",
          "tests/conform/run --root-args=--systemd-cgroup --runtime HULL PROBE FILES", user=True, optional=True),
    Layer("vm-podman", "podman, both managers, root", "tests/vm/podman --runtime HULL", optional=True),
    Layer("vm-user-podman", "podman, both managers, a user", "tests/vm/podman --runtime HULL", user=True, optional=True),
    Layer("vm-engines", "containerd and Docker with systemd as manager", "tests/vm/engines --runtime HULL", optional=True,
          packages="containerd,docker.io,docker-cli"),
)


def why_not():
    """Why no machine can run here, or none."""
    if os.geteuid():
        return "needs root, to make the machine's image"
    with open("/proc/meminfo", encoding="ascii") as f:
        free = int(re.search(r"MemAvailable:\s+(\d+)", f.read())[1])
    if free < MEMORY:
        return f"two machines want {MEMORY >> 20} GiB of memory, {free >> 20} are free"
    need = subprocess.run(["tools/need", "vm"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if need.returncode:
        return "QEMU or mmdebstrap cannot be installed: " + " ".join(need.stdout.split())[-300:]
    return None


def vm(options, *words, limit, **kw):
    """tools/vm, ended with all that it started when it does not keep to its own limits."""
    return subprocess.run(["timeout", "--kill-after=10", str(int(limit)), "tools/vm", *options, *words], cwd=ROOT,
                          stdin=subprocess.DEVNULL, check=False, **kw)


class Run:
    """All layers in the background; finish(name) waits for one."""

    def __init__(self, build, chosen, named=()):
        """named: the layers that were asked for by their names."""
        self.named = named
        self.build, self.end = os.path.relpath(os.path.join(ROOT, build), ROOT), time.monotonic() + BUDGET
        self.reason, self.core, self.left_out = why_not(), True, []
        self.dir = tempfile.mkdtemp(prefix="hull-test-vm-")
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.jobs = {}
        if not self.reason:
            self.prepare()
        for layer in chosen:
            self.jobs[layer.name] = self.pool.submit(self.one, layer)

    def prepare(self):
        """The image and the first state: whether and how fast a machine can run."""
        made = vm([], "--prepare", limit=PREPARE_LIMIT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if made.returncode:
            late = f" no end within {PREPARE_LIMIT} s" if made.returncode == 124 else ""
            self.reason = f"no machine:{late} " + in_short(made.stderr)
            return
        self.core = made.stdout.strip() != "kvm"
        if self.core:
            self.left_out = ["KVM does not work here, so the conformance suite runs in part: " + " ".join(CORE)]
        subprocess.run(["cc", "-static", "-O1", "-o", f"{self.build}/conform-probe",
                        *(f"tests/conform/{f}" for f in sorted(os.listdir(f"{ROOT}/tests/conform")) if re.match(r"probe.*\.c$", f))],
                       cwd=ROOT, check=True)

    def one(self, layer):
        """Runs in a thread: (exit status or none, file of its output, why it was left out, seconds)."""
        left = self.end - time.monotonic()
        out = os.path.join(self.dir, layer.name)
        if self.reason:
            return None, out, self.reason, 0
        if self.core and layer.optional and layer.name not in self.named:
            return None, out, f"too long for TCG, runs by its name (LAYERS={layer.name}): {layer.title}", 0
        if self.core and left < 90:
            return None, out, f"left out under TCG, {max(0, left):.0f} s of {BUDGET} are left: {layer.title}", 0
        started = time.monotonic()
        for last in (False, True):
            left = self.end - time.monotonic()
            limit = max(60, min(LAYER_LIMIT, left)) if self.core else 3 * LAYER_LIMIT
            with open(out, "wb") as f:
                done = vm([*layer.options(), "--timeout", str(int(limit))], *layer.words(self.build, self.core),
                          limit=limit + (PREPARE_LIMIT if layer.packages else 90), stdout=f, stderr=f)
            if done.returncode != NO_MACHINE:
                break
            why = died(out)
            if last and why:
                return None, out, f"no machine, twice: {why}", 0
        status = self.again(layer, out) if self.core and done.returncode == 1 else done.returncode
        return status, out, None, time.monotonic() - started

    def again(self, layer, out):
        """The tests that failed once more. What passes now becomes a pass that says so. Returns the exit status that fits."""
        with open(out, encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        failed = {i: m[2] for i, line in enumerate(lines) if (m := re.match(r"not ok (\d+) - (.*)", line))}
        if not 0 < len(failed) <= AGAIN:
            return 1
        for i, title in list(failed.items()):
            left = self.end - time.monotonic()
            if left < 90:
                return 1
            done = vm([*layer.options(), "--timeout", str(int(left))], *layer.words(self.build, True), *layer.words_of(title),
                      limit=left + 90, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
            if done.returncode == 0 and re.search(r"^ok\b(?!.*# SKIP)", done.stdout, re.MULTILINE):
                lines[i] = lines[i].removeprefix("not ")
                why = " | ".join(line[2:] for line in lines[i + 1:i + 4] if line.startswith("# "))
                lines.append(f"# AGAIN {layer.name}: failed once and passed in a machine of its own: {title}: {why}")
                del failed[i]
        with open(out, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        return 1 if failed else 0

    def finish(self, name):
        status, out, reason, seconds = self.jobs[name].result()
        if status == 124 and self.core:
            status = cut_short(out)
        return status, out, reason, seconds


def in_short(text):
    """One line: how it begins, and its last words."""
    text = " ".join(text.split())
    return text if len(text) < 600 else f"{text[:300]} [...] {text[-300:]}"


def died(out):
    """Why there was no machine, when no test ran in it. One that dies in the middle is tried once more; when it dies again
    a test that kills the kernel is likelier than an emulator that does."""
    with open(out, encoding="utf-8", errors="replace") as f:
        text = f.read()
    return None if re.search(r"^(not )?ok\b", text, re.MULTILINE) else in_short(text) or "no word"


def cut_short(out):
    """What ran before the time was over stands; the rest is one skip that says so. Each test has a limit of its own, so
    that a hang is a failure of that test and not of the layer. Returns the exit status that fits."""
    with open(out, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    points = [line for line in lines if re.match(r"(not )?ok\b", line)]
    planned = next((line.removeprefix("1..") for line in lines if re.match(r"1\.\.\d", line)), "?")
    lines = [line for line in lines if not re.match(r"1\.\.\d", line)]
    lines.append(f"ok {len(points) + 1} - the rest # SKIP no time left under TCG: {len(points)} of {planned} tests ran")
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join([f"1..{len(points) + 1}", *lines]) + "\n")
    return 1 if any(line.startswith("not ok") for line in points) else 0


def table(texts):
    """doc/cgroups-matrix.md of the lines that tests/vm/matrix printed."""
    rows, refused = {}, {}
    hosts, verbs = [], []
    for line in (line for text in texts for line in text.splitlines() if line.startswith("# matrix ") and "|" in line):
        host, manager, verb, result = line.removeprefix("# matrix ").split(" | ", 3)
        for known, one in ((hosts, host), (verbs, verb)):
            if one not in known:
                known.append(one)
        word, _, why = result.partition(": ")
        if why:
            word += f" [{refused.setdefault(why, len(refused) + 1)}]"
        rows[host, manager, verb] = word
    lines = ["| host | manager | " + " | ".join(verbs) + " |", "|---" * (len(verbs) + 2) + "|"]
    for host in hosts:
        for manager in ("cgroupfs", "systemd", "disabled"):
            lines.append(f"| {host} | {manager} | " + " | ".join(rows.get((host, manager, v), "-") for v in verbs) + " |")
    return "\n".join(lines + [""] + [f"{n}. `{why}`" for why, n in refused.items()]) + "\n"
