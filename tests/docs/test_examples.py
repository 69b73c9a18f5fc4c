# SPDX-License-Identifier: Apache-2.0
"""Every example of the manual pages, run as it stands there."""

import json
import os
import shutil
import subprocess

import desk as room
from tap import ROOT, Skip, call, test


def run(desk, example):
    out = os.path.join(desk.box, "out")
    script = "\n".join(["set -eu", "cd /srv/web", *example["setup"], f"exec >{out} 2>&1", *example["shell"]])
    done = call("bash", "-c", script, stdin="", env=dict(os.environ, OUT=out, HOME=desk.box))
    with open(out, encoding="utf-8", errors="replace") as f:
        said = f.read()
    assert done.code in example["status"], f"exit status {done.code}, not of {example['status']}: {done!r}\n{said}"
    for line in example["check"]:
        done = call("bash", "-c", "cd /srv/web; " + line, env=dict(os.environ, OUT=out))
        assert done.code == 0, f"{line!r}: {done!r}\nthe example said:\n{said}"


def add(example):
    @test(f"example: {example['file']}:{example['line']}: {example['title']}")
    def one(desk):
        if example["elsewhere"]:
            assert os.path.exists(os.path.join(ROOT, example["elsewhere"])), f"{example['elsewhere']} is not there"
            raise Skip(f"tested by {example['elsewhere']}")
        for path in ("/srv/batch", "/srv/wrong"):
            shutil.rmtree(path, ignore_errors=True)
        try:
            run(desk, example)
        finally:
            desk.clean_up()


for found in json.loads(subprocess.run([os.path.join(ROOT, "tools", "man-page"), "--examples", "-", room.MAN], check=True,
                                       stdout=subprocess.PIPE, timeout=60).stdout):
    add(found)
