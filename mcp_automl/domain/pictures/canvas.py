"""What a picture is made of: panels with axes and layers in data units, and the same in words.

All that decides what is shown is decided when these are made; who draws them adds colours only.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from mcp_automl.domain.finished import Finished

Point: TypeAlias = tuple[float, float]


class Look(Enum):
    """What something drawn stands for; never told by its colour alone."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    BEST = "best"
    BEST_SO_FAR = "best so far"
    FRONT = "front"
    BELOW = "far below"
    ABOVE = "far above"
    """Drawn at the edge, beyond which they lie."""
    FAIL = "failed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    CLEAR = "stands out"
    UNCLEAR = "may be luck"
    LUCK = "reach of luck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    label: str
    log: bool = False
    low: float | None = None
    """Where the axis begins and ends; None to leave that to who draws."""
    high: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    """Instead of numbers."""
    whole: bool = False
    """Whether only whole numbers have a meaning."""
    hidden: bool = False
    downward: bool = False
    """Whether it grows downwards, as a list does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Points, each by itself."""

    look: Look
    points: tuple[Point, ...]
    name: str = ""
    """In the legend; nothing for none there."""
    shades: tuple[float, ...] = ()
    """From 0 (worst) to 1 (best), instead of the look's colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    look: Look
    points: tuple[Point, ...]
    name: str = ""
    shade: float | None = None
    stepped: bool = False
    """Whether it holds each value until the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Horizontal bars."""

    look: Look
    bars: tuple[tuple[float, float, float], ...]
    """Row, start, end."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """Short upright strokes, one in a row."""

    look: Look
    points: tuple[Point, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Text beside a point."""

    at: Point
    text: str
    side: str = "right"
    """`right`, `left`, `above`, `below` or `on`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Shaded cells: left, right, bottom, top, shade."""

    cells: tuple[tuple[float, float, float, float, float], ...]


Layer: TypeAlias = Marks | Line | Bars | Ticks | Label | Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    x: Axis
    y: Axis
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What the shades stand for."""

    label: str
    worst: str
    best: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    kind: str
    title: str
    panels: tuple[Panel, ...]
    words: tuple[str, ...]
    """All that the picture says, a line each."""
    shown: int
    """How many trials are drawn."""
    key: Key | None = None
    of: Finished | None = None
    """The trials that it was made of."""
