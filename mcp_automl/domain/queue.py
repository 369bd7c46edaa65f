"""Who holds which slot, who waits, and for how long: a forecast from measured times."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_automl.domain.study import Study
from mcp_automl.domain.turns import Claim, in_turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A training in its slot."""

    study: Study
    """The study, or the training job."""
    trial: int
    slot: str
    device: str
    usd_per_hour: float
    started_at: float
    """Seconds since the epoch, like every `_at` here."""
    epoch: int = 0
    """Finished epochs, earlier attempts included."""
    epochs: int | None = None
    """How many it will train, where that is known."""
    value: float | None = None
    """The last epoch's objective."""
    epoch_s: float | None = None
    """How long its epochs have taken on average; None before the first."""
    measured_at: float | None = None
    """When its last epoch ended."""

    def remaining_s(self, now: float, trial_s: float | None) -> float | None:
        """Seconds until it will probably end; None where nothing tells.

        Args:
            trial_s: how long such a training takes, where that is known.
        """
        at_its_pace = self._remaining_s(now)
        if at_its_pace is not None or trial_s is None:
            return at_its_pace
        return max(0.0, self.started_at + trial_s - now)

    def total_s(self, now: float) -> float | None:
        """Seconds that all its epochs take, earlier attempts' too; None before the first."""
        remaining = self._remaining_s(now)
        if remaining is None or self.epochs is None or self.epoch_s is None:
            return None
        # What this attempt takes beside its epochs counts; of earlier ones there is the pace alone.
        return max(self.epochs * self.epoch_s, max(0.0, now - self.started_at) + remaining)

    def _remaining_s(self, now: float) -> float | None:
        if self.epochs is None or self.epoch_s is None or self.measured_at is None:
            return None
        return max(0.0, self.measured_at + (self.epochs - self.epoch) * self.epoch_s - now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A study, or a training job, that could use another slot."""

    study: Study
    claim: Claim
    missing: int
    """How many trainings of it have not begun."""
    trial_s: float | None = None
    """How long one of these will take; None where nothing tells."""
    pending_usd: float | None = None
    """What they will cost, all together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One that waits, in the order in which slots will be given out."""

    waiting: Waiting
    starts_in_s: float | None
    """None where nothing tells."""


def turns(
    waiting: Iterable[Waiting], *, ends_in_s: Sequence[float | None], slots: int, now: float
) -> list[Turn]:
    """Who is served when, each with its next training only.

    Args:
        ends_in_s: of the trainings that hold slots; None where nothing tells.
        slots: how many trainings run at once.
        now: seconds since the epoch.
    """
    known = {it.claim.id: it for it in waiting}
    free_in = [0.0] * max(0, slots - len(ends_in_s))
    free_in += [math.inf if it is None else it for it in ends_in_s]
    heapq.heapify(free_in)
    planned = []
    for claim in in_turn((it.claim for it in known.values()), now):
        it = known[claim.id]
        start = heapq.heappop(free_in) if free_in else math.inf
        heapq.heappush(free_in, start + (math.inf if it.trial_s is None else it.trial_s))
        planned.append(Turn(waiting=it, starts_in_s=start if math.isfinite(start) else None))
    return planned
