# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.6: cgroups, the device filter."""

import json
import os
import subprocess

import pytest

from lib.bundle import CAPS
from lib.cgroups import dir_of
from lib.container import reap_strays
from lib.host import facts, read
from threats import threat

ALL = ["CAP_" + c for c in CAPS]
EPERM = 1


def mapped(ctr):
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]


@threat("CVE-2023-25809", "CVE-2022-0492", "G3")
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("how", ["cgroup", "cgroup-ro", "rbind"])
def test_cgroups_are_read_only(ctr, how, own, user):
    """No group can be made and no file written below /sys/fs/cgroup, release_agent not among them."""
    if user:
        mapped(ctr)
    if not own:
        ctr.bundle.drop_namespace("cgroup")
    if how == "rbind":
        if not user:  # root without a user namespace gets what its config says: doc/decisions.md
            return
        ctr.config["mounts"].remove(ctr.bundle.mount_at("/sys"))
        ctr.config["mounts"].append({"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind"]})
        if own:
            return
    else:
        ctr.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                     "options": ["nosuid", "noexec", "nodev"] + (["ro"] if how == "cgroup-ro" else [])})
    if own and how == "cgroup":
        return  # asked for rw with a namespace of its own: that is granted
    ctr.process["capabilities"] = {k: ["CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted")}
    ctr.sh("mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do"
           " for f in release_agent notify_on_release cgroup.procs tasks cgroup.subtree_control; do"
           " [ -e $d/$f ] && (echo 1 >$d/$f) 2>/dev/null && echo wrote $d/$f;"
           " mkdir $d/x 2>/dev/null && echo made $d/x; done; done; echo end")
    assert ctr.run().ok().stdout == "end\n"


RULES = {
    "none": ([], {}),
    "deny": ([{"allow": False, "access": "rwm"}], {}),
    "one": ([{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
            {("c", 10, 229)}),
    "mixed": ([{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}, {"allow": False, "access": "rwm"},
               {"allow": True, "type": "b", "access": "r"}, {"allow": False, "type": "b", "major": 7, "access": "r"}],
              {("b", 8, 0), ("b", 253, 1)}),
}
DEVICES = [("c", 10, 229), ("c", 10, 200), ("c", 4, 0), ("c", 1, 1), ("c", 1, 4), ("b", 7, 0), ("b", 8, 0), ("b", 253, 1),
           ("c", 29, 0), ("c", 13, 63), ("c", 226, 0)]


@threat("GHSA-g54h-m393-cpwq", "G4")
@pytest.mark.parametrize("which", RULES)
def test_device_list_is_an_allow_list(ctr, which):
    rules, granted = RULES[which]
    if which == "mixed" and not facts.cgroup2:
        rules = rules[:-1]  # v1 cannot take a part out of a wider rule
        granted = {d for d in DEVICES if d[0] == "b"}
    ctr.process["capabilities"] = {k: ALL for k in ("bounding", "effective", "permitted", "inheritable")}
    ctr.bundle.linux["resources"] = {"devices": rules}
    words = []
    for i, (kind, major, minor) in enumerate(DEVICES):
        os.mknod(ctr.bundle.file(f"/node{i}"), 0o60666 if kind == "b" else 0o20666, os.makedev(major, minor))
        words += ["open", f"/node{i}", "r"]
    done = ctr.probe(*words)["do"]
    allowed = {d for d, r in zip(DEVICES, done) if r["ret"] == 0 or r["errno"] != EPERM}
    assert allowed == set(granted), allowed ^ set(granted)


@threat("GHSA-g54h-m393-cpwq", "G4")
def test_device_list_holds_in_exec_and_after_update(ctr):
    ctr.process["capabilities"] = {k: ALL for k in ("bounding", "effective", "permitted", "inheritable")}
    os.mknod(ctr.bundle.file("/kmsg"), 0o20666, os.makedev(1, 11))
    os.mknod(ctr.bundle.file("/mem"), 0o20666, os.makedev(1, 1))
    ctr.started()
    for _ in range(2):
        for node in ("/kmsg", "/mem"):
            result = ctr.exec("/bin/dd", f"if={node}", "of=/dev/null", "count=1", "bs=1")
            assert result.code and "not permitted" in result.stderr, result.stderr
        ctr.call("update", "--pids-limit", "100", ctr.id).ok()


# A view of cgroup v2 alone, whatever the host has.
V2 = """exec unshare -m /bin/sh -c 'umount -l /sys/fs/cgroup; mount -t cgroup2 c /sys/fs/cgroup; exec "$@"' sh "$@\""""
BPF_PROG_QUERY = "16"
LEAST = {"bpf": 64, "clone3": 88, "openat2": 24, "mount_setattr": 32, "open_tree_attr": 32}


@threat("BPF_PROG_QUERY", "G5")
def test_structs_for_the_kernel_are_whole(ctr, attacker):
    """The kernel writes 64 bytes of the union of bpf(2), whatever size it is told; what a call does not use is zero."""
    ctr.bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    ctr.bundle.linux["cgroupsPath"] = f"/{ctr.id}"
    ctr.bundle.put("/resources", json.dumps({"devices": [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]}))
    found, out = [], ctr.top + "/structs"
    ctr.args("/bin/sleep", "100").bundle.write()
    for words in (("create", "--bundle", ctr.bundle.path, ctr.id), ("update", "--resources", ctr.bundle.file("/resources"), ctr.id),
                  ("delete", "--force", ctr.id)):
        kw = {"stdout": subprocess.DEVNULL} if words[0] == "create" else {}
        ctr.call(*words, wrap=f'exec 3>{out}; set -- {attacker} structs "$@"; {V2}', **kw).ok()
        found += [line.split() for line in read(out).splitlines()]
    reap_strays()
    names = {f[0] for f in found}
    assert names >= {"bpf"} and (not ctr.rt.is_hull or names >= {"clone3", "openat2"} and names & {"mount_setattr", "open_tree_attr"})
    short = [f for f in found if int(f[2]) < LEAST[f[0]] and (ctr.rt.is_hull or f[0] == "bpf")]
    assert not short, short
    queries = [bytes.fromhex(f[3]) for f in found if f[:2] == ["bpf", BPF_PROG_QUERY]]
    assert queries, "the filter was replaced without a look at what is there"
    for text in queries:  # target, type, flags, ids, their number: 28 bytes
        assert not any(text[28:]), text.hex()


@threat("exec-cgroup", "G1")
def test_sub_cgroup_of_exec(ctr):
    """Nothing but a group below the container's own, by component."""
    ctr.started()
    made = [own + tail for own in ctr.cgroups for tail in ("-suffix", "/inside")]
    name = os.path.basename(ctr.cgroups[0])
    for path in made:
        os.mkdir(path)
    try:
        for text in ("..", "../x", f"../{name}-suffix", "inside/..", "inside/../..", "a/../b", "inside//..", "./..",
                     f"inside/../../{name}-suffix"):
            result = ctr.call("exec", "--cgroup", text, ctr.id, "/bin/true")
            result.failed()
        assert not [path for path in made if read(path + "/cgroup.procs")]
    finally:
        for path in made:
            os.rmdir(path)


def plan(ctr, resources):
    """What the runtime would do with them where cgroup v2 has the controllers."""
    ctr.bundle.linux["resources"] = resources
    ctr.bundle.write()
    return ctr.call("plan", "--bundle", ctr.bundle.path, wrap=V2)


@threat("exec-cgroup", "G1")
@pytest.mark.hull_only
@pytest.mark.parametrize("key", ["../memory.max", "a/b.c", "/etc/x.y", "..", "", "cgroup.procs/../x", "pids.max\n"])
def test_keys_of_unified(ctr, key):
    plan(ctr, {"unified": {"pids.max": "1"}}).ok()
    assert "/linux/resources/unified" in plan(ctr, {"unified": {key: "1"}}).failed().stderr
    ctr.create_fails()


@threat("exec-cgroup", "G1")
@pytest.mark.hull_only
@pytest.mark.parametrize("size", ["../../x", "2MB/../..", "", "2", "MB", "-2MB", "2MB\n", "2mb"])
def test_huge_page_sizes(ctr, size):
    plan(ctr, {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}).ok()
    assert "/pageSize" in plan(ctr, {"hugepageLimits": [{"pageSize": size, "limit": 0}]}).failed().stderr
    ctr.create_fails()


@threat("exec-cgroup", "G1")
@pytest.mark.hull_only
@pytest.mark.parametrize("name", ["..", "../x", "a/b", "/x", ".", "x\n"])
def test_delegated_group(ctr, name):
    """The annotation that names a group for the payload: one component below the container's own."""
    key = "run.oci.delegate-cgroup"
    ctr.config["annotations"] = {key: "payload"}
    plan(ctr, {}).ok()
    ctr.config["annotations"] = {key: name}
    assert "/annotations/" + key in plan(ctr, {}).failed().stderr
    ctr.create_fails()


@threat("G1")
@pytest.mark.parametrize("path", ["../../escape", "/..", "/a/../../b", "..", "/"])
@pytest.mark.hull_only
def test_cgroups_path(ctr, path):
    ctr.bundle.linux["cgroupsPath"] = path
    ctr.create_fails(naming="linux.cgroupsPath")


@threat("CVE-2023-6476", "G1")
def test_no_annotation_lifts_a_limit(ctr):
    ctr.config["annotations"] = {
        "io.kubernetes.cri-o.UnifiedCgroup": "pids.max=max", "io.kubernetes.cri-o.UnifiedCgroup.x": "pids.max=max",
        "run.oci.cgroup.pids.max": "max", "unified.pids.max": "max"}
    ctr.bundle.linux["resources"] = {"pids": {"limit": 17}}
    ctr.started()
    assert read(dir_of(ctr, "pids") + "/pids.max").strip() == "17"


@threat("G2")
def test_cgroup_namespace_begins_at_the_own_group(ctr):
    text = ctr.args("/bin/cat", "/proc/self/cgroup").run().ok().stdout
    assert {line.split(":", 2)[2] for line in text.splitlines()} == {"/"}, text
    assert facts.root
