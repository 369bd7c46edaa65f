"""Under which conditions the parameters of a search exist: what is asked for, and what can be."""

import json
from collections.abc import Mapping

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.space import Categorical, Condition, Int, Parameter, Value
from mcp_automl.domain.space_input import KEYS
from mcp_automl.domain.space_values import value_of


def effective(
    known: Mapping[str, Declared], wishes: Mapping[str, object], chosen: Mapping[str, Parameter]
) -> Mapping[str, Condition]:
    """Conditions of those chosen parameters that can exist; empty for those that always do.

    Args:
        known: what the trainer declares.
        wishes: what was asked for, as it was written.
        chosen: what shall be searched or fixed; the others always have their defaults.

    Raises:
        InvalidRequest: a parameter that was asked for would never exist.
    """
    asked = {name: _all_asked(known[name], wishes.get(name), known) for name in chosen}
    left = dict(chosen)
    while True:
        possible = {name: _possible(asked[name], left, known) for name in left}
        never = [name for name, condition in possible.items() if condition is None]
        for name in never:
            if name in wishes:
                raise InvalidRequest(_without_effect(name, asked[name], left, known))
            del left[name]
        if not never:
            return _without_the_certain({n: c or {} for n, c in possible.items()}, left)


def condition_of(asked: object) -> object:
    """What stands under `when`, as it was written; None where nothing does."""
    if not isinstance(asked, Mapping):
        return None
    found = (value for key, value in asked.items() if KEYS.get(str(key).lower()) == "when")
    return next(found, None)


def _understood(asked: object, known: Mapping[str, Declared]) -> Condition:
    """Other parameters, each with one value or a list of them."""
    if asked is None:
        return {}
    if not isinstance(asked, Mapping):
        raise InvalidRequest(f'"when" is written {{"NAME": VALUE}}, and not {shown(asked)}')
    condition: dict[str, tuple[Value, ...]] = {}
    for name, wanted in asked.items():
        other = known.get(str(name))
        if other is None:
            raise InvalidRequest(f"it depends on {shown(name)}, which is no parameter")
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        condition[other.name] = tuple(value_of(other, value) for value in values)
    return condition


def _all_asked(declared: Declared, wish: object, known: Mapping[str, Declared]) -> Condition:
    """The trainer's own condition and that of whoever asked; both must hold."""
    try:
        wished = _understood(condition_of(wish), known)
    except InvalidRequest as error:
        raise InvalidRequest(f"search_space: {declared.name}: {error}") from error
    both = {**declared.when, **wished}
    for other in declared.when.keys() & wished.keys():
        both[other] = tuple(v for v in wished[other] if v in declared.when[other])
    return both


def _possible(
    condition: Condition, left: Mapping[str, Parameter], known: Mapping[str, Declared]
) -> Condition | None:
    """What of the condition can come true; None if it never does."""
    possible: dict[str, tuple[Value, ...]] = {}
    for other, values in condition.items():
        if other not in left:
            if known[other].default not in values:
                return None
            continue
        possible[other] = tuple(value for value in values if left[other].contains(value))
        if not possible[other]:
            return None
    return possible


def _without_the_certain(
    conditions: Mapping[str, Condition], chosen: Mapping[str, Parameter]
) -> Mapping[str, Condition]:
    """The same without what always holds.

    A parameter that always exists always has one of all its values. Dropping one condition may make
    another certain, so they are gone over until nothing changes.
    """
    while True:
        fewer: dict[str, Condition] = {}
        for name, condition in conditions.items():
            certain = {o for o in condition if not conditions[o] and _all(chosen[o], condition[o])}
            fewer[name] = {o: values for o, values in condition.items() if o not in certain}
        if fewer == conditions:
            return fewer
        conditions = fewer


def _all(parameter: Parameter, values: tuple[Value, ...]) -> bool:
    """Whether the parameter has no other values."""
    if isinstance(parameter, Categorical):
        return set(parameter.choices) <= set(values)
    if not isinstance(parameter, Int):
        return False
    numbers = range(parameter.low, parameter.high + 1, parameter.step)
    return len(numbers) <= len(values) and set(numbers) <= set(values)


def _without_effect(
    name: str, condition: Condition, left: Mapping[str, Parameter], known: Mapping[str, Declared]
) -> str:
    """Why a parameter that was asked for would never exist, and what to do."""
    other = next(o for o in condition if _possible({o: condition[o]}, left, known) is None)
    values = " or ".join(json.dumps(value) for value in condition[other]) or "no value at all"
    always = "" if other in left else f", which is always {json.dumps(known[other].default)} here"
    return (
        f"search_space: {name}: it has an effect only when {other} is {values}{always}. Let "
        f"{other} have such a value: {known[other].form()}; or leave {name} out"
    )
