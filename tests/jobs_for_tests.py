"""Jobs for executors, the simplest follower of one, and what is left of them afterwards."""

import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from anyio import to_thread

from mcp_automl.domain.jobs import Ended, Job, Need, Slot, TrainerRef, Word
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.processes import is_running
from mcp_automl.ports import Attempt, Executor

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


@asynccontextmanager
async def going(
    executor: Executor, job: Job
) -> AsyncIterator[tuple[Attempt, AsyncIterator[Word], Measurement]]:
    """A job that has measured once and been told to go on."""
    async with launched(executor, job) as attempt:
        words = attempt.words()
        first = await anext(words)
        assert isinstance(first, Measurement)
        await attempt.go_on()
        yield attempt, words, first


def pids_in(measurement: Measurement) -> list[int]:
    return [int(pid) for pid in measurement.metrics.values()]


async def survivors(pids: Sequence[int], *, seconds: float = 5.0) -> list[int]:
    """Those that still run after at most so many seconds; a zombie runs no more."""
    return await to_thread.run_sync(wait_for_end, pids, seconds)


def wait_for_end(pids: Sequence[int], seconds: float = 5.0) -> list[int]:
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    deadline = time.monotonic() + seconds
    while alive := [process.pid for process in found if is_running(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return alive


def hide_main_module() -> None:
    """Keeps workers from importing pytest's start script, as multiprocessing has it."""
    vars(sys.modules["__main__"]).pop("__file__", None)
