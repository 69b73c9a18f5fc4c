# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.1: descriptors of the host, and the runtime's own binary."""

import fcntl
import os
import re
import shutil
import subprocess

import pytest

from lib.bundle import CAPS
from threats import threat

ALL = ["CAP_" + c for c in CAPS]


def powerful(ctr):
    """Root inside with every capability: the worst that a config without a user namespace gives."""
    ctr.process["capabilities"] = {k: ALL for k in ("bounding", "effective", "permitted")}
    return ctr


@threat("CVE-2016-9962", "X1", "X3", "X7")
@pytest.mark.parametrize("pidns", ["own", "host"])
def test_exec_holds_nothing_of_the_host(ctr, rounds, pidns):
    """Who watches for new pids with CAP_SYS_PTRACE finds no way out in what they hold."""
    if pidns == "host":
        ctr.bundle.drop_namespace("pid")
    powerful(ctr).args("/bin/attacker", "peep", "120").started()
    assert ctr.line() == "ready"
    for _ in range(rounds(60)):
        ctr.exec("/bin/true").ok()
    ctr.bundle.put("/stop", "")
    found = {}
    while (line := ctr.line(30)) != "end":
        kind, number, leads, mode, *link = line.split(" ")
        found.setdefault((kind, leads, mode), set()).add(" ".join(link))
    if pidns == "host":  # every process of the host can be seen: only hull's child counts
        return
    ways = {k: v for k, v in found.items() if k[0] == "dir" and (k[1].startswith("out") or k[2] == "rw")}
    assert not ways, f"directories of the host in the hands of a container: {ways}"


@threat("CVE-2024-21626", "X1")
@pytest.mark.hull_only
@pytest.mark.parametrize("flags, number", [(None, 0), (os.O_PATH, 40), (os.O_PATH, 90), (os.O_RDONLY, 20), (os.O_PATH, 700)])
@pytest.mark.parametrize("binds", [0, 20])
def test_created_init_holds_no_directory(ctr, flags, number, binds):
    """What waits for start holds streams, its socket and the flight recorder, whatever directory its caller left open."""
    for i in range(binds):
        ctr.config["mounts"].append({"destination": f"/mnt{i}", "source": "/etc", "options": ["bind"]})
    extra = []
    if flags is not None:
        fd = os.open("/", flags)
        extra = [fcntl.fcntl(fd, fcntl.F_DUPFD, number)]
        os.close(fd)
    try:
        ctr.args("/bin/true").created(pass_fds=extra)
    finally:
        for fd in extra:
            os.close(fd)
    held = {}
    for name in os.listdir(f"/proc/{ctr.pid}/fd"):
        held[name] = os.readlink(f"/proc/{ctr.pid}/fd/{name}")
    rest = {n: t for n, t in held.items() if int(n) > 2 and not t.startswith(("socket:", "pipe:"))}
    own = os.readlink(f"/proc/{ctr.pid}/ns/net")  # of nobody else
    assert {os.path.basename(t) for t in rest.values()} <= {"trace", "anon_inode:[signalfd]", own}, held
    assert os.readlink(f"/proc/{ctr.pid}/cwd") in ("/", ctr.bundle.rootfs)
    assert ctr.bundle.rootfs not in "".join(held.values())


@threat("CVE-2024-21626", "X1")
def test_program_has_three_descriptors(ctr):
    """Also when the caller leaves descriptors open, one of them a directory of the host."""
    fd = os.open("/", os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        seen = ctr.probe("fds", pass_fds=[fd])["fds"]
        names = sorted(int(f["fd"]) if isinstance(f, dict) else int(f) for f in seen)
    finally:
        os.close(fd)
    assert names == [0, 1, 2], seen


@threat("CVE-2024-21626", "X4", "X5", "P2")
@pytest.mark.parametrize("how", ["cwd", "cwd-link", "program", "exec-cwd"])
def test_cwd_and_program_behind_magic_links(ctr, how):
    """Whatever number the runtime has open: a magic link is no way."""
    # a descriptor that the caller left open as well: what leaks finds it, and a program that needs no library
    os.makedirs(ctr.top + "/host/bin")
    shutil.copy(ctr.bundle.file("/bin/busybox"), ctr.top + "/host/bin/true")
    fd = os.open(ctr.top + "/host", os.O_RDONLY)
    os.set_inheritable(fd, True)
    if how == "exec-cwd":
        ctr.started()
    worked = []
    for n in range(3, 24):
        for top in ("self", "thread-self"):
            place = f"/proc/{top}/fd/{n}"
            if how == "exec-cwd":
                result = ctr.call("exec", "--cwd", place, ctr.id, "/bin/true", pass_fds=[fd])
            else:
                ctr.process["cwd"] = "/" if how == "program" else place
                if how == "cwd-link":
                    ctr.process["cwd"] = f"/tmp/{top}{n}"
                    os.symlink(place, ctr.bundle.file(f"/tmp/{top}{n}"))
                ctr.args(place + "/bin/true" if how == "program" else "/bin/true")
                result = ctr.run(pass_fds=[fd])
            if result.code == 0:
                worked.append(place)
            else:
                result.failed()
    os.close(fd)
    assert not worked, f"entered: {worked}"


@threat("X5")
@pytest.mark.parametrize("how", ["path", "absolute", "link"])
def test_program_of_the_host_alone(ctr, canary, how):
    """Where the config's PATH, its program or a link of the image leads on the host: nothing of that is in the container."""
    program = canary.path + "/program"
    shutil.copy(ctr.bundle.file("/bin/busybox"), program)
    os.chmod(program, 0o755)
    canary.before = canary.look()
    if how == "path":
        ctr.process["env"] = ["PATH=" + canary.path]
    elif how == "link":
        os.symlink(program, ctr.bundle.file("/bin/program"))
    ctr.args({"path": "program", "absolute": program, "link": "/bin/program"}[how])
    if ctr.rt.is_hull:
        ctr.create_fails(naming="process.args")
    else:
        ctr.create_or_start_fails()


def overwriting(ctr, seconds="3"):
    powerful(ctr).args("/bin/attacker", "overwrite", seconds).started()
    assert ctr.line() == "ready"
    return ctr


def unwritten(ctr):
    lines = []
    while (line := ctr.line(30)) != "end":
        lines.append(line)
    with open(ctr.rt.path, "rb") as f:
        f.seek(-8, os.SEEK_END)
        assert b"pwned" not in f.read(), "the runtime was overwritten"
    # a sealed copy takes no byte either
    assert not lines, f"{len(lines)} writes into the program of a new process"


@threat("CVE-2019-5736", "CVE-2020-14298", "X2")
@pytest.mark.parametrize("target", ["script", "link"])
def test_exec_of_proc_self_exe(ctr, target):
    """A container that makes the runtime execute its own binary inside, and waits with a pen."""
    overwriting(ctr, "2")
    if target == "script":
        ctr.bundle.put("/bin/evil", "#!/proc/self/exe\n", 0o755)
    else:
        os.symlink("/proc/self/exe", ctr.bundle.file("/bin/evil"))
    before = os.stat(ctr.rt.path)
    for _ in range(10):
        ctr.exec("/bin/evil", timeout=10)
    unwritten(ctr)
    assert os.stat(ctr.rt.path).st_ino == before.st_ino


@threat("CVE-2019-5736", "X2")
def test_create_with_proc_self_exe(make_ctr):
    """The same from the entrypoint of a second container that shares the pid namespace of the first."""
    first = overwriting(make_ctr(), "2")
    second = make_ctr()
    second.bundle.namespace("pid", f"/proc/{first.pid}/ns/pid")
    second.bundle.put("/bin/evil", "#!/proc/self/exe\n", 0o755)
    powerful(second).args("/bin/evil")
    for _ in range(5):
        second.run(timeout=10)
    unwritten(first)


@threat("CVE-2019-5736", "X2")
@pytest.mark.hull_only
def test_exe_link_of_a_created_container(ctr):
    """Nothing of the host's file is behind the link."""
    ctr.args("/bin/true").created()
    link = f"/proc/{ctr.pid}/exe"
    assert os.stat(link).st_ino != os.stat(ctr.rt.path).st_ino or os.stat(link).st_dev != os.stat(ctr.rt.path).st_dev
    with open(f"/proc/{ctr.pid}/maps", encoding="utf-8") as f:
        assert ctr.rt.path not in f.read()
    with pytest.raises(OSError):
        fd = os.open(link, os.O_WRONLY)
        os.write(fd, b"x")


@threat("CVE-2019-5736", "X2")
def test_rootless_owner_cannot_overwrite(make_ctr, environment):
    """The binary belongs to the very uid that is root inside, with all capabilities there."""
    ctr = make_ctr()
    own = os.path.join(ctr.top, os.path.basename(ctr.rt.path))
    shutil.copy(ctr.rt.path, own)
    for top, dirs, files in os.walk(ctr.top):
        for name in [""] + dirs + files:
            path = os.path.join(top, name)
            if os.lstat(path).st_nlink == 1 or os.path.isdir(path):
                os.lchown(path, 1000, 1000)
    ctr.bundle.namespace("user")
    ctr.bundle.drop_namespace("network")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
    ctr.config["mounts"].remove(ctr.bundle.mount_at("/sys"))
    ctr.bundle.put("/bin/evil", "#!/proc/self/exe\n", 0o755)
    ctr.process["capabilities"] = {k: ALL for k in ("bounding", "effective", "permitted")}
    with open(own, "rb") as f:
        before = f.read()

    def as_user():
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
    env = {"XDG_RUNTIME_DIR": ctr.top, "HOME": ctr.top}
    ctr.args("/bin/attacker", "overwrite", "2").bundle.write()
    argv = [own] + [w for w in ctr.argv("create", "--bundle", ctr.bundle.path, "--pid-file", ctr.pid_file, ctr.id)][1:]
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    ctr.out_read, ctr._used = read_end, True
    made = ctr.rt.call(argv, ctr.top, "rootless", env=ctr.env | env, stdout=write_end, preexec=as_user)
    os.close(write_end)
    made.ok()
    ctr._adopt()

    def call(*words, **kw):
        return ctr.rt.call([own, *ctr.argv(*words)[1:]], ctr.top, "-".join(words[:1]), env=ctr.env | env, preexec=as_user,
                           **kw)
    call("start", ctr.id).ok()
    assert ctr.line() == "ready"
    for _ in range(5):
        call("exec", ctr.id, "/bin/evil", timeout=10)
    lines = ""
    while (line := ctr.line(30)) != "end":
        lines += line
    call("delete", "--force", ctr.id)
    with open(own, "rb") as f:
        assert f.read() == before, "the runtime was overwritten"
    assert not re.search("wrote", lines)


@threat("B1")
@pytest.mark.hull_only
def test_program_is_hardened(ctr):
    """Anywhere in memory, tables read-only before main, no writable code, nothing loaded, a guard on the stack."""
    head = subprocess.run(["readelf", "-hlWd", ctr.rt.path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in head.splitlines()]
    assert re.search("Type: +DYN", head), "has a fixed address"
    assert [r for r in rows if r[:1] == ["GNU_RELRO"]] and re.search(r"\(BIND_NOW\)|Flags: .*NOW", head), "tables can be written"
    flags = {r[0] + str(i): "".join(r[6:-1]) for i, r in enumerate(rows) if r[:1] in (["LOAD"], ["GNU_STACK"])}
    assert flags and [n for n in flags if n.startswith("GNU_STACK")], "readelf says nothing"
    assert not {n: f for n, f in flags.items() if "W" in f and "E" in f}, flags
    assert "INTERP" not in head and "(NEEDED)" not in head and "(TEXTREL)" not in head
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", ctr.rt.path], capture_output=True, text=True, check=True).stdout
    guarded = len(re.findall(r"\bcall .*<__stack_chk_fail>|\bbl .*<__stack_chk_fail>", code))
    assert guarded > 100, f"{guarded} functions have a guard on the stack"


@threat("B1")
@pytest.mark.hull_only
def test_relocated_constants_are_read_only(ctr):
    """Of the file of a runtime that waits, only the data is mapped writable: tables of functions are not."""
    ctr.sh("echo up; exec sleep 1000")
    ctr.bundle.write()
    with subprocess.Popen(ctr.argv("run", "--bundle", ctr.bundle.path, ctr.id), stdin=subprocess.DEVNULL, env=ctr.env,
                          stdout=subprocess.PIPE, text=True) as runtime:
        assert runtime.stdout.readline() == "up\n"
        with open(f"/proc/{runtime.pid}/maps", encoding="ascii") as f:
            ours = [line.split() for line in f if line.rstrip().endswith("/" + os.path.basename(ctr.argv("run")[0]))]
        ctr.call("kill", ctr.id, "KILL").ok()
        runtime.wait(30)
    writable = [row for row in ours if "w" in row[1]]
    sizes = [int(end, 16) - int(begin, 16) for begin, end in (row[0].split("-") for row in writable)]
    assert len(ours) > 2 and sizes == [4096], ours
