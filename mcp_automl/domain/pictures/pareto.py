"""What a good value costs: trials that no other one beats in both."""

import math
from collections.abc import Callable, Sequence

from mcp_automl.domain.budget import dollars
from mcp_automl.domain.figures import figure, several
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.paging import thinned
from mcp_automl.domain.pictures.canvas import (
    Axis,
    Label,
    Layer,
    Line,
    Look,
    Marks,
    Panel,
    Picture,
    Point,
)
from mcp_automl.domain.pictures.kinds import not_drawn
from mcp_automl.domain.pictures.points import EVENLY, drawn_in_words, marks
from mcp_automl.domain.pictures.scales import Values, best_in_words, side, title, window_of
from mcp_automl.domain.study import Trial

MOST_DRAWN = 500
"""Beside the front, which is that of all trials."""

MOST_TOLD = 10
MOST_LABELS = 8
ROOM = 0.08
"""Between labels, as a part of the picture."""

WIDE = 20.0
"""Costs that differ by more are drawn on a log scale."""


def front(seen: Finished) -> list[Trial]:
    """The COMPLETE trials than which none is better and no dearer, cheapest first."""
    complete = [trial for trial in seen.ranked if is_complete(trial)]
    chosen: list[Trial] = []
    for trial in sorted(complete, key=lambda t: (t.cost_usd, seen.objective.rank_key(value_of(t)))):
        if not chosen or seen.objective.better(value_of(trial), value_of(chosen[-1])):
            chosen.append(trial)
    return chosen


def pareto(seen: Finished) -> Picture:
    """Value over cost, with the front.

    Raises:
        NothingToShow: no trial was trained to its end, or nothing has cost anything.
    """
    best = front(seen)
    if not best:
        raise not_drawn(seen.study, "no trial was trained to its end, so none can be compared")
    costs = [trial.cost_usd for trial in seen.ranked]
    if max(costs) <= 0:
        raise not_drawn(seen.study, "what its trials have cost is not known, or was nothing")
    window = window_of(seen)
    unit, scale = _unit(max(costs))
    log = _is_log(costs)

    def at(trial: Trial) -> Point:
        return trial.cost_usd * scale, window.place(value_of(trial))

    x = Axis(label=f"cost of a trial ({unit}{', log' if log else ''})", log=log)
    others = _others(seen, best)
    drawn = len(others) + len(best)
    told = ("No other complete trial is both better and cheaper:", *_told(best))
    return Picture(
        kind="pareto",
        title=title(seen, "Value against cost"),
        panels=(Panel(x=x, y=window.axis(), layers=_layers(seen, best, others, at, window)),),
        words=(
            f"{best_in_words(seen)}{_cheaper(seen, best[-1])}",
            *told,
            drawn_in_words(seen, drawn, f"the front and others {EVENLY}"),
            *window.words(),
        ),
        shown=drawn,
    )


def _layers(
    seen: Finished,
    best: list[Trial],
    others: Sequence[Trial],
    at: Callable[[Trial], Point],
    window: Values,
) -> tuple[Layer, ...]:
    dearest = best[-1]
    name = f"{'as good, cheaper' if _cheaper(seen, dearest) else 'best'}: #{dearest.number}"
    return (
        *marks(others, at, window),
        Line(look=Look.FRONT, points=tuple(map(at, best)), stepped=True),
        Marks(look=Look.FRONT, points=tuple(map(at, best[:-1])), name=_front(best)),
        Marks(look=Look.BEST, points=(at(dearest),), name=name),
        *_labels(seen, best, at, window),
    )


def _cheaper(seen: Finished, dearest: Trial) -> str:
    """Words on the trial with the star, where that is not the one called the best elsewhere."""
    if dearest.number == seen.best.number:
        return ""
    return f"; #{dearest.number} is as good and cheaper"


def _unit(most: float) -> tuple[str, float]:
    """Dollars, or cents where all are below one."""
    return ("US cents", 100.0) if most < 1 else ("US dollars", 1.0)


def _front(best: list[Trial]) -> str:
    return "none better and cheaper" if len(best) > 1 else ""


def _others(seen: Finished, best: list[Trial]) -> Sequence[Trial]:
    numbers = {trial.number for trial in best}
    return thinned([trial for trial in seen.ranked if trial.number not in numbers], MOST_DRAWN)


def _labels(
    seen: Finished, best: list[Trial], at: Callable[[Trial], Point], window: Values
) -> list[Label]:
    """The dearest, which is the best, and those that lie clear of what is labelled already."""
    across, height = _across(seen), (window.high - window.low) or 1.0
    taken: list[Point] = []
    labels: list[Label] = []
    for trial in reversed(best):
        x, y = across(trial.cost_usd), at(trial)[1] / height
        near = (abs(x - left) < ROOM and abs(y - below) < ROOM for left, below in taken)
        if len(labels) < MOST_LABELS and not any(near):
            taken.append((x, y))
            text = f"#{trial.number}"
            labels.append(Label(at=at(trial), text=text, side=side(window.objective)))
    return labels


def _is_log(costs: Sequence[float]) -> bool:
    return min(costs) > 0 and max(costs) > WIDE * min(costs)


def _across(seen: Finished) -> Callable[[float], float]:
    """How far to the right a cost is drawn, as a part of the picture."""
    costs = [trial.cost_usd for trial in seen.ranked]
    low, high = min(costs), max(costs)
    if _is_log(costs):
        return lambda cost: math.log(cost / low) / math.log(high / low)
    return lambda cost: cost / high


def _told(best: list[Trial]) -> list[str]:
    cheaper = len(best) - MOST_TOLD
    more = [f"... {several(cheaper, 'cheaper and worse one')}"] if cheaper > 0 else []
    shown = best[-MOST_TOLD:]
    told = [f"#{t.number}: {figure(value_of(t))} for {dollars(t.cost_usd)}" for t in shown]
    return [*more, *told]
