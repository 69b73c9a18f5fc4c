"""exec: one more process in a container. Not in the spec but for execCPUAffinity; the command line is
the one that all runtimes share. What it does to the container: nothing (S-26, S-27)."""

import base64
import json
import os
import select
import shutil
import signal
import struct
import subprocess

import pytest

from lib import req, skip_unless
from lib.bundle import CAPS
from lib.console import ConsoleSocket
from lib.runtime import SLOW

pytestmark = [pytest.mark.usefixtures("needs_exec")]


@pytest.fixture
def console(ctr):
    socket = ConsoleSocket(os.path.join(ctr.top, "con"))
    yield socket
    socket.close()


def seen(ctr, *options, probe=("ids",), **kw):
    """What the probe sees in an exec with these options."""
    result = ctr.call("exec", *options, ctr.id, "/bin/probe", *probe, **kw)
    return json.loads(result.ok().stdout)


def process_file(ctr, **changes):
    process = {"args": ["/bin/probe", "ids"], "cwd": "/", "user": {"uid": 0, "gid": 0},
               "env": ["PATH=/bin"]} | changes
    path = os.path.join(ctr.top, "process.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(process, f)
    return path


def popen(ctr, *words, **kw):
    return subprocess.Popen(ctr.argv(*words), stdin=subprocess.DEVNULL, env=ctr.env, **kw)


def reap(pid):
    """Of a detached exec: the suite is the subreaper that engines are. A zombie would keep the
    container's pid namespace, and so its init, from ending."""
    os.kill(pid, signal.SIGKILL)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


@req("S-26", needs=["root", "userns", "cgroupfs"])
def test_in_the_user_namespace_of_an_engine(ctr):
    """As a rootless engine with a container that has a user namespace too: the caller is root of one user
    namespace, and the pid namespace it is in belongs to another, into which it has no way back."""
    holder = ["unshare", "--user", "--map-root-user", "sh", "-c", "echo ready; exec sleep 1000"]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, text=True) as engine:
        try:
            assert engine.stdout.readline() == "ready\n"
            wrap = f'exec nsenter --user=/proc/{engine.pid}/ns/user --preserve-credentials "$@"'
            ctr.bundle.namespace("user")
            for kind in ("uidMappings", "gidMappings"):
                ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 1}]
            ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
            ctr.args("/bin/sleep", "1000").created(wrap=wrap)
            ctr.start(wrap=wrap).ok()
            assert seen(ctr, wrap=wrap)["ids"]["uid"] == [0] * 4
            ctr.call("delete", "--force", ctr.id, wrap=wrap).ok()
        finally:
            engine.kill()


@req("S-26")
def test_same_surroundings(ctr):
    """Namespaces, root, cgroup and confinement are those of the container's own process."""
    ctr.process["noNewPrivileges"] = True
    ctr.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 7, "hard": 7}]
    words = ("ns", "cgroup", "caps", "nnp", "rlimits")
    ctr.sh(f"/bin/probe {' '.join(words)} > /first; echo ready; sleep 1000").started()
    assert ctr.line() == "ready"
    assert seen(ctr, probe=words) == json.loads(ctr.bundle.read("/first"))


@req("S-26")
@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 3", 3), ("exit 255", 255),
                                         ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_exit_status(ctr, script, code):
    ctr.started()
    assert ctr.exec("/bin/sh", "-c", script).code == code


@req("S-26")
def test_streams(ctr):
    ctr.started()
    read_end, write_end = os.pipe()
    os.write(write_end, b"in\n")
    os.close(write_end)
    result = ctr.exec("/bin/sh", "-c", "cat; echo err >&2", stdin=read_end).ok()
    os.close(read_end)
    assert (result.stdout, result.stderr) == ("in\n", "err\n")


@req("S-26")
def test_words_behind_the_id_are_the_command(ctr):
    ctr.started()
    assert ctr.exec("/bin/echo", "-e", "--cwd", "-t").ok().stdout == "--cwd -t\n"


@req("S-26")
def test_cwd_and_env(ctr):
    ctr.process["env"] += ["A=config", "B=config"]
    ctr.started()
    result = ctr.call("exec", "--cwd", "/usr", "-e", "A=first", "--env", "A=second", "--env=C=x=y",
                      ctr.id, "/bin/sh", "-c", "pwd; echo $A $B $C").ok()
    assert result.stdout == "/usr\nsecond config x=y\n"
    ctr.call("exec", "--cwd", "/nowhere", ctr.id, "/bin/true").failed()


@req("S-26", needs=["root"])
def test_user(ctr):
    ctr.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    ctr.started()
    text = ctr.call("exec", "-u", "12:34", "--additional-gids", "56", ctr.id, "/bin/sh", "-c",
                    "id -u; id -g; id -G").ok().stdout.split("\n")
    assert text[:2] == ["12", "34"]
    assert "56" in text[2].split()


@req("S-26")
@pytest.mark.parametrize("user", ["", ":", "1:", ":1", "root", "-1", "4294967295", "4294967296",
                                  "1:4294967295", "0x1", " 1", "1 ", "+1", "01:1 "])
def test_user_that_is_no_number(ctr, user):
    """Never root, and never a guess (CVE-2026-30892)."""
    ctr.started()
    result = ctr.call("exec", f"--user={user}", ctr.id, "/bin/id").failed()
    assert "uid=" not in result.stdout


@req("S-26")
def test_capabilities(ctr):
    one, two = 1 << CAPS.index("CHOWN"), 1 << CAPS.index("NET_RAW")
    names = ["CAP_CHOWN"]
    ctr.process["capabilities"] = {k: names for k in ("bounding", "effective", "permitted")}
    ctr.started()
    before = seen(ctr, probe=("caps",))["caps"]
    assert before["bounding"] == before["effective"] == one
    after = seen(ctr, "--cap", "CAP_NET_RAW", probe=("caps",))["caps"]
    assert after["bounding"] == after["effective"] == after["permitted"] == one | two
    assert after["inheritable"] == after["ambient"] == 0
    ctr.call("exec", "--cap", "CAP_NONSENSE", ctr.id, "/bin/true").failed()
    assert seen(ctr, probe=("caps",))["caps"] == before


@req("S-26")
def test_no_new_privs(ctr):
    ctr.process["noNewPrivileges"] = False
    ctr.started()
    assert not seen(ctr, probe=("nnp",))["nnp"]
    assert seen(ctr, "--no-new-privs", probe=("nnp",))["nnp"]


@req("S-26")
def test_seccomp(ctr):
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    ctr.process["noNewPrivileges"] = False
    ctr.started()
    assert ctr.exec("/bin/sh", "-c", "mkdir /x").failed().stdout == ""
    assert ctr.exec("/bin/sh", "-c", "grep Seccomp: /proc/self/status").ok().stdout.split()[1] == "2"
    assert not ctr.bundle.exists("x")


@req("S-26")
@pytest.mark.hull_only
@pytest.mark.parametrize("gone", ["config.json", "exec.json"])
def test_what_is_kept_for_exec(ctr, gone):
    """The config is not read again; of a container that an older hull made it is."""
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "flags": [], "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    ctr.config["annotations"] = {"a\"quoted\\": "\u00fc\n", "org.example": ""}
    groups = [] if os.geteuid() else [7]  # a user has no other group mapped
    ctr.process["user"] = {"uid": 0, "gid": 0, "umask": 0o27, "additionalGids": groups}
    ctr.process["env"] = ["PATH=/bin", "WORD=a \"b\" \\"]
    words = ("ns", "cgroup", "caps", "nnp", "rlimits", "umask")
    ctr.sh(f"/bin/probe {' '.join(words)} > /first; echo ready; sleep 1000").started()
    assert ctr.line() == "ready"
    os.unlink(os.path.join(ctr.root, ctr.id, gone))
    assert seen(ctr, probe=words) == json.loads(ctr.bundle.read("/first"))
    assert not groups or seen(ctr)["ids"]["groups"] == groups
    script = 'mkdir /x; grep Seccomp: /proc/self/status; echo "$WORD"'
    found = ctr.exec("/bin/sh", "-c", script).ok().stdout.splitlines()
    assert found[0].split()[1] == "2" and found[1] == 'a "b" \\'
    assert not ctr.bundle.exists("x")


@req("S-26", needs=["root"])
def test_process_file(ctr):
    ctr.started()
    path = process_file(ctr, args=["/bin/sh", "-c", "id -u; pwd; echo $X; ulimit -c"],
                        user={"uid": 33, "gid": 33}, cwd="/usr", env=["PATH=/bin", "X=y"],
                        rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])
    assert ctr.call("exec", "-p", path, ctr.id).ok().stdout == "33\n/usr\ny\n0\n"


@req("S-26", needs=["root", "cgroup1"])
@pytest.mark.hull_only
def test_group_of_several_controllers(ctr):
    """cpu and cpuacct are one hierarchy on many hosts and two on others; the list means both on either."""
    ctr.started()
    with open(f"/proc/{ctr.pid}/cgroup", encoding="ascii") as f:
        own = [line.rstrip("\n").split(":", 2) for line in f]
    subs = {f"/sys/fs/cgroup/{name}{path}/sub" for _, names, path in own for name in names.split(",")
            if name in ("cpu", "cpuacct")}
    subs = {sub for sub in subs if os.path.isdir(os.path.dirname(sub))}
    skip_unless(len(subs) == 2, "cpu and cpuacct are not controllers of v1 by these names here")
    try:
        for sub in subs:
            os.makedirs(sub, exist_ok=True)
        text = ctr.call("exec", "--cgroup", "cpu,cpuacct:sub", ctr.id, "cat", "/proc/self/cgroup").ok().stdout
        for line in text.splitlines():
            _, names, path = line.split(":", 2)
            assert path.endswith("/sub") == bool({"cpu", "cpuacct"} & set(names.split(","))), text
        ctr.call("exec", "--cgroup", "cpu,none:sub", ctr.id, "true").failed()
    finally:
        for sub in subs:
            if os.path.isdir(sub):
                os.rmdir(sub)


@req("S-26")
@pytest.mark.hull_only
@pytest.mark.parametrize("own,shown", [(None, "0027"), (0o77, "0077")])
def test_umask_of_a_process_file(ctr, own, shown):
    """One that names none has the container's, as `exec ID command` has, not the caller's."""
    ctr.process["user"] = {"uid": 0, "gid": 0, "umask": 0o27}
    ctr.started()
    user = {"uid": 0, "gid": 0} | ({} if own is None else {"umask": own})
    path = process_file(ctr, args=["/bin/sh", "-c", "umask"], user=user, cwd="/")
    assert ctr.call("exec", "-p", path, ctr.id).ok().stdout == f"{shown}\n"


@req("S-26")
@pytest.mark.parametrize("change", [{"cwd": "relative"}, {"args": []}, {"args": "text"},
                                    {"user": {"uid": -1, "gid": 0}}, {"rlimits": [{"type": "X"}]}])
def test_bad_process_file(ctr, change):
    ctr.started()
    ctr.call("exec", "--process", process_file(ctr, **change), ctr.id).failed()
    ctr.call("exec", "--process", "/nowhere/process.json", ctr.id).failed()


@req("S-26")
def test_what_is_not_there(ctr):
    """The words by which engines tell 126 from 127."""
    ctr.bundle.put("/plain", "text", 0o644)
    ctr.started()
    for path, words in (("nothing-here", "executable file not found in $PATH"),
                        ("/nothing/here", "no such file or directory"),
                        ("/plain", "permission denied"), ("/usr", "is a directory")):
        result = ctr.exec(path)
        assert result.code == 255, result.command()
        text = result.stderr.lower()
        assert words.lower() in text or path == "/usr" and "permission denied" in text, text


@req("S-26")
def test_terminal_by_socket(ctr, console):
    ctr.started()
    pid_file = os.path.join(ctr.top, "exec.pid")
    result = ctr.call("exec", "--tty", "--detach", "--console-socket", console.path, "--pid-file",
                      pid_file, ctr.id, "/bin/probe", "tty", "ids").ok()
    master = console.receive()
    assert os.isatty(master) and result.stdout == ""
    try:
        text = json.loads(console.read_all())
    finally:
        with open(pid_file, encoding="ascii") as f:
            reap(int(f.read()))
    assert text["tty"]["isatty"] == [1, 1, 1] and text["tty"]["controlling"] is True


@req("S-26")
@pytest.mark.parametrize("given", ["file", "argument"])
def test_a_process_file_says_whether_there_is_a_terminal(ctr, given):
    """--tty is for a command of the command line, as with other runtimes."""
    ctr.started()
    path = os.path.join(ctr.top, "process.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"cwd": "/", "args": ["/bin/sh", "-c", "test -t 1 || echo none"], "env": [],
                   "user": {"uid": 0, "gid": 0}}, f)
    words = ("--process", path, ctr.id) if given == "file" else (ctr.id, path)
    assert ctr.call("exec", "--tty", *words).ok().stdout == "none\n"


@req("S-26")
def test_terminal_without_a_way_out(ctr, console):
    ctr.started()
    ctr.call("exec", "--tty", "--detach", ctr.id, "/bin/true").failed()
    ctr.call("exec", "--tty", "--console-socket", console.path, ctr.id, "/bin/true").failed()


@req("S-26")
def test_terminal_in_the_foreground(ctr):
    """A pipe for stdin and stdout: nothing is lost of what the process prints at its end."""
    ctr.started()
    script = "test -t 0 && i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done; exit 9"
    result = ctr.call("exec", "-t", ctr.id, "/bin/sh", "-c", script)
    assert result.code == 9
    assert result.stdout.split() == [str(i) for i in range(5000)]


@req("S-26")
def test_detached(ctr):
    """Returns once the program runs; the pid file is there then, and only then."""
    ctr.started()
    pid_file = os.path.join(ctr.top, "exec.pid")
    ctr.call("exec", "-d", "--pid-file", pid_file, ctr.id, "/bin/no-such-thing").failed()
    assert not os.path.exists(pid_file)
    read_end, write_end = os.pipe()
    ctr.call("exec", "-d", "--pid-file", pid_file, ctr.id, "/bin/sh", "-c", "echo here; sleep 1000",
             stdout=write_end).ok()
    os.close(write_end)
    with open(pid_file, encoding="ascii") as f:
        text = f.read()
    try:
        assert text.isdigit(), "digits only: clients read the raw bytes"
        assert os.read(read_end, 10) == b"here\n"
    finally:
        os.close(read_end)
        reap(int(text))


@req("S-26")
def test_long_pid_file(ctr):
    """A name of 68 bytes, as `docker exec` has it, and the longest that there is."""
    ctr.started()
    for name in ("5" * 64 + ".pid", "5" * 255):
        pid_file = os.path.join(ctr.top, name)
        ctr.call("exec", "--pid-file", pid_file, ctr.id, "/bin/true").ok()
        with open(pid_file, encoding="ascii") as f:
            assert f.read().isdigit()


@req("S-26")
def test_preserve_fds(ctr):
    ctr.started()
    with open(ctr.bundle.file("/kept"), "w", encoding="ascii") as f:
        f.write("kept\n")
    kept = ctr.bundle.file("/kept")
    fds = seen(ctr, probe=("fds",), wrap=f'exec "$@" 3<{kept} 4<{kept}')["fds"]
    assert {"3", "4"}.isdisjoint(fds), "nothing that the caller left open comes along unasked"
    result = ctr.call("exec", "--preserve-fds", "1", ctr.id, "/bin/sh", "-c", "cat <&3",
                      wrap=f'exec "$@" 3<{kept}').ok()
    assert result.stdout == "kept\n"


@req("S-26")
def test_nothing_of_the_host_is_open(ctr):
    """Everything but the three streams and what was asked for is closed."""
    ctr.started()
    fds = seen(ctr, probe=("fds",))["fds"]
    assert {n for n, f in fds.items() if "/proc/" not in str(f.get("target"))} <= {"0", "1", "2"}


@req("S-26")
def test_signal_reaches_the_process(ctr):
    """What ends the command in the foreground goes to the process instead."""
    ctr.started()
    with popen(ctr, "exec", ctr.id, "/bin/probe", "trap", stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout.readline().strip()
        p.send_signal(signal.SIGTERM)
        out, _ = p.communicate(timeout=20 * SLOW)
    assert "15" in out or "TERM" in out, out


@req("S-26", "S-27")
def test_stopped_or_deleted(ctr):
    ctr.sh("exit 0").created()
    ctr.start().ok()
    ctr.wait_exit()
    result = ctr.exec("/bin/true").failed()
    assert "not running" in result.stderr
    ctr.delete().ok()
    ctr.exec("/bin/true").failed()


@req("S-26")
def test_paused(ctr, runtime):
    skip_unless(runtime.has("pause"), "no pause")
    ctr.started()
    ctr.call("pause", ctr.id).ok()
    try:
        ctr.exec("/bin/true").failed()
    finally:
        ctr.call("resume", ctr.id).ok()
    ctr.exec("/bin/true").ok()


@req("S-26", "S-27")
def test_many_at_once(ctr):
    """Faults C5, first half: each ends with its own status and its own output."""
    ctr.started()
    run = [popen(ctr, "exec", ctr.id, "/bin/sh", "-c", f"echo {i}; exit {i}",
                 stdout=subprocess.PIPE, text=True) for i in range(50)]
    for i, p in enumerate(run):
        out, _ = p.communicate(timeout=60 * SLOW)
        assert (p.returncode, out) == (i, f"{i}\n")
    assert ctr.status_word() == "running" and ctr.state()["pid"] == ctr.pid


@req("S-26")
def test_delete_in_the_middle(ctr):
    """Faults C5: each exec ends with its status, killed, or not running; nothing is left."""
    ctr.started()
    run = [popen(ctr, "exec", ctr.id, "/bin/sh", "-c", "echo up; exec sleep 1000",
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(30)]
    poller = select.poll()
    poller.register(run[0].stdout, select.POLLIN)
    assert poller.poll(30000)
    ctr.delete("--force").ok()
    for p in run:
        out, text = p.communicate(timeout=60 * SLOW)
        if p.returncode != 137:
            assert p.returncode != 0 and out == "", (p.returncode, out, text)
            assert "not running" in text or "does not exist" in text, text
    ctr.gone()
    assert not [p for p in ctr.cgroups if os.path.isdir(p)]


@req("S-27")
def test_end_does_not_matter(ctr):
    ctr.started()
    for _ in range(10):
        assert ctr.exec("/bin/sh", "-c", "kill -SEGV $$").code == 139
    assert ctr.alive() and ctr.status_word() == "running"


@req("S-26")
def test_pidfd_socket(ctr, console):
    """--pidfd-socket: the descriptor that arrives is the process of the exec."""
    ctr.started()
    result = ctr.call("exec", "--detach", "--pidfd-socket", console.path, "--pid-file",
                      os.path.join(ctr.top, "execpid"), ctr.id, "/bin/sleep", "1000")
    skip_unless("unknown option" not in result.stderr, "the runtime knows no --pidfd-socket")
    result.ok()
    pidfd = console.receive()
    with open(os.path.join(ctr.top, "execpid"), encoding="ascii") as f:
        pid = int(f.read())
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as f:
        info = dict(line.split(":\t") for line in f.read().splitlines() if ":\t" in line)
    assert int(info["Pid"]) == pid
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    assert select.select([pidfd], [], [], 10)[0], "the process does not end"
    reap(pid)
    assert ctr.status_word() == "running"


@req("S-26")
@pytest.mark.hull_only
def test_filter_by_annotation(ctr):
    """run.oci.seccomp_bpf_data stands for the profile in exec as in create."""
    skip_unless(os.uname().machine == "x86_64", "a filter with a number of x86_64")
    insn = struct.Struct("HBBI").pack
    filter_ = (insn(0x20, 0, 0, 0) + insn(0x15, 0, 1, 63) + insn(0x06, 0, 0, 0x50000 | 42)
               + insn(0x06, 0, 0, 0x7fff0000))  # uname: errno 42
    ctr.config["annotations"] = {"run.oci.seccomp_bpf_data": base64.b64encode(filter_).decode()}
    ctr.started()
    done = json.loads(ctr.exec("/bin/probe", "syscall", "63", "0").ok().stdout)["do"][0]
    assert (done["ret"], done["errno"]) == (-1, 42)


@req("S-26", needs=["root", "cgroupfs"])
@pytest.mark.hull_only
def test_created_without_privilege(ctr):
    """The waiting init may not be traced: whoever needs that right to join it is told."""
    skip_unless(shutil.which("setpriv"), "no setpriv")
    for place in (ctr.top, ctr.root, ctr.bundle.path, ctr.bundle.rootfs):
        os.chown(place, 4000, 4000)
    ctr.bundle.namespace("user")
    ctr.bundle.drop_namespace("network")
    for side in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[side] = [{"containerID": 0, "hostID": 4000, "size": 1}]
    pts = ctr.bundle.mount_at("/dev/pts")
    pts["options"] = [o for o in pts["options"] if o != "gid=5"]
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] != "/sys"]
    lower = 'exec setpriv --reuid 4000 --regid 4000 --clear-groups "$@"'
    ctr.public = ""
    ctr.created(wrap=lower)
    result = ctr.call("exec", ctr.id, "/bin/true", wrap=lower)
    assert result.code == 255
    assert "not started" in result.stderr and "CAP_SYS_PTRACE" in result.stderr
    ctr.call("start", ctr.id, wrap=lower).ok()
    ctr.call("exec", ctr.id, "/bin/true", wrap=lower).ok()
    ctr.call("delete", "--force", ctr.id, wrap=lower).ok()


@req("RT-CREATE-06")
@pytest.mark.hull_only
def test_pidfd_socket_by_annotation(ctr, console):
    ctr.config["annotations"] = {"run.oci.pidfd_receiver": console.path}
    ctr.create().ok()
    pidfd = console.receive()
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as f:
        assert f"Pid:\t{ctr.pid}\n" in f.read()


@req("RT-CREATE-06")
@pytest.mark.hull_only
def test_pidfd_socket_of_an_annotation_that_is_not_there(ctr):
    ctr.config["annotations"] = {"run.oci.pidfd_receiver": ctr.top + "/none"}
    assert "/annotations/run.oci.pidfd_receiver" in ctr.create_fails().stderr


@req("RT-CREATE-06")
def test_pidfd_socket_of_create(ctr, console):
    result = ctr.create("--pidfd-socket", console.path)
    skip_unless("unknown option" not in result.stderr, "the runtime knows no --pidfd-socket")
    result.ok()
    pidfd = console.receive()
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as f:
        assert f"Pid:\t{ctr.pid}\n" in f.read()
