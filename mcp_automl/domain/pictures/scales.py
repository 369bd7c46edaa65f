"""Where values lie on axes: parameters by their own scale, objectives without their outliers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_automl.domain.errors import NothingToShow
from mcp_automl.domain.figures import cut, figure, setting, several
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.insight import unit
from mcp_automl.domain.paging import thinned
from mcp_automl.domain.pictures.canvas import Axis, Key, Look
from mcp_automl.domain.space import Categorical, Float, Parameter, Value, is_number
from mcp_automl.domain.study import Objective, Trial

NAME = 18
"""Characters that an axis shows of a name."""

MOST_TICKS = 8

LARGEST = 1e100
"""Of a value on an axis: who draws squares and subtracts what it is given."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One parameter as an axis."""

    name: str
    parameter: Parameter

    def place(self, value: Value) -> float | None:
        """In the axis's units: the number itself, or the choice's place in the list."""
        if isinstance(self.parameter, Categorical):
            choices = self.parameter.choices
            return float(choices.index(value)) if value in choices else None
        if not is_number(value) or (self.parameter.log and value <= 0):  # type: ignore[operator]
            return None
        return float(value)  # type: ignore[arg-type]

    def of(self, trial: Trial) -> float | None:
        """The trial's place; None where it does not have the parameter."""
        return self.place(trial.params[self.name]) if self.name in trial.params else None

    def unit(self, place: float) -> float:
        """A place as a part of the axis, from 0 to 1."""
        if isinstance(self.parameter, Categorical):
            return (place + 0.5) / len(self.parameter.choices)
        return unit(self.parameter, place)

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at its lower and its upper end."""
        if isinstance(self.parameter, Categorical):
            return "", ""
        return setting(self.parameter.low), setting(self.parameter.high)

    @property
    def choices(self) -> tuple[tuple[float, str], ...]:
        """Ticks of choices; where there are many, some."""
        if not isinstance(self.parameter, Categorical):
            return ()
        each = -(-len(self.parameter.choices) // MOST_TICKS)
        named = enumerate(self.parameter.choices)
        return tuple((float(i), setting(choice, 10)) for i, choice in named if i % each == 0)

    def axis(self) -> Axis:
        label = cut(self.name, NAME)
        if isinstance(self.parameter, Categorical):
            last = len(self.parameter.choices) - 0.5
            return Axis(label=label, low=-0.5, high=last, ticks=self.choices)
        low, high = _room(self.parameter.low, self.parameter.high, log=self.parameter.log)
        whole = not isinstance(self.parameter, Float)
        scale = f"{label} (log)" if self.parameter.log else label
        return Axis(label=scale, log=self.parameter.log, low=low, high=high, whole=whole)


def in_width(axis: Axis, characters: int) -> Axis:
    """The axis with as many of its named ticks as fit beside each other."""
    longest = max((len(text) for _, text in axis.ticks), default=0)
    return replace(axis, ticks=tuple(thinned(axis.ticks, max(2, characters // (longest + 2)))))


def _room(low: float, high: float, *, log: bool) -> tuple[float, float]:
    """A little more, so that nothing is drawn on the frame."""
    if log:
        ratio = (high / low) ** 0.04 if high > low else 2.0
        return low / ratio, high * ratio
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


@dataclass(frozen=True, slots=True)
class Values:
    """The objective's axis: what is far worse than most is drawn at its edge, and counted."""

    objective: Objective
    low: float
    high: float
    outside: int

    @classmethod
    def of(cls, objective: Objective, values: Sequence[float]) -> "Values":
        ordered = sorted(values, key=objective.rank_key)
        best, usual = ordered[0], ordered[(3 * len(ordered) - 1) // 4]
        # Three times as far from the best as three quarters are.
        limit = best + 3 * (usual - best)
        kept = [v for v in ordered if not objective.better(limit, v)] or ordered
        return cls(objective, min(kept), max(kept), len(ordered) - len(kept))

    def place(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def is_beyond(self, value: float) -> bool:
        """Whether it is worse than the axis shows."""
        return value != self.place(value)

    @property
    def beyond(self) -> Look:
        """How what is worse than the axis shows is marked."""
        return Look.BELOW if self.objective.maximize else Look.ABOVE

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at the lower and at the upper end."""
        low, high = figure(self.low), figure(self.high)
        if not self.outside:
            return low, high
        return (f"≤ {low}", high) if self.objective.maximize else (low, f"≥ {high}")

    def axis(self) -> Axis:
        low, high = _room(self.low, self.high, log=False)
        # The best value's label needs more.
        extra = low - self.low
        low, high = (low, high - extra) if self.objective.maximize else (low + extra, high)
        return Axis(label=self.label, low=low, high=high)

    @property
    def label(self) -> str:
        name = cut(self.objective.name, NAME + 6)
        return f"{name} ({'higher' if self.objective.maximize else 'lower'} is better)"

    def words(self, how: str = "are at the edge, as triangles") -> tuple[str, ...]:
        """What the axis leaves out, and how that is drawn instead."""
        if not self.outside:
            return ()
        edge, side = (self.low, "below") if self.objective.maximize else (self.high, "above")
        values = several(self.outside, "value")
        return (f"{values} {side} {figure(edge)}; those drawn {how}",)


def window_of(seen: Finished, values: Sequence[float] | None = None) -> Values:
    """The values' axis: those given, or each trial's.

    Raises:
        NothingToShow: they are larger than any axis can show.
    """
    told = [value_of(trial) for trial in seen.ranked] if values is None else values
    window = Values.of(seen.objective, told)
    farthest = max(window.low, window.high, key=abs)
    if abs(farthest) > LARGEST:
        raise NothingToShow(
            f"{cut(seen.objective.name, 40)} reaches {figure(farthest)}, which no axis can show; "
            f"read automl://studies/{seen.study.config.name}/trials for the numbers instead"
        )
    return window


def shades(seen: Finished) -> dict[int, float]:
    """Every trial's shade by its number, from 0 (worst) to 1 (best), by the values' window."""
    window = window_of(seen)
    whole = Float(low=window.low, high=window.high)

    def shade(value: float) -> float:
        up = unit(whole, value)
        return up if seen.objective.maximize else 1 - up

    return {trial.number: shade(value_of(trial)) for trial in seen.ranked}


def key(seen: Finished) -> Key:
    ends = window_of(seen).ends
    worst, best = ends if seen.objective.maximize else ends[::-1]
    return Key(label=cut(seen.objective.name, NAME + 6), worst=worst, best=best)


def best_in_words(seen: Finished) -> str:
    """The best trial with its value."""
    best = seen.best
    early = "" if is_complete(best) else " (pruned: no trial was trained to its end)"
    return f"Best: #{best.number} with {seen.objective.name} {figure(value_of(best))}{early}"


def title(seen: Finished, what: str) -> str:
    return f"{what}: {cut(seen.study.config.name, 40)}"


def side(objective: Objective) -> str:
    """Where there is room for a label at the best value."""
    return "above" if objective.maximize else "below"
