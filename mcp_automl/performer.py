"""One study at work: performs its run's commands in order and feeds their results back as events.

Every event of a study passes through one queue and one task, so that the commands it leads to are
performed before the next one is looked at. What takes long happens elsewhere: trainings in their
own tasks, Optuna in the store's thread.
"""

import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from mcp_automl.clocks import Clocks
from mcp_automl.domain.errors import AutomlError, InvalidRequest, NameTaken, TrainerUnavailable
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
from mcp_automl.domain.jobs import AttemptStart, Ended, Job, Need, Slot, TrainerRef
from mcp_automl.domain.run import StudyRun
from mcp_automl.domain.study import STOPPED_BY_USER, History, Measurement, Study, StudyState
from mcp_automl.folders import Folders
from mcp_automl.ports import Attempt, Executor, StudyStore

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
        moved: called after every event that changed anything: a slot may have come free.
    """

    study: Study
    trainer_of: Callable[[str], TrainerRef]
    max_parallel: int
    store: StudyStore
    executor: Executor
    folders: Folders
    clocks: Clocks
    moved: Callable[[], None]
    offered: bool = field(default=False, init=False)
    """Whether a slot is on its way to the run, which does not know of it yet."""
    _run: StudyRun | None = field(default=None, init=False)
    _trainer: TrainerRef | None = field(default=None, init=False)
    _preparing: anyio.CancelScope = field(default_factory=anyio.CancelScope, init=False)
    _send: MemoryObjectSendStream[Event | Study] = field(init=False)
    _receive: MemoryObjectReceiveStream[Event | Study] = field(init=False)
    _slots: dict[str, Slot] = field(default_factory=dict, init=False)
    _attempts: dict[int, Attempt] = field(default_factory=dict, init=False)
    _stopping: set[int] = field(default_factory=set, init=False)
    _outcomes: dict[int, Outcome] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[Event | Study](math.inf)

    @property
    def need(self) -> Need | None:
        """What slot the study could use now, if any."""
        run, trainer = self._run, self._trainer
        if run is None or trainer is None or self.offered or not run.wants_slot:
            return None
        return Need(
            gpu_memory_gb=trainer.gpu_memory_gb, alone=run.wants_alone, trainer=trainer.name
        )

    def offer(self, slot: Slot) -> None:
        """Hands over a slot that was acquired for this study."""
        self.offered = True
        self._slots[slot.id] = slot
        self.tell(SlotOffered(slot.id, slot.usd_per_hour, slot.shared))

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
        with self._send, self._receive:
            try:
                history = await self._get_ready()
            except (InvalidRequest, NameTaken, TrainerUnavailable) as error:
                logger.warning("study %s: %s", self.study.config.name, error)
                await self.store.finish(self.study, StudyState.FAILED, str(error))
                return
            if history is not None:
                await self._perform_run(StudyRun(self.study.config, history, self.max_parallel))

    async def _perform_run(self, run: StudyRun) -> None:
        self._run = run
        try:
            async with anyio.create_task_group() as jobs:
                await self._perform_all(run.begin(), jobs)
                self.moved()
                while not (run.finished or run.has_left):
                    told = await self._receive.receive()
                    event = self._intended(told) if isinstance(told, Study) else told
                    if event is not None:
                        await self._handle(run, event, jobs)
        finally:
            # An offer may still lie in the queue.
            for slot in self._slots.values():
                self.executor.release(slot)

    def _intended(self, study: Study) -> Event | None:
        if study.revision <= self.study.revision:
            return None
        self.study = self.study.followed_by(study)
        if study.stop_requested:
            return StopRequested(by_user=True)
        config = study.config
        return Retargeted(config.n_trials, config.cost_budget_usd, self.clocks.monotonic())

    async def _handle(self, run: StudyRun, event: Event, jobs: TaskGroup) -> None:
        if isinstance(event, SlotOffered):
            self.offered = False
        if isinstance(event, TrialEnded):
            self._outcomes[event.trial] = event.outcome
        commands = run.handle(event)
        await self._perform_all(commands, jobs)
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
        self._trainer = self.trainer_of(self.study.config.model)
        # What a kill has left: nothing runs yet, so a trial waits, has ended, or was not attempted.
        await self.executor.discard(self.folders.finished(self.study, history.waiting))
        with self._preparing:
            if not self.study.data:
                await self._prepare(self._trainer)
            return None if self.study.stop_requested else history
        return None

    async def _prepare(self, trainer: TrainerRef) -> None:
        """Has the trainer choose its data once for all trials."""
        try:
            with anyio.fail_after(PREPARE_SECONDS):
                constants = self.study.config.constants
                prepared = await self.executor.prepare(trainer, self.folders.data, constants)
        except TimeoutError as error:
            reason = f"{trainer.name} did not get its data ready within {PREPARE_SECONDS:.0f} s"
            raise TrainerUnavailable(reason) from error
        data = prepared.description or "its own data"
        self.study = await self.store.prepared(self.study, data=data, arguments=prepared.arguments)

    async def _perform_all(self, commands: list[Command], jobs: TaskGroup) -> None:
        for command in commands:
            await self._perform(command, jobs)

    async def _perform(self, command: Command, jobs: TaskGroup) -> None:
        match command:
            case Suggest(slot):
                suggestion = await self.store.ask(self.study)
                at = self.clocks.monotonic()
                self.tell(Suggested(slot, suggestion.trial, suggestion.params, at))
            case Decline(slot):
                self.executor.release(self._slots.pop(slot))
            case Launch():
                self._stopping.discard(command.trial)
                jobs.start_soon(self._train, command, self._slots.pop(command.slot))
            case GoOn(trial):
                self._go_on(trial, jobs)
            case Stop(trial, reason):
                logger.info("%s #%d: stopping: %s", self.study.config.name, trial, reason)
                self._stop(trial, jobs)
            case Record():
                await self._record(command)
            case Finish(state, reason):
                await self.store.finish(self.study, state, reason)

    def _go_on(self, trial: int, jobs: TaskGroup) -> None:
        # The process may have died since it measured; then nobody waits for this reply.
        if trial in self._attempts:
            jobs.start_soon(self._attempts[trial].go_on)

    def _stop(self, trial: int, jobs: TaskGroup) -> None:
        # The job may not have started yet: `_train` looks into the set once it has.
        self._stopping.add(trial)
        if trial in self._attempts:
            jobs.start_soon(self._attempts[trial].stop)

    async def _record(self, record: Record) -> None:
        name, state = self.study.config.name, record.state
        logger.info("%s #%d: %s %s", name, record.trial, state.value, record.reason)
        await self.store.record(self.study, record, self._outcomes.pop(record.trial, None))
        if record.state.is_finished:
            # After it is stored: a trial that is not, would have to go on from them.
            await self.executor.discard([self.folders.trial(self.study, record.trial)])

    async def _train(self, launch: Launch, slot: Slot) -> None:
        try:
            async with self._attempt(launch, slot) as attempt:
                ended = await self._listen(launch.trial, attempt)
        except AutomlError:
            raise
        except (OSError, EOFError) as error:
            # No process to be had: as if it had been killed at once.
            logger.exception("%s #%d: no process", self.study.config.name, launch.trial)
            ended = Ended(outcome=Outcome.KILLED, reason=f"it could not be started: {error}")
        finally:
            self.executor.release(slot)
        at = self.clocks.monotonic()
        self.tell(TrialEnded(launch.trial, ended.outcome, at, ended.reason))

    @asynccontextmanager
    async def _attempt(self, launch: Launch, slot: Slot) -> AsyncIterator[Attempt]:
        trial = launch.trial
        started_at = self.clocks.wall()
        async with self.executor.launch(self._job(launch), slot) as attempt:
            start = AttemptStart(trial=trial, slot=slot, process=attempt.process, at=started_at)
            await self.store.open_attempt(self.study, start)
            self._attempts[trial] = attempt
            try:
                if trial in self._stopping:
                    await attempt.stop()
                yield attempt
            finally:
                del self._attempts[trial]
                self._stopping.discard(trial)

    async def _listen(self, trial: int, attempt: Attempt) -> Ended:
        ended: Ended | None = None
        # To the very end, although `Ended` comes last: a generator left open is not cleaned up.
        async for word in attempt.words():
            if isinstance(word, Ended):
                ended = word
            else:
                self.tell(await self._measured(trial, word))
        assert ended is not None, "an attempt's last word is Ended"
        return ended

    async def _measured(self, trial: int, measurement: Measurement) -> Measured:
        prune = await self.store.report(self.study, trial, measurement)
        return Measured(trial, measurement, self.clocks.monotonic(), prune)

    def _job(self, launch: Launch) -> Job:
        assert self._trainer is not None
        return Job(
            trainer=self._trainer,
            params={**launch.params, **self.study.arguments},
            workdir=self.folders.trial(self.study, launch.trial),
            data_dir=self.folders.data,
            seed=self.study.config.seed,
            log=self.folders.log(self.study, launch.trial),
            trained_s=launch.trained_s,
        )
