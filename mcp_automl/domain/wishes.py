"""What somebody wants of a trainer's parameters, by the names that the trainer declares."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown

MAX_INPUT = 20_000
"""Characters of an object that comes as a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How wishes are told of where they were asked for."""

    argument: str
    form: Callable[[Declared], str]
    """How a parameter is written there, in one line."""
    example: Callable[[Declared], str]
    """One parameter as it is written there."""


SPACE = Wording(argument="search_space", form=Declared.form, example=Declared.example)
POINT = Wording(argument="params", form=Declared.single_form, example=Declared.single_example)
"""Where each parameter has one value."""


def wishes(
    asked: object, known: Mapping[str, Declared], wording: Wording = SPACE
) -> dict[str, object]:
    """What was asked for by declared name; null is what was not asked for.

    Args:
        asked: an object by parameter name, also as JSON in a text; nothing for no wishes.
        wording: for what is wrong with it.

    Raises:
        InvalidRequest: it is no such object, or names what is not declared.
    """
    try:
        return _by_name(_as_object(asked, known, wording), known, wording)
    except InvalidRequest as error:
        raise InvalidRequest(f"{wording.argument}{error}") from error


def _as_object(
    asked: object, known: Mapping[str, Declared], wording: Wording
) -> Mapping[str, object]:
    if isinstance(asked, str):
        asked = _loaded(asked, known, wording)
    if asked is None:
        return {}
    if not isinstance(asked, Mapping):
        raise InvalidRequest(f" is {_example(known, wording)}, and not {shown(asked)}")
    return {str(name): value for name, value in asked.items()}


def _loaded(text: str, known: Mapping[str, Declared], wording: Wording) -> object:
    if text.strip().lower() in {"", "default"}:
        return None
    if len(text) > MAX_INPUT:
        raise InvalidRequest(f": {len(text)} characters are more than {MAX_INPUT}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        wrong = f" is no JSON: {shown(text)}; it is {_example(known, wording)}"
        raise InvalidRequest(wrong) from error


def _example(known: Mapping[str, Declared], wording: Wording) -> str:
    return f"a JSON object such as {{{wording.example(next(iter(known.values())))}}}"


def _by_name(
    asked: Mapping[str, object], known: Mapping[str, Declared], wording: Wording
) -> dict[str, object]:
    wished: dict[str, object] = {}
    for written, wish in asked.items():
        name = written.strip().lower().replace("-", "_")
        name = written if written in known else name
        if name not in known:
            raise InvalidRequest(_unknown(written, name, known, wording))
        if name in wished:
            raise InvalidRequest(f": {name} is given twice")
        if wish is not None:
            wished[name] = wish
    return wished


def _unknown(written: str, name: str, known: Mapping[str, Declared], wording: Wording) -> str:
    # learning_rate is lr to many: the initials count as close.
    initials = "".join(word[:1] for word in name.split("_"))
    close = [n for n in known if n == initials] or difflib.get_close_matches(name, known, 1)
    hint = f"; the closest there is: {wording.form(known[close[0]])}" if close else ""
    there_is = ", ".join(known)
    return f": there is no parameter {shown(written)}{hint}. There are {there_is}"
