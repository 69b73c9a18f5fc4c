"""The verbs update and events: no statement of the spec, but what engines call (cgroup v1 and v2)."""

import json
import os
import subprocess

import pytest

from lib import facts, hull_only, req, skip_unless
from lib import cgroups
from lib.cgroups import value, version
from lib.runtime import SLOW

MIB = 1 << 20

@pytest.fixture
def live(ctr, runtime):
    """A container that waits."""
    skip_unless(runtime.has("update"), "planned: the runtime has no update")
    ctr.args("/bin/busybox", "sleep", "1000")
    return ctr


def update(ctr, *flags, **keywords):
    return ctr.call("update", *flags, ctr.id, **keywords)


def memory(ctr):
    return value(ctr, "memory.max", "memory.limit_in_bytes")


@req("LNX-MEM-01", needs=["root"])
@pytest.mark.parametrize("flag,bytes_", [
    ("67108864", 64 * MIB), ("64m", 64 * MIB), ("1G", 1024 * MIB), ("65536k", 64 * MIB)])
def test_memory(live, flag, bytes_):
    cgroups.need("memory")
    live.started()
    update(live, "--memory", flag).ok()
    assert memory(live) == str(bytes_)


@req("LNX-MEM-02", needs=["root"])
@pytest.mark.parametrize("swap", [None, 96 * MIB])
def test_memory_without_limit(live, swap):
    """No limit of memory means none of memory and swap together."""
    cgroups.need("memory")
    swap_files = "memory.swap.max", "memory.memsw.limit_in_bytes"
    live.bundle.linux["resources"] = {"memory": {"limit": 64 * MIB} | ({"swap": swap} if swap else {})}
    live.started()
    assert memory(live) == str(64 * MIB)
    if swap:
        assert value(live, *swap_files) == version(str(32 * MIB), str(96 * MIB))
    update(live, "--memory", "-1").ok()
    for text in [memory(live)] + ([value(live, *swap_files)] if swap else []):
        assert text == "max" if facts.cgroup2 else int(text) > 1 << 60


@req("LNX-MEM-05", needs=["root", "cgroup1"])
@hull_only
def test_swap_below_memory(live):
    """The kernel says no more than EINVAL. Nothing is changed."""
    cgroups.need("memory")
    swap = "memory.swap.max", "memory.memsw.limit_in_bytes"
    live.bundle.linux["resources"] = {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}}
    live.started()
    for flags in (["--memory-swap", "32m"], ["--memory", "128m"], ["--memory", "-1", "--memory-swap", "32m"]):
        assert "cannot be below that of memory" in update(live, *flags).failed().stderr
        assert (memory(live), value(live, *swap)) == (str(64 * MIB), str(96 * MIB))


@req("LNX-MEM-03", needs=["root"])
def test_reservation(live):
    cgroups.need("memory")
    live.started()
    update(live, "--memory-reservation=32m").ok()
    assert value(live, "memory.low", "memory.soft_limit_in_bytes") == str(32 * MIB)


@req("LNX-CPU-02", needs=["root"])
def test_cpu(live):
    cgroups.need("cpu")
    live.started()
    update(live, "--cpu-share", "512", "--cpu-quota", "50000", "--cpu-period", "100000").ok()
    if facts.cgroup2:
        assert value(live, "cpu.max") == "50000 100000"
        assert int(value(live, "cpu.weight")) < 100
    else:
        assert value(live, "cpu.shares") == "512"
        assert value(live, "cpu.cfs_quota_us") == "50000"
        assert value(live, "cpu.cfs_period_us") == "100000"


@req("LNX-CPU-03", needs=["root"])
def test_cpu_period_keeps_quota(live):
    cgroups.need("cpu")
    live.bundle.linux["resources"] = {"cpu": {"quota": 50000, "period": 100000}}
    live.started()
    update(live, "--cpu-period", "200000").ok()
    assert value(live, "cpu.max", "cpu.cfs_quota_us") == version("50000 200000", "50000")


@req("LNX-PIDS-01", needs=["root"])
def test_pids_created(live):
    """A container that was created and not yet started."""
    cgroups.need("pids")
    live.created()
    update(live, "--pids-limit", "17").ok()
    assert value(live, "pids.max") == "17"
    update(live, "--pids-limit", "-1").ok()
    assert value(live, "pids.max") == "max"


@req("LNX-PIDS-01", needs=["root"])
@pytest.mark.parametrize("stdin", [True, False])
def test_resources(live, stdin, tmp_path):
    cgroups.need("pids")
    live.started()
    text = json.dumps({"pids": {"limit": 23}})
    file = tmp_path / "resources.json"
    file.write_text(text)
    with open(file, encoding="ascii") as f:
        update(live, "--resources", "-" if stdin else str(file), stdin=f).ok()
    assert value(live, "pids.max") == "23"


@req("LNX-MEM-01", needs=["root"])
def test_zero_is_as_before(live, tmp_path):
    """`docker update` gives 0 for each limit that is not meant."""
    cgroups.need("memory")
    cgroups.need("cpu")
    live.bundle.linux["resources"] = {
        "memory": {"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 128 * MIB},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000}}
    live.started()
    names = [("memory.max", "memory.limit_in_bytes"), ("memory.low", "memory.soft_limit_in_bytes"),
             ("cpu.weight", "cpu.shares"), ("cpu.max", "cpu.cfs_quota_us")]
    before = [value(live, *name) for name in names]
    file = tmp_path / "resources.json"
    file.write_text(json.dumps({
        "memory": {"limit": 0, "reservation": 0, "swap": 0, "kernel": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0}, "blockIO": {"weight": 0}}))
    update(live, "-r", str(file)).ok()
    for option in ("memory", "memory-reservation", "memory-swap", "cpu-share", "cpu-quota", "cpu-period", "blkio-weight"):
        update(live, f"--{option}", "0").ok()
    update(live, "--cpuset-cpus", "", "--cpuset-mems", "").ok()
    assert [value(live, *name) for name in names] == before


def hugepages():
    name = "hugetlb.2MB"
    sizes = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    skip_unless(os.path.isdir(sizes), "no huge pages of 2 MB")
    return name


@req("LNX-HUGE-01", needs=["root"])
def test_hugepages(live, tmp_path):
    cgroups.need("hugetlb")
    name = hugepages()
    live.bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]}
    live.started()
    file = tmp_path / "resources.json"
    file.write_text(json.dumps({"hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MIB}]}))
    update(live, "-r", str(file)).ok()
    got = [value(live, f"{name}{part}.max", f"{name}{part}.limit_in_bytes")
           for part in ("", ".rsvd")]
    assert str(2 * MIB) in got


@req("LNX-PIDS-01", needs=["root"])
def test_paused(live):
    cgroups.need("pids")
    live.started()
    live.call("pause", live.id).ok()
    try:
        update(live, "--pids-limit", "19").ok()
        assert value(live, "pids.max") == "19"
    finally:
        live.call("resume", live.id).ok()


@req("LNX-PIDS-01", needs=["root"])
def test_bad_value(live):
    cgroups.need("pids")
    live.started()
    before = value(live, "pids.max")
    assert update(live, "--pids-limit", "many").code != 0
    assert value(live, "pids.max") == before


@req("LNX-CPU-01", needs=["root"])
def test_all_or_nothing(live, tmp_path):
    """The last value cannot be applied: the first must not stay."""
    for controller in ("cpu", "cpuset"):
        cgroups.need(controller)
    live.started()
    before = value(live, "cpu.weight", "cpu.shares")
    file = tmp_path / "resources.json"
    file.write_text(json.dumps({"cpu": {"shares": 300, "cpus": "8190"}}))
    assert update(live, "--resources", str(file)).code != 0
    assert value(live, "cpu.weight", "cpu.shares") == before


@req("LNX-PIDS-01", needs=["root"])
def test_stopped(live):
    cgroups.need("pids")
    live.sh("true").started()
    live.wait_exit()
    assert update(live, "--pids-limit", "19").code != 0


@req("LNX-PIDS-01", needs=["root"])
def test_events_stats(live, runtime):
    cgroups.need("pids")
    skip_unless(runtime.has("events"), "planned: the runtime has no events")
    live.bundle.linux["resources"] = {"pids": {"limit": 30}}
    live.started()
    result = live.call("events", "--stats", live.id).ok()
    event = json.loads(result.stdout)
    assert event["type"] == "stats" and event["id"] == live.id
    data = event["data"]
    assert data["pids"] == {"current": 1, "limit": 30}
    assert {"cpu", "memory", "blkio", "hugetlb"} <= set(data)
    if cgroups.has("memory"):
        assert data["memory"]["usage"]["usage"] > 0
    if not facts.cgroup2 and cgroups.has("cpuacct"):
        assert data["cpu"]["usage"]["total"] > 0


def follow(ctr, *flags):
    """`events` in the background; the first measure has been read."""
    watcher = subprocess.Popen(ctr.argv("events", *flags, ctr.id), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = watcher.stdout.readline()
    assert first, watcher.communicate()[1]
    assert json.loads(first)["type"] == "stats"
    return watcher


def end(watcher):
    """All that is left until it ends by itself."""
    try:
        out, err = watcher.communicate(timeout=20 * SLOW)
    except subprocess.TimeoutExpired:
        watcher.kill()
        watcher.communicate()
        raise
    assert watcher.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


@req("LNX-MEM-01", needs=["root"])
def test_events_oom(live, runtime):
    """A kill for want of memory is told."""
    cgroups.need("memory")
    skip_unless(runtime.has("events"), "planned: the runtime has no events")
    live.bundle.linux["resources"] = {"memory": {"limit": 64 * MIB}}
    live.args("/bin/probe", "alloc", str(128 * MIB)).created()
    watcher = follow(live, "--interval", "100ms")
    live.start().ok()
    live.wait_exit()
    live.delete("--force").ok()
    assert {"type": "oom", "id": live.id} in end(watcher)


@req("LNX-PIDS-01", needs=["root"])
def test_events_go_on(live, runtime):
    cgroups.need("pids")
    skip_unless(runtime.has("events"), "planned: the runtime has no events")
    live.started()
    watcher = follow(live, "--interval", "10ms")
    assert json.loads(watcher.stdout.readline())["type"] == "stats"
    live.kill("KILL").ok()
    live.wait_exit()
    live.delete().ok()
    assert all(e["type"] == "stats" for e in end(watcher))


@hull_only
@req("LNX-PIDS-01", needs=["root"])
def test_events_end_with_the_container(live):
    """Other runtimes wait for delete."""
    cgroups.need("pids")
    live.started()
    watcher = follow(live, "--interval", "1h")
    live.kill("KILL").ok()
    live.wait_exit()
    assert end(watcher) == []
    assert live.call("events", "--stats", live.id).code != 0


@hull_only
@req("LNX-PIDS-01", needs=["root"])
def test_old_and_new(live):
    cgroups.need("pids")
    live.bundle.linux["resources"] = {"pids": {"limit": 30}}
    live.started()
    result = update(live, "--pids-limit", "31", "--format", "json").ok()
    assert json.loads(result.stdout) == {"id": live.id, "changes": [
        {"pointer": "/linux/resources/pids/limit", "file": "pids.max", "old": "30", "new": "31"}]}
