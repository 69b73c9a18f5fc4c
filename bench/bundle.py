# SPDX-License-Identifier: Apache-2.0
"""The containers that are measured: nine mounts and more, the namespaces an engine asks for, default devices and masks.

bench/floor.c makes the same ones by hand: whoever changes one changes the other. tests/budget uses it too.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
PODMAN_CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
               "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]
DOCKER_CAPS = sorted(PODMAN_CAPS + ["CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW"])
CAP_NUMBERS = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_FSETID": 4, "CAP_KILL": 5, "CAP_SETGID": 6,
               "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_SYS_CHROOT": 18,
               "CAP_MKNOD": 27, "CAP_AUDIT_WRITE": 29, "CAP_SETFCAP": 31}
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

# What an engine asks for: capabilities, files it binds in, whether its seccomp profile comes along.
FLAVOURS = {
    "none": {"caps": CAPS, "binds": ["etc/hosts"], "seccomp": False},
    "podman": {"caps": PODMAN_CAPS, "binds": ["etc/hosts", "etc/resolv.conf", "etc/hostname", "run/.containerenv"],
               "seccomp": True},
    "docker": {"caps": DOCKER_CAPS, "binds": ["etc/hosts", "etc/resolv.conf", "etc/hostname"], "seccomp": True},
    "pod": {"caps": DOCKER_CAPS, "binds": ["etc/hosts", "etc/resolv.conf", "etc/hostname", "dev/termination-log"],
            "seccomp": True},
}


def config(program, cgroup, binds, caps=CAPS, seccomp=None, sandbox=None, limit=None):
    """SANDBOX: a pid whose network, ipc and uts namespaces are joined, as those of a pod are. LIMIT: of memory."""
    quiet = ["nosuid", "noexec", "nodev"]

    def mount(where, kind, *options):
        return {"destination": where, "type": kind, "source": kind, "options": list(options)}

    def namespace(kind, file):
        if sandbox and kind in ("network", "ipc", "uts"):
            return {"type": kind, "path": f"/proc/{sandbox}/ns/{file}"}
        return {"type": kind}

    found = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": [program], "cwd": "/", "noNewPrivileges": True,
            "env": ["PATH=/bin", "TERM=xterm"],
            "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        },
        "root": {"path": "rootfs"},
        "mounts": [
            mount("/proc", "proc"),
            mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", *quiet, "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", *quiet),
            mount("/sys", "sysfs", *quiet, "ro"),
            mount("/sys/fs/cgroup", "cgroup", *quiet, "relatime", "ro"),
            mount("/run", "tmpfs", "nosuid", "nodev", "mode=755"),
            *({"destination": f"/{name}", "type": "bind", "source": source, "options": ["bind", "ro", "nosuid"]}
              for source, name in binds),
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [namespace(*n) for n in (("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"),
                                                   ("mount", "mnt"), ("cgroup", "cgroup"))],
            "maskedPaths": MASKED,
            "readonlyPaths": READONLY,
        },
    }
    if sandbox:
        found["process"]["oomScoreAdj"] = 1000
    else:
        found["hostname"] = "bench"
    if limit:
        found["linux"]["resources"]["memory"] = {"limit": limit}
    if seccomp:
        found["linux"]["seccomp"] = seccomp
    return found


def profile(caps=CAPS):
    """The default profile of the engines on this host, as they would hand it over for x86-64 with CAPS; or None."""
    path = pathlib.Path("/usr/share/containers/seccomp.json")
    if not path.exists():
        return None
    raw = json.loads(path.read_text())
    caps = set(caps)

    def fits(rule):
        inc, exc = rule.get("includes") or {}, rule.get("excludes") or {}
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


def make(where, tool, program, cgroup, flavour="none", **more):
    """A bundle at WHERE whose program is /bin/true, /bin/pause or /bin/echo, all of them TOOL."""
    where = pathlib.Path(where)
    rootfs, kind = where / "rootfs", FLAVOURS[flavour]
    for name in ("bin", "etc", "proc", "sys", "dev", "run"):
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    for name in ("true", "pause", "echo"):
        shutil.copy2(tool, rootfs / "bin" / name)
    binds = []
    for name in kind["binds"]:
        source = where / pathlib.Path(name).name
        source.write_text(f"{name}\n")
        if not name.startswith(("run/", "dev/")):
            (rootfs / name).touch()
        binds.append((str(source), name))
    if kind["seccomp"]:
        more.setdefault("seccomp", profile(kind["caps"]))
    text = json.dumps(config(program, cgroup, binds, kind["caps"], **more), indent=1)
    (where / "config.json").write_text(text)
    return str(where)


def floor_arguments(where, flavour, filter_file):
    """What bench/floor takes for the bundle at WHERE, but for its cgroup and program: (rootfs, caps, filter, binds)."""
    kind = FLAVOURS[flavour]
    caps = sum(1 << CAP_NUMBERS[c] for c in kind["caps"])
    binds = ",".join(f"{where}/{pathlib.Path(name).name}:{name}" for name in kind["binds"])
    return f"{where}/rootfs", f"{caps:x}", filter_file or "-", binds


def enter_v2():
    """Run this program again where /sys/fs/cgroup is cgroup v2 alone and /run is a tmpfs, as on a plain host."""
    if os.environ.get("HULL_BENCH_INSIDE"):
        return
    environment = dict(os.environ, HULL_BENCH_INSIDE="1")
    shell = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", str(ROOT / "tests/lib/v2view"), "sh",
                           "-c", shell, "sh", sys.executable, *sys.argv], environment)


def cgroup_make(path):
    """A group whose children have what the host has, as all runtimes make it: the floor's containers cost the same."""
    top = pathlib.Path("/sys/fs/cgroup")
    (top / path.strip("/")).mkdir()
    for name in (top / "cgroup.controllers").read_text().split():
        for where in (top, top / path.strip("/")):
            (where / "cgroup.subtree_control").write_text(f"+{name}")


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
