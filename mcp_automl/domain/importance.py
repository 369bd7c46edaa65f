"""Which parameters decide whether a trial is among the best: PED-ANOVA, in plain Python.

Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces" (IJCAI 2023, arXiv 2304.10255): a parameter matters as much as its density
among the best trials differs, by Pearson's divergence, from its density among all. Parameters that
exist in some trials only are weighted as in "Conditional PED-ANOVA" (arXiv 2601.20800, theorem
4.2). Grid, bandwidth and prior are those of Optuna 5's `PedAnovaImportanceEvaluator`, and a test
compares the two. No forest has to be grown: thousands of trials are counted in a grid, and shuffles
can tell how much luck alone would bring.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import assert_never

from mcp_automl.domain.space import Categorical, Float, Int, Parameter, Params, is_number

STEPS = 50
"""Of the grid for a range."""

LEAST = 2
"""Trials that must have a parameter for a density."""

NARROWEST = 0.5 / 1.64
"""Of a kernel, in steps: nine tenths of it fall on its own."""


@dataclass(frozen=True, slots=True)
class Column:
    """One parameter's values in all trials: cells of a grid, None where it does not exist."""

    cells: Sequence[int | None]
    size: int
    """How many cells the grid has."""
    ordered: bool
    """False for choices, of which none is nearer to another."""

    @classmethod
    def of(cls, name: str, parameter: Parameter, points: Sequence[Params]) -> "Column":
        size = grid_size(parameter)
        cells = [_cell(name, parameter, point, size) for point in points]
        return cls(cells, size, not isinstance(parameter, Categorical))

    @property
    def existing(self) -> int:
        """How many trials have the parameter."""
        return sum(cell is not None for cell in self.cells)


class Judge:
    """Asks about one column again and again; what does not change is kept."""

    def __init__(self, column: Column) -> None:
        self._column = column
        counts = [0] * column.size
        for cell in column.cells:
            if cell is not None:
                counts[cell] += 1
        self._share = sum(counts) / max(1, len(column.cells))
        self._enough = sum(counts) >= LEAST and column.size > 1
        self._everywhere = density(counts, ordered=column.ordered) if self._enough else []

    def importance(self, top: Collection[int]) -> float:
        """How much the trials at these places differ from all; only ratios have a meaning."""
        counts, having = [0] * self._column.size, 0
        for place in top:
            cell = self._column.cells[place]
            if cell is not None:
                counts[cell] += 1
                having += 1
        if not having or not self._enough:
            return 0.0
        among_best = density(counts, ordered=self._column.ordered)
        pairs = zip(among_best, self._everywhere, strict=True)
        divergence = sum(every * (best / every - 1) ** 2 for best, every in pairs)
        return (having / len(top)) ** 2 / self._share * divergence


def grid_size(parameter: Parameter) -> int:
    """How many cells a parameter's values are counted in; 1 for a single value."""
    match parameter:
        case Categorical():
            return len(parameter.choices)
        case Float():
            return STEPS if parameter.high > parameter.low else 1
        case Int(log=True):
            if parameter.high == parameter.low:
                return 1
            return min(STEPS, math.ceil(math.log2(parameter.high - parameter.low + 1)) + 1)
        case Int():
            return min(STEPS, (parameter.high - parameter.low) // parameter.step + 1)
        case _:
            assert_never(parameter)


def _cell(name: str, parameter: Parameter, point: Params, size: int) -> int | None:
    value = point.get(name)
    if name not in point:
        return None
    if isinstance(parameter, Categorical):
        return parameter.choices.index(value) if value in parameter.choices else None
    if not is_number(value):
        return None
    assert isinstance(value, int | float)
    low, high = float(parameter.low), float(parameter.high)
    if isinstance(parameter, Int):
        high = parameter.low + (parameter.high - parameter.low) // parameter.step * parameter.step
    if size == 1:
        return 0
    if parameter.log:
        # Others' studies may have had other bounds before.
        low, high, value = math.log(low), math.log(high), math.log(max(value, low))
    return min(size - 1, max(0, math.ceil((value - low) / ((high - low) / (size - 1)) - 0.5)))


def density(counts: Sequence[int], *, ordered: bool) -> list[float]:
    """The probability of each cell, from a kernel around every cell that occurs, and a prior."""
    smooth = _ranges(counts) if ordered else _choices(counts)
    return [probability + 1e-12 for probability in smooth]


def _choices(counts: Sequence[int]) -> list[float]:
    occurring = [cell for cell, n in enumerate(counts) if n]
    total, base = sum(counts) + 1, 1 / (len(occurring) + 1)
    whole = 1 + base * len(counts)
    even = 1 / len(counts) + sum(counts) * base / whole
    return [(even + n / whole) / total for n in counts]


def _ranges(counts: Sequence[int]) -> list[float]:
    """A normal kernel around every cell that occurs, and a wide one for the prior."""
    size, total = len(counts), sum(counts) + 1
    scale = _bandwidth(counts) * math.sqrt(2)
    # Kernels are as wide everywhere: one table of their integral serves all.
    upto = [math.erf((i - 0.5 - size) / scale) for i in range(2 * size + 2)]
    masses = [after - before for before, after in pairwise(upto)]
    smooth = [mass / total for mass in _prior(size)]
    for cell, n in enumerate(counts):
        if n:
            start = size - cell
            weight = n / total / (upto[start + size] - upto[start])
            own = masses[start : start + size]
            smooth = [so_far + weight * mass for so_far, mass in zip(smooth, own, strict=True)]
    return smooth


@cache
def _prior(size: int) -> list[float]:
    """A normal distribution as wide as the grid, cut to it."""
    scale = size * math.sqrt(2)
    upto = [math.erf((i - size / 2) / scale) for i in range(size + 1)]
    return [(after - before) / (upto[-1] - upto[0]) for before, after in pairwise(upto)]


def _bandwidth(counts: Sequence[int]) -> float:
    """Scott's rule, with the quartiles as Optuna takes them."""
    cells = [cell for cell, n in enumerate(counts) if n]
    upto = list(accumulate(counts[cell] for cell in cells))
    total = upto[-1]
    mean = sum(cell * counts[cell] for cell in cells) / total
    spread = sum(counts[cell] * (cell - mean) ** 2 for cell in cells)
    deviation = math.sqrt(spread / max(1, total - 1))
    first = next(i for i, n in enumerate(upto) if n >= total // 4)
    third = next((i for i, n in enumerate(upto) if n > total * 3 // 4), len(cells) - 1)
    middle = cells[third] - cells[first]
    return max(1.059 * min(middle / 1.34, deviation) * math.pow(total, -0.2), NARROWEST)
