"""config-linux.md#network."""

import os

import pytest

from lib import facts, req
from lib import cgroups
from lib.cgroups import value
from lib.host import mount, read, umount


@pytest.fixture
def hierarchy():
    """Function that sees to it that the v1 hierarchy of a controller is there: mounted meanwhile,
    if the kernel has it and the run has a mount namespace of its own."""
    made = []

    def need(controller):
        path = f"/sys/fs/cgroup/{controller}"
        if ("CONFORM_ISOLATED" in os.environ and not cgroups.has(controller) and facts.cgroup1
                and controller in read("/proc/cgroups") and not os.path.exists(path)):
            os.mkdir(path)
            made.append(path)
            mount("cgroup", path, "cgroup", 0, controller)
            facts.__dict__.pop("controllers1", None)  # it is found anew
        cgroups.need(controller)
    yield need
    for path in made:
        if os.path.ismount(path):
            umount(path)
        os.rmdir(path)
        facts.__dict__.pop("controllers1", None)


def limited(ctr, **network):
    ctr.bundle.linux["resources"] = {"network": network}
    return ctr


@req("LNX-NETCG-01")
def test_class(hierarchy, ctr):
    hierarchy("net_cls")
    limited(ctr, classID=1048577).created()
    assert value(ctr, "net_cls.classid") == "1048577"


@req("LNX-NETCG-01", "LNX-NETCG-02")
@pytest.mark.parametrize("controller,network,path", [
    ("net_cls", {"classID": 1048577}, "classID"),
    ("net_prio", {"priorities": [{"name": "lo", "priority": 500}]}, "priorities[0]")])
def test_controller_is_missing(ctr, controller, network, path):
    """The other half of applying it: where it cannot be done, it is not dropped."""
    if cgroups.has(controller):
        pytest.skip(f"controller {controller} is there")
    limited(ctr, **network).create_fails(naming=f"linux.resources.network.{path}")


@req("LNX-NETCG-02")
def test_priorities(hierarchy, ctr):
    hierarchy("net_prio")
    limited(ctr, priorities=[{"name": "lo", "priority": 500}]).created()
    assert "lo 500" in value(ctr, "net_prio.ifpriomap").splitlines()


@req("LNX-NETCG-03")
@pytest.mark.parametrize("missing", ["name", "priority"])
@pytest.mark.parametrize("number", [0, 1])
def test_incomplete(ctr, missing, number):
    entry = {"name": "lo", "priority": 500}
    limited(ctr, priorities=[{"name": "lo", "priority": 1}] * number + [
        {k: v for k, v in entry.items() if k != missing}])
    ctr.create_fails(naming=f"linux.resources.network.priorities[{number}].{missing}")


@req("LNX-NETCG-04")
@pytest.mark.parametrize("network", [
    {"classID": 1}, {"priorities": [{"name": "lo", "priority": 500}]}])
def test_v2(ctr, network):
    path = "linux.resources.network"
    limited(ctr, **network).create_fails(naming=[path])
