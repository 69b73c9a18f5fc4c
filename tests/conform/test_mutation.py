"""Every property of the JSON schema, changed one at a time in a config that has them all: what
becomes of it is said by `hull validate` (applied, of another platform, cannot and why), or the
config is refused at its JSON pointer. Nothing understood is ignored (S-31), and `hull features`
says what the tables can do."""

import copy
import json
import os
import re
import subprocess

import pytest

from lib import req
from lib.schema import TYPES, Schema, resolve

pytestmark = [pytest.mark.hull_only]
HERE = os.path.dirname(os.path.abspath(__file__))
OTHER = {"windows", "solaris", "vm", "zos", "freebsd"}  # sections of other platforms
# Properties whose value the schema leaves to another platform's part of the text.
FOREIGN = {"/process/commandLine", "/process/user/username"}
# Where the schema is stricter than the text: pids.limit is optional, fileMode may have 07000.
STRICTER = {"above: /linux/devices/0/fileMode", "/linux/resources/pids/limit"}
CLOCKS = "/linux/timeOffsets"  # its names are clocks: an unknown one is refused, not ignored
VALUES = {"object": {"x": 1}, "array": [["x"]], "string": "\x01 no such value", "integer": 7.5,
          "number": "x", "boolean": True, "digits": "7"}


def full():
    """The config of the unit tests that has every property of the schema for Linux."""
    with open(os.path.join(HERE, "..", "data", "config", "full.json"), encoding="utf-8") as f:
        return json.load(f)


def escape(key):
    return key.replace("~", "~0").replace("/", "~1")


def members(node, doc):
    """Schema parts that say something about this value: the node and what it is made of."""
    node, doc = resolve(node, doc)
    yield node, doc
    for word in ("allOf", "anyOf", "oneOf"):
        for sub in node.get(word, []):
            yield from members(sub, doc)


def walk(value, node, doc, pointer=""):
    """(pointer, value, schema parts) of everything in the value that the schema speaks of."""
    parts = list(members(node, doc))
    yield pointer, value, parts
    for part, where in parts:
        if isinstance(value, dict):
            for key, item in value.items():
                sub = part.get("properties", {}).get(key)
                extra = part.get("additionalProperties")
                for pattern, other in part.get("patternProperties", {}).items():
                    if sub is None and re.search(pattern, key):
                        sub = other
                if sub is None and isinstance(extra, dict):
                    sub = extra
                if sub is not None:
                    yield from walk(item, sub, where, f"{pointer}/{escape(key)}")
        if isinstance(value, list) and "items" in part:
            for i, item in enumerate(value):
                yield from walk(item, part["items"], where, f"{pointer}/{i}")


def instances():
    return [i for i in walk(full(), {"$ref": "config-schema.json"}, "config-schema.json")
            if i[0].split("/")[-1] not in OTHER]


def at(config, pointer):
    """The container of a pointer and the last step."""
    keys = [k.replace("~1", "/").replace("~0", "~") for k in pointer.split("/")[1:]]
    node = config
    for key in keys[:-1]:
        node = node[int(key) if isinstance(node, list) else key]
    last = keys[-1]
    return node, int(last) if isinstance(node, list) else last


class Validator:
    """`hull validate` on one bundle whose config changes."""

    def __init__(self, ctr):
        self.argv = ctr.argv("validate", "--format", "json", ctr.bundle.path)
        self.path = os.path.join(ctr.bundle.path, "config.json")

    def __call__(self, config):
        """(exit status, rows by pointer, stderr)."""
        with open(self.path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        done = subprocess.run(self.argv, capture_output=True, text=True, check=False, timeout=60)
        rows = json.loads(done.stdout) if done.stdout else []
        return done.returncode, {r["pointer"]: r for r in rows}, done.stderr


@pytest.fixture
def validate(ctr):
    return Validator(ctr)


def parents(pointer):
    """The pointer and everything above it but the root."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]


def covered(pointer, rows):
    """The row that says what becomes of this property: its own, of what holds it, or of its parts."""
    for place in parents(pointer):
        if place in rows:
            return [rows[place]]
    return [row for place, row in rows.items() if place.startswith(pointer + "/")]


@req("S-31", "RT-CREATE-09", needs=[])
def test_the_sample_has_every_property():
    """Otherwise the tests below would pass over what is new."""
    have = {re.sub(r"/\d+(?=/|$)", "/*", pointer) for pointer, _, _ in instances()}

    def declared(node, doc, pointer, depth=0):
        for part, where in members(node, doc):
            for key, sub in part.get("properties", {}).items():
                if key not in OTHER and depth < 12:
                    yield f"{pointer}/{key}"
                    yield from declared(sub, where, f"{pointer}/{key}", depth + 1)
            if "items" in part:
                yield from declared(part["items"], where, f"{pointer}/*", depth + 1)
    wanted = set(declared({"$ref": "config-schema.json"}, "config-schema.json", ""))
    assert not sorted(wanted - have)


@req("S-31", "RT-CREATE-09", needs=[])
def test_each_property_is_reported(validate):
    code, rows, text = validate(full())
    assert code in (0, 1) and not text.replace("hull: warning", ""), text
    silent = []
    for pointer, _, _ in instances():
        if not pointer:
            continue
        found = covered(pointer, rows)
        if not found or any(r["verdict"] == "unknown" for r in found):
            silent.append(pointer)
        if pointer in FOREIGN and found[0]["verdict"] != "platform":
            silent.append(pointer)
        if any(r["verdict"] == "cannot" and not r.get("why") for r in found):
            silent.append(pointer)
    assert not silent


@req("CFG-EXT-01", "S-31", needs=[])
def test_what_nobody_knows_is_reported(validate):
    """Beside every property of every object."""
    silent = []
    for pointer, value, parts in instances():
        if not any("properties" in p for p, _ in parts) or pointer == CLOCKS:
            continue
        config = full()
        node, last = at(config, pointer) if pointer else ({"": config}, "")
        node[last]["xUnknown"] = 1
        _, rows, text = validate(config)
        if rows.get(f"{pointer}/xUnknown", {}).get("verdict") != "unknown":
            silent.append((pointer, text))
    assert not silent


def refuses(validate, config, pointer):
    """Refused at this pointer or at what holds it, with status 1."""
    code, rows, text = validate(config)
    places = list(parents(pointer))[:2]
    if code != 1:
        return f"{pointer}: status {code}"
    bad = [p for p, r in rows.items() if r["verdict"] == "cannot"]
    if any(p in places or p.startswith(pointer) for p in bad):
        return None
    if any(re.search(re.escape(p) + r"[\s:(/]", text) for p in places):
        return None
    return f"{pointer}: {text.strip() or bad}"


def mutants(value, parts):
    """Values that the schema does not permit here."""
    node = {"allOf": [dict(p, **{"$doc": d}) for p, d in parts]} if len(parts) > 1 else parts[0][0]
    doc = parts[0][1]
    for name, other in VALUES.items():
        if type(other) is not type(value) and list(Schema(doc)._check(other, node, doc, "")):
            yield name, copy.deepcopy(other)
    for part, _ in parts:
        if "enum" in part:
            yield "no such word", "no such word"
            yield "other case", value.lower() if value != value.lower() else value.upper()
        if "minimum" in part and TYPES["integer"](value):
            yield "below", part["minimum"] - 1
        if "maximum" in part and TYPES["integer"](value):
            yield "above", part["maximum"] + 1
        if part.get("type") == "integer":
            yield "fraction", value + 0.5
            yield "huge", 10 ** 30


@req("CFG-VALID-01", "S-31", needs=[])
@pytest.mark.parametrize("section", ["", "process", "mounts", "hooks", "linux", "linux/resources",
                                     "linux/seccomp"])
def test_a_value_that_is_not_permitted_is_refused(validate, section):
    """Of every property: each other type, words outside of the list, numbers outside of the range."""
    deeper = {"linux": ("/linux/resources", "/linux/seccomp"),
              "": ("/process", "/mounts", "/hooks", "/linux")}.get(section, ())
    wrong, tried = [], 0
    for pointer, value, parts in instances():
        inside = pointer == "/" + section or pointer.startswith(f"/{section}/" if section else "/")
        if not pointer or not inside or pointer.startswith(tuple(d + "/" for d in deeper)) \
                or any(pointer == d for d in deeper if section) or pointer in FOREIGN:
            continue
        for name, other in mutants(value, parts):
            config = full()
            node, last = at(config, pointer)
            node[last] = other
            tried += 1
            problem = refuses(validate, config, pointer)
            if problem and f"{name}: {pointer}" not in STRICTER:
                wrong.append(f"{name}: {problem}")
    assert tried > 5 and not wrong, "\n".join(wrong[:40])


@req("CFG-VALID-01", "S-31", needs=[])
def test_what_is_required_is_missed(validate):
    wrong = []
    for pointer, value, parts in instances():
        if not isinstance(value, dict):
            continue
        for key in {k for p, _ in parts for k in p.get("required", [])}:
            config = full()
            node, last = at(config, pointer) if pointer else ({"": config}, "")
            del node[last][key]
            problem = refuses(validate, config, f"{pointer}/{escape(key)}")
            if problem and f"{pointer}/{key}" not in STRICTER:
                wrong.append(problem)
    assert not wrong, "\n".join(wrong)


def enums():
    """(pointer, words) of every list of words in the schema that the sample has a value for."""
    seen = {}
    for pointer, _, parts in instances():
        for part, _ in parts:
            if "enum" in part:
                seen.setdefault(re.sub(r"/\d+", "/*", pointer), (pointer, part["enum"]))
    return seen


# What `features` has a list for; the rest of the words is accepted without one.
LISTED = {
    "/linux/namespaces/*/type": ("linux", "namespaces"),
    "/linux/seccomp/defaultAction": ("linux", "seccomp", "actions"),
    "/linux/seccomp/syscalls/*/action": ("linux", "seccomp", "actions"),
    "/linux/seccomp/syscalls/*/args/*/op": ("linux", "seccomp", "operators"),
    "/linux/seccomp/architectures/*": ("linux", "seccomp", "archs"),
    "/linux/seccomp/flags/*": ("linux", "seccomp", "knownFlags"),
    "/linux/memoryPolicy/mode": ("linux", "memoryPolicy", "modes"),
    "/linux/memoryPolicy/flags/*": ("linux", "memoryPolicy", "flags"),
}


@req("FEATL-01", "FEATL-07", "FEATL-08", "FEATL-09", "FEATL-10", "FEATL-14", "S-31", needs=[])
def test_words_and_features_agree(ctr, validate):
    """Every word of the schema is understood if and only if features has it, where it has a list."""
    features = json.loads(ctr.call("features").ok().stdout)
    wrong = []
    assert LISTED.keys() <= enums().keys()
    for place, (pointer, words) in enums().items():
        known = features
        for key in LISTED.get(place, ()):
            known = known[key]
        for word in set(words) | (set(known) if place in LISTED else set()):
            config = full()
            node, last = at(config, pointer)
            node[last] = word
            _, rows, text = validate(config)
            refused = "there is no" in text or "must be" in text or "not one of" in text
            if place in LISTED and refused == (word in known):
                wrong.append(f"{place}: {word}: {text.strip() or 'accepted'}")
            if place not in LISTED and refused:
                wrong.append(f"{place}: {word}: {text.strip()}")
    assert not wrong, "\n".join(wrong)


@req("FEAT-16", needs=[])
def test_annotations_in_the_program_are_listed(ctr):
    """Every annotation whose name the program has, and that changes what it does."""
    harmless = {  # shown, warned about or written, with no other effect
        "org.opencontainers.runc.checkpoint.enabled",  # of features itself
        "org.opencontainers.image.os", "org.opencontainers.image.architecture", "run.hull.version",
        "run.hull.deviceRules.unprivileged"}
    with open(ctr.rt.path, "rb") as f:
        names = {m.decode() for m in re.findall(
            rb"(?:run\.(?:oci|hull)|org\.(?:opencontainers|criu|systemd))\.[A-Za-z0-9_.-]+", f.read())}
    listed = json.loads(ctr.call("features").ok().stdout)["potentiallyUnsafeConfigAnnotations"]
    assert "run.oci.keep_original_groups" in names  # the search finds something
    missing = {n for n in names - harmless
               if n not in listed and not any(n.startswith(p) for p in listed if p.endswith("."))}
    assert not missing
    assert not {n for n in listed if not any(m.startswith(n) for m in names)}


@req("FEATL-16", "FEATL-17", "FEATL-18", needs=[])
def test_switches_and_validate_agree(ctr, validate):
    """What features switches on is never unknown to validate."""
    linux = json.loads(ctr.call("features").ok().stdout)["linux"]
    _, rows, _ = validate(full())
    for switch, pointers in {
            "intelRdt": ["/linux/intelRdt/closID", "/linux/intelRdt/schemata",
                         "/linux/intelRdt/enableMonitoring"],
            "netDevices": ["/linux/netDevices/eth0/name"],
            "apparmor": ["/process/apparmorProfile"], "selinux": ["/process/selinuxLabel"]}.items():
        assert linux[switch]["enabled"]
        for pointer in pointers:
            assert all(r["verdict"] in ("applied", "cannot") for r in covered(pointer, rows)), pointer
    assert linux["mountExtensions"]["idmap"]["enabled"]
    assert covered("/mounts/1/uidMappings/0/size", rows)[0]["verdict"] == "applied"
