"""config-linux.md#seccomp, but for what listens to notifications: see test_seccomp_notify.py."""

import json
import os
import re
import shutil
import signal

import pytest

from lib import facts, hull_only, req, skip_unless
from lib.host import read
from lib.profiles import (CHMOD, EFAULT, ENOENT, ENOSYS, EPERM, ERANGE, NEEDED, NUMBERS, args,
                          chmod, personality, profile, rule, tried, when)

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="no system call numbers of this machine")

X86 = os.uname().machine == "x86_64"
KILLED = -signal.SIGSYS
FOREIGN = ["MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC64LE", "RISCV64", "MIPS", "MIPS64", "MIPS64N32",
           "PPC", "PPC64", "S390", "S390X"]
YOUNG = ["PARISC", "PARISC64", "LOONGARCH64", "M68K", "SH", "SHEB"]


def ends(ctr, *words):
    """How a program ends that does these things."""
    ctr.args("/bin/probe", *map(str, words)).started()
    return ctr.wait_exit()


@req("LNX-SEC-01")
@pytest.mark.parametrize("action", [None, "SCMP_ACT_FOO", "", "scmp_act_allow"])
def test_default_action(ctr, action):
    ctr.bundle.linux["seccomp"] = {} if action is None else {"defaultAction": action}
    ctr.create_fails(naming="linux.seccomp.defaultAction")


@req("LNX-SEC-02", "LNX-SEC-05")
def test_default_applies(ctr):
    profile(ctr, rule(NEEDED, "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO")
    seen = ctr.probe("seccomp", *chmod(), "syscall", NUMBERS["getcwd"], *args())
    assert seen["seccomp"]["mode"] == 2
    assert [d["errno"] for d in seen["do"]] == [EPERM, ERANGE]


@req("LNX-SEC-03")
@pytest.mark.parametrize("errno", [ENOSYS, ENOENT])
def test_default_errno(ctr, errno):
    profile(ctr, rule(NEEDED, "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO", defaultErrnoRet=errno)
    assert tried(ctr, *chmod()) == errno


@req("LNX-SEC-04")
@pytest.mark.parametrize("action", ["ALLOW", "KILL", "LOG", "TRAP", "NOTIFY"])
def test_default_errno_without_use(ctr, action):
    more = {"listenerPath": ctr.top + "/agent"} if action == "NOTIFY" else {}
    profile(ctr, default=f"SCMP_ACT_{action}", defaultErrnoRet=1, **more)
    ctr.create_fails(naming="linux.seccomp.defaultErrnoRet")


@req("LNX-SEC-06")
@pytest.mark.skipif(not X86, reason="about the ABIs of x86")
def test_architectures_of_x86(make_ctr):
    """chmod is 15 for 32-bit programs."""
    plain = make_ctr().args("/bin/probe", "call32", "15").started()
    plain.output()
    skip_unless(plain.wait_exit() == 0, "the kernel runs no 32-bit programs")
    both = make_ctr()
    profile(both, rule("chmod"), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    assert [d["errno"] for d in both.probe("call32", 15, *chmod())["do"]] == [EPERM, EPERM]
    one = make_ctr()
    profile(one, rule("chmod"), architectures=["SCMP_ARCH_X86_64"])
    one.args("/bin/probe", "call32", "15").started()
    text, code = one.output(), one.wait_exit()
    assert code == KILLED or json.loads(text)["do"][0]["errno"] in (EPERM, ENOSYS)


@req("LNX-SEC-07")
def test_architectures_of_arm(ctr):
    profile(ctr, rule(["chmod", "fchmodat"]), architectures=[
        "SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
    assert tried(ctr, *chmod()) == EPERM


@req("LNX-SEC-08")
def test_foreign_architectures(make_ctr, record_property):
    """All at once, or those of the byte order of the host at once."""
    def taken(names):
        ctr = make_ctr()
        profile(ctr, rule(CHMOD), architectures=[f"SCMP_ARCH_{n}" for n in names])
        return ctr.create().code == 0
    mixed = taken(FOREIGN)
    record_property("architectures of both byte orders at once", mixed)
    assert mixed or taken(FOREIGN[:5])


@req("LNX-SEC-09")
@pytest.mark.parametrize("name", YOUNG)
def test_young_architectures(ctr, name):
    full = f"SCMP_ARCH_{name}"
    listed = []
    result = ctr.call("features")
    if result.code == 0:
        listed = json.loads(result.stdout)["linux"]["seccomp"].get("archs", [])
    profile(ctr, rule(CHMOD), architectures=[full])
    if ctr.create().code == 0:
        assert result.code or full in listed
        return
    ctr.create_fails(naming="linux.seccomp.architectures[0]")
    assert full not in listed


@req("LNX-SEC-10")
@pytest.mark.parametrize("name", ["SCMP_ARCH_FOO", "X86_64", ""])
def test_no_architecture(ctr, name):
    profile(ctr, rule(CHMOD), architectures=["SCMP_ARCH_X86_64", name])
    ctr.create_fails(naming="linux.seccomp.architectures[1]")


@req("LNX-SEC-11")
def test_tsync(ctr):
    skip_unless(shutil.which("strace"), "no strace")
    profile(ctr, rule(CHMOD), flags=["SECCOMP_FILTER_FLAG_TSYNC"])
    trace = ctr.top + "/trace"
    assert tried(ctr, *chmod(),
                 wrap=f'exec strace -f -o {trace} -e trace=seccomp "$@"') == EPERM
    loaded = re.findall(r"SECCOMP_SET_MODE_FILTER, ([^,]*), \{", read(trace))
    assert loaded and all("SECCOMP_FILTER_FLAG_TSYNC" in flags.split("|") for flags in loaded)


class KernelLog:
    """What the kernel says from now on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def lines(self):
        found = []
        while True:
            try:
                found.append(os.read(self.fd, 8192).decode(errors="replace"))
            except BlockingIOError:
                return found
            except BrokenPipeError:
                pass

    def has_seccomp(self, pid):
        return any("type=1326" in line and f" pid={pid} " in line for line in self.lines())

    def close(self):
        os.close(self.fd)


def logged(ctr, kernel_log):
    ctr.args("/bin/probe", *map(str, chmod())).created()
    pid = ctr.pid
    ctr.start().ok()
    seen = json.loads(ctr.output())["do"][0]["errno"]
    ctr.wait_exit()
    return seen, kernel_log.has_seccomp(pid)


@pytest.fixture
def kernel_log(make_ctr):
    """Skips where not even a kill, which is always logged, shows: audit off, or a daemon takes it.
    The limit on the rate of lines is lifted meanwhile."""
    skip_unless(os.access("/dev/kmsg", os.R_OK), "no kernel log")
    limit = "/proc/sys/kernel/printk_ratelimit"
    before = read(limit).strip()
    with open(limit, "w", encoding="ascii") as f:
        f.write("0")
    log = KernelLog()
    try:
        sure = profile(make_ctr(), rule(CHMOD, "SCMP_ACT_KILL_PROCESS"))
        sure.args("/bin/probe", *map(str, chmod())).started()
        sure.wait_exit()
        skip_unless(log.has_seccomp(sure.pid), "the kernel log does not show seccomp")
        yield log
    finally:
        log.close()
        with open(limit, "w", encoding="ascii") as f:
            f.write(before)


@req("LNX-SEC-12", needs=["root", "kernel>=4.14"])
def test_log_flag(make_ctr, kernel_log):
    flagged = profile(make_ctr(), rule(CHMOD), flags=["SECCOMP_FILTER_FLAG_LOG"])
    assert logged(flagged, kernel_log) == (EPERM, True)
    plain = profile(make_ctr(), rule(CHMOD), flags=[])
    assert logged(plain, kernel_log) == (EPERM, False)


@req("LNX-SEC-28", needs=["root", "kernel>=4.14"])
def test_log(ctr, kernel_log):
    """EFAULT: the call was made."""
    assert logged(profile(ctr, rule(CHMOD, "SCMP_ACT_LOG")), kernel_log) == (EFAULT, True)


@req("LNX-SEC-13")
def test_spec_allow(ctr):
    def mitigation(text):
        return re.search(r"Speculation_Store_Bypass:\s*(.*)", text)
    ours = mitigation(read("/proc/self/status"))
    skip_unless(ours, "the kernel does not tell")
    profile(ctr, rule(CHMOD), flags=["SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    seen = ctr.probe("status", "seccomp")
    assert seen["seccomp"]["mode"] == 2
    assert mitigation(seen["status"])[1] == ours[1]


@req("LNX-SEC-14")
def test_killable_without_notify(ctr):
    """KERNEL: EINVAL without a listener. seccomp(2)."""
    profile(ctr, rule(CHMOD), flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
    ctr.create_or_start_fails()


@req("LNX-SEC-15")
@pytest.mark.parametrize("flag", ["SECCOMP_FILTER_FLAG_FOO", "TSYNC", ""])
def test_unknown_flag(ctr, flag):
    profile(ctr, rule(CHMOD), flags=["SECCOMP_FILTER_FLAG_LOG", flag])
    ctr.create_fails(naming="linux.seccomp.flags[1]")


@req("LNX-SEC-16")
@pytest.mark.parametrize("more", [{}, {"syscalls": []}])
def test_no_rules(ctr, more):
    assert tried(profile(ctr, **more), *chmod()) == EFAULT


@req("LNX-SEC-17")
@pytest.mark.parametrize("entry", [{"action": "SCMP_ACT_ERRNO"},
                                   {"names": [], "action": "SCMP_ACT_ERRNO"}])
@pytest.mark.parametrize("number", [0, 1])
def test_no_names(ctr, entry, number):
    profile(ctr, *[rule(CHMOD)] * number, entry)
    ctr.create_fails(naming=f"linux.seccomp.syscalls[{number}].names")


@req("LNX-SEC-18")
def test_every_name(ctr):
    profile(ctr, rule(["getcwd", CHMOD]))
    done = ctr.probe(*chmod(), "syscall", NUMBERS["getcwd"], *args())["do"]
    assert [d["errno"] for d in done] == [EPERM, EPERM]


@req("LNX-SEC-19")
def test_unknown_name(ctr, runtime, record_property):
    """The other names of the rule stay in force."""
    profile(ctr, rule(["nosuchcall", CHMOD]))
    ctr.args("/bin/probe", *map(str, chmod()))
    result = ctr.run().ok()
    assert json.loads(result.stdout)["do"][0]["errno"] == EPERM
    record_property("warns", "nosuchcall" in result.stderr)
    if runtime.is_hull:
        assert "nosuchcall" in result.stderr


@req("LNX-SEC-19")
@hull_only
def test_unknown_name_is_an_error(ctr):
    """The switch is the annotation that crun has for it."""
    profile(ctr, rule([CHMOD, "nosuchcall"]))
    ctr.config["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"}
    result = ctr.create_fails(naming="linux.seccomp.syscalls[0].names[1]")
    assert "nosuchcall" in result.stderr


@req("LNX-SEC-20")
@pytest.mark.parametrize("action", [None, "SCMP_ACT_FOO", ""])
def test_action(ctr, action):
    entry = {"names": [CHMOD]} | ({} if action is None else {"action": action})
    profile(ctr, rule(CHMOD), entry)
    ctr.create_fails(naming="linux.seccomp.syscalls[1].action")


@req("LNX-SEC-21")
def test_kill(ctr):
    assert ends(profile(ctr, rule(CHMOD, "SCMP_ACT_KILL")), *chmod()) == KILLED


@req("LNX-SEC-21", "LNX-SEC-23")
@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD"])
def test_kill_thread(ctr, action):
    profile(ctr, rule(CHMOD, action))
    done = ctr.probe("thread", NUMBERS["chmod"], *args(), *personality(0xFFFFFFFF))["do"]
    assert done[0]["returned"] is False and done[1]["ret"] != -1


@req("LNX-SEC-22")
def test_kill_process(ctr):
    profile(ctr, rule(CHMOD, "SCMP_ACT_KILL_PROCESS"))
    assert ends(ctr, "thread", NUMBERS["chmod"], *args()) == KILLED


@req("LNX-SEC-24")
def test_trap(ctr):
    """1 is SYS_SECCOMP."""
    profile(ctr, rule(CHMOD, "SCMP_ACT_TRAP"))
    done = ctr.probe("sigsys", NUMBERS["chmod"], *args())["do"][0]
    assert (done["code"], done["nr"]) == (1, NUMBERS["chmod"])


@req("LNX-SEC-25", "LNX-SEC-32")
def test_errno(ctr):
    assert tried(profile(ctr, rule(CHMOD)), *chmod()) == EPERM


@req("LNX-SEC-26")
def test_trace_without_tracer(ctr):
    assert tried(profile(ctr, rule(CHMOD, "SCMP_ACT_TRACE")), *chmod()) == ENOSYS


@req("LNX-SEC-26", "LNX-SEC-30")
@pytest.mark.parametrize("message", [7, 1])
def test_trace(ctr, message):
    profile(ctr, rule(CHMOD, "SCMP_ACT_TRACE", errnoRet=message))
    done = ctr.probe("traced", NUMBERS["chmod"], *args())["do"][0]
    assert (done["ret"], done["message"]) == (0, message)


@req("LNX-SEC-27")
def test_allow(ctr):
    profile(ctr, rule([*NEEDED, CHMOD], "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO")
    assert tried(ctr, *chmod()) == EFAULT


@req("LNX-SEC-30")
@pytest.mark.parametrize("errno", [ENOENT, 0])
def test_errno_of_a_rule(ctr, errno):
    assert tried(profile(ctr, rule(CHMOD, errnoRet=errno)), *chmod()) == errno


@req("LNX-SEC-31")
@pytest.mark.parametrize("action", ["ALLOW", "KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "LOG",
                                    "NOTIFY"])
def test_errno_without_use(ctr, action):
    more = {"listenerPath": ctr.top + "/agent"} if action == "NOTIFY" else {}
    default = "SCMP_ACT_ERRNO" if action == "ALLOW" else "SCMP_ACT_ALLOW"
    profile(ctr, rule(CHMOD, f"SCMP_ACT_{action}", errnoRet=1), default=default, **more)
    ctr.create_fails(naming="linux.seccomp.syscalls[0].errnoRet")


def matching(ctr, calls, *conditions):
    """Which of these arguments of personality meet the conditions? It is given them in turn, once
    the filter is in force; a call that is let through has little effect."""
    profile(ctr, rule("personality", conditions=list(conditions), errnoRet=77))
    words = []
    for call in calls:
        values = call if isinstance(call, tuple) else (call,)
        words += ["syscall", NUMBERS["personality"], *args(*values)]
    done = ctr.probe(*words)["do"]
    return [c for c, d in zip(calls, done) if d["errno"] == 77]


@req("LNX-SEC-33")
def test_one_condition(ctr):
    assert matching(ctr, [0, 8, 9], when("EQ", 8)) == [8]


@req("LNX-SEC-33")
def test_conditions_on_different_arguments(ctr):
    calls = [(8, 9), (8, 1), (1, 9), (1, 1)]
    assert matching(ctr, calls, when("EQ", 8), when("EQ", 9, index=1)) == [(8, 9)]


@req("LNX-SEC-34")
def test_conditions_on_one_argument(ctr, record_property):
    """Profiles of engines list the allowed values of one argument, which can only mean or."""
    seen = matching(ctr, [0, 8, 9], when("EQ", 0), when("EQ", 8))
    record_property("conditions on one argument", "or" if seen == [0, 8] else f"matches {seen}")
    assert seen == [0, 8]


@req("LNX-SEC-35")
@pytest.mark.parametrize("missing", ["index", "value", "op"])
def test_incomplete_condition(ctr, missing):
    condition = when("EQ", 8)
    del condition[missing]
    profile(ctr, rule("personality", conditions=[when("EQ", 1, index=1), condition]))
    path = "linux.seccomp.syscalls[0].args[1]"
    ctr.create_fails(naming=[path, f"{path}.{missing}"])


@req("LNX-SEC-35")
def test_index_above_five(ctr):
    profile(ctr, rule("personality", conditions=[when("EQ", 8, index=6)]))
    path = "linux.seccomp.syscalls[0].args[0]"
    ctr.create_fails(naming=[path, f"{path}.index"])


@req("LNX-SEC-36")
def test_64_bits(ctr):
    calls = [0, 1 << 32, 1 << 32 | 8, 1 << 33]
    assert matching(ctr, calls, when("EQ", 1 << 32)) == [1 << 32]


@req("LNX-SEC-36")
def test_largest_value(ctr):
    """2^64-1; the probe's words are signed."""
    assert matching(ctr, [0, -1, 0xFFFFFFFF], when("EQ", (1 << 64) - 1)) == [-1]


@req("LNX-SEC-37")
def test_mask_and_result(ctr):
    calls = [0, 0x11, 0x20000, 0x40000000]
    assert matching(ctr, calls, when("MASKED_EQ", 0x7E020000, 0)) == [0, 0x11]


@req("LNX-SEC-37")
def test_mask_of_engines(ctr):
    """The rule with which engines let ordinary clone through, turned round."""
    profile(ctr, rule("clone", conditions=[when("MASKED_EQ", 0x7E020000, 0)]))
    done = ctr.probe("fork", 1)["do"][0]
    assert (done["ret"], done["errno"]) == (-1, EPERM)


@req("LNX-SEC-38", "LNX-SEC-39", "LNX-SEC-40", "LNX-SEC-41", "LNX-SEC-42", "LNX-SEC-43")
@pytest.mark.parametrize("op,hit", [("NE", [1, 3]), ("LT", [1]), ("LE", [1, 2]), ("EQ", [2]),
                                    ("GE", [2, 3]), ("GT", [3])])
def test_operators(ctr, op, hit):
    assert matching(ctr, [1, 2, 3], when(op, 2)) == hit


@req("LNX-SEC-39", "LNX-SEC-40", "LNX-SEC-42", "LNX-SEC-43", "LNX-SEC-36")
@pytest.mark.parametrize("op,hit", [("LT", [1]), ("LE", [1, 1 << 32]), ("GE", [1 << 32, 1 << 33]),
                                    ("GT", [1 << 33])])
def test_operators_in_64_bits(ctr, op, hit):
    assert matching(ctr, [1, 1 << 32, 1 << 33], when(op, 1 << 32)) == hit


@req("LNX-SEC-44")
def test_masked(ctr):
    assert matching(ctr, [1, 2, 3], when("MASKED_EQ", 2, 2)) == [2, 3]


@req("LNX-SEC-45")
@pytest.mark.parametrize("op", ["SCMP_CMP_FOO", "EQ", ""])
def test_unknown_operator(ctr, op):
    wrong = when("EQ", 8) | {"op": op}
    profile(ctr, rule("personality", conditions=[when("EQ", 1, index=1), wrong]))
    ctr.create_fails(naming="linux.seccomp.syscalls[0].args[1].op")


@req("LNX-SEC-46")
@pytest.mark.parametrize("nnp", [True, False])
@pytest.mark.parametrize("uid", [0, 1000])
def test_in_force(ctr, nnp, uid):
    skip_unless(not uid or facts.root, "another user needs root")
    ctr.process["noNewPrivileges"] = nnp
    ctr.process["user"] = {"uid": uid, "gid": uid}
    profile(ctr, rule(CHMOD))
    seen = ctr.probe("nnp", "seccomp", *chmod())
    assert seen["do"][0]["errno"] == EPERM and seen["seccomp"]["mode"] == 2
    assert bool(seen["nnp"]) == nnp


@req("LNX-SEC-55")
def test_metadata_without_path(ctr):
    profile(ctr, rule(CHMOD), listenerMetadata="x")
    ctr.create_fails(naming="linux.seccomp.listenerMetadata")
