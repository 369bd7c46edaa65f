"""How long epochs take: learned from those that were measured, told of those to come.

A forecast is an upper bound that the next epoch keeps in nine cases of ten: the one-sided
prediction limit for the next value of a normal sample (Hahn & Meeker, *Statistical Intervals*,
1991, section 4.8) on the logarithms, because times are positive and now and then long:

    exp(mean + t(0.9, n - 1) * sd * sqrt(1 + 1/n))

It is wide while little is known, though never more than half as much again as the longest epoch
known. Of the epochs known, those most like the one asked for are taken: the trial's own; those of
this study with its batch size; those of this study; then the same of earlier studies with this
trainer; each time on the same device. What other devices took is taken where nothing else is known.

A launch is refused for what was measured here alone: other studies may have trained other data or
networks, and nothing would ever show that they had.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mcp_automl.domain.space import Params, Value

STUDENT_T = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372)
"""Student's t at 0.9, one-sided, for 1 to 10 degrees of freedom; beyond, 1.3."""

LONGEST_FACTOR = 1.5
"""How much longer than the longest epoch known the next one may be."""

IN_VAIN_FACTOR = 2.0
"""How much longer than it was waited for in vain an epoch may well take."""

KEPT = 200
"""How many of the latest epochs count."""

STARTS = 5
"""Of how many of the latest starts the longest is expected of the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochTime:
    """An epoch that was measured."""

    seconds: float
    batch_size: Value | None = None
    """Of its trial; None where it has none."""
    device: str = ""


Kind: TypeAlias = tuple[Value | None, str, tuple[float, ...]]
"""Of which trial a forecast is: batch size, device, its own epochs' seconds."""


@dataclass(slots=True)
class Pace:
    """What is known of the time that a study's epochs take.

    Args:
        earlier: of other studies with the same trainer, latest last.
        here: of this study.
        at_least_s: how long an attempt has trained in vain for its first epoch.
    """

    earlier: tuple[EpochTime, ...] = ()
    here: list[EpochTime] = field(default_factory=list)
    at_least_s: float = 0.0
    _starts: list[float] = field(default_factory=list, init=False)
    _asked: dict[Kind | None, float | None] = field(default_factory=dict, init=False)
    """What was asked since the last epoch: every tick asks the same. None asks for the shortest."""

    def started(self, seconds: float) -> None:
        """An attempt took so long before its first epoch began."""
        self._starts = [*self._starts, seconds][-STARTS:]

    def measured(self, epoch: EpochTime) -> None:
        """An epoch of this study has been trained."""
        self.here = [*self.here, epoch][-KEPT:]
        self._asked.clear()

    def waited(self, seconds: float) -> None:
        """An attempt trained for so long, and no epoch came of it."""
        self.at_least_s = max(self.at_least_s, seconds)

    @property
    def start_s(self) -> float:
        """How long an attempt will take before its first epoch begins."""
        return max(self._starts, default=0.0)

    def epoch_s(
        self, batch_size: Value | None, device: str, own: tuple[float, ...] = ()
    ) -> float | None:
        """How long an epoch of such a trial will take at most; None if nothing is known.

        Args:
            own: seconds of the trial's own epochs.
        """
        kind = (batch_size, device, own)
        if kind not in self._asked:
            known = next((seconds for seconds in self._alike(*kind) if seconds), None)
            self._asked[kind] = None if known is None else upper(known)
        return self._asked[kind]

    def least_s(self, batch_size: Value | None, device: str) -> float:
        """How long it takes such a trial, going by this study alone, to come to its first epoch."""
        if not any(epoch.device == device for epoch in self.here):
            return IN_VAIN_FACTOR * self.at_least_s
        return self.start_s + (self.epoch_s(batch_size, device) or 0.0)

    def shortest_s(self) -> float:
        """The same of the trials whose epochs are shortest, whatever their device."""
        if None not in self._asked:
            kinds = {(epoch.batch_size, epoch.device) for epoch in self.here}
            limits = [upper(_seconds(self.here, *kind)) for kind in kinds]
            self._asked[None] = min(limits, default=None)
        shortest = self._asked[None]
        return IN_VAIN_FACTOR * self.at_least_s if shortest is None else shortest

    def _alike(
        self, batch_size: Value | None, device: str, own: Sequence[float]
    ) -> Iterator[Sequence[float]]:
        yield own if len(own) > 1 else ()
        for known in (self.here, self.earlier):
            yield _seconds(known, batch_size, device)
            yield [epoch.seconds for epoch in known if epoch.device == device]
        yield [epoch.seconds for epoch in (*self.here, *self.earlier)]


def upper(seconds: Sequence[float]) -> float:
    """The prediction limit for the next value; see the top of this file. At least one is known."""
    known = [max(value, 1e-6) for value in seconds]
    longest = LONGEST_FACTOR * max(known)
    if len(known) == 1:
        return longest
    logs = [math.log(value) for value in known]
    freedom = len(logs) - 1
    t = STUDENT_T[freedom - 1] if freedom <= len(STUDENT_T) else 1.3
    spread = statistics.stdev(logs) * math.sqrt(1 + 1 / len(logs))
    return min(longest, math.exp(statistics.fmean(logs) + t * spread))


def batch_size_of(params: Params) -> Value | None:
    """The parameter on which an epoch's time depends most."""
    return params.get("batch_size")


def _seconds(known: Sequence[EpochTime], batch_size: Value | None, device: str) -> list[float]:
    return [e.seconds for e in known if e.batch_size == batch_size and e.device == device]
