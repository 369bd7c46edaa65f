"""Between versions: newer server and older orchestrator, newer database and older programs."""

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import psutil
import pytest
from mcp import Client

from mcp_automl.cli import main
from mcp_automl.composition import build_service
from mcp_automl.domain.study import StudyState
from mcp_automl.domain.workspace import OrchestratorSign
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import Liveness
from mcp_automl.server.app import build
from mcp_automl.settings import Settings
from mcp_automl.stores.registry import SqliteRegistry
from tests.fakes_server import a_study


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MCP_AUTOML_HOME", str(tmp_path / "workspace"))
    return Settings(idle_seconds=300.0)


@pytest.fixture
def registry(settings: Settings) -> Iterator[SqliteRegistry]:
    registry = SqliteRegistry(settings.database)
    yield registry
    sign = registry.orchestrator()
    if sign is not None and psutil.pid_exists(sign.pid):
        psutil.Process(sign.pid).terminate()


async def signed(registry: SqliteRegistry, but: int = 0) -> OrchestratorSign:
    """The sign of a new orchestrator, whose pid is not `but`."""
    with anyio.fail_after(50):
        while True:
            sign = await anyio.to_thread.run_sync(registry.orchestrator)
            if sign is not None and sign.pid != but:
                return sign
            await anyio.sleep(0.05)


async def test_the_orchestrator_of_an_older_version_leaves_and_another_takes_its_place(
    settings: Settings, registry: SqliteRegistry
) -> None:
    launcher = Launcher(settings)
    newer = Liveness(
        registry=registry, launcher=launcher, settings=settings, version="99.0", now=time.time
    )
    await anyio.to_thread.run_sync(registry.studies)
    await anyio.to_thread.run_sync(launcher.ensure)
    old = await signed(registry)
    process = psutil.Process(old.pid)

    (note,) = await anyio.to_thread.run_sync(newer.ensure, a_study(StudyState.RUNNING))

    assert "makes way for one of 99.0" in note
    new = await signed(registry, but=old.pid)
    await anyio.to_thread.run_sync(process.wait, 30)
    assert psutil.pid_exists(new.pid)
    assert await anyio.to_thread.run_sync(launcher.is_alive)


@pytest.fixture
def newer_database(settings: Settings) -> None:
    SqliteRegistry(settings.database).studies()
    with closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("UPDATE automl_schema SET version = 999")
        connection.commit()


@pytest.mark.usefixtures("newer_database")
async def test_a_tool_that_meets_a_newer_database_answers_with_the_upgrade_command() -> None:
    async with Client(build(build_service)) as client:
        result = await client.call_tool("start_automl_study", {"study_name": "s"})
    assert result.is_error
    assert "pip install -U mcp-automl" in str(result.content)
    assert "NewerDatabase" in str(result.structured_content)


@pytest.mark.usefixtures("newer_database")
@pytest.mark.parametrize("command", [["studies"], ["stop", "s"], ["orchestrate"]])
def test_a_command_that_meets_a_newer_database_says_so_in_a_sentence(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mcp-automl", *command])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert "pip install -U mcp-automl" in " ".join(said.split())
    assert "Traceback" not in said
