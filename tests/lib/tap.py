# SPDX-License-Identifier: Apache-2.0
"""A box for tests that start real containers, and TAP for what they say.

main() runs the tests in mount, pid, network, ipc and uts namespaces of their own, with an own /run, /dev/shm
and scratch directory, below an own cgroup. Whatever a failed test leaves ends with the box.
"""

import argparse
import contextlib
import errno
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PRIVATE = ("/run", "/dev/shm", "/var/tmp", "/var/lib/containers", "/var/lib/cni")
CGROUPS = "/sys/fs/cgroup"


class Skip(Exception):
    """This machine lacks what the test needs."""


TESTS = []


def test(title):
    """Registers a test; its first words are what TAP shows."""
    def add(function):
        TESTS.append((title, function))
        return function
    return add


def need(condition, reason):
    if not condition:
        raise Skip(reason)


def eq(got, want, what="value"):
    assert got == want, f"{what}: got {got!r}, wanted {want!r}"


def has(text, part):
    assert part in text, f"{part!r} is not in {text!r}"


def lacks(text, part):
    assert part not in text, f"{part!r} is in {text!r}"


def eventually(condition, what, limit=60):
    """Waits for something that has no event to wait for: the result of the condition, once it is true."""
    end = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        time.sleep(0.02)
    return value


class Result:
    """What a command did."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self):
        return f"{' '.join(map(str, self.argv))}\nexit {self.code}\nstdout: {self.out}\nstderr: {self.err}"

    def ok(self):
        assert self.code == 0, f"failed: {self!r}"
        return self

    def failed(self, code=1):
        assert self.code == code, f"exit status {code} wanted: {self!r}"
        return self


def call(*argv, stdin="", limit=60, **kw):
    """Runs a command to its end. A command without end fails the test. stdin is a text or a descriptor."""
    text = isinstance(stdin, str)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        proc = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE if text else stdin,
                                stdout=out, stderr=err, start_new_session=True, cwd=tempfile.gettempdir(), **kw)
        try:
            proc.communicate(stdin.encode() if text else None, timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()
        out.seek(0), err.seek(0)
        result = Result(argv, proc.returncode, out.read().decode(errors="replace"),
                        err.read().decode(errors="replace"))
    assert proc.returncode != -signal.SIGKILL, f"no end within {limit} s: {result!r}"
    return result


def cgroup_roots():
    """Every cgroup hierarchy of the host."""
    if os.path.exists(f"{CGROUPS}/cgroup.procs"):
        return [CGROUPS]
    return sorted({os.path.realpath(d) for d in glob.glob(f"{CGROUPS}/*/")})


def cgroup_dirs(name):
    return [d for root in cgroup_roots() if os.path.isdir(d := os.path.join(root, name))]


def cgroup_below(name):
    """All groups below the box's own, deepest first."""
    return [sub for top in cgroup_dirs(name) for sub, _, _ in os.walk(top, topdown=False) if sub != top]


def thaw(name):
    for top in cgroup_dirs(name):
        for sub, _, files in os.walk(top):
            for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if file in files:
                    with contextlib.suppress(OSError), open(os.path.join(sub, file), "w", encoding="ascii") as f:
                        f.write(word)


def remove_cgroups(name):
    for top in cgroup_dirs(name):
        for sub, _, _ in os.walk(top, topdown=False):
            for _ in range(200):
                try:
                    os.rmdir(sub)
                    break
                except OSError as e:
                    if e.errno != errno.EBUSY:
                        break
                    time.sleep(0.01)


def unmounted_hierarchies():
    """v1 hierarchies that /proc names and nobody has mounted here."""
    with open("/proc/self/cgroup", encoding="ascii") as f:
        names = [line.split(":")[1] for line in f]
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        mounted = {word for line in f if " - cgroup " in line for word in line.split()[-1].split(",")}
    return [name for name in names if name and not set(name.split(",")) & mounted]


def remove_unmounted(name, where):
    """The box's groups in hierarchies that only the box had mounted (tests/lib/engines.py does that)."""
    script = 'at=$1 name=$2; shift 2; for h; do mount -t cgroup -o "$h" none "$at" || continue; ' \
             '[ ! -d "$at/$name" ] || find "$at/$name" -depth -type d -exec rmdir {} +; umount "$at"; done'
    subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", where, name,
                    *unmounted_hierarchies()], check=False)


def signal_holder(proc):
    """Ends the box when the run is ended."""
    def end(number, _):
        proc.kill()
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def outside(options):
    """Makes the box, waits for it, removes what it left."""
    scratch = tempfile.mkdtemp(prefix="hull-box-")
    cgroup = os.path.basename(scratch)
    env = dict(os.environ, HULL_BOX=scratch, LC_ALL="C.UTF-8")
    for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "LISTEN_FDS"):
        env.pop(name, None)
    proc = subprocess.Popen(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child",
                             "--mount-proc", "--propagation", "private", sys.executable, *sys.argv], env=env)
    signal_holder(proc)
    try:
        return proc.wait()
    finally:
        for _ in range(100): # a frozen process dies when it is thawed
            thaw(cgroup)
            with contextlib.suppress(subprocess.TimeoutExpired):
                proc.wait(0.1)
                break
        thaw(cgroup)
        remove_cgroups(cgroup)
        remove_unmounted(cgroup, scratch)
        if options.keep:
            print(f"# kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)


def reap_until(worker):
    """Process 1 of the box: takes in what its descendants leave behind."""
    while True:
        pid, status = os.wait()
        if pid == worker:
            return os.waitstatus_to_exitcode(status) & 255


def furnish(scratch):
    """An own, empty copy of every directory that container tools write to."""
    for path in PRIVATE:
        own = os.path.join(scratch, "own" + path)
        os.makedirs(own, exist_ok=True)
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "--bind", own, path], check=True)
    for path in ("/dev/shm", "/var/tmp"):
        os.chmod(path, 0o1777)
    box = os.path.join(scratch, "box")
    os.mkdir(box)
    os.environ["TMPDIR"] = tempfile.tempdir = box
    return box


def run_one(number, title, function, context):
    started = time.monotonic()
    try:
        function(context)
    except Skip as reason:
        print(f"ok {number} - {title} # SKIP {reason}", flush=True)
        return True
    except Exception as e:  # pylint: disable=broad-except
        text = str(e) if isinstance(e, AssertionError) and str(e) else traceback.format_exc()
        where = traceback.extract_tb(e.__traceback__)
        here = next((f for f in where if f.name == function.__name__), where[-1])
        print(f"not ok {number} - {title}")
        print(f"# {os.path.basename(here.filename)}:{here.lineno}: {here.line}")
        print("\n".join("# " + line for line in text.rstrip().splitlines()[:60]), flush=True)
        return False
    print(f"ok {number} - {title}" + (f" ({time.monotonic() - started:.1f} s)" if context.slow else ""), flush=True)
    return True


def inside(options, scratch, name, make_context):
    """Runs the tests; the context is made once, is given to each, and is closed at the end."""
    context = make_context(options, furnish(scratch), os.path.basename(scratch))
    context.slow = options.times
    chosen = [(t, f) for t, f in TESTS if not options.k or options.k in t or options.k in f.__name__]
    print(f"TAP version 13\n# {name}: {options.runtime}\n1..{len(chosen)}", flush=True)
    good = True
    for number, (title, function) in enumerate(chosen, 1):
        if not run_one(number, title, function, context):
            good = False
            context.clean_up()  # what a failed test leaves must not fail the next
    return 0 if good else 1


def main(name, description, make_context):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runtime", required=True, metavar="PATH", help="the runtime under test")
    parser.add_argument("-k", metavar="WORD", help="only tests whose title or function has this in it")
    parser.add_argument("--times", action="store_true", help="show how long each test took")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory")
    options = parser.parse_args()
    options.runtime = os.path.realpath(options.runtime)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # ignored in a job of the background; hull would keep that
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if os.geteuid():
        print("1..0 # SKIP needs root")
        return 0
    scratch = os.environ.pop("HULL_BOX", None)
    if not scratch:
        return outside(options)
    worker = os.fork()
    if worker:
        return reap_until(worker)
    os.setsid()
    status = 1
    try:
        status = inside(options, scratch, name, make_context)
    except BaseException:  # pylint: disable=broad-except
        print("Bail out! " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    sys.stdout.flush()
    os._exit(status)
