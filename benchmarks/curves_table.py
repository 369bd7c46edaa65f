"""Learning curves of the product's own `mnist` trainer on digits: a table to search offline.

Four parameters of the trainer on a complete grid: `lr` and `batch_size`, its default space without
`epochs`, and `width` and `dropout`, because two parameters are too few to tell samplers apart. Each
configuration was trained for all epochs with one seed, as a study's trials are; every epoch's
validation accuracy is kept. A training's learning rate is constant, so a curve's beginning is what
a shorter training would have been.

What is asked for between the recorded points is answered by the nearest of them in the unit cube,
whose axes are logarithms but for the dropout's. Nothing is interpolated, so no value is better than
one that was measured.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mcp_automl.domain.space import Categorical, Float, Params, SearchSpace

EPOCHS = 27
"""Of each recorded training; a power of three, so that halving by three ends on the last epoch."""

PATH = Path(__file__).with_name("curves.jsonl")

LR = tuple(float(f"{10 ** (-5 + step / 3):.4g}") for step in range(10))
BATCH_SIZE = (32, 64, 128, 256)
WIDTH = (8, 16, 32)
DROPOUT = (0.0, 0.6)

SPACE = SearchSpace(
    {
        "lr": Float(low=LR[0], high=LR[-1], log=True),
        "batch_size": Categorical(choices=BATCH_SIZE),
        "width": Categorical(choices=WIDTH),
        "dropout": Float(low=DROPOUT[0], high=DROPOUT[-1]),
    }
)

Point: TypeAlias = tuple[float, int, int, float]
"""One cell of the grid: lr, batch size, width, dropout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One complete training."""

    lr: float
    batch_size: int
    width: int
    dropout: float
    seconds: float
    """CPU seconds of an epoch, evaluation and checkpoint included; the mean over all epochs."""
    val_accuracy: tuple[float, ...]
    """After each epoch."""

    @property
    def point(self) -> Point:
        return self.lr, self.batch_size, self.width, self.dropout


def grid() -> list[Point]:
    """All cells, in the order of the parameters."""
    return list(product(LR, BATCH_SIZE, WIDTH, DROPOUT))


def read(path: Path = PATH) -> dict[Point, Curve]:
    """The curves recorded so far; none if there is no such file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    curves = [_curve(json.loads(line)) for line in lines]
    return {curve.point: curve for curve in curves}


def _curve(told: Mapping[str, Any]) -> Curve:
    return Curve(**{**told, "val_accuracy": tuple(told["val_accuracy"])})


def write(curve: Curve, path: Path = PATH) -> None:
    """Adds one curve at the end."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(curve)) + "\n")


@cache
def recorded() -> Mapping[Point, Curve]:
    """The table, read once."""
    return read()


@cache
def _cube() -> tuple[tuple[Curve, ...], np.ndarray]:
    """All curves, and where they lie in the unit cube, an axis per parameter."""
    curves = tuple(recorded().values())
    return curves, np.array([_scaled(*curve.point) for curve in curves])


def _scaled(lr: float, batch_size: float, width: float, dropout: float) -> tuple[float, ...]:
    return (
        math.log(lr / LR[0]) / math.log(LR[-1] / LR[0]),
        math.log(batch_size / BATCH_SIZE[0]) / math.log(BATCH_SIZE[-1] / BATCH_SIZE[0]),
        math.log(width / WIDTH[0]) / math.log(WIDTH[-1] / WIDTH[0]),
        (dropout - DROPOUT[0]) / (DROPOUT[-1] - DROPOUT[0]),
    )


def nearest(params: Params) -> Curve:
    """The recorded training nearest to a point of the space."""
    lr, batch_size, width, dropout = (_number(params[name]) for name in SPACE.parameters)
    curves, places = _cube()
    apart = places - np.array(_scaled(lr, batch_size, width, dropout))
    return curves[int((apart**2).sum(axis=1).argmin())]


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return value
