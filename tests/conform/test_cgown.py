"""config-linux.md#cgroup-ownership."""

import os

import pytest

from lib import facts, req, skip_unless
from lib.cgroups import dir_of
from lib.host import CLONE_NEWNS, MS_PRIVATE, MS_REC, libc, mount, read

DELEGATE = "/sys/kernel/cgroup/delegate"
BASIC = {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
OWNER = 100000
MOUNT = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "rw"]}


@pytest.fixture
def owned(ctr):
    """The config under which the owner of the cgroup changes."""
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": OWNER, "size": 65536}]
    ctr.config["mounts"].append(dict(MOUNT))
    return ctr


def changed(ctr, controller=None):
    """Names in the cgroup that root does not own, "." for the directory; all have one owner."""
    top = dir_of(ctr, controller)
    owners = {n: os.stat(os.path.join(top, n)).st_uid for n in [".", *os.listdir(top)]}
    assert set(owners.values()) <= {0, OWNER}
    return {n for n, uid in owners.items() if uid}


def listed():
    return set(read(DELEGATE).split()) or BASIC


@req("LNX-CGOWN-01", "LNX-CGOWN-04", "LNX-CGOWN-06", "LNX-CGOWN-08", "LNX-CGOWN-10")
def test_files(owned):
    """The directory and what is listed and exists; nothing else."""
    owned.created()
    there = set(os.listdir(dir_of(owned)))
    assert changed(owned) == {"."} | (listed() & there)
    assert changed(owned) >= BASIC


@req("LNX-CGOWN-04")
def test_program_makes_children(owned):
    owned.sh("mkdir /sys/fs/cgroup/child && ls -d /sys/fs/cgroup/child").started()
    assert owned.finish() == (0, "/sys/fs/cgroup/child\n")


@req("LNX-CGOWN-07", "LNX-CGOWN-08")
def test_listed_file_is_missing(owned):
    skip_unless(listed() - set(os.listdir("/sys/fs/cgroup")) - BASIC, "all listed files exist")
    owned.created()
    missing = listed() - set(os.listdir(dir_of(owned)))
    skip_unless(missing, "all listed files exist")
    assert changed(owned) >= BASIC


@req("LNX-CGOWN-02")
def test_v1(owned):
    skip_unless("memory" in facts.controllers1, "no v1 hierarchy with memory")
    owned.created()
    for controller in ("memory", "pids", "cpu"):
        if controller in facts.controllers1:
            assert changed(owned, controller) == set()


@req("LNX-CGOWN-03")
def test_no_cgroup_namespace(owned):
    owned.bundle.drop_namespace("cgroup")
    owned.created()
    assert changed(owned) == set()


@req("LNX-CGOWN-03")
def test_cgroup_namespace_of_the_host(owned):
    """A namespace that is joined is not a new one."""
    owned.bundle.namespace("cgroup", "/proc/self/ns/cgroup")
    if owned.create().code == 0:
        assert changed(owned) == set()


@req("LNX-CGOWN-05")
@pytest.mark.parametrize("change", [
    {"options": ["nosuid", "noexec", "nodev", "ro"]}, {"destination": "/mnt"}, {"source": "other"},
    None])
def test_no_writable_mount(owned, change):
    if change is None:
        owned.config["mounts"].pop()
    else:
        owned.config["mounts"][-1].update(change)
        os.makedirs(owned.bundle.file("/mnt"), exist_ok=True)
    owned.created()
    assert changed(owned) == set()


@req("LNX-CGOWN-09")
def test_without_delegate_file(owned):
    """The container has no sysfs here: KERNEL: a user namespace may mount it only where nothing of
    it is covered."""
    empty = os.path.join(owned.top, "empty")
    os.mkdir(empty)
    owned.config["mounts"] = [m for m in owned.config["mounts"] if m["destination"] != "/sys"]
    os.makedirs(owned.bundle.file("/sys/fs/cgroup"), exist_ok=True)

    def hide():
        libc("unshare", CLONE_NEWNS)
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        mount(empty, os.path.dirname(DELEGATE), None, 0x1000)
    owned.created(preexec=hide)
    assert changed(owned) == {"."} | BASIC
