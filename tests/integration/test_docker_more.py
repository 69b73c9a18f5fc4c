# SPDX-License-Identifier: Apache-2.0
"""Docker beyond run: containers that stay, limits, restarts, health, builds, user namespaces, a swarm."""

import contextlib
import json
import os
import signal
import subprocess

import engines
from tap import call, eq, eventually, has, lacks, need

both = engines.engine_test("docker")
native = engines.engine_test("docker", "host")


@both("docker stop, kill, start, restart: signals by name, 7 from a trap, 137 after the time")
def stop(d, _):
    name = d.background("sh", "-c", "trap 'echo usr1' USR1; trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
    eventually(lambda: "up" in d.docker("logs", name).ok().out, "the trap")
    d.docker("kill", "-s", "USR1", name).ok()
    eventually(lambda: "usr1" in d.docker("logs", name).ok().out, "the signal")
    d.docker("stop", "-t", "20", name).ok()
    s = d.status(name)
    eq((s["Status"], s["ExitCode"], s["OOMKilled"]), ("exited", 7, False), "after stop")
    has(d.docker("kill", name).failed().err, "is not running")
    d.docker("start", name).ok()
    d.docker("restart", "-t", "20", name).ok()
    eq(d.status(name)["Status"], "running", "after restart")
    d.docker("kill", name).ok()
    eq(d.status(name)["ExitCode"], 137, "after kill")
    d.remove(name)
    deaf = d.background("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    eventually(lambda: "up" in d.docker("logs", deaf).ok().out, "the trap")
    d.docker("stop", "-t", "1", deaf).ok()
    eq(d.status(deaf)["ExitCode"], 137, "deaf to TERM")
    d.remove(deaf)
    d.alone()


@both("docker pause, unpause: inspect, ps and hull agree; what is paused can be removed")
def pause(d, _):
    name = d.background("sleep", "1000")
    d.docker("pause", name).ok()
    eq((d.status(name)["Status"], d.statuses()), ("paused", ["paused"]), "paused")
    has(d.docker("exec", name, "true").failed().err, "is paused")
    d.docker("unpause", name).ok()
    eq((d.status(name)["Status"], d.statuses()), ("running", ["running"]), "unpaused")
    d.docker("pause", name).ok()
    d.remove(name)
    d.alone()


def group_file(d, name, controller, file):
    """A file of the container's group on v1, where every controller has a tree of its own."""
    path = f"/sys/fs/cgroup/{controller}/{d.group}/{d.inspect(name)['Id']}/{file}"
    with open(path, encoding="ascii") as f:
        return f.read().strip()


@native("docker run with limits, docker update: what is named changes, all else stays; stats and top")
def limits(d, _):
    need(os.path.isdir("/sys/fs/cgroup/memory"), "cgroup v2: other file names")
    name = d.background("sleep", "1000", opts=["--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--cpu-shares", "512",
                                               "--pids-limit", "33", "--cpuset-cpus", "0", "--memory-reservation", "32m"])

    def values():
        return [group_file(d, name, controller, file) for controller, file in (
            ("memory", "memory.limit_in_bytes"), ("memory", "memory.soft_limit_in_bytes"), ("cpu", "cpu.cfs_quota_us"),
            ("cpu", "cpu.shares"), ("pids", "pids.max"), ("cpuset", "cpuset.cpus"))]
    eq(values(), [str(64 << 20), str(32 << 20), "50000", "512", "33", "0"], "at create")
    for opts, want in ((["--memory", "96m", "--memory-swap", "96m"], [str(96 << 20), str(32 << 20), "50000", "512", "33", "0"]),
                       (["--cpus", "0.25"], [str(96 << 20), str(32 << 20), "25000", "512", "33", "0"]),
                       (["--pids-limit", "44"], [str(96 << 20), str(32 << 20), "25000", "512", "44", "0"]),
                       (["--cpu-shares", "700", "--cpuset-cpus", "0"], [str(96 << 20), str(32 << 20), "25000", "700", "44", "0"])):
        d.docker("update", *opts, name).ok()
        eq(values(), want, f"after update {opts}")
    r = d.docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name).ok()
    has(r.out, "/ 96MiB 1")
    has(d.docker("top", name, "-o", "pid,args").ok().out, "sleep 1000")
    d.remove(name)
    d.alone()


@native("docker run --memory, --pids-limit act: OOMKilled and 137; no more processes")
def limits_act(d, _):
    name = d.name()
    d.run("sh", "-c", "tail -c 200m /dev/zero", opts=["--name", name, "--memory", "16m", "--memory-swap", "16m"]).failed(137)
    s = d.status(name)
    eq((s["OOMKilled"], s["ExitCode"]), (True, 137), "state")
    d.remove(name)
    r = d.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done; echo all", opts=["--pids-limit", "5"])
    lacks(r.out, "all")
    has(r.err, "can't fork")
    d.alone()


@native("docker run --restart on-failure:2 and always: started again, given up, stopped for good")
def restart(d, c):
    mark = c.path("docker-restarts")
    os.makedirs(mark)
    name = d.background("sh", "-c", "echo x >>/m/runs; exit 1", opts=["--restart", "on-failure:2", "-v", f"{mark}:/m"])
    eventually(lambda: d.inspect(name)["RestartCount"] == 2 and d.status(name)["Status"] == "exited", "two restarts")
    with open(f"{mark}/runs", encoding="ascii") as f:
        eq(f.read(), "x\n" * 3, "runs")
    d.remove(name)
    name = d.background("sleep", "1000", opts=["--restart", "always"])
    pid = d.status(name)["Pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: d.status(name)["Running"] and d.status(name)["Pid"] not in (0, pid), "the restart")
    d.docker("kill", name).ok()
    eq(d.status(name)["Status"], "exited", "killed by Docker: for good")
    d.remove(name)
    d.alone()


@native("docker run --health-cmd: healthy, then unhealthy, by exec after exec")
def health(d, _):
    name = d.background("sh", "-c", "touch /tmp/healthy; exec sleep 1000", opts=[
        "--health-cmd", "test -e /tmp/healthy", "--health-interval", "200ms", "--health-retries", "2"])
    eventually(lambda: d.status(name)["Health"]["Status"] == "healthy", "healthy")
    d.docker("exec", name, "rm", "/tmp/healthy").ok()
    eventually(lambda: d.status(name)["Health"]["Status"] == "unhealthy", "unhealthy")
    codes = {one["ExitCode"] for one in d.status(name)["Health"]["Log"]}  # the last five
    assert 1 in codes and codes <= {0, 1}, f"exit codes of the probes: {codes}"
    d.remove(name)
    d.alone()


@native("dockerd is killed and started again: the container it left is ended, and starts anew; nothing leaks")
def killed_daemon(d, _):
    name = d.background("sleep", "1000", opts=["--stop-signal", "KILL"])
    pid = d.status(name)["Pid"]
    d.daemon.stop(signal.SIGKILL)
    d.start()
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the old process ends")
    d.docker("start", name).ok()
    eq(d.statuses(), ["running"], "hull list")
    d.remove(name)
    d.alone()


@native("dockerd and the shim are killed between create and start: the created container goes, Docker starts it anew")
def killed_while_created(d, _):
    for path in (d.path("hold"), d.path("holding")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    with open(d.path("hold"), "w", encoding="ascii"):
        pass
    name = d.name()
    d.docker("create", "--name", name, "--network", "none", "--runtime", "held", "base", "sleep", "1000").ok()
    client = subprocess.Popen(d.command("start", name), env=d.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: os.path.exists(d.path("holding")), "hull start is called")
    record, = d.records()
    eq(record["status"], "created", "hull list")
    d.daemon.stop(signal.SIGKILL)
    os.kill(engines.shim_of(record["pid"]), signal.SIGKILL)
    assert client.wait(60), "docker start has worked"
    eventually(lambda: not d.records(), "containerd cleans up: hull delete --force")
    os.unlink(d.path("hold"))
    d.start()
    eq(d.status(name)["Status"], "created", "what Docker remembers")
    d.docker("start", name).ok()
    eq(d.statuses(), ["running"], "hull list")
    d.remove(name)
    d.alone()


@native("dockerd with live-restore is killed and started again: the container lives on, its end is seen")
def live_restore(_, c):
    d = engines.make(c, "docker", "host", {"live-restore": True})
    name = d.background("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done")
    pid = d.status(name)["Pid"]
    d.daemon.stop(signal.SIGKILL)
    d.start()
    s = d.status(name)
    eq((s["Running"], s["Pid"]), (True, pid), "after the restart")
    eq(d.docker("exec", name, "echo", "here").ok().out, "here\n", "exec")
    d.docker("stop", "-t", "20", name).ok()
    eq(d.status(name)["ExitCode"], 7, "exit status")
    d.remove(name)
    d.alone()
    d.stop()


def context(d, c, text):
    """A build context with one Dockerfile."""
    where = c.path(d.name("context"))
    os.makedirs(where)
    with open(f"{where}/Dockerfile", "w", encoding="ascii") as f:
        f.write(text)
    return where


TWO_STAGES = ("FROM base AS one\nRUN mkdir /out && echo built as $(id -u) >/out/file\nFROM base\nUSER alice\n"
              "COPY --from=one /out/file /work/file\nRUN [\"sh\", \"-c\", \"cat /work/file; id -u >/tmp/who\"]\n")
WHO = ("cat", "/work/file", "/tmp/who")


@native("docker build (the classic builder): two stages, RUN in each, COPY --from; a RUN that fails")
def build(d, c):
    r = d.docker("build", "--network", "none", "-t", "two", context(d, c, TWO_STAGES), limit=120).ok()
    has(r.out, "built as 0")
    eq(d.docker("run", "--rm", "--network", "none", "two", *WHO).ok().out, "built as 0\n1000\n", "the image's command")
    r = d.docker("build", "--network", "none", context(d, c, "FROM base\nRUN exit 5\n"), limit=120).failed(5)
    has(r.err, "returned a non-zero code: 5")
    d.docker("rmi", "two").ok()
    d.docker("container", "prune", "-f").ok()  # what the build that failed left for its user to look at
    d.alone()


@native("docker build with BuildKit: it takes whatever is called runc in dockerd's PATH, here hull")
def buildkit(d, c):
    seen = d.path("buildkit-verbs")
    env = d.env() | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
    call(engines.DOCKER, "--host", f"unix://{d.socket}", "build", "--network", "none", "-t", "three",
         context(d, c, TWO_STAGES), env=env, limit=120).ok()
    with open(seen, encoding="utf-8") as f:
        lines = f.read().splitlines()
    eq(len([line for line in lines if " run " in line]), 2, f"RUN steps by hull: {lines}")
    eq(d.docker("run", "--rm", "--network", "none", "three", *WHO).ok().out, "built as 0\n1000\n", "the image's command")
    r = call(engines.DOCKER, "--host", f"unix://{d.socket}", "build", "--network", "none", context(
        d, c, "FROM base\nRUN exit 5\n"), env=env, limit=120).failed()
    has(r.err, "exit code: 5")
    r = call(engines.DOCKER, "--host", f"unix://{d.socket}", "build", "--network", "none", context(
        d, c, 'FROM base\nRUN ["/no/such/file"]\n'), env=env, limit=120).failed()
    has(r.err, "no such file or directory")
    d.docker("rmi", "three").ok()
    d.docker("builder", "prune", "-af").ok()
    d.alone()


@native("dockerd --userns-remap: root inside is somebody else outside; run, exec, volumes, limits")
def remapped(d, c):
    for name in ("subuid", "subgid"):  # the box's own; the name is a user that every host has
        path = c.write(name, "nobody:100000:65536\n")
        if not os.path.exists(f"/etc/{name}"):
            need(False, f"/etc/{name} is missing")
        call("mount", "--bind", path, f"/etc/{name}").ok()
    for path in (c.box, os.path.dirname(c.box)):
        os.chmod(path, 0o711)  # the mapped root passes through
    try:
        r = engines.make(c, "docker", "host", {"userns-remap": "nobody:nogroup"})
        eq(r.sh("cat /proc/self/uid_map | tr -s ' '; id -u; touch /tmp/f; stat -c %u:%g /tmp/f"), "0 100000 65536\n0\n0:0", "maps")
        name = r.background("sleep", "1000", opts=["-v", "remapped:/data", "--read-only", "--tmpfs", "/t"])
        eq(os.stat(f"/proc/{r.status(name)['Pid']}").st_uid, 100000, "owner outside")
        eq(r.docker("exec", name, "sh", "-c", "echo x >/data/mine; stat -c %u /data/mine; touch /t/y && echo t").ok().out,
           "0\nt\n", "exec")
        has(json.loads(r.docker("info", "--format", "{{json .SecurityOptions}}").ok().out), "name=userns")
        r.remove(name)
        r.nothing_left()
        r.stop()
    finally:
        for name in ("subuid", "subgid"):
            call("umount", f"/etc/{name}")


def tasks(d, service, *filters):
    """State by task, as the manager sees it: (desired, current, node)."""
    rows = d.docker("service", "ps", "--no-trunc", "--format", "{{.DesiredState}}|{{.CurrentState}}|{{.Node}}|{{.ID}}", *filters,
                    service).ok().out.splitlines()
    return [(row.split("|")[0], row.split("|")[1].split()[0], row.split("|")[2], row.split("|")[3]) for row in rows]


def running(d, service):
    return sorted(t for t in tasks(d, service) if t[:2] == ("Running", "Running"))


def logs(*nodes):
    return [d.docker("logs", name).out for d in nodes for name in d.docker("ps", "-q").ok().out.split()]


def join(manager, context):
    """A second node: a dockerd of its own on another address of the loopback."""
    token = manager.docker("swarm", "join-token", "-q", "worker").ok().out.strip()
    worker = engines.make(context, "docker", "host", {"labels": ["node=worker"]})
    worker.docker("swarm", "join", "--advertise-addr", "127.0.0.2", "--listen-addr", "127.0.0.2:2377", "--token", token,
                  "127.0.0.1:2377").ok()
    return worker


@native("docker swarm: two nodes, a service of three replicas on hull, scaled, updated in turn, a node drained, removed")
def swarm(d, c):
    d.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377").ok()
    worker = None
    try:
        worker = join(d, c)
        # without iptables there is no overlay network: services use the host's
        d.docker("service", "create", "--detach", "--no-resolve-image", "--name", "web", "--network", "host", "--replicas", "3",
                 "--update-delay", "0s", "--update-monitor", "100ms", "--update-order", "start-first", "base", "sh", "-c",
                 "trap 'exit 0' TERM; echo v${V:-1}; while :; do sleep 0.05; done").ok()
        eventually(lambda: len(running(d, "web")) == 3, "three replicas", 60)
        eq(d.statuses() + worker.statuses(), ["running"] * 3, "hull list on both nodes")
        assert d.records() and worker.records(), "one node has all replicas"
        scaled_and_updated(d, worker)
        # a task that dies is replaced
        os.kill(next(iter(d.records() + worker.records()))["pid"], signal.SIGKILL)
        eventually(lambda: "Failed" in [t[1] for t in tasks(d, "web")] and len(running(d, "web")) == 4, "a replacement", 60)
        node = d.docker("node", "ls", "--filter", "role=worker", "-q").ok().out.strip()
        d.docker("node", "update", "--availability", "drain", node).ok()
        eventually(lambda: not worker.docker("ps", "-q").ok().out and len(running(d, "web")) == 4, "all are on one node", 60)
        eventually(lambda: (len(d.records()), len(worker.records())) == (4, 0), "hull list on both nodes")
        d.docker("service", "rm", "web").ok()
        eventually(lambda: not d.docker("ps", "-aq").ok().out, "no container", 60)
    finally:
        if worker:
            worker.docker("swarm", "leave", "--force", limit=90)
        d.docker("swarm", "leave", "--force", limit=90)
    for one in (worker, d):
        one.docker("container", "prune", "-f").ok()  # what the drained node keeps to look at
        one.alone()
    worker.stop()


def scaled_and_updated(d, worker):
    """To five, to two, to four; then all new, one after the other."""
    for replicas in (5, 2, 4):
        d.docker("service", "scale", "--detach", f"web={replicas}").ok()
        eventually(lambda: len(running(d, "web")) == replicas and len(  # pylint: disable=W0640
            d.records() + worker.records()) == replicas, f"{replicas} replicas", 60)
    before = {t[3] for t in running(d, "web")}
    d.docker("service", "update", "--detach", "--env-add", "V=2", "--update-parallelism", "2", "web").ok()
    eventually(lambda: len(running(d, "web")) == 4 and not before & {t[3] for t in running(d, "web")}, "all are new", 60)
    eventually(lambda: logs(d, worker) == ["v2\n"] * 4, "what the new ones say")
