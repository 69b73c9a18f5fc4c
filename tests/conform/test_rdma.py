"""config-linux.md#rdma."""

import os

import pytest

from lib import facts, req, skip_unless
from lib import cgroups
from lib.cgroups import value


@pytest.fixture
def device():
    found = sorted(os.listdir("/sys/class/infiniband")) if os.path.isdir(
        "/sys/class/infiniband") else []
    skip_unless(found, "the host has no RDMA device")
    return found[0]


def limited(ctr, **devices):
    ctr.bundle.linux["resources"] = {"rdma": devices}
    return ctr


def limits(ctr, device):
    found = dict(line.split(" ", 1) for line in value(ctr, "rdma.max").splitlines())
    return dict(word.split("=") for word in found[device].split())


@req("LNX-RDMA-01", "LNX-RDMA-02", needs=["root", "kernel>=4.11"])
@pytest.mark.parametrize("given,seen", [
    ({"hcaHandles": 3}, ("3", "max")), ({"hcaObjects": 10000}, ("max", "10000")),
    ({"hcaHandles": 3, "hcaObjects": 10000}, ("3", "10000"))])
def test_limits(ctr, device, given, seen):
    cgroups.need("rdma")
    limited(ctr, **{device: given}).created()
    found = limits(ctr, device)
    assert (found["hca_handle"], found["hca_object"]) == seen


@req("LNX-RDMA-03")
def test_empty_entry(ctr):
    limited(ctr, rxe0={}).create_fails(naming="linux.resources.rdma.rxe0")


@req("LNX-RDMA-04", needs=["root"])
@pytest.mark.parametrize("given", [{"hcaHandles": 3}, {"hcaObjects": 3}])
def test_unknown_device(ctr, given):
    skip_unless(facts.cgroup1 or facts.cgroup2, "no cgroups")
    limited(ctr, nosuch=given).create_fails(naming=["linux.resources.rdma.nosuch"])
