"""config-linux.md#personality."""

import os

import pytest

from lib import req, skip_unless


@req("LNX-PERS-01")
def test_domain_is_missing(ctr):
    ctr.bundle.linux["personality"] = {}
    ctr.create_fails(naming="linux.personality.domain")


@req("LNX-PERS-02")
def test_linux(ctr):
    ctr.bundle.linux["personality"] = {"domain": "LINUX"}
    seen = ctr.probe("personality", "uts", wrap='exec setarch --addr-no-randomize "$@"')
    assert seen["personality"] == 0
    assert seen["uts"]["machine"] == os.uname().machine


@req("LNX-PERS-03")
def test_linux32(ctr):
    ctr.bundle.linux["personality"] = {"domain": "LINUX32"}
    seen = ctr.probe("personality", "uts")
    assert seen["personality"] == 8
    skip_unless(os.uname().machine == "x86_64", "only the name of x86_64 is known here")
    assert seen["uts"]["machine"] == "i686"


@req("LNX-PERS-04")
@pytest.mark.parametrize("domain", ["LINUX64", "", "linux", "LINUX32 "])
def test_unknown_domain(ctr, domain):
    ctr.bundle.linux["personality"] = {"domain": domain}
    ctr.create_fails(naming="linux.personality.domain")


@req("LNX-PERS-05")
def test_flags_are_refused(ctr):
    ctr.bundle.linux["personality"] = {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}
    ctr.create_fails(naming=["linux.personality.flags[0]"])


@req("LNX-PERS-05", needs=["root|userns"])
def test_no_flags(ctr):
    ctr.bundle.linux["personality"] = {"domain": "LINUX", "flags": []}
    assert ctr.probe("personality")["personality"] == 0
