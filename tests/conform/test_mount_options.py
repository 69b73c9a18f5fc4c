"""config.md#linux-mount-options: options of one mount, read from mountinfo and by their effect."""

import json
import os

import pytest

from lib import assert_names, facts, mountinfo, req, skip_unless
from lib.host import mount, read
from lib.mounts import (ADVERSE, BIND, EACCES, EINVAL, ELOOP, EROFS, RDONLY,
                        STRICTATIME, Together, fell, tree)

ALL_CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD",
            "CAP_SYS_ADMIN"]


def capable(ctr):
    ctr.process["capabilities"] = {k: ALL_CAPS for k in ("bounding", "effective", "permitted")}
    return ctr


def has(*words):
    return lambda m: m.flags >= set(words)


def lacks(*words):
    return lambda m: not m.flags & set(words)


def plain(m):
    return ("rw" in m.flags and not m.flags & {"nosuid", "nodev", "noexec"}
            and not m.supers & {"ro", "sync"})


# row, options of a tmpfs, what must hold of its mountinfo line
TMPFS = [
    ("01", ["sync", "async"], lambda m: "sync" not in m.supers),
    ("02", ["noatime", "atime"], lacks("noatime")),
    ("04", ["defaults"], plain),
    ("05", ["nodev", "dev"], lacks("nodev")),
    ("06", ["nodiratime", "diratime"], lacks("nodiratime")),
    ("07", ["dirsync"], lambda m: "dirsync" in m.supers),
    ("08", ["noexec", "exec"], lacks("noexec")),
    ("09", ["iversion"], plain),
    ("10", ["lazytime"], lambda m: "lazytime" in m.supers),
    ("11", ["silent", "loud"], plain),
    ("13", ["noatime"], has("noatime")),
    ("14", ["nodev"], has("nodev")),
    ("15", ["nodiratime"], has("nodiratime")),
    ("16", ["noexec"], has("noexec")),
    ("17", ["iversion", "noiversion"], plain),
    ("18", ["lazytime", "nolazytime"], lambda m: "lazytime" not in m.supers),
    ("20", ["relatime", "norelatime"], lacks("noatime")),
    ("21", ["strictatime", "nostrictatime"], has("relatime")),
    ("22", ["nosuid"], has("nosuid")),
    ("23", ["nosymfollow"], has("nosymfollow")),
    ("29", ["relatime"], has("relatime")),
    ("29", ["noatime", "relatime"], has("relatime")),
    ("39", ["ro"], has("ro")),
    ("50", ["ro", "rw"], has("rw")),
    ("50", ["rw", "ro"], has("ro")),
    ("52", ["silent"], plain),
    ("54", ["strictatime"], lacks("noatime", "relatime")),
    ("55", ["nosuid", "suid"], lacks("nosuid")),
    ("56", ["nosymfollow", "symfollow"], lacks("nosymfollow")),
    ("57", ["sync"], lambda m: "sync" in m.supers),
    ("59", ["unbindable"], lambda m: "unbindable" in m.tags),
]


def name_of(row, options):
    return f"{row}-{'-'.join(options)}"


@pytest.fixture(scope="module")
def tmpfs(make_shared):
    return Together(make_shared, {name_of(r, o): {"options": o} for r, o, _ in TMPFS})


@pytest.mark.parametrize("row,options,check", [
    pytest.param(r, o, c, id=name_of(r, o), marks=pytest.mark.req(f"CFG-MOPT-{r}"))
    for r, o, c in TMPFS])
def test_tmpfs(tmpfs, row, options, check):
    seen = tmpfs.top(name_of(row, options))
    assert check(seen), f"{options}: {seen}"


@req("CFG-MOPT-12", "CFG-MOPT-19")
@pytest.mark.parametrize("options", [["mand"], ["mand", "nomand"], ["nomand"]])
def test_mandatory_locking(ctr, options, record_property):
    ctr.config["mounts"].append({"destination": "/m", "type": "tmpfs", "options": options})
    result = ctr.args("/bin/cat", "/proc/self/mountinfo").run()
    record_property(" ".join(options), "refused" if result.code else "accepted")
    if result.code:
        assert_names(["mounts[5]", "mounts[5].options[0]"], result.failed().stderr)
    elif options[-1] == "nomand":
        assert "mand" not in mountinfo.at(result.stdout, "/m").supers


@req("CFG-MOPT-58")
def test_tmpcopyup(ctr, record_property):
    ctr.bundle.put("/m/dir/file", "copied\n", 0o640)
    ctr.config["mounts"].append({"destination": "/m", "type": "tmpfs", "options": ["tmpcopyup"]})
    result = ctr.sh("cat /m/dir/file; stat -c %a /m/dir/file; echo new > /m/dir/file").run()
    record_property("tmpcopyup", "refused" if result.code else "accepted")
    if result.code:
        assert_names(["mounts[5]", "mounts[5].options[0]"], result.failed().stderr)
    else:
        assert result.stdout == "copied\n640\n"
    assert ctr.bundle.read("/m/dir/file") == "copied\n"


EFFECTS = """
set -e
for d in noexec exec; do cp /bin/busybox /m/$d/true; done
for d in nosymfollow symfollow; do echo > /m/$d/f; ln -s f /m/$d/l; done
exec /bin/probe exec /m/noexec/true exec /m/exec/true \
    mknod /m/nodev/n c 1 3 open /m/nodev/n w mknod /m/dev/n c 1 3 open /m/dev/n w \
    open /m/nosymfollow/l r open /m/symfollow/l r open /m/ro/f c open /m/rw/f c \
    mount /m/unbindable /mnt none 4096 "" mount /m/rw /mnt none 4096 ""
"""


@req("CFG-MOPT-05", "CFG-MOPT-08", "CFG-MOPT-14", "CFG-MOPT-16", "CFG-MOPT-23", "CFG-MOPT-56",
     "CFG-MOPT-39", "CFG-MOPT-50", "CFG-MOPT-59")
def test_effects(ctr):
    for name, options in {
            "noexec": ["noexec"], "exec": ["noexec", "exec"], "nodev": ["nodev"],
            "dev": ["nodev", "dev"], "nosymfollow": ["nosymfollow"],
            "symfollow": ["nosymfollow", "symfollow"], "ro": ["ro"], "rw": ["ro", "rw"],
            "unbindable": ["unbindable"]}.items():
        ctr.config["mounts"].append({"destination": f"/m/{name}", "type": "tmpfs",
                                     "options": options})
    ctr.bundle.put("/mnt/.keep", "")
    text = capable(ctr).sh(EFFECTS).run().ok().stdout
    done = json.loads(text)["do"]
    assert [a["errno"] for a in done] == [
        EACCES, 0, 0, EACCES, 0, 0, ELOOP, 0, EROFS, 0, EINVAL, 0]


@pytest.fixture
def shared_dir(ctr):
    """A host directory that may be bound."""
    path = os.path.join(ctr.top, "shared")
    os.mkdir(path)
    os.chmod(path, 0o755)
    return path


def bind(ctr, source, destination, *options):
    ctr.config["mounts"].append({"destination": destination, "type": "none", "source": source,
                                 "options": list(options)})


@req("CFG-MOPT-22", "CFG-MOPT-55", needs=["root"])
def test_setuid_programs(ctr, shared_dir):
    with open(ctr.bundle.file("/bin/probe"), "rb") as f, \
            open(os.path.join(shared_dir, "p"), "wb") as copy:
        copy.write(f.read())
    os.chmod(os.path.join(shared_dir, "p"), 0o4755)
    bind(ctr, shared_dir, "/m/nosuid", "bind", "nosuid")
    bind(ctr, shared_dir, "/m/suid", "bind", "nosuid", "suid")
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    text = ctr.sh("for d in nosuid suid; do /m/$d/p ids | grep uid; done").run().ok().stdout
    lines = text.splitlines()
    assert "[1000, 1000, 1000, 1000]" in lines[0]
    assert "[1000, 0, 0, 0]" in lines[1]


@req("CFG-MOPT-02", "CFG-MOPT-13", "CFG-MOPT-54", needs=["root"])
def test_access_times(ctr, shared_dir):
    """One file was read two days ago; the other will be, so that relatime sees nothing to do."""
    now, day = int(os.stat(shared_dir).st_mtime), 86400
    for name, options in {"noatime": ["noatime"], "atime": ["noatime", "atime"],
                          "strictatime": ["strictatime"], "relatime": ["relatime"]}.items():
        path = os.path.join(shared_dir, name)
        os.mkdir(path)
        for file, atime in (("old", now - 2 * day), ("recent", now + 1000)):
            with open(os.path.join(path, file), "w", encoding="ascii") as f:
                f.write("x")
            os.utime(os.path.join(path, file), (atime, now - 3 * day))
        bind(ctr, path, f"/m/{name}", "bind", *options)
    names = ["noatime", "atime", "relatime", "strictatime"]
    words = [w for n in names for file in ("old", "recent")
             for w in ("open", f"/m/{n}/{file}", "r", "stat", f"/m/{n}/{file}")]
    seen = [a["atime"] for a in ctr.probe(*words)["do"] if a["do"] == "stat"]
    updated = [int(a) not in (now - 2 * day, now + 1000) for a in seen]
    assert dict(zip(names, zip(updated[::2], updated[1::2]))) == {
        "noatime": (False, False), "atime": (True, False), "relatime": (True, False),
        "strictatime": (True, True)}


@req("CFG-MOPT-30")
def test_remount(ctr):
    for options in ([], ["remount", "ro"]):
        ctr.config["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "t",
                                     "options": options})
    seen = ctr.probe("mounts", "open", "/m/x", "c")
    assert seen["do"][0]["errno"] == EROFS
    assert len([m for m in mountinfo.parse(seen["mounts"]) if m.point == "/m"]) == 1


@req("CFG-MOPT-30", "CFG-MOPT-39", needs=["root"])
def test_remount_of_a_bind_mount(ctr, shared_dir):
    bind(ctr, shared_dir, "/m", "bind")
    bind(ctr, shared_dir, "/m", "bind", "remount", "ro")
    seen = ctr.probe("mounts", "open", "/m/x", "c")
    assert seen["do"][0]["errno"] == EROFS
    assert len([m for m in mountinfo.parse(seen["mounts"]) if m.point == "/m"]) == 1
    os.mkdir(os.path.join(shared_dir, "still-writable"))


@req("CFG-MOPT-39")
def test_readonly_bind(ctr, shared_dir):
    bind(ctr, shared_dir, "/m", "bind", "ro")
    assert ctr.probe("open", "/m/x", "c")["do"][0]["errno"] == EROFS
    os.mkdir(os.path.join(shared_dir, "still-writable"))


# ---- trees: bind, rbind, the recursive options, propagation

@pytest.fixture(scope="module")
def trees(environment):
    """Trees of two mounts: plain ones, ones with every flag, and a submount with strictatime.
    plain is shared, as all mounts of a host with systemd are."""
    skip_unless(facts.root, "only root can prepare mounts of the host")
    top = os.path.join(environment.work, "trees")
    made = {"plain": tree(os.path.join(top, "plain")),
            "adverse": tree(os.path.join(top, "adverse"), ADVERSE, ADVERSE),
            "readonly": tree(os.path.join(top, "readonly"), 0, RDONLY),
            "strict": tree(os.path.join(top, "strict"), 0, STRICTATIME)}
    for path in made.values():
        for where in (path, os.path.join(path, "sub")):
            mount(None, where, None, 1 << 20)
    yield made
    for path in made.values():
        fell(path)


# row, tree, options after rbind, what must hold of both mounts
RECURSIVE = [
    ("25", "adverse", "ratime", lacks("noatime")),
    ("27", "adverse", "rdev", lacks("nodev")),
    ("28", "adverse", "rdiratime", lacks("nodiratime")),
    ("31", "adverse", "rexec", lacks("noexec")),
    ("32", "plain", "rnoatime", has("noatime")),
    ("33", "plain", "rnodiratime", has("nodiratime")),
    ("34", "plain", "rnoexec", has("noexec")),
    ("35", "plain", "rnorelatime", lacks("noatime")),
    ("36", "strict", "rnostrictatime", has("relatime")),
    ("37", "plain", "rnosuid", has("nosuid")),
    ("38", "plain", "rnosymfollow", has("nosymfollow")),
    ("41", "adverse", "rrelatime", has("relatime")),
    ("41", "strict", "rrelatime", has("relatime")),
    ("42", "plain", "rro", has("ro")),
    ("43", "readonly", "rrw", has("rw")),
    ("46", "adverse", "rstrictatime", lacks("noatime", "relatime")),
    ("47", "adverse", "rsuid", lacks("nosuid")),
    ("48", "adverse", "rsymfollow", lacks("nosymfollow")),
    ("67", "plain", "rnodev", has("nodev")),
    ("40", "plain", "rprivate", lambda m: not m.kinds() & {"shared", "master"}),
    ("44", "plain", "rshared", lambda m: "shared" in m.kinds()),
    ("45", "plain", "rslave", lambda m: "master" in m.kinds()),
    ("49", "plain", "runbindable", lambda m: "unbindable" in m.kinds()),
]

# row, options after rbind, what must hold of the top mount; its submount is as without the
# option, or as on the host
SINGLE = [
    ("24", "private", lambda m: not m.kinds() & {"shared", "master"}),
    ("51", "shared", lambda m: "shared" in m.kinds()),
    ("53", "slave", lambda m: "master" in m.kinds()),
    ("59", "unbindable", lambda m: "unbindable" in m.kinds()),
    ("39", "ro", has("ro")),
]


@pytest.fixture(scope="module")
def bound(make_shared, trees):
    entries = {f"{o}-{t}": (t, ["rbind", o]) for _, t, o, _ in RECURSIVE}
    entries |= {o: ("plain", ["rbind", o]) for _, o, _ in SINGLE}
    entries |= {"rbind": ("plain", ["rbind"])}
    return Together(make_shared, {n: {"type": "none", "source": trees[t], "options": o}
                                  for n, (t, o) in entries.items()})


@pytest.mark.parametrize("which,option,check", [
    pytest.param(t, o, c, id=f"{o}-{t}", marks=pytest.mark.req(f"CFG-MOPT-{r}"))
    for r, t, o, c in RECURSIVE])
def test_recursive(bound, which, option, check):
    for seen in bound.all(f"{option}-{which}"):
        assert check(seen), f"{option}: {seen}"


@pytest.mark.parametrize("option,check", [
    pytest.param(o, c, id=o, marks=pytest.mark.req(f"CFG-MOPT-{r}")) for r, o, c in SINGLE])
def test_not_recursive(bound, trees, option, check):
    top, sub = bound.all(option)
    assert check(top), f"{option}: {top}"
    control = bound.all("rbind")[1]
    assert sub.flags == control.flags, f"{option}: {sub}"
    host = mountinfo.at(mountinfo.of_process(), os.path.join(trees["plain"], "sub"))
    assert sub.tags == host.tags or sub.kinds() == control.kinds(), f"{option}: {sub}"


@req("CFG-MOPT-03", "CFG-MOPT-26", "CFG-MOPT-42", "CFG-MOPT-43", "CFG-MOPT-49", needs=["root"])
def test_trees_by_their_effect(ctr, trees):
    ctr.bundle.put("/mnt/.keep", "")
    for name, which, *options in [
            ("bind", "plain", "bind"), ("rbind", "plain", "rbind"), ("ro", "plain", "rbind", "ro"),
            ("rro", "plain", "rbind", "rro"), ("rrw", "readonly", "rbind", "rrw"),
            ("unb", "plain", "rbind", "runbindable")]:
        bind(ctr, trees[which], f"/m/{name}", *options)
    done = capable(ctr).probe(
        "open", "/m/bind/file", "r", "open", "/m/bind/sub/file", "r",
        "open", "/m/rbind/sub/file", "r", "open", "/m/ro/x", "c", "open", "/m/ro/sub/x", "c",
        "open", "/m/rro/sub/y", "c", "open", "/m/rrw/sub/x", "c",
        "mount", "/m/unb/sub", "/mnt", "none", BIND, "",
        "mount", "/m/rbind/sub", "/mnt", "none", BIND, "")["do"]
    assert [a["errno"] for a in done] == [0, 2, 0, EROFS, 0, EROFS, 0, EINVAL, 0]


@req("CFG-MOPT-45", "CFG-MOPT-53", "CFG-MOPT-40", "CFG-MOPT-24")
def test_events(ctr, trees):
    """What the host mounts later reaches slaves, and nothing goes the other way."""
    os.mkdir(os.path.join(trees["plain"], "back"))
    options = ("slave", "rslave", "private", "rprivate")
    for option in options:
        bind(ctr, trees["plain"], f"/m/{option}", "rbind", option)
    words = [w for o in options for w in ("mount", "t", f"/m/{o}/back", "tmpfs", 0, "")]
    capable(ctr).args("/bin/probe", *map(str, words), "stay").started()
    while ctr.line() != "}":
        pass
    mount("late", os.path.join(trees["plain"], "late"), "tmpfs")
    text = read(f"/proc/{ctr.pid}/mountinfo")
    came = {o: mountinfo.at(text, f"/m/{o}/late") is not None for o in options}
    went = {o: mountinfo.at(text, f"/m/{o}/back") is not None for o in options}
    assert came == {"slave": True, "rslave": True, "private": False, "rprivate": False}
    assert all(went.values())
    assert not mountinfo.at(mountinfo.of_process(), os.path.join(trees["plain"], "back"))


@req("CFG-MOUNT-11")
def test_read_only_dev_is_filled_first(ctr):
    """What is mounted or made below a read-only file system that is new cannot come after it."""
    for entry in ctr.config["mounts"]:
        if entry["destination"] == "/dev":
            entry["options"].append("ro")
    ctr.config["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "m", "options": ["ro"]})
    ctr.config["mounts"].append({"destination": "/m/below", "type": "tmpfs", "source": "below"})
    seen = ctr.sh("echo a > /dev/null && echo null; echo b > /m/below/x && echo below;"
                  "for d in /dev /m; do touch $d/new 2>&- || echo refused; done").run().ok().stdout.split()
    assert seen == ["null", "below", "refused", "refused"]
