"""The state document and the query operation."""

import os
import re

from lib import req
from lib.schema import state_errors

STANDARD = ("creating", "created", "running", "stopped")


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


@req("RT-STATE-08")
def test_zombie_is_stopped(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit(reap=False)
    assert os.path.exists(f"/proc/{ctr.pid}")
    assert ctr.status_word() == "stopped"


@req("RT-STATE-19", "RT-QUERY-03")
def test_schema(ctr):
    ctr.created()
    assert not state_errors(ctr.state())


@req("RT-QUERY-02")
def test_unknown_id(ctr):
    ctr.state_call("nosuch").failed()
