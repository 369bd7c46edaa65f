"""Every trial as a line through all its parameters to its value."""

from mcp_automl.domain.figures import cut, cut_within, figure, setting
from mcp_automl.domain.finished import Finished, value_of
from mcp_automl.domain.insight import by_importance, unit
from mcp_automl.domain.pictures.canvas import Axis, Label, Layer, Line, Look, Panel, Picture, Point
from mcp_automl.domain.pictures.points import drawn_in_words, not_drawn_in_words
from mcp_automl.domain.pictures.scales import (
    Scale,
    Values,
    best_in_words,
    key,
    shades,
    title,
    window_of,
)
from mcp_automl.domain.sample import Sample
from mcp_automl.domain.space import Float
from mcp_automl.domain.study import Trial

MOST_AXES = 7
MOST_LINES = 80
WIDTH = 76
"""Characters that fit beside each other beneath the axes."""
TOLD = 4
NAMED = 24
"""Characters of a parameter's name among its values."""


def scales_by_importance(sample: Sample, most: int) -> tuple[list[Scale], list[str]]:
    """Of the parameters so many that matter most, and the names of the others."""
    space, names = sample.study.config.space.parameters, by_importance(sample)
    return [Scale(name, space[name]) for name in names[:most]], names[most:]


def parallel(sample: Sample) -> Picture:
    seen, drawn, best_trial = sample.whole, sample.picked.thinned(MOST_LINES), sample.best
    scales, others = scales_by_importance(sample, MOST_AXES)
    window = window_of(seen)
    shade = shades(seen)
    last = len(scales)
    lines: list[Layer] = [
        Line(look=Look.COMPLETE, points=_path(trial, scales, window), shade=shade[trial.number])
        for trial in reversed(drawn.ranked[1:])
    ]
    best = Line(look=Look.BEST, points=_path(best_trial, scales, window), name=_best(seen))
    room = WIDTH // (last + 1)
    names = [cut_within(name, room) for name in [*(s.name for s in scales), seen.objective.name]]
    x = Axis(label="", ticks=tuple((float(i), n) for i, n in enumerate(names)), low=-0.3,
             high=last + 0.3)  # fmt: skip
    labels = [label for i, scale in enumerate(scales) for label in _labels(i, scale)]
    ends = _ends(float(last), *window.ends)
    return Picture(
        kind="parallel",
        title=title(seen, "Parameters and value of each trial"),
        panels=(
            Panel(
                x=x,
                y=Axis(label="", low=-0.12, high=1.12, hidden=True),
                layers=(*lines, best, *labels, *ends),
            ),
        ),
        words=(
            best_in_words(seen),
            *_told(sample, scales),
            drawn_in_words(seen, len(drawn.ranked)),
            *window.words("end at the edge"),
            *not_drawn_in_words(others, seen.study.config.name),
        ),
        shown=len(drawn.ranked),
        key=key(seen),
    )


def _best(seen: Finished) -> str:
    return f"best: #{seen.best.number}"


def _path(trial: Trial, scales: list[Scale], window: Values) -> tuple[Point, ...]:
    """Through the parameters that the trial has, to its value."""
    places = [(i, scale, scale.of(trial)) for i, scale in enumerate(scales)]
    through = [(float(i), scale.unit(place)) for i, scale, place in places if place is not None]
    whole = Float(low=window.low, high=window.high)
    return (*through, (float(len(scales)), unit(whole, value_of(trial))))


def _labels(i: int, scale: Scale) -> list[Label]:
    if scale.choices:
        return [Label(at=(i, scale.unit(at)), text=text, side="on") for at, text in scale.choices]
    return _ends(float(i), *scale.ends)


def _ends(at: float, low: str, high: str) -> list[Label]:
    return [
        Label(at=(at, 0.0), text=low, side="below"),
        Label(at=(at, 1.0), text=high, side="above"),
    ]


def _told(sample: Sample, scales: list[Scale]) -> list[str]:
    return [
        f"#{trial.number} {figure(value_of(trial))}: {assignments(trial, scales)}"
        for trial in sample.top[:TOLD]
    ]


def assignments(trial: Trial, scales: list[Scale]) -> str:
    """Such as `lr=0.001547, batch_size=128`, of the parameters that it has."""
    having = [scale.name for scale in scales if scale.name in trial.params]
    return ", ".join(f"{cut(name, NAMED)}={setting(trial.params[name])}" for name in having)
