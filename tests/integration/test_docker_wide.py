# SPDX-License-Identifier: Apache-2.0
"""Docker's less common options and verbs."""

import os
import time

import engines
from tap import eq, eventually, has, lacks

native = engines.engine_test("docker", "host")


@native("docker run --ipc private, none, shareable; --uts host; --volumes-from; --mount tmpfs and bind; systempaths")
def options(d, c):
    eq(d.sh("ls /dev/shm", "--ipc", "private"), "", "--ipc private")
    lacks(d.sh("cat /proc/mounts", "--ipc", "none"), " /dev/shm ")
    name = d.background("sh", "-c", "echo shared >/dev/shm/f; echo kept >/vol/f; echo up; sleep 1000", opts=["--ipc", "shareable",
                                                                                                             "-v", "/vol"])
    eventually(lambda: "up" in d.docker("logs", name).ok().out, "the files")
    eq(d.sh("cat /dev/shm/f /vol/f; touch /vol/x 2>&1 | grep -o Read-only", "--ipc", f"container:{name}", "--volumes-from",
            f"{name}:ro"), "shared\nkept\nRead-only", "--ipc container, --volumes-from")
    d.remove(name)
    eq(d.sh("hostname", "--uts", "host"), os.uname().nodename, "--uts host")
    source = c.path("docker-wide")
    os.makedirs(source + "/below")
    eq(d.sh("stat -c %a /t; touch /b/x 2>&1 | grep -o Read-only; touch /b/below/x 2>&1 | grep -o Read-only", "--mount",
            "type=tmpfs,dst=/t,tmpfs-mode=1770", "--mount", f"type=bind,src={source},dst=/b,readonly"),
       "1770\nRead-only\nRead-only", "--mount")
    eq(d.sh("grep -c ' /proc/' /proc/mounts || true", "--security-opt", "systempaths=unconfined"), "0", "systempaths")
    eq(d.sh("cat /proc/sys/kernel/domainname", "--domainname", "of.box"), "of.box", "--domainname")
    d.alone()


@native("docker run --stop-signal by name, number and RTMIN+3, --stop-timeout; attach, rename, wait, events with exit codes")
def ends(d, _):
    since = str(int(time.time()))
    for word in ("USR1", "10", "RTMIN+3"):
        trap = "37" if "+" in word else "USR1"
        name = d.background("sh", "-c", f"trap 'exit 9' {trap}; echo up; while :; do sleep 0.05; done",
                            opts=["--stop-signal", word, "--stop-timeout", "60"])
        eventually(lambda: "up" in d.docker("logs", name).ok().out, "the trap")  # pylint: disable=W0640
        d.docker("stop", name).ok()
        eq(d.status(name)["ExitCode"], 9, word)
        d.remove(name)
    name = d.background("sh", "-c", "read x; echo got $x; exit 3", opts=["-i"])
    d.docker("attach", name, stdin="word\n").failed(3)
    # not what attach says: when its input ends first it may lose the output, with every runtime
    eq(d.docker("logs", name).ok().out, "got word\n", "attach")
    d.docker("rename", name, "renamed").ok()
    eq(d.docker("wait", "renamed").ok().out, "3\n", "wait")
    d.remove("renamed")
    name = d.background("sleep", "1000")
    d.docker("exec", name, "sh", "-c", "exit 4").failed(4)
    d.docker("kill", name).ok()
    eventually(lambda: d.status(name)["Status"] == "exited", "the end")
    form = "{{.Action}} {{.Actor.Attributes.exitCode}}"
    seen = d.docker("events", "--since", since, "--until", str(int(time.time()) + 1), "--filter", f"container={name}", "--format",
                    form).ok().out
    for line in ("exec_die 4\n", "kill ", "die 137\n"):
        has(seen, line)
    d.remove(name)
    d.alone()


@native("docker cp, diff, commit, export of a container on hull")
def contents(d, c):
    name = d.background("sleep", "1000")
    d.docker("cp", c.write("docker-copy", "copy\n"), f"{name}:/tmp/copy").ok()
    eq(d.docker("exec", name, "cat", "/tmp/copy").ok().out, "copy\n", "cp")
    has(d.docker("diff", name).ok().out.splitlines(), "A /tmp/copy")
    d.docker("commit", name, "committed").ok()
    eq(d.docker("run", "--rm", "--network", "none", "committed", "cat", "/tmp/copy").ok().out, "copy\n", "commit")
    d.docker("export", "-o", d.path("export.tar"), name).ok()
    d.docker("rmi", "-f", "committed").ok()
    d.remove(name)
    d.alone()
