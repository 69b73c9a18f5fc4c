# SPDX-License-Identifier: Apache-2.0
"""tests/integration/rows.tsv: every case that a client relies on has its tests, or says why not."""

import os
import re

from tap import ROOT, test

FILE = "tests/integration/rows.tsv"


@test("rows.tsv: every row has tests that are there, or a reason")
def rows(_):
    with open(os.path.join(ROOT, FILE), encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f if not line.startswith("#")]
    assert len(lines) > 40, f"{FILE}: {len(lines)} rows"
    for line in lines:
        what, _, tests, *why = line.split("\t")
        for name in tests.split():
            if name == "-":
                assert why and why[0], f"{FILE}: {what}: no test and no reason"
                continue
            path, function = name.split(":")
            with open(os.path.join(ROOT, "tests", path), encoding="utf-8") as f:
                assert re.search(rf"^def {function}\(", f.read(), re.M), f"{FILE}: {what}: {name} is not there"
