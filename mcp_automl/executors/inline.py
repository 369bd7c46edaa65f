"""Jobs in a thread of this process: for tests, and for debugging a trainer with breakpoints.

The contract is that of `LocalExecutor`, save what only a process can give: a trainer that does not
come to its next measurement cannot be stopped, and one that crashes the interpreter takes us along.
Its `ProcessRef` has pid 0: there is no process that recovery could kill. What a trainer declares of
GPUs and cores is left alone: a thread has what its process has.
"""

import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import anyio
from anyio import CapacityLimiter, from_thread, to_thread
from anyio.abc import TaskGroup

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
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.space import Params
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.assignments import assignment, code, prepared
from mcp_automl.executors.devices import Device
from mcp_automl.executors.leftovers import clear, discard_checkpoints
from mcp_automl.executors.slots import SlotTable
from mcp_automl.ports import Attempt
from mcp_automl.worker import training
from mcp_automl.worker.training import Assignment
from mcp_automl.worker.wire import Ending, LastWord, Measured

LEAVE_SECONDS = 5.0
"""How long leaving a launch waits for the trainer's next measurement."""

NO_PROCESS = ProcessRef(pid=0, started=0.0)


class InlineExecutor:
    """See the top of this file; use it as an async context manager."""

    def __init__(self, *, max_parallel: int = 1, prices: Prices | None = None) -> None:
        self._slots = SlotTable(
            devices=[Device(label="cpu", kind="cpu", name="CPU")],
            cores=1,
            max_parallel=max_parallel,
            prices=prices or Prices(),
        )
        self._limiter = CapacityLimiter(math.inf)
        self._tasks: TaskGroup

    async def __aenter__(self) -> "InlineExecutor":
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        # The task group waits for its tasks however it is left; each of them has its own limit.
        return await self._tasks.__aexit__(kind, error, trace)  # noqa: ASYNC102

    def describe(self) -> str:
        """The devices in words."""
        return "this process"

    def check(self, need: Need) -> None:
        """Every need can be satisfied."""

    def acquire(self, need: Need, ahead: Sequence[Need] = ()) -> Slot | NoSlot:
        """Takes a free slot, or says that there is none."""
        return self._slots.acquire(replace(need, gpus=None, cpu_cores=None), {})

    def release(self, slot: Slot) -> None:
        """Gives the slot back."""
        self._slots.release(slot.id)

    def launch(self, job: Job, slot: Slot) -> AbstractAsyncContextManager[Attempt]:
        """Starts the job. Leaving the block stops it at its next measurement."""
        return self._launch(job, slot)

    async def warm_up(self) -> None:
        """Nothing has to be started."""

    async def discard(self, workdirs: Iterable[Path]) -> None:
        """Deletes what jobs in these folders kept to go on from; what they made stays."""
        await to_thread.run_sync(discard_checkpoints, workdirs)

    async def clear(self, workdirs: Iterable[Path]) -> None:
        """Deletes all that is in these folders, except what jobs have printed."""
        await to_thread.run_sync(clear, workdirs)

    async def prepare(self, trainer: TrainerRef, data_dir: Path, constants: Params) -> Prepared:
        """Lets the trainer fetch its data and say which data set a study shall use.

        Raises:
            TrainerUnavailable: the trainer cannot be imported, or its data cannot be had.
        """
        message = await to_thread.run_sync(
            training.prepare, code(trainer), data_dir, dict(constants)
        )
        return prepared(trainer, message)

    @asynccontextmanager
    async def _launch(self, job: Job, slot: Slot) -> AsyncIterator["InlineAttempt"]:
        attempt = InlineAttempt(assignment(job, slot))
        self._tasks.start_soon(attempt.train, self._limiter)
        try:
            yield attempt
        finally:
            with anyio.move_on_after(LEAVE_SECONDS, shield=True):
                await attempt.stop()
                await attempt.ended.wait()
                attempt.close()


class InlineAttempt:
    """One job in a thread."""

    process = NO_PROCESS

    def __init__(self, assignment: Assignment) -> None:
        self.ended = anyio.Event()
        self._assignment = assignment
        self._said, self._heard = anyio.create_memory_object_stream[Word](math.inf)
        self._replies: SimpleQueue[bool] = SimpleQueue()
        self._owes_reply = False
        self._stopping = False

    async def train(self, limiter: CapacityLimiter) -> None:
        """Runs the trainer in a thread to its end."""
        try:
            last = await to_thread.run_sync(
                training.run_to_the_end,
                self._assignment,
                self._ask,
                limiter=limiter,
                abandon_on_cancel=True,
            )
            self._said.send_nowait(self._last(last))
        finally:
            self._said.close()
            self.ended.set()

    def close(self) -> None:
        """Forgets what was said and not heard."""
        self._heard.close()

    async def words(self) -> AsyncIterator[Word]:
        """Measurements as they come; the last word is `Ended`."""
        async for word in self._heard:
            yield word

    async def go_on(self) -> None:
        """Answers a measurement: train the next epoch. Harmless if the job has ended."""
        self._reply()

    async def stop(self) -> None:
        """Ends the job at its next measurement. Idempotent."""
        self._stopping = True
        self._reply()

    def _ask(self, measured: Measured) -> bool:
        from_thread.run_sync(self._tell, measured)
        return self._replies.get()

    def _tell(self, measured: Measured) -> None:
        it = measured.measurement
        self._owes_reply = True
        if self._stopping:
            self._reply()
        self._said.send_nowait(Measurement(epoch=it.epoch, metrics=it.metrics, seconds=it.seconds))

    def _reply(self) -> None:
        if self._owes_reply:
            self._owes_reply = False
            self._replies.put(not self._stopping)

    def _last(self, last: LastWord) -> Ended:
        if self._stopping and last.ending is not Ending.COMPLETED:
            return Ended(outcome=Outcome.STOPPED, reason=last.reason)
        return Ended(outcome=Outcome(last.ending.value), reason=last.reason)
