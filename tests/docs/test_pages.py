# SPDX-License-Identifier: Apache-2.0
"""The manual pages: one per verb, with exactly the options of the program, and correct mdoc."""

import os
import re
import shutil
import subprocess

import desk as room
from tap import ROOT, call, eq, has, need, test

TOOL = os.path.join(ROOT, "tools", "man-page")


def page(name):
    with open(os.path.join(room.MAN, name), encoding="utf-8") as f:
        return f.read()


def flags(text):
    """Options of the lists of a page: [(letter or "", name, value or "")]."""
    found = re.findall(r"^\.It (?:Fl (\w) , )?Fl -(\S+)(?: Ar (.*))?$", text, re.MULTILINE)
    return [(letter, name, value.replace("\\-", "-")) for letter, name, value in found]


def wanted(options):
    return [(o.get("letter", ""), o["name"], o.get("value", "")) for o in options]


@test("pages: they are what `make docs` prints, and every verb has one")
def printed(desk):
    call(TOOL, "--check", desk.runtime, room.MAN).ok()


@test("pages: a verb without a body is an error that names it")
def missing(desk):
    copy = os.path.join(desk.box, "man")
    shutil.copytree(room.MAN, copy)
    os.unlink(f"{copy}/start.in")
    has(call(TOOL, "--check", desk.runtime, copy).failed().err, "start.in is missing")
    shutil.copy(f"{room.MAN}/start.in", copy)
    with open(f"{copy}/start.in", "a", encoding="utf-8") as f:
        f.write("@option nonsense\ntext\n")
    has(call(TOOL, "--check", desk.runtime, copy).failed().err, "no such option: nonsense")
    shutil.copy(f"{room.MAN}/start.in", f"{copy}/frobnicate.in")
    shutil.copy(f"{room.MAN}/start.in", f"{copy}/start.in")
    has(call(TOOL, "--check", desk.runtime, copy).failed().err, "frobnicate.in (no such verb)")


@test("pages: their options are those that the program lists, and no others")
def options(desk):
    for name, verb in desk.verbs.items():
        eq(flags(page(f"hull-{name}.8")), wanted(verb["options"]), f"options of hull-{name}.8")
    eq(flags(page("hull.8")), wanted(desk.tables["options"]), "options of hull.8")


@test("pages: each has name, synopsis, description, exit status, examples, see also")
def sections(desk):
    for name in desk.verbs:
        text = page(f"hull-{name}.8")
        for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
            assert f"\n.Sh {title}\n" in text, f"hull-{name}.8 has no {title}"


@test("pages: what they refer to of hull's is there, and the overview refers to each")
def references(desk):
    for name in sorted(os.listdir(room.MAN)):
        if name.endswith(".8"):
            for target in re.findall(r"\.Xr (hull\S*) 8", page(name)):
                assert os.path.exists(os.path.join(room.MAN, target + ".8")), f"{name}: {target}(8) is not there"
    eq(sorted(re.findall(r"^\.It Xr hull-(\w+) 8", page("hull.8"), re.MULTILINE)), sorted(desk.verbs), "overview")


@test("pages: doc/errors.md and doc/choreography.md are what `make docs` prints")
def generated(desk):
    path = os.path.join(desk.box, "errors.md")
    call(os.path.join(ROOT, "tools", "errors-doc"), path).ok()
    with open(path, encoding="utf-8") as got, open(os.path.join(ROOT, "doc", "errors.md"), encoding="utf-8") as kept:
        assert got.read() == kept.read(), "doc/errors.md is out of date: make docs"
    call(os.path.join(ROOT, "tools", "choreography-doc"), "--check").ok()


@test("pages: mandoc has nothing to warn about")
def mandoc(_):
    need(shutil.which("mandoc"), "needs mandoc")
    pages = [os.path.join(room.MAN, n) for n in sorted(os.listdir(room.MAN)) if n.endswith(".8")]
    result = call("mandoc", "-T", "lint", "-W", "warning", *pages)
    eq((result.code, result.out), (0, ""), "warnings")


@test("pages: man has nothing to warn about")
def groff(_):
    need(shutil.which("man") and shutil.which("groff"), "needs man-db and groff")
    for name in sorted(os.listdir(room.MAN)):
        if not name.endswith(".8"):
            continue
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", os.path.join(room.MAN, name)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=True,
                              env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8"))
        eq(done.stderr, "", f"warnings of {name}")
