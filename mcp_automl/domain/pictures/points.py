"""Trials as points, and in words which of them are drawn."""

from collections.abc import Callable, Iterable, Sequence

from mcp_automl.domain.figures import cut, several
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.pictures.canvas import Look, Marks, Point
from mcp_automl.domain.pictures.scales import Values
from mcp_automl.domain.study import Trial

EVENLY = "evenly from the best to the worst"
MOST_NAMED = 300
"""Characters of the names of what is not drawn."""


def marks(
    trials: Sequence[Trial],
    at: Callable[[Trial], Point | None],
    window: Values,
    *,
    named: bool = True,
) -> list[Marks]:
    """Those that have a place, by what became of them; what is worse than the axis shows apart."""
    places = [(look_of(trial, window), at(trial)) for trial in trials]
    layers = []
    for look in (Look.PRUNED, Look.COMPLETE, window.beyond):
        points = tuple(place for its, place in places if its is look and place is not None)
        layers.append(Marks(look=look, points=points, name=look.value if points and named else ""))
    return layers


def look_of(trial: Trial, window: Values) -> Look:
    if window.is_beyond(value_of(trial)):
        return window.beyond
    return Look.COMPLETE if is_complete(trial) else Look.PRUNED


def drawn_in_words(whole: Finished, drawn: int, how: str = EVENLY) -> str:
    """Such as `Drawn: 80 of 10,000 finished trials (7,500 complete, 2,500 pruned)`."""
    total = len(whole.ranked)
    complete = sum(is_complete(trial) for trial in whole.ranked)
    which = f"({complete:,} complete, {total - complete:,} pruned)"
    if drawn == total:
        return f"Drawn: all {several(total, 'finished trial')} {which}"
    return f"Drawn: {drawn:,} of {several(total, 'finished trial')} {which}, {how}"


def not_drawn_in_words(names: Iterable[str], study: str) -> list[str]:
    """The parameters that a picture leaves out by name, and where the rest of them is told of."""
    names = [cut(name, 40) for name in names]
    shown: list[str] = []
    while len(shown) < len(names) and len(", ".join(shown)) < MOST_NAMED:
        shown.append(names[len(shown)])
    if not shown:
        return []
    more = len(names) - len(shown)
    rest = f" and {more} more: automl://studies/{study}/importance has all" if more else ""
    return [f"Not drawn, as less important: {', '.join(shown)}{rest}"]
