# SPDX-License-Identifier: Apache-2.0
"""A host in a directory, for --host-root: everything hull doctor looks at, and nothing wrong with it."""

import json
import os
import shlex
import shutil
import subprocess

from tap import call

HERE = os.path.dirname(os.path.abspath(__file__))
UID = 1000
KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
GROUP = "/sys/fs/cgroup/user.slice/box"
SCRIPT = "#!/bin/sh\necho 'Version: 3.17.1'\n"
HULL = "/usr/local/bin/hull"

FILES = {
    "/proc/sys/kernel/osrelease": "6.1.0-13-amd64\n",
    "/proc/sys/vm/memfd_noexec": "0\n",
    **{f"/proc/self/ns/{k}": "" for k in KINDS},
    **{f"/proc/sys/user/max_{k}_namespaces": "15000\n" for k in KINDS},
    "/proc/sys/kernel/unprivileged_userns_clone": "1\n",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
    "/proc/sys/kernel/pid_max": "4194304\n",
    "/proc/sys/kernel/threads-max": "192000\n",
    "/proc/sys/fs/inotify/max_user_instances": "128\n",
    "/proc/sys/fs/inotify/max_user_watches": "65536\n",
    "/proc/self/cgroup": "0::/user.slice/box\n",
    "/proc/self/attr/apparmor/exec": "",
    "/proc/key-users": "    0:   102 101/101 85/1000000 1838/25000000\n 1000:     2 2/2 2/200 40/20000\n",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
    GROUP + "/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma\n",
    "/sys/module/apparmor/parameters/enabled": "Y\n",
    "/sys/kernel/security/apparmor/profiles": "",
    "/run/systemd/private": "",
    f"/run/user/{UID}/bus": "",
    "/etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nann:x:{UID}:{UID}::/home/ann:/bin/sh\n",
    "/etc/subuid": "ann:100000:65536\n",
    "/etc/subgid": f"bob:100000:65536\n{UID}:165536:65536\n",
    "/etc/containers/containers.conf.d/50-hull.conf": '[engine.runtimes]\nhull = [\n  "/usr/bin/hull", # not here\n'
                                                      f'  "{HULL}"\n]\n',
    "/etc/docker/daemon.json": json.dumps({"runtimes": {"hull": {"path": HULL}}}),
    "/etc/containerd/config.toml": 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.hull.options]\n'
                                   f"  BinaryName = '{HULL}'\n",
    "/etc/crio/crio.conf.d/50-hull.conf": f'[crio.runtime.runtimes.hull]\nruntime_path = "{HULL}"\n',
    "/etc/slurm/oci.conf": f'RunTimeRun="{HULL} --root=/run/user/%U/ run %n.%u.%j.%s.%t -b %b"\n',
}
DIRECTORIES = ("/run/systemd/system", "/home", "/srv", "/tmp", "/var/lib/containers")
PROGRAMS = {"/usr/bin/newuidmap": 0o4755, "/usr/bin/newgidmap": 0o4755, "/usr/sbin/apparmor_parser": 0o755,
            "/usr/sbin/criu": 0o755, HULL: 0o755, "/usr/bin/podman": 0o755, "/usr/bin/dockerd": 0o755,
            "/usr/bin/containerd": 0o755, "/usr/bin/crio": 0o755, "/usr/sbin/slurmd": 0o755}


class Host:
    """One directory; paths are the host's."""

    def __init__(self, clinic, top):
        self.clinic, self.top = clinic, top
        for path, text in FILES.items():
            self.write(path, text)
        for path in DIRECTORIES:
            os.makedirs(self.at(path), exist_ok=True)
        for path, mode in PROGRAMS.items():
            self.write(path, SCRIPT)
            os.chmod(self.at(path), mode)
        os.chown(self.at(GROUP), UID, UID)
        self.mounts = []

    def at(self, path):
        return self.top + path

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w", encoding="utf-8") as f:
            f.write(text)

    def remove(self, path):
        path = self.at(path)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def mount(self, kind, path, *options):
        os.makedirs(self.at(path), exist_ok=True)
        subprocess.run(["mount", "-t", kind, *options, kind, self.at(path)], check=True)
        self.mounts.append(self.at(path))

    def apply(self, fix):
        """Does what a fix says, if it is a command this host can carry out. Returns whether it was."""
        words = shlex.split(fix.removeprefix("as root: ").split(";")[0].split(" (")[0].split(", or ")[0])
        if words[:2] == ["sysctl", "-w"]:
            for word in words[2:]:
                name, value = word.split("=")
                self.write("/proc/sys/" + name.replace(".", "/"), value + "\n")
        elif words[0] in ("chmod", "setcap", "rm") and os.path.lexists(self.at(words[-1])):
            subprocess.run([*words[:-1], self.at(words[-1])], check=True)
        elif words[0] == "chown":
            subprocess.run([*words[:2], self.at(words[2].rstrip(","))], check=True)
        elif words[0] == "usermod":
            for option, file in (("--add-subuids", "/etc/subuid"), ("--add-subgids", "/etc/subgid")):
                if option in words:
                    first, last = map(int, words[words.index(option) + 1].split("-"))
                    self.write(file, f"{words[-1]}:{first}:{last - first + 1}\n")
        elif words[0] == "install" and "contrib/" in fix:
            source = os.path.join(HERE, "..", "..", words[-2])
            os.makedirs(os.path.dirname(self.at(words[-1])), exist_ok=True)
            subprocess.run([*words[:-2], source, self.at(words[-1])], check=True)
        else:
            return False
        return True

    def close(self):
        for path in reversed(self.mounts):
            subprocess.run(["umount", path], check=True)
        shutil.rmtree(self.top)


class Clinic:
    """What a test gets."""

    def __init__(self, options, box, cgroup):
        self.box, self.cgroup = box, cgroup
        # where a user without rights can come
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "clinic", "/mnt"], check=True)
        self.runtime = "/mnt/hull"
        shutil.copy(options.runtime, self.runtime)
        os.chmod(self.runtime, 0o755)
        self.deny = "/mnt/deny" # without a compiler its tests are skipped
        shutil.which("cc") and subprocess.run(["cc", "-O1", "-Wall", "-o", self.deny, os.path.join(HERE, "deny.c"), "-lseccomp"], check=True)
        self.number = 0

    def host(self):
        self.number += 1
        return Host(self, f"/mnt/host{self.number}")

    def doctor(self, host, *options, user=False, deny=None, env=None, limits=(), root="/run/hull"):
        """The result of one call."""
        argv = [self.runtime, "--root", root, "doctor", *options]
        if host:
            argv += ["--host-root", host.top]
        if limits:
            argv = ["prlimit", *limits, *argv]
        if deny:
            argv = [self.deny, deny, *argv]
        if user:
            argv = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", *argv]
        fresh = {"PATH": os.environ["PATH"], "HOME": "/root"}
        if user:
            fresh |= {"HOME": "/home/ann", "XDG_RUNTIME_DIR": f"/run/user/{UID}"}
        return call(*argv, env={k: v for k, v in (fresh | (env or {})).items() if v is not None})

    def findings(self, host, **kw):
        """[(id, subject, verdict, found, fix)] and the exit status."""
        done = self.doctor(host, "--format", "json", **kw)
        rows = json.loads(done.out)
        return [(r["id"], r.get("subject", ""), r["verdict"], r["found"], r.get("fix", "")) for r in rows], done.code

    def clean_up(self):
        pass
