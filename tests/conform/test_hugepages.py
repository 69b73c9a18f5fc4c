"""config-linux.md#huge-page-limits."""

import os

import pytest

from lib import req, skip_unless
from lib import cgroups
from lib.cgroups import exists, value
from lib.host import read

SIZES = {"2MB": 2048, "1GB": 1048576}
MAP = ("9", "0", str(4 << 20), "3", str(0x40022), "-1", "0")  # mmap, 4 MiB, private, huge


def sizes():
    """Page sizes of this kernel."""
    return [s for s, kb in SIZES.items()
            if os.path.isdir(f"/sys/kernel/mm/hugepages/hugepages-{kb}kB")]


def limited(ctr, *limits):
    cgroups.need("hugetlb")
    ctr.bundle.linux["resources"] = {
        "hugepageLimits": [{"pageSize": s, "limit": n} for s, n in limits]}
    return ctr


@pytest.fixture
def pages():
    """The host may hand out at least four pages of 2 MB."""
    path = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages"
    skip_unless(os.access(path, os.W_OK), "no huge pages of 2MB")
    before = read(path).strip()
    with open(path, "w", encoding="ascii") as f:
        f.write(str(int(before) + 4))
    yield
    with open(path, "w", encoding="ascii") as f:
        f.write(before)


@req("LNX-HUGE-01", needs=["root", "cgroup2", "kernel>=5.7"])
@pytest.mark.parametrize("limit", [209715200, 0])
def test_reservations(ctr, limit):
    limited(ctr, ("2MB", limit)).created()
    assert value(ctr, "hugetlb.2MB.rsvd.max") == str(limit)


@req("LNX-HUGE-01", needs=["root", "cgroup2", "kernel>=5.7"])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="mmap is another number")
def test_reservation_fails_early(ctr, pages):
    """Two pages: refused below that, given at that. Nothing is killed."""
    limited(ctr, ("2MB", 2 << 20))
    done = ctr.probe("syscall", *MAP)["do"][0]
    assert (done["ret"], done["errno"]) == (-1, 12)  # ENOMEM


@req("LNX-HUGE-01", needs=["root", "cgroup2", "kernel>=5.7"])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="mmap is another number")
def test_reservation_fits(ctr, pages):
    limited(ctr, ("2MB", 4 << 20))
    assert ctr.probe("syscall", *MAP)["do"][0]["ret"] != -1


@req("LNX-HUGE-02")
def test_page_faults(ctr):
    limited(ctr, ("2MB", 209715200)).created()
    skip_unless(not exists(ctr, "hugetlb.2MB.rsvd.max"), "this kernel accounts reservations")
    assert value(ctr, "hugetlb.2MB.max") == "209715200"


@req("LNX-HUGE-03")
@pytest.mark.parametrize("missing", ["pageSize", "limit"])
def test_incomplete(ctr, missing):
    entry = {"pageSize": "2MB", "limit": 2097152}
    del entry[missing]
    ctr.bundle.linux["resources"] = {"hugepageLimits": [entry]}
    ctr.create_fails(naming=[f"linux.resources.hugepageLimits[0].{missing}"])


@req("LNX-HUGE-04")
@pytest.mark.parametrize("size", ["2MB", "1GB"])
def test_page_size(ctr, size):
    skip_unless(size in sizes(), f"the kernel has no huge pages of {size}")
    limited(ctr, (size, 1 << 30)).created()
    assert str(1 << 30) in (value(ctr, f"hugetlb.{size}.max"),
                            value(ctr, f"hugetlb.{size}.rsvd.max"))


@req("LNX-HUGE-04")
@pytest.mark.parametrize("size", ["64kB", "2M", "2048", "3MB", "", "2MB/../../x"])
def test_no_page_size(ctr, size):
    limited(ctr, (size, 2097152))
    path = "linux.resources.hugepageLimits[0]"
    ctr.create_fails(naming=[path, f"{path}.pageSize"])


@req("LNX-HUGE-05")
def test_several_sizes(ctr):
    skip_unless(len(sizes()) == 2, "the kernel has only one size of huge pages")
    limited(ctr, ("2MB", 4194304), ("1GB", 3 << 30)).created()
    assert value(ctr, "hugetlb.2MB.rsvd.max") == "4194304"
    assert value(ctr, "hugetlb.1GB.rsvd.max") == str(3 << 30)
