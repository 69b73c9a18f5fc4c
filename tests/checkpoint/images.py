# SPDX-License-Identifier: Apache-2.0
"""Containers that are written to images and come back."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import tap
from bundle import Hull

# A program that counts, a number a line of /tmp/ID, and says the last one when it is told to end.
COUNT = "i=0; trap 'echo end $i; exit 7' TERM; while :; do i=$((i+1)); echo $i > /tmp/$NAME; usleep 50000; done"


class Images(Hull):
    """Hull with what these tests share."""

    def __init__(self, options, box, cgroup):
        super().__init__(options, box, cgroup)
        for d in ("dev", "sys", "vol", "etc"):
            os.makedirs(f"{self.rootfs}/{d}")
        self.works = None
        tap.call("ip", "link", "set", "lo", "up").ok()  # CRIU tries a connection to see what the kernel can

    def need_criu(self):
        """CRIU and this kernel get along, or the test is skipped with CRIU's own reason."""
        if self.works is None:
            self.works = "criu is not installed"
            if shutil.which("criu"):
                said = tap.call("criu", "check")
                errors = [line for line in (said.out + said.err).splitlines() if "Error (" in line]
                reason = errors[-1].split("): ", 1)[-1] if errors else f"status {said.code}"
                self.works = "" if said.code == 0 else f"criu check: {reason}"
        tap.need(not self.works, self.works)

    def counting(self, change=None, streams=True):
        """A container that counts: its bundle and id. Its streams are /dev/null, or those of the test."""
        name = f"c{self.number + 1}"

        def all_changes(config):
            config["process"]["env"].append(f"NAME={name}")
            config["linux"]["namespaces"] += [{"type": "cgroup"}]
            config["mounts"] += [
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["newinstance", "ptmxmode=0666"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]}]
            config["linux"]["maskedPaths"] = ["/proc/kcore", "/proc/timer_list", "/proc/acpi", "/sys/firmware"]
            config["linux"]["readonlyPaths"] = ["/proc/sys", "/proc/irq"]
            if change:
                change(config)
        path, got = self.bundle("sh", "-c", COUNT, change=all_changes)
        tap.eq(got, name, "id")
        if streams:
            # not the files of tap.call: they are O_NOFOLLOW, which CRIU applies to its own link to them
            null = subprocess.DEVNULL
            log = self.path("log")
            done = subprocess.run([self.runtime, "--root", self.root, "--log", log, "run", "--detach", "--bundle", path,
                                   name], check=False, stdin=null, stdout=null, stderr=null)
            with open(log, encoding="utf-8") as f:
                tap.eq((done.returncode, f.read()), (0, ""), "run")
            self.counts(name)
        return path, name

    def number_of(self, name):
        with contextlib.suppress(FileNotFoundError), open(f"{self.rootfs}/tmp/{name}", encoding="ascii") as f:
            return int(f.read() or "0")
        return 0

    def counts(self, name, above=0):
        """It runs: the number grows. The number."""
        first = max(above, self.number_of(name))
        return tap.eventually(lambda: (n := self.number_of(name)) > first and n, f"{name} counts above {first}")

    def checkpoint(self, name, *options, image=None):
        """Into a directory of its own: that directory, and the result."""
        image = image or self.path("image-" + name)
        return image, self.hull("checkpoint", "--image-path", image, *options, name)

    def restore(self, path, name, image, *options, **kw):
        return self.hull("restore", "--detach", "--bundle", path, "--image-path", image, *options, name, **kw)

    def there_and_back(self, path, name, *options):
        """Checkpoint, delete, restore: it goes on where it was."""
        image, said = self.checkpoint(name, *options)
        said.ok()
        tap.eq(self.state(name)["status"], "stopped", "status after the checkpoint")
        last = self.number_of(name)
        self.hull("delete", name).ok()
        self.nothing_left(name)
        self.restore(path, name, image, *options).ok()
        self.counts(name, last)
        return image

    @contextlib.contextmanager
    def piped(self, *args):
        """A hull in the foreground whose output is a pipe, ended with the test."""
        with subprocess.Popen([self.runtime, "--root", self.root, *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as proc:
            try:
                yield proc
            finally:
                proc.kill()

    def inside(self, name, *command):
        return self.hull("exec", name, *command).ok().out.strip()

    def status_of(self, name, key):
        with open(f"/proc/{self.state(name)['pid']}/status", encoding="ascii") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f)[key].strip()

    def nothing_left(self, *names, root=None):
        super().nothing_left(*names, root=root)
        with open("/proc/self/mounts", encoding="utf-8") as f:
            tap.eq([line for line in f if self.rootfs in line or ".criu" in line], [], "mounts")
        tap.eq(subprocess.run(["pgrep", "-x", "criu"], capture_output=True, text=True, check=False).stdout, "", "criu")


class Console:
    """A console socket and what comes through it."""

    def __init__(self, path):
        self.path, self.master = path, -1
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen(1)
        self.sock.settimeout(30)

    def accept(self):
        conn, _ = self.sock.accept()
        with conn:
            _, fds, _, _ = socket.recv_fds(conn, 4096, 1)
        self.master = fds[0]
        os.set_blocking(self.master, True)

    def say(self, text):
        os.write(self.master, text.encode())

    def hear(self, word):
        """Reads until the word has come."""
        seen = b""
        while word.encode() not in seen:
            seen += os.read(self.master, 4096)
        return seen.decode()

    def close(self):
        self.sock.close()
        os.unlink(self.path)
        if self.master >= 0:
            os.close(self.master)


def change_config(path, change):
    """The config of a bundle, changed after the fact."""
    name = os.path.join(path, "config.json")
    with open(name, encoding="utf-8") as f:
        config = json.load(f)
    change(config)
    with open(name, "w", encoding="utf-8") as f:
        json.dump(config, f)
