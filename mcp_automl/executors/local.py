"""Jobs as processes of this machine, on its GPUs or cores.

Theory of operation
-------------------
Workers are forked from a *forkserver*, a process that has the trainers' libraries loaded and does
nothing else. It starts loading when the executor is entered; the first launch waits for the rest.
On macOS, where forking a loaded torch is not safe, each worker is spawned afresh. Either way some
are ready before they are needed (`standby.py`), so that a job starts in milliseconds.

A job is a `Child` (what happens to its process) and a `LocalAttempt` (what is said on its wire).
"""

import logging
import multiprocessing
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from mcp_automl.domain.errors import TrainerUnavailable
from mcp_automl.domain.jobs import Job, Limits, Need, NoSlot, Prepared, Slot, TrainerRef
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.space import Params
from mcp_automl.domain.vigil import Vigil
from mcp_automl.executors import devices as found
from mcp_automl.executors.assignments import assignment, code, prepared
from mcp_automl.executors.attempt import LocalAttempt
from mcp_automl.executors.child import Child, Context, Started, start_process
from mcp_automl.executors.devices import Device, DeviceLost, Nvml
from mcp_automl.executors.leftovers import clear, discard_checkpoints
from mcp_automl.executors.slots import Free, SlotTable
from mcp_automl.executors.standby import Standby
from mcp_automl.ports import Attempt
from mcp_automl.worker import main as worker
from mcp_automl.worker.wire import Message

CUDA_CONTEXT_GB = 0.5
"""What a process holds on a GPU beside the tensors that torch counts."""

logger = logging.getLogger(__name__)


class LocalExecutor:
    """See the top of this file; use it as an async context manager.

    Args:
        preload: modules that the forkserver imports once: trainers, and what they train with.
        max_parallel: how many jobs run at once.
        prices: what cores and GPUs cost.
        grace: seconds from a stop to SIGKILL, at most.
        limits: how long a trial may go on whose trainer says nothing else.
        environ: where `CUDA_VISIBLE_DEVICES` is read from.
        devices: what to use in place of what is found.
    """

    def __init__(
        self,
        *,
        preload: Sequence[str] = (),
        max_parallel: int = 3,
        prices: Prices | None = None,
        grace: float = 1.5,
        limits: Limits | None = None,
        environ: Mapping[str, str] | None = None,
        devices: Sequence[Device] | None = None,
    ) -> None:
        self._preload = list(preload)
        self._max_parallel = max_parallel
        self._prices = prices or Prices()
        self._limits = limits or Limits()
        self._environ = dict(environ or {})
        self._devices = devices
        self._nvml: Nvml | None = None
        self._peaks: dict[str, float] = {}
        """The most GPU memory that a job of each trainer has been seen to hold."""
        self._context: Context = _context()
        self._standby = Standby(self._start, most=max_parallel, grace=grace)
        self._slots: SlotTable
        self._tasks: TaskGroup

    async def __aenter__(self) -> "LocalExecutor":
        self._slots = await to_thread.run_sync(self._look_around)
        if isinstance(self._context, multiprocessing.context.ForkServerContext):
            self._context.set_forkserver_preload([*self._preload, worker.__name__])
            # It returns as soon as the process exists, and that process then loads on its own.
            await to_thread.run_sync(forkserver.ensure_running)
        self._tasks = await anyio.create_task_group().__aenter__()
        self._standby.begin(self._tasks)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        try:
            # The task group waits for its tasks however it is left; each of them has its own limit.
            return await self._tasks.__aexit__(kind, error, trace)  # noqa: ASYNC102
        finally:
            await self._standby.end()  # noqa: ASYNC102 (so has each process)

    def describe(self) -> str:
        """The devices in words, such as `cuda:0` or `2 CPU cores`."""
        return found.describe(self._slots.devices, self._slots.cores)

    def check(self, need: Need) -> None:
        """Raises TrainerUnavailable if no slot of this machine can ever satisfy the need."""
        if misfit := self._slots.misfit(need):
            raise TrainerUnavailable(misfit)

    def acquire(self, need: Need, ahead: Sequence[Need] = ()) -> Slot | NoSlot:
        """Takes a free slot for the need, and nothing that those `ahead` of it wait for."""
        free = {device.label: self._free(device) for device in self._slots.devices}
        return self._slots.acquire(self._corrected(need), free, ahead)

    def release(self, slot: Slot) -> None:
        """Gives the slot back. Its job must have ended."""
        self._slots.release(slot.id)

    def launch(self, job: Job, slot: Slot) -> AbstractAsyncContextManager[Attempt]:
        """Starts the job. Leaving the block kills what is left of its whole process group."""
        return self._launch(job, slot)

    async def warm_up(self) -> None:
        """Returns once a job can start at once: processes wait for it."""
        await self._standby.fill()

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
        async with self._child(worker.prepare, code(trainer), data_dir, dict(constants)) as child:
            message = await _answer(child)
        return prepared(trainer, message)

    @asynccontextmanager
    async def _launch(self, job: Job, slot: Slot) -> AsyncIterator[LocalAttempt]:
        def measured(gpu_memory_gb: float) -> None:
            self._slots.settle(slot.id)
            if gpu_memory_gb > 0:
                peak = gpu_memory_gb + CUDA_CONTEXT_GB
                self._peaks[job.trainer.name] = max(peak, self._peaks.get(job.trainer.name, 0.0))

        limits = self._limits.of(job.trainer)
        async with self._child(worker.train, _order(job, slot, limits)) as child:
            vigil = Vigil(limits, trained_s=job.trained_s, began_at=anyio.current_time())
            attempt = LocalAttempt(child, vigil, on_measured=measured)
            self._tasks.start_soon(attempt.watch)
            yield attempt

    @asynccontextmanager
    async def _child(self, do: Callable[..., Message], *arguments: Any) -> AsyncIterator[Child]:
        child = await self._standby.ordered(do, *arguments)
        try:
            yield child
        finally:
            await child.end()  # noqa: ASYNC102 (it has a limit)

    def _start(self) -> Started:
        try:
            return start_process(self._context)
        except (EOFError, OSError):
            # The forkserver was killed, or could not bear what it was to import: without it a
            # job starts slowly and says what is wrong itself.
            logger.exception("the forkserver has died; starting another that loads nothing")
            self._context.set_forkserver_preload([])
            return start_process(self._context)

    def _look_around(self) -> SlotTable:
        self._nvml = found.load_nvml()
        return SlotTable(
            devices=self._devices or found.discover(self._environ, self._nvml),
            cores=found.usable_cores(),
            max_parallel=self._max_parallel,
            prices=self._prices,
        )

    def _free(self, device: Device) -> Free:
        try:
            return Free(gb=found.free_memory_gb(device, self._nvml))
        except DeviceLost as error:
            return Free(lost=str(error))

    def _corrected(self, need: Need) -> Need:
        measured = self._peaks.get(need.trainer, need.gpu_memory_gb)
        return replace(need, gpu_memory_gb=measured)


def _context() -> Context:
    # Forking a process that has used Apple's frameworks crashes the child.
    if sys.platform == "darwin":
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("forkserver")


def _order(job: Job, slot: Slot, limits: Limits) -> worker.Order:
    # A job on the CPU of a machine whose GPUs are hidden from us shall not find them.
    nothing = "" if slot.device == "cpu" else None
    return worker.Order(
        assignment=assignment(job, slot),
        log=job.log,
        visible_device=slot.visible_device if slot.visible_device is not None else nothing,
        heartbeat_s=limits.heartbeat_s,
    )


async def _answer(child: Child) -> Message | None:
    try:
        return await child.receive()
    except ValueError:
        return None
