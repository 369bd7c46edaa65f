"""What processes hold at rest: server, orchestrator, worker.

    python -m benchmarks memory

Resident memory (RSS), as `ps` and `top` say; of a worker its proportional share (PSS) too, because
most of it is shared with the process it was forked from.
"""

import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.stdio import OURS, Server
from benchmarks.stored import beside
from benchmarks.table import Goal, Row

SERVER, ORCHESTRATOR, WITH_GP = (Goal(bound=mb, unit="MB") for mb in (90, 250, 550))
MB = 1e6

REST_SECONDS = 90.0
"""How long the waiting trials may take to begin."""


def rows() -> list[Row]:
    """The server's, the orchestrator's, and a worker's."""
    with tempfile.TemporaryDirectory() as home:
        return [server_row(home), *study_rows(Path(home))]


def server_row(home: str) -> Row:
    """A server that has answered a call."""
    with Server(OURS, {"MCP_AUTOML_HOME": home}) as server:
        server.call("list_automl_studies")
        mb = psutil.Process(server.process.pid).memory_info().rss / MB
    return judged("memory of a server that has answered, RSS", mb, SERVER, beside("memory"))


def study_rows(home: Path) -> list[Row]:
    """While trials wait: the orchestrator, and one of its workers."""
    ...
