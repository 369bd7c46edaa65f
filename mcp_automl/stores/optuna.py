"""The orchestrator's store: Optuna's tables and ours in one file, one thread for both.

Theory of operation
-------------------
`Ledger` writes our tables, `Engine` Optuna's. A step that touches both writes ours first, in one
transaction with what the tracker will be told, and Optuna's second:

    open            Optuna's study (with its first trial)   -> ours: RUNNING, history
    ask             Optuna's trial: RUNNING, once its point was found in another thread
    open_attempt                                               ours: attempt
    report          ours: measurement                       -> Optuna's intermediate value, verdict
    record          ours: attempt closed with its decision  -> Optuna's `tell`

A process killed between the two leaves what `recovery.py` recognises and completes. Nothing is kept
in memory alone but the sampler's random state, and the generations of CMA-ES, which are made again
of the trials.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import AttemptStart, ProcessRef
from mcp_automl.domain.sampling import DEFAULT_SETTINGS, SearchSettings
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import History, Measurement, Study, StudyState, Trial, TrialState
from mcp_automl.domain.tracking import Publication, TrackingEntry
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.ports import Suggestion
from mcp_automl.stores.database import Database
from mcp_automl.stores.engine import Engine
from mcp_automl.stores.ledger import Ledger
from mcp_automl.stores.recovery import recover

T = TypeVar("T")


class OptunaStore:
    """A `StudyStore`; one process at a time may have one on a file.

    Every method may raise `WorkspaceUnusable` or `NewerDatabase`. When cancelled, a call finishes
    in its thread first: it is done, or was not begun.

    Args:
        path: the database; made where there is none.
        kill: ends what is left of a worker's process group, and returns when it is gone.
        clock: wall clock seconds.
        settings: the figures behind samplers and pruners; others are for comparisons.
    """

    def __init__(
        self,
        path: Path,
        *,
        kill: Callable[[ProcessRef], object],
        clock: Callable[[], float] = time.time,
        settings: SearchSettings = DEFAULT_SETTINGS,
    ) -> None:
        self._database = database = Database(path)
        self._ledger = Ledger(database=database, clock=clock)
        self._engine = Engine(database=database, settings=settings)
        self._kill = kill
        self._limiter = anyio.CapacityLimiter(1)
        self._thinker = anyio.CapacityLimiter(1)
        self._asking = defaultdict[int, anyio.Lock](anyio.Lock)

    async def should_run(self) -> Sequence[Study]:
        return await self._in_thread(self._ledger.should_run)

    async def recover(self) -> None:
        await self._in_thread(lambda: recover(self._ledger, self._engine, self._kill))

    async def open(self, study: Study) -> History:
        history = await self._in_thread(lambda: self._open(study))
        # Not among the store's own calls, of which there is one at a time: it takes seconds.
        await to_thread.run_sync(self._engine.warm_up, study, limiter=self._thinker)
        return history

    async def prepared(self, study: Study, *, data: str, arguments: Params) -> Study:
        return await self._in_thread(lambda: self._ledger.prepared(study, data, arguments))

    async def finished(self, study: Study) -> Sequence[Trial]:
        return await self._in_thread(lambda: self._ledger.finished(study))

    async def ask(self, study: Study) -> Suggestion:
        async with self._asking[study.id]:
            draft = await self._in_thread(lambda: self._engine.draft(study))
            # While a sampler thinks for tenths of a second, epochs are stored.
            limiter = self._thinker if draft.takes_long else self._limiter
            found = await to_thread.run_sync(self._engine.suggest, draft, limiter=limiter)
            number = await self._in_thread(lambda: self._engine.begin(study, draft, found))
        return Suggestion(trial=number, params={**found.point, **study.config.constants})

    async def open_attempt(self, study: Study, start: AttemptStart) -> None:
        await self._in_thread(lambda: self._ledger.begin(study, start))

    async def report(self, study: Study, trial: int, measurement: Measurement) -> str | None:
        return await self._in_thread(lambda: self._report(study, trial, measurement))

    async def record(self, study: Study, record: Record, outcome: Outcome | None) -> None:
        if record.state is TrialState.COMPLETE and record.value is None:
            raise ValueError(f"trial #{record.trial} cannot be COMPLETE without a value")
        await self._in_thread(lambda: self._record(study, record, outcome))

    async def finish(
        self, study: Study, state: StudyState, reason: str, publication: Publication | None = None
    ) -> bool:
        return await self._in_thread(lambda: self._ledger.finish(study, state, reason, publication))

    async def sign(self, sign: OrchestratorSign) -> str:
        return await self._in_thread(lambda: self._ledger.sign(sign))

    async def undelivered(self, limit: int) -> Sequence[tuple[int, TrackingEntry]]:
        return await self._in_thread(lambda: self._ledger.undelivered(limit))

    async def delivered(self, entry_ids: Sequence[int]) -> None:
        await self._in_thread(lambda: self._ledger.delivered(entry_ids))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(self._explained, work, limiter=self._limiter)

    def _explained(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (StorageInternalError, SQLAlchemyError) as error:
            explained = self._database.explain(error)
            if explained is None:
                raise
            raise explained from error

    def _open(self, study: Study) -> History:
        self._engine.load(study)
        return self._ledger.start(study)

    def _report(self, study: Study, trial: int, measurement: Measurement) -> str | None:
        self._ledger.measured(study, trial, measurement)
        # Also for an epoch that we have: a kill may have kept it from Optuna.
        return self._engine.report(study, trial, measurement)

    def _record(self, study: Study, record: Record, outcome: Outcome | None) -> None:
        self._ledger.decided(study, record, outcome)
        self._engine.tell(study, record.trial, self._ledger.trial(study, record.trial))
