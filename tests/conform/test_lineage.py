"""Opt-in extensions of hull that come from the drafts before the spec. Other runtimes skip them."""

import json
import os
import re
import select
import signal
import subprocess

import pytest

from lib import assert_names, req
from lib.host import cgroup_dirs, namespace_file, read
from lib.runtime import SLOW
from lib.schema import Schema

pytestmark = pytest.mark.hull_only

ROOT = ["root"]
KEYS_OF_RUNC = ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"]


def trap(ctr, *options):
    ctr.args("/bin/probe", "trap").started(*options)
    assert ctr.line() == "ready"
    return ctr


def ended(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    return ctr


def public_file(ctr):
    return os.path.join(ctr.public, ctr.id, "state.json")


@req("S-01", "S-02", needs=ROOT)
def test_public_state(ctr):
    """One readable file per container, complete and replaced at each change."""
    ctr.config["annotations"] = {"a.b": "c"}
    ctr.config["ociVersion"] = "1.0.2"
    trap(ctr)
    with open(public_file(ctr), encoding="utf-8") as f:
        state = json.load(f)
    assert not Schema("state-schema.json").errors(state)
    assert state["status"] == "running"
    assert state["pid"] == ctr.pid
    assert state["version"] == "1.0.2"
    assert state["bundlePath"] == state["root"] == state["bundle"] == ctr.bundle.path
    assert state["annotations"] == {"a.b": "c"}
    assert os.stat(public_file(ctr)).st_mode & 0o777 == 0o644


@req("S-01", needs=ROOT)
def test_public_state_follows_the_status(ctr):
    def status():
        return json.loads(read(public_file(ctr)))["status"]
    ctr.args("/bin/probe", "trap").created()
    assert status() == "created"
    ctr.start().ok()
    assert ctr.line() == "ready"
    assert status() == "running"
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    ctr.delete().ok()
    assert not os.path.exists(os.path.dirname(public_file(ctr)))


@req("S-01", needs=ROOT)
def test_public_state_of_a_start_that_fails(ctr):
    """What is written ahead for a program that then does not run is shown to nobody, and does not stay."""
    path = os.path.join(ctr.top, "process.json")
    ctr.args("/bin/probe", "trap").created()
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"args": ["/bin/probe", "trap"], "noNewPrivileges": not ctr.process.get("noNewPrivileges")}, f)
    ctr.start("--process", path).failed()
    assert os.listdir(os.path.dirname(public_file(ctr))) == ["state.json"]
    assert json.loads(read(public_file(ctr)))["status"] == "created"
    ctr.start().ok()
    assert ctr.line() == "ready"
    assert os.listdir(os.path.dirname(public_file(ctr))) == ["state.json"]
    assert json.loads(read(public_file(ctr)))["status"] == "running"


@req("S-01", needs=ROOT)
def test_public_state_turned_off(ctr):
    ctr.public, kept = "", ctr.public
    ctr.created()
    assert os.listdir(kept) == []
    assert ctr.status_word() == "created"


@req("S-05", needs=ROOT)
def test_public_state_elsewhere(ctr):
    """Not on a tmpfs: a warning, no more."""
    ctr.create().ok()
    assert os.path.exists(public_file(ctr))


@req("S-06", needs=ROOT)
def test_id_is_unique_on_the_host(ctr, make_ctr):
    ctr.created()
    other = make_ctr()
    other.public = ctr.public
    other.create(cid=ctr.id).failed()
    assert json.loads(read(public_file(ctr)))["pid"] == ctr.pid
    assert ctr.status_word() == "created"
    assert os.listdir(other.root) == []


@req("S-09", needs=["root|userns"])
def test_state_files_are_gone_before_poststop(ctr):
    out = os.path.join(ctr.top, "out")
    ctr.bundle.hook("poststop", f"cat > {out}; ls {ctr.root} {ctr.public} | grep {ctr.id} >> {out}")
    ended(ctr).delete().ok()
    assert json.loads(read(out))["status"] == "stopped"


@req("S-11", needs=["root|userns"])
def test_start_with_another_process(ctr):
    ctr.sh("echo old").created()
    path = os.path.join(ctr.top, "process.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"args": ["/bin/sh", "-c", "echo new"]}, f)
    ctr.start("--process", path).ok()
    assert ctr.finish() == (0, "new\n")


@req("S-11", needs=["root|userns"])
def test_start_with_another_process_keeps_the_environment_of_create(ctr):
    """What create adds to the environment of the config's process goes to the other one too."""
    listening = "export LISTEN_FDS=1 LISTEN_PID=$$ NOTIFY_SOCKET=/nowhere; exec \"$@\" 3</dev/null"
    ctr.sh("echo old").created(wrap=listening)
    path = os.path.join(ctr.top, "process.json")
    script = "test -e /proc/self/fd/3 && echo $LISTEN_FDS $LISTEN_PID $NOTIFY_SOCKET $TWICE ${HOME:+home}"
    env = ctr.process["env"] + ["LISTEN_FDS=7", "NOTIFY_SOCKET=/mine", "TWICE=a", "TWICE=b", "HOME="]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"args": ["/bin/sh", "-c", script], "env": env}, f)
    ctr.start("--process", path).ok()
    assert ctr.finish() == (0, "1 1 /run/notify/notify.sock b home\n")


@req("S-11", needs=["root|userns"])
def test_start_with_a_wrong_process(ctr):
    ctr.sh("echo old").created()
    path = os.path.join(ctr.top, "process.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(ctr.process | {"cwd": "relative"}, f)
    result = ctr.start("--process", path).failed()
    assert_names(["process.cwd", "cwd"], result.stderr)
    assert ctr.status_word() == "created"


@req("S-13", needs=["root|userns"])
def test_start_reports_the_errno_of_execve(ctr):
    ctr.bundle.put("/opt/prog", "#!/nosuch\n", 0o755)
    result = ctr.args("/opt/prog").create_or_start_fails()
    assert re.search("exec .*/opt/prog.*no such file or directory", result.stderr, re.IGNORECASE)


@req("S-15", needs=["root|userns"])
def test_one_process_from_created_to_running(ctr):
    ctr.args("/bin/sleep", "1000").created()
    before = ctr.state()["pid"]
    ctr.start().ok()
    assert ctr.state()["pid"] == before


@req("S-16", needs=["root|userns"])
def test_run(ctr):
    result = ctr.sh("echo out; echo err >&2; exit 7").run()
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "err\n")
    ctr.gone()


@req("S-16", needs=["root|userns"])
def test_run_that_cannot_start(ctr):
    ctr.args("/nosuch").run().failed()
    ctr.gone()


@req("S-16", needs=["root|userns"])
def test_run_keep(ctr):
    assert ctr.sh("exit 7").run("--keep").code == 7
    assert ctr.status_word() == "stopped"
    ctr.delete().ok()


@req("S-16", needs=["root|userns"])
def test_run_detached(ctr):
    ctr.args("/bin/sleep", "1000").run("--detach", "--pid-file", ctr.pid_file).ok()
    ctr.watch(int(read(ctr.pid_file)))
    assert ctr.status_word() == "running"


@req("S-17", needs=["root|userns"])
def test_start_with_a_bundle_points_at_run(ctr):
    ctr.bundle.write()
    result = ctr.call("start", ctr.id, ctr.bundle.path).failed()
    assert "run" in result.stderr


@req("S-19", needs=["root|userns"])
def test_stop(ctr):
    """The stop signal first; what the container owns stays until delete."""
    trap(ctr)
    ctr.call("stop", ctr.id).ok()
    assert ctr.output() == "signal 15\n"
    ctr.wait_exit()
    assert ctr.status_word() == "stopped"
    ctr.delete().ok()


@req("S-19", needs=["root", "cgroup2"])
def test_stop_ends_every_process(ctr):
    ctr.bundle.drop_namespace("pid")
    ctr.sh("trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $!; wait; sleep 1000").started()
    child = int(ctr.line())
    ctr.call("stop", "--timeout", "1", ctr.id).ok()
    ctr.wait_exit()
    assert read(f"/proc/{child}/stat").rsplit(")", 1)[-1].split()[:1] in ([], ["Z"])
    assert ctr.status_word() == "stopped"


@req("S-19", needs=["root|userns"])
def test_stop_with_a_signal(ctr):
    trap(ctr)
    ctr.call("stop", "--signal", "USR1", "--timeout", "1", ctr.id).ok()
    assert ctr.output() == "signal 10\n"
    ctr.wait_exit()


@req("S-19", "CFG-ANN-12", needs=["root|userns"])
def test_stop_with_the_signal_of_the_image(ctr):
    ctr.config["annotations"] = {"org.opencontainers.image.stopSignal": "SIGUSR1"}
    trap(ctr)
    ctr.call("stop", "--timeout", "1", ctr.id).ok()
    assert ctr.output() == "signal 10\n"
    ctr.wait_exit()


@req("S-19", needs=["root|userns"])
def test_stop_of_a_stopped_container(ctr):
    ended(ctr)
    ctr.call("stop", ctr.id).failed()
    assert ctr.status_word() == "stopped"


@req("S-20", needs=["root|userns"])
def test_stop_and_delete(ctr):
    trap(ctr)
    ctr.call("stop", "--delete", ctr.id).ok()
    ctr.wait_exit()
    ctr.gone()
    assert not cgroup_dirs(ctr.id)


@req("S-21", needs=["root|userns"])
def test_wait(ctr):
    trap(ctr)
    waiter = subprocess.Popen(ctr.argv("wait", ctr.id), stdout=subprocess.PIPE, text=True)
    poller = select.poll()
    poller.register(os.pidfd_open(waiter.pid), select.POLLIN)
    assert not poller.poll(0)
    ctr.kill("TERM").ok()
    out, _ = waiter.communicate(timeout=10 * SLOW)
    ctr.wait_exit()
    assert waiter.returncode == 0
    assert out.strip() or ctr.status_word() == "stopped"


@req("S-21", needs=["root|userns"])
def test_delete_on_exit(ctr):
    """A stop from outside: the monitor deletes and so runs poststop. The hook is the event."""
    fifo = os.path.join(ctr.top, "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    ctr.bundle.hook("poststop", f"echo gone > {fifo}")
    trap(ctr, "--delete-on-exit")
    signal.pidfd_send_signal(ctr.pidfd, signal.SIGKILL)
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    assert poller.poll(10000), "poststop did not run"
    assert os.read(reader, 64) == b"gone\n"
    os.close(reader)
    ctr.gone()


@req("S-22", needs=["root|userns"])
@pytest.mark.parametrize("how", ["created", "running", "stopped"])
def test_delete_force(ctr, how):
    ctr.args("/bin/sleep", "1000").created()
    if how != "created":
        ctr.start().ok()
    if how == "stopped":
        ctr.kill("KILL").ok()
        ctr.wait_exit()
    ctr.delete("--force").ok()
    ctr.wait_exit()
    ctr.gone()
    assert not cgroup_dirs(ctr.id)


@req("S-22", needs=["root|userns"])
def test_delete_force_of_nothing(ctr):
    """As the other runtimes do: nothing to delete is no error with --force."""
    ctr.call("delete", "--force", "nosuch").ok()


@req("S-23", needs=["root", "cgroup2"])
def test_delete_says_what_it_left(ctr):
    """A cgroup below that the runtime did not make: removed, or named with an error status."""
    ctr.args("/bin/true").created()
    below = os.path.join(min(cgroup_dirs(ctr.id), key=len), "conform-below")
    os.mkdir(below)
    ctr.start().ok()
    ctr.wait_exit()
    result = ctr.delete()
    left = cgroup_dirs(ctr.id)
    assert bool(left) == (result.code != 0), (left, result.stderr)
    if left:
        assert any(p in result.stderr for p in left)
        os.rmdir(below)
        ctr.delete().ok()
    ctr.gone()
    assert not cgroup_dirs(ctr.id)


@req("S-26", "S-27", needs=["root|userns"])
def test_exec_with_a_process_file(ctr, needs_exec):
    trap(ctr)
    path = os.path.join(ctr.top, "process.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"args": ["/bin/sh", "-c", "echo $A; pwd"], "env": ["A=b"], "cwd": "/usr",
                   "user": {"uid": 0, "gid": 0}}, f)
    for _ in range(3):
        assert ctr.call("exec", "--process", path, ctr.id).ok().stdout == "b\n/usr\n"
    assert ctr.call("exec", ctr.id, path).ok().stdout == "b\n/usr\n"
    assert ctr.state()["pid"] == ctr.pid
    assert ctr.status_word() == "running"


@req("S-26", needs=["root|userns"])
def test_exec_without_a_running_container(ctr, needs_exec):
    ended(ctr)
    ctr.exec("/bin/true").failed()


@req("S-35", needs=["root|userns"])
def test_default_filesystems(ctr):
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] == "/dev"]
    ctr.args("/bin/cat", "/proc/self/mountinfo").bundle.write()
    result = ctr.run("--default-filesystems").ok()
    points = {line.split()[4]: line.split(" - ")[1].split()[0] for line in
              result.stdout.splitlines()}
    assert points["/proc"] == "proc"
    assert points["/sys"] == "sysfs"
    assert points["/dev/pts"] == "devpts"
    assert points["/dev/shm"] == "tmpfs"


@req("S-36", needs=ROOT)
def test_strict_namespaces(ctr):
    """Whatever else the config sets for a namespace that is joined is an error."""
    path = namespace_file("uts", os.path.join(ctr.top, "uts"))
    ctr.bundle.namespace("uts", path)
    ctr.create("--strict-namespaces").ok()
    ctr.delete("--force").ok()
    ctr.config["hostname"] = "conform"
    ctr.create_fails("hostname", "--strict-namespaces")
    ctr.create().ok()


@req("S-37", needs=["root|userns"])
def test_no_create_mountpoints(ctr):
    ctr.config["mounts"] = [ctr.bundle.mount_at("/proc"), ctr.bundle.mount_at("/sys"),
                            {"destination": "/new", "type": "tmpfs", "source": "t"}]
    ctr.create_fails(["mounts[2].destination", "mounts[2]"], "--no-create-mountpoints")
    assert not ctr.bundle.exists("/new")
    ctr.create().ok()


@req("S-37", needs=["root|userns"])
def test_mountpoints_in_a_new_filesystem(ctr):
    """What the config itself mounted cannot bring mount points: /dev/pts on a tmpfs."""
    ctr.create("--no-create-mountpoints").ok()


@req("S-03", needs=["root|userns"])
def test_version_is_a_constant(ctr):
    ctr.config["ociVersion"] = "1.0.2"
    assert ctr.created().state()["ociVersion"] == "1.3.0"


@req("S-04", needs=["root|userns"])
def test_list(ctr, make_ctr):
    trap(ctr)
    other = make_ctr()
    other.root = ctr.root
    other.created()
    text = ctr.call("list", "--format", "json").ok().stdout
    assert text.count("\n") == 1, "one line, as scripts of runc's users read it"
    listed = {e["id"]: e for e in json.loads(text)}
    order = [key for key in listed[ctr.id] if key in KEYS_OF_RUNC]
    assert order == KEYS_OF_RUNC
    assert sorted(listed) == sorted([ctr.id, other.id])
    assert listed[ctr.id]["status"] == "running"
    assert listed[ctr.id]["pid"] == ctr.pid
    assert listed[other.id]["status"] == "created"
    assert sorted(ctr.call("list", "--quiet").ok().stdout.split()) == sorted(listed)
    table = ctr.call("list").ok().stdout
    assert ctr.id in table and other.id in table
    if ctr.rt.is_hull:
        os.mkdir(os.path.join(ctr.root, "stranger"), 0o700)
        found = ctr.call("list", "--quiet").ok()
        assert sorted(found.stdout.split()) == sorted(listed), "what is no container is not listed"
        assert "stranger" in found.stderr
        os.rmdir(os.path.join(ctr.root, "stranger"))
    other.delete("--force").ok()


@req("S-04", needs=["root|userns"])
def test_list_of_many(ctr, make_ctr):
    """Each row is of its own container, also where there are more than a few."""
    several = [ctr, *(make_ctr() for _ in range(35))]
    for i, one in enumerate(several):
        one.root = ctr.root
        one.config["annotations"] = {"number": f"{i}" * (1 + i % 7)}
        one.created()
    rows = {e["id"]: e for e in json.loads(ctr.call("list", "--format", "json").ok().stdout)}
    table = {line.split()[0]: line for line in ctr.call("list").ok().stdout.splitlines()}
    assert sorted(rows) == sorted(one.id for one in several)
    for one in several:
        state, row = one.state(), rows[one.id]
        assert [row[k] for k in ("pid", "bundle", "annotations", "created")] == \
               [state[k] for k in ("pid", "bundle", "annotations", "created")]
        assert table[one.id].split()[1:5] == [str(state["pid"]), "created", state["bundle"], state["created"]]
    for one in several[1:]:
        one.delete("--force").ok()


@req("S-04", needs=["root|userns"])
def test_list_of_nothing(ctr):
    assert json.loads(ctr.call("list", "--format", "json").ok().stdout) in ([], None)


@req("S-07", needs=["root|userns"])
def test_pid_is_left_out_when_stopped(ctr):
    assert not ended(ctr).state().get("pid")


@req("S-08", needs=["root|userns"])
def test_stopped_means_exited(ctr):
    trap(ctr)
    ctr.kill("STOP").ok()
    assert ctr.status_word() == "running"
    ctr.kill("KILL").ok()
    ctr.wait_exit(reap=False)
    assert ctr.status_word() == "stopped"


@req("S-10", "S-12", needs=["root"])
def test_create_holds_back_args_alone(ctr):
    """Everything of process but args is visible on the process before start, but for rlimits: a
    low one would bind the set-up itself, so that these may come with args (see RT-CREATE-08)."""
    ctr.config["process"] |= {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 101, "hard": 202}],
                    "oomScoreAdj": 321, "user": {"uid": 1000, "gid": 1001},
                    "noNewPrivileges": True, "cwd": "/usr",
                    "capabilities": {"bounding": ["CAP_KILL"]}}
    ctr.created()
    status = read(f"/proc/{ctr.pid}/status")
    assert "Uid:\t1000\t1000\t1000\t1000" in status
    assert "CapBnd:\t0000000000000020" in status
    assert "NoNewPrivs:\t1" in status
    assert read(f"/proc/{ctr.pid}/oom_score_adj").strip() == "321"
    assert os.readlink(f"/proc/{ctr.pid}/cwd").endswith("/usr")
    ctr.start().ok()
    assert "101                  202" in read(f"/proc/{ctr.pid}/limits")


@req("S-14", needs=["root|userns"])
def test_start_stays_single(ctr):
    trap(ctr).start().failed()
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    ctr.start().failed()


@req("S-18", needs=["root", "cgroup2"])
def test_pause_and_resume_mind_the_status(ctr):
    ctr.args("/bin/probe", "trap").created()
    ctr.start().ok()
    assert ctr.line() == "ready"
    ctr.call("pause", ctr.id).ok()
    assert ctr.status_word() == "paused"
    ctr.call("pause", ctr.id).failed()
    ctr.call("resume", ctr.id).ok()
    assert ctr.status_word() == "running"
    ctr.call("resume", ctr.id).failed()
    ctr.kill("KILL").ok()
    ctr.wait_exit()
    ctr.call("pause", ctr.id).failed()


@req("S-25", needs=["root|userns"])
def test_id_is_free_when_delete_returns(ctr):
    for _ in range(3):
        ended(ctr).delete().ok()
        assert os.listdir(ctr.public) == []


@req("S-30", needs=["root|userns"])
def test_poststop_failures_are_warnings(ctr):
    ctr.bundle.hook("poststop", "echo told >&2; exit 4")
    result = ended(ctr).delete().ok()
    assert_names(["hooks.poststop[0]"], result.stderr)


@req("S-31", "S-32", needs=[])
def test_validate(ctr):
    """What is unknown is listed, what is wrong is named; nothing is made."""
    ctr.config["unheardOf"] = {"a": 1}
    ctr.bundle.write()
    result = ctr.call("validate", ctr.bundle.path).ok()
    assert "unheardOf" in result.stdout + result.stderr
    ctr.process["cwd"] = "relative"
    ctr.bundle.write()
    result = ctr.call("validate", ctr.bundle.path).failed()
    assert_names("process.cwd", result.stdout + result.stderr)
    assert os.listdir(ctr.root) == []


@req("S-38", needs=["root|userns"])
def test_platform_is_unknown(ctr):
    ctr.config["platform"] = {"os": "plan9", "arch": "pdp11"}
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("S-38", needs=["root|userns"])
def test_image_for_another_host(ctr):
    ctr.config["annotations"] = {"org.opencontainers.image.os": "plan9"}
    result = ctr.sh("echo ran").run().ok()
    assert result.stdout == "ran\n"
    assert "org.opencontainers.image.os" in result.stderr
