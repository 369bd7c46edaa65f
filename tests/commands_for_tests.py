"""Jobs of commands, and what they say to an executor that always tells them to go on."""

import sys
from pathlib import Path
from typing import Any

from anyio import fail_after

from mcp_automl.domain.jobs import Job, Limits, TrainerRef, Word
from mcp_automl.domain.study import Measurement
from mcp_automl.executors.local import LocalExecutor
from tests.jobs_for_tests import fake_job, followed, going, hide_main_module, launched

JOB_SECONDS = 30
"""How long a job may take at most; importing MLflow takes most of it on a busy machine."""


def command_executor(limits: Limits | None = None) -> LocalExecutor:
    """Gives a command half a second to end by itself."""
    hide_main_module()
    return LocalExecutor(grace=0.5, limits=limits or Limits())


def script_job(
    folder: Path, script: str, *flags: str, options: dict[str, str] | None = None, **params: Any
) -> Job:
    """A job of a Python script as a command.

    Args:
        flags: Python's own; `-S` starts it sooner.
        options: more of the trainer's.
    """
    file = folder / "script.py"
    file.write_text(script)
    all_options = {
        "command": [sys.executable, *flags, str(file)],
        "folder": str(folder),
        "objective": "val_loss",
        **(options or {}),
    }
    trainer = TrainerRef(name="own", module="trainers.command", options=all_options)
    return fake_job(folder, trainer=trainer, **params)


async def said(executor: LocalExecutor, job: Job) -> list[Word]:
    """All that a job says if it is always told to go on."""
    with fail_after(JOB_SECONDS):
        async with executor, launched(executor, job) as attempt:
            return await followed(attempt)


async def said_again(executor: LocalExecutor, job: Job) -> list[Word]:
    """All that a job says when it is run again after it was stopped at its second word."""
    with fail_after(JOB_SECONDS):
        async with executor:
            async with going(executor, job) as (attempt, words, _):
                await anext(words)
                await attempt.stop()
            async with launched(executor, job) as attempt:
                return await followed(attempt)


def losses(words: list[Word]) -> list[tuple[int, float]]:
    """Each measured epoch with its `val_loss`."""
    return [(w.epoch, w.metrics["val_loss"]) for w in words if isinstance(w, Measurement)]
