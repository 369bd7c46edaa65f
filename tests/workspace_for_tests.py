"""A real workspace, driven as a chat client drives it: servers over stdio, the rest detached."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from tests import doomed
from trainers import data

LOOK_SECONDS = 0.2
STUDY_SECONDS = 120.0
"""Longest that a small real study may take on a busy machine."""
LEAVE_SECONDS = 60.0
"""How long an orchestrator without work may deliver to MLflow until it is gone."""


class Workspace:
    """A folder of its own; its orchestrators leave soon after the last study."""

    def __init__(self, home: Path, *, idle_seconds: float = 1.0) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "MCP_AUTOML_HOME": str(home),
            "MCP_AUTOML_IDLE_SECONDS": str(idle_seconds),
            # It takes seconds each time; what is logged is looked at where it is about that.
            "MCP_AUTOML_LOG_MODELS": "false",
        }

    @property
    def database(self) -> Path:
        return self.home / "automl_studies.db"

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Client]:
        """A new server process and a client of it; the server dies with the block."""
        command = StdioServerParameters(
            command=sys.executable, args=["-P", "-m", "mcp_automl", "serve"], env=self.environment
        )
        async with Client(command) as client:
            yield client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """One tool call by a server of its own, as MCP Inspector's CLI does it."""
        async with self.server() as client:
            return await client.call_tool(tool, arguments)

    async def until_ended(self, name: str) -> CallToolResult:
        """Follows a study to its end and returns its last status."""
        with anyio.fail_after(STUDY_SECONDS):
            async with self.server() as client:
                while True:
                    arguments = {"study_name": name}
                    result = await client.call_tool("get_automl_study_status", arguments)
                    assert not result.is_error, text_of(result)
                    if structure_of(result)["next_look_s"] is None:
                        return result
                    await anyio.sleep(LOOK_SECONDS)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Reads the database past everything of ours."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()

    def orchestrator(self) -> psutil.Process:
        """The process that last signed."""
        ((pid,),) = self.rows("SELECT pid FROM automl_orchestrator")
        return psutil.Process(pid)

    def workers(self) -> list[psutil.Process]:
        """Processes of open attempts that are alive."""
        pids = self.rows("SELECT pid FROM automl_attempts WHERE ended_at IS NULL")
        return [psutil.Process(pid) for (pid,) in pids if psutil.pid_exists(pid)]


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def structure_of(result: CallToolResult) -> dict[str, Any]:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def deepest_overlap(spans: list[tuple[Any, Any]]) -> int:
    """How many of these (start, end) spans cover one moment."""
    edges = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    depth = deepest = 0
    for _, step in edges:
        depth += step
        deepest = max(deepest, depth)
    return deepest


class DoomedWorkspace(Workspace):
    """A workspace whose processes can be killed inside a named write: see `doomed.py`.

    It does not exist until a server makes it; data and MLflow's database lie beside it.

    Args:
        mlflow: an MLflow database to copy, because making its schema takes seconds.
    """

    def __init__(self, folder: Path, *, mlflow: Path, idle_seconds: float = 1.0) -> None:
        super().__init__(folder / "home", idle_seconds=idle_seconds)
        self.doom = folder / "doom"
        self.doom.mkdir(parents=True)
        self.tracking_uri = f"sqlite:///{shutil.copy(mlflow, folder / 'mlflow.db')}"
        door = Path(__file__).parent / "doom"
        self.environment |= {
            "PYTHONPATH": os.pathsep.join([str(door), str(door.parent.parent)]),
            doomed.VARIABLE: str(self.doom),
            "MCP_AUTOML_DATA_DIR": str(folder / "data"),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
        }
        have_digits(folder / "data")

    def order(self, order: doomed.Order) -> None:
        """Lets the next process that comes to the order's site carry it out."""
        draft = self.doom / "draft"
        draft.write_text(json.dumps(order))
        draft.rename(self.doom / "order")

    def withdraw(self) -> None:
        """Takes the order back, if nobody has carried it out."""
        (self.doom / "order").unlink(missing_ok=True)

    def struck(self, number: int) -> bool:
        """Whether that order has been carried out."""
        return (self.doom / f"struck-{number}").exists()

    async def until_alone(self) -> None:
        """Waits until no process of the workspace is left."""
        with anyio.fail_after(LEAVE_SECONDS):
            while self.processes():  # noqa: ASYNC110
                await anyio.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """Kills whatever a failed test has left."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def processes(self, role: str = "all") -> list[psutil.Process]:
        """Living processes of the workspace: `serve`, `orchestrate`, `worker`, ..."""
        pids = doomed.family(self.doom, role)
        return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def have_digits(folder: Path) -> None:
    """Lays the digits where MNIST would be, so that nobody asks the network for it."""
    data.prepare(folder, "digits")
    digits = folder / f"digits-{data.FORMAT}.safetensors"
    digits.rename(folder / f"mnist-{data.FORMAT}.safetensors")
