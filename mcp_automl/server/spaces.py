"""Search spaces in words and as structure: what is searched, where, and what is fixed."""

from collections.abc import Mapping

from mcp_automl.domain.declared import written
from mcp_automl.domain.space import Categorical, Condition, Parameter, SearchSpace, Value
from mcp_automl.domain.study import StudyConfig
from mcp_automl.server.words import assignments, exact, plain

MAX_PARAMETERS = 30
MAX_CHOICES = 10


def lines(config: StudyConfig) -> list[str]:
    """What the study searches, a parameter a line, and what is fixed in all its trials."""
    space = config.space
    searched = list(space.parameters.items())
    shown = [f"  {plain(n, 40)}: {_with_condition(p, space.when.get(n, {}))}" for n, p in
             searched[:MAX_PARAMETERS]]  # fmt: skip
    more = len(searched) - MAX_PARAMETERS
    rest = [f"  and {more} more"] if more > 0 else []
    return ["Search space:", *shown, *rest, *fixed(config)]


def fixed(config: StudyConfig) -> list[str]:
    """What is fixed, in one line, if anything is."""
    constants = config.constants
    return [f"Fixed: {assignments(constants, MAX_PARAMETERS)}"] if constants else []


def in_words(parameter: Parameter) -> str:
    """Its bounds or choices, such as `1e-05 to 0.01, log scale`."""
    if isinstance(parameter, Categorical):
        return _choices(parameter.choices)
    if parameter.low == parameter.high:
        return str(parameter.low)
    step = getattr(parameter, "step", 1)
    steps = f", in steps of {step}" if step != 1 else ""
    return f"{parameter.low} to {parameter.high}{steps}{', log scale' if parameter.log else ''}"


def condition_in_words(condition: Condition) -> str:
    """When a parameter exists, such as `optimizer is sgd`."""
    parts = (f"{plain(other, 40)} is {_choices(values)}" for other, values in condition.items())
    return " and ".join(parts)


def as_structure(space: SearchSpace) -> dict[str, Mapping[str, object]]:
    """The space as it can be written in a request: names whole, or they would be others."""
    return {
        name: written(parameter, space.when.get(name))
        for name, parameter in space.parameters.items()
    }


def _with_condition(parameter: Parameter, condition: Condition) -> str:
    only = f" (only when {condition_in_words(condition)})" if condition else ""
    return f"{in_words(parameter)}{only}"


def _choices(values: tuple[Value, ...]) -> str:
    shown = [plain(exact(value), 40) for value in values[:MAX_CHOICES]]
    if len(values) > MAX_CHOICES:
        return f"{', '.join(shown)} and {len(values) - MAX_CHOICES} more"
    return " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
