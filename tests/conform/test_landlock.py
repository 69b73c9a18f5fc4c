"""Landlock by annotation, run.hull.landlock: an extension of hull (doc/landlock.md). S-31: exactly
as the lists say, or create fails at the annotation."""

import ctypes
import errno
import json
import os

import pytest

from lib import req, skip_unless
from lib.bundle import CAPS

KEY = "run.hull.landlock"


def landlock_abi():
    abi = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)
    return abi


pytestmark = [pytest.mark.hull_only]
ABI = landlock_abi()
NEEDS = pytest.mark.skipif(ABI < 3, reason=f"needs Landlock with ABI 3 or later, here {ABI}")


@pytest.fixture
def landlock(ctr):
    """A rootfs with something everywhere, and a function that sets the annotation."""
    for name in ("/ro/f", "/ro/shadow", "/ro/rw/f", "/rw/f", "/rw/sub/f", "/rw/secret/f",
                 "/other/f"):
        ctr.bundle.put(name, "text\n", 0o666)
    for name in ("/ro", "/ro/rw", "/rw", "/rw/sub", "/rw/secret", "/other"):
        os.chmod(ctr.bundle.file(name), 0o777)
    os.symlink("/../../rw/sub", ctr.bundle.file("/link"))

    def put(**lists):
        ctr.config["annotations"] = {KEY: json.dumps(lists)}
        return ctr
    return put


LISTS = {"readOnly": ["/bin", "/ro"], "readWrite": ["/rw", "/ro/rw"],
         "noAccess": ["/rw/secret", "/ro/shadow"]}


def tried(done):
    """What the probe's actions came to: 0 or the errno."""
    return [0 if step["ret"] >= 0 else step["errno"] for step in done["do"]]


def opens(*pairs):
    return [word for path, mode in pairs for word in ("open", path, mode)]


MATRIX = [
    ("/ro/f", "r", 0), ("/ro/f", "w", errno.EACCES), ("/ro/new", "c", errno.EACCES),
    ("/ro/shadow", "r", errno.EACCES), ("/ro/shadow", "w", errno.EACCES),
    ("/ro/rw/f", "rw", 0), ("/ro/rw/new", "c", 0),
    ("/ro", "d", 0),                        # a file apart does not hide its neighbours' names
    ("/rw/f", "rw", 0), ("/rw/sub/f", "rw", 0), ("/rw/sub/new", "c", 0), ("/rw/sub", "d", 0),
    ("/rw/secret/f", "r", errno.EACCES), ("/rw/secret/new", "c", errno.EACCES),
    ("/rw/secret", "d", errno.EACCES),
    ("/rw/new", "c", errno.EACCES),         # the directory above a stricter one takes no entries
    ("/rw", "d", errno.EACCES),             # nor shows the names in it
    ("/other/f", "r", errno.EACCES), ("/other/f", "w", errno.EACCES), ("/", "d", errno.EACCES),
]


@req("S-31", needs=["root|userns"])
@NEEDS
def test_what_may_be_opened(landlock):
    words = opens(*((path, mode) for path, mode, _ in MATRIX))
    seen = tried(landlock(**LISTS).probe(*words))
    assert dict(zip(((p, m) for p, m, _ in MATRIX), seen)) == {(p, m): w for p, m, w in MATRIX}


@req("S-31", needs=["root|userns"])
@NEEDS
@pytest.mark.parametrize("user, nnp, caps", [(0, True, ()), (0, False, CAPS), (1000, False, ()),
                                             (1000, True, ())])
def test_whoever_it_is(landlock, ctr, user, nnp, caps):
    """No right of the process opens what is not listed, and entering needs none that it keeps."""
    skip_unless(os.geteuid() == 0 or user == 0, "an unprivileged caller maps one id")
    ctr.process["user"] = {"uid": user, "gid": user}
    ctr.process["noNewPrivileges"] = nnp
    caps = [f"CAP_{c}" for c in caps]
    lists = LISTS | {"readOnly": [*LISTS["readOnly"], "/proc"]}
    ctr.process["capabilities"] = {s: caps for s in ("bounding", "effective", "permitted")}
    done = landlock(**lists).probe("caps", *opens(("/ro/f", "r"), ("/ro/f", "w"), ("/rw/f", "rw"),
                                                 ("/other/f", "r")))
    assert tried(done) == [0, errno.EACCES, 0, errno.EACCES]
    if not caps:
        assert done["caps"]["effective"] == 0


@req("S-26", needs=["root|userns"])
@NEEDS
def test_exec_is_confined_too(landlock, ctr, needs_exec):
    landlock(**LISTS).args("/bin/sleep", "1000").started()
    words = opens(("/ro/f", "r"), ("/ro/f", "w"), ("/rw/sub/f", "rw"), ("/other/f", "r"))
    done = json.loads(ctr.exec("/bin/probe", *words).ok().stdout)
    assert tried(done) == [0, errno.EACCES, 0, errno.EACCES]


@req("S-26", needs=["root|userns"])
@NEEDS
def test_exec_in_a_container_that_moved_things(landlock, ctr, needs_exec):
    """The container may put what it likes into a writable tree; a listed path in it leads nowhere
    else, whatever stands there."""
    landlock(readOnly=["/bin"], readWrite=["/rw", "/link", "/rw/sub"])
    ctr.sh("mv /rw/sub /rw/old && ln -s / /rw/sub && echo moved && sleep 1000").started()
    assert ctr.line() == "moved"
    done = json.loads(ctr.exec("/bin/probe", *opens(("/other/f", "r"), ("/rw/f", "r"))).ok().stdout)
    assert tried(done) == [errno.EACCES, 0]


@req("S-31", needs=["root|userns"])
@NEEDS
def test_symlinks_stay_inside(landlock):
    """The link of the image climbs over the root: it means the container's /rw/sub."""
    done = landlock(readOnly=["/bin"], readWrite=["/link"]).probe(
        *opens(("/rw/sub/f", "rw"), ("/rw/f", "r")))
    assert tried(done) == [0, errno.EACCES]


@req("S-31", needs=["root|userns"])
@NEEDS
def test_all_but(landlock):
    """Everything may be read except one file; a mount below is part of the tree."""
    done = landlock(readOnly=["/"], noAccess=["/ro/shadow"]).probe(
        *opens(("/ro/f", "r"), ("/ro/shadow", "r"), ("/", "d"), ("/other/f", "r"),
               ("/dev/null", "r"), ("/proc/self/status", "r"), ("/rw/f", "w")))
    assert tried(done) == [0, errno.EACCES, 0, 0, 0, 0, errno.EACCES]


@req("S-31", needs=["root|userns"])
@NEEDS
@pytest.mark.parametrize("text, word", [
    ("", ""), ("[]", "object"), ("{", ""), ("{}", "no path"), ('{"readOnly": "/bin"}', "readOnly"),
    ('{"readOnly": [1]}', "readOnly/0"), ('{"readOnly": ["bin"]}', "readOnly/0"),
    ('{"readOnly": ["/bin/../.."]}', "readOnly/0"), ('{"readonly": ["/bin"]}', "readonly"),
    ('{"readOnly": ["/bin"], "readWrite": ["/bin/"]}', "readWrite/0"),
    ('{"noAccess": ["/bin"]}', "no path"),
    ('{"readOnly": ["/bin", "/missing"]}', "/missing"),
    ('{"readOnly": ["/bin"], "noAccess": ["/missing"]}', "/missing"),
    ('{"readOnly": ["/bin", "/rw/sub"], "readWrite": ["/link"]}', "/rw/sub"),
])
def test_refused(landlock, ctr, text, word):
    landlock()
    ctr.config["annotations"] = {KEY: text}
    result = ctr.create_fails()
    assert f"/annotations/{KEY}" in result.stderr and word in result.stderr


@req("S-31", needs=["root|userns"])
@NEEDS
def test_program_out_of_reach(landlock, ctr):
    """The kernel judges it at execve: the error says who did it."""
    landlock(readOnly=["/ro"]).args("/bin/probe", "ids")
    result = ctr.run().failed()
    assert KEY in result.stderr


@req("S-31", needs=["root|userns"])
@NEEDS
def test_plan_shows_it(landlock, ctr):
    landlock(**LISTS).bundle.write()
    plan = json.loads(ctr.call("plan", "--format", "json", ctr.bundle.path).ok().stdout)
    assert plan["landlock"] == LISTS
    assert "/rw/secret" in ctr.call("plan", ctr.bundle.path).ok().stdout


@req("S-31", needs=[])
def test_validate_judges_it(landlock, ctr):
    landlock(readOnly=["bin"]).bundle.write()
    result = ctr.call("validate", "--format", "json", ctr.bundle.path)
    assert result.code == 1
    rows = [r for r in json.loads(result.stdout) if r["verdict"] == "cannot"]
    assert [r["pointer"] for r in rows] == [f"/annotations/{KEY}"]


@req("FEAT-16")
def test_in_features(ctr):
    features = json.loads(ctr.call("features").ok().stdout)
    assert KEY in features["potentiallyUnsafeConfigAnnotations"]


@req("S-31", needs=["root"])
def test_no_landlock_is_refused(landlock, ctr):
    """Where the kernel has none; here a filter around the runtime plays that kernel."""
    landlock(**LISTS)
    result = ctr.create(preexec=without_landlock)
    assert result.code != 0 and f"/annotations/{KEY}" in result.stderr
    assert "no Landlock" in result.stderr
    ctr.gone()


def without_landlock():
    """seccomp(2): ENOSYS for landlock_create_ruleset, which has number 444 everywhere."""
    import struct
    libc = ctypes.CDLL(None, use_errno=True)

    def insn(code, jt, jf, k):
        return struct.pack("HBBI", code, jt, jf, k)
    code = b"".join((insn(0x20, 0, 0, 0), insn(0x15, 0, 1, 444),
                     insn(0x06, 0, 0, 0x50000 | errno.ENOSYS), insn(0x06, 0, 0, 0x7fff0000)))
    buf = ctypes.create_string_buffer(code, len(code))
    prog = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buf))
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.create_string_buffer(prog, len(prog))):
        raise OSError(ctypes.get_errno(), "seccomp")
