"""config-linux.md#control-groups and #cgroups-path, with v1 in the hierarchies of v1."""

import json
import os
import shlex
import subprocess

import pytest

from lib import facts, hull_only, mountinfo, req, skip_unless
from lib import cgroups
from lib.cgroups import V2, dir_of, path_of, top, version
from lib.host import read

HERE = ["root"]
BY_PATH = ["root", "cgroupfs"]  # systemd has units, not paths


@pytest.fixture
def seat():
    """The controller whose hierarchy is looked at; v2 has only one hierarchy."""
    skip_unless(facts.cgroup2 or "pids" in facts.controllers1, "no hierarchy to look at")
    return "pids"


def placed(ctr, path):
    ctr.bundle.linux["cgroupsPath"] = path
    return ctr


@req("LNX-CG-01", "LNX-CG-02", needs=BY_PATH)
def test_create_into_a_populated_cgroup(ctr, make_group, seat, record_property):
    group = make_group(ctr, seat)
    guest = group.guest()
    before = sorted(os.listdir(group.dir))
    result = placed(ctr, group.path).create()
    record_property("create into a populated cgroup", "refused" if result.code else "taken")
    assert guest.poll() is None and guest.pid in group.pids()
    if result.code:
        result.failed()
        ctr.gone()
        assert group.pids() == [guest.pid]
        assert sorted(os.listdir(group.dir)) == before
    else:
        assert path_of(ctr.pid, seat) == group.path


@req("LNX-CG-02", needs=BY_PATH)
def test_populated_cgroup_outlives_delete(ctr, make_group, seat):
    """The same from the other end: what the container did not bring is not killed with it."""
    group = make_group(ctr, seat)
    guest = group.guest()
    if placed(ctr, group.path).create().code == 0:
        ctr.delete("--force")
    assert guest.poll() is None and group.pids() == [guest.pid]


@hull_only
@req("S-04", needs=BY_PATH)
def test_list_knows_a_freeze_above(ctr, make_ctr, record_property):
    """Its own freeze and one of the group above, of containers that have that group together or not."""
    skip_unless(facts.cgroup2, "v1 has a freezer of its own")
    several = [ctr, make_ctr(), make_ctr(), make_ctr()]
    for one, group in zip(several, ("near", "near", "far", "near")):
        one.root = ctr.root
        placed(one, f"/hull-test-{ctr.id}-{group}/{one.id}").created()
    near = os.path.dirname(dir_of(ctr))

    def freeze(directory, on):
        with open(f"{directory}/cgroup.freeze", "w", encoding="ascii") as f:
            f.write(on)

    def listed():
        rows = {e["id"]: e["status"] for e in json.loads(ctr.call("list", "--format", "json").ok().stdout)}
        assert rows == {one.id: one.status_word() for one in several}, "list says what state says"
        return [rows[one.id] for one in several]
    freeze(near, "1")
    assert listed() == ["paused", "paused", "created", "paused"]
    freeze(near, "0")
    assert listed() == ["created"] * 4
    for last, path in ((1, dir_of(several[1])), (2, dir_of(several[2]))):
        freeze(path, "1")
        assert listed() == ["paused" if i == last else "created" for i in range(4)]
        freeze(path, "0")
    for one in several[1:]:
        one.delete("--force").ok()


@req("LNX-CG-01", "LNX-CG-02", needs=HERE)
def test_start_into_a_frozen_cgroup(ctr, seat, record_property):
    skip_unless(facts.cgroup2 or "freezer" in facts.controllers1, "no freezer")
    ctr.sh("echo ran").created()
    name = os.path.join(dir_of(ctr, "freezer"), version("cgroup.freeze", "freezer.state"))

    def freeze(on):
        with open(name, "w", encoding="ascii") as f:
            f.write(version(str(on), "FROZEN" if on else "THAWED"))
    freeze(1)
    try:
        code = ctr.start(timeout=1).code
        what = "refused" if code else "taken"
    except AssertionError:
        code, what = -1, "waits"
    record_property("start in a frozen cgroup", what)
    freeze(0)
    if code > 0:
        assert ctr.status_word() == "created"
    elif code == 0:
        assert ctr.output() == "ran\n"


@req("LNX-CGPATH-01")
def test_no_path(ctr):
    placed(ctr, 7).create_fails(naming="linux.cgroupsPath")


@req("LNX-CGPATH-01")
def test_path_with_nul(ctr):
    placed(ctr, "/a\0b").create_fails(naming="linux.cgroupsPath")


@req("LNX-CGPATH-02", needs=BY_PATH)
def test_absolute(ctr, seat):
    placed(ctr, f"/{ctr.id}/c1").created()
    assert path_of(ctr.pid, seat) == f"/{ctr.id}/c1"


@req("LNX-CGPATH-02", needs=BY_PATH)
def test_absolute_is_not_from_the_caller(ctr, make_group, seat):
    """The runtime itself is in a group below the root."""
    group = make_group(ctr, seat)

    def move():
        with open(os.path.join(group.dir, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write("0")
    placed(ctr, f"/{ctr.id}/c1").created(preexec=move)
    assert path_of(ctr.pid, seat) == f"/{ctr.id}/c1"


@req("LNX-CGPATH-03", needs=BY_PATH)
def test_relative(ctr, seat, record_property):
    placed(ctr, f"{ctr.id}/c1").created()
    path = path_of(ctr.pid, seat)
    assert path.endswith(f"/{ctr.id}/c1")
    record_property("relative paths are below", path.removesuffix(f"/{ctr.id}/c1") or "/")


@req("LNX-CGPATH-04", needs=BY_PATH)
@pytest.mark.parametrize("slash", ["", "/"])
def test_same_place_each_time(make_ctr, seat, slash):
    seen, path = [], None
    for cwd in ("/", "/usr", "/tmp"):
        ctr = make_ctr()
        path = path or f"{slash}{ctr.id}/c1"
        placed(ctr, path).created(cwd=cwd)
        seen.append(path_of(ctr.pid, seat))
        ctr.cgroups += [cgroups.place(seen[0], seat)]
        ctr.delete("--force").ok()
    assert len(set(seen)) == 1 and seen[0].endswith(path)


@req("LNX-CGPATH-05", needs=HERE)
def test_default(ctr, seat, record_property):
    ctr.created()
    path = path_of(ctr.pid, seat)
    assert ctr.id in path and path_of(os.getpid(), seat) != path
    record_property("default cgroup", path.replace(ctr.id, "ID"))


@req("LNX-CGPATH-06", needs=HERE)
@pytest.mark.parametrize("path", [
    "/../../{id}", "{id}/b/../../../../{id}b", "../{id}", "/{id}/../{id}b"])
def test_invalid(ctr, seat, path, record_property):
    """Refused, or taken for a place below the root. No path here may mean the root itself: a
    runtime that takes it kills at delete all there is on the host."""
    result = placed(ctr, path.format(id=ctr.id)).create()
    record_property(path, "refused" if result.code else "taken")
    if result.code:
        result.failed()
        ctr.gone()
    else:
        found = path_of(ctr.pid, seat)
        assert found != "/" and ".." not in found and ctr.id in found
        assert os.path.isdir(cgroups.place(found, seat))
    for above in ("/sys", "/sys/fs", "/sys/fs/cgroup" if not facts.cgroup2 else "/sys/fs"):
        assert not [n for n in os.listdir(above) if ctr.id in n]


def without_rights(ctr):
    """A shell that enters a user namespace from which no cgroup can be made."""
    ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
    points = r"s,^[^ ]* \(/sys/fs/cgroup[^ ]*\) cgroup.*,\1,p"
    setup = f"for m in $(sed -n '{points}' /proc/mounts); do mount -o remount,bind,ro $m; done"
    wrap = f'{setup}; exec unshare --user --map-root-user --mount "$@"'
    return f"exec unshare --mount sh -c {shlex.quote(wrap)} sh \"$@\""


@req("LNX-CGPATH-05", needs=["root", "userns", "cgroupfs"])
def test_no_right_to_make_any(ctr):
    """A caller in a user namespace that may make no cgroup: the container stays in the caller's, and a
    cgroup mount shows that."""
    ctr.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
    seen = ctr.probe("mounts", wrap=without_rights(ctr))
    assert any(m.point == "/sys/fs/cgroup" for m in mountinfo.parse(seen["mounts"]))


@req("LNX-CGPATH-05", needs=["root", "userns", "cgroupfs"])
@hull_only
def test_no_right_to_make_the_one_that_is_named(ctr):
    """A warning, once; with --strict an error."""
    wrap = without_rights(ctr)
    ctr.bundle.linux["cgroupsPath"] = f"/{ctr.id}-named"
    ctr.bundle.linux.pop("resources", None)
    told = ctr.sh("exit 0").run(wrap=wrap).ok().stderr
    assert told.count("cgroupsPath") == 1 and "caller's cgroup" in told, told
    strict = ctr.call("--strict", "run", "--bundle", ctr.bundle.path, ctr.id, wrap=wrap).failed()
    assert "cgroupsPath" in strict.stderr or ctr.bundle.linux["cgroupsPath"] in strict.stderr


@req("LNX-CGPATH-07", needs=BY_PATH)
def test_all_levels_are_made(ctr, seat):
    placed(ctr, f"/{ctr.id}-new/deep/c1").created()
    where = cgroups.place(f"/{ctr.id}-new/deep/c1", seat)
    assert os.path.isdir(where)
    with open(where + "/cgroup.procs", encoding="ascii") as f:
        assert str(ctr.pid) in f.read().split()
    ctr.cgroups += [where, os.path.dirname(where), os.path.dirname(os.path.dirname(where))]


@req("LNX-CGPATH-08", needs=BY_PATH)
@pytest.mark.parametrize("name,text", [("pids.max", "77"), ("hugetlb.2MB.max", "4194304")])
def test_limits_stay(ctr, make_group, name, text):
    controller = name.split(".")[0]
    cgroups.need(controller)
    group = make_group(ctr, controller)
    if facts.cgroup2 and not os.path.exists(os.path.join(group.dir, name)):
        with open(V2 + "/cgroup.subtree_control", "w", encoding="ascii") as f:
            f.write(f"+{controller}")
    group.write(name, text)
    placed(ctr, group.path).created()
    assert path_of(ctr.pid, controller) == group.path
    assert group.read(name) == text


@req("LNX-CGPATH-07", needs=BY_PATH)
def test_controllers_without_limits(ctr):
    """In v2 the group has what its host has, limited or not: who manages groups inside counts on it."""
    skip_unless(facts.cgroup2 and facts.controllers, "no controller in cgroup v2 here")
    ctr.bundle.linux.pop("resources", None)
    placed(ctr, f"/{ctr.id}-new/deep/c1").created()
    where = cgroups.place(f"/{ctr.id}-new/deep/c1")
    ctr.cgroups += [where, os.path.dirname(where), os.path.dirname(os.path.dirname(where))]
    assert set(read(where + "/cgroup.controllers").split()) >= set(read(V2 + "/cgroup.controllers").split())


@req("LNX-CGPATH-09")
def test_systemd_unit(ctr):
    unit = f"hull-{ctr.id}.scope"
    placed(ctr, f"system.slice:hull:{ctr.id}")
    ctr.bundle.write()
    ctr.call("--systemd-cgroup", "create", "--bundle", ctr.bundle.path, "--pid-file", ctr.pid_file,
             ctr.id).ok()
    with open(ctr.pid_file, encoding="ascii") as f:
        ctr.watch(int(f.read()))
    show = subprocess.run(["systemctl", "show", "-p", "ActiveState,ControlGroup", unit],
                          capture_output=True, text=True, check=True).stdout
    seen = dict(line.split("=", 1) for line in show.split())
    assert seen["ActiveState"] == "active"
    # in the unit or, as it is delegated, below
    assert (path_of(ctr.pid, "pids") + "/").startswith(seen["ControlGroup"] + "/")


@req("LNX-CGPATH-10", needs=HERE)
def test_controllers(ctr, seat, record_property):
    ctr.created()
    if facts.cgroup2:
        with open(dir_of(ctr) + "/cgroup.controllers", encoding="ascii") as f:
            found = f.read().split()
        assert set(found) <= set(facts.controllers)
    else:
        names = {c for line in read("/proc/self/cgroup").splitlines()
                 for c in line.split(":")[1].split(",")}
        found = sorted(c for c in facts.controllers1 & names if ctr.id in path_of(ctr.pid, c))
        assert found, "the container has no cgroup of its own"
    record_property("controllers of a container without resources", json.dumps(found))
