"""Which trial held which slot when."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_automl.domain.figures import cut, percent, several
from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.pictures.canvas import Axis, Bars, Label, Look, Panel, Picture
from mcp_automl.domain.pictures.kinds import not_drawn
from mcp_automl.domain.study import Study, TrialState

MOST = 300
MOST_LANES = 16
LOOKS = {
    TrialState.COMPLETE: Look.COMPLETE,
    TrialState.PRUNED: Look.PRUNED,
    TrialState.FAIL: Look.FAIL,
    TrialState.WAITING: Look.INTERRUPTED,
    TrialState.RUNNING: Look.RUNNING,
}
UNITS = ((3 * 86_400.0, 86_400.0, "days"), (3 * 3_600.0, 3_600.0, "hours"), (180.0, 60.0, "min"))
LABELLED = 0.035
"""How much of the width a bar takes that its number fits into."""


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    held: tuple[Occupation, ...]

    def busy(self, begin: float, end: float) -> float:
        """The share of that time in which it was held."""
        return sum(it.ended_at - it.started_at for it in self.held) / max(end - begin, 1e-9)


def timeline(study: Study, occupations: Sequence[Occupation], total: int, best: int) -> Picture:
    """A bar for each attempt, a row for each slot.

    Args:
        occupations: the latest.
        total: how many there are.
        best: the best trial's number.

    Raises:
        NothingToShow: there are none.
    """
    if not occupations:
        raise not_drawn(study, "when its trials were trained is not known")
    lanes = in_lanes(occupations)[:MOST_LANES]
    held = [it for lane in lanes for it in lane.held]
    begin, end = min(it.started_at for it in held), max(it.ended_at for it in held)
    seconds, unit = _unit(end - begin)
    layers = [_bars(look, state, lanes, begin, seconds) for state, look in LOOKS.items()]
    rows = tuple((float(i), cut(lane.name, 12)) for i, lane in enumerate(lanes))
    x = Axis(label=f"{unit} since the first of these began", low=0.0,
             high=(end - begin) / seconds * 1.01 or 1.0)  # fmt: skip
    return Picture(
        kind="timeline",
        title=f"Slots over time: {cut(study.config.name, 40)}",
        panels=(
            Panel(
                x=x,
                y=Axis(label="", ticks=rows, low=-0.6, high=len(lanes) - 0.4, downward=True),
                layers=(
                    *(bars for bars in layers if bars.bars),
                    *_labels(lanes, (begin, end, seconds), best),
                ),
            ),
        ),
        words=_words(lanes, held, (begin, end), total, best),
        shown=len({it.trial for it in held}),
    )


def in_lanes(occupations: Sequence[Occupation]) -> list[Lane]:
    """By slot; those whose slot is not known beside each other, so that none overlap."""
    lanes: dict[str, list[Occupation]] = {}
    for it in sorted(occupations, key=lambda it: (it.started_at, it.trial)):
        name = it.slot or _free(lanes, it.started_at)
        lanes.setdefault(name, []).append(it)
    return [Lane(name, tuple(lanes[name])) for name in sorted(lanes, key=lambda n: (len(n), n))]


def _free(lanes: dict[str, list[Occupation]], at: float) -> str:
    rows = (f"row {i}" for i in range(1, len(lanes) + 2))
    return next(row for row in rows if row not in lanes or lanes[row][-1].ended_at <= at)


def _unit(seconds: float) -> tuple[float, str]:
    return next(((each, name) for least, each, name in UNITS if seconds >= least), (1.0, "seconds"))


def _bars(look: Look, state: TrialState, lanes: list[Lane], begin: float, seconds: float) -> Bars:
    bars = tuple(
        (float(row), (it.started_at - begin) / seconds, (it.ended_at - begin) / seconds)
        for row, lane in enumerate(lanes)
        for it in lane.held
        if it.state is state
    )
    return Bars(look=look, bars=bars, name=look.value)


def _labels(lanes: list[Lane], span: tuple[float, float, float], best: int) -> list[Label]:
    begin, end, seconds = span
    return [
        Label(
            at=((it.started_at + it.ended_at) / 2 / seconds - begin / seconds, float(row)),
            text=f"★ {it.trial}" if it.trial == best else str(it.trial),
            side="on",
        )
        for row, lane in enumerate(lanes)
        for it in lane.held
        if it.trial == best or it.ended_at - it.started_at >= LABELLED * (end - begin)
    ]


def _words(
    lanes: list[Lane], held: list[Occupation], span: tuple[float, float], total: int, best: int
) -> tuple[str, ...]:
    begin, end = span
    seconds, unit = _unit(end - begin)
    each = [
        f"{cut(lane.name, 20)}: {several(len(lane.held), 'attempt')}, busy "
        f"{percent(lane.busy(begin, end))} of the time"
        for lane in lanes
    ]
    counts = [(look, sum(it.state is state for it in held)) for state, look in LOOKS.items()]
    how = ", ".join(f"{n} {look.value}" for look, n in counts if n)
    longest = max(held, key=lambda it: it.ended_at - it.started_at)
    took = (longest.ended_at - longest.started_at) / seconds
    where = ", ".join(sorted({lane.name for lane in lanes for it in lane.held if it.trial == best}))
    star = f"in {cut(where, 20)} (★)" if where else "not among these"
    rest = [f"The latest {len(held):,} of {total:,} attempts"] if len(held) < total else []
    return (
        f"{several(len(held), 'attempt')} in {(end - begin) / seconds:.3g} {unit}: {how}",
        *each,
        f"The longest: #{longest.trial}, {took:.3g} {unit}",
        f"The best: #{best}, {star}",
        *rest,
    )
