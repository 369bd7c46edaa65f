"""Jobs for executors, and the simplest follower of one."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp_automl.ports import Attempt, Ended, Executor, Job, Need, Slot, TrainerRef, Word

FAKE = TrainerRef(name="fake", module="tests.trainers_for_tests")


def fake_job(folder: Path, *, trainer: TrainerRef = FAKE, **params: int | str) -> Job:
    """A job of `tests.trainers_for_tests` whose files are all in that folder."""
    return Job(
        trainer=trainer,
        params=params,
        workdir=folder / "work",
        data_dir=folder / "data",
        seed=0,
        log=folder / "job.log",
    )


def taken_slot(executor: Executor, need: Need | None = None) -> Slot:
    """A slot, where a test knows that one is free."""
    slot = executor.acquire(need or Need())
    assert isinstance(slot, Slot)
    return slot


@asynccontextmanager
async def launched(executor: Executor, job: Job) -> AsyncIterator[Attempt]:
    """Runs a job in a slot of its own, which is given back."""
    slot = taken_slot(executor)
    try:
        async with executor.launch(job, slot) as attempt:
            yield attempt
    finally:
        executor.release(slot)


async def followed(attempt: Attempt) -> list[Word]:
    """Everything a job says when it is always told to go on."""
    words = []
    async for word in attempt.words():
        words.append(word)
        await attempt.go_on()
    return words


async def end_of(executor: Executor, job: Job) -> Ended:
    """Runs a job to its end and returns its last word."""
    async with launched(executor, job) as attempt:
        *_, last = await followed(attempt)
    assert isinstance(last, Ended)
    return last


def hide_main_module() -> None:
    """Keeps workers from importing pytest's start script, as multiprocessing has it."""
    vars(sys.modules["__main__"]).pop("__file__", None)
