"""config-linux.md#unified."""

import os

import pytest

from lib import facts, req, skip_unless
from lib import cgroups
from lib.cgroups import value

MIB = 1 << 20


def key(name):
    """Keys have dots: only as a pointer is the path the same for everybody."""
    return [f"linux.resources.unified.{name}", f"/linux/resources/unified/{name}",
            f"linux.resources.unified[{name}]"]


def unified(ctr, **files):
    ctr.bundle.linux["resources"] = {"unified": files}
    return ctr


@req("LNX-UNI-01")
@pytest.mark.parametrize("files", [
    {"pids.max": "30", "memory.high": "1048576000"},
    {"hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "6291456"},
    {"cgroup.max.descendants": "3"}])
def test_files(ctr, files):
    for name in files:
        if not name.startswith("cgroup."):
            cgroups.need(name.split(".")[0])
    unified(ctr, **files).created()
    assert {name: value(ctr, name) for name in files} == files


@req("LNX-UNI-02")
def test_several_lines(ctr):
    cgroups.need("io")
    skip_unless(os.path.exists("/sys/block/loop1"), "the host has no loop devices")
    unified(ctr, **{"io.max": "7:0 rbps=1048576\n7:1 wbps=2097152"}).created()
    lines = dict(line.split(" ", 1) for line in value(ctr, "io.max").splitlines())
    assert "rbps=1048576" in lines["7:0"] and "wbps=2097152" in lines["7:1"]


@req("LNX-UNI-03", needs=["root", "cgroup2", "cgroupfs"])
@pytest.mark.parametrize("name,text", [("hugetlb.2MB.max", "4194304"), ("pids.max", "30")])
def test_controller_is_enabled(ctr, make_group, name, text):
    """The group above has not passed the controller on."""
    controller = name.split(".")[0]
    cgroups.need(controller)
    group = make_group(ctr)
    assert controller not in group.read("cgroup.subtree_control").split()
    ctr.bundle.linux["cgroupsPath"] = f"{group.path}/c1"
    unified(ctr, **{name: text}).created()
    assert value(ctr, name) == text
    assert cgroups.dir_of(ctr) == group.dir + "/c1"


@req("LNX-UNI-04")
@pytest.mark.parametrize("name,text", [
    ("cgroup.max.depth", "7"), ("memory.oom.group", "1"), ("hugetlb.1GB.rsvd.max", "1073741824")])
def test_unknown_keys(ctr, name, text):
    if not name.startswith("cgroup."):
        cgroups.need(name.split(".")[0])
        skip_unless(name != "hugetlb.1GB.rsvd.max" or os.path.isdir(
            "/sys/kernel/mm/hugepages/hugepages-1048576kB"), "no huge pages of 1GB")
    unified(ctr, **{name: text}).created()
    assert value(ctr, name) == text


@req("LNX-UNI-05")
@pytest.mark.parametrize("name", ["nosuch.max", "cgroup.nosuch", "hugetlb.3MB.max"])
def test_cannot_be_had(ctr, name):
    unified(ctr, **{name: "1"}).create_fails(naming=key(name))


@req("LNX-UNI-05")
@pytest.mark.parametrize("name", ["memory.max", "pids.max", "io.weight", "cpu.weight"])
def test_controller_is_absent(ctr, name):
    skip_unless(not cgroups.has(name.split(".")[0]), f"controller {name.split('.')[0]} is there")
    unified(ctr, **{name: "100"}).create_fails(naming=key(name))


@req("LNX-UNI-05")
def test_value_is_refused(ctr):
    """What the kernel refuses is not dropped either."""
    unified(ctr, **{"cgroup.max.depth": "many"}).create_fails(
        naming=key("cgroup.max.depth"))


@req("LNX-UNI-06", needs=["root", "cgroup2", "cgroupfs"])
@pytest.mark.parametrize("name", [
    "../cgroup.max.depth", "x/cgroup.max.depth", "./cgroup.max.depth", "/cgroup.max.depth", "", ".",
    ".."])
def test_no_file_name(ctr, make_group, name):
    group = make_group(ctr)
    ctr.bundle.linux["cgroupsPath"] = f"{group.path}/c1"
    unified(ctr, **{name: "7"}).create_fails(naming="linux.resources.unified")
    assert group.read("cgroup.max.depth") == "max"


@req("LNX-UNI-07")
@pytest.mark.parametrize("resources,name", [
    ({"cpu": {"shares": 2048}}, "cpu.weight"), ({"memory": {"limit": 64 * MIB}}, "memory.max"),
    ({"blockIO": {"weight": 300}}, "io.weight"), ({"pids": {"limit": 20}}, "pids.max")])
def test_converted(ctr, make_ctr, resources, name):
    """A v1 setting changes the value that a container without it has."""
    cgroups.need(name.split(".")[0])
    other = make_ctr().created()
    ctr.bundle.linux["resources"] = resources
    ctr.created()
    if name == "io.weight" and cgroups.exists(ctr, "io.bfq.weight"):
        name = "io.bfq.weight"
    assert value(ctr, name) != value(other, name)


@req("LNX-UNI-08")
@pytest.mark.parametrize("group,setting", [
    ("memory", {"kernel": MIB}), ("memory", {"kernelTCP": MIB}), ("memory", {"swappiness": 10}),
    ("memory", {"disableOOMKiller": True}), ("cpu", {"realtimeRuntime": 1000}),
    ("cpu", {"realtimePeriod": 1000000}), ("blockIO", {"leafWeight": 300}),
    ("network", {"classID": 1}), ("network", {"priorities": [{"name": "lo", "priority": 1}]})])
def test_cannot_be_converted(ctr, group, setting):
    ctr.bundle.linux["resources"] = {group: setting}
    path = f"linux.resources.{group}"
    ctr.create_fails(naming=[path, f"{path}.{next(iter(setting))}"])


@req("LNX-UNI-09")
@pytest.mark.parametrize("name,text", [("memory.high", "1048576000"), ("cgroup.max.depth", "7")])
def test_host_without_v2(ctr, name, text):
    skip_unless(not facts.cgroup2, "the host has v2")
    unified(ctr, **{name: text}).create_fails(naming="linux.resources.unified")
