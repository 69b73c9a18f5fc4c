"""Hooks: config.md#posix-platform-hooks."""

import json
import os
import re
import shlex
import time

import pytest

from lib import hooks, req
from lib.host import read
from lib.schema import Schema


def all_of_life(ctr):
    """create, start, end of the program, delete."""
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    ctr.delete().ok()


def nameless(kind, index, member):
    return f"hooks.{kind}[{index}].{member}"


@req("CFG-HOOK-01")
def test_listed_order(ctr):
    for kind in hooks.KINDS:
        first = hooks.logging(ctr, kind, f"{kind} 1")
        first["args"][2] = "sleep 0.1; " + first["args"][2]
        for n in (2, 3):
            hooks.logging(ctr, kind, f"{kind} {n}")
    all_of_life(ctr)
    seen = hooks.log(ctr)
    for kind in hooks.KINDS:
        assert [s for s in seen if s.startswith(kind + " ")] == [f"{kind} {n}" for n in (1, 2, 3)]


@req("CFG-HOOK-02")
def test_state_on_stdin(ctr):
    for kind in hooks.KINDS:
        hooks.saving(ctr, kind)["timeout"] = 10
    all_of_life(ctr)
    for kind in hooks.KINDS:
        state = hooks.saved(ctr, kind)
        assert not Schema("state-schema.json").errors(state), kind
        assert state["id"] == ctr.id


@req("CFG-HOOK-03")
@pytest.mark.parametrize("kind", hooks.KINDS)
def test_path_missing(ctr, kind):
    ctr.config["hooks"] = {kind: [{}]}
    ctr.create_fails(naming=nameless(kind, 0, "path"))


@req("CFG-HOOK-04")
@pytest.mark.parametrize("kind", hooks.KINDS)
def test_path_relative(ctr, kind):
    ctr.config["hooks"] = {kind: [{"path": "/bin/true"}, {"path": "true"}]}
    ctr.create_fails(naming=nameless(kind, 1, "path"))


@pytest.fixture
def host_probe(environment):
    return environment.template.probe


@req("CFG-HOOK-05")
def test_args_are_the_whole_vector(ctr, host_probe):
    out = os.path.join(ctr.top, "out")
    ctr.config["hooks"] = {"createRuntime": [
        {"path": host_probe, "args": ["zero", "to", out, "argv", "--", "one", "t w o", ""]}]}
    ctr.created()
    assert '"zero", "to"' in read(out)
    assert '"--", "one", "t w o", ""]' in read(out)


@req("CFG-HOOK-06")
def test_args_may_be_absent(ctr, record_property):
    out = os.path.join(ctr.top, "out")
    script = os.path.join(ctr.top, "hook")
    with open(script, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\ntr '\\0' '\\n' < /proc/self/cmdline > {out}\necho end >> {out}\n")
    os.chmod(script, 0o755)
    ctr.config["hooks"] = {"createRuntime": [{"path": script}]}
    ctr.created()
    assert read(out).endswith("end\n")
    record_property("argv of a hook without args", read(out).split()[:-1])


@req("CFG-HOOK-07")
def test_env_is_exact(ctr):
    out = os.path.join(ctr.top, "out")
    ctr.bundle.hook("createRuntime", f"tr '\\0' '\\n' < /proc/$$/environ > {out}", env=["A=1"])
    ctr.created(env={"SECRET": "1"})
    assert [line for line in read(out).splitlines() if line.split("=")[0] != "PWD"] == ["A=1"]


@req("CFG-HOOK-08")
def test_env_absent(ctr, host_probe, record_property):
    out = os.path.join(ctr.top, "out")
    ctr.config["hooks"] = {"createRuntime": [{"path": host_probe, "args": ["p", "to", out, "env"]}]}
    ctr.created(env={"SECRET": "1"})
    text = read(out)
    record_property("environment of a hook without env", " ".join(text.split()))
    if ctr.rt.is_hull:
        assert "SECRET" not in text
        assert '"env": []' in text


@req("CFG-HOOK-08")
@pytest.mark.parametrize("env", [None, ["B=2"]])
def test_env_of_start_container(ctr, env):
    """It runs inside: what the process has is no secret to it."""
    ctr.process["env"] = ["A=1"]
    ctr.config["hooks"] = {"startContainer": [
        {"path": "/bin/probe", "args": ["p", "to", "/out", "env"]} | ({"env": env} if env else {})]}
    ctr.args("/bin/probe", "env").run(env={"SECRET": "1"}).ok()
    seen = json.loads(re.search(r'"env": (\[[^]]*\])', ctr.bundle.read("/out")).group(1))
    assert [e for e in seen if not e.startswith("HOME=")] == (env or ["A=1"])


@req("CFG-HOOK-09")
def test_timeout(ctr):
    out = os.path.join(ctr.top, "out")
    ctr.bundle.hook("createRuntime", f"echo $$ > {out}; exec sleep 100", timeout=1)
    ctr.create_fails(timeout=20)
    pid = read(out).strip()
    assert read(f"/proc/{pid}/comm").strip() != "sleep", "the hook lives on"


@req("CFG-HOOK-10")
@pytest.mark.parametrize("value", [0, -1])
def test_timeout_not_above_zero(ctr, value):
    ctr.bundle.hook("poststop", "true", timeout=value)
    ctr.create_fails(naming=nameless("poststop", 0, "timeout"))


@req("CFG-HOOK-11")
def test_no_timeout(ctr):
    hooks.logging(ctr, "createRuntime", "begin", "sleep 5; echo end >> "
                  + shlex.quote(ctr.bundle.file("log")))
    began = time.monotonic()
    ctr.created()
    assert hooks.log(ctr) == ["begin", "end"]
    assert time.monotonic() - began >= 5


@req("CFG-HOOK-12")
@pytest.mark.parametrize("how", ["exit", "signal", "missing", "no x bit"])
def test_what_counts_as_failure(ctr, how):
    if how == "exit":
        ctr.bundle.hook("createRuntime", "exit 2")
    elif how == "signal":
        ctr.bundle.hook("createRuntime", "kill -9 $$")
    elif how == "missing":
        ctr.config["hooks"] = {"createRuntime": [{"path": "/nosuch/hook"}]}
    else:
        path = os.path.join(ctr.top, "plain")
        open(path, "w", encoding="ascii").close()
        ctr.config["hooks"] = {"createRuntime": [{"path": path}]}
    ctr.create_fails()


@req("CFG-HOOK-13")
def test_unread_stdin(ctr):
    ctr.config["annotations"] = {"com.example.large": "x" * 200000}
    ctr.config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
    ctr.created()
    assert len(ctr.state()["annotations"]["com.example.large"]) == 200000


@req("CFG-HOOK-14")
@pytest.mark.parametrize("value", [{}, {k: [] for k in hooks.KINDS}, {"poststop": []}])
def test_empty_hooks(ctr, value):
    ctr.config["hooks"] = value
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


# where each kind runs

NAMESPACES = "for n in mnt uts ipc net pid user cgroup; do readlink /proc/self/ns/$n; done"


def own_namespaces():
    return [os.readlink(f"/proc/self/ns/{n}")
            for n in ("mnt", "uts", "ipc", "net", "pid", "user", "cgroup")]


def runs_in_the_runtime_namespace(ctr, kind):
    hooks.writing(ctr, kind, NAMESPACES)
    all_of_life(ctr)
    assert hooks.written(ctr, kind).split() == own_namespaces()


def resolves_on_the_host(ctr, kind):
    """The same path has two files; the one on the host tells on itself."""
    path = os.path.join(ctr.top, "which")
    out = os.path.join(ctr.top, "which-ran")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\necho host > {out}\n")
    os.chmod(path, 0o755)
    ctr.bundle.put(path, "#!/bin/sh\nexit 1\n", 0o755)
    ctr.config["hooks"] = {kind: [{"path": path}]}
    all_of_life(ctr)
    assert read(out) == "host\n"


def runs_before_pivot(ctr, kind):
    """The environment exists, the root of the process is not the rootfs yet."""
    ctr.bundle.put("marker-of-rootfs", "")
    hooks.writing(ctr, kind, hooks.PID + """
        test "$(readlink /proc/self/ns/uts)" != "$(readlink /proc/$pid/ns/uts)" && echo differ
        test "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/$pid/ns/mnt)" && echo differ
        test -e /proc/$pid/root/marker-of-rootfs || echo before""")
    ctr.created()
    assert hooks.written(ctr, kind).split() == ["differ", "differ", "before"]


@req("CFG-HKPRE-01")
def test_prestart_before_pivot(ctr):
    runs_before_pivot(ctr, "prestart")


@req("CFG-HKPRE-02")
def test_prestart_before_create_runtime(ctr):
    for kind in ("createRuntime", "prestart"):
        hooks.logging(ctr, kind, f"{kind} 1")
        hooks.logging(ctr, kind, f"{kind} 2")
    ctr.created()
    assert hooks.log(ctr) == ["prestart 1", "prestart 2", "createRuntime 1", "createRuntime 2"]


@req("CFG-HKPRE-03")
def test_prestart_path(ctr):
    resolves_on_the_host(ctr, "prestart")


@req("CFG-HKPRE-04")
def test_prestart_namespace(ctr):
    runs_in_the_runtime_namespace(ctr, "prestart")


@req("CFG-HKPRE-05")
def test_prestart_can_set_the_network_up(ctr):
    ctr.bundle.hook("prestart", hooks.PID + """
        nsenter -t $pid -n ip link add conform0 type veth peer name conform1""")
    ctr.sh("ls /sys/class/net").created()
    ctr.start().ok()
    assert "conform0" in ctr.output().split()


@req("CFG-HKCRT-01")
def test_create_runtime_before_pivot(ctr):
    runs_before_pivot(ctr, "createRuntime")


@req("CFG-HKCRT-02")
def test_create_runtime_path(ctr):
    resolves_on_the_host(ctr, "createRuntime")


@req("CFG-HKCRT-03")
def test_create_runtime_namespace(ctr):
    runs_in_the_runtime_namespace(ctr, "createRuntime")


@req("CFG-HKCRT-04")
def test_create_runtime_sees_the_mounts(ctr):
    ctr.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "t"})
    hooks.writing(ctr, "createRuntime", hooks.PID + "cat /proc/$pid/mountinfo")
    ctr.created()
    points = [line.split()[4] for line in hooks.written(ctr, "createRuntime").splitlines()]
    for entry in ctr.config["mounts"]:
        assert any(p.endswith(entry["destination"]) and len(p) > len(entry["destination"])
                   for p in points), entry["destination"]


@req("CFG-HKCCT-01")
def test_create_container_before_pivot(ctr):
    ctr.bundle.put("marker-of-rootfs", "")
    outside = os.path.join(ctr.top, "marker-of-host")
    open(outside, "w", encoding="ascii").close()
    hooks.writing(ctr, "createContainer", f"""
        test -e {outside} && echo host
        test -e /marker-of-rootfs || echo before
        grep -c ' {ctr.bundle.rootfs}/proc ' /proc/self/mountinfo""")
    ctr.created()
    assert hooks.written(ctr, "createContainer").split() == ["host", "before", "1"]


@req("CFG-HKCCT-02")
def test_create_container_after_create_runtime(ctr):
    for kind in ("createContainer", "createRuntime"):
        hooks.logging(ctr, kind, f"{kind} 1")
        hooks.logging(ctr, kind, f"{kind} 2")
    ctr.created()
    assert hooks.log(ctr) == ["createRuntime 1", "createRuntime 2", "createContainer 1",
                              "createContainer 2"]


@req("CFG-HKCCT-03")
def test_create_container_path(ctr):
    path = os.path.join(ctr.top, "only-on-host")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\necho host > {ctr.bundle.file('out')}\n")
    os.chmod(path, 0o755)
    ctr.config["hooks"] = {"createContainer": [{"path": path}]}
    ctr.created()
    assert ctr.bundle.read("out") == "host\n"


@req("CFG-HKCCT-04")
def test_create_container_namespace(ctr):
    hooks.writing(ctr, "createContainer", NAMESPACES)
    ctr.sh(NAMESPACES).started()
    assert ctr.output().split() == hooks.written(ctr, "createContainer").split()


@req("CFG-HKCCT-04")
def test_create_container_privileges(ctr):
    """A hook has what the caller has, however narrow the container's own process is."""
    hooks.writing(ctr, "createContainer", "grep CapBnd /proc/self/status")
    ctr.process["capabilities"] = {s: ["CAP_KILL"] for s in ("bounding", "effective", "permitted")}
    ctr.sh("grep CapBnd /proc/self/status").started()
    assert hooks.written(ctr, "createContainer") == re.search("CapBnd.*\n", read("/proc/self/status"))[0]
    assert int(ctr.output().split()[1], 16) == 1 << 5


@req("CFG-HKSCT-02")
def test_start_container_path(ctr):
    ctr.bundle.put("/opt/hook", "#!/bin/sh\necho rootfs > /out\n", 0o755)
    ctr.bundle.put("out", "", 0o666)
    ctr.config["hooks"] = {"startContainer": [{"path": "/opt/hook"}]}
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    assert ctr.bundle.read("out") == "rootfs\n"


@req("CFG-HKSCT-02")
def test_start_container_path_only_on_host(ctr):
    path = os.path.join(ctr.top, "only-on-host")
    with open(path, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n")
    os.chmod(path, 0o755)
    ctr.config["hooks"] = {"startContainer": [{"path": path}]}
    ctr.create_or_start_fails()


@req("CFG-HKSCT-03")
def test_start_container_namespace(ctr):
    script = NAMESPACES + "; ls /proc/self/root/"
    ctr.bundle.put("marker-of-rootfs", "")
    hooks.writing(ctr, "startContainer", script)
    ctr.sh(script).started()
    seen = ctr.output().split()
    assert "marker-of-rootfs" in seen
    assert seen == hooks.written(ctr, "startContainer").split()


@req("CFG-HKSCT-04")
def test_start_container_status(ctr):
    hooks.saving(ctr, "startContainer")
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    assert hooks.saved(ctr, "startContainer")["status"] == "created"


@req("CFG-HKPST-01")
def test_poststart_inside_start(ctr):
    """start waits for the hook: what the hook writes last is there when start returns."""
    done = os.path.join(ctr.top, "done")
    hooks.saving(ctr, "poststart", f"sleep 2; echo end > {done}")
    ctr.args("/bin/sleep", "1000").created()
    assert not os.path.exists(done)
    ctr.start().ok()
    assert os.path.exists(done)
    assert hooks.saved(ctr, "poststart")["status"] == "running"


@req("CFG-HKPST-02")
def test_poststart_path(ctr):
    resolves_on_the_host(ctr, "poststart")


@req("CFG-HKPST-03")
def test_poststart_namespace(ctr):
    runs_in_the_runtime_namespace(ctr, "poststart")


@req("CFG-HKPSP-01")
def test_poststop_inside_delete(ctr):
    done, early = os.path.join(ctr.top, "done"), os.path.join(ctr.top, "early")
    hooks.saving(ctr, "poststop", f"""sleep 2
        ls {ctr.root} | grep {ctr.id} > {early}
        find /sys/fs/cgroup -path '*{ctr.id}*' >> {early}
        echo end > {done}""")
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    assert not os.path.exists(done)
    ctr.delete().ok()
    assert os.path.exists(done)
    assert read(early) == ""
    assert hooks.saved(ctr, "poststop")["status"] == "stopped"


@req("CFG-HKPSP-02")
def test_poststop_path(ctr):
    resolves_on_the_host(ctr, "poststop")


@req("CFG-HKPSP-03")
def test_poststop_namespace(ctr):
    runs_in_the_runtime_namespace(ctr, "poststop")
