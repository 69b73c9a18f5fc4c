# SPDX-License-Identifier: Apache-2.0
"""README and doc/: what they name is there, what they count was measured, what they show can be typed."""

import glob
import json
import os
import re
import shutil
import subprocess

from tap import ROOT, call, eq, eventually, test

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "tests/conform/README.md",
         *sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, "doc", "*.md")))]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def targets_of(page):
    """What a page links to, as paths of the tree."""
    return [os.path.normpath(os.path.join(os.path.dirname(page), target))
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page))]


@test("doc: every link leads to a file of the tree")
def links(_):
    for page in PAGES:
        for path in targets_of(page):
            assert os.path.exists(os.path.join(ROOT, path)), f"{page}: {path} is not there"


@test("doc: every page can be reached from README")
def reachable(_):
    seen, new = set(), {"README.md"}
    while new:
        seen |= new
        new = {p for page in new for p in targets_of(page) if p.endswith(".md") and os.path.exists(os.path.join(ROOT, p))} - seen
    eq(sorted(set(PAGES) - seen), [], "pages that nothing leads to")


@test("doc: every file of the tree that a page names is there")
def files(_):
    known = r"(?:src|tests|tools|contrib|man|doc|bench)/[\w./-]*\w"
    for page in PAGES:
        for path in re.findall(rf"`({known})/?`", read(page)):
            if re.search("[A-Z]{3}", path): # a pattern: AREA.def, VERB.in
                continue
            there = glob.glob(os.path.join(ROOT, path)) or glob.glob(os.path.join(ROOT, path + ".*"))
            assert there, f"{page}: {path} is not there"


@test("doc: the tree of doc/architecture.md has every room, and only files that are there")
def tree(_):
    block = re.search(r"## Tree\n.*?```\n(.*?)```", read("doc/architecture.md"), re.DOTALL)[1]
    rooms = {}
    for line in block.splitlines():
        if match := re.match(r"(src/\w+)/", line):
            room = match[1]
            rooms[room] = []
        elif not line.startswith(" "):
            room = None
        if room:
            rooms[room] += re.findall(r"(?<![/\w.*])[\w]+\.[ch]\b", line)
    eq(set(rooms), {f"src/{name}" for name in os.listdir(os.path.join(ROOT, "src"))}, "rooms")
    for room, names in rooms.items():
        for name in names:
            assert os.path.exists(os.path.join(ROOT, room, name)), f"{room}/{name} is not there"


@test("doc: every `hull VERB` is a verb, and its options are its own")
def verbs(desk):
    common = {o["name"] for o in desk.tables["options"]}
    for page in PAGES:
        for line in re.findall(r"`hull ([^`]+)`|^    hull (.*)$", read(page), re.MULTILINE):
            words = re.split(r"\s+|(?=#)", line[0] or line[1])
            verb = next((w for w in words if not w.startswith("-")), "")
            if not re.fullmatch(r"[a-z]+", verb) or words[0].startswith("-"):
                continue
            assert verb in desk.verbs, f"{page}: hull {' '.join(words)}: no such verb"
            if desk.verbs[verb]["stopAtOperand"]:
                continue
            for option in re.findall(r"(?<= )--([\w-]+)", " ".join(words).split("#")[0]):
                own = {o["name"] for o in desk.verbs[verb]["options"]}
                assert option in own | common, f"{page}: hull {verb} has no --{option}"


@test("doc: every verb is named in the changelog")
def changelog(desk):
    text = read("CHANGELOG.md")
    for verb in desk.verbs:
        assert verb in ("version", "help") or re.search(rf"`(hull )?{verb}\b", text), f"CHANGELOG.md does not name {verb}"


@test("doc: the numbers of README are those of doc/performance.md")
def numbers(_):
    measured = {}
    for line in read("doc/performance.md").splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 4:
            measured.setdefault(cells[0], cells[1:4])
    rows = re.findall(r"^\| `?(\w[^|]*) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", read("README.md"), re.MULTILINE)
    eq(len(rows), 4, "rows of the table in README.md")
    for title, *shown in rows:
        name = title.split("`")[0]
        if title.startswith("peak memory"):
            found = measured["peak memory of `run`, KiB"]
            eq([re.match(r"[\d.]+", cell)[0] for cell in found], shown, title)
        else:
            eq([re.search(r"\(([\d.]+)\)", cell)[1] for cell in measured[name]], shown, f"{name}, fastest")


@test("doc: every package that tools/need installs is argued in doc/dependencies.md")
def packages(_):
    table = re.search(r"^table='\n(.*?)^'", read("tools/need"), re.DOTALL | re.MULTILINE)[1]
    text = read("doc/dependencies.md").lower()
    aliases = {"ninja-build": "ninja", "python3": "python 3"}
    for name in sorted({line.split()[1] for line in table.splitlines()}):
        assert re.search(rf"(?<![\w-]){re.escape(aliases.get(name, name))}(?![\w-])", text), f"{name} is not there"


@test("doc: the targets of make that pages name are those of the Makefile")
def targets(_):
    made = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        for name in re.findall(r"`make ([a-z-]+)", read(page)) + re.findall(r"^    make ([a-z-]+)", read(page), re.MULTILINE):
            assert name in made, f"{page}: make {name}"


@test("contrib: the lines of Slurm's oci.conf, as Slurm runs them")
def slurm(desk):
    lines = dict(re.findall(r'^(RunTime(?:Query|Kill|Delete|Run))="(.*)"$', read("contrib/slurm/oci.conf"), re.MULTILINE))
    eq(len(lines), 4, "lines")
    shutil.copytree("/srv/web", "/srv/task", symlinks=True)
    desk.config("/srv/task/config.json", "exit 3", "task")

    def run(name, wait=True):
        line = lines[name].replace("/usr/local/bin/hull", desk.runtime)
        for pattern, value in {"%n": "node1", "%u": "ann", "%U": "0", "%j": "12", "%s": "0", "%t": "1",
                               "%b": "/srv/task"}.items():
            line = line.replace(pattern, value)
        if wait:
            return call("sh", "-c", line)
        return subprocess.Popen(["sh", "-c", "exec " + line], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run("RunTimeQuery").failed()
    run("RunTimeRun").failed(3)
    desk.config("/srv/task/config.json", "trap 'exit 0' TERM; while :; do sleep 0.1; done", "task")
    with run("RunTimeRun", wait=False) as task:
        eventually(lambda: '"running"' in run("RunTimeQuery").out, "the task runs")
        eq(json.loads(run("RunTimeQuery").ok().out)["status"], "running")
        run("RunTimeKill").ok()
        task.wait(60)
    run("RunTimeDelete").ok()
    run("RunTimeQuery").failed()


@test("contrib: the files of engines are what hull doctor finds well, once they are where README puts them")
def engines(desk):
    top = os.path.join(desk.box, "engines")
    for source, target in (("contrib/containers.conf.d/50-hull.conf", "etc/containers/containers.conf.d/50-hull.conf"),
                           ("contrib/docker/daemon.json", "etc/docker/daemon.json"),
                           ("contrib/containerd/config.toml", "etc/containerd/config.toml"),
                           ("contrib/slurm/oci.conf", "etc/slurm/oci.conf"), (desk.runtime, "usr/local/bin/hull")):
        os.makedirs(os.path.dirname(f"{top}/{target}"), exist_ok=True)
        shutil.copy(os.path.join(ROOT, source), f"{top}/{target}")
    found = json.loads(desk.hull("doctor", "--format", "json", "--host-root", top).out)
    for name in ("podman", "docker", "containerd", "slurm"):
        rows = [r for r in found if r["id"] == f"engine.{name}"]
        eq([(r["verdict"], r["found"]) for r in rows], [("ok", "names /usr/local/bin/hull")], name)
