"""What is to be expected of a running study, from what has been."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_automl.domain.sampling import StoodIn
from mcp_automl.domain.study import TrialState

WARNING_SHARE = 0.8
"""From this share of its budget on, a study's end is in sight."""

LOOKS = 3
"""How often a study that lasts is worth looking at before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study's trials have come, in numbers."""

    counts: Mapping[TrialState, int]
    cost_usd: float
    """All closed attempts, and what running ones have cost up to their last sign of life."""
    finished_seconds: tuple[float, ...]
    """How long each of the latest finished trials trained, for an estimate of what is to come."""
    pruned_for_cost: int = 0
    """PRUNED trials that the budget ended; their reason begins with `cost budget`."""
    interrupted: int = 0
    """WAITING trials that were begun."""
    stood_in: StoodIn | None = None
    """What another sampler has suggested than the one that works."""


def mean_seconds(finished_seconds: Sequence[float]) -> float | None:
    """How long a trial takes, going by those that have finished; None where none has."""
    return sum(finished_seconds) / len(finished_seconds) if finished_seconds else None


def remaining_seconds(
    *,
    missing: int,
    trial_s: float | None,
    own_ends: Sequence[float | None] = (),
    other_ends: Sequence[float | None] = (),
    parallel: int,
) -> float | None:
    """Seconds until a study's running trials, and those that have not begun, are done.

    Each that has not begun takes the slot that comes free next. None where nothing tells.

    Args:
        missing: how many have not begun.
        trial_s: how long one of these takes.
        own_ends: in how many seconds each of its running trials ends.
        other_ends: the same of whatever else holds a slot.
        parallel: how many slots there are.
    """
    own = [math.inf if end is None else end for end in own_ends]
    others = [math.inf if end is None else end for end in other_ends]
    free_in = [0.0] * max(0, parallel - len(own) - len(others)) + own + others or [math.inf]
    heapq.heapify(free_in)
    last = max(own, default=0.0)
    for _ in range(missing):
        end = free_in[0] + (math.inf if trial_s is None else trial_s)
        heapq.heapreplace(free_in, end)
        last = max(last, end)
    return last if math.isfinite(last) else None


def next_look_seconds(remaining: float | None) -> int:
    """Seconds after which a look is worth its tokens: from 5 to 60, and 10 while nobody knows."""
    return 10 if remaining is None else round(min(60.0, max(5.0, remaining / LOOKS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What has become of a budget."""

    share: float
    """Which part of it is spent."""
    trials: int | None
    """How many more trials the rest pays for, if they cost what the others did; None before any."""

    @property
    def is_short(self) -> bool:
        """Whether that is worth a warning."""
        return self.share >= WARNING_SHARE


def allowance(budget_usd: float, spent_usd: float, done: int) -> Allowance:
    """How much of a budget is spent, and what the rest pays for.

    Args:
        done: trials that count; failed and interrupted attempts make each of them dearer.
    """
    mean = spent_usd / done if done else 0.0
    rest = max(0.0, budget_usd - spent_usd)
    # A sum of dollars may miss the very trial that it pays for by its last digit.
    trials = math.floor(rest / mean + 1e-9) if mean > 0 else None
    return Allowance(share=spent_usd / budget_usd, trials=trials)
