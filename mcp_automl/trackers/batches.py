"""What a tracker is to be told, gathered by run: a request costs as much as a hundred metrics."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mcp_automl.domain.space import Value
from mcp_automl.domain.tracking import EntryKind, TrackingEntry

ENDINGS = (EntryKind.TRIAL_ENDED, EntryKind.STUDY_ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of one metric."""

    name: str
    value: float
    epoch: int
    at: float
    """Wall clock seconds."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """Consecutive entries of one run."""

    study: str
    model: str
    trial: int | None
    """None for the study's own run."""
    at: float
    """When the first of them was written."""
    params: dict[str, Value] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    """Every epoch's metrics."""
    results: dict[str, float] = field(default_factory=dict)
    """Metrics of the run as a whole; they belong to its last epoch."""
    epoch: int | None = None
    """The last epoch, where these entries know it."""
    ended_at: float | None = None
    state: str | None = None
    """What the run ended as; None while it goes on."""

    def add(self, entry: TrackingEntry) -> None:
        """Takes in the run's next entry; an entry after the end means that it goes on."""
        ended = entry.kind in ENDINGS
        self.params.update(entry.params)
        self.tags.update(entry.tags)
        self.epoch = entry.epoch or self.epoch
        self.ended_at, self.state = (entry.at, entry.state) if ended else (None, None)
        if ended:
            self.results.update(finite(entry.metrics))
        else:
            self.points += points(entry)


def batches(entries: Iterable[TrackingEntry]) -> list[Batch]:
    """One batch for each run, in the order in which the runs first occur.

    The order of entries matters within a run only, so those of trials that train side by side are
    drawn apart. Models are delivered apart, and left out.
    """
    gathered: dict[tuple[str, int | None], Batch] = {}
    for it in entries:
        if it.kind is EntryKind.MODEL:
            continue
        batch = gathered.setdefault(
            (it.study, it.trial), Batch(study=it.study, model=it.model, trial=it.trial, at=it.at)
        )
        batch.add(it)
    return list(gathered.values())


def points(entry: TrackingEntry) -> list[Point]:
    """The metrics of one epoch."""
    metrics = finite(entry.metrics)
    return [Point(name=k, value=v, epoch=entry.epoch, at=entry.at) for k, v in metrics.items()]


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Those that can be drawn: a tracker would store an infinity as the largest float there is.

    That a trial diverged is told by its reason.
    """
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
