"""config.md: id mappings of mounts, and the options idmap and ridmap."""

import json
import os

import pytest

from lib import assert_names, req
from lib.host import tree as owners_below
from lib.mounts import fell, tree


def mapping(*ranges):
    return [{"containerID": c, "hostID": h, "size": n} for c, h, n in ranges]


def both(*ranges):
    return {"uidMappings": mapping(*ranges), "gidMappings": mapping(*ranges)}


@pytest.fixture
def source(ctr):
    """A tree of two mounts with files of several owners: named by owner."""
    path = tree(os.path.join(ctr.top, "source"))
    for where in (path, os.path.join(path, "sub")):
        for owner in (0, 5, 50, 1000, 2000, 100000, 200000):
            name = os.path.join(where, str(owner))
            with open(name, "w", encoding="ascii"):
                pass
            os.chown(name, owner, owner)
    yield path
    fell(path)


def bind(ctr, source, destination, *options, **more):
    ctr.config["mounts"].append({"destination": destination, "type": "none", "source": source,
                                 "options": list(options)} | more)


def owners(ctr, *paths, **kw):
    """Owner and group as the container sees them, one number where they are equal."""
    seen = ctr.probe(*[w for p in paths for w in ("stat", p)], **kw)["do"]
    assert all(a["errno"] == 0 and a["uid"] == a["gid"] for a in seen), seen
    return [a["uid"] for a in seen]


def user_namespace(ctr, host=100000):
    """The root of the container may not make mount points in a rootfs that is not its own."""
    for point in ("m", "all", "plain"):
        ctr.bundle.put(f"/{point}/.keep", "")
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = mapping((0, host, 150000))


@req("CFG-MOUNT-18", "CFG-MOUNT-19", "CFG-MOUNT-22", "CFG-MOPT-60", "CFG-MOPT-65", "CFG-MOPT-66")
def test_mappings_of_the_mount(ctr, source):
    """hostID is what the mount makes of containerID, the owner on the source file system, as in
    the maps of a user namespace; other owners show as the overflow id. The owners on the host
    stay what they are, also while the container runs."""
    one, two = both((0, 1000, 10)), both((0, 1000, 10), (50, 2000, 1))
    bind(ctr, source, "/one", "bind", "idmap", **one)
    bind(ctr, source, "/two", "bind", "idmap", **two)
    bind(ctr, source, "/top", "rbind", "idmap", **one)
    bind(ctr, source, "/all", "rbind", "ridmap", **one)
    before = owners_below(source)
    words = [w for p in ("/one/0", "/one/5", "/one/50", "/two/5", "/two/50", "/top/5",
                         "/top/sub/5", "/all/5", "/all/sub/5", "/one/2000")
             for w in ("stat", p)]
    ctr.args("/bin/probe", *words, "stay").created()
    assert owners_below(source) == before
    ctr.start().ok()
    text = [ctr.line()]
    while text[-1] != "}":
        text.append(ctr.line())
    seen = [a["uid"] for a in json.loads("\n".join(text))["do"]]
    assert seen == [1000, 1005, 65534, 1005, 2000, 1005, 5, 1005, 1005, 65534]
    assert owners_below(source) == before


@req("CFG-MOUNT-20")
@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_mappings_without_the_option(ctr, source, option, record_property):
    bind(ctr, source, "/m", option, **both((0, 1000, 10)))
    paths = ["/m/5"] + (["/m/sub/5"] if option == "rbind" else [])
    ctr.args("/bin/probe", *[w for p in paths for w in ("stat", p)])
    result = ctr.run()
    record_property(f"{option} with mappings", "refused" if result.code else "mapped")
    if result.code:
        assert_names("mounts[5]", result.failed().stderr)
    else:
        assert owners_of(result) == [1005, 5][:len(paths)]


def owners_of(result):
    return [a["uid"] for a in json.loads(result.ok().stdout)["do"]]


@req("CFG-MOUNT-23")
@pytest.mark.parametrize("fstype", ["proc", "sysfs"])
def test_cannot_be_mapped(ctr, fstype):
    bind(ctr, "/proc" if fstype == "proc" else "/sys", "/m", "bind", "idmap",
         **both((0, 1000, 10)))
    ctr.create_fails(naming="mounts[5]")


@req("CFG-MOPT-61")
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_option_is_no_data(ctr, option):
    """tmpfs refuses data that it does not know, and says so in its own words."""
    ctr.config["mounts"].append({"destination": "/m", "type": "tmpfs", "options": [option]}
                                | both((0, 1000, 10)))
    result = ctr.args("/bin/true").run()
    if result.code:
        assert "Unknown parameter" not in result.failed().stderr


@req("CFG-MOPT-62")
def test_mount_mapping_with_user_namespace(ctr, source):
    """The mount makes 200000 of 0, which is 100000 in the user namespace 0 -> 100000."""
    user_namespace(ctr)
    bind(ctr, source, "/m", "bind", "idmap", **both((0, 200000, 10)))
    bind(ctr, source, "/all", "rbind", "ridmap", **both((0, 200000, 10)))
    bind(ctr, source, "/plain", "rbind")
    seen = owners(ctr, "/m/0", "/m/5", "/all/0", "/all/sub/5", "/plain/100000", "/plain/5")
    assert seen == [100000, 100005, 100000, 100005, 0, 65534]


@req("CFG-MOPT-63")
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_mapping_of_the_user_namespace(ctr, source, option, record_property):
    user_namespace(ctr)
    bind(ctr, source, "/m", "rbind", option)
    ctr.args("/bin/probe", "stat", "/m/0", "stat", "/m/1000", "stat", "/m/sub/0")
    result = ctr.run()
    record_property(option, "refused" if result.code else "as the user namespace")
    if result.code:
        assert_names(["mounts[5]", "mounts[5].options[1]"], result.failed().stderr)
    else:
        assert owners_of(result) == [0, 1000, 0 if option == "ridmap" else 65534]


@req("CFG-MOPT-64")
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_no_mapping_at_all(ctr, option):
    os.mkdir(os.path.join(ctr.top, "dir"))
    bind(ctr, os.path.join(ctr.top, "dir"), "/m", "bind", option)
    ctr.create_fails(naming=["mounts[5]", "mounts[5].options", "mounts[5].options[1]"])
