"""Every trial as a line through all its parameters to its value."""

from mcp_automl.domain.figures import cut, figure, setting
from mcp_automl.domain.finished import Finished, value_of
from mcp_automl.domain.insight import Insight, unit
from mcp_automl.domain.pictures.canvas import Axis, Label, Layer, Line, Look, Panel, Picture, Point
from mcp_automl.domain.pictures.scales import Scale, Values, best_in_words, key, shades, title
from mcp_automl.domain.space import Float
from mcp_automl.domain.study import Trial

MOST_AXES = 7
MOST_LINES = 80
TOLD = 5


def by_importance(seen: Finished, found: Insight) -> list[Scale]:
    """The parameters, those first that matter most."""
    space = seen.study.config.space.parameters
    names = dict.fromkeys([*(f.name for f in found.findings), *space])
    return [Scale(name, space[name]) for name in names]


def parallel(seen: Finished, found: Insight) -> Picture:
    drawn = seen.thinned(MOST_LINES)
    scales = by_importance(seen, found)[:MOST_AXES]
    window = Values.of(seen.objective, [value_of(trial) for trial in seen.ranked])
    shade = shades(seen)
    last = len(scales)
    lines: list[Layer] = [
        Line(look=Look.COMPLETE, points=_path(trial, scales, window), shade=shade[trial.number])
        for trial in reversed(drawn.ranked[1:])
    ]
    best = Line(look=Look.BEST, points=_path(seen.best, scales, window), name=_best(seen))
    names = [*(cut(scale.name, 14) for scale in scales), cut(seen.objective.name, 14)]
    x = Axis(label="", ticks=tuple((float(i), n) for i, n in enumerate(names)), low=-0.3,
             high=last + 0.3)  # fmt: skip
    labels = [label for i, scale in enumerate(scales) for label in _labels(i, scale)]
    ends = _ends(float(last), figure(window.low), figure(window.high))
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
        words=(best_in_words(seen), *_told(seen, scales), *window.words, *_hidden(seen, scales)),
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


def _told(seen: Finished, scales: list[Scale]) -> list[str]:
    return [
        f"#{trial.number} {figure(value_of(trial))}: {assignments(trial, scales)}"
        for trial in seen.ranked[:TOLD]
    ]


def assignments(trial: Trial, scales: list[Scale]) -> str:
    """Such as `lr=0.001547, batch_size=128`, of the parameters that it has."""
    having = [scale.name for scale in scales if scale.name in trial.params]
    return ", ".join(f"{cut(name, 40)}={setting(trial.params[name])}" for name in having)


def _hidden(seen: Finished, scales: list[Scale]) -> list[str]:
    more = len(seen.study.config.space.parameters) - len(scales)
    return [f"{more} less important parameters are not drawn"] if more > 0 else []
