"""What pictures and explanations read of a large study with its parameters, and what of all."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mcp_automl.domain.finished import Finished, is_complete
from mcp_automl.domain.study import Study, Trial

MOST_TRIALS = 500
"""More are evenly thinned: nothing would be seen that is not seen in these."""

LEAST_BEST = 5
BEST_SHARE, MOST_BEST = 0.1, 50
"""The best, whose region is shown, are a tenth, at least five and at most fifty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some of a study's finished trials with their parameters, beside all of them without."""

    whole: Finished
    """All; their parameters may be missing."""
    picked: Finished
    """Evenly from the best to the worst, at most `MOST_TRIALS`."""
    top: tuple[Trial, ...]
    """The best of all, best first."""

    @staticmethod
    def numbers(whole: Finished) -> tuple[int, ...]:
        """The trials whose parameters have to be read."""
        top = whole.ranked[: how_many_best(whole)]
        chosen = [*top, *whole.thinned(MOST_TRIALS).ranked]
        return tuple(dict.fromkeys(trial.number for trial in chosen))

    @classmethod
    def of(cls, whole: Finished, read: Iterable[Trial]) -> "Sample":
        """From all trials, and those of `numbers` with their parameters."""
        known = {trial.number: trial for trial in read}
        picked = whole.thinned(MOST_TRIALS).ranked
        return cls(
            whole=whole,
            picked=Finished(whole.study, tuple(known[trial.number] for trial in picked)),
            top=tuple(known[trial.number] for trial in whole.ranked[: how_many_best(whole)]),
        )

    @property
    def study(self) -> Study:
        return self.whole.study

    @property
    def best(self) -> Trial:
        return self.top[0]


def how_many_best(whole: Finished) -> int:
    return min(MOST_TRIALS, how_many(whole, BEST_SHARE, MOST_BEST))


def how_many(seen: Finished, share: float, most: int | None = None) -> int:
    """So many of the trials, at least five, and all that are as good as the last of these."""
    ranked = seen.ranked
    wanted = max(LEAST_BEST, math.ceil(share * len(ranked)))
    best = min(len(ranked), wanted if most is None else min(wanted, most))
    last = ranked[best - 1]
    as_good = (last.value, is_complete(last))
    return best + sum((t.value, is_complete(t)) == as_good for t in ranked[best:])
