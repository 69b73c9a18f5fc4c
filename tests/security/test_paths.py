# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.3: following paths out of the root file system."""

import errno
import os
import re
import socket
import stat

import pytest

from lib import facts, mountinfo
from lib.host import mount, read, umount
from threats import threat

UP = "../" * 40


def links(ctr, canary):
    """Names in the image that try to lead to the canary: {what: destination}."""
    file = ctr.bundle.file
    os.symlink(canary.path + "/dir", file("/absolute"))
    os.symlink(UP + canary.path.lstrip("/") + "/dir", file("/relative"))
    os.symlink(canary.path + "/nosuch/deep", file("/dangling"))
    os.symlink("/loop", file("/loop"))
    os.symlink(canary.path, file("/above"))
    os.symlink("/", file("/chain0"))
    for i in range(45):
        os.symlink(f"chain{i}", file(f"/chain{i + 1}"))
    os.symlink("/proc/self/root" + canary.path, file("/magic"))
    os.symlink("/proc/1/cwd", file("/cwd"))
    return {"absolute": "/absolute", "relative": "/relative", "dangling": "/dangling", "loop": "/loop", "above": "/above/dir/x",
            "chain": "/chain39" + canary.path + "/dir", "long-chain": "/chain44/x", "magic": "/magic/dir", "cwd": "/cwd/x",
            "dots": "/tmp/" + UP + canary.path.lstrip("/") + "/dir"}


@threat("CVE-2015-3627", "CVE-2015-3629", "CVE-2019-18837", "P1", "P2")
@pytest.mark.parametrize("kind", ["bind", "bind-file", "tmpfs", "cgroup", "mqueue"])
def test_destinations_through_links(make_ctr, canary, kind):
    """Twice each, so that what the first run leaves in the image serves the second. What is mounted is inside."""
    for what in links(make_ctr(), canary):
        ctr = make_ctr()
        usual = {"/"} | {m["destination"] for m in ctr.config["mounts"]}
        where = links(ctr, canary)[what]
        source = canary.path + ("/dir/file" if kind == "bind-file" else "/dir")
        ctr.config["mounts"].append({"destination": where, "type": kind.split("-")[0], "source": source,
                                     "options": ["bind", "ro"] if kind.startswith("bind") else []})
        for _ in range(2):
            result = ctr.args("/bin/cat", "/proc/self/mountinfo").run()
            if result.code:
                result.failed()
                continue
            points = [m.point if hasattr(m, "point") else m["point"] for m in mountinfo.parse(result.stdout)]
            assert not [p for p in points if p.startswith("//deleted")], points
            assert set(points) - usual, (what, "mounted elsewhere", points)
        canary.check()


@threat("P7", "P2")
@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("what", ["absolute", "above", "dots"])
def test_without_openat2(ctr, canary, attacker, what, error):
    """The host's filter denies openat2: what takes its place keeps names inside, or it is an error."""
    openat2 = 437
    where = links(ctr, canary)[what]
    ctr.config["mounts"].append({"destination": where, "type": "bind", "source": canary.path + "/dir", "options": ["bind"]})
    ctr.args("/bin/cat", "/proc/self/mountinfo")
    result = ctr.run(wrap=f'exec {attacker} deny {openat2} {error} "$@"')
    if result.code:
        result.failed()
        assert "openat2" in result.stderr or not ctr.rt.is_hull, result.stderr
        assert result.stderr.strip(), "a refusal without a word"
    else:
        roots = {line.split(" ")[4]: line.split(" ")[3] for line in result.stdout.splitlines()}
        assert [p for p, root in roots.items() if root.endswith("/canary/dir")], roots


@threat("CVE-2021-30465", "M1", "M3", "P3")
@pytest.mark.parametrize("side", ["init", "runtime"])
def test_destination_exchanged(ctr, step, canary, side):
    """STEP: a shared volume with a directory and a link to the root of the host that change places while
    mounts on it are made; a later mount takes what an earlier one covered as its source."""
    volume = os.path.join(ctr.top, "volume")
    os.makedirs(volume + "/target/sub")
    os.symlink("/", volume + "/link")
    ctr.config["mounts"] += [
        {"destination": "/volume", "type": "bind", "source": volume, "options": ["rbind", "rw"]},
        {"destination": "/volume/target", "type": "bind", "source": canary.path, "options": ["rbind"]},
        {"destination": "/volume/target/dir", "type": "tmpfs", "source": "t"}]
    ctr.args("/bin/cat", "/proc/self/mountinfo")

    def judge(result):
        if result.code:
            return
        rows = [line.split(" ") for line in result.stdout.splitlines()]
        assert {m[4] for m in rows} >= {"/", "/proc", "/volume"}, rows
        # the volume's mount is on the directory, whatever its name is by now, and the next one in it or, when the
        # link had its name, below the root of the container
        assert [m[4] for m in rows if m[3].endswith("/canary")] in (["/volume/target"], ["/volume/link"]), result.stdout
        assert [m[4] for m in rows if m[-2] == "t"] in (["/volume/target/dir"], ["/volume/link/dir"], ["/dir"]), result.stdout
    assert step(ctr, volume + "/target", volume + "/link", judge, side=side, points=1000 if side == "init" else 24)


@threat("CVE-2021-30465", "M3")
def test_source_below_an_earlier_mount(ctr, canary):
    """A neighbour has put a link to the host into a volume, where the source of a later mount is looked up once the volume
    is mounted: the source is what was there when nothing of the container was."""
    volume = os.path.join(ctr.top, "volume")
    os.makedirs(volume)
    os.symlink(canary.path, volume + "/inner")
    ctr.bundle.put("/volume/inner/own", "")
    ctr.config["mounts"] += [
        {"destination": "/volume", "type": "bind", "source": volume, "options": ["rbind"]},
        {"destination": "/later", "type": "bind", "source": ctr.bundle.file("/volume/inner"), "options": ["rbind"]}]
    result = ctr.args("/bin/ls", "/later").run()
    if result.code:
        result.failed()
    else:
        assert result.stdout.split() == ["own"], result.stdout


@threat("CVE-2021-30465", "M2")
@pytest.mark.parametrize("n", [1, 50])
def test_destination_raced(ctr, race, rounds, canary, n):
    """RACE with one mount, which may well be made, and with fifty: all are there, or it is an error."""
    volume = os.path.join(ctr.top, "volume")
    os.makedirs(volume + "/a")
    os.symlink("/run", volume + "/b")
    os.makedirs(ctr.bundle.file("/run"), exist_ok=True)
    ctr.config["mounts"].append({"destination": "/volume", "type": "bind", "source": volume, "options": ["bind"]})
    for i in range(n):
        ctr.config["mounts"].append({"destination": f"/volume/a/{i}", "type": "tmpfs", "source": f"t{i}"})
    ctr.args("/bin/cat", "/proc/self/mountinfo")
    made = 0
    for _ in range(rounds(25)):
        with race(volume + "/a", volume + "/b"):
            result = ctr.run()
        if result.code:
            result.failed()
            continue
        made += 1
        points = [line.split(" ")[4] for line in result.stdout.splitlines()]
        mine = [p for p in points if re.search(r"/\d+$", p)]
        # the kernel prints a path as it is now: below the directory, whatever its name is
        assert len(mine) == n and all(p.startswith(("/volume/a/", "/volume/b/", "/run/")) for p in mine), points
    assert made or n > 1, "nothing worked"


@threat("CVE-2024-45310", "CVE-2026-87766", "P4")
@pytest.mark.parametrize("kind", ["dir", "file"])
@pytest.mark.parametrize("link", ["absolute", "relative"])
def test_missing_mount_point_made_elsewhere(ctr, step, canary, kind, link):
    """STEP on the parent of a mount point that has to be made: no new name on the host."""
    volume = os.path.join(ctr.top, "volume")
    os.makedirs(volume + "/parent")
    os.symlink(canary.path if link == "absolute" else UP + canary.path.lstrip("/"), volume + "/link")
    source = canary.path + ("/dir/file" if kind == "file" else "/dir")
    ctr.config["mounts"] += [
        {"destination": "/volume", "type": "bind", "source": volume, "options": ["bind", "rw"]},
        {"destination": "/volume/parent/new/deep", "type": "bind", "source": source, "options": ["bind", "ro"]}]
    ctr.args("/bin/true")

    def judge(_):
        canary.check()
        for top in ("/volume/parent/new/deep", "/volume/parent/new"):
            path = os.path.join(ctr.top, top.lstrip("/"))
            if os.path.lexists(path):
                os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
    assert step(ctr, volume + "/parent", volume + "/link", judge, points=20)


@threat("CVE-2024-45310", "P4", "P6")
def test_missing_mount_point_raced(ctr, race, rounds, canary):
    """The ".." of the link's place is the canary, too."""
    volume = os.path.join(ctr.top, "volume")
    os.makedirs(volume + "/parent")
    os.symlink(canary.path + "/dir", volume + "/link")
    ctr.config["mounts"].append({"destination": "/volume", "type": "bind", "source": volume, "options": ["bind"]})
    for i in range(20):
        ctr.config["mounts"].append({"destination": f"/volume/parent/../parent/d{i}/x", "type": "tmpfs", "source": "t"})
    ctr.args("/bin/true")
    with race(volume + "/parent", volume + "/link"):
        for _ in range(rounds(25)):
            result = ctr.run()
            if result.code:
                result.failed()
    canary.check()


@threat("CVE-2025-24965", "P4", "P5", "J2")
@pytest.mark.parametrize("what", ["link", "hardlink", "fifo", "socket", "dir", "device"])
@pytest.mark.parametrize("place", ["/etc/hostname", "/run/.containerenv", "/work", "/etc/passwd", "/.hull", "/krun.json",
                                   "/.krun_config.json"])
def test_files_of_the_image(ctr, canary, place, what):
    """Whatever stands where the runtime may want to put or read something."""
    path = ctr.bundle.file(place)
    if os.path.lexists(path):
        os.unlink(path)
    if what == "link":
        os.symlink(canary.path + "/file", path)
    elif what == "hardlink":
        os.link(canary.path + "/file", path)
        canary.before = canary.look()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            os.chdir(os.path.dirname(path))
            s.bind(os.path.basename(path))
            os.chdir("/")
    elif what == "dir":
        os.mkdir(path)
    else:
        os.mknod(path, 0o20666, os.makedev(1, 3))
    if place == "/work":
        ctr.process["cwd"] = "/work"
    elif place != "/etc/passwd":
        ctr.config["mounts"].append({"destination": place, "type": "bind", "source": canary.path + "/dir/file",
                                     "options": ["bind", "ro"]})
    result = ctr.sh(f"test -p {place} || cat {place}").run(timeout=15)
    if result.code == 0 and place not in ("/work", "/etc/passwd"):
        assert result.stdout == "canary\n"
    canary.check()


DEVS = ["console", "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "stdin", "stdout",
        "stderr", "fd", "core"]


def place_thing(path, what, canary):
    if what == "file-link":
        os.symlink(canary.path + "/null", path)
    elif what == "dir-link":
        os.symlink(canary.path + "/dir", path)
    elif what == "dangling":
        os.symlink(canary.path + "/nosuch", path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "file":
        with open(path, "w", encoding="ascii") as f:
            f.write("image\n")
    elif what == "device":
        os.mknod(path, 0o20666, os.makedev(1, 8))


@threat("CVE-2026-88264", "CVE-2026-88265", "D1", "D2", "P8")
@pytest.mark.parametrize("what", ["file-link", "dir-link", "dangling", "fifo", "file", "device"])
@pytest.mark.parametrize("terminal", [False, True])
def test_entries_of_dev(make_ctr, canary, what, terminal):
    """Each name of the image's own /dev in turn; no tmpfs covers them."""
    from lib.console import ConsoleSocket
    for name in DEVS:
        ctr = make_ctr()
        ctr.config["mounts"] = [m for m in ctr.config["mounts"] if not m["destination"].startswith("/dev")]
        if name not in ("pts", "ptmx"):
            ctr.config["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                                         "options": ["newinstance", "ptmxmode=0666"]})
        place_thing(ctr.bundle.file("/dev/" + name), what, canary)
        ctr.process["terminal"] = terminal
        ctr.sh("for d in null zero full random urandom; do stat -c '%t:%T %F' /dev/$d; done;"
               "stat -L -c '%t %T' /dev/console /proc/self/fd/0; echo x >/dev/null; echo ran")
        if terminal:
            console = ConsoleSocket(os.path.join(ctr.top, "con"))
            result = ctr.create("--console-socket", console.path, timeout=15)
            text = ""
            if result.code == 0:
                console.receive()
                ctr.start()
                text = console.read_all()
            console.close()
        else:
            result = ctr.run(timeout=15)
            text = result.stdout if result.code == 0 else ""
        if result.code:
            result.failed()
        elif "ran" in text:
            lines = text.splitlines()
            assert lines[:5] == [f"1:{n} character special file" for n in (3, 5, 7, 8, 9)], (name, lines)
            if terminal:  # the terminal is on /dev/console, whatever the image had there
                assert lines[5] == lines[6], (name, lines)
        canary.check()


@threat("CVE-2026-47766", "CVE-2026-41579", "D1", "P2")
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("on_dev", ["tmpfs", "bind", "nothing"])
@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_dev_of_the_image_is_a_link(ctr, canary, target, on_dev, user):
    os.rmdir(ctr.bundle.file("/dev"))
    place = canary.path + "/dir"  # where nothing has the name of a device
    os.symlink(place if target == "absolute" else UP + place.lstrip("/"), ctr.bundle.file("/dev"))
    others = [m for m in ctr.config["mounts"] if not m["destination"].startswith("/dev")]
    own = [m for m in ctr.config["mounts"] if m["destination"] == "/dev"]
    if on_dev == "bind":
        own = [{"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]}]
    ctr.config["mounts"] = others + (own if on_dev != "nothing" else [])
    if user:
        ctr.bundle.namespace("user")
        for kind in ("uidMappings", "gidMappings"):
            ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    result = ctr.args("/bin/true").run()
    if result.code:
        result.failed()
        assert "/dev" in result.stderr
    canary.check()


@threat("dev-null-chown", "CVE-2026-88265", "P8")
def test_null_as_stdio_keeps_its_owner(ctr):
    """A null device of our own, so that a failure harms nobody."""
    null = os.path.join(ctr.top, "null")
    os.mknod(null, 0o20666, os.makedev(1, 3))
    os.chmod(null, 0o666)
    before = os.stat(null)
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    ctr.started()
    fds = [os.open(null, os.O_RDWR) for _ in range(3)]
    ctr.call("exec", "--user", "1000:1000", ctr.id, "/bin/true", stdin=fds[0], stdout=fds[1],
             wrap=f'exec 2>{null}; exec "$@"').ok()
    for fd in fds:
        os.close(fd)
    after = os.stat(null)
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@threat("mount-leaks", "M1", "M4")
@pytest.mark.parametrize("propagation", ["private", "slave", "shared", "unset"])
def test_no_mount_stays(ctr, rounds, propagation):
    """Cycles with nested mounts: the host's table is the same, and a disk that comes later shows up inside
    exactly when propagation says so."""
    if propagation != "unset":
        ctr.bundle.linux["rootfsPropagation"] = propagation
    late = os.path.join(ctr.top, "late")
    os.makedirs(late + "/disk")
    mount(late, late, None, 4096)
    mount(None, late, None, 1 << 20)
    words = {"private": "rprivate", "slave": "rslave", "shared": "rshared", "unset": "rslave"}[propagation]
    ctr.config["mounts"] += [{"destination": "/late", "type": "bind", "source": late, "options": ["rbind", words]},
                             {"destination": "/tmp", "type": "tmpfs", "source": "t"},
                             {"destination": "/tmp/in", "type": "tmpfs", "source": "t"}]
    try:
        before = read("/proc/self/mountinfo")
        for _ in range(rounds(8)):
            ctr.args("/bin/true").run().ok()
        assert read("/proc/self/mountinfo") == before
        ctr.args("/bin/sleep", "1000").started()
        mount("disk", late + "/disk", "tmpfs")
        with open(late + "/disk/seen", "w", encoding="ascii"):
            pass
        seen = ctr.exec("/bin/ls", "/late/disk").ok().stdout.split()
        assert seen == (["seen"] if words != "rprivate" else []), seen
        ctr.delete("--force").ok()
    finally:
        umount(late + "/disk")
        umount(late)


@threat("CVE-2018-15664", "CVE-2024-5154", "CVE-2025-9566", "CVE-2026-55686", "P2", "P4")
@pytest.mark.parametrize("how", ["link", "dangling", "dots", "parent"])
def test_cwd_that_has_to_be_made(ctr, canary, how):
    """A WORKDIR of the image is made inside or not at all."""
    os.symlink(canary.path, ctr.bundle.file("/link"))
    os.symlink(canary.path + "/new", ctr.bundle.file("/dangling"))
    ctr.process["cwd"] = {"link": "/link/new/deep", "dangling": "/dangling", "dots": "/" + UP + canary.path[1:] + "/new",
                          "parent": "/link/../new"}[how]
    result = ctr.args("/bin/sh", "-c", "pwd").run()
    if result.code:
        result.failed()
    canary.check()


@threat("CVE-2018-15664", "P4")
def test_cwd_exchanged_meanwhile(ctr, step, canary):
    os.makedirs(ctr.bundle.file("/a"))
    os.symlink(canary.path, ctr.bundle.file("/b"))
    ctr.process["cwd"] = "/a/new/deep"
    ctr.args("/bin/true")

    def judge(_):
        canary.check()
    assert step(ctr, ctr.bundle.file("/a"), ctr.bundle.file("/b"), judge, points=20)


@threat("M4", "P1")
def test_nothing_of_the_host_below(ctr):
    """After the pivot no mount of the host is in the table, and none can be reached by going up."""
    ctr.sh("cat /proc/self/mountinfo; cd /..; cd ../../..; pwd; ls /; stat -f -c %i / /..")
    lines = ctr.run().ok().stdout.splitlines()
    points = [line.split(" ")[4] for line in lines if " - " in line]
    assert sorted(points) == sorted(["/"] + [m["destination"] for m in ctr.config["mounts"]]), points
    assert stat.S_ISDIR(os.stat(ctr.bundle.rootfs).st_mode) and facts.root
