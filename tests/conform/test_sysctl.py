"""config-linux.md#sysctl."""

import os
import re

import pytest

from lib import assert_says, req
from lib.host import namespace_file, read


def host(name):
    return read("/proc/sys/" + name.replace(".", "/")).strip()


def values(ctr, sysctl, *paths):
    ctr.bundle.linux["sysctl"] = sysctl
    return ctr.args("/bin/cat", *(f"/proc/sys/{p}" for p in paths)).run().ok().stdout.split()


@req("LNX-SYSCTL-01")
def test_set(ctr):
    before = host("net.ipv4.ip_forward"), host("kernel.shmmax"), host("fs.mqueue.msg_max")
    seen = values(ctr, {"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456",
                        "fs.mqueue.msg_max": "33"},
                  "net/ipv4/ip_forward", "kernel/shmmax", "fs/mqueue/msg_max")
    assert seen == ["1", "123456", "33"]
    assert before == (host("net.ipv4.ip_forward"), host("kernel.shmmax"),
                      host("fs.mqueue.msg_max"))


@req("LNX-SYSCTL-02")
def test_slashes_and_dots(ctr):
    assert values(ctr, {"net/ipv4/conf/lo/forwarding": "1", "net.ipv4.conf.all.forwarding": "0"},
                  "net/ipv4/conf/lo/forwarding", "net/ipv4/conf/all/forwarding") in (
        ["1", "0"], ["0", "0"])  # all.forwarding sets lo too: the order is free


@req("LNX-SYSCTL-02")
@pytest.mark.parametrize("name", ["net/ipv4/conf/eth0.7/forwarding",
                                  "net.ipv4.conf.eth0/7.forwarding"])
def test_interface_with_a_dot(ctr, name):
    """As in sysctl(8): with slashes a dot is a dot, with dots a slash stands for it."""
    def setup():
        assert os.system("ip link add eth0.7 type bridge") == 0
    ctr.bundle.namespace("network",
                         namespace_file("network", os.path.join(ctr.top, "net"), setup))
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    assert values(ctr, {name: "1"}, "net/ipv4/conf/eth0.7/forwarding") == ["1"]


@req("LNX-SYSCTL-03")
@pytest.mark.parametrize("name,drop", [
    ("kernel.panic", None), ("vm.swappiness", None), ("kernel/panic", None),
    ("net.ipv4.ip_forward", "network"), ("kernel.shmmax", "ipc"), ("fs.mqueue.msg_max", "ipc"),
    ("net/../kernel/panic", None)])
def test_of_the_host(ctr, name, drop):
    clear = name.replace("net/../", "")
    before = host(clear)
    if drop:
        ctr.bundle.drop_namespace(drop)
        if drop == "network":
            ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    ctr.bundle.linux["sysctl"] = {name: str(int(before) + 1)}
    result = ctr.create_fails()
    assert host(clear) == before
    assert_says("|".join(re.escape(n) for n in (name, name.replace("/", "~1"))), result.stderr)


@req("LNX-SYSCTL-04")
@pytest.mark.parametrize("name,value", [
    ("net.nosuch", "1"), ("net.ipv4.ip_forward", "x"), ("nosuch", "1"), ("", "1"),
    ("net.ipv4", "1")])
def test_refused(ctr, name, value):
    ctr.bundle.linux["sysctl"] = {name: value}
    result = ctr.create_fails()
    assert_says(f"sysctl[./]{re.escape(name)}" if name else "sysctl", result.stderr)


@req("LNX-SYSCTL-05")
@pytest.mark.parametrize("value", [1, True, None, ["1"]])
def test_value_is_no_string(ctr, value):
    ctr.bundle.linux["sysctl"] = {"net.ipv4.ip_forward": value}
    assert_says(r"net\.ipv4\.ip_forward", ctr.create_fails().stderr)
