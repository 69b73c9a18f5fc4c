# SPDX-License-Identifier: Apache-2.0
"""How the doctor speaks: a table for people, JSON for programs, an exit status for scripts."""

import json
import os
import pty
import re
import subprocess

from tap import ROOT, call, eq, has, lacks, test


@test("form: the table has every finding of the JSON, each fix on a line of its own, and the sum")
def table(clinic):
    host = clinic.host()
    host.remove("/etc/subuid")
    rows, _ = clinic.findings(host, user=True)
    text = clinic.doctor(host, user=True).failed(2).out
    for name, subject, verdict, found, fix in rows:
        shown = f"{subject}: {found}" if subject else found
        assert re.search(rf"^{verdict} +{re.escape(name)} +{re.escape(shown)}$", text, re.MULTILINE), (name, subject)
        assert not fix or re.search(rf"^ +fix: {re.escape(fix)}$", text, re.MULTILINE), fix
    sums = [sum(r[2] == v for r in rows) for v in ("ok", "note", "warning", "failure")]
    words = [f"{n} {v}" + "s" * (v != "ok" and n != 1) for n, v in zip(sums, ("ok", "note", "warning", "failure"))]
    has(text, ", ".join(words) + "\n")
    host.close()


@test("form: --quiet leaves out what is no warning and no failure")
def quiet(clinic):
    host = clinic.host()
    host.remove("/usr/sbin/criu")
    host.write("/proc/sys/kernel/pid_max", "1000\n")
    text = clinic.doctor(host, "--quiet", user=True).failed(2).out
    eq(len(text.splitlines()), 3, "lines")
    lacks(text, "tool.criu")
    found = json.loads(clinic.doctor(host, "-q", "--format", "json", user=True).failed(2).out)
    eq([f["id"] for f in found], ["limit.pids"])
    host.close()


@test("form: the worst finding is the exit status: 0, 2, 3; 1 is hull's own failure")
def status(clinic):
    host = clinic.host()
    clinic.doctor(host, user=True).ok()
    host.remove("/usr/sbin/criu")  # a note
    clinic.doctor(host, user=True).ok()
    host.remove("/etc/subuid")
    clinic.doctor(host, user=True).failed(2)
    host.write("/proc/sys/kernel/osrelease", "3.10.0\n")
    clinic.doctor(host, user=True).failed(3)
    has(clinic.doctor(host, "--format", "yaml").failed(1).err, "table or json")
    host.close()
    has(clinic.doctor(host).failed(1).err, "--host-root")


@test("form: colours on a terminal only, and not with NO_COLOR")
def colours(clinic):
    host = clinic.host()
    for env, wanted in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        reader, writer = pty.openpty()
        subprocess.run([clinic.runtime, "doctor", "--host-root", host.top, "-q"], stdout=writer, check=False, timeout=60,
                       env={"PATH": os.environ["PATH"], **env})
        os.close(writer)
        text = b""
        try:
            while part := os.read(reader, 65536):
                text += part
        except OSError: # the other end is closed
            pass
        os.close(reader)
        if b"warning" in text.split(b"ok,")[0]:
            eq(b"\033[" in text, wanted, f"colours with {env}")
    lacks(clinic.doctor(host).out, "\033[")
    host.close()


@test("form: ids are unique words of the form area.name, and each is in its order every time")
def ids(clinic):
    host = clinic.host()
    first = [r[0] for r in clinic.findings(host)[0]]
    eq([r[0] for r in clinic.findings(host)[0]], first)
    for name in first:
        assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", name), name
    host.close()


@test("form: it changes nothing on the host it looks at")
def changes_nothing(clinic):
    host = clinic.host()
    before = call("find", host.top, "-printf", "%p %m %U %s %T@\\n").ok().out
    clinic.doctor(host)
    eq(call("find", host.top, "-printf", "%p %m %U %s %T@\\n").ok().out, before)
    host.close()


@test("form: symlinks of the host lead to files of that host, never to those of this one")
def confined(clinic):
    host = clinic.host()
    host.remove("/etc/subuid")
    os.symlink("/etc/elsewhere", host.at("/etc/subuid"))
    host.write("/etc/elsewhere", "ann:100000:65536\n")
    eq([r[2] for r in clinic.findings(host, user=True)[0] if r[0] == "user.subuid"], ["ok"])
    os.unlink(host.at("/etc/subuid"))
    os.symlink("../../../../../../../../etc/elsewhere", host.at("/etc/subuid"))
    eq([r[2] for r in clinic.findings(host, user=True)[0] if r[0] == "user.subuid"], ["ok"])
    host.close()


@test("form: every question stands in a row of a table and in doc/doctor.md")
def rows(clinic):
    host = clinic.host()
    asked = {r[0] for r in clinic.findings(host)[0]}
    written = set()
    folder = os.path.join(ROOT, "src", "doctor")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            written |= set(re.findall(r'(?:\.id = |CALL\()"([a-z]+\.[a-z0-9-]+)"', f.read()))
    eq(asked, written, "ids")
    with open(os.path.join(ROOT, "doc", "doctor.md"), encoding="utf-8") as f:
        page = f.read()
    eq(call(os.path.join(ROOT, "tools", "doctor-doc"), clinic.runtime).ok().out, page, "doc/doctor.md: run `make docs`")
    host.close()
