"""What is searched: parameters with bounds, and a space of them that cannot be invalid.

A parameter may exist only under a condition: other parameters of the space have one of some values.
A point then holds the parameters that exist in it and no others, and a parameter whose condition
names one that does not exist does not exist either.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from mcp_automl.domain.errors import InvalidRequest

Value: TypeAlias = float | int | str | bool | None
"""What one parameter can be set to."""

Params: TypeAlias = Mapping[str, Value]
"""One point of a space."""

Condition: TypeAlias = Mapping[str, tuple[Value, ...]]
"""Other parameters, each with the values of which it must have one; all must hold."""


def is_number(value: Value) -> bool:
    """Whether it is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # An integer is finite, also one that no float could hold.
    return isinstance(value, int) or math.isfinite(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Float:
    """A real number in [low, high]."""

    low: float
    high: float
    log: bool = False
    """Whether equal ratios, rather than equal differences, matter equally."""

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.log)

    def contains(self, value: Value) -> bool:
        """Whether it is a value of this range."""
        return is_number(value) and self.low <= value <= self.high  # type: ignore[operator]

    def clip(self, value: Value) -> Value:
        """The nearest value of this range; the middle for what is no number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return self._middle()
        return min(max(float(value), self.low), self.high)

    def _middle(self) -> float:
        if self.log:
            # Their product may be 0 or infinite.
            return min(max(math.sqrt(self.low) * math.sqrt(self.high), self.low), self.high)
        return self.low / 2 + self.high / 2


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

    def contains(self, value: Value) -> bool:
        """Whether it is a whole number of this range that the steps meet."""
        if not is_number(value) or not self.low <= value <= self.high:  # type: ignore[operator]
            return False
        return (value - self.low) % self.step == 0  # type: ignore[operator]

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

    def contains(self, value: Value) -> bool:
        """Whether it is a choice; true is not 1."""
        return any(
            value == c and isinstance(value, bool) is isinstance(c, bool) for c in self.choices
        )

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
    """Parameters by name, in the order given, but each after those that its condition names."""

    parameters: Mapping[str, Parameter]
    when: Mapping[str, Condition] = field(default_factory=dict)
    """Conditions of those parameters that have any."""

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InvalidRequest("a search space needs at least one parameter")
        for name, condition in self.when.items():
            _check_condition(name, condition, self.parameters)
        when = {name: MappingProxyType(dict(self.when[name])) for name in self.when}
        ordered = _in_order(self.parameters, when)
        object.__setattr__(self, "parameters", MappingProxyType(ordered))
        object.__setattr__(self, "when", MappingProxyType(when))

    def __deepcopy__(self, memo: object) -> "SearchSpace":
        """Itself: it cannot change, and its read-only mapping could not be copied."""
        return self

    def exists(self, name: str, point: Params) -> bool:
        """Whether the parameter exists where those before it are as in `point`."""
        condition = self.when.get(name, {}).items()
        return all(other in point and point[other] in values for other, values in condition)

    def clip(self, params: Params) -> dict[str, Value]:
        """The point of this space nearest to `params`; parameters it does not know are dropped."""
        point: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            if self.exists(name, point):
                point[name] = parameter.clip(params.get(name))
        return point


def _check_condition(name: str, condition: Condition, parameters: Mapping[str, Parameter]) -> None:
    if name not in parameters:
        raise InvalidRequest(f"there is a condition for {name}, which is not in the space")
    for other, values in condition.items():
        parent = parameters.get(other)
        if parent is None:
            raise InvalidRequest(f"{name} depends on {other}, which is not in the space")
        if isinstance(parent, Float):
            raise InvalidRequest(f"{name} cannot depend on {other}, which has no separate values")
        wrong = [value for value in values if not parent.contains(value)]
        if wrong or not values:
            raise InvalidRequest(f"{name} exists when {other} is {wrong}, which it cannot be")


def _in_order(
    parameters: Mapping[str, Parameter], when: Mapping[str, Condition]
) -> dict[str, Parameter]:
    """As given, but each after those that its condition names."""
    waiting, ordered = dict(parameters), dict[str, Parameter]()
    while waiting:
        ready = (n for n in waiting if when.get(n, {}).keys() <= ordered.keys())
        name = next(ready, None)
        if name is None:
            raise InvalidRequest(f"conditions go in a circle: {', '.join(waiting)}")
        ordered[name] = waiting.pop(name)
    return ordered


def _check_range(low: float, high: float, log: bool) -> None:
    if not (is_number(low) and is_number(high)):
        raise InvalidRequest(f"bounds must be finite, not {low}...{high}")
    if low > high:
        raise InvalidRequest(f"the lower bound {low} exceeds the upper bound {high}")
    if log and low <= 0:
        raise InvalidRequest(f"a log scale needs a lower bound above 0, not {low}")
