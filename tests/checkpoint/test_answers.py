# SPDX-License-Identifier: Apache-2.0
"""What hull asks of CRIU, and what it makes of bad answers: a stand-in is CRIU here. No kernel support is needed."""

import json
import os
import shutil

from tap import eq, has, lacks, test

LOG = ("(00.000001) Version: 4.1\n(00.1)  7: Error (criu/a.c:1): first reason\n(00.2) Error (criu/b.c:22): second\n"
       "(00.3) Warn  (criu/c.c:3): not this\n(00.4) Error (criu/d.c:4): third\n(00.5) Error (criu/e.c:5): a fourth\n")


def stand_in(h, **plan):
    """A directory with the stand-in: its path and the directory."""
    where = h.path(f"stand-in{h.number}-{len(os.listdir(h.box))}")
    os.mkdir(where)
    here = os.path.dirname(os.path.abspath(__file__))
    shutil.copy(os.path.join(here, "stand_in.py"), where + "/criu")
    shutil.copy(os.path.join(here, "..", "lib", "wire.py"), where)
    with open(where + "/plan.json", "w", encoding="utf-8") as f:
        json.dump(plan, f)
    return where + "/criu", where


@test("probes of engines: checkpoint --help succeeds, restore --lsm-mount-context without value says what podman looks for")
def probes(h):
    has(h.hull("checkpoint", "--help").ok().out, "--leave-running")
    h.error_line(h.hull("restore", "--lsm-mount-context"), "flag needs an argument")


@test("features say whether there is a criu, and that org.criu.config is read")
def features(h):
    said = json.loads(h.hull("features").ok().out)
    has(("true", "false"), said["annotations"]["org.opencontainers.runc.checkpoint.enabled"])
    has(said["potentiallyUnsafeConfigAnnotations"], "org.criu.config")


@test("no criu, an old one, one that ends at once: one line that says so, and the container goes on")
def broken(h):
    _, name = h.counting()
    image = h.path("image-" + name)
    h.error_line(h.hull("--criu", "/missing", "checkpoint", "--image-path", image, name), "--criu", "/missing")
    program, _ = stand_in(h, version=[3, 1])
    h.error_line(h.hull("--criu", program, "checkpoint", "--image-path", image, name), "criu is 3.1", "needs 3.11")
    h.error_line(h.hull("--criu", "/bin/true", "checkpoint", "--image-path", image, name), "criu ended at once")
    eq(os.listdir(image), [], "left")
    h.counts(name, h.number_of(name))
    h.delete(name)
    h.nothing_left(name)


@test("a failure: the first three errors of the log in one line, no half images, the container goes on; the same without answer")
def failure(h):
    _, name = h.counting()
    for answer in ("no", "none"):
        program, _ = stand_in(h, log=LOG, answer=answer)
        image = h.path(f"image-{name}-{answer}")
        os.mkdir(image)
        with open(image + "/mine", "w", encoding="ascii"):
            pass
        line = h.error_line(h.hull("--criu", program, "checkpoint", "--image-path", image, name),
                            "first reason; second; third", image + "/dump.log")
        lacks(line, "fourth")
        eq(sorted(os.listdir(image)), ["dump.log", "mine"], "left")
    program, _ = stand_in(h, answer="garbage")
    h.error_line(h.hull("--criu", program, "checkpoint", "--image-path", image, name), "no reply")
    eq(h.state(name)["status"], "running", "status")
    h.counts(name, h.number_of(name))
    h.delete(name)
    h.nothing_left(name)


@test("what a dump is told: options by number, external mounts by the config's destinations, an environment of its own")
def asked(h):
    source = h.path("asked-source")
    os.mkdir(source)

    def change(config):
        config["mounts"].append({"destination": "/vol", "source": source, "type": "bind", "options": ["bind", "ro"]})
    _, name = h.counting(change)
    program, where = stand_in(h, log=LOG)
    h.hull("--criu", program, "checkpoint", "--image-path", h.path("image-" + name), "--tcp-established", "--ext-unix-sk",
           "--shell-job", "--file-locks", "--leave-running", "--manage-cgroups-mode", "ignore", "--empty-ns", "network",
           "--page-server", "127.0.0.1:99", "--link-remap", "--status-fd", "1000", name,
           preexec_fn=lambda: os.dup2(2, 1000), close_fds=False).failed(1)
    with open(where + "/asked.json", encoding="utf-8") as f:
        said = json.load(f)
    numbers = dict(said["options"])
    eq(said["type"], 1, "a dump")
    eq(numbers[2], h.state(name)["pid"], "pid")
    for flag in (3, 4, 5, 7, 8, 18):
        eq(numbers.get(flag), 1, f"option {flag}")
    eq((numbers[34], numbers[38]), (0, 0x40000000), "cgroups mode, empty namespaces")
    eq(numbers[49], 1000, "status fd")
    eq(numbers[11], "\n\t127.0.0.1\x10c", "page server")
    external = [v for n, v in said["options"] if n == 37]
    has(external, "mnt[/vol]:/vol")
    for masked in ("/proc/kcore", "/proc/timer_list"):
        if os.path.isfile(masked):
            has(external, f"mnt[{masked}]:{masked}")
    lacks(" ".join(external), "/sys/firmware")
    eq({k for k in said["env"] if k not in ("LC_CTYPE",)}, {"PATH", "LC_ALL", "HOME"}, "environment")
    h.delete(name)


@test("a restore that fails leaves nothing; bad words on the command line and containers that cannot be carried are named")
def refused_early(h):
    path, name = h.counting()
    program, _ = stand_in(h, log=LOG)
    for words, said in ((["--manage-cgroups-mode", "x"], "--manage-cgroups-mode"), (["--empty-ns", "x"], "--empty-ns"),
                        (["--network-lock", "x"], "--network-lock"), (["--page-server", "x"], "--page-server"),
                        (["--status-fd", "77"], "--status-fd"), (["--parent-path", "/x"], "--parent-path")):
        h.error_line(h.checkpoint(name, *words)[1], said)
    h.delete(name)
    image = h.path("image-r")
    os.mkdir(image)
    h.error_line(h.hull("--criu", program, "restore", "--detach", "--bundle", path, "--image-path", image, name),
                 "criu could not restore the images: first reason", "restore.log")
    h.nothing_left(name)
    created = h.create()
    h.error_line(h.checkpoint(created)[1], "is created: start it first")
    h.delete(created)

    def shared(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "mount"]
        config["mounts"] = []
    other = h.create("sleep", "1000", change=shared)
    h.hull("start", other).ok()
    h.error_line(h.checkpoint(other)[1], "/linux/namespaces", "mount namespace")
    h.delete(other)


@test("a restore makes the mount points that the root lacks, whatever the umask, and one that fails takes them away again")
def mount_points(h):
    source, file = h.path("points-source"), h.path("points-file")
    os.mkdir(source)
    with open(file, "w", encoding="ascii"):
        pass

    def change(config):
        config["mounts"] += [{"destination": "/made/deep/dir", "source": source, "type": "bind", "options": ["bind"]},
                             {"destination": "/made/file", "source": file, "type": "bind", "options": ["bind"]},
                             {"destination": "/vol", "source": source, "type": "bind", "options": ["bind"]}]
    path, name = h.bundle("true", change=change)
    program, where = stand_in(h, log=LOG, seen=["made/deep/dir", "made/file"])
    image = h.path("image-points")
    os.mkdir(image)
    h.error_line(h.hull("--criu", program, "restore", "--detach", "--bundle", path, "--image-path", image, name,
                        preexec_fn=lambda: os.umask(0o77)), "criu could not restore the images")
    with open(where + "/asked.json", encoding="utf-8") as f:
        eq(json.load(f)["seen"], {"made/deep/dir": 0o40755, "made/file": 0o100644}, "made for CRIU")
    eq((os.path.exists(h.rootfs + "/made"), os.path.isdir(h.rootfs + "/vol")), (False, True), "left, and what was there")
    h.nothing_left(name)
