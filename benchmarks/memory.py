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
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import psutil

from benchmarks.stdio import OURS, Server
from benchmarks.stored import beside
from benchmarks.table import Goal, Row

SERVER, TPE, GP = (Goal(bound=mb, unit="MB") for mb in (90, 250, 550))
MB = 1e6

TRIALS = 9

SECONDS = 60.0
"""How long the first trial, and then the study, may take."""

T = TypeVar("T")


def rows() -> list[Row]:
    """The server's, the orchestrator's, and a worker's."""
    with tempfile.TemporaryDirectory() as home:
        return [server_row(home), *study_rows(Path(home))]


def server_row(home: str) -> Row:
    """A server that has answered a call."""
    with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
        server.call("list_automl_studies")
        mb = psutil.Process(server.process.pid).memory_info().rss / MB
    return judged(
        "memory of a server that has answered, RSS", mb, SERVER, beside("memory").removeprefix("; ")
    )


def study_rows(home: Path) -> list[Row]:
    """A worker's while it waits, and the orchestrator's once its trials are done."""
    from benchmarks.waiting_study import create
    from mcp_automl.settings import Settings

    settings = Settings(home=home)
    create(settings, "waiting", trials=TRIALS, wait=2.0)
    command = f"from benchmarks.memory import orchestrate; orchestrate({str(home)!r})"
    with subprocess.Popen([sys.executable, "-c", command]) as orchestrator:
        try:
            pid = eventually(lambda: open_attempt(settings.database))
            worker = psutil.Process(pid).memory_full_info()
            eventually(lambda: is_complete(settings.database))
            resting = psutil.Process(orchestrator.pid)
            mb = resting.memory_info().rss / MB
            others = [(named(it), it.memory_info().rss / MB) for it in resting.children()]
        finally:
            orchestrator.terminate()
    beside = ", ".join(f"{name}: {size:.0f} MB" for name, size in others)
    return [
        judged(f"memory of an orchestrator after {TRIALS} trials of TPE, RSS", mb, TPE, beside),
        Row(
            question="memory of an orchestrator with a Gaussian process, RSS",
            goal=str(GP),
            reason="`start_automl_study` has no parameter for the sampler yet",
        ),
        Row(
            question="memory of a worker that waits, torch loaded",
            ours=f"{worker.pss / MB:.0f} MB its share (PSS), {worker.rss / MB:.0f} MB RSS",
        ),
    ]


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
