"""Whole studies in a random world, on which only the promises are checked.

The world does whatever the real one could: slots come unasked, workers are killed, raise, run out
of memory or ignore their stop, users stop, restart and change their minds, money runs out. Time is
a number; a job that was told to stop is gone within `STOP_SECONDS`, as the executor promises.
"""

import math
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from mcp_automl.domain.budget import STOP_SECONDS
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
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import Measurement, StudyState, TrialState, Waiting
from tests.studies_for_tests import DOLLAR_A_SECOND, a_config, a_run

TICK = 0.2
WAYS_TO_END = [Outcome.KILLED, Outcome.OUT_OF_MEMORY, Outcome.RAISED]


@dataclass
class Job:
    slot: str
    epochs: int
    started_at: float
    epoch: int = 0
    stopped_at: float | None = None


@dataclass
class World:
    """Performs commands, makes events, and asserts what was promised."""

    seed: int
    run: StudyRun = field(init=False)
    now: float = 0.0
    asked_for: int = 0
    most_asked_for: int = 0
    ceiling: float | None = None
    asking: list[str] = field(default_factory=list)
    jobs: dict[int, Job] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    states: dict[int, TrialState] = field(default_factory=dict)
    records: Counter[int] = field(default_factory=Counter)
    launches: Counter[int] = field(default_factory=Counter)
    not_launched: int = 0
    spent: float = 0.0
    charged: float = 0.0
    finish: Finish | None = None
    leaving: bool = False
    restarts: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.asked_for = self.most_asked_for = self.random.randint(1, 12)
        self.ceiling = self.random.choice([None, 12.0, 24.0, 48.0])
        self.busybody = self.random.choice([0.0, 0.01, 0.05])
        luck = [(0.1, WAYS_TO_END), (0.4, WAYS_TO_END), (0.9, [Outcome.RAISED])]
        self.bad_luck, self.ways_to_end = self.random.choice(luck)
        self.open()

    def open(self) -> None:
        """Takes the study up from what is stored, as an orchestrator does."""
        assert not self.jobs
        waiting = {trial: Waiting(epoch=1, value=0.5) for trial in self.waiting}
        self.run = a_run(
            n_trials=self.asked_for,
            budget=self.ceiling,
            counted=self.finished,
            spent=self.charged,
            waiting=waiting,
        )
        self.leaving = False
        self.perform(self.run.begin())

    # --- commands ---

    def tell(self, event: Event) -> list[Command]:
        commands = self.run.handle(event)
        self.perform(commands)
        return commands

    def perform(self, commands: list[Command]) -> None:
        for command in commands:
            late = self.finish is not None and not isinstance(command, Decline)
            assert not late, "nothing follows the finish"
            self.perform_one(command)

    def perform_one(self, command: Command) -> None:
        match command:
            case Suggest(slot):
                self.asking.append(slot)
            case Launch(trial, params, slot):
                self.launch(trial, slot, int(str(params["epochs"])))
            case Stop(trial, reason):
                assert reason
                job = self.jobs[trial]
                job.stopped_at = self.now if job.stopped_at is None else job.stopped_at
            case Record():
                self.record(command)
            case Finish():
                assert not self.jobs
                assert not self.asking
                assert not self.leaving
                self.finish = command
            case Decline() | GoOn():
                pass

    def launch(self, trial: int, slot: str, epochs: int) -> None:
        assert trial not in self.jobs
        assert self.finished + len(self.jobs) < self.asked_for
        self.launches[trial] += 1
        self.jobs[trial] = Job(slot, epochs, self.now)

    def record(self, record: Record) -> None:
        assert record.trial not in self.jobs, "the process is gone before its trial is recorded"
        assert self.states.get(record.trial, TrialState.WAITING) is TrialState.WAITING
        assert (record.reason == "") == (record.state is TrialState.COMPLETE)
        assert record.state.counts == (record.value is not None and math.isfinite(record.value))
        self.records[record.trial] += 1
        if record.trial in self.waiting:
            # Interrupted, and then no money was left for it.
            assert record.state is TrialState.PRUNED
            self.waiting.discard(record.trial)
            self.not_launched += 1
        self.states[record.trial] = record.state
        self.charged += record.cost_usd
        if record.state is TrialState.WAITING:
            self.waiting.add(record.trial)

    @property
    def finished(self) -> int:
        return sum(state.counts for state in self.states.values())

    # --- events ---

    def pass_time(self) -> None:
        self.now += self.random.uniform(0.0, TICK)
        self.tell(Ticked(self.now))
        for trial, job in list(self.jobs.items()):
            if job.stopped_at is not None and self.now - job.stopped_at > STOP_SECONDS - 2 * TICK:
                self.end(trial, Outcome.STOPPED)

    def offer(self) -> None:
        taken = {job.slot for job in self.jobs.values()} | set(self.asking)
        slot = min({f"slot-{n}" for n in range(5)} - taken)
        alone = self.run.wants_alone and self.random.random() < 0.9
        self.tell(SlotOffered(slot, DOLLAR_A_SECOND, not alone))

    def suggest(self) -> None:
        if not self.asking:
            return
        slot = self.asking.pop(self.random.randrange(len(self.asking)))
        new = len(self.epochs)
        trial = min(self.waiting, default=new)
        self.waiting.discard(trial)
        epochs = self.epochs.setdefault(trial, self.random.randint(1, 5))
        self.not_launched += 1
        commands = self.tell(Suggested(slot, trial, {"epochs": epochs}, self.now))
        self.not_launched -= any(isinstance(command, Launch) for command in commands)

    def measure(self) -> None:
        measuring = [n for n, job in self.jobs.items() if job.epoch < job.epochs]
        if not measuring:
            return
        trial = self.random.choice(measuring)
        self.jobs[trial].epoch += 1
        value = math.nan if self.random.random() < 0.02 else self.random.random()
        metrics = {"val_accuracy": value}
        epoch = Measurement(epoch=self.jobs[trial].epoch, metrics=metrics, seconds=1.0)
        prune = "behind" if self.random.random() < 0.1 else None
        commands = self.tell(Measured(trial, epoch, self.now, prune))
        replies = [c for c in commands if isinstance(c, GoOn | Stop) and c.trial == trial]
        assert len(replies) == 1, "a worker waits for exactly one reply"

    def end_one(self) -> None:
        if not self.jobs:
            return
        trial = self.random.choice(list(self.jobs))
        job = self.jobs[trial]
        if job.epoch == job.epochs:
            self.end(trial, Outcome.COMPLETED)
        elif job.stopped_at is not None:
            self.end(trial, Outcome.STOPPED)
        elif self.random.random() < self.bad_luck:
            self.end(trial, self.random.choice(self.ways_to_end))

    def end(self, trial: int, outcome: Outcome) -> None:
        job = self.jobs.pop(trial)
        self.spent += (self.now - job.started_at) * DOLLAR_A_SECOND / 3600
        self.tell(TrialEnded(trial, outcome, self.now, f"{outcome.value} at {self.now}"))

    def interfere(self) -> None:
        if self.random.random() < 0.5:
            by_user = self.random.random() < 0.7
            self.leaving = self.leaving or not by_user
            self.tell(StopRequested(by_user))
            return
        self.asked_for = max(1, self.asked_for + self.random.randint(-2, 3))
        self.most_asked_for = max(self.asked_for, self.most_asked_for)
        if self.ceiling is not None:
            self.ceiling += self.random.randint(0, 20)
        config = a_config(n_trials=self.asked_for, budget=self.ceiling)
        self.tell(Retargeted(config, self.now))

    def start_again(self) -> None:
        """A stopped study is asked for again, one that was left is taken up by somebody else."""
        stopped = self.finish is not None and self.finish.state is StudyState.STOPPED
        if stopped or (self.leaving and not self.run.in_flight):
            self.restarts += 1
            self.finish = None
            self.open()

    def step(self, *, calm: bool = False) -> None:
        self.pass_time()
        if not calm and self.random.random() < self.busybody:
            self.interfere()
        actions = [self.suggest, self.measure, self.measure, self.end_one]
        if self.run.wants_slot or (not calm and self.random.random() < 0.1):
            actions.append(self.offer)
        self.random.choice(actions)()
        self.start_again()

    def live(self) -> None:
        """Lives through the study: some wild days, and then calm ones until it ends."""
        for day in range(3000):
            if self.finish is not None:
                return
            self.step(calm=day > 300)


@pytest.mark.parametrize("batch", range(20))
def test_in_a_random_world_every_promise_is_kept_until_the_study_ends(batch: int) -> None:
    for seed in range(batch * 10, batch * 10 + 10):
        world = World(seed)
        world.live()
        assert world.finish is not None, f"seed {seed}: the study never ends"
        assert sum(world.records.values()) == sum(world.launches.values()) + world.not_launched
        assert world.charged == pytest.approx(world.spent)
        assert world.finished <= world.most_asked_for
        assert world.finished >= world.asked_for or not world.finish.reason.startswith("all")
        assert world.ceiling is None or world.spent <= world.ceiling


def test_the_random_world_does_all_that_it_claims_to() -> None:
    worlds = [World(seed) for seed in range(200)]
    for world in worlds:
        world.live()
    states = Counter(state for world in worlds for state in world.states.values())
    ends = Counter(world.finish.reason[:11] for world in worlds if world.finish is not None)

    assert min(states[state] for state in TrialState if state.is_finished) > 50
    assert min(ends["cost budget"], ends["5 trials in"], sum(w.restarts for w in worlds)) > 5
