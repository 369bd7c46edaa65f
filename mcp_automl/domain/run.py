"""One study's life: events in, commands out. Every decision about it is made here.

Theory of operation
-------------------
A `StudyRun` is built from a study's configuration and its history, and then told what happens. It
answers each event with the commands that follow from it, and touches nothing itself: no clock, no
await, no I/O. Whoever owns it (`orchestrator.py`) performs the commands in order and turns their
results into new events.

    slot is free      SlotOffered  -> Suggest | Decline
    sampler answered  Suggested    -> Launch | Record(WAITING)       (a stop may have come between)
    an epoch ended    Measured     -> GoOn | Stop                    (exactly one per measurement)
    job is over       TrialEnded   -> Record(COMPLETE|PRUNED|FAIL|WAITING)
    someone asked     Retargeted, StopRequested  -> Stop ...
    time passed       Ticked       -> Stop ...
    ... and whenever nothing is left to do: Finish, once, as the last command of all.

A trial between `Suggest` and `Record` is *in flight*. What is counted plus what is in flight never
exceeds `n_trials`. A trial that was told to stop remembers why: whatever its process does then, the
first reason decides its state, except that one which trained all its epochs is COMPLETE. A measurement
from a trial that is being stopped is answered with `Stop` again, because a worker waits for its reply.

After `Finish` every event is answered with nothing (a slot with `Decline`).
"""

import re
from dataclasses import dataclass, field, replace
from typing import assert_never

from mcp_automl.domain.budget import Budget, Meter
from mcp_automl.domain.events import (
    Command,
    Decline,
    Event,
    Finish,
    GoOn,
    Launch,
    Measured,
    Outcome,
    Record,
    Retargeted,
    SlotOffered,
    Stop,
    StopRequested,
    Suggest,
    Suggested,
    Ticked,
    TrialEnded,
)
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import (
    History,
    Measurement,
    StudyConfig,
    StudyState,
    TrialState,
    Waiting,
)

MAX_BARREN_ATTEMPTS = 3
"""Attempts in a row without one new epoch after which an interrupted trial is FAIL."""

MAX_FAILURES = 5
"""FAILs in a row with the same reason that end a study as FAILED."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a trial that is being stopped will be recorded as."""

    state: TrialState
    reason: str


@dataclass(slots=True)
class _Flight:
    """A job between `Launch` and `TrialEnded`."""

    params: Params
    meter: Meter
    shared: bool
    waited: Waiting
    last: Measurement | None = None
    new_epochs: int = 0
    ending: _Ending | None = None


@dataclass(slots=True)
class StudyRun:
    """The machine; see the top of this file.

    Args:
        config: what was asked for.
        history: what came of it so far.
        max_parallel: how many of its trials may be in flight at once.
    """

    config: StudyConfig
    history: History
    max_parallel: int
    finished: bool = field(default=False, init=False)
    _counted: int = field(init=False)
    _spent_usd: float = field(init=False)
    _waiting: dict[int, Waiting] = field(init=False)
    _failures: list[str] = field(init=False)
    _offers: dict[str, SlotOffered] = field(default_factory=dict, init=False)
    _flights: dict[int, _Flight] = field(default_factory=dict, init=False)
    _closing: Finish | None = field(default=None, init=False)
    _leaving: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._counted = self.history.counted
        self._spent_usd = self.history.spent_usd
        self._waiting = dict(self.history.waiting)
        self._failures = list(self.history.failures)

    @property
    def wants_slot(self) -> bool:
        """Whether a slot offered now would be used."""
        in_flight = len(self._offers) + len(self._flights)
        stopping = self._closing is not None or self._leaving or self.finished
        wanted = min(self.max_parallel, self.config.n_trials - self._counted)
        return not stopping and in_flight < wanted

    @property
    def wants_alone(self) -> bool:
        """Whether the next slot must be a whole device: its trial ran out of memory on a share."""
        return bool(self._waiting) and self._waiting[min(self._waiting)].alone

    @property
    def idle(self) -> bool:
        """Whether nothing of this study is in flight."""
        return not self._flights and not self._offers

    def handle(self, event: Event) -> list[Command]:
        """Takes what happened and returns what to do, in order."""
        if self.finished:
            return [Decline(event.slot)] if isinstance(event, SlotOffered) else []
        return [*self._handle(event), *self._finish_if_done()]

    def begin(self) -> list[Command]:
        """What follows from the history alone: `Finish` where nothing is left to do."""
        self._close_if_spent(at=0.0)
        return self._finish_if_done()

    def _handle(self, event: Event) -> list[Command]:
        match event:
            case SlotOffered():
                return self._offered(event)
            case Suggested():
                return self._suggested(event)
            case Measured():
                return self._measured(event)
            case TrialEnded():
                return self._ended(event)
            case StopRequested():
                return self._stop_requested(event)
            case Retargeted():
                return self._retargeted(event)
            case Ticked():
                return self._close_if_spent(event.at)
            case _:
                assert_never(event)

    def _offered(self, event: SlotOffered) -> list[Command]:
        if not self.wants_slot:
            return [Decline(event.slot)]
        self._offers[event.slot] = event
        return [Suggest(event.slot)]

    def _suggested(self, event: Suggested) -> list[Command]:
        offer = self._offers.pop(event.slot)
        waited = self._waiting.pop(event.trial, Waiting())
        if self._closing is not None or self._leaving or self._surplus() >= 0:
            self._waiting[event.trial] = waited
            interrupted = Record(event.trial, TrialState.WAITING, None, 0.0, "stopped before launch")
            return [interrupted, Decline(event.slot)]
        meter = Meter(started_at=event.at, usd_per_hour=offer.usd_per_hour)
        self._flights[event.trial] = _Flight(event.params, meter, offer.shared, waited)
        return [Launch(event.trial, event.params, event.slot)]

    def _surplus(self) -> int:
        """How many more trials are counted or running than were asked for; below 0 if fewer."""
        running = sum(f.ending is None for f in self._flights.values())
        return self._counted + running - self.config.n_trials

    def _measured(self, event: Measured) -> list[Command]:
        flight = self._flights.get(event.trial)
        if flight is None:
            return []
        if flight.ending is not None:
            return [Stop(event.trial, flight.ending.reason)]
        self._remember(flight, event.measurement)
        ending = self._verdict(flight, event)
        commands: list[Command] = []
        if ending is not None:
            commands.append(self._stop(event.trial, flight, ending))
        commands += self._close_if_spent(event.at)
        return commands if flight.ending is not None else [*commands, GoOn(event.trial)]

    def _remember(self, flight: _Flight, measurement: Measurement) -> None:
        # A resumed trainer repeats its checkpoint's measurement; it is new only to `last`.
        seen = flight.last.epoch if flight.last is not None else flight.waited.epoch
        flight.new_epochs += measurement.epoch > seen
        flight.last = measurement

    def _verdict(self, flight: _Flight, event: Measured) -> _Ending | None:
        objective, epoch = self.config.objective, event.measurement.epoch
        if objective.name not in event.measurement.metrics:
            return _Ending(TrialState.FAIL, f"the trainer reported no {objective.name}")
        if event.measurement.value(objective) is None:
            value = event.measurement.metrics[objective.name]
            return _Ending(
                TrialState.FAIL, f"diverged at epoch {epoch}: {objective.name} is {value}"
            )
        # Nothing is saved by pruning a trial that has trained all its epochs.
        if event.prune is not None and epoch != flight.params.get("epochs"):
            return _Ending(TrialState.PRUNED, event.prune)
        return None

    def _stop(self, trial: int, flight: _Flight, ending: _Ending) -> Command:
        flight.ending = ending
        return Stop(trial, ending.reason)

    def _stop_all(self, state: TrialState, reason: str) -> list[Command]:
        going = [(n, f) for n, f in self._flights.items() if f.ending is None]
        return [self._stop(n, f, _Ending(state, reason)) for n, f in going]

    def _close_if_spent(self, at: float) -> list[Command]:
        """Stops everything once the budget is reached, and launches nothing ever after."""
        budget = Budget(ceiling_usd=self.config.cost_budget_usd)
        meters = [flight.meter for flight in self._flights.values()]
        reason = budget.reached(self._spent_usd, meters, at)
        if reason is None or self._closing is not None or self._counted >= self.config.n_trials:
            return []
        self._closing = Finish(StudyState.COMPLETE, reason)
        return self._stop_all(TrialState.PRUNED, reason)

    def _ended(self, event: TrialEnded) -> list[Command]:
        flight = self._flights.pop(event.trial, None)
        if flight is None:
            return []
        cost = flight.meter.cost(event.at)
        self._spent_usd += cost
        ending = self._judge(flight, event)
        self._count(event, flight, ending)
        value = None if flight.last is None else flight.last.value(self.config.objective)
        record = Record(event.trial, ending.state, value, cost, ending.reason)
        return [record, *self._close_if_failing(), *self._close_if_spent(event.at)]

    def _judge(self, flight: _Flight, event: TrialEnded) -> _Ending:
        """The state that a job which has ended leaves its trial in."""
        if flight.ending is not None and flight.ending.state is TrialState.FAIL:
            return flight.ending
        if event.outcome is Outcome.COMPLETED:
            if flight.last is None:
                return _Ending(TrialState.FAIL, "the trainer ended without one measurement")
            return _Ending(TrialState.COMPLETE, "")
        if flight.ending is not None:
            # PRUNED keeps a last value; a trial that has none goes back and can be trained later.
            if flight.ending.state is TrialState.PRUNED and flight.last is None:
                return replace(flight.ending, state=TrialState.WAITING)
            return flight.ending
        if event.outcome is Outcome.RAISED or _barren(flight) >= MAX_BARREN_ATTEMPTS:
            return _Ending(TrialState.FAIL, event.reason or event.outcome.value)
        return _Ending(TrialState.WAITING, event.reason or event.outcome.value)

    def _count(self, event: TrialEnded, flight: _Flight, ending: _Ending) -> None:
        if ending.state is TrialState.WAITING:
            out_of_memory = event.outcome is Outcome.OUT_OF_MEMORY
            alone = flight.waited.alone or (flight.shared and out_of_memory)
            barren = flight.waited.barren if flight.ending is not None else _barren(flight)
            epoch = flight.waited.epoch if flight.last is None else flight.last.epoch
            self._waiting[event.trial] = Waiting(epoch=epoch, barren=barren, alone=alone)
        elif ending.state is TrialState.FAIL:
            self._failures.append(ending.reason)
        else:
            self._counted += 1
            self._failures.clear()

    def _close_if_failing(self) -> list[Command]:
        latest = self._failures[-MAX_FAILURES:]
        if len(latest) < MAX_FAILURES or len({_kind(reason) for reason in latest}) > 1:
            return []
        if self._closing is not None:
            return []
        reason = f"{MAX_FAILURES} trials in a row failed: {latest[-1]}"
        self._closing = Finish(StudyState.FAILED, reason)
        return self._stop_all(TrialState.WAITING, reason)

    def _stop_requested(self, event: StopRequested) -> list[Command]:
        reason = "stopped by the user" if event.by_user else "the orchestrator is leaving"
        self._leaving = self._leaving or not event.by_user
        if event.by_user and self._closing is None:
            self._closing = Finish(StudyState.STOPPED, reason)
        return self._stop_all(TrialState.WAITING, reason)

    def _retargeted(self, event: Retargeted) -> list[Command]:
        self.config = replace(
            self.config, n_trials=event.n_trials, cost_budget_usd=event.cost_budget_usd
        )
        # A larger budget may lift a closing that has not become a Finish yet.
        if self._closing is not None and self._closing.state is StudyState.COMPLETE:
            self._closing = None
        return [*self._stop_surplus(), *self._close_if_spent(event.at)]

    def _stop_surplus(self) -> list[Command]:
        reason = f"the study's total was lowered to {self.config.n_trials}"
        newest_first = sorted((n for n, f in self._flights.items() if f.ending is None), reverse=True)
        surplus = newest_first[: max(0, self._surplus())]
        ending = _Ending(TrialState.WAITING, reason)
        return [self._stop(n, self._flights[n], ending) for n in surplus]

    def _finish_if_done(self) -> list[Command]:
        if not self.idle or self._leaving or self.finished:
            return []
        if self._counted >= self.config.n_trials:
            done = Finish(StudyState.COMPLETE, f"all {self.config.n_trials} trials are done")
        elif self._closing is not None:
            done = self._closing
        else:
            return []
        self.finished = True
        return [done]


def _barren(flight: _Flight) -> int:
    """Attempts in a row, this one included, that brought no new epoch."""
    return 0 if flight.new_epochs else flight.waited.barren + 1


def _kind(reason: str) -> str:
    """A reason without its numbers: failures that differ only in these have one cause."""
    return re.sub(r"\d+(\.\d+)?", "#", reason)
