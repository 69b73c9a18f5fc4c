# SPDX-License-Identifier: Apache-2.0
"""containerd by ctr, through its own shim: what a task is, what containerd concludes when things fail."""

import json
import os
import re
import shutil
import signal
import subprocess

import engines
import rpc
from tap import call, eq, eventually, has, lacks, need, test

both = engines.engine_test("containerd")
native = engines.engine_test("containerd", "host")


@both("ctr run: output, standard input, exit statuses, and nothing stays")
def run(e, _):
    r = e.run("sh", "-c", "read line; echo out $line $FROM; echo err >&2; exit 3", stdin="word\n").failed(3)
    eq((r.out, r.err), ("out word image\n", "err\n"), "stdout, stderr")
    e.run("sh", "-c", "exit 0").ok()
    e.alone()


@both("ctr run -d, task ls, ps, exec, kill, delete")
def life(e, _):
    name = e.background("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done")
    pid, status = e.tasks()[name]
    eq(status, "RUNNING", "status")
    has(os.readlink(f"/proc/{pid}/exe"), "busybox")
    eq([(r["status"], r["pid"]) for r in e.records()], [("running", pid)], "hull list")
    has(e.ctr("task", "ps", name).ok().out, str(pid))
    r = e.ctr("task", "exec", "--exec-id", "one", "--cwd", "/data", name, "sh", "-c", "pwd; cat file; exit 4").failed(4)
    eq(r.out, "/data\nfrom the image\n", "exec")
    e.ctr("task", "exec", "--exec-id", "two", name, "sh", "-c", "kill -KILL $$").failed(137)
    e.ctr("task", "kill", "--signal", "SIGTERM", name).ok()
    eventually(lambda: e.tasks()[name][1] == "STOPPED", "the end")
    r = e.ctr("task", "delete", name)  # ctr ends with the task's own status
    has(r.err, "exit code 7")
    e.ctr("container", "rm", name).ok()
    e.alone()


@both("ctr task pause, resume: ctr and hull agree; a paused task can be killed and deleted")
def pause(e, _):
    name = e.background("sleep", "1000")
    e.ctr("task", "pause", name).ok()
    eq((e.tasks()[name][1], e.statuses()), ("PAUSED", ["paused"]), "paused")
    r = e.ctr("task", "exec", "--exec-id", "one", name, "true")
    assert r.code, f"exec into a paused task: {r!r}"
    e.ctr("task", "resume", name).ok()
    eq((e.tasks()[name][1], e.statuses()), ("RUNNING", ["running"]), "resumed")
    e.ctr("task", "pause", name).ok()
    e.remove(name)
    e.alone()


@native("ctr run -t: a terminal of the right size, its exit status")
def terminal(e, _):
    name = e.name()
    screen, code = engines.in_terminal(e, engines.CTR, "--address", e.socket, "run", *e.run_args(name, "--rm", "-t"), "sh", "-c",
                               "tty; until stty size | grep -x '33 77'; do :; done; test -t 2 && echo both; exit 5")
    eq(code, 5, "exit status")
    for part in ("/dev/pts/0\n", "33 77\n", "both\n"):
        has(screen, part)
    e.alone()


@native("ctr run: environment, directory, mounts, read-only, capabilities, limits, seccomp, host network")
def options(e, c):
    source = c.path("ctr-volume")
    os.makedirs(source)
    with open(f"{source}/file", "w", encoding="ascii") as f:
        f.write("host\n")
    out = e.sh("echo $A; pwd; cat /v/file; touch /x 2>&1 || echo ro; grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status;"
               "readlink /proc/self/ns/net", "--env", "A=1 2", "--cwd", "/data", "--mount",
               f"type=bind,src={source},dst=/v,options=rbind:ro", "--read-only", "--cap-add", "CAP_NET_ADMIN", "--cap-drop",
               "CAP_CHOWN", "--seccomp", "--net-host").splitlines()
    eq(out[:3], ["1 2", "/data", "host"], "environment, directory, mount")
    eq(out[4], "ro", "--read-only")
    status = dict(line.split(":\t") for line in out[5:8])
    caps = int(status["CapEff"], 16)
    eq((caps & 1, caps >> 12 & 1), (0, 1), "CHOWN, NET_ADMIN")
    eq((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), "--seccomp, no_new_privs")
    eq(out[8], os.readlink("/proc/self/ns/net"), "--net-host")


def memory_file(e, name, v1, v2):
    """A file of the memory group, or None where no memory controller is to be had."""
    for path in (f"/sys/fs/cgroup/memory/{e.group}/{name}/{v1}", f"/sys/fs/cgroup/{e.group}/{name}/{v2}"):
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                return f.read().strip()
    return None


@native("ctr run --memory-limit, --cpus; task metrics: containerd reads the groups that hull made")
def metrics(e, _):
    name = e.background("sleep", "1000", opts=["--memory-limit", str(64 << 20), "--cpus", "0.5"])
    eq(memory_file(e, name, "memory.limit_in_bytes", "memory.max"), str(64 << 20), "memory limit")
    out = e.ctr("task", "metrics", name).ok().out
    values = dict(line.split(None, 1) for line in out.splitlines() if line)
    limit = values.get("memory.limit_in_bytes", values.get("memory.usage_limit", "")).strip()
    eq(limit, str(64 << 20), f"the limit that containerd sees in {out}")
    e.remove(name)
    e.alone()


@both("containerd's words when create fails are hull's message out of the JSON log, and nothing stays")
def create_errors(e, _):
    for command, message in (("no-such-program", 'exec: "no-such-program": executable file not found in $PATH'),
                             ("/no/such/file", 'exec: "/no/such/file"'), ("/etc", "permission denied"),
                             ("/etc/passwd", "permission denied")):
        r = e.run(command).failed(1)
        has(r.err, message)
        has(r.err, "OCI runtime create failed: create ")
        # the message, neither the JSON around it nor the words for a log that could not be read
        for wrong in ('"msg"', "unable to retrieve OCI runtime error", "exit status 1", "hull:"):
            lacks(r.err, wrong)
    r = e.run("true", opts=["--rm", "--mount", "type=bind,src=/etc/passwd,dst=/data,options=rbind"]).failed(1)
    has(r.err, "not a directory")
    has(r.err, "/mounts/")
    r = e.run("true", opts=["--rm", "--mount", "type=bind,src=/no/such/source,dst=/data,options=rbind"]).failed(1)
    has(r.err, "no such file or directory")
    e.alone()


@native("containerd: exec errors: containerd says hull's message, and the task goes on")
def exec_errors(e, _):
    name = e.background("sleep", "1000")
    for number, (command, message) in enumerate((("no-such-program", "executable file not found in $PATH"),
                                                 ("/etc", "permission denied"))):
        r = e.ctr("task", "exec", "--exec-id", f"x{number}", name, command).failed(1)
        has(r.err, "OCI runtime exec failed: exec ")
        has(r.err, message)
        lacks(r.err, '"msg"')
    eq(e.tasks()[name][1], "RUNNING", "the task")
    e.ctr("task", "exec", "--exec-id", "good", name, "true").ok()
    e.remove(name)
    e.alone()


@both("containerd: a start that fails (the interpreter is missing): containerd says why, and nothing stays")
def start_error(e, c):
    path = c.write("no-interpreter", "#!/no/such/interpreter\n", 0o755)
    r = e.run("/script", opts=["--rm", "--mount", f"type=bind,src={path},dst=/script,options=rbind"]).failed(1)
    has(r.err, "OCI runtime start failed: start ")
    has(r.err, "no such file or directory")
    eventually(lambda: not e.tasks(), "no task")
    for left in e.ctr("container", "ls", "-q").ok().out.split():
        e.remove(left)
    e.alone()


@native("containerd: kill of a dead process: NotFound for containerd")
def kill_dead(e, _):
    name = e.background("sleep", "1000")
    e.ctr("task", "kill", "--signal", "KILL", name).ok()
    eventually(lambda: e.tasks()[name][1] == "STOPPED", "the end")
    r = e.ctr("task", "kill", "--signal", "KILL", name).failed(1)
    has(r.err, "process already finished: not found")
    service = rpc.tasks(e.socket, e.namespace)
    try:
        service.call("Kill", container_id=name, signal=9)
    except rpc.Failed as failed:
        eq((failed.code, failed.text), ("NOT_FOUND", "process already finished: not found"), "kill")
    else:
        raise AssertionError("kill of a dead task worked")
    service.close()
    e.remove(name)
    e.alone()


MEDDLER = """#!/bin/sh
# hull, but before a `kill` or `delete` that containerd wants, somebody else does FIRST to the container
verb= id=
for word; do
	case $word in kill | delete) verb=$word ;; esac
	[ -z "$verb" ] || case $word in kill | delete | -* | [0-9] | [0-9][0-9]) ;; *) id=$word ;; esac
done
[ "$verb" != VERB ] || HULL --root ROOT FIRST "$id" || exit 9
exec HULL "$@"
"""


def meddle(e, c, verb, first):
    """A container whose runtime is overtaken at this verb: its name."""
    text = MEDDLER.replace("HULL", e.runtime).replace("ROOT", e.state).replace("VERB", verb).replace("FIRST", first)
    path = c.write(f"meddler-{first.split()[0]}-{verb}", text, 0o755)
    name = e.name()
    args = [path if word == e.runtime else word for word in e.run_args(name, "--detach")]
    e.ctr("run", *args, "sleep", "1000").ok()
    return name


@native("containerd: the container ends between containerd's look and its kill: hull's words make it NotFound, not an unknown error")
def kill_overtaken(e, c):
    for first, wanted in (("stop --signal KILL", "process already finished: not found"),
                          ("delete --force", "no such container: not found")):
        name = meddle(e, c, "kill", first)
        r = e.ctr("task", "kill", "--signal", "TERM", name).failed(1)
        has(r.err, wanted)
        lacks(r.err, "unknown error after kill")
        eventually(lambda: e.tasks()[name][1] == "STOPPED", "the end")  # pylint: disable=W0640
        e.remove(name)
    e.alone()


@native("containerd: the container is deleted before containerd deletes it: hull says that it does not exist, for containerd a success")
def delete_overtaken(e, c):
    name = meddle(e, c, "delete", "delete --force")
    e.ctr("task", "kill", "--signal", "KILL", name).ok()
    eventually(lambda: e.tasks()[name][1] == "STOPPED", "the end")
    r = e.ctr("task", "delete", name)
    has(r.err, "exit code 137")
    lacks(r.err, "failed to delete")
    e.ctr("container", "rm", name).ok()
    e.alone()


def shim_of(e, name):
    return engines.shim_of(e.tasks()[name][0])


def created(e, opts=()):
    """A task that was created and not started: ctr fails between the two, because it cannot write its pid file."""
    name = e.name()
    with open(e.path(f".{name}.pid"), "w", encoding="ascii"):
        pass
    r = e.run("sleep", "1000", opts=["--pid-file", e.path(f"{name}.pid"), *opts], name=name).failed(1)
    has(r.err, "file exists")
    eq((e.tasks()[name][1], e.statuses()), ("CREATED", ["created"]), "the task")
    return name


@both("containerd: the created container: plain delete is refused as the specification wants it, the task lives on, nothing leaks")
def delete_created(e, _):
    name = created(e)
    r = e.ctr("task", "rm", name).failed(1)
    has(r.err, "task must be stopped before deletion: created")  # containerd's client library does not even ask
    service = rpc.tasks(e.socket, e.namespace)
    try:
        service.call("Delete", container_id=name)  # this is the shim's `hull delete ID`
    except rpc.Failed as failed:
        has(failed.text, f'delete {name}: cannot delete container "{name}" that is not stopped: created')
    else:
        raise AssertionError("the created container was deleted")
    eq((e.tasks()[name][1], e.statuses()), ("CREATED", ["created"]), "after the refusal")
    pid = e.tasks()[name][0]
    eq(service.call("Start", container_id=name)["pid"], pid, "a start after the refusal")
    eq((e.tasks()[name][1], e.statuses()), ("RUNNING", ["running"]), "after start")
    e.remove(name)
    e.alone()
    # the way out that every client takes: kill, wait, delete
    name = created(e)
    service.call("Kill", container_id=name, signal=9)
    eventually(lambda: e.tasks()[name][1] == "STOPPED", "the end")
    eq(service.call("Delete", container_id=name)["exit_status"], 137, "exit status")
    service.close()
    e.ctr("container", "rm", name).ok()
    e.alone()


@native("containerd: the created container: ctr task rm --force, and the end of its shim, leave nothing")
def abandon_created(e, _):
    name = created(e)
    e.ctr("task", "rm", "--force", name).ok()
    e.ctr("container", "rm", name).ok()
    e.alone()
    name = created(e)
    service = rpc.tasks(e.socket, e.namespace)
    try:
        service.call("Delete", container_id=name)
    except rpc.Failed:
        pass
    service.close()
    os.kill(shim_of(e, name), signal.SIGKILL)
    eventually(lambda: name not in e.tasks(), "containerd cleans up after a dead shim: hull delete --force")
    e.ctr("container", "rm", name).ok()
    e.alone()


@both("containerd: the shim of a running container is killed: containerd's clean-up by hull delete --force leaves nothing")
def dead_shim(e, _):
    name = e.background("sh", "-c", "sleep 1000 & sleep 1000")
    pid = e.tasks()[name][0]
    os.kill(shim_of(e, name), signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the container's process is gone")
    eventually(lambda: name not in e.tasks(), "no task")
    e.ctr("container", "rm", name).ok()
    e.alone()


@native("containerd: the shim of a running container is killed: containerd tells everybody that it ended with 137")
def dead_shim_event(e, _):
    name = e.background("sleep", "1000")
    with open(e.path("events"), "w+", encoding="utf-8") as seen:
        listener = subprocess.Popen([engines.CTR, "--address", e.socket, "events"], stdout=seen, stdin=subprocess.DEVNULL)
        try:
            eventually(lambda: heard(e, seen), "the listener listens")
            os.kill(shim_of(e, name), signal.SIGKILL)
            line = eventually(lambda: next((x for x in text_of(seen) if "/tasks/exit" in x and f'"{name}"' in x), None), "the event")
        finally:
            listener.kill()
            listener.wait()
    eq(json.loads(line[line.index("{"):])["exit_status"], 137, line)
    e.ctr("container", "rm", name).ok()
    e.alone()


def text_of(file):
    file.seek(0)
    return file.read().splitlines()


def heard(e, file):
    """Makes events until one is heard."""
    e.ctr("namespace", "label", e.namespace, f"heard={e.name()}").ok()
    return text_of(file)


@native("containerd: a container with the host's pids: when its first process ends, the shim's kill --all ends the others")
def shared_pids(e, _):
    name = e.background("sh", "-c", "echo $$; sleep 1234 & exec sleep 1000", opts=["--with-ns", "pid:/proc/1/ns/pid"])
    pid = e.tasks()[name][0]
    children = eventually(lambda: subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True,
                                                 check=False).stdout.split(), "the second process")
    e.ctr("task", "kill", "--signal", "KILL", name).ok()
    for child in children:
        eventually(lambda: not os.path.exists(f"/proc/{child}"), "the second process ends")  # pylint: disable=W0640
    e.remove(name)
    e.alone()


@both("containerd is killed and started again: it finds the task, and exec and delete go on")
def restart(e, _):
    name = e.background("sleep", "1000")
    pid = e.tasks()[name][0]
    shim = shim_of(e, name)
    e.daemon.stop(signal.SIGKILL)
    e.restart(shim)
    eq(e.tasks()[name], (pid, "RUNNING"), "the task after the restart")
    eq(e.ctr("task", "exec", "--exec-id", "again", name, "echo", "here").ok().out, "here\n", "exec")
    e.remove(name)
    e.alone()


@native("ctr task checkpoint where CRIU does not work: hull's words in containerd's error, and the task goes on")
def checkpoint(e, _):
    need(not shutil.which("criu") or call("criu", "check").code, "CRIU works here: checkpoints are tests/vm/podman's")
    name = e.background("sleep", "1000")
    r = e.ctr("task", "checkpoint", name).failed(1)
    has(r.err, f"checkpoint {name}: ")  # containerd shows the first line of what the runtime says
    has(r.err.lower(), "criu")
    eq((e.tasks()[name][1], e.statuses()), ("RUNNING", ["running"]), "the task")
    e.remove(name)
    e.alone()


@native("containerd: eight containers at once, run and removed; nothing stays")
def many(e, _):
    names = [e.name() for _ in range(8)]
    command = [engines.CTR, "--address", e.socket, "run"]
    # ctr before containerd 1.6.22 closes the output of a task that has ended before it is read (containerd#8643)
    runs = [subprocess.Popen([*command, *e.run_args(name, "--rm"), "sh", "-c", f"echo {name}; sleep 1; exit {n}"],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) for n, name in enumerate(names)]
    results = [(p.communicate(timeout=60)[0], p.returncode) for p in runs]
    eq(results, [(f"{name}\n", n) for n, name in enumerate(names)], "output, exit status")
    e.alone()


@test("containerd: the shipped contrib/containerd/config.toml is what these tests run, and containerd reads it")
def shipped_config(c):
    need(os.access(engines.CONTAINERD, os.X_OK), "containerd is not installed")
    text = engines.shipped("containerd/config.toml", c.runtime)
    r = call(engines.CONTAINERD, "--config", c.write("shipped.toml", text), "config", "dump").ok()
    section = re.search(r"containerd\.runtimes\.hull\.options\]\n(.*?)\n\n", r.out, re.S)[1]
    has(section, f'BinaryName = {json.dumps(c.runtime)}')
    has(r.out, 'default_runtime_name = "hull"')
