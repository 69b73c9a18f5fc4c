"""runtime-linux.md: file descriptors and links in /dev."""

import fcntl
import json
import os
import select

from lib import req

LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
         "stderr": "/proc/self/fd/2"}


@req("LRT-FD-01")
def test_no_other_descriptors(ctr):
    extra = [os.open("/dev/null", os.O_RDONLY) for _ in range(18)]
    try:
        ctr.args("/bin/probe", "fds")
        result = ctr.run(pass_fds=extra).ok()
    finally:
        for fd in extra:
            os.close(fd)
    assert sorted(json.loads(result.stdout)["fds"]) == ["0", "1", "2"]


@req("LRT-FD-01")
def test_no_other_descriptors_after_create(ctr):
    extra = [os.open("/dev/null", os.O_RDONLY) for _ in range(18)]
    try:
        ctr.args("/bin/probe", "fds").created(pass_fds=extra)
        ctr.start(pass_fds=extra).ok()
    finally:
        for fd in extra:
            os.close(fd)
    assert sorted(json.loads(ctr.output())["fds"]) == ["0", "1", "2"]


@req("LRT-FD-01")
def test_created_container_holds_no_high_descriptor(ctr):
    """A caller that waits for the end of its pipe does not wait for start; however high its number is."""
    read_end, write_end = os.pipe()
    high = fcntl.fcntl(write_end, fcntl.F_DUPFD, 700)
    os.close(write_end)
    try:
        ctr.args("/bin/true").created(pass_fds=[high])
    finally:
        os.close(high)
    assert select.select([read_end], [], [], 5)[0] and os.read(read_end, 1) == b"", "somebody holds the other end"
    os.close(read_end)


@req("LRT-FD-02")
def test_preserved_descriptors(ctr):
    one, two = (os.path.join(ctr.top, n) for n in ("one", "two"))
    for path in (one, two):
        with open(path, "w", encoding="ascii") as f:
            f.write(os.path.basename(path))
    ctr.sh("cat <&3; cat <&4; test -e /proc/self/fd/5 || echo ' no 5'")
    result = ctr.run("--preserve-fds", "2", wrap=f"exec \"$@\" 3<{one} 4<{two} 5<{two}").ok()
    assert result.stdout == "onetwo no 5\n"


@req("LRT-FD-02")
def test_socket_activation(ctr):
    ctr.sh("test -e /proc/self/fd/3 && echo $LISTEN_FDS $LISTEN_PID $$")
    result = ctr.run(wrap="export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\" 3</dev/null").ok()
    assert result.stdout == "1 1 1\n"


@req("LRT-FD-03")
def test_closed_stdin(ctr):
    ctr.sh("cat; echo survived").created(wrap="exec \"$@\" <&-")
    ctr.start().ok()
    assert ctr.finish() == (0, "survived\n")


@req("LRT-DEV-01")
def test_links(ctr):
    ctr.sh("for n in fd stdin stdout stderr; do readlink /dev/$n; done").created()
    for name, target in LINKS.items():
        assert os.readlink(f"/proc/{ctr.pid}/root/dev/{name}") == target
    ctr.start().ok()
    assert ctr.output().split() == list(LINKS.values())


@req("LRT-DEV-02")
def test_links_without_proc(ctr):
    ctr.config["mounts"] = [m for m in ctr.config["mounts"] if m["destination"] != "/proc"]
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"
