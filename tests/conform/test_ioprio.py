"""config.md#linux-process: ioPriority."""

import json

import pytest

from lib import req


def entry(name, priority):
    return {"class": f"IOPRIO_CLASS_{name}", "priority": priority}


@req("CFG-IOPRIO-01", "CFG-IOPRIO-02", "CFG-IOPRIO-03", needs=["root"])
@pytest.mark.parametrize("name,number,priority", [
    ("RT", 1, 0), ("RT", 1, 7), ("BE", 2, 6), ("IDLE", 3, 0)])
def test_classes(ctr, name, number, priority):
    ctr.process["ioPriority"] = entry(name, priority)
    seen = ctr.probe("ioprio")["ioprio"]
    assert seen["class"] == number
    assert name == "IDLE" or seen["priority"] == priority


@req("CFG-IOPRIO-04")
@pytest.mark.parametrize("name", ["IOPRIO_CLASS_NONE", "BE", "", "ioprio_class_be"])
def test_unknown_class(ctr, name):
    ctr.process["ioPriority"] = {"class": name, "priority": 0}
    ctr.create_fails(naming="process.ioPriority.class")


@req("CFG-IOPRIO-05")
@pytest.mark.parametrize("missing", ["class", "priority"])
def test_incomplete(ctr, missing):
    ctr.process["ioPriority"] = entry("BE", 4)
    del ctr.process["ioPriority"][missing]
    ctr.create_fails(naming=f"process.ioPriority.{missing}")


@req("CFG-IOPRIO-06")
@pytest.mark.parametrize("priority", [8, -1])
def test_out_of_range(ctr, priority):
    ctr.process["ioPriority"] = entry("BE", priority)
    ctr.create_fails(naming="process.ioPriority.priority")


@req("CFG-IOPRIO-07")
def test_children_have_it(ctr):
    ctr.process["ioPriority"] = entry("BE", 7)
    text = ctr.sh("/bin/probe ioprio; true").run().ok().stdout
    assert json.loads(text)["ioprio"] == {"class": 2, "priority": 7}


@req("CFG-IOPRIO-07")
def test_exec_is_recorded(ctr, needs_exec, record_property):
    ctr.process["ioPriority"] = entry("BE", 7)
    ctr.started()
    seen = json.loads(ctr.exec("/bin/probe", "ioprio").ok().stdout)["ioprio"]
    record_property("exec without a setting of its own", seen)
