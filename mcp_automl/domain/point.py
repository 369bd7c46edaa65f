"""What one training shall be trained with: a value for each parameter that somebody has named."""

from collections.abc import Mapping, Sequence

from mcp_automl.domain.declared import Declared
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.domain.figures import shown
from mcp_automl.domain.space import Value
from mcp_automl.domain.space_values import value_of
from mcp_automl.domain.wishes import POINT, wishes

EPOCHS = "epochs"
USUAL_EPOCHS = 3
"""How many a training job trains where nobody says more."""


def point(
    named: Mapping[str, object], params: object, declared: Sequence[Declared]
) -> dict[str, Value]:
    """The values that were asked for, each one that the trainer declares.

    Args:
        named: those that have an argument of their own; None for what was not said.
        params: the others, an object by name, also as JSON in a text.

    Raises:
        InvalidRequest: one is not declared, given twice, out of its bounds, or not a single value.
    """
    known = {it.name: it for it in declared}
    said = {name: value for name, value in named.items() if value is not None}
    missing = said.keys() - known.keys()
    if missing:
        raise InvalidRequest(
            f"this model has no parameter {sorted(missing)[0]!r}; it has {', '.join(known)}"
        )
    others = wishes(params, known, POINT)
    both = said.keys() & others.keys()
    if both:
        raise InvalidRequest(f"{sorted(both)[0]} is given twice: as an argument and in params")
    return {
        **{name: _value(known[name], value, "the job") for name, value in said.items()},
        **{name: _value(known[name], value, "params") for name, value in others.items()},
    }


def with_usual_epochs(
    values: Mapping[str, Value], declared: Sequence[Declared]
) -> dict[str, Value]:
    """The same, with a number of epochs where the trainer has any."""
    has_epochs = any(it.name == EPOCHS for it in declared)
    return {**({EPOCHS: USUAL_EPOCHS} if has_epochs else {}), **values}


def _value(declared: Declared, asked: object, argument: str) -> Value:
    if isinstance(asked, str) and asked.strip().lower() == "default":
        return declared.default
    several = isinstance(asked, list | tuple | Mapping)
    try:
        if several:
            raise InvalidRequest(
                f"a training takes one value, not {shown(asked)}; to try several, call "
                "start_automl_study with a search_space"
            )
        return value_of(declared, asked)
    except InvalidRequest as error:
        wrong = f"{argument}: {declared.name}: {error}"
        raise InvalidRequest(f"{wrong}. Valid is {declared.single_form()}") from error
