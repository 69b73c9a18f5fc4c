"""Hooks that leave a trace: lines in one log, saved states, checks of where they run."""

import json
import os
import shlex

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
AT_CREATE = KINDS[:3]
RUNTIME_NS = ("prestart", "createRuntime", "poststart", "poststop")

# Sets $pid from the state on standard input.
PID = r"""pid=$(cat | tr '\n' ' ' | sed -n 's/.*"pid"[: ]*\([0-9][0-9]*\).*/\1/p'); """


def path_of(ctr, kind, name):
    """The name under which a hook of this kind reaches a file at the top of the rootfs."""
    return "/" + name if kind == "startContainer" else os.path.join(ctr.bundle.rootfs, name)


def prepare(ctr, name="log"):
    if not ctr.bundle.exists(name):
        ctr.bundle.put(name, "", 0o666)


def logging(ctr, kind, text=None, then=""):
    """A hook that appends text (its kind when None) to the log, then does more."""
    prepare(ctr)
    log = shlex.quote(path_of(ctr, kind, "log"))
    return ctr.bundle.hook(kind, f"echo {shlex.quote(text or kind)} >> {log}; {then}")


def log(ctr):
    return ctr.bundle.read("log").splitlines() if ctr.bundle.exists("log") else []


def saving(ctr, kind, then=""):
    """A hook that saves its standard input."""
    prepare(ctr, f"stdin-{kind}")
    out = shlex.quote(path_of(ctr, kind, f"stdin-{kind}"))
    return ctr.bundle.hook(kind, f"cat > {out}; {then}")


def saved(ctr, kind):
    text = ctr.bundle.read(f"stdin-{kind}")
    assert text, f"the {kind} hook saved nothing"
    return json.loads(text)


def writing(ctr, kind, script, name=None):
    """A hook whose standard output goes to a file; see written()."""
    name = name or f"out-{kind}"
    prepare(ctr, name)
    out = shlex.quote(path_of(ctr, kind, name))
    return ctr.bundle.hook(kind, f"exec > {out}; {script}")


def written(ctr, kind):
    return ctr.bundle.read(f"out-{kind}")
