"""One attempt at a trial, from `Launch` to `TrialEnded`: what is known of it, what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mcp_automl.domain.budget import Meter
from mcp_automl.domain.events import Measured, Outcome, Record, TrialEnded
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


@dataclass(slots=True)
class Flight:
    """An attempt; `ending` is set once it has been told to stop."""

    params: Params
    meter: Meter
    shared: bool
    """Whether other jobs may use its device."""
    waited: Waiting
    """What earlier attempts at the trial came to."""
    last: Measurement | None = None
    new_epochs: int = 0
    ending: Ending | None = None

    def remember(self, measurement: Measurement) -> None:
        """Takes note of an epoch. A resumed trainer repeats its checkpoint's, which is not new."""
        seen = max(self.waited.epoch, self.last.epoch if self.last is not None else 0)
        self.new_epochs += measurement.epoch > seen
        self.last = measurement

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
        last = 0 if self.last is None else self.last.epoch
        out_of_memory = event.outcome is Outcome.OUT_OF_MEMORY
        return Waiting(
            epoch=max(self.waited.epoch, last),
            barren=self.barren,
            alone=self.waited.alone or (self.shared and out_of_memory),
            trained_s=self.waited.trained_s + max(0.0, event.at - self.meter.started_at),
        )

    @property
    def trained_all(self) -> bool:
        """Whether the trial's last epoch has been measured."""
        return self.last is not None and self.last.epoch == self.params.get("epochs")

    @property
    def barren(self) -> int:
        """Attempts in a row, this one included, that ended by themselves without a new epoch."""
        if self.new_epochs:
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
        if ending.state is TrialState.PRUNED and self.last is None:
            return replace(ending, state=TrialState.WAITING)
        return ending


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
