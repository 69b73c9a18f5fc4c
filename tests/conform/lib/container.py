"""One container of a test: the operations, waiting for its process, and a clean-up that holds."""

import json
import os
import select
import shutil
import signal
import time

from lib import runtime as rt
from lib.host import cgroup_dirs, read, umount
from lib.names import assert_names


class Container:
    """id, private state root and bundle are new for each container. All calls that make one
    record its process, so that clean-up does not depend on the runtime."""

    def __init__(self, runtime, top, cid, bundle, env=None):
        self.rt, self.top, self.id, self.bundle = runtime, top, cid, bundle
        self.root = os.path.join(top, "root")
        self.public = os.path.join(top, "public")
        self.pid_file = os.path.join(top, "pid")
        self.env = {"PATH": os.environ.get("PATH", ""), "HOME": "/root"} | (env or {})
        self.pidfd, self.pid, self.cgroups = -1, 0, []
        self.out_read, self._tail, self._calls, self._used = -1, b"", 0, False
        self.status = None  # wait status once reaped
        os.makedirs(self.root, exist_ok=True)
        os.makedirs(self.public, exist_ok=True)

    # config shortcuts
    @property
    def config(self):
        return self.bundle.config

    @property
    def process(self):
        return self.bundle.config["process"]

    def args(self, *words):
        """Sets process.args; returns self."""
        self.process["args"] = list(words)
        return self

    def sh(self, script):
        return self.args("/bin/sh", "-c", script)

    # calls
    def argv(self, *words, root=None):
        """The full command line, for calls from hooks."""
        return self.rt.argv(words, root or self.root, self.public)

    def call(self, *words, root=None, **kw):
        """RUNTIME <global options> words... with the private root; returns a Result.
        wrap: a shell script that ends in exec "$@", to prepare what the runtime inherits."""
        self._calls += 1
        self._used = self._used or "create" in words or "run" in words
        env = self.env | kw.pop("env", {})
        argv = self.argv(*words, root=root)
        wrap = kw.pop("wrap", None)
        if wrap:
            argv = ["/bin/sh", "-c", wrap, "sh", *argv]
        return self.rt.call(argv, self.top, f"{self._calls}-{self.id[-12:]}", env=env, **kw)

    def create(self, *options, cid=None, write=True, **kw):
        """create --bundle B --pid-file F [options] ID. Standard output of the container goes to
        a pipe: see output() and line()."""
        if write:
            self.bundle.write()
        ours = -1
        if "stdout" not in kw:
            if self.out_read >= 0:
                os.close(self.out_read)
            self.out_read, ours = os.pipe2(os.O_CLOEXEC)
            kw["stdout"] = ours
        try:
            result = self.call("create", "--bundle", self.bundle.path, "--pid-file", self.pid_file,
                               *options, self.id if cid is None else cid, **kw)
        finally:
            if ours >= 0:
                os.close(ours)
        if result.code == 0:
            self._adopt()
        return result

    def run(self, *options, write=True, **kw):
        """run in the foreground; the result has what the program printed."""
        if write:
            self.bundle.write()
        return self.call("run", "--bundle", self.bundle.path, *options, self.id, **kw)

    def probe(self, *words, **kw):
        """Runs the probe with these words as the program; returns what it saw, as a dict."""
        self.args("/bin/probe", *map(str, words))
        return json.loads(self.run(**kw).ok().stdout)

    def start(self, *options, **kw):
        return self.call("start", *options, self.id, **kw)

    def kill(self, *words, **kw):
        return self.call("kill", self.id, *map(str, words), **kw)

    def delete(self, *options, **kw):
        return self.call("delete", *options, self.id, **kw)

    def exec(self, *words, **kw):
        return self.call("exec", self.id, *words, **kw)

    def state_call(self, cid=None, **kw):
        return self.call("state", self.id if cid is None else cid, **kw)

    def state(self):
        """The state document; the call must succeed."""
        return json.loads(self.state_call().ok().stdout)

    def status_word(self):
        return self.state()["status"]

    def created(self, *options, **kw):
        """create that must succeed; returns self."""
        self.create(*options, **kw).ok()
        return self

    def started(self, *options, **kw):
        """create and start that must succeed; returns self."""
        self.created(*options, **kw)
        self.start().ok()
        return self

    # refusals
    def gone(self, cid=None):
        """No container with this id exists."""
        result = self.state_call(cid)
        assert result.code != 0, f"state of {cid or self.id} still answers: {result.stdout}"

    def create_fails(self, naming=None, *options, **kw):
        """create errors, names the path, and leaves no container; returns the Result."""
        result = self.create(*options, **kw).failed()
        text = result.stderr
        self.gone()
        if naming:
            assert_names(naming, text)
        return result

    def create_or_start_fails(self, naming=None):
        """The error may come at create or at start."""
        result = self.create()
        if result.code == 0:
            result = self.start()
        text = result.failed().stderr
        if naming:
            assert_names(naming, text)
        return result

    # the process
    def _adopt(self):
        text = read(self.pid_file).strip()
        assert text.isdigit(), f"--pid-file holds {text!r}"
        self.watch(int(text))

    def watch(self, pid):
        """Records the container process: for waiting, and for clean-up."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.pid, self.status = pid, None
        self.pidfd = os.pidfd_open(pid)
        for line in read(f"/proc/{pid}/cgroup").splitlines():
            number, controllers, path = line.split(":", 2)
            if self.id in path:
                self.cgroups += [p for p in cgroup_paths(number, controllers, path)
                                 if p not in self.cgroups]

    def wait_exit(self, timeout=10, reap=True):
        """Waits until the container process has ended. Returns its exit code, or minus the
        signal; None if the suite is not its parent. reap=False leaves a zombie."""
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        assert poller.poll(timeout * rt.SLOW * 1000), f"process {self.pid} lives on after {timeout} s"
        flags = os.WEXITED | (0 if reap else os.WNOWAIT)
        try:
            info = os.waitid(os.P_PIDFD, self.pidfd, flags)
        except ChildProcessError:
            return self.status
        code = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
        if reap:
            self.status = code
        return code

    def alive(self):
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        return not poller.poll(0)

    def output(self, timeout=10):
        """All the program still prints, up to the end of file: waits for the program."""
        data, end = self._tail, time.monotonic() + timeout * rt.SLOW
        self._tail = b""
        while True:
            chunk = self._read(end)
            if not chunk:
                return data.decode(errors="replace")
            data += chunk

    def line(self, timeout=10):
        """The next line the program prints, without the newline."""
        end = time.monotonic() + timeout * rt.SLOW
        while b"\n" not in self._tail:
            chunk = self._read(end)
            assert chunk, f"end of output after {self._tail!r}"
            self._tail += chunk
        line, _, self._tail = self._tail.partition(b"\n")
        return line.decode(errors="replace")

    def _read(self, end):
        poller = select.poll()
        poller.register(self.out_read, select.POLLIN)
        assert poller.poll(max(0, end - time.monotonic()) * 1000), "the program prints nothing"
        return os.read(self.out_read, 65536)

    def finish(self):
        """start was called: the program runs to its end; returns (exit code, output)."""
        text = self.output()
        return self.wait_exit(), text

    # clean-up
    def _end(self):
        """Kills the first process. It ends when all others of its pid namespace are reaped, and of
        some the suite is the parent: what exec left behind."""
        poller, end = select.poll(), time.monotonic() + 10 * rt.SLOW
        poller.register(self.pidfd, select.POLLIN)
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            while not poller.poll(1) and time.monotonic() < end:
                for pid, _ in children():
                    if pid != self.pid:
                        os.waitpid(pid, os.WNOHANG)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
        except OSError:
            pass

    def clean(self, keep=False):
        if self._used and os.path.isdir(self.root) and os.listdir(self.root):
            try:
                self.call("delete", "--force", self.id, timeout=15)
            except AssertionError:
                pass
        if self.pidfd >= 0:
            self._end()
            os.close(self.pidfd)
            self.pidfd = -1
        if self.out_read >= 0:
            os.close(self.out_read)
            self.out_read = -1
        if self._used and not self.pid:  # of what failed, the paths are not known
            self.cgroups += sorted(cgroup_dirs(self.id), key=len, reverse=True)
            for path in self.cgroups:
                rt.note(f"left behind: {path}")
        for path in self.cgroups:
            remove_cgroup(path)
        sweep_mounts(self.top + "/")
        if not keep and not any(self.top + "/" in m for m in mount_points()):
            remove_tree(self.top)


def remove_tree(path):
    """rm -rf, also through directories that a test closed to their owner."""
    for top, dirs, _ in os.walk(path):
        for name in dirs:
            if not os.path.islink(os.path.join(top, name)):
                try:
                    os.chmod(os.path.join(top, name), 0o755)
                except OSError:
                    pass
    shutil.rmtree(path, ignore_errors=True)


def cgroup_paths(number, controllers, path):
    """Directories of one line of /proc/PID/cgroup."""
    if number == "0":
        tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
    else:
        names = controllers.removeprefix("name=")
        tops = [f"/sys/fs/cgroup/{names}"]
    return [t + path for t in tops if os.path.isdir(t + path) and path.strip("/")]


def remove_cgroup(path):
    """Kills what is in a cgroup and removes it with all below."""
    if not os.path.isdir(path):
        return
    for top, _, _ in os.walk(path, topdown=False):
        for pid in read(os.path.join(top, "cgroup.procs")).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
                os.waitpid(int(pid), 0)
            except OSError:
                pass
        try:
            os.rmdir(top)
        except OSError:
            pass


def mount_points():
    return [line.split(" ")[4] for line in read("/proc/self/mountinfo").splitlines()]


def sweep_mounts(prefix):
    for point in reversed(mount_points()):
        if point.replace("\\040", " ").startswith(prefix):
            try:
                umount(point.replace("\\040", " "))
            except OSError:
                pass


def children():
    """Processes whose parent is the suite."""
    me, found = os.getpid(), []
    for name in os.listdir("/proc"):
        stat = read(f"/proc/{name}/stat") if name.isdigit() else ""
        if stat and int(stat.rsplit(")", 1)[1].split()[1]) == me:
            found.append((int(name), stat.split(")")[0]))
    return found


def reap_strays():
    """Kills and reaps what a test left as children of the suite: hooks, containers, sleeps. In no
    order: the first process of a pid namespace ends when all others of it have been reaped."""
    strays = set()
    while True:
        try:
            done = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return len(strays)
        if done is not None:
            continue
        for pid, stat in children():
            if pid not in strays:
                strays.add(pid)
                rt.note(f"stray process {stat})")
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
