# SPDX-License-Identifier: Apache-2.0
"""The container that is measured: nine mounts, the namespaces an engine asks for, default devices and masks.

bench/floor.c makes the same one by hand: whoever changes one changes the other. tests/budget uses it too.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def config(program, cgroup, hosts, seccomp=None):
    quiet = ["nosuid", "noexec", "nodev"]

    def mount(where, kind, *options):
        return {"destination": where, "type": kind, "source": kind, "options": list(options)}

    found = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": [program], "cwd": "/", "noNewPrivileges": True,
            "env": ["PATH=/bin", "TERM=xterm"],
            "capabilities": {"bounding": CAPS, "effective": CAPS, "permitted": CAPS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        },
        "root": {"path": "rootfs"},
        "hostname": "bench",
        "mounts": [
            mount("/proc", "proc"),
            mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", *quiet, "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", *quiet),
            mount("/sys", "sysfs", *quiet, "ro"),
            mount("/sys/fs/cgroup", "cgroup", *quiet, "relatime", "ro"),
            mount("/run", "tmpfs", "nosuid", "nodev", "mode=755"),
            {"destination": "/etc/hosts", "type": "bind", "source": hosts, "options": ["bind", "ro", "nosuid"]},
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": MASKED,
            "readonlyPaths": READONLY,
        },
    }
    if seccomp:
        found["linux"]["seccomp"] = seccomp
    return found


def profile():
    """The default profile of the engines on this host, as they would hand it over for x86-64 with CAPS; or None."""
    path = pathlib.Path("/usr/share/containers/seccomp.json")
    if not path.exists():
        return None
    raw = json.loads(path.read_text())

    def fits(rule):
        inc, exc = rule.get("includes") or {}, rule.get("excludes") or {}
        caps = set(CAPS)
        return (set(inc.get("caps", [])) <= caps and not set(exc.get("caps", [])) & caps
                and ("amd64" in inc["arches"] if inc.get("arches") else True)
                and "amd64" not in (exc.get("arches") or []))

    calls = []
    for rule in raw["syscalls"]:
        if fits(rule):
            keep = {k: rule[k] for k in ("names", "action", "errnoRet") if rule.get(k) is not None}
            args = [{k: v for k, v in a.items() if v is not None} for a in rule.get("args") or []]
            calls.append({**keep, **({"args": args} if args else {})})
    arches = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    found = {"defaultAction": raw["defaultAction"], "architectures": arches, "syscalls": calls}
    if raw.get("defaultErrnoRet") is not None:
        found["defaultErrnoRet"] = raw["defaultErrnoRet"]
    return found


def make(where, tool, program, cgroup, seccomp=None):
    """A bundle at WHERE whose program is /bin/true or /bin/pause, both of them TOOL."""
    rootfs = pathlib.Path(where) / "rootfs"
    for name in ("bin", "etc", "proc", "sys", "dev", "run"):
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    for name in ("true", "pause"):
        shutil.copy2(tool, rootfs / "bin" / name)
    (rootfs / "etc/hosts").touch()
    hosts = pathlib.Path(where) / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    text = json.dumps(config(program, cgroup, str(hosts), seccomp), indent=1)
    (pathlib.Path(where) / "config.json").write_text(text)
    return str(where)


def enter_v2():
    """Run this program again where /sys/fs/cgroup is cgroup v2 alone and /run is a tmpfs, as on a plain host."""
    if os.environ.get("HULL_BENCH_INSIDE"):
        return
    environment = dict(os.environ, HULL_BENCH_INSIDE="1")
    shell = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", str(ROOT / "tests/lib/v2view"), "sh",
                           "-c", shell, "sh", sys.executable, *sys.argv], environment)


def cgroup_remove(path):
    """Remove the empty groups below and at PATH of the v2 hierarchy."""
    for folder, _, _ in os.walk("/sys/fs/cgroup" + path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def kill_left(path):
    """End what still runs in the group PATH; only what was started there can be in it."""
    for file in pathlib.Path("/sys/fs/cgroup" + path).glob("**/cgroup.kill"):
        try:
            file.write_text("1")
        except OSError:
            pass


def built(build, *names):
    """Paths of the programs of bench/, made when missing."""
    targets = [f"bench/bench-{n}" for n in names]
    subprocess.run(["ninja", "-C", str(build), "--quiet", "hull", *targets], check=True, stdout=sys.stderr)
    return [str(pathlib.Path(build) / t) for t in targets]
