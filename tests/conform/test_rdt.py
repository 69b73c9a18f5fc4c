"""config-linux.md#intelrdt. What needs the hardware asks for facts.rdt; masks and shares are made
from what the info directory says."""

import os
import re
import shutil

import pytest

from lib import facts, req, skip_unless
from lib.host import read

ROOT = "/sys/fs/resctrl"
WITHOUT = ["root"]


def rdt(ctr, **members):
    ctr.bundle.linux["intelRdt"] = members
    return ctr


def info(name):
    return read(os.path.join(ROOT, "info", name)).strip()


def l3(bits):
    """An L3 line with the lowest bits of each cache; more than the least the hardware takes."""
    skip_unless(info("L3/cbm_mask"), "no cache allocation")
    bits += int(info("L3/min_cbm_bits") or 1) - 1
    caches = re.search(r"L3:(\S+)", read(ROOT + "/schemata"))[1].split(";")
    mask = (1 << bits) - 1
    assert mask <= int(info("L3/cbm_mask"), 16)
    return "L3:" + ";".join(f"{c.split('=')[0]}={mask:x}" for c in caches)


def mb():
    """A bandwidth line with the least share, which needs no rounding."""
    skip_unless(info("MB/min_bandwidth"), "no bandwidth allocation")
    domains = re.search(r"MB:(\S+)", read(ROOT + "/schemata"))[1].split(";")
    share = info("MB/min_bandwidth")
    return "MB:" + ";".join(f"{d.split('=')[0].strip()}={share}" for d in domains)


def line(where, kind):
    """One line of schemata, without padding and leading zeros."""
    text = next(s.strip() for s in read(os.path.join(where, "schemata")).splitlines()
                if s.strip().startswith(kind + ":"))
    return re.sub(r"=\s*0*(?=\w)", "=", text.replace(" ", ""))


def tasks(*parts):
    return read(os.path.join(ROOT, *parts, "tasks")).split()


@pytest.fixture
def group(ctr):
    """Function that names a class of the suite's own and, if wished, makes it."""
    made = []

    def make(exist=True, name="g"):
        path = os.path.join(ROOT, f"{ctr.id}-{name}")
        made.append(path)
        if exist:
            os.mkdir(path)
        return path
    yield make
    for path in made + [os.path.join(ROOT, ctr.id)]:
        if os.path.isdir(path):
            os.rmdir(path)


def tree():
    return {top: (sorted(dirs), os.stat(top).st_mtime_ns) for top, dirs, _ in os.walk(ROOT)}


@req("LNX-RDT-01", "LNX-RDT-04")
def test_pid_is_in_the_class(ctr, group):
    path = group()
    rdt(ctr, closID=os.path.basename(path)).created()
    assert str(ctr.pid) in tasks(path)


@req("LNX-RDT-02", needs=WITHOUT)
@pytest.mark.parametrize("members", [
    {"closID": "guaranteed"}, {"l3CacheSchema": "L3:0=3"}, {"memBwSchema": "MB:0=20"},
    {"schemata": ["L3:0=3"]}, {"enableMonitoring": True}, {"closID": "/"}])
def test_not_mounted(ctr, members):
    skip_unless(not facts.rdt, "resctrl is mounted")
    path = "linux.intelRdt"
    rdt(ctr, **members).create_fails(naming=[path] + [f"{path}.{m}" for m in members])


@req("LNX-RDT-03")
def test_untouched(ctr):
    before = tree()
    ctr.sh("true").run().ok()
    assert tree() == before


@req("LNX-RDT-05")
def test_default_class(ctr):
    before = set(os.listdir(ROOT))
    rdt(ctr, closID="/").created()
    assert str(ctr.pid) in tasks() and set(os.listdir(ROOT)) == before


@req("LNX-RDT-06", "LNX-RDT-14", "LNX-RDT-17", "LNX-RDT-18")
@pytest.mark.parametrize("named", [True, False])
def test_l3(ctr, group, named):
    wanted = l3(2)
    path = group(exist=False) if named else os.path.join(ROOT, ctr.id)
    more = {"closID": os.path.basename(path)} if named else {}
    rdt(ctr, l3CacheSchema=wanted, **more).created()
    assert str(ctr.pid) in tasks(path) and line(path, "L3") == wanted


@req("LNX-RDT-07")
@pytest.mark.parametrize("text", ["L2:0=3", "3", "{l3}\nMB:0=10"])
def test_wrong_l3(ctr, group, text, record_property):
    """Refused, or with a warning; a second line never gets through unseen."""
    path = group(exist=False)
    wanted = text.format(l3=l3(2))
    result = rdt(ctr, closID=os.path.basename(path), l3CacheSchema=wanted).create()
    record_property(repr(text), "refused" if result.code else f"taken: {result.stderr.strip()}")
    if result.code == 0:
        assert "l3CacheSchema" in result.stderr


@req("LNX-RDT-08", "LNX-RDT-14")
def test_bandwidth(ctr, group):
    wanted, path = mb(), group(exist=False)
    rdt(ctr, closID=os.path.basename(path), memBwSchema=wanted).created()
    assert line(path, "MB") == wanted


@req("LNX-RDT-09")
@pytest.mark.parametrize("text", ["L3:0=3", "0=20", " MB:0=20", "mb:0=20"])
def test_wrong_bandwidth(ctr, text):
    rdt(ctr, memBwSchema=text).create_fails(naming="linux.intelRdt.memBwSchema")


@req("LNX-RDT-10")
@pytest.mark.parametrize("text", ["MB:0=20\nL3:0=3", "MB:0=20\n"])
def test_lines_in_bandwidth(ctr, text):
    rdt(ctr, memBwSchema=text).create_fails(naming="linux.intelRdt.memBwSchema")


@req("LNX-RDT-11")
def test_schemata(ctr, group):
    cache, share, path = l3(2), mb(), group(exist=False)
    rdt(ctr, closID=os.path.basename(path), schemata=[cache, share]).created()
    assert (line(path, "L3"), line(path, "MB")) == (cache, share)


@req("LNX-RDT-12")
@pytest.mark.parametrize("lines,number", [
    (["L3:0=3\nMB:0=20"], 0), (["L3:0=3", "MB:0=20\n"], 1)])
def test_lines_in_schemata(ctr, lines, number):
    rdt(ctr, schemata=lines).create_fails(naming=f"linux.intelRdt.schemata[{number}]")


@req("LNX-RDT-13", "LNX-RDT-15")
def test_order_of_writes(ctr, group):
    skip_unless(shutil.which("strace"), "no strace")
    cache, share, last, path = l3(2), mb(), l3(3), group(exist=False)
    rdt(ctr, closID=os.path.basename(path), l3CacheSchema=cache, memBwSchema=share,
        schemata=[last])
    trace = ctr.top + "/trace"
    ctr.created(wrap=f'exec strace -f -s 4096 -o {trace} -e trace=write,writev,pwrite64 "$@"')
    text = read(trace)
    found = [text.find(f'"{s}') for s in (cache, share, last)]
    assert -1 not in found and found == sorted(found)
    assert (line(path, "L3"), line(path, "MB")) == (last, share)


@req("LNX-RDT-16", "LNX-RDT-20")
def test_existing_class_alone(ctr, group):
    path = group()
    name = path + "/schemata"
    before = read(name), os.stat(name).st_mtime_ns
    rdt(ctr, closID=os.path.basename(path)).created()
    assert str(ctr.pid) in tasks(path)
    assert (read(name), os.stat(name).st_mtime_ns) == before


@req("LNX-RDT-17", "LNX-RDT-21")
@pytest.mark.parametrize("members", [{}, {"l3CacheSchema": True}])
def test_own_class(ctr, group, members):
    """group removes what is left over."""
    rdt(ctr, **{m: l3(2) for m in members}).created()
    path = os.path.join(ROOT, ctr.id)
    assert os.path.isdir(path) and str(ctr.pid) in tasks(ctr.id)
    ctr.delete("--force").ok()
    assert not os.path.isdir(path)


@req("LNX-RDT-19")
def test_existing_class_is_compared(ctr, group):
    path, wanted = group(), l3(2)
    before = read(path + "/schemata")
    assert line(path, "L3") != wanted
    rdt(ctr, closID=os.path.basename(path), l3CacheSchema=wanted).create_fails(
        naming=["linux.intelRdt", "linux.intelRdt.l3CacheSchema", "linux.intelRdt.closID"])
    assert read(path + "/schemata") == before


@req("LNX-RDT-19", "LNX-RDT-18")
def test_existing_class_fits(ctr, group):
    path, wanted = group(), l3(2)
    with open(path + "/schemata", "w", encoding="ascii") as f:
        f.write(wanted + "\n")
    rdt(ctr, closID=os.path.basename(path), l3CacheSchema=wanted).created()
    assert str(ctr.pid) in tasks(path)


@req("LNX-RDT-20")
def test_missing_class(ctr, group):
    path = group(exist=False)
    rdt(ctr, closID=os.path.basename(path)).create_fails(
        naming=["linux.intelRdt.closID", "linux.intelRdt"])
    assert not os.path.exists(path)


@req("LNX-RDT-22")
@pytest.mark.parametrize("exist", [True, False])
def test_class_stays(ctr, group, exist):
    path = group(exist=exist)
    more = {} if exist else {"l3CacheSchema": l3(2)}
    rdt(ctr, closID=os.path.basename(path), **more).created()
    ctr.delete("--force").ok()
    assert os.path.isdir(path)


@req("LNX-RDT-23", "LNX-RDT-24", "LNX-RDT-25")
@pytest.mark.parametrize("kind", ["named", "default", "own"])
def test_monitoring(ctr, group, kind):
    skip_unless(info("L3_MON/num_rmids"), "no monitoring")
    path = {"named": lambda: group(), "default": lambda: ROOT,
            "own": lambda: os.path.join(ROOT, ctr.id)}[kind]()
    more = {"named": {"closID": os.path.basename(path)}, "default": {"closID": "/"},
            "own": {}}[kind]
    group(exist=False)
    rdt(ctr, enableMonitoring=True, **more).created()
    mine = os.path.join(path, "mon_groups", ctr.id)
    assert str(ctr.pid) in tasks(mine)
    ctr.delete("--force").ok()
    assert not os.path.isdir(mine)
    assert os.path.isdir(path) == (kind != "own")


@req("LNX-RDT-26")
def test_no_monitor_left(ctr, group):
    skip_unless(info("L3_MON/num_rmids"), "no monitoring")
    path, made = group(), []
    try:
        for i in range(int(info("L3_MON/num_rmids"))):
            made.append(os.path.join(path, "mon_groups", f"m{i}"))
            try:
                os.mkdir(made[-1])
            except OSError:
                made.pop()
                break
        rdt(ctr, closID=os.path.basename(path), enableMonitoring=True)
        ctr.create_fails(naming=["linux.intelRdt.enableMonitoring", "linux.intelRdt"])
        assert len(os.listdir(path + "/mon_groups")) == len(made)
    finally:
        for one in made:
            os.rmdir(one)


@req("LNX-RDT-27")
def test_members_that_are_gone(ctr, group):
    path = group()
    rdt(ctr, closID=os.path.basename(path), enableCMT=True, enableMBM=True).created()
    assert str(ctr.pid) in tasks(path)


@req("LNX-RDT-27", needs=WITHOUT)
def test_members_that_are_gone_without_resctrl(ctr):
    """They are no reason for the refusal that is due."""
    skip_unless(not facts.rdt, "resctrl is mounted")
    text = rdt(ctr, closID="/", enableCMT=True, enableMBM=True).create_fails().stderr
    assert "enableCMT" not in text and "enableMBM" not in text
