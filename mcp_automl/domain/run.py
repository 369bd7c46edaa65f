"""One study's life: events in, commands out. Every decision about it is made here.

Theory of operation
-------------------
A `StudyRun` is built from a study's configuration and its history, and then told what happens. It
answers each event with the commands that follow from it, and touches nothing itself. Whoever owns
it (`performer.py`) performs the commands in order and turns their results into new events.

    slot is free      SlotOffered  -> Suggest | Decline
    sampler answered  Suggested    -> Launch | Record(WAITING)       (a stop may have come between)
    an epoch ended    Measured     -> GoOn | Stop                    (exactly one per measurement)
    job is over       TrialEnded   -> Record(COMPLETE|PRUNED|FAIL|WAITING)
    someone asked     Retargeted, StopRequested  -> Stop ...
    time passed       Ticked       -> Stop ...
    ... and whenever nothing is left to do: Finish, once; after it, a slot is answered with Decline.

A trial between `Suggest` and `Record` is *in flight*. Nothing is launched while what is counted and
what is in flight come to `n_trials`; only a total that is lowered later can be exceeded.

A trial that was told to stop remembers why (`flight.py`), and the first reason decides its state,
unless its last epoch was measured or it diverged. A measurement from a trial that is being stopped
is answered with `Stop` again, because a worker waits for its reply.

Money is counted in `spending.py`. The budget stops single trials; the study finishes when the rest
pays for no epoch of another trial and nothing is in flight.

A study that is closing (stopped, failing) has told everything to stop. Being asked for again lifts
that: what was interrupted is launched anew. Nothing lifts the orchestrator's leaving, and a run
that leaves never finishes its study.
"""

from dataclasses import dataclass, field
from typing import assert_never

from mcp_automl.domain.events import (
    Command,
    Decline,
    Event,
    Finish,
    GoOn,
    Launch,
    Measured,
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
from mcp_automl.domain.failures import common_failure, second_chance
from mcp_automl.domain.flight import Ending, Flight, cut_short, given_up
from mcp_automl.domain.spending import Spending, budget_of, spending_of
from mcp_automl.domain.study import (
    STOPPED_BY_USER,
    History,
    StudyConfig,
    StudyState,
    TrialState,
    Waiting,
)

LEAVING = "the orchestrator is leaving"
LOWERED = "the study's total was lowered to {}"


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
    _spending: Spending = field(init=False)
    _now: float = field(default=0.0, init=False)
    _waiting: dict[int, Waiting] = field(init=False)
    _failures: list[str] = field(init=False)
    _offers: dict[str, SlotOffered] = field(default_factory=dict, init=False)
    _flights: dict[int, Flight] = field(default_factory=dict, init=False)
    _closing: Finish | None = field(default=None, init=False)
    _leaving: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._counted = self.history.counted
        self._spending = spending_of(self.config, self.history)
        self._waiting = dict(self.history.waiting)
        self._failures = second_chance(self.history.failures, self.max_parallel)

    @property
    def in_flight(self) -> int:
        """How many slots it holds."""
        return len(self._offers) + len(self._flights)

    @property
    def wants_slot(self) -> bool:
        """Whether a slot offered now would be used."""
        wanted = min(self.max_parallel, self.config.n_trials - self._counted)
        if self._closing is not None or self._leaving or self.finished or self.in_flight >= wanted:
            return False
        return not self._shortage

    @property
    def wants_alone(self) -> bool:
        """Whether the next slot must be a whole device: its trial ran out of memory on a share."""
        return bool(self._waiting) and self._waiting[min(self._waiting)].alone

    @property
    def has_left(self) -> bool:
        """Whether it was asked to leave, and nothing of it is in flight any more."""
        return self._leaving and not self.in_flight

    def handle(self, event: Event) -> list[Command]:
        """Takes what happened and returns what to do, in order."""
        if self.finished:
            return [Decline(event.slot)] if isinstance(event, SlotOffered) else []
        if not isinstance(event, SlotOffered | StopRequested):
            self._now = max(self._now, event.at)  # An end may be told late.
        return [*self._handle(event), *self._finish_if_done()]

    def begin(self) -> list[Command]:
        """What follows from the history alone: who is given up, `Finish` if nothing is to do."""
        hopeless = given_up(self._waiting)
        self._failures += [record.reason for record in hopeless]
        for record in hopeless:
            del self._waiting[record.trial]
        return [*hopeless, *self._close_if_failing(), *self._finish_if_done()]

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
                return self._stop_starved()
            case _:
                assert_never(event)

    def _offered(self, event: SlotOffered) -> list[Command]:
        self._spending.offered(event)
        if not self.wants_slot:
            return [Decline(event.slot)]
        self._offers[event.slot] = event
        return [Suggest(event.slot)]

    def _suggested(self, event: Suggested) -> list[Command]:
        offer = self._offers.pop(event.slot)
        waited = self._waiting.pop(event.trial, Waiting())
        obstacle = self._obstacle(waited, offer)
        if not obstacle and (exhausted := self._spending.exhausted(event.params, waited, offer)):
            self._counted += 1
            pruned = Record(event.trial, TrialState.PRUNED, waited.value, 0.0, exhausted)
            return [pruned, Decline(event.slot)]
        obstacle = obstacle or self._spending.refusal(
            event.params, offer, self._flights, event.at, shares=self._shares
        )
        if obstacle:
            self._waiting[event.trial] = waited
            reason = f"not launched: {obstacle}"
            back = Record(event.trial, TrialState.WAITING, None, 0.0, reason)
            return [back, Decline(event.slot)]
        self._flights[event.trial] = Flight.begun(event, offer, waited)
        return [Launch(event.trial, event.params, event.slot, waited.trained_s)]

    def _obstacle(self, waited: Waiting, offer: SlotOffered) -> str:
        """Why a suggested trial cannot be launched in that slot; empty if it can."""
        if self._closing is not None:
            return self._closing.reason
        if self._leaving:
            return LEAVING
        may_count = sum(flight.may_count for flight in self._flights.values())
        if self._counted + may_count >= self.config.n_trials:
            return LOWERED.format(self.config.n_trials)
        return "it needs a device for itself" if waited.alone and offer.shared else ""

    def _measured(self, event: Measured) -> list[Command]:
        flight = self._flights.get(event.trial)
        if flight is None:
            return []
        flight.remember(event, self.config.objective)
        self._spending.measured(event, flight)
        verdict = flight.verdict(event, self.config.objective)
        if flight.ending is not None:
            # The first reason stands, but a trial that diverged must not be kept as anything else.
            if verdict is not None and verdict.state is TrialState.FAIL:
                flight.ending = verdict
            return [Stop(event.trial, flight.ending.reason)]
        commands = [] if verdict is None else [self._stop(event.trial, verdict)]
        commands += self._stop_starved()
        return [*commands, GoOn(event.trial)] if flight.ending is None else commands

    def _going(self) -> list[int]:
        """Trials in flight that were not told to stop."""
        return [n for n, flight in self._flights.items() if flight.ending is None]

    def _stop(self, trial: int, ending: Ending) -> Command:
        self._flights[trial].end(ending, self._now)
        return Stop(trial, ending.reason)

    def _interrupt_all(self, reason: str) -> list[Command]:
        return [self._stop(n, Ending(TrialState.WAITING, reason)) for n in self._going()]

    @property
    def _shares(self) -> int:
        """Among how many trials the budget is divided while no forecast says how."""
        wanted = min(self.max_parallel, self.config.n_trials - self._counted)
        return max(1, wanted, len(self._flights))

    def _stop_starved(self) -> list[Command]:
        """Stops the trials that have come to the end of what the budget has for them."""
        stops = self._spending.stops(self._flights, self._now, shares=self._shares)
        return [self._stop(n, ending) for n, ending in stops]

    @property
    def _shortage(self) -> str:
        """Why the rest pays for no further trial; empty while it may."""
        return self._spending.shortage(self._flights, self._now, shares=self._shares)

    def _ended(self, event: TrialEnded) -> list[Command]:
        flight = self._flights.pop(event.trial, None)
        if flight is None:
            return []
        cost = self._spending.ended(flight, event.at)
        ending = flight.judge(event)
        self._count(event, flight, ending)
        value = flight.value if ending.state.counts else None
        record = Record(event.trial, ending.state, value, cost, ending.reason)
        return [record, *self._close_if_failing()]

    def _count(self, event: TrialEnded, flight: Flight, ending: Ending) -> None:
        if ending.state is TrialState.WAITING:
            self._waiting[event.trial] = flight.waiting(event)
        elif ending.state is TrialState.FAIL:
            self._failures.append(ending.reason)
        else:
            self._counted += 1
            self._failures.clear()

    def _close_if_failing(self) -> list[Command]:
        reason = common_failure(self._failures, replaced=self.config.job is None)
        if reason is None or self._closing is not None:
            return []
        self._closing = Finish(StudyState.FAILED, reason)
        return self._interrupt_all(reason)

    def _stop_requested(self, event: StopRequested) -> list[Command]:
        reason = STOPPED_BY_USER if event.by_user else LEAVING
        self._leaving = self._leaving or not event.by_user
        if event.by_user and self._closing is None:
            self._closing = Finish(StudyState.STOPPED, reason)
        return self._interrupt_all(reason)

    def _retargeted(self, event: Retargeted) -> list[Command]:
        self.config = event.config
        self._spending.changed(budget_of(self.config))
        self._closing = None
        self._failures = second_chance(self._failures, self.max_parallel)
        return [*self._stop_surplus(), *self._stop_starved()]

    def _stop_surplus(self) -> list[Command]:
        counting = sum(flight.should_count for flight in self._flights.values())
        surplus = max(0, self._counted + counting - self.config.n_trials)
        newest_first = sorted(self._going(), reverse=True)
        ending = Ending(TrialState.WAITING, LOWERED.format(self.config.n_trials))
        return [self._stop(n, ending) for n in newest_first[:surplus]]

    def _finish_if_done(self) -> list[Command]:
        if self.in_flight or self._leaving or self.finished:
            return []
        shortage = self._shortage
        if self._counted >= self.config.n_trials:
            n = self.config.n_trials
            reason = "its only trial is done" if n == 1 else f"all {n} trials are done"
            done = Finish(StudyState.COMPLETE, reason)
        elif self._closing is not None:
            done = self._closing
        elif shortage:
            done = Finish(StudyState.COMPLETE, shortage)
        else:
            return []
        self.finished = True
        return [*(cut_short(self._waiting, shortage) if done.reason == shortage else ()), done]
