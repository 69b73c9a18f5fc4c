"""config.md#valid-values: nothing wrong is taken."""

import json
import os
import re

import pytest

from lib import assert_names, assert_says, faults, req
from lib.names import names
from lib.schema import HERE

CASES, NODES = faults.cases()

SECTIONS = ["ociVersion", "root", "hostname", "domainname", "annotations", "mounts", "hooks",
            "process.user", "process.capabilities", "process.rlimits", "process",
            "linux.namespaces", "linux.seccomp", "linux.resources.memory", "linux.resources.cpu",
            "linux.resources.blockIO", "linux.resources", "linux.devices", "linux.intelRdt", "linux"]


def section(path):
    return next(s for s in SECTIONS if path == s or path.startswith((s + ".", s + "[")))


def refused(ctr, path, value):
    """What is wrong with the answer to this value, or None."""
    original = ctr.bundle.config
    ctr.bundle.config = json.loads(json.dumps(original))
    faults.place(ctr.config, path, value, NODES)
    try:
        result = ctr.create("--console-socket", "/nosuch") if path == "process.terminal" \
            else ctr.create()
    finally:
        ctr.bundle.config = original
    if result.code == 0:
        ctr.delete("--force")
        return f"{path}: {value!r} is taken"
    if result.code < 0:
        return f"{path}: {value!r}: the runtime died of signal {-result.code}"
    parent = re.sub(r"(\.\w+|\[\d+\])$", "", path)
    wanted = [path] + ([parent] if parent.endswith("]") or path.endswith(".k") else [])
    if os.environ.get("CONFORM_RELAXED") or any(names(p, result.stderr) for p in wanted):
        return None
    return f"{path}: {value!r} is refused without its name: {result.stderr.strip()[-120:]}"


def all_refused(ctr, name, kinds):
    ctr.args("/bin/true")
    todo = [(p, v) for p, v, k in CASES if section(p) == name and k in kinds]
    wrong = [w for w in (refused(ctr, p, v) for p, v in todo) if w]
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(wrong)


@req("CFG-VALID-01")
@pytest.mark.parametrize("name", SECTIONS)
def test_wrong_types_and_words(ctr, name):
    all_refused(ctr, name, ("type", "word"))


@req("CFG-VALID-03")
@pytest.mark.parametrize("name", [s for s in SECTIONS if any(
    section(p) == s and k == "range" for p, _, k in CASES)])
def test_numbers_out_of_range(ctr, name):
    all_refused(ctr, name, ("range",))


@req("CFG-VALID-03")
@pytest.mark.parametrize("text", ["4294967296", "-1", "1.5", "1e3", "4294967295.0", "18446744073709551616"])
def test_uid_out_of_range(ctr, text):
    ctr.bundle.raw = json.dumps(ctr.config).replace('"uid": 0', f'"uid": {text}')
    ctr.create_fails(naming="process.user.uid")


@req("CFG-VALID-03")
def test_memory_limit_out_of_range(ctr):
    ctr.bundle.linux["resources"] = {"memory": {"limit": 9223372036854775808}}
    ctr.create_fails(naming="linux.resources.memory.limit")


@req("CFG-VALID-04")
@pytest.mark.parametrize("how", ["braces", "truncated", "empty", "garbage", "comment", "array",
                                 "nul"])
def test_not_json(ctr, how):
    text = json.dumps(ctr.config)
    ctr.bundle.raw = {"braces": "{]", "truncated": text[:len(text) // 2], "empty": "",
                      "garbage": text + " x", "comment": "// x\n" + text, "array": "[]",
                      "nul": text + "\0{}"}[how]
    result = ctr.create_fails()
    if how != "array":
        assert_says(r"(line|column|position|offset|byte|character|at)\D{0,12}\d", result.stderr)


def samples(kind, pattern):
    where = os.path.join(HERE, "schema/test/config", kind)
    return sorted(n for n in os.listdir(where) if re.match(pattern, n))


def put_sample(ctr, kind, name):
    """The sample as config.json; its cgroup is named after the container."""
    with open(os.path.join(HERE, "schema/test/config", kind, name), "rb") as f:
        ctr.bundle.raw = f.read().replace(b'"/myRuntime/myContainer"', b'"/%s"' % ctr.id.encode())


@req("CFG-VALID-05")
@pytest.mark.parametrize("name", samples("bad", "invalid-json|linux-"))
def test_bad_samples(ctr, name):
    put_sample(ctr, "bad", name)
    ctr.create_fails()


@req("CFG-VALID-05")
@pytest.mark.parametrize("name", samples("good", "minimal|linux-|spec-example"))
def test_good_samples(ctr, name):
    """They parse; whether they can be applied depends on the host."""
    put_sample(ctr, "good", name)
    result = ctr.create(wrap='exec unshare -m --propagation private "$@"')
    assert result.code >= 0
    if result.code:
        bad = r"parse|syntax|unmarshal|(wrong|unexpected) type|must be an? (string|object|array|number)"
        assert not re.search(bad, result.stderr, re.I), result.stderr
    else:
        ctr.delete("--force")


@req("CFG-VALID-02", needs=["root|userns"])
def test_listed_values_work_and_others_do_not(ctr, record_property):
    """Actions of seccomp stand for all enumerations that features can list."""
    result = ctr.call("features")
    if result.code and not ctr.rt.is_hull:
        record_property("features", "none")
        return
    listed = json.loads(result.ok().stdout)["linux"]["seccomp"]["actions"]
    every = NODES["linux.seccomp.defaultAction"][0]["enum"]
    for action in every + ["SCMP_ACT_CONFORM"]:
        if action == "SCMP_ACT_NOTIFY":  # needs a listener
            continue
        ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mincore"], "action": action}]}
        outcome = ctr.args("/bin/true").run()
        assert (outcome.code == 0) == (action in listed), f"{action}: {outcome.stderr}"
    if ctr.rt.is_hull:
        assert_names("linux.seccomp.syscalls[0].action", outcome.stderr)
