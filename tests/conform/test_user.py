"""config.md#posix-platform-user."""

import pytest

from lib import assert_names, facts, req
from lib.host import read


def mapping(ctr, host, size):
    """Gives the container a user namespace."""
    ctr.bundle.namespace("user")
    entry = [{"containerID": 0, "hostID": host, "size": size}]
    ctr.bundle.linux["uidMappings"] = ctr.bundle.linux["gidMappings"] = entry


@req("CFG-USER-01", "CFG-USER-02", needs=["root"])
def test_ids(ctr):
    ctr.process["user"] = {"uid": 1000, "gid": 1001}
    seen = ctr.probe("ids")["ids"]
    assert seen["uid"] == [1000] * 4
    assert seen["gid"] == [1001] * 4


@req("CFG-USER-01", "CFG-USER-02")
def test_ids_of_root(ctr):
    seen = ctr.probe("ids")["ids"]
    assert seen["uid"] == seen["gid"] == [0] * 4


@req("CFG-USER-01", needs=["root", "userns"])
def test_host_sees_the_mapped_id(ctr):
    mapping(ctr, 100000, 65536)
    ctr.process["user"] = {"uid": 1000, "gid": 1001}
    ctr.args("/bin/probe", "ids", "stay").started()
    assert ctr.line() == "{"
    status = read(f"/proc/{ctr.pid}/status")
    assert "Uid:\t101000\t101000\t101000\t101000" in status
    assert "Gid:\t101001\t101001\t101001\t101001" in status


@req("CFG-USER-03")
@pytest.mark.parametrize("given,missing", [("uid", "gid"), ("gid", "uid")])
def test_incomplete(ctr, given, missing, record_property):
    ctr.process["user"] = {given: 1}
    result = ctr.create()
    record_property(f"user without {missing}", "refused" if result.code else "0 is taken")
    if ctr.rt.is_hull:
        assert_names(f"process.user.{missing}", result.failed().stderr)


@req("CFG-USER-04")
@pytest.mark.parametrize("kind", ["uid", "gid"])
def test_not_mapped(ctr, kind):
    mapping(ctr, 0 if facts.root else __import__("os").geteuid(), 10 if facts.root else 1)
    ctr.process["user"][kind] = 500
    ctr.sh("echo ran > /ran").create_or_start_fails()
    assert not ctr.bundle.exists("/ran")


@req("CFG-USER-05")
def test_umask(ctr):
    ctr.process["user"]["umask"] = 63
    assert ctr.probe("umask")["umask"] == 0o77


@req("CFG-USER-05")
def test_umask_of_zero(ctr):
    ctr.process["user"]["umask"] = 0
    assert ctr.probe("umask")["umask"] == 0


@req("CFG-USER-06")
def test_umask_of_the_caller(ctr):
    assert ctr.probe("umask", wrap='umask 0027; exec "$@"')["umask"] == 0o27


@req("CFG-USER-07")
@pytest.mark.parametrize("groups", [[5, 6], []])
def test_additional_gids(ctr, groups):
    ctr.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": groups}
    seen = ctr.probe("ids", wrap='exec setpriv --groups=33,34 "$@"')["ids"]
    assert sorted(set(seen["groups"]) - {1001}) == groups


@req("CFG-USER-07", needs=["root", "userns"])
@pytest.mark.parametrize("groups", [[], [0], [7]])
def test_groups_where_setgroups_is_denied(ctr, groups):
    """The caller is in a user namespace of one id, where groups cannot be set: what it has is granted."""
    ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
    ctr.process["user"]["additionalGids"] = groups
    wrap = 'exec unshare --user --map-root-user "$@"'
    if groups == [7]:
        assert_names("process.user.additionalGids", ctr.args("/bin/true").run(wrap=wrap).failed().stderr)
    else:
        assert ctr.probe("ids", wrap=wrap)["ids"]["gid"] == [0] * 4


@req("CFG-USER-08")
def test_names_are_refused(ctr):
    ctr.process["user"]["uid"] = "root"
    ctr.create_fails(naming="process.user.uid")


@req("CFG-USER-08", needs=["root|userns"])
def test_username_has_no_effect(ctr):
    ctr.process["user"]["username"] = "nobody"
    assert ctr.probe("ids")["ids"]["uid"] == [0] * 4
