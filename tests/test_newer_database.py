"""A database that a newer version has written is left alone, and every program says so."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mcp import Client

from mcp_automl.cli import main
from mcp_automl.composition import build_service
from mcp_automl.server.app import build
from mcp_automl.settings import Settings
from mcp_automl.stores.registry import SqliteRegistry


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MCP_AUTOML_HOME", str(tmp_path / "workspace"))
    return Settings()


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
