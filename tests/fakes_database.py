"""What is stored in an in-memory study database; see `fakes_store.py`."""

from copy import deepcopy
from dataclasses import dataclass, field, replace

import anyio

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef
from mcp_automl.domain.study import Measurement, Study, Trial, TrialState
from mcp_automl.domain.tracking import EntryKind, TrackingEntry
from mcp_automl.domain.workspace import OrchestratorSign


@dataclass(slots=True)
class FakeAttempt:
    study: int
    start: AttemptStart | None
    started_at: float
    alive_at: float
    new_epochs: int = 0
    ended_at: float | None = None
    cost_usd: float = 0.0
    outcome: Outcome | None = None
    """None for one that was lost."""
    record: Record | None = None

    def cost(self, until: float) -> float:
        rate = 0.0 if self.start is None else self.start.slot.usd_per_hour
        return max(0.0, until - self.started_at) * rate / 3600

    @property
    def spent(self) -> float:
        return self.cost(self.alive_at) if self.ended_at is None else self.cost_usd


@dataclass(slots=True)
class FakeTrial:
    trial: Trial
    measurements: dict[int, Measurement] = field(default_factory=dict)
    attempts: list[FakeAttempt] = field(default_factory=list)

    @property
    def open_attempt(self) -> FakeAttempt | None:
        return next((a for a in self.attempts if a.ended_at is None), None)

    @property
    def last(self) -> Measurement | None:
        return self.measurements[max(self.measurements)] if self.measurements else None

    def set(self, state: TrialState, value: float | None = None, at: float | None = None) -> None:
        self.trial = replace(self.trial, state=state, value=value, ended_at=at)


@dataclass(slots=True)
class FakeDatabase:
    """What is stored.

    `now` is the clock; `prunes` says at which (trial, epoch) the pruner stops a trial, and why.
    """

    now: float = 1_800_000_000.0
    prunes: dict[tuple[int, int], str] = field(default_factory=dict)
    killed: list[ProcessRef] = field(default_factory=list)
    all_studies: dict[int, Study] = field(default_factory=dict)
    all_trials: dict[int, dict[int, FakeTrial]] = field(default_factory=dict)
    outbox: dict[int, TrackingEntry] = field(default_factory=dict)
    written: int = 0
    """How many entries were ever put into the outbox."""
    signed: OrchestratorSign | None = None
    leave_for: str = ""
    intention: anyio.Event = field(default_factory=anyio.Event)

    def intend(self) -> None:
        self.intention.set()
        self.intention = anyio.Event()

    def put(self, kind: EntryKind, study: Study, **fields: object) -> None:
        self.written += 1
        entry = TrackingEntry(
            kind=kind,
            study=study.config.name,
            model=study.config.model,
            at=self.now,
            **fields,  # type: ignore[arg-type]
        )
        self.outbox[self.written] = deepcopy(entry)

    def trial(self, study: Study, number: int) -> FakeTrial:
        found = self.all_trials.get(study.id, {}).get(number)
        if found is None:
            raise LookupError(f"{study.config.name} has no trial #{number}")
        return found

    def of(self, study: Study) -> list[FakeTrial]:
        return list(self.all_trials.get(study.id, {}).values())
