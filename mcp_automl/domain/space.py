"""What is searched: parameters with bounds, and a space of them that cannot be invalid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from mcp_automl.domain.errors import InvalidRequest

Value: TypeAlias = float | int | str | bool | None
"""What one parameter can be set to."""

Params: TypeAlias = Mapping[str, Value]
"""One point of a space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Float:
    """A real number in [low, high]."""

    low: float
    high: float
    log: bool = False
    """Whether equal ratios, rather than equal differences, matter equally."""

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.log)

    def clip(self, value: Value) -> Value:
        """The nearest value of this range; the middle for what is no number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return self._middle()
        return min(max(float(value), self.low), self.high)

    def _middle(self) -> float:
        if self.log:
            return math.sqrt(self.low * self.high)
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Int:
    """A whole number low, low + step, ... that does not exceed high."""

    low: int
    high: int
    step: int = 1
    log: bool = False
    """Whether equal ratios matter equally; only with step 1."""

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.log)
        if self.step < 1:
            raise InvalidRequest(f"step must be 1 or more, not {self.step}")
        if self.log and self.step != 1:
            raise InvalidRequest("a log-scaled integer takes no step")

    def clip(self, value: Value) -> Value:
        """The nearest value of this range; the lower middle for what is no number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            value = (self.low + self.high) // 2
        last = (self.high - self.low) // self.step
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return self.low + min(steps, last) * self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Categorical:
    """One of several values without an order."""

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise InvalidRequest("a categorical parameter needs at least one choice")
        if len(set(self.choices)) != len(self.choices):
            raise InvalidRequest(f"a choice stands twice in {list(self.choices)}")

    def clip(self, value: Value) -> Value:
        """The value itself if it is a choice; the nearest number, else the first choice."""
        if value in self.choices:
            return value
        numbers = [c for c in self.choices if isinstance(c, int | float)]
        if isinstance(value, int | float) and len(numbers) == len(self.choices):
            return min(numbers, key=lambda choice: abs(choice - value))
        return self.choices[0]


Parameter: TypeAlias = Float | Int | Categorical


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Parameters by name, in the order in which they are shown."""

    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InvalidRequest("a search space needs at least one parameter")
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __deepcopy__(self, memo: object) -> "SearchSpace":
        """Itself: it cannot change, and its read-only mapping could not be copied."""
        return self

    def clip(self, params: Params) -> dict[str, Value]:
        """The point of this space nearest to `params`; parameters it does not know are dropped."""
        return {name: p.clip(params.get(name)) for name, p in self.parameters.items()}

    def bounded(self, name: str, high: int) -> "SearchSpace":
        """This space with the integer parameter `name` reaching up to `high`, if there is one.

        Raises:
            InvalidRequest: `high` lies below the parameter's lower bound.
        """
        parameter = self.parameters.get(name)
        if not isinstance(parameter, Int):
            return self
        bounded = replace(parameter, high=high)
        return SearchSpace({**self.parameters, name: bounded})


def _check_range(low: float, high: float, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InvalidRequest(f"bounds must be finite, not {low}...{high}")
    if low > high:
        raise InvalidRequest(f"the lower bound {low} exceeds the upper bound {high}")
    if log and low <= 0:
        raise InvalidRequest(f"a log scale needs a lower bound above 0, not {low}")
