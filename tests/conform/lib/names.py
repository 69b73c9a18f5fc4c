"""Does an error text name a JSON path? Dotted paths and JSON pointers are both right answers."""

import os
import re


def pointer(path):
    """process.rlimits[1].type -> /process/rlimits/1/type"""
    return "/" + re.sub(r"\[(\w+)\]", r"/\1", path).replace(".", "/")


def names(path, text):
    """True if text contains path in the dotted or in the pointer form, as a whole path."""
    for form in (path, pointer(path)):
        for hit in re.finditer(re.escape(form), text):
            before = text[hit.start() - 1] if hit.start() else " "
            after = text[hit.end()] if hit.end() < len(text) else " "
            if not (before.isalnum() or before == "_") and not (after.isalnum() or after == "_"):
                return True
    return False


def assert_names(path, text):
    """The wish for a named path is this table's, not the text's: --relaxed drops it."""
    if os.environ.get("CONFORM_RELAXED"):
        return
    paths = [path] if isinstance(path, str) else path
    assert any(names(p, text) for p in paths), (
        f"the message does not name {' or '.join(paths)}: {text.strip()[-400:]!r}")


def assert_says(pattern, text):
    """Like assert_names, for messages that must hold something else than a path."""
    if os.environ.get("CONFORM_RELAXED"):
        return
    assert re.search(pattern, text, re.S | re.I), (
        f"the message lacks {pattern!r}: {text.strip()[-400:]!r}")
