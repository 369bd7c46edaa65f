"""An executor without processes: jobs measure at once, wait for replies, and end as a test says."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import (
    Ended,
    Job,
    Need,
    NoSlot,
    Prepared,
    ProcessRef,
    Slot,
    TrainerRef,
    Word,
)
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement


def accuracy(epoch: int) -> Measurement:
    return Measurement(epoch=epoch, metrics={"val_accuracy": 0.5 + epoch / 10}, seconds=1.0)


@dataclass(slots=True)
class FakeAttempt:
    """A job whose measurements come as fast as they are answered."""

    job: Job
    last: Ended
    process: ProcessRef = ProcessRef(pid=1, started=0.0)
    stopped: bool = False
    dies_unanswered: bool = False
    _reply: anyio.Event = field(default_factory=anyio.Event)

    async def words(self) -> AsyncIterator[Word]:
        epochs = self.job.params["epochs"]
        assert isinstance(epochs, int)
        for epoch in range(1, epochs + 1):
            self._reply = anyio.Event()
            yield accuracy(epoch)
            if self.dies_unanswered:
                yield Ended(outcome=Outcome.KILLED, reason="killed")
                return
            await self._reply.wait()
            if self.stopped:
                yield Ended(outcome=Outcome.STOPPED)
                return
        yield self.last

    async def go_on(self) -> None:
        self._reply.set()

    async def stop(self) -> None:
        self.stopped = True
        self._reply.set()


@dataclass(slots=True)
class FakeExecutor:
    """Offers `slots` slots of one dollar per hour.

    Args:
        last_word: what a job ends with.
        data: what `prepare` answers; an error is raised.
    """

    slots: int = 3
    last_word: Callable[[Job], Ended] = lambda _: Ended(outcome=Outcome.COMPLETED)
    data: str | TrainerUnavailable = "made-up data"
    dies_unanswered: bool = False
    """Whether jobs are killed right after their first measurement."""
    misfit: str = ""
    """Why no slot can ever satisfy a need."""
    no_process: bool = False
    """Whether no job can be started."""
    launched: list[Job] = field(default_factory=list)
    prepared_for: list[Params] = field(default_factory=list)
    """The constants of each study whose data was asked for."""
    discarded: list[Iterable[Path]] = field(default_factory=list)
    """The folders of each call, not gone through."""
    cleared: list[Iterable[Path]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    full: anyio.Event = field(default_factory=anyio.Event)
    """Set once every slot has had a job at one moment."""
    _taken: set[str] = field(default_factory=set)

    def describe(self) -> str:
        return "nothing"

    def check(self, need: Need) -> None:
        if self.misfit:
            raise TrainerUnavailable(self.misfit)

    def acquire(self, need: Need, ahead: Sequence[Need] = ()) -> Slot | NoSlot:
        free = [f"slot/{n}" for n in range(self.slots) if f"slot/{n}" not in self._taken]
        if not free:
            return NoSlot(reason="all slots are taken")
        self._taken.add(free[0])
        return Slot(id=free[0], device="cpu", label="cpu", threads=1, usd_per_hour=1.0)

    def release(self, slot: Slot) -> None:
        self._taken.remove(slot.id)

    @asynccontextmanager
    async def launch(self, job: Job, slot: Slot) -> AsyncIterator[FakeAttempt]:
        if self.no_process:
            raise BlockingIOError("no more processes")
        self.launched.append(job)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.in_flight == self.slots:
            self.full.set()
        try:
            yield FakeAttempt(job, self.last_word(job), dies_unanswered=self.dies_unanswered)
        finally:
            self.in_flight -= 1

    async def warm_up(self) -> None:
        """Nothing has to be started."""

    async def discard(self, workdirs: Iterable[Path]) -> None:
        self.discarded.append(workdirs)

    async def clear(self, workdirs: Iterable[Path]) -> None:
        self.cleared.append(workdirs)

    async def prepare(self, trainer: TrainerRef, data_dir: Path, constants: Params) -> Prepared:
        self.prepared_for.append(dict(constants))
        if isinstance(self.data, TrainerUnavailable):
            raise self.data
        return Prepared(arguments={"dataset": "fake"}, description=self.data)

    @property
    def all_free(self) -> bool:
        return not self._taken
