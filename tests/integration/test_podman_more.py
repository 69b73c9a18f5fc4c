# SPDX-License-Identifier: Apache-2.0
"""podman beyond run: containers that stay, limits, pods, restart, errors by way of the JSON log."""

import json
import os
import re

from tap import call, eq, eventually, has, lacks, need, test
import clients


def state(c, name):
    return c.inspect(name)["State"]


@test("podman run -d, ps, inspect, logs, stop, start, rm")
def detached(c):
    name = c.start("sh", "-c", "trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done")
    eventually(lambda: "hello" in c.podman("logs", name).ok().out, "the first line of the log")
    s = state(c, name)
    eq((s["Status"], s["Running"]), ("running", True), "inspect")
    eq(c.podman("ps", "--filter", "status=running", "--format", "{{.Names}}").ok().out, f"{name}\n", "ps")
    record, = c.records()
    eq((record["status"], record["pid"]), ("running", s["Pid"]), "hull list")
    eq(c.inspect(name)["OCIRuntime"], "hull", "OCIRuntime")
    c.podman("stop", "-t", "20", name).ok()
    s = state(c, name)
    eq((s["Status"], s["ExitCode"]), ("exited", 7), "after stop")
    has(c.podman("logs", name).ok().out, "bye")
    c.podman("start", name).ok()
    eq(state(c, name)["Status"], "running", "after start")
    c.remove(name)
    c.nothing_left()


@test("podman kill: TERM, KILL and a signal by number; podman wait; exit status 137")
def kill(c):
    name = c.start("sh", "-c", "trap 'echo usr1' USR1; echo up; while :; do sleep 0.05; done")
    eventually(lambda: "up" in c.podman("logs", name).ok().out, "the trap")
    c.podman("kill", "-s", "10", name).ok()
    eventually(lambda: "usr1" in c.podman("logs", name).ok().out, "the signal")
    c.podman("kill", "-s", "KILL", name).ok()
    eq(c.podman("wait", name).ok().out, "137\n", "wait")
    assert c.podman("kill", name).code, "kill of a dead container"
    has(c.podman("kill", name).err, "running containers")
    c.remove(name)


@test("podman create, start -a, rm: created is seen, stop after the time kills")
def created(c):
    name = c.name()
    c.run("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done", verb="create", opts=["--name", name]).ok()
    eq(state(c, name)["Status"], "created", "before start")
    c.podman("init", name).ok()
    eq([r["status"] for r in c.records()], ["created"], "hull list after init")
    c.podman("start", name).ok()
    eventually(lambda: "up" in c.podman("logs", name).ok().out, "the trap")
    c.podman("stop", "-t", "1", name).ok()
    eq(state(c, name)["ExitCode"], 137, "exit code")
    c.remove(name)
    c.nothing_left()


@test("podman rm of a container that was initialized and never started")
def removed_before_start(c):
    name = c.name()
    c.run("true", verb="create", opts=["--name", name]).ok()
    c.podman("init", name).ok()
    c.podman("rm", "-f", name).ok()
    c.nothing_left()


@test("podman pause, unpause: inspect, ps and hull agree")
def pause(c):
    name = c.start("sleep", "1000")
    c.podman("pause", name).ok()
    eq(state(c, name)["Status"], "paused", "inspect")
    eq([r["status"] for r in c.records()], ["paused"], "hull list")
    c.podman("unpause", name).ok()
    eq([r["status"] for r in c.records()], ["running"], "hull list")
    c.podman("pause", name).ok()
    c.remove(name)  # kills what is frozen
    c.nothing_left()


def group_file(c, pid, controller, file):
    """The value of a cgroup file of a process, from outside."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
        lines = [line.rstrip("\n").split(":", 2) for line in f]
    for number, names, path in lines:
        if controller in names.split(",") or (not names and number == "0" and os.path.exists(
                f"/sys/fs/cgroup{path}/{file}")):
            top = f"/sys/fs/cgroup/{controller}" if names else "/sys/fs/cgroup"
            has(path, c.cgroup)
            with open(f"{top}{path}/{file}", encoding="ascii") as f:
                return f.read().strip()
    raise AssertionError(f"no {controller} in {lines}")


@test("podman run --memory, --cpus, --cpu-shares, --pids-limit, --cpuset-cpus: the values are in the cgroup")
def limits(c):
    need(not os.path.exists("/sys/fs/cgroup/cgroup.controllers"), "cgroup v2: other file names")
    name = c.start("sleep", "1000", opts=["--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--cpu-shares", "512",
                                          "--pids-limit", "33", "--cpuset-cpus", "0"])
    pid = state(c, name)["Pid"]
    for controller, file, want in (("memory", "memory.limit_in_bytes", "67108864"), ("cpu", "cpu.cfs_quota_us", "50000"),
                                   ("cpu", "cpu.cfs_period_us", "100000"), ("cpu", "cpu.shares", "512"),
                                   ("pids", "pids.max", "33"), ("cpuset", "cpuset.cpus", "0")):
        eq(group_file(c, pid, controller, file), want, file)
    eq(group_file(c, pid, "devices", "devices.list").splitlines()[0] == "a *:* rwm", False, "all devices")
    c.remove(name)
    c.nothing_left()


@test("podman run --pids-limit and --memory act")
def limits_act(c):
    r = c.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done; echo all", opts=["--pids-limit", "5"])
    lacks(r.out, "all")
    has(r.err, "can't fork")
    name = c.name()
    c.run("sh", "-c", "tail -c 200m /dev/zero; echo survived $?", opts=["--name", name, "--memory", "16m",
                                                                       "--memory-swap", "16m"])
    lacks(c.podman("logs", name).ok().out, "survived 0")
    c.remove(name)


@test("podman run --cgroups=disabled: no cgroup of its own")
def no_cgroups(c):
    out = c.run("cat", "/proc/self/cgroup", opts=["--cgroups=disabled"], parent=False).ok().out
    lacks(out, c.cgroup)
    lacks(out, "libpod-")
    c.nothing_left()


@test("podman pod: two containers share pid and network namespace; ps, stop, rm")
def pod(c):
    image = c.image()
    name = c.name("pod")
    c.podman("pod", "create", "--name", name, "--share", "pid,net,ipc,uts", "--cgroup-parent", c.parent, "--network",
             "none", "--infra-image", image, "--infra-command", "/bin/sleep 10000").ok()
    a, b = c.name(), c.name()
    for one in (a, b):
        c.podman("run", "-d", "--name", one, "--pod", name, image, "sleep", "1000").ok()
    pids = [state(c, one)["Pid"] for one in (a, b)]
    for ns in ("pid", "net", "ipc", "uts"):
        eq(os.readlink(f"/proc/{pids[0]}/ns/{ns}"), os.readlink(f"/proc/{pids[1]}/ns/{ns}"), ns)
    assert os.readlink(f"/proc/{pids[0]}/ns/mnt") != os.readlink(f"/proc/{pids[1]}/ns/mnt"), "mnt is shared"
    assert os.readlink(f"/proc/{pids[0]}/ns/net") != os.readlink("/proc/self/ns/net"), "net is the host's"
    r = c.podman("run", "--rm", "--pod", name, image, "sh", "-c", "ps -o args | grep -c '^sleep 1000$'").ok()
    eq(r.out, "2\n", "processes seen in the pod")
    eq(len(c.records()), 3, "containers")
    c.podman("pod", "stop", "-t", "0", name).ok()
    eq(c.inspect(a)["State"]["Status"], "exited", "after pod stop")
    c.podman("pod", "rm", "-f", "-t", "0", name).ok()
    c.nothing_left()


@test("podman run --pid container:, --net container:: namespaces joined by path")
def join(c):
    name = c.start("sleep", "1000", opts=["--hostname", "first"])
    pid = state(c, name)["Pid"]
    out = c.sh("readlink /proc/self/ns/net; readlink /proc/self/ns/pid; ps -o args | grep '^sleep'", "--pid",
               f"container:{name}", "--net", f"container:{name}").splitlines()
    eq(out, [os.readlink(f"/proc/{pid}/ns/net"), os.readlink(f"/proc/{pid}/ns/pid"), "sleep 1000"], "joined")
    c.remove(name)


@test("podman run --restart on-failure: it is started again and again, and given up")
def restart(c):
    mark = c.path("restarts")
    os.makedirs(mark)
    name = c.start("sh", "-c", "echo x >>/m/runs; exit 1", opts=["--restart", "on-failure:2", "-v", f"{mark}:/m"])

    def ended():
        s = c.inspect(name)
        return s["State"]["Status"] == "exited" and s["RestartCount"] == 2
    eventually(ended, "two restarts")
    with open(f"{mark}/runs", encoding="ascii") as f:
        eq(f.read(), "x\n" * 3, "runs")
    c.remove(name)


def has_exec(c):
    return call(c.runtime, "help", "exec").code == 0


@test("podman exec and healthcheck")
def execute(c):
    need(has_exec(c), "this hull has no exec")
    name = c.start("sleep", "1000", opts=["--health-cmd", "test -e /tmp/healthy", "--health-interval", "disable",
                                          "--env", "FROM=create"])
    r = c.podman("exec", "--env", "E=1", "--workdir", "/data", "--user", "alice", name, "sh", "-c",
                 "pwd; id -u; echo $E $FROM; exit 9").failed(9)
    eq(r.out, "/data\n1000\n1 create\n", "exec")
    c.podman("exec", name, "no-such-program").failed(127)
    assert c.podman("healthcheck", "run", name).code, "unhealthy"
    c.podman("exec", name, "touch", "/tmp/healthy").ok()
    c.podman("healthcheck", "run", name).ok()
    c.remove(name)


@test("podman top, stats and update by what hull has")
def top(c):
    name = c.start("sleep", "1000")
    has(c.podman("top", name, "args").ok().out, "sleep 1000")
    c.remove(name)


@test("podman info: name, path and version of the runtime")
def info(c):
    runtime = json.loads(c.podman("info", "--format", "json").ok().out)["host"]["ociRuntime"]
    eq((runtime["name"], runtime["path"]), ("hull", c.runtime), "name, path")
    version = call(c.runtime, "--version").ok().out
    has(runtime["version"], version.splitlines()[0])


@test("podman errors by the JSON log: hull's one line, word for word")
def json_error(c):
    lines = {}
    for kind, conf in (("json", None), ("text", re.sub("(?m)^runtime_supports_json.*$", "", clients.read(
            os.environ["CONTAINERS_CONF"])))):
        env = dict(os.environ)
        if conf:
            env["CONTAINERS_CONF"] = c.write("text.conf", conf)
        r = c.run("true", opts=["--cap-add", "all", "--sysctl", "kernel.msgmax=never"], env=env).failed(126)
        lines[kind] = r.err.rstrip("\n")
        eq(len(lines[kind].splitlines()), 1, f"lines of {kind}: {r.err!r}")
        assert re.search(r"create [0-9a-f]{64}: .*kernel[./]msgmax", lines[kind]), lines[kind]
    # podman puts the name of the runtime before it; hull's stderr has its own name before it
    lacks(lines["json"], "hull: hull:")
    lacks(lines["json"], '"msg"')
    has(lines["text"], "hull: hull: error: create")


@test("podman run of a bundle that cannot be made leaves nothing, and the next run works")
def failure_leaves_nothing(c):
    c.run("true", opts=["-v", "/no/such/source:/x"]).failed(125)
    c.run("true", opts=["--sysctl", "kernel.msgmax=never"]).failed(126)
    c.run("true", opts=["--hostname", "h", "-v", f"{c.path('base.tar')}:/data"]).failed(126)
    c.nothing_left()
    c.run("true").ok()
    c.nothing_left()
