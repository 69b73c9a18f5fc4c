"""config-linux.md#network-devices."""

import os
import subprocess

import pytest

from lib import req
from lib.host import in_child, namespace_file, read, umount


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def links():
    return [line.split(":")[0].strip() for line in read("/proc/net/dev").splitlines()[2:]]


@pytest.fixture
def device(ctr):
    """A link of the suite's network namespace, one end of a pair; its name is its own."""
    name = f"hc{ctr.id.rsplit('-', 1)[1]}x{os.getpid() % 10000}"
    ip("link", "add", name, "type", "veth", "peer", "name", f"p{name}")
    ip("link", "set", f"p{name}", "up")
    yield name
    # It may go at any moment with the last namespace of its other end.
    subprocess.run(["ip", "link", "del", f"p{name}"], capture_output=True, check=False)


def moved(ctr, device, **entry):
    ctr.bundle.linux["netDevices"] = {device: entry}
    return ctr


def in_container(ctr, *words):
    """ip of the host in the network namespace of the container process."""
    return subprocess.run(["nsenter", f"--net=/proc/{ctr.pid}/ns/net", "ip", *words], check=True,
                          capture_output=True, text=True).stdout


def joined(ctr, *names):
    """A network namespace that outlives the container, with links of these names."""
    def setup():
        for name in names:
            ip("link", "add", name, "type", "bridge")
    path = namespace_file("network", os.path.join(ctr.top, "net"), setup)
    ctr.bundle.namespace("network", path)
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    return path


@req("LNX-NETDEV-01", "LNX-NETDEV-03", "LNX-NETDEV-04", "LNX-NETDEV-11")
@pytest.mark.parametrize("name", [None, "eth0"])
def test_moved(ctr, device, name):
    moved(ctr, device, **({"name": name} if name else {})).created()
    assert device not in links()
    there = in_container(ctr, "-o", "link").splitlines()
    assert sorted(line.split(": ")[1].split("@")[0] for line in there) == sorted(["lo", name or device])
    found = next(line for line in there if (name or device) in line)
    assert "UP" in found.split("<")[1].split(">")[0].split(",")


@req("LNX-NETDEV-02")
def test_no_such_device(ctr, device):
    ctr.bundle.linux["netDevices"] = {device: {}, "nosuch0": {}}
    ctr.create_fails(naming="linux.netDevices.nosuch0")
    assert device in links()


@req("LNX-NETDEV-05")
def test_cannot_be_moved(ctr, device):
    ctr.bundle.linux["netDevices"] = {device: {}, "lo": {}}
    ctr.create_fails(naming="linux.netDevices.lo")
    assert device in links()


@req("LNX-NETDEV-05")
def test_no_network_namespace(ctr, device):
    moved(ctr, device).bundle.drop_namespace("network")
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["type"] != "sysfs"]
    ctr.create_fails(naming=["linux.netDevices", f"linux.netDevices.{device}"])
    assert device in links()


@req("LNX-NETDEV-06")
def test_name_is_taken(ctr, device):
    joined(ctr, "eth0")
    moved(ctr, device, name="eth0")
    ctr.create_fails(naming=[f"linux.netDevices.{device}", f"linux.netDevices.{device}.name"])
    assert device in links()


@req("LNX-NETDEV-07")
def test_kernel_picks_the_number(ctr, device):
    joined(ctr, "eth0")
    moved(ctr, device, name="eth%d").created()
    assert "eth1" in in_container(ctr, "-o", "link")


@req("LNX-NETDEV-08")
def test_attributes(ctr, device):
    ip("link", "set", device, "mtu", "1400", "address", "02:00:00:00:00:77", "txqueuelen", "77")
    ip("link", "set", device, "alias", "an alias")
    moved(ctr, device, name="eth0").created()
    text = in_container(ctr, "link", "show", "eth0")
    for part in ("mtu 1400", "02:00:00:00:00:77", "qlen 77", "alias an alias"):
        assert part in text, text


@req("LNX-NETDEV-09", "LNX-NETDEV-10")
def test_addresses(ctr, device, record_property):
    ip("link", "set", device, "up")
    ip("addr", "add", "10.9.8.7/24", "dev", device)
    ip("-6", "addr", "add", "2001:db8::7/64", "dev", device, "nodad")
    ip("addr", "add", "10.9.9.9/24", "dev", device, "valid_lft", "600", "preferred_lft", "600")
    ip("addr", "add", "10.9.10.10/24", "dev", device, "scope", "link")
    moved(ctr, device, name="eth0").created()
    text = in_container(ctr, "addr", "show", "eth0")
    assert "inet 10.9.8.7/24" in text
    assert "inet6 2001:db8::7/64" in text
    line = next(n for n in text.splitlines() if "2001:db8::7" in n)
    record_property("tentative", "tentative" in line)
    record_property("address with a lifetime", "10.9.9.9" in text)
    record_property("address of link scope", "10.9.10.10" in text)


@req("LNX-NETDEV-12")
def test_left_alone(ctr, device, runtime):
    ip("link", "set", device, "up")
    ip("addr", "add", "10.9.8.7/24", "dev", device)
    moved(ctr, device, name="eth0").started()
    in_container(ctr, "addr", "del", "10.9.8.7/24", "dev", "eth0")
    in_container(ctr, "link", "set", "eth0", "down")
    ctr.state()
    ctr.call("pause", ctr.id)
    ctr.call("resume", ctr.id)
    if runtime.has("exec"):
        ctr.exec("/bin/true").ok()
    text = in_container(ctr, "addr", "show", "eth0")
    assert "10.9.8.7" not in text and "UP" not in text.split("<")[1].split(">")[0].split(",")


@req("LNX-NETDEV-13")
def test_stays_in_a_joined_namespace(ctr, device):
    path = joined(ctr)
    moved(ctr, device, name="eth0").created()
    ctr.delete("--force").ok()
    assert "eth0" in in_child(lambda: ip("-o", "link"), path)
    assert device not in links()
    umount(path)


@req("LNX-NETDEV-13")
def test_ends_with_its_own_namespace(ctr, device):
    moved(ctr, device, name="eth0").args("/bin/true").run().ok()
    assert device not in links() and "eth0" not in links()


@req("LNX-NETDEV-14")
@pytest.mark.parametrize("name", ["a" * 16, "a/b", ".", "..", "a b", "a:b", 7, "%d%d", "a%s"])
def test_invalid_name(ctr, name):
    ctr.bundle.linux["netDevices"] = {"d0": {"name": name}}
    ctr.create_fails(naming="linux.netDevices.d0.name")


@req("LNX-NETDEV-02", "RT-LIFE-17")
def test_given_back_when_create_fails(ctr, device):
    """What fails after the move leaves the device on the host as it was, addresses included."""
    ip("link", "set", device, "up")
    ip("addr", "add", "10.9.8.7/24", "dev", device)
    ip("-6", "addr", "add", "2001:db8::7/64", "dev", device, "nodad")
    moved(ctr, device, name="eth0").args("/bin/no-such-program")
    ctr.create().failed()
    ctr.gone()
    text = ip("addr", "show", device)
    assert "10.9.8.7/24" in text and "2001:db8::7/64" in text and "eth0" not in text
    assert "UP" in text.split("<")[1].split(">")[0].split(",")
