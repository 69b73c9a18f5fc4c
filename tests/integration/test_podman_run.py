# SPDX-License-Identifier: Apache-2.0
"""podman run: what a container is given, and what podman concludes from how it ends."""

import json
import os
import shlex
import shutil

import clients
from tap import call, eq, eventually, has, lacks, need, test


@test("podman run: output, errors, standard input and exit status 0")
def run_output(c):
    r = c.run("sh", "-c", "read line; echo out $line; echo err >&2", opts=["-i"], stdin="word\n").ok()
    eq((r.out, r.err), ("out word\n", "err\n"), "stdout, stderr")


@test("podman run: exit status of the program and of a signal")
def run_status(c):
    c.run("sh", "-c", "exit 3").failed(3)
    # with the host's pids: the first process of a pid namespace is deaf to its own signals
    c.run("sh", "-c", "kill -KILL $$", opts=["--pid", "host"]).failed(137)
    c.run("sh", "-c", "kill -TERM $$", opts=["--pid", "host"]).failed(143)


@test("podman run: 127 for a program that is not there, 126 for what cannot be executed")
def run_no_program(c):
    r = c.run("no-such-program").failed(127)
    has(r.err, "executable file not found in $PATH")
    c.run("/no/such/file").failed(127)
    r = c.run("/etc").failed(126)
    has(r.err.lower(), "permission denied")
    r = c.run("/etc/passwd").failed(126)
    has(r.err.lower(), "permission denied")
    eq(c.records(), [], "hull list after failures")


def in_terminal(c, *args):
    """podman in a terminal that script(1) makes: what was on the screen, and the exit status."""
    need(shutil.which("script"), "script(1) is not installed")
    command = shlex.join(["podman", *clients.GLOBAL, "--runtime", "hull", "run", "--rm", "-it", "--cgroup-parent",
                          c.parent, c.image(), *args])
    keyboard, hand = os.pipe() # nobody types, nobody hangs up
    try:
        r = call("script", "-qec", f"stty rows 33 cols 77; {command}", "/dev/null", stdin=keyboard)
    finally:
        os.close(keyboard)
        os.close(hand)
    return r.out.replace("\r\n", "\n"), r.code


@test("podman run -it: a terminal of the right size, its exit status")
def run_terminal(c):
    screen, code = in_terminal(c, "sh", "-c", "tty; test -t 0 && test -t 2 && echo both; stty -a | head -n 1; exit 5")
    eq(code, 5, "exit status")
    has(screen, "/dev/pts/0\n")
    has(screen, "both\n")
    # the size arrives with a signal to conmon that podman sends after the start: ask until it is there
    screen, code = in_terminal(c, "sh", "-c", "until stty size | grep -x '33 77'; do :; done")
    has(screen, "33 77\n")
    eq(code, 0, "exit status")


@test("podman run -v: ro, rw, rslave, and a file")
def run_volumes(c):
    source = c.path("volume")
    os.makedirs(source + "/below")
    with open(source + "/file", "w", encoding="ascii") as f:
        f.write("host\n")
    eq(c.sh("cat /v/file; echo new >/v/made", "-v", f"{source}:/v:rw"), "host", "rw: content")
    with open(source + "/made", encoding="ascii") as f:
        eq(f.read(), "new\n", "rw: what the container wrote")
    eq(c.sh("touch /v/x 2>&1 && echo wrote; cat /v/file", "-v", f"{source}:/v:ro").splitlines()[-1], "host", "ro")
    lacks(os.listdir(source), "x")
    eq(c.sh("cat /etc/one", "-v", f"{source}/file:/etc/one:ro"), "host", "file")
    line = c.sh("grep ' /v ' /proc/self/mountinfo", "-v", f"{source}:/v:nosuid,nodev,noexec")
    for word in ("nosuid", "nodev", "noexec"):
        has(line, word)


@test("podman run -v :rslave, :rshared: mounts made later arrive, and go out when shared")
def run_propagation(c):
    source = c.path("shared")
    os.makedirs(source)
    for args in (("-t", "tmpfs", "none", source), ("--make-shared", source)):
        call("mount", *args).ok()
    for word, mark in (("rslave", "master:"), ("rshared", "shared:")):
        name = c.start("sh", "-c", "mkdir -p /v/in; mount -t tmpfs in /v/in && touch /v/in/made; echo done; sleep 1000",
                       opts=["-v", f"{source}:/v:{word}", "--privileged"])
        eventually(lambda: "done" in c.podman("logs", name).ok().out, "the mount inside") # pylint: disable=W0640
        pid = c.inspect(name)["State"]["Pid"]
        with open(f"/proc/{pid}/mountinfo", encoding="ascii") as f:
            has(next(line for line in f if " /v " in line), mark)
        os.makedirs(f"{source}/out", exist_ok=True)
        call("mount", "-t", "tmpfs", "out", f"{source}/out").ok()
        with open(f"{source}/out/file", "w", encoding="ascii") as f:
            f.write("later\n")
        eq(clients.read(f"/proc/{pid}/root/v/out/file"), "later\n", f"{word}: what was mounted later")
        eq(os.path.exists(f"{source}/in/made"), word == "rshared", f"{word}: the container's mount is seen outside")
        call("umount", f"{source}/out").ok()
        c.remove(name)
    call("umount", "-R", source).ok()


@test("podman run -v NAME: a named volume gets the image's files and keeps what is written")
def run_named_volume(c):
    eq(c.sh("cat /data/file /data/inner/deep; echo kept >/data/file", "-v", "vol:/data"), "from the image\ndeep", "first")
    eq(c.sh("cat /data/file", "-v", "vol:/data"), "kept", "second")
    c.podman("volume", "rm", "vol").ok()


@test("podman run --read-only, --tmpfs, --shm-size")
def run_read_only(c):
    out = c.sh("touch /x 2>&1; touch /t/x /tmp/y && echo tmpfs; grep -E ' (/t|/dev/shm) ' /proc/mounts",
               "--read-only", "--tmpfs", "/t:size=4m,mode=1777", "--shm-size", "3m")
    has(out, "Read-only file system")
    has(out, "tmpfs\n")
    has(out, "size=4096k")
    has(out, "size=3072k")


@test("podman run --user: numbers, names, additional groups")
def run_user(c):
    eq(c.sh("id -u; id -g", "--user", "1234:4321"), "1234\n4321", "numbers")
    eq(c.sh("id -u; id -G", "--user", "alice"), "1000\n1000 2000", "name")
    eq(c.sh("id -G", "--user", "7:8", "--group-add", "99"), "8 99", "--group-add")


CAP_BITS = {"CHOWN": 0, "NET_ADMIN": 12, "SYS_TIME": 25}


def caps(c, *opts):
    status = dict(line.split(":\t", 1) for line in c.sh("cat /proc/self/status", *opts).splitlines() if ":\t" in line)
    return {key: int(status[key], 16) for key in ("CapEff", "CapPrm", "CapBnd")} | {
        key: int(status[key]) for key in ("NoNewPrivs", "Seccomp")}


@test("podman run --cap-add, --cap-drop, no-new-privileges, and the default seccomp profile is on")
def run_caps(c):
    plain = caps(c)
    eq(plain["Seccomp"], 2, "Seccomp")
    eq(plain["NoNewPrivs"], 0, "NoNewPrivs")
    assert plain["CapEff"] >> CAP_BITS["CHOWN"] & 1, f"CHOWN is not in {plain}"
    assert not plain["CapEff"] >> CAP_BITS["NET_ADMIN"] & 1, f"NET_ADMIN is in {plain}"
    more = caps(c, "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges")
    eq(more["CapEff"], (plain["CapEff"] | 1 << CAP_BITS["NET_ADMIN"]) & ~(1 << CAP_BITS["CHOWN"]), "CapEff")
    eq(more["CapBnd"], more["CapEff"], "CapBnd")
    eq(more["NoNewPrivs"], 1, "NoNewPrivs")
    eq(caps(c, "--cap-drop", "all")["CapBnd"], 0, "CapBnd without any")
    eq(caps(c, "--security-opt", "seccomp=unconfined")["Seccomp"], 0, "Seccomp when unconfined")


@test("podman run --security-opt seccomp=FILE: a rule acts, the default profile too")
def run_seccomp(c):
    profile = {"defaultAction": "SCMP_ACT_ALLOW",
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    path = c.write("seccomp.json", json.dumps(profile))
    eq(c.sh("mkdir /tmp/d 2>&1; touch /tmp/f && ls /tmp", "--security-opt", f"seccomp={path}").splitlines()[-2:],
       ["mkdir: can't create directory '/tmp/d': No space left on device", "f"], "what the rule does")
    has(c.sh("unshare -m true 2>&1 || true"), "Operation not permitted")


@test("podman run --ulimit, --sysctl, --hostname, --env")
def run_settings(c):
    # podman raises nproc on its own when it is not given
    eq(c.sh("ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; hostname;"
            "echo $A,$B", "--ulimit", "nofile=100:200", "--ulimit", "core=0:0", "--ulimit", "nproc=500:600",
            "--sysctl", "net.ipv4.ip_forward=1",
            "--sysctl", "kernel.msgmax=4096", "--hostname", "box", "--env", "A=1 2", "--env", "B=ü"),
       "100\n200\n0\n1\n4096\nbox\n1 2,ü", "settings")


@test("podman run --workdir: made when it is missing")
def run_workdir(c):
    eq(c.sh("pwd", "--workdir", "/data/inner"), "/data/inner", "pwd")
    name = c.name()
    image = c.image()
    c.podman("image", "import", "--change", "WORKDIR /made/by/runtime", c.path("base.tar"), "localhost/workdir").ok()
    r = c.podman("run", "--rm", "--name", name, "--cgroup-parent", c.parent, "localhost/workdir", "pwd").ok()
    eq(r.out, "/made/by/runtime\n", f"pwd with the image's WORKDIR, from {image}")
    c.podman("rmi", "localhost/workdir").ok()


@test("podman run --device: /dev/fuse and a renamed device")
def run_device(c):
    need(os.path.exists("/dev/fuse"), "/dev/fuse is not there")
    out = c.sh("ls -l /dev/fuse /dev/nought | tr -s ' ' | cut -d ' ' -f 1,5,6; echo x >/dev/nought && echo wrote",
               "--device", "/dev/fuse", "--device", "/dev/null:/dev/nought:w")
    eq(out.splitlines()[0][0], "c", "type of /dev/fuse")
    has(out, "10, 229")
    has(out, "1, 3")
    has(out, "wrote")
    has(c.sh("mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg 2>&1 || true"), "Operation not permitted")


@test("podman run --init: catatonit is the first process")
def run_init(c):
    need(os.path.exists("/usr/libexec/podman/catatonit"), "catatonit is not installed")
    out = c.sh("cat /proc/1/comm; (sleep 0 & exec sleep 0.1); echo $$", "--init").splitlines()
    assert out[0] in ("catatonit", "podman-init"), out
    assert int(out[1]) > 1, out


@test("podman run --uidmap --gidmap: root inside is somebody else outside")
def run_userns(c):
    maps = ["--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"]
    eq(c.sh("cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; id -u; touch /tmp/f; stat -c %u:%g /tmp/f", *maps),
       "0 100000 65536\n 0 200000 65536\n0\n0:0", "maps")
    name = c.start("sleep", "1000", opts=maps)
    pid = c.inspect(name)["State"]["Pid"]
    eq(os.stat(f"/proc/{pid}").st_uid, 100000, "owner outside")
    c.remove(name)


@test("podman run --userns container:, podman pod create --uidmap: the namespace is joined, its mappings are repeated")
def shared_mapping(c):
    wanted = "0 100000 5000"
    name = c.start("sleep", "1000", opts=["--uidmap", "0:100000:5000"])
    eq(c.sh("cat /proc/self/uid_map", "--userns", f"container:{name}").split(), wanted.split(), "uid_map")
    eq(c.podman("exec", "-u", "alice", name, "id", "-u").ok().out, "1000\n", "exec")
    c.remove(name)
    pod, image = c.name("pod"), c.image()
    c.podman("pod", "create", "--name", pod, "--uidmap", "0:100000:5000", "--cgroup-parent", c.parent, "--network", "none",
             "--infra-image", image, "--infra-command", "/bin/sleep 10000").ok()
    out = c.podman("run", "--rm", "--pod", pod, image, "cat", "/proc/self/uid_map").ok().out
    eq(out.split(), wanted.split(), "uid_map in the pod")
    c.remove(pod, what=("pod",))
    c.nothing_left()


@test("podman run --pids-limit -1 and 0: no limit")
def no_pids_limit(c):
    for limit in ("-1", "0"):
        eq(c.sh("echo $(echo forked)", "--pids-limit", limit), "forked", limit)


@test("podman run --tmpfs :U: the new file system is the user's, with the image's files in it")
def tmpfs_of_user(c):
    out = c.sh("stat -c '%u %a' /data; cat /data/file", "--tmpfs", "/data:U,mode=700", "--user", "alice")
    eq(out, "1000 700\nfrom the image", "owner and mode, file")


@test("podman run --privileged, --pid host, --ipc host, --uts host")
def run_host_namespaces(c):
    out = c.sh("for ns in pid ipc uts; do readlink /proc/self/ns/$ns; done; grep CapEff /proc/self/status",
               "--privileged", "--pid", "host", "--ipc", "host", "--uts", "host").splitlines()
    eq(out[:3], [os.readlink(f"/proc/self/ns/{ns}") for ns in ("pid", "ipc", "uts")], "namespaces")
    with open("/proc/self/status", encoding="ascii") as f:
        mine = next(line for line in f if line.startswith("CapEff")).strip()
    eq(out[3], mine, "capabilities")
