"""The one background process of a workspace: takes up studies, hands out slots, keeps time.

It decides nothing about a study (`domain/run.py` does) and knows no adapter. Its tasks:

- *watch*: reads which studies should run whenever the database changes, and takes them up;
- one `StudyPerformer` per study;
- *beat*: says in the database that it and its attempts are alive;
- *tick*: tells running studies that time has passed, because money runs during an epoch;
- *track*: sends what waits on disk to the tracker.

Whatever goes wrong unexpectedly ends the whole of it: the next one recovers everything from the
database, which is simpler to get right than half an orchestrator.
"""

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup, TaskStatus

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.events import Ticked
from mcp_automl.domain.jobs import NoSlot, TrainerRef
from mcp_automl.domain.study import Study
from mcp_automl.performer import Clocks, Folders, StudyPerformer
from mcp_automl.ports import Changes, Executor, OrchestratorSign, StudyStore, Tracker

BEAT_SECONDS = 2.0
TICK_SECONDS = 0.25
LEAVE_SECONDS = 15.0
"""How long trials may take to be interrupted when the process is asked to leave."""
TRACK_BATCH = 200
TRACK_RETRY_SECONDS = (1.0, 60.0)
"""First and longest wait before the tracker is tried again."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Orchestrator:
    """Runs all studies of a workspace until there is nothing to do.

    Args:
        trainer_of: where the code of a study's trainer is.
        idle_seconds: how long to wait for more work before `run` returns.
    """

    store: StudyStore
    executor: Executor
    tracker: Tracker
    changes: Changes
    trainer_of: Callable[[str], TrainerRef]
    folders: Folders
    clocks: Clocks
    sign: OrchestratorSign
    max_parallel: int
    idle_seconds: float
    _performers: dict[int, StudyPerformer] = field(default_factory=dict, init=False)
    _order: list[int] = field(default_factory=list, init=False)
    """Study ids in the order in which they are next offered a slot."""
    _entries: anyio.Event = field(default_factory=anyio.Event, init=False)
    _leaving: bool = field(default=False, init=False)
    _waiting: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)
    """Around the wait for an intention."""
    _tracking_trouble: str = field(default="", init=False)
    _idle_since: float = field(default=0.0, init=False)

    async def run(self) -> bool:
        """Works until idle for `idle_seconds`, or until SIGTERM or SIGINT: then it returns True.

        When cancelled, jobs are killed; the next `run` recovers their trials.
        """
        await self.store.sign(self._signed())
        await self.store.recover()
        async with anyio.create_task_group() as tasks:
            for task in (self._beat, self._tick, self._track):
                tasks.start_soon(task)
            await tasks.start(self._leave_on_signal)
            async with anyio.create_task_group() as studies:
                await self._watch(studies)
            await self._track_rest()
            tasks.cancel_scope.cancel()
        return self._leaving

    async def _watch(self, studies: TaskGroup) -> None:
        """Takes up studies until nothing has been there to do for `idle_seconds`."""
        self._idle_since = self.clocks.monotonic()
        while not self._leaving:
            for study in await self.store.should_run():
                self._take_up(study, studies)
            with anyio.move_on_after(self._patience()) as self._waiting:
                await self.changes.changed()
            waited = self._waiting.cancelled_caught
            if waited and not self._performers and self._patience() <= 0:
                return

    def _patience(self) -> float:
        """How long to wait for an intention before looking whether it is time to leave."""
        if self._leaving:
            return 0.0
        if self._performers:
            return max(TICK_SECONDS, self.idle_seconds)
        return self._idle_since + self.idle_seconds - self.clocks.monotonic()

    def _take_up(self, study: Study, studies: TaskGroup) -> None:
        if self._leaving:
            return
        known = self._performers.get(study.id)
        if known is not None:
            known.follow(study)
            return
        logger.info("study %s: taken up", study.config.name)
        performer = self._performers[study.id] = StudyPerformer(
            study=study,
            trainer=self.trainer_of(study.config.model),
            max_parallel=self.max_parallel,
            store=self.store,
            executor=self.executor,
            folders=self.folders,
            clocks=self.clocks,
            moved=self._moved,
        )
        self._order.append(study.id)
        studies.start_soon(self._perform, performer, studies)

    async def _perform(self, performer: StudyPerformer, studies: TaskGroup) -> None:
        await performer.perform()
        del self._performers[performer.study.id]
        self._idle_since = self.clocks.monotonic()
        self._order.remove(performer.study.id)
        logger.info("study %s: put down", performer.study.config.name)
        self._moved()
        # Asked for again while it was ending, it told a run that no longer listened.
        for study in await self.store.should_run():
            if study.id == performer.study.id:
                self._take_up(study, studies)

    def _moved(self) -> None:
        self._entries.set()
        self._offer_slots()

    def _offer_slots(self) -> None:
        """Round robin by study: who was offered a slot last is asked last."""
        for study_id in tuple(self._order):
            performer = self._performers[study_id]
            need = performer.need
            if need is None:
                continue
            slot = self.executor.acquire(need)
            if isinstance(slot, NoSlot):
                continue
            performer.offer(slot)
            self._order.remove(study_id)
            self._order.append(study_id)

    async def _leave_on_signal(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                self._leave("asked to leave by a signal")

    def _leave(self, why: str) -> None:
        if self._leaving:
            return
        logger.info(why)
        self._leaving = True
        self._waiting.cancel()
        for performer in tuple(self._performers.values()):
            performer.leave()

    async def _beat(self) -> None:
        while True:
            newer = await self.store.sign(self._signed())
            if newer:
                self._leave(f"asked to make way for mcp-automl {newer}")
            await anyio.sleep(BEAT_SECONDS)

    def _signed(self) -> OrchestratorSign:
        return replace(self.sign, alive_at=self.clocks.wall(), tracking=self._tracking_trouble)

    async def _tick(self) -> None:
        while True:
            at = self.clocks.monotonic()
            for performer in tuple(self._performers.values()):
                performer.tell(Ticked(at))
            await anyio.sleep(TICK_SECONDS)

    async def _track(self) -> None:
        wait, longest = TRACK_RETRY_SECONDS
        while True:
            # Before looking: an entry written while we look must wake us again.
            self._entries = anyio.Event()
            try:
                sent = await self._deliver()
            except TrackerUnavailable as error:
                logger.warning("tracking waits on disk: %s", error)
                self._tracking_trouble = str(error)
                await anyio.sleep(wait)
                wait = min(longest, wait * 2)
                continue
            wait, self._tracking_trouble = TRACK_RETRY_SECONDS[0], ""
            if not sent:
                await self._entries.wait()

    async def _deliver(self) -> int:
        """Sends the oldest entries; returns how many."""
        entries = await self.store.undelivered(TRACK_BATCH)
        if entries:
            await self.tracker.deliver([entry for _, entry in entries])
            await self.store.delivered([entry_id for entry_id, _ in entries])
        return len(entries)

    async def _track_rest(self) -> None:
        """Sends what is left before leaving; what cannot be sent waits for the next one."""
        try:
            with anyio.move_on_after(LEAVE_SECONDS):
                while await self._deliver():
                    pass
        except TrackerUnavailable as error:
            logger.warning("tracking waits on disk for the next orchestrator: %s", error)
