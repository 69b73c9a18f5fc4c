"""requirements.tsv and what follows from it: the marker, the skips, the coverage table."""

import os
import re

import pytest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Row:
    __slots__ = ("id", "source", "level", "text", "check", "needs")

    def __init__(self, line):
        self.id, self.source, self.level, self.text, self.check, self.needs = line.split("\t")

    def need_list(self):
        return [n.strip() for n in self.needs.split(",") if n.strip() not in ("", "nothing")]


def load():
    with open(os.path.join(HERE, "requirements.tsv"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    return {row.id: row for row in map(Row, lines[1:])}


TABLE = load()


def known(rid):
    """Ids are rows of the table, or S-nn of the opt-in extensions."""
    return rid in TABLE or re.fullmatch(r"S-\d\d", rid)


def req(*ids, needs=None):
    """Marks a test with the rows it checks. needs replaces the needs of the table rows."""
    wrong = [i for i in ids if not known(i)]
    if wrong or not ids:
        raise ValueError(f"not in requirements.tsv: {wrong}")

    def wrap(func):
        marked = pytest.mark.req(*ids)(func)
        if needs is not None:
            marked = pytest.mark.needs(*needs)(marked)
        return marked
    return wrap


def skip_unless(condition, reason):
    """For what the table's needs cannot say. Never for an error of the runtime."""
    if not condition:
        pytest.skip(reason)


def hull_only(func):
    """Opt-in extensions: skipped for other runtimes."""
    return pytest.mark.hull_only(func)


def needs_of(item):
    """All needs of a test item, in table order, without doubles."""
    override = item.get_closest_marker("needs")
    if override:
        return list(override.args)
    found = []
    for mark in item.iter_markers("req"):
        for rid in mark.args:
            for need in TABLE[rid].need_list() if rid in TABLE else []:
                if need not in found:
                    found.append(need)
    return found


def ids_of(item):
    found = []
    for mark in reversed(list(item.iter_markers("req"))):
        found += [i for i in mark.args if i not in found]
    return found


def write_coverage(path, runtime, host, items, outcomes):
    """One line per row: id, runtime, host, status, last result. Old results survive a -k run,
    and lines of other runtimes and hosts stay."""
    old, others = {}, []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f.read().splitlines()[1:]:
                cells = line.split("\t")
                if len(cells) == 5 and cells[1] == runtime and cells[2] == host:
                    old[cells[0]] = cells[4]
                elif len(cells) == 5:
                    others.append(line + "\n")
    tests, unfinished, results = {}, set(), {}
    for item in items:
        for rid in ids_of(item):
            tests.setdefault(rid, []).append(item.nodeid)
            if item.get_closest_marker("wip"):
                unfinished.add(rid)
            if item.nodeid in outcomes:
                results.setdefault(rid, []).append(outcomes[item.nodeid])
    extra = sorted(i for i in tests if i not in TABLE)
    included = 0
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("id\truntime\thost\tstatus\tlast result\n")
        for rid in list(TABLE) + extra:
            status = "Planned"
            if rid in tests:
                status = "WIP" if rid in unfinished else "Included"
            included += status == "Included" and rid in TABLE
            seen = results.get(rid)
            last = old.get(rid, "-") if rid in tests else "-"
            if seen:
                last = next(r for r in ("failed", "passed", "skipped") if r in seen)
            f.write(f"{rid}\t{runtime}\t{host}\t{status}\t{last}\n")
        f.writelines(others)
    os.replace(path + ".new", path)
    return included
