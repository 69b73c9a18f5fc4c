"""/proc/PID/mountinfo as objects: proc_pid_mountinfo(5)."""

import re

from lib.host import read


class Mount:
    """One line: flags and superblock options as sets, propagation tags as a list."""

    def __init__(self, line):
        left, right = line.split(" - ", 1)
        words = left.split(" ")
        self.id, self.parent, self.root, self.point = (
            int(words[0]), int(words[1]), unescape(words[3]), unescape(words[4]))
        self.flags, self.tags = set(words[5].split(",")), words[6:]
        self.fstype, self.source, supers = right.split(" ", 2)
        self.supers, self.line = set(supers.split(",")), line

    def kinds(self):
        """The propagation without the numbers of the groups."""
        return {t.split(":")[0] for t in self.tags}

    def __repr__(self):
        return self.line


def unescape(word):
    return re.sub(r"\\(\d\d\d)", lambda m: chr(int(m[1], 8)), word)


def parse(text):
    return [Mount(line) for line in text.splitlines()]


def at(text, point):
    """The mount on top at this mount point, or None."""
    found = [m for m in parse(text) if m.point == point]
    return found[-1] if found else None


def below(text, point):
    """The mounts at and below a mount point."""
    return [m for m in parse(text) if (m.point + "/").startswith(point.rstrip("/") + "/")]


def of_process(pid="self"):
    return read(f"/proc/{pid}/mountinfo")
