"""config.md#annotations, #extensibility."""

import json
import os

import pytest

from lib import req

SPECIAL = "org.opencontainers."


def shown(ctr, annotations):
    """The annotations of the state document."""
    ctr.config["annotations"] = annotations
    return ctr.created().state().get("annotations")


@req("CFG-ANN-01")
@pytest.mark.parametrize("value", [[], ["a"], "a", 1, True])
def test_not_a_map(ctr, value):
    ctr.config["annotations"] = value
    ctr.create_fails(naming="annotations")


@req("CFG-ANN-02")
@pytest.mark.parametrize("value", [{}, None])
def test_empty(ctr, value):
    if value is not None:
        ctr.config["annotations"] = value
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-ANN-03")
def test_empty_key(ctr):
    ctr.config["annotations"] = {"a.b": "c", "": "x"}
    ctr.create_fails(naming="annotations")


@req("CFG-ANN-04")
def test_plain_key(ctr):
    assert shown(ctr, {"plain": "x"}) == {"plain": "x"}


@req("CFG-ANN-05")
@pytest.mark.parametrize("value", [1, None, {}, [], True])
def test_values_are_strings(ctr, value):
    ctr.config["annotations"] = {"k": value}
    ctr.create_fails(naming="annotations.k")


@req("CFG-ANN-06")
def test_empty_value(ctr):
    assert shown(ctr, {"a.b": ""}) == {"a.b": ""}


@req("CFG-ANN-07", "CFG-ANN-08")
@pytest.mark.parametrize("key", [SPECIAL + "foo", "com.example.unknown"])
def test_unknown_keys(ctr, key):
    ctr.config["annotations"] = {key: "x"}
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-ANN-09")
def test_os(ctr):
    given = {SPECIAL + "image.os": "linux", SPECIAL + "image.os.version": "6.0",
             SPECIAL + "image.os.features": "a,b"}
    assert shown(ctr, given) == given


@req("CFG-ANN-10")
def test_architecture(ctr):
    given = {SPECIAL + "image.architecture": "amd64", SPECIAL + "image.variant": "v2"}
    assert shown(ctr, given) == given


@req("CFG-ANN-11")
def test_author(ctr):
    given = {SPECIAL + "image.author": "Ada <ada@example.com>",
             SPECIAL + "image.created": "2024-01-02T03:04:05Z"}
    assert shown(ctr, given) == given


@req("CFG-ANN-12")
def test_stop_signal(ctr):
    ctr.config["annotations"] = {SPECIAL + "image.stopSignal": "SIGUSR1"}
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    ctr.kill().ok()
    assert ctr.line() == "signal 10"




@req("CFG-EXT-01")
@pytest.mark.parametrize("where", [
    "", "process", "process.user", "root", "mounts.0", "hooks", "hooks.prestart.0", "linux",
    "linux.namespaces.0", "linux.resources", "linux.resources.memory", "linux.seccomp"])
def test_unknown_properties(ctr, where):
    """x and names that differ in case only from known ones."""
    if where.startswith("hooks"):
        ctr.bundle.hook("prestart", "true")
    if where.startswith("linux.resources"):
        ctr.bundle.linux["resources"] = {"memory": {}}
    if where == "linux.seccomp":
        ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    node = ctr.config
    for part in where.split(".") if where else []:
        node = node[int(part) if part.isdigit() else part]
    node["x"] = [1, {"y": None}]
    node["x.y/z"] = "odd"
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-EXT-02")
def test_unknown_properties_may_be_logged(ctr, record_property):
    ctr.config["unheardOf"] = 1
    ctr.sh("echo ran").bundle.write()
    result = ctr.call("--debug", "run", "--bundle", ctr.bundle.path, ctr.id)
    record_property("unknown property in the log", "unheardOf" in result.stderr)
    assert result.ok().stdout.endswith("ran\n")


# ---- annotations that change what hull does (FEAT-16) ----

@req("S-31")
@pytest.mark.hull_only
@pytest.mark.parametrize("strict", [True, False])
def test_unknown_system_calls(ctr, strict):
    """run.oci.seccomp_fail_unknown_syscall: a name that no architecture has is an error."""
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["uname", "no_such_call"], "action": "SCMP_ACT_ERRNO"}]}
    ctr.config["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"} if strict else {}
    if strict:
        ctr.create_fails(naming="linux.seccomp.syscalls[0].names[1]")
    else:
        ctr.created()


@req("S-31", needs=["root"])
@pytest.mark.hull_only
@pytest.mark.parametrize("value", ["1", "0"])
def test_groups_of_the_caller(ctr, value):
    """run.oci.keep_original_groups: 1 keeps those of whoever calls, and additionalGids has no
    effect; in exec too."""
    ctr.process["user"]["additionalGids"] = [55]
    ctr.config["annotations"] = {"run.oci.keep_original_groups": value}
    caller = {"preexec": lambda: os.setgroups([77, 78])}
    wanted = [77, 78] if value == "1" else [55]
    assert sorted(ctr.probe("ids", **caller)["ids"]["groups"]) == wanted
    ctr.args("/bin/sleep", "1000").created(**caller)
    ctr.start().ok()
    done = json.loads(ctr.exec("/bin/probe", "ids", **caller).ok().stdout)
    assert sorted(done["ids"]["groups"]) == wanted


@req("S-31")
@pytest.mark.hull_only
@pytest.mark.parametrize("key, value", [
    ("run.oci.keep_original_groups", "yes"), ("run.oci.seccomp_bpf_data", "!"),
    ("run.oci.seccomp_bpf_data", "AAAA"), ("run.oci.seccomp.receiver", "agent"),
    ("run.oci.mount_context_type", "label"), ("run.hull.landlock", "1")])
def test_wrong_values_are_refused(ctr, key, value):
    """Nothing understood is ignored: the error is at the annotation."""
    ctr.config["annotations"] = {key: value}
    assert f"/annotations/{key}" in ctr.create_fails().stderr


@req("CFG-ANN-12")
@pytest.mark.hull_only
def test_unknown_stop_signal(ctr, record_property):
    ctr.config["annotations"] = {SPECIAL + "image.stopSignal": "SIGNONSENSE"}
    result = ctr.args("/bin/probe", "trap").create()
    record_property("create with an unknown stop signal", result.code)
    if result.code == 0:
        ctr.start().ok()
        assert ctr.line() == "ready"
        stopped = ctr.kill()
        assert stopped.code == 0 or "SIGNONSENSE" in stopped.stderr
