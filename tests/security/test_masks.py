# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.4: masked paths, read-only paths, the console."""

import json
import os

import pytest

from lib.bundle import CAPS
from lib.console import ConsoleSocket
from lib.host import read
from threats import threat

ALL = ["CAP_" + c for c in CAPS]

# What the engines mask by default: moby's daemon, cut of this suite. A new entry upstream belongs here and in `hull spec`.
ENGINE_MASKS = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
                "/sys/firmware"]
ENGINE_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
FILES = ["/opt/secret1", "/opt/secret2", "/opt/secret3", "/proc/timer_list", "/proc/keys"]


@threat("CVE-2025-31133", "CVE-2025-62161", "D2", "D3")
@pytest.mark.parametrize("what", ["file", "procfile", "device"])
def test_null_of_the_container_is_no_source(ctr, step, canary, what):
    """STEP: /dev/null of the image changes places with something else while masks are applied."""
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if not m["destination"].startswith("/dev")]
    for name in FILES[:3]:
        ctr.bundle.put(name, "secret\n")
    null, evil = ctr.bundle.file("/dev/null"), ctr.bundle.file("/dev/evil")
    os.mknod(null, 0o20666, os.makedev(1, 3))
    if what == "device":
        os.mknod(evil, 0o20666, os.makedev(1, 5))
    else:
        os.symlink("/proc/sys/kernel/core_pattern" if what == "procfile" else canary.path + "/file", evil)
    ctr.bundle.linux["maskedPaths"] = FILES
    ctr.sh(f"stat -c '%t:%T %F' {' '.join(FILES)}; cat {' '.join(FILES[:3])}; echo end; "
           "for f in " + " ".join(FILES) + "; do (echo x >$f) 2>/dev/null; done; true")

    def judge(result):
        if result.code == 0:
            lines = result.stdout.splitlines()
            assert lines[:len(FILES)] == ["1:3 character special file"] * len(FILES), lines
            assert "secret" not in result.stdout
    assert step(ctr, null, evil, judge, points=20)


@threat("CVE-2025-31133", "D3")
def test_masks_cannot_be_taken_off(ctr):
    """With every capability but the right to mount: nothing below shows; each mask is its own read-only mount."""
    for name in FILES[:3]:
        ctr.bundle.put(name, "secret\n")
    ctr.bundle.put("/opt/dir/file", "secret\n")
    caps = [c for c in ALL if c != "CAP_SYS_ADMIN"]
    ctr.process["capabilities"] = {k: caps for k in ("bounding", "effective", "permitted")}
    ctr.bundle.linux["maskedPaths"] = FILES + ["/opt/dir"]
    text = ctr.sh("umount /opt/secret1 /opt/dir 2>/dev/null; cat /opt/secret1 /opt/dir/file; ls -A /opt/dir;"
                  "touch /opt/dir/x; cat /proc/self/mountinfo").run().stdout
    assert "secret\n" not in text
    rows = {line.split(" ")[4]: line.split(" ")[5].split(",") for line in text.splitlines() if " - " in line}
    for name in FILES + ["/opt/dir"]:
        if os.path.exists(name) or name.startswith("/opt"):
            assert "ro" in rows[name], (name, rows.get(name))


@threat("GHSA-3q8j-pf29-vwv8", "D3", "M1")
@pytest.mark.parametrize("field", ["readonlyPaths", "maskedPaths"])
def test_parents_exchanged(ctr, step, canary, field):
    """STEP on the parent of the path, in a volume of a neighbour."""
    volume = os.path.join(ctr.top, "volume")
    for name in ("a", "b"):
        os.makedirs(f"{volume}/{name}/dir")
        with open(f"{volume}/{name}/dir/file", "w", encoding="ascii") as f:
            f.write("secret\n")
    ctr.config["mounts"].append({"destination": "/volume", "type": "bind", "source": volume, "options": ["bind", "rw"]})
    ctr.bundle.linux[field] = ["/volume/a/dir"]
    ctr.sh("for d in a b; do (echo x >/volume/$d/dir/new) 2>/dev/null && echo open || echo closed; done")

    def judge(result, words=(["closed", "open"], ["open", "closed"])):
        if result.code == 0:
            assert result.stdout.split() in words, result.stdout
        for name in ("a", "b"):
            if os.path.exists(f"{volume}/{name}/dir/new"):
                os.unlink(f"{volume}/{name}/dir/new")
    # for good: whoever has the name now, one of the two is covered
    assert step(ctr, volume + "/a", volume + "/b", judge, points=20, holds=(0,))
    # for one look-up: the names are what they were, and what the config names is covered
    assert step(ctr, volume + "/a", volume + "/b", points=100, holds=(1,),
                judge=lambda r: judge(r) if r.exchanged else judge(r, (["closed", "open"],)))


@threat("CVE-2025-52565", "D4")
@pytest.mark.parametrize("name", ["pts", "console", "ptmx"])
@pytest.mark.parametrize("bound", [False, True])
def test_console_is_a_terminal_of_devpts(make_ctr, rounds, race, canary, name, bound):
    """RACE on names below /dev, in the image or in a volume bound there."""
    ctr = make_ctr()
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] not in ("/dev", "/dev/shm")]
    dev = ctr.bundle.file("/dev")
    if bound:
        dev = os.path.join(ctr.top, "dev")
        os.makedirs(dev)
        for node, major, minor in (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)):
            os.mknod(f"{dev}/{node}", 0o20666, os.makedev(major, minor))
        os.symlink("pts/ptmx", f"{dev}/ptmx")
        ctr.config["mounts"].insert(1, {"destination": "/dev", "type": "bind", "source": dev, "options": ["bind", "rw"]})
    if name == "pts":
        os.makedirs(dev + "/pts", exist_ok=True)
        os.makedirs(dev + "/evil")
        for file in ("ptmx", "0", "1"):
            os.link(canary.path + "/file", f"{dev}/evil/{file}")
    else:
        path = f"{dev}/{name}"
        if not os.path.lexists(path):
            with open(path, "w", encoding="ascii"):
                pass
        os.symlink(canary.path + "/file" if name == "console" else "/proc/sys/kernel/core_pattern", dev + "/evil")
    canary.before = canary.look()
    ctr.process["terminal"] = True
    ctr.sh("stat -L -c '%t %T %i %D' /proc/self/fd/0; stat -c '%t %T %i %D' /dev/console; echo end")
    worked = 0
    for _ in range(rounds(6)):
        console = ConsoleSocket(os.path.join(ctr.top, "con"))
        with race(f"{dev}/{name}", dev + "/evil"):
            result = ctr.create("--console-socket", console.path)
            if result.code == 0:
                console.receive()
                ctr.start()
                lines = console.read_all().splitlines()
                if len(lines) >= 3 and lines[-1] == "end":
                    worked += 1
                    assert int(lines[0].split()[0], 16) in range(136, 144), lines
                    if name != "console":  # its name goes on changing places
                        assert lines[1] == lines[0], lines
                ctr.delete("--force")
            else:
                result.failed()
        console.close()
        os.unlink(console.path)
    canary.check()


@threat("CVE-2025-52565", "D4")
def test_terminal_while_pts_is_exchanged(ctr, step, canary):
    """STEP: /dev/pts of the image changes places with a directory whose files have the names of terminals."""
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] not in ("/dev", "/dev/shm")]
    dev = ctr.bundle.file("/dev")
    os.makedirs(dev + "/pts", exist_ok=True)
    os.makedirs(dev + "/evil")
    for file in ("ptmx", "0", "1", "2"):
        os.link(canary.path + "/file", f"{dev}/evil/{file}")
    canary.before = canary.look()
    ctr.process["terminal"] = True
    ctr.sh("stat -L -c '%t %T' /proc/self/fd/0; stat -c '%t %T' /dev/console")

    def judge(result):
        canary.check()
        if result.code == 0:
            lines = result.stdout.split("\n")
            assert int(lines[0].split()[0], 16) in range(136, 144) and lines[1].strip() == lines[0].strip(), lines
    assert step(ctr, dev + "/pts", dev + "/evil", judge, points=1000)


@threat("CVE-2018-10892", "D3")
@pytest.mark.hull_only
def test_default_masks(ctr):
    """`hull spec` has the engines' list, and what it names is closed inside."""
    os.unlink(ctr.bundle.path + "/config.json") if os.path.exists(ctr.bundle.path + "/config.json") else None
    ctr.call("spec", "--bundle", ctr.bundle.path).ok()
    with open(ctr.bundle.path + "/config.json", encoding="utf-8") as f:
        linux = json.load(f)["linux"]
    assert not set(ENGINE_MASKS) - set(linux["maskedPaths"]), set(ENGINE_MASKS) - set(linux["maskedPaths"])
    assert not set(ENGINE_READONLY) - set(linux["readonlyPaths"])
    ctr.bundle.linux["maskedPaths"], ctr.bundle.linux["readonlyPaths"] = linux["maskedPaths"], linux["readonlyPaths"]
    ctr.process["capabilities"] = {k: ["CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted")}
    before = read("/proc/sys/kernel/core_pattern")
    text = ctr.sh("cat /proc/kcore /proc/keys /proc/timer_list | wc -c; ls -A /sys/firmware | wc -l;"
                  "(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null || echo closed;"
                  "(echo h >/proc/sysrq-trigger) 2>/dev/null || echo closed").run().ok().stdout
    assert text.split() == ["0", "0", "closed", "closed"]
    assert read("/proc/sys/kernel/core_pattern") == before
