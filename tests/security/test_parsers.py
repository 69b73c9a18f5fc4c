# SPDX-License-Identifier: Apache-2.0
"""threats.md 4.7: parsers, the protocol between parent and child, sysctls, seccomp, terminals."""

import copy
import os
import pty
import select

import pytest

from lib import faults
from lib.bundle import base_config
from lib.host import read
from lib.schema import document
from threats import threat


def mappings(n):
    return [{"containerID": i, "hostID": 1000 + i, "size": 1} for i in range(n)]


@threat("CVE-2021-43784", "path-overflow", "X8")
@pytest.mark.parametrize("n", [1, 2, 5, 6, 339, 340, 341, 2000, 65541, 70000])
def test_many_mappings(ctr, n):
    """What the kernel has is what the config says, line by line, or it is an error. 65541 is 5 in sixteen bits."""
    ctr.bundle.namespace("user")
    ctr.bundle.linux["uidMappings"] = mappings(n)
    ctr.bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 70000}]
    for path in (ctr.top, ctr.bundle.path):
        os.chmod(path, 0o755)
    ctr.bundle.mount_at("/dev/pts")["options"].remove("gid=5")
    ctr.sh("cat /proc/self/uid_map")
    result = ctr.run()
    if result.code:
        result.failed()
        assert n > 340 or not ctr.rt.is_hull, result.stderr
        return
    rows = [tuple(int(x) for x in line.split()) for line in result.stdout.splitlines()]
    flat = [(c + k, h + k) for c, h, size in rows for k in range(size)]
    assert flat == [(i, 1000 + i) for i in range(n)]


@threat("CVE-2021-43784", "X8")
@pytest.mark.parametrize("what", ["env", "one-variable", "args", "namespace", "cwd", "label", "hostname"])
def test_long_values(ctr, what):
    ctr.args("/bin/sh", "-c", "echo ${#BIG} $#", "sh")
    if what == "env":
        ctr.process["env"] += [f"V{i}={'x' * 100}" for i in range(10000)]
    elif what == "one-variable":
        ctr.process["env"] += ["BIG=" + "x" * 131000]
    elif what == "args":
        ctr.process["args"] += ["y" * 100] * 10000
    elif what == "namespace":
        ctr.bundle.namespace("ipc", "/proc/self" + "/." * 2030 + "/ns/ipc")
    elif what == "cwd":
        ctr.process["cwd"] = "/" + "./" * 2040
    elif what == "label":
        ctr.process["apparmorProfile"] = "x" * 70000
    else:
        ctr.config["hostname"] = "h" * 70000
    result = ctr.run()
    if what in ("label", "hostname"):
        result.failed()
        assert len(result.stderr) < 8192
    elif result.code == 0:
        words = result.stdout.split()
        assert words == [str(131000 if what == "one-variable" else 0), str(10000 if what == "args" else 0)]
    else:
        result.failed()


@threat("path-overflow", "B1")
@pytest.mark.parametrize("length", [4094, 4095, 4096, 4097, 5000])
@pytest.mark.parametrize("link", ["there", "dangling"])
def test_links_that_expand(ctr, canary, link, length):
    """A mount point that is, or with the link read becomes, as long as a path may be, and longer: it is there, to the
    last letter, or it is an error."""
    name = "tmp" if link == "there" else "new"
    target = "./" * 1500 + name
    os.symlink(target, ctr.bundle.file("/l"))
    rest, left = "", length - len("/l" if link == "there" else "/" + target)
    while left:
        part = left if left <= 200 else 200 if left > 201 else 199
        rest, left = rest + "/" + "d" * (part - 1), left - part
    ctr.config["mounts"].append({"destination": "/l" + rest, "type": "tmpfs", "source": "t"})
    result = ctr.args("/bin/cat", "/proc/self/mountinfo").run()
    if result.code:
        result.failed()
        assert length >= 4096 or not ctr.rt.is_hull, result.stderr
    else:
        points = [line.split(" ")[4] for line in result.stdout.splitlines()]
        assert f"/{name}{rest}" in points, points[-1]


def string_fields():
    """Every property of the schema that holds a text, with the config around it."""
    nodes = {p: (n, d) for p, n, d in faults.walk(document(faults.DOC), faults.DOC)}
    found = []
    for path, (node, doc) in nodes.items():
        if node.get("type") == "string" and "enum" not in node and path.split(".")[0] not in ("ociVersion",):
            found.append((path, nodes))
    return found


@threat("NUL-bytes", "J1")
@pytest.mark.hull_only
def test_nul_in_every_text(ctr):
    """One field after the other: the error names it."""
    silent, taken = [], []
    for path, nodes in string_fields():
        config = copy.deepcopy(base_config())
        try:
            faults.place(config, path, "a\0b", nodes)
        except (KeyError, TypeError, IndexError):
            continue
        ctr.bundle.config = config
        ctr.bundle.write()
        result = ctr.call("validate", "--bundle", ctr.bundle.path)
        if result.code == 0:
            taken.append(path)
        elif "0" not in result.stderr and "NUL" not in result.stderr:
            silent.append(path)
    ctr.bundle.config = base_config()
    assert not taken, f"NUL was taken in {taken}"
    assert not silent, silent


KEYS = ["kernel.core_pattern", "kernel/core_pattern", "kernel.msgmax+kernel.core_pattern", "kernel.msgmax=1\nkernel.core_pattern",
        "net.ipv4.../../kernel/core_pattern", "net/../kernel/core_pattern", "net.ipv4..ip_forward", "net//ipv4", "net",
        ".net.ipv4.ip_forward", "/net/ipv4/ip_forward", "net.ipv4.ip_forward.", "kernel.msgmax ", "kernel.shm_rmid_forced=1",
        "vm.swappiness", "fs.file-max", "kernel.panic", "", ".", "/", "kernel.", "net.ipv4.ip_forward/../../../kernel/core_pattern"]


@threat("CVE-2022-0811", "GHSA-w2j5-3rcx-vx7x", "F5")
def test_sysctl_keys(make_ctr):
    """A key is one key, of a namespace that the container has."""
    for key in KEYS:
        ctr = make_ctr()
        ctr.bundle.linux["sysctl"] = {key: "1"}
        result = ctr.args("/bin/true").run()
        assert result.code, f"{key!r} was taken"
        result.failed()


@threat("CVE-2022-0811", "F5")
@pytest.mark.parametrize("value", ["1\n2", "1\nkernel.core_pattern=|/x", "1\0"])
def test_sysctl_values(ctr, value):
    ctr.bundle.linux["sysctl"] = {"kernel.msgmax": value}
    ctr.create_fails()


@threat("GHSA-w2j5-3rcx-vx7x", "F5")
@pytest.mark.parametrize("how", ["absent", "host-by-path", "host-by-thread"])
@pytest.mark.parametrize("kind, key", [("network", "net.ipv4.ip_forward"), ("ipc", "kernel.msgmax"), ("uts", "kernel.domainname")])
def test_sysctls_of_host_namespaces(ctr, kind, key, how):
    """Shared with the host, by whatever name: the value of the host stays."""
    path = "/proc/sys/" + key.replace(".", "/")
    before = read(path)
    ctr.bundle.drop_namespace(kind)
    if how != "absent":
        name = {"network": "net"}.get(kind, kind)
        ctr.bundle.namespace(kind, f"/proc/{'self' if how == 'host-by-path' else 'thread-self'}/ns/{name}")
    if kind == "network":
        ctr.config["mounts"].remove(ctr.bundle.mount_at("/sys"))
    value = "evil" if kind == "uts" else str(int(before) + 1)
    ctr.bundle.linux["sysctl"] = {key: value}
    result = ctr.args("/bin/true").run()
    after = read(path)
    if after != before:
        with open(path, "w", encoding="ascii") as f:
            f.write(before)
    assert after == before, "a sysctl of the host was set"
    result.failed()


@threat("GHSA-w2j5-3rcx-vx7x", "F5")
@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_names_of_the_host(ctr, field):
    """The uts namespace of the host, joined by path: a container does not rename the host."""
    ctr.bundle.namespace("uts", "/proc/self/ns/uts")
    ctr.config[field] = "evil"
    before = os.uname().nodename, read("/proc/sys/kernel/domainname")
    result = ctr.args("/bin/true").run()
    after = os.uname().nodename, read("/proc/sys/kernel/domainname")
    if after != before:
        with open(f"/proc/sys/kernel/{field}", "w", encoding="ascii") as f:
            f.write(before[field == "domainname"].strip())
    assert after == before, "the host was renamed"
    result.failed()


@threat("CVE-2019-9893", "C4")
@pytest.mark.parametrize("op, below, same, above", [
    ("SCMP_CMP_LT", True, False, False), ("SCMP_CMP_LE", True, True, False), ("SCMP_CMP_GE", False, True, True),
    ("SCMP_CMP_GT", False, False, True), ("SCMP_CMP_EQ", False, True, False), ("SCMP_CMP_NE", True, False, True)])
def test_64_bit_comparisons(ctr, op, below, same, above):
    """Values that differ in the upper half, where the lower half says the opposite."""
    edge = 0x200000005
    getpgid = 121
    ctr.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99,
                      "args": [{"index": 1, "value": edge, "op": op}]}]}
    tried = [(0x1ffffffff, below), (edge - 1, below), (edge, same), (edge + 1, above), (0x300000000, above), (7, below)]
    words = []
    for value, _ in tried:
        words += ["syscall", getpgid, 0, value, 0, 0, 0, 0]
    done = ctr.probe(*words)["do"]
    for (value, want), got in zip(tried, done):
        assert (got["errno"] == 99) == want, (op, hex(value), got)


@threat("C4")
@pytest.mark.parametrize("how", ["all", "any"])
def test_several_conditions(ctr, how):
    """Of one rule all must hold; of several rules one is enough."""
    getpgid = 121
    terms = [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 2, "op": "SCMP_CMP_GT"}]
    rule = {"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}
    ctr.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [rule | {"args": terms}] if how == "all" else [rule | {"args": [t]} for t in terms]}
    tried = [(one, two) for one in (0, 1, 2) for two in (0, 2, 3, 1 << 40)]
    words = []
    for one, two in tried:
        words += ["syscall", getpgid, 0, one, two, 0, 0, 0]
    for (one, two), got in zip(tried, ctr.probe(*words)["do"]):
        holds = [one == 1, two > 2]
        assert (got["errno"] == 99) == (all(holds) if how == "all" else any(holds)), (one, two, got)


@threat("C4")
def test_other_architectures_are_denied(ctr):
    """A filter for one architecture is no hole for another: the 32-bit entry of the kernel."""
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                   "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}]}
    result = ctr.args("/bin/probe", "call32", "20").run()
    assert result.code or '"errno": 0' not in result.stdout.split("call32")[-1], result.stdout


@threat("CVE-2017-5226", "X6")
@pytest.mark.parametrize("how", ["run", "exec"])
def test_input_for_the_terminal_of_the_caller(ctr, how):
    """The program's session is its own, and the caller's terminal is not even one of its streams."""
    master, slave = pty.openpty()
    caps = ["CAP_SYS_TTY_CONFIG"]
    ctr.process["capabilities"] = {k: caps for k in ("bounding", "effective", "permitted")}
    if how == "run":
        result = ctr.args("/bin/attacker", "push").run(stdin=slave)
    else:
        ctr.started()
        result = ctr.exec("/bin/attacker", "push", stdin=slave)
    pushed = b""
    os.set_blocking(slave, False)
    if select.select([slave], [], [], 0.2)[0]:
        pushed = os.read(slave, 100)
    os.close(master)
    os.close(slave)
    assert pushed == b"", "input was pushed"
    session = result.stdout.split("session ")[1].split()
    assert session == ["1", "0"], "the program has the caller's session or terminal"


@threat("CVE-2017-5226", "X6")
@pytest.mark.parametrize("how", ["run", "exec"])
def test_the_terminal_of_the_caller_stays_outside(ctr, how):
    """Who has it open reads what is typed there, and can change how it behaves."""
    master, slave = pty.openpty()
    words = ["/bin/sh", "-c", "for fd in 0 1 2; do test -t $fd && echo $fd; done; exit 0"]
    if how == "run":
        result = ctr.args(*words).run(stdin=slave)
    else:
        ctr.started()
        result = ctr.exec(*words, stdin=slave)
    os.close(master)
    os.close(slave)
    assert result.ok().stdout == ""
