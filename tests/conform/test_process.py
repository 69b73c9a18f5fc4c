"""config.md#process: terminal, cwd, env, args."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest

from lib import hull_only, req
from lib.console import ConsoleSocket

TIOCGPTN = 0x80045430


@pytest.fixture
def console(ctr):
    socket = ConsoleSocket(os.path.join(ctr.top, "con"))
    yield socket
    socket.close()


def on_terminal(ctr, console):
    """Runs the program on a terminal; returns what it printed."""
    ctr.process["terminal"] = True
    ctr.create("--console-socket", console.path).ok()
    master = console.receive()
    assert os.isatty(master)
    assert fcntl.ioctl(master, TIOCGPTN, bytes(4)), "not a pty master"
    ctr.start().ok()
    text = console.read_all()
    ctr.wait_exit()
    return text


@req("CFG-PROC-03")
def test_terminal(ctr, console):
    ctr.args("/bin/probe", "tty", "ids", "fds")
    seen = json.loads(on_terminal(ctr, console))
    assert seen["tty"]["isatty"] == [1, 1, 1]
    assert seen["tty"]["controlling"] is True
    assert seen["ids"]["sid"] == seen["ids"]["pid"] == seen["tty"]["foreground"]
    assert {seen["fds"][n]["target"] for n in "012"} <= {"/dev/pts/0", "/dev/console"}


@req("CFG-PROC-04")
def test_streams_of_the_caller(ctr):
    read_end, write_end = os.pipe()
    os.write(write_end, b"from the caller\n")
    os.close(write_end)
    del ctr.process["terminal"]
    ctr.sh("cat; echo error >&2; test -t 0 || test -t 1 || test -t 2 || echo no terminal")
    try:
        result = ctr.create(stdin=read_end).ok()
        ctr.start().ok()
        assert ctr.finish() == (0, "from the caller\nno terminal\n")
    finally:
        os.close(read_end)
    assert result.stderr.endswith("error\n")


@req("CFG-PROC-03")
@hull_only
def test_line_ends(ctr):
    """A carriage return is for a screen: none in a file or pipe that a run on a terminal writes."""
    ctr.process["terminal"] = True
    assert ctr.sh("echo a; echo b").run().ok().stdout == "a\nb\n"
    master, slave = pty.openpty()
    try:
        attrs = termios.tcgetattr(slave)
        ctr.run(stdin=slave, stdout=slave).ok()
        assert os.read(master, 100) == b"a\r\nb\r\n", "hull has made it raw"
        ctr.run(stdout=slave).ok()
        assert os.read(master, 100) == b"a\r\nb\r\n", "it ends lines itself"
        attrs[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attrs)
        ctr.run(stdout=slave).ok()
        assert os.read(master, 100) == b"a\nb\n", "its owner wants them so"
    finally:
        os.close(master)
        os.close(slave)


def on_the_callers(ctr, *words, typed=b""):
    """Exit status of a command whose streams are one terminal, and what is seen there."""
    master, slave = pty.openpty()
    child = subprocess.Popen(ctr.argv(*words), stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.write(master, typed)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: nobody has it open any more
        while data := os.read(master, 65536):
            seen += data
    os.close(master)
    return child.wait(60), seen.decode()


PIPES = "for fd in 0 1 2; do [ -p /proc/self/fd/$fd ] && echo pipe$fd; done; "


@req("CFG-PROC-03")
@hull_only
def test_without_terminal_nobody_gets_the_callers(ctr):
    """Pipes in its place, and what is typed and printed goes through; the end of input too."""
    ctr.sh(PIPES + "echo error >&2; read one; cat; echo $one; exit 7").bundle.write()
    code, seen = on_the_callers(ctr, "run", "--bundle", ctr.bundle.path, ctr.id, typed=b"first\nsecond\n\x04")
    lines = seen.replace("\r", "").splitlines()
    assert code == 7 and lines[-1] == "first", seen
    assert sorted(x for x in lines if x not in ("first", "second")) == ["error", "pipe0", "pipe1", "pipe2"]
    assert lines.count("second") == 2, "the echo and what cat made of it"


@req("CFG-PROC-03")
@hull_only
def test_all_that_was_printed_reaches_the_callers_terminal(ctr):
    """Of the process; who stays behind with its streams holds nothing back."""
    ctr.sh("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done; sleep 1000 & exit 3").bundle.write()
    ctr.bundle.linux["namespaces"] = [n for n in ctr.bundle.linux["namespaces"] if n["type"] != "pid"]
    ctr.bundle.write()
    code, seen = on_the_callers(ctr, "run", "--bundle", ctr.bundle.path, ctr.id)
    assert code == 3 and seen.split() == [str(i) for i in range(20000)]


@req("CFG-PROC-03")
@hull_only
def test_exec_does_not_get_the_callers_terminal(ctr, needs_exec):
    ctr.sh("exec sleep 1000").started()
    code, seen = on_the_callers(ctr, "exec", ctr.id, "/bin/sh", "-c", PIPES + "exit 4")
    assert (code, seen.split()) == (4, ["pipe0", "pipe1", "pipe2"])


@req("CFG-PROC-05")
def test_console_size(ctr, console):
    ctr.process["consoleSize"] = {"height": 25, "width": 81}
    assert on_terminal(ctr.args("/bin/stty", "size"), console) == "25 81\n"


@req("CFG-PROC-06")
@pytest.mark.parametrize("terminal", [False, None])
def test_console_size_without_terminal(ctr, terminal):
    ctr.process["consoleSize"] = {"height": 25, "width": 81}
    del ctr.process["terminal"]
    if terminal is not None:
        ctr.process["terminal"] = terminal
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 10, 20, 0, 0))
        ctr.sh("exit 7")
        ctr.create(stdin=slave, stdout=slave).ok()
        ctr.start().ok()
        assert ctr.wait_exit() == 7
        size = struct.unpack("4H", fcntl.ioctl(slave, termios.TIOCGWINSZ, bytes(8)))
        assert size[:2] == (10, 20)
    finally:
        os.close(master)
        os.close(slave)


@req("CFG-PROC-07")
@pytest.mark.parametrize("given,missing", [("width", "height"), ("height", "width")])
def test_console_size_is_whole(ctr, given, missing):
    ctr.process["terminal"] = True
    ctr.process["consoleSize"] = {given: 25}
    ctr.create_fails(f"process.consoleSize.{missing}", "--console-socket", "/nosuch")


@req("CFG-PROC-08")
def test_cwd_is_missing(ctr):
    del ctr.process["cwd"]
    ctr.create_fails(naming="process.cwd")


@req("CFG-PROC-09")
@pytest.mark.parametrize("cwd", ["tmp", "", "./tmp"])
def test_cwd_is_relative(ctr, cwd):
    ctr.process["cwd"] = cwd
    ctr.create_fails(naming="process.cwd")


@req("CFG-PROC-10")
def test_cwd(ctr):
    ctr.process["cwd"] = "/usr/lib"
    ctr.bundle.put("/usr/lib/marker", "")
    seen = ctr.sh("pwd; readlink /proc/self/cwd; ls").run().ok().stdout.split()
    assert seen == ["/usr/lib", "/usr/lib", "marker"]


@req("CFG-PROC-11")
def test_cwd_is_a_file(ctr):
    ctr.process["cwd"] = "/etc/passwd"
    ctr.sh("echo ran > /ran").create_or_start_fails()
    assert not ctr.bundle.exists("/ran")


@req("CFG-PROC-11", needs=["root", "userns"])
def test_cwd_is_closed(ctr):
    """To everybody in the container: its owner has no id there."""
    ctr.bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        ctr.bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    os.mkdir(ctr.bundle.file("/closed"), 0o700)
    ctr.process["cwd"] = "/closed"
    ctr.args("/bin/probe", "cwd").create_or_start_fails()


@req("CFG-PROC-10", needs=["root"])
def test_cwd_is_closed_to_the_user(ctr):
    """The field enters it before it changes the ids, and that is where the program starts."""
    os.mkdir(ctr.bundle.file("/closed"), 0o700)
    ctr.process["cwd"] = "/closed"
    ctr.process["user"] = {"uid": 1000, "gid": 1000}
    assert ctr.sh("readlink /proc/self/cwd; cat ./x 2>/dev/null || echo closed").run().ok().stdout == "/closed\nclosed\n"


@req("CFG-PROC-12")
def test_env(ctr):
    ctr.process["env"] = ["A=1", "HOME=/tmp", "B=x=y", "C=", "D=two words"]
    assert ctr.probe("env", env={"SECRET": "1"})["env"] == ctr.process["env"]


@req("CFG-PROC-12")
def test_env_without_home(ctr, record_property):
    """Clients rely on a HOME that comes from /etc/passwd; nothing else may be added."""
    ctr.process["env"] = ["A=1", "B=2"]
    seen = ctr.probe("env", env={"SECRET": "1"})["env"]
    record_property("added to env", [e for e in seen if e not in ("A=1", "B=2")])
    assert [e for e in seen if not e.startswith("HOME=")] == ["A=1", "B=2"]


@req("CFG-PROC-12")
@pytest.mark.parametrize("home,want", [([""], "/root"), (["/override", ""], "/root"),
                                       (["", "/override"], "/override")])
def test_empty_home(ctr, home, want):
    """It is as good as none; and a name given twice has its last value."""
    ctr.bundle.put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    ctr.process["env"] = ["A=1", "A=2"] + [f"HOME={h}" for h in home]
    assert sorted(ctr.probe("env")["env"]) == ["A=2", f"HOME={want}"]


@req("CFG-PROC-12")
def test_no_env(ctr, record_property):
    del ctr.process["env"]
    seen = ctr.probe("env", env={"SECRET": "1"})["env"]
    record_property("environment without env", seen)
    assert not [e for e in seen if e.startswith("SECRET")]


@req("CFG-PROC-13")
def test_args(ctr):
    words = ["two words", "", "'quotes'", '"more"', "ünïcode ☂", "-x", "$HOME", "back\\slash"]
    assert ctr.probe("argv", "--", *words)["argv"] == ["/bin/probe", "argv", "--", *words]


@req("CFG-PROC-14")
@pytest.mark.parametrize("args", [[], None])
def test_no_args(ctr, args):
    del ctr.process["args"]
    if args is not None:
        ctr.process["args"] = args
    ctr.create_or_start_fails(naming="process.args")


FOO = "#!/bin/sh\necho foo $0\n"


@req("CFG-PROC-15")
def test_path_search(ctr):
    ctr.bundle.put("/opt/bin/foo", FOO, 0o755)
    ctr.process["env"] = ["PATH=/nowhere:/opt/bin:/bin"]
    assert ctr.args("foo").run(env={"PATH": "/bin"}).ok().stdout == "foo /opt/bin/foo\n"


@req("CFG-PROC-15")
def test_path_search_in_vain(ctr):
    ctr.bundle.put("/opt/bin/foo", FOO, 0o755)
    ctr.process["env"] = ["PATH=/nowhere"]
    ctr.args("foo").create_or_start_fails()


@req("CFG-PROC-16")
def test_a_slash_means_no_search(ctr):
    ctr.bundle.put("/opt/bin/foo", FOO, 0o755)
    ctr.process["cwd"], ctr.process["env"] = "/opt", ["PATH=/bin"]
    assert ctr.args("bin/foo").run().ok().stdout == "foo bin/foo\n"


@req("CFG-PROC-16")
def test_a_slash_means_no_search_in_vain(ctr):
    ctr.bundle.put("/opt/bin/foo", FOO, 0o755)
    ctr.process["env"] = ["PATH=/opt/bin:/bin"]
    ctr.args("./foo").create_or_start_fails()


@req("CFG-PROC-17")
def test_script_without_interpreter(ctr, record_property):
    ctr.bundle.put("/opt/foo", "echo shell $1\n", 0o755)
    result = ctr.args("/opt/foo", "one").run()
    record_property("script without #!", "refused" if result.code else "run by the shell")
    if ctr.rt.is_hull or result.code == 0:
        assert result.ok().stdout == "shell one\n"


@req("CFG-PROC-18")
def test_command_line(ctr):
    ctr.process["commandLine"] = "x"
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-PROC-18")
def test_command_line_is_no_args(ctr):
    del ctr.process["args"]
    ctr.process["commandLine"] = "/bin/true"
    ctr.create_or_start_fails()
