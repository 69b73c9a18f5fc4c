"""The framework under the conformance tests: one import for a test file."""

from lib.bundle import Bundle, busybox_applets
from lib.container import Container
from lib.host import facts, snapshot
from lib.names import assert_names, assert_says, names
from lib.runtime import Result, Runtime
from lib.schema import Schema
from lib.table import TABLE, req, skip_unless, hull_only

__all__ = [
    "Bundle", "busybox_applets", "Container", "facts", "snapshot", "assert_names", "assert_says", "names",
    "Result", "Runtime", "Schema", "TABLE", "req", "skip_unless", "hull_only",
]
