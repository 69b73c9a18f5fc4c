"""config-linux.md#seccomp: what listens to notifications, and #the-container-process-state."""

import json
import os
import re
import signal
import socket

import pytest

from lib import Schema, hull_only, req
from lib.notify import Agent, answer, receive
from lib.profiles import CHMOD, EFAULT, ENOENT, NUMBERS, args, chmod, profile, rule, tried

pytestmark = pytest.mark.skipif(NUMBERS is None, reason="no system call numbers of this machine")


@pytest.fixture
def agent(ctr):
    """Listens on ctr.top/agent, the path that watched() configures."""
    one = Agent(os.path.join(ctr.top, "agent"))
    yield one
    one.close()


def watched(ctr, path=None, **more):
    """chmod notifies."""
    profile(ctr, rule(CHMOD, "SCMP_ACT_NOTIFY"), listenerPath=path or ctr.top + "/agent", **more)
    return ctr.args("/bin/probe", *map(str, chmod()))


def running(ctr, agent):
    """created and started; the connection with the listener."""
    ctr.started()
    return agent.wait()


@req("LNX-SEC-29", "LNX-SEC-56", "LNX-SEC-47")
@pytest.mark.parametrize("value,error", [(7, 0), (0, 0), (0, ENOENT)])
def test_answer(ctr, agent, value, error):
    one = running(watched(ctr), agent)
    ident, pid, number, _ = receive(one.fds[0])
    assert number == NUMBERS["chmod"] and pid == ctr.pid
    answer(one.fds[0], ident, value, error)
    done = json.loads(ctr.output())["do"][0]
    assert (done["ret"], done["errno"]) == ((-1, error) if error else (value, 0))


@req("LNX-SEC-14")
def test_wait_killable(ctr, agent):
    """Once the agent has it, a signal does not end the call: it is pending until the answer."""
    watched(ctr, flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
    ctr.args("/bin/probe", "interrupted", str(NUMBERS["chmod"]), *map(str, args()))
    one = running(ctr, agent)
    ident = receive(one.fds[0])[0]
    os.kill(ctr.pid, signal.SIGUSR1)
    answer(one.fds[0], ident, 7)
    assert json.loads(ctr.output())["do"][0]["ret"] == 7


@req("LNX-SEC-47")
def test_one_connection(ctr, agent):
    running(watched(ctr), agent)
    assert len(agent.connections) == 1


@req("LNX-SEC-48")
@pytest.mark.parametrize("kind", ["datagram", "seqpacket", "file", "directory", "fifo"])
def test_no_stream_socket(ctr, kind):
    path = ctr.top + "/agent"
    keep = None
    if kind in ("datagram", "seqpacket"):
        keep = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "datagram"
                             else socket.SOCK_SEQPACKET)
        keep.bind(path)
        if kind == "seqpacket":
            keep.listen(1)
    elif kind == "file":
        open(path, "w", encoding="ascii").close()
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.mkfifo(path)
    watched(ctr).create_or_start_fails()
    if keep:
        keep.close()


@req("LNX-SEC-49", "LNX-SECST-01")
def test_one_document(ctr, agent):
    one = running(watched(ctr), agent)
    assert isinstance(one.state, dict)  # json.loads: one document and nothing behind it


@req("LNX-SEC-50", "LNX-SEC-49")
def test_connections_are_not_reused(ctr, agent, needs_exec):
    watched(ctr)
    ctr.sh("exec sleep 1000").started()
    agent.wait(0)
    for number in (1, 2):
        ctr.exec("/bin/true").ok()
        agent.wait(number)
    assert len(agent.connections) == 3
    assert all(isinstance(c.state, dict) and len(c.fds) == 1 for c in agent.connections)


@req("LNX-SEC-47", "LNX-SECST-09")
@hull_only
@pytest.mark.parametrize("nnp", [True, False])
def test_agent_hears_of_create(ctr, agent, nnp):
    """Before create returns, as hull needs no call that the agent would decide; nothing comes with start."""
    ctr.process["noNewPrivileges"] = nnp
    watched(ctr).created()
    first = agent.wait()
    assert len(first.fds) == 1 and first.state["state"]["status"] == "creating"
    assert first.state["pid"] == first.state["state"]["pid"] == ctr.pid
    process = os.path.join(ctr.top, "process.json")
    with open(process, "w", encoding="utf-8") as f:
        json.dump(ctr.process, f)
    assert "agent" in ctr.start("--process", process).failed().stderr
    assert ctr.status_word() == "created"
    ctr.start().ok()
    answer(first.fds[0], receive(first.fds[0])[0], 7)
    assert json.loads(ctr.output())["do"][0]["ret"] == 7
    assert len(agent.connections) == 1


@req("LNX-SEC-47")
@hull_only
@pytest.mark.parametrize("why", ["call", "hook"])
def test_agent_hears_of_start(ctr, agent, why):
    """What hull still has to do would be asked of the agent, or a hook has the filter first."""
    profile(ctr, rule([CHMOD] + ["accept4"] * (why == "call"), "SCMP_ACT_NOTIFY"), listenerPath=ctr.top + "/agent")
    if why == "hook":
        ctr.bundle.hook("startContainer", "true")
    ctr.args("/bin/probe", *map(str, chmod())).created()
    assert not agent.connections
    ctr.start().ok()
    one = agent.wait()
    assert one.state["state"]["status"] == "created"
    answer(one.fds[0], receive(one.fds[0])[0], 7)
    assert json.loads(ctr.output())["do"][0]["ret"] == 7


@req("LNX-SEC-52")
@hull_only
def test_nobody_listens_at_create(ctr):
    assert "agent" in watched(ctr).create_fails().stderr
    assert not os.listdir(ctr.root)


@req("LNX-SEC-51")
def test_connection_is_closed(ctr, agent):
    one = running(watched(ctr), agent)
    assert one.ended and ctr.alive()


@req("LNX-SEC-52")
@pytest.mark.parametrize("kind", ["absent", "stale"])
def test_nobody_listens(ctr, kind):
    if kind == "stale":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.bind(ctr.top + "/agent")
    watched(ctr)
    ctr.bundle.process["args"] = ["/bin/sh", "-c", "echo ran"]
    ctr.create_or_start_fails()
    if ctr.pidfd >= 0:
        ctr.wait_exit()
        assert ctr.output() == ""


@req("LNX-SEC-53")
@pytest.mark.parametrize("listening", [True, False])
def test_path_without_notify(ctr, request, listening):
    agent = request.getfixturevalue("agent") if listening else None
    profile(ctr, rule(CHMOD), listenerPath=ctr.top + "/agent")
    assert tried(ctr, *chmod()) == 1
    if agent:
        assert not agent.connections


@req("LNX-SEC-54", "LNX-SECST-08")
@pytest.mark.parametrize("text", ['plain', 'with "quotes" and \\ and \n', "Grüße, 世界 🐳", ""])
def test_metadata(ctr, agent, text):
    one = running(watched(ctr, listenerMetadata=text), agent)
    assert one.state.get("metadata", "") == text


@req("LNX-SECST-08")
def test_no_metadata(ctr, agent):
    assert not running(watched(ctr), agent).state.get("metadata")


@req("LNX-SECST-02", "LNX-SECST-06")
def test_descriptors(ctr, agent):
    one = running(watched(ctr), agent)
    assert len(one.fds) == 1 and one.state["fds"] == ["seccompFd"]
    assert os.readlink(f"/proc/self/fd/{one.fds[0]}") == "anon_inode:seccomp notify"


@req("LNX-SECST-03", "LNX-SECST-04")
def test_long_state(ctr, agent):
    """More than one sendmsg holds; the descriptors come with the first bytes."""
    ctr.config["annotations"] = {f"org.test.a{i}": "x" * 3000 for i in range(100)}
    one = running(watched(ctr), agent)
    assert one.state["state"]["annotations"] == ctr.config["annotations"]
    assert [len(fds) for fds in one.messages] == [1] + [0] * (len(one.messages) - 1)


@req("LNX-SECST-05")
def test_version(ctr, agent):
    version = running(watched(ctr), agent).state["ociVersion"]
    assert re.fullmatch(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?", version)


@req("LNX-SECST-07")
def test_pid(ctr, agent):
    assert running(watched(ctr), agent).state["pid"] == ctr.pid


@req("LNX-SECST-07", "LNX-SECST-09")
def test_pid_of_exec(ctr, agent, needs_exec):
    """The state is still that of the container."""
    watched(ctr).sh("exec sleep 1000").started()
    first = agent.wait().state
    pid_file = ctr.top + "/exec-pid"
    ctr.call("exec", "--pid-file", pid_file, ctr.id, "/bin/true").ok()
    with open(pid_file, encoding="ascii") as f:
        wanted = int(f.read())
    second = agent.wait(1).state
    assert second["pid"] == wanted != first["pid"]
    assert second["state"]["pid"] == first["pid"] == ctr.pid
    assert second["state"]["status"] == "running"


@req("LNX-SECST-09")
def test_state(ctr, agent):
    ctr.config["annotations"] = {"org.test.key": "value"}
    state = running(watched(ctr), agent).state["state"]
    assert not Schema("state-schema.json").errors(state)
    assert (state["id"], state["bundle"]) == (ctr.id, ctr.bundle.path)
    assert state["annotations"] == {"org.test.key": "value"}
    assert state["status"] in ("creating", "created")


@req("LNX-SEC-29")
def test_without_answer_the_call_is_not_made(ctr, agent):
    """The agent goes away: the call fails with ENOSYS and is not made. seccomp_unotify(2)."""
    one = running(watched(ctr), agent)
    receive(one.fds[0])
    os.close(one.messages[0].pop())
    done = json.loads(ctr.output())["do"][0]
    assert done["errno"] not in (0, EFAULT)


@req("S-31")
@pytest.mark.hull_only
@pytest.mark.parametrize("given", [False, True])
def test_receiver_by_annotation(ctr, agent, given):
    """run.oci.seccomp.receiver is where the listener goes, unless listenerPath says so."""
    watched(ctr)
    listener = ctr.bundle.linux["seccomp"].pop("listenerPath")
    ctr.config["annotations"] = {"run.oci.seccomp.receiver": listener}
    if given:
        ctr.bundle.linux["seccomp"]["listenerPath"] = listener
        ctr.config["annotations"]["run.oci.seccomp.receiver"] = ctr.top + "/nobody"
    one = running(ctr, agent)
    answer(one.fds[0], receive(one.fds[0])[0], 7)
    assert json.loads(ctr.output())["do"][0]["ret"] == 7


@req("S-31")
@pytest.mark.hull_only
def test_relative_receiver(ctr):
    watched(ctr)
    ctr.config["annotations"] = {"run.oci.seccomp.receiver": "agent"}
    result = ctr.create_fails()
    assert "/annotations/run.oci.seccomp.receiver" in result.stderr
