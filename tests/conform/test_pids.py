"""config-linux.md#pids."""

from lib import req, skip_unless
from lib import cgroups
from lib.cgroups import value


def limited(ctr, **pids):
    cgroups.need("pids")
    ctr.bundle.linux["resources"] = {"pids": pids}
    return ctr


@req("LNX-PIDS-01", needs=["root"])
def test_limit(ctr):
    limited(ctr, limit=20).created()
    assert value(ctr, "pids.max") == "20"


@req("LNX-PIDS-01", needs=["root"])
def test_limit_stops_forks(ctr):
    done = limited(ctr, limit=20).probe("fork", 100)["do"][0]
    assert done["errno"] == 11 and done["made"] == 19  # EAGAIN; the probe itself is the 20th


@req("LNX-PIDS-02", needs=["root"])
def test_no_limit(ctr):
    limited(ctr, limit=-1).created()
    assert value(ctr, "pids.max") == "max"


@req("LNX-PIDS-03", needs=["root"])
def test_zero(ctr, record_property):
    """0 stops every fork: also 1 does, which some runtimes make of it."""
    limited(ctr, limit=0).args("/bin/probe", "fork", "3").created()
    record_property("0 becomes", value(ctr, "pids.max"))
    assert value(ctr, "pids.max") in ("0", "1")
    ctr.start().ok()
    assert '"made": 0' in ctr.output()


@req("LNX-PIDS-04", needs=["root"])
def test_without_limit(ctr, record_property):
    limited(ctr)
    result = ctr.create()
    record_property("pids without limit", "error" if result.code else "taken")
    skip_unless(result.code == 0, "the runtime follows the schema, which requires limit")
    assert value(ctr, "pids.max") == "max"
