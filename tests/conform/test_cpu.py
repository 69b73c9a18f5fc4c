"""config-linux.md#cpu."""

import os

import pytest

from lib import facts, req
from lib import cgroups
from lib.cgroups import value, version
from lib.host import read


def limited(ctr, **cpu):
    cgroups.need("cpu")
    ctr.bundle.linux["resources"] = {"cpu": cpu}
    return ctr


def pinned(ctr, **cpu):
    cgroups.need("cpuset")
    ctr.bundle.linux["resources"] = {"cpu": cpu}
    return ctr


def quota_and_period(ctr):
    if facts.cgroup2:
        return value(ctr, "cpu.max").split()
    return [value(ctr, "cpu.cfs_quota_us"), value(ctr, "cpu.cfs_period_us")]


@req("LNX-CPU-01", needs=["root"])
def test_shares(make_ctr):
    seen = []
    for shares in (2, 1024, 2048, 262144):
        ctr = limited(make_ctr(), shares=shares).created()
        seen.append(int(value(ctr, "cpu.weight", "cpu.shares")))
    if facts.cgroup2:
        assert (seen[0], seen[3]) == (1, 10000)
        assert seen[0] < seen[1] < seen[2] < seen[3]
    else:
        assert seen == [2, 1024, 2048, 262144]


@req("LNX-CPU-02", needs=["root"])
@pytest.mark.parametrize("quota,period,seen", [
    (50000, 100000, ("50000", "100000")), (-1, 100000, (version("max", "-1"), "100000")),
    (20000, None, ("20000", "100000"))])
def test_quota(ctr, quota, period, seen):
    limited(ctr, quota=quota, **({"period": period} if period else {})).created()
    assert quota_and_period(ctr) == list(seen)


@req("LNX-CPU-03", needs=["root"])
def test_period_alone(ctr):
    limited(ctr, period=50000).created()
    assert quota_and_period(ctr) == [version("max", "-1"), "50000"]


@req("LNX-CPU-04", needs=["root", "kernel>=5.14"])
def test_burst(ctr):
    limited(ctr, quota=50000, burst=20000).created()
    assert value(ctr, "cpu.max.burst", "cpu.cfs_burst_us") == "20000"
    assert quota_and_period(ctr)[0] == "50000"


@req("LNX-CPU-05", needs=["root", "kernel>=5.14"])
def test_burst_above_quota(ctr):
    limited(ctr, quota=10000, burst=20000).create_fails(naming="linux.resources.cpu.burst")


@req("LNX-CPU-06", "LNX-CPU-07")
@pytest.mark.parametrize("member,name,number", [
    ("realtimeRuntime", "cpu.rt_runtime_us", 20000),
    ("realtimePeriod", "cpu.rt_period_us", 500000)])
def test_real_time(ctr, member, name, number):
    """Below the root, which has the budget: a group of the runtime in between may have none."""
    ctr.bundle.linux["cgroupsPath"] = f"/{ctr.id}"
    limited(ctr, **{member: number})
    if not os.path.exists(os.path.join(cgroups.top("cpu"), name)):
        ctr.create_fails(naming=f"linux.resources.cpu.{member}")
        return
    ctr.created()
    assert value(ctr, name) == str(number)


@req("LNX-CPU-08")
@pytest.mark.parametrize("member", ["realtimeRuntime", "realtimePeriod"])
def test_real_time_on_v2(ctr, member):
    ctr.bundle.linux["resources"] = {"cpu": {member: 1000}}
    ctr.create_fails(naming=f"linux.resources.cpu.{member}")


@req("LNX-CPU-09", needs=["root"])
def test_cpus(ctr):
    pinned(ctr, cpus="0").args("/bin/grep", "Cpus_allowed_list", "/proc/self/status").created()
    assert value(ctr, "cpuset.cpus") == "0"
    ctr.start().ok()
    assert ctr.output().split()[-1] == "0"


@req("LNX-CPU-09", needs=["root"])
@pytest.mark.parametrize("text", ["0-{last}", "0,{last}", "0-{last},0"])
def test_list_of_cpus(ctr, text):
    """Ranges and commas, whatever the number of CPUs."""
    last = int(read("/sys/devices/system/cpu/online").strip().replace("-", ",").split(",")[-1])
    pinned(ctr, cpus=text.format(last=last)).created()
    assert value(ctr, "cpuset.cpus").replace(",", "-") in (f"0-{last}", "0")


@req("LNX-CPU-10", needs=["root"])
def test_mems(ctr):
    pinned(ctr, mems="0").created()
    assert value(ctr, "cpuset.mems") == "0"


@req("LNX-CPU-11", needs=["root"])
@pytest.mark.parametrize("member", ["cpus", "mems"])
@pytest.mark.parametrize("text", ["a", "3-1", "9999"])
def test_bad_list(ctr, member, text):
    pinned(ctr, **{member: text}).create_fails(naming=f"linux.resources.cpu.{member}")


@req("LNX-CPU-12", needs=["root", "kernel>=5.15"])
@pytest.mark.parametrize("idle", [1, 0])
def test_idle(ctr, idle):
    limited(ctr, idle=idle).created()
    assert value(ctr, "cpu.idle") == str(idle)


@req("LNX-CPU-12", needs=["root", "kernel>=5.15"])
@pytest.mark.parametrize("idle", [2, -1])
def test_bad_idle(ctr, idle):
    limited(ctr, idle=idle).create_fails(naming="linux.resources.cpu.idle")
