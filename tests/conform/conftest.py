"""Fixtures and the link between tests, the requirements table and the TAP output."""

import itertools
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib import runtime as rt  # noqa: E402
from lib.bundle import Bundle, Template  # noqa: E402
from lib.cgroups import Foreign  # noqa: E402
from lib.container import Container, reap_strays, remove_cgroup  # noqa: E402
from lib.host import facts  # noqa: E402
from lib.table import ids_of, needs_of  # noqa: E402

NUMBER = itertools.count(1)


def pytest_configure(config):
    for line in ("req(*ids): rows of requirements.tsv that the test checks",
                 "needs(*needs): replaces the needs of the rows",
                 "hull_only: an opt-in extension of hull",
                 "wip: the test does not check the whole row yet"):
        config.addinivalue_line("markers", line)


class Environment:
    """What run prepared; found through the environment."""

    def __init__(self):
        self.work = os.environ["CONFORM_WORK"]
        self.runtime = rt.Runtime(os.environ["CONFORM_RUNTIME"],
                                  os.environ.get("CONFORM_ROOT_ARGS", "").split("\x1f")
                                  if os.environ.get("CONFORM_ROOT_ARGS") else ())
        self.template = Template(self.work, os.environ["CONFORM_BUSYBOX"],
                                 os.environ["CONFORM_PROBE"])
        self.keep = bool(os.environ.get("CONFORM_DEBUG"))


@pytest.fixture(scope="session")
def environment():
    return Environment()


@pytest.fixture(scope="session")
def runtime(environment):
    return environment.runtime


@pytest.fixture
def needs_exec(runtime):
    """For tests of exec: skipped where the runtime has no such command."""
    if not runtime.has("exec"):
        pytest.skip("planned: the runtime has no exec")


def factory(environment):
    """Function that makes containers, and the list of those it made."""
    made = []

    def make(bundle=None, env=None):
        n = next(NUMBER)
        top = os.path.join(environment.work, f"t{n}")
        cid = f"hc{os.getpid()}-{n}"
        if bundle is None:
            bundle = Bundle(os.path.join(top, "b"), environment.template)
        ctr = Container(environment.runtime, top, cid, bundle, env)
        made.append(ctr)
        return ctr
    return make, made


def clean(made, environment):
    for ctr in reversed(made):
        ctr.clean(environment.keep)
    reap_strays()


@pytest.fixture
def make_ctr(environment):
    """Function that makes further containers: make_ctr(root=..., bundle=...)."""
    make, made = factory(environment)
    yield make
    clean(made, environment)


@pytest.fixture(scope="module")
def make_shared(environment):
    """The same for fixtures of a module: one run whose outcome several tests look at. What lives
    on between tests counts as a stray and is ended: the run must be over when it returns."""
    make, made = factory(environment)
    yield make
    clean(made, environment)


@pytest.fixture
def ctr(make_ctr):
    """A container that does not exist yet, with a base bundle, a unique id and a private root."""
    return make_ctr()


@pytest.fixture
def make_group():
    """Function that makes a cgroup of the suite's own, /ID-g or below it, for the container of
    this ID: make_group(ctr, controller, path). Removed with all that is in it."""
    made = []

    def make(ctr, controller=None, path=None):
        made.append(Foreign(path or f"/{ctr.id}-g", controller))
        return made[-1]
    yield make
    for group in reversed(made):
        group.end()
        remove_cgroup(group.dir)


@pytest.fixture
def bundle(ctr):
    return ctr.bundle


def pytest_runtest_setup(item):
    rt.LOG.clear()
    if item.get_closest_marker("hull_only"):
        if not item.session.config.conform_runtime.is_hull:
            pytest.skip("an opt-in extension of hull")
    for need in needs_of(item):
        reason = facts.missing(need)
        if reason:
            pytest.skip(f"needs {need}: {reason}")


def pytest_itemcollected(item):
    """-k finds row ids too."""
    if not item.get_closest_marker("req"):
        raise pytest.UsageError(f"{item.nodeid}: no @req(...)")
    item.extra_keyword_matches.update(ids_of(item))
