# SPDX-License-Identifier: Apache-2.0
"""Fixtures: containers of the conformance suite, the attacker, and a guard over the host (HOST-CLEAN)."""

import hashlib
import importlib.machinery
import importlib.util
import os
import select
import signal
import subprocess

import pytest

from lib import runtime as rt
from lib.host import differences, snapshot
from threats import ids_of

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("conform_conftest", os.path.join(HERE, "..", "conform", "conftest.py"))
SUITE = importlib.util.module_from_spec(importlib.util.spec_from_loader("conform_conftest", LOADER))
LOADER.exec_module(SUITE)

environment, runtime, bundle = SUITE.environment, SUITE.runtime, SUITE.bundle
SLOW = ("test_exec_holds_nothing_of_the_host", "test_exec_of_proc_self_exe", "test_create_with_proc_self_exe",
        "test_rootless_owner_cannot_overwrite")
ATTACKER = os.environ.get("SECURITY_ATTACKER", "")


def pytest_configure(config):
    config.addinivalue_line("markers", "threat(*ids): rows of threats.tsv that the test defends")
    config.addinivalue_line("markers", "hull_only: about something that only hull promises")


def pytest_itemcollected(item):
    """-k finds row ids too."""
    ids = ids_of(item)
    if not ids:
        raise pytest.UsageError(f"{item.nodeid}: no @threat(...)")
    item.extra_keyword_matches.update(ids)
    if {"step", "race"} & set(item.fixturenames) or item.originalname in SLOW:
        item.extra_keyword_matches.add("slow")


def pytest_runtest_setup(item):
    rt.LOG.clear()
    if item.get_closest_marker("hull_only") and not item.session.config.conform_runtime.is_hull:
        pytest.skip("a promise of hull alone")


class Canary:
    """A tree of the host, outside of every rootfs, that nobody may touch."""

    def __init__(self, top):
        self.path = os.path.join(top, "canary")
        os.makedirs(self.path + "/dir")
        for name in ("file", "dir/file", "null", "ptmx", "core", "fd"):
            with open(f"{self.path}/{name}", "w", encoding="ascii") as f:
                f.write("canary\n")
        self.before = self.look()

    def look(self):
        found = {}
        for top, dirs, files in os.walk(self.path):
            for name in [""] + dirs + files:
                path = os.path.join(top, name)
                s = os.lstat(path)
                text = b""
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        text = f.read(4096)
                found[path] = (s.st_ino, s.st_mode, s.st_uid, s.st_gid, s.st_nlink if files else 0, text,
                               sorted(os.listxattr(path, follow_symlinks=False)))
        return found

    def check(self):
        now = self.look()
        assert now == self.before, "the host was changed: " + ", ".join(
            sorted(p for p in now.keys() | self.before.keys() if now.get(p) != self.before.get(p)))


def host_facts(path):
    """What a hostile container would like to change."""
    facts = {}
    for name in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"):
        with open(name, "rb") as f:
            facts[name] = f.read()
    for name in ("/dev/null", "/dev/zero", "/dev/ptmx", "/dev/console", "/dev/pts/ptmx"):
        s = os.stat(name)
        facts[name] = (s.st_ino, s.st_mode, s.st_uid, s.st_gid, s.st_rdev)
    with open(path, "rb") as f:
        facts[path] = (os.fstat(f.fileno()).st_ino, hashlib.sha256(f.read()).hexdigest())
    return facts


def restore(before, after):
    """A runtime that fails a test must not leave the machine unusable."""
    name = "/proc/sys/kernel/core_pattern"
    if before[name] != after[name]:
        with open(name, "wb") as f:
            f.write(before[name])


@pytest.fixture
def canary(environment, request):
    """Checked at the end of the test."""
    made = Canary(os.path.join(environment.work, f"c-{abs(hash(request.node.nodeid)):x}"))
    yield made
    made.check()


@pytest.fixture(autouse=True)
def host_clean(environment):
    """HOST-CLEAN: the runtime's binary, device nodes, mounts and cgroups of the host are as they were."""
    path = environment.runtime.path
    before, facts = snapshot(f"hc{os.getpid()}-"), host_facts(path)
    yield
    after = host_facts(path)
    restore(facts, after)
    assert facts == after, "the host was changed: " + ", ".join(n for n in facts if facts[n] != after[n])
    left = differences(before, snapshot(f"hc{os.getpid()}-"))
    assert not left, f"left on the host: {left}"


@pytest.fixture
def make_ctr(environment, host_clean):
    """make_ctr(bundle=...): more containers, each with /bin/attacker in its rootfs."""
    make, made = SUITE.factory(environment)

    def with_attacker(bundle=None, env=None):
        ctr = make(bundle, env)
        target = ctr.bundle.file("/bin/attacker")
        if not os.path.lexists(target):
            copy_attacker(environment, target)
        return ctr
    yield with_attacker
    SUITE.clean(made, environment)


def copy_attacker(environment, target):
    """A link, so that a rootfs costs nothing."""
    own = os.path.join(environment.template.top, "attacker")
    if not os.path.exists(own):
        with open(ATTACKER, "rb") as f, open(own, "wb") as g:
            g.write(f.read())
        os.chmod(own, 0o755)
    os.link(own, target)


@pytest.fixture
def attacker():
    """The path of the program on the host."""
    return ATTACKER


@pytest.fixture
def ctr(make_ctr):
    return make_ctr()


class Swapper:
    """Exchanges two names for ever, in a process of its own."""

    def __init__(self, a, b):
        self.a, self.b = a, b
        # children count as strays of the suite: this one ends with its block
        self.proc = None

    def __enter__(self):
        self.ids = (os.lstat(self.a).st_ino, os.lstat(self.b).st_ino)
        self.proc = subprocess.Popen([ATTACKER, "swap", self.a, self.b], stdout=subprocess.PIPE)
        assert self.proc.stdout.readline() == b"go\n"
        return self

    def __exit__(self, *_):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        if os.path.lexists(self.a) and os.lstat(self.a).st_ino != self.ids[0]:
            exchange(self.a, self.b)


def exchange(a, b):
    os.rename(a, a + ".x")
    os.rename(b, a)
    os.rename(a + ".x", b)


@pytest.fixture
def race():
    """race(a, b): a context in which the two names change places all the time."""
    return Swapper


@pytest.fixture
def rounds():
    """rounds(n): how often to try; fewer with --rounds."""
    return lambda n: max(5, int(n * float(os.environ["SECURITY_ROUNDS"])))


@pytest.fixture
def step(environment, rounds):
    """step(ctr, a, b, judge, side="init"): STEP of threats.md. Runs the container again and again; at the
    n-th look-up of init (or runtime) the names are exchanged, for good and for one call. judge(result)
    looks at each outcome (result.exchanged: the names were not back at its end); they are put back between."""
    def run(ctr, a, b, judge, side="init", points=40, holds=(0, 1)):
        first = os.lstat(a).st_ino
        total = traced(ctr, side, 0, 0, a, b)[1]
        assert total > 10, f"{total} look-ups were seen: not traced?"
        n, good = rounds(points), 0
        for hold in holds:
            for at in sorted({1 + i * (total - 1) // (n - 1) for i in range(n)}):
                result, _ = traced(ctr, side, at, hold, a, b)
                rt.note(f"exchanged at look-up {at} of {side}, hold {hold}: exit {result.code}: {result.stdout[:300]!r}")
                result.exchanged = os.lstat(a).st_ino != first
                if result.exchanged:
                    exchange(a, b)
                if result.code:
                    result.failed()
                    assert result.stderr.strip(), "a refusal without a word"
                judge(result)
                good += result.code == 0
        return good
    return run


def traced(ctr, side, at, hold, a, b):
    """One run under the tracer: its result, and the number of look-ups."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    ctr.bundle.write()
    argv = ctr.argv("run", "--bundle", ctr.bundle.path, ctr.id)
    command = ["/bin/sh", "-c", f'exec "$@" 3>&{write_end}', "sh", ATTACKER, "step", side, str(at), str(hold), a, b]
    ctr._calls += 1
    ctr._used = True
    try:
        found = ctr.rt.call(command + [ctr.rt.path, *argv[1:]], ctr.top, f"{ctr._calls}-step", env=ctr.env,
                            pass_fds=[write_end])
    finally:
        os.close(write_end)
    ready, _, _ = select.select([read_end], [], [], 5)
    text = os.read(read_end, 64) if ready else b""
    os.close(read_end)
    return found, int(text or 0)


def drop(process):
    """Ends a helper of a test."""
    process.send_signal(signal.SIGKILL)
    process.wait()
