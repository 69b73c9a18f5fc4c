# SPDX-License-Identifier: Apache-2.0
"""Commands at the same time."""

import contextlib
import json
import os
import signal
import subprocess
import threading

from tap import eq, eventually, has, test
from bundle import gate


@test("C1: 50 creates of one id: one wins, 49 say that it exists")
def one_winner(h):
    path, name = h.bundle("sleep", "1000")
    results = h.together(*[("create", "--bundle", path, name)] * 50)
    eq(sum(code == 0 for code, _ in results), 1, f"winners of {results}")
    for code, err in results:
        if code:
            eq(code, 1, err)
            has(err, "already exists")
    eq(h.state(name)["status"], "created", "state")
    h.delete(name)
    h.nothing_left(name)


@test("C2, C8: creates and deletes of one id against each other, under list and state")
def churn(h):
    path, name = h.bundle("sleep", "1000")
    wrong, ended = [], threading.Event()

    def judge(r, *words):
        if r.code and (r.code != 1 or not any(w in r.err for w in words)):
            wrong.append(repr(r))

    def create():
        for _ in range(40):
            judge(h.hull("create", "--bundle", path, name), "exists", "busy", "does not exist", "not empty")

    def delete():
        for _ in range(40):
            judge(h.hull("delete", "--force", name), "busy")

    def look():
        while not ended.is_set():
            r = h.hull("list", "--format", "json")
            if r.code or r.err:
                wrong.append(repr(r))
            for record in json.loads(r.out or "[]") or []:
                if record["status"] not in ("creating", "created", "running", "stopped"):
                    wrong.append(repr(record))
            judge(h.hull("state", name), "does not exist")
    workers = [threading.Thread(target=f) for f in (create, create, delete, delete)]
    looker = threading.Thread(target=look)
    for t in workers + [looker]:
        t.start()
    for t in workers:
        t.join()
    ended.set()
    looker.join()
    h.delete(name)
    assert not wrong, "\n".join(wrong[:5])
    h.nothing_left(name)


@test("a delete right behind kill ID KILL waits for the end; after a signal that the program ignores it is refused")
def kill_then_delete(h):
    for _ in range(25):
        name = h.create("sleep", "1000")
        h.hull("start", name).ok()
        h.hull("kill", name, "KILL").ok()
        r = h.hull("delete", name)
        eq((r.code, r.err), (0, ""), "delete")
        h.nothing_left(name)
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    h.hull("kill", name, "TERM").ok()  # the first process of a pid namespace has no default action
    r = h.hull("delete", name)
    eq(r.code, 1, "delete of a running container")
    has(r.err, "not stopped")
    h.delete(name)


@test("what runs is running, for everybody who comes after run --detach and start")
def running_at_once(h):
    def change(config): # more for execve to let go of
        config["linux"]["namespaces"] += [{"type": "network"}, {"type": "cgroup"}]
    path, name = h.bundle("sleep", "1000", change=change)

    def at_once(*words): # a wait with a time limit would look too late
        subprocess.run([h.runtime, "--root", h.root, *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return json.loads(subprocess.run([h.runtime, "--root", h.root, "state", name], check=True, capture_output=True).stdout)
    for _ in range(100):
        eq(at_once("run", "--detach", "--bundle", path, name)["status"], "running", "after run")
        h.delete(name)
    for _ in range(30):
        h.hull("create", "--bundle", path, name).ok()
        eq(at_once("start", name)["status"], "running", "after start")
        h.delete(name)


@test("a verb that comes between the first two steps of a create waits for it")
def early_birds(h):
    path, name = h.bundle("sleep", "1000")
    wrong, ended = [], threading.Event()

    def start():
        while not ended.is_set():
            r = h.hull("start", name)
            if r.code and not any(w in r.err for w in ("does not exist", "already started", "has stopped")):
                wrong.append(repr(r))
    birds = [threading.Thread(target=start) for _ in range(3)]
    for t in birds:
        t.start()
    for _ in range(60):
        h.hull("run", "--detach", "--bundle", path, name).ok()
        h.delete(name)
    ended.set()
    for t in birds:
        t.join()
    eq(wrong[:3], [], "errors of start")


@test("stop waits without the lock: delete --force goes on meanwhile, and that is the end of the container for stop too")
def stop_then_delete(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    with h.popen("stop", "--timeout", "50s", name) as stop:
        eventually(lambda: h.hull("pause", name).code == 0, "pause, which takes the lock")
        h.hull("resume", name).ok()
        h.delete(name)
        eq(stop.end(), (0, ""), "stop")
    h.nothing_left(name)


@test("C3: five starts at once: one succeeds, four say that it is started, the program runs once")
def one_start(h):
    out = h.path("starts")
    os.makedirs(out)

    def change(config):
        config["mounts"].append({"destination": "/m", "type": "bind", "source": out, "options": ["bind"]})
    name = h.create("sh", "-c", "echo run >>/m/runs; exec sleep 1000", change=change)
    results = h.together(*[("start", name)] * 5)
    eq(sum(code == 0 for code, _ in results), 1, f"{results}")
    for code, err in results:
        if code:
            eq(code, 1, err)
            has(err, "already started")
    h.hull("kill", name, "KILL").ok()
    h.wait_stopped(name)
    h.delete(name)
    # killed before it wrote is possible, written twice is not
    runs = ""
    if os.path.exists(f"{out}/runs"):
        with open(f"{out}/runs", encoding="ascii") as f:
            runs = f.read()
    assert runs in ("", "run\n"), runs


@test("C4: start, kill and delete against each other: no hang, nothing left")
def start_kill_delete(h):
    for _ in range(10):
        name = h.create("sleep", "1000")
        words = ("does not exist", "not running", "already started", "has stopped", "init closed", "init was killed")
        for code, err in h.together(("start", name), ("kill", name, "KILL"), ("delete", "--force", name)):
            if code:
                eq(code, 1, err)
                assert any(w in err for w in words), err
        h.delete(name)
        h.nothing_left(name)


@test("C5: 200 execs at once, and a delete --force in the middle: a status, 137 or \"not running\"; nothing left")
def many_execs(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    with contextlib.ExitStack() as stack:
        execs = [stack.enter_context(h.popen("exec", name, "sh", "-c", "sleep 0.2; exit 7")) for _ in range(100)]
        # the first that came to its end shows that they run
        eq(execs[0].end()[0], 7, "status of an exec")
        execs += [stack.enter_context(h.popen("exec", name, "sleep", "1000")) for _ in range(50)]
        delete = stack.enter_context(h.popen("delete", "--force", name))
        execs += [stack.enter_context(h.popen("exec", name, "true")) for _ in range(50)]
        eq(delete.end(), (0, ""), "delete --force")
        for number, (code, err) in enumerate(proc.end() for proc in execs):
            if code == 255:
                assert "not running" in err or "does not exist" in err, err
            else:
                assert code in ((7, 137) if number < 100 else (137,) if number < 150 else (0, 137)), (number, code, err)
    h.nothing_left(name)


@test("C7: a holder of the lock that was stopped: the others say busy and its pid; when it is ended all works")
def stopped_holder(h):
    change, wait, release = gate(h)
    path, name = h.bundle(change=change)
    with h.popen("create", "--bundle", path, name) as create:
        wait()
        create.send_signal(signal.SIGSTOP)
        h.hull("state", name).ok()
        has(h.hull("list").ok().out, name)
        h.error_line(h.hull("kill", name), "still being created") # neither created nor running
        for code, err in h.together(("stop", name), ("delete", "--force", name), ("start", name)):
            eq(code, 1, err)
            has(err, f"busy: held by pid {create.pid}")
        create.kill()
    release()
    h.delete(name)
    h.nothing_left(name)
