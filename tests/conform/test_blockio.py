"""config-linux.md#block-io. Devices are loop devices: those exist without a backing file."""

import os

import pytest

from lib import facts, req, skip_unless
from lib import cgroups
from lib.cgroups import value
from lib.host import read

WEIGHT_DEVICE = {"major": 7, "minor": 0, "weight": 300, "leafWeight": 300}
THROTTLE = {"major": 7, "minor": 0, "rate": 1048576}
KINDS = ["throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice",
         "throttleWriteIOPSDevice"]


def need_io():
    cgroups.need("io" if facts.cgroup2 else "blkio")


def need_loop():
    skip_unless(os.path.exists("/sys/block/loop0"), "the host has no loop device")


def limited(ctr, **block):
    ctr.bundle.linux["resources"] = {"blockIO": block}
    return ctr


def lines(ctr, *files):
    """The first of the files that exists, as a dictionary of its lines. v1 and v2 names."""
    for name in files:
        if cgroups.exists(ctr, name):
            return dict(line.split(" ", 1) for line in value(ctr, name).splitlines() if line)
    raise AssertionError(f"none of {files} exists")


@pytest.fixture
def bfq():
    """Puts the last loop device under the BFQ scheduler; yields its minor."""
    last = max((int(n[4:]) for n in os.listdir("/sys/block") if n.startswith("loop")), default=-1)
    path = f"/sys/block/loop{last}/queue/scheduler"
    skip_unless("bfq" in read(path), "no loop device can have the bfq scheduler")
    before = read(path).split("[")[1].split("]")[0]
    with open(path, "w", encoding="ascii") as f:
        f.write("bfq")
    yield last
    with open(path, "w", encoding="ascii") as f:
        f.write(before)


@req("LNX-BLKIO-01", needs=["root"])
def test_weight(ctr):
    """On v2 io.bfq.weight has the range of blkio.weight, io.weight one of 1 to 10000."""
    need_io()
    limited(ctr, weight=300).created()
    if facts.cgroup2:
        if cgroups.exists(ctr, "io.bfq.weight"):
            assert lines(ctr, "io.bfq.weight")["default"] == "300"
        else:
            assert 1 < int(lines(ctr, "io.weight")["default"]) < 10000
        return
    name = "blkio.bfq.weight" if cgroups.exists(ctr, "blkio.bfq.weight") else "blkio.weight"
    assert value(ctr, name).split()[-1] == "300"  # bfq: "default 300" in some kernels


@req("LNX-BLKIO-01", needs=["root"])
def test_no_weight(ctr):
    """0 is no weight: Docker writes it into every config.json."""
    limited(ctr, weight=0, leafWeight=0).created()


@req("LNX-BLKIO-02")
def test_leaf_weight(ctr):
    need_io()
    limited(ctr, leafWeight=300)
    if not os.path.exists(os.path.join(cgroups.top("blkio"), "blkio.leaf_weight")):
        ctr.create_fails(naming="linux.resources.blockIO.leafWeight")
        return
    ctr.created()
    assert value(ctr, "blkio.leaf_weight") == "300"


@req("LNX-BLKIO-03")
def test_leaf_weight_on_v2(ctr):
    limited(ctr, leafWeight=300).create_fails(naming="linux.resources.blockIO.leafWeight")


@req("LNX-BLKIO-04", needs=["root"])
def test_weight_of_a_device(ctr, bfq):
    need_io()
    limited(ctr, weightDevice=[{"major": 7, "minor": bfq, "weight": 300}]).created()
    seen = lines(ctr, "io.bfq.weight") if facts.cgroup2 else lines(
        ctr, "blkio.bfq.weight_device", "blkio.weight_device")
    assert seen[f"7:{bfq}"] == "300"


@req("LNX-BLKIO-05")
def test_leaf_weight_of_a_device(ctr):
    need_io()
    need_loop()
    limited(ctr, weightDevice=[{"major": 7, "minor": 0, "leafWeight": 300}])
    if not os.path.exists(os.path.join(cgroups.top("blkio"), "blkio.leaf_weight_device")):
        ctr.create_fails(naming=["linux.resources.blockIO.weightDevice[0].leafWeight",
                                 "linux.resources.blockIO.weightDevice[0]"])
        return
    ctr.created()
    assert lines(ctr, "blkio.leaf_weight_device")["7:0"] == "300"


@req("LNX-BLKIO-06")
@pytest.mark.parametrize("missing", [("major",), ("minor",), ("weight", "leafWeight")])
@pytest.mark.parametrize("number", [0, 1])
def test_incomplete_weight_device(ctr, missing, number):
    entry = {k: v for k, v in WEIGHT_DEVICE.items() if k not in missing}
    limited(ctr, weightDevice=[{"major": 7, "minor": 0, "weight": 300}] * number + [entry])
    path = f"linux.resources.blockIO.weightDevice[{number}]"
    ctr.create_fails(naming=[path] + [f"{path}.{m}" for m in missing])


@req("LNX-BLKIO-07", "LNX-BLKIO-08", "LNX-BLKIO-09", "LNX-BLKIO-10", needs=["root"])
@pytest.mark.parametrize("kind,key,v1", zip(KINDS, ("rbps", "wbps", "riops", "wiops"), (
    "read_bps", "write_bps", "read_iops", "write_iops")))
def test_throttle(ctr, kind, key, v1):
    need_io()
    need_loop()
    limited(ctr, **{kind: [THROTTLE]}).created()
    if facts.cgroup2:
        seen = dict(word.split("=") for word in lines(ctr, "io.max")["7:0"].split())
        assert seen.pop(key) == "1048576" and set(seen.values()) == {"max"}
    else:
        for name in ("read_bps", "write_bps", "read_iops", "write_iops"):
            seen = lines(ctr, f"blkio.throttle.{name}_device")
            assert seen == ({"7:0": "1048576"} if name == v1 else {})


@req("LNX-BLKIO-11")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", ["major", "minor", "rate"])
def test_incomplete_throttle(ctr, kind, missing):
    entry = {k: v for k, v in THROTTLE.items() if k != missing}
    limited(ctr, **{kind: [entry]})
    path = f"linux.resources.blockIO.{kind}[0]"
    ctr.create_fails(naming=[path, f"{path}.{missing}"])


@req("LNX-BLKIO-12", needs=["root"])
@pytest.mark.parametrize("kind", KINDS)
def test_device_does_not_exist(ctr, kind):
    need_io()
    limited(ctr, **{kind: [{"major": 999, "minor": 0, "rate": 1048576}]})
    ctr.create_fails(naming=f"linux.resources.blockIO.{kind}[0]")


@req("LNX-BLKIO-12", needs=["root"])
@pytest.mark.parametrize("block,path", [
    ({"weight": 65535}, "weight"),
    ({"weightDevice": [{"major": 999, "minor": 0, "weight": 300}]}, "weightDevice[0].weight"),
    ({"weightDevice": [{"major": 7, "minor": 0, "weight": 65535}]}, "weightDevice[0].weight")])
def test_weight_that_cannot_be(ctr, block, path):
    need_io()
    limited(ctr, **block)
    ctr.create_fails(naming=f"linux.resources.blockIO.{path}")
