# SPDX-License-Identifier: Apache-2.0
"""How many system calls and programs each verb takes, by strace; bench/run shows them, tests/budget holds hull to them.

A futex is not counted: how often one is called says who came first, not what is done.
"""

import os
import pathlib
import re
import select
import signal
import subprocess
import time


def reap(pid_file):
    """Wait for the container's process, which is ours because we are its reaper."""
    pid = int(pathlib.Path(pid_file).read_text())
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # reaped already, or somebody else's
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        select.select([fd], [], [])
        os.close(fd)


def count_calls(text):
    """(system calls, execs) of all processes in an `strace -f` output, but those of the container's program."""
    calls, execs, starting, program = 0, 0, set(), set()
    for line in text.splitlines():
        m = re.match(r"(\d+) +(.*)", line)
        if not m or m.group(1) in program:
            continue
        pid, rest = m.groups()
        if re.match(r'execve(at)?\((AT_FDCWD, |\d+, )?"/bin/(true|pause)"', rest):
            starting.add(pid)
        if pid in starting and "execve" in rest and rest.rstrip().endswith("= 0"):
            program.add(pid)
        calls += not rest.startswith(("<...", "+++", "---", "futex("))
        execs += rest.startswith("execve")
    return calls, execs


def traced(argv, out, stays=False):
    """Run ARGV under strace. STAYS: a process stays behind; it is let go once ARGV itself has ended."""
    p = subprocess.Popen(["strace", "-f", "-qq", "-I2", "-o", out, *argv], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if stays:
        first = None
        for _ in range(1000):
            try:
                text = pathlib.Path(out).read_text()
            except FileNotFoundError:
                text = ""
            first = first or (text.split(" ", 1)[0] if text else None)
            if first and re.search(rf"^{first} +\+\+\+ exited|^{first} +exit_group", text, re.M):
                break
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
    p.wait()
    return count_calls(pathlib.Path(out).read_text())


def least(argv, out):
    """Whether init finds its START or asks for it is a matter of who was first: the fewest of three times."""
    counts = []
    for _ in range(3):
        counts.append(traced(argv, out))
        pathlib.Path(out).unlink()
    return min(counts)


def syscalls(rt, work):
    """(system calls, execs) of each verb, all processes of the runtime together, the container's exec included."""
    out, pid_file, found = str(work / "strace"), str(work / "pid"), {}
    once = rt("run", "--bundle", rt.bundles["true"], rt.id)
    subprocess.run(once, check=True, stdin=subprocess.DEVNULL)  # the first one makes the state root
    found["run"] = least(once, out)
    found["create"] = traced(rt("create", "--bundle", rt.bundles["pause"], "--pid-file", pid_file, rt.id), out, stays=True)
    found["start"] = traced(rt("start", rt.id), out)
    found["state"] = traced(rt("state", rt.id), out)
    found["list"] = traced(rt("list"), out)
    if rt.execs:
        found["exec"] = least(rt("exec", rt.id, "/bin/true"), out)
    found["kill"] = traced(rt("kill", rt.id, "KILL"), out)
    reap(pid_file)
    found["delete"] = traced(rt("delete", rt.id), out)
    return found
