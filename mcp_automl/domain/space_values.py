"""Single values as somebody wrote them: numbers that may be texts, and choices."""

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.space import Categorical, Float, Int, Value

MAX_INTEGER = 2**53
"""Larger ones are not what a number in JSON means to every reader."""


def value_of(declared: Declared, raw: object) -> Value:
    """The declared value that was meant: `"64"` is 64 where a number is wanted.

    Raises:
        InvalidRequest: the parameter cannot have that value.
    """
    if declared.widest is None:
        if raw == declared.default:
            return declared.default
        if declared.permitted is None or not isinstance(raw, str):
            raise InvalidRequest("only the operator's configuration can set it")
        return declared.permitted(raw)
    if isinstance(declared.widest, Categorical):
        return _choice(declared.name, declared.widest, raw)
    return within(declared.widest, raw)


def _choice(name: str, widest: Categorical, raw: object) -> Value:
    if isinstance(raw, str | int | float | None) and widest.contains(raw):
        return raw
    word = raw if isinstance(raw, str) else shown(raw)
    alike = [c for c in widest.choices if str(c).lower() == word.strip().lower()]
    if len(alike) != 1:
        raise InvalidRequest(f"{shown(raw)} is no choice of {name}")
    return alike[0]


def within(widest: Float | Int, raw: object) -> float:
    """The number that was meant, if it lies within.

    Raises:
        InvalidRequest: it does not, or is none.
    """
    number = number_of(widest, raw)
    if not widest.contains(number):
        raise InvalidRequest(f"{shown(raw)} is none of the values that it can have")
    return number


def number_of(widest: Float | Int, raw: object) -> float:
    """The number that was meant, wherever it lies; a Python int where whole ones are wanted.

    Raises:
        InvalidRequest: it is none.
    """
    number = raw
    if isinstance(raw, str):
        try:
            number = float(raw)
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidRequest(f"{shown(raw)} is no number")
    if not abs(number) <= MAX_INTEGER:
        raise InvalidRequest(f"{shown(raw)} is no number of a reasonable size")
    if isinstance(widest, Float):
        return float(number)
    if number != int(number):
        raise InvalidRequest(f"{shown(raw)} is no whole number")
    return int(number)
