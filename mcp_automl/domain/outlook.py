"""What is to be expected of a running study, from what has been."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


def remaining_seconds(
    *, missing: int, finished_seconds: Sequence[float], parallel: int
) -> float | None:
    """Seconds until `missing` more trials are done if they take as long as the latest ones did.

    None while nothing has been measured.
    """
    if not finished_seconds:
        return None
    mean = sum(finished_seconds) / len(finished_seconds)
    return max(0, missing) * mean / max(1, min(parallel, missing))


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
