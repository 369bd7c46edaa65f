"""A study in simulated time: the product's `StudyRun`, with slots, a store and trainings for it."""

import heapq
import math
import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from mcp_automl.domain.budget import ENDING_SECONDS, ORPHAN_SECONDS
from mcp_automl.domain.events import (
    Command,
    Decline,
    Event,
    GoOn,
    Launch,
    Measured,
    Outcome,
    Record,
    SlotOffered,
    Stop,
    Suggest,
    Suggested,
    Ticked,
    TrialEnded,
)
from mcp_automl.domain.pace import EpochTime
from mcp_automl.domain.prices import charge
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.space import Int, Params, SearchSpace
from mcp_automl.domain.study import (
    History,
    Measurement,
    Objective,
    StudyConfig,
    TrialState,
    Waiting,
)

IN_FLIGHT = 3
TICK = 0.25
POLITE, STUBBORN = 1.0, 1.5
"""Seconds from a stop to the end of a process that heeds SIGTERM, and of one that does not."""
REAPED = 0.1
"""Seconds until the end of a process is known, at most."""
NOISE = 0.01
"""Of a measured value; trials differ by 0.05."""
OBJECTIVE = Objective(name="value", maximize=True)
BATCH_SIZES = (32, 64, 128, 256)


@dataclass(slots=True, kw_only=True)
class Plan:
    """One trial as it would go."""

    params: Params
    quality: float
    seconds: list[float]
    """Of each epoch."""
    start_s: float

    def value(self, epoch: int) -> float:
        return self.quality - 0.5 * math.exp(-epoch / 2)


@dataclass(slots=True, kw_only=True)
class Training:
    """A job under way."""

    usd_per_hour: float
    began: float
    epoch: int
    stopping: bool = False
    over: bool = False


@dataclass(slots=True)
class World:
    """A study's surroundings: its store, its slots and its clock."""

    random: random.Random
    n_trials: int
    plans: list[Plan]
    prices: list[float]
    stubborn: bool
    budget: float
    kill_at: float = math.inf
    now: float = 0.0
    spent: float = 0.0
    states: dict[int, TrialState] = field(default_factory=dict)
    leader: int | None = None
    killed: bool = False
    _run: StudyRun = field(init=False)
    _free: list[int] = field(init=False)
    _jobs: dict[int, Training] = field(default_factory=dict)
    _due: list[tuple[float, int, Event]] = field(default_factory=list)
    _epochs: dict[int, int] = field(default_factory=dict)
    _costs: dict[int, float] = field(default_factory=dict)
    _times: list[EpochTime] = field(default_factory=list)
    _slots: dict[int, int] = field(default_factory=dict)
    _sent: int = 0

    @property
    def budget_s(self) -> float:
        """Seconds of a slot that the budget pays for."""
        return self.budget / charge(1.0, statistics.fmean(self.prices))

    def live(self) -> None:
        """The study from its start to its end."""
        self._start(History(waiting={}))
        while not self._run.finished:
            self._offer()
            if self.now >= self.kill_at:
                self._kill()
            event = heapq.heappop(self._due)[2] if self._next_at() <= self.now else None
            if event is not None:
                self._tell(event)
                continue
            if self._run.finished:
                break
            self._tell(Ticked(self.now))
            self.now = min(self.now + TICK, max(self.now, self._next_at()))

    def _start(self, history: History) -> None:
        config = StudyConfig(
            name="study",
            model="model",
            objectives=(OBJECTIVE,),
            space=SearchSpace({"epochs": Int(low=1, high=10)}),
            default={"epochs": 1},
            n_trials=self.n_trials,
            epochs_max=len(self.plans[0].seconds) or 1,
            cost_budget_usd=self.budget,
        )
        self._run = StudyRun(config, history, IN_FLIGHT)
        self._free = list(range(len(self.prices)))
        self._perform(self._run.begin())

    def _offer(self) -> None:
        while self._free and self._run.wants_slot:
            slot = self._free.pop(0)
            self._tell(SlotOffered(str(slot), self.prices[slot], device="cpu"))

    def _tell(self, event: Event) -> None:
        if isinstance(event, Measured | TrialEnded):
            job = self._jobs.get(event.trial)
            if job is None or job.over or (job.stopping and isinstance(event, Measured)):
                return
        if isinstance(event, Measured):
            self._note(event)
        if isinstance(event, TrialEnded):
            self._end(event.trial)
        self._perform(self._run.handle(event))

    def _perform(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Suggest(slot):
                    self._suggest(slot)
                case Launch(trial):
                    self._launch(trial)
                case GoOn(trial):
                    self._train(trial)
                case Stop(trial, reason):
                    self._stop(trial, reason)
                case Record(trial, state):
                    self.states[trial] = state
                case Decline(slot):
                    self._free.append(int(slot))

    def _suggest(self, slot: str) -> None:
        waiting = [n for n, state in self.states.items() if state is TrialState.WAITING]
        number = min(waiting, default=len(self.states))
        self.states[number] = TrialState.RUNNING
        self._slots[number] = int(slot)
        self._tell(Suggested(slot, number, self.plans[number].params, self.now))

    def _launch(self, trial: int) -> None:
        price = self.prices[self._slots[trial]]
        self._jobs[trial] = Training(
            usd_per_hour=price, began=self.now, epoch=self._epochs.get(trial, 0)
        )
        self._train(trial, self.plans[trial].start_s)

    def _train(self, trial: int, start_s: float = 0.0) -> None:
        plan, job = self.plans[trial], self._jobs[trial]
        if job.epoch == len(plan.seconds):
            self._at(self.now + REAPED, TrialEnded(trial, Outcome.COMPLETED, self.now + REAPED))
            return
        seconds = plan.seconds[job.epoch]
        job.epoch += 1
        at = self.now + start_s + seconds
        metrics = {OBJECTIVE.name: self.random.gauss(plan.value(job.epoch), NOISE)}
        measurement = Measurement(epoch=job.epoch, metrics=metrics, seconds=seconds)
        self._at(at, Measured(trial, measurement, at))

    def _stop(self, trial: int, reason: str) -> None:
        if self.leader is None and reason.startswith("cost budget"):
            self.leader = self._payable_leader()
        job = self._jobs[trial]
        if job.stopping:
            return
        job.stopping = True
        waits = STUBBORN if self.stubborn else self.random.uniform(0.0, POLITE)
        at = self.now + waits + REAPED
        self._at(at, TrialEnded(trial, Outcome.STOPPED, at))

    def _payable_leader(self) -> int | None:
        """The best measured trial in flight, if the budget could pay what it has to train yet."""
        measured = [trial for trial in self._jobs if self._epochs.get(trial)]
        if not measured:
            return None
        leader = max(measured, key=lambda trial: self.plans[trial].quality)
        job = self._jobs[leader]
        to_train = sum(self.plans[leader].seconds[self._epochs.get(leader, 0) :])
        running = sum(
            charge(self.now - job.began + ENDING_SECONDS, job.usd_per_hour)
            for job in self._jobs.values()
        )
        left = self.budget - self.spent - running
        return leader if charge(to_train, job.usd_per_hour) <= left else None

    def _note(self, event: Measured) -> None:
        self._epochs[event.trial] = event.measurement.epoch
        batch_size = self.plans[event.trial].params["batch_size"]
        seconds = event.measurement.seconds
        self._times.append(EpochTime(seconds=seconds, batch_size=batch_size, device="cpu"))

    def _end(self, trial: int, at: float | None = None) -> None:
        job = self._jobs.pop(trial)
        cost = charge((self.now if at is None else at) - job.began, job.usd_per_hour)
        self.spent += cost
        self._costs[trial] = self._costs.get(trial, 0.0) + cost
        self._free.append(self._slots[trial])

    def _kill(self) -> None:
        """Kills the orchestrator; the next one goes on with what is stored."""
        self.kill_at, self.killed = math.inf, True
        for trial in tuple(self._jobs):
            self._end(trial, self.now + ORPHAN_SECONDS)
            self.states[trial] = TrialState.WAITING
        self.now += ORPHAN_SECONDS
        self._due.clear()
        waiting = {n: self._waiting(n) for n, s in self.states.items() if s is TrialState.WAITING}
        history = History(
            counted=sum(state.counts for state in self.states.values()),
            waiting={n: w for n, w in waiting.items() if n in self._costs},
            spent_usd=self.spent,
            epochs=tuple(self._times),
        )
        self._start(history)

    def _waiting(self, trial: int) -> Waiting:
        epoch = self._epochs.get(trial, 0)
        value = self.plans[trial].value(epoch) if epoch else None
        return Waiting(epoch=epoch, value=value, spent_usd=self._costs.get(trial, 0.0))

    def _at(self, at: float, event: Event) -> None:
        self._sent += 1
        heapq.heappush(self._due, (at, self._sent, event))

    def _next_at(self) -> float:
        return self._due[0][0] if self._due else math.inf
