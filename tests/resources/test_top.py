# SPDX-License-Identifier: Apache-2.0
"""hull top: on a terminal, on none, for programs; ended in every way; with containers that come and go."""

import contextlib
import json
import os
import signal
import termios

from tap import call, eq, eventually, has, lacks, test
from terminal import ENTER, terminal

TITLES = ["ID", "STATUS", "CPU%", "MEM", "LIMIT", "READ/s", "WRT/s", "PIDS", "PSI-C", "PSI-M", "PSI-I"]


@contextlib.contextmanager
def root_of_its_own(h):
    """top shows all containers of a root: each test has one."""
    root = h.path(f"top{h.number}-root")
    names = []

    def add(*args, change=None, start=True):
        name = h.create(*(args or ("sleep", "1000")), change=change, root=root)
        names.append(name)
        if start:
            h.hull("start", name, root=root).ok()
        return name
    try:
        yield root, add
    finally:
        for name in names:
            h.delete(name, root=root)


def limit(size):
    def change(config):
        config["linux"]["resources"] = {"memory": {"limit": size}}
    return change


def top(h, root, *args, **kw):
    return terminal(h.runtime, "--root", root, "top", *args, **kw)


@test("top: not on a terminal: one plain table of all containers, by CPU, and an end")
def plain(h):
    with root_of_its_own(h) as (root, add):
        idle, busy, created = add(), add("sh", "-c", "while :; do :; done"), add(start=False)
        stopped = add("true")
        eventually(lambda: h.state(stopped, root)["status"] == "stopped", "the end of it")
        out = h.hull("top", "--interval", "200ms", root=root).ok().out
        lacks(out, "\x1b")
        table = [line.split() for line in out.splitlines()]
        eq(table[0], TITLES, "titles")
        eq(table[1][:2], [busy, "running"], "the first row")
        assert float(table[1][2]) > 0, table[1]
        eq({r[0]: r[1] for r in table[1:]},
           {busy: "running", idle: "running", created: "created", stopped: "stopped"}, "rows")
        eq(next(r for r in table if r[0] == stopped)[2:], ["-"] * 9, "what has ended")
        by_name = h.hull("top", "--interval", "10ms", "--sort", "name", root=root).ok().out.splitlines()
        eq([line.split()[0] for line in by_name[1:]], sorted([idle, busy, created, stopped]), "by name")


@test("top: --format json: one line for each measure; --count; an empty root")
def as_json(h):
    with root_of_its_own(h) as (root, add):
        eq(json.loads(h.hull("top", "--format", "json", "--interval", "1ms", root=root).ok().out)["containers"], [], "none")
        name = add()
        out = h.hull("top", "--format", "json", "--interval", "10ms", "--count", "3", root=root).ok().out
        lines = [json.loads(line) for line in out.splitlines()]
        eq(len(lines), 3, "measures")
        one = lines[2]["containers"][0]
        eq((one["id"], one["status"], one["pid"]), (name, "running", h.state(name, root)["pid"]), "whose")
        eq(sorted(one), ["cpu", "id", "io", "memory", "pid", "pids", "psi", "status"], "keys")
        assert one["cpu"]["total"] > 0 and one["cpu"]["percent"] >= 0, one


@test("top: memory stands against its limit")
def memory_limit(h):
    with root_of_its_own(h) as (root, add):
        name = add(change=limit(64 << 20))
        add()
        one = json.loads(h.hull("top", "-f", "json", "--interval", "1ms", root=root).ok().out)["containers"]
        limits = {c["id"]: c.get("memory", {}).get("limit") for c in one}
        if next(c for c in one if c["id"] == name).get("memory"):
            eq(limits.pop(name), 64 << 20, "limit")
            eq(set(limits.values()), {None}, "no limit")
            table = h.hull("top", "--interval", "1ms", root=root).ok().out
            eq(next(r for r in table.splitlines() if r.split()[0] == name).split()[4], "64.0M", "column")


@test("top: on a terminal: pages until q, ^C, TERM, HUP, INT; the terminal as before; status 0")
def ends(h):
    def by_key(key):
        return lambda t: t.type(key)

    def by_signal(number):
        return lambda t: os.kill(t.proc.pid, number)
    with root_of_its_own(h) as (root, add):
        name = add()
        ways = {"q": by_key("q"), "Q": by_key("Q"), "^C": by_key("\x03")}
        ways.update({s.name: by_signal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)})
        for what, end in ways.items():
            with top(h, root, "--interval", "50ms") as t:
                t.until(name)
                eq(bool(termios.tcgetattr(t.slave)[3] & termios.ECHO), False, "echo")
                t.page()
                end(t)
                eq(t.end(), 0, f"status after {what}")
                t.restored()


@test("top: ^Z gives the terminal back, and it goes on in the foreground")
def suspended(h):
    with root_of_its_own(h) as (root, add):
        name = add()
        with top(h, root, "--interval", "50ms") as t:
            t.until(name)
            t.type("\x1a")
            eventually(lambda: os.waitid(os.P_PID, t.proc.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT), "it stops")
            t.read(0.1)
            t.restored()
            os.kill(t.proc.pid, signal.SIGCONT)
            t.until(ENTER.replace("[", r"\[").replace("?", r"\?"))
            t.until(name)
            t.type("q")
            eq(t.end(), 0, "status")
            t.restored()


@test("top: pages fit the terminal, also when it changes its size; what does not fit is counted")
def resized(h):
    with root_of_its_own(h) as (root, add):
        names = [add(start=False) for _ in range(8)]
        with top(h, root, "--interval", "100s", rows=24, columns=80) as t:
            page = t.page()
            eq(len(page), 2 + len(names), "lines")
            for rows, columns in ((6, 40), (1, 1), (2, 10), (3, 200), (30, 300)):
                t.size(rows, columns)
                os.kill(t.proc.pid, signal.SIGWINCH)
                t.page()
                t.type("r") # the page after this one has the new size for certain
                page = t.page()
                assert len(page) <= rows, f"{len(page)} lines in {rows}: {page}"
                assert all(len(line) <= columns for line in page), f"{columns} columns: {page}"
                if rows == 6:
                    has(page[-1], "and 5 more")
            t.type("q")
            eq(t.end(), 0, "status")
            t.restored()


@test("top: keys change the order; containers come and go between two pages")
def keys(h):
    with root_of_its_own(h) as (root, add):
        first = add()
        with top(h, root, "--interval", "50ms", "--sort", "name") as t:
            t.until(first)
            second = add()
            t.until(second)
            t.type("r")
            t.until("reversed")
            page = eventually(lambda: (p := t.page()) and "by name (reversed)" in p[0] and p, "the other order")
            eq([line.split()[0] for line in page[2:]], sorted([first, second], reverse=True), "order")
            t.type("m")
            t.until("by memory")
            h.delete(first, root=root)
            eventually(lambda: first not in " ".join(t.page()).split(), "the first one goes")
            t.type("q")
            eq(t.end(), 0, "status")


@test("top: names in the state root that no container can have, and unreadable records, send nothing to the terminal")
def hostile(h):
    with root_of_its_own(h) as (root, add):
        name = add()
        os.mkdir(os.fsencode(root) + b"/\x1b]0;owned\x07\x1b[31m")
        os.mkdir(f"{root}/broken")
        with open(f"{root}/broken/state.json", "w", encoding="ascii") as f:
            f.write('{"id":"\x1b[2Jowned"')
        out = h.hull("top", "--interval", "10ms", root=root).ok().out
        lacks(out, "\x1b")
        lacks(out, "owned")
        eq({r.split()[0]: r.split()[1] for r in out.splitlines()[1:]}, {name: "running", "broken": "unreadable"}, "rows")
        with top(h, root, "--interval", "50ms") as t:
            t.until("unreadable")
            t.type("q")
            eq(t.end(), 0, "status")
            lacks(t.text, "owned")
            t.restored()
        os.rmdir(os.fsencode(root) + b"/\x1b]0;owned\x07\x1b[31m")
        h.hull("delete", "--force", "broken", root=root)


@test("top: NO_COLOR, TERM=dumb and a missing TERM are respected")
def colors(h):
    with root_of_its_own(h) as (root, add):
        name = add()
        for no_color, painted in (("", True), ("1", False)):
            with top(h, root, "--interval", "50ms", NO_COLOR=no_color) as t:
                t.until(name)
                t.type("q")
                eq(t.end(), 0, "status")
                eq("\x1b[7m" in t.text, painted, f"inverted with NO_COLOR={no_color}")
        for term in ("dumb", None):
            with top(h, root, "--interval", "50ms", TERM=term) as t:
                eq(t.end(), 0, "status")
                has(t.text, name)
                lacks(t.text, "\x1b")


@test("top: a terminal that goes away ends it; bad options are one line")
def gone(h):
    with root_of_its_own(h) as (root, add):
        name = add()
        with top(h, root, "--interval", "50ms") as t:
            t.until(name)
            os.close(t.slave)
            os.close(t.master)
            t.proc.wait(30)
        for words in (("--interval", "0"), ("--sort", "x"), ("--count", "-1"), ("--format", "x"), ("name",)):
            h.error_line(h.hull("top", *words, root=root))
        call(h.runtime, "--root", h.path("no-such-root"), "top", "--interval", "1ms").ok()
