"""Real workers that are given up, and one that is not."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import fail_after

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Limits
from mcp_automl.executors.local import LocalExecutor
from tests.jobs_for_tests import (
    end_of,
    fake_job,
    followed,
    going,
    hide_main_module,
    launched,
    pids_in,
    survivors,
)

STALL_SECONDS = 1.0
SILENT = Ended(outcome=Outcome.STALLED, reason="sent nothing for 1 s")


@pytest.fixture
def make() -> Callable[[Limits], LocalExecutor]:
    hide_main_module()
    return lambda limits: LocalExecutor(grace=0.3, limits=limits)


@pytest.fixture
def executor(make: Callable[[Limits], LocalExecutor]) -> LocalExecutor:
    return make(Limits(stall_s=STALL_SECONDS))


async def test_a_worker_that_was_stopped_is_ended_as_stalled(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(20):
        async with executor:
            job = fake_job(tmp_path, epochs=0, behaviour="busy and deaf")
            async with going(executor, job) as (attempt, words, first):
                os.killpg(attempt.process.pid, signal.SIGSTOP)
                last = await anext(words)
                alive = await survivors(pids_in(first), seconds=0)

    assert last == SILENT
    assert alive == []


async def test_a_worker_that_holds_the_interpreter_for_ever_stalls_and_its_log_says_where(
    tmp_path: Path,
) -> None:
    hide_main_module()
    # A third of the grace is left to write the log: on a busy machine that takes more than 0.1 s.
    with fail_after(20):
        async with LocalExecutor(grace=3.0, limits=Limits(stall_s=STALL_SECONDS)) as executor:
            job = fake_job(tmp_path, epochs=0, behaviour="hold the interpreter")
            async with going(executor, job) as (_, words, _first):
                last = await anext(words)

    assert last == SILENT
    assert "_hold_the_interpreter" in job.log.read_text()


async def test_a_worker_that_lives_but_does_nothing_stalls(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(20):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="sleep for ever"))

    assert ended.outcome is Outcome.STALLED
    assert ended.reason == "did nothing for 1 s: it lives, but uses no processor"


async def test_a_worker_whose_child_computes_for_long_is_left_alone(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    with fail_after(20):
        async with executor:
            ended = await end_of(executor, fake_job(tmp_path, behaviour="compute for long"))

    assert ended == Ended(outcome=Outcome.COMPLETED)


async def test_a_trial_that_trains_too_long_is_timed_out(
    make: Callable[[Limits], LocalExecutor], tmp_path: Path
) -> None:
    job = fake_job(tmp_path, behaviour="busy and deaf")
    with fail_after(20):
        async with make(Limits(trial_s=0.5)) as executor:
            ended = await end_of(executor, job)
            async with launched(executor, replace(job, trained_s=3600.0)) as attempt:
                *_, again = await followed(attempt)

    assert ended == again == Ended(outcome=Outcome.TIMED_OUT, reason="timed out after 0.5 s")
