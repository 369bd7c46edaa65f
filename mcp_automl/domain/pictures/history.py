"""How a study went: every trial's value, and the best so far."""

from mcp_automl.domain.figures import figure
from mcp_automl.domain.finished import Finished, is_complete, value_of
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
from mcp_automl.domain.pictures.points import drawn_in_words, marks
from mcp_automl.domain.pictures.scales import best_in_words, side, title, window_of
from mcp_automl.domain.study import Trial

MOST = 1_000
MOST_STEPS = 12
"""Improvements that are told."""


def history(seen: Finished) -> Picture:
    drawn = seen.thinned(MOST)
    window = window_of(seen)

    def at(trial: Trial) -> Point:
        return float(trial.number), window.place(value_of(trial))

    steps = improvements(seen)
    last = max(trial.number for trial in seen.ranked)
    line = [at(trial) for trial in steps]
    layers: tuple[Layer, ...] = (
        *marks(drawn.by_number, at, window),
        Line(
            look=Look.BEST_SO_FAR,
            points=(*line, (float(last), line[-1][1])),
            name=Look.BEST_SO_FAR.value,
            stepped=True,
        ),
        Marks(look=Look.BEST, points=(line[-1],), name=f"best: #{seen.best.number}"),
        Label(at=line[-1], text=figure(value_of(seen.best)), side=side(seen.objective)),
    )
    x = Axis(label="trial", whole=True, low=-0.5 - 0.02 * last, high=last + 0.5 + 0.02 * last)
    return Picture(
        kind="history",
        title=title(seen, "Optimization history"),
        panels=(Panel(x=x, y=window.axis(), layers=layers),),
        words=(
            best_in_words(seen),
            _steps(steps),
            _middle(seen),
            drawn_in_words(seen, len(drawn.ranked)),
            *window.words(),
        ),
        shown=len(drawn.ranked),
    )


def improvements(seen: Finished) -> list[Trial]:
    """The trials that were the best when they ended, by number; COMPLETE ones where there are."""
    alike = is_complete(seen.best)
    better: list[Trial] = []
    for trial in seen.by_number:
        if is_complete(trial) is alike and (
            not better or seen.objective.better(value_of(trial), value_of(better[-1]))
        ):
            better.append(trial)
    return better


def _steps(steps: list[Trial]) -> str:
    told = [f"#{t.number} {figure(value_of(t))}" for t in steps[-MOST_STEPS:]]
    earlier = "... " if len(steps) > MOST_STEPS else ""
    return f"Best so far: {earlier}{', '.join(told)}"


def _middle(seen: Finished) -> str:
    complete = [trial for trial in seen.ranked if is_complete(trial)]
    alike = complete or seen.ranked
    middle = figure(value_of(alike[len(alike) // 2]))
    return f"Median of the {'complete' if complete else 'pruned'}: {middle}"
