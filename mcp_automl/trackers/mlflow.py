"""The tracker over MLflow: in a process of its own, because MLflow is large.

Its import and the first migration of its database keep an interpreter busy for seconds, in which
the orchestrator's other threads would hardly run and trials would wait for their replies. The
process ends with its owner, whose end of the pipe between them closes. One that is still delivering
then holds a file lock, so that the next owner's does not deliver the same entries beside it.
"""

import logging
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import anyio
from anyio import to_process, to_thread
from filelock import FileLock, Timeout

from mcp_automl.domain.errors import TrackerUnavailable
from mcp_automl.domain.tracking import TrackingEntry
from mcp_automl.trackers.runs import MlflowRuns

NICENESS = 10
"""Trainings go first: nobody waits for a tracker."""

LOCK_SECONDS = 30.0
"""Longer than runs take that an owner has left behind; for a model left behind one comes again."""

logger = logging.getLogger(__name__)


class MlflowTracker:
    """A `Tracker`.

    Args:
        tracking_uri: `sqlite:///` and an absolute path, or a server's address.
        origin: tells apart equally named studies of several workspaces on one server.
        process_lock: deliver from another process, which locks this file; None for a thread.
    """

    def __init__(
        self, tracking_uri: str, *, origin: str = "", process_lock: Path | None = None
    ) -> None:
        self._runs = MlflowRuns(tracking_uri, origin=origin)
        self._place = (tracking_uri, origin)
        self._lock = process_lock
        self._limiter = anyio.CapacityLimiter(1)

    async def deliver(self, entries: Sequence[TrackingEntry]) -> None:
        """Sends entries in order; sending one again changes nothing.

        A cancellation waits for the delivery: half of one and another one beside it could make a
        run twice. It ends the process that logs a model, which may be done again at any time.

        Raises:
            TrackerUnavailable: it cannot be reached; the same entries will be sent again later.
        """
        rows = tuple(entry for entry in entries if entry.publication is None)
        models = [entry for entry in entries if entry.publication is not None]
        # Runs first, and each model alone: it takes long, and nobody who leaves waits for it.
        for few, can_wait in ((rows, False), *(((model,), True) for model in models)):
            for refused in await self._deliver(few, cancellable=can_wait) if few else ():
                logger.error("MLflow refuses %s", refused)

    async def _deliver(
        self, entries: Sequence[TrackingEntry], *, cancellable: bool
    ) -> tuple[str, ...]:
        if self._lock is None:
            return await to_thread.run_sync(self._runs.deliver, entries, limiter=self._limiter)
        try:
            return await to_process.run_sync(
                deliver_locked,
                self._place,
                self._lock,
                entries,
                limiter=self._limiter,
                cancellable=cancellable,
            )
        except anyio.BrokenWorkerProcess as error:
            # Killed from outside, for want of memory perhaps. The next delivery starts another one.
            raise TrackerUnavailable("the process that delivers to MLflow was killed") from error


def deliver_locked(
    place: tuple[str, str], lock: Path, entries: Sequence[TrackingEntry]
) -> tuple[str, ...]:
    """What happens in the other process, which keeps its client from one call to the next."""
    runs = _runs(*place)
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            return runs.deliver(entries)
    except Timeout as error:
        raise TrackerUnavailable("an earlier delivery to MLflow has not ended yet") from error


@cache
def _runs(tracking_uri: str, origin: str) -> MlflowRuns:
    os.nice(NICENESS)
    return MlflowRuns(tracking_uri, origin=origin)
