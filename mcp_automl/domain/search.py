"""What shall be searched: the trainer's default space, changed by what somebody asked for.

Parameters that are not named keep what they are in the default space. A named one joins the space,
or the constants if it has a single value. Conditions come from the trainer, where a parameter has
an effect only with certain values of others, and from whoever asked; what always holds is dropped.
A parameter whose condition never holds is refused if it was named, and else left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from mcp_automl.domain.bounds import check_epochs_max
from mcp_automl.domain.conditions import condition_of, effective
from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.space import Categorical, Condition, Int, Parameter, Params, SearchSpace
from mcp_automl.domain.space_input import understood
from mcp_automl.domain.wishes import wishes

DEFAULT_EPOCHS_MAX = 5
NO_EPOCHS = 1
"""What stands for it where a trainer does not say how many there are."""

EPOCHS = "epochs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a study searches, and what all its trials have in common."""

    space: SearchSpace
    constants: Params
    epochs_max: int


def search(asked: object, declared: Sequence[Declared], epochs_max: int | None) -> Search:
    """The default space, changed by what was asked for.

    Args:
        asked: an object by parameter name, also as JSON in a text; nothing for the default space.
        epochs_max: None for what `asked` says of epochs, else the default.

    Raises:
        InvalidRequest: it cannot be searched so; the message says what would be valid.
    """
    if epochs_max is not None:
        check_epochs_max(epochs_max)
    known = {d.name: _with_usual_epochs(d, epochs_max) for d in declared}
    wished = wishes(asked, known)
    chosen = {
        name: understood(d, wished.get(name, "default"))
        for name, d in known.items()
        if name in wished or d.in_default_space
    }
    usual = _usual_epochs_max(known, epochs_max)
    top = _epochs_max(wished.get(EPOCHS), chosen.get(EPOCHS), epochs_max, usual)
    conditions = effective(known, wished, chosen)
    always = {n: p for n, p in chosen.items() if n in wished and not conditions[n]}
    constants = {name: p.choices[0] for name, p in always.items() if _has_one_value(p)}
    searched = {name: chosen[name] for name in conditions if name not in constants}
    return Search(space=_space(searched, conditions), constants=constants, epochs_max=top)


def _has_one_value(parameter: Parameter) -> TypeGuard[Categorical]:
    return isinstance(parameter, Categorical) and len(parameter.choices) == 1


def _space(searched: Mapping[str, Parameter], conditions: Mapping[str, Condition]) -> SearchSpace:
    if not searched:
        raise InvalidRequest(
            "search_space: every parameter has a single value, and nothing is left to search; "
            "give at least one of them a range or choices"
        )
    try:
        return SearchSpace(searched, {n: conditions[n] for n in searched if conditions[n]})
    except InvalidRequest as error:
        raise InvalidRequest(f"search_space: {error}") from error


# --- epochs -------------------------------------------------------------------------------------


def _with_usual_epochs(declared: Declared, epochs_max: int | None) -> Declared:
    """The same; `epochs` is searched up to `epochs_max` where nothing else is asked for."""
    if declared.name != EPOCHS or not isinstance(declared.searched, Int):
        return declared
    high = DEFAULT_EPOCHS_MAX if epochs_max is None else epochs_max
    return replace(declared, searched=replace(declared.searched, high=high))


def _usual_epochs_max(known: Mapping[str, Declared], epochs_max: int | None) -> int:
    """What holds where nobody says more."""
    if EPOCHS in known:
        return DEFAULT_EPOCHS_MAX if epochs_max is None else epochs_max
    if epochs_max not in (None, NO_EPOCHS):
        raise InvalidRequest("this model has no parameter epochs; leave epochs_max out")
    return NO_EPOCHS


def _epochs_max(wish: object, epochs: Parameter | None, epochs_max: int | None, usual: int) -> int:
    """The most epochs that a trial may train."""
    if wish is None or epochs is None:
        return usual
    if condition_of(wish) is not None:
        raise InvalidRequest("search_space: epochs cannot depend on other parameters")
    numbers = epochs.choices if isinstance(epochs, Categorical) else (epochs.high,)
    top = max(number for number in numbers if isinstance(number, int))
    if epochs_max is not None and top > epochs_max:
        raise InvalidRequest(
            f"search_space: epochs may reach {top}, but epochs_max is {epochs_max}; leave "
            "epochs_max out, or make the two agree"
        )
    return top if epochs_max is None else epochs_max
