# SPDX-License-Identifier: Apache-2.0
"""containerd and dockerd with directories, sockets and cgroups of their own, for as long as a test run.

An engine lives in a view: "host" is the machine as it is, "v2" shows it cgroup v2 alone (tests/lib/v2view). The
configuration is the shipped one below contrib/ with the paths of this run put in.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRIB = os.path.join(tap.ROOT, "contrib")
INSTALLED = "/usr/local/bin/hull"  # what the shipped files name
IMAGE, PAUSE = "localhost/base:1", "localhost/pause:1"
# What dockerd itself keeps mounted: its data, the host's network namespace, those of a swarm's networks
OWN = re.compile(r"/docker-[^/]*/(data|data/100000\.100000|exec/netns/(default|1-[^/]*))$")
VIEWS = {"host": "as the host is", "v2": "cgroup v2 alone"}
CTR, CONTAINERD = "/usr/bin/ctr", "/usr/bin/containerd"
DOCKER, DOCKERD = "/usr/bin/docker", "/usr/sbin/dockerd"  # Debian's, whatever else is in PATH


def shipped(name, runtime):
    """A file below contrib/ that names this runtime."""
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as f:
        text = f.read()
    tap.has(text, f'"{INSTALLED}"')
    return text.replace(INSTALLED, runtime)


def oci_archive(path, rootfs_tar, name=IMAGE, command=("sh",)):
    """An OCI image layout in one tar file: one layer, and what it runs."""
    with open(rootfs_tar, "rb") as f:
        layer = f.read()
    files = {}

    def blob(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    kind = "application/vnd.oci.image."
    layer_blob = blob(layer, kind + "layer.v1.tar")
    config = blob(json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux", "config": {"Env": ["PATH=/bin", "FROM=image"], "Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]}}).encode(), kind + "config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": config,
                                "layers": [layer_blob]}).encode(), kind + "manifest.v1+json",
                    annotations={"io.containerd.image.name": name})
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    with tarfile.open(path, "w") as tar:
        for file, data in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


class Daemon:
    """One background program of a view; its output is in a file."""

    def __init__(self, box, name, argv, ready, env=None):
        self.name, self.log = name, os.path.join(box, f"{name}.log")
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                         cwd=box, env=env)
        try:
            tap.eventually(lambda: self.proc.poll() is not None or ready(), f"{name} is ready", 60)
            assert self.proc.poll() is None, f"{name} ended with status {self.proc.returncode}:\n{self.tail()}"
        except BaseException:
            self.stop()
            raise

    def tail(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def stop(self, number=signal.SIGTERM):
        with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
            self.proc.send_signal(number)
            self.proc.wait(30)
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


@functools.lru_cache
def overlay(box):
    """Can an overlay be mounted on what lies in this directory? Faster than copies, but not everywhere."""
    top = os.path.join(box, "overlay")
    for name in ("lower", "upper", "work", "merged"):
        os.makedirs(os.path.join(top, name))
    options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work"
    if tap.call("mount", "-t", "overlay", "-o", options, "none", f"{top}/merged").code:
        return False
    tap.call("umount", f"{top}/merged").ok()
    return True


class Engine:
    """What containerd and Docker have in common: a directory, a view, a cgroup, names."""

    kind = "engine"

    def __init__(self, runtime, box, cgroup, view):
        self.runtime, self.view = runtime, view
        self.overlay = overlay(box)
        self.box = os.path.join(box, f"{self.kind}-{view}")
        self.group = f"{cgroup}/{self.kind}-{view}"  # below the roots, where this engine's containers go
        self.number, self.daemon = 0, None
        os.makedirs(self.box)

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def name(self, word="c"):
        self.number += 1
        return f"{word}{self.number}"

    def hull(self, *args, root=None, **kw):
        """The runtime on this engine's own state."""
        return tap.call(*self.in_view(self.runtime, "--root", root or self.state, *args), **kw)

    def in_view(self, *argv):
        """A command in the mount namespace of this view: that of the daemon, which shims and mounts live in."""
        if self.view == "host":
            return [*argv]
        first = self.first()
        return ["nsenter", f"--mount=/proc/{first.proc.pid}/ns/mnt", *argv] if first else [
            os.path.join(HERE, "v2view"), *argv]

    def first(self):
        """The daemon that made the view, when it runs."""
        return self.daemon

    def records(self):
        """What hull lists of this engine's containers."""
        if not os.path.isdir(self.state):
            return []
        return json.loads(self.hull("list", "--format", "json").ok().out)

    def statuses(self):
        return sorted(r["status"] for r in self.records())

    def nothing_left(self):
        """After the last container: no record, no shim, no mount, no cgroup below this engine's."""
        tap.eventually(lambda: not self.records(), "hull list is empty")
        tap.eq([d for d in tap.cgroup_below(self.group)], [], "cgroups")
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            left = [line.split()[4] for line in f if f" {self.box}/" in line]
        tap.eq([path for path in left if not OWN.search(path)], [], "mounts")

    def env(self):
        """For this engine's client; None: as it is."""

    def stop(self):
        if self.daemon:
            self.daemon.stop()
            self.daemon = None


class Containerd(Engine):
    """containerd with its CRI plugin, and ctr."""

    kind = "containerd"

    def __init__(self, runtime, box, cgroup, view, namespace="default"):
        super().__init__(runtime, box, cgroup, view)
        self.namespace = namespace
        self.snapshotter = "overlayfs" if self.overlay else "native"
        self.socket = self.path("containerd.sock")
        self.state = f"/run/containerd/runc/{namespace}"  # the shim's default; /run is the box's own
        self.imported = set()

    def config(self):
        """The shipped file with what is this run's own: nothing is fetched, and what this machine can do."""
        cri = '[plugins."io.containerd.grpc.v1.cri"]\n'
        text = shipped("containerd/config.toml", self.runtime)
        tap.has(text, cri)
        mine = (f'sandbox_image = "{PAUSE}"\ndisable_apparmor = true\nrestrict_oom_score_adj = true\n'
                'stream_server_address = "127.0.0.1"\n')
        text = text.replace(cri, cri + mine)
        containerd = '[plugins."io.containerd.grpc.v1.cri".containerd]\n'
        tap.has(text, containerd)
        text = text.replace(containerd, containerd + f'snapshotter = "{self.snapshotter}"\n')
        return text + ('\n[plugins."io.containerd.grpc.v1.cri".cni]\nbin_dir = "/usr/lib/cni"\n'
                       f'conf_dir = "{self.path("cni")}"\n')

    def start(self):
        for program in (CONTAINERD, CTR):
            tap.need(os.access(program, os.X_OK), f"{program} is not installed (package containerd)")
        os.makedirs(self.path("cni"), exist_ok=True)
        self.write("cni/10-pods.conflist", json.dumps(self.network()))
        return self.launch(self.in_view)

    def launch(self, within):
        argv = [CONTAINERD, "--config", self.write("config.toml", self.config()), "--address", self.socket,
                "--root", self.path("root"), "--state", self.path("state")]
        self.daemon = Daemon(self.box, "containerd", within(*argv),
                             lambda: os.path.exists(self.socket) and not self.ctr("version").code)
        return self

    def restart(self, shim):
        """Once more, after its end, in the mount namespace that this shim lives in."""
        return self.launch(lambda *argv: ["nsenter", f"--mount=/proc/{shim}/ns/mnt", *argv])

    def network(self):
        """A pair of interfaces per pod and an address of 10.88.0.0/16, in the box's own network namespace."""
        ipam = {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "dataDir": self.path("ipam")}
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": ipam}]}

    def ctr(self, *args, namespace=None, **kw):
        return tap.call(CTR, "--address", self.socket, "--namespace", namespace or self.namespace, *args, **kw)

    def images(self, archives, namespace=None):
        """Imports them once into a namespace."""
        namespace = namespace or self.namespace
        if namespace not in self.imported:
            for archive in archives:
                self.ctr("image", "import", "--snapshotter", self.snapshotter, archive, namespace=namespace).ok()
            self.imported.add(namespace)

    def run_args(self, name, *opts):
        """The options of ctr run that name this runtime and this run's cgroup, the image and the name."""
        # cgroup v2 without controllers (a hybrid host): ctr asks for CPU shares unless it is told not to
        shares = ["--cpu-shares", "0"] if self.view == "v2" else []
        return ["--snapshotter", self.snapshotter, "--runtime", "io.containerd.runc.v2", "--runc-binary", self.runtime,
                "--cgroup", f"/{self.group}/{name}", *shares, *opts, IMAGE, name]

    def run(self, *command, opts=("--rm",), name=None, **kw):
        """ctr run of a command."""
        return self.ctr("run", *self.run_args(name or self.name(), *opts), *command, **kw)

    def background(self, *command, opts=()):
        """A container that goes on: its name."""
        name = self.name()
        self.run(*command, opts=["--detach", *opts], name=name).ok()
        return name

    def sh(self, script, *opts, **kw):
        """A shell in a container of its own: its output, of a script that must succeed."""
        return self.run("sh", "-c", script, opts=["--rm", *opts], **kw).ok().out.strip()

    def tasks(self, namespace=None):
        """Name to (pid, status), as ctr shows them."""
        lines = self.ctr("task", "ls", namespace=namespace).ok().out.splitlines()[1:]
        return {name: (int(pid), status) for name, pid, status in (line.split() for line in lines)}

    def remove(self, *names, namespace=None):
        for name in names:
            self.ctr("task", "rm", "--force", name, namespace=namespace)
            self.ctr("container", "rm", name, namespace=namespace).ok()

    def alone(self):
        """No task and no container of containerd, nothing of hull."""
        tap.eventually(lambda: not self.tasks(), "no task")
        tap.eq(self.ctr("container", "ls", "-q").ok().out, "", "containers")
        self.nothing_left()

    def clean_up(self):
        if not self.daemon or self.ctr("version").code:
            return
        for namespace in self.imported:
            for name in self.ctr("container", "ls", "-q", namespace=namespace).out.split():
                with contextlib.suppress(AssertionError):  # the next test shall run whatever is broken
                    self.remove(name, namespace=namespace)


class Docker(Engine):
    """dockerd on a containerd of its own, and docker."""

    kind = "docker"

    def __init__(self, runtime, box, cgroup, view, containerd, settings=None):
        super().__init__(runtime, box, cgroup, view)
        self.containerd, self.settings = containerd, settings or {}
        self.socket = self.path("docker.sock")
        self.namespace = "moby-more" if settings else "moby"  # two daemons on one containerd
        self.state = self.path("exec", "runtime-runc", self.namespace)

    def first(self):
        return self.containerd.daemon

    def config(self):
        """The shipped file, and a second runtime: hull whose start waits while there is a file `hold`."""
        config = json.loads(shipped("docker/daemon.json", self.runtime)) | self.settings
        held = self.write("held", '#!/bin/sh\nfor word; do\n\t[ "$word" = start ] || continue\n'
                          f'\t: >"{self.path("holding")}"\n\twhile [ -e "{self.path("hold")}" ]; do sleep 0.02; done\ndone\n'
                          f'exec "{self.runtime}" "$@"\n')
        os.chmod(held, 0o755)
        config["runtimes"]["held"] = {"path": held}
        return json.dumps(config)

    def with_buildkit(self):
        """dockerd's environment. Its BuildKit knows no runtimes, only a program `runc`: here hull, its verbs written down."""
        os.makedirs(self.path("bin"), exist_ok=True)
        self.write("bin/runc", f'#!/bin/sh\necho "$@" >>"{self.path("buildkit-verbs")}"\nexec "{self.runtime}" "$@"\n')
        os.chmod(self.path("bin/runc"), 0o755)
        return dict(os.environ, PATH=self.path("bin") + ":" + os.environ["PATH"])

    def start(self):
        for program in (DOCKERD, DOCKER):
            tap.need(os.access(program, os.X_OK), f"{program} is not installed (package docker.io)")
        argv = [DOCKERD, "--config-file", self.write("daemon.json", self.config()), "--host", f"unix://{self.socket}",
                "--containerd", self.containerd.socket, "--containerd-namespace", self.namespace,
                "--data-root", self.path("data"), "--exec-root", self.path("exec"),
                "--pidfile", self.path("pid"), "--cgroup-parent", f"/{self.group}",
                "--storage-driver", "overlay2" if self.overlay else "vfs",
                "--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-masq=false", "--ip-forward=false",
                "--group", "root"]
        self.daemon = Daemon(self.box, "dockerd", self.in_view(*argv),
                             lambda: os.path.exists(self.socket) and not self.docker("version").code, self.with_buildkit())
        return self

    def command(self, *args):
        """The words of a docker command."""
        return [DOCKER, "--host", f"unix://{self.socket}", *args]

    def docker(self, *args, **kw):
        return tap.call(*self.command(*args), env=self.env(), **kw)

    def env(self):
        """No configuration of whoever runs the tests."""
        return {"PATH": os.environ["PATH"], "HOME": self.box, "DOCKER_CONFIG": self.box, "LC_ALL": "C.UTF-8",
                "DOCKER_BUILDKIT": "0", "TERM": "dumb", "TMPDIR": self.box}

    def version(self):
        """Of dockerd, as numbers."""
        text = self.docker("version", "--format", "{{.Server.Version}}").ok().out
        return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", text).groups())

    def run(self, *command, opts=(), net="none", **kw):
        """docker run of a command, removed at its end unless it has a name or goes on."""
        rm = [] if {"-d", "--name"} & set(opts) else ["--rm"]
        return self.docker("run", *rm, "--network", net, *opts, "base", *command, **kw)

    def sh(self, script, *opts, **kw):
        """A shell in a container of its own: its output, of a script that must succeed."""
        return self.run("sh", "-c", script, opts=opts, **kw).ok().out.strip()

    def background(self, *command, opts=(), **kw):
        """A container that goes on: its name."""
        name = self.name()
        self.run(*command, opts=["-d", "--name", name, *opts], **kw).ok()
        return name

    def inspect(self, name):
        return json.loads(self.docker("inspect", name).ok().out)[0]

    def status(self, name):
        return self.inspect(name)["State"]

    def remove(self, *names):
        self.docker("rm", "-f", *names).ok()

    def alone(self):
        """No container of Docker, no task of containerd, nothing of hull."""
        tap.eq(self.docker("ps", "-aq").ok().out, "", "containers")
        tap.eventually(lambda: not self.containerd.tasks(self.namespace), "no task")
        self.nothing_left()

    def clean_up(self):
        if self.daemon and (names := self.docker("ps", "-aq").out.split()):
            self.docker("rm", "-f", *names)


def shim_of(pid):
    """The pid of the shim above a container's process."""
    while True:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            pid = int(f.read().rsplit(")", 1)[1].split()[1])
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            if f.read().startswith("containerd-shim"):
                return pid


def make(context, kind, view, settings=None):
    """A running engine with its images. Each is started once; settings change Docker's daemon.json."""
    key = (kind, view, json.dumps(settings))
    if key in context.engines:
        engine = context.engines[key]
        if engine.daemon.proc.poll() is not None:  # ended by a test that failed
            engine.start()
        return engine
    if view == "v2":
        tap.need(not os.path.exists(f"{tap.CGROUPS}/cgroup.controllers"), "the host is cgroup v2 already")
    archive = context.archive()
    containerd = make(context, "containerd", view) if kind == "docker" else None
    box = os.path.join(context.box, f"engines{len(context.engines)}")
    os.makedirs(box)
    if kind == "containerd":
        engine = Containerd(context.runtime, box, context.cgroup, view).start()
        engine.images([oci_archive(os.path.join(box, "base.tar"), archive),
                       oci_archive(os.path.join(box, "pause.tar"), archive, PAUSE, ("sleep", "1000000"))])
    else:
        engine = Docker(context.runtime, box, context.cgroup, view, containerd, settings).start()
        engine.docker("import", archive, "base").ok()
    context.engines[key] = engine
    return engine


def in_terminal(e, *command, size="33 77"):
    """A command in a terminal that script(1) makes: what was on the screen, and the exit status."""
    tap.need(shutil.which("script"), "script(1) is not installed")
    rows, columns = size.split()
    words = " ".join("'" + w.replace("'", "'\\''") + "'" for w in command)
    keyboard, hand = os.pipe() # nobody types, nobody hangs up
    try:
        r = tap.call("script", "-qec", f"stty rows {rows} cols {columns}; {words}", "/dev/null", stdin=keyboard, env=e.env())
    finally:
        os.close(keyboard)
        os.close(hand)
    return r.out.replace("\r", ""), r.code


def engine_test(kind, *views):
    """Registers a test of one engine, once for each view: the function is given the engine and the context."""
    def add(title):
        def register(function):
            for view in views or VIEWS:
                def run(context, view=view):
                    make_usual(context)
                    function(make(context, kind, view), context)
                run.__name__ = function.__name__
                tap.test(f"{title} ({VIEWS[view]})")(run)
            return function
        return register
    return add


def make_usual(context):
    """What engines expect of every host: a loopback, and a mount of each v1 hierarchy that /proc names, also of one that
    nobody mounted (containerd's library looks for it)."""
    top = os.path.join(context.box, "hierarchies")
    if os.path.isdir(top):
        return
    os.makedirs(top)
    tap.call("ip", "link", "set", "lo", "up").ok()
    for name in tap.unmounted_hierarchies():
        path = os.path.join(top, name)
        os.makedirs(path)
        tap.call("mount", "-t", "cgroup", "-o", name, "none", path)
