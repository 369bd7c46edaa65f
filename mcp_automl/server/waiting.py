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

LARGEST_PART = 0.99
"""Of a trial, that one which runs can add to the progress."""

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
    """How far the study is, of how much, and in words: trials, with a part for those that run.

    The part is that of the one which has come furthest. So the number grows until a trial ends, and
    does not fall where another begins: clients hear of what is more than before, and of nothing
    else. Its whole part is what the words say: only a trial that has ended is one more.
    """
    total, running = status.study.config.n_trials, status.running
    parts = (it.last.epoch / it.epochs for it in running if it.last and it.epochs)
    part = min(LARGEST_PART, max(parts, default=0.0))
    words = f"{status.done} of {total} trials done, {len(running)} running"
    return min(total, round(status.done + part, 2)), total, words


def cut(seconds: float | None) -> tuple[str, ...]:
    """What to tell who wanted to wait longer than anybody may."""
    if seconds is None or seconds <= MAX_SECONDS:
        return ()
    return (f"wait_seconds={seconds:g} was cut to {MAX_SECONDS:g}, the longest wait there is",)
