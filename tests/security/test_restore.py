# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.10: images of a checkpoint that carry more rights than the config gives. images.py is CRIU here."""

import json
import os
import shutil

import pytest

from lib.bundle import CAPS, cap_mask
from lib.host import read
from threats import threat

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = ["mount", "uts", "ipc", "pid", "network"]
MASKS = ["/proc/timer_list", "/proc/sys"]


def images(ctr, **rights):
    """The stand-in beside its plan; as the images want it, by default what the config gives."""
    top = os.path.join(ctr.top, "criu")
    os.makedirs(top)
    shutil.copy(os.path.join(HERE, "images.py"), top + "/criu")
    shutil.copy(os.path.join(HERE, "..", "lib", "wire.py"), top)
    os.makedirs(ctr.top + "/images", exist_ok=True)
    plan = {"caps": cap_mask(["CAP_KILL"]), "nnp": True, "filter": True, "namespaces": ALL,
            "masks": MASKS, "volume": ctr.top + "/volume", "second": None} | rights
    with open(top + "/plan.json", "w", encoding="utf-8") as f:
        json.dump(plan, f)
    return top


def restore(ctr, top, *options):
    os.makedirs(ctr.top + "/volume", exist_ok=True)
    ctr.bundle.put("/vol/x", "")
    ctr.config["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"},
                            {"destination": "/vol", "type": "bind", "source": ctr.top + "/volume",
                             "options": ["bind", "ro", "nosuid"]}]
    ctr.process.update(noNewPrivileges=True,
                       capabilities={s: ["CAP_KILL"] for s in ("bounding", "effective", "permitted")})
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                   "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}
    ctr.bundle.linux.update(namespaces=[{"type": t} for t in ALL], maskedPaths=MASKS[:1], readonlyPaths=MASKS[1:])
    ctr.bundle.write()
    result = ctr.call("--criu", top + "/criu", "restore", "--detach", "--bundle", ctr.bundle.path, "--pid-file",
                      ctr.pid_file, "--image-path", ctr.top + "/images", *options, ctr.id)
    failed = top + "/failed"
    assert not os.path.exists(failed), read(failed)
    return result


@threat("CVE-2026-94603", "CVE-2026-95837", "J3")
@pytest.mark.hull_only
@pytest.mark.parametrize("second", [None, "zombie"])
def test_images_within_the_config(ctr, second):
    """Rights as the config gives them come back; a mount has the flags of the config even if it had none; a process
    that has ended has no rights."""
    top = images(ctr, second=second)
    restore(ctr, top, "--manage-cgroups-mode", "ignore").ok()
    pid = int(read(ctr.pid_file))
    ctr.watch(pid)
    mounts = {line.split()[4]: line.split()[5].split(",") for line in read(f"/proc/{pid}/mountinfo").splitlines()}
    assert {"ro", "nosuid"} <= set(mounts["/vol"]), mounts
    assert "ro" in mounts["/proc/sys"] and "ro" in mounts["/proc/timer_list"], mounts
    assert ctr.id in read(f"/proc/{pid}/cgroup")
    ctr.delete("--force").ok()
    assert read(top + "/ran") == "ran"


@threat("CVE-2026-94603", "CVE-2026-95837", "J3")
@pytest.mark.hull_only
@pytest.mark.parametrize("rights, pointer", [
    ({"caps": cap_mask(CAPS[:38])}, "/process/capabilities"),
    ({"caps": cap_mask(["CAP_KILL", "CAP_CHOWN"])}, "/process/capabilities"),
    ({"nnp": False}, "/process/noNewPrivileges"),
    ({"filter": False}, "/linux/seccomp"),
    ({"masks": MASKS[1:]}, "/linux/maskedPaths/0"),
    ({"masks": MASKS[:1]}, "/linux/readonlyPaths/0"),
    ({"namespaces": ALL[1:]}, "/root/path"),
    ({"second": "outside"}, "/linux/namespaces"),
    *[({"namespaces": [n for n in ALL if n != kind]}, "/linux/namespaces") for kind in ALL[1:]]],
    ids=["caps", "cap", "nnp", "filter", "mask", "readonly", "mount", "second", *ALL[1:]])
def test_images_that_want_more(ctr, rights, pointer):
    """Refused by the place in the config; nothing of it has run, though CRIU lets it go."""
    top = images(ctr, **rights)
    result = restore(ctr, top, *(["--manage-cgroups-mode", "ignore"] if "second" in rights else []))
    assert result.failed().code == 1 and pointer in result.stderr, result.stderr
    assert read(top + "/ran") == "", "it ran"
    ctr.gone()
