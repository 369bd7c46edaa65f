"""The seams: what the use cases and the orchestrator need from the world, and nothing of how.

Values are passed, never shared: what a port returns may be kept, and changes nothing when changed.

`StudyRegistry` and `StudyStore` look at one database from two sides. The registry is the side of
tool calls: synchronous, a few milliseconds, standard library only. The store is the orchestrator's
side, the only one that writes trials; its calls may take long and are awaited.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mcp_automl.domain.events import Outcome, Record
from mcp_automl.domain.jobs import (
    AttemptStart,
    Job,
    Need,
    NoSlot,
    Prepared,
    ProcessRef,
    Slot,
    TrainerRef,
    Word,
)
from mcp_automl.domain.outlook import Progress
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import (
    History,
    Measurement,
    Study,
    StudyConfig,
    StudyState,
    Target,
    Trial,
    TrialState,
)
from mcp_automl.domain.tracking import Publication, TrackingEntry
from mcp_automl.domain.workspace import Backlog, OrchestratorSign

# --- the database, seen from a tool call -------------------------------------------------------


class StudyRegistry(Protocol):
    """Studies as they were asked for, and what has become of them."""

    def create(self, config: StudyConfig) -> Study:
        """Stores a new study as QUEUED.

        Raises:
            NameTaken: a study of that name exists, upper and lower case ignored.
        """

    def retarget(self, study_id: int, target: Target) -> Study:
        """Changes what the target says and queues the study again if it had ended.

        A request to stop that has not been carried out yet is withdrawn.
        """

    def stop(self, study_id: int) -> Study:
        """Asks a RUNNING study to stop; a QUEUED one is STOPPED at once, any other left alone."""

    def view(self) -> AbstractContextManager[None]:
        """Within it, all that this thread reads is of one moment; nothing may be written."""

    def find(self, name: str) -> Study | None:
        """The study of that name, upper and lower case ignored."""

    def studies(self) -> Sequence[Study]:
        """All studies, newest first; those that plain Optuna made are among them, read-only."""

    def progress(self, study: Study) -> Progress:
        """Counts and sums over the study's trials."""

    def trials(self, study: Study, states: Sequence[TrialState]) -> Sequence[Trial]:
        """Trials in those states by number, without their parameters, cost and reason."""

    def leading(self, study: Study, most: int) -> Sequence[Trial]:
        """The same of those that can be first on the leaderboard, which says in which order.

        They are the best COMPLETE ones by value and, where there are too few, the best PRUNED ones.

        Args:
            most: how many at most.
        """

    def trial(self, study: Study, number: int) -> Trial:
        """One trial, complete.

        Raises:
            LookupError: there is none of that number.
        """

    def last_measurement(self, study: Study, number: int) -> Measurement | None:
        """The trial's newest epoch."""

    def orchestrator(self) -> OrchestratorSign | None:
        """Who last held this workspace; it may be dead."""

    def ask_to_leave(self, sign: OrchestratorSign, version: str) -> bool:
        """Asks that orchestrator to make way for another version.

        Returns:
            Whether this call did it; False if it is asked already, or another one has signed.
        """

    def backlog(self) -> Backlog:
        """What waits for the tracker."""

    def marks(self) -> Mapping[str, object]:
        """Of every study and job by name something that changes whenever anything of it does."""

    def changes(self) -> "Changes":
        """A new look-out for whatever is written from now on."""

    def work_waits(self) -> bool:
        """Whether an orchestrator has anything to do: studies that should run, or a backlog."""


# --- what can be trained -----------------------------------------------------------------------


# --- the database, seen from the orchestrator --------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A trial to be trained now; it is RUNNING."""

    trial: int
    params: Params


class StudyStore(Protocol):
    """Where trials are asked for, reported and told; one orchestrator at a time owns it."""

    async def should_run(self) -> Sequence[Study]:
        """Studies that are QUEUED or RUNNING, oldest first."""

    async def recover(self) -> None:
        """Puts in order what a dead orchestrator left: its processes, attempts and trials.

        Processes of open attempts are killed, the attempts charged to their last sign of life, and
        their trials set to WAITING, or to what had been decided about them.
        """

    async def open(self, study: Study) -> History:
        """Makes the study's trials ready to be asked for and returns what came of it so far.

        It is RUNNING from now on, unless it was asked to stop meanwhile (`History.wanted`).
        """

    async def prepared(self, study: Study, *, data: str, arguments: Params) -> Study:
        """Stores the data set that all trials of the study train on."""

    async def finished(self, study: Study) -> Sequence[Trial]:
        """The study's COMPLETE and PRUNED trials, without their parameters, cost and reason."""

    async def ask(self, study: Study) -> Suggestion:
        """The next trial: the lowest WAITING one, else a new one from the sampler."""

    async def open_attempt(self, study: Study, start: AttemptStart) -> None:
        """Stores that a process trains the trial, before its first epoch."""

    async def report(self, study: Study, trial: int, measurement: Measurement) -> str | None:
        """Stores a finished epoch and returns the pruner's reason to stop the trial, if any.

        An epoch that is stored already is ignored.
        """

    async def record(self, study: Study, record: Record, outcome: Outcome | None) -> None:
        """Stores what became of a trial; closes its attempt if one is open.

        Without an outcome there was no new attempt: a trial goes back, or is given up.
        """

    async def finish(
        self, study: Study, state: StudyState, reason: str, publication: Publication | None = None
    ) -> bool:
        """Stores how the study ended; False if its intention changed since `study` was read.

        Args:
            publication: its best model, which the tracker shall keep.
        """

    async def sign(self, sign: OrchestratorSign) -> str:
        """Says who runs this workspace, and that it and all its open attempts are alive.

        Returns:
            The version for which it is asked to leave, or nothing.
        """

    async def undelivered(self, limit: int) -> Sequence[tuple[int, TrackingEntry]]:
        """The oldest entries that the tracker has not got yet, with their ids, in order."""

    async def delivered(self, entry_ids: Sequence[int]) -> None:
        """Forgets entries that the tracker has got."""


class Changes(Protocol):
    """A level-triggered signal: the database is no longer what it was."""

    async def changed(self) -> None:
        """Returns once somebody else has written since the last return; bursts count as one."""

    def close(self) -> None:
        """Gives back what watching takes."""


# --- where jobs run ----------------------------------------------------------------------------


class Attempt(Protocol):
    """One running job."""

    @property
    def process(self) -> ProcessRef: ...

    def words(self) -> AsyncIterator[Word]:
        """Measurements as they come; the last word is `Ended`, and then the process is gone."""

    async def go_on(self) -> None:
        """Answers a measurement: train the next epoch. Harmless if the job has ended."""

    async def stop(self) -> None:
        """Ends the job: politely at its next measurement, by force after the grace. Idempotent."""


class Executor(Protocol):
    """Where jobs run; it owns the slots. An async context manager around all use of it."""

    def describe(self) -> str:
        """The devices in words, such as `cuda:0` or `2 CPU cores`."""

    def check(self, need: Need) -> None:
        """Raises TrainerUnavailable, with what to change, if no slot can ever satisfy the need."""

    def acquire(self, need: Need, ahead: Sequence[Need] = ()) -> Slot | NoSlot:
        """Takes a free slot for the need, and nothing that those `ahead` of it wait for."""

    def release(self, slot: Slot) -> None:
        """Gives the slot back. Its job must have ended."""

    def launch(self, job: Job, slot: Slot) -> AbstractAsyncContextManager[Attempt]:
        """Starts the job. Leaving the block kills what is left of its whole process group."""

    async def warm_up(self) -> None:
        """Returns once a job can start at once."""

    async def discard(self, workdirs: Iterable[Path]) -> None:
        """Deletes what jobs in these folders kept to go on from; what they made stays.

        Harmless if there is nothing. What cannot be deleted is left, and said in the log.

        Args:
            workdirs: gone through once and in a thread, so that they may be read from the disk.
        """

    async def clear(self, workdirs: Iterable[Path]) -> None:
        """As `discard`, of all that is in these folders, except what their jobs have printed."""

    async def prepare(self, trainer: TrainerRef, data_dir: Path, constants: Params) -> Prepared:
        """Lets the trainer fetch its data and say which data set a study shall use.

        Args:
            constants: what all its trials are trained with, perhaps the data set's name.

        Raises:
            TrainerUnavailable: the trainer cannot be imported, or its data cannot be had.
        """


# --- where results are tracked -----------------------------------------------------------------


class Tracker(Protocol):
    """Where people look at runs later."""

    async def deliver(self, entries: Sequence[TrackingEntry]) -> None:
        """Sends entries in order; sending one again changes nothing.

        Raises:
            TrackerUnavailable: it cannot be reached; the same entries will be sent again later.
        """
