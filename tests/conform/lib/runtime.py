"""Calls of the runtime under test: command line, streams in files, exit status, time limit."""

import functools
import os
import shlex
import subprocess

SLOW = float(os.environ.get("CONFORM_SLOW") or 1)  # every time limit is so many times longer
TIMEOUT = 30
LOG = []  # what the current test did, shown when it fails or with --debug


def note(text):
    LOG.append(text)
    if os.environ.get("CONFORM_DEBUG"):
        print(f"# {text}", flush=True)


class Result:
    """Outcome of one call. stdout and stderr are read when asked for, since the container may
    go on writing to them after the runtime has returned."""

    def __init__(self, argv, code, out_path, err_path):
        self.argv, self.code, self._out, self._err = argv, code, out_path, err_path

    @property
    def stdout(self):
        with open(self._out, encoding="utf-8", errors="replace") as f:
            return f.read()

    @property
    def stderr(self):
        with open(self._err, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ok(self):
        assert self.code == 0, f"{self.command()}: exit {self.code}: {self.stderr.strip()[-600:]}"
        return self

    def failed(self):
        """An orderly refusal: non-zero, not a crash, not a time-out."""
        assert self.code != 0, f"{self.command()}: succeeded, an error was due"
        assert self.code > 0, f"{self.command()}: the runtime died of signal {-self.code}"
        return self

    def command(self):
        return shlex.join(a if len(a) < 200 else a[:200] + "..." for a in self.argv)


class Runtime:
    def __init__(self, path, args=()):
        self.path, self.args = path, list(args)
        out = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=TIMEOUT * SLOW)
        self.version = (out.stdout or out.stderr).strip().splitlines()[0] if out.stdout else "?"
        self.is_hull = self.version.startswith("hull")
        self.name = self.version.replace(" version", "").strip()

    @functools.cache
    def has(self, command):
        """Does the runtime know this command?"""
        return not subprocess.run([self.path, command, "--help"], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT * SLOW).returncode

    def argv(self, words, root, public=None):
        argv = [self.path] + self.args + ["--root", root]
        if self.is_hull and public is not None:
            argv += ["--public-state-dir", public]
        return argv + list(words)

    def call(self, argv, out_dir, tag, *, env=None, cwd=None, stdin=None, stdout=None,
             timeout=TIMEOUT, preexec=None, pass_fds=()):
        """Runs argv to its end. stdout: a file descriptor instead of the file of the result."""
        out_path, err_path = (os.path.join(out_dir, f"{tag}.{n}") for n in ("out", "err"))
        with open(out_path, "wb") as out, open(err_path, "wb") as err:
            proc = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out if stdout is None else stdout, stderr=err, env=env, cwd=cwd,
                preexec_fn=preexec, pass_fds=pass_fds)
            try:
                code = proc.wait(timeout * SLOW)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
                note(f"$ {shlex.join(argv)}: no end after {timeout} s")
                raise AssertionError(
                    f"{shlex.join(argv)}: no end after {timeout} s") from None
        result = Result(argv, code, out_path, err_path)
        note(f"$ {result.command()}  -> {code}")
        if result.stderr.strip() and (code or os.environ.get("CONFORM_DEBUG")):
            for line in result.stderr.strip().splitlines()[-6:]:
                note(f"  | {line[:300]}")
        return result
