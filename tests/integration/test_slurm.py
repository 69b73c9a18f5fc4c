# SPDX-License-Identifier: Apache-2.0
"""Slurm's srun and sbatch with the oci.conf that hull ships, as root and as a user of the job."""

import json
import os
import pwd
import shutil

from tap import call, eq, eventually, has, need, test
import clients
import slurm

HELD = {}
USER = "nobody"


def cluster(h):
    """The one of this run."""
    missing = [p for p in slurm.PROGRAMS if not shutil.which(p)]
    need(not missing, f"not installed: {', '.join(missing)}")
    need(clients.busybox(), "no static busybox")
    if "slurm" not in HELD:
        HELD["slurm"] = slurm.Slurm(h.runtime, h.box)
    return HELD["slurm"]


def bundle(h, name, rootless):
    """A bundle of `hull spec`, as a user would make it."""
    path = h.path("slurm-" + name)
    os.mkdir(path)
    os.chmod(path, 0o755)
    call(h.runtime, "spec", "--bundle", path, *(["--rootless"] if rootless else [])).ok()
    with open(path + "/config.json", encoding="utf-8") as f:
        config = json.load(f)
    clients.make_rootfs(path + "/rootfs")
    os.chmod(path + "/rootfs", 0o755)
    config["process"]["terminal"] = False
    if rootless:
        ids = pwd.getpwnam(USER)
        config["linux"]["uidMappings"][0]["hostID"] = ids.pw_uid
        config["linux"]["gidMappings"][0]["hostID"] = ids.pw_gid
    with open(path + "/config.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
    return path


def nothing_left(s):
    """Slurm has ended everything of the job, and hull has no record, cgroup or process of it."""
    s.idle()
    eventually(lambda: not s.records(), "no record of a container is left")
    eq(s.left(), [], "files of containers in slurmd's spool")


def program_said(path):
    """Without what slurmstepd adds to the output of a batch job (it asks for a container's state after its end)."""
    return "\n".join(line for line in clients.read(path).splitlines() if not line.startswith("slurmstepd-"))


@test("slurm: srun --container runs the command in the bundle with its streams, environment and status, as root")
def srun_root(h):
    s = cluster(h)
    path = bundle(h, "root", False)
    said = s.run("srun", "--container", path, "/bin/sh", "-c", "echo in $(hostname) pid $$ job $SLURM_JOB_ID; cat",
                 stdin="typed\n").ok()
    eq(said.out.splitlines()[1], "typed", "standard input")
    has(said.out, "in hull pid 1 job ")
    eq(said.err, "", "standard error")
    s.run("srun", "--container", path, "/bin/sh", "-c", "exit 7").failed(7)
    nothing_left(s)


@test("slurm: the same as a user without login session, without root anywhere; a program that is missing")
def srun_user(h):
    s = cluster(h)
    path = bundle(h, "user", True)
    said = s.run("srun", "--container", path, "/bin/sh", "-c", "echo task $(id -u) $$; "
                 "cat /proc/self/uid_map", user=USER).ok()
    eq(said.out.split(), ["task", "0", "1", "0", str(pwd.getpwnam(USER).pw_uid), "1"], "what the task said")
    said = s.run("srun", "--container", path, "/bin/missing", user=USER).failed()
    has(said.err, "/bin/missing")
    nothing_left(s)


@test("slurm: an sbatch array in containers: every task has its number, its output and its own container")
def array(h):
    s = cluster(h)
    path = bundle(h, "array", True)
    out = h.path("slurm-out")
    os.mkdir(out)
    os.chmod(out, 0o777)
    job = s.submit("--container", path, "--array", "1-4", "--output", f"{out}/%a.txt", user=USER,
                   script="#!/bin/sh\necho element $SLURM_ARRAY_TASK_ID in $(hostname) pid $$\n")
    s.wait(job)
    eq([program_said(f"{out}/{n}.txt") for n in range(1, 5)],
       [f"element {n} in hull pid 1" for n in range(1, 5)], "what the elements said")
    nothing_left(s)


@test("slurm: scancel ends a job whose program does not want to end, and leaves nothing of it")
def cancel(h):
    s = cluster(h)
    path = bundle(h, "cancel", True)
    out = h.path("slurm-cancel.txt")
    with open(out, "w", encoding="ascii"):
        os.chmod(out, 0o666)
    job = s.submit("--container", path, "--output", out, user=USER,
                   script="#!/bin/sh\ntrap '' TERM\necho here\nwhile :; do sleep 1; done\n")
    eventually(lambda: "here" in clients.read(out), "the job runs", 60)
    listed = s.records()
    eq(len(listed), 1, f"containers of the job: {listed}")
    s.run("scancel", job).ok()
    s.wait(job)
    nothing_left(s)


@test("slurm: the daemons of these tests end")
def end(_):
    if "slurm" in HELD:
        HELD.pop("slurm").stop()
