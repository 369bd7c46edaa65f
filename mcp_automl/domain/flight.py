"""One attempt at a trial, from `Launch` to `TrialEnded`: what is known of it, what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mcp_automl.domain.budget import COST_BUDGET, Meter
from mcp_automl.domain.events import (
    Measured,
    Outcome,
    Record,
    SlotOffered,
    Suggested,
    TrialEnded,
)
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement, Objective, TrialState, Waiting

MAX_BARREN_ATTEMPTS = 3
"""Attempts in a row without one new epoch after which an interrupted trial is FAIL."""


HOPELESS = (Outcome.RAISED, Outcome.TIMED_OUT)
"""Outcomes after which another attempt would end the same way."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a trial will be recorded as, and why."""

    state: TrialState
    reason: str
    final: bool = False
    """Whether it stands even before the first epoch: more money would not help the trial."""


@dataclass(slots=True)
class Flight:
    """An attempt; `ending` is set once it has been told to stop."""

    params: Params
    meter: Meter
    shared: bool
    """Whether other jobs may use its device."""
    waited: Waiting
    """What earlier attempts at the trial came to."""
    device: str = ""
    last: Measurement | None = None
    values: dict[int, float] = field(default_factory=dict)
    """The objective by epoch, where it is finite."""
    epoch_seconds: list[float] = field(default_factory=list)
    """How long each new epoch held the slot."""
    ending: Ending | None = None
    ending_usd: float = 0.0
    """What was set aside when it was told to stop."""
    _measured_at: float | None = None

    @classmethod
    def begun(cls, event: Suggested, offer: SlotOffered, waited: Waiting) -> "Flight":
        """An attempt whose meter starts now."""
        meter = Meter(started_at=event.at, usd_per_hour=offer.usd_per_hour)
        return cls(event.params, meter, offer.shared, waited, offer.device)

    def remember(self, event: Measured, objective: Objective) -> None:
        """Takes note of an epoch. A resumed trainer repeats its checkpoint's, which is not new."""
        measurement = event.measurement
        value = measurement.value(objective)
        if value is not None:
            self.values[measurement.epoch] = value
        if measurement.epoch > self.epoch:
            passed = event.at - self.measured_at
            # The first one's time holds the start of the process, too.
            first = self._measured_at is None
            self.epoch_seconds.append(min(passed, measurement.seconds) if first else passed)
        self.last = measurement
        self._measured_at = event.at

    def end(self, ending: Ending, at: float) -> None:
        """It is told to stop."""
        self.ending = ending
        self.ending_usd = self.meter.set_aside(at)

    @property
    def measured_at(self) -> float:
        """When its latest epoch ended; its launch, before the first."""
        return self.meter.started_at if self._measured_at is None else self._measured_at

    @property
    def epoch(self) -> int:
        """Its last finished epoch, earlier attempts included."""
        return max(self.waited.epoch, 0 if self.last is None else self.last.epoch)

    @property
    def value(self) -> float | None:
        """The last epoch's objective, earlier attempts included."""
        return self.values.get(self.last.epoch) if self.last is not None else self.waited.value

    def verdict(self, event: Measured, objective: Objective) -> Ending | None:
        """Why the attempt must end with this epoch, if it must."""
        measurement = event.measurement
        if objective.name not in measurement.metrics:
            return Ending(TrialState.FAIL, f"the trainer reported no {objective.name}")
        if measurement.value(objective) is None:
            value = measurement.metrics[objective.name]
            reason = f"diverged at epoch {measurement.epoch}: {objective.name} is {value}"
            return Ending(TrialState.FAIL, reason)
        # Nothing is saved by pruning a trial that has trained all its epochs.
        if event.prune is not None and not self.trained_all:
            return Ending(TrialState.PRUNED, event.prune)
        return None

    def judge(self, event: TrialEnded) -> Ending:
        """The state in which the attempt, now over, leaves its trial."""
        if self.ending is not None and self.ending.state is TrialState.FAIL:
            return self.ending
        if event.outcome is Outcome.COMPLETED:
            return self._completed()
        if self.ending is not None:
            return self._stopped(self.ending)
        reason = event.reason or event.outcome.value
        if event.outcome is Outcome.TIMED_OUT and self.trained_all:
            return Ending(TrialState.COMPLETE, "")
        if event.outcome in HOPELESS or self.barren >= MAX_BARREN_ATTEMPTS:
            return Ending(TrialState.FAIL, reason)
        return Ending(TrialState.WAITING, reason)

    def waiting(self, event: TrialEnded) -> Waiting:
        """What the trial's next attempt needs to know."""
        out_of_memory = event.outcome is Outcome.OUT_OF_MEMORY
        return Waiting(
            epoch=self.epoch,
            value=self.value,
            spent_usd=self.waited.spent_usd + self.meter.cost(event.at),
            barren=self.barren,
            alone=self.waited.alone or (self.shared and out_of_memory),
            trained_s=self.waited.trained_s + max(0.0, event.at - self.meter.started_at),
            longest_s=self.waited.longest_s,
        )

    @property
    def for_cost(self) -> bool:
        """Whether a ceiling was what stopped it."""
        return self.ending is not None and self.ending.reason.startswith(COST_BUDGET)

    @property
    def may_count(self) -> bool:
        """Whether the trial could come to count; one told to stop may yet complete."""
        return self.ending is None or self.ending.state is not TrialState.FAIL

    @property
    def should_count(self) -> bool:
        """Whether the trial is expected to count."""
        return self.ending is None or self.ending.state is TrialState.PRUNED

    @property
    def trained_all(self) -> bool:
        """Whether the trial's last epoch has been measured."""
        return self.last is not None and self.last.epoch == self.epochs

    @property
    def epochs(self) -> int | None:
        """How many it shall train; None where that is no parameter of it."""
        epochs = self.params.get("epochs")
        return epochs if isinstance(epochs, int) else None

    @property
    def barren(self) -> int:
        """Attempts in a row, this one included, that ended by themselves without a new epoch."""
        if self.epoch_seconds:
            return 0
        return self.waited.barren + (self.ending is None)

    def _completed(self) -> Ending:
        if self.last is None:
            return Ending(TrialState.FAIL, "the trainer ended without one measurement")
        return Ending(TrialState.COMPLETE, "")

    def _stopped(self, ending: Ending) -> Ending:
        if self.trained_all:
            return Ending(TrialState.COMPLETE, "")
        # PRUNED keeps a last value; a trial that has none goes back and can be trained later.
        if ending.state is TrialState.PRUNED and self.value is None and not ending.final:
            return replace(ending, state=TrialState.WAITING)
        return ending


def cut_short(waiting: Mapping[int, Waiting], reason: str) -> list[Record]:
    """PRUNED for interrupted trials that no money is left for: each keeps what it had reached."""
    reached = {n: w.value for n, w in sorted(waiting.items()) if w.value is not None}
    return [Record(n, TrialState.PRUNED, value, 0.0, reason) for n, value in reached.items()]


def given_up(waiting: Mapping[int, Waiting]) -> list[Record]:
    """FAIL for trials that are not worth another attempt, as nobody lived to judge their last one.

    Such a trial may be what kills its orchestrator, and would do so for ever. What was stopped on
    purpose is not among its attempts here: see `Waiting.barren`.
    """
    hopeless = sorted(n for n, waited in waiting.items() if waited.barren >= MAX_BARREN_ATTEMPTS)
    reason = (
        f"given up: {MAX_BARREN_ATTEMPTS} attempts in a row ended without one new epoch, "
        "the last when its orchestrator vanished"
    )
    return [Record(trial, TrialState.FAIL, None, 0.0, reason) for trial in hopeless]
