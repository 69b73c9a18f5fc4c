"""delete: runtime.md#delete."""

import hashlib
import os

from lib import req, snapshot
from lib.host import differences, in_child, namespace_file, read
from lib.container import mount_points


def trap(ctr):
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    return ctr


def ended(ctr):
    ctr.started()
    ctr.wait_exit()
    return ctr


@req("RT-DELETE-01")
def test_needs_id(ctr):
    ctr.call("delete").failed()


@req("RT-DELETE-04")
def test_unknown_id(ctr):
    ctr.call("delete", "nosuch").failed()


@req("RT-DELETE-02")
def test_running(ctr):
    before = trap(ctr).state()
    ctr.delete().failed()
    assert ctr.state() == before
    assert ctr.alive()


@req("RT-DELETE-03")
def test_created(ctr):
    ctr.sh("echo ran").created()
    ctr.delete().failed()
    assert ctr.status_word() == "created"
    ctr.start().ok()
    assert ctr.finish() == (0, "ran\n")


@req("RT-DELETE-05", "RT-LIFE-17")
def test_leaves_nothing(ctr):
    ctr.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "t"})
    before = snapshot(ctr.id)
    listing = sorted(os.listdir(ctr.root))
    public = sorted(os.listdir(ctr.public))
    ended(ctr.args("/bin/true"))
    ctr.delete().ok()
    assert not differences(before, snapshot(ctr.id))
    assert ctr.id not in " ".join(os.listdir(ctr.root))
    assert sorted(os.listdir(ctr.root)) == listing
    assert sorted(os.listdir(ctr.public)) == public
    ctr.gone()


@req("RT-DELETE-05", needs=["root"])
def test_leftover_processes_go(ctr):
    """Without a pid namespace, children outlive the container process; delete ends them."""
    ctr.bundle.drop_namespace("pid")
    ctr.sh("sleep 1000 & echo $!; exec true").started()
    pid = int(ctr.line())
    ctr.wait_exit()
    ctr.delete().ok()
    assert read(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()[:1] in ([], ["Z"])


@req("RT-DELETE-06", needs=["root", "cgroup2", "cgroupfs"])
def test_keeps_a_cgroup_that_was_there(ctr):
    path = f"/sys/fs/cgroup/{ctr.id}-old"
    os.mkdir(path)
    ctr.cgroups.append(path)
    ctr.bundle.linux["cgroupsPath"] = f"/{ctr.id}-old"
    ended(ctr.args("/bin/true"))
    ctr.delete().ok()
    assert os.path.isdir(path)


@req("RT-DELETE-07")
def test_keeps_joined_namespaces(ctr):
    path = namespace_file("network", os.path.join(ctr.top, "netns"),
                          lambda: os.system("ip link set lo mtu 23456"))
    before = os.stat(path).st_ino
    ctr.bundle.namespace("network", path)
    ctr.sh("cat /sys/class/net/lo/mtu").started()
    assert ctr.finish() == (0, "23456\n")
    ctr.delete().ok()
    assert path in mount_points()
    assert os.stat(path).st_ino == before
    assert "mtu 23456" in in_child(lambda: os.popen("ip link show lo").read(), path)


@req("RT-DELETE-08")
def test_keeps_the_bundle(ctr):
    ctr.args("/bin/true").bundle.write()

    def sums():
        found = {}
        for top, _, files in os.walk(ctr.bundle.path):
            for name in files:
                path = os.path.join(top, name)
                if not os.path.islink(path) and not path.startswith(ctr.bundle.file("/bin")):
                    with open(path, "rb") as f:
                        found[path] = hashlib.sha256(f.read()).hexdigest()
        return found
    before = sums()
    ended(ctr)
    ctr.delete().ok()
    after = sums()
    assert {p: after.get(p) for p in before} == before
    for applet in ("busybox", "probe", "sh"):
        assert ctr.bundle.exists(f"/bin/{applet}")


@req("RT-DELETE-09")
def test_id_can_be_used_again(ctr):
    ended(ctr.args("/bin/true"))
    ctr.delete().ok()
    ctr.create().ok()
    assert ctr.status_word() == "created"
