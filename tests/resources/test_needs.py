# SPDX-License-Identifier: Apache-2.0
"""Limits at their edges: too little memory, a limit below what is used, realtime time that others have; and later
commands that get nothing but the id."""

import contextlib
import json
import os
import shutil

from tap import call, cgroup_dirs, eq, eventually, has, need, test

MIB = 1 << 20


def resources(**values):
    def change(config):
        config["linux"]["resources"] = values
    return change


def group_file(h, name, *files):
    """The first of these files in a group of the container."""
    for path in h.groups(name):
        for file in files:
            if os.path.exists(f"{path}/{file}"):
                return f"{path}/{file}"
    return None


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def memory_limit_file(h, name):
    path = group_file(h, name, "memory.max", "memory.limit_in_bytes")
    need(path, "needs the memory controller")
    return path


@test("memory: echo runs within 512 KiB")
def small_limit(h):
    path, name = h.bundle("echo", "hello", change=resources(memory={"limit": 512 * 1024}))
    eq(h.hull("run", "--bundle", path, name).ok().out, "hello\n", "output")
    h.nothing_left(name)


@test("memory: a limit that is too low for the setup is named, with what is needed; nothing is left")
def tiny_limit(h):
    path, name = h.bundle("true", change=resources(memory={"limit": 4096}))
    line = h.error_line(h.hull("create", "--bundle", path, name), "/linux/resources/memory/limit", "4096 bytes")
    has(line, "or more are needed")
    h.nothing_left(name)


def wait_asleep(h, name):
    """The program has done its work and is `sleep 1000`."""
    eventually(lambda: any(line.split()[7:] == ["sleep", "1000"] for line in h.hull("ps", name).ok().out.splitlines()),
               "the work is done")


def tmpfs_on_m(limit):
    def change(config):
        resources(memory={"limit": limit})(config)
        config["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "tmpfs"})
    return change


def oom_kills(h, name):
    path = group_file(h, name, "memory.events", "memory.oom_control")
    return int(next(line.split()[1] for line in read(path).splitlines() if line.startswith("oom_kill ")))


@test("update: a memory limit below what is used and cannot be reclaimed: an error, the old limit, nobody killed")
def shrink_refused(h):
    name = h.create("sh", "-c", "dd if=/dev/zero of=/m/f bs=1M count=32 2>/dev/null; exec sleep 1000",
                    change=tmpfs_on_m(64 * MIB))
    limit = memory_limit_file(h, name)
    h.hull("start", name).ok()
    wait_asleep(h, name)
    high = group_file(h, name, "memory.high")
    high_before = high and read(high)
    h.error_line(h.hull("update", "--memory", "16m", "--pids-limit", "77", name), "/linux/resources/memory/limit")
    eq(read(limit), str(64 * MIB), "limit")
    eq(high and read(high), high_before, "memory.high")
    eq(read(group_file(h, name, "pids.max")), "max", "pids")
    eq(oom_kills(h, name), 0, "kills")
    eq(h.state(name)["status"], "running", "status")
    h.delete(name)


@test("update: a memory limit below the use is reached by reclaiming what can go")
def shrink(h):
    kind = call("stat", "-f", "-c", "%T", h.rootfs).ok().out.strip()
    need(kind not in ("tmpfs", "ramfs"), f"needs a file system on a disk, not {kind}: set TMPDIR")
    name = h.create("sh", "-c", "dd if=/dev/zero of=/tmp/big bs=1M count=48 2>/dev/null; sync; exec sleep 1000",
                    change=resources(memory={"limit": 64 * MIB}))
    limit = memory_limit_file(h, name)
    usage = group_file(h, name, "memory.current", "memory.usage_in_bytes")
    h.hull("start", name).ok()
    wait_asleep(h, name)
    need(int(read(usage)) > 32 * MIB, "the file system does not keep what was written")
    out = json.loads(h.hull("update", "--memory", "16m", "--format", "json", name).ok().out)
    one = next(c for c in out["changes"] if c["file"] == os.path.basename(limit))
    eq((one["old"], one["new"]), (str(64 * MIB), str(16 * MIB)), "old and new")
    eq(read(limit), str(16 * MIB), "limit")
    eq(oom_kills(h, name), 0, "kills")
    eq(h.state(name)["status"], "running", "status")
    h.delete(name)
    os.unlink(f"{h.rootfs}/tmp/big")


@contextlib.contextmanager
def realtime_group(h, runtime):
    """A group of the box with that much of each second."""
    top = next((d for d in cgroup_dirs(h.cgroup) if os.path.exists(f"{d}/cpu.rt_runtime_us")), None)
    if not top:
        # the box has no group in that hierarchy before its first container
        h.delete(h.create())
        top = next((d for d in cgroup_dirs(h.cgroup) if os.path.exists(f"{d}/cpu.rt_runtime_us")), None)
    root = next((d for d in cgroup_dirs("") if os.path.exists(f"{d}/cpu.rt_runtime_us")), None)
    need(root, "needs cgroup v1 with realtime groups")
    top = top or os.path.join(root, h.cgroup)
    os.makedirs(top, exist_ok=True)
    try:
        write(f"{top}/cpu.rt_runtime_us", str(runtime))
    except OSError:
        need(False, "others have all realtime time of this host")
    try:
        yield top
    finally:
        write(f"{top}/cpu.rt_runtime_us", "0")


def realtime(runtime):
    return resources(cpu={"realtimeRuntime": runtime, "realtimePeriod": 1000000})


@test("cpu: realtime time out of an administrator's group: what it has is given, more is an error that names the file")
def realtime_parent(h):
    with realtime_group(h, 25000) as top:
        first, second = (h.create(change=realtime(10000)) for _ in range(2))
        path, third = h.bundle(change=realtime(10000))
        line = h.error_line(h.hull("create", "--bundle", path, third), "/linux/resources/cpu/realtimeRuntime",
                            f"the groups below {top} need")
        has(line, "it has 25000; write that number to its cpu.rt_runtime_us")
        h.nothing_left(third)
        h.error_line(h.hull("update", "--cpu-rt-runtime", "16000", first), "it has 25000")
        h.hull("update", "--cpu-rt-runtime", "14000", first).ok()
        eq(read(f"{top}/cpu.rt_runtime_us"), "25000", "the administrator's number")
        h.delete(first)
        h.delete(second)
        # at once: a removed group keeps nothing
        h.delete(h.create(change=realtime(24000)))


@test("cpu: several containers with realtime time in hull's own group: it grows, and gives back")
def realtime_own(h):
    def place(config):
        realtime(20000)(config)
        config["linux"]["cgroupsPath"] = f"/hull/{h.cgroup}-{h.number}"
    with realtime_group(h, 0) as top:
        own = os.path.join(os.path.dirname(top), "hull", "cpu.rt_runtime_us")
        names = []
        try:
            for _ in range(2):
                names.append(h.create(change=place))
            assert int(read(own)) >= 40000, read(own)
            while names:
                h.delete(names.pop())
            assert not os.path.exists(own) or int(read(own)) < 20000, f"{own} keeps {read(own)}"
        finally:
            for name in names:
                h.delete(name)


@test("every command after create works without --cgroup-manager, PATH, HOME and all else of the environment")
def bare_environment(h):
    name = h.create("sleep", "1000")

    def bare(*words, **kw):
        return h.hull(*words, env={}, **kw)
    eq(json.loads(bare("state", name).ok().out)["status"], "created", "state")
    bare("start", name).ok()
    has(bare("list").ok().out, name)
    bare("ps", name).ok()
    has(bare("events", "--stats", name).ok().out, '"stats"')
    has(bare("top", "--interval", "1ms").ok().out, name)
    eq(bare("exec", name, "/bin/echo", "inside").ok().out, "inside\n", "exec")
    bare("update", "--pids-limit", "50", name).ok()
    bare("update", "-r", "-", name, stdin='{"pids": {"limit": 60}}').ok()
    bare("pause", name).ok()
    eq(json.loads(bare("state", name).ok().out)["status"], "paused", "state")
    bare("resume", name).ok()
    bare("gc").ok()
    bare("kill", "--all", name, "CONT").ok()
    bare("kill", name, "KILL").ok()
    bare("wait", "--timeout", "20s", name)
    h.wait_stopped(name)
    bare("delete", name).ok()
    h.nothing_left(name)
    name = h.create("sleep", "1000")
    bare("start", name).ok()
    bare("stop", "--timeout", "1ms", name).ok()
    bare("delete", "--force", name).ok()
    h.nothing_left(name)


@test("kill --all and stop reach every process of a container without a pid namespace")
def whole_group(h):
    def shared(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
    for end in (("kill", "--all"), ("stop", "--timeout", "1ms"), ("delete", "--force")):
        name = h.create("sh", "-c", "trap '' TERM; sleep 1001 & sleep 1002 & wait; wait", change=shared)
        h.hull("start", name).ok()
        pids = eventually(lambda n=name: (v := json.loads(h.hull("ps", "-f", "json", n).ok().out)) and len(v) == 3 and v,
                          "three processes")
        h.hull(*end, name, *(("KILL",) if end[0] == "kill" else ())).ok()
        for pid in pids:
            eventually(lambda p=pid: not os.path.exists(f"/proc/{p}") or read(f"/proc/{p}/stat").split(") ")[1][0] == "Z",
                       f"the end of {pid} after {end}")
        h.delete(name)
        h.nothing_left(name)


@test("delete --force of a frozen container: killed, thawed, gone")
def frozen(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    h.hull("pause", name).ok()
    pid = h.state(name)["pid"]
    h.delete(name)
    h.nothing_left(name)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        eq(read(f"/proc/{pid}/stat").split(") ")[1][0], "Z", "state of the process")


@test("B3: a container whose record is gone: create is refused, delete --force --cgroup ends and removes it")
def record_lost(h):
    name = h.create("sh", "-c", "sleep 1001 & exec sleep 1002")
    other = h.create("sleep", "1000")
    h.hull("start", name).ok()
    pids = eventually(lambda: (v := json.loads(h.hull("ps", "-f", "json", name).ok().out)) and len(v) == 2 and v,
                      "two processes")
    shutil.rmtree(f"{h.root}/{name}")
    path = f"/{h.cgroup}/{name}"
    h.error_line(h.hull("state", name), "does not exist")
    again = h.hull("create", "--bundle", h.path(f"bundle-{name}"), name)
    h.error_line(again, f"/run/opencontainer/containers/{name}")
    shutil.rmtree(f"/run/opencontainer/containers/{name}")
    h.error_line(h.hull("create", "--bundle", h.path(f"bundle-{name}"), name), "is not empty: process")
    h.error_line(h.hull("delete", "--cgroup", path, name), "--force")
    no_part = "with a part that is the id"
    for wrong, why in ((f"/{h.cgroup}", no_part), (f"{h.cgroup}/{name}", no_part), (f"/{h.cgroup}/{name}x", no_part),
                       (f"/{h.cgroup}/x{name}", no_part), (f"/{h.cgroup}/{name}.slice", no_part),
                       (f"/{h.cgroup}/../{name}", "\"..\""), ("/", no_part)):
        h.error_line(h.hull("delete", "--force", "--cgroup", wrong, name), "--cgroup", why)
    h.error_line(h.hull("delete", "--force", "--cgroup", f"/{h.cgroup}/{other}", other), "has a record")
    h.error_line(h.hull("delete", "--force", "--cgroup", f"/{h.cgroup}", h.cgroup), f"container \"{other}\" is in")
    h.error_line(h.hull("delete", "--force", "--cgroup", f"/{h.cgroup}", h.cgroup[1:4]), no_part)
    eq(h.state(other)["status"], "created", "the other container")
    h.hull("delete", "--force", "--cgroup", f"/{h.cgroup}/engine-{name}.scope", name).ok()  # not there, and that is fine
    h.hull("delete", "--force", "--cgroup", path, name).ok()
    for pid in pids:
        eventually(lambda p=pid: not os.path.exists(f"/proc/{p}") or read(f"/proc/{p}/stat").split(") ")[1][0] == "Z",
                   f"the end of {pid}")
    h.nothing_left(name)
    h.hull("delete", "--force", "--cgroup", path, name).ok()
    h.delete(other)


def own_cgroups(config):
    config["linux"]["namespaces"].append({"type": "cgroup"})
    config["mounts"] += [{"destination": "/sys", "type": "tmpfs", "source": "tmpfs"},
                         {"destination": "/sys/fs/cgroup", "type": "cgroup2", "source": "cgroup2"}]


@test("exec into a container that has passed its controllers down joins the cgroup of its init, and the log says so")
def passed_down(h):
    roots = [d for d in cgroup_dirs("") if os.path.exists(f"{d}/cgroup.controllers") and read(f"{d}/cgroup.controllers")]
    need(roots, "needs cgroup v2 with a controller")
    controller = next((c for c in ("pids", "memory", "hugetlb") if c in read(f"{roots[0]}/cgroup.controllers").split()), None)
    need(controller, "needs a domain controller in cgroup v2")
    name = h.create("sh", "-c", f"cd /sys/fs/cgroup && mkdir own && echo 0 >own/cgroup.procs && "
                    f"echo +{controller} >cgroup.subtree_control && exec sleep 1000", change=own_cgroups)
    h.hull("start", name).ok()
    group = next(d for d in h.groups(name) if d.startswith(roots[0]))
    if not read(f"{group}/cgroup.controllers"):
        h.delete(name)
        need(False, "the controllers of cgroup v2 do not reach this box")
    eventually(lambda: read(f"{group}/cgroup.subtree_control"), "the controllers are passed down")
    log = h.path("exec.log")
    out = h.hull("--log", log, "--log-level", "info", "exec", name, "cat", "/proc/self/cgroup").ok().out
    has(out, "/own\n")
    has(read(log), "joining that of its init")
    eq(h.hull("exec", name, "true").ok().err, "", "what is said without asking")
    h.delete(name)
    h.nothing_left(name)


@test("device rules: `state` says when nobody enforces them; with the right to, they are enforced and it is silent")
def device_rules(h):
    name = h.create("sh", "-c", "exec cat /dev/full >/dev/null || exit 3", change=resources(devices=[
        {"allow": False, "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "minor": 7, "access": "rwm"}]))
    eq("devicesEnforced" in h.state(name), False, "a word about the rules")
    h.delete(name)

    def change(config):
        config["linux"].pop("cgroupsPath")
        config["annotations"] = {"run.oci.keep_original_groups": "1"} # setgroups(2) is denied there
    path, name = h.bundle("sleep", "1000", change=change)
    root = h.path("nested-root")
    inside = ("unshare", "--user", "--map-root-user", h.runtime, "--root", root, "--cgroup-manager", "disabled")
    call(*inside, "create", "--bundle", path, name, env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": h.path("xdg")}).ok()
    eq(json.loads(call(*inside, "state", name).ok().out)["devicesEnforced"], False, "enforced")
    call(*inside, "delete", "--force", name).ok()
    has(json.loads(h.hull("features").ok().out)["annotations"]["run.hull.deviceRules.unprivileged"], "not-enforced")
