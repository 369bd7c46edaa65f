"""How trials learn: the objective after every epoch."""

from collections.abc import Mapping
from statistics import median

from mcp_automl.domain.figures import figure, several
from mcp_automl.domain.finished import Finished, is_complete
from mcp_automl.domain.paging import thinned
from mcp_automl.domain.pictures.canvas import Axis, Label, Line, Look, Marks, Panel, Picture
from mcp_automl.domain.pictures.kinds import not_drawn
from mcp_automl.domain.pictures.points import drawn_in_words
from mcp_automl.domain.pictures.scales import Values, best_in_words, side, title, window_of
from mcp_automl.domain.study import Trial

MOST = 40
TOLD = 10
"""Epochs that are told."""

Curve = Mapping[int, float]
"""The objective by epoch."""


def worth_curves(seen: Finished) -> tuple[int, ...]:
    """The numbers of the trials that are drawn."""
    return tuple(trial.number for trial in seen.thinned(MOST).ranked)


def intermediate(seen: Finished, curves: Mapping[int, Curve]) -> Picture:
    """A line for each trial.

    Args:
        curves: by the trial's number; those without any epoch are left out.

    Raises:
        NothingToShow: no epoch is stored.
    """
    drawn = [trial for trial in seen.ranked if curves.get(trial.number)]
    if not drawn:
        raise not_drawn(seen.study, "no trial has reported a value after an epoch")
    best, step = drawn[0], step_word(seen)
    window = window_of(seen, [value for it in drawn for value in curves[it.number].values()])
    steps = [step for trial in drawn for step in curves[trial.number]]
    first, last = min(steps), max(steps)
    margin = max(0.3, 0.04 * (last - first))
    lines = [_line(trial, curves[trial.number], window) for trial in reversed(drawn[1:])]
    top = _line(best, curves[best.number], window, look=Look.BEST, name=f"best: #{best.number}")
    ends = tuple(_line(t, curves[t.number], window).points[-1] for t in drawn[1:] if _early(t))
    return Picture(
        kind="intermediate",
        title=title(seen, f"Value after every {step}"),
        panels=(
            Panel(
                x=Axis(label=step, whole=True, low=first - margin, high=last + 2 * margin),
                y=window.axis(),
                layers=(
                    *_named(lines),
                    Marks(look=Look.PRUNED, points=ends),
                    *_single([*lines, top]),
                    _beyond(drawn, curves, window),
                    top,
                    Label(at=top.points[-1], text=f"#{best.number}", side=side(seen.objective)),
                ),
            ),
        ),
        words=(*_words(seen, drawn, curves), *window.words()),
        shown=len(drawn),
    )


def _words(seen: Finished, drawn: list[Trial], curves: Mapping[int, Curve]) -> tuple[str, ...]:
    step = step_word(seen)
    return (
        best_in_words(seen),
        *_told(step, drawn, curves),
        *_pruned(step, seen, drawn, curves),
        drawn_in_words(seen, len(drawn)),
    )


def step_word(seen: Finished) -> str:
    """Plain Optuna's studies may count anything."""
    return "epoch" if seen.study.id > 0 else "step"


def _early(trial: Trial) -> bool:
    return not is_complete(trial)


def _line(
    trial: Trial, curve: Curve, window: Values, look: Look | None = None, name: str = ""
) -> Line:
    own = Look.COMPLETE if is_complete(trial) else Look.PRUNED
    points = tuple((float(epoch), window.place(curve[epoch])) for epoch in sorted(curve))
    return Line(look=look or own, points=points, name=name)


def _single(lines: list[Line]) -> list[Marks]:
    """Trials of one step, of which no line can be drawn; PRUNED ones have their cross."""
    short = [it for it in lines if len(it.points) == 1 and it.look is not Look.PRUNED]
    return [Marks(look=it.look, points=it.points) for it in short]


def _named(lines: list[Line]) -> list[Line]:
    """The same, the first of each look in the legend."""
    named, seen = [], set[Look]()
    for line in lines:
        name = "" if line.look in seen else line.look.value
        seen.add(line.look)
        named.append(Line(look=line.look, points=line.points, name=name))
    return named


def _beyond(drawn: list[Trial], curves: Mapping[int, Curve], window: Values) -> Marks:
    """Where lines leave the axis."""
    points = tuple(
        (float(step), window.place(value))
        for trial in drawn
        for step, value in curves[trial.number].items()
        if window.is_beyond(value)
    )
    name = window.beyond.value if points else ""
    return Marks(look=window.beyond, points=tuple(dict.fromkeys(points)), name=name)


def _told(step: str, drawn: list[Trial], curves: Mapping[int, Curve]) -> list[str]:
    best = drawn[0].number
    rows = [f"By {step}, #{best} beside the median of the drawn trials that got so far:"]
    for epoch in thinned(sorted(curves[best]), TOLD):
        values = [curves[t.number][epoch] for t in drawn if epoch in curves[t.number]]
        middle = f"median {figure(median(values))} of {len(values)}"
        rows.append(f"{step} {epoch}: {figure(curves[best][epoch])}, {middle}")
    return rows


def _pruned(
    step: str, seen: Finished, drawn: list[Trial], curves: Mapping[int, Curve]
) -> list[str]:
    """How many trials were pruned in all, and when those were whose curves are known."""
    pruned = sum(map(_early, seen.ranked))
    lengths = [len(curves[trial.number]) for trial in drawn if _early(trial)]
    if not lengths:
        return [f"{pruned:,} pruned"] if pruned else []
    when = f"half of those drawn within {several(round(median(lengths)), step)}"
    return [f"{pruned:,} pruned, {when}"]
