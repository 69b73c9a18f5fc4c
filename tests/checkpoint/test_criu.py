# SPDX-License-Identifier: Apache-2.0
"""Through CRIU: what a container has comes back, what cannot is refused, and nothing stays behind."""

import json
import os
import socket
import subprocess

from tap import call, eq, eventually, has, lacks, need, test
from images import COUNT, Console, change_config


@test("a container goes on where it was, and every verb works on it afterwards")
def round_trip(h):
    h.need_criu()
    path, name = h.counting()
    h.there_and_back(path, name)
    state = h.state(name)
    eq(state["status"], "running", "status")
    eq(state["bundle"], path, "bundle")
    has(h.inside(name, "ps"), "1 0        sh -c i=0")
    listed = json.loads(h.hull("list", "--format", "json").ok().out)
    eq([(r["id"], r["pid"], r["status"]) for r in listed], [(name, state["pid"], "running")], "list")
    h.hull("pause", name).ok()
    eq(h.state(name)["status"], "paused", "status")
    h.hull("resume", name).ok()
    h.counts(name)
    h.hull("kill", name, "KILL").ok()
    h.wait_stopped(name)
    h.hull("delete", name).ok()
    h.nothing_left(name)


@test("--leave-running: the images are written and the container goes on; so does one that is paused")
def leave_running(h):
    h.need_criu()
    path, name = h.counting()
    image, said = h.checkpoint(name, "--leave-running")
    said.ok()
    h.counts(name, h.number_of(name))
    eq(h.state(name)["status"], "running", "status")
    h.hull("pause", name).ok()
    _, said = h.checkpoint(name, "--leave-running", image=image + "2")
    said.ok()
    eq(h.state(name)["status"], "paused", "status")
    h.delete(name)
    h.restore(path, name, image).ok()
    h.counts(name)
    h.delete(name)
    h.nothing_left(name)


@test("mounts: binds come from the config's sources with their flags, masks and read-only paths cover what they did")
def mounts(h):
    h.need_criu()
    source = h.path("source")
    os.makedirs(source + "/sub")
    call("mount", "-t", "tmpfs", "sub", source + "/sub").ok()
    with open(source + "/file", "w", encoding="ascii") as f:
        f.write("text\n")

    def change(config):
        config["mounts"] += [
            {"destination": "/vol/rw", "source": source, "type": "bind", "options": ["rbind"]},
            {"destination": "/vol/ro", "source": source, "type": "bind", "options": ["bind", "ro", "nosuid", "noexec"]},
            {"destination": "/vol/file", "source": source + "/file", "type": "bind", "options": ["bind", "ro"]},
            {"destination": "/vol/tmp", "source": "tmpfs", "type": "tmpfs", "options": ["size=1m"]}]
        config["root"]["readonly"] = False
    path, name = h.counting(change)
    h.inside(name, "sh", "-c", "echo kept > /vol/tmp/note; echo 1 > /vol/rw/sub/deep")
    before = sorted(h.inside(name, "cat", "/proc/mounts").splitlines())
    h.there_and_back(path, name)
    after = sorted(h.inside(name, "cat", "/proc/mounts").splitlines())
    eq([" ".join(m.split()[1:4]) for m in after], [" ".join(m.split()[1:4]) for m in before], "mounts")
    eq(h.inside(name, "cat", "/vol/tmp/note", "/vol/rw/sub/deep"), "kept\n1", "contents")
    has(h.hull("exec", name, "sh", "-c", "echo x > /vol/ro/file").err, "Read-only")
    has(h.hull("exec", name, "sh", "-c", "echo x > /vol/file").err, "Read-only")
    eq(h.inside(name, "cat", "/proc/kcore"), "", "masked file")
    eq(h.inside(name, "ls", "/sys/firmware"), "", "masked directory")
    h.delete(name)
    call("umount", source + "/sub").ok()
    h.nothing_left(name)


@test("namespaces joined by path are joined again; an image never moves a container elsewhere")
def joined(h):
    h.need_criu()
    held = {}
    with subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "sh", "-c", "echo; read x"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        kinds = {"network": "net", "ipc": "ipc", "uts": "uts"}

        def change(config):
            config["linux"]["namespaces"].append({"type": "network"})
            for ns in config["linux"]["namespaces"]:
                if ns["type"] in kinds:
                    ns["path"] = f"/proc/{holder.pid}/ns/{kinds[ns['type']]}"
        path, name = h.counting(change)
        h.there_and_back(path, name)
        pid = h.state(name)["pid"]
        for file in kinds.values():
            held[file] = os.readlink(f"/proc/{holder.pid}/ns/{file}")
            eq(os.readlink(f"/proc/{pid}/ns/{file}"), held[file], file)
        h.delete(name)
        h.nothing_left(name)
        holder.stdin.close()


@test("--tcp-established: a connection to the world outside is held over checkpoint and restore; --tcp-close ends it")
def connection(h):
    h.need_criu()
    with socket.create_server(("0.0.0.0", 0)) as server, subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
        call("ip", "link", "add", "hullv0", "type", "veth", "peer", "name", "hullv1", "netns", holder.pid).ok()
        for where, device, address in (([], "hullv0", "10.99.0.1/24"), (inside, "hullv1", "10.99.0.2/24")):
            call(*where, "ip", "address", "add", address, "dev", device).ok()
            call(*where, "ip", "link", "set", device, "up").ok()
        call(*inside, "ip", "link", "set", "lo", "up").ok()

        def change(config):
            config["linux"]["namespaces"].append({"type": "network", "path": f"/proc/{holder.pid}/ns/net"})
            config["process"]["args"] = ["sh", "-c", f"nc 10.99.0.1 {server.getsockname()[1]} -e cat & {COUNT}"]
        server.settimeout(60)
        path, name = h.counting(change)
        peer, (address, _) = server.accept()
        with peer:
            eq(address, "10.99.0.2", "the container's address")
            peer.settimeout(60)

            def echo(text):
                peer.sendall(text)
                eq(peer.recv(100), text, "what comes back")
            echo(b"one\n")
            image, said = h.checkpoint(name)
            h.error_line(said, "criu could not write the images", "--tcp-established")
            h.counts(name, h.number_of(name))
            echo(b"two\n")
            image, said = h.checkpoint(name, "--tcp-established")
            said.ok()
            h.delete(name)
            h.nothing_left(name)
            last = h.number_of(name)
            peer.sendall(b"sent to nobody\n")  # the kernel sends it again when there is somebody
            h.restore(path, name, image, "--tcp-established").ok()
            h.counts(name, last)
            eq(peer.recv(100), b"sent to nobody\n", "what was sent meanwhile")
            echo(b"three\n")
            h.delete(name)
        h.restore(path, name, image, "--tcp-close").ok()
        h.counts(name, last)
        eventually(lambda: "cat" not in h.inside(name, "ps", "-o", "comm").split(), "the end of a connection that is closed")
        h.delete(name)
        h.nothing_left(name)
        holder.stdin.close()


@test("a terminal: its new master goes to the console socket, and the program still reads and writes it")
def terminal(h):
    h.need_criu()

    def change(config):
        config["process"]["terminal"] = True
        config["process"]["args"] = ["sh", "-c", "while read x; do echo got-$x; done"]
    path, name = h.counting(change, streams=False)
    console = Console(h.path("console"))
    with h.popen("run", "--detach", "--bundle", path, "--console-socket", console.path, name) as run:
        console.accept()
        eq(run.end(), (0, ""), "run")
    console.say("one\n")
    console.hear("got-one")
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    console.close()
    console = Console(h.path("console"))
    with h.popen("restore", "--detach", "--bundle", path, "--image-path", image, "--console-socket", console.path,
                 name) as run:
        console.accept()
        eq(run.end(), (0, ""), "restore")
    console.say("two\n")
    console.hear("got-two")
    console.close()
    h.delete(name)
    h.nothing_left(name)


@test("restore in the foreground: its pipes are the container's, its status that of the program, and it deletes")
def foreground(h):
    h.need_criu()
    path, name = h.counting(streams=False)
    with h.piped("run", "--bundle", path, name) as run:
        h.counts(name)
        image, said = h.checkpoint(name)
        said.ok()
        run.communicate(timeout=60)
        eq(run.returncode, 137, "status of the run that the checkpoint ended")
    h.nothing_left(name)
    last = h.number_of(name)
    with h.piped("restore", "--bundle", path, "--image-path", image, name) as run:
        eventually(lambda: h.hull("state", name).code == 0 and h.state(name)["status"] == "running", "it runs")
        h.counts(name, last)
        h.hull("kill", name, "TERM").ok()
        said = run.communicate(timeout=60)[0].decode()
    has(said, "end ")
    assert int(said.split()[-1]) > last, said
    eq(run.returncode, 7, "status")
    h.nothing_left(name)


@test("streams that are files of the host become those of restore")
def files(h):
    h.need_criu()
    path, name = h.counting(streams=False)
    for n in (1, 2):
        with open(h.path(f"log{n}"), "wb") as log:
            if n == 1:
                subprocess.run([h.runtime, "--root", h.root, "run", "-d", "--bundle", path, name], check=True,
                               stdout=log, stderr=log, stdin=subprocess.DEVNULL)
                h.counts(name)
                image, said = h.checkpoint(name)
                said.ok()
                h.delete(name)
            else:
                subprocess.run([h.runtime, "--root", h.root, "restore", "-d", "--bundle", path, "--image-path", image,
                                name], check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    h.counts(name, h.number_of(name))
    h.hull("kill", name, "TERM").ok()
    h.wait_stopped(name)
    with open(h.path("log2"), encoding="ascii") as f:
        has(f.read(), "end ")
    h.delete(name)
    h.nothing_left(name)


@test("control groups: the limits of the config hold, groups the program made come back below the new one")
def groups(h):
    h.need_criu()
    need(os.path.exists("/sys/fs/cgroup/cgroup.procs"), "the host is not cgroup v2 alone")

    def change(config):
        config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                 "options": ["rw"]})
        config["linux"]["resources"] = {"pids": {"limit": 50}}
    path, name = h.counting(change)
    h.inside(name, "sh", "-c", "mkdir /sys/fs/cgroup/own && echo 1 > /sys/fs/cgroup/own/cgroup.procs")
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    change_config(path, lambda c: (c["linux"].update(cgroupsPath=f"/{h.cgroup}/{name}-new"),
                                   c["linux"]["resources"]["pids"].update(limit=40)))
    last = h.number_of(name)
    h.restore(path, name, image).ok()
    h.counts(name, last)
    with open(f"/proc/{h.state(name)['pid']}/cgroup", encoding="ascii") as f:
        eq(f.read().strip(), f"0::/{h.cgroup}/{name}-new/own", "group")
    with open(f"/sys/fs/cgroup/{h.cgroup}/{name}-new/pids.max", encoding="ascii") as f:
        eq(f.read().strip(), "40", "limit")
    eq(h.inside(name, "cat", "/proc/1/cgroup"), "0::/own", "as seen inside")
    h.delete(name)
    h.nothing_left(name, f"{name}-new")


@test("--manage-cgroups-mode ignore: hull puts the container into its group by itself")
def groups_ignored(h):
    h.need_criu()
    path, name = h.counting()
    h.there_and_back(path, name, "--manage-cgroups-mode", "ignore")
    with open(f"/proc/{h.state(name)['pid']}/cgroup", encoding="ascii") as f:
        has(f.read(), f"/{h.cgroup}/{name}\n")
    h.delete(name)
    h.nothing_left(name)


@test("--pre-dump and --parent-path: memory first, the rest later")
def pre_dump(h):
    h.need_criu()
    path, name = h.counting()
    image = h.path("chain")
    os.mkdir(image)
    h.checkpoint(name, "--pre-dump", image=image + "/1")[1].ok()
    h.counts(name, h.number_of(name))
    eq(h.state(name)["status"], "running", "status")
    h.error_line(h.checkpoint(name, "--parent-path", image + "/1", image=image + "/2")[1], "--parent-path",
                 "relative to --image-path")
    h.checkpoint(name, "--parent-path", "../1", image=image + "/2")[1].ok()
    eq(os.readlink(image + "/2/parent"), "../1", "link to the parent")
    last = h.number_of(name)
    h.delete(name)
    h.restore(path, name, image + "/2").ok()
    h.counts(name, last)
    h.delete(name)
    h.nothing_left(name)


@test("a dump that CRIU refuses: one line with CRIU's reason, the container goes on, no half images")
def refused(h):
    h.need_criu()
    path, name = h.counting(streams=False)
    null = subprocess.DEVNULL
    with open("/dev/zero", "rb") as zero:  # a device of the host, on a mount that the container does not have
        subprocess.run([h.runtime, "--root", h.root, "run", "-d", "--bundle", path, name], check=True, stdin=zero,
                       stdout=null, stderr=null)
    h.counts(name)
    image, said = h.checkpoint(name)
    h.error_line(said, "criu could not write the images", "Can't lookup mount", "path=/dev/zero", "dump.log)")
    eq(os.listdir(image), ["dump.log"], "left")
    h.counts(name, h.number_of(name))
    eq(h.state(name)["status"], "running", "status")
    h.delete(name)
    h.nothing_left(name)


@test("images that are damaged or missing: one line, nothing left, the id is free")
def damaged(h):
    h.need_criu()
    path, name = h.counting()
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    os.truncate(image + "/pstree.img", 10)
    h.error_line(h.restore(path, name, image), "criu could not restore the images", "restore.log)")
    h.nothing_left(name)
    h.error_line(h.restore(path, name, h.path("nowhere")), "--image-path", "no such file")
    os.mkdir(h.path("empty"))
    h.error_line(h.restore(path, name, h.path("empty")), "criu could not restore")
    h.nothing_left(name)


@test("J3: what is restored has no more rights than the config gives now, or it is ended")
def confined(h):
    h.need_criu()
    many = ["CAP_KILL", "CAP_NET_ADMIN"]

    def change(config):
        config["process"]["capabilities"] = {s: many for s in ("bounding", "effective", "permitted")}
        config["process"]["noNewPrivileges"] = False
    path, name = h.counting(change)
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    last = h.number_of(name)

    def refuse(pointer, stricter):
        with open(path + "/config.json", encoding="utf-8") as f:
            text = f.read()
        change_config(path, stricter)
        h.error_line(h.restore(path, name, image), pointer, "restored process")
        h.nothing_left(name)
        eq(h.number_of(name), last, "it ran")
        with open(path + "/config.json", "w", encoding="utf-8") as f:
            f.write(text)
    refuse("/process/capabilities", lambda c: c["process"]["capabilities"].update(bounding=["CAP_KILL"],
                                              effective=["CAP_KILL"], permitted=["CAP_KILL"]))
    refuse("/process/noNewPrivileges", lambda c: c["process"].update(noNewPrivileges=True))
    refuse("/linux/seccomp", lambda c: c["linux"].update(seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}))
    h.restore(path, name, image).ok()
    h.counts(name, last)
    h.delete(name)
    h.nothing_left(name)


@test("seccomp filter, no_new_privs, user, hostname and a second process come back")
def identity(h):
    h.need_criu()

    def change(config):
        config["hostname"] = "there"
        config["process"]["noNewPrivileges"] = True
        config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5]}
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
        config["process"]["args"] = ["sh", "-c", "sleep 1000 & " + COUNT]
    os.chmod(h.rootfs + "/tmp", 0o777)
    path, name = h.counting(change)
    h.there_and_back(path, name)
    eq(h.status_of(name, "Seccomp"), "2", "filter")
    eq(h.status_of(name, "NoNewPrivs"), "1", "no_new_privs")
    eq(h.status_of(name, "Uid").split()[0], "1000", "user")
    eq(h.inside(name, "hostname"), "there", "hostname")
    has(h.inside(name, "ps"), "sleep 1000")
    h.delete(name)
    h.nothing_left(name)


@test("a user namespace comes back with its mappings")
def user_namespace(h):
    h.need_criu()

    def change(config):
        config["linux"]["namespaces"] += [{"type": "user"}, {"type": "network"}]
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
            {"containerID": 0, "hostID": 100000, "size": 65536}]
    os.chmod(h.rootfs + "/tmp", 0o777)
    for d in (h.box, os.path.dirname(h.box)):
        os.chmod(d, 0o755)
    path, name = h.counting(change)
    # CRIU reads images as the container's root, who is nobody on the host: they lie open to be read
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    call("chmod", "-R", "a+rX", image).ok()
    h.restore(path, name, image).ok()
    h.counts(name, h.number_of(name))
    with open(f"/proc/{h.state(name)['pid']}/uid_map", encoding="ascii") as f:
        eq(f.read().split(), ["0", "100000", "65536"], "mappings")
    h.delete(name)
    h.nothing_left(name)


@test("hooks: createRuntime runs while nothing runs yet, poststart when all does, poststop at delete")
def hooks(h):
    h.need_criu()
    log = h.path("hooks.log")

    def hook(kind):
        return [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind} $(cat | tr -d ' \\n') >> {log}"]}]

    def change(config):
        config["hooks"] = {k: hook(k) for k in ("createRuntime", "poststart", "poststop")}
    path, name = h.counting(change)
    image, said = h.checkpoint(name)
    said.ok()
    h.delete(name)
    os.unlink(log)
    h.restore(path, name, image).ok()
    pid = h.state(name)["pid"]
    h.delete(name)
    with open(log, encoding="utf-8") as f:
        lines = [line.split(" ", 1) for line in f.read().splitlines()]
    states = [(kind, json.loads(text)) for kind, text in lines]
    eq([(k, s["status"], s.get("pid")) for k, s in states],
       [("createRuntime", "creating", pid), ("poststart", "running", pid), ("poststop", "stopped", None)], "hooks")
    h.nothing_left(name)
