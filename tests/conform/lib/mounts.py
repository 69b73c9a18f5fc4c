"""For tests of mounts: many mounts in one run, and trees of mounts on the host as sources."""

import os

from lib import mountinfo
from lib.host import mount, umount

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT = 1, 2, 4, 8, 32
NOSYMFOLLOW, NOATIME, NODIRATIME, BIND, REC = 256, 1024, 2048, 4096, 16384
PRIVATE, SHARED, STRICTATIME = 1 << 18, 1 << 20, 1 << 24
ADVERSE = NOSUID | NODEV | NOEXEC | NOATIME | NODIRATIME | NOSYMFOLLOW
EACCES, EINVAL, EROFS, ELOOP = 13, 22, 30, 40


class Together:
    """Runs one container with all entries {name: mount}, each at /m/NAME, and keeps what
    /proc/self/mountinfo said. When that run is refused, each name gets a run of its own, so that
    what a runtime does not know hides nothing else."""

    def __init__(self, make, entries):
        self.make, self.entries, self.results = make, entries, {}
        result = self.run(*entries)
        if result.code == 0:
            self.results = dict.fromkeys(entries, result)

    def run(self, *names):
        ctr = self.make()
        for name in names:
            entry = {"destination": f"/m/{name}", "type": "tmpfs", "source": name}
            ctr.config["mounts"].append(entry | self.entries[name])
        return ctr.args("/bin/cat", "/proc/self/mountinfo").run()

    def text(self, name):
        if name not in self.results:
            self.results[name] = self.run(name)
        return self.results[name].ok().stdout

    def top(self, name):
        found = mountinfo.at(self.text(name), f"/m/{name}")
        assert found, f"nothing is mounted at /m/{name}"
        return found

    def all(self, name):
        """The mount and its submount."""
        found = mountinfo.below(self.text(name), f"/m/{name}")
        assert len(found) == 2, found
        return found


def tree(path, flags=0, sub_flags=0):
    """A tmpfs with a tmpfs on sub; both hold a file. The flags are those of the mounts alone, not
    of the file systems."""
    os.makedirs(path)
    for where, own in ((path, flags), (os.path.join(path, "sub"), sub_flags)):
        os.makedirs(where, exist_ok=True)
        mount("tree", where, "tmpfs", 0, "mode=755")
        with open(os.path.join(where, "file"), "w", encoding="ascii") as f:
            f.write(where.rsplit("/", 1)[1] + "\n")
        if where == path:
            os.mkdir(os.path.join(path, "sub"))
            os.mkdir(os.path.join(path, "late"))
    for where, own in ((path, flags), (os.path.join(path, "sub"), sub_flags)):
        if own:
            mount(None, where, None, REMOUNT | BIND | own)
    return path


def fell(path):
    """Takes a tree down."""
    for where in (os.path.join(path, "late"), os.path.join(path, "sub"), path):
        if os.path.ismount(where):
            umount(where)
