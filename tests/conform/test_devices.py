"""config-linux.md#devices and #default-devices."""

import json
import os
import stat

import pytest

from lib import facts, mountinfo, req
from lib.console import ConsoleSocket

ENOSPC = 28
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def device(path, kind="c", major=1, minor=3, **more):
    numbers = {} if major is None else {"major": major, "minor": minor}
    return {"path": path, "type": kind} | numbers | more


def stats(ctr, *paths, **kw):
    done = ctr.probe(*[w for p in paths for w in ("stat", p)], **kw)["do"]
    assert [a["errno"] for a in done] == [0] * len(paths)
    return dict(zip(paths, done))


def node(seen):
    return stat.S_IFMT(seen["mode"]), seen["major"], seen["minor"]


def user_namespace(ctr):
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]


@req("LNX-DEV-01", "LNX-DEV-03", "LNX-DEV-04", "LNX-DEV-05", "LNX-DEV-09", "LNX-DEV-11",
     "LNX-DEV-14")
def test_nodes(ctr):
    ctr.bundle.linux["devices"] = [
        device("/dev/fuse", "c", 10, 229), device("/dev/zero2", "u", 1, 5),
        device("/dev/block", "b", 7, 0), device("/dev/pipe", "p", None),
        device("/dev/pipe2", "p", 0, 0), device("/opt/x/y/null"), device("/dev/null2"),
        device("/dev/wide", "c", 300, 70000)]
    seen = stats(ctr, *[d["path"] for d in ctr.bundle.linux["devices"]])
    for d in ctr.bundle.linux["devices"]:
        fifo = d["type"] == "p"
        expected = (KINDS[d["type"]], 0 if fifo else d["major"], 0 if fifo else d["minor"])
        assert node(seen[d["path"]]) == expected, d


@req("LNX-DEV-09", "LNX-DEV-14")
def test_nodes_work(ctr):
    ctr.bundle.linux["devices"] = [device("/opt/x/null"), device("/dev/null2")]
    done = ctr.probe("write", "/opt/x/null", "x", "write", "/dev/null2", "x")["do"]
    assert [a["ret"] for a in done] == [1, 1]


@req("LNX-DEV-02", needs=["root", "userns"])
def test_with_user_namespace(ctr):
    """No mknod(2) there: however the device comes, type and numbers are right and it works."""
    user_namespace(ctr)
    ctr.bundle.linux["devices"] = [device("/dev/null"), device("/dev/other", "c", 1, 5)]
    seen = ctr.probe("stat", "/dev/null", "stat", "/dev/other", "write", "/dev/null", "x",
                     "open", "/dev/other", "r")["do"]
    assert node(seen[0]) == (stat.S_IFCHR, 1, 3)
    assert node(seen[1]) == (stat.S_IFCHR, 1, 5)
    assert (seen[2]["ret"], seen[3]["read"]) == (1, 1)


@req("LNX-DEV-06")
@pytest.mark.parametrize("kind", [None, "a", "x", "", "cc"])
def test_type_is_wrong(ctr, kind):
    entry = device("/dev/x", kind)
    if kind is None:
        del entry["type"]
    ctr.bundle.linux["devices"] = [device("/dev/fine"), entry]
    ctr.create_fails(naming="linux.devices[1].type")


@req("LNX-DEV-07")
@pytest.mark.parametrize("path", [None, ""])
def test_path_is_missing(ctr, path):
    entry = device(path)
    if path is None:
        del entry["path"]
    ctr.bundle.linux["devices"] = [entry]
    ctr.create_fails(naming="linux.devices[0].path")


@req("LNX-DEV-08")
@pytest.mark.parametrize("kind", ["file", "other numbers", "directory"])
def test_something_else_is_there(ctr, kind):
    ctr.bundle.put("/opt/keep", "")
    path = ctr.bundle.file("/opt/foo")
    if kind == "file":
        ctr.bundle.put("/opt/foo", "mine\n")
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    ctr.bundle.linux["devices"] = [device("/opt/foo")]
    ctr.create_fails(naming=["linux.devices[0].path", "linux.devices[0]"])
    if kind == "file":
        assert ctr.bundle.read("/opt/foo") == "mine\n"


@req("LNX-DEV-08")
def test_the_device_is_there(ctr):
    ctr.bundle.put("/opt/keep", "")
    os.mknod(ctr.bundle.file("/opt/foo"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    ctr.bundle.linux["devices"] = [device("/opt/foo")]
    assert node(stats(ctr, "/opt/foo")["/opt/foo"]) == (stat.S_IFCHR, 1, 3)


@req("LNX-DEV-10")
@pytest.mark.parametrize("missing", ["major", "minor"])
@pytest.mark.parametrize("kind", ["c", "b", "u"])
def test_number_is_missing(ctr, kind, missing):
    entry = device("/dev/x", kind)
    del entry[missing]
    ctr.bundle.linux["devices"] = [entry]
    ctr.create_fails(naming=f"linux.devices[0].{missing}")


@req("LNX-DEV-12", "LNX-DEV-13")
def test_mode_and_owner(ctr):
    ctr.bundle.linux["devices"] = [
        device("/dev/a", fileMode=0o666), device("/dev/b", fileMode=0o604, uid=5, gid=6),
        device("/dev/c", "p", None, fileMode=0o622), device("/opt/d", uid=7, fileMode=0o640)]
    seen = stats(ctr, "/dev/a", "/dev/b", "/dev/c", "/opt/d", wrap='umask 077; exec "$@"')
    assert [oct(s["mode"] & 0o7777) for s in seen.values()] == ["0o666", "0o604", "0o622", "0o640"]
    assert [(s["uid"], s["gid"]) for s in seen.values()] == [(0, 0), (5, 6), (0, 0), (7, 0)]


@req("LNX-DEV-12")
@pytest.mark.parametrize("mode", [0o4666, 0o10666])
def test_mode_beyond_the_schema(ctr, mode, record_property):
    ctr.bundle.linux["devices"] = [device("/dev/a", fileMode=mode)]
    result = ctr.args("/bin/probe", "stat", "/dev/a").run()
    record_property(f"fileMode {mode:o}", "refused" if result.code else "applied")
    if result.code:
        result.failed()
    else:
        assert json.loads(result.stdout)["do"][0]["mode"] & 0o777 == 0o666


@req("LNX-DEV-13", needs=["root", "userns"])
def test_owner_with_user_namespace(ctr):
    user_namespace(ctr)
    ctr.bundle.linux["devices"] = [device("/dev/a", uid=5, gid=6, fileMode=0o640), device("/dev/b", fileMode=0o606),
                                   device("/dev/c", uid=7)]
    seen = stats(ctr, "/dev/a", "/dev/b", "/dev/c", wrap='umask 077; exec "$@"')
    assert [oct(s["mode"] & 0o777) for s in seen.values()] == ["0o640", "0o606", "0o666"]
    assert [(s["uid"], s["gid"]) for s in seen.values()] == [(5, 6), (0, 0), (7, 0)]


@req("LNX-DEV-11", needs=["root", "userns"])
def test_works_with_user_namespace(ctr):
    """The node of a path that the host does not have, of the file system of another user namespace."""
    user_namespace(ctr)
    ctr.bundle.linux["devices"] = [device("/dev/not-of-the-host", "c", 1, 5, fileMode=0o666)]
    assert ctr.sh("dd if=/dev/not-of-the-host bs=1 count=4 2>/dev/null | wc -c").run().ok().stdout.strip() == "4"


@req("LNX-DEV-15")
def test_other_nodes(ctr, record_property):
    caps = ["CAP_MKNOD", "CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE"]
    ctr.process["capabilities"] = {k: caps for k in ("bounding", "effective", "permitted")}
    done = ctr.probe("mknod", "/x", "c", 1, 1, "open", "/x", "r")["do"]
    record_property("c 1 1 without rules", ["out of reach" if a["errno"] else "in reach"
                                            for a in done])


# ---- default devices

DEFAULTS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
            "tty": (5, 0)}


@req("LNX-DEVDEF-01", "LNX-DEVDEF-02", "LNX-DEVDEF-03", "LNX-DEVDEF-04", "LNX-DEVDEF-05",
     "LNX-DEVDEF-06")
@pytest.mark.parametrize("how", ["mknod", "user namespace", "dev of the rootfs"])
def test_defaults(ctr, how):
    if how == "user namespace" and facts.root:
        user_namespace(ctr)
    if how == "dev of the rootfs":
        ctr.config["mounts"] = [ctr.bundle.mount_at("/proc")]
        for point in ("pts", "shm"):
            os.mkdir(ctr.bundle.file(f"/dev/{point}"))
    words = [w for n in DEFAULTS for w in ("stat", f"/dev/{n}")]
    words += ["write", "/dev/null", "x", "write", "/dev/full", "x"]
    words += [w for n in ("zero", "random", "urandom", "full") for w in ("open", f"/dev/{n}", "r")]
    done = ctr.probe(*words)["do"]
    for name, seen in zip(DEFAULTS, done):
        assert node(seen) == (stat.S_IFCHR, *DEFAULTS[name]), name
        assert seen["mode"] & 0o777 == 0o666, name
    assert done[6]["ret"] == 1
    assert done[7]["errno"] == ENOSPC
    assert [a["read"] for a in done[8:]] == [1] * 4


@req("LNX-DEVDEF-02")
def test_zero(ctr):
    text = ctr.sh("head -c 1000 /dev/zero").run().ok().stdout
    assert text == "\0" * 1000


@pytest.fixture
def console(ctr):
    socket = ConsoleSocket(os.path.join(ctr.top, "con"))
    yield socket
    socket.close()


@req("LNX-DEVDEF-06", "LNX-DEVDEF-07")
def test_on_a_terminal(ctr, console):
    ctr.process["terminal"] = True
    ctr.sh("echo to the console > /dev/console; /bin/probe tty mounts stat /dev/console "
           "> /report; echo end")
    ctr.create("--console-socket", console.path).ok()
    console.receive()
    ctr.start().ok()
    text = console.read_all()
    ctr.wait_exit()
    assert text == "to the console\nend\n"
    seen = json.loads(ctr.bundle.read("/report"))
    assert seen["tty"]["controlling"] is True
    found = mountinfo.at(seen["mounts"], "/dev/console")
    assert found and found.fstype == "devpts"
    assert seen["do"][0]["major"] in range(136, 144)


@req("LNX-DEVDEF-07")
def test_no_console_without_a_terminal(ctr):
    seen = ctr.probe("mounts", "stat", "/dev/console")
    assert mountinfo.at(seen["mounts"], "/dev/console") is None
    assert seen["do"][0]["errno"] == 2 or node(seen["do"][0])[1:] != (5, 1)


@req("LNX-DEVDEF-01", "LNX-DEVDEF-08")
@pytest.mark.parametrize("where", ["/dev", "/dev/"])
def test_another_dev_later(ctr, where):
    """Nodes and links are on the /dev that the container sees, not on one below it."""
    ctr.config["mounts"].append({"destination": where, "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]})
    seen = ctr.probe("stat", "/dev/null", "readlink", "/dev/ptmx")["do"]
    assert (node(seen[0]), seen[1].get("target")) == ((stat.S_IFCHR, 1, 3), "pts/ptmx")


@req("LNX-DEV-08")
def test_mount_on_a_node(ctr):
    """What the config mounts where a node would be is seen there; it must be the same node."""
    ctr.bundle.linux["devices"] = [device("/dev/foo")]
    ctr.config["mounts"].append({"destination": "/dev/foo", "type": "bind", "source": "/dev/null", "options": ["bind"]})
    seen = ctr.probe("stat", "/dev/foo", "mounts")
    assert node(seen["do"][0]) == (stat.S_IFCHR, 1, 3)
    assert mountinfo.at(seen["mounts"], "/dev/foo")
    ctr.config["mounts"][-1]["source"] = "/dev/zero"
    ctr.create_fails(naming=["linux.devices[0].path", "linux.devices[0]"])


@req("LNX-DEVDEF-08")
def test_ptmx(ctr):
    text = ctr.sh("ls /dev/pts; exec 3<>/dev/ptmx; ls /dev/pts; stat -Lc %t:%T /dev/ptmx")
    lines = text.run().ok().stdout.split()
    assert lines == ["ptmx", "0", "ptmx", "5:2"]
    link = ctr.probe("readlink", "/dev/ptmx", "mounts")
    bound = mountinfo.at(link["mounts"], "/dev/ptmx")
    assert link["do"][0].get("target") in ("pts/ptmx", "/dev/pts/ptmx") or bound
