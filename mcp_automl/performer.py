"""One study at work: performs its run's commands in order and feeds their results back as events.

Every event of a study passes through one queue and one task. Commands to jobs are performed at
once, because money runs while they wait. What has to be stored is put into a second queue and
stored by a second task, in order: however long the database takes, ticks are heard meanwhile, and
a job that must end is ended. Trainings run in tasks of their own (`trainings.py`).
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from mcp_automl.clocks import Clocks
from mcp_automl.domain.errors import InvalidRequest, InvalidSettings, NameTaken, TrainerUnavailable
from mcp_automl.domain.events import (
    Command,
    Decline,
    Event,
    Finish,
    GoOn,
    Launch,
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
from mcp_automl.domain.jobs import Need, Slot, TrainerRef
from mcp_automl.domain.keeping import Policy
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import STOPPED_BY_USER, History, Study, StudyState
from mcp_automl.domain.tracking import Publication
from mcp_automl.folders import Folders
from mcp_automl.models import Models
from mcp_automl.ports import Executor, StudyStore
from mcp_automl.trainings import Trainings

Stored: TypeAlias = Suggest | Record | Finish
"""Commands to the store."""

PREPARE_SECONDS = 600.0
"""How long a trainer may take to get its data ready."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class StudyPerformer:
    """Performs one study.

    Args:
        study: as it was read when it was taken up.
        trainer_of: where the code of its trainer is; may refuse.
        max_parallel: how many of its trials may be in flight at once.
        models: what becomes of the models that its trials leave.
        moved: called after every event that changed anything: a slot may have come free.
    """

    study: Study
    trainer_of: Callable[[str], TrainerRef]
    max_parallel: int
    models: Policy
    store: StudyStore
    executor: Executor
    folders: Folders
    clocks: Clocks
    moved: Callable[[], None]
    offered: bool = field(default=False, init=False)
    """Whether a slot is on its way to the run, which does not know of it yet."""
    _run: StudyRun | None = field(default=None, init=False)
    _trainer: TrainerRef | None = field(default=None, init=False)
    _models: Models = field(init=False)
    _preparing: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)
    _send: MemoryObjectSendStream[Event | Study] = field(init=False)
    _receive: MemoryObjectReceiveStream[Event | Study] = field(init=False)
    _slots: dict[str, Slot] = field(default_factory=dict, init=False)
    _trainings: Trainings | None = field(default=None, init=False)
    _to_store: MemoryObjectSendStream[Stored] = field(init=False)
    _stored: MemoryObjectReceiveStream[Stored] = field(init=False)
    _outcomes: dict[int, Outcome] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[Event | Study](math.inf)
        self._to_store, self._stored = anyio.create_memory_object_stream[Stored](math.inf)
        self._models = Models(
            study=self.study,
            policy=self.models,
            store=self.store,
            executor=self.executor,
            folders=self.folders,
        )

    @property
    def wants(self) -> bool:
        """Whether it could use a slot, now or as soon as it is ready."""
        return not self.offered and (self._run is None or self._run.wants_slot)

    @property
    def held(self) -> int:
        """How many slots it holds."""
        return 0 if self._run is None else self._run.in_flight

    @property
    def need(self) -> Need | None:
        """What slot the study could use now, if any."""
        run, trainer = self._run, self._trainer
        if run is None or trainer is None or not self.wants:
            return None
        return trainer.need(alone=run.wants_alone)

    def offer(self, slot: Slot) -> None:
        """Hands over a slot that was acquired for this study."""
        self.offered = True
        self._slots[slot.id] = slot
        self.tell(SlotOffered(slot.id, slot.usd_per_hour, slot.shared, slot.label))

    def tell(self, event: Event) -> None:
        """Puts an event into the study's queue."""
        self._send.send_nowait(event)

    def leave(self) -> None:
        """Interrupts what runs; `perform` returns when nothing does."""
        self._preparing.cancel()
        self.tell(StopRequested(by_user=False))

    def follow(self, study: Study) -> None:
        """Takes note of a changed intention."""
        if study.revision == self.study.revision:
            return
        if study.stop_requested:
            self._preparing.cancel()
        # Through the queue: an end that was decided before must not be stored as if it had
        # followed from this.
        self._send.send_nowait(study)

    async def perform(self) -> None:
        """Runs the study to its end, or until it leaves."""
        with self._send, self._receive, self._to_store, self._stored:
            try:
                history = await self._get_ready()
            except (InvalidRequest, InvalidSettings, NameTaken, TrainerUnavailable) as error:
                logger.warning("study %s: %s", self.study.config.name, error)
                await self.store.finish(self.study, StudyState.FAILED, str(error))
                return
            if history is not None:
                await self._perform_run(StudyRun(self.study.config, history, self.max_parallel))

    async def _perform_run(self, run: StudyRun) -> None:
        self._run = run
        try:
            # The store's task ends last, when all has been put into its queue.
            async with anyio.create_task_group() as storing:
                storing.start_soon(self._store_all, storing)
                with self._to_store:
                    async with anyio.create_task_group() as jobs:
                        self._trainings = self._trainings_in(jobs)
                        await self._follow_run(run)
        finally:
            # An offer may still lie in the queue.
            for slot in self._slots.values():
                self.executor.release(slot)

    async def _follow_run(self, run: StudyRun) -> None:
        for command in run.begin():
            self._perform(command)
        self.moved()
        while not (run.finished or run.has_left):
            told = await self._receive.receive()
            event = self._intended(told) if isinstance(told, Study) else told
            if event is not None:
                self._handle(run, event)

    def _trainings_in(self, tasks: TaskGroup) -> Trainings:
        assert self._trainer is not None
        return Trainings(
            study=self.study,
            trainer=self._trainer,
            store=self.store,
            executor=self.executor,
            folders=self.folders,
            clocks=self.clocks,
            tell=self.tell,
            tasks=tasks,
        )

    def _intended(self, study: Study) -> Event | None:
        if study.revision <= self.study.revision:
            return None
        self.study = self.study.followed_by(study)
        if study.stop_requested:
            return StopRequested(by_user=True)
        return Retargeted(study.config, self.clocks.monotonic())

    def _handle(self, run: StudyRun, event: Event) -> None:
        if isinstance(event, SlotOffered):
            self.offered = False
        if isinstance(event, TrialEnded):
            self._outcomes[event.trial] = event.outcome
        commands = run.handle(event)
        for command in commands:
            self._perform(command)
        if commands or not isinstance(event, Ticked):
            self.moved()

    async def _get_ready(self) -> History | None:
        """Opens the study and has its data chosen; None if that was in vain.

        Then it was asked to leave, or the study was asked to stop before it could run: whoever
        takes it up next, with what is stored by then, ends it here.
        """
        history = await self.store.open(self.study)
        if not history.wanted:
            await self.store.finish(self.study, StudyState.STOPPED, STOPPED_BY_USER)
            return None
        # In a thread: an operator's own trainer may have to be asked what it is.
        self._trainer = await to_thread.run_sync(self.trainer_of, self.study.config.model)
        self.executor.check(self._trainer.need())
        # Before any trial's money runs: a job must start at once, and be stopped at once.
        await self.executor.warm_up()
        # What a kill has left: nothing runs yet, so a trial waits, has ended, or was not attempted.
        await self.executor.discard(self.folders.finished(self.study, history.waiting))
        await self._models.take_up(history.waiting)
        with self._preparing:
            if not self.study.data:
                await self._prepare(self._trainer)
            return None if self.study.stop_requested else history
        return None

    async def _prepare(self, trainer: TrainerRef) -> None:
        """Has the trainer choose its data once for all trials."""
        try:
            with anyio.fail_after(PREPARE_SECONDS):
                constants = self.study.config.known
                prepared = await self.executor.prepare(trainer, self.folders.data, constants)
        except TimeoutError as error:
            reason = f"{trainer.name} did not get its data ready within {PREPARE_SECONDS:.0f} s"
            raise TrainerUnavailable(reason) from error
        data = prepared.description or "its own data"
        self.study = await self.store.prepared(self.study, data=data, arguments=prepared.arguments)

    def _perform(self, command: Command) -> None:
        assert self._trainings is not None
        match command:
            case Suggest() | Record() | Finish():
                self._to_store.send_nowait(command)
            case Decline(slot):
                self.executor.release(self._slots.pop(slot))
            case Launch():
                self._trainings.launch(command, self._slots.pop(command.slot))
            case GoOn(trial):
                self._trainings.go_on(trial)
            case Stop(trial, reason):
                logger.info("%s #%d: stopping: %s", self.study.config.name, trial, reason)
                self._trainings.stop(trial)

    async def _store_all(self, tasks: TaskGroup) -> None:
        """Stores in order what was decided, until nothing more is."""
        async for command in self._stored:
            match command:
                case Suggest(slot):
                    # A sampler may think for long, and what ends meanwhile is to be stored.
                    tasks.start_soon(self._suggest, slot)
                case Record():
                    await self._record(command)
                    tasks.start_soon(self._models.tidy)
                case Finish(state, reason):
                    await self._models.tidy()
                    publication = await self._published(state)
                    await self.store.finish(self.study, state, reason, publication)
            # Somebody may wait for what is stored now, such as the tracker.
            self.moved()

    async def _suggest(self, slot: str) -> None:
        suggestion = await self.store.ask(self.study)
        at = self.clocks.monotonic()
        self.tell(Suggested(slot, suggestion.trial, suggestion.params, at))

    async def _published(self, state: StudyState) -> Publication | None:
        if state is not StudyState.COMPLETE or self._trainer is None:
            return None
        return await self._models.published(self._trainer)

    async def _record(self, record: Record) -> None:
        name, state = self.study.config.name, record.state
        logger.info("%s #%d: %s %s", name, record.trial, state.value, record.reason)
        await self.store.record(self.study, record, self._outcomes.pop(record.trial, None))
        if record.state.is_finished:
            self._models.finished(record)
