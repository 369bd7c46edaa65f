"""Whether one configuration is really better than another, or was lucky.

Both are trained several times, each time with another seed. The difference of their means is held
against what chance alone would do: Welch's t-test, two-sided at 5 %, with the Welch-Satterthwaite
degrees of freedom rounded down (B. L. Welch, *Biometrika* 34, 1947), and a bound that is never
narrower than two standard errors.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_automl.domain.study import Objective

STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t at 0.975 for 1 to 10 degrees of freedom; beyond, 2.2 is taken."""
BEYOND = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One configuration's values, one for each seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation from seed to seed; 0 where there is but one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def variance_of_mean(self) -> float:
        return self.spread**2 / len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The best configuration beside the second best."""

    best: Sample
    second: Sample
    noise: float
    """How large a difference chance alone may make."""
    is_better: bool
    """Whether the best one is better by more than that."""
    is_worse: bool
    """Whether the second one is."""

    @property
    def seeds_matter(self) -> bool:
        """Whether another seed has changed anything; if not, luck was never at work."""
        return self.best.spread > 0 or self.second.spread > 0

    @property
    def difference(self) -> float:
        """Of the means, the best one's minus the second's."""
        return self.best.mean - self.second.mean


def verify(best: Sequence[float], second: Sequence[float], objective: Objective) -> Verification:
    """Judges two configurations by their values; at least two of each."""
    one, other = Sample(values=tuple(best)), Sample(values=tuple(second))
    noise = _noise(one, other)
    apart = abs(one.mean - other.mean) > noise
    wins = objective.better(one.mean, other.mean)
    return Verification(
        best=one,
        second=other,
        noise=noise,
        is_better=apart and wins,
        is_worse=apart and not wins,
    )


def _noise(one: Sample, other: Sample) -> float:
    variances = (one.variance_of_mean, other.variance_of_mean)
    total = sum(variances)
    if total == 0:
        # Seeds change nothing here, so whatever difference there is, is real.
        return 0.0
    sizes = (len(one.values), len(other.values))
    freedom = total**2 / sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    whole = max(1, math.floor(freedom))
    t = STUDENT_T[whole - 1] if whole <= len(STUDENT_T) else BEYOND
    return t * math.sqrt(total)
