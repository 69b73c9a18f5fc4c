# SPDX-License-Identifier: Apache-2.0
"""`hull help`: the same in all its forms, and kind to those who mistype."""

import json
import os
import re
import tempfile

from tap import eq, has, lacks, test


def options_of(text):
    """Names of the lines "  -b, --bundle DIR   text" of a help page, behind "options:"."""
    return re.findall(r"^  (?:-\w,|   ) --([\w-]+)", text.split("options:\n", 1)[-1], re.MULTILINE)


@test("help: `help VERB` and `VERB --help` say the same, for every verb")
def same(desk):
    for name, verb in desk.verbs.items():
        text = desk.hull("help", name).ok().out
        eq(desk.hull(name, "--help").ok().out, text, name)
        eq(options_of(text) if verb["options"] else [], [o["name"] for o in verb["options"]], f"options of {name}")
        has(text, verb["summary"])


@test("help: `VERB --version` is `--version`, and nothing is done")
def version(desk):
    text = desk.hull("--version").ok().out
    for name in desk.verbs:
        eq(desk.hull(name, "--version").ok().out, text, name)
        eq(desk.hull(name, "a", "--version").ok().out if name != "exec" and name != "ps" else text, text, name)
    eq([f for f in os.listdir(tempfile.gettempdir()) if f == "config.json"], [], "what `spec` would write")


@test("help: the overview has every verb and every global option")
def overview(desk):
    text = desk.hull("help").ok().out
    eq(sorted(re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)), sorted(desk.verbs), "verbs")
    for verb in desk.verbs.values():
        assert re.search(rf"^{verb['group']}:\n(?:  .*\n)*  {verb['name']} ", text, re.MULTILINE), f"{verb['name']}: its group"
    eq(options_of(text.split("global ", 1)[-1]), [o["name"] for o in desk.tables["options"]], "global options")


@test("help: no line is longer than 120 columns, no line of text ends with a full stop")
def width(desk):
    for name in ["", *desk.verbs]:
        for line in desk.hull("help", *filter(None, [name])).ok().out.splitlines():
            assert len(line) <= 120, f"{name}: {len(line)} columns: {line}"
    for verb in [{"name": "", "options": desk.tables["options"], "summary": "x"}, *desk.verbs.values()]:
        for line in [verb["summary"], *[o["help"] for o in verb["options"]]]:
            assert not line.endswith("."), f"{verb['name']}: {line}"


@test("help: one verb as JSON")
def one_json(desk):
    found = json.loads(desk.hull("help", "--format", "json", "list").ok().out)
    eq([c["name"] for c in found["commands"]], ["list"])


@test("an unknown option is answered with the nearest one of the verb, or of the global ones")
def nearest_option(desk):
    for words, wanted in ((("run", "--bundel", "x", "y"), "did you mean --bundle?"),
                          (("list", "--formt=json"), "did you mean --format?"),
                          (("--log-levle", "debug", "list"), "did you mean --log-level?"),
                          (("exec", "--no-new-priv", "a", "b"), "did you mean --no-new-privs?"),
                          (("state", "--systemd-cgrop", "a"), "did you mean --systemd-cgroup?")):
        has(desk.hull(*words).failed(255 if words[0] == "exec" else 1).err, wanted)
    lacks(desk.hull("run", "--xyzzy", "a").failed().err, "did you mean")


@test("an unknown verb is answered with the nearest one")
def nearest_verb(desk):
    for word, wanted in (("crate", "create"), ("strat", "start"), ("delet", "delete"), ("explian", "explain")):
        has(desk.hull(word, "x").failed().err, f"did you mean {wanted}?")
        has(desk.hull("help", word).failed().err, f"did you mean {wanted}?")
    lacks(desk.hull("frobnicate").failed().err, "did you mean")
