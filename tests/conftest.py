"""What holds for every test: one backend, nothing blocks the event loop, no real workspace."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from mcp_automl.trackers.connection import connect


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio; a module that shall run on trio too overrides this fixture."""
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_blocks_the_event_loop() -> Iterator[None]:
    """Raises where code of ours blocks while an event loop runs in its thread."""
    with blockbuster_ctx("mcp_automl"):
        yield


@pytest.fixture(autouse=True)
def no_real_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the developer's own studies and settings out of the tests."""
    ours = [name for name in os.environ if name.startswith("MCP_AUTOML_")]
    for name in (*ours, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCP_AUTOML_HOME", str(tmp_path / "workspace"))
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(tmp_path / "no-such-file.toml"))


@pytest.fixture(scope="session")
def empty_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its schema, which takes seconds to make; copy it, do not use it."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def mlflow_uri(empty_mlflow_database: Path, tmp_path: Path) -> str:
    """An MLflow store of this test's own."""
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_mlflow_database, path)
    return f"sqlite:///{path}"
