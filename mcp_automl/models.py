"""The model files of one study: those of its best trials stay, the others are deleted.

A file is deleted after its trial's end is stored and before the study's is. So a kill in between
leaves files too many and never one too few, and whoever takes up the study deletes them. So does
what a trial kept to go on from. Nobody waits for that but the study's end: a slot may stand empty.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_automl.domain.events import Record
from mcp_automl.domain.jobs import TrainerRef
from mcp_automl.domain.keeping import Keeping, Policy
from mcp_automl.domain.study import Study, Trial
from mcp_automl.domain.tracking import Publication
from mcp_automl.folders import Folders
from mcp_automl.ports import Executor, StudyStore


@dataclass(slots=True, kw_only=True)
class Models:
    """Keeps the models of a study's best trials.

    Args:
        policy: how many models are kept, and whether the best is logged.
    """

    study: Study
    policy: Policy
    store: StudyStore
    executor: Executor
    folders: Folders
    _keeping: Keeping = field(init=False)
    _untidy: deque[Record] = field(default_factory=deque, init=False)
    _tidying: anyio.Lock = field(default_factory=anyio.Lock, init=False)

    def __post_init__(self) -> None:
        self._keeping = Keeping(objective=self.study.config.objective, most=self.policy.most)

    async def take_up(self, waiting: Collection[int]) -> None:
        """Deletes what a kill, or a larger setting, has left; before any trial is launched."""
        self._keeping = self._keeping.with_finished(await self.store.finished(self.study))
        stay = {*waiting, *self._keeping.numbers}
        await self.executor.clear(self.folders.finished(self.study, stay))

    async def published(self, trainer: TrainerRef) -> Publication | None:
        """The best trial's model, for a tracker to keep; None where there is none."""
        best = self._keeping.best if self.policy.logged else None
        if best is None or await to_thread.run_sync(self._file, best.number) is None:
            return None
        job = self.study.config.job
        return Publication(
            trial=best.number,
            folder=str(self.folders.trial(self.study, best.number)),
            data_dir=str(self.folders.data),
            module=trainer.module,
            options=trainer.options,
            register=trainer.name if job is not None and job.register else "",
        )

    def _file(self, number: int) -> Path | None:
        return self.folders.model(self.study, number)

    def finished(self, record: Record) -> None:
        """Takes note of a trial whose end is stored: some files can go."""
        self._untidy.append(record)

    async def tidy(self) -> None:
        """Returns once all is deleted that the trials which have finished do not need any more."""
        async with self._tidying:
            while self._untidy:
                record = self._untidy.popleft()
                await self.executor.discard([self.folders.trial(self.study, record.trial)])
                await self._keep_best(record)

    async def _keep_best(self, record: Record) -> None:
        """Deletes the models that are not among the best any more, this trial's perhaps."""
        trial = Trial(number=record.trial, state=record.state, params={}, value=record.value)
        candidates = {*self._keeping.numbers, record.trial}
        self._keeping = self._keeping.with_finished([trial])
        gone = candidates - self._keeping.numbers
        await self.executor.clear([self.folders.trial(self.study, n) for n in gone])
