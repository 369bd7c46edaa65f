"""Waiting for a study: bounded, with progress on the way, and over as soon as there is news."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from mcp_automl.answers import StudyStatus

if TYPE_CHECKING:
    from mcp_automl.service import Service

MAX_SECONDS = 45.0
"""Many clients give a call a minute."""

REST_SECONDS = 0.25
"""Between two looks, however often something is written."""

logger = logging.getLogger(__name__)

Tell = Callable[[StudyStatus], Awaitable[None]]


async def for_news(service: "Callable[[], Service]", name: str, seconds: float, tell: Tell) -> None:
    """Returns when a trial or the study has ended since the call, or when the time is up.

    What is wrong with the call is not told here: whoever waits asks for the status afterwards.

    Args:
        tell: is told how far it is whenever something was written.
    """
    with anyio.move_on_after(min(seconds, MAX_SECONDS)):
        try:
            await _follow(service, name, tell)
        # The boundary to the workspace: the status that is asked for next says what is wrong.
        except Exception:
            logger.info("nothing to wait for", exc_info=True)


async def _follow(service: "Callable[[], Service]", name: str, tell: Tell) -> None:
    changes = await to_thread.run_sync(lambda: service().changes())
    try:
        # Before the first look: what is written while we look must make us look again.
        await changes.changed()
        first = now = await _look(service, name)
        while now.study.state.should_run and _ended(now) == _ended(first):
            await tell(now)
            await changes.changed()
            now = await _look(service, name)
            await anyio.sleep(REST_SECONDS)
    finally:
        changes.close()


async def _look(service: "Callable[[], Service]", name: str) -> StudyStatus:
    # A slow read does not make the wait longer than was asked for; it changes nothing.
    return await to_thread.run_sync(lambda: service().status(name), abandon_on_cancel=True)


def _ended(status: StudyStatus) -> int:
    """How many trials have."""
    return sum(n for state, n in status.counts.items() if state.is_finished)


def progress(status: StudyStatus) -> tuple[float, float, str]:
    """How far the study is, of how much, and in words: trials, with parts of those that run."""
    total = status.study.config.n_trials
    parts = sum(it.last.epoch / it.epochs for it in status.running if it.last and it.epochs)
    words = f"{status.done} of {total} trials done, {len(status.running)} running"
    return min(total, status.done + parts), total, words
