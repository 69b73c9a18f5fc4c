# SPDX-License-Identifier: Apache-2.0
"""dockerd-rootless.sh of a user without any privilege, with the host's network and, on cgroup v1, no cgroups."""

import contextlib
import json
import os
import shutil
import signal

import engines
from tap import call, eq, eventually, has, need, test
from test_podman_rootless import UID, user

CONTRIB = "/usr/share/docker.io/contrib"


class Docker:
    """A rootless dockerd."""

    def __init__(self, c, u):
        self.c, self.u = c, u
        config = json.loads(engines.shipped("docker/daemon.json", u.runtime))
        config |= {"storage-driver": "vfs", "bridge": "none", "iptables": False, "ip6tables": False}
        path = c.write("rootless-daemon.json", json.dumps(config))
        self.env = dict(u.env, PATH=f"{CONTRIB}:/usr/sbin:/sbin:" + os.environ["PATH"], DOCKERD_ROOTLESS_ROOTLESSKIT_NET="host",
                        DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER="none", DOCKER_HOST=f"unix://{u.runtime_dir}/docker.sock",
                        DOCKER_CONFIG=u.home)
        argv = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", f"{CONTRIB}/dockerd-rootless.sh", "--config-file",
                path]
        self.daemon = engines.Daemon(c.box, "dockerd-rootless", argv, lambda: not self("version").code, self.env)
        self("import", c.archive(), "base", limit=120).ok()

    def __call__(self, *args, **kw):
        return call(engines.DOCKER, *args, env=self.env, user=UID, group=UID, extra_groups=[], **kw)

    def run(self, *command, opts=(), net="none", **kw):
        rm = [] if "-d" in opts else ["--rm"]
        return self("run", *rm, "--network", net, *opts, "base", *command, **kw)

    def sh(self, script, *opts, **kw):
        return self.run("sh", "-c", script, opts=opts, **kw).ok().out.strip()

    def stop(self):
        self("rm", "-f", *self("ps", "-aq").out.split())
        pid = os.path.join(self.u.runtime_dir, "docker.pid")  # in the pid namespace that is also ours
        if os.path.exists(pid):
            with contextlib.suppress(ProcessLookupError), open(pid, encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGTERM)
        self.daemon.stop()


@test("rootless Docker: run, exit statuses, exec, stop, kill, volumes, capabilities, --privileged, a pause without cgroups")
def rootless(c):
    for program in ("rootlesskit", "newuidmap"):
        need(shutil.which(program), f"{program} is not installed")
    for path in (engines.DOCKER, engines.DOCKERD, f"{CONTRIB}/dockerd-rootless.sh"):
        need(os.access(path, os.X_OK), f"{path} is not installed")
    d = Docker(c, user(c))
    try:
        has(d("info", "--format", "{{json .}}").ok().out, '"name=rootless"')
        eq([line.split() for line in d.sh("cat /proc/self/uid_map").splitlines()],
           [["0", str(UID), "1"], ["1", "200000", "65536"]], "mappings")
        d.run("sh", "-c", "exit 3").failed(3)
        has(d.run("no-such-program").failed(127).err, "executable file not found in $PATH")
        has(d.run("/etc").failed(126).err, "permission denied")
        os.mkdir(d.u.home + "/docker-volume")
        os.chown(d.u.home + "/docker-volume", UID, UID)
        eq(d.sh("touch /v/f; touch /x 2>&1 | grep -o Read-only; touch /t/y && ls /t", "-v", f"{d.u.home}/docker-volume:/v",
                "--read-only", "--tmpfs", "/t"), "Read-only\ny", "settings")
        eq(os.stat(d.u.home + "/docker-volume/f").st_uid, UID, "owner outside")
        eq(d.sh("mkdir /m && mount -t tmpfs t /m && echo mounted", "--privileged"), "mounted", "--privileged")
        eq(d.sh("id -u; id -g; cat /proc/1/comm", "--user", "1000:7", "--init", "--cap-add", "NET_ADMIN"), "1000\n7\ndocker-init",
           "--user, --init")
        d.run("sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", opts=["-d", "--name", "one"]).ok()
        eventually(lambda: "up" in d("logs", "one").ok().out, "the log")
        eq(d("exec", "one", "echo", "here").ok().out, "here\n", "exec")
        d("stop", "-t", "20", "one").ok()
        eq(d("wait", "one").ok().out, "7\n", "wait")
        d("start", "one").ok()
        if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            d("pause", "one").ok()
        else:
            has(d("pause", "one").failed().err, "has no cgroup: not supported")
        d("kill", "one").ok()
        eq(d("wait", "one").ok().out, "137\n", "wait")
        d("rm", "one").ok()
        d.u.nothing_left()
    finally:
        d.stop()
