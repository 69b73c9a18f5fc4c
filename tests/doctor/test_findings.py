# SPDX-License-Identifier: Apache-2.0
"""Each question of the doctor: the host is broken in one place, the verdict and the fix are looked at, and where the fix is
a command it is carried out on that host and the doctor is asked again."""

import glob
import json
import os
import re
import shutil
import subprocess

from host import FILES, GROUP, HULL, KINDS, UID
from tap import call, eq, has, need, test

ILL = {}  # id of a question -> how many ways of breaking are tried


REAL = ("mount.idmap", "kernel.device-filter", "kernel.landlock") # answers of the kernel that runs, whatever the host


def well(rows):
    """What is wrong but for what this kernel cannot do."""
    return [r for r in rows if r[2] != "ok" and r[0] not in REAL]


def status(rows):
    """The exit status that belongs to the worst."""
    return max({"ok": 0, "note": 0, "warning": 2, "failure": 3}[r[2]] for r in rows)


def row(rows, name, subject=""):
    found = [r for r in rows if r[0] == name and (not subject or r[1] == subject)]
    assert len(found) == 1, f"{len(found)} findings {name} {subject}: {rows}"
    return found[0]


def ill(title, name, verdict, break_it, subject="", who="root", fix="", mends=True, **kw):
    """A test: break_it(host), then the question has this verdict for root, for the user, or for both."""
    ILL[name] = ILL.get(name, 0) + 1

    @test(f"{name}: {title} ({who})")
    def one(clinic):
        host = clinic.host()
        try:
            break_it(host)
            for user in {"root": [False], "user": [True], "both": [False, True]}[who]:
                rows, code = clinic.findings(host, user=user, **kw)
                got = row(rows, name, subject)
                eq(got[2], verdict, f"verdict of {got}")
                has(got[4], fix)
                assert got[4], f"no fix: {got}"
                eq(code, status(rows), "exit status")
                others = [r for r in well(rows) if r[0] != name and r[2] != "note"]
                eq(others, [], "what else is ill")
                if mends and host.apply(got[4]):
                    again = row(clinic.findings(host, user=user, **kw)[0], name, subject)
                    eq(again[2], "ok", f"after {got[4]!r}: {again}")
        finally:
            host.close()


def without(*paths):
    return lambda host: [host.remove(p) for p in paths]


def with_text(path, text):
    return lambda host: host.write(path, text)


def with_mode(path, mode):
    return lambda host: os.chmod(host.at(path), mode)


@test("a host that is well has nothing to be mended, for root and for a user; every question is answered")
def healthy(clinic):
    host = clinic.host()
    for user in (False, True):
        rows, code = clinic.findings(host, user=user)
        eq(well(rows), [], "findings")
        assert user or {r[0] for r in rows} == set(ILL), f"not asked or not tried: {set(ILL) ^ {r[0] for r in rows}}"
        eq(code, status(rows), "exit status")
    host.close()


# ---- kernel ----
SYSCTL = "/proc/sys/"
ill("older than the floor", "kernel.version", "failure", with_text(SYSCTL + "kernel/osrelease", "5.13.19-generic\n"))
ill("much older", "kernel.version", "failure", with_text(SYSCTL + "kernel/osrelease", "4.18.0\n"))
ill("no /proc", "kernel.version", "failure", without(SYSCTL + "kernel/osrelease"))
ill("every memfd is without execution", "kernel.memfd-noexec", "warning", with_text(SYSCTL + "vm/memfd_noexec", "2\n"))

for CALLS, NAME, VERDICT in (
        ("openat2", "kernel.openat2", None), # without it nothing can be looked up
        ("fsopen", "kernel.mount-api", "failure"), ("mount_setattr", "kernel.mount-api", "failure"),
        ("move_mount", "kernel.mount-api", "failure"), ("pidfd_open", "kernel.pidfd", "failure"),
        ("pidfd_send_signal", "kernel.pidfd", "failure"), ("clone3", "kernel.clone3", "failure"),
        ("clone3", "kernel.clone-into-cgroup", "warning"), ("close_range", "kernel.close-range", None),
        ("memfd_create", "kernel.memfd", "failure"), ("seccomp", "kernel.seccomp", "warning"),
        ("seccomp", "kernel.seccomp-notify", "warning"), ("bpf", "kernel.device-filter", "warning"),
        ("landlock_create_ruleset", "kernel.landlock", "note")):
    def add(calls, name, verdict):
        ILL[name] = ILL.get(name, 0) + 1

        @test(f"{name}: {calls} is not there")
        def one(clinic):
            need(os.path.exists(clinic.deny), "needs cc and libseccomp")
            host = clinic.host()
            try:
                if verdict is None: # hull says so itself, before any command
                    done = clinic.doctor(host, "--format", "json", deny=calls)
                    assert done.code in (1, 3), done
                    has(done.out + done.err, "unction not implemented" if done.code == 1 else f'"{name}"')
                    if done.code == 3:
                        eq(row([(r["id"], "", r["verdict"]) for r in json.loads(done.out)], name)[2], "failure")
                    return
                rows, code = clinic.findings(host, deny=calls)
                eq(row(rows, name)[2], verdict, f"verdict of {name}")
                assert row(rows, name)[4], "no fix"
                assert code >= {"failure": 3, "warning": 2, "note": 0}[verdict], code
            finally:
                host.close()
    add(CALLS, NAME, VERDICT)

# ---- namespaces ----
for KIND in KINDS:
    ill(f"no {KIND} namespaces", "namespace.kind", "warning" if KIND == "time" else "failure",
        without("/proc/self/ns/" + KIND), subject=KIND, fix="CONFIG_")
ill("none may be made", "namespace.kind", "failure", with_text(SYSCTL + "user/max_net_namespaces", "0\n"), subject="net")
ill("no user namespace may be made", "namespace.kind", "warning", with_text(SYSCTL + "user/max_user_namespaces", "0\n"),
    subject="user")
LOCKED = (("unprivileged_userns_clone", "0\n"), ("apparmor_restrict_unprivileged_userns", "1\n"))
for KNOB, VALUE in LOCKED:
    ill(KNOB, "namespace.unprivileged", "failure", with_text(SYSCTL + "kernel/" + KNOB, VALUE), who="user", fix=KNOB)
    ill(KNOB, "namespace.unprivileged", "note", with_text(SYSCTL + "kernel/" + KNOB, VALUE), fix=KNOB)
ill("a handful of user namespaces", "namespace.unprivileged", "failure",
    with_text(SYSCTL + "user/max_user_namespaces", "3\n"), who="user")
ill("a file system that cannot map owners", "mount.idmap", "warning", lambda host: host.mount("proc", "/home"), subject="/home",
    fix="ext4")


@test("mount.idmap: no user namespace can be made to try with")
def no_userns(clinic):
    host = clinic.host()
    script = f"echo 0 >/proc/sys/user/max_user_namespaces && exec {clinic.runtime} doctor --host-root {host.top} --format json"
    done = call("unshare", "--user", "--map-root-user", "sh", "-c", script)
    need(done.out, "user namespaces cannot be made")
    eq([r["verdict"] for r in json.loads(done.out) if r["id"] == "mount.idmap"], ["warning"])
    host.close()


# ---- control groups ----
def hybrid(host):
    host.remove("/sys/fs/cgroup/cgroup.controllers")
    host.write("/sys/fs/cgroup/unified/cgroup.controllers", "")
    for name in ("memory", "cpu", "cpuset", "pids", "blkio", "hugetlb", "rdma"):
        host.write(f"/sys/fs/cgroup/{name}/cgroup.procs", "")


def version1(host):
    hybrid(host)
    host.remove("/sys/fs/cgroup/unified")


def read_only(host):
    shutil.rmtree(host.at("/sys/fs/cgroup"))
    host.mount("tmpfs", "/sys/fs/cgroup")
    host.write("/sys/fs/cgroup/cgroup.controllers", FILES["/sys/fs/cgroup/cgroup.controllers"])
    subprocess.run(["mount", "-o", "remount,ro", host.at("/sys/fs/cgroup")], check=True)


ill("hybrid", "cgroup.layout", "note", hybrid, fix="systemd.unified_cgroup_hierarchy=1")
ill("version 1", "cgroup.layout", "note", version1, fix="cgroup2")
ill("mounted read-only", "cgroup.writable", "warning", read_only, fix="remount,rw")
ill("the group of another user", "cgroup.writable", "warning", lambda host: os.chown(host.at(GROUP), 0, 0), who="user",
    fix="systemd-run --user")
for NAME in ("cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma"):
    LEFT = " ".join(w for w in FILES["/sys/fs/cgroup/cgroup.controllers"].split() if w != NAME)
    LEVEL = "note" if NAME in ("hugetlb", "rdma") else "warning"
    ill(f"no {NAME}", "cgroup.controller", LEVEL, with_text("/sys/fs/cgroup/cgroup.controllers", LEFT), subject=NAME,
        fix="cgroup_disable")
    ill(f"{NAME} is not delegated", "cgroup.controller", LEVEL, with_text(GROUP + "/cgroup.controllers", LEFT), subject=NAME,
        who="user", fix="Delegate=cpu cpuset io memory pids" if LEVEL == "warning" else "as root")


@test("cgroup.layout: none, and version 1 without root, are warnings")
def no_cgroups(clinic):
    for break_it, user, fix in ((without("/sys/fs/cgroup"), False, "mount -t cgroup2"), (version1, True, "unified")):
        host = clinic.host()
        break_it(host)
        rows, code = clinic.findings(host, user=user)
        got = row(rows, "cgroup.layout")
        eq((got[2], code), ("warning", 2))
        has(got[4], fix)
        eq({r[2] for r in rows if r[0] == "cgroup.controller"} - {"warning", "note"}, set(), "controllers")
        host.close()


@test("cgroup.controller: on version 1 they are where they are mounted")
def controllers_v1(clinic):
    host = clinic.host()
    version1(host)
    eq({r[2] for r in clinic.findings(host)[0] if r[0] == "cgroup.controller"}, {"ok"})
    host.remove("/sys/fs/cgroup/blkio")
    eq([r[1] for r in clinic.findings(host)[0] if r[0] == "cgroup.controller" and r[2] == "warning"], ["io"])
    host.close()


ill("not run by systemd", "systemd.manager", "note", without("/run/systemd"), who="both", fix="cgroupfs")
ill("systemd without a socket", "systemd.manager", "warning", without("/run/systemd/private"))
ill("no bus of the user", "systemd.user-bus", "warning", without(f"/run/user/{UID}/bus"), who="user", fix="enable-linger ann")
ill("no XDG_RUNTIME_DIR", "systemd.user-bus", "warning", lambda host: None, who="user", fix=f"/run/user/{UID}",
    env={"XDG_RUNTIME_DIR": None})

# ---- users ----
for KIND in ("subuid", "subgid"):
    ill("no file", "user." + KIND, "warning", without("/etc/" + KIND), who="user", fix=f"usermod --add-{KIND}s")
    ill("nothing for the caller", "user." + KIND, "warning", with_text("/etc/" + KIND, "bob:100000:65536\n"), who="user")
    ill("a small range", "user." + KIND, "warning", with_text("/etc/" + KIND, "ann:100000:1000\n"), who="user")
    ill("damaged", "user." + KIND, "warning", with_text("/etc/" + KIND, "ann:100000\nann\n:\nann:x:y\nann:1:99999999999\n"),
        who="user")
for NAME, OTHER in (("newuidmap", "cap_setuid"), ("newgidmap", "cap_setgid")):
    ill("not installed", "user." + NAME, "warning", without("/usr/bin/" + NAME), who="user", fix="uidmap")
    ill("not installed", "user." + NAME, "note", without("/usr/bin/" + NAME), fix="uidmap")
    ill("without rights", "user." + NAME, "warning", with_mode("/usr/bin/" + NAME, 0o755), who="user", fix=f"setcap {OTHER}=ep")
    ill("not executable", "user." + NAME, "warning", with_mode("/usr/bin/" + NAME, 0o644), who="user", fix="chmod 4755")
    ill("setuid, but not of root", "user." + NAME, "warning",
        lambda host, name=NAME: (os.chown(host.at("/usr/bin/" + name), UID, UID), os.chmod(host.at("/usr/bin/" + name), 0o4755)),
        who="user", mends=False)


def nosuid(host):
    host.mount("tmpfs", "/usr/bin", "-o", "nosuid")
    for name in ("newuidmap", "newgidmap"):
        host.write("/usr/bin/" + name, "")
        os.chmod(host.at("/usr/bin/" + name), 0o4755)


@test("user.newuidmap, user.newgidmap: on a file system with nosuid (user)")
def on_nosuid(clinic):
    host = clinic.host()
    nosuid(host)
    rows, _ = clinic.findings(host, user=True)
    for name in ("user.newuidmap", "user.newgidmap"):
        eq(row(rows, name)[2], "warning")
        has(row(rows, name)[4], "nosuid")
    host.close()


# ---- limits ----
def keys(root, user):
    return with_text("/proc/key-users", f"    0:   102 101/101 {root}\n{UID:5d}:     2 2/2 {user}\n")


FEW = "2/200 40/20000"
ill("all keys are used", "limit.keys", "failure", keys(FEW, "200/200 4000/20000"), who="user", fix="kernel.keys.maxkeys=2000",
    mends=False)
ill("all bytes are used", "limit.keys", "failure", keys(FEW, "20/200 20000/20000"), who="user", fix="maxbytes=200000",
    mends=False)
ill("far more keys are used than the limit is now", "limit.keys", "failure", keys(FEW, "120/2 40/20000"), who="user",
    fix="kernel.keys.maxkeys=1200", mends=False)
ill("most keys are used", "limit.keys", "warning", keys(FEW, "160/200 4000/20000"), who="user", mends=False)
ill("all keys of root are used", "limit.keys", "failure", keys("1000000/1000000 9/25000000", FEW),
    fix="kernel.keys.root_maxkeys=10000000", mends=False)
ill("a kernel without keys", "limit.keys", "note", without("/proc/key-users"), who="both", fix="CONFIG_KEYS")
for NAME, LEAST in (("fs.inotify.max_user_instances", "8"), ("fs.inotify.max_user_watches", "100"), ("kernel.pid_max", "4096"),
                    ("kernel.threads-max", "900")):
    ill(f"{NAME} is small", "limit.inotify" if "inotify" in NAME else "limit.pids", "warning",
        with_text(SYSCTL + NAME.replace(".", "/"), LEAST), subject=NAME, fix=f"sysctl -w {NAME}=")
    ill(f"{NAME} is not there", "limit.inotify" if "inotify" in NAME else "limit.pids", "note",
        without(SYSCTL + NAME.replace(".", "/")), subject=NAME)
ill("no memory may be locked", "limit.memlock", "warning", lambda host: None, limits=("--memlock=0:0",), fix="LimitMEMLOCK")
ill("few descriptors", "limit.nofile", "warning", lambda host: None, limits=("--nofile=256:256",), fix="LimitNOFILE")

# ---- security modules ----
ill("securityfs is not mounted", "lsm.apparmor", "warning", without("/sys/kernel/security/apparmor"), fix="securityfs")
ill("no file to set a profile with", "lsm.apparmor", "failure", without("/proc/self/attr"), fix="mount -t proc")
ill("no apparmor_parser", "lsm.apparmor", "warning", without("/usr/sbin/apparmor_parser"), fix="apt-get install apparmor")
ill("enforcing, and hull without its label", "lsm.selinux", "warning", lambda host: (host.write("/sys/fs/selinux/enforce", "1"), host.write("/proc/self/attr/exec", "")),
    fix=f"container_runtime_exec_t {HULL}")


@test("lsm.selinux: no file to set a label with is a failure, a hull with its label is well")
def selinux(clinic):
    host = clinic.host()
    host.write("/sys/fs/selinux/enforce", "1")
    host.write("/proc/self/attr/exec", "")
    try:
        os.setxattr(host.at(HULL), "security.selinux", b"system_u:object_r:container_runtime_exec_t:s0\0")
        labelled = True
    except OSError: # a file system without labels
        labelled = False
    rows, _ = clinic.findings(host)
    eq(row(rows, "lsm.selinux")[2], "ok" if labelled else "warning")
    host.remove("/proc/self/attr/exec")
    rows, code = clinic.findings(host)
    eq((row(rows, "lsm.selinux")[2], code), ("failure", 3))
    host.close()


@test("lsm.apparmor, lsm.selinux: not enabled is well")
def no_lsm(clinic):
    host = clinic.host()
    host.remove("/sys/module")
    rows, _ = clinic.findings(host)
    eq([row(rows, n)[2] for n in ("lsm.apparmor", "lsm.selinux")], ["ok", "ok"])
    host.close()


# ---- tools ----
ill("not installed", "tool.criu", "note", without("/usr/sbin/criu"), who="both", fix="apt-get install criu")


@test("tool.criu: too old, silent, endless are warnings; nothing of another root is run")
def criu(clinic):
    folder = os.path.join(clinic.box, "tools")
    os.makedirs(folder)
    for text, verdict, fix in (("echo Version: 3.17.1", "ok", ""), ("echo Version: 4.0", "ok", ""),
                               ("echo Version: 3.9", "warning", "3.15"), ("echo Version: 2.99", "warning", "3.15"),
                               ("exit 1", "warning", "--version"), ("while :; do sleep 1; done", "warning", "--version")):
        with open(folder + "/criu", "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(folder + "/criu", 0o755)
        rows, _ = clinic.findings(None, env={"PATH": folder + ":" + os.environ["PATH"]})
        got = row(rows, "tool.criu")
        eq(got[2], verdict, text)
        has(got[4], fix)
    host = clinic.host()
    host.write("/usr/sbin/criu", f"#!/bin/sh\ntouch {clinic.box}/was-run\n")
    clinic.findings(host)
    assert not os.path.exists(f"{clinic.box}/was-run"), "a program below --host-root was run"
    host.close()


# ---- engines ----
CONF = {"engine.podman": "/etc/containers/containers.conf.d/50-hull.conf", "engine.docker": "/etc/docker/daemon.json",
        "engine.containerd": "/etc/containerd/config.toml", "engine.crio": "/etc/crio/crio.conf.d/50-hull.conf",
        "engine.slurm": "/etc/slurm/oci.conf"}
PROGRAM = {"engine.podman": "/usr/bin/podman", "engine.docker": "/usr/bin/dockerd", "engine.containerd": "/usr/bin/containerd",
           "engine.crio": "/usr/bin/crio", "engine.slurm": "/usr/sbin/slurmd"}
for NAME, FILE in CONF.items():
    ill("its configuration names a file that is not there", NAME, "failure",
        with_text(FILE, FILES[FILE].replace(HULL, "/opt/hull")), subject=FILE, fix=f"write {HULL} there")
    ill("its configuration does not name hull", NAME, "note", without(FILE), fix="hull")

    def no_engine(name=NAME, file=FILE):
        @test(f"{name}: not installed is well")
        def one(clinic):
            host = clinic.host()
            host.remove(file)
            host.remove(PROGRAM[name])
            eq(row(clinic.findings(host)[0], name)[2], "ok")
            host.close()
    no_engine()


@test("engine.*: hull is not executable: every configuration that names it is a failure")
def not_executable(clinic):
    host = clinic.host()
    os.chmod(host.at(HULL), 0o644)
    rows, code = clinic.findings(host)
    for name, file in CONF.items():
        got = row(rows, name, file)
        eq(got[2], "failure", str(got))
        has(got[4], "install -m 755")
    eq(code, 3)
    host.close()


VENDOR = "/usr/share/containers/containers.conf.d/50-hull.conf"
ill("installed where podman 5 does not look", "engine.podman", "note",
    lambda host: (host.remove(CONF["engine.podman"]), host.write(VENDOR, FILES[CONF["engine.podman"]])), subject=VENDOR,
    fix="ln -s " + VENDOR)
ill("daemon.json is no JSON", "engine.docker", "failure", with_text(CONF["engine.docker"], '{"runtimes": {'),
    subject=CONF["engine.docker"], fix="mend it")


@test("engine.*: other forms of the same configuration are understood")
def forms(clinic):
    host = clinic.host()
    for name, text in (
            ("engine.podman", f'[engine]\nruntime = "hull"\n[engine.runtimes]\nhull=["{HULL}"] # ours\ncrun = ["/x"]\n'),
            ("engine.docker", json.dumps({"runtimes": {"h": {"runtimeType": "io.containerd.runc.v2",
                                                             "options": {"BinaryName": HULL}}}})),
            ("engine.containerd", f'version = 3\n[x.runtimes.other.options]\n BinaryName = "{HULL}" # a comment\n'),
            ("engine.crio", f'# [crio.runtime.runtimes.hull]\n[crio.runtime.runtimes.hull] # ours\nmonitor_path = "/gone"\nruntime_path="{HULL}"\n'),
            ("engine.slurm", f"RunTimeQuery={HULL} --root=/r state %n\nRunTimeKill='{HULL}' kill %n\n")):
        host.write(CONF[name], text)
        rows, _ = clinic.findings(host)
        eq(row(rows, name)[2:4], ("ok", f"names {HULL}"), name)
    host.write("/etc/crio/crio.conf.d/60-more.conf", '[crio.runtime.runtimes.hull]\nruntime_path = "/nowhere"\n')
    rows, _ = clinic.findings(host)
    eq([r[2] for r in rows if r[0] == "engine.crio"], ["ok", "failure"], "two files")
    host.write("/home/ann/.config/containers/containers.conf.d/hull.conf", '[engine.runtimes]\nhull = ["/gone"]\n')
    rows, _ = clinic.findings(host, user=True)
    eq([r[2] for r in rows if r[0] == "engine.podman"], ["ok", "failure"], "the user's own file")
    host.close()


# ---- hull's own directory ----
def state(change):
    def break_it(host):
        os.mkdir(host.at("/run/hull"), 0o700)
        change(host.at("/run/hull"))
    return break_it


def replaced_by_link(path):
    os.rmdir(path)
    os.symlink("/tmp", path)


ill("of another user", "state.directory", "failure", state(lambda p: os.chown(p, UID, UID)), fix="chown 0 /run/hull")
ill("others may write", "state.directory", "failure", state(lambda p: os.chmod(p, 0o777)), fix="chmod 700 /run/hull")
ill("a symlink", "state.directory", "failure", state(replaced_by_link), fix="rm /run/hull")
ill("a file", "state.directory", "failure", with_text("/run/hull", ""), fix="rm /run/hull")
ill("full", "state.space", "warning", lambda host: host.mount("tmpfs", "/run/hull", "-o", "size=64k,mode=700"), fix="du -x")
ill("no inodes", "state.space", "warning", lambda host: host.mount("tmpfs", "/run/hull", "-o", "nr_inodes=20,mode=700"),
    fix="du -x")
ill("read-only", "state.space", "failure", lambda host: host.mount("tmpfs", "/run/hull", "-o", "ro,mode=700"), fix="remount,rw")

ILL["state.stale"] = 1


@test("state.stale: a container from before the last boot, until the fix is run as it stands there")
def stale(clinic):
    bundle, root = os.path.join(clinic.box, "bundle"), os.path.join(clinic.box, "stale")
    os.makedirs(bundle + "/rootfs/bin")
    shutil.copy(shutil.which("busybox"), bundle + "/rootfs/bin/sh")
    call(clinic.runtime, "spec", "--bundle", bundle).ok()
    with open(bundle + "/config.json", encoding="utf-8") as f:
        config = json.load(f)
    config["process"] |= {"terminal": False, "args": ["sh"]}
    config["linux"]["cgroupsPath"] = f"/{clinic.cgroup}/stale"
    with open(bundle + "/config.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
    call(clinic.runtime, "--root", root, "create", "--bundle", bundle, "old").ok()
    record, = glob.glob(root + "/old/state.json")
    with open(record, encoding="utf-8") as f:
        text = f.read()
    boot = re.search(r'"boot\w*":\s*"([0-9a-f-]{36})"', text)[1]
    eq(row(clinic.findings(None, root=root)[0], "state.stale")[2], "ok")
    with open(record, "w", encoding="utf-8") as f:
        f.write(text.replace(boot, "00000000-0000-0000-0000-000000000000"))
    try:
        got = row(clinic.findings(None, root=root)[0], "state.stale")
        eq(got[2], "warning")
        call("sh", "-c", got[4].replace("hull", clinic.runtime, 1)).ok()
        eq(row(clinic.findings(None, root=root)[0], "state.stale")[2], "ok")
    finally:
        with open(record, "w", encoding="utf-8") if os.path.exists(record) else open(os.devnull, "w", encoding="utf-8") as f:
            f.write(text)
        call(clinic.runtime, "--root", root, "delete", "--force", "old")
