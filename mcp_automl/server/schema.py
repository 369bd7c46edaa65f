"""Tool definitions without what no reader needs: every token of them is paid for in every chat."""


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
