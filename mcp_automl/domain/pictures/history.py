"""How a study went: every trial's value, and the best so far."""

from mcp_automl.domain.figures import figure, several
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.pictures.canvas import Axis, Label, Line, Look, Marks, Panel, Picture, Point
from mcp_automl.domain.pictures.scales import Values, best_in_words, side, title
from mcp_automl.domain.study import Trial

MOST = 1_000
MOST_STEPS = 12
"""Improvements that are told."""


def history(seen: Finished) -> Picture:
    drawn = seen.thinned(MOST)
    window = Values.of(seen.objective, [value_of(trial) for trial in seen.ranked])
    steps = improvements(seen)
    last = max(trial.number for trial in seen.ranked)
    line = [(float(t.number), window.place(value_of(t))) for t in steps]
    layers = (
        _marks(drawn, Look.PRUNED, window),
        _marks(drawn, Look.COMPLETE, window),
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
        words=(best_in_words(seen), _steps(steps), *_counts(seen, drawn), *window.words),
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


def _marks(seen: Finished, look: Look, window: Values) -> Marks:
    chosen = [t for t in seen.by_number if is_complete(t) is (look is Look.COMPLETE)]
    points: list[Point] = [(float(t.number), window.place(value_of(t))) for t in chosen]
    return Marks(look=look, points=tuple(points), name=look.value if points else "")


def _steps(steps: list[Trial]) -> str:
    told = [f"#{t.number} {figure(value_of(t))}" for t in steps[-MOST_STEPS:]]
    earlier = "... " if len(steps) > MOST_STEPS else ""
    return f"Best so far: {earlier}{', '.join(told)}"


def _counts(seen: Finished, drawn: Finished) -> list[str]:
    complete = sum(is_complete(trial) for trial in seen.ranked)
    pruned = len(seen.ranked) - complete
    middle = seen.ranked[(complete or pruned) // 2]
    told = f"{complete:,} complete, {pruned:,} pruned; median of the "
    told += f"{'complete' if complete else 'pruned'} {figure(value_of(middle))}"
    if len(drawn.ranked) < len(seen.ranked):
        return [told, f"{several(len(drawn.ranked), 'point')} of {len(seen.ranked):,} are drawn"]
    return [told]
