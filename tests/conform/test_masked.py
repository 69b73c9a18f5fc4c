"""config-linux.md#masked-paths, #readonly-paths and #rootfs-mount-propagation."""

import os
import re

import pytest

from lib import mountinfo, req
from lib.host import mount, read
from lib.mounts import EINVAL, EROFS

CAPS = ["CAP_DAC_OVERRIDE", "CAP_CHOWN"]


def capable(ctr, *caps):
    ctr.process["capabilities"] = {k: list(caps) for k in ("bounding", "effective", "permitted")}
    return ctr


@req("LNX-MASK-01")
def test_masked(ctr):
    ctr.bundle.put("/opt/dir/secret", "secret\n")
    ctr.bundle.put("/opt/file", "secret\n")
    ctr.bundle.linux["maskedPaths"] = ["/proc/kcore", "/opt/dir", "/opt/file", "/proc/timer_list"]
    capable(ctr, *CAPS).sh(
        "wc -c < /proc/timer_list; wc -c < /opt/file; ls -A /opt/dir | wc -l; cat /opt/dir/secret;"
        "umount /opt/file; umount /opt/dir; umount /proc/timer_list; wc -c < /opt/file;"
        "echo x > /opt/dir/new; ls -A /opt/dir | wc -l")
    text = ctr.run().stdout  # the last command may fail, as it should
    assert text.split() == ["0", "0", "0", "0", "0"]
    assert ctr.bundle.read("/opt/file") == "secret\n"
    assert os.listdir(ctr.bundle.file("/opt/dir")) == ["secret"]


@req("LNX-MASK-01", needs=["root"])
def test_mask_cannot_be_taken_off(ctr):
    """With the right to mount, but not that to look below."""
    ctr.bundle.put("/opt/file", "secret\n")
    ctr.bundle.linux["maskedPaths"] = ["/opt/file"]
    done = capable(ctr, *CAPS).probe("mount", "none", "/opt/file", "none", 32 | 4096, "",
                                     "open", "/opt/file", "r")["do"]
    assert done[0]["errno"] != 0
    assert done[1]["read"] <= 0


@req("LNX-MASK-01", needs=["root"])
@pytest.mark.parametrize("options", [(), ("--no-pivot",)])
@pytest.mark.parametrize("kind,where", [("proc", "/proc"), ("sysfs", "/sys")])
def test_no_second_view_of_the_kernel(ctr, options, kind, where):
    """Inside one more user namespace a new procfs or sysfs would have no masks."""
    ctr.bundle.linux["maskedPaths"] = ["/proc/timer_list", "/sys/firmware"]
    ctr.bundle.linux["readonlyPaths"] = ["/proc/sys"]
    if not any(m["destination"] == "/sys" for m in ctr.config["mounts"]):
        ctr.config["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs",
                                     "options": ["ro", "nosuid", "noexec", "nodev"]})
    ctr.args("/bin/busybox", "unshare", "-mrpnf", "sh", "-c",
             f"echo inside; mount -t {kind} none {where} && echo mounted || echo refused")
    capable(ctr, "CAP_SETFCAP")  # to map root
    assert ctr.run(*options).ok().stdout.split() == ["inside", "refused"]


@req("LNX-MASK-02", "LNX-ROP-02")
@pytest.mark.parametrize("path", ["proc/kcore", "", "./x"])
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
def test_relative(ctr, name, path):
    ctr.bundle.linux[name] = ["/proc/sys", path]
    ctr.create_fails(naming=f"linux.{name}[1]")


@req("LNX-MASK-03", "LNX-ROP-03")
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
def test_missing_path(ctr, name):
    ctr.bundle.linux[name] = ["/nosuch", "/nosuch/below"]
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"
    assert not ctr.bundle.exists("/nosuch")


@req("LNX-MASK-03", "LNX-ROP-03")
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("target", ["/../../../../../../etc", "../../../../../../../../etc"])
def test_symlink_stays_inside(ctr, name, target):
    os.symlink(target, ctr.bundle.file("/link"))
    ctr.bundle.linux[name] = ["/link"]
    before, listed = read("/proc/self/mountinfo"), sorted(os.listdir("/etc"))
    result = ctr.create()
    assert read("/proc/self/mountinfo") == before
    assert sorted(os.listdir("/etc")) == listed
    if result.code:
        result.failed()


@req("LNX-ROP-01")
def test_root_is_readonly(ctr):
    """The root is a path like others; what is mounted below it stays as it is."""
    ctr.bundle.linux["readonlyPaths"] = ["/"]
    assert ctr.sh("touch /new || echo ro; touch /dev/shm/new && echo rw").run().ok().stdout.split() == ["ro", "rw"]


@req("LNX-MASK-01")
def test_root_cannot_be_masked(ctr):
    ctr.bundle.linux["maskedPaths"] = ["/etc", "/"]
    ctr.create_fails(naming="linux.maskedPaths[1]")


@req("LNX-ROP-01")
def test_readonly(ctr):
    ctr.bundle.put("/opt/dir/file", "x")
    ctr.bundle.put("/opt/file", "x")
    ctr.bundle.mount_at("/proc")["options"] = ["nosuid", "noexec", "nodev"]
    ctr.config["mounts"].append({"destination": "/opt/dir/sub", "type": "tmpfs",
                                 "options": ["nosuid", "noexec", "nodev"]})
    ctr.bundle.linux["readonlyPaths"] = ["/proc/sys", "/opt/dir", "/opt/file"]
    seen = capable(ctr, *CAPS).probe(
        "mounts", "write", "/proc/sys/kernel/hostname", "x", "open", "/opt/dir/new", "c",
        "write", "/opt/file", "y", "open", "/opt/dir/sub/new", "c", "open", "/opt/dir/file", "r",
        "open", "/opt/other", "c")
    assert [a["errno"] for a in seen["do"]][:3] == [EROFS] * 3
    assert [a["errno"] for a in seen["do"]][3:] == [0] * 3
    assert mountinfo.at(seen["mounts"], "/proc/sys").flags >= {"ro", "nosuid", "noexec", "nodev"}
    sub = mountinfo.at(seen["mounts"], "/opt/dir/sub")
    assert sub.flags >= {"nosuid", "noexec", "nodev", "rw"}
    assert os.listdir(ctr.bundle.file("/opt/dir")).count("new") == 0


@req("LNX-ROP-01")
@pytest.mark.parametrize("how", ["hook", "earlier path", "volume", "link"])
def test_readonly_above_a_mount(ctr, how):
    """What a hook, a volume or a link brings below a read-only path stays writable; what was made read-only stays that."""
    ctr.bundle.put("/opt/dir/sub/file", "x")
    ctr.bundle.linux["readonlyPaths"] = ["/opt/dir"]
    if how == "hook":
        ctr.bundle.hook("createContainer", f"mount -t tmpfs none {ctr.bundle.rootfs}/opt/dir/sub")
    elif how == "volume":
        volume = os.path.join(ctr.top, "volume")
        os.makedirs(volume + "/dir/sub")
        mount("none", volume + "/dir/sub", "tmpfs")
        ctr.config["mounts"].append({"destination": "/opt", "type": "bind", "source": volume, "options": ["rbind"]})
    elif how == "link":
        os.symlink("opt/dir", ctr.bundle.file("/link"))
        ctr.bundle.linux["readonlyPaths"] = ["/link"]
        ctr.config["mounts"].append({"destination": "/opt/dir/sub", "type": "tmpfs", "source": "tmpfs"})
    else:
        ctr.bundle.linux["readonlyPaths"].insert(0, "/opt/dir/sub")
    seen = ctr.sh("touch /opt/dir/new || echo ro; touch /opt/dir/sub/new && echo rw; true").run().ok().stdout.split()
    assert seen == (["ro"] if how == "earlier path" else ["ro", "rw"])


# ---- propagation of the rootfs

def group(mount_entry, kind):
    found = [t for t in mount_entry.tags if t.startswith(kind + ":")]
    return int(re.search(r"\d+", found[0])[0]) if found else 0


@pytest.fixture
def volume(ctr):
    """The rootfs is a mount of the host, in a peer group as on a host with systemd; /mnt and /opt
    are there to be mounted on."""
    rootfs = ctr.bundle.rootfs
    mount(rootfs, rootfs, None, 0x5000)
    mount(None, rootfs, None, 1 << 20)
    os.mkdir(os.path.join(rootfs, "mnt"))
    return rootfs


def events(ctr, rootfs):
    """Runs the container while both sides mount; returns (came in, went out, line of /)."""
    capable(ctr, "CAP_SYS_ADMIN", *CAPS)
    ctr.args("/bin/probe", "mount", "inside", "/opt", "tmpfs", "0", "", "stay").started()
    while ctr.line() != "}":
        pass
    mount("outside", os.path.join(rootfs, "mnt"), "tmpfs")
    text = read(f"/proc/{ctr.pid}/mountinfo")
    came = mountinfo.at(text, "/mnt") is not None
    went = mountinfo.at(mountinfo.of_process(), os.path.join(rootfs, "opt")) is not None
    assert mountinfo.at(text, "/opt"), "the container cannot mount"
    return came, went, mountinfo.at(text, "/")


@req("LNX-PROP-01")
def test_shared(ctr, volume):
    ctr.bundle.linux["rootfsPropagation"] = "shared"
    came, went, root = events(ctr, volume)
    host = mountinfo.at(mountinfo.of_process(), volume)
    assert group(root, "shared") not in (0, group(host, "shared"))
    assert not went


@req("LNX-PROP-02")
def test_slave(ctr, volume):
    ctr.bundle.linux["rootfsPropagation"] = "slave"
    came, went, root = events(ctr, volume)
    assert group(root, "master")
    assert (came, went) == (True, False)


@req("LNX-PROP-03")
def test_private(ctr, volume):
    ctr.bundle.linux["rootfsPropagation"] = "private"
    came, went, root = events(ctr, volume)
    assert root.tags == []
    assert (came, went) == (False, False)


@req("LNX-PROP-04")
def test_unbindable(ctr, volume):
    ctr.bundle.linux["rootfsPropagation"] = "unbindable"
    seen = capable(ctr, "CAP_SYS_ADMIN").probe("mounts", "mount", "/", "/opt", "none", 4096, "")
    assert mountinfo.at(seen["mounts"], "/").tags == ["unbindable"]
    assert seen["do"][0]["errno"] == EINVAL


@req("LNX-PROP-05")
@pytest.mark.parametrize("value", ["rshared", "foo", "", "Private"])
def test_unknown_propagation(ctr, value):
    ctr.bundle.linux["rootfsPropagation"] = value
    ctr.create_fails(naming="linux.rootfsPropagation")
