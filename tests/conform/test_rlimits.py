"""config.md#posix-process: rlimits."""

import resource

import pytest

from lib import facts, req, skip_unless

INFINITY = 2 ** 64 - 1
ALL = ("RLIMIT_AS RLIMIT_CORE RLIMIT_CPU RLIMIT_DATA RLIMIT_FSIZE RLIMIT_LOCKS RLIMIT_MEMLOCK "
       "RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NOFILE RLIMIT_NPROC RLIMIT_RSS RLIMIT_RTPRIO "
       "RLIMIT_RTTIME RLIMIT_SIGPENDING RLIMIT_STACK").split()

# Large enough for the runtime itself, in case it sets the limit early.
VALUES = {"RLIMIT_AS": 1 << 40, "RLIMIT_CORE": 1000, "RLIMIT_CPU": 1000, "RLIMIT_DATA": 1 << 38,
          "RLIMIT_FSIZE": 1 << 30, "RLIMIT_LOCKS": 100, "RLIMIT_MEMLOCK": 1 << 16,
          "RLIMIT_MSGQUEUE": 4096, "RLIMIT_NPROC": 2000, "RLIMIT_RSS": 1 << 30,
          "RLIMIT_RTTIME": 1000000, "RLIMIT_SIGPENDING": 1000, "RLIMIT_STACK": 1 << 22}


def entry(kind, soft, hard):
    return {"type": kind, "soft": soft, "hard": hard}


def limits_of(ctr, *entries):
    ctr.process["rlimits"] = list(entries)
    return ctr.probe("rlimits")["rlimits"]


@req("CFG-RLIM-01")
@pytest.mark.parametrize("kind", ["RLIMIT_FOO", "NOFILE", "", "rlimit_nofile", "RLIMIT_NOFILE "])
def test_unknown_type(ctr, kind):
    ctr.process["rlimits"] = [entry("RLIMIT_CORE", 0, 0), entry(kind, 1, 1)]
    ctr.create_fails(naming="process.rlimits[1].type")


@req("CFG-RLIM-02")
def test_getrlimit_succeeds(ctr):
    seen = limits_of(ctr, entry("RLIMIT_CORE", 0, 0))
    assert sorted(seen) == sorted(ALL)
    for kind in ALL:
        assert "errno" not in seen[kind], kind


@req("CFG-RLIM-03", "CFG-RLIM-04", "CFG-RLIM-11")
def test_soft_and_hard(ctr):
    seen = limits_of(ctr, entry("RLIMIT_NOFILE", 100, 200))
    assert seen["RLIMIT_NOFILE"] == {"soft": 100, "hard": 200}


@req("CFG-RLIM-05")
def test_doubled_type(ctr):
    ctr.process["rlimits"] = [entry("RLIMIT_NOFILE", 100, 200), entry("RLIMIT_NOFILE", 100, 200)]
    ctr.create_fails(naming=["process.rlimits[1].type", "process.rlimits[1]"])


@req("CFG-RLIM-06")
@pytest.mark.parametrize("missing", ["type", "soft", "hard"])
def test_incomplete(ctr, missing):
    limit = entry("RLIMIT_NOFILE", 100, 200)
    del limit[missing]
    ctr.process["rlimits"] = [limit]
    ctr.create_fails(naming=f"process.rlimits[0].{missing}")


@req("CFG-RLIM-07")
def test_refused_by_the_kernel(ctr):
    ctr.process["rlimits"] = [entry("RLIMIT_NOFILE", 200, 100)]
    ctr.sh("echo ran > /ran").create_or_start_fails()
    assert not ctr.bundle.exists("/ran")


@req("CFG-RLIM-08")
def test_unlimited(ctr):
    skip_unless(resource.getrlimit(resource.RLIMIT_CORE)[1] == -1 or facts.has_cap("SYS_RESOURCE"),
                "the hard limit of the caller is below")
    seen = limits_of(ctr, entry("RLIMIT_CORE", INFINITY, INFINITY))
    assert seen["RLIMIT_CORE"] == {"soft": INFINITY, "hard": INFINITY}


@req("CFG-RLIM-09", "CFG-RLIM-12")
@pytest.mark.parametrize("kind", sorted(VALUES))
def test_each_type(ctr, kind):
    hard = VALUES[kind]
    host = limits_of(ctr)[kind]["hard"]
    skip_unless(host >= hard, f"the caller has {host} only")
    seen = limits_of(ctr, entry(kind, hard // 2, hard))
    assert seen[kind] == {"soft": hard // 2, "hard": hard}


@req("CFG-RLIM-10")
@pytest.mark.parametrize("kind,value", [("RLIMIT_NICE", 10), ("RLIMIT_RTPRIO", 5)])
def test_priorities(ctr, kind, value):
    host = limits_of(ctr)[kind]["hard"]
    skip_unless(host >= value or facts.has_cap("SYS_RESOURCE"), "the caller has no CAP_SYS_RESOURCE")
    seen = limits_of(ctr, entry(kind, value, value))
    assert seen[kind] == {"soft": value, "hard": value}


@req("CFG-RLIM-11")
@pytest.mark.parametrize("caps", ["kept", "dropped"])
def test_above_the_limit_of_the_caller(ctr, caps):
    """The runtime is the one with the privilege: the program needs none."""
    if caps == "dropped":
        ctr.process["capabilities"] = {}
    skip_unless(facts.has_cap("SYS_RESOURCE"), "the caller has no CAP_SYS_RESOURCE")
    with open("/proc/sys/fs/nr_open", encoding="ascii") as f:
        value = min(2000000, int(f.read()))
    skip_unless(value > 4096, "fs.nr_open is small")
    seen = limits_of(ctr, entry("RLIMIT_NOFILE", value, value))
    assert seen["RLIMIT_NOFILE"] == {"soft": value, "hard": value}
