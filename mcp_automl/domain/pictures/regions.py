"""Where the best trials lie, in words."""

from mcp_automl.domain.figures import setting
from mcp_automl.domain.insight import Region
from mcp_automl.domain.space import Categorical, Parameter

MOST_CHOICES = 4


def region_in_words(parameter: Parameter, where: Region) -> str:
    """Such as `0.0004 to 0.003 (searched: 1e-05 to 0.01)` or `128 in 4 of 5, 64 in 1`."""
    if not where.trials:
        return "none of the best trials has it"
    if isinstance(parameter, Categorical):
        (first, n), *others = where.choices[:MOST_CHOICES]
        told = [f"{setting(choice)} in {times}" for choice, times in others]
        return ", ".join([f"{setting(first)} in {n} of {where.trials}", *told])
    whole = parameter.low, parameter.high
    searched = f"searched: {setting(whole[0])} to {setting(whole[1])}"
    return f"{bounds_in_words(where)} ({searched})"


def bounds_in_words(where: Region) -> str:
    low, high = setting(where.low), setting(where.high)
    return low if low == high else f"{low} to {high}"
