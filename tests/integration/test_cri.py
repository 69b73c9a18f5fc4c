# SPDX-License-Identifier: Apache-2.0
"""containerd's CRI plugin, asked as the kubelet asks it: pods, containers, exec, stats, stop, remove."""

import base64
import json
import os
import re
import signal
import socket
import urllib.parse

import engines
import rpc
from tap import call, eq, eventually, has, lacks, need

HANDLER = "hull"
CNI = "/usr/lib/cni"


def cri_test(*views):
    """A test with a pod maker in front of its arguments."""
    add = engines.engine_test("containerd", *views)

    def titled(title):
        def register(function):
            def run(e, c):
                need(rpc.grpc, "python3-grpcio is not installed")
                need(e.view == "host" or "cpu" in controllers(e),
                     "CRI gives every pod CPU shares, and cgroup v2 has no cpu controller here")
                kubelet = Kubelet(e, c)
                try:
                    function(kubelet)
                    kubelet.nothing_left()
                finally:
                    kubelet.close()
            run.__name__ = function.__name__
            add("CRI: " + title)(run)
            return function
        return register
    return titled


both, native = cri_test(), cri_test("host")


def controllers(e):
    return call(*e.in_view("cat", "/sys/fs/cgroup/cgroup.controllers")).out.split()


class Kubelet:
    """What of the kubelet is needed: it makes pods and containers, and removes them at the end."""

    def __init__(self, engine, context):
        self.e, self.c = engine, context
        engine.images([os.path.join(os.path.dirname(engine.box), f) for f in ("base.tar", "pause.tar")], "k8s.io")
        self.cri = rpc.cri(engine.socket)
        self.pods = []
        self.state = "/run/containerd/runc/k8s.io"
        eventually(self.images_known, "the CRI plugin knows its images")

    def images_known(self):
        out = self.e.ctr("image", "ls", "-q", "name~=sha256", namespace="k8s.io").ok().out
        return len(out.split()) >= 2

    def close(self):
        for pod in self.pods:  # of a test that failed
            failing(self.remove_pod, pod)
        self.cri.close()

    def pod(self, network=rpc.NODE, **more):
        name = self.e.name("pod")
        security = {"namespace_options": {"network": network} | more.pop("namespaces", {})} | more.pop("security", {})
        config = {"metadata": {"name": name, "uid": name, "namespace": "tests"}, "log_directory": self.e.path("logs"),
                  "linux": {"cgroup_parent": f"/{self.e.group}/{name}", "security_context": security} | more.pop("linux", {})}
        config |= more
        pod = self.cri.call("RunPodSandbox", config=config, runtime_handler=HANDLER)["pod_sandbox_id"]
        self.pods.append(pod)
        return pod, config

    def create(self, pod, *command, **more):
        sandbox, config = pod
        name = self.e.name("k")
        mine = config["linux"]["security_context"]["namespace_options"]
        security = {"namespace_options": mine} | more.pop("security", {})
        linux = {"security_context": security} | more.pop("linux", {})
        wanted = {"metadata": {"name": name}, "image": {"image": engines.IMAGE}, "command": list(command), "log_path":
                  f"{name}.log", "linux": linux} | more
        container = self.cri.call("CreateContainer", pod_sandbox_id=sandbox, config=wanted, sandbox_config=config)
        return container["container_id"]

    def start(self, pod, *command, **more):
        container = self.create(pod, *command, **more)
        self.cri.call("StartContainer", container_id=container)
        return container

    def status(self, container):
        return self.cri.call("ContainerStatus", container_id=container)["status"]

    def ended(self, container):
        eventually(lambda: self.status(container)["state"] == rpc.EXITED, "the container ends")
        return self.status(container)

    def sh(self, container, script, timeout=20):
        r = self.cri.call("ExecSync", container_id=container, cmd=["sh", "-c", script], timeout=timeout)
        eq((r["exit_code"], r["stderr"]), (0, ""), f"exec of {script}: {r}")
        return r["stdout"].strip()

    def pid(self, container):
        info = self.cri.call("ContainerStatus", container_id=container, verbose=True)["info"]
        return json.loads(info["info"])["pid"]

    def remove(self, container):
        self.cri.call("StopContainer", container_id=container, timeout=0)
        self.cri.call("RemoveContainer", container_id=container)

    def remove_pod(self, pod):
        self.cri.call("StopPodSandbox", pod_sandbox_id=pod)
        self.cri.call("RemovePodSandbox", pod_sandbox_id=pod)

    def records(self):
        r = self.e.hull("list", "--format", "json", root=self.state)
        return {one["id"]: one for one in json.loads(r.ok().out)}

    def nothing_left(self):
        while self.pods:
            self.remove_pod(self.pods.pop())
        eq(self.cri.call("ListContainers")["containers"], [], "containers")
        eq(self.cri.call("ListPodSandbox")["items"], [], "pods")
        eq(self.e.tasks("k8s.io"), {}, "tasks")
        eq(self.records(), {}, "hull list")
        # the pod's own group is the kubelet's to make and to remove
        left = [d for d in engines.tap.cgroup_below(self.e.group) if re.search(r"/[0-9a-f]{64}$", d)]
        eq(left, [], "cgroups")


def refused(method, *args, **values):
    try:
        method(*args, **values)
    except rpc.Failed as failed:
        return failed
    raise AssertionError(f"{args or values}: not refused")


@both("pod and container through their whole life: run, status, exec, stats, log, stop, remove")
def life(k):
    ready = {c["type"]: c["status"] for c in k.cri.call("Status")["status"]["conditions"]}
    eq(ready["RuntimeReady"], 1, "RuntimeReady")
    pod = k.pod()
    eq(k.cri.call("PodSandboxStatus", pod_sandbox_id=pod[0])["status"], {"id": pod[0], "state": 0, "runtime_handler": HANDLER},
       "pod")
    container = k.create(pod, "sh", "-c", "trap 'exit 7' TERM; echo hello; echo bad >&2; while :; do sleep 0.05; done")
    eq(k.status(container)["state"], rpc.CREATED, "state")
    k.cri.call("StartContainer", container_id=container)
    eq(k.status(container)["state"], rpc.RUNNING, "state")
    eq(sorted(r["status"] for r in k.records().values()), ["running", "running"], "hull list")
    r = k.cri.call("ExecSync", container_id=container, cmd=["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=20)
    eq(r, {"stdout": "out\n", "stderr": "err\n", "exit_code": 3}, "exec")
    eventually(lambda: "hello" in engines_read(k, pod, container), "the log")
    log = engines_read(k, pod, container)
    assert re.search(r"^\S+Z stdout F hello$", log, re.M) and re.search(r"^\S+Z stderr F bad$", log, re.M), log
    k.cri.call("StopContainer", container_id=container, timeout=20)
    s = k.status(container)
    eq((s["state"], s["exit_code"]), (rpc.EXITED, 7), "after stop")
    k.cri.call("StopContainer", container_id=container, timeout=20)  # again: already gone is a success
    k.cri.call("RemoveContainer", container_id=container)
    k.cri.call("RemoveContainer", container_id=container)
    k.cri.call("StopPodSandbox", pod_sandbox_id=pod[0])
    eq(k.cri.call("PodSandboxStatus", pod_sandbox_id=pod[0])["status"]["state"], 1, "pod after stop")


def engines_read(k, pod, container):
    name = k.status(container)["metadata"]["name"]
    with open(os.path.join(pod[1]["log_directory"], f"{name}.log"), encoding="utf-8") as f:
        return f.read()


@both("a pod's containers share its network, ipc and uts namespaces, and pids when asked; not mounts")
def shared(k):
    for mode, same_pids in ((rpc.CONTAINER, False), (rpc.POD, True)):
        pod = k.pod(namespaces={"pid": mode, "ipc": rpc.POD})
        one, two = k.start(pod, "sleep", "1000"), k.start(pod, "sleep", "1001")
        links = [{ns: os.readlink(f"/proc/{k.pid(c)}/ns/{ns}") for ns in ("net", "ipc", "uts", "mnt", "pid")} for c in (one, two)]
        for ns, same in (("net", True), ("ipc", True), ("uts", True), ("mnt", False), ("pid", same_pids)):
            eq(links[0][ns] == links[1][ns], same, f"{ns} is shared")
        eq("sleep 1001" in k.sh(one, "ps -o args"), same_pids, "a process of the other container is seen")
        eq("sleep 1000000" in k.sh(one, "ps -o args"), same_pids, "the pod's own process is seen")


@native("a pod with a network of its own by CNI: address, hostname, /etc/hosts, the other pod answers")
def network(k):
    need(os.access(f"{CNI}/ptp", os.X_OK), "the CNI plugins are not installed (containernetworking-plugins)")
    one = k.pod(rpc.POD, hostname="first")
    container = k.start(one, "sleep", "1000")
    info = json.loads(k.cri.call("PodSandboxStatus", pod_sandbox_id=one[0], verbose=True)["info"]["info"])
    address = k.sh(container, "ip -4 -o addr show dev eth0").split()[3].split("/")[0]
    assert address.startswith("10.88."), info
    eq(k.sh(container, "hostname"), "first", "hostname")
    two = k.start(k.pod(rpc.POD, hostname="second"), "sleep", "1000")
    k.sh(container, "nc -l -p 4000 -e echo served </dev/null >/dev/null 2>&1 &")
    has(k.sh(two, f"until nc {address} 4000 </dev/null | grep served; do sleep 0.1; done"), "served")
    assert os.readlink(f"/proc/{k.pid(two)}/ns/net") != os.readlink("/proc/self/ns/net"), "the pod has the host's network"


@both("StartContainer of a program that is missing or not executable: hull's words, state exited, 128")
def start_errors(k):
    pod = k.pod()
    for command, message in (("no-such-program", "executable file not found in $PATH"), ("/etc", "permission denied")):
        container = k.create(pod, command)
        failed = refused(k.cri.call, "StartContainer", container_id=container)
        has(failed.text, "failed to create containerd task: failed to create shim task: OCI runtime create failed: create ")
        has(failed.text, message)
        lacks(failed.text, '"msg"')
        s = k.status(container)
        eq((s["state"], s["exit_code"], s["reason"]), (rpc.EXITED, 128, "StartError"), "status")
        has(s["message"], message)
        k.remove(container)
    container = k.start(pod, "sleep", "1000")
    failed = refused(k.cri.call, "ExecSync", container_id=container, cmd=["no-such-program"], timeout=20)
    has(failed.text, "executable file not found in $PATH")
    eq(k.status(container)["state"], rpc.RUNNING, "the container")
    failed = refused(k.cri.call, "RunPodSandbox", config=pod[1] | {"metadata": {"name": "x", "uid": "x", "namespace": "x"}},
                     runtime_handler="no-such-handler")
    has(failed.text, "no runtime for")


@native("ExecSync past its time: DeadlineExceeded, and its process is gone; the container goes on")
def exec_timeout(k):
    container = k.start(k.pod(), "sleep", "1000")
    failed = refused(k.cri.call, "ExecSync", container_id=container, cmd=["sleep", "4321"], timeout=1)
    eq(failed.code, "DEADLINE_EXCEEDED", failed.text)
    eventually(lambda: "sleep 4321" not in k.sh(container, "ps -o args"), "the program is killed")
    eq(k.status(container)["state"], rpc.RUNNING, "the container")


@native("security context: user, groups, capabilities, read-only root, seccomp, no_new_privs, sysctls, privileged")
def security(k):
    pod = k.pod(linux={"sysctls": {"kernel.msgmax": "4096"}}, namespaces={"ipc": rpc.POD})
    container = k.start(pod, "sleep", "1000", security={
        "run_as_user": {"value": 1000}, "run_as_group": {"value": 1001}, "supplemental_groups": [7, 8],
        "capabilities": {"add_capabilities": ["NET_ADMIN"], "drop_capabilities": ["CHOWN"]}, "readonly_rootfs": True,
        "no_new_privs": True, "seccomp": {"profile_type": 0}})
    out = k.sh(container, "id -u; id -g; id -G; grep -E 'CapBnd|Seccomp:|NoNewPrivs' /proc/self/status; touch /tmp/x 2>&1 | "
               "grep -o Read-only; cat /proc/sys/kernel/msgmax").splitlines()
    eq(out[:3], ["1000", "1001", "1001 7 8 2000"], "ids")
    status = dict(line.split(":\t") for line in out[3:6])
    caps = int(status["CapBnd"], 16)
    eq((caps & 1, caps >> 12 & 1), (0, 1), "CHOWN, NET_ADMIN")
    eq((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), "seccomp, no_new_privs")
    eq(out[6:8], ["Read-only", "4096"], "read-only root, sysctl")
    k.remove(container)
    privileged = k.pod(security={"privileged": True})
    container = k.start(privileged, "sleep", "1000", security={"privileged": True})
    out = k.sh(container, "grep -E 'CapEff|Seccomp:' /proc/self/status; grep ' /sys ' /proc/mounts").splitlines()
    with open("/proc/self/status", encoding="ascii") as f:
        mine = next(line for line in f if line.startswith("CapEff")).strip()
    eq(out[:2], [mine, "Seccomp:\t0"], "privileged")
    has(out[2], " rw,")


def group_file(k, container, controller, file):
    """A file of the container's group, as the kernel has it; None without the controller."""
    with open(f"/proc/{k.pid(container)}/cgroup", encoding="ascii") as f:
        for line in f:
            number, names, path = line.rstrip("\n").split(":", 2)
            top = f"/sys/fs/cgroup/{controller}" if controller in names.split(",") else "/sys/fs/cgroup" if number == "0" else ""
            if top and os.path.exists(f"{top}{path}/{file}"):
                has(path, f"{container}")
                with open(f"{top}{path}/{file}", encoding="ascii") as value:
                    return value.read().strip()
    return None


@native("resources: limits at create, UpdateContainerResources, ContainerStats reads the groups")
def resources(k):
    container = k.start(k.pod(), "sleep", "1000", linux={"resources": {
        "memory_limit_in_bytes": 64 << 20, "cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 512}})
    v1 = os.path.isdir("/sys/fs/cgroup/memory")
    memory = "memory.limit_in_bytes" if v1 else "memory.max"
    eq(group_file(k, container, "memory", memory), str(64 << 20), "memory at create")
    k.cri.call("UpdateContainerResources", container_id=container, linux={"memory_limit_in_bytes": 96 << 20})
    eq(group_file(k, container, "memory", memory), str(96 << 20), "memory after the update")
    quota = group_file(k, container, "cpu", "cpu.cfs_quota_us" if v1 else "cpu.max")
    eq(quota, "50000" if v1 else "50000 100000", "the quota that the update did not name")
    k.sh(container, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    stats = eventually(lambda: working(k, container), "stats")
    assert stats["memory"]["working_set_bytes"]["value"] < 96 << 20, stats


def working(k, container):
    stats = k.cri.call("ContainerStats", container_id=container)["stats"]
    used = stats["cpu"]["usage_core_nano_seconds"]["value"], stats["memory"]["working_set_bytes"]["value"]
    return stats if all(used) else None


@native("out of memory: exit code 137 and the reason OOMKilled")
def oom(k):
    container = k.start(k.pod(), "sh", "-c", "tail -c 200m /dev/zero", linux={"resources": {
        "memory_limit_in_bytes": 16 << 20}})
    s = k.ended(container)
    eq((s["exit_code"], s["reason"]), (137, "OOMKilled"), "status")


@native("a container whose process is gone, and one whose process ignores TERM: StopContainer works, the pod ends")
def stop(k):
    pod = k.pod()
    dead = k.start(pod, "sleep", "1000")
    deaf = k.start(pod, "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    os.kill(k.pid(dead), signal.SIGKILL)
    k.cri.call("StopContainer", container_id=dead, timeout=10)
    eq(k.ended(dead)["exit_code"], 137, "killed from outside")
    k.cri.call("StopContainer", container_id=deaf, timeout=1)
    eq(k.status(deaf)["exit_code"], 137, "deaf to TERM")
    k.cri.call("RemoveContainer", container_id=deaf)
    left = k.start(pod, "sleep", "1000")
    k.remove_pod(k.pods.pop())  # ends and removes what is still in it
    eq(refused(k.cri.call, "ContainerStatus", container_id=left).code, "NOT_FOUND", "a container of a removed pod")


@native("containerd is killed and started again: pods and containers are found, exec works, all can be removed")
def restart(k):
    pod = k.pod()
    container = k.start(pod, "sleep", "1000")
    pid = k.pid(container)
    k.e.daemon.stop(signal.SIGKILL)
    k.e.launch(k.e.in_view)
    eventually(lambda: not failing(k.cri.call, "ListContainers"), "the CRI plugin answers")
    eq((k.status(container)["state"], k.pid(container)), (rpc.RUNNING, pid), "the container")
    eq(k.sh(container, "echo here"), "here", "exec")


def failing(method, *args):
    try:
        method(*args)
    except rpc.Failed as failed:
        return failed
    return None


class WebSocket:
    """The streaming side of Exec, as `kubectl exec` uses it: one socket, a channel number before each piece."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), 20)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nOrigin: http://localhost\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        status = self.file.readline().decode()
        has(status, " 101 ")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, channel, data):
        body, mask = bytes([channel]) + data, b"\1\2\3\4"
        assert len(body) < 126
        self.socket.sendall(bytes([0x82, 0x80 | len(body)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(body)))

    def receive(self):
        """Everything until the end: channel to bytes."""
        channels = {}
        while len(head := self.file.read(2)) == 2:
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
            body = self.file.read(size)
            if head[0] & 15 == 8:
                break
            if body:
                channels[body[0]] = channels.get(body[0], b"") + body[1:]
        self.socket.close()
        return channels


@native("Exec with streams: standard input, output, errors, exit status; and with a terminal")
def streaming(k):
    container = k.start(k.pod(), "sleep", "1000")
    url = k.cri.call("Exec", container_id=container, cmd=["sh", "-c", "read x; echo got $x; echo err >&2; exit 5"], stdin=True,
                     stdout=True, stderr=True)["url"]
    ws = WebSocket(url)
    ws.send(0, b"word\n")
    channels = ws.receive()
    eq((channels.get(1), channels.get(2)), (b"got word\n", b"err\n"), "streams")
    has(channels[3].decode(), '"message":"5"')
    url = k.cri.call("Exec", container_id=container, cmd=["sh", "-c", "tty; test -t 2 && echo both"], tty=True, stdin=True,
                     stdout=True)["url"]
    channels = WebSocket(url).receive()
    eq(channels.get(1), b"/dev/pts/0\r\nboth\r\n", "terminal")
    has(channels[3].decode(), '"status":"Success"')
