"""config-linux.md#memory."""

import json
import os

import pytest

from lib import facts, req, skip_unless
from lib import cgroups
from lib.cgroups import value, version

MIB = 1 << 20
UNLIMITED = 1 << 62  # v1 shows no limit as the largest number of pages


def limited(ctr, **memory):
    cgroups.need("memory")
    ctr.bundle.linux["resources"] = {"memory": memory}
    return ctr


def swap_accounting():
    return os.path.exists("/proc/swaps") and (
        facts.cgroup2 or os.path.exists(
            os.path.join(cgroups.top("memory"), "memory.memsw.limit_in_bytes")))


def is_unlimited(text):
    return text == "max" if facts.cgroup2 else int(text) > UNLIMITED


@req("LNX-MEM-01", needs=["root"])
def test_limit(ctr):
    limited(ctr, limit=64 * MIB).created()
    assert value(ctr, "memory.max", "memory.limit_in_bytes") == "67108864"


@req("LNX-MEM-01", needs=["root"])
def test_limit_kills(ctr):
    """With memory+swap at the same value swap is no way out."""
    limited(ctr, limit=64 * MIB, **({"swap": 64 * MIB} if swap_accounting() else {}))
    assert ctr.probe("alloc", 128 * MIB)["do"][0]["signal"] == 9


@req("LNX-MEM-02", needs=["root"])
@pytest.mark.parametrize("member,v2,v1", [
    ("limit", "memory.max", "memory.limit_in_bytes"),
    ("reservation", "memory.low", "memory.soft_limit_in_bytes"),
    ("swap", "memory.swap.max", "memory.memsw.limit_in_bytes")])
def test_no_limit(ctr, member, v2, v1):
    limited(ctr)
    skip_unless(member != "swap" or swap_accounting(), "the kernel does not account swap")
    ctr.bundle.linux["resources"]["memory"][member] = -1
    ctr.created()
    text = value(ctr, v2, v1)
    # memory.low without a limit: nothing is protected, or all
    assert is_unlimited(text) or (facts.cgroup2 and member == "reservation" and text == "0")


@req("LNX-MEM-03", needs=["root"])
def test_reservation(ctr):
    limited(ctr, reservation=32 * MIB).created()
    assert value(ctr, "memory.low", "memory.soft_limit_in_bytes") == "33554432"


@req("LNX-MEM-04", needs=["root"])
@pytest.mark.parametrize("swap,v2,v1", [
    (96 * MIB, "33554432", "100663296"), (64 * MIB, "0", "67108864"), (-1, "max", None)])
def test_swap(ctr, swap, v2, v1):
    limited(ctr, limit=64 * MIB, swap=swap)
    skip_unless(swap_accounting(), "the kernel does not account swap")
    ctr.created()
    text = value(ctr, "memory.swap.max", "memory.memsw.limit_in_bytes")
    assert is_unlimited(text) if swap == -1 else text == version(v2, v1)
    assert value(ctr, "memory.max", "memory.limit_in_bytes") == "67108864"


@req("LNX-MEM-05")
@pytest.mark.parametrize("memory", [
    {"swap": 96 * MIB}, {"swap": 32 * MIB, "limit": 64 * MIB}, {"swap": 96 * MIB, "limit": -1}])
def test_swap_that_cannot_be_converted(ctr, memory):
    """Names the property: this is no matter of a controller, which is why none is needed."""
    ctr.bundle.linux["resources"] = {"memory": memory}
    ctr.create_fails(naming="linux.resources.memory.swap")


@req("LNX-MEM-05", needs=["root"])
def test_swap_below_limit(ctr):
    limited(ctr, limit=64 * MIB, swap=32 * MIB).create_fails(naming="linux.resources.memory.swap")


@req("LNX-MEM-06")
def test_kernel(ctr):
    """KERNEL: from 5.16 on the file refuses limits, from 6.6 on it takes them without effect. Where
    a limit cannot be had, create errors."""
    limited(ctr, kernel=32 * MIB)
    result = ctr.create()
    if result.code == 0:
        assert value(ctr, "memory.kmem.limit_in_bytes") == "33554432"
    else:
        assert facts.kernel >= (5, 16), result.stderr
        ctr.create_fails(naming="linux.resources.memory.kernel")


@req("LNX-MEM-07")
def test_kernel_tcp(ctr):
    limited(ctr, kernelTCP=16 * MIB)
    skip_unless(os.path.exists(os.path.join(cgroups.top("memory"),
                                            "memory.kmem.tcp.limit_in_bytes")),
                "the kernel has no such limit")
    ctr.created()
    assert value(ctr, "memory.kmem.tcp.limit_in_bytes") == "16777216"


@req("LNX-MEM-08")
@pytest.mark.parametrize("member", ["kernel", "kernelTCP"])
def test_kernel_on_v2(ctr, member):
    ctr.bundle.linux["resources"] = {"memory": {member: MIB}}
    ctr.create_fails(naming=f"linux.resources.memory.{member}")


@req("LNX-MEM-08")
@pytest.mark.parametrize("member", ["kernel", "kernelTCP"])
def test_no_kernel_limit_on_v2(ctr, member, record_property):
    ctr.bundle.linux["resources"] = {"memory": {member: -1}}
    record_property(f"{member} -1", "error" if ctr.create().code else "taken")


@req("LNX-MEM-09")
@pytest.mark.parametrize("number", [60, 0, 100])
def test_swappiness(ctr, number):
    limited(ctr, swappiness=number).created()
    assert value(ctr, "memory.swappiness") == str(number)


@req("LNX-MEM-10")
@pytest.mark.parametrize("number", [101, 200, 1 << 40])
def test_swappiness_above_100(ctr, number):
    ctr.bundle.linux["resources"] = {"memory": {"swappiness": number}}
    ctr.create_fails(naming="linux.resources.memory.swappiness")


@req("LNX-MEM-11")
def test_swappiness_on_v2(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"swappiness": 10}}
    ctr.create_fails(naming="linux.resources.memory.swappiness")


@req("LNX-MEM-12")
@pytest.mark.parametrize("off", [True, False])
def test_oom_killer(ctr, off):
    limited(ctr, disableOOMKiller=off).created()
    lines = dict(line.split() for line in value(ctr, "memory.oom_control").splitlines())
    assert lines["oom_kill_disable"] == str(int(off))


@req("LNX-MEM-13")
def test_oom_killer_off_on_v2(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"disableOOMKiller": True}}
    ctr.create_fails(naming="linux.resources.memory.disableOOMKiller")


@req("LNX-MEM-13")
def test_oom_killer_on_on_v2(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"disableOOMKiller": False}}
    ctr.created()


@req("LNX-MEM-14")
def test_use_hierarchy(ctr):
    limited(ctr, useHierarchy=True).created()
    if cgroups.exists(ctr, "memory.use_hierarchy"):
        assert value(ctr, "memory.use_hierarchy") == "1"


@req("LNX-MEM-15")
def test_no_hierarchy_on_v2(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"useHierarchy": False}}
    ctr.create_fails(naming="linux.resources.memory.useHierarchy")


@req("LNX-MEM-15")
def test_hierarchy_on_v2(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"useHierarchy": True}}
    ctr.created()


@req("LNX-MEM-16", "LNX-MEM-17", needs=["root", "cgroupfs"])
def test_check_before_limit(ctr, make_group):
    """A cgroup that exists and is in use gets a limit below the use: create meets that too."""
    cgroups.need("memory")
    name = version("memory.max", "memory.limit_in_bytes")
    group = make_group(ctr, "memory")
    guest = group.guest(48 * MIB)
    before = group.read(name)
    ctr.bundle.linux["cgroupsPath"] = group.path
    ctr.bundle.linux["resources"] = {"memory": {"limit": 16 * MIB, "checkBeforeUpdate": True}}
    ctr.create_fails()
    assert group.read(name) == before
    assert guest.poll() is None


@req("LNX-MEM-16", "LNX-MEM-17", needs=["root"])
@pytest.mark.parametrize("check", [True, False])
def test_check_before_update(ctr, runtime, record_property, check):
    cgroups.need("memory")
    skip_unless(runtime.has("update"), "planned: the runtime has no update")
    limited(ctr, limit=128 * MIB)
    ctr.sh("head -c 64m /dev/zero | (dd bs=64M count=1 iflag=fullblock of=/dev/shm/x 2>&1; "
           "echo full; exec sleep 1000)").started()
    while ctr.line() != "full":
        pass
    with open(os.path.join(ctr.top, "update"), "w+", encoding="ascii") as f:
        json.dump({"memory": {"limit": 16 * MIB, "checkBeforeUpdate": check}}, f)
    result = ctr.call("update", "--resources", f.name, ctr.id)
    record_property("limit below usage", "rejected" if result.code else "taken")
    if check:
        result.failed()
    if result.code:
        assert value(ctr, "memory.max", "memory.limit_in_bytes") == str(128 * MIB)
        assert ctr.alive()
