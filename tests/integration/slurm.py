# SPDX-License-Identifier: Apache-2.0
"""A Slurm of one node with a key, sockets, ports and directories of its own."""

import os
import pwd
import re
import shutil
import socket
import subprocess

import tap

SHIPPED = os.path.join(tap.ROOT, "contrib", "slurm", "oci.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel", "squeue", "sinfo")
CONF = """
ClusterName=hull
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={port2}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={box}/munge/socket
StateSaveLocation={box}/state
SlurmdSpoolDir={box}/spool
SlurmctldPidFile={box}/slurmctld.pid
SlurmdPidFile={box}/slurmd.pid
SlurmctldLogFile={box}/slurmctld.log
SlurmdLogFile={box}/slurmd.log
SlurmdDebug=debug
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=2
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


class Slurm:
    """Started when it is first needed, ended with the run."""

    def __init__(self, runtime, box):
        self.box, self.host, self.procs = os.path.join(box, "slurm"), socket.gethostname().split(".")[0], []
        for d in ("", "munge", "state", "spool", "records"):
            os.mkdir(os.path.join(self.box, d))
            os.chmod(os.path.join(self.box, d), 0o1777 if d == "records" else 0o755)
        os.chmod(box, 0o755)
        os.chmod(os.path.dirname(box), 0o755)
        tap.call("ip", "link", "set", "lo", "up").ok()
        # Slurm asks getaddrinfo(3) with AI_ADDRCONFIG: there must be an address beside 127.0.0.1
        tap.call("ip", "address", "add", "192.0.2.1/32", "dev", "lo").ok()
        conf = CONF.format(box=self.box, host=self.host, port=self.port(), port2=self.port())
        self.write("slurm.conf", conf)
        self.hull = self.path("hull")
        shutil.copy(runtime, self.hull)
        with open(SHIPPED, encoding="utf-8") as f:
            text = f.read().replace("/usr/local/bin/hull", self.hull)
        for option in ("run", "state", "kill", "delete"):
            assert f" {option} " in text, f"{SHIPPED} has no line for {option}"
        self.write("oci.conf", text.replace("/tmp/.hull-", self.path("records", "hull-")))
        self.start()

    def path(self, *parts):
        return os.path.join(self.box, *parts)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    @staticmethod
    def port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def begin(self, *argv):
        log = open(self.path(os.path.basename(argv[0]) + ".out"), "wb")  # pylint: disable=consider-using-with
        self.procs.append(subprocess.Popen(argv, env=self.env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def env(self, **more):
        env = dict(os.environ, SLURM_CONF=self.path("slurm.conf"), **more)
        env.pop("TMPDIR", None)
        return env

    def start(self):
        key = self.path("munge/key")
        with open(key, "wb") as f:
            f.write(os.urandom(1024))
        os.chmod(key, 0o400)
        munge = self.path("munge/")
        self.begin("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={munge}socket",
                   f"--pid-file={munge}pid", f"--seed-file={munge}seed", f"--log-file={munge}log")
        tap.eventually(lambda: os.path.exists(munge + "socket"), "munged listens")
        self.begin("slurmctld", "-D", "-f", self.path("slurm.conf"))
        self.begin("slurmd", "-D", "-f", self.path("slurm.conf"))
        tap.eventually(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T").out, "the node is idle", 25)

    def log(self):
        with open(self.path("slurmd.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def run(self, *argv, user=None, **kw):
        """A command of Slurm's, by root or a user; the result."""
        more = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        return tap.call(*argv, env=self.env(), **more, **kw)

    def wait(self, job):
        """Until a job has left the queue."""
        tap.eventually(lambda: not self.run("squeue", "-h", "-j", job).out.strip(), f"job {job} ends", 60)

    def submit(self, *options, script, user=None):
        """sbatch: the number of the job."""
        said = self.run("sbatch", "--parsable", *options, user=user, stdin=script).ok().out
        return re.match(r"\d+", said)[0]

    def idle(self):
        tap.eventually(lambda: self.run("sinfo", "-h", "-o", "%T").out.strip() == "idle", "the node is idle again", 60)

    def left(self):
        """What Slurm or hull left of containers."""
        found = [os.path.join(d, f) for d, dirs, files in os.walk(self.path("spool")) for f in dirs + files]
        return [f for f in found if "/oci-" in f]

    def records(self):
        """Directories of hull's containers, of all users."""
        top = self.path("records")
        return [f"{d}/{name}" for d in os.listdir(top) for name in os.listdir(f"{top}/{d}")]

    def stop(self):
        for proc in reversed(self.procs):
            proc.terminate()
            try:
                proc.wait(10)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
        self.procs = []
