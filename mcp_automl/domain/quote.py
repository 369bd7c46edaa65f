"""What a study is going to cost and take, from what finished trials of its trainer did.

The estimate. Each earlier trial's cost and seconds are scaled to the most epochs that a trial of
this study may train, and taken as a sample. `n` more trials are expected to cost `n` times its
mean; the range is two standard deviations of that sum, its mean being known from `k` trials only:

    n * mean +- 2 * sd * sqrt(n + n^2 / k)
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

ENOUGH = 3
"""So many trials of the study itself say more than those of other studies."""

LONE_SPREAD = 0.5
"""What is taken for the standard deviation of a single trial, as a share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCost:
    """A finished trial: what it has cost, all its attempts together."""

    usd: float
    seconds: float
    """In its slots."""
    epochs_max: int
    """The most epochs that trials of its study could train."""
    own: bool
    """Whether it is a trial of the very study that is asked about."""
    alike: bool = True
    """Whether its study searched the same space with the same constants, epochs left aside."""


class Basis(Enum):
    """Which trials an estimate is made from."""

    OWN = "this study"
    ALIKE = "studies with the same search space, epochs aside"
    OTHER = "studies with other search spaces"
    NOTHING = "nothing"


class Verdict(Enum):
    """Whether the budget pays for all trials."""

    NO_BUDGET = "no budget"
    SUFFICES = "suffices"
    PERHAPS = "may suffice"
    TOO_SMALL = "too small"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An expectation, and between what it will probably lie."""

    expected: float
    low: float
    high: float

    def divided(self, by: float) -> "Range":
        return Range(expected=self.expected / by, low=self.low / by, high=self.high / by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What some more trials are expected to cost and take."""

    trials: int
    measured: int
    """From how many finished trials this was estimated; 0 where nothing is known."""
    basis: Basis
    usd: Range | None
    """None where nothing is known."""
    seconds: Range | None
    """Until the last trial's end."""
    verdict: Verdict
    paid_trials: int | None
    """How many of the trials the budget pays for, if it is too small for all."""


def quote(
    costs: Sequence[TrialCost],
    *,
    trials: int,
    epochs_max: int,
    parallel: int,
    rest_usd: float | None,
) -> Quote:
    """What so many more trials will cost and take.

    Args:
        costs: finished trials with the same trainer, the study's own among them.
        rest_usd: what is left of the budget; None without one.
    """
    basis, sample = _sample(costs)
    usd = _total([c.usd * epochs_max / c.epochs_max for c in sample], trials)
    seconds = _total([c.seconds * epochs_max / c.epochs_max for c in sample], trials)
    return Quote(
        trials=trials,
        measured=len(sample),
        basis=basis,
        usd=usd,
        seconds=None if seconds is None else seconds.divided(max(1, min(parallel, trials))),
        verdict=_verdict(basis, usd, rest_usd),
        paid_trials=_paid_trials(basis, usd, rest_usd, trials),
    )


def _sample(costs: Sequence[TrialCost]) -> tuple[Basis, Sequence[TrialCost]]:
    """The trials that say most: wide networks cost many times what narrow ones do."""
    own = [cost for cost in costs if cost.own]
    alike = [cost for cost in costs if cost.alike]
    if len(own) >= ENOUGH or (own and len(alike) <= len(own)):
        return Basis.OWN, own
    if alike:
        return Basis.ALIKE, alike
    return (Basis.OTHER if costs else Basis.NOTHING), costs


def _total(sample: Sequence[float], n: int) -> Range | None:
    if not sample:
        return None
    mean, k = statistics.fmean(sample), len(sample)
    spread = statistics.stdev(sample) if k > 1 else LONE_SPREAD * mean
    margin = 2 * spread * math.sqrt(n + n * n / k)
    return Range(expected=n * mean, low=max(0.0, n * mean - margin), high=n * mean + margin)


def _verdict(basis: Basis, usd: Range | None, rest_usd: float | None) -> Verdict:
    if rest_usd is None:
        return Verdict.NO_BUDGET
    if usd is not None and usd.high == 0:
        return Verdict.SUFFICES
    if rest_usd <= 0:
        return Verdict.TOO_SMALL
    if usd is None or basis is Basis.OTHER:
        return Verdict.UNKNOWN
    if usd.high <= rest_usd:
        return Verdict.SUFFICES
    return Verdict.PERHAPS if usd.expected <= rest_usd else Verdict.TOO_SMALL


def _paid_trials(
    basis: Basis, usd: Range | None, rest_usd: float | None, trials: int
) -> int | None:
    if _verdict(basis, usd, rest_usd) is not Verdict.TOO_SMALL:
        return None
    assert rest_usd is not None
    if rest_usd <= 0:
        return 0
    assert usd is not None
    return math.floor(rest_usd / (usd.expected / trials))
