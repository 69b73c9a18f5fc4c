"""create: runtime.md#create, #errors."""

import os

import pytest

from lib import facts, req, skip_unless, snapshot
from lib.host import differences, in_child, read
from lib.names import assert_names


@req("RT-CREATE-01")
def test_needs_id_and_bundle(ctr):
    ctr.call("create").failed()
    empty = os.path.join(ctr.top, "empty")
    os.mkdir(empty)
    ctr.call("create", ctr.id, cwd=empty).failed()
    ctr.gone()


@req("RT-CREATE-02", "RT-CREATE-03")
def test_id_in_use(ctr, make_ctr):
    before = ctr.created().state()
    cgroups = snapshot(ctr.id)["cgroups"]
    other = make_ctr()
    other.create(cid=ctr.id, root=ctr.root).failed()
    assert ctr.state() == before
    assert ctr.alive()
    assert snapshot(ctr.id)["cgroups"] == cgroups
    assert not snapshot(other.id)["cgroups"]


@req("RT-CREATE-04")
def test_invalid_ids(ctr):
    ctr.bundle.write()
    for cid in ("", ".", "..", "a/b", "../x", "x" * 5000, "a\nb"):
        before = (sorted(os.listdir(ctr.root)), sorted(n for n in os.listdir(ctr.top)
                                                       if not n.endswith((".out", ".err"))))
        ctr.create(cid=cid).failed()
        after = (sorted(os.listdir(ctr.root)), sorted(n for n in os.listdir(ctr.top)
                                                      if not n.endswith((".out", ".err"))))
        assert after == before, f"id {cid[:20]!r} left something"


@req("RT-CREATE-06")
def test_all_but_process_is_applied(ctr):
    ctr.config["hostname"] = "conform-host"
    ctr.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "t"})
    ctr.bundle.linux["devices"] = [{"path": "/dev/cnull", "type": "c", "major": 1, "minor": 3,
                                    "fileMode": 0o640, "uid": 3, "gid": 4}]
    ctr.bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    ctr.created()
    ns = f"/proc/{ctr.pid}/ns"
    assert in_child(lambda: os.uname().nodename, f"{ns}/uts") == "conform-host"
    assert in_child(lambda: read("/proc/sys/net/ipv4/ip_forward"), f"{ns}/net").strip() == "1"
    assert " /mnt rw" in read(f"/proc/{ctr.pid}/mountinfo")
    device = os.stat(f"/proc/{ctr.pid}/root/dev/cnull")
    assert (device.st_rdev, device.st_mode & 0o777) == (os.makedev(1, 3), 0o640)
    assert (device.st_uid, device.st_gid) == (3, 4)
    for name in ("mnt", "pid", "uts", "ipc", "net", "cgroup"):
        assert os.readlink(f"{ns}/{name}") != os.readlink(f"/proc/self/ns/{name}"), name


@req("RT-CREATE-06", needs=["root", "cgroup2", "controller:pids"])
def test_resources_are_applied(ctr):
    ctr.bundle.linux["resources"] = {"pids": {"limit": 77}}
    ctr.created()
    path = read(f"/proc/{ctr.pid}/cgroup").strip().split(":")[2]
    assert read(f"/sys/fs/cgroup{path}/pids.max").strip() == "77"


@req("RT-CREATE-07", "RT-LIFE-03")
def test_program_waits_for_start(ctr):
    ctr.sh("echo mark > /mark").created()
    if os.geteuid() == 0:  # others may not look at a process that cannot be dumped
        assert not os.readlink(f"/proc/{ctr.pid}/exe").endswith("busybox")
    assert not ctr.bundle.exists("/mark")
    ctr.start().ok()
    ctr.wait_exit()
    assert ctr.bundle.exists("/mark")


@req("RT-CREATE-08")
def test_which_process_properties_come_early(ctr, record_property):
    ctr.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 101, "hard": 202}]
    ctr.process["oomScoreAdj"] = 321
    ctr.process["user"] = {"uid": 1000, "gid": 1000} if facts.root else {"uid": 0, "gid": 0}
    ctr.created()
    early = []
    if "101                  202" in read(f"/proc/{ctr.pid}/limits"):
        early.append("rlimits")
    if read(f"/proc/{ctr.pid}/oom_score_adj").strip() == "321":
        early.append("oomScoreAdj")
    if f"Uid:\t{1000 if facts.root else os.geteuid()}\t" in read(f"/proc/{ctr.pid}/status"):
        early.append("user")
    record_property("applied by create", ", ".join(early) or "none")
    ctr.start().ok()
    limits = read(f"/proc/{ctr.pid}/oom_score_adj")
    assert limits.strip() == "321"


@req("RT-CREATE-09", "RT-CREATE-10")
def test_what_cannot_be_applied_is_an_error(ctr):
    good = dict(ctr.process)
    ctr.process["apparmorProfile"] = "conform-no-such-profile"
    text = ctr.create().failed().stderr
    ctr.gone()
    ctr.config["process"] = good
    ctr.create().ok()
    assert_names("process.apparmorProfile", text)


@req("RT-CREATE-11")
def test_validation_before_effects(ctr, record_property):
    before = snapshot(ctr.id, ctr.root, ctr.bundle.rootfs)
    ctr.bundle.linux["maskedPaths"] = 7
    ctr.create_fails()
    after = snapshot(ctr.id, ctr.root, ctr.bundle.rootfs)
    record_property("effects of a refused config",
                    ", ".join(k for k in before if before[k] != after[k]) or "none")
    assert before["mounts"] == after["mounts"]
    assert before["cgroups"] == after["cgroups"]


@req("RT-CREATE-12")
def test_config_is_read_once(ctr):
    ctr.sh("echo ran").created()
    os.unlink(os.path.join(ctr.bundle.path, "config.json"))
    ctr.start().ok()
    ctr.state()
    assert ctr.finish() == (0, "ran\n")
    ctr.delete().ok()


def break_mount(ctr):
    ctr.config["mounts"].append({"destination": "/later", "type": "bind", "options": ["rbind"],
                                 "source": os.path.join(ctr.top, "nosuch")})


def break_filesystem(ctr):
    ctr.config["mounts"].append({"destination": "/later", "type": "nosuchfs", "source": "x"})


def break_hostname(ctr):
    ctr.config["hostname"] = "x" * 65


def break_sysctl(ctr):
    ctr.bundle.linux["sysctl"] = {"net.ipv4.conform_no_such_name": "1"}


def break_namespace(ctr):
    ctr.bundle.namespace("network", os.path.join(ctr.top, "nosuch"))


def break_profile(ctr):
    ctr.process["apparmorProfile"] = "conform-no-such-profile"


def break_hook(ctr):
    ctr.bundle.hook("createRuntime", "exit 3")


def break_late_hook(ctr):
    ctr.bundle.hook("createContainer", "exit 3")


def break_console(ctr):
    ctr.process["terminal"] = True


def break_propagation(ctr):
    ctr.bundle.linux["rootfsPropagation"] = "sideways"


def break_resource(ctr):
    ctr.bundle.linux["resources"] = {"unified": {"conform.nosuch": "1"}}


BREAKS = {f.__name__.removeprefix("break_"): f for f in (
    break_mount, break_filesystem, break_hostname, break_sysctl, break_namespace, break_profile,
    break_hook, break_late_hook, break_console, break_propagation, break_resource)}


@req("RT-ERR-01", "RT-LIFE-02")
@pytest.mark.parametrize("how", sorted(BREAKS))
def test_a_failed_create_leaves_nothing(ctr, how):
    skip_unless(how != "resource" or facts.cgroup2, "no cgroup v2")
    BREAKS[how](ctr)
    ctr.bundle.write()
    before = snapshot(ctr.id, ctr.root, ctr.public, ctr.bundle.path)
    ctr.create_fails()
    after = snapshot(ctr.id, ctr.root, ctr.public, ctr.bundle.path)
    assert not differences(before, after)
    assert not processes_of(ctr), "a process of the container lives on"


def processes_of(ctr):
    """Processes whose command line or mounts name the container."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid() and ctr.id in read(f"/proc/{pid}/cmdline"):
            found.append(pid)
    return found
