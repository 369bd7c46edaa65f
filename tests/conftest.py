"""What holds for every test: one backend, nothing blocks the event loop, no real workspace."""

import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rich  # noqa: F401  # Asks for the working folder when first imported: not in an event loop.
from blockbuster import blockbuster_ctx
from mcp import Client
from mcp.server.mcpserver import MCPServer

from mcp_automl.server.app import build
from mcp_automl.trackers.connection import connect
from tests.fakes_server import FakeRegistry, a_service

if TYPE_CHECKING:
    from tests.stores_for_tests import Pair

LONGEST = (
    "test_survival",
    "test_jobs_end_to_end",
    "test_end_to_end",
    "test_storm",
    "test_budget_end_to_end",
)
"""Files that take about a minute or more, by real processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever takes longest begins first: at the end, all others would wait for them alone."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


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


@pytest.fixture
def living_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Moves this process to a time zone, until the test ends."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


# --- the server in memory ----------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a study database may be made; its folder is not there yet."""
    return tmp_path / "workspace" / "automl_studies.db"


@pytest.fixture
def pair(path: Path) -> "Pair":
    """A registry and a store on a real study database."""
    from tests.stores_for_tests import real_pair  # Optuna comes with it: most tests need none.

    return real_pair(path)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def server(registry: FakeRegistry, tmp_path: Path) -> MCPServer[Any]:
    return build(lambda: a_service(registry, tmp_path))


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest, server: MCPServer[Any]) -> AsyncIterator[Client]:
    """A client of the server over that registry, in each era of the protocol."""
    async with Client(server, mode=request.param, raise_exceptions=True) as connected:
        yield connected
