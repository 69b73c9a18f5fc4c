"""pytest plugin: TAP 14 as the tests run, the summary line, the coverage table."""

import io
import os
import signal
import sys

import pytest
from _pytest.config import create_terminal_writer

from lib import runtime as rt
from lib.host import facts
from lib.table import TABLE, ids_of, write_coverage

LIMIT = int(min(120 * rt.SLOW, 300))  # seconds for each phase of a test: no test may hang the suite


def too_long(signum, frame):
    pytest.fail(f"no end after {LIMIT} s")


class Silent:
    """In the place of pytest's own report: nothing of it is shown."""

    def __init__(self, config):
        self._tw = create_terminal_writer(config, io.StringIO())


class Tap:
    ids_of = staticmethod(ids_of)

    def __init__(self, out, runtime, coverage, files=()):
        self.out, self.runtime, self.coverage, self.files = out, runtime, coverage, files
        self.all_items, self.outcomes, self.number = [], {}, 0
        self.reports, self.count = {}, {"passed": 0, "failed": 0, "skipped": 0}
        self.failed_ids, self.session = [], None

    def say(self, text):
        try:
            print(text, file=self.out, flush=True)
        except BrokenPipeError:  # nobody reads on: end early, but in good order
            self.out = open(os.devnull, "w", encoding="utf-8")
            if self.session:
                self.session.shouldstop = "nobody reads the output"

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        config.conform_runtime, config.conform_items = self.runtime, self.all_items
        # pytest 8 asks the reporter how to write the values of a failed assert
        config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.register(Silent(config), "terminalreporter")

    def pytest_itemcollected(self, item):
        self.all_items.append(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        if self.files:
            items[:] = [i for i in items if i.fspath.basename in self.files]

    def pytest_collection_finish(self, session):
        self.session = session
        self.say("TAP version 14")
        self.say(f"1..{len(session.items)}")
        self.say(f"# runtime {self.runtime.name} on {facts.label()}")
        self.items = {item.nodeid: item for item in session.items}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item):
        yield from self.limited()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        yield from self.limited()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(self, item):
        yield from self.limited()

    @staticmethod
    def limited():
        """Ends a phase that waits for ever; again after 20 s for what waits while it is ended."""
        signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, LIMIT, 20)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_collectreport(self, report):
        if report.failed:
            self.say(f"Bail out! {report.nodeid}")
            for line in str(report.longrepr).splitlines():
                print(f"# {line}", file=sys.stderr)

    def pytest_runtest_logreport(self, report):
        if report.when != "teardown":
            if report.when == "setup" and report.passed:
                return
            self.outcomes[report.nodeid] = report.outcome
            self.reports[report.nodeid] = report
        elif report.failed:
            self.outcomes[report.nodeid] = "failed"
            self.reports[report.nodeid] = report
        if report.when == "teardown":
            self.finish(report.nodeid)

    def finish(self, nodeid):
        report, outcome = self.reports[nodeid], self.outcomes[nodeid]
        ids = self.ids_of(self.items[nodeid])
        self.number += 1
        self.count[outcome] += 1
        line = f"{'not ok' if outcome == 'failed' else 'ok'} {self.number} - " \
               f"{','.join(ids)} {self.items[nodeid].fspath.basename}::" \
               f"{self.items[nodeid].name}"
        if outcome == "skipped":
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "?"
            line += f" # SKIP {reason.removeprefix('Skipped: ')}"
        self.say(line.replace("\n", " "))
        if outcome == "failed":
            self.failed_ids += [i for i in ids if i not in self.failed_ids]
            self.explain(report)
        if os.environ.get("CONFORM_DEBUG"):
            self.say(f"# took {report.duration * 1000:.0f} ms")
        for name, value in report.user_properties:
            self.say(f"# recorded: {name}: {value}")

    def explain(self, report):
        crash = getattr(report.longrepr, "reprcrash", None)
        message = crash.message if crash else str(report.longrepr)
        where = f"{crash.path.rsplit('/', 1)[-1]}:{crash.lineno}" if crash else "?"
        self.say("  ---")
        self.say(f"  at: {where}")
        self.say("  message: |")
        for text in message.splitlines()[:12]:
            self.say(f"    {text[:400]}")
        self.say("  log: |")
        for text in rt.LOG[-25:]:
            self.say(f"    {text[:400]}")
        self.say("  ...")

    def pytest_sessionfinish(self):
        if not self.count["passed"] + self.count["failed"] + self.count["skipped"]:
            return
        if self.coverage:
            included = write_coverage(self.coverage, self.runtime.name, facts.label(),
                                      self.all_items, self.outcomes)
            self.say(f"# coverage: {included} of {len(TABLE)} rows included, {self.coverage}")
        if self.failed_ids:
            self.say(f"# failed rows: {' '.join(self.failed_ids)}")

    def summary(self):
        """The last line of the run."""
        self.say("{passed} passed, {failed} failed, {skipped} skipped".format(**self.count))
