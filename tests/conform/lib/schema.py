"""A validator for the part of JSON Schema (draft 4) that the schemas of the spec use."""

import functools
import json
import os
import re

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "null": lambda v: v is None,
}


@functools.lru_cache
def document(name):
    with open(os.path.join(HERE, "schema", name), encoding="utf-8") as f:
        return json.load(f)


def resolve(node, doc):
    """Follows $ref to a (node, document name) pair."""
    while "$ref" in node:
        ref = node["$ref"]
        # defs.json of v1.3.0 writes one reference without the leading '#'.
        if "#" not in ref:
            ref = ("#/" + ref.lstrip("/")) if ref.startswith(("/", "definitions")) else ref + "#"
        name, _, path = ref.partition("#")
        doc = name or doc
        node = document(doc)
        for part in path.strip("/").split("/"):
            if part:
                node = node[part]
    return node, doc


class Schema:
    def __init__(self, name):
        self.name = name

    def errors(self, value):
        """All violations as (path, text)."""
        return list(self._check(value, document(self.name), self.name, ""))

    def check(self, value):
        found = self.errors(value)
        assert not found, f"does not follow {self.name}: {found}"

    def _check(self, value, node, doc, path):
        node, doc = resolve(node, doc)
        for sub in node.get("allOf", []):
            yield from self._check(value, sub, doc, path)
        for word in ("anyOf", "oneOf"):
            if word in node and all(list(self._check(value, s, doc, path)) for s in node[word]):
                yield path, f"matches nothing of {word}"
        kinds = node.get("type")
        if kinds:
            kinds = [kinds] if isinstance(kinds, str) else kinds
            if not any(TYPES[k](value) for k in kinds):
                yield path, f"is not of type {kinds}"
                return
        if "enum" in node and value not in node["enum"]:
            yield path, f"{value!r} is not one of {node['enum']}"
        if isinstance(value, str) and "pattern" in node and not re.search(node["pattern"], value):
            yield path, f"{value!r} does not match {node['pattern']}"
        if TYPES["number"](value):
            if value < node.get("minimum", value) or value > node.get("maximum", value):
                yield path, f"{value} is out of range"
        if isinstance(value, list):
            if len(value) < node.get("minItems", 0):
                yield path, "has too few items"
            for i, item in enumerate(value):
                yield from self._check(item, node.get("items", {}), doc, f"{path}/{i}")
        if isinstance(value, dict):
            yield from self._object(value, node, doc, path)

    def _object(self, value, node, doc, path):
        for name in node.get("required", []):
            if name not in value:
                yield path, f"lacks {name}"
        for name, item in value.items():
            known = False
            if name in node.get("properties", {}):
                known = True
                yield from self._check(item, node["properties"][name], doc, f"{path}/{name}")
            for pattern, sub in node.get("patternProperties", {}).items():
                if re.search(pattern, name):
                    known = True
                    yield from self._check(item, sub, doc, f"{path}/{name}")
            extra = node.get("additionalProperties")
            if not known and isinstance(extra, dict):
                yield from self._check(item, extra, doc, f"{path}/{name}")
            elif not known and extra is False:
                yield path, f"must not have {name}"


def state_errors(state):
    """Violations of the state schema; statuses that a runtime adds are allowed."""
    found = Schema("state-schema.json").errors(state)
    return [e for e in found if e[0] != "/status" or not isinstance(state.get("status"), str)]
