"""config-linux.md#memory-policy."""

import os

import pytest

from lib import req, skip_unless

DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY, WEIGHTED = range(7)
STATIC_NODES, RELATIVE_NODES, NUMA_BALANCING = 1 << 15, 1 << 14, 1 << 13


@pytest.fixture
def numa():
    skip_unless(os.path.isdir("/sys/devices/system/node/node0"), "a kernel without NUMA")


def policy_of(ctr, **policy):
    ctr.bundle.linux["memoryPolicy"] = policy
    seen = ctr.probe("mempolicy")["mempolicy"]
    return seen["mode"], seen["nodes"], seen["flags"]


@req("LNX-MPOL-01")
@pytest.mark.parametrize("policy", [{}, {"nodes": "0"}])
def test_mode_is_missing(ctr, policy):
    ctr.bundle.linux["memoryPolicy"] = policy
    ctr.create_fails(naming="linux.memoryPolicy.mode")


@req("LNX-MPOL-02", "LNX-MPOL-10")
@pytest.mark.parametrize("more", [{}, {"nodes": ""}])
def test_default(ctr, numa, more):
    assert policy_of(ctr, mode="MPOL_DEFAULT", **more) == (DEFAULT, [], 0)


@req("LNX-MPOL-03", "LNX-MPOL-04", "LNX-MPOL-05")
@pytest.mark.parametrize("name,number", [
    ("PREFERRED", PREFERRED), ("BIND", BIND), ("INTERLEAVE", INTERLEAVE)])
def test_nodes_modes(ctr, numa, name, number):
    assert policy_of(ctr, mode=f"MPOL_{name}", nodes="0") == (number, [0], 0)


@req("LNX-MPOL-06")
def test_local(ctr, numa):
    assert policy_of(ctr, mode="MPOL_LOCAL")[0] == LOCAL


@req("LNX-MPOL-07")
def test_preferred_many(ctr, numa):
    assert policy_of(ctr, mode="MPOL_PREFERRED_MANY", nodes="0") == (PREFERRED_MANY, [0], 0)


@req("LNX-MPOL-08")
def test_weighted_interleave(ctr, numa):
    assert policy_of(ctr, mode="MPOL_WEIGHTED_INTERLEAVE", nodes="0") == (WEIGHTED, [0], 0)


@req("LNX-MPOL-09")
@pytest.mark.parametrize("nodes", ["0-0", "0,0"])
def test_lists(ctr, numa, nodes):
    assert policy_of(ctr, mode="MPOL_BIND", nodes=nodes) == (BIND, [0], 0)


@req("LNX-MPOL-09")
@pytest.mark.parametrize("nodes", ["a", "1-0", "0-", "0 1", "-1"])
def test_bad_list(ctr, nodes):
    ctr.bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": nodes}
    ctr.create_fails(naming="linux.memoryPolicy.nodes")


@req("LNX-MPOL-11")
@pytest.mark.parametrize("mode,more", [
    ("MPOL_BIND", {}), ("MPOL_BIND", {"nodes": ""}), ("MPOL_DEFAULT", {"nodes": "0"}),
    ("MPOL_BIND", {"nodes": "1023"})])
def test_kernel_refuses(ctr, numa, mode, more):
    ctr.bundle.linux["memoryPolicy"] = {"mode": mode} | more
    ctr.sh("echo ran > /ran").create_or_start_fails(
        naming=["linux.memoryPolicy", "linux.memoryPolicy.nodes", "linux.memoryPolicy.mode"])
    assert not ctr.bundle.exists("/ran")


@req("LNX-MPOL-12")
def test_numa_balancing(ctr, numa):
    seen = policy_of(ctr, mode="MPOL_BIND", nodes="0", flags=["MPOL_F_NUMA_BALANCING"])
    assert seen == (BIND, [0], NUMA_BALANCING)


@req("LNX-MPOL-13")
@pytest.mark.parametrize("name,bit", [
    ("RELATIVE", RELATIVE_NODES), ("STATIC", STATIC_NODES)])
def test_node_flags(ctr, numa, name, bit):
    seen = policy_of(ctr, mode="MPOL_INTERLEAVE", nodes="0", flags=[f"MPOL_F_{name}_NODES"])
    assert seen == (INTERLEAVE, [0], bit)


@req("LNX-MPOL-14")
@pytest.mark.parametrize("mode", ["MPOL_FOO", "", "bind", "MPOL_BIND "])
def test_unknown_mode(ctr, mode):
    ctr.bundle.linux["memoryPolicy"] = {"mode": mode, "nodes": "0"}
    ctr.create_fails(naming="linux.memoryPolicy.mode")


@req("LNX-MPOL-14")
@pytest.mark.parametrize("flag", ["MPOL_F_FOO", ""])
def test_unknown_flag(ctr, flag):
    ctr.bundle.linux["memoryPolicy"] = {
        "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", flag]}
    ctr.create_fails(naming="linux.memoryPolicy.flags[1]")
