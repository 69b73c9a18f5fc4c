"""hull audit: what a running container has, beside its config. Each test changes something behind
the runtime's back, from outside or in the stored config, and sees it named."""

import ctypes
import json
import os
import resource
import shutil
import socket
import subprocess

import pytest

from lib import req, skip_unless
from lib.host import cgroup_dirs

pytestmark = [pytest.mark.hull_only]
NEEDS = ["root"]


def audit(ctr, *options, code=None):
    result = ctr.call("audit", "--format", "json", *options, ctr.id)
    assert result.code in ((0, 2) if code is None else (code,)), result.stderr
    return json.loads(result.stdout)


def rows(report, verdict, area=None):
    return [r for r in report["rows"] if r["verdict"] == verdict and area in (None, r["area"])]


def one(report, verdict, area, what):
    found = [r for r in rows(report, verdict, area) if r["what"] == what]
    assert len(found) == 1, report["rows"]
    return found[0]


def inside(ctr, *words):
    """A program of the rootfs in the container's mount namespace, with all rights of the host."""
    subprocess.run(["nsenter", f"--mount=/proc/{ctr.pid}/ns/mnt", *words], check=True)


def remount(ctr, place):
    """Writable, as no program of the rootfs can do it."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/proc/{ctr.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        ms_remount_bind = 32 | 4096
        bad = libc.setns(fd, 0) or libc.mount(None, place.encode(), None, ms_remount_bind, None)
        os._exit(ctypes.get_errno() if bad else 0)
    os.close(fd)
    assert os.waitpid(child, 0)[1] == 0


def stored(ctr):
    """The runtime's copy of the config, and a function that replaces it."""
    path = os.path.join(ctr.root, ctr.id, "config.json")
    with open(path, encoding="utf-8") as f:
        config = json.load(f)

    def write():
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
    return config, write


@pytest.fixture
def box(ctr):
    """A container with one of everything that is looked at."""
    ctr.linux = ctr.bundle.linux
    caps = [f"CAP_{c}" for c in ("CHOWN", "KILL", "SETUID", "SETGID")]
    ctr.process["capabilities"] = {s: caps for s in ("bounding", "effective", "permitted")}
    ctr.process["noNewPrivileges"] = True
    ctr.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 1000}]
    ctr.process["oomScoreAdj"] = 100
    ctr.linux["maskedPaths"] = ["/proc/timer_list", "/proc/missing", "/sys/firmware"]
    ctr.linux["readonlyPaths"] = ["/proc/sys", "/tmp"]
    ctr.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["swapon", "swapoff"], "action": "SCMP_ACT_ERRNO"},
                     {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
                      "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}
    ctr.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"},
                                          {"allow": True, "type": "c", "major": 1, "minor": 9,
                                           "access": "r"}]}
    return ctr


@req("S-31", needs=NEEDS)
def test_as_configured(box):
    report = audit(box.started(), code=0)
    assert report["status"] == "running" and report["pid"] == box.pid
    assert not rows(report, "differs") and not rows(report, "note")
    areas = {r["area"] for r in report["rows"]}
    assert {"capabilities", "noNewPrivileges", "seccomp", "namespaces", "idMaps", "masks", "mounts",
            "readonly", "devices", "descriptors", "rlimits", "oomScoreAdj", "processes",
            "user"} <= areas
    assert {r["what"] for r in rows(report, "exposed")} <= {"user", "", "apparmor", "selinux"}
    pids = [r for r in report["rows"] if r["area"] == "masks" and r["has"] == "not there"]
    assert [r["what"] for r in pids] == ["/proc/missing"]


@req("S-31", needs=NEEDS)
def test_table(box):
    text = box.started().call("audit", box.id).ok().stdout
    lines = text.splitlines()
    order = ["differs", "exposed", "note", "same"]
    seen = [line.split()[0] for line in lines[:-1]]
    assert seen == sorted(seen, key=order.index)
    assert lines[-1].startswith("0 differ, ")
    assert "\x1b" not in text
    quiet = box.call("audit", "--quiet", box.id).ok().stdout.splitlines()
    assert all(line.split()[0] == "exposed" for line in quiet[:-1])


@req("S-31", needs=NEEDS)
def test_mask_uncovered(box):
    box.started()
    inside(box, "/bin/umount", "/proc/timer_list")
    report = audit(box, code=2)
    assert report["rows"][0]["verdict"] == "differs"
    row = one(report, "differs", "masks", "/proc/timer_list")
    assert row["pointer"] == "/linux/maskedPaths/0"


@req("S-31", needs=NEEDS)
def test_mask_by_another_device(box):
    """The name in the table is the same, the content is not."""
    box.started()
    inside(box, "/bin/umount", "/proc/timer_list")
    inside(box, "/bin/mount", "-o", "bind", "/dev/zero", "/proc/timer_list")
    one(audit(box, code=2), "differs", "masks", "/proc/timer_list")


@req("S-31", needs=NEEDS)
def test_masked_directory_with_content(box):
    box.started()
    inside(box, "/bin/umount", "/sys/firmware")
    inside(box, "/bin/mount", "-o", "bind", "/bin", "/sys/firmware")
    one(audit(box, code=2), "differs", "masks", "/sys/firmware")


@req("S-31", needs=NEEDS)
def test_readonly_path_writable(box):
    box.started()
    remount(box, "/proc/sys")
    row = one(audit(box, code=2), "differs", "readonly", "/proc/sys")
    assert row["has"] == "writable"


@req("S-31", needs=NEEDS)
def test_flag_of_a_mount_lost(box):
    box.started()
    remount(box, "/sys")
    row = one(audit(box, code=2), "differs", "mounts", "/sys")
    assert "ro" in row["wants"] and row["pointer"] == "/mounts/4"


@req("S-31", needs=NEEDS)
def test_mount_that_nobody_asked_for(box):
    box.started()
    inside(box, "/bin/mount", "-t", "tmpfs", "evil\nname", "/var")
    row = one(audit(box, code=2), "differs", "mounts", "/var")
    assert row["pointer"] == "/mounts" and "tmpfs" in row["has"]
    table = box.call("audit", box.id).stdout
    assert "evil\nname" not in table and "evil\\x0aname" in table


@req("S-31", needs=NEEDS)
def test_writable_root(box):
    box.config["root"]["readonly"] = True
    box.started()
    remount(box, "/")
    one(audit(box, code=2), "differs", "mounts", "/")


@req("S-31", needs=NEEDS)
@pytest.mark.parametrize("options, verdict", [(["rbind", "rw"], "exposed"), (["rbind", "ro"], "same")])
def test_bind_of_the_host(box, options, verdict):
    place = os.path.join(box.top, "shared")
    os.mkdir(place)
    box.config["mounts"].append({"destination": "/opt", "source": place, "type": "bind",
                                 "options": options})
    row = one(audit(box.started(), code=0), verdict, "mounts", "/opt")
    assert place in row["has"] and row["pointer"] == "/mounts/5"


@req("S-31", needs=NEEDS)
def test_socket_of_the_host(box):
    """Read-only makes no difference to a socket such as docker.sock."""
    place = os.path.join(box.top, "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        box.config["mounts"].append({"destination": "/run/docker.sock", "source": place,
                                     "type": "bind", "options": ["bind", "ro"]})
        row = one(audit(box.started(), code=0), "exposed", "mounts", "/run/docker.sock")
        assert "socket" in row["has"]


@req("S-31", needs=NEEDS)
@pytest.mark.parametrize("kind", ["bounding", "effective", "permitted"])
def test_capability_too_many(box, kind):
    """The stored config grants less than what runs."""
    box.started()
    config, write = stored(box)
    sets = config["process"]["capabilities"]
    for name in sets:
        sets[name] = ["CAP_CHOWN"]
    write()
    row = one(audit(box, code=2), "differs", "capabilities", kind)
    assert "CAP_KILL" in row["has"] and row["wants"] == "CAP_CHOWN"
    assert row["pointer"] == f"/process/capabilities/{kind}"


@req("S-31", needs=NEEDS)
def test_capabilities_given_up_are_no_difference(box):
    """A process may become another user and lose its rights."""
    box.process["noNewPrivileges"] = False
    box.args("/bin/probe", "setuid", "1000", "caps", "stay").started()
    assert box.line()
    report = audit(box, code=0)
    assert one(report, "note", "capabilities", "effective")["has"] == "none"
    assert "1000 outside" in one(report, "note", "user", "uid")["has"]


@req("S-31", needs=NEEDS)
def test_no_new_privs_missing(box):
    box.process["noNewPrivileges"] = False
    box.started()
    config, write = stored(box)
    config["process"]["noNewPrivileges"] = True
    write()
    one(audit(box, code=2), "differs", "noNewPrivileges", "")


@req("S-31", needs=NEEDS)
def test_limits(box):
    box.started()
    config, write = stored(box)
    config["process"]["rlimits"][0]["hard"] = 10
    config["process"]["oomScoreAdj"] = 900
    write()
    report = audit(box, code=2)
    assert "1000" in one(report, "differs", "rlimits", "RLIMIT_CORE")["has"]
    assert one(report, "differs", "oomScoreAdj", "")["has"] == "100"


@req("S-31", needs=NEEDS)
def test_limit_lowered_from_outside(box):
    box.started()
    resource.prlimit(box.pid, resource.RLIMIT_CORE, (0, 5))
    assert "at most 5" in one(audit(box, code=0), "note", "rlimits", "RLIMIT_CORE")["has"]


@req("S-31", needs=NEEDS)
def test_filter_is_read_back(box):
    report = audit(box.started(), code=0)
    row = one(report, "same", "seccomp", "filter")
    assert "read back from the kernel" in row["has"]
    calls = {c["name"]: c for c in report["syscalls"]}
    assert calls["swapon"]["has"] == "SCMP_ACT_ERRNO 1" and calls["read"]["has"] == "SCMP_ACT_ALLOW"
    assert not any(c["differs"] for c in report["syscalls"])
    assert box.alive()


@req("S-31", needs=NEEDS)
def test_filter_is_another(box):
    """One call is named that the stored profile forbids and the filter in the kernel permits; and
    one that differs in one argument alone."""
    box.started()
    config, write = stored(box)
    config["linux"]["seccomp"]["syscalls"] = [
        {"names": ["swapon", "swapoff", "chroot"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO",
         "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_NE"}]}]
    write()
    report = audit(box, code=2)
    one(report, "differs", "seccomp", "filter")
    named = {c["name"]: c for c in report["syscalls"] if c["differs"]}
    assert {"chroot", "ptrace"} <= set(named) and "swapon" not in named
    assert named["chroot"]["has"] == "SCMP_ACT_ALLOW"
    assert named["chroot"]["wants"] == "SCMP_ACT_ERRNO 1"


@req("S-31", needs=NEEDS)
def test_no_filter(box):
    del box.linux["seccomp"]
    box.started()
    config, write = stored(box)
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
    write()
    one(audit(box, code=2), "differs", "seccomp", "mode")


@req("S-31", needs=NEEDS)
def test_process_left_alone(box):
    report = audit(box.started(), "--no-stop", code=0)
    assert "not read back" in one(report, "note", "seccomp", "filter")["has"]
    assert all("has" not in c for c in report["syscalls"])


@req("S-31", needs=NEEDS)
def test_device_rules(box):
    box.started()
    report = audit(box, code=0)
    one(report, "same", "devices", "rules")
    config, write = stored(box)
    config["linux"]["resources"]["devices"][1]["minor"] = 8
    write()
    one(audit(box, code=2), "differs", "devices", "rules")


@req("S-31", needs=NEEDS)
def test_directory_left_open(box):
    box.created("--preserve-fds", "1", wrap='exec 3</; exec "$@"')
    box.start().ok()
    row = one(audit(box, code=2), "differs", "descriptors", "3")
    assert "directory" in row["has"]


@req("S-31", needs=NEEDS)
def test_namespace_of_the_host(box):
    box.bundle.drop_namespace("ipc")
    box.started()
    report = audit(box, code=0)
    one(report, "exposed", "namespaces", "ipc")
    config, write = stored(box)
    config["linux"]["namespaces"].append({"type": "ipc"})
    write()
    assert "host" in one(audit(box, code=2), "differs", "namespaces", "ipc")["has"]


@req("S-31", needs=NEEDS)
def test_joined_namespace(box, make_ctr):
    other = make_ctr().args("/bin/sleep", "1000").started()
    box.bundle.namespace("ipc", f"/proc/{other.pid}/ns/ipc")
    report = audit(box.started(), code=0)
    assert one(report, "same", "namespaces", "ipc")["pointer"].endswith("/path")
    config, write = stored(box)
    for entry in config["linux"]["namespaces"]:
        if entry["type"] == "ipc":
            entry["path"] = "/proc/self/ns/ipc"
    write()
    one(audit(box), "note", "namespaces", "ipc")


@req("S-31", needs=["root", "userns"])
def test_id_maps(box):
    box.bundle.namespace("user")
    for side in ("uidMappings", "gidMappings"):
        box.linux[side] = [{"containerID": 0, "hostID": 100000, "size": 1000},
                           {"containerID": 1000, "hostID": 300000, "size": 10}]
    os.chmod(box.bundle.rootfs, 0o755)
    report = audit(box.started(), code=0)
    assert one(report, "same", "idMaps", "uid_map")["has"].startswith("0-999 are 100000-100999")
    assert "100000 outside" in one(report, "same", "user", "uid")["has"]
    config, write = stored(box)
    config["linux"]["uidMappings"][1]["hostID"] = 400000
    write()
    row = one(audit(box, code=2), "differs", "idMaps", "uid_map")
    assert "300000" in row["has"] and "400000" in row["wants"]


def join(group, pid):
    with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as f:
        f.write(str(pid))


@req("S-31", needs=NEEDS)
def test_process_of_the_host_in_the_cgroup(box):
    box.started()
    stray = subprocess.Popen(["sleep", "1000"])
    try:
        for group in cgroup_dirs(box.id):
            join(group, stray.pid)
        has = [r["has"] for r in rows(audit(box, code=2), "differs", "processes")
               if r["what"] == f"process {stray.pid}"]
        assert any("mount namespace of the host" in h for h in has)
        assert any("no filter" in h for h in has)
    finally:
        stray.kill()
        stray.wait()


@req("S-31", needs=NEEDS)
def test_created(box):
    """Before start, what is the program's is not there to be judged."""
    report = audit(box.created(), code=0)
    assert one(report, "note", "status", "created")
    areas = {r["area"] for r in report["rows"]}
    assert "masks" in areas and "capabilities" not in areas


@req("S-31", needs=NEEDS)
def test_nobody_there(box):
    result = box.call("audit", box.id)
    assert result.code == 1 and "does not exist" in result.stderr
    box.sh("true").started()
    box.wait_exit()
    result = box.call("audit", box.id)
    assert result.code == 1 and "not running" in result.stderr


def lowered(ctr):
    """A bundle for uid 4000, and the words before the runtime that make it that user's."""
    for place in (ctr.top, ctr.root, ctr.bundle.path, ctr.bundle.rootfs):
        os.chown(place, 4000, 4000)
    ctr.bundle.namespace("user")
    ctr.bundle.drop_namespace("network")
    for side in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[side] = [{"containerID": 0, "hostID": 4000, "size": 1}]
    pts = ctr.bundle.mount_at("/dev/pts")
    pts["options"] = [o for o in pts["options"] if o != "gid=5"]
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] != "/sys"]
    ctr.bundle.linux["maskedPaths"] = ["/proc/timer_list"]
    ctr.bundle.linux["readonlyPaths"] = ["/proc/sys"]
    ctr.public = ""
    return 'exec setpriv --reuid 4000 --regid 4000 --clear-groups "$@"'


@req("S-31", needs=NEEDS)
def test_without_privilege(ctr):
    """What may not be looked at is a note, never a difference; the rest is compared."""
    skip_unless(shutil.which("setpriv"), "no setpriv")
    wrap = lowered(ctr)
    ctr.created(wrap=wrap)
    result = ctr.call("audit", "--format", "json", ctr.id, wrap=wrap)
    assert result.code == 0, result.stdout
    assert one(json.loads(result.stdout), "note", "masks", "")
    ctr.call("start", ctr.id, wrap=wrap).ok()
    result = ctr.call("audit", "--format", "json", ctr.id, wrap=wrap)
    assert result.code == 0, result.stdout
    report = json.loads(result.stdout)
    assert one(report, "same", "masks", "/proc/timer_list")
    assert "0-0 are 4000-4000" in one(report, "same", "idMaps", "uid_map")["has"]
    ctr.call("delete", "--force", ctr.id, wrap=wrap).ok()


@req("S-31", needs=NEEDS)
def test_filter_without_privilege(ctr):
    skip_unless(shutil.which("setpriv"), "no setpriv")
    wrap = lowered(ctr)
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
    ctr.created(wrap=wrap)
    ctr.call("start", ctr.id, wrap=wrap).ok()
    report = json.loads(ctr.call("audit", "--format", "json", ctr.id, wrap=wrap).stdout)
    assert "CAP_SYS_ADMIN" in one(report, "note", "seccomp", "filter")["has"]
    assert {c["wants"] for c in report["syscalls"] if c["name"] == "swapon"} == {"SCMP_ACT_ERRNO 1"}
    ctr.call("delete", "--force", ctr.id, wrap=wrap).ok()


@req("S-35", needs=NEEDS)
def test_what_create_added(ctr):
    """Mounts that the command line or the environment asked for are as they should be."""
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] not in ("/proc", "/sys", "/dev/pts", "/dev/shm")]
    ctr.args("/bin/sleep", "1000")
    path = os.path.join(ctr.top, "manager")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        ctr.created("--default-filesystems", env={"NOTIFY_SOCKET": path})
    ctr.start().ok()
    assert rows(audit(ctr), "differs") == []
