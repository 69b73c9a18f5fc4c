"""config-linux.md#seccomp, of hull alone: a filter that lets through what init has still to do is
loaded while START is waited for, any other right before the program runs. Nobody may tell the two
apart by what a program can do."""

import json
import os
import re
import time

import pytest

from lib import facts, hull_only, req, skip_unless
from lib.host import read
from lib.profiles import CHMOD, EPERM, NUMBERS, chmod, profile, rule, when
from lib.runtime import SLOW

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="no system call numbers of this machine")

SOURCE = os.path.join(os.path.dirname(__file__), "../../src/init/filter.c")
CALLS = sorted({c for c in re.findall(r"\bSYS_(\w+)", read(SOURCE)) if c not in ("ppoll", "statx")})


def waiting(ctr):
    """Creates it; the filters of the process that waits for START, and its capabilities."""
    ctr.created()
    end = time.monotonic() + 10 * SLOW
    while "filter-early" not in ctr.state()["phases"]["init"]:
        assert time.monotonic() < end, "init does not come to wait"
    status = dict(line.split(":", 1) for line in read(f"/proc/{ctr.pid}/status").splitlines())
    return int(status["Seccomp"]), int(status["CapEff"], 16)


def only(ctr, calls):
    """A program that may make these calls alone: it dies of its first one."""
    return profile(ctr.args("/bin/probe", "nnp"), rule(calls, "SCMP_ACT_ALLOW"), default="SCMP_ACT_KILL_PROCESS")


@req("LNX-SEC-02")
@hull_only
def test_nothing_else_is_called(ctr):
    """Whatever is missing in the list kills init, and start fails."""
    assert waiting(only(ctr, CALLS))[0] == 2
    ctr.start().ok()
    assert ctr.wait_exit() < 0


def waits_for_the_program(ctr):
    assert waiting(ctr)[0] == 0
    ctr.start().ok()
    assert ctr.wait_exit() < 0


@req("LNX-SEC-02")
@hull_only
@pytest.mark.parametrize("call", [c for c in CALLS if c not in ("execve", "capset")])
def test_what_may_not_be_called(ctr, call):
    waits_for_the_program(only(ctr, [c for c in CALLS if c != call]))


@req("LNX-SEC-02")
@hull_only
@pytest.mark.parametrize("more", [
    rule("close", "SCMP_ACT_ALLOW", [when("NE", 1 << 40)]), rule("close", "SCMP_ACT_LOG")])
def test_what_may_be_called_with_a_but(ctr, more):
    only(ctr, [c for c in CALLS if c != "close"])
    ctr.bundle.linux["seccomp"]["syscalls"].append(more)
    waits_for_the_program(ctr)


@req("S-11")
@hull_only
@pytest.mark.parametrize("change,error", [({"env": ["PATH=/bin"] + ["A=" + 100000 * "a"] * 4, "args": ["probe"]}, ""),
                                          ({"cwd": "/nosuch"}, "/nosuch"), ({"args": ["/nosuch"]}, "/nosuch")])
def test_another_process_behind_the_filter(ctr, change, error):
    """Nothing else is called for it either: what is wrong is told, and who dies is the program."""
    path = os.path.join(ctr.top, "process.json")
    assert waiting(only(ctr, CALLS))[0] == 2
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | change, f)
    result = ctr.start("--process", path)
    if error:
        assert error in result.failed().stderr
    else:
        result.ok()
        assert ctr.wait_exit() < 0


@req("S-11")
@hull_only
def test_a_wrong_process_behind_the_filter(ctr):
    """It is refused, and the container may still be started."""
    path = os.path.join(ctr.top, "process.json")
    profile(ctr, rule(CHMOD))
    ctr.args("/bin/probe", *map(str, chmod()))
    assert waiting(ctr)[0] == 2
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"noNewPrivileges": not ctr.process.get("noNewPrivileges")}, f)
    ctr.start("--process", path).failed()
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"args": ["/bin/probe", "nnp", "seccomp", *map(str, chmod())]}, f)
    ctr.start("--process", path).ok()
    seen = json.loads(ctr.output())
    assert seen["do"][0]["errno"] == EPERM and seen["seccomp"]["mode"] == 2


@req("LNX-SEC-46")
@hull_only
@pytest.mark.parametrize("nnp", [True, False])
@pytest.mark.parametrize("uid", [0, 1000])
def test_no_right_is_kept_for_it(ctr, nnp, uid):
    """Without no_new_privs the filter needs CAP_SYS_ADMIN: that goes as soon as it is loaded."""
    skip_unless(not uid or facts.root, "another user needs root")
    ctr.process["noNewPrivileges"] = nnp
    ctr.process["user"] = {"uid": uid, "gid": uid}
    ctr.process["capabilities"] = {s: ["CAP_CHOWN"] for s in ("bounding", "effective", "permitted")}
    profile(ctr, rule(CHMOD))
    ctr.args("/bin/probe", "nnp", "caps", "seccomp", *map(str, chmod()))
    mode, caps = waiting(ctr)
    assert mode == 2 and not caps & 1 << 21
    ctr.start().ok()
    seen = json.loads(ctr.output())
    assert seen["do"][0]["errno"] == EPERM and seen["seccomp"]["mode"] == 2
    assert bool(seen["nnp"]) == nnp


@req("LNX-SEC-46")
@hull_only
def test_hooks_of_the_container_have_their_own(ctr):
    """Each has the filter for itself; init has it when they are done."""
    profile(ctr, rule(CHMOD))
    ctr.bundle.hook("startContainer", "grep -q 'Seccomp:.*2' /proc/self/status")
    assert waiting(ctr)[0] == 0
    ctr.start().ok()


@req("LNX-SEC-46")
@hull_only
@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_a_signal_ends_who_waits(ctr, signal):
    assert waiting(only(ctr, CALLS))[0] == 2
    ctr.kill(signal).ok()
    ctr.wait_exit()
    ctr.delete().ok()
