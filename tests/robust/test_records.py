# SPDX-License-Identifier: Apache-2.0
"""Records that are damaged, old or gone."""

import json
import os
import pwd
import shutil
import signal

from tap import eq, has, test


def stopped(h):
    name = h.create()
    os.kill(h.state(name)["pid"], signal.SIGKILL)
    h.wait_stopped(name)
    return name


def record(h, name):
    return f"{h.root}/{name}/state.json"


def truncate(part):
    def damage(path):
        with open(path, "r+b") as f:
            f.truncate(int(os.path.getsize(path) * part))
    return damage


def write(data):
    def damage(path):
        with open(path, "wb") as f:
            f.write(data)
    return damage


def instead(make):
    def damage(path):
        os.unlink(path)
        make(path)
    return damage


def huge(path):
    with open(path, "wb") as f:
        f.truncate(100 << 20)


def future(path):
    with open(path, encoding="utf-8") as f:
        text = json.load(f)
    key = next((k for k in text if "format" in k.lower() or k in ("version", "hull")), None)
    assert key, f"no format version in {sorted(text)}"
    text[key] = 1000000
    with open(path, "w", encoding="utf-8") as f:
        json.dump(text, f)


DAMAGES = {
    "empty": write(b""), "garbage": write(os.urandom(300)), "zeros": write(bytes(4096)), "null": write(b"null"),
    "array": write(b"[]"), "nothing in it": write(b"{}"), "1 byte": write(b"{"), "half": truncate(0.5),
    "all but the end": truncate(0.99), "missing": instead(lambda p: None),
    "link": instead(lambda p: os.symlink("/etc/passwd", p)), "dangling link": instead(lambda p: os.symlink("/no", p)),
    "fifo": instead(os.mkfifo), "directory": instead(os.mkdir),
    "100 MB": instead(huge), "future version": future, "of another user": lambda p: os.chown(p, 65534, 65534),
}


@test("B4: a damaged record: state and list say so, others are listed, delete --force removes it")
def damaged(h):
    good = h.create("sleep", "1000")
    for kind, damage in DAMAGES.items():
        name = stopped(h)
        damage(record(h, name))
        r = h.hull("list", limit=20).ok()
        has(r.out, good)
        has(r.err, name)
        r = h.hull("list", "--format", "json").ok()
        eq([c["id"] for c in json.loads(r.out)], [good], f"{kind}: list")
        line = h.error_line(h.hull("state", name), name)
        has(line, "unreadable")
        h.error_line(h.hull("start", name))
        h.error_line(h.hull("delete", name), "unreadable")
        h.hull("delete", "--force", name).ok()
        eq(os.path.exists(f"{h.root}/{name}"), False, f"{kind}: the entry")
        eq(os.path.exists("/etc/passwd"), True, "the target of the link")
        for group in h.groups(name):
            os.rmdir(group)
    h.delete(good)
    h.nothing_left(good)


@test("B4: a file in an entry that hull did not put there: delete --force names it in its error, and works without it")
def foreign_file(h):
    name = stopped(h)
    with open(f"{h.root}/{name}/foreign", "w", encoding="ascii"):
        pass
    h.error_line(h.hull("delete", "--force", name), f"{h.root}/{name}", "not empty")
    os.unlink(f"{h.root}/{name}/foreign")
    h.delete(name)
    h.nothing_left(name)


@test("B4: things in the state root that are no entries: list passes over them, commands do not follow them")
def strange_entries(h):
    good = h.create()
    elsewhere = h.path("elsewhere")
    shutil.copytree(f"{h.root}/{good}", elsewhere, ignore=shutil.ignore_patterns("*.sock"))
    os.symlink(elsewhere, f"{h.root}/link")
    os.mkfifo(f"{h.root}/fifo")
    with open(f"{h.root}/file", "w", encoding="ascii"):
        pass
    eq([c["id"] for c in json.loads(h.hull("list", "--format", "json").ok().out)], [good], "list")
    for name in ("link", "fifo", "file"):
        for command in ("state", "start", "kill"):
            h.error_line(h.hull(command, name), "does not exist")
        h.hull("delete", "--force", name).ok()
        eq(os.path.lexists(f"{h.root}/{name}"), True, "not an entry of hull's")
        os.unlink(f"{h.root}/{name}")
    eq(sorted(os.listdir(elsewhere)), sorted(f for f in os.listdir(f"{h.root}/{good}") if not f.endswith(".sock")), "files")
    h.delete(good)


@test("B1: a record of an earlier boot: stopped, not to be created anew, deleted without touching a process")
def previous_boot(h):
    name = h.create("sleep", "1000")
    pid = h.state(name)["pid"]
    with open(record(h, name), encoding="utf-8") as f:
        text = f.read()
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = f.read().strip()
    has(text, boot)
    with open(record(h, name), "w", encoding="utf-8") as f:
        f.write(text.replace(boot, "00000000-0000-4000-8000-000000000000"))
    eq(h.state(name)["status"], "stopped", "state")
    has(h.hull("list").ok().out, "stopped (previous boot)")
    path, _ = h.bundle()
    h.error_line(h.hull("create", "--bundle", path, name), "already exists")
    h.error_line(h.hull("kill", name, "KILL"), "not running")
    h.hull("delete", name).ok()
    eq(os.path.exists(f"/proc/{pid}"), True, "the process, whose pid is a stranger's now")
    os.kill(pid, signal.SIGKILL)


@test("the owner is shown by name, in state and list; by number where this host has no name for it")
def owner_by_name(h):
    name = h.create("sleep", "1000")
    path = record(h, name)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for uid, shown in ((0, "root"), (1, pwd.getpwuid(1).pw_name), (3999999999, "3999999999")):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(json.loads(text) | {"owner": uid}, f)
        eq(h.state(name)["owner"], shown, f"owner {uid}")
        row = [x for x in h.hull("list").ok().out.splitlines() if x.startswith(name + " ")]
        eq(row[0].split()[-1], shown, "list")
        eq([c["owner"] for c in json.loads(h.hull("list", "--format", "json").ok().out) if c["id"] == name], [shown], "list")
    h.delete(name)


@test("B3: a state root that vanished: state says it does not exist, create refuses the cgroup that is in use")
def root_vanished(h):
    name = h.create("sleep", "1000")
    h.hull("start", name).ok()
    pid = h.state(name)["pid"]
    shutil.move(f"{h.root}/{name}", h.path("vanished"))
    h.error_line(h.hull("state", name), "does not exist")
    path = h.path("bundle-" + name)
    shutil.rmtree(f"/run/opencontainer/containers/{name}")
    h.error_line(h.hull("create", "--bundle", path, name), "not empty")
    eq(os.path.exists(f"/proc/{pid}"), True, "the process")
    shutil.move(h.path("vanished"), f"{h.root}/{name}")
    h.delete(name)
    eq(h.groups(name), [], "cgroups")


@test("J3: a record several times as long as its config: what create writes can be read, or create says no and leaves nothing")
def long_record(h):
    for letter, count, fits in (("\\b", 4 << 20, True), ("\x7f", 9 << 20, False)):
        path, name = h.bundle("sleep", "1000")
        with open(path + "/config.json", encoding="utf-8") as f:
            text = f.read()
        with open(path + "/config.json", "w", encoding="utf-8") as f:
            f.write('{"annotations": {"a": "' + letter * count + '"}, ' + text[1:])
        r = h.hull("create", "--bundle", path, name)
        if fits:
            r.ok()
            eq(len(h.state(name)["annotations"]["a"]), count, "annotation")
            h.delete(name)
        else:
            h.error_line(r, f'state of "{name}"', "annotations are too long")
        h.nothing_left(name)


@test("B5: config.json and bundle gone after create: start, kill and delete work")
def bundle_gone(h):
    name = h.create("sleep", "1000")
    shutil.rmtree(h.path("bundle-" + name))
    h.hull("start", name).ok()
    eq(h.state(name)["status"], "running", "state")
    h.hull("kill", name, "KILL").ok()
    h.wait_stopped(name)
    h.hull("delete", name).ok()
    h.nothing_left(name)


@test("delete --force: of what never was, twice, and four at once")
def delete_again(h):
    h.hull("delete", "--force", "never").ok()
    h.error_line(h.hull("delete", "never"), "does not exist")
    name = h.create("sleep", "1000")
    eq(h.together(*[("delete", "--force", name)] * 4), [(0, "")] * 4, "deletes")
    h.delete(name)
    h.nothing_left(name)
