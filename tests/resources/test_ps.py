# SPDX-License-Identifier: Apache-2.0
"""hull ps: the own listing, numbers as JSON, and the host's ps(1) as clients ask for it."""

import contextlib
import json
import shutil

from tap import eq, eventually, has, lacks, need, test

HEADER = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]


@contextlib.contextmanager
def two(h):
    """A container with two processes: its id and their numbers."""
    name = h.create("sh", "-c", "sleep 1001 & exec sleep 1002")
    h.hull("start", name).ok()
    pids = eventually(lambda: (v := json.loads(h.hull("ps", "--format", "json", name).ok().out)) and len(v) == 2 and v,
                      "two processes")
    try:
        yield name, sorted(pids)
    finally:
        h.delete(name)


def rows(text):
    return [line.split() for line in text.splitlines()]


@test("ps: the own listing has the columns of ps -f and every process, without any host tool")
def own(h):
    with two(h) as (name, pids):
        init = h.state(name)["pid"]
        # both are sleep(1) by now: the second one waits for its exec
        out = eventually(lambda: (t := h.hull("ps", name, env={}).ok().out).count("sleep 100") == 2 and t, "two programs")
        table = rows(out)
        eq(table[0], HEADER, "header")
        eq(sorted(int(r[1]) for r in table[1:]), pids, "pids")
        by_pid = {int(r[1]): r for r in table[1:]}
        eq(by_pid[init][7:], ["sleep", "1002"], "command of init")
        other = next(p for p in pids if p != init)
        eq(by_pid[other][2], str(init), "parent")
        eq(by_pid[other][0], "root", "user")
        table = rows(h.hull("ps", "-f", "table", name, "").ok().out)
        eq((table[0], len(table)), (HEADER, 3), "with an empty word")


@test("ps: a command line cannot send escapes to the terminal")
def hostile(h):
    evil = "\x1b]0;owned\x07\x1b[2J\r"
    name = h.create("sh", "-c", "sleep 1000; true", evil)
    h.hull("start", name).ok()
    out = h.hull("ps", name).ok().out
    for byte in "\x1b\x07\r":
        lacks(out, byte)
    has(out, "\\x1b]0;owned\\x07")
    h.delete(name)


@test("ps: options behind the id go to the host's ps, whose lines are selected by PID")
def host(h):
    need(shutil.which("ps"), "needs ps(1)")
    with two(h) as (name, pids):
        # as one word (go-runc), as words, with "--" of ps itself, in BSD's way
        for options, column, title in ((("-ef",), 1, "UID"), (("aux",), 1, "USER"), (("-eo", "comm,pid"), 1, "COMMAND"),
                                       (("-eo comm,pid",), 1, "COMMAND"), (("-e", "-o", "pid"), 0, "PID"),
                                       (("-e", "-x"), 0, "PID"), (("-e", "--format", "pid,args"), 0, "PID")):
            table = rows(h.hull("ps", "--format", "table", name, *options).ok().out)
            eq(table[0][0], title, f"header of {options}")
            eq(sorted(int(r[column]) for r in table[1:]), pids, f"pids with {options}")
        eq(sorted(json.loads(h.hull("ps", "-f", "json", name, "-ef").ok().out)), pids, "json with options")


@test("ps: options that ps refuses, that show no PID, and a host without ps: one plain error")
def host_fails(h):
    with two(h) as (name, _):
        if shutil.which("ps"):
            r = h.hull("ps", name, "-eo", "comm").failed(1)
            has(r.err, "no column PID")
            eq(r.out, "", "output")
            has(h.hull("ps", name, "--no-such-option").failed(1).err, "ps failed with these options")
        r = h.hull("ps", name, "-ef", env={"PATH": "/nonexistent"}).failed(1)
        has(r.err, "not in PATH")
        h.hull("ps", "--format", "xml", name).failed(1)
    h.error_line(h.hull("ps", name), "does not exist")
