"""config.md#linux-process: execCPUAffinity."""

import json
import os
import shutil

import pytest

from lib import assert_names, req, skip_unless


def exec_with(ctr, affinity, *words, **kw):
    """exec of the probe with a process document that has this execCPUAffinity."""
    path = os.path.join(ctr.top, "process.json")
    process = {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"],
               "args": ["/bin/probe", "sched"], "execCPUAffinity": affinity}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(process, f)
    return ctr.call("exec", "--process", path, ctr.id, **kw)


def affinity_of(result):
    return json.loads(result.ok().stdout)["sched"]["affinity"]


@pytest.fixture
def cpus():
    """Two processors, for tests that tell one from the other."""
    have = sorted(os.sched_getaffinity(0))
    skip_unless(len(have) > 1, "one processor cannot be told from all")
    return have


@req("CFG-AFF-01")
def test_not_for_the_init_process(ctr):
    ctr.process["execCPUAffinity"] = {"initial": str(min(os.sched_getaffinity(0)))}
    assert ctr.probe("sched")["sched"]["affinity"] == sorted(os.sched_getaffinity(0))


@req("CFG-AFF-01")
@pytest.mark.hull_only
def test_caller_that_is_pinned(ctr, cpus):
    """A daemon that keeps to some processors must not keep its containers there."""
    pin = {"preexec": lambda: os.sched_setaffinity(0, cpus[:1])}
    assert ctr.probe("sched", **pin)["sched"]["affinity"] == cpus


@req("CFG-AFF-02")
@pytest.mark.hull_only
def test_exec_of_a_caller_that_is_pinned(ctr, cpus):
    ctr.started()
    pin = {"preexec": lambda: os.sched_setaffinity(0, cpus[:1])}
    assert affinity_of(ctr.call("exec", ctr.id, "/bin/probe", "sched", **pin)) == cpus
    assert affinity_of(exec_with(ctr, {}, **pin)) == cpus[:1]


@req("CFG-AFF-02")
def test_initial(ctr, needs_exec, cpus):
    ctr.started()
    seen = affinity_of(exec_with(ctr, {"initial": str(cpus[1])}))
    assert seen in ([cpus[1]], cpus), "neither what was asked nor the choice of the kernel"


@req("CFG-AFF-03")
def test_final(ctr, needs_exec, cpus):
    ctr.started()
    assert affinity_of(exec_with(ctr, {"final": str(cpus[1])})) == [cpus[1]]
    both = {"initial": str(cpus[1]), "final": f"{cpus[0]},{cpus[1]}"}
    assert affinity_of(exec_with(ctr, both)) == cpus[:2]


@req("CFG-AFF-04")
@pytest.mark.parametrize("affinity", [{}, {"final": ""}])
def test_no_final(ctr, needs_exec, affinity):
    skip_unless(shutil.which("strace"), "no strace")
    ctr.started()
    log = os.path.join(ctr.top, "trace")
    result = exec_with(ctr, affinity,
                       wrap=f'exec strace -f -qq -o {log} -e trace=sched_setaffinity "$@"').ok()
    with open(log, encoding="utf-8", errors="replace") as f:
        assert "sched_setaffinity(" not in f.read(), result.command()


@req("CFG-AFF-05", needs=["root|userns"])
@pytest.mark.parametrize("name", ["initial", "final"])
def test_bad_list(ctr, needs_exec, name):
    ctr.started()
    for text in ("a", "3-1", "0-", "-1", "0,,1", "0 1"):
        result = exec_with(ctr, {name: text}).failed()
        assert_names(f"process.execCPUAffinity.{name}", result.stderr)


@req("CFG-AFF-05", needs=["root|userns"])
def test_processor_does_not_exist(ctr, needs_exec):
    ctr.started()
    exec_with(ctr, {"final": "8191"}).failed()


@req("CFG-AFF-05", needs=["root|userns"])
def test_list_of_ranges(ctr, needs_exec, cpus):
    ctr.started()
    text = f"{cpus[0]}-{cpus[0]},{cpus[1]}"
    assert affinity_of(exec_with(ctr, {"final": text})) == cpus[:2]
