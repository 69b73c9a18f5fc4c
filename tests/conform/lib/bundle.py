"""The base bundle: a static busybox rootfs and the smallest config that has all the usual parts."""

import copy
import json
import os
import shutil
import subprocess

from lib.host import facts

DIRS = ("bin", "dev", "etc", "home", "lib", "opt", "proc", "root", "run", "sys", "tmp", "usr",
        "usr/bin", "usr/lib", "var", "var/tmp")
APPLETS = ("sh cat echo ls id env pwd test true false sleep touch readlink hostname mkdir rm mv "
           "cp ln stat grep sed head tail tr wc printf kill ps mount umount df du find date stty "
           "tty ip ifconfig dd chmod chown mknod sync sort cut awk expr seq nc ping uname xargs "
           "su whoami groups ulimit nproc taskset setsid od hexdump basename dirname").split()


def busybox_applets(busybox):
    have = subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split()
    return [a for a in APPLETS if a in have]


class Template:
    """Made once per run; bundles get hard links to its two big files."""

    def __init__(self, work, busybox, probe):
        self.top = os.path.join(work, "template")
        os.makedirs(self.top)
        self.busybox = os.path.join(self.top, "busybox")
        self.probe = os.path.join(self.top, "probe")
        shutil.copy(busybox, self.busybox)
        shutil.copy(probe, self.probe)
        os.chmod(self.busybox, 0o755)
        os.chmod(self.probe, 0o755)
        self.applets = busybox_applets(busybox)

    def fill(self, rootfs):
        os.mkdir(rootfs, 0o755)
        for d in DIRS:
            os.mkdir(os.path.join(rootfs, d), 0o755)
        os.chmod(os.path.join(rootfs, "tmp"), 0o1777)
        binary = os.path.join(rootfs, "bin")
        os.link(self.busybox, os.path.join(binary, "busybox"))
        os.link(self.probe, os.path.join(binary, "probe"))
        for applet in self.applets:
            os.symlink("busybox", os.path.join(binary, applet))
        with open(os.path.join(rootfs, "etc/passwd"), "w", encoding="ascii") as f:
            f.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n")
        with open(os.path.join(rootfs, "etc/group"), "w", encoding="ascii") as f:
            f.write("root:x:0:\nuser:x:1000:\n")


def base_config():
    """The base config, a fresh copy."""
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/sleep", "1000"],
            "env": ["PATH=/bin:/usr/bin"],
            "cwd": "/",
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": pts},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {
            "namespaces": [{"type": t} for t in
                           ("pid", "mount", "uts", "ipc", "network", "cgroup")],
        },
    }
    if not facts.root:
        pts.remove("gid=5")
        config["linux"]["namespaces"].append({"type": "user"})
        for kind, me in (("uidMappings", os.geteuid()), ("gidMappings", os.getegid())):
            config["linux"][kind] = [{"containerID": 0, "hostID": me, "size": 1}]
    return config


CAPS = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()


def cap_mask(names):
    return sum(1 << CAPS.index(n.removeprefix("CAP_")) for n in set(names))


class Bundle:
    """A directory with config.json and rootfs. config is a dict that tests change at will; it is
    written at each create and run. raw, when set, is written in its place, byte for byte."""

    def __init__(self, path, template):
        self.path, self.template = path, template
        os.makedirs(path)
        os.chmod(path, 0o755)
        self.rootfs = os.path.join(path, "rootfs")
        template.fill(self.rootfs)
        self.config = copy.deepcopy(base_config())
        self.raw = None

    def file(self, name):
        """Host path of an absolute name in the rootfs."""
        return os.path.join(self.rootfs, name.lstrip("/"))

    def read(self, name):
        with open(self.file(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def exists(self, name):
        return os.path.lexists(self.file(name))

    def put(self, name, text, mode=0o644):
        """Writes a file of the rootfs, directories included."""
        path = self.file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def write(self):
        path = os.path.join(self.path, "config.json")
        data = self.raw
        if data is None:
            data = json.dumps(self.config, indent=1)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def drop_namespace(self, kind):
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] != kind]

    def namespace(self, kind, path=None):
        """Adds or replaces a namespace entry."""
        self.drop_namespace(kind)
        self.linux["namespaces"].append({"type": kind} | ({"path": path} if path else {}))

    def mount_at(self, destination):
        return next(m for m in self.config["mounts"] if m["destination"] == destination)

    def hook(self, kind, script=None, *words, path="/bin/sh", **more):
        """Appends a hook that runs a shell script; more: env, timeout, or any member."""
        entry = {"path": path}
        if script is not None:
            entry["args"] = ["sh", "-c", script, "hook", *words]
            entry["env"] = ["PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"]
        entry.update(more)
        self.config.setdefault("hooks", {}).setdefault(kind, []).append(entry)
        return entry
