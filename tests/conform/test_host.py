"""config.md#hostname, #domainname, #platform-specific-configuration."""

import json
import os
import socket

import pytest

from lib import assert_names, req
from lib.host import in_child, libc, namespace_file
from lib.schema import document


def host_names():
    u = os.uname()
    with open("/proc/sys/kernel/domainname", encoding="ascii") as f:
        return u.nodename, f.read().strip()


@pytest.fixture
def names_of_the_host():
    """Restores the names if a runtime changes them."""
    before = host_names()
    yield before
    if host_names() != before:
        socket.sethostname(before[0])
        libc("setdomainname", before[1].encode(), len(before[1]))


@req("CFG-HOST-01", "CFG-DOM-01")
def test_names(ctr, names_of_the_host):
    ctr.config["hostname"], ctr.config["domainname"] = "conform-host", "conform-domain"
    seen = ctr.probe("uts")["uts"]
    assert (seen["hostname"], seen["domainname"]) == ("conform-host", "conform-domain")
    assert host_names() == names_of_the_host


@req("CFG-HOST-01")
def test_hostname(ctr, names_of_the_host):
    ctr.config["hostname"] = "conform-host"
    assert ctr.args("/bin/hostname").run().ok().stdout == "conform-host\n"
    assert host_names() == names_of_the_host


@req("CFG-HOST-02")
def test_joined_namespace(ctr, names_of_the_host):
    path = namespace_file("uts", os.path.join(ctr.top, "uts"))
    ctr.bundle.namespace("uts", path)
    ctr.config["hostname"] = "conform-joined"
    assert ctr.probe("uts")["uts"]["hostname"] == "conform-joined"
    assert in_child(lambda: os.uname().nodename, path) == "conform-joined"
    assert host_names() == names_of_the_host


def without_uts(ctr, member, before, record_property):
    ctr.bundle.drop_namespace("uts")
    ctr.config[member] = "conform-renamed"
    result = ctr.create()
    assert host_names() == before, "the host was renamed"
    record_property(f"{member} without uts namespace", "refused" if result.code else "ignored")
    if ctr.rt.is_hull:
        assert_names(member, result.failed().stderr)


@req("CFG-HOST-03")
def test_hostname_without_uts(ctr, names_of_the_host, record_property):
    without_uts(ctr, "hostname", names_of_the_host, record_property)


@req("CFG-DOM-02")
def test_domainname_without_uts(ctr, names_of_the_host, record_property):
    without_uts(ctr, "domainname", names_of_the_host, record_property)


@req("CFG-HOST-04")
def test_hostname_too_long(ctr):
    ctr.config["hostname"] = "x" * 65
    ctr.create_fails(naming="hostname")


@req("CFG-HOST-04")
def test_hostname_of_full_length(ctr):
    ctr.config["hostname"] = "x" * 64
    assert ctr.probe("uts")["uts"]["hostname"] == "x" * 64


@req("CFG-PLAT-01")
def test_no_linux(ctr, record_property):
    """In a mount namespace of its own: without one the runtime may change ours."""
    config = json.loads(json.dumps(document("test/config/good/minimal-for-start.json")))
    config["root"] = {"path": "rootfs"}
    config["process"]["args"] = ["/bin/true"]
    config["process"]["cwd"] = "/"
    ctr.bundle.config = config
    result = ctr.run(wrap='exec unshare -m --propagation private "$@"')
    record_property("no linux object", "refused" if result.code else "runs")
    assert result.code >= 0
    if result.code:
        assert result.stderr.strip()


@req("CFG-PLAT-02")
@pytest.mark.parametrize("name", ["freebsd", "solaris", "windows", "zos"])
def test_other_platforms(ctr, name):
    ctr.config[name] = {"x": [1, {"y": None}]}
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-PLAT-03")
def test_vm(ctr):
    ctr.config["vm"] = {"kernel": {"path": "/boot/vmlinuz"}}
    ctr.create_fails(naming="vm")
