"""The trainings of one study: starts jobs, listens to them, answers them, and tells what happens.

Nothing here decides. A job is in one of three places: its process is being started; it is an
attempt that can be answered and stopped; or it is gone and `TrialEnded` was told. A stop that comes
before there is a process is carried out once there is one.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio.abc import TaskGroup

from mcp_automl.clocks import Clocks
from mcp_automl.domain.errors import AutomlError
from mcp_automl.domain.events import Event, Launch, Measured, Outcome, TrialEnded
from mcp_automl.domain.jobs import AttemptStart, Ended, Job, Slot, TrainerRef
from mcp_automl.domain.study import Measurement, Study
from mcp_automl.folders import Folders
from mcp_automl.ports import Attempt, Executor, StudyStore

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Trainings:
    """See the top of this file.

    Args:
        study: with its data chosen.
        tell: takes every measurement and every end.
        tasks: where jobs are followed.
    """

    study: Study
    trainer: TrainerRef
    store: StudyStore
    executor: Executor
    folders: Folders
    clocks: Clocks
    tell: Callable[[Event], None]
    tasks: TaskGroup
    _attempts: dict[int, Attempt] = field(default_factory=dict, init=False)
    _stopping: set[int] = field(default_factory=set, init=False)

    def launch(self, launch: Launch, slot: Slot) -> None:
        """Starts the trial's job; gives the slot back when it has ended."""
        self._stopping.discard(launch.trial)
        self.tasks.start_soon(self._train, launch, slot)

    def go_on(self, trial: int) -> None:
        """Answers the trial's measurement."""
        # The process may have died since it measured; then nobody waits for this reply.
        if trial in self._attempts:
            self.tasks.start_soon(self._attempts[trial].go_on)

    def stop(self, trial: int) -> None:
        """Ends the trial's job; stopping it twice is harmless."""
        # The job may not have started yet: `_attempt` looks into the set once it has.
        self._stopping.add(trial)
        if trial in self._attempts:
            self.tasks.start_soon(self._attempts[trial].stop)

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
        # What is stored of a job may take longer than the job: nobody pays for that.
        at = self.clocks.monotonic() if ended.at is None else ended.at
        self.tell(TrialEnded(launch.trial, ended.outcome, at, ended.reason))

    @asynccontextmanager
    async def _attempt(self, launch: Launch, slot: Slot) -> AsyncIterator[Attempt]:
        trial = launch.trial
        started_at = self.clocks.wall()
        async with self.executor.launch(self._job(launch), slot) as attempt:
            # Before anything is waited for: its money runs, and it may have to be stopped.
            self._attempts[trial] = attempt
            try:
                if trial in self._stopping:
                    await attempt.stop()
                start = AttemptStart(trial=trial, slot=slot, process=attempt.process, at=started_at)
                await self.store.open_attempt(self.study, start)
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
        config = self.study.config
        return Job(
            trainer=self.trainer,
            # What its data was prepared as goes before a constant that only said `auto`.
            params={**launch.params, **self.study.arguments},
            workdir=self.folders.trial(self.study, launch.trial),
            data_dir=self.folders.data,
            seed=config.seed_of(launch.trial),
            log=self.folders.log(self.study, launch.trial),
            trained_s=launch.trained_s,
            final=config.is_final,
        )
