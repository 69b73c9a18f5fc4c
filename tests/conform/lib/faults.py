"""Wrong values for every property of the config schema, made from the schema itself.

A case is (path, value, kind): the config is valid but for the value at path. The objects around it
are filled with the members that the schema and the text require."""

import copy

from lib.schema import document, resolve

DOC = "config-schema.json"

# Required by the text although the schema does not say so.
EXTRA = {
    "linux.resources.blockIO.weightDevice": {"major": 8, "minor": 0},
    "process.ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "linux.personality": {"domain": "LINUX"},
    "linux.memoryPolicy": {"mode": "MPOL_LOCAL"},
    "process.consoleSize": {"height": 1, "width": 1},
    "process.scheduler": {"policy": "SCHED_OTHER"},
    "process.execCPUAffinity": {},
}

# The schema ends fileMode at 0777, the text does not; these two have no effect on Linux.
LEFT_OUT = {("linux.devices[0].fileMode", "range"), ("process.commandLine", "type"),
            ("process.user.username", "type")}

WRONG = {"string": 7, "integer": "x", "boolean": "x", "object": "x", "array": "x", "number": "x"}


def sample(node, doc, path=""):
    """A minimal valid instance of a schema node."""
    node, doc = resolve(node, doc)
    if "enum" in node:
        return node["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in node and "type" not in node:
            return sample(node[word][0], doc, path)
    kind = node.get("type")
    if kind == "object" or "properties" in node:
        made = {}
        for sub, where in [(node, doc)] + [resolve(s, doc) for s in node.get("allOf", [])]:
            for name in sub.get("required", []):
                made[name] = sample(sub["properties"][name], where, f"{path}.{name}")
        made.update(copy.deepcopy(EXTRA.get(path.split("[")[0], {})))
        return made
    if kind == "array":
        return [sample(node["items"], doc, path)] if node.get("minItems") else []
    if kind == "string":
        return text_sample(node, path)
    if kind == "integer":
        return max(1, node.get("minimum", 1))
    return {"boolean": False, "number": 1}.get(kind, "x")


def text_sample(node, path):
    leaf = path.rsplit(".", 1)[-1]
    if node.get("pattern"):
        if "[cbup]" in node["pattern"]:
            return "c"
        return "2MB" if "KMG" in node["pattern"] else "MB:0=50"
    return {"path": "/tmp/x", "destination": "/tmp", "ociVersion": "1.0.2",
            "type": "RLIMIT_CORE"}.get(leaf, "x")


def walk(node, doc, path=""):
    """Yields (path, node, doc) for each property, items of arrays as [0], map values as .k"""
    node, doc = resolve(node, doc)
    if path:
        yield path, node, doc
    parts = [(node, doc)]
    for word in ("allOf", "anyOf", "oneOf"):
        parts += [resolve(s, doc) for s in node.get(word, [])]
    for part, where in parts:
        for name, sub in part.get("properties", {}).items():
            if path or name not in ("freebsd", "solaris", "windows", "zos", "vm"):
                yield from walk(sub, where, f"{path}.{name}" if path else name)
        for sub in part.get("patternProperties", {}).values():
            yield from walk(sub, where, f"{path}.k")
        if isinstance(part.get("additionalProperties"), dict):
            yield from walk(part["additionalProperties"], where, f"{path}.k")
        if "items" in part:
            yield from walk(part["items"], where, f"{path}[0]")


def tokens(path):
    for part in path.split("."):
        name, _, index = part.partition("[")
        yield name
        if index:
            yield int(index.rstrip("]"))


def place(config, path, value, nodes):
    """Sets config[path] to value; what is missing on the way gets its sample."""
    at, way, keys = config, "", list(tokens(path))
    for i, key in enumerate(keys):
        way += f"[{key}]" if isinstance(key, int) else f".{key}" if way else key
        if i == len(keys) - 1:
            break
        fresh = nodes.get(way)
        made = sample(*fresh, way) if fresh else {}
        if isinstance(key, int):
            if not at:
                at.append(made)
        elif key not in at:
            at[key] = made
        at = at[key]
    if isinstance(keys[-1], int) and not at:
        at.append(value)
    else:
        at[keys[-1]] = value


def cases():
    """All (path, wrong value, kind, nodes): one wrong type for each property, one unknown word
    for each enumeration, one number out of range for each bounded integer."""
    found, seen = [], set()
    nodes = {p: (n, d) for p, n, d in walk(document(DOC), DOC)}
    for path, (node, _) in nodes.items():
        kinds = node.get("type") or ("object" if "properties" in node else None)
        if kinds is None and "allOf" in node:
            kinds = "object"
        if kinds is None and "enum" in node:
            kinds = "string"
        if kinds is None or path in seen:
            continue
        seen.add(path)
        kind = kinds if isinstance(kinds, str) else kinds[0]
        found.append((path, WRONG[kind], "type"))
        if "enum" in node:
            found.append((path, "CONFORM_UNKNOWN", "word"))
        if kind == "integer" and "maximum" in node:
            found.append((path, node["maximum"] + 1, "range"))
        if kind == "integer" and "minimum" in node:
            found.append((path, node["minimum"] - 1, "range"))
        if kind == "integer":
            found.append((path, 1.5, "range"))
    return [c for c in found if (c[0], c[2]) not in LEFT_OUT], nodes
