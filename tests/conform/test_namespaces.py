"""config-linux.md#namespaces and #default-filesystems."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time

import pytest

from lib import assert_says, mountinfo, req, skip_unless
from lib.host import NS_FILES, mount, namespace_file, read, tree

ALL = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
MNT_SYSADMIN = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]


def capable(ctr):
    ctr.process["capabilities"] = {k: MNT_SYSADMIN for k in
                                   ("bounding", "effective", "permitted")}
    return ctr


def own(kind):
    return os.readlink(f"/proc/self/ns/{NS_FILES[kind]}")


def user_namespace(ctr):
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]


@req("LNX-FS-01")
def test_default_filesystems(ctr):
    path = ctr.bundle.path
    result = ctr.call("spec", "--bundle", path)
    skip_unless(result.code == 0 or ctr.rt.is_hull, "no spec command with --bundle")
    result.ok()
    with open(os.path.join(path, "config.json"), encoding="utf-8") as f:
        made = json.load(f)
    ctr.config["mounts"] = made["mounts"]
    seen = ctr.probe("mounts")["mounts"]
    assert {p: mountinfo.at(seen, p).fstype for p in ("/proc", "/sys", "/dev/pts", "/dev/shm")} \
        == {"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}


@req("LNX-FS-01")
def test_without_mounts(ctr, record_property):
    ctr.config["mounts"] = []
    result = ctr.sh("ls /proc /sys /dev").run()
    record_property("config without mounts",
                    "refused" if result.code else " ".join(result.stdout.split()))
    if result.code:
        result.failed()


@req("LNX-NS-01", "LNX-NS-10")
@pytest.mark.parametrize("entry", [{}, {"type": ""}, {"type": "net"}, {"type": "mnt"},
                                   {"type": "foo"}, {"path": "/proc/self/ns/uts"}])
def test_type_is_wrong(ctr, entry):
    ctr.bundle.linux["namespaces"] = [{"type": "mount"}, entry]
    ctr.create_fails(naming="linux.namespaces[1].type")


@req("LNX-NS-02", "LNX-NS-03", "LNX-NS-05", "LNX-NS-08")
def test_views(ctr):
    ids = subprocess.run(["ipcmk", "-M", "4096"], capture_output=True, text=True, check=False)
    made = re.search(r"\d+", ids.stdout)
    try:
        text = ctr.sh("echo $$; for p in /proc/[0-9]*; do echo ${p#/proc/}; done | tr '\\n' ' ';"
                      "echo; ls /sys/class/net; cat /proc/sysvipc/shm | wc -l;"
                      "cat /proc/self/cgroup").run().ok().stdout
    finally:
        if made:
            subprocess.run(["ipcrm", "-m", made[0]], check=False)
    lines = text.splitlines()
    assert lines[0] == "1"
    assert all(int(p) < 30 for p in lines[1].split()), lines[1]
    assert lines[2] == "lo"
    assert lines[3] == "1", "a shared memory segment of the host is in sight"
    assert all(line.split(":", 2)[2] == "/" for line in lines[4:]), lines[4:]


@req("LNX-NS-04", "LNX-NS-06", needs=["root"])
def test_changes_stay_inside(ctr):
    host, before = os.uname().nodename, mountinfo.of_process()
    ctr.bundle.put("/mnt/.keep", "")
    capable(ctr).sh("/bin/probe mount conform-inside /mnt tmpfs 0 '' > /dev/null;"
                    "hostname inside; hostname; grep -c conform-inside /proc/self/mountinfo")
    ctr.process["args"][2] += "; exec sleep 1000"
    ctr.started()
    assert [ctr.line(), ctr.line()] == ["inside", "1"]
    assert os.uname().nodename == host
    assert mountinfo.of_process() == before


@req("LNX-NS-07", "LNX-USERNS-01", "LNX-USERNS-02", "LNX-USERNS-03", needs=["root", "userns"])
def test_maps(ctr):
    user_namespace(ctr)
    ctr.bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000},
                                       {"containerID": 5000, "hostID": 300000, "size": 10}]
    ctr.bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 500},
                                       {"containerID": 1000, "hostID": 400000, "size": 7}]
    os.chmod(ctr.bundle.file("/tmp"), 0o1777)
    text = ctr.sh("cat /proc/self/uid_map /proc/self/gid_map; echo > /tmp/made").run().ok().stdout
    assert [line.split() for line in text.splitlines()] == [
        ["0", "100000", "1000"], ["5000", "300000", "10"],
        ["0", "200000", "500"], ["1000", "400000", "7"]]
    made = os.stat(ctr.bundle.file("/tmp/made"))
    assert (made.st_uid, made.st_gid) == (100000, 200000)


@req("LNX-NS-05", "LNX-USERNS-01", needs=["root", "userns"])
def test_message_queues_are_root_s(ctr):
    """The root of the ipc namespace's file system has an owner that the user namespace knows."""
    user_namespace(ctr)
    ctr.config["mounts"].append({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"})
    script = "stat -c %u /dev/mqueue; chmod 1770 /dev/mqueue && stat -c %a /dev/mqueue"
    assert ctr.sh(script).run().ok().stdout.split() == ["0", "1770"]


@req("LNX-NS-14", "LNX-NS-09", "LNX-TIME-01", needs=["root", "userns", "kernel>=5.6"])
def test_new_namespaces(ctr):
    user_namespace(ctr)
    for kind in ALL:
        ctr.bundle.namespace(kind)
    seen = ctr.probe("ns")["ns"]
    assert [k for k in ALL if seen[NS_FILES[k]] == own(k)] == []


@req("LNX-NS-15")
@pytest.mark.parametrize("kind", [k for k in ALL if k not in ("mount", "user", "time")])
def test_inherited(ctr, kind):
    ctr.bundle.drop_namespace(kind)
    if kind == "network":  # sysfs belongs to whoever owns the network namespace
        ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    seen = ctr.probe("ns")["ns"]
    assert seen[NS_FILES[kind]] == own(kind)
    assert seen["user"] == own("user") and seen["time"] == own("time")


@req("LNX-NS-15")
def test_mount_namespace_is_inherited(ctr, record_property):
    """A runtime may refuse to work in the mount namespace of the host, never make a new one
    unasked."""
    ctr.bundle.drop_namespace("mount")
    ctr.config["mounts"] = []
    os.symlink("/proc", ctr.bundle.file("/p"))
    result = ctr.args("/bin/probe", "stay").create()
    record_property("no mount namespace", "refused" if result.code else "inherited")
    if result.code:
        result.failed()
    else:
        assert os.readlink(f"/proc/{ctr.pid}/ns/mnt") == own("mount")


@req("LNX-NS-11")
@pytest.mark.parametrize("path", ["proc/self/ns/uts", "./uts"])
def test_relative_path(ctr, path):
    ctr.bundle.namespace("uts", path)
    n = len(ctr.bundle.linux["namespaces"]) - 1
    ctr.create_fails(naming=f"linux.namespaces[{n}].path")


@req("LNX-NS-14")
def test_empty_path(ctr):
    """Go programs make no difference between an empty path and none."""
    ctr.bundle.namespace("uts", "")
    assert ctr.probe("ns")["ns"]["uts"] != own("uts")


@pytest.fixture
def helper():
    """A process in namespaces of its own of all types but user; pid: those of its child."""
    code = ("import os,ctypes,sys\n"
            "c=ctypes.CDLL(None,use_errno=True)\n"
            "assert c.unshare(0x20000|0x4000000|0x8000000|0x40000000|0x2000000|0x80|0x20000000)"
            " == 0\n"
            "p=os.fork()\n"
            "if p: os.waitpid(p, 0)\n"
            "else: print(os.readlink('/proc/self'), flush=True); sys.stdin.read()\n")
    proc = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    child = int(proc.stdout.readline())
    yield child
    proc.stdin.close()
    proc.stdout.close()
    proc.wait()


@req("LNX-NS-12", needs=["root", "kernel>=5.6"])
@pytest.mark.parametrize("how", ["process", "file"])
@pytest.mark.parametrize("kind", [k for k in ALL if k != "user"])
def test_joined(ctr, helper, kind, how):
    path = f"/proc/{helper}/ns/{NS_FILES[kind]}"
    wanted = os.readlink(path)
    if how == "file":
        skip_unless(kind != "mount", "a mount namespace cannot be bound inside one that is older")
        copy = os.path.join(ctr.top, "ns")
        open(copy, "w", encoding="ascii").close()
        mount(path, copy, None, 0x1000)
        path = copy
    ctr.bundle.namespace(kind, path)
    if kind == "network":
        ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    assert ctr.probe("ns")["ns"][NS_FILES[kind]] == wanted


@contextlib.contextmanager
def foreign_user_namespace(*lines):
    """The path of a user namespace with these mappings."""
    code = ("import os,ctypes,sys\nassert ctypes.CDLL(None).unshare(0x10000000) == 0\n"
            "print('ready', flush=True); sys.stdin.read()\n")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as proc:
        assert proc.stdout.readline() == "ready\n"
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{proc.pid}/{name}", "w", encoding="ascii") as f:
                f.write("\n".join(lines))
        try:
            yield f"/proc/{proc.pid}/ns/user"
        finally:
            proc.stdin.close()


@req("LNX-NS-12", needs=["root", "userns"])
def test_joined_user_namespace(ctr):
    with foreign_user_namespace("0 100000 65536") as path:
        wanted = os.readlink(path)
        ctr.bundle.namespace("user", path)
        seen = ctr.probe("ns", "ids")
    assert seen["ns"]["user"] == wanted
    assert seen["ids"]["uid"] == [0] * 4


@req("LNX-NS-12", "LNX-USERNS-07", needs=["root", "userns"])
@pytest.mark.parametrize("entries", [
    [(0, 100000, 10), (10, 200000, 5)], [(10, 200000, 5), (0, 100000, 10)],
    [(0, 100000, 4), (4, 100004, 6), (10, 200000, 5)]])
def test_joined_user_namespace_with_its_mappings(ctr, entries):
    """As containerd, CRI-O and podman write it for the containers of a pod."""
    with foreign_user_namespace("0 100000 10", "10 200000 5") as path:
        wanted = os.readlink(path)
        ctr.bundle.namespace("user", path)
        for kind in ("uidMappings", "gidMappings"):
            ctr.bundle.linux[kind] = [{"containerID": c, "hostID": h, "size": s} for c, h, s in entries]
        assert ctr.probe("ns")["ns"]["user"] == wanted


@req("LNX-USERNS-07", needs=["root", "userns"])
@pytest.mark.parametrize("kind", ["uidMappings", "gidMappings"])
@pytest.mark.parametrize("entries", [
    [(0, 100000, 10)], [(0, 100000, 10), (10, 200001, 5)], [(0, 100000, 10), (10, 200000, 6)],
    [(0, 100000, 10), (11, 200000, 5)]])
def test_joined_user_namespace_with_other_mappings(ctr, entries, kind):
    with foreign_user_namespace("0 100000 10", "10 200000 5") as path:
        ctr.bundle.namespace("user", path)
        for each in ("uidMappings", "gidMappings"):
            ctr.bundle.linux[each] = [{"containerID": c, "hostID": h, "size": s} for c, h, s in
                                      (entries if each == kind else [(0, 100000, 10), (10, 200000, 5)])]
        ctr.create_fails(naming=[f"linux.{kind}"])


@req("LNX-NS-13")
@pytest.mark.parametrize("kind", ["another type", "a file", "missing", "a directory"])
def test_no_namespace_at_path(ctr, kind):
    path = {"another type": "/proc/self/ns/net", "a file": os.path.join(ctr.top, "file"),
            "missing": os.path.join(ctr.top, "nosuch"), "a directory": ctr.top}[kind]
    if kind == "a file":
        open(path, "w", encoding="ascii").close()
    ctr.bundle.namespace("uts", path)
    n = len(ctr.bundle.linux["namespaces"]) - 1
    result = ctr.create_fails(naming=[f"linux.namespaces[{n}].path", f"linux.namespaces[{n}]"])
    assert_says(re.escape(path), result.stderr)


@req("LNX-NS-16")
@pytest.mark.parametrize("again", [{"type": "uts"}, {"type": "uts", "path": "/proc/self/ns/uts"}])
def test_twice(ctr, again):
    ctr.bundle.linux["namespaces"].append(again)
    n = len(ctr.bundle.linux["namespaces"]) - 1
    ctr.create_fails(naming=[f"linux.namespaces[{n}]", f"linux.namespaces[{n}].type"])


@req("LNX-NS-17", needs=["root", "userns", "kernel>=5.6"])
@pytest.mark.parametrize("seed", range(4))
def test_any_order(ctr, seed):
    user_namespace(ctr)
    uts = namespace_file("uts", os.path.join(ctr.top, "uts"))
    for kind in ALL:
        ctr.bundle.namespace(kind, uts if kind == "uts" and seed % 2 else None)
    random.Random(seed).shuffle(ctr.bundle.linux["namespaces"])
    assert ctr.probe("ids")["ids"]["uid"] == [0] * 4


# ---- user namespace mappings

@req("LNX-USERNS-04")
@pytest.mark.parametrize("missing", ["containerID", "hostID", "size"])
@pytest.mark.parametrize("kind", ["uidMappings", "gidMappings"])
def test_mapping_is_incomplete(ctr, kind, missing):
    user_namespace(ctr)
    entry = {"containerID": 1, "hostID": 300000, "size": 1}
    del entry[missing]
    ctr.bundle.linux[kind] = ctr.bundle.linux[kind] + [entry]
    ctr.create_fails(naming=f"linux.{kind}[1].{missing}")


@req("LNX-USERNS-05", needs=["root", "userns"])
def test_ownership_stays(ctr):
    user_namespace(ctr)
    ctr.bundle.put("/etc/owned", "x", 0o640)
    os.chown(ctr.bundle.file("/etc/owned"), 100005, 7)
    vol = os.path.join(ctr.top, "vol")
    os.mkdir(vol)
    ctr.bundle.put("/m/.keep", "")
    ctr.config["mounts"].append({"destination": "/m", "source": vol, "options": ["bind"]})
    before, before_vol = tree(ctr.bundle.rootfs), os.stat(vol)
    ctr.args("/bin/true").run().ok()
    after, after_vol = tree(ctr.bundle.rootfs), os.stat(vol)
    assert {k: v for k, v in after.items() if k in before} == before
    assert (after_vol.st_uid, after_vol.st_gid) == (before_vol.st_uid, before_vol.st_gid)


@req("LNX-USERNS-06", needs=["root", "userns"])
def test_too_many_mappings(ctr):
    """KERNEL: 340 lines since 4.15. user_namespaces(7)."""
    user_namespace(ctr)
    ctr.bundle.linux["uidMappings"] = [{"containerID": n, "hostID": 100000 + 2 * n, "size": 1}
                                       for n in range(341)]
    ctr.create_fails(naming=["linux.uidMappings", "linux.uidMappings[340]"])


@req("LNX-USERNS-07")
def test_mappings_without_user_namespace(ctr):
    user_namespace(ctr)
    ctr.bundle.drop_namespace("user")
    ctr.create_fails(naming=["linux.uidMappings", "linux.gidMappings"])


@req("LNX-USERNS-07", needs=["root", "userns"])
@pytest.mark.parametrize("entries", [
    [(0, 100000, 10), (5, 200000, 10)], [(0, 100000, 10), (20, 100005, 10)], [(0, 100000, 0)]])
def test_mappings_that_the_kernel_refuses(ctr, entries):
    user_namespace(ctr)
    ctr.bundle.linux["uidMappings"] = [{"containerID": c, "hostID": h, "size": s}
                                       for c, h, s in entries]
    ctr.create_fails(naming=["linux.uidMappings"] + [f"linux.uidMappings[{n}]" for n in (0, 1)]
                     + ["linux.uidMappings[0].size"])


# ---- time

@pytest.fixture
def uptime():
    skip_unless(float(read("/proc/uptime", "0").split()[0]) > 60, "the host is younger than 60 s")


def clocks(ctr, offsets):
    ctr.bundle.namespace("time")
    ctr.bundle.linux["timeOffsets"] = offsets
    host = {"monotonic": time.clock_gettime(time.CLOCK_MONOTONIC),
            "boottime": time.clock_gettime(time.CLOCK_BOOTTIME)}
    seen = ctr.probe("clocks")["clocks"]
    return {k: seen[k] - host[k] for k in host}


@req("LNX-TIME-01", "LNX-TIME-02", "LNX-TIME-03")
@pytest.mark.parametrize("monotonic,boottime", [(86400, 604800), (-10, 0), (0, -10)])
def test_offsets(ctr, uptime, monotonic, boottime):
    """The run itself takes less than the half minute that is allowed for it."""
    ahead = clocks(ctr, {"monotonic": {"secs": monotonic}, "boottime": {"secs": boottime}})
    assert monotonic <= ahead["monotonic"] < monotonic + 30
    assert boottime <= ahead["boottime"] < boottime + 30


@req("LNX-TIME-02", "LNX-TIME-04", "LNX-NS-09")
def test_as_the_kernel_shows_them(ctr, uptime):
    ctr.bundle.namespace("time")
    ctr.bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1, "nanosecs": 500000000},
                                       "boottime": {"secs": 604800}}
    text = ctr.sh("cat /proc/self/timens_offsets /proc/uptime; readlink /proc/self/ns/time")
    lines = [line.split() for line in text.run().ok().stdout.splitlines()]
    assert ["monotonic", "1", "500000000"] in lines and ["boottime", "604800", "0"] in lines
    assert float(lines[2][0]) > 604800
    assert lines[3][0] != own("time")


@req("LNX-TIME-05")
@pytest.mark.parametrize("offsets,naming", [
    ({"realtime": {"secs": 1}}, "realtime"), ({"monotonic": {"nanosecs": 1000000000}},
                                              "monotonic"), ({"": {"secs": 1}}, None)])
def test_offsets_are_wrong(ctr, offsets, naming):
    ctr.bundle.namespace("time")
    ctr.bundle.linux["timeOffsets"] = offsets
    names = ["linux.timeOffsets"] + ([f"linux.timeOffsets.{naming}",
                                      f"linux.timeOffsets.{naming}.nanosecs"] if naming else [])
    ctr.create_fails(naming=names)


@req("LNX-TIME-05")
def test_offsets_without_time_namespace(ctr):
    ctr.bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1}}
    ctr.create_fails(naming=["linux.timeOffsets", "linux.timeOffsets.monotonic"])
