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

from mcp_automl.clocks import Clocks
from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.events import Ticked
from mcp_automl.domain.jobs import Need, NoSlot, Slot, TrainerRef
from mcp_automl.domain.keeping import Policy
from mcp_automl.domain.study import Study
from mcp_automl.domain.turns import Claim, in_turn
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.folders import Folders
from mcp_automl.performer import StudyPerformer
from mcp_automl.ports import Changes, Executor, StudyStore, Tracker

BEAT_SECONDS = 2.0
TICK_SECONDS = 0.25
LEAVE_SECONDS = 15.0
"""How long trials may take to be interrupted when the process is asked to leave."""
TRACK_BATCH = 200
TRACK_TRIES = 5
"""Failed tries in a row after which entries that wait keep nobody from leaving."""
TRACK_RETRY_SECONDS = (1.0, 60.0)
"""First and longest wait before the tracker is tried again."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Orchestrator:
    """Runs all studies of a workspace until there is nothing to do.

    Args:
        trainer_of: where the code of a study's trainer is.
        models: what becomes of the models that a study's trials leave.
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
    models: Policy
    idle_seconds: float
    _performers: dict[int, StudyPerformer] = field(default_factory=dict, init=False)
    _since: dict[int, float] = field(default_factory=dict, init=False)
    """Since when each study has waited for a slot."""
    _look: anyio.Event = field(default_factory=anyio.Event, init=False)
    """Set when there may be studies to take up."""
    _entries: anyio.Event = field(default_factory=anyio.Event, init=False)
    _leaving: anyio.Event = field(default_factory=anyio.Event, init=False)
    _tracked: bool = field(default=False, init=False)
    """Whether nothing waits for the tracker that it would take."""
    _tracking_trouble: str = field(default="", init=False)
    """Why the tracker took nothing when it was last tried."""
    _idle_since: float = field(default=0.0, init=False)

    async def run(self) -> bool:
        """Works until idle for `idle_seconds`, or until SIGTERM or SIGINT: then it returns True.

        When cancelled, jobs are killed; the next `run` recovers their trials.
        """
        # Before the first sign, which says that all open attempts are alive.
        await self.store.recover()
        async with anyio.create_task_group() as tasks:
            for task in (self._beat, self._tick, self._track, self._listen):
                tasks.start_soon(task)
            await tasks.start(self._hear_signals)
            async with anyio.create_task_group() as studies:
                tasks.start_soon(self._insist, studies)
                await self._watch(studies)
            tasks.cancel_scope.cancel()
        return self._leaving.is_set()

    async def _watch(self, studies: TaskGroup) -> None:
        """Takes up studies until nothing has been there to do for `idle_seconds`."""
        self._idle_since = self.clocks.monotonic()
        while not self._leaving.is_set():
            # Before looking: what changes while we look must make us look again.
            self._look = anyio.Event()
            for study in await self.store.should_run():
                self._take_up(study, studies)
            with anyio.move_on_after(self._patience()) as waiting:
                await self._look.wait()
            if waiting.cancelled_caught and self._is_idle():
                return

    async def _listen(self) -> None:
        while True:
            await self.changes.changed()
            self._look.set()

    def _is_idle(self) -> bool:
        idle_for = self.clocks.monotonic() - self._idle_since
        return self._tracked and not self._performers and idle_for >= self.idle_seconds

    def _patience(self) -> float:
        """How long to wait for an intention before looking whether it is time to leave."""
        if self._performers or not self._tracked:
            return max(TICK_SECONDS, self.idle_seconds)
        return self._idle_since + self.idle_seconds - self.clocks.monotonic()

    def _take_up(self, study: Study, studies: TaskGroup) -> None:
        if self._leaving.is_set():
            return
        known = self._performers.get(study.id)
        if known is not None:
            known.follow(study)
            return
        logger.info("study %s: taken up", study.config.name)
        performer = self._performers[study.id] = StudyPerformer(
            study=study,
            trainer_of=self.trainer_of,
            max_parallel=self.max_parallel,
            models=self.models.of(study.config.job),
            store=self.store,
            executor=self.executor,
            folders=self.folders,
            clocks=self.clocks,
            moved=self._moved,
        )
        self._since[study.id] = self.clocks.monotonic()
        studies.start_soon(self._perform, performer)

    async def _perform(self, performer: StudyPerformer) -> None:
        await performer.perform()
        del self._performers[performer.study.id]
        self._idle_since = self.clocks.monotonic()
        del self._since[performer.study.id]
        logger.info("study %s: put down", performer.study.config.name)
        # It may have been asked for again while it finished.
        self._look.set()
        self._moved()

    def _moved(self) -> None:
        self._tracked = False
        self._entries.set()
        self._offer_slots()

    def _offer_slots(self) -> None:
        now = self.clocks.monotonic()
        ahead: list[Need] = []
        for claim in in_turn(self._claims(now), now):
            performer = self._performers[claim.id]
            need = performer.need
            slot = (
                NoSlot(reason="not ready") if need is None else self.executor.acquire(need, ahead)
            )
            if isinstance(slot, Slot):
                # Here, because a moment later it may want the next one already.
                self._since[claim.id] = now
                performer.offer(slot)
            elif need is not None and slot.ours:
                ahead += [need] if claim.keeps(now) else []
            elif claim.holds_back(now):
                return

    def _claims(self, now: float) -> list[Claim]:
        """Of all who want a slot; of the others it is noted that they do not wait."""
        self._since |= {n: now for n, it in self._performers.items() if not it.wants}
        return [
            Claim(
                id=study_id,
                priority=it.study.config.priority,
                held=it.held,
                since=self._since[study_id],
                ready=it.need is not None,
            )
            for study_id, it in self._performers.items()
            if it.wants
        ]

    async def _hear_signals(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                break
        self._leave("asked to leave")

    def _leave(self, why: str) -> None:
        if self._leaving.is_set():
            return
        logger.info(why)
        self._leaving.set()
        self._look.set()
        for performer in tuple(self._performers.values()):
            performer.leave()

    async def _insist(self, studies: TaskGroup) -> None:
        """Ends what is left of the studies some time after they were asked to leave."""
        await self._leaving.wait()
        await anyio.sleep(LEAVE_SECONDS)
        logger.warning("trials were not interrupted within %.0f s", LEAVE_SECONDS)
        studies.cancel_scope.cancel()

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
            # A device may have got room since it was last asked for.
            self._offer_slots()
            await anyio.sleep(TICK_SECONDS)

    async def _track(self) -> None:
        """Sends what waits on disk; whatever goes wrong with a tracker stops no study."""
        failures = 0
        while True:
            # Before looking: an entry written while we look must wake us again.
            self._entries = anyio.Event()
            try:
                sent = await self._deliver()
            except TrackerUnavailable as error:
                failures += 1
                logger.warning("tracking waits on disk: %s", error)
                self._tracking_trouble = str(error)
                await self._back_off(failures)
            # The boundary to a tracker and what it is made of.
            except Exception as error:
                failures += 1
                logger.exception("tracking waits on disk")
                self._tracking_trouble = f"{type(error).__name__}: {error}"
                await self._back_off(failures)
            else:
                failures, self._tracking_trouble = 0, ""
                if not sent:
                    # Not if something was written since we looked.
                    self._tracked = not self._entries.is_set()
                    await self._entries.wait()

    async def _back_off(self, failures: int) -> None:
        first, longest = TRACK_RETRY_SECONDS
        # What cannot be sent waits for the next orchestrator rather than this one for it.
        self._tracked = self._tracked or failures >= TRACK_TRIES
        await anyio.sleep(min(longest, first * 2.0 ** min(failures - 1, 10)))

    async def _deliver(self) -> int:
        """Sends the oldest entries; returns how many."""
        entries = await self.store.undelivered(TRACK_BATCH)
        if entries:
            await self.tracker.deliver([entry for _, entry in entries])
            await self.store.delivered([entry_id for entry_id, _ in entries])
        return len(entries)
