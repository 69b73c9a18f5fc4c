"""config-linux.md#allowed-device-list. The nodes are made in the rootfs by the suite. Whether a
device may be opened is decided before its driver is looked for: without the right the answer is
EPERM, with it ENXIO where there is no such device."""

import os

import pytest

from lib import req

EPERM = 1
RULE = ["root", "kernel>=4.15"]


def deny(kind="a", major=None, minor=None, access="rwm", allow=False):
    rule = {"allow": allow, "access": access}
    for name, given in (("type", kind), ("major", major), ("minor", minor)):
        if given is not None:
            rule[name] = given
    return rule


def allow(kind, major=None, minor=None, access="rwm"):
    return deny(kind, major, minor, access, True)


@pytest.fixture
def tried(make_ctr):
    """tried(rules, "c 10 229 rw", ...): for each, may it be opened? Access m tries mknod."""
    def run(rules, *wanted):
        ctr = make_ctr()
        caps = ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_NET_ADMIN"]
        ctr.process["capabilities"] = {
            s: caps for s in ("bounding", "effective", "permitted", "inheritable")}
        ctr.bundle.linux["resources"] = {"devices": rules}
        words = []
        for i, want in enumerate(wanted):
            kind, major, minor, access = want.split()
            node = f"/node{i}"
            if access == "m":
                words += ["mknod", node, kind, major, minor]
                continue
            mode = (0o60666 if kind == "b" else 0o20666)
            os.mknod(ctr.bundle.file(node), mode, os.makedev(int(major), int(minor)))
            os.chmod(ctr.bundle.file(node), 0o666)
            words += ["open", node, access]
        done = ctr.probe(*words)["do"]
        assert len(done) == len(wanted)
        return [d["ret"] == 0 or d["errno"] != EPERM for d in done]
    return run


@req("LNX-DEVCG-01")
def test_order(tried):
    rules = [deny(), allow("c", 1, 5, "r")]
    assert tried(rules, "c 1 5 r") == [True]
    assert tried(rules + [deny("c", 1, 5, "r")], "c 1 5 r") == [False]


@req("LNX-DEVCG-01")
def test_order_of_other_devices(tried):
    """The same with a device that no container has by default."""
    rules = [deny(), allow("c", 10, 229, "rw")]
    assert tried(rules, "c 10 229 r", "c 10 229 w") == [True, True]
    assert tried(rules + [deny("c", 10, 229, "w")], "c 10 229 r", "c 10 229 w") == [True, False]
    assert tried(rules + [deny("c", 10, 229, "rw"), allow("c", 10, 229, "w")],
                 "c 10 229 r", "c 10 229 w") == [False, True]


@req("LNX-DEVCG-02")
@pytest.mark.parametrize("number", [0, 1])
def test_allow_is_missing(ctr, number):
    ctr.bundle.linux["resources"] = {"devices": [deny()] * number + [{"access": "rwm"}]}
    ctr.create_fails(naming=f"linux.resources.devices[{number}].allow")


@req("LNX-DEVCG-03")
def test_allow_and_deny(tried):
    assert tried([deny(), allow("c", 10, 229, "rw")], "c 10 229 rw", "b 7 0 r") == [True, False]


@req("LNX-DEVCG-04")
@pytest.mark.parametrize("kind", ["a", None])
@pytest.mark.parametrize("allowed", [True, False])
def test_all_devices(tried, kind, allowed):
    rules = [deny(kind, allow=allowed)]
    assert tried(rules, "c 10 229 rw", "b 7 0 r", "c 11 0 r", "c 4 64 rw") == [allowed] * 4


@req("LNX-DEVCG-05")
@pytest.mark.parametrize("kind,other", [("c", "b"), ("b", "c")])
def test_kind(tried, kind, other):
    rules = [deny(), allow(kind, 7, 0)]
    assert tried(rules, f"{kind} 7 0 r", f"{other} 7 0 r") == [True, False]


@req("LNX-DEVCG-06")
def test_numbers(tried):
    assert tried([deny(), allow("c", 10)],
                 "c 10 229 r", "c 10 200 r", "c 11 0 r") == [True, True, False]
    assert tried([deny(), allow("c", 10, 229)], "c 10 229 r", "c 10 237 r") == [True, False]
    assert tried([deny(), allow("c", None, 229)], "c 10 229 r", "c 10 237 r") == [True, False]
    assert tried([deny(), allow("c")], "c 10 229 r", "c 11 0 r", "b 7 0 r") == [True, True, False]


@req("LNX-DEVCG-07")
def test_access_letters(tried):
    """On default devices, which are left to the rules that name them."""
    rules = [deny(), allow("c", 1, 5, "r"), allow("c", 1, 3, "w"), allow("c", 1, 7, "m")]
    assert tried(rules, "c 1 5 r", "c 1 5 w", "c 1 3 r", "c 1 3 w", "c 1 7 m", "c 1 7 r") == [
        True, False, False, True, True, False]


@req("LNX-DEVCG-07")
@pytest.mark.parametrize("access", ["r", "w", "m", "rw", "rm", "wm", "rwm"])
def test_access_of_other_devices(tried, access):
    """Making nodes opens nothing: it may be allowed anyway."""
    may_read, may_write, may_make = tried(
        [deny(), allow("c", 10, 229, access)], "c 10 229 r", "c 10 229 w", "c 10 229 m")
    assert (may_read, may_write) == ("r" in access, "w" in access)
    assert may_make or "m" not in access


@req("LNX-DEVCG-08")
@pytest.mark.parametrize("rule,member", [
    ({"allow": True, "type": "p", "access": "r"}, "type"),
    ({"allow": True, "type": "cb", "access": "r"}, "type"),
    ({"allow": True, "type": "c", "access": "rx"}, "access"),
    ({"allow": True, "type": "c", "access": "R"}, "access")])
def test_other_letters(ctr, rule, member):
    ctr.bundle.linux["resources"] = {"devices": [deny(), rule]}
    path = "linux.resources.devices[1]"
    ctr.create_fails(naming=[path, f"{path}.{member}"])


@req("LNX-DEVCG-09")
def test_default_devices(tried, record_property):
    names = {"null": "c 1 3", "zero": "c 1 5", "full": "c 1 7", "random": "c 1 8",
             "urandom": "c 1 9", "tty": "c 5 0", "ptmx": "c 5 2"}
    seen = tried([deny()], *[f"{numbers} rw" for numbers in names.values()])
    record_property("default devices under deny all",
                    " ".join(n for n, may in zip(names, seen) if may))
    assert all(seen)
