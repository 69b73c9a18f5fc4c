"""config.md#linux-process: scheduler."""

import json
import os

import pytest

from lib import assert_names, facts, req

OTHER, FIFO, RR, BATCH, IDLE, DEADLINE = 0, 1, 2, 3, 5, 6
DEADLINE_TIMES = {"runtime": 1000000, "deadline": 10000000, "period": 20000000}


@pytest.fixture
def real_time(ctr):
    """KERNEL: with CONFIG_RT_GROUP_SCHED a new group of the v1 cpu hierarchy has no real-time
    budget and SCHED_FIFO is refused in it. Documentation/scheduler/sched-rt-group.rst."""
    if facts.root and not facts.cgroup2 and os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"):
        ctr.bundle.linux["cgroupsPath"] = f"/{ctr.id}"  # the budget comes from the group above
        ctr.bundle.linux["resources"] = {
            "cpu": {"realtimeRuntime": 10000, "realtimePeriod": 1000000}}


def sched_of(ctr, wrap=None, **scheduler):
    ctr.process["scheduler"] = scheduler
    return ctr.probe("sched", wrap=wrap)["sched"]


def of_child(ctr, **scheduler):
    """The same, seen by a child of the program."""
    ctr.process["scheduler"] = scheduler
    return json.loads(ctr.sh("/bin/probe sched; true").run().ok().stdout)["sched"]


@req("CFG-SCHED-01")
@pytest.mark.parametrize("scheduler", [{}, {"nice": 1}])
def test_policy_is_missing(ctr, scheduler):
    ctr.process["scheduler"] = scheduler
    ctr.create_fails(naming="process.scheduler.policy")


@req("CFG-SCHED-02")
def test_other(ctr):
    seen = sched_of(ctr, policy="SCHED_OTHER", nice=5)
    assert (seen["policy"], seen["nice"]) == (OTHER, 5)


@req("CFG-SCHED-03", "CFG-SCHED-04", "CFG-SCHED-12")
@pytest.mark.parametrize("name,number,priority", [
    ("SCHED_FIFO", FIFO, 10), ("SCHED_RR", RR, 10), ("SCHED_RR", RR, 3)])
def test_real_time(ctr, real_time, name, number, priority):
    seen = sched_of(ctr, policy=name, priority=priority)
    assert (seen["policy"], seen["priority"]) == (number, priority)


@req("CFG-SCHED-05", "CFG-SCHED-06")
@pytest.mark.parametrize("name,number", [("SCHED_BATCH", BATCH), ("SCHED_IDLE", IDLE)])
def test_background(ctr, name, number):
    assert sched_of(ctr, policy=name)["policy"] == number


@req("CFG-SCHED-07", "CFG-SCHED-16", "CFG-SCHED-17")
@pytest.mark.parametrize("flags,bits", [
    (None, 0), (["SCHED_FLAG_RECLAIM"], 2), (["SCHED_FLAG_DL_OVERRUN"], 4),
    (["SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_RECLAIM"], 6)])
def test_deadline(ctr, flags, bits):
    more = {} if flags is None else {"flags": flags}
    seen = sched_of(ctr, policy="SCHED_DEADLINE", **DEADLINE_TIMES, **more)
    assert seen["policy"] == DEADLINE
    assert {k: seen[k] for k in DEADLINE_TIMES} == DEADLINE_TIMES
    assert seen["flags"] & 6 == bits


@req("CFG-SCHED-14")
def test_period_defaults_to_zero(ctr):
    """For the kernel a period of 0 is the deadline: sched_setattr(2)."""
    seen = sched_of(ctr, policy="SCHED_DEADLINE", runtime=1000000, deadline=10000000)
    assert (seen["runtime"], seen["deadline"], seen["period"]) == (1000000, 10000000, 10000000)


@req("CFG-SCHED-14")
def test_runtime_defaults_to_zero(ctr):
    """sched_setattr(2): a runtime below 1024 ns is refused."""
    ctr.process["scheduler"] = {"policy": "SCHED_DEADLINE", "deadline": 10000000}
    ctr.sh("echo ran > /ran").create_or_start_fails()
    assert not ctr.bundle.exists("/ran")


@req("CFG-SCHED-14")
@pytest.mark.hull_only
@pytest.mark.parametrize("times,missing", [({}, "runtime"), ({"deadline": 10000000}, "runtime"),
                                           ({"runtime": 1000000}, "deadline"), ({"period": 10000000}, "runtime")])
def test_deadline_says_what_is_missing(ctr, times, missing):
    ctr.process["scheduler"] = {"policy": "SCHED_DEADLINE", **times}
    ctr.create_fails(naming=f"process.scheduler.{missing}")


@req("CFG-SCHED-08")
def test_iso(ctr):
    ctr.process["scheduler"] = {"policy": "SCHED_ISO"}
    ctr.sh("echo ran > /ran").create_or_start_fails(naming="process.scheduler.policy")
    assert not ctr.bundle.exists("/ran")


@req("CFG-SCHED-09")
@pytest.mark.parametrize("policy", ["SCHED_EXT", "fifo", "", "sched_other"])
def test_unknown_policy(ctr, policy):
    ctr.process["scheduler"] = {"policy": policy}
    ctr.create_fails(naming="process.scheduler.policy")


@req("CFG-SCHED-10")
@pytest.mark.parametrize("nice", [7, -5])
def test_nice(ctr, nice):
    ctr.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": nice}
    text = ctr.args("/bin/cat", "/proc/self/stat").run().ok().stdout
    assert int(text.rsplit(")", 1)[1].split()[16]) == nice


@req("CFG-SCHED-11")
def test_nice_defaults_to_zero(ctr):
    assert sched_of(ctr, wrap='exec nice -n 5 "$@"', policy="SCHED_OTHER")["nice"] == 0


@req("CFG-SCHED-13")
def test_priority_defaults_to_zero(ctr):
    """The kernel refuses 0 for real-time policies: the error may come at create or at start."""
    ctr.process["scheduler"] = {"policy": "SCHED_FIFO"}
    ctr.sh("echo ran > /ran").create_or_start_fails()
    assert not ctr.bundle.exists("/ran")


@req("CFG-SCHED-15")
def test_reset_on_fork(ctr, real_time):
    flags = ["SCHED_FLAG_RESET_ON_FORK"]
    assert of_child(ctr, policy="SCHED_FIFO", priority=10, flags=flags)["policy"] == OTHER


@req("CFG-SCHED-15")
def test_children_inherit(ctr, real_time):
    assert of_child(ctr, policy="SCHED_FIFO", priority=10)["policy"] == FIFO


@req("CFG-SCHED-18")
def test_keep_policy(ctr):
    seen = sched_of(ctr, wrap='exec chrt -b 0 "$@"', policy="SCHED_OTHER",
                    flags=["SCHED_FLAG_KEEP_POLICY"])
    assert seen["policy"] == BATCH


@req("CFG-SCHED-19")
def test_keep_params(ctr):
    seen = sched_of(ctr, wrap='exec nice -n 4 "$@"', policy="SCHED_OTHER", nice=9,
                    flags=["SCHED_FLAG_KEEP_PARAMS"])
    assert seen["nice"] == 4


@req("CFG-SCHED-20")
@pytest.mark.parametrize("flag", ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"])
def test_util_clamp(ctr, flag, record_property):
    ctr.process["scheduler"] = {"policy": "SCHED_OTHER", "flags": [flag]}
    ctr.args("/bin/probe", "sched")
    result = ctr.create()
    if result.code == 0:
        result = ctr.start()
    record_property(flag, "refused" if result.code else "set")
    if result.code:
        assert_names(["process.scheduler.flags", "process.scheduler.flags[0]"],
                     result.failed().stderr)
    else:
        seen = json.loads(ctr.finish()[1])["sched"]
        assert seen["util_min" if flag.endswith("MIN") else "util_max"] == 0


@req("CFG-SCHED-21")
@pytest.mark.parametrize("flag", ["SCHED_FLAG_FOO", "", "RESET_ON_FORK"])
def test_unknown_flag(ctr, flag):
    ctr.process["scheduler"] = {"policy": "SCHED_OTHER",
                                "flags": ["SCHED_FLAG_RESET_ON_FORK", flag]}
    ctr.create_fails(naming="process.scheduler.flags[1]")
