"""Cgroups of containers as the host sees them: the same question for v1 and v2."""

import os
import subprocess

import pytest

from lib.host import facts, read

V2 = "/sys/fs/cgroup"


def has(controller):
    return controller in (facts.controllers if facts.cgroup2 else facts.controllers1)


def need(controller):
    """Skips where the controller cannot be used in the hierarchy that the run looks at."""
    if not has(controller):
        pytest.skip(f"controller {controller} is not available in {'v2' if facts.cgroup2 else 'v1'}"
                    " here")


def path_of(pid, controller=None):
    """The cgroup of a process, counted from the mount root. controller matters for v1 only."""
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        number, names, path = line.split(":", 2)
        if number == "0" if facts.cgroup2 else controller in names.split(","):
            return path
    raise AssertionError(f"process {pid} is in no cgroup of {controller or 'v2'}")


def top(controller=None):
    """The mount point."""
    if facts.cgroup2:
        return V2
    for line in read("/proc/self/mountinfo").splitlines():
        if " - cgroup " in line and controller in line.rsplit(" ", 1)[1].split(","):
            return line.split(" ")[4]
    raise AssertionError(f"controller {controller} is not mounted")


def place(path, controller=None):
    """Directory of a path of cgroupsPath."""
    return os.path.join(top(controller), path.strip("/"))


def dir_of(ctr, controller=None):
    """Directory of the cgroup in which the container process is."""
    found = place(path_of(ctr.pid, controller), controller)
    assert ctr.id in found, f"the container is in {found}, which is not its own"
    return found


def value(ctr, v2, v1=None):
    """Text of the file of this container: v2 is its name there; v1, if other, the name there."""
    name = v2 if facts.cgroup2 else v1 or v2
    with open(os.path.join(dir_of(ctr, name.split(".")[0]), name), encoding="ascii") as f:
        return f.read().strip()


def version(v2, v1):
    """Chooses what is expected."""
    return v2 if facts.cgroup2 else v1


def exists(ctr, v2, v1=None):
    name = v2 if facts.cgroup2 else v1 or v2
    return os.path.exists(os.path.join(dir_of(ctr, name.split(".")[0]), name))


class Foreign:
    """A cgroup that the suite makes itself; with controller the v1 hierarchy of it. Clean-up is
    that of the fixture: see make_group in conftest.py."""

    def __init__(self, path, controller=None):
        self.path, self.dir, self.guests = path, place(path, controller), []
        os.makedirs(self.dir, exist_ok=True)

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
            f.write(str(text))

    def read(self, name):
        return read(os.path.join(self.dir, name)).strip()

    def pids(self):
        return [int(p) for p in self.read("cgroup.procs").split()]

    def guest(self, size=0):
        """Puts a process into it that holds size bytes of memory, and waits until it does."""
        join = (f"open({self.dir + '/cgroup.procs'!r}, 'w').write('0')\nb = b'x' * {size}\n"
                "print('in', flush=True)\nimport signal\nsignal.pause()")
        guest = subprocess.Popen(["/usr/bin/python3", "-S", "-c", join], stdout=subprocess.PIPE)
        self.guests.append(guest)
        assert guest.stdout.readline() == b"in\n"
        return guest

    def end(self):
        for guest in self.guests:
            guest.kill()
            guest.wait()
            guest.stdout.close()
