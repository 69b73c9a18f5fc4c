# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.5: who a process is, and what it may."""

import os
import struct

import pytest

from lib.bundle import cap_mask
from threats import threat

IDS = ["", ":", "1:", ":1", "1", "1:2", "+1", "-1", " 1", "1 ", "0x1", "01", "1e3", "2147483648", "4294967294", "4294967295",
       "4294967296", "99999999999999999999", "root", "1:2:3", "1000", "daemon", "0:", "1,2", "1;0", "\n1", "1:-1", "18446744073709551616"]
GOOD = {"1": (1, 0), "1:2": (1, 2), "2147483648": (2147483648, 0), "4294967294": (4294967294, 0), "1000": (1000, 0)}
LEADING_ZERO = {"01": (1, 0)}


@threat("CVE-2016-3697", "CVE-2018-9862", "CVE-2024-40635", "CVE-2026-46680", "CVE-2026-30892", "C1")
def test_exec_user(ctr):
    """Every text is an id in full or an error, whatever the image's passwd says of it."""
    ctr.bundle.put("/etc/passwd", "".join(f"{t}:x:0:0::/:/bin/sh\n" for t in IDS if t.strip() and ":" not in t))
    ctr.started()
    for text in IDS:
        result = ctr.call("exec", "--user", text, ctr.id, "/bin/sh", "-c", "id -u; id -g; cat /proc/self/status")
        want = GOOD.get(text) or (LEADING_ZERO.get(text) if result.code == 0 else None)
        if want is None:
            result.failed()
            assert result.stdout == "", f"{text!r}: {result.stdout[:40]}"
            continue
        lines = result.ok().stdout.splitlines()
        assert (int(lines[0]), int(lines[1])) == want, text
        status = dict(x.split(":", 1) for x in lines[2:] if ":" in x)
        assert status["Uid"].split() == [str(want[0])] * 4, text
        assert status["Gid"].split() == [str(want[1])] * 4, text


@threat("CVE-2024-40635", "CVE-2026-46680", "C1")
@pytest.mark.parametrize("field", ["uid", "gid", "additionalGids"])
def test_config_ids(make_ctr, field):
    for value in ("-1", "4294967295", "4294967296", "18446744073709551616", "1.5", "1e3", '"0"', "null", "01", "true", "-0.1"):
        ctr = make_ctr()
        ctr.args("/bin/true").bundle.write()
        with open(ctr.bundle.path + "/config.json", encoding="utf-8") as f:
            text = f.read()
        if field == "additionalGids":
            text = text.replace('"gid": 0', f'"gid": 0, "additionalGids": [{value}]')
        else:
            text = text.replace(f'"{field}": 0', f'"{field}": {value}')
        ctr.bundle.raw = text
        result = ctr.run()
        assert result.code != 0 or (value == "1e3" and not ctr.rt.is_hull) or (
            value == "null" and not ctr.rt.is_hull), f"{field}: {value} was taken"


SETS = ("inheritable", "permitted", "effective", "bounding", "ambient")


def caps_of(text):
    names = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}
    return {names[k]: int(v, 16) for k, v in (x.split(":\t") for x in text.splitlines() if x.startswith("Cap"))}


@threat("CVE-2016-8867", "CVE-2018-10856", "CVE-2022-24769", "CVE-2022-27649", "CVE-2022-27650", "CVE-2022-27651",
        "CVE-2022-27652", "CVE-2022-29162", "CVE-2025-27612", "C2", "C3")
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("sets", [
    {}, {"bounding": ["CAP_CHOWN", "CAP_KILL"]},
    {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]},
    {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"],
     "effective": ["CAP_CHOWN"]}], ids=["none", "bounding", "no-inheritable", "ambient"])
@pytest.mark.parametrize("how", ["create", "exec", "exec-cap"])
def test_capability_sets(ctr, how, sets, uid):
    """Five sets, as the program has them after execve."""
    ctr.process["user"] = {"uid": uid, "gid": uid}
    ctr.process["capabilities"] = {k: sets.get(k, []) for k in SETS}
    want = {k: cap_mask(sets.get(k, [])) for k in SETS}
    if how == "create":
        text = ctr.args("/bin/cat", "/proc/self/status").run().ok().stdout
    else:
        ctr.started()
        more = ["--cap", "CAP_NET_RAW"] if how == "exec-cap" else []
        text = ctr.call("exec", *more, ctr.id, "/bin/cat", "/proc/self/status").ok().stdout
        if more:
            for k in ("bounding", "permitted", "effective"):
                want[k] |= cap_mask(["CAP_NET_RAW"])
    # execve, capabilities(7): root gets bounding and inheritable, others what is ambient
    if uid == 0:
        want["permitted"] = want["effective"] = want["bounding"] | want["inheritable"]
    else:
        want["permitted"] = want["effective"] = want["ambient"]
    got = caps_of(text)
    if not ctr.rt.is_hull and how == "exec-cap":  # older peers add it to all: only inheritable matters
        assert got["inheritable"] == want["inheritable"], got
        return
    assert got == want, {k: (hex(got[k]), hex(want[k])) for k in SETS if got[k] != want[k]}


@threat("CVE-2022-24769", "CVE-2022-29162", "CVE-2022-27650", "C3")
@pytest.mark.parametrize("how", ["create", "exec", "exec-cap"])
def test_file_with_inheritable_capabilities(ctr, how):
    """A program of the image marked so gains nothing from an inheritable set that nobody asked for."""
    ctr.bundle.put("/opt/busybox", open(ctr.bundle.file("/bin/busybox"), "rb").read(), 0o755)
    mask = cap_mask(["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"])
    # vfs_cap_data, revision 2, effective bit; permitted empty, inheritable full
    data = struct.pack("<IIIII", 0x02000001, 0, mask & 0xffffffff, 0, mask >> 32)
    os.setxattr(ctr.bundle.file("/opt/busybox"), "security.capability", data)
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    caps = ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE"]
    ctr.process["capabilities"] = {"bounding": caps, "permitted": caps, "effective": caps, "inheritable": [], "ambient": []}
    words = ["/opt/busybox", "cat", "/proc/self/status"]
    if how == "create":
        text = ctr.args(*words).run().ok().stdout
    else:
        ctr.started()
        text = ctr.call("exec", *(["--cap", "CAP_NET_RAW"] if how == "exec-cap" else []), ctr.id, *words).ok().stdout
    got = caps_of(text)
    assert got["inheritable"] == got["permitted"] == got["effective"] == 0, got


@threat("C3")
@pytest.mark.hull_only
def test_unknown_capability(make_ctr):
    ctr = make_ctr()
    ctr.process["capabilities"] = {k: ["CAP_EVERYTHING"] for k in SETS}
    result = ctr.args("/bin/cat", "/proc/self/status").run().ok()
    assert "CAP_EVERYTHING" in result.stderr
    assert not any(caps_of(result.stdout).values())
    strict = make_ctr()
    strict.process["capabilities"] = {"bounding": ["CAP_EVERYTHING"]}
    strict.bundle.write()
    strict.call("--strict", "run", "--bundle", strict.bundle.path, strict.id).failed()
    ctr = make_ctr()
    ctr.started()
    ctr.call("exec", "--cap", "CAP_EVERYTHING", ctr.id, "/bin/true").failed()


GROUPS = {"none": None, "empty": [], "some": [5, 7], "doubles": [7, 7, 5], "many": list(range(1, 65537))}


@threat("CVE-2022-2989", "CVE-2022-2990", "CVE-2022-2995", "CVE-2022-36109", "CVE-2023-25173", "C2")
@pytest.mark.parametrize("which", GROUPS)
@pytest.mark.parametrize("uid", [0, 1000])
def test_groups(ctr, which, uid):
    """The caller's own groups do not come along; a file closed to a group by its mode stays closed."""
    def caller():
        os.setgroups([10, 20, 30])
    ctr.process["user"] = {"uid": uid, "gid": uid}
    if GROUPS[which] is not None:
        ctr.process["user"]["additionalGids"] = GROUPS[which]
    ctr.bundle.put("/opt/closed", "secret\n", 0o704)
    os.chown(ctr.bundle.file("/opt/closed"), 1, 7)
    os.makedirs(ctr.bundle.file("/opt"), exist_ok=True)
    ctr.sh("grep ^Groups /proc/self/status; cat /opt/closed")
    result = ctr.run(preexec=caller)
    groups = sorted({int(x) for x in result.stdout.splitlines()[0].split()[1:]})
    want = sorted(set(GROUPS[which] or []))
    if len(want) > 1000:  # the file prints what fits on a page, in order
        assert groups == want[:len(groups)] or groups == want
    else:
        assert groups == want, groups
    if uid and 7 in want:
        assert "secret" not in result.stdout
    ctr.delete("--force")
    if which in ("none", "some"):
        ctr.args("/bin/sleep", "1000").started(preexec=caller)
        text = ctr.call("exec", ctr.id, "/bin/grep", "^Groups", "/proc/self/status", preexec=caller).ok().stdout
        assert sorted(int(x) for x in text.split()[1:]) == want, text


@threat("CVE-2023-25173", "C2")
def test_groups_in_a_user_namespace(ctr):
    """No group of the caller is left there either."""
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for path in (ctr.top, ctr.bundle.path):
        os.chmod(path, 0o755)
    text = ctr.args("/bin/grep", "^Groups", "/proc/self/status").run(preexec=lambda: os.setgroups([10, 20, 30])).ok().stdout
    assert text.split() == ["Groups:"], text
