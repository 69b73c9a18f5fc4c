"""config.md#linux-process: capabilities, noNewPrivileges, oomScoreAdj."""

import shutil

import pytest

from lib import assert_names, assert_says, facts, req, skip_unless
from lib.bundle import CAPS, cap_mask
from lib.host import read

SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
SOME = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def caps_of(ctr, uid=0, **sets):
    ctr.process["capabilities"] = sets
    ctr.process["user"] = {"uid": uid, "gid": uid}
    return ctr.probe("caps")["caps"]


def host_bounding():
    return int(read("/proc/self/status").split("CapBnd:")[1].split()[0], 16)


@req("CFG-CAP-01", "CFG-CAP-02", "CFG-CAP-04")
def test_sets_of_root(ctr):
    """execve gives root its bounding set back, so these three go together."""
    seen = caps_of(ctr, bounding=SOME, effective=SOME, permitted=SOME)
    assert seen["bounding"] == cap_mask(SOME)
    assert seen["effective"] == cap_mask(SOME)
    assert seen["permitted"] == cap_mask(SOME)


@req("CFG-CAP-01", "CFG-CAP-04", "CFG-CAP-05")
def test_sets_of_another_user(ctr):
    """Without root in play, execve leaves what is in the ambient set."""
    two = SOME[:2]
    seen = caps_of(ctr, 1000, bounding=SOME, effective=two, permitted=two, inheritable=two,
                   ambient=two)
    assert seen["effective"] == seen["permitted"] == seen["ambient"] == cap_mask(two)
    assert seen["bounding"] == cap_mask(SOME)


@req("CFG-CAP-03")
def test_inheritable(ctr):
    seen = caps_of(ctr, bounding=SOME, effective=SOME, permitted=SOME, inheritable=SOME[1:])
    assert seen["inheritable"] == cap_mask(SOME[1:])


@req("CFG-CAP-02")
def test_bounding_of_another_user(ctr):
    seen = caps_of(ctr, 1000, bounding=["CAP_SETUID"])
    assert seen["bounding"] == cap_mask(["CAP_SETUID"])


@req("CFG-CAP-05")
def test_ambient_works(ctr):
    one = ["CAP_NET_BIND_SERVICE"]
    ctr.process["capabilities"] = {s: one for s in SETS}
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    seen = ctr.probe("caps", "bind", 80)
    assert seen["caps"]["ambient"] == cap_mask(one)
    assert seen["do"][0]["errno"] == 0


@req("CFG-CAP-05")
def test_without_ambient_it_does_not(ctr):
    one = ["CAP_NET_BIND_SERVICE"]
    ctr.process["capabilities"] = {s: one for s in SETS if s != "ambient"}
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    seen = ctr.probe("caps", "bind", 80)
    assert seen["caps"]["ambient"] == 0
    assert seen["do"][0]["errno"] == 13


@req("CFG-CAP-06")
def test_absent_sets_are_empty(ctr):
    seen = caps_of(ctr, 1000, bounding=SOME)
    assert [seen[s] for s in SETS] == [cap_mask(SOME), 0, 0, 0, 0]


@req("CFG-CAP-06")
def test_no_sets_at_all(ctr):
    seen = caps_of(ctr)
    assert [seen[s] for s in SETS] == [0, 0, 0, 0, 0]


@req("CFG-CAP-07")
def test_all_names(ctr):
    names = ["CAP_" + c for c in CAPS]
    ctr.process["capabilities"] = {s: names for s in SETS}
    ctr.args("/bin/probe", "caps")
    result = ctr.run().ok()
    mask = host_bounding()
    assert f'"bounding": {mask & cap_mask(names)}' in result.stdout
    if mask == cap_mask(names):
        assert "CAP_" not in result.stderr, "a warning about a name the kernel has"


@req("CFG-CAP-08", "CFG-CAP-10", "RT-WARN-01")
def test_unknown_name(ctr):
    ctr.process["capabilities"] = {"bounding": ["CAP_FOO", *SOME], "effective": SOME,
                                   "permitted": SOME}
    result = ctr.args("/bin/probe", "caps").run().ok()
    assert f'"bounding": {cap_mask(SOME)}' in result.stdout
    assert "CAP_FOO" in result.stderr, "no warning"


@req("CFG-CAP-09", "CFG-CAP-10")
def test_capability_that_cannot_be_granted(ctr):
    skip_unless(shutil.which("setpriv") and facts.root, "no setpriv, or not root")
    names = [*SOME, "CAP_SYS_TIME"]
    for s in ("bounding", "effective", "permitted"):
        ctr.process.setdefault("capabilities", {})[s] = names
    ctr.args("/bin/probe", "caps")
    result = ctr.run(wrap='exec setpriv --bounding-set=-sys_time "$@"').ok()
    assert f'"bounding": {cap_mask(SOME)}' in result.stdout
    assert_says("CAP_SYS_TIME", result.stderr)


def setuid_probe(ctr, nnp):
    with open(ctr.bundle.file("/bin/probe"), "rb") as f:
        ctr.bundle.put("/bin/setuid-probe", f.read(), 0o4755)
    ctr.process["capabilities"] = {"bounding": ["CAP_SETUID"]}
    if facts.root:
        ctr.process["user"] = {"uid": 1000, "gid": 1000}
    if nnp is not None:
        ctr.process["noNewPrivileges"] = nnp
    import json
    ctr.args("/bin/setuid-probe", "ids", "nnp")
    return json.loads(ctr.run().ok().stdout)


@req("CFG-NNP-01")
def test_no_new_privileges(ctr):
    seen = setuid_probe(ctr, True)
    assert seen["nnp"] == 1
    assert seen["ids"]["uid"][1] == (1000 if facts.root else 0)


@req("CFG-NNP-02")
@pytest.mark.parametrize("value", [False, None])
def test_new_privileges(ctr, value):
    seen = setuid_probe(ctr, value)
    assert seen["nnp"] == int(read("/proc/self/status").split("NoNewPrivs:")[1].split()[0])


@req("CFG-OOM-01")
@pytest.mark.parametrize("value", [500, 0, -500])
def test_oom_score(ctr, value):
    skip_unless(value >= int(read("/proc/self/oom_score_adj")) or facts.has_cap("SYS_RESOURCE"),
                "the caller has no CAP_SYS_RESOURCE")
    ctr.process["oomScoreAdj"] = value
    assert ctr.probe("oom")["oom"] == value


@req("CFG-OOM-02")
def test_oom_score_absent(ctr):
    seen = ctr.probe("oom", wrap='echo 123 > /proc/self/oom_score_adj; exec "$@"')
    assert seen["oom"] == 123


@req("CFG-OOM-03")
@pytest.mark.parametrize("value", [1001, -1001])
def test_oom_score_refused(ctr, value):
    ctr.process["oomScoreAdj"] = value
    result = ctr.create_fails()
    assert_names("process.oomScoreAdj", result.stderr)
