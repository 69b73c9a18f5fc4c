"""start: runtime.md#start."""

from lib import req
from lib.names import assert_names


@req("RT-START-01")
def test_needs_id(ctr):
    ctr.call("start").failed()


@req("RT-START-04")
def test_unknown_id(ctr):
    ctr.call("start", "nosuch").failed()


@req("RT-START-02")
def test_running(ctr):
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    before = ctr.state()
    ctr.start().failed()
    assert ctr.state() == before
    assert ctr.alive()


@req("RT-START-02")
def test_program_runs_once(ctr):
    ctr.bundle.put("count", "", 0o666)
    ctr.sh("echo one >> /count; exec /bin/probe trap").started()
    assert ctr.line() == "ready"
    ctr.start().failed()
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    assert ctr.bundle.read("count") == "one\n"


@req("RT-START-03")
def test_stopped(ctr):
    ctr.sh("echo one >> /count").started()
    ctr.wait_exit()
    ctr.start().failed()
    assert ctr.status_word() == "stopped"
    assert ctr.bundle.read("count") == "one\n"


@req("RT-START-05", "RT-LIFE-13")
def test_runs_the_program(ctr):
    ctr.bundle.put("out", "", 0o666)
    ctr.args("/bin/sh", "-c", 'echo $$ "$0" "$@" > /out', "zero", "one two", "").started()
    assert ctr.wait_exit() == 0
    assert ctr.bundle.read("out") == "1 zero one two \n"


def start_never_succeeds(make_ctr, prepare, *args):
    ctr = make_ctr()
    if prepare:
        ctr.bundle.put("/opt/prog", *prepare)
    ctr.args(*args)
    ctr.create_or_start_fails()


@req("RT-START-06")
def test_missing_program(make_ctr):
    start_never_succeeds(make_ctr, None, "/nosuch")


@req("RT-START-06")
def test_program_without_x_bit(make_ctr):
    start_never_succeeds(make_ctr, ("#!/bin/sh\n", 0o644), "/opt/prog")


@req("RT-START-06")
def test_program_is_a_directory(make_ctr):
    start_never_succeeds(make_ctr, None, "/opt")


@req("RT-START-06")
def test_program_is_a_bad_elf(make_ctr):
    start_never_succeeds(make_ctr, (b"\x7fELF\x02\x01\x01" + bytes(57), 0o755), "/opt/prog")


@req("RT-START-06")
def test_program_has_a_missing_interpreter(make_ctr):
    start_never_succeeds(make_ctr, ("#!/nosuch/interpreter\n", 0o755), "/opt/prog")


@req("RT-START-07", "CFG-PROC-01", "CFG-PROC-02")
def test_without_process(ctr):
    del ctr.config["process"]
    ctr.create().ok()
    assert ctr.status_word() == "created"
    result = ctr.start().failed()
    assert_names("process", result.stderr)


@req("CFG-PROC-01")
def test_created_without_process_can_be_removed(ctr):
    del ctr.config["process"]
    ctr.create().ok()
    ctr.kill("KILL").ok()
    ctr.wait_exit()
    ctr.delete().ok()
