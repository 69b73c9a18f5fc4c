# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.8: hooks, helpers, annotations, state; and what engines got wrong that a runtime can blunt."""

import json
import os
import signal
import stat
import subprocess

import pytest

from lib.bundle import cap_mask
from lib.container import reap_strays
from lib.host import mount, read, umount
from lib.notify import Agent
from threats import threat

HELPERS = ["newuidmap", "newgidmap", "criu", "passt", "pasta", "slirp4netns", "ip", "iptables", "nft", "mount", "modprobe", "sh",
           "systemd-run", "dbus-send", "setfiles", "apparmor_parser", "getent", "ldconfig", "nvidia-container-cli", "krun"]
DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]


@threat("CVE-2026-84042", "H2", "M6")
@pytest.mark.parametrize("user", [False, True])
def test_helpers_of_the_image_are_not_run(ctr, canary, user):
    """Programs with every name that a runtime may call, and an environment that leads to them."""
    script = "#!/bin/busybox sh\necho $0 >>/tmp/ran\n"
    for d in DIRS:
        for name in HELPERS:
            if not os.path.lexists(ctr.bundle.file(f"{d}/{name}")):
                ctr.bundle.put(f"{d}/{name}", script, 0o755)
    os.chmod(ctr.bundle.file("/tmp"), 0o777)
    ctr.process["env"] = ["PATH=" + ":".join(DIRS), "LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/", "BASH_ENV=/bin/criu",
                          "ENV=/bin/criu"]
    if user:
        ctr.bundle.namespace("user")
        for kind in ("uidMappings", "gidMappings"):
            ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    env = {"PATH": ":".join(ctr.bundle.file(d) for d in DIRS) + ":" + os.environ["PATH"]}
    ctr.args("/bin/busybox", "true").started(env=env)
    ctr.wait_exit()
    ctr.delete("--force", env=env).ok()
    assert not ctr.bundle.exists("/tmp/ran"), ctr.bundle.read("/tmp/ran")


UIDS, NAME = 200000, "hullsec"


@pytest.fixture
def subordinate(ctr):
    """The user 1000 has a name and ranges of ids, in this run's own mount namespace."""
    lines = {"passwd": f"{NAME}:x:1000:1000::/:/bin/sh", "subuid": f"{NAME}:{UIDS}:1000", "subgid": f"{NAME}:{UIDS}:1000"}
    done = []
    for name, line in lines.items():
        own = os.path.join(ctr.top, name)
        with open(own, "w", encoding="ascii") as f:
            f.write(line + "\n")
        if not os.path.exists("/etc/" + name):
            continue
        mount(own, "/etc/" + name, None, 4096)
        done.append("/etc/" + name)
    yield
    for path in done:
        umount(path)


@threat("CVE-2026-84042", "H2")
@pytest.mark.hull_only
@pytest.mark.parametrize("place", ["caller", "relative", "config"])
def test_helpers_come_from_fixed_directories(ctr, subordinate, place):
    """A caller without rights needs newuidmap: it is not the one that a PATH leads to, the caller's or the config's."""
    evil, mark = ctr.top + "/evil", ctr.top + "/ran"
    os.mkdir(evil)
    for name in ("newuidmap", "newgidmap"):
        with open(f"{evil}/{name}", "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\necho $0 >>{mark}\nexec /usr/bin/{name} \"$@\"\n")
        os.chmod(f"{evil}/{name}", 0o755)
    for top, dirs, files in os.walk(ctr.top):
        for path in [top] + [os.path.join(top, n) for n in dirs + files]:
            if os.lstat(path).st_nlink == 1 or os.path.isdir(path):
                os.lchown(path, 1000, 1000)
    os.chmod(ctr.top, 0o755)
    ctr.bundle.namespace("user")
    ctr.bundle.drop_namespace("network")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 1000, "size": 1}, {"containerID": 1, "hostID": UIDS, "size": 1000}]
    ctr.config["mounts"].remove(ctr.bundle.mount_at("/sys"))
    if place == "config":
        ctr.process["env"] = ["PATH=" + evil + ":/bin"]
    ctr.sh("cat /proc/self/uid_map")
    ctr.bundle.write()
    os.chmod(ctr.bundle.path + "/config.json", 0o644)

    def as_user():
        os.chdir(evil)
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
    path = {"caller": evil + ":", "relative": ".:", "config": ""}[place] + ctr.env["PATH"]
    result = ctr.run(write=False, preexec=as_user, env={"XDG_RUNTIME_DIR": ctr.top, "HOME": ctr.top, "PATH": path}).ok()
    assert [line.split() for line in result.stdout.splitlines()] == [["0", "1000", "1"], ["1", str(UIDS), "1000"]]
    assert not os.path.exists(mark), read(mark)


@threat("C4")
@pytest.mark.parametrize("nnp", [False, True])
@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"])
def test_hooks_of_the_image_have_the_filter(ctr, action, nnp):
    """A startContainer hook is a program of the image: what the filter forbids it cannot do, nor what it leaves running.
    Nobody listens for it yet."""
    os.chmod(ctr.bundle.file("/tmp"), 0o777)
    ctr.process["noNewPrivileges"] = nnp
    ctr.process["capabilities"] = {s: ["CAP_KILL"] for s in ("bounding", "effective", "permitted")}
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": action}]}
    agent = None
    if action == "SCMP_ACT_NOTIFY":
        ctr.bundle.linux["seccomp"]["listenerPath"] = ctr.top + "/agent"
        agent = Agent(ctr.top + "/agent")
    ctr.bundle.put("/hook", "#!/bin/sh\ngrep -e Seccomp: -e CapEff: -e CapPrm: /proc/self/status >/tmp/seen\n"
                            "mkdir /tmp/made || :\n", 0o755)
    ctr.config["hooks"] = {"startContainer": [{"path": "/hook", "env": ["PATH=/bin"]}]}
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    if agent:
        agent.close()
    seen = dict(line.split(":\t") for line in ctr.bundle.read("/tmp/seen").splitlines())
    assert seen["Seccomp"] == "2", seen
    assert {int(seen[x], 16) for x in ("CapEff", "CapPrm")} == {cap_mask(["CAP_KILL"])}, seen
    assert not ctr.bundle.exists("/tmp/made"), "the hook did what the filter forbids"


@threat("CVE-2025-23266", "H1")
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
@pytest.mark.parametrize("given", [None, ["A=b"], []])
def test_environment_of_hooks(ctr, kind, given):
    """Nothing of process.env, and no working directory in the rootfs."""
    out = os.path.join(ctr.top, "out")
    ctr.process["env"] = ["PATH=/bin", "LD_PRELOAD=/evil.so", "GCONV_PATH=/evil", "BASH_ENV=/evil", "IMAGE=1"]
    more = {} if given is None else {"env": given}
    entry = ctr.bundle.hook(kind, None)
    entry.update({"path": "/usr/bin/python3", "args": ["python3", "-c",
                  "import os,sys; open(sys.argv[1],'w').write(repr((dict(os.environ), os.getcwd(), "
                  "sorted(os.listdir('/proc/self/fd')))))", out], **more})
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.delete("--force").ok()
    env, cwd, fds = eval(read(out))  # pylint: disable=eval-used
    env.pop("LC_CTYPE", None)  # python's own
    for name in ("LD_PRELOAD", "GCONV_PATH", "BASH_ENV", "IMAGE"):
        assert name not in env, env
    if given:
        assert env == {"A": "b"}, env
    elif ctr.rt.is_hull:
        assert env == {}, env
    assert not cwd.startswith(ctr.bundle.rootfs), cwd
    if ctr.rt.is_hull:
        assert cwd == ctr.bundle.path, cwd
    assert len(fds) <= 5, fds  # streams, the file that is written, the listing itself


@threat("CVE-2025-23266", "H1")
@pytest.mark.hull_only
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "poststop"])
@pytest.mark.parametrize("root", [".", "../bundle/."])
def test_bundle_that_is_the_root_filesystem(ctr, kind, root):
    """Then a hook does not begin in the bundle."""
    out = os.path.join(ctr.top, "out")
    os.rename(ctr.bundle.rootfs, os.path.join(ctr.top, "moved"))
    os.rename(os.path.join(ctr.top, "moved"), ctr.bundle.path + ".new")
    os.rmdir(ctr.bundle.path)
    os.rename(ctr.bundle.path + ".new", ctr.bundle.path)
    ctr.config["root"]["path"] = root.replace("bundle", os.path.basename(ctr.bundle.path))
    ctr.bundle.hook(kind, f"pwd > {out}")
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.delete("--force").ok()
    assert read(out) == "/\n"


@threat("CVE-2024-0132", "CVE-2024-0133", "CVE-2025-23267", "CVE-2026-24260", "M2")
@pytest.mark.hull_only
@pytest.mark.parametrize("place", ["dev", "proc", "sys", "dev/shm"])
def test_hook_that_covers_what_hull_relies_on(ctr, place):
    """A createContainer hook that mounts over /dev, /proc or /sys of the container, led by a link or not."""
    os.symlink(f"../{place}", ctr.bundle.file("/tmp/link"))
    ctr.bundle.hook("createContainer", f"mount -t tmpfs evil {ctr.bundle.rootfs}/tmp/link")
    result = ctr.args("/bin/true").run()
    result.failed()
    assert f"/{place}" in result.stderr, result.stderr


# Names that some runtime or engine reads; what they are set to is a program, of the host and of the image.
ANNOTATIONS = [
    "run.oci.handler", "run.oci.hooks.stdout", "run.oci.hooks.stderr", "run.oci.criu", "com.nvidia.cuda", "io.containerd.runc.path",
    "org.opencontainers.image.exec", "io.containerd.image.logger", "module.wasm.image/variant", "io.kubernetes.cri-o.seccompNotifierAction",
    "run.hull.exec", "run.hull.hook"]


@threat("CVE-2026-53488", "J2")
@pytest.mark.hull_only
def test_annotations(ctr):
    """Those that change anything are listed; none names a program or a file to write; unknown ones change nothing."""
    known = json.loads(ctr.call("features").ok().stdout)["potentiallyUnsafeConfigAnnotations"]
    assert known, "nothing is listed"
    for name in known:
        assert not any(word in name for word in ("exec", "path", "command", "handler", "hook")), name
    evil, mark = ctr.top + "/evil", ctr.top + "/ran"
    script = f"#!/bin/sh\necho $0 >>{mark}\n"
    ctr.bundle.put(evil, script, 0o755)
    ctr.bundle.put(ctr.top + "/x", "")
    os.chmod(ctr.bundle.file(ctr.top), 0o777)
    with open(evil, "w", encoding="ascii") as f:
        f.write(script)
    os.chmod(evil, 0o755)
    ctr.config["annotations"] = {name: evil for name in ANNOTATIONS}
    ctr.bundle.hook("createRuntime", "echo said")
    before = ctr.args("/bin/cat", "/proc/self/status").run().ok().stdout
    assert "Name:\tcat" in before
    assert not os.path.exists(mark) and not ctr.bundle.exists(mark), "a program was run"
    assert read(evil) == script, "a file was written"


PROPERTIES = {  # of systemd.exec(5), systemd.service(5) and org.freedesktop.systemd1(5): programs, units, users, devices, paths
    "ExecStart": "['/evil']", "ExecStartPre": "['/evil']", "ExecStopPost": "['/evil']", "User": "'root'", "RootDirectory": "'/'",
    "OnFailure": "['evil.service']", "Wants": "['evil.service']", "Slice": "'system.slice'", "Delegate": "true", "PIDs": "[1]",
    "DevicePolicy": "'auto'", "DeviceAllow": "[('/dev/mem', 'rwm')]", "BPFProgram": "['device:/sys/fs/bpf/evil']", "Nonsense": "1"}


@threat("CVE-2024-3154", "G6")
@pytest.mark.hull_only
def test_annotations_for_systemd(ctr):
    """Without the caller's leave an annotation is no property of the unit; with it, the harmless ones are, with their type."""
    ctr.args("/bin/true")
    for name, value in (PROPERTIES | {"TasksMax": "uint64 5", "MemoryMax": "'much'"}).items():
        ctr.config["annotations"] = {"org.systemd.property." + name: value}
        ctr.bundle.write()
        words = ("--systemd-cgroup", "plan", "--format", "json", "--bundle", ctr.bundle.path)
        plan = ctr.call(*words).ok().stdout
        assert "properties" not in json.loads(plan)["cgroup"], (name, "is in the plan")
        result = ctr.call("--allow-systemd-properties", *words)
        if name == "TasksMax":
            assert json.loads(result.ok().stdout)["cgroup"]["properties"] == {name: 5}
        else:
            result.failed()
            assert "/annotations/org.systemd.property." + name in result.stderr, result.stderr


@threat("CVE-2019-14271", "C1", "P5")
@pytest.mark.parametrize("what", ["fifo", "evil"])
def test_name_service_of_the_image(ctr, what):
    """Files that a C library would read inside: none is, not even when reading would block."""
    with open(ctr.rt.path, "rb") as f:
        head = f.read(4096)
    if ctr.rt.is_hull:
        assert b"/ld-" not in head, "a dynamic linker"
    for name in ("/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/resolv.conf",
                 "/etc/group", "/etc/passwd", "/usr/lib/locale/locale-archive", "/lib/libnss_files.so.2", "/etc/hosts"):
        path = ctr.bundle.file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        if what == "fifo":
            os.mkfifo(path)
        else:
            ctr.bundle.put(name, b"\x7fELF" + b":" * 100000 + b"\nroot:x:0:0::/evil:\n", 0o755)
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    assert ctr.sh("echo $HOME").run(timeout=15).ok().stdout == "/\n"


@threat("CVE-2020-15257", "CVE-2021-41103", "S1")
def test_state_is_closed_to_others(ctr):
    """Another user of the host: no listing, no reading, no connection; no abstract socket."""
    before = {line.split()[-1] for line in read("/proc/net/unix").splitlines() if "@" in line}
    os.chmod(ctr.top, 0o755)
    os.rmdir(ctr.root)  # made by the runtime itself
    ctr.bundle.drop_namespace("network")
    ctr.config["mounts"].remove(ctr.bundle.mount_at("/sys"))
    ctr.args("/bin/sleep", "100").created()
    found = [os.path.join(top, name) for top, dirs, files in os.walk(ctr.root) for name in dirs + files]
    assert found
    script = ("import os,sys,socket\nos.setgroups([]);os.setresgid(1000,1000,1000);os.setresuid(1000,1000,1000)\n"
              "for p in sys.argv[1:]:\n for f in (os.listdir, lambda p: open(p).read(1), lambda p: open(p,'a'),"
              " lambda p: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(p)):\n"
              "  try: f(p); print('open', p)\n  except OSError: pass\n")
    text = subprocess.run(["/usr/bin/python3", "-c", script, ctr.root, *found], capture_output=True, text=True, check=True).stdout
    assert text == "", text
    after = {line.split()[-1] for line in read("/proc/net/unix").splitlines() if "@" in line}
    assert not [n for n in after - before if ctr.id in n or "hull" in n], after - before
    for path in found:
        assert not stat.S_IMODE(os.lstat(path).st_mode) & 0o022 or stat.S_ISSOCK(os.lstat(path).st_mode), path


@threat("CVE-2021-41103", "S1")
@pytest.mark.hull_only
@pytest.mark.parametrize("what", ["owner", "open", "group", "link", "file"])
def test_state_root_that_somebody_prepared(ctr, what):
    os.rmdir(ctr.root)
    if what == "link":
        os.makedirs(ctr.top + "/elsewhere")
        os.symlink(ctr.top + "/elsewhere", ctr.root)
    elif what == "file":
        with open(ctr.root, "w", encoding="ascii"):
            pass
    else:
        os.mkdir(ctr.root)
        os.chmod(ctr.root, {"open": 0o777, "group": 0o770}.get(what, 0o700))
        if what == "owner":
            os.chown(ctr.root, 1000, 1000)
    result = ctr.args("/bin/true").run()
    result.failed()
    assert ctr.root in result.stderr, result.stderr
    if what == "link":
        assert os.listdir(ctr.top + "/elsewhere") == []
    elif what != "file":
        assert os.listdir(ctr.root) == []


@threat("F4", "P7")
@pytest.mark.parametrize("what", ["descriptors", "openat2"])
def test_what_cannot_be_seen_is_not_stopped(ctr, attacker, what):
    """A caller with few descriptors, or whose filter lacks a call: a container that runs is not taken for one that ended."""
    ctr.args("/bin/sleep", "1000").started()
    wraps = [f'ulimit -n {n}; exec "$@"' for n in range(4, 16)] if what == "descriptors" else [f'exec {attacker} deny 437 38 "$@"']
    for wrap in wraps:
        result = ctr.call("state", ctr.id, wrap=wrap)
        if result.code == 0:
            assert json.loads(result.stdout)["status"] == "running", wrap
        ctr.call("delete", ctr.id, wrap=wrap).failed()
        assert ctr.alive() and ctr.status_word() == "running", wrap


@threat("CVE-2022-1708", "CVE-2022-31030", "B1")
def test_output_that_nobody_reads(ctr, environment):
    """An exec with a terminal prints without end to a reader that has stopped: memory stays small, nothing spins."""
    ctr.started()
    read_end, write_end = os.pipe()
    argv = ctr.argv("exec", "--tty", ctr.id, "/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
    proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=write_end, stderr=subprocess.DEVNULL, env=ctr.env)
    os.close(write_end)
    try:
        os.read(read_end, 1)
        got = 0
        while got < 1 << 20:  # it flows, then the reader stops
            got += len(os.read(read_end, 65536))

        def ticks():
            return sum(int(x) for x in read(f"/proc/{proc.pid}/stat").rsplit(")", 1)[1].split()[11:13])
        deadline, last = 40, -1
        while deadline and ticks() != last:  # until it stands still: a runtime that spins never does
            last = ticks()
            subprocess.run(["sleep", "0.3"], check=True)
            deadline -= 1
        assert deadline, "the runtime goes on working for a reader that has stopped"
        rss = int(read(f"/proc/{proc.pid}/status").split("VmRSS:")[1].split()[0])
        assert rss < (8192 if ctr.rt.is_hull else 65536), f"{rss} KiB"
    finally:
        proc.send_signal(signal.SIGKILL)
        proc.wait()
        reap_strays()  # the program of the exec: nobody else is its parent now
        os.close(read_end)


@threat("H1", "M6")
def test_hooks_run_where_the_spec_says(ctr):
    """Host-side hooks see the host's root, createContainer the container's mounts, before the pivot."""
    out = os.path.join(ctr.top, "out")
    for kind in ("createRuntime", "createContainer"):
        ctr.bundle.hook(kind, f"readlink /proc/self/ns/mnt >>{out}; [ -e /bin/attacker ] && echo inside >>{out}; true")
    ctr.args("/bin/readlink", "/proc/self/ns/mnt")
    inside = ctr.run().ok().stdout.strip()
    assert read(out).split() == [os.readlink("/proc/self/ns/mnt"), inside]


@threat("M6")
def test_every_row_has_its_test():
    """The table and the tests agree, and what the table says is tested elsewhere is."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([root + "/tools/security-doc", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
