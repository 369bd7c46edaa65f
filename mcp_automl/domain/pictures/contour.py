"""Two parameters against each other, and the value as shade.

The ground is the trials' own average with weights that fall with distance, and is left white where
no trial is near: nothing is drawn that nobody has tried.
"""

import math

from mcp_automl.domain.figures import figure
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.pictures.canvas import Look, Marks, Panel, Picture, Point, Surface
from mcp_automl.domain.pictures.kinds import not_drawn
from mcp_automl.domain.pictures.parallel import assignments, scales_by_importance
from mcp_automl.domain.pictures.points import drawn_in_words, not_drawn_in_words
from mcp_automl.domain.pictures.scales import (
    Scale,
    best_in_words,
    in_width,
    key,
    shades,
    title,
    window_of,
)
from mcp_automl.domain.sample import Sample
from mcp_automl.domain.space import Categorical, Float, Int
from mcp_automl.domain.study import Trial

MOST = 300
CELLS = 32
WIDTH = 90
"""Characters that fit beside each other beneath the picture."""
NEAR = 0.08
"""A trial's reach, as a part of the axis."""

TOLD = 5


def contour(sample: Sample) -> Picture:
    """The two most important parameters.

    Raises:
        NothingToShow: the space has one parameter only, or no trial has both.
    """
    seen = sample.whole
    scales, others = scales_by_importance(sample, 2)
    if len(scales) < 2:
        raise not_drawn(seen.study, "a contour needs two searched parameters, and there is one")
    across, up = scales
    having, top = (
        [t for t in trials if across.of(t) is not None and up.of(t) is not None]
        for trials in (sample.picked.ranked, sample.top)
    )
    if not having:
        raise not_drawn(seen.study, f"no trial has both {across.name} and {up.name}")
    drawn = Finished(seen.study, tuple(having)).thinned(MOST)
    return Picture(
        kind="contour",
        title=title(seen, "Value over two parameters"),
        panels=(_panel(drawn, across, up, shades(seen)),),
        words=(
            best_in_words(seen),
            *(_told(trial, across, up) for trial in top[:TOLD]),
            "Ground: nearby trials averaged; white where there are none",
            drawn_in_words(seen, len(drawn.ranked)),
            *window_of(seen).words("are shaded like it"),
            *not_drawn_in_words(others, seen.study.config.name),
        ),
        shown=len(drawn.ranked),
        key=key(seen),
    )


def _panel(drawn: Finished, across: Scale, up: Scale, shade: dict[int, float]) -> Panel:
    best = drawn.best
    return Panel(
        x=in_width(across.axis(), WIDTH),
        y=up.axis(),
        layers=(
            Surface(cells=_ground(drawn, across, up, shade)),
            _marks(drawn, across, up, shade, Look.PRUNED),
            _marks(drawn, across, up, shade, Look.COMPLETE),
            Marks(look=Look.BEST, points=(_at(best, across, up),), name=f"best: #{best.number}"),
        ),
    )


def _told(trial: Trial, across: Scale, up: Scale) -> str:
    return f"#{trial.number} {figure(value_of(trial))}: {assignments(trial, [across, up])}"


def _at(trial: Trial, across: Scale, up: Scale) -> Point:
    x, y = across.of(trial), up.of(trial)
    assert x is not None and y is not None
    return x, y


def _marks(seen: Finished, across: Scale, up: Scale, shade: dict[int, float], look: Look) -> Marks:
    chosen = [t for t in seen.ranked[1:] if is_complete(t) is (look is Look.COMPLETE)]
    return Marks(
        look=look,
        points=tuple(_at(trial, across, up) for trial in chosen),
        # A cross is too thin to show a shade; the ground does.
        shades=tuple(shade[t.number] for t in chosen) if look is Look.COMPLETE else (),
        name=look.value if chosen else "",
    )


def _ground(
    seen: Finished, across: Scale, up: Scale, shade: dict[int, float]
) -> tuple[tuple[float, float, float, float, float], ...]:
    places = [_at(trial, across, up) for trial in seen.ranked]
    units = [
        (across.unit(x), up.unit(y), shade[trial.number])
        for (x, y), trial in zip(places, seen.ranked, strict=True)
    ]
    cells = []
    for left, right in _cells(across):
        for bottom, top in _cells(up):
            mean = _mean(units, (left[0] + right[0]) / 2, (bottom[0] + top[0]) / 2)
            if mean is not None:
                cells.append((left[1], right[1], bottom[1], top[1], mean))
    return tuple(cells)


def _mean(units: list[tuple[float, float, float]], x: float, y: float) -> float | None:
    """The average near a place; None where no trial is near."""
    total = weights = 0.0
    for other_x, other_y, shade in units:
        distance = ((other_x - x) ** 2 + (other_y - y) ** 2) / NEAR**2
        if distance < 9:
            weight = math.exp(-distance / 2)
            weights += weight
            total += weight * shade
    # As near as twice a trial's reach.
    return total / weights if weights > math.exp(-2) else None


def _cells(scale: Scale) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Neighbouring edges along an axis, each as a part of it and in its units."""
    if isinstance(scale.parameter, Categorical):
        n = len(scale.parameter.choices)
        return [((i / n, i - 0.5), ((i + 1) / n, i + 0.5)) for i in range(n)]
    edges = [(i / CELLS, _value(scale.parameter, i / CELLS)) for i in range(CELLS + 1)]
    return list(zip(edges, edges[1:], strict=False))


def _value(parameter: Float | Int, part: float) -> float:
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        return low * math.pow(high / low, part)
    return low + part * (high - low)
