"""The orchestrator's process: one per workspace, with a lock, a log, and several lives.

The lock is held for as long as the process may write. To leave when idle it releases the lock,
looks for work once more, and takes the lock again if there is any: a study stored before the
release is seen here, and whoever stores one after it finds the lock free and starts another
orchestrator.

An unexpected error ends one life: it is logged, and the next life recovers everything from the
database. Several such ends in a row end the process; the next tool call starts a new one.
"""

import logging
import os
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler

from filelock import FileLock, Timeout

from mcp_automl.settings import Settings

LOCK_SECONDS = 2.0
"""Longer than any probe of the lock lasts: one must not put off a starting orchestrator."""

LIVES = 5
REBIRTH_SECONDS = 5.0
"""Wait after an unexpected end: a full disk or a lost driver is not mended in an instant."""

LOG_BYTES = 2_000_000
LOG_FILES = 3

logger = logging.getLogger(__name__)


def hold_workspace(
    settings: Settings,
    live: Callable[[], bool],
    work_waits: Callable[[], bool],
    announce: Callable[[], None] = lambda: None,
    wait: float | None = None,
) -> None:
    """Lives in the workspace until there is nothing to do; returns at once if another one does.

    Args:
        live: one life; returns True if it was asked to leave, False if it ran out of work.
        work_waits: whether a study should run.
        announce: says in the database who holds the workspace now.
        wait: seconds to wait while another orchestrator holds the workspace.
    """
    lock = FileLock(settings.orchestrator_lock)
    while _taken(lock, LOCK_SECONDS if wait is None else wait):
        try:
            logger.info("orchestrator %d holds %s", os.getpid(), settings.workspace)
            announce()
            asked_to_leave = _lives(live)
        finally:
            lock.release()
        if asked_to_leave or not work_waits():
            logger.info("orchestrator %d leaves", os.getpid())
            return


def _taken(lock: FileLock, seconds: float) -> bool:
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        logger.info("orchestrator %d is not needed: another one holds the workspace", os.getpid())
        return False
    return True


def _lives(live: Callable[[], bool]) -> bool:
    for life in range(1, LIVES + 1):
        try:
            return live()
        # The boundary at which a life ends, whatever ended it.
        except Exception:
            logger.exception("life %d of %d ended unexpectedly", life, LIVES)
            if life == LIVES:
                raise
        time.sleep(REBIRTH_SECONDS)
    raise AssertionError("unreachable")


def log_to_file(settings: Settings) -> None:
    """Sends all logging to the orchestrator's own rotating file."""
    settings.orchestrator_log.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        settings.orchestrator_log, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
