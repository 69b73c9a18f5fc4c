# SPDX-License-Identifier: Apache-2.0
"""podman of a user without any privilege: newuidmap's ranges, no login session, no cgroup that is the user's."""

import os
import re
import shutil

from tap import call, eq, eventually, has, lacks, need, test
import clients

UID = 4242
HELD = {}


class User:
    """A user that only this box knows, with a home, a runtime directory and maybe subordinate ids."""

    def __init__(self, c, name="boxuser", uid=UID, ranges=True):
        self.c, self.uid, self.place = c, uid, f"rootless-{name}"
        self.home, self.runtime_dir = c.path(f"{self.place}-home"), c.path(f"{self.place}-run")
        for path in (self.home, self.runtime_dir):
            os.mkdir(path, 0o700)
            os.chown(path, uid, uid)
        for path in (os.path.dirname(c.box), c.box):
            os.chmod(path, 0o711)
        lines = {"passwd": f"{name}:x:{uid}:{uid}::{self.home}:/bin/sh", "group": f"{name}:x:{uid}:"}
        if ranges:
            lines |= {"subuid": f"{name}:200000:65536", "subgid": f"{name}:200000:65536"}
        for file, line in lines.items():
            path = f"/etc/{file}"
            own = c.write(f"{self.place}-{file}", (clients.read(path) if os.path.exists(path) else "") + line + "\n")
            call("mount", "--bind", own, path).ok()
        self.runtime = c.path(f"{self.place}-hull")  # where a user may go
        shutil.copy(c.runtime, self.runtime)
        text = clients.read(c.path("containers.conf")).replace(f'["{c.runtime}"]', f'["{self.runtime}"]')
        text = re.sub("(?m)^default_ulimits.*$", "", text)
        storage = (f'[storage]\ndriver = "vfs"\ngraphroot = "{self.home}/graph"\nrunroot = "{self.runtime_dir}/storage"\n'
                   f'rootless_storage_path = "{self.home}/graph"\n[storage.options.vfs]\nignore_chown_errors = "true"\n')
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "XDG_RUNTIME_DIR": self.runtime_dir, "USER": name,
                    "LC_ALL": "C.UTF-8", "TMPDIR": self.home,
                    "CONTAINERS_CONF": c.write(f"{self.place}-containers.conf", text),
                    "CONTAINERS_STORAGE_CONF": c.write(f"{self.place}-storage.conf", storage),
                    "CONTAINERS_REGISTRIES_CONF": c.path("registries.conf")}
        os.chmod(c.archive(), 0o644)
        self.podman("import", c.archive(), clients.IMAGE, limit=120).ok()

    def podman(self, *args, **kw):
        return call("podman", *clients.GLOBAL, "--runtime", "hull", *args, env=self.env, user=self.uid, group=self.uid,
                    extra_groups=[], **kw)

    def run(self, *command, opts=(), **kw):
        rm = [] if {"-d", "--name"} & set(opts) else ["--rm"]
        return self.podman("run", *rm, *opts, clients.IMAGE, *command, **kw)

    def sh(self, script, *opts):
        return self.run("sh", "-c", script, opts=opts).ok().out.strip()

    def nothing_left(self):
        records = call(self.runtime, "list", "--quiet", env=self.env, user=self.uid, group=self.uid,
                       extra_groups=[])
        eq(records.ok().out, "", "hull list")


def user(c):
    for program in ("podman", "conmon", "newuidmap"):
        need(shutil.which(program), f"{program} is not installed")
    need(clients.busybox(), "no static busybox")
    if "user" not in HELD:
        HELD["user"] = User(c)
    return HELD["user"]


@test("rootless podman run: output, ids, mappings of newuidmap, exit statuses 3, 126, 127, 137; nothing stays")
def run(c):
    u = user(c)
    out = u.sh("id -u; cat /proc/self/uid_map; mount | grep -c cgroup").splitlines()
    eq([line.split() for line in out[:3]], [["0"], ["0", str(UID), "1"], ["1", "200000", "65536"]], "ids")
    u.run("sh", "-c", "exit 3").failed(3)
    u.run("sh", "-c", "kill -KILL $$", opts=["--pid", "host"]).failed(137)
    has(u.run("no-such-program").failed(127).err, "executable file not found in $PATH")
    has(u.run("/etc").failed(126).err, "permission denied")
    u.nothing_left()


@test("rootless podman: run -d, logs, exec, top, stop, restart, kill, rm")
def life(c):
    u = user(c)
    u.run("sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", opts=["-d", "--name", "a"]).ok()
    eventually(lambda: "up" in u.podman("logs", "a").ok().out, "the log")
    eq(u.podman("exec", "-u", "alice", "a", "id", "-u").ok().out, "1000\n", "exec")
    u.podman("exec", "a", "no-such-program").failed(127)
    has(u.podman("top", "a", "args").ok().out, "trap")
    u.podman("stop", "-t", "20", "a").ok()
    eq(u.podman("wait", "a").ok().out, "7\n", "wait")
    u.podman("start", "a").ok()
    u.podman("kill", "a").ok()
    eq(u.podman("wait", "a").ok().out, "137\n", "wait")
    u.podman("rm", "-f", "-t", "0", "a").ok()
    u.nothing_left()


@test("rootless podman run --userns keep-id, nomap, auto, --uidmap; a pod with keep-id")
def mappings(c):
    u = user(c)
    eq(u.sh("id -u; id -g", "--userns", "keep-id"), f"{UID}\n{UID}", "keep-id")
    lacks(u.sh("awk '{print $2}' /proc/self/uid_map", "--userns", "nomap").split(), "0")
    eq(u.sh("awk '{print $1, $2, $3}' /proc/self/uid_map", "--userns", "auto"), "0 1 1024", "auto")
    eq(u.sh("awk '{print $1, $2, $3}' /proc/self/uid_map", "--uidmap", "0:1:1000"), "0 1 1000", "--uidmap")
    u.run("sleep", "1000", opts=["-d", "--name", "k", "--userns", "keep-id"]).ok()
    eq(u.podman("exec", "k", "id", "-u").ok().out, f"{UID}\n", "exec where the container has a user namespace too")
    u.podman("rm", "-f", "-t", "0", "k").ok()
    u.podman("pod", "create", "--name", "p", "--userns", "keep-id", "--network", "none", "--infra-image", clients.IMAGE,
             "--infra-command", "/bin/sleep 10000").ok()
    eq(u.podman("run", "--rm", "--pod", "p", clients.IMAGE, "id", "-u").ok().out, f"{UID}\n", "in the pod")
    u.podman("pod", "rm", "-f", "-t", "0", "p").ok()
    u.nothing_left()


@test("rootless podman of a user without subordinate ids: groups cannot be set; run, run -d, exec, rm")
def one_id(c):
    user(c)
    u = User(c, "loneuser", UID + 1, ranges=False)
    eq(u.sh("id -u; cat /proc/self/setgroups; awk '{print $1, $2, $3}' /proc/self/uid_map"), f"0\ndeny\n0 {UID + 1} 1")
    eq(u.sh("id -u", "--group-add", "0"), "0", "a group that the process has all the same")
    u.run("sleep", "1000", opts=["-d", "--name", "l"]).ok()
    eq(u.podman("exec", "l", "id", "-u").ok().out, "0\n", "exec")
    u.podman("rm", "-f", "-t", "0", "l").ok()
    u.nothing_left()


@test("rootless podman: a pod with shared network, ipc, uts and pids; --network, --pid container:NAME; with --userns too")
def pods(c):
    u = user(c)
    u.podman("pod", "create", "--name", "p", "--share", "net,ipc,uts,pid", "--network", "none", "--infra-image", clients.IMAGE,
             "--infra-command", "/bin/sleep 10000").ok()
    u.podman("run", "-d", "--name", "a", "--pod", "p", clients.IMAGE, "sleep", "1000").ok()
    links = "for ns in net ipc uts pid; do readlink /proc/self/ns/$ns; done"
    inside = u.podman("exec", "a", "sh", "-c", links).ok().out
    eq(u.podman("run", "--rm", "--pod", "p", clients.IMAGE, "sh", "-c", links).ok().out, inside, "namespaces of the pod")
    u.podman("pod", "rm", "-f", "-t", "0", "p").ok()
    u.run("sleep", "1000", opts=["-d", "--name", "b", "--network", "none"]).ok()
    inside = u.podman("exec", "b", "sh", "-c", links).ok().out.strip()
    shared = [word for ns in ("network", "ipc", "uts", "pid") for word in (f"--{ns}", "container:b")]
    eq(u.sh(links, *shared), inside, "namespaces of a container")
    # a sysfs of its own would need a network of its own
    mapped = ["--userns", "auto", "--network", "container:b", "-v", "/sys:/sys"]
    eq(u.sh("readlink /proc/self/ns/net", *mapped), inside.splitlines()[0], "with --userns")
    u.podman("rm", "-f", "-t", "0", "b").ok()
    u.nothing_left()


@test("rootless podman run: volumes, devices, --privileged, --read-only, --tmpfs, --sysctl, --ulimit, seccomp, --cgroups=disabled")
def settings(c):
    u = user(c)
    os.mkdir(u.home + "/volume")
    os.chown(u.home + "/volume", UID, UID)
    volume = ["-v", f"{u.home}/volume:/v"]
    eq(u.sh("touch /v/f && stat -c %u /v/f; echo x >/dev/nought && echo written", *volume, "--device", "/dev/null:/dev/nought"),
       "0\nwritten", "volume, device")
    eq(os.stat(u.home + "/volume/f").st_uid, UID, "owner outside")
    eq(u.sh("ls /data", "-v", "named:/data"), "file\ninner", "a named volume")
    has(u.sh("mkdir /m && mount -t tmpfs t /m && grep ' /m ' /proc/mounts; grep Seccomp: /proc/self/status", "--privileged"),
        "tmpfs")
    has(u.sh("touch /x 2>&1 || touch /t/y && ls /t; grep Seccomp: /proc/self/status", "--read-only", "--tmpfs", "/t"),
        "Read-only file system\ny\nSeccomp:\t2")
    eq(u.sh("cat /proc/sys/net/ipv4/ip_forward; ulimit -n; hostname", "--sysctl", "net.ipv4.ip_forward=1", "--ulimit",
            "nofile=100:200", "--hostname", "inside"), "1\n100\ninside", "--sysctl, --ulimit, --hostname")
    eq(u.sh("echo here", "--cgroups", "disabled"), "here", "--cgroups=disabled")
    eq(u.sh("echo here", "--network", "host", "--pid", "host"), "here", "--network host")
    u.nothing_left()
