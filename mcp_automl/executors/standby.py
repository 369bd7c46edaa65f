"""Processes that wait for an order, so that no job waits for a process.

Forking a loaded torch takes 20 to 40 ms of a core, and so long a slot would stand empty between two
trials. So as many processes as jobs may run are started beforehand. What they are ordered to do is
decided when it is done: only the process is ready early.

One that was taken is replaced soon, but not at once: several jobs often end and begin together.
"""

import logging
from collections import deque
from collections.abc import Callable

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup

from mcp_automl.executors.child import Child, Started
from mcp_automl.worker.wire import Message

REST_SECONDS = 0.1
"""How long nobody is started after one was ordered: forking takes a core from whoever begins."""

MOST = 4
"""Processes that wait, however many jobs may run: each holds a few megabytes of its own."""

logger = logging.getLogger(__name__)


class Standby:
    """See the top of this file.

    Args:
        start: starts a process; blocks meanwhile, and raises OSError or EOFError.
        most: how many shall wait.
        grace: seconds that a process which is to end has for it.
    """

    def __init__(self, start: Callable[[], Started], *, most: int, grace: float) -> None:
        self._start = start
        self._most = min(most, MOST)
        self._grace = grace
        self._ready: deque[Child] = deque()
        # One at a time: `start` sees to that itself, but whoever waits here holds no thread.
        self._starting = CapacityLimiter(1)
        self._wanted = anyio.Event()
        self._waiting: list[anyio.Event] = []
        """Set when all stand by, or none can be started."""
        self._tasks: TaskGroup

    def begin(self, tasks: TaskGroup) -> None:
        """Starts and supervises processes in these tasks."""
        self._tasks = tasks
        tasks.start_soon(self._fill)

    async def fill(self) -> None:
        """Returns once all wait, or none can be started."""
        full = anyio.Event()
        self._waiting.append(full)
        self.refill()
        await full.wait()

    def refill(self) -> None:
        """Sees to it that as many wait as shall wait, soon."""
        self._wanted.set()

    async def ordered(self, do: Callable[..., Message], *arguments: object) -> Child:
        """A process that does `do(*arguments, wire)` from now on; the caller has to end it.

        Raises:
            OSError, EOFError: none can be started.
        """
        try:
            while True:
                child = await self._taken()
                try:
                    await to_thread.run_sync(child.order, do, *arguments)
                except BrokenPipeError:
                    logger.warning("process %d is gone before it was of use", child.ref.pid)
                    await child.end()
                except BaseException:
                    await child.end()  # noqa: ASYNC102 (it has a limit)
                    raise
                else:
                    return child
        finally:
            # However this went, a process was taken.
            self.refill()

    async def end(self) -> None:
        """Ends those that wait."""
        for child in self._ready:
            child.kill()
        while self._ready:
            await self._ready.popleft().end()

    async def _taken(self) -> Child:
        while self._ready:
            child = self._ready.popleft()
            if child.lives:
                return child
            await child.end()
        return await self._started()

    async def _started(self) -> Child:
        # Not to be abandoned: a process that starts after this was cancelled would be lost.
        child = Child(await to_thread.run_sync(self._start, limiter=self._starting))
        self._tasks.start_soon(child.supervise, self._grace)
        return child

    async def _fill(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._waiting:
                await anyio.sleep(REST_SECONDS)
            self._wanted = anyio.Event()
            try:
                while len(self._ready) < self._most:
                    self._ready.append(await self._started())
            except (OSError, EOFError):
                logger.exception("no process could be started; the next job will say so, too")
            while self._waiting:
                self._waiting.pop().set()
