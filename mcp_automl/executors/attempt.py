"""What is said between a running job and whoever follows it.

Each measurement is answered exactly once. `stop` answers the one that waits, or else the next, and
starts the grace after which the process is made to end. Once a job has been told to stop, it is
STOPPED however it ends, unless its trainer really came to its end first. A job that its vigil gives
up (`domain/vigil.py`) is ended in the same way, and has then stalled or timed out.
"""

import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import anyio

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, ProcessRef, Word
from mcp_automl.domain.study import Measurement
from mcp_automl.domain.vigil import Vigil
from mcp_automl.executors.child import UNKNOWN_EXIT_CODE, Child
from mcp_automl.worker.wire import Ending, Heartbeat, LastWord, Measured, Message


class LocalAttempt:
    """One job in a process.

    Args:
        vigil: says when the job must be ended although nobody has asked for it.
        on_measured: is told the GPU memory that each measurement came with.
    """

    def __init__(self, child: Child, vigil: Vigil, *, on_measured: Callable[[float], None]) -> None:
        self._child = child
        self._vigil = vigil
        self._given_up: Ended | None = None
        self._on_measured = on_measured
        self._owes_reply = False
        self._stopping = False
        self._nonsense = ""

    @property
    def process(self) -> ProcessRef:
        return self._child.ref

    async def words(self) -> AsyncIterator[Word]:
        """Measurements as they come; the last word is `Ended`, and then the process is gone."""
        while (message := await self._hear()) is not None and not isinstance(message, LastWord):
            if isinstance(message, Heartbeat):
                self._vigil.showed_life(message.cpu_seconds)
            if isinstance(message, Measured):
                yield self._measured(message)
        # Whoever has said its last word, or has hung up, is about to exit; it is given the grace.
        self._child.end_soon()
        await self._child.gone.wait()
        memory_ran_out = await self._child.memory_ran_out() if _is_killed(message) else None
        ended = self._ended(message, bool(memory_ran_out)) or silence(
            await self._child.exit_code(), memory_ran_out=memory_ran_out
        )
        yield replace(ended, at=self._child.gone_at)

    async def go_on(self) -> None:
        """Answers a measurement: train the next epoch. Harmless if the job has ended."""
        self._reply()

    async def stop(self) -> None:
        """Ends the job: politely at its next measurement, by force after the grace. Idempotent."""
        self._stopping = True
        self._reply()
        self._child.end_soon()

    async def watch(self) -> None:
        """Looks at the clock until the job is gone, told to stop, or given up."""
        while not (self._child.gone.is_set() or self._stopping):
            with anyio.move_on_after(self._vigil.look_seconds):
                await self._child.gone.wait()
            verdict = self._vigil.look(anyio.current_time(), waits=self._owes_reply)
            if verdict is not None and not self._stopping:
                self._given_up = verdict
                await self.stop()

    async def _hear(self) -> Message | None:
        try:
            return await self._child.receive()
        except ValueError as error:
            self._nonsense = str(error)
            self._child.kill()
            return None

    def _measured(self, message: Measured) -> Measurement:
        self._vigil.did_something()
        self._on_measured(message.gpu_memory_gb)
        self._owes_reply = True
        if self._stopping:
            self._reply()
        it = message.measurement
        return Measurement(epoch=it.epoch, metrics=it.metrics, seconds=it.seconds)

    def _reply(self) -> None:
        if self._owes_reply:
            self._owes_reply = False
            self._vigil.did_something()
            self._child.reply(go_on=not self._stopping)

    def _ended(self, last: LastWord | None, memory_ran_out: bool) -> Ended | None:
        """How the job ended; None if only its exit code can tell."""
        if last is not None and last.ending is Ending.COMPLETED:
            return Ended(outcome=Outcome.COMPLETED)
        if self._given_up is not None:
            return self._given_up
        if self._stopping:
            reason = last.reason if last is not None else "it did not stop by itself in time"
            return Ended(outcome=Outcome.STOPPED, reason=reason)
        if last is not None:
            if last.ending is Ending.KILLED and memory_ran_out:
                return Ended(outcome=Outcome.OUT_OF_MEMORY, reason=last.reason)
            return Ended(outcome=Outcome(last.ending.value), reason=last.reason)
        if self._nonsense:
            return Ended(outcome=Outcome.KILLED, reason=self._nonsense)
        return None


def _is_killed(last: LastWord | None) -> bool:
    """Whether somebody else has ended the process, be it the kernel."""
    return last is None or last.ending is Ending.KILLED


def silence(exit_code: int | None, *, memory_ran_out: bool | None) -> Ended:
    """What it means that a process ended without a last word."""
    if exit_code == -signal.SIGKILL and memory_ran_out:
        reason = "out of host memory: killed by the kernel (SIGKILL)"
        return Ended(outcome=Outcome.OUT_OF_MEMORY, reason=reason)
    reason = _killed(exit_code, memory_ran_out=memory_ran_out)
    return Ended(outcome=Outcome.KILLED, reason=reason)


def _killed(exit_code: int | None, *, memory_ran_out: bool | None) -> str:
    if exit_code is None or exit_code == UNKNOWN_EXIT_CODE:
        return "the process vanished without a last word"
    if exit_code >= 0:
        return f"the process exited with code {exit_code} without a last word"
    if exit_code == -signal.SIGKILL:
        doubt = ", perhaps for want of host memory" if memory_ran_out is None else ""
        return f"killed by signal 9 (SIGKILL) from outside{doubt}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    return f"the process ended by signal {-exit_code} ({name})"
