"""The state document and the query operation: runtime.md#state, #query-state, #operations."""

import json
import os
import re
import shlex
import subprocess

import pytest

from lib import TABLE, hooks, req
from lib.schema import Schema, state_errors
from lib.table import ids_of

STANDARD = ("creating", "created", "running", "stopped")


def trap(ctr):
    """A container whose program runs until it is told to stop."""
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    return ctr


@req("RT-STATE-01")
def test_version_is_that_of_the_state(make_ctr):
    versions = set()
    for bundle_version in ("1.0.0", "1.0.2"):
        ctr = make_ctr()
        ctr.config["ociVersion"] = bundle_version
        versions.add(ctr.created().state()["ociVersion"])
    assert len(versions) == 1, f"follows the bundle: {versions}"
    version = versions.pop()
    assert re.fullmatch(r"\d+\.\d+\.\d+([-+].*)?", version)
    if ctr.rt.is_hull:
        assert version == "1.3.0"


@req("RT-STATE-02")
def test_id(ctr):
    assert ctr.created().state()["id"] == ctr.id


@req("RT-STATE-18")
@pytest.mark.hull_only
@pytest.mark.parametrize("path,shown", [("./rootfs/", "rootfs"), (".//rootfs/.", "rootfs"),
                                        ("rootfs/bin/..", "rootfs/bin/..")])
def test_rootfs_as_one_would_write_it(ctr, path, shown):
    """Not resolved: what ".." leads to only the file system knows."""
    ctr.config["root"]["path"] = path
    assert ctr.created().state()["rootfs"] == os.path.join(ctr.bundle.path, shown)


@req("RT-STATE-03")
def test_id_is_unique(ctr, make_ctr, record_property):
    ctr.created()
    other = make_ctr()
    other.create(cid=ctr.id, root=ctr.root).failed()
    assert ctr.state()["pid"] == ctr.pid
    elsewhere = make_ctr()
    result = elsewhere.create(cid=ctr.id)
    record_property("same id under another root", "taken" if result.code else "a second container")
    elsewhere.call("delete", "--force", ctr.id)


@req("RT-STATE-04", "RT-STATE-06", "RT-STATE-07", "RT-STATE-08", "RT-STATE-10")
def test_status_follows_the_lifecycle(ctr):
    ctr.args("/bin/probe", "trap").created()
    seen = [ctr.status_word()]
    ctr.start().ok()
    assert ctr.line() == "ready"
    seen.append(ctr.status_word())
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    seen.append(ctr.status_word())
    assert seen == ["created", "running", "stopped"]


@req("RT-STATE-07")
def test_running_while_run_waits(ctr):
    """run stays in the foreground; the container is no less running for it, from its poststart hooks on."""
    ctr.args("/bin/probe", "trap").bundle.write()
    waiting = subprocess.Popen(ctr.argv("run", "--bundle", ctr.bundle.path, ctr.id), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, env=ctr.env, text=True)
    try:
        assert waiting.stdout.readline() == "ready\n"
        assert ctr.status_word() == "running"
        ctr.kill("KILL").ok()
        assert waiting.wait(20) == 137
    finally:
        waiting.kill()


@req("RT-STATE-05")
def test_creating_in_the_hooks_of_create(ctr):
    for kind in hooks.AT_CREATE:
        hooks.saving(ctr, kind)
    query = shlex.join(ctr.argv("state", ctr.id))
    out = ctr.bundle.put("queried", "")
    ctr.bundle.hook("createRuntime", f"{query} > {shlex.quote(out)} || true")
    ctr.created()
    for kind in hooks.AT_CREATE:
        assert hooks.saved(ctr, kind)["status"] == "creating", kind
    assert json.loads(ctr.bundle.read("queried"))["status"] == "creating"


@req("RT-STATE-08")
def test_zombie_is_stopped(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit(reap=False)
    assert os.path.exists(f"/proc/{ctr.pid}")
    assert ctr.status_word() == "stopped"


@req("RT-STATE-07")
def test_sigstop_is_still_running(ctr):
    trap(ctr).kill("STOP").ok()
    assert ctr.status_word() == "running"


@req("RT-STATE-09")
def test_paused(ctr, record_property):
    trap(ctr)
    result = ctr.call("pause", ctr.id)
    if result.code and not ctr.rt.is_hull:
        record_property("added status", "none")
        return
    result.ok()
    status = ctr.status_word()
    record_property("added status", status)
    assert status not in STANDARD
    ctr.call("resume", ctr.id).ok()
    assert ctr.status_word() == "running"


@req("RT-STATE-11")
def test_pid_is_the_container_process(ctr):
    ctr.args("/bin/sleep", "1000").created()
    assert ctr.state()["pid"] == ctr.pid > 0
    ctr.start().ok()
    assert ctr.state()["pid"] == ctr.pid
    status = open(f"/proc/{ctr.pid}/status", encoding="ascii").read()
    assert re.search(r"^NSpid:\s+\d+\s+1$", status, re.M), "not pid 1 of a namespace of its own"


@req("RT-STATE-12")
def test_pid_for_hooks_outside(ctr):
    for kind in ("prestart", "createRuntime", "poststart"):
        hooks.saving(ctr, kind)
    ctr.started()
    for kind in ("prestart", "createRuntime", "poststart"):
        assert hooks.saved(ctr, kind)["pid"] == ctr.pid, kind


@req("RT-STATE-13")
def test_pid_for_hooks_inside(ctr):
    for kind in ("createContainer", "startContainer"):
        hooks.saving(ctr, kind)
    ctr.started()
    for kind in ("createContainer", "startContainer"):
        assert hooks.saved(ctr, kind).get("pid") == 1, kind


@req("RT-STATE-14")
def test_no_pid_once_stopped(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    pid = ctr.state().get("pid", 0)
    assert pid == 0 or not os.path.exists(f"/proc/{pid}")


@req("RT-STATE-15")
def test_bundle_is_absolute(ctr):
    ctr.bundle.write()
    ctr.call("create", "--bundle", "./b", "--pid-file", ctr.pid_file, ctr.id, cwd=ctr.top,
             stdout=os.open("/dev/null", os.O_WRONLY)).ok()
    bundle = ctr.state()["bundle"]
    assert bundle.startswith("/")
    assert os.path.samefile(os.path.join(bundle, "config.json"),
                            os.path.join(ctr.bundle.path, "config.json"))


@req("RT-STATE-16", "CFG-ANN-06")
def test_annotations(ctr):
    ctr.config["annotations"] = {"a.b": "c", "d": ""}
    hooks.saving(ctr, "createRuntime")
    ctr.created()
    assert ctr.state()["annotations"] == {"a.b": "c", "d": ""}
    assert hooks.saved(ctr, "createRuntime")["annotations"] == {"a.b": "c", "d": ""}


@req("RT-STATE-17")
def test_no_annotations(ctr):
    assert not ctr.created().state().get("annotations")


@req("RT-STATE-18", "RT-STATE-19", "RT-QUERY-03")
def test_schema_of_state(ctr):
    trap(ctr)
    state = ctr.state()
    assert isinstance(state, dict)
    assert not state_errors(state)
    assert not Schema("state-schema.json").errors(state | {"x-extra": [1]})
    ctr.kill("KILL").ok()
    ctr.wait_exit()
    assert not state_errors(ctr.state())


@req("RT-STATE-19")
def test_schema_of_hook_stdin(ctr):
    for kind in hooks.KINDS:
        hooks.saving(ctr, kind)
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.delete().ok()
    for kind in hooks.KINDS:
        found = Schema("state-schema.json").errors(hooks.saved(ctr, kind))
        assert not found, f"{kind}: {found}"


@req("RT-QUERY-01")
def test_state_without_id(ctr):
    result = ctr.call("state").failed()
    assert not result.stdout.strip().startswith("{")


@req("RT-QUERY-02")
def test_state_of_unknown_id(ctr):
    ctr.state_call("nosuch").failed()


@req("RT-OPS-01", "RT-SCOPE-01", "RT-CREATE-05")
def test_every_operation(ctr):
    ctr.args("/bin/probe", "trap")
    ctr.create().ok()
    assert ctr.status_word() == "created"
    ctr.start().ok()
    assert ctr.line() == "ready"
    ctr.kill("TERM").ok()
    assert ctr.wait_exit() == 0
    assert ctr.status_word() == "stopped"
    ctr.delete().ok()
    ctr.gone()


@req("RT-ERR-03")
def test_errors_show_in_the_exit_status(ctr):
    log = os.path.join(ctr.top, "log")
    result = ctr.call("--log", log, "state", "nosuch").failed()
    if ctr.rt.is_hull:
        assert result.stderr.strip()
        assert "nosuch" in open(log, encoding="utf-8").read()


@req("RT-ERR-02")
def test_refusals_leave_the_container_alone(ctr):
    trap(ctr)
    before = ctr.state()
    ctr.start().failed()
    ctr.kill("NOSUCHSIGNAL").failed()
    ctr.delete().failed()
    assert ctr.state() == before
    assert ctr.alive()
    ctr.kill("TERM").ok()
    assert ctr.output().splitlines() == ["signal 15"]


@req("RT-WARN-01")
def test_a_warning_changes_nothing(ctr):
    ctr.process["capabilities"] = {"bounding": ["CAP_FOO", "CAP_KILL"]}
    ctr.sh("echo ran").create().ok()
    ctr.start().ok()
    assert ctr.finish() == (0, "ran\n")


@req("SPEC-01")
def test_table_is_complete(request):
    """The gate on the coverage table itself: every row is carried by a test that checks all of it."""
    items = request.config.conform_items
    carried = {rid for item in items for rid in ids_of(item)}
    unfinished = {rid for item in items if item.get_closest_marker("wip") for rid in ids_of(item)}
    missing = [rid for rid in TABLE if rid not in carried or rid in unfinished]
    assert not missing, f"{len(missing)} rows are not Included: {' '.join(missing)}"
