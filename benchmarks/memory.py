"""What processes hold at rest: server, orchestrator, worker.

    python -m benchmarks memory

Resident memory (RSS), as `ps` and `top` say; of a worker its proportional share (PSS) too, because
most of it is shared with the process it was forked from.
"""

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from benchmarks.stdio import OURS, Server
from benchmarks.stored import beside
from benchmarks.table import Goal, Row
from mcp_automl.domain.sampling import Sampler

SERVER, TPE, GP = (Goal(bound=mb, unit="MB") for mb in (90, 250, 550))
MB = 1e6

TRIALS = 9

SECONDS = 60.0
"""How long the first trial, and then the study, may take."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the processes of a study held, in MB where they are numbers."""

    worker: Any
    """As psutil tells it, in bytes."""
    orchestrator: float
    others: Sequence[tuple[str, float]]
    """The orchestrator's other children."""


def rows() -> list[Row]:
    """The server's, the orchestrator's with either sampler, and a worker's."""
    with tempfile.TemporaryDirectory() as home:
        server = server_row(home)
    tpe, gp = seen(Sampler.TPE), seen(Sampler.GP)
    others = ", ".join(f"{name}: {size:.0f} MB" for name, size in tpe.others)
    question = f"memory of an orchestrator after {TRIALS} trials of"
    return [
        server,
        judged(f"{question} TPE, RSS", tpe.orchestrator, TPE, others),
        judged(f"{question} a Gaussian process, RSS", gp.orchestrator, GP, with_torch()),
        Row(
            question="memory of a worker that waits, torch loaded",
            ours=f"{tpe.worker.pss / MB:.0f} MB its share (PSS), {tpe.worker.rss / MB:.0f} MB RSS",
        ),
    ]


def server_row(home: str) -> Row:
    """A server that has answered a call."""
    with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
        server.call("list_automl_studies")
        mb = psutil.Process(server.process.pid).memory_info().rss / MB
    return judged(
        "memory of a server that has answered, RSS", mb, SERVER, beside("memory").removeprefix("; ")
    )


def seen(sampler: Sampler) -> Seen:
    """A worker's while it waits, and the orchestrator's once its trials are done."""
    from benchmarks.waiting_study import create
    from mcp_automl.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        create(settings, "waiting", trials=TRIALS, wait=2.0, sampler=sampler)
        command = f"from benchmarks.memory import orchestrate; orchestrate({home!r})"
        with subprocess.Popen([sys.executable, "-c", command]) as orchestrator:
            try:
                pid = eventually(lambda: open_attempt(settings.database))
                worker = psutil.Process(pid).memory_full_info()
                eventually(lambda: is_complete(settings.database))
                resting = psutil.Process(orchestrator.pid)
                return Seen(
                    worker=worker,
                    orchestrator=resting.memory_info().rss / MB,
                    others=[(named(it), it.memory_info().rss / MB) for it in resting.children()],
                )
            finally:
                orchestrator.terminate()


def with_torch() -> str:
    """What a process holds that has loaded torch and done nothing."""
    command = "import psutil, torch; print(psutil.Process().memory_info().rss)"
    said = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True).stdout
    return f"`import torch` alone: {int(said) / MB:.0f} MB"


def orchestrate(home: str) -> None:
    """What the process does that is looked at."""
    from benchmarks import waiting_study
    from mcp_automl.settings import Settings

    waiting_study.orchestrate(Settings(home=Path(home)))


def named(process: psutil.Process) -> str:
    """What a child of the orchestrator is, by what it was started with."""
    command = " ".join(process.cmdline())
    known = {"forkserver": "forkserver", "anyio.to_process": "MLflow's process"}
    return next((name for part, name in known.items() if part in command), "resource tracker")


def open_attempt(database: Path) -> int | None:
    """The process of a trial that runs."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT pid FROM automl_attempts WHERE ended_at IS NULL LIMIT 1"
        row = connection.execute(query).fetchone()
    return None if row is None else int(row[0])


def is_complete(database: Path) -> bool | None:
    with closing(sqlite3.connect(database)) as connection:
        (state,) = connection.execute("SELECT state FROM automl_studies").fetchone()
    return True if state == "COMPLETE" else None


def eventually(look: Callable[[], T | None]) -> T:
    """What can be seen sooner or later."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        seen = look()
        if seen is not None:
            return seen
        time.sleep(0.1)
    raise TimeoutError(f"nothing to see after {SECONDS:g} s")


def judged(question: str, mb: float, goal: Goal, beside: str) -> Row:
    return Row(
        question=question,
        ours=f"{mb:.0f} MB",
        beside=beside,
        goal=str(goal),
        met=goal.is_met(mb),
        reason=goal.distance(mb),
    )
