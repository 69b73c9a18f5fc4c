"""config.md#linux-process: apparmorProfile, selinuxLabel; config-linux.md#mount-label."""

import shutil
import subprocess

import pytest

from lib import facts, req, skip_unless

PROFILE = "hull-conform"


@pytest.fixture
def profile():
    """A loaded profile that allows all but writing /forbidden."""
    skip_unless(shutil.which("apparmor_parser"), "no apparmor_parser")
    text = (f"profile {PROFILE} flags=(attach_disconnected) "
            "{ file, capability, signal, mount, umount, deny /forbidden w, }\n")
    subprocess.run(["apparmor_parser", "-r"], input=text, text=True, check=True)
    yield PROFILE
    subprocess.run(["apparmor_parser", "-R"], input=text, text=True, check=True)


@req("CFG-LSM-01")
def test_apparmor(ctr, profile):
    ctr.process["apparmorProfile"] = profile
    seen = ctr.probe("label", "open", "/forbidden", "c", "open", "/allowed", "c")
    assert seen["label"].strip().startswith(profile)
    assert [a["errno"] for a in seen["do"]] == [13, 0]


@req("CFG-LSM-02")
def test_apparmor_profile_is_unknown(ctr):
    ctr.process["apparmorProfile"] = "hull-conform-nosuch"
    ctr.create_fails(naming="process.apparmorProfile")


@req("CFG-LSM-03")
def test_selinux(ctr):
    label = "system_u:system_r:container_t:s0:c1,c2"
    ctr.process["selinuxLabel"] = label
    assert ctr.probe("label")["label"].strip("\n\0") == label


@req("CFG-LSM-04")
def test_selinux_label_cannot_be_set(ctr):
    """On a host without SELinux any label, elsewhere an invalid one."""
    label = "not a label" if facts.selinux else "system_u:system_r:container_t:s0:c1,c2"
    ctr.process["selinuxLabel"] = label
    ctr.create_fails(naming="process.selinuxLabel")


@req("LNX-LABEL-01")
def test_mount_label(ctr):
    label = "system_u:object_r:container_file_t:s0:c1,c2"
    ctr.bundle.linux["mountLabel"] = label
    seen = ctr.probe("mounts", "getxattr", "/dev/shm", "security.selinux")
    line = next(m for m in seen["mounts"].splitlines() if m.split(" ")[4] == "/dev/shm")
    assert "context=" in line
    assert seen["do"][0]["value"] == label


@req("S-31", needs=["root", "selinux"])
@pytest.mark.hull_only
@pytest.mark.parametrize("kind", ["context", "fscontext", "rootcontext"])
def test_mount_context_type(ctr, kind):
    """run.oci.mount_context_type says by which of the mount options the label is given."""
    label = "system_u:object_r:container_file_t:s0:c1,c2"
    ctr.config["annotations"] = {"run.oci.mount_context_type": kind}
    ctr.bundle.linux["mountLabel"] = label
    mounts = ctr.probe("mounts")["mounts"].splitlines()
    options = next(m for m in mounts if m.split(" ")[4] == "/dev/shm").rpartition(" - ")[2]
    assert [w for w in options.replace(" ", ",").split(",") if "context=" in w] == [
        f'{kind}="{label.split(",", maxsplit=1)[0]}']


@req("S-31", needs=["root", "selinux"])
@pytest.mark.hull_only
def test_default_context(ctr):
    """KERNEL: defcontext is only for file systems that keep labels, which tmpfs does not count as."""
    ctr.config["annotations"] = {"run.oci.mount_context_type": "defcontext"}
    ctr.bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0"
    ctr.create_fails(naming="mounts[1]")


@req("LNX-LABEL-02")
def test_mount_label_without_selinux(ctr):
    skip_unless(not facts.selinux, "this host has SELinux")
    ctr.bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
    ctr.create_fails(naming="linux.mountLabel")
