# SPDX-License-Identifier: Apache-2.0
"""docker run and exec: what a container is given, and what Docker concludes from how it ends."""

import json
import os
import re
import subprocess

import engines
from tap import call, eq, eventually, has, lacks

both = engines.engine_test("docker")
native = engines.engine_test("docker", "host")


@both("docker info, version, inspect: hull is the default runtime, by the shipped daemon.json")
def info(d, _):
    facts = json.loads(d.docker("info", "--format", "{{json .}}").ok().out)
    eq(facts["DefaultRuntime"], "hull", "default runtime")
    runtime = facts["Runtimes"]["hull"]
    eq(runtime["path"], d.runtime, "runtime")
    if "status" in runtime:  # a Docker that asks `hull features`, and shows what it understood
        shown = json.loads(runtime["status"]["org.opencontainers.runtime-spec.features"])
        own = json.loads(call(d.runtime, "features").ok().out)
        eq((shown["ociVersionMax"], shown["linux"]["namespaces"]), (own["ociVersionMax"], own["linux"]["namespaces"]), "features")
    eq(facts["CgroupVersion"], "2" if d.view == "v2" or os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "1",
       "cgroup version")
    # Docker reads name and version off the last line of `hull --version` with the word in it
    parts = {c["Name"]: c["Version"] for c in json.loads(d.docker("version", "--format", "{{json .Server.Components}}").ok().out)}
    first = call(d.runtime, "--version").ok().out.splitlines()[0]
    eq(f"hull version {parts['hull']}", first, "version")
    name = d.background("sleep", "1000")
    eq(d.inspect(name)["HostConfig"]["Runtime"], "hull", "runtime of a container")
    record, = d.records()
    eq((record["status"], record["pid"]), ("running", d.status(name)["Pid"]), "hull list")
    d.remove(name)
    d.alone()


@both("docker run: output, errors, standard input, exit status 0 and 3, logs, wait")
def run(d, _):
    r = d.run("sh", "-c", "read line; echo out $line; echo err >&2; exit 3", opts=["-i"], stdin="word\n").failed(3)
    eq((r.out, r.err), ("out word\n", "err\n"), "stdout, stderr")
    name = d.background("sh", "-c", "echo logged; exit 5")
    eq(d.docker("wait", name).ok().out, "5\n", "wait")
    eq(d.docker("logs", name).ok().out, "logged\n", "logs")
    d.remove(name)
    d.alone()


@both("docker run, what cannot run: 125, 126, 127, the reason in hull's words, no endless restarts, nothing stays")
def failures(d, c):
    for command, code, message in (("no-such-program", 127, 'exec: "no-such-program": executable file not found in $PATH'),
                                   ("/no/such/file", 127, "no such file or directory"),
                                   ("/etc", 126, "is a directory: permission denied"),
                                   ("/etc/passwd", 126, "permission denied")):
        r = d.run(command).failed(code)
        has(r.err, message)
        has(r.err, "OCI runtime create failed: create ")
        for wrong in ('"msg"', "unable to retrieve OCI runtime error", "hull:"):
            lacks(r.err, wrong)
    has(d.run("true", opts=["--sysctl", "kernel.msgmax=never"]).failed(125).err, "/linux/sysctl/kernel.msgmax")
    r = d.run("true", opts=["-v", f"{c.archive()}:/data"]).failed(125)
    has(r.err, "not a directory")
    has(r.err, "Are you trying to mount a directory onto a file")  # Docker's own hint, for those words
    # Docker's own exit status of a container that never ran: 127 for these words too, 128 for all it does not know
    for opts, code in ((["-v", f"{c.archive()}:/data"], 127), (["--sysctl", "kernel.msgmax=never"], 128)):
        name = d.name()
        d.run("true", opts=["--name", name, *opts]).failed(125)
        eq(d.status(name)["ExitCode"], code, f"exit code for {opts}")
        d.remove(name)
    name = d.name()
    d.run("no-such-program", opts=["-d", "--name", name, "--restart", "always"]).failed(127)
    inspected = d.inspect(name)
    eq((inspected["State"]["Status"], inspected["State"]["ExitCode"], inspected["RestartCount"]), ("created", 127, 0), "state")
    has(inspected["State"]["Error"], "executable file not found in $PATH")
    d.remove(name)
    d.alone()


@native("docker run of a program whose interpreter is missing: create is good, start fails, 127, nothing stays")
def start_failure(d, c):
    path = c.write("docker-no-interpreter", "#!/no/such/interpreter\n", 0o755)
    r = d.run("/script", opts=["-v", f"{path}:/script"]).failed(127)
    has(r.err, "OCI runtime start failed: start ")
    has(r.err, "no such file or directory")
    d.alone()


@both("docker run -it: a terminal of the right size, its exit status")
def terminal(d, _):
    screen, code = engines.in_terminal(d, *d.command("run", "--rm", "-it", "--network", "none", "base", "sh", "-c",
                                             "tty; until stty size | grep -x '33 77'; do :; done; test -t 2 && echo both; exit 5"))
    eq(code, 5, "exit status")
    for part in ("/dev/pts/0\n", "33 77\n", "both\n"):
        has(screen, part)
    d.alone()


@both("docker exec, exec -it: output, exit statuses, user, directory, environment; errors; a signal")
def execute(d, _):
    name = d.background("sleep", "1000", opts=["--env", "FROM=create"])
    r = d.docker("exec", "-i", "--env", "E=1", "--workdir", "/data", "--user", "1000:7", name, "sh", "-c",
                 "read x; pwd; id -u; id -g; echo $E $FROM $x; exit 9", stdin="in\n").failed(9)
    eq(r.out, "/data\n1000\n7\n1 create in\n", "exec")
    d.docker("exec", name, "sh", "-c", "kill -KILL $$").failed(137)
    # Docker 20.10 says 126 for whatever cannot be executed, also with its default runtime; newer ones tell them apart
    missing = 126 if d.version() < (23,) else 127
    for command, code, message in (("no-such-program", missing, "executable file not found in $PATH"),
                                   ("/etc", 126, "permission denied")):
        r = d.docker("exec", name, command).failed(code)
        said = r.out + r.err  # the stream is open already: Docker writes its own words into the output
        has(said, f"OCI runtime exec failed: exec {d.inspect(name)['Id']}: ")
        has(said, message)
        lacks(said, '"msg"')
    screen, code = engines.in_terminal(d, *d.command("exec", "-it", name, "sh", "-c",
                                             "until stty size | grep -x '33 77'; do :; done; test -t 0 && tty; exit 6"))
    eq(code, 6, "exit status of exec -it")
    has(screen, "/dev/pts/0\n")
    d.docker("exec", "-d", name, "sh", "-c", "echo made >/tmp/detached").ok()
    eventually(lambda: d.docker("exec", name, "cat", "/tmp/detached").out == "made\n", "what exec -d made")
    has(d.docker("exec", "-u", "nobody", name, "id").out, "unable to find user nobody")
    d.remove(name)
    d.alone()


@native("docker run --read-only, --tmpfs, --shm-size, --hostname, --env, --workdir, --ulimit, --sysctl, --init")
def settings(d, _):
    out = d.sh("touch /x 2>&1 | grep -o Read-only; touch /t/x && echo tmpfs; grep -E ' (/t|/dev/shm) ' /proc/mounts; hostname;"
               "echo $A,$B; pwd; ulimit -Sn; ulimit -Hn; cat /proc/sys/kernel/msgmax /proc/1/comm; cat /proc/self/oom_score_adj",
               "--read-only", "--tmpfs", "/t:size=4m,mode=1777", "--shm-size", "3m", "--hostname", "box", "--env", "A=1 2",
               "--env", "B=ü", "--workdir", "/made/by/docker", "--ulimit", "nofile=100:200", "--sysctl", "kernel.msgmax=4096",
               "--init", "--oom-score-adj", "500")
    lines = out.splitlines()
    eq(lines[:2], ["Read-only", "tmpfs"], "--read-only, --tmpfs")
    has(out, "size=4096k")
    has(out, "size=3072k")
    eq(lines[4:], ["box", "1 2,ü", "/made/by/docker", "100", "200", "4096", "docker-init", "500"], "settings")


@native("docker run --user, --group-add: numbers, names")
def user(d, _):
    eq(d.sh("id -u; id -g", "--user", "1234:4321"), "1234\n4321", "numbers")
    eq(d.sh("id -u; id -G", "--user", "alice", "--group-add", "99").splitlines(), ["1000", "1000 99 2000"], "name")


def caps(d, *opts):
    out = d.sh("cat /proc/self/status", *opts)
    status = dict(line.split(":\t", 1) for line in out.splitlines() if ":\t" in line)
    return {key: int(status[key], 16) for key in ("CapEff", "CapBnd")} | {key: int(status[key]) for key in (
        "NoNewPrivs", "Seccomp")}


@native("docker run --cap-add, --cap-drop, --security-opt no-new-privileges, seccomp=FILE, seccomp=unconfined")
def security(d, c):
    plain = caps(d)
    eq((plain["Seccomp"], plain["NoNewPrivs"], plain["CapEff"] & 1, plain["CapEff"] >> 12 & 1), (2, 0, 1, 0), "by default")
    more = caps(d, "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges")
    eq(more["CapEff"], (plain["CapEff"] | 1 << 12) & ~1, "CapEff")
    eq((more["CapBnd"], more["NoNewPrivs"]), (more["CapEff"], 1), "CapBnd, NoNewPrivs")
    none = caps(d, "--cap-drop", "all", "--security-opt", "seccomp=unconfined")
    eq((none["CapBnd"], none["Seccomp"]), (0, 0), "without any")
    profile = {"defaultAction": "SCMP_ACT_ALLOW",
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    path = c.write("docker-seccomp.json", json.dumps(profile))
    has(d.sh("mkdir /tmp/d 2>&1; touch /tmp/f && ls /tmp", "--security-opt", f"seccomp={path}"), "Operation not permitted\nf")
    has(d.sh("unshare -m true 2>&1 || true"), "Operation not permitted")


@native("docker run --device, --device-cgroup-rule: a renamed device, one that is not granted, one that a rule grants")
def devices(d, _):
    out = d.sh("ls -l /dev/nought | tr -s ' ' | cut -d ' ' -f 1,5,6; echo x >/dev/nought && echo wrote;"
               "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg 2>&1 | head -n 1; mknod /tmp/zero c 1 5; head -c 3 /tmp/zero | wc -c",
               "--device", "/dev/null:/dev/nought:w", "--device-cgroup-rule", "c 1:5 rmw")
    eq(re.sub(r"^crw.*?1, 3", "crw 1, 3", out).splitlines()[:2], ["crw 1, 3", "wrote"], "--device")
    has(out, "Operation not permitted")
    eq(out.splitlines()[-1].strip(), "3", "--device-cgroup-rule")


@native("docker run -v: ro, rw, a file, a named volume with the image's files, rslave")
def volumes(d, c):
    source = c.path("docker-volume")
    os.makedirs(source)
    with open(source + "/file", "w", encoding="ascii") as f:
        f.write("host\n")
    call("mount", "--bind", source, source).ok()
    call("mount", "--make-shared", source).ok()
    out = d.sh("cat /rw/file; echo new >/rw/made; touch /ro/x 2>&1 | grep -o Read-only; cat /ro/file /one; cat /data/inner/deep;"
               "echo kept >/data/file; grep ' /slave ' /proc/self/mountinfo | grep -o master:", "-v", f"{source}:/rw:rw", "-v",
               f"{source}:/ro:ro", "-v", f"{source}/file:/one:ro", "-v", "vol:/data", "-v", f"{source}:/slave:rslave")
    eq(out, "host\nRead-only\nhost\nhost\ndeep\nmaster:", "volumes")
    with open(source + "/made", encoding="ascii") as f:
        eq(f.read(), "new\n", "what the container wrote")
    eq(d.sh("cat /data/file", "-v", "vol:/data"), "kept", "the named volume")
    d.docker("volume", "rm", "vol").ok()
    call("umount", source).ok()


@native("docker run --pid, --net, --ipc container:NAME and host; --privileged; --cgroupns private")
def namespaces(d, _):
    name = d.background("sleep", "1000", opts=["--ipc", "shareable"])
    pid = d.status(name)["Pid"]
    links = "for ns in pid net ipc; do readlink /proc/self/ns/$ns; done"
    out = d.sh(f"{links}; ps -o args | grep '^sleep'", "--pid", f"container:{name}", "--ipc", f"container:{name}",
               net=f"container:{name}").splitlines()
    eq(out, [*(os.readlink(f"/proc/{pid}/ns/{ns}") for ns in ("pid", "net", "ipc")), "sleep 1000"], "joined")
    d.remove(name)
    out = d.sh(f"{links}; grep CapEff /proc/self/status; cat /proc/self/cgroup | cut -d : -f 3 | sort -u", "--pid", "host",
               "--ipc", "host", "--privileged", "--cgroupns", "private", net="host").splitlines()
    eq(out[:3], [os.readlink(f"/proc/self/ns/{ns}") for ns in ("pid", "net", "ipc")], "host")
    with open("/proc/self/status", encoding="ascii") as f:
        mine = next(line for line in f if line.startswith("CapEff")).split()[1]
    known = (1 << (38 if d.version() < (23,) else 64)) - 1  # what 20.10 has heard of
    eq(int(out[3].split()[1], 16), int(mine, 16) & known, "capabilities")
    has(out[4:], "/")
    d.alone()


@native("docker: six containers at once, run and removed; nothing stays")
def many(d, _):
    runs = [subprocess.Popen(d.command("run", "--rm", "--network", "none", "base", "sh", "-c", f"echo {n}; exit {n}"),
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=d.env()) for n in range(6)]
    results = [(p.communicate(timeout=120)[0], p.returncode) for p in runs]
    eq(results, [(f"{n}\n", n) for n in range(6)], "output, exit status")
    d.alone()
