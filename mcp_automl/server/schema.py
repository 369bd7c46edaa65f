"""Tool definitions without what no reader needs: every token of them is paid for in every chat."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def compact(schema: Schema) -> Schema:
    """The schema of an answer: its fields with their types; objects within name their fields only.

    Every field is always there, which need not be said field by field.
    """
    smaller = trimmed(schema)
    definitions = smaller.pop("$defs", {})
    properties = {name: _field(value, definitions) for name, value in _properties(smaller).items()}
    return {"type": "object", "properties": properties}


def _field(value: Schema, definitions: Mapping[str, Schema]) -> Schema:
    members = value.get("anyOf", [value])
    kinds = [_kind(member) for member in members]
    said = value.get("description") or "".join(_names(member, definitions) for member in members)
    described = {"description": said} if said else {}
    return {"type": kinds[0] if len(kinds) == 1 else kinds, **described}


def _kind(value: Schema) -> str:
    return "object" if "$ref" in value else str(value["type"])


def _names(value: Schema, definitions: Mapping[str, Schema]) -> str:
    """The fields of an object, or of those in a list."""
    reference = value.get("$ref") or value.get("items", {}).get("$ref", "")
    definition = definitions.get(reference.rpartition("/")[2], {})
    return ", ".join(_properties(definition))


def _properties(schema: Schema) -> Mapping[str, Schema]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    return properties


def trimmed(schema: Schema) -> Schema:
    """The schema without generated titles and without `null` as a default.

    A default of null would only tempt clients to send it; leaving the argument out is the same.
    """
    return {key: _trimmed(key, value) for key, value in schema.items() if _matters(key, value)}


def asked(schema: Schema) -> Schema:
    """The schema of a tool's arguments: null is taken, but not advertised."""
    properties = {n: _without_null(trimmed(v)) for n, v in _properties(schema).items()}
    return {**trimmed(schema), "properties": properties, "additionalProperties": False}


def _without_null(value: Schema) -> Schema:
    others = [kind for kind in value.get("anyOf", ()) if kind.get("type") != "null"]
    if len(others) == 1:
        value = {**others[0], **{key: it for key, it in value.items() if key != "anyOf"}}
    enum = {"enum": [it for it in value["enum"] if it is not None]} if "enum" in value else {}
    return {**value, **enum}


def _trimmed(key: str, value: object) -> object:
    if isinstance(value, dict):
        # Beneath these keys stand names of ours, which may well be `title` or `default`.
        named = key in {"properties", "$defs"}
        return {k: _trimmed("", v) for k, v in value.items()} if named else trimmed(value)
    if isinstance(value, list):
        return [trimmed(item) if isinstance(item, dict) else item for item in value]
    return value


def _matters(key: str, value: object) -> bool:
    is_title = key == "title" and isinstance(value, str)
    return not is_title and not (key == "default" and value is None)
