"""config.md#mounts and #posix-platform-mounts."""

import json
import os

import pytest

from lib import assert_names, assert_says, mountinfo, req, skip_unless
from lib.host import read


def add(ctr, destination, **entry):
    ctr.config["mounts"].append({"destination": destination} | entry)
    return f"mounts[{len(ctr.config['mounts']) - 1}]"


def tmpfs(ctr, destination, *options, source="tmpfs"):
    return add(ctr, destination, type="tmpfs", source=source, options=list(options))


@pytest.fixture
def vol(ctr):
    """A host directory with a file, beside config.json."""
    path = os.path.join(ctr.bundle.path, "vol")
    os.mkdir(path)
    os.chmod(path, 0o755)
    with open(os.path.join(path, "marker"), "w", encoding="ascii") as f:
        f.write("from the volume\n")
    return path


@req("CFG-MOUNT-01")
def test_order(ctr):
    for destination in ("/a", "/a/b", "/c/d", "/c"):
        tmpfs(ctr, destination, source="x" + destination[-1])
    seen = ctr.probe("mounts", "stat", "/c/d")
    points = [m.point for m in mountinfo.parse(seen["mounts"])]
    assert [p for p in points if p[1:2] in ("a", "c")] == ["/a", "/a/b", "/c/d", "/c"]
    assert mountinfo.at(seen["mounts"], "/a/b").parent == mountinfo.at(seen["mounts"], "/a").id
    assert seen["do"][0]["errno"] == 2, "/c/d is under the later mount of /c"


@req("CFG-MOUNT-02", "CFG-MOUNT-09", "CFG-MOUNT-11", "CFG-MOUNT-14")
def test_parameters(ctr):
    tmpfs(ctr, "/a", "nosuid", "size=1m", source="foo")
    add(ctr, "/b", type="tmpfs", source="xyz")
    add(ctr, "/c", type="tmpfs")
    add(ctr, "/d", type="tmpfs", options=[])
    tmpfs(ctr, "/e", "ro", "mode=700", "noexec")
    tmpfs(ctr, "/f", "size=2m", "nr_inodes=7", "mode=711")
    seen = ctr.probe("mounts", "statfs", "/f")
    a, b, c, d, e, f = (mountinfo.at(seen["mounts"], f"/{n}") for n in "abcdef")
    assert (a.source, a.fstype) == ("foo", "tmpfs")
    assert "nosuid" in a.flags and "size=1024k" in a.supers
    assert b.source == "xyz" and b.fstype == c.fstype == d.fstype == "tmpfs"
    assert "rw" in b.flags & c.flags & d.flags
    assert e.flags >= {"ro", "noexec"} and "mode=700" in e.supers
    assert f.supers >= {"size=2048k", "nr_inodes=7", "mode=711"}
    assert seen["do"][0]["blocks"] * seen["do"][0]["bsize"] == 2 << 20


@req("CFG-MOUNT-03", "CFG-MOUNT-04")
def test_relative_destination(ctr):
    ctr.process["cwd"] = "/usr"
    tmpfs(ctr, "data")
    tmpfs(ctr, "data2/x")
    points = [m.point for m in mountinfo.parse(ctr.probe("mounts")["mounts"])]
    assert "/data" in points and "/data2/x" in points


@req("CFG-MOUNT-05")
@pytest.mark.parametrize("target", [
    "/../../../etc", "../../../../../../../../etc", "/proc/1/root", "/proc/self/root/etc"])
def test_destination_stays_inside(ctr, target, record_property):
    os.symlink(target, ctr.bundle.file("/l"))
    tmpfs(ctr, "/l", source="conform-inside")
    before, names = read("/proc/self/mountinfo"), sorted(os.listdir("/etc"))
    result = ctr.args("/bin/cat", "/proc/self/mountinfo").run()
    record_property(target, "refused" if result.code else "mounted inside")
    assert read("/proc/self/mountinfo") == before
    assert sorted(os.listdir("/etc")) == names
    if result.code:
        result.failed()
    else:
        assert any(m.source == "conform-inside" for m in mountinfo.parse(result.stdout))


@req("CFG-MOUNT-06")
@pytest.mark.parametrize("entry", [{"type": "tmpfs"}, {"type": "tmpfs", "destination": ""}])
def test_destination_is_missing(ctr, entry):
    ctr.config["mounts"].append(entry)
    ctr.create_fails(naming="mounts[5].destination")


@req("CFG-MOUNT-07", "CFG-MOUNT-08", "CFG-MOUNT-10", "CFG-MOUNT-17")
def test_bind_sources(ctr, vol):
    marker = os.path.join(vol, "marker")
    ctr.bundle.put("/etc/foo", "hidden\n")
    add(ctr, "/dir", type="none", source=vol, options=["bind"])
    add(ctr, "/etc/foo", type="none", source=marker, options=["bind"])
    add(ctr, "/etc/new", type="none", source=marker, options=["rbind"])
    add(ctr, "/relative", type="none", source="vol", options=["rbind"])
    add(ctr, "/t1", type="bind", source=vol, options=["bind"])
    add(ctr, "/t2", type="xfs", source=vol, options=["bind"])
    add(ctr, "/t3", source=vol, options=["bind"])
    files = ["/dir/marker", "/etc/foo", "/etc/new", "/relative/marker", "/t1/marker",
             "/t2/marker", "/t3/marker"]
    text = ctr.args("/bin/cat", *files).run(cwd="/").ok().stdout
    assert text == "from the volume\n" * len(files)


@req("CFG-MOUNT-12", needs=["root", "userns"])
@pytest.mark.parametrize("options", [["bind"], ["bind", "ro", "relatime"], ["bind", "rw"], ["bind", "exec"]])
def test_locked_flags_of_the_source(ctr, vol, options):
    """Below the user namespace that mounted the source its flags stay; asking for their opposite is an
    error that says which."""
    ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
    path = add(ctr, "/dir", type="none", source=vol, options=options)
    wrap = f'mount -t tmpfs -o ro,noexec x {vol} && exec unshare --user --map-root-user --mount "$@"'
    wrap = f"exec unshare --mount sh -c '{wrap}' sh \"$@\""
    if options[1:] in (["rw"], ["exec"]):
        result = ctr.args("/bin/true").run(wrap=wrap).failed()
        assert_names(path, result.stderr)
        assert_says(f"{options[1]} is not possible", result.stderr)
    else:
        mount, = [m for m in mountinfo.parse(ctr.probe("mounts", wrap=wrap)["mounts"]) if m.point == "/dir"]
        assert {"ro", "noexec"} <= mount.flags


@req("CFG-MOUNT-06", "RT-ERR-01")
@pytest.mark.parametrize("number", [3, 1000])
def test_failure_leaves_no_mount_points(ctr, vol, number):
    before = sorted(os.listdir(ctr.bundle.rootfs))
    for i in range(number):
        add(ctr, f"/new/{i}/point", type="none", source=vol, options=["bind"])
    ctr.args("/no/such/program").create_or_start_fails()
    assert sorted(os.listdir(ctr.bundle.rootfs)) == before


@req("CFG-MOUNT-10")
@pytest.mark.parametrize("options", [[], ["ro"]])
def test_type_alone_binds_nothing(ctr, vol, options):
    """A bind mount is one by its options: the type is a dummy."""
    path = add(ctr, "/dir", type="bind", source=vol, options=options)
    ctr.create_fails(naming=[path, f"{path}.type", f"{path}.options"])


@req("CFG-MOUNT-12")
def test_options_outside_the_table(ctr, record_property):
    result = ctr.call("features")
    skip_unless(result.code == 0, "the runtime has no features command")
    have = json.loads(result.stdout).get("mountOptions", [])
    table = set("""async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand
        noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime
        nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime
        rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime
        rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave
        strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap""".split())
    record_property("outside the table", " ".join(sorted(set(have) - table)))
    assert len(have) == len(set(have))


@req("CFG-MOUNT-13")
@pytest.mark.parametrize("option", ["acl", "noacl", "nofail", "x-foo", "x-mount.foo=bar",
                                    "comment=text", "_netdev", "noauto", "user"])
def test_options_of_mount8(ctr, option, record_property):
    """What mount(8) keeps for itself is not handed to tmpfs, which refuses what it does not
    know; a runtime may also refuse the option."""
    tmpfs(ctr, "/m", option)
    result = ctr.args("/bin/cat", "/proc/self/mountinfo").run()
    record_property(option, "refused" if result.code else "as mount(8)")
    if result.code:
        result.failed()
    else:
        assert not any(option in s for s in mountinfo.at(result.stdout, "/m").supers)


@req("CFG-MOUNT-15")
@pytest.mark.parametrize("option", ["nosuchopt", "size=nonsense", "nosuchopt=1"])
def test_data_is_refused(ctr, option):
    path = tmpfs(ctr, "/m/here", option)
    result = ctr.create_fails()
    names = [path, f"{path}.options", f"{path}.options[0]"]
    assert_names(names, result.stderr)
    assert_says("/m/here", result.stderr)


@req("CFG-MOUNT-16")
def test_unknown_type(ctr):
    path = add(ctr, "/m", type="nosuchfs", source="x")
    ctr.create_fails(naming=f"{path}.type")


BINFMT = "/proc/sys/fs/binfmt_misc"


@req("CFG-MOUNT-16", needs=["root"])
@pytest.mark.parametrize("fstype", ["hugetlbfs", "mqueue"])
def test_file_systems_of_the_kernel(ctr, fstype):
    skip_unless(f"\t{fstype}\n" in read("/proc/filesystems"), f"a kernel without {fstype}")
    add(ctr, "/m", type=fstype, source=fstype)
    assert mountinfo.at(ctr.probe("mounts")["mounts"], "/m").fstype == fstype


@pytest.mark.hull_only
@req("CFG-MOUNT-16", needs=["root", "userns", "kernel>=6.7"])
def test_interpreters_of_a_user_namespace(ctr):
    skip_unless("\tbinfmt_misc\n" in read("/proc/filesystems"), "a kernel without binfmt_misc")
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    add(ctr, BINFMT, type="binfmt_misc", source="binfmt_misc")
    assert mountinfo.at(ctr.probe("mounts")["mounts"], BINFMT).fstype == "binfmt_misc"


@pytest.mark.hull_only
@req("CFG-MOUNT-16", needs=["root"])
def test_interpreters_of_the_host(ctr):
    """Whoever may write there names programs that the host runs."""
    where = add(ctr, BINFMT, type="binfmt_misc", source="binfmt_misc")
    ctr.create_fails(naming=f"{where}.destination")


@req("CFG-MOUNT-07", "CFG-MOUNT-08")
def test_source_is_missing(ctr):
    path = add(ctr, "/m", type="none", source="/nosuch/source", options=["bind"])
    result = ctr.create_fails(naming=[path, f"{path}.source"])
    assert_says("/nosuch/source", result.stderr)


@req("CFG-MOUNT-21")
@pytest.mark.parametrize("given,missing", [
    ("uidMappings", "gidMappings"), ("gidMappings", "uidMappings")])
def test_one_mapping(ctr, vol, given, missing):
    entry = [{"containerID": 0, "hostID": 1000, "size": 10}]
    path = add(ctr, "/m", type="none", source=vol, options=["bind", "idmap"], **{given: entry})
    ctr.create_fails(naming=f"{path}.{missing}")
