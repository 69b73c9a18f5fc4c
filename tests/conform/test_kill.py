"""kill: runtime.md#kill."""

import os
import select
import time

import pytest

from lib import req


def trap(ctr):
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    return ctr


@req("RT-KILL-01")
def test_needs_id(ctr):
    ctr.call("kill").failed()


@req("RT-KILL-03")
def test_unknown_id(ctr):
    ctr.call("kill", "nosuch", "TERM").failed()


@req("RT-KILL-02")
def test_stopped(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.kill("TERM").failed()
    assert ctr.status_word() == "stopped"


@req("RT-KILL-02")
def test_zombie(ctr):
    ctr.args("/bin/true").started()
    ctr.wait_exit(reap=False)
    ctr.kill("TERM").failed()
    assert ctr.status_word() == "stopped"


@req("RT-KILL-05", needs=["root"])
@pytest.mark.hull_only
def test_shared_pid_namespace(ctr):
    """Who dies with the first process of a pid namespace dies without one too."""
    ctr.bundle.drop_namespace("pid")
    ctr.sh("sleep 1000 & echo $!; wait").started()
    child = os.pidfd_open(int(ctr.line()))
    try:
        ctr.kill("KILL").ok()
        assert select.select([child], [], [], 30)[0], "a process of the container goes on"
    finally:
        os.close(child)


@req("RT-KILL-05", needs=["root"])
@pytest.mark.hull_only
def test_survivors_of_a_shared_pid_namespace(ctr):
    """The first process ended by itself; KILL is for the others, and once they are gone for nobody."""
    ctr.bundle.drop_namespace("pid")
    ctr.sh("sleep 1000 & echo $!; wait").started()
    child = os.pidfd_open(int(ctr.line()))
    try:
        os.kill(ctr.pid, 9)
        ctr.wait_exit()
        assert ctr.status_word() == "stopped"
        assert "not running" in ctr.kill("TERM").failed().stderr
        ctr.kill("KILL").ok()
        assert select.select([child], [], [], 30)[0], "a process of the container goes on"
    finally:
        os.close(child)
    for _ in range(300):
        if "not running" in ctr.kill("KILL").stderr:
            break
        time.sleep(0.1)
    assert "not running" in ctr.kill("KILL").failed().stderr


@req("RT-KILL-04")
def test_created(ctr):
    ctr.created()
    ctr.kill("KILL").ok()
    assert ctr.wait_exit() == -9
    assert ctr.status_word() == "stopped"


@req("RT-KILL-04", needs=["root"])
@pytest.mark.hull_only
@pytest.mark.parametrize("number", [1, 2, 3, 15])
@pytest.mark.parametrize("own", [True, False])
def test_created_ends_by_what_ends_a_process(ctr, number, own):
    """Where it is the first of its pid namespace too: nothing of the program is there to trap or ignore it yet."""
    if not own:
        ctr.bundle.drop_namespace("pid")
    ctr.created()
    ctr.kill(str(number)).ok()
    assert ctr.wait_exit() == 128 + number
    assert ctr.status_word() == "stopped"
    assert "stopped" in ctr.start().failed().stderr


@req("RT-KILL-05")
def test_exactly_the_given_signal(ctr):
    trap(ctr)
    for word, number in (("HUP", 1), ("SIGUSR1", 10), ("RTMIN+1", 35), ("15", 15)):
        ctr.kill(word).ok()
        assert ctr.line() == f"signal {number}", word
    assert ctr.wait_exit() == 0
    assert ctr.output() == ""


@req("RT-KILL-06")
def test_unknown_signals(ctr):
    trap(ctr)
    for word in ("FOO", "999", "-1", "SIGSIGTERM"):
        ctr.kill(word).failed()
    ctr.kill("TERM").ok()
    assert ctr.output() == "signal 15\n"


@req("RT-KILL-02")
def test_all_of_a_stopped_container_is_nobody(ctr):
    """Engines clean up with it; without --all a stopped container is an error."""
    ctr.args("/bin/true").started()
    ctr.wait_exit()
    ctr.call("kill", "--all", ctr.id, "KILL").ok()
    ctr.call("kill", ctr.id, "0").failed()


@req("RT-KILL-05")
def test_signal_0_asks(ctr):
    ctr.args("/bin/probe", "trap").started()
    ctr.call("kill", ctr.id, "0").ok()
    assert ctr.alive()
