"""Tool definitions without what no reader needs: every token of them is paid for in every chat."""


def compact(schema: dict[str, object]) -> dict[str, object]:
    """The schema of an answer, with `["number", "null"]` in place of a union of the two."""
    return {key: _compact(value) for key, value in trimmed(schema).items()}


def _compact(value: object) -> object:
    if isinstance(value, list):
        return [_compact(item) for item in value]
    if not isinstance(value, dict):
        return value
    smaller = {key: _compact(item) for key, item in value.items()}
    members = smaller.get("anyOf")
    if isinstance(members, list) and all(list(member) == ["type"] for member in members):
        del smaller["anyOf"]
        return {"type": [member["type"] for member in members], **smaller}
    return smaller


def trimmed(schema: dict[str, object]) -> dict[str, object]:
    """The schema without generated titles and without `null` as a default.

    A default of null would only tempt clients to send it; leaving the argument out is the same.
    """
    return {key: _trimmed(key, value) for key, value in schema.items() if _matters(key, value)}


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
