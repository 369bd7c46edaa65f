"""What somebody wants of a trainer's parameters, by the names that the trainer declares."""

import difflib
import json
from collections.abc import Mapping

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space_values import shown

MAX_INPUT = 20_000
"""Characters of an object that comes as a text."""


def wishes(
    asked: object,
    known: Mapping[str, Declared],
    argument: str = "search_space",
    *,
    single: bool = False,
) -> dict[str, object]:
    """What was asked for by declared name; null is what was not asked for.

    Args:
        asked: an object by parameter name, also as JSON in a text; nothing for no wishes.
        argument: what it is called where it was asked for.
        single: whether each parameter has one value there, and errors shall show it so.

    Raises:
        InvalidRequest: it is no such object, or names what is not declared.
    """
    try:
        return _by_name(_as_object(asked, known, single), known, single)
    except InvalidRequest as error:
        raise InvalidRequest(f"{argument}{error}") from error


def _as_object(asked: object, known: Mapping[str, Declared], single: bool) -> Mapping[str, object]:
    if isinstance(asked, str):
        asked = _loaded(asked, known, single)
    if asked is None:
        return {}
    if not isinstance(asked, Mapping):
        raise InvalidRequest(f" is {_example(known, single)}, and not {shown(asked)}")
    return {str(name): value for name, value in asked.items()}


def _loaded(text: str, known: Mapping[str, Declared], single: bool) -> object:
    if text.strip().lower() in {"", "default"}:
        return None
    if len(text) > MAX_INPUT:
        raise InvalidRequest(f": {len(text)} characters are more than {MAX_INPUT}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        wrong = f" is no JSON: {shown(text)}; it is {_example(known, single)}"
        raise InvalidRequest(wrong) from error


def _example(known: Mapping[str, Declared], single: bool) -> str:
    first = next(iter(known.values()))
    example = first.single_example() if single else first.example()
    return f"a JSON object such as {{{example}}}"


def _by_name(
    asked: Mapping[str, object], known: Mapping[str, Declared], single: bool
) -> dict[str, object]:
    wished: dict[str, object] = {}
    for written, wish in asked.items():
        name = written.strip().lower().replace("-", "_")
        name = written if written in known else name
        if name not in known:
            raise InvalidRequest(_unknown(written, name, known, single))
        if name in wished:
            raise InvalidRequest(f": {name} is given twice")
        if wish is not None:
            wished[name] = wish
    return wished


def _unknown(written: str, name: str, known: Mapping[str, Declared], single: bool) -> str:
    # learning_rate is lr to many: the initials count as close.
    initials = "".join(word[:1] for word in name.split("_"))
    close = [n for n in known if n == initials] or difflib.get_close_matches(name, known, 1)
    forms = [known[n].single_form() if single else known[n].form() for n in close]
    hint = f"; the closest there is: {forms[0]}" if forms else ""
    there_is = ", ".join(known)
    return f": there is no parameter {shown(written)}{hint}. There are {there_is}"
