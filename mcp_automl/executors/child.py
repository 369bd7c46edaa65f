"""One process of the worker package: started, ordered to do something, and in the end surely gone.

    running --(process exits by itself)----------------------------------> gone
       |                                                                    ^
       +-- end_soon() --> polite --(2/3 grace)--> SIGTERM --(1/3)--> SIGKILL |
       |                                                                    |
       +-- leaving the block around it --> SIGKILL -------------------------+

Signals go to the process group. Gone means that the leader has ended and its group was killed, so
that no data loader outlives it. `supervise` is the one task that waits for the process and does the
escalation; it runs in the executor's task group.

On Linux the kernel itself tells of the end. The forkserver, whose child the process is, tells of it
only when it is not forking another one, which takes 20 to 40 ms of a loaded torch; but nobody else
knows the exit code, so this comes later, and is asked for only where a process said no last word.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess
from typing import Any, TypeAlias

import anyio
from anyio import to_thread

from mcp_automl.domain.jobs import ProcessRef
from mcp_automl.executors.processes import (
    kill_leftover,
    memory_kills,
    pidfd,
    process_ref,
    signal_group,
    sweep_group,
)
from mcp_automl.worker import main as worker
from mcp_automl.worker.wire import GO, STOP, Lines, Message, decode

UNKNOWN_EXIT_CODE = 255
"""What multiprocessing says when it cannot know, as when the forkserver has been killed."""

KILL_SECONDS = 5.0
"""How long ending a process waits for a killed one; only a driver that hangs takes longer."""

REAP_SECONDS = 3.0
"""How long the forkserver may take to tell the exit code of a process that is gone."""

CHUNK = 1 << 16

_looking = threading.Lock()
"""Held to start a process, and to read an exit code.

Whoever starts one looks, in its thread, whether earlier ones have ended. Of two that look at once,
one finds the exit code read already, or the descriptor closed that it looks at.
"""

Context: TypeAlias = ForkServerContext | SpawnContext

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What this process holds of one that it has started."""

    ref: ProcessRef
    process: ForkServerProcess | SpawnProcess
    socket: socket.socket
    orders: Connection
    """Takes one order."""
    life: Connection
    """Held open and never written to: see `worker.life`."""
    pidfd: int | None
    """Readable when the process has ended; None where there is no such thing."""

    @property
    def end(self) -> int:
        """A descriptor that is readable once the process has ended."""
        return self.process.sentinel if self.pidfd is None else self.pidfd

    def exit_code(self) -> int | None:
        """How the process has ended; blocks while another one is started."""
        with _looking:
            return self.process.exitcode

    def reap(self) -> int | None:
        """The same of a process that is gone, and gives back what it was known by."""
        with _looking:
            exit_code = self.process.exitcode
            if exit_code is None:
                logger.error("process %d does not die", self.ref.pid)
            else:
                self.process.close()
        return exit_code

    def close(self) -> None:
        """Closes all but the process's sentinel, which goes when its exit code was read."""
        for end in (self.socket, self.orders, self.life):
            end.close()
        if self.pidfd is not None:
            os.close(self.pidfd)


@dataclass(slots=True)
class Child:
    """See the top of this file."""

    _started: Started
    gone: anyio.Event = field(default_factory=anyio.Event, init=False)
    gone_at: float | None = field(default=None, init=False)
    """When the process was seen to be gone, in monotonic seconds."""
    _memory_kills: int | None = field(default=None, init=False)
    """As `processes.memory_kills` said when it got its order."""
    _ending: anyio.Event = field(default_factory=anyio.Event, init=False)
    _supervised: anyio.Event = field(default_factory=anyio.Event, init=False)
    _left: bool = field(default=False, init=False)
    """Whether whoever ended it went away before it was gone."""
    _reaped: anyio.Event = field(default_factory=anyio.Event, init=False)
    _exit_code: int | None = field(default=None, init=False)
    _lines: Lines = field(default_factory=Lines, init=False)
    _messages: deque[Message] = field(default_factory=deque, init=False)

    @property
    def ref(self) -> ProcessRef:
        return self._started.ref

    @property
    def lives(self) -> bool:
        """Whether nothing is known of its end."""
        return not (self.gone.is_set() or wait([self._started.end], timeout=0))

    def order(self, do: Callable[..., Message], *arguments: Any) -> None:
        """Has the process do that, once: it runs `do(*arguments, wire)`; blocks for a moment.

        Raises:
            OSError: it is gone.
        """
        self._memory_kills = memory_kills()
        self._started.orders.send((do, arguments))

    async def receive(self) -> Message | None:
        """The next message; None once the process has closed its end or is gone.

        Raises:
            ValueError: it said something that cannot be read.
        """
        while not self._messages:
            data = await self._receive_bytes()
            if not data:
                return None
            self._messages.extend(decode(line) for line in self._lines.feed(data))
        return self._messages.popleft()

    def reply(self, *, go_on: bool) -> None:
        """Answers a measurement; harmless if the process is gone."""
        # A few bytes into an empty buffer: this cannot block.
        with contextlib.suppress(OSError):
            self._started.socket.send(GO if go_on else STOP)

    def end_soon(self) -> None:
        """Gives the process its grace to exit by itself before it is made to. Idempotent."""
        self._ending.set()

    def kill(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Signals the process and its group at once; once it is gone, its pid may be another's."""
        if not self.gone.is_set():
            signal_group(self.ref.pid, by)

    async def memory_ran_out(self) -> bool | None:
        """Whether the kernel has since killed somebody for want of memory; None if unknown."""
        before = self._memory_kills
        return None if before is None else await to_thread.run_sync(memory_kills) != before

    async def exit_code(self) -> int | None:
        """How the process that is gone has ended; None or `UNKNOWN_EXIT_CODE` if nobody knows."""
        with anyio.move_on_after(REAP_SECONDS):
            await self._reaped.wait()
        return self._exit_code

    async def supervise(self, grace: float) -> None:
        """Waits until the process is gone, and ends it once it has been asked to end."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._end_when_asked, grace)
                await self._wait_until_gone()
                tasks.cancel_scope.cancel()
        finally:
            self._supervised.set()
            if self._left:
                self._started.close()
        await anyio.wait_readable(self._started.process.sentinel)
        self._exit_code = await to_thread.run_sync(self._started.reap)
        self._reaped.set()

    async def end(self) -> None:
        """Kills what is left of the process and its group, and gives back what was held of it."""
        self.kill()
        with anyio.move_on_after(KILL_SECONDS, shield=True):
            await self._supervised.wait()
            # Whoever supervised it may have been cancelled before.
            if not self.gone.is_set():
                await self._wait_until_gone()
        if not self.gone.is_set():
            logger.error("process %d does not die", self.ref.pid)
        if self._supervised.is_set():
            self._started.close()
        else:
            # The next process would get the number of a descriptor that is still waited for.
            self._left = True

    async def _receive_bytes(self) -> bytes:
        while True:
            try:
                return self._started.socket.recv(CHUNK)
            except ConnectionResetError:
                return b""
            except BlockingIOError:
                # Someone may have inherited the socket and keep it open.
                if self.gone.is_set():
                    return b""
                await self._wait_until_readable_or_gone()

    async def _wait_until_readable_or_gone(self) -> None:
        async def cancel_when_gone(scope: anyio.CancelScope) -> None:
            await self.gone.wait()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel_when_gone, tasks.cancel_scope)
            await anyio.wait_readable(self._started.socket)
            tasks.cancel_scope.cancel()

    async def _wait_until_gone(self) -> None:
        await anyio.wait_readable(self._started.end)
        sweep_group(self.ref.pid)
        if self._started.pidfd is None:
            # The sentinel is the forkserver's word for it, and the forkserver may have been killed;
            # of a spawned process it tells only that its descriptors are closed.
            exit_code = await to_thread.run_sync(self._started.exit_code)
            if exit_code in (None, UNKNOWN_EXIT_CODE):
                await to_thread.run_sync(kill_leftover, self.ref)
        self.gone_at = anyio.current_time()
        self.gone.set()

    async def _end_when_asked(self, grace: float) -> None:
        await self._ending.wait()
        with anyio.move_on_after(grace * 2 / 3):
            await self.gone.wait()
        self.kill(by=signal.SIGTERM)
        with anyio.move_on_after(grace / 3):
            await self.gone.wait()
        self.kill()


def start_process(context: Context) -> Started:
    """Starts a process that waits for its order; blocks meanwhile.

    Raises:
        OSError, EOFError: there is no forkserver any more, or it cannot fork.
    """
    ours, theirs = socket.socketpair()
    orders, order = context.Pipe(duplex=False)
    life, keep = context.Pipe(duplex=False)
    process = context.Process(target=worker.stand_by, args=(orders, theirs, life))
    try:
        with _looking:
            process.start()
    except BaseException:
        for end in (ours, order, keep):
            end.close()
        raise
    finally:
        for end in (theirs, orders, life):
            end.close()
    ours.setblocking(False)
    assert process.pid is not None
    return Started(
        ref=process_ref(process.pid),
        process=process,
        socket=ours,
        orders=order,
        life=keep,
        pidfd=pidfd(process.pid),
    )
