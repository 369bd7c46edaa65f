"""The use cases over a registry in memory, and answers to make texts from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from mcp_automl.answers import Comparison, RunningTrial, Started, StudyStatus
from mcp_automl.archive import Removed
from mcp_automl.catalog import Catalog
from mcp_automl.domain.costs import GroupBy, Spent
from mcp_automl.domain.errors import NameTaken, StudyRuns
from mcp_automl.domain.leaderboard import top
from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.queue import Holding
from mcp_automl.domain.quote import TrialCost
from mcp_automl.domain.savings import PrunedTrial, Savings
from mcp_automl.domain.space import Categorical, Float, Int, Params, SearchSpace
from mcp_automl.domain.study import (
    COUNTED,
    STOPPED_BY_USER,
    Measurement,
    Objective,
    Study,
    StudyConfig,
    StudyState,
    Target,
    Trial,
    TrialState,
)
from mcp_automl.domain.workspace import Backlog, OrchestratorSign
from mcp_automl.launcher import Launcher
from mcp_automl.service import Service
from mcp_automl.settings import Settings

NOW = 1_800_000_000.0
MNIST = "MNIST, 50000 train / 10000 validation"
SPACE = SearchSpace(
    {
        "lr": Float(low=1e-5, high=1e-2, log=True),
        "batch_size": Categorical(choices=(32, 64, 128, 256)),
        "epochs": Int(low=1, high=5),
    }
)
BEST: Params = {"lr": 0.001547, "batch_size": 128, "epochs": 4}


class Cues:
    """A `Changes` that never rests: every look finds that something may have been written."""

    def __init__(self, written: Callable[[], None]) -> None:
        self._written = written

    async def changed(self) -> None:
        self._written()

    def close(self) -> None:
        """There is nothing to be given back."""


class FakeRegistry:
    """A `StudyRegistry` whose trials are put in by hand."""

    def __init__(self) -> None:
        self.stored: dict[str, Study] = {}
        self.put: dict[str, list[Trial]] = {}
        self.writes = 0
        self.sign: OrchestratorSign | None = None
        self.leave_for = ""
        self.waiting = Backlog(entries=0, since=None)
        self.write_more: Callable[[], None] = lambda: None
        """What others write whenever somebody waits for it."""

    def create(self, config: StudyConfig) -> Study:
        if config.name.lower() in self.stored:
            raise NameTaken()
        self.writes += 1
        study = a_study(state=StudyState.QUEUED, config=config, id=len(self.stored) + 1, data="")
        self.stored[config.name.lower()] = study
        return study

    def retarget(self, study_id: int, target: Target) -> Study:
        self.writes += 1
        name, study = next((n, s) for n, s in self.stored.items() if s.id == study_id)
        config = target.applied_to(study.config)
        self.stored[name] = replace(
            study, config=config, state=StudyState.QUEUED, stop_requested=False
        )
        return self.stored[name]

    def stop(self, study_id: int) -> Study:
        self.writes += 1
        name, study = next((n, s) for n, s in self.stored.items() if s.id == study_id)
        stopped = replace(study, revision=study.revision + 1, stop_requested=True)
        if study.state is StudyState.QUEUED:
            stopped = replace(
                stopped, state=StudyState.STOPPED, reason=STOPPED_BY_USER, stop_requested=False
            )
        self.stored[name] = stopped
        return stopped

    def add(self, study: Study, trials: Sequence[Trial] = ()) -> None:
        self.stored[study.config.name.lower()] = study
        self.put[study.config.name.lower()] = list(trials)

    def find(self, name: str) -> Study | None:
        return self.stored.get(name.lower())

    def studies(self) -> Sequence[Study]:
        return list(reversed(self.stored.values()))

    def progress(self, study: Study) -> Progress:
        trials = self._trials(study)
        counts = {state: sum(t.state is state for t in trials) for state in TrialState}
        cost = sum(trial.cost_usd for trial in trials)
        return Progress(counts=counts, cost_usd=cost, finished_seconds=(10.0,) if trials else ())

    def trials(self, study: Study, states: Sequence[TrialState]) -> Sequence[Trial]:
        return [replace(t, params={}) for t in self._trials(study) if t.state in states]

    def view(self) -> AbstractContextManager[None]:
        return nullcontext()

    def leading(self, study: Study, most: int) -> Sequence[Trial]:
        return top(self.trials(study, COUNTED), study.config.objective, most)

    def trial(self, study: Study, number: int) -> Trial:
        found = [trial for trial in self._trials(study) if trial.number == number]
        if not found:
            raise LookupError(number)
        return found[0]

    def last_measurement(self, study: Study, number: int) -> Measurement | None:
        return None

    def orchestrator(self) -> OrchestratorSign | None:
        return self.sign

    def ask_to_leave(self, sign: OrchestratorSign, version: str) -> bool:
        first = self.leave_for == ""
        self.leave_for = version
        return first

    def backlog(self) -> Backlog:
        return self.waiting

    def marks(self) -> Mapping[str, object]:
        return {s.config.name: (s.state, len(self._trials(s))) for s in self.stored.values()}

    def changes(self) -> Cues:
        return Cues(self.write_more)

    def work_waits(self) -> bool:
        should_run = any(study.state.should_run for study in self.stored.values())
        return should_run or self.waiting.entries > 0

    def _trials(self, study: Study) -> list[Trial]:
        return self.put.get(study.config.name.lower(), [])


class FakeAccounts:
    """`Accounts` that are put in by hand."""

    def __init__(self, *parts: Spent) -> None:
        self.parts = parts
        self.asked: list[tuple[GroupBy, float | None]] = []
        self.put: list[PrunedTrial] = []
        self.trials: list[TrialCost] = []
        self.looked_up: list[str] = []
        """The studies for which finished trials were looked up."""

    def spent(self, group_by: GroupBy, since: float | None) -> Sequence[Spent]:
        self.asked.append((group_by, since))
        return self.parts

    def finished(self, config: StudyConfig) -> Sequence[TrialCost]:
        self.looked_up.append(config.name)
        return self.trials

    def pruned(self, study: Study) -> Sequence[PrunedTrial]:
        return self.put


class FakeArchive:
    """An `Archive` of the studies in a registry."""

    def __init__(self, registry: FakeRegistry) -> None:
        self._registry = registry
        self._gone: list[int] = []

    def parameters(self, study: Study) -> Sequence[str]:
        return list(study.config.space.parameters)

    def measurements(self, study: Study, number: int) -> Sequence[Measurement]:
        objective = study.config.objective.name
        trial = self._registry.trial(study, number)
        epochs = range(1, trial.epoch + 1)
        return [Measurement(epoch=n, metrics={objective: n / 10}, seconds=1.0) for n in epochs]

    def trials(self, study: Study) -> Iterator[Trial]:
        yield from self._registry.put.get(study.config.name.lower(), [])

    def chosen(self, study: Study, numbers: Sequence[int]) -> Sequence[Trial]:
        by_number = {trial.number: trial for trial in self.trials(study)}
        return [by_number[number] for number in numbers]

    def costs(self, study: Study) -> Mapping[int, float]:
        return {trial.number: trial.cost_usd for trial in self.trials(study)}

    def curves(self, study: Study, numbers: Sequence[int]) -> Mapping[int, Mapping[int, float]]:
        return {}

    def attempts(self, study: Study, most: int) -> tuple[Sequence[Occupation], int]:
        return [], 0

    def delete(self, study: Study) -> Removed:
        name = study.config.name.lower()
        if self._registry.stored[name].state.should_run:
            raise StudyRuns
        del self._registry.stored[name]
        trials = self._registry.put.pop(name, [])
        self._gone.append(study.id)
        return Removed(trials=len(trials), cost_usd=sum(trial.cost_usd for trial in trials))

    def deleted(self) -> Sequence[int]:
        return self._gone


class FakeJobs:
    """A `JobStore` without any."""

    def create(self, config: StudyConfig, data_of: Study | None) -> Study:
        raise NotImplementedError

    def find(self, job: str) -> Study | None:
        return None

    def latest(self, limit: int) -> Sequence[Study]:
        return []

    def unfinished(self) -> Sequence[Study]:
        return []

    def verifying(self, study: Study, params: Params) -> Study | None:
        return None

    def runs(self, job: Study) -> Sequence[Trial]:
        return []

    def holdings(self) -> Sequence[Holding]:
        return []

    def served_at(self, study: Study) -> float:
        return study.created_at


def a_service(
    registry: FakeRegistry,
    home: Path,
    accounts: FakeAccounts | None = None,
    trainers: Catalog | None = None,
) -> Service:
    settings = Settings(home=home)
    return Service(
        registry=registry,
        trainers=trainers or Catalog(),
        launcher=Launcher(settings, start=lambda _: None),
        settings=settings,
        accounts=accounts or FakeAccounts(),
        archive=FakeArchive(registry),
        jobs=FakeJobs(),
        devices=lambda: "cuda:0",
        gpus=lambda: ["G"],
        cores=lambda: 2,
        owner="tester",
        now=lambda: NOW,
    )


def a_config(
    name: str = "mnist-opt-20260104",
    *,
    model: str = "mnist",
    n_trials: int = 10,
    budget: float | None = None,
    space: SearchSpace = SPACE,
) -> StudyConfig:
    return StudyConfig(
        name=name,
        model=model,
        objectives=(Objective(name="val_accuracy", maximize=True),),
        space=space,
        default={},
        n_trials=n_trials,
        epochs_max=5,
        cost_budget_usd=budget,
        seed=7,
    )


def a_study(
    state: StudyState = StudyState.COMPLETE,
    *,
    config: StudyConfig | None = None,
    id: int = 1,
    data: str = MNIST,
    reason: str = "",
    arguments: Params | None = None,
) -> Study:
    return Study(
        id=id,
        config=config or a_config(),
        state=state,
        reason=reason,
        data=data,
        arguments={"dataset": "mnist"} if arguments is None else arguments,
        created_at=NOW - 100,
        started_at=NOW - 90,
        ended_at=None,
        revision=1,
    )


def a_trial(
    number: int = 2,
    value: float | None = 0.9847,
    *,
    state: TrialState = TrialState.COMPLETE,
    params: Params = BEST,
    epoch: int = 4,
) -> Trial:
    return Trial(number=number, state=state, params=params, value=value, epoch=epoch, cost_usd=0.01)


def a_start(
    study: Study,
    *,
    done: int = 0,
    created: bool = True,
    nothing_to_run: bool = False,
    expected_data: str = "",
    notes: tuple[str, ...] = (),
) -> Started:
    return Started(
        study=study,
        done=done,
        created=created,
        nothing_to_run=nothing_to_run,
        expected_data=expected_data,
        max_parallel=3,
        devices="cuda:0",
        notes=notes,
    )


def a_status(
    study: Study,
    counts: Mapping[TrialState, int],
    *,
    best: Trial | None = None,
    running: tuple[RunningTrial, ...] = (),
    remaining_s: float | None = None,
    cost_usd: float = 0.0312,
    pruned_for_cost: int = 0,
    interrupted: int = 0,
    savings: Savings | None = None,
    notes: tuple[str, ...] = (),
) -> StudyStatus:
    return StudyStatus(
        study=study,
        counts=counts,
        best=best,
        running=running,
        elapsed_s=72.4,
        remaining_s=remaining_s,
        cost_usd=cost_usd,
        pruned_for_cost=pruned_for_cost,
        interrupted=interrupted,
        savings=savings,
        next_look_s=20 if study.state.should_run else None,
        notes=notes,
    )


def the_top_five() -> Comparison:
    """The seed's own table."""
    rows = [
        (2, 0.9847, 1.547e-3, 128, 4),
        (5, 0.9823, 2.34e-3, 64, 5),
        (0, 0.9812, 1.12e-3, 256, 4),
        (1, 0.9798, 8.9e-4, 64, 3),
        (3, 0.9765, 5.67e-4, 32, 5),
    ]
    trials = tuple(
        a_trial(n, value, params={"lr": lr, "batch_size": batch, "epochs": epochs})
        for n, value, lr, batch, epochs in rows
    )
    return Comparison(study=a_study(), trials=trials)
