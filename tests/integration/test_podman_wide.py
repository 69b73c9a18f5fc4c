# SPDX-License-Identifier: Apache-2.0
"""podman's less common options and verbs: what they ask of a runtime, seen from the container and by podman."""

import json
import os
import socket
import subprocess

from tap import call, eq, eventually, has, lacks, test
import clients

PYTHON = [word for d in ("/usr", "/lib", "/lib64") if os.path.isdir(d) for word in ("-v", f"{d}:{d}:ro")]  # of the host


def command(c, *words, opts=()):
    """The words of a podman run."""
    return ["podman", *clients.GLOBAL, "--runtime", "hull", "run", "--rm", "--cgroup-parent", c.parent, *opts, c.image(), *words]


@test("podman run --preserve-fds, LISTEN_FDS; podman exec --preserve-fds: the descriptors arrive, and no others")
def preserve(c):
    count = "ls /proc/self/fd | wc -l"
    script = f"exec 3<<<three 4<<<four; exec {subprocess.list2cmdline(command(c, opts=['--preserve-fds', '2']))}"
    r = call("bash", "-c", script + " sh -c 'cat <&3; cat <&4; " + count + "'").ok()
    eq(r.out, "three\nfour\n6\n", "--preserve-fds")  # 0 to 4 and that of ls
    name = c.start("sleep", "1000")
    line = subprocess.list2cmdline(["podman", *clients.GLOBAL, "--runtime", "hull", "exec", "--preserve-fds", "1", name])
    eq(call("bash", "-c", f"exec 3<<<three; exec {line} sh -c 'cat <&3'").ok().out, "three\n", "exec --preserve-fds")
    c.remove(name)
    # as systemd starts a service that has sockets: LISTEN_PID is that of podman
    line = subprocess.list2cmdline(command(c))
    script = f"exec 3<<<three; export LISTEN_FDS=1 LISTEN_PID=$$; exec {line}"
    r = call("bash", "-c", script + " sh -c 'echo $LISTEN_FDS $LISTEN_PID; cat <&3'").ok()
    eq(r.out, "1 1\nthree\n", "LISTEN_FDS")


@test("podman run --sdnotify=container: the container's READY=1 comes out, with the main pid in front of it")
def notify(c):
    path = c.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(60)
        program = ("import os,socket,time; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); "
                   "s.sendto(b'READY=1',os.environ['NOTIFY_SOCKET']); time.sleep(1000)")
        name = c.name()
        c.run("/usr/bin/python3", "-c", program, opts=["-d", "--name", name, "--sdnotify=container", *PYTHON],
              env=dict(os.environ, NOTIFY_SOCKET=path)).ok()
        heard = b""
        while b"READY=1" not in heard:
            heard += s.recv(4096) + b"\n"
        has(heard.decode(), "MAINPID=")
    c.remove(name)


@test("podman container checkpoint, restore --pod: podman finds that hull supports them")
def probes(c):
    for probe in (["checkpoint", "--help"], ["restore", "--lsm-mount-context"]):
        r = call(c.runtime, *probe)
        eq(r.code == 0, "--help" in probe, f"{probe}: {r!r}")
    name = c.start("sleep", "1000")
    r = c.podman("container", "checkpoint", "--keep", name)
    if r.code:  # CRIU does not work here; that is what podman says, not that the runtime has no checkpoint
        lacks(r.err, "does not support checkpoint")
    r = c.podman("container", "restore", "--import", "/no/such/archive", "--pod", "none")
    lacks(r.err, "does not support pod restore")
    c.remove(name)


@test("podman exec: 126 for a directory, 127 for a missing directory or program, 137 for a signal; -d, -t, --privileged")
def execute(c):
    name = c.start("sleep", "1000")
    has(c.podman("exec", name, "/etc").failed(126).err, "permission denied")
    c.podman("exec", "-w", "/no/such/directory", name, "true").failed(127)
    c.podman("exec", name, "sh", "-c", "kill -KILL $$").failed(137)
    c.podman("exec", "-d", name, "no-such-program").failed(125)
    c.podman("exec", "-d", name, "touch", "/tmp/made").ok()
    eventually(lambda: not c.podman("exec", name, "ls", "/tmp/made").code, "what exec -d made")
    eq(c.podman("exec", "-t", name, "tty").ok().out.strip(), "/dev/pts/0", "exec -t")
    plain = c.podman("exec", name, "grep", "CapEff", "/proc/self/status").ok().out
    assert c.podman("exec", "--privileged", name, "grep", "CapEff", "/proc/self/status").ok().out != plain, plain
    c.podman("pause", name).ok()
    has(c.podman("exec", name, "true").failed(255).err, "can only create exec sessions on running containers")
    c.remove(name)


@test("podman attach, cp, diff, commit, export, rename, container clone")
def verbs(c):
    name = c.start("sh", "-c", "read x; echo got $x", opts=["-i"])
    c.podman("attach", name, stdin="word\n")
    c.podman("wait", name).ok()
    eq(c.podman("logs", name).ok().out, "got word\n", "attach")
    c.remove(name)
    name = c.start("sleep", "1000")
    c.podman("cp", c.write("copied", "copy\n"), f"{name}:/tmp/copied").ok()
    eq(c.podman("exec", name, "cat", "/tmp/copied").ok().out, "copy\n", "cp")
    has(c.podman("diff", name).ok().out.splitlines(), "A /tmp/copied")
    c.podman("rename", name, "renamed").ok()
    c.podman("commit", "-q", "renamed", "localhost/committed").ok()
    eq(c.podman("run", "--rm", "--cgroup-parent", c.parent, "localhost/committed", "cat", "/tmp/copied").ok().out, "copy\n", "commit")
    c.remove("renamed")
    one = c.name()
    c.run("echo", "cloned", verb="create", opts=["--name", one]).ok()
    c.podman("container", "clone", "--run", one, one + "-clone").ok()
    c.podman("wait", one + "-clone").ok()
    eq(c.podman("logs", one + "-clone").ok().out, "cloned\n", "clone")
    c.remove(one, one + "-clone")
    c.nothing_left()


@test("podman run --hooks-dir: hooks of the host run, what a failing one says is podman's error")
def hooks(c):
    where = c.path("hooks")
    os.mkdir(where)
    log = c.path("hook-log")
    good = c.write("hook", f'#!/bin/sh\nread -r state\necho "$1 $A" >>{log}\n', 0o755)
    bad = c.write("bad-hook", "#!/bin/sh\necho the reason >&2\nexit 3\n", 0o755)

    def use(path, *stages):
        hook = {"path": path, "args": ["hook", "word"], "env": ["A=1"], "timeout": 60}
        c.write("hooks/one.json", json.dumps({"version": "1.0.0", "hook": hook, "when": {"always": True}, "stages": stages}))
    options = [*clients.GLOBAL, "--runtime", "hull", "--hooks-dir", where, "run", "--rm", "--cgroup-parent", c.parent, c.image()]
    use(good, "prestart", "createRuntime", "poststart", "poststop")
    call("podman", *options, "true").ok()
    eq(clients.read(log), "word 1\n" * 4, "hooks")
    use(bad, "createRuntime")
    r = call("podman", *options, "true").failed(126)
    has(r.err, "exit status 3: the reason")
    c.nothing_left()


@test("podman run --rootfs, :O, --mount image and devpts, --secret, idmapped and overlay volumes")
def mounts(c):
    c.archive()
    root = c.path("rootfs")
    run = [*clients.GLOBAL, "--runtime", "hull", "run", "--rm", "--cgroup-parent", c.parent]
    eq(call("podman", *run, "--rootfs", f"{root}:O", "sh", "-c", "touch /over && echo made").ok().out, "made\n", "--rootfs :O")
    eq(os.path.exists(root + "/over"), False, "the root stays as it was")
    eq(call("podman", *run, "--read-only", "--rootfs", root, "sh", "-c", "touch /x 2>/dev/null || echo ro").ok().out, "ro\n", "ro")
    eq(c.sh("cat /img/data/file; ls /pts", "--mount", f"type=image,src={clients.IMAGE},dst=/img", "--mount",
            "type=devpts,destination=/pts"), "from the image\nptmx", "--mount")
    c.podman("secret", "create", "word", c.write("secret", "hidden\n")).ok()
    eq(c.sh("cat /run/secrets/word; stat -c '%u %a' /s", "--secret", "word", "--secret", "word,target=/s,uid=5,mode=400"),
       "hidden\n5 400", "--secret")
    volume = c.path("wide-volume")
    os.mkdir(volume)
    mapped = ["--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"]
    eq(c.sh("touch /v/f; stat -c %u /v/f", *mapped, "-v", f"{volume}:/v:idmap"), "0", "idmap")
    eq(c.sh("touch /o/x && ls /o", "-v", f"{volume}:/o:O"), "f\nx", ":O")
    eq(os.listdir(volume), ["f"], "below :O")
    eq(os.stat(volume + "/f").st_uid, 0, "the owner outside")
    eq(c.sh("stat -c %u /v/f", "-v", f"{volume}:/v:idmap=uids=0-7-1;gids=0-7-1"), "7", "idmap=uids=")


@test("podman run --umask, --timeout, --group-add keep-groups, --security-opt mask, unmask, proc-opts, --systemd=always")
def settings(c):
    eq(c.sh("umask", "--umask", "0077"), "0077", "--umask")
    eq(c.sh("id -G", "--group-add", "keep-groups"), "0", "keep-groups")
    eq(c.sh("wc -c </etc/passwd; ls /data | wc -l", "--security-opt", "mask=/etc/passwd:/data"), "0\n0", "mask")
    eq(c.sh("mount | grep -cE ' /proc/(kcore|sys)' || true", "--security-opt", "unmask=ALL"), "0", "unmask")
    has(c.sh("grep ' /proc ' /proc/mounts", "--security-opt", "proc-opts=hidepid=2"), "hidepid=")
    out = c.sh("grep -E ' (/run|/tmp|/var/log/journal) ' /proc/mounts; echo $container", "--systemd=always").splitlines()
    eq((len(out), out[-1]), (4, "podman"), "--systemd=always")
    name = c.name()
    c.run("sleep", "1000", opts=["--name", name, "--timeout", "1"])
    eq(c.inspect(name)["State"]["Status"], "exited", "--timeout")
    c.remove(name)
    eq(c.sh("uname -m", "--personality", "LINUX32") in ("i686", "armv8l", "armv7l"), True, "--personality")


@test("podman run --log-driver k8s-file and none; podman events: what conmon writes and podman reads")
def logs(c):
    path = c.path("log-file")
    name = c.name()
    c.run("sh", "-c", "echo out; echo err >&2", opts=["--name", name, "--log-driver", "k8s-file", "--log-opt", f"path={path}"]).ok()
    eq(sorted(line.split(" ", 1)[1] for line in clients.read(path).splitlines()), ["stderr F err", "stdout F out"], "the log")
    c.remove(name)
    eq(c.run("echo", "seen", opts=["--log-driver", "none"]).ok().out, "seen\n", "--log-driver none")
    events = c.podman("events", "--stream=false", "--filter", f"container={name}", "--format", "{{.Status}}").ok().out.split()
    # podman notes that it attached when it comes to it, which may be after a short program's end, or never
    eq([e for e in events if e != "attach"][:4], ["create", "init", "start", "died"], "events")
