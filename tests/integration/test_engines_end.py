# SPDX-License-Identifier: Apache-2.0
"""The end of the engines: runs last."""

import os
import re

import engines
import tap
from tap import eq, eventually, need, test


def shims():
    """Every shim in the box: a pid namespace of its own."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith((b"containerd-shim-runc-v2", b"containerd", b"dockerd")):
            found.append(b" ".join(words).decode())
    return found


@test("containerd and Docker end when they are told to: no shim, no daemon, no container, no mount, no cgroup")
def end(c):
    need(c.engines, "neither containerd nor Docker ran")
    for engine in reversed(c.engines.values()):
        engine.stop()
    eventually(lambda: not shims(), f"no engine's process: {shims()}")
    records = os.path.join("/run/containerd/runc")
    left = [os.path.join(top, name) for top in [records] if os.path.isdir(top) for name in os.listdir(top)
            if os.listdir(os.path.join(top, name))]
    eq(left, [], "records of hull")
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        mounts = [line.split()[4] for line in f]
    boxes = tuple(engine.box + "/" for engine in c.engines.values())
    eq([m for m in mounts if m.startswith(boxes) and not engines.OWN.search(m)], [], "mounts")
    # the groups of engines and pods belong to who named them: the engine, the kubelet
    groups = [d for engine in c.engines.values() for d in tap.cgroup_below(engine.group)]
    eq([d for d in groups if re.search(r"/([0-9a-f]{64}|c[0-9]+)$", d)], [], "cgroups of containers")
