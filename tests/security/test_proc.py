# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.2: writes to /proc that go elsewhere, and labels that get lost."""

import os

import pytest

from lib import facts, skip_unless
from lib.host import in_child, read
from threats import threat

LXCFS = ["/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/diskstats",
         "/proc/swaps"]


def refused(ctr, *words):
    """REFUSE: one line, no container; HOST-CLEAN is the guard's."""
    result = ctr.create_fails()
    lines = [x for x in result.stderr.splitlines() if x.strip() and "warning" not in x]
    assert lines, "a refusal without a word"
    if ctr.rt.is_hull:
        assert len(lines) == 1, lines
        for word in words:
            assert word in lines[0], lines[0]
    return result


@threat("CVE-2015-3630", "CVE-2015-3631", "M5")
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("place", ["/proc/self/attr", "/proc/thread-self/attr/exec", "/proc/sys", "/proc/1", "/proc/1/attr",
                                   "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/keys", "/proc/self"])
def test_mounts_below_proc(ctr, canary, place, kind):
    source = canary.path + "/dir"
    if place.rsplit("/", 1)[1] in ("exec", "sysrq-trigger", "core_pattern", "keys"):
        source = canary.path + "/file"
    ctr.config["mounts"].append({"destination": place, "type": kind, "source": source,
                                 "options": ["bind"] if kind == "bind" else []})
    refused(ctr, "/mounts/5")


@threat("CVE-2015-3631", "M5")
def test_lxcfs_files_may_be_covered(ctr, canary):
    for place in LXCFS:
        ctr.config["mounts"].append({"destination": place, "type": "bind", "source": canary.path + "/file",
                                     "options": ["bind", "ro"]})
    text = ctr.args("/bin/cat", *LXCFS).run().ok().stdout
    assert text == "canary\n" * len(LXCFS)


@threat("CVE-2019-16884", "M5", "F3")
@pytest.mark.parametrize("place", ["/proc", "/proc/", "//proc", "/./proc", "/proc/.", "/tmp/../proc", "/link", "/link/../link"])
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_volume_on_proc(ctr, canary, place, kind):
    """An image declares a volume on /proc, by whatever spelling: before or after the real procfs."""
    os.symlink("/proc", ctr.bundle.file("/link"))
    os.makedirs(canary.path + "/dir/self/attr", exist_ok=True)
    canary.before = canary.look()
    volume = {"destination": place, "type": kind, "source": canary.path + "/dir", "options": ["bind"] if kind == "bind" else []}
    proc = ctr.bundle.mount_at("/proc")
    for order in ([proc, volume], [volume, proc], [volume]):
        ctr.config["mounts"] = order
        result = ctr.sh("stat -f -c %t /proc; echo").run()
        if result.code == 0:  # not over it: then the procfs is what is there
            assert result.stdout.split()[0] == "9fa0", f"{order}: {result.stdout}"


@threat("CVE-2023-27561", "CVE-2023-28642", "CVE-2025-54867", "CVE-2019-19921", "M5")
@pytest.mark.parametrize("what", ["dir", "root", "dangling", "self", "file", "fifo", "out", "device"])
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_and_sys_of_the_image(ctr, canary, name, what):
    """Only a directory is a place for them."""
    path = ctr.bundle.file("/" + name)
    os.rmdir(path)
    target = {"dir": "/tmp", "root": "/", "dangling": "/nosuch", "self": "/" + name, "out": canary.path + "/dir"}.get(what)
    if target:
        os.symlink(target, path)
    elif what == "file":
        ctr.bundle.put("/" + name, "")
    elif what == "device":
        os.mknod(path, 0o20666, os.makedev(1, 3))
    else:
        os.mkfifo(path)
    refused(ctr, f"/{name} must be mounted on ordinary directory")


@threat("CVE-2019-19921", "CVE-2023-27561", "M5", "P3")
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_exchanged_meanwhile(ctr, step, canary, name):
    """STEP: a neighbour exchanges the mount point of the image for a link out of it."""
    here, link = ctr.bundle.file("/" + name), ctr.bundle.file("/evil")
    os.symlink("/tmp", link)
    magic = {"proc": "9fa0", "sys": "62656572"}[name]
    # the kernel resolves /proc and /sys inside, after the program has begun: exchanged back by then or not,
    # what was mounted is on the directory
    ctr.sh(f"stat -f -c %t /{name}/. /evil/. /tmp/.")

    def judge(result):
        if result.code == 0:
            kinds = result.stdout.split()
            assert magic in kinds[:2], kinds
            assert magic not in kinds[2:], kinds
    assert step(ctr, here, link, judge, points=24), "nothing worked"


@threat("CVE-2025-52881", "CVE-2025-62596", "F1", "F2")
def test_sysctl_goes_to_procfs_alone(ctr, step, canary):
    """STEP: /proc changes places with a tree that looks like it; the value arrives, or nothing does."""
    fake = ctr.bundle.file("/fake")
    os.makedirs(fake + "/sys/fs/mqueue")
    os.makedirs(fake + "/sys/kernel")
    os.makedirs(fake + "/self/attr")
    for name in ("/sys/fs/mqueue/msg_max", "/sys/kernel/msgmax", "/self/attr/exec", "/self/attr/current"):
        os.link(canary.path + "/file", fake + name)
    canary.before = canary.look()
    ctr.bundle.linux["sysctl"] = {"kernel.msgmax": "12345"}
    ctr.sh("cat /proc/sys/kernel/msgmax /fake/sys/kernel/msgmax 2>/dev/null; true")

    def judge(result):
        if result.code == 0 or "12345" in result.stdout:
            assert "12345" in result.stdout.split(), result.stdout
    assert step(ctr, ctr.bundle.file("/proc"), fake, judge, points=24)


@threat("CVE-2025-52881", "CVE-2019-19921", "F1", "M2")
@pytest.mark.parametrize("covered", [False, True])
def test_sysctl_with_a_covered_proc(ctr, canary, covered):
    """A hook has put files of its own over the container's /proc/sys by the time sysctls are written: the value is the
    kernel's, or it is an error."""
    want = {"kernel/msgmax": "23456", "net/ipv4/ip_forward": "1"}
    ctr.bundle.linux["sysctl"] = want
    if covered:
        ctr.bundle.hook("createContainer", f"cd {ctr.bundle.rootfs}/proc/sys && mount -t tmpfs evil . && cd ../sys &&"
                                           " for f in kernel/msgmax net/ipv4/ip_forward; do mkdir -p ${f%/*}; echo 0 >$f; done")
    result = ctr.args("/bin/sleep", "100").create()
    if covered and result.code and not ctr.rt.is_hull:
        result.failed()
        return
    result.ok()
    for name, value in want.items():  # the kernel shows those of the reader's namespaces
        text = in_child(lambda name=name: read("/proc/sys/" + name), *(f"/proc/{ctr.pid}/ns/{n}" for n in ("ipc", "net")))
        assert text.strip() == value, (name, text)
        if covered:
            assert read(f"/proc/{ctr.pid}/root/proc/sys/{name}").strip() == "0", "the hook's file was written"
    assert read("/proc/sys/kernel/msgmax").strip() != "23456"


@threat("AppArmor-lost", "CVE-2019-16884", "F4")
@pytest.mark.parametrize("field, value", [("apparmorProfile", "hull-no-such-profile"), ("apparmorProfile", "unconfined_foo"),
                                          ("selinuxLabel", "system_u:system_r:hull_no_t:s0")])
@pytest.mark.parametrize("user", [False, True])
def test_label_that_cannot_be_applied(ctr, field, value, user):
    """A label is in force or the container is not."""
    skip_unless(not (facts.apparmor and "apparmor" in field and value == "unconfined"), "the profile exists")
    if user:
        ctr.bundle.namespace("user")
        for kind in ("uidMappings", "gidMappings"):
            ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    ctr.process[field] = value
    result = ctr.sh("echo ran").run()
    result.failed()
    assert "ran" not in result.stdout
    if ctr.rt.is_hull:
        assert f"/process/{field}" in result.stderr, result.stderr
