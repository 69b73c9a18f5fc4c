"""What the host is and has: needs of tests, private namespaces for a run, snapshots to compare."""

import ctypes
import functools
import os
import re

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MS_REC, MS_PRIVATE, MS_SHARED, MNT_DETACH = 0x4000, 1 << 18, 1 << 20, 2
PR_SET_CHILD_SUBREAPER = 36


def libc(name, *args):
    """Calls a libc function that returns -1 on error; raises OSError."""
    r = getattr(LIBC, name)(*args)
    if r == -1:
        err = ctypes.get_errno()
        raise OSError(err, f"{name}: {os.strerror(err)}")
    return r


def mount(source, target, fstype=None, flags=0, data=None):
    enc = [None if s is None else str(s).encode() for s in (source, target, fstype, data)]
    libc("mount", enc[0], enc[1], enc[2], ctypes.c_ulong(flags), enc[3])


def umount(target):
    libc("umount2", str(target).encode(), MNT_DETACH)


def isolate(pure_v2):
    """Gives the run its own mount, network, uts and ipc namespaces, so that nothing of the host
    can be damaged and nothing that happens on the host shows in a snapshot. / is shared again
    afterwards, as on a host with systemd: a runtime that leaks mounts is then seen leaking."""
    if os.geteuid():
        return False
    try:
        libc("unshare", CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
    except OSError:
        return False
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    if pure_v2 and statfs_type("/sys/fs/cgroup") != 0x63677270:
        umount("/sys/fs/cgroup")
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2")
    mount(None, "/", None, MS_REC | MS_SHARED)
    os.system("ip link set lo up 2>/dev/null")
    return True


def become_subreaper():
    """Container processes are reparented to the suite, which can then wait for them."""
    libc("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


NS_FLAGS = {"mount": CLONE_NEWNS, "uts": CLONE_NEWUTS, "ipc": CLONE_NEWIPC, "user": CLONE_NEWUSER,
            "network": CLONE_NEWNET, "cgroup": 0x2000000, "time": 0x80}
NS_FILES = {"mount": "mnt", "network": "net", "pid": "pid", "uts": "uts", "ipc": "ipc",
            "user": "user", "cgroup": "cgroup", "time": "time"}


def in_child(func, *ns):
    """Runs func in a child that first enters the namespace files ns; returns its text."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for path in ns:
                fd = os.open(path, os.O_RDONLY)
                libc("setns", fd, 0)
            os.write(w, str(func()).encode())
            code = 0
        except BaseException as e:  # the child must not return into pytest
            os.write(w, repr(e).encode())
        finally:
            os._exit(code)
    os.close(w)
    with os.fdopen(r, encoding="utf-8") as f:
        text = f.read()
    status = os.waitpid(pid, 0)[1]
    assert status == 0, text
    return text


def namespace_file(kind, path, setup=None):
    """Makes a namespace of its own that lives on as a bind mount on path. setup runs inside.
    Not for pid and mount namespaces."""
    open(path, "w", encoding="ascii").close()
    ready_r, ready_w = os.pipe()
    done_r, done_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(done_w)
            libc("unshare", NS_FLAGS[kind])
            if setup:
                setup()
            os.write(ready_w, b"1")
            os.close(ready_w)
            os.read(done_r, 1)
        finally:
            os._exit(0)
    os.close(ready_w)
    os.close(done_r)
    assert os.read(ready_r, 1), f"no {kind} namespace can be made"
    name = "time_for_children" if kind == "time" else NS_FILES[kind]
    mount(f"/proc/{pid}/ns/{name}", path, None, 0x1000)
    os.close(done_w)
    os.close(ready_r)
    os.waitpid(pid, 0)
    return path


def statfs_type(path):
    buf = (ctypes.c_long * 32)()
    if LIBC.statfs(str(path).encode(), buf):
        return 0
    return buf[0]


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return default


class Facts:
    """Facts of the host, each found once."""

    @functools.cached_property
    def root(self):
        return os.geteuid() == 0

    @functools.cached_property
    def userns(self):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if LIBC.unshare(CLONE_NEWUSER) == 0 else 1)
        return os.waitpid(pid, 0)[1] == 0

    @functools.cached_property
    def cgroup2(self):
        return statfs_type("/sys/fs/cgroup") == 0x63677270

    @functools.cached_property
    def cgroup1(self):
        return any(" - cgroup " in m and "name=" not in m.rsplit(" ", 1)[1]
                   for m in read("/proc/self/mountinfo").splitlines())

    @functools.cached_property
    def controllers(self):
        """Controllers of the v2 hierarchy."""
        return read("/sys/fs/cgroup/cgroup.controllers").split() if self.cgroup2 else []

    @functools.cached_property
    def controllers1(self):
        found = set()
        for m in read("/proc/self/mountinfo").splitlines():
            if " - cgroup " in m:
                found.update(m.rsplit(" ", 1)[1].split(","))
        return found

    @functools.cached_property
    def systemd(self):
        return os.path.isdir("/run/systemd/system") and read("/proc/1/comm").strip() == "systemd"

    @functools.cached_property
    def cgroupfs(self):
        """Is the runtime told to make cgroups by itself, so that cgroupsPath is a path?"""
        return "--systemd-cgroup" not in os.environ.get("CONFORM_ROOT_ARGS", "").split("\x1f")

    @functools.cached_property
    def selinux(self):
        return os.path.exists("/sys/fs/selinux/enforce")

    @functools.cached_property
    def apparmor(self):
        return read("/sys/module/apparmor/parameters/enabled").startswith("Y")

    @functools.cached_property
    def rdt(self):
        return os.path.exists("/sys/fs/resctrl/schemata")

    @functools.cached_property
    def kernel(self):
        return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])

    def has_cap(self, name):
        """Is this capability in the effective set of the suite, and so of the runtime?"""
        from lib.bundle import CAPS
        mask = int(read("/proc/self/status").split("CapEff:")[1].split()[0], 16)
        return bool(mask >> CAPS.index(name) & 1)

    def label(self):
        """The host column of the coverage table."""
        parts = [os.uname().machine, "linux-%d.%d" % self.kernel,
                 "cgroup2" if self.cgroup2 else "cgroup1" if self.cgroup1 else "nocgroup"]
        parts += [n for n in ("systemd", "selinux", "apparmor", "rdt") if getattr(self, n)]
        parts.append("root" if self.root else "user")
        return ",".join(parts)

    def missing(self, need):
        """Why a need of the table does not hold here, or None."""
        if need == "root|userns":
            return None if self.root or self.userns else "neither root nor user namespaces"
        version = re.fullmatch(r"kernel>=(\d+)\.(\d+)", need)
        if version:
            wanted = (int(version[1]), int(version[2]))
            return None if self.kernel >= wanted else f"kernel older than {wanted[0]}.{wanted[1]}"
        if need.startswith("controller:"):
            name = need[11:]
            return None if name in self.controllers else f"no cgroup v2 controller {name}"
        if need.startswith("controller1:"):
            name = need[12:]
            return None if name in self.controllers1 else f"no cgroup v1 controller {name}"
        if need == "cgroupfs":
            return None if self.cgroupfs else "systemd manages the cgroups of this run"
        if need not in ("root", "userns", "cgroup1", "cgroup2", "systemd", "selinux", "apparmor",
                        "rdt"):
            raise ValueError(f"unknown need {need}")
        return None if getattr(self, need) else f"host has no {need}"


facts = Facts()


def cgroup_dirs(word):
    """Cgroup directories with word in their path, as a set."""
    found = set()
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found.update(os.path.join(top, d) for d in dirs if word in os.path.join(top, d))
    return found


def tree(top):
    """Every entry below top with type, mode, owner, size and link target."""
    found = {}
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(where, name)
            s = os.lstat(path)
            link = os.readlink(path) if os.path.islink(path) else ""
            size = 0 if os.path.isdir(path) else s.st_size
            found[os.path.relpath(path, top)] = (oct(s.st_mode), s.st_uid, s.st_gid, size, link)
    return found


def differences(before, after):
    """What differs between two snapshots, as lines."""
    lines = []
    for part in ("mounts", "cgroups", "links"):
        lines += [f"{part}: new: {x}" for x in after[part] if x not in before[part]]
        lines += [f"{part}: gone: {x}" for x in before[part] if x not in after[part]]
    for top, old in before["trees"].items():
        new = after["trees"][top]
        lines += [f"{top}: new: {x}" for x in new if x not in old]
        lines += [f"{top}: gone: {x}" for x in old if x not in new]
        lines += [f"{top}: changed: {x}" for x in old if x in new and old[x] != new[x]]
    return lines


def snapshot(word, *roots):
    """mountinfo, cgroups and links that word names, and the trees below roots. Equal snapshots
    mean that nothing stayed behind. word is usually the id of a container."""
    mounts = sorted(re.sub(r"^\d+ \d+ ", "", line)
                    for line in read("/proc/self/mountinfo").splitlines())
    links = sorted(line.split(":")[0].strip() for line in read("/proc/net/dev").splitlines()[2:])
    return {
        "mounts": mounts,
        "cgroups": sorted(cgroup_dirs(word)),
        "links": links,
        "trees": {str(r): tree(r) for r in roots},
    }
