"""The lifecycle, step by step: runtime.md#lifecycle."""

import json
import os
import signal

import pytest

from lib import facts, hooks, req
from lib.host import cgroup_dirs, read


def host_file(ctr, name):
    """A file outside the rootfs for hooks that run when the container is gone."""
    return os.path.join(ctr.top, name)


def poststop_log(ctr):
    """Adds a poststop hook; returns a function that tells whether it ran."""
    path = host_file(ctr, "poststop")
    ctr.bundle.hook("poststop", f"cat > {path}")
    return lambda: read(path)


def is_destroyed(ctr):
    ctr.gone()
    assert not cgroup_dirs(ctr.id), "a cgroup stayed"
    assert ctr.id not in " ".join(os.listdir(ctr.root)), "the state directory stayed"


@req("RT-LIFE-01", needs=["root"])  # a runtime may keep its init closed to other processes of its user
def test_create_sets_the_environment_up(ctr):
    ctr.created()
    for name in ("mnt", "pid", "uts", "ipc", "net", "cgroup"):
        assert (os.readlink(f"/proc/{ctr.pid}/ns/{name}")
                != os.readlink(f"/proc/self/ns/{name}")), name
    points = [line.split()[4] for line in read(f"/proc/{ctr.pid}/mountinfo").splitlines()]
    for entry in ctr.config["mounts"]:
        assert entry["destination"] in points
    if facts.root and (facts.cgroup2 or facts.cgroup1):
        assert read(f"/proc/{ctr.pid}/cgroup") != read("/proc/self/cgroup")


@req("RT-LIFE-02")
def test_environment_that_cannot_be_made(ctr):
    ctr.config["mounts"].append({"destination": "/mnt", "type": "bind", "options": ["bind"],
                                 "source": os.path.join(ctr.top, "nosuch")})
    ctr.create_fails()


@req("RT-LIFE-04")
def test_later_changes_do_not_count(ctr):
    paths = {n: host_file(ctr, n) for n in ("old-start", "old-stop", "new-start", "new-stop")}
    ctr.config["hostname"] = "old"
    ctr.process["env"].append("WHICH=old")
    ctr.bundle.hook("poststart", f"echo > {paths['old-start']}")
    ctr.bundle.hook("poststop", f"echo > {paths['old-stop']}")
    ctr.sh("echo old $WHICH $(hostname)").created()
    ctr.config["hostname"] = "new"
    ctr.process["env"][-1] = "WHICH=new"
    ctr.config["hooks"] = {}
    ctr.bundle.hook("poststart", f"echo > {paths['new-start']}")
    ctr.bundle.hook("poststop", f"echo > {paths['new-stop']}")
    ctr.sh("echo new $WHICH $(hostname)").bundle.write()
    ctr.start().ok()
    assert ctr.finish() == (0, "old old old\n")
    ctr.delete().ok()
    assert sorted(n for n in paths if os.path.exists(paths[n])) == ["old-start", "old-stop"]


@req("RT-LIFE-05", "RT-LIFE-07", "RT-LIFE-09")
@pytest.mark.parametrize("kind", hooks.AT_CREATE)
def test_hooks_of_create(ctr, kind):
    hooks.logging(ctr, kind)
    ctr.created()
    assert hooks.log(ctr) == [kind]


def failing_create_hook(ctr, kind):
    ran = poststop_log(ctr)
    hooks.saving(ctr, kind, "exit 1")
    ctr.create_fails()
    is_destroyed(ctr)
    pid = hooks.saved(ctr, kind).get("pid", 0)
    if kind != "createContainer":
        assert not os.path.exists(f"/proc/{pid}"), "the process lives on"
    assert ran(), "poststop hooks did not run"


@req("RT-LIFE-06")
def test_failing_prestart_hook(ctr):
    failing_create_hook(ctr, "prestart")


@req("RT-LIFE-08")
def test_failing_create_runtime_hook(ctr):
    failing_create_hook(ctr, "createRuntime")


@req("RT-LIFE-10")
def test_failing_create_container_hook(ctr):
    failing_create_hook(ctr, "createContainer")


@req("RT-LIFE-11", "CFG-HKSCT-01")
def test_start_container_hooks(ctr):
    hooks.logging(ctr, "startContainer")
    ctr.sh("echo program >> /log").created()
    assert hooks.log(ctr) == []
    ctr.start().ok()
    ctr.wait_exit()
    assert hooks.log(ctr) == ["startContainer", "program"]


@req("RT-LIFE-12")
def test_failing_start_container_hook(ctr):
    ran = poststop_log(ctr)
    hooks.logging(ctr, "startContainer", then="exit 1")
    ctr.sh("echo program >> /log").created()
    ctr.start().failed()
    assert hooks.log(ctr) == ["startContainer"]
    assert not ctr.alive()
    ctr.wait_exit()
    is_destroyed(ctr)
    assert ran(), "poststop hooks did not run"


@req("RT-LIFE-14", "CFG-HKPST-01")
def test_poststart_sees_the_program(ctr):
    hooks.writing(ctr, "poststart", hooks.PID + "readlink /proc/$pid/exe")
    ctr.args("/bin/sleep", "1000").started()
    assert hooks.written(ctr, "poststart").strip().endswith("/busybox")


@req("RT-LIFE-15")
def test_failing_poststart_hook(ctr):
    ran = poststop_log(ctr)
    ctr.bundle.hook("poststart", "exit 1")
    ctr.args("/bin/sleep", "1000").created()
    ctr.start().failed()
    assert not ctr.alive(), "the process lives on"
    ctr.wait_exit()
    is_destroyed(ctr)
    assert ran(), "poststop hooks did not run"


@req("RT-LIFE-16")
@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 3", 3), ("segv", -signal.SIGSEGV),
                                         ("kill", -signal.SIGKILL)])
def test_ends_of_a_process(ctr, script, code):
    if script == "kill":
        ctr.args("/bin/sleep", "1000").started()
        ctr.kill("KILL").ok()
    elif script == "segv":
        ctr.args("/bin/probe", "crash").started()
    else:
        ctr.sh(script).started()
    assert ctr.wait_exit() == code
    assert ctr.status_word() == "stopped"


@req("RT-LIFE-18")
def test_poststop_comes_after_the_end(ctr):
    out = host_file(ctr, "seen")
    query = " ".join(ctr.argv("state", ctr.id))
    ctr.bundle.hook("poststop", f"{query} >/dev/null 2>&1 && echo answers >> {out}; "
                                f"find /sys/fs/cgroup -path '*{ctr.id}*' >> {out}; "
                                f"echo end >> {out}")
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.delete().ok()
    assert read(out) == "end\n"


@req("RT-LIFE-19")
def test_failing_poststop_hook(ctr):
    out = host_file(ctr, "log")
    for n, status in ((1, 1), (2, 0), (3, 0)):
        ctr.bundle.hook("poststop", f"echo {n} >> {out}; exit {status}")
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    result = ctr.delete().ok()
    assert read(out).split() == ["1", "2", "3"]
    assert result.stderr.strip(), "no warning"
    ctr.gone()


@req("RT-LIFE-20")
def test_order_of_the_kinds(ctr):
    for kind in reversed(hooks.KINDS):
        hooks.logging(ctr, kind)
    # the program goes on until poststart has had its turn
    ctr.sh("echo program >> /log; exec /bin/probe trap").started()
    assert ctr.line() == "ready"
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    ctr.delete().ok()
    seen = hooks.log(ctr)
    want = ["prestart", "createRuntime", "createContainer", "startContainer", "program",
            "poststart", "poststop"]
    # poststart waits for execve only: it may be quicker than the first line of the program
    assert sorted(seen) == sorted(want)
    assert [s for s in seen if s != "program"] == [w for w in want if w != "program"]
    assert seen.index("startContainer") < seen.index("program") < seen.index("poststop")


@req("RT-LIFE-03")
def test_create_runs_nothing(ctr):
    ctr.bundle.put("log", "", 0o666)
    ctr.sh("echo program >> /log").created()
    assert json.dumps(hooks.log(ctr)) == "[]"
    ctr.start().ok()
    ctr.wait_exit()
    assert hooks.log(ctr) == ["program"]
