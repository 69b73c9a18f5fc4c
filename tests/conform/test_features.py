"""features.md and features-linux.md."""

import json
import os
import re
import socket

import pytest

from lib import TABLE, facts, faults, hooks, req
from lib.bundle import CAPS
from lib.schema import Schema, document

NEW = {"linux.memoryPolicy", "linux.memoryPolicy.modes", "linux.memoryPolicy.flags",
       "linux.intelRdt.schemata", "linux.intelRdt.monitoring"}  # missing in the v1.3.0 schema


@pytest.fixture
def features(ctr):
    """The structure. A runtime may have none (FEAT-01), which leaves nothing to check."""
    result = ctr.call("features")
    if result.code and not ctr.rt.is_hull:
        pytest.skip("the runtime prints no features structure")
    return json.loads(result.ok().stdout)


class Part(dict):
    """Every property but the two versions may be absent, which leaves nothing to check."""

    def __init__(self, value, strict):
        super().__init__({k: Part(v, strict) if isinstance(v, dict) else v
                          for k, v in value.items()})
        self.strict = strict

    def __missing__(self, name):
        if self.strict:
            raise KeyError(name)
        pytest.skip(f"the runtime does not print {name}")


@pytest.fixture
def linux(ctr, features):
    return Part(features["linux"], ctr.rt.is_hull)


def enum(path):
    return faults.cases()[1][path][0]["enum"]


def semver(text):
    """Orders versions; a pre-release comes before its release."""
    core, _, pre = text.split("+")[0].partition("-")
    return ([int(n) for n in core.split(".")], pre == "", pre)


@req("FEAT-01")
def test_schema(features):
    Schema("features-schema.json").check(features)


@req("FEAT-02")
def test_same_for_everybody(ctr, features):
    views = ['exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"',
             'exec unshare -m sh -c \'umount -l /sys/fs/cgroup; exec "$@"\' sh "$@"',
             'exec unshare -n -u -i "$@"']
    features.get("linux", {}).get("seccomp", {}).pop("supportedFlags", None)
    if not facts.root:
        views = ['exec unshare -r -n -u -i "$@"'] if facts.userns else []
    for wrap in views:
        other = json.loads(ctr.call("features", wrap=wrap, cwd="/").ok().stdout)
        other.get("linux", {}).get("seccomp", {}).pop("supportedFlags", None)
        assert other == features, wrap


def leaves(value, path=""):
    yield path, value
    if isinstance(value, dict):
        for name, sub in value.items():
            yield from leaves(sub, f"{path}.{name}" if path else name)


@req("FEAT-03", "FEAT-04")
def test_null_is_not_empty(ctr, features):
    nulls = [p for p, v in leaves(features) if v is None]
    if ctr.rt.is_hull:
        assert not nulls, "hull knows all it prints"
    for path in nulls:
        assert path not in ("ociVersionMin", "ociVersionMax", "linux")
    copy = json.loads(json.dumps(features))
    for name in [n for n in copy if not n.startswith("ociVersion")]:
        del copy[name]
    Schema("features-schema.json").check(copy)


@req("FEAT-05", "FEAT-06")
@pytest.mark.parametrize("which", ["ociVersionMin", "ociVersionMax"])
def test_versions_are_accepted(ctr, features, which):
    ctr.config["ociVersion"] = features[which]
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("FEAT-07")
def test_versions_are_in_order(ctr, features):
    assert semver(features["ociVersionMin"]) <= semver(features["ociVersionMax"])
    if ctr.rt.is_hull:
        assert semver(features["ociVersionMax"]) == semver("1.3.0")


def defined(node, path=""):
    """All property paths of the features schema."""
    if "$ref" in node:
        node = document("features-linux.json")["linux"] if "linux" in node["$ref"] else {}
    for name, sub in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from defined(sub, here)


@req("FEAT-08")
def test_only_defined_properties(features):
    known = set(defined(document("features-schema.json"))) | NEW
    printed = {p for p, _ in leaves(features) if p and not p.startswith("annotations.")}
    assert printed <= known, sorted(printed - known)


@req("FEAT-09")
def test_hook_kinds(features):
    assert sorted(features["hooks"]) == sorted(hooks.KINDS)


@req("FEAT-10")
def test_hook_kinds_work(ctr, features):
    for kind in features["hooks"]:
        hooks.logging(ctr, kind)
    ctr.args("/bin/probe", "trap").started()
    assert ctr.line() == "ready"
    ctr.kill("TERM").ok()
    ctr.wait_exit()
    ctr.delete().ok()
    assert sorted(hooks.log(ctr)) == sorted(features["hooks"])


def option_rows(level):
    """Mount options that the table of config.md has, from the rows of requirements.tsv."""
    found = []
    for row in TABLE.values():
        word = re.match(r"`(\w+)`:", row.text)
        if row.id.startswith("CFG-MOPT-") and word and row.level == level:
            found.append(word[1])
    return found


@req("FEAT-11")
def test_mount_options(features):
    rows = option_rows("MUST")
    assert len(rows) > 30
    missing = [o for o in rows if o not in features["mountOptions"]]
    assert not missing, missing


def mount_with(ctr, option, bind):
    """Runs with one mount that has this option; the error text, or None."""
    ctr.bundle.put("/mnt/.keep", "")
    entry = {"destination": "/mnt", "type": "tmpfs", "source": "t", "options": [option]}
    if bind:
        entry |= {"type": "none", "source": ctr.bundle.rootfs, "options": ["bind", option]}
    if option in ("idmap", "ridmap"):
        entry["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
        entry["gidMappings"] = entry["uidMappings"]
    if option == "remount":
        entry["destination"] = "/dev/shm"
    ctr.config["mounts"].append(entry)
    result = ctr.args("/bin/true").run()
    text = result.stderr or "?"
    ctr.clean()
    return text if result.code else None


@req("FEAT-12")
def test_mount_options_are_recognized(make_ctr, features):
    """On a new filesystem or on a bind mount; some make sense on one of them only."""
    wrong = []
    for option in features["mountOptions"]:
        text = mount_with(make_ctr(), option, False)
        if text:
            text = mount_with(make_ctr(), option, True)
        if text and not re.search("support|mapping|idmap", text, re.I):
            wrong.append(f"{option}: {text.strip()[-160:]}")
    assert not wrong, "\n".join(wrong)


@req("FEAT-13")
def test_no_filesystem_options(features):
    listed = set(features["mountOptions"])
    assert not listed & {"size", "mode", "uid", "gid", "newinstance", "ptmxmode", "nr_inodes"}
    assert not [o for o in listed if "=" in o]


@req("FEAT-14")
def test_linux(ctr, features):
    if ctr.rt.is_hull:
        assert features["linux"]
    assert isinstance(features.get("linux", {}), (dict, type(None)))


@req("FEAT-15")
def test_annotations(features):
    annotations = features.get("annotations") or {}
    assert isinstance(annotations, dict)
    assert "" not in annotations
    assert all(isinstance(v, str) for v in annotations.values())


def unsafe(entries, key):
    """An entry that ends in a dot is a prefix, any other matches exactly."""
    return any(key.startswith(e) if e.endswith(".") else key == e for e in entries)


@req("FEAT-16")
def test_annotations_with_an_effect(ctr, features, record_property):
    entries = features.get("potentiallyUnsafeConfigAnnotations")
    record_property("potentiallyUnsafeConfigAnnotations", entries)
    if ctr.rt.is_hull:
        assert unsafe(entries, "org.opencontainers.image.stopSignal")
        assert not unsafe(entries, "com.example.unknown")


@req("FEAT-17")
def test_entries_match_as_the_text_says(features):
    assert unsafe(["a.b"], "a.b") and not unsafe(["a.b"], "a.b.c")
    assert unsafe(["a.b."], "a.b.c") and not unsafe(["a.b."], "a.b")
    for entry in features.get("potentiallyUnsafeConfigAnnotations") or []:
        assert entry and entry.strip() == entry
        assert not re.search(r"[*?]", entry), "no patterns, only names and prefixes"


# features-linux.md

@req("FEATL-01")
def test_namespaces(linux):
    assert sorted(linux["namespaces"]) == sorted(enum("linux.namespaces[0].type"))


@req("FEATL-02")
def test_namespaces_work(make_ctr, linux):
    for kind in linux["namespaces"]:
        ctr = make_ctr()
        ctr.bundle.namespace(kind)
        if kind == "user":
            entry = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
            ctr.bundle.linux["uidMappings"] = ctr.bundle.linux["gidMappings"] = entry
            ctr.bundle.mount_at("/dev/pts")["options"] = ["newinstance", "ptmxmode=0666"]
        seen = ctr.probe("ns")["ns"]
        name = {"mount": "mnt", "network": "net"}.get(kind, kind)
        assert seen[name] != os.readlink(f"/proc/self/ns/{name}"), kind


@req("FEATL-03")
def test_capabilities(linux):
    assert all(re.fullmatch(r"CAP_[A-Z_]+", c) for c in linux["capabilities"])
    assert sorted(linux["capabilities"]) == sorted("CAP_" + c for c in CAPS)


@req("FEATL-04")
def test_capabilities_are_recognized(ctr, linux):
    ctr.process["capabilities"] = {"bounding": linux["capabilities"]}
    result = ctr.args("/bin/true").run().ok()
    assert not re.search("unknown", result.stderr, re.I), result.stderr


@req("FEATL-05", needs=[])
def test_cgroup(ctr, linux):
    if ctr.rt.is_hull:
        assert set(linux["cgroup"]) == {"v1", "v2", "systemd", "systemdUser", "rdma"}
    assert all(isinstance(v, bool) for v in linux["cgroup"].values())


@req("FEATL-05")
def test_cgroup_on_systemd(ctr, linux):
    result = ctr.args("/bin/true").run()
    assert (result.code == 0) == linux["cgroup"]["v2"]
    path = f"user.slice:conform:{ctr.id}"
    ctr.bundle.linux["cgroupsPath"] = path
    ctr.bundle.write()
    result = ctr.call("--systemd-cgroup", "run", "--bundle", ctr.bundle.path, ctr.id)
    assert (result.code == 0) == linux["cgroup"]["systemd"]


def seccomp(ctr, **filter_):
    """create with this filter; the words of the error, or None."""
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"} | filter_
    result = ctr.args("/bin/true").create()
    if result.code == 0:
        ctr.delete("--force").ok()
        return None
    assert result.code > 0
    return result.stderr


@pytest.fixture
def listener(ctr):
    """A socket that takes the notification descriptor of a filter."""
    path = os.path.join(ctr.top, "listen")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(64)
        yield path


def rule(action="SCMP_ACT_ERRNO", op=None):
    entry = {"names": ["mincore"], "action": action}
    if op:
        entry["args"] = [{"index": 0, "value": 1, "valueTwo": 1, "op": op}]
    return entry


@req("FEATL-06")
def test_seccomp_enabled(ctr, linux):
    ctr.bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
    ctr.sh("mkdir /made 2>/dev/null || echo filtered")
    if linux["seccomp"]["enabled"]:
        assert ctr.run().ok().stdout == "filtered\n"
    else:
        ctr.create_fails()


@req("FEATL-07")
def test_seccomp_actions(ctr, linux, listener):
    assert sorted(linux["seccomp"]["actions"]) == sorted(enum("linux.seccomp.defaultAction"))
    for action in linux["seccomp"]["actions"]:
        more = {"listenerPath": listener} if action == "SCMP_ACT_NOTIFY" else {}
        assert seccomp(ctr, syscalls=[rule(action)], **more) is None, action


@req("FEATL-08")
def test_seccomp_operators(ctr, linux):
    every = enum("linux.seccomp.syscalls[0].args[0].op")
    assert sorted(linux["seccomp"]["operators"]) == sorted(every)
    for op in linux["seccomp"]["operators"]:
        assert seccomp(ctr, syscalls=[rule(op=op)]) is None, op


@req("FEATL-09")
def test_seccomp_archs(ctr, linux):
    for arch in linux["seccomp"]["archs"]:
        text = seccomp(ctr, architectures=[arch], syscalls=[rule()])
        assert text is None or not re.search("unknown|invalid arch", text, re.I), text


@req("FEATL-10")
def test_seccomp_known_flags(ctr, linux, listener):
    for flag in linux["seccomp"]["knownFlags"]:
        text = seccomp(ctr, flags=[flag], syscalls=[rule("SCMP_ACT_NOTIFY")],
                       listenerPath=listener)
        assert text is None or not re.search("unknown|invalid flag", text, re.I), text


@req("FEATL-11")
def test_seccomp_supported_flags(ctr, linux, listener):
    supported = linux["seccomp"]["supportedFlags"]
    assert set(supported) <= set(linux["seccomp"]["knownFlags"])
    for flag in supported:
        text = seccomp(ctr, flags=[flag], syscalls=[rule("SCMP_ACT_NOTIFY")],
                       listenerPath=listener)
        assert text is None, f"{flag}: {text}"


@req("FEATL-12", "FEATL-13")
@pytest.mark.parametrize("lsm", ["apparmor", "selinux"])
def test_lsm(linux, lsm):
    assert isinstance(linux[lsm]["enabled"], bool)


@req("FEATL-14", "FEATL-15")
def test_memory_policy(ctr, linux):
    modes, flags = linux["memoryPolicy"]["modes"], linux["memoryPolicy"]["flags"]
    assert sorted(modes) == sorted(enum("linux.memoryPolicy.mode"))
    assert sorted(flags) == sorted(enum("linux.memoryPolicy.flags[0]"))
    tries = [(m, []) for m in modes] + [("MPOL_BIND", [f]) for f in flags]
    for mode, more in tries:
        policy = {"mode": mode, "flags": more}
        if mode not in ("MPOL_DEFAULT", "MPOL_LOCAL"):
            policy["nodes"] = "0"
        ctr.bundle.linux["memoryPolicy"] = policy
        result = ctr.args("/bin/true").run()
        assert result.code == 0 or not re.search("unknown", result.stderr, re.I), result.stderr


@req("FEATL-16")
def test_intel_rdt(ctr, linux):
    assert all(isinstance(v, bool) for v in linux["intelRdt"].values())
    if ctr.rt.is_hull:
        assert set(linux["intelRdt"]) == {"enabled", "schemata", "monitoring"}


@req("FEATL-17")
def test_idmap(linux):
    assert linux["mountExtensions"]["idmap"]["enabled"] is True


@req("FEATL-17", needs=["root"])
def test_mapped_or_refused(ctr, features):
    ctr.bundle.put("/mnt/.keep", "")
    source = os.path.join(ctr.top, "source")
    os.mkdir(source)
    os.chown(source, 1000, 1000)
    mapping = [{"containerID": 1000, "hostID": 2000, "size": 1},
               {"containerID": 0, "hostID": 0, "size": 1}]
    ctr.config["mounts"].append({"destination": "/mnt", "type": "none", "source": source,
                                 "options": ["bind", "idmap"], "uidMappings": mapping,
                                 "gidMappings": mapping})
    result = ctr.args("/bin/stat", "-c", "%u", "/mnt").run()
    assert result.code > 0 or result.stdout == "2000\n"
    assert features


@req("FEATL-18")
def test_net_devices(linux):
    assert isinstance(linux["netDevices"]["enabled"], bool)
