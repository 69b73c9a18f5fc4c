# SPDX-License-Identifier: Apache-2.0
"""threats.tsv: what is defended against; the marker that ties tests to its rows; the report of a run."""

import collections
import os

import pytest

from lib import tap

HERE = os.path.dirname(os.path.abspath(__file__))
Row = collections.namedtuple("Row", "id rules what defence elsewhere")


def load():
    with open(os.path.join(HERE, "threats.tsv"), encoding="utf-8") as f:
        rows = [Row(*line.rstrip("\n").split("\t")) for line in f if not line.startswith("#")]
    return {row.id: row for row in rows}


TABLE = load()


def threat(*ids):
    """Marks a test with the rows that it defends."""
    unknown = [i for i in ids if i not in TABLE]
    if unknown or not ids:
        raise ValueError(f"not in threats.tsv: {unknown}")
    return pytest.mark.threat(*ids)


def ids_of(item):
    return [i for mark in reversed(list(item.iter_markers("threat"))) for i in mark.args]


class Report(tap.Tap):
    """TAP as in the conformance suite, with rows of threats.tsv as ids."""

    ids_of = staticmethod(ids_of)

    def __init__(self, out, runtime, results):
        super().__init__(out, runtime, None)
        self.results = results

    def pytest_sessionfinish(self):
        if not self.results:
            return
        with open(self.results, "w", encoding="utf-8") as f:
            for nodeid, outcome in self.outcomes.items():
                f.write(f"{outcome}\t{nodeid.rsplit('::', 1)[-1]}\n")
